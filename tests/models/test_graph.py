"""The ONNX graph of a table: in every form what torch computes, of every kind of network, and valid ONNX."""

import numpy as np
import onnx
import pytest
import torch

from dancheong.models.graph import onnx_graph, onnx_model
from dancheong.models.network import Network, as_predictor, load_network, to_weights
from dancheong.models.table import Row, Table, compact_table, unet_table
from dancheong.params import Params
from dancheong.runtime.network import open_graph

FORMS = ["plain", "onnxruntime", "openvino"]
NORMS = ["batch", "instance", "channel", "none"]


def trained(table: Table) -> dict[str, np.ndarray]:
    """Weights and statistics that are all different from those a network is born with."""
    rng = np.random.default_rng(3)
    weights = {}
    for name, shape in table.weight_shapes().items():
        # Neither dying out from row to row nor driving tanh to its ends.
        values = rng.normal(0, 1.5 / np.prod(shape[1:]) ** 0.5 if len(shape) == 4 else 0.2, shape)
        values = np.abs(values) + 0.5 if "running_var" in name or "norm.weight" in name else values
        weights[name] = values.astype(np.float32)
    return weights


def unet(**settings: object) -> Table:
    return unet_table(Params(**({"resol": 32, "ngf": 4, "encoder": "unet", "depth": 3} | settings)), 1, 2)


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(8).uniform(-1, 1, shape).astype(np.float32)


def operators(table: Table, form: str) -> list[str]:
    return [node.op_type for node in onnx.load_from_string(onnx_model(table, trained(table), form)).graph.node]


# Each kind of row and each choice of the table's words; also what the colorizer does not use yet.
BRANCHES = Table(2, (
    Row(name="wide1", kind="conv", inputs=("input",), c_in=2, c_out=8, ksize=3, stride=2, norm="batch", after="relu"),
    Row(name="deep1", kind="conv", inputs=("wide1",), c_in=8, c_out=8, ksize=5, groups=8, norm="batch", after="leaky"),
    Row(name="both1", kind="sum", inputs=("wide1", "deep1", "wide1"), c_in=8, c_out=8),
    Row(name="up1", kind="transposed", inputs=("both1",), c_in=8, c_out=6, ksize=4, stride=2, groups=2, norm="instance"),
    Row(name="up2", kind="resize", inputs=("both1",), c_in=8, c_out=4, ksize=3, stride=2, bias=True, norm="batch",
        after="prelu"),
    Row(name="last1", kind="conv", inputs=("input", "up1", "up2"), c_in=12, c_out=8, before="relu", norm="channel"),
    Row(name="shuffled", kind="shuffle", inputs=("last1",), c_in=8, c_out=2, stride=2),
    Row(name="larger", kind="nearest", inputs=("input",), c_in=2, c_out=2, stride=2),
    Row(name="result", kind="sum", inputs=("shuffled", "larger"), c_in=2, c_out=2),
))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("ksize", [3, 4, 7])
@pytest.mark.parametrize("upsample", ["transposed", "resize"])
@pytest.mark.parametrize("norm", NORMS)
def test_a_unet_gives_what_torch_gives_at_any_batch_and_size(norm: str, upsample: str, ksize: int, form: str) -> None:
    table = unet(norm=norm, upsample=upsample, ksize=ksize)
    check_equal(table, form, [(1, 1, 16, 16), (2, 1, 24, 40), (1, 1, 64, 8)])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("table", [compact_table(1, 6, 3, 2), compact_table(3, 6, 2, 4), BRANCHES])
def test_other_tables_give_what_torch_gives(table: Table, form: str) -> None:
    check_equal(table, form, [(1, table.c_in, 16, 16), (2, table.c_in, 10, 14)])


def check_equal(table: Table, form: str, shapes: list[tuple[int, ...]]) -> None:
    weights = trained(table)
    by_torch = as_predictor(load_network(table, weights))
    given, handed = open_graph(onnx_model(table, weights, form), {}, 1), open_graph(*onnx_graph(table, weights, form), 1)
    for shape in shapes:
        expected = by_torch(noise(*shape))
        assert expected.std() > 0.01
        np.testing.assert_allclose(given(noise(*shape)), expected, rtol=0, atol=2e-5)
        np.testing.assert_array_equal(handed(noise(*shape)), given(noise(*shape)))


