import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from dancheong.glare import learned
from dancheong.params import Params

TOOLS = Path(__file__).parents[2] / "tools"


@pytest.fixture(scope="module")
def training():
    """tools/train_detector.py as a module."""
    sys.path.insert(0, str(TOOLS))
    try:
        spec = importlib.util.spec_from_file_location("train_detector", TOOLS / "train_detector.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(TOOLS))
    return module


def test_the_graph_computes_what_was_trained(training):
    import torch

    torch.manual_seed(0)
    net = training.Detector()
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
    net.eval()
    planes = np.random.default_rng(0).random((64, 96, 3)).astype(np.float32)
    with torch.no_grad():
        expected = torch.sigmoid(net(torch.from_numpy(planes).permute(2, 0, 1)[None]))[0, 0].numpy()
    graph = sys.modules["detector_graph"].detector_model(net.arrays()).SerializeToString()
    found = learned.run_network(list(np.ascontiguousarray(planes.transpose(2, 0, 1))), graph)
    assert np.abs(found - expected).max() < 1e-3
    assert expected.std() > 0


def test_the_shipped_graph_is_small_whole_and_what_the_tool_writes(training):
    import onnx

    shipped = onnx.load(learned.GRAPH)
    onnx.checker.check_model(shipped)
    fresh = sys.modules["detector_graph"].detector_model(training.Detector().eval().arrays())
    assert shipped.graph.node == fresh.graph.node
    arrays = [onnx.numpy_helper.to_array(tensor) for tensor in shipped.graph.initializer]
    assert all(np.isfinite(array).all() for array in arrays)
    assert learned.GRAPH.stat().st_size < 100_000


@pytest.mark.parametrize("turn", [np.flipud, np.fliplr, lambda a: a.swapaxes(0, 1)])
def test_the_network_turns_with_the_picture(china, turn):
    pixels = china[:416, :]
    upright = learned.glare_probability(pixels, 1024)
    turned = learned.glare_probability(np.ascontiguousarray(turn(pixels)), 1024)
    assert np.abs(turned - turn(upright)).max() < 1e-4


def test_training_pictures_are_seeded_and_hold_glare(training):
    photographs = [np.random.default_rng(n).integers(0, 256, (360, 480, 3), dtype=np.uint8) for n in range(2)]
    module = sys.modules["detector_pictures"]
    rng = [np.random.default_rng(5) for _ in range(2)]
    one, two = (module.picture(r, photographs) for r in rng)
    assert np.array_equal(one, two)
    assert one.dtype == np.uint8
    assert min(one.shape[:2]) >= training.CROP_PX
    assert Params().det_work_size >= training.CROP_PX
