"""One thread a test process: the networks are tiny, and threads that wait for each other cost more than they bring."""

import importlib.util
import os
import signal
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

os.environ.setdefault("OMP_NUM_THREADS", "1")

# A shell lets what it starts in the background ignore Ctrl-C, and the processes that tests start would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes says how busy the machine is.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

# A tiny model file, for whoever predicts with one.
pytest_plugins = ["tiny_model"]


@pytest.fixture(scope="session")
def spandrel():
    """spandrel, made to load beside a torchvision of another build than torch's, of which no network here needs anything."""
    found = importlib.util.find_spec("torchvision")
    if found is None or importlib.util.find_spec("spandrel") is None:
        pytest.skip("the extra spandrel is not installed")
    import torch

    for library in Path(found.origin).parent.glob("_C.*"):
        with suppress(OSError):
            torch.ops.load_library(library)
    operators = torch.library.Library("torchvision", "FRAGMENT")
    if not hasattr(torch.ops.torchvision, "nms"):
        for name in ("nms", "qnms"):
            operators.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    yield importlib.import_module("spandrel")
    # Not before: torch forgets operators with the library that declares them.
    del operators
