"""ONNX Runtime, set up the same for every network: silent, repeatable, with no thread that spins."""

import os
from typing import Any


def open_session(
    graph: bytes, threads: int | None, *, arena: bool, weights: dict[str, Any] | None = None,
    provider: tuple[str, dict[str, Any]] = ("CPUExecutionProvider", {}),
) -> Any:
    """A session on the processor, or on what another provider of ONNX Runtime gives.

    Args:
        graph: an ONNX model.
        threads: of one prediction; None: the runtime's own choice.
        arena: whether memory is kept between predictions, which is quicker where their sizes are alike.
        weights: arrays for the graph's external weights, contiguous; they must outlive the session.
        provider: its name and its options.

    Raises:
        Exception: of no common kind, for a graph that cannot be run.
    """
    # Its own builds report their use to their maker (from 1.32 on also on Linux) unless told before they are loaded.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime  # here, as a command that predicts nothing need not wait for it

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # errors are raised as well
    options.use_deterministic_compute = True
    options.enable_cpu_mem_arena = arena
    if threads is not None:
        options.intra_op_num_threads = threads
    # Waiting threads would spin on cores that other photographs need.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if weights:
        values = [onnxruntime.OrtValue.ortvalue_from_numpy(weight) for weight in weights.values()]
        options.add_external_initializers(list(weights), values)
    return onnxruntime.InferenceSession(graph, options, providers=[provider], enable_fallback=0)


def available_providers() -> list[str]:
    """What this build of ONNX Runtime can compute on."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    return list(onnxruntime.get_available_providers())
