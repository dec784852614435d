"""The network by OpenVINO, in bfloat16 on processors that multiply it faster than float32 (extra `fast`)."""

import importlib
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from threading import local
from typing import Any

from dancheong.artifact import Artifact, ArtifactError
from dancheong.models.graph import onnx_model
from dancheong.params import ExtraMissing
from dancheong.system.arrays import Float32
from dancheong.system.cores import cores

_PROCESSOR = Path("/proc/cpuinfo")  # Linux: amx_bf16, avx512_bf16; bf16 on ARM

# The library keeps the memory of the largest picture that it has seen, for each thread: 150 bytes a pixel at NGF=32.
_KEPT_PX = 1 << 17


def bfloat16_is_fast() -> bool:
    """Whether OpenVINO is installed and this processor has a unit for bfloat16."""
    with suppress(OSError):  # not on every system
        # Loading the library only to ask it takes .06 s.
        if b"bf16" not in _PROCESSOR.read_bytes():
            return False
    try:
        return "BF16" in _core(_openvino()).get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    except ExtraMissing:
        return False


def openvino_network(artifact: Artifact, threads: int | None, device: str = "CPU") -> Callable[[Float32], Float32]:
    """The network of a model file: it multiplies in bfloat16 where the processor does so faster, and sums in float32.

    Args:
        threads: of one prediction; None: all cores for one after the other.
        device: "CPU", or "GPU" for graphics of Intel, which choose their own precision.

    Returns:
        A function on arrays as `dancheong.runtime.network.open_network` gives it, for any number of threads at once. Sizes
        that the network cannot take must not come: it would answer with an earlier picture.

    Raises:
        ArtifactError: the library cannot run the network.
        ExtraMissing: OpenVINO is not installed.
    """
    openvino = _openvino()
    at_once = 1 if threads is None else max(1, cores() // threads)
    settings: dict[str, Any] = {} if device != "CPU" else {
        "INFERENCE_PRECISION_HINT": "bf16" if bfloat16_is_fast() else "f32",
        "NUM_STREAMS": at_once,
        "INFERENCE_NUM_THREADS": cores() if threads is None else at_once * threads,
        # Two processes on one machine would be bound to the same cores.
        "ENABLE_CPU_PINNING": False,
    }
    model = onnx_model(artifact.architecture, artifact.weights, "openvino")
    try:
        core = _core(openvino)
        compiled = core.compile_model(core.read_model(model), device, settings)
    except RuntimeError as error:
        raise ArtifactError(f"the network cannot be run ({error}); train it again") from error
    return partial(_run, compiled, local())


def _run(compiled: Any, mine: local, input_bchw: Float32) -> Float32:
    """One prediction; what is in `mine` is of this thread alone, as a request cannot be used by two."""
    try:
        if not hasattr(mine, "request"):
            mine.request = compiled.create_infer_request()
        output: Float32 = mine.request.infer([input_bchw])[0]
    except RuntimeError as error:
        raise ArtifactError(f"the network fails on an input of {input_bchw.shape} ({error}); try --runtime onnx") from error
    if output.shape[::2] != input_bchw.shape[::2] or output.shape[3] != input_bchw.shape[3]:
        raise ArtifactError(f"the network answers an input of {input_bchw.shape} with {output.shape}; try --runtime onnx")
    if output[:, 0].size > _KEPT_PX:
        with suppress(RuntimeError):  # refused while another thread predicts; whoever is last gives it back
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
