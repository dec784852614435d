"""model.h5 -> a function on arrays: OpenVINO where it is there and quick, else ONNX Runtime; torch where it is asked for."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from dancheong.artifact import Artifact, ArtifactError
from dancheong.models.graph import onnx_graph, onnx_model
from dancheong.models.table import Table
from dancheong.params import ExtraMissing, ParamError
from dancheong.runtime.openvino_runtime import bfloat16_is_fast, openvino_network
from dancheong.system.arrays import Float32
from dancheong.system.onnx_session import available_providers, open_session
from dancheong.system.whole_file import whole_file

Network = Callable[[Float32], Float32]
Runtime = Literal["auto", "onnx", "openvino", "torch"]

# Outputs lie in [-1, 1], where one level of 8 bits is 2/255. Processors and runtimes round sums differently, by some
# 1e-6; a wrong weight or a runtime that computes in lower precision shows beyond an eighth of a level.
SELFTEST_TOLERANCE = 1e-3
# bfloat16 keeps 8 bits of each number: .0079 was the most with our own recipe, .0076 with the paper's; .0137 with any.
BFLOAT16_TOLERANCE = 0.02


def open_network(
    artifact: Artifact, runtime: str = "auto", threads: int | None = None, device: str = "auto",
    tell: Callable[[str], None] = lambda text: None,
) -> Network:
    """The network of a model file, after it has passed the self-test that the file holds.

    Args:
        artifact: as `dancheong.artifact.read_artifact` gives it.
        runtime: "onnx", "openvino" (bfloat16 where the processor multiplies it faster), "torch", or "auto": openvino where it
            is installed, faster and near enough, else onnx; torch where PREDICT_DROPOUT asks for what only torch does.
            Networks with a pretrained encoder are left to onnx.
        threads: of one prediction, not with torch; None lets the runtime choose.
        device: DEVICE of a prediction; auto: CUDA where this build of ONNX Runtime has it, else the processor.
        tell: called with a sentence where the processor takes the place of a device.

    Returns:
        A function from float32 (batch, c_in, h, w) to float32 (batch, c_out, h, w), both in [-1, 1]. Each picture of a
        batch is predicted as if it were alone. It raises ValueError, saying which, for a size that the network cannot take.

    Raises:
        ArtifactError: the runtime cannot run the network, or the self-test failed.
        ParamError: an unknown runtime, or PREDICT_DROPOUT with a runtime that has no dropout.
        ExtraMissing: torch or openvino is needed and not installed.
    """
    dropout = artifact.params.predict_dropout
    if runtime not in get_args(Runtime):
        raise ParamError(f"runtime {runtime!r} came; auto, onnx, openvino or torch was expected")
    if runtime in ("onnx", "openvino") and dropout:
        raise ParamError(
            f"PREDICT_DROPOUT = Y keeps dropout and batch statistics at prediction, as the paper's tests did; the {runtime} "
            "runtime has them frozen: use --runtime torch, or --set PREDICT_DROPOUT=N"
        )
    if runtime == "torch" or dropout:
        network = _tested(_torch(artifact, False), artifact)
        return _torch(artifact, True) if dropout else network
    on_device = None if runtime == "openvino" else device_network(artifact, device, threads, tell)
    if on_device is not None:
        return on_device
    if runtime == "openvino" or (runtime == "auto" and not _is_depthwise(artifact.architecture) and bfloat16_is_fast()):
        try:
            return _tested(openvino_network(artifact, threads), artifact, BFLOAT16_TOLERANCE)
        except ArtifactError:  # weights that bfloat16 is too coarse for, or damage: then float32 will not do either
            if runtime == "openvino":
                raise
    return _tested(_onnx(artifact, threads), artifact)


def _tested(network: Network, artifact: Artifact, tolerance: float = SELFTEST_TOLERANCE) -> Network:
    checked = _checked(network, artifact)
    _selftest(artifact, checked, tolerance)
    return checked


def _is_depthwise(table: Table) -> bool:
    """Whether the network has depthwise convolutions: bfloat16 hardly speeds them up, and moves colors by .5 Delta E 2000."""
    return any(row.groups > 1 for row in table.rows)


def export_onnx(artifact: Artifact, path: str | Path) -> float:
    """Write the network as one ordinary ONNX file, whole or not at all, and run it once.

    Returns:
        The largest difference between its answer and that of `predict` for the self-test's picture, of values in [-1, 1].
        With PREDICT_DROPOUT that is no small one, because an ONNX file has dropout and batch statistics frozen.

    Raises:
        ArtifactError: the exported file fails the self-test. ExtraMissing: PREDICT_DROPOUT needs torch.
    """
    properties = {"software": "dancheong", "color_space": artifact.params.color_space, "model_digest": artifact.digest}
    model = onnx_model(artifact.architecture, artifact.weights, "plain", properties)
    exported = open_graph(model, {}, None)
    difference = _selftest(artifact, exported)
    if artifact.params.predict_dropout:
        predicted = open_network(artifact, "torch")(artifact.selftest_input)
        difference = float(np.max(np.abs(exported(artifact.selftest_input) - predicted)))
    with whole_file(Path(path)) as temporary:
        temporary.write_bytes(model)
    return difference


def export_safetensors(artifact: Artifact, path: str | Path) -> float:
    """Write the weights, and in the metadata the network's table and all parameters, as safetensors; read it and run it once.

    Returns:
        As `export_onnx`, of what was read again.

    Raises:
        ArtifactError: the exported file fails the self-test. ExtraMissing: safetensors is not installed.
    """
    try:
        from safetensors.numpy import load, save
    except ModuleNotFoundError as error:
        raise ExtraMissing("an export to safetensors needs the package safetensors: pip install 'dancheong[train]'") from error
    metadata = {
        "software": "dancheong", "model_digest": artifact.digest, "architecture": json.dumps(artifact.architecture.to_json()),
        "params": artifact.params.model_dump_json(),
    }
    data = save({name: np.ascontiguousarray(array) for name, array in artifact.weights.items()}, metadata)
    table = Table.from_json(metadata["architecture"])
    difference = _selftest(artifact, open_graph(onnx_model(table, load(data), "plain"), {}, None))
    with whole_file(Path(path)) as temporary:
        temporary.write_bytes(data)
    return difference


def _selftest(artifact: Artifact, network: Network, tolerance: float = SELFTEST_TOLERANCE) -> float:
    try:
        output = network(artifact.selftest_input)
    except ArtifactError:
        raise
    except ValueError as error:
        raise ArtifactError(f"self-test: {error}; {_ADVICE}") from error
    expected = artifact.selftest_output
    if output.shape != expected.shape:
        raise ArtifactError(f"self-test: an output of shape {output.shape} came, {expected.shape} was expected; {_ADVICE}")
    difference = float(np.max(np.abs(output - expected)))
    # Written so that a difference that is no number fails as well.
    if not difference <= tolerance:
        raise ArtifactError(
            f"self-test: the network's answer differs by {difference:.2g} from the stored one, at most {tolerance} "
            f"was expected; {_ADVICE}"
        )
    return difference


_ADVICE = "the model would not give its colors here: try the other --runtime, or train it again"


def _onnx(artifact: Artifact, threads: int | None) -> Network:
    return open_graph(*onnx_graph(artifact.architecture, artifact.weights, "onnxruntime"), threads)


@dataclass(frozen=True)
class Device:
    """A device that predicts: its provider in ONNX Runtime, that one's options, and how far its self-test may be off."""

    provider: str
    options: dict[str, Any]
    tolerance: float = SELFTEST_TOLERANCE


