"""The network in bfloat16 by OpenVINO, on processors that multiply it faster than float32 (extra `fast`)."""

import importlib
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from threading import local
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dancheong.artifact import Artifact, ArtifactError
from dancheong.params import ExtraMissing
from dancheong.runtime.faster import with_full_blocks
from dancheong.runtime.graph import check_graph, with_weights
from dancheong.system.cores import cores

FloatArray = NDArray[np.float32]

_PROCESSOR = Path("/proc/cpuinfo")  # Linux: amx_bf16, avx512_bf16; bf16 on ARM

# The library keeps the memory of the largest picture that it has seen, for each thread: 150 bytes a pixel at NGF=32.
_KEPT_PX = 1 << 17


def half_is_fast() -> bool:
    """Whether OpenVINO is installed and this processor has a unit for bfloat16."""
    with suppress(OSError):  # not on every system
        # To load the library only to be told so takes .06 s.
        if b"bf16" not in _PROCESSOR.read_bytes():
            return False
    try:
        return "BF16" in _core(_openvino()).get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    except ExtraMissing:
        return False


def half_network(artifact: Artifact, threads: int | None) -> Callable[[FloatArray], FloatArray]:
    """The network of a model file: sums in float32, what is multiplied in bfloat16 where the processor has it.

    Args:
        threads: of one prediction; None: all cores for one after the other.

    Returns:
        A function on arrays as `dancheong.runtime.network.open_network` gives it, for any number of threads at once. Sizes
        that the network cannot take must not come: it would answer with an earlier picture.

    Raises:
        ArtifactError: the graph is not one of dancheong's, or cannot be run.
        ExtraMissing: OpenVINO is not installed.
    """
    openvino = _openvino()
    at_once = 1 if threads is None else max(1, cores() // threads)
    given = {
        "INFERENCE_PRECISION_HINT": "bf16" if half_is_fast() else "f32",
        "NUM_STREAMS": at_once,
        "INFERENCE_NUM_THREADS": cores() if threads is None else at_once * threads,
        # Two processes on one machine would be bound to the same cores.
        "ENABLE_CPU_PINNING": False,
    }
    check_graph(artifact.graph, artifact.weights)
    model = with_weights(*with_full_blocks(artifact.graph, artifact.weights), {})
    try:
        core = _core(openvino)
        compiled = core.compile_model(_deepest_at_every_place(openvino, core.read_model(model)), "CPU", given)
    except RuntimeError as error:
        raise ArtifactError(f"the graph cannot be run ({error}); train it again") from error
    return partial(_run, compiled, local())


def _deepest_at_every_place(openvino: Any, model: Any) -> Any:
    """The same network, with the deepest convolution of stride 2 at every place, of which each second one is kept.

    On processors with AMX its kernel for bfloat16 and a stride gives wrong numbers and writes beyond its memory where the
    answer is one pixel wide and several high (oneDNN, in OpenVINO 2026.4 as in torch 2.13): at the bottom of a U-Net, of
    tall and narrow pictures. Only there is a map so narrow, and there the products that are thrown away cost next to nothing.
    """
    strided = [
        node for node in model.get_ordered_ops()
        if node.get_type_name() == "Convolution" and node.get_attributes()["strides"] == [2, 2]
    ]
    for node in strided[-1:]:
        made, operations = node.get_attributes(), openvino.opset13
        whole = operations.convolution(
            *node.input_values(), [1, 1], made["pads_begin"], made["pads_end"], made["dilations"], made["auto_pad"]
        )
        kept = operations.max_pool(whole, [2, 2], [1, 1], [0, 0], [0, 0], [1, 1])
        for user in node.output(0).get_target_inputs():
            user.replace_source_output(kept.output(0))
    return model


def _run(compiled: Any, mine: local, input_bchw: FloatArray) -> FloatArray:
    """One prediction; what is in `mine` is of this thread alone, as a request cannot be used by two."""
    try:
        if not hasattr(mine, "request"):
            mine.request = compiled.create_infer_request()
        output: FloatArray = mine.request.infer([input_bchw])[0]
    except RuntimeError as error:
        raise ArtifactError(f"the network fails on an input of {input_bchw.shape} ({error}); try --runtime onnx") from error
    if output.shape[::2] != input_bchw.shape[::2] or output.shape[3] != input_bchw.shape[3]:
        raise ArtifactError(f"the network answers an input of {input_bchw.shape} with {output.shape}; try --runtime onnx")
    if output[:, 0].size > _KEPT_PX:
        compiled.release_memory()
    return output


@cache
def _core(openvino: Any) -> Any:
    """The one core of the process: each gives its thread a stack for signals, and would leave it none when it goes."""
    return openvino.Core()


def _openvino() -> Any:
    # Its tools, which nothing here needs, report each import to their maker; the library does without them.
    tools = "openvino.tools"
    hidden = "openvino" not in sys.modules and tools not in sys.modules
    if hidden:
        sys.modules[tools] = None  # type: ignore[assignment]  # what Python knows as "not to be found"
    try:
        return importlib.import_module("openvino")
    except ImportError as error:
        raise ExtraMissing("the runtime openvino is not installed: pip install 'dancheong[fast]'") from error
    finally:
        if hidden:
            del sys.modules[tools]
