"""The network in bfloat16: near the numbers of float32, of every size, for many threads, and silent."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from dancheong.artifact import ArtifactError, read_artifact
from dancheong.params import ExtraMissing
from dancheong.prediction.shipped import shipped_model_path
from dancheong.runtime import network
from dancheong.runtime import openvino_runtime as module
from dancheong.runtime.network import BFLOAT16_TOLERANCE, open_network

pytest.importorskip("openvino", reason="the extra `fast` is not installed")


def an_input(height, width, batch=1):
    return np.random.default_rng(height * width).uniform(-1, 1, (batch, 1, height, width)).astype(np.float32)


def test_the_numbers_of_float32_within_the_tolerance(artifact):
    near, exact = open_network(artifact, "openvino"), open_network(artifact, "onnx")
    for shape in ((8, 8), (12, 20, 3), (64, 96), (2, 2), (8, 8)):
        answer = near(an_input(*shape))
        assert answer.dtype == np.float32
        assert answer.std() > 0.01
        np.testing.assert_allclose(answer, exact(an_input(*shape)), atol=BFLOAT16_TOLERANCE)


@pytest.mark.parametrize("height", [2, 4, 10, 16, 40, 300])
def test_tall_and_narrow_pictures(artifact, height):
    """One pixel wide at the bottom of the network, where a kernel of the library is wrong on some processors."""
    near, exact = open_network(artifact, "openvino"), open_network(artifact, "onnx")
    for given in (an_input(height, 2), an_input(2, height), an_input(height, 2, batch=3)):
        np.testing.assert_allclose(near(given), exact(given), atol=BFLOAT16_TOLERANCE)


def test_threads_get_the_picture_of_their_own(artifact):
    """Of sizes in turns: the library would answer with an earlier picture where it is used amiss."""
    near, exact = open_network(artifact, "openvino", threads=1), open_network(artifact, "onnx")
    inputs = [an_input(8 + 2 * (number % 7), 8 + 4 * (number % 3)) for number in range(60)]
    with ThreadPoolExecutor(4) as pool:
        for given, answer in zip(inputs, pool.map(near, inputs), strict=True):
            np.testing.assert_allclose(answer, exact(given), atol=BFLOAT16_TOLERANCE)


def test_a_size_that_does_not_fit_is_refused_before_the_library_sees_it(artifact):
    near = open_network(artifact, "openvino")
    near(an_input(8, 8))
    for wrong in (an_input(8, 9), np.zeros((1, 3, 8, 8), np.float32), np.zeros((0, 1, 8, 8), np.float32)):
        with pytest.raises(ValueError, match="the network takes"):
            near(wrong)


def test_memory_of_large_pictures_is_given_back(artifact, monkeypatch):
    monkeypatch.setattr(module, "_KEPT_PX", 100)
    near, exact = open_network(artifact, "openvino"), open_network(artifact, "onnx")
    for shape in ((8, 8), (32, 32), (8, 8), (32, 32)):
        np.testing.assert_allclose(near(an_input(*shape)), exact(an_input(*shape)), atol=BFLOAT16_TOLERANCE)


def test_threads_that_give_memory_back_leave_the_others_alone(artifact, monkeypatch):
    monkeypatch.setattr(module, "_KEPT_PX", 100)
    near = open_network(artifact, "openvino", threads=1)
    inputs = [an_input(128, 128)] * 100
    with ThreadPoolExecutor(4) as pool:
        first, *others = pool.map(near, inputs)
    for answer in others:
        np.testing.assert_allclose(answer, first, atol=BFLOAT16_TOLERANCE)


def test_auto_takes_it_where_it_is_fast_and_near_enough(artifact, monkeypatch):
    given = an_input(16, 16)
    exact, near = open_network(artifact, "onnx")(given), open_network(artifact, "openvino")(given)
    monkeypatch.setattr(network, "bfloat16_is_fast", lambda: True)
    np.testing.assert_array_equal(open_network(artifact)(given), near)
    monkeypatch.setattr(network, "bfloat16_is_fast", lambda: False)
    np.testing.assert_array_equal(open_network(artifact)(given), exact)
    monkeypatch.setattr(network, "bfloat16_is_fast", lambda: True)
    monkeypatch.setattr(network, "BFLOAT16_TOLERANCE", -1.0)
    np.testing.assert_array_equal(open_network(artifact)(given), exact)
    with pytest.raises(ArtifactError, match="self-test"):
        open_network(artifact, "openvino")


def test_auto_leaves_a_pretrained_encoder_to_onnx(monkeypatch):
    shipped = read_artifact(shipped_model_path())
    monkeypatch.setattr(network, "bfloat16_is_fast", lambda: True)
    given = an_input(32, 64)
    np.testing.assert_array_equal(open_network(shipped)(given), open_network(shipped, "onnx")(given))


def test_auto_goes_on_where_the_library_cannot_run_the_network(artifact, monkeypatch):
    def fails(*_):
        raise ArtifactError("the network cannot be run")

    monkeypatch.setattr(network, "bfloat16_is_fast", lambda: True)
    monkeypatch.setattr(network, "openvino_network", fails)
    np.testing.assert_array_equal(open_network(artifact)(an_input(8, 8)), open_network(artifact, "onnx")(an_input(8, 8)))
    with pytest.raises(ArtifactError, match="cannot be run"):
        open_network(artifact, "openvino")


def test_other_answers_are_refused(artifact):
    other = artifact.selftest_output + np.float32(2 * BFLOAT16_TOLERANCE)
    with pytest.raises(ArtifactError, match="self-test"):
        open_network(replace(artifact, selftest_output=other), "openvino")


def test_without_it_the_cure_is_named(artifact, monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(ExtraMissing, match=r"pip install 'dancheong\[fast\]'"):
        open_network(artifact, "openvino")
    assert not module.bfloat16_is_fast()
    open_network(artifact)


def test_the_processor_is_known_without_the_library(tmp_path, monkeypatch):
    """What the system says of the processor is what the library finds, and spares loading it."""
    asked = module._core(module._openvino()).get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    assert module.bfloat16_is_fast() == ("BF16" in asked)
    monkeypatch.setattr(module, "_PROCESSOR", tmp_path / "none")
    assert module.bfloat16_is_fast() == ("BF16" in asked)
    (tmp_path / "old").write_text("flags : avx2 fma", "ascii")
    monkeypatch.setattr(module, "_PROCESSOR", tmp_path / "old")
    monkeypatch.setattr(module, "_openvino", lambda: pytest.fail("the library was loaded"))
    assert not module.bfloat16_is_fast()


REPORTS = """
import sys
from dancheong.runtime import openvino_runtime as module
module._core(module._openvino())
assert "openvino" in sys.modules
print(*(name for name in sys.modules if "telemetry" in name or name.startswith("openvino.tools")))
"""


def test_the_part_that_reports_to_its_maker_is_never_loaded():
    done = subprocess.run([sys.executable, "-c", REPORTS], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


SIGNALS = """
import gc, os, signal, sys
from dancheong.artifact import read_artifact
from dancheong.runtime.network import open_network
artifact = read_artifact(sys.argv[1])
signal.signal(signal.SIGINT, lambda *_: print("heard"))
first, second = (open_network(artifact, "openvino") for _ in range(2))
del first
gc.collect()
del second
gc.collect()
os.kill(os.getpid(), signal.SIGINT)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals to send")
def test_a_signal_after_two_models_is_heard(model):
    """The library gives its thread another stack for signals; where it took it away again, a signal was the end."""
    done = subprocess.run([sys.executable, "-X", "faulthandler", "-c", SIGNALS, str(model())], capture_output=True, text=True)
    assert (done.returncode, done.stdout.split()) == (0, ["heard"])