# OpenVINO has its own runtime here, which serves its graphics as well. CoreML and graphics of Intel compute in half precision.
DEVICES = {
    "cuda": Device("CUDAExecutionProvider", {"use_tf32": "0", "arena_extend_strategy": "kSameAsRequested"}),
    "directml": Device("DmlExecutionProvider", {}),
    "coreml": Device("CoreMLExecutionProvider", {"ModelFormat": "MLProgram"}, BFLOAT16_TOLERANCE),
    "openvino-gpu": Device("", {}, BFLOAT16_TOLERANCE),
}


def device_network(
    artifact: Artifact, device: str, threads: int | None, tell: Callable[[str], None]
) -> Network | None:
    """The network on a device, after its self-test; None where the processor is to predict, which is told.

    A photograph that the device has no room for is predicted by the processor.
    """
    wanted = "cuda" if device == "auto" else device
    if wanted not in DEVICES or (device == "auto" and DEVICES["cuda"].provider not in available_providers()):
        if device not in ("auto", "cpu"):
            tell(f"DEVICE={device} does not predict: the processor does; {', '.join(DEVICES)} do")
        return None
    try:
        network = _tested(_opened_on(artifact, wanted, threads), artifact, DEVICES[wanted].tolerance)
    except (ArtifactError, ExtraMissing) as error:
        reason = str(error).partition(f"; {_ADVICE}")[0]
        tell(f"DEVICE={wanted} cannot predict here ({reason}): the processor predicts")
        return None
    return partial(_or_on_processor, network, artifact, threads, tell)