@pytest.mark.parametrize("norm", NORMS)
def test_openvino_reads_every_graph(norm: str) -> None:
    openvino = pytest.importorskip("openvino", reason="the extra `fast` is not installed")
    for table in (unet(norm=norm), unet(norm=norm, upsample="transposed"), BRANCHES):
        model = openvino.Core().read_model(onnx_model(table, trained(table), "openvino"))
        exact = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
        (answer,) = openvino.Core().compile_model(model, "CPU", exact)([noise(1, table.c_in, 16, 24)]).values()
        expected = as_predictor(load_network(table, trained(table)))(noise(1, table.c_in, 16, 24))
        np.testing.assert_allclose(answer, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("table", [unet(), unet(upsample="transposed", norm="channel"), compact_table(1, 4, 1, 2), BRANCHES])
def test_the_model_is_valid_and_the_same_bytes_each_time(table: Table, form: str) -> None:
    data = onnx_model(table, trained(table), form, {"software": "dancheong", "이름": "궁궐"})
    assert data == onnx_model(table, trained(table), form, {"software": "dancheong", "이름": "궁궐"})
    model = onnx.load_from_string(data)
    onnx.checker.check_model(model, full_check=True)
    assert {entry.key: entry.value for entry in model.metadata_props} == {"software": "dancheong", "이름": "궁궐"}
    dims = [[d.dim_param or d.dim_value for d in io.type.tensor_type.shape.dim] for io in model.graph.input]
    assert dims == [["batch", table.c_in, "height", "width"]]


@pytest.mark.parametrize("norm", NORMS)
def test_the_plain_form_holds_every_weight_under_its_name(norm: str) -> None:
    table = unet(norm=norm)
    weights = trained(table)
    tensors = {tensor.name: tensor for tensor in onnx.load_from_string(onnx_model(table, weights, "plain")).graph.initializer}
    assert set(tensors) - {"times_2"} == set(weights) == set(to_weights(Network(table)))
    for name, weight in weights.items():
        np.testing.assert_array_equal(onnx.numpy_helper.to_array(tensors[name]), weight)


def test_each_runtime_gets_the_form_it_likes() -> None:
    assert operators(unet(), "plain").count("Resize") == 3
    quick = operators(unet(), "onnxruntime")
    assert (quick.count("Resize"), quick.count("ConvTranspose")) == (0, 3)
    assert quick.count("BatchNormalization") == 1  # of the encoder
    # dec2 gives NGF=4 channels and dec1 two.
    near = operators(unet(), "openvino")
    assert (near.count("Resize"), near.count("DepthToSpace"), near.count("MaxPool")) == (1, 2, 1)
    assert "Resize" not in operators(unet(upsample="transposed"), "plain")


def test_the_canonical_graph_handed_over_with_its_weights_is_small() -> None:
    table = unet_table(Params(ngf=64, depth=0, norm="batch", upsample="transposed", resol=256), 1, 2)
    weights = {name: np.broadcast_to(np.float32(1), shape) for name, shape in table.weight_shapes().items()}
    assert len(onnx_graph(table, weights, "onnxruntime")[0]) < 40_000


def test_weights_that_do_not_fit_are_refused_by_name() -> None:
    table = unet()
    weights = trained(table)
    with pytest.raises(ValueError, match=r"dec1\.conv\.bias"):
        onnx_model(table, {name: weight for name, weight in weights.items() if name != "dec1.conv.bias"}, "plain")
    with pytest.raises(ValueError, match="stranger"):
        onnx_graph(table, weights | {"stranger": np.zeros(1)}, "onnxruntime")
    with pytest.raises(ValueError, match=r"dec1\.conv\.bias has shape \(1,\)"):
        onnx_graph(table, weights | {"dec1.conv.bias": np.zeros(1)}, "openvino")


def test_a_model_beyond_the_limit_of_one_file_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dancheong.models.graph._PROTOBUF_LIMIT_BYTES", 100)
    with pytest.raises(ValueError, match="smaller NGF"):
        onnx_model(unet(), trained(unet()), "plain")


def test_torch_and_the_graph_agree_on_a_network_of_training_mode() -> None:
    table = unet(norm="batch")
    network = Network(table)
    network.train()(torch.randn(2, 1, 16, 16))
    answer = open_graph(*onnx_graph(table, to_weights(network), "onnxruntime"), 1)(noise(1, 1, 16, 16))
    with torch.no_grad():
        np.testing.assert_allclose(answer, network.eval()(torch.from_numpy(noise(1, 1, 16, 16))).numpy(), atol=2e-5)
