"""DEVICE at prediction: a device is used after its self-test, and where it cannot be, the processor is, in words."""

import numpy as np
import pytest

from dancheong.artifact import ArtifactError
from dancheong.params import ParamError, Params
from dancheong.prediction.colorizer import Colorizer
from dancheong.prediction.folder import predict_files
from dancheong.runtime import network
from dancheong.runtime.network import DEVICES, Device, open_graph, open_network
from dancheong.system.onnx_session import available_providers

MISSING = [name for name, device in DEVICES.items() if device.provider and device.provider not in available_providers()]


@pytest.mark.parametrize("device", MISSING)
def test_a_device_that_is_not_there_is_told_and_the_processor_predicts(artifact, device):
    told = []
    predicted = open_network(artifact, "onnx", 1, device, told.append)(artifact.selftest_input)
    np.testing.assert_array_equal(predicted, open_network(artifact, "onnx", 1)(artifact.selftest_input))
    assert len(told) == 1
    assert f"DEVICE={device}" in told[0]
    assert "the processor predicts" in told[0]


def test_graphics_of_intel_are_told_where_there_are_none(artifact):
    pytest.importorskip("openvino")
    told = []
    open_network(artifact, "auto", 1, "openvino-gpu", told.append)(artifact.selftest_input)
    assert all("openvino-gpu" in text for text in told)


# The processor stands for a device here: what is tried is everything around it.
AS_DEVICE = Device("CPUExecutionProvider", {})


def test_a_device_that_passes_its_self_test_predicts(artifact, monkeypatch):
    monkeypatch.setitem(DEVICES, "directml", AS_DEVICE)
    told = []
    predicted = open_network(artifact, "auto", 1, "directml", told.append)(artifact.selftest_input)
    np.testing.assert_allclose(predicted, artifact.selftest_output, atol=1e-5)
    assert told == []


def test_a_device_that_computes_something_else_is_not_used(artifact, monkeypatch):
    monkeypatch.setitem(DEVICES, "directml", Device("CPUExecutionProvider", {}, tolerance=-1.0))
    told = []
    open_network(artifact, "auto", 1, "directml", told.append)
    assert "self-test" in told[0]


def test_a_photograph_that_the_device_fails_on_is_predicted_by_the_processor(artifact, monkeypatch):
    plain = network.open_graph

    def small(model, weights, threads, provider=None):
        opened = plain(model, weights, threads, provider)

        def with_little_room(input_bchw):
            if input_bchw.size > artifact.selftest_input.size:
                raise ArtifactError("no room")
            return opened(input_bchw)

        return opened if provider is None else with_little_room

    monkeypatch.setitem(DEVICES, "directml", AS_DEVICE)
    monkeypatch.setattr(network, "open_graph", small)
    told = []
    predict = open_network(artifact, "auto", 1, "directml", told.append)
    large = np.random.default_rng(3).uniform(-1, 1, (1, 1, 16, 24)).astype(np.float32)
    np.testing.assert_array_equal(predict(large), open_network(artifact, "onnx", 1)(large))
    assert "16 x 24 px (no room)" in told[0]


def test_a_provider_that_does_not_start_is_an_error_and_no_silent_processor(artifact):
    from dancheong.models.graph import onnx_graph

    with pytest.raises(ArtifactError):
        open_graph(*onnx_graph(artifact.architecture, artifact.weights, "onnxruntime"), 1, ("CUDAExecutionProvider", {}))


@pytest.mark.skipif("cuda" not in MISSING, reason="this build of ONNX Runtime has CUDA")
def test_the_command_says_so_and_a_model_does_not_remember_its_device(command_line, model, tmp_path, photograph):
    from dancheong.imaging.files import write_photo

    write_photo(tmp_path / "old.png", photograph)
    path = model(device="cuda")
    colorizer = Colorizer.open(path)
    assert colorizer.device_notes == []
    assert Colorizer.open(path, DEVICE="cuda").device_notes
    (result,) = predict_files(colorizer, [tmp_path / "old.png"], tmp_path / "out")
    assert result.status == "ok"
    said = command_line("predict", path, tmp_path / "old.png", "-o", tmp_path / "other", "--device", "cuda")
    assert "DEVICE=cuda cannot predict here" in said.stderr
    with pytest.raises(ParamError, match="DEVICE"):
        Colorizer.open(path, DEVICE="coal")


@pytest.fixture
def command_line():
    import subprocess
    import sys

    def call(*words):
        return subprocess.run([sys.executable, "-m", "dancheong", *map(str, words)], capture_output=True, text=True, check=True)

    return call


def test_training_on_a_device_that_only_predicts_is_refused_and_a_full_card_is_answered():
    pytest.importorskip("lightning_fabric")
    from dancheong.training.engine import launch
    from dancheong.training.loop import device_is_full

    with pytest.raises(ParamError, match="does not train"):
        launch(Params(device="coreml"))
    words = device_is_full(Params(batch_size=8, resol=256), has_state=True)
    assert words.index("BATCH_SIZE=4") < words.index("RESOL=128")
    assert "--resume" in words
    assert "BATCH_SIZE=0" not in device_is_full(Params(batch_size=1), has_state=False)