def _opened_on(artifact: Artifact, device: str, threads: int | None) -> Network:
    if device == "openvino-gpu":
        return openvino_network(artifact, threads, "GPU")
    one = DEVICES[device]
    if one.provider not in available_providers():
        raise ArtifactError(f"this build of onnxruntime has no {one.provider}: docs/faq.md says which one has")
    limit = {"gpu_mem_limit": str(int(artifact.params.memory_gb * 1e9))} if device == "cuda" else {}
    model, weights = onnx_graph(artifact.architecture, artifact.weights, "onnxruntime")
    return open_graph(model, weights, threads, (one.provider, {**one.options, **limit}))


def _or_on_processor(
    network: Network, artifact: Artifact, threads: int | None, tell: Callable[[str], None], input_bchw: Float32
) -> Float32:
    try:
        return network(input_bchw)
    except ArtifactError as error:
        height, width = input_bchw.shape[2:]
        tell(f"the device failed on an input of {height} x {width} px ({error}); the processor did it")
        return _checked(_onnx(artifact, threads), artifact)(input_bchw)


def open_graph(
    model: bytes, weights: dict[str, Float32], threads: int | None, provider: tuple[str, dict[str, Any]] | None = None
) -> Network:
    """ONNX `model` with `weights` by name in ONNX Runtime, on `threads` (None: all cores). Raises ArtifactError."""
    try:
        # An arena keeps what the largest photograph needed, and a quarter more: 2.0 instead of 1.75 GB for the canonical
        # network at 1024 px, for no measurable time.
        on_device = {} if provider is None else {"provider": provider}
        session = open_session(model, threads, arena=False, weights=weights, **on_device)
        # A provider whose libraries are missing is left out with no more than a line in a log.
        if provider is not None and session.get_providers()[0] != provider[0]:
            raise ArtifactError(f"{provider[0]} did not start; its libraries or its driver are missing")
        (entry,), (leaving,) = session.get_inputs(), session.get_outputs()
    except ArtifactError:
        raise
    except Exception as error:  # onnxruntime's errors have no common kind below this one
        raise ArtifactError(f"the network cannot be run ({error}); train it again") from error

    return partial(_run, session, entry.name, leaving.name, weights)


def _run(session: Any, entry: str, leaving: str, weights: dict[str, Float32], input_bchw: Float32) -> Float32:
    """One prediction. `weights` is not looked at: the session uses the arrays, and this keeps them alive."""
    try:
        (output,) = session.run([leaving], {entry: input_bchw})
    except Exception as error:  # as above
        raise ArtifactError(f"the network fails on an input of {input_bchw.shape} ({error}); {_ADVICE}") from error
    return np.asarray(output, np.float32)


def _checked(network: Network, artifact: Artifact) -> Network:
    """Refuse what the network cannot take in words, instead of with a failure deep inside the runtime."""

    def checked(input_bchw: Float32) -> Float32:
        if input_bchw.dtype != np.float32:
            raise ValueError(f"the network takes float32, not {input_bchw.dtype}")
        artifact.architecture.check_input(input_bchw.shape)
        try:
            return network(np.ascontiguousarray(input_bchw))
        except ArtifactError:
            raise
        except (ValueError, RuntimeError) as error:  # a table that torch cannot compute at this size
            raise ArtifactError(f"the network fails on an input of {input_bchw.shape} ({error}); {_ADVICE}") from error

    return checked


def _torch(artifact: Artifact, predict_dropout: bool) -> Network:
    try:
        from dancheong.models.network import as_predictor, load_network
    except ModuleNotFoundError as error:
        why = " (PREDICT_DROPOUT = Y needs it; or --set PREDICT_DROPOUT=N)" if artifact.params.predict_dropout else ""
        raise ExtraMissing(
            f"the torch runtime needs {error.name}, which is not installed{why}: pip install 'dancheong[train]'"
        ) from error
    try:
        network = load_network(artifact.architecture, artifact.weights)
    except ValueError as error:
        raise ArtifactError(f"{error}; train it again") from error
    return _checked(as_predictor(network, predict_dropout=predict_dropout, seed=artifact.params.seed), artifact)
