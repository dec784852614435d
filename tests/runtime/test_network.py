"""The network of a model file as a function on arrays: in ONNX Runtime and torch, and what all runtimes refuse."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from dancheong.artifact import Artifact, ArtifactError, as_stored, write_artifact
from dancheong.models.table import Table
from dancheong.params import DancheongError, ParamError, Params
from dancheong.runtime.network import SELFTEST_TOLERANCE, export_onnx, open_graph, open_network


def an_input(batch: int, height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height).uniform(-1, 1, (batch, 1, height, width)).astype(np.float32)


def test_each_picture_of_a_batch_is_predicted_as_if_alone(artifact):
    network = open_network(artifact, threads=1)
    batch = an_input(3, 12, 20)
    together = network(batch)
    assert together.shape == (3, 2, 12, 20)
    assert together.dtype == np.float32
    for index in range(3):
        np.testing.assert_allclose(network(batch[index : index + 1])[0], together[index], atol=1e-6)


def test_repeats_are_equal_and_weights_outlive_the_artifact(artifact):
    network = open_network(replace(artifact, weights={name: w.copy() for name, w in artifact.weights.items()}))
    first = network(an_input(1, 8, 8))
    junk = [np.full(4096, 9, np.float32) for _ in range(200)]
    np.testing.assert_array_equal(network(an_input(1, 8, 8)), first)
    assert len(junk) == 200


@pytest.mark.parametrize(
    ("array", "word"),
    [
        (np.zeros((1, 1, 8, 9), np.float32), "multiples of 2, not 8 x 9"),
        (np.zeros((1, 3, 8, 8), np.float32), r"\(batch, 1, height, width\)"),
        (np.zeros((1, 8, 8), np.float32), r"\(batch, 1, height, width\)"),
        (np.zeros((1, 1, 8, 8)), "float64"),
        (np.zeros((0, 1, 8, 8), np.float32), r"\(0, 1, 8, 8\)"),
    ],
)
def test_an_input_that_does_not_fit_is_refused_in_words(artifact, array, word):
    with pytest.raises(ValueError, match=word):
        open_network(artifact)(array)


def test_the_self_test_refuses_other_answers(artifact):
    def shifted(by):
        return replace(artifact, selftest_output=artifact.selftest_output + np.float32(by))

    open_network(shifted(SELFTEST_TOLERANCE / 2), "onnx")
    for by in (SELFTEST_TOLERANCE * 2, -0.5, np.nan):
        with pytest.raises(ArtifactError, match=r"self-test.*--runtime"):
            open_network(shifted(by), "onnx")
    weights = {**artifact.weights, "dec1.conv.bias": artifact.weights["dec1.conv.bias"] + np.float16(0.1)}
    with pytest.raises(ArtifactError, match="self-test"):
        open_network(replace(artifact, weights=weights))
    with pytest.raises(ArtifactError, match="shape"):
        open_network(replace(artifact, selftest_output=artifact.selftest_output[:, :1]))


def test_a_network_that_does_not_run_is_refused():
    with pytest.raises(ArtifactError, match="the network cannot be run"):
        open_graph(b"\x08\x09", {}, 1)


def test_a_table_that_torch_cannot_compute_is_refused_in_words(artifact):
    rows = [replace(row, norm="instance") for row in artifact.architecture.rows]
    rows[0] = replace(rows[0], name="train")  # a method of torch's modules
    rows[1] = replace(rows[1], inputs=("train",))
    table = Table(1, tuple(rows))
    weights = {name: np.ones(shape, np.float16) for name, shape in table.weight_shapes().items()}
    with pytest.raises(ArtifactError, match=r"cannot have this name.*train it again"):
        open_network(replace(artifact, architecture=table, weights=weights), "torch")


def test_runtimes_by_name(artifact):
    with pytest.raises(ParamError, match="auto, onnx, openvino or torch"):
        open_network(artifact, "tensorrt")
    dropping = replace(artifact, params=artifact.params.model_copy(update={"predict_dropout": True}))
    for runtime in ("onnx", "openvino"):
        with pytest.raises(ParamError, match=rf"PREDICT_DROPOUT.*{runtime} runtime.*--runtime torch"):
            open_network(dropping, runtime)


def test_torch_that_is_missing_is_named_with_the_cure(artifact, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "dancheong.models.network", raising=False)
    with pytest.raises(DancheongError, match=r"torch.*pip install 'dancheong\[train\]'") as caught:
        open_network(artifact, "torch")
    assert caught.value.exit_code == 2
    dropping = replace(artifact, params=artifact.params.model_copy(update={"predict_dropout": True}))
    with pytest.raises(DancheongError, match="PREDICT_DROPOUT"):
        open_network(dropping, "auto")


def test_an_exported_file_answers_as_the_model_does(artifact, tmp_path):
    difference = export_onnx(artifact, tmp_path / "내보낸 것.onnx")
    assert difference < 1e-5
    session = onnxruntime.InferenceSession((tmp_path / "내보낸 것.onnx").read_bytes(), providers=["CPUExecutionProvider"])
    example = an_input(2, 8, 14)
    np.testing.assert_allclose(session.run(None, {"input": example})[0], open_network(artifact, "onnx")(example), atol=1e-6)


def unet_artifact(**settings: object) -> Artifact:
    """A real generator with random weights and statistics, as training would store it."""
    from dancheong.models.blocks import initialize
    from dancheong.models.network import Network, as_predictor, load_network, to_weights
    from dancheong.models.table import unet_table

    params = Params(**{"resol": 16, "encoder": "unet", "depth": 3, "ngf": 4, "glare_mode": "off", **settings})
    generator = Network(unet_table(params, 1, 2)).eval()
    initialize(generator, 3)
    rng = np.random.default_rng(4)
    weights = {
        name: as_stored(weight * 5 if "conv" in name else weight + rng.uniform(0, 0.5, weight.shape).astype(np.float32))
        for name, weight in to_weights(generator).items()
    }
    example = an_input(1, 2**params.levels, 2**params.levels)
    return Artifact(
        kind="colorizer", params=params, origins={}, category="COMMON", architecture=generator.table,
        weights=weights, history=[], data={}, scores={},
        selftest_input=example, selftest_output=as_predictor(load_network(generator.table, weights))(example),
    )


@pytest.mark.parametrize(
    "settings",
    [{}, {"norm": "instance"}, {"norm": "channel"}, {"norm": "none"}, {"upsample": "transposed", "ksize": 5}],
    ids=lambda settings: "-".join(map(str, settings.values())) or "default",
)
def test_both_runtimes_give_the_same_picture(settings):
    artifact = unet_artifact(**settings)
    example = an_input(2, 24, 40)
    by_onnx, by_torch = (open_network(artifact, runtime, threads=1)(example) for runtime in ("onnx", "torch"))
    assert by_onnx.std() > 0.01
    np.testing.assert_allclose(by_onnx, by_torch, atol=2e-5)


def test_dropout_at_prediction_needs_torch_and_repeats_itself():
    artifact = unet_artifact(predict_dropout=True, depth=6, dropout=0.5, resol=64)
    network = open_network(artifact)
    frozen = open_network(replace(artifact, params=artifact.params.model_copy(update={"predict_dropout": False})))
    example = an_input(1, 64, 64)
    np.testing.assert_array_equal(network(example), network(example))
    assert np.abs(network(example) - frozen(example)).max() > 1e-3


def test_prediction_loads_neither_torch_nor_onnx(artifact, tmp_path):
    write_artifact(tmp_path / "m.h5", artifact)
    code = (
        "import sys, numpy as np; from dancheong import Colorizer; from dancheong.prediction.folder import predict_files\n"
        f"color = Colorizer.open({str(tmp_path / 'm.h5')!r})(np.zeros((5, 9), np.uint8))\n"
        "assert color.shape == (5, 9, 3)\n"
        "heavy = {'torch', 'onnx', 'onnxscript', 'lightning_fabric', 'matplotlib', 'typer'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_specification_names_the_tolerance():
    text = " ".join((Path(__file__).parents[2] / "docs" / "artifact.md").read_text(encoding="utf-8").split())
    assert f"differs by more than {SELFTEST_TOLERANCE}:" in text


def test_an_export_is_compared_with_what_predict_does(tmp_path, new_artifact):
    frozen = export_onnx(new_artifact(), tmp_path / "a.onnx")
    assert frozen < 1e-4
    artifact = unet_artifact(predict_dropout=True, depth=6, dropout=0.5, resol=64)
    said = export_onnx(artifact, tmp_path / "b.onnx")
    answer = open_network(artifact, "torch")(artifact.selftest_input)
    assert said == pytest.approx(np.abs(answer - artifact.selftest_output).max(), abs=1e-4)
    assert said > 1e-3
