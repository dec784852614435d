"""A stranger's graph: only known operators and only weights that are handed over."""

import contextlib

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from dancheong.artifact import Artifact, ArtifactError
from dancheong.runtime.graph import check_graph, with_weights


def changed(artifact: Artifact, edit) -> bytes:
    model = onnx.ModelProto.FromString(artifact.graph)
    edit(model)
    return model.SerializeToString()


def test_a_graph_of_ours_names_its_weights(artifact):
    assert check_graph(artifact.graph, artifact.weights) == list(artifact.weights)
    spare = {**artifact.weights, "enc1.norm.num_batches_tracked": np.zeros(1, np.float16)}
    assert check_graph(artifact.graph, spare) == list(artifact.weights)


def test_a_missing_weight_is_refused_before_a_file_of_its_name_is_read(artifact):
    weights = {name: weight for name, weight in artifact.weights.items() if name != "dec1.conv.bias"}
    with pytest.raises(ArtifactError, match=r"dec1\.conv\.bias.*does not hold"):
        check_graph(artifact.graph, weights)


def test_a_weight_of_another_shape_is_refused(artifact):
    weights = {**artifact.weights, "dec1.conv.bias": np.zeros(3, np.float16)}
    with pytest.raises(ArtifactError, match=r"dec1\.conv\.bias.*\(3,\).*\(2,\)"):
        check_graph(artifact.graph, weights)


def _loop(model):
    model.graph.node.append(helper.make_node("Loop", ["input"], ["x"], body=model.graph))


def _constant(model):
    tensor = TensorProto(name="c", data_type=1, dims=[1], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="elsewhere")
    model.graph.node.append(helper.make_node("Constant", [], ["x"], value=tensor))


def _tensor_attribute(model):
    model.graph.node[1].attribute.append(helper.make_attribute("t", helper.make_tensor("c", 1, [1], [1.0])))


def _sparse(model):
    values, indices = helper.make_tensor("s", 1, [1], [1.0]), helper.make_tensor("i", 7, [1], [0])
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [4]))


@pytest.mark.parametrize(
    ("edit", "word"),
    [
        (_loop, "operator Loop"),
        (_constant, "operator Constant"),
        (_tensor_attribute, "attribute of LeakyRelu has a field 5"),
        (_sparse, "graph has a field 15"),
        (lambda model: setattr(model.graph.node[0], "domain", "com.stranger"), "com.stranger"),
        (lambda model: setattr(model.graph.node[0], "op_type", "If"), "operator If"),
        (lambda model: model.functions.add(name="f", domain="d"), "model has a field 25"),
        (lambda model: setattr(model.graph.initializer[0], "data_type", TensorProto.DOUBLE), "no float32"),
    ],
)
def test_what_dancheong_does_not_write_is_refused(artifact, edit, word):
    with pytest.raises(ArtifactError, match=word):
        check_graph(changed(artifact, edit), artifact.weights)


def test_a_second_graph_is_refused(artifact):
    """Protocol buffers merge a field that stands twice: the second graph would slip past the check."""
    stranger = onnx.ModelProto()
    _loop(stranger)
    with pytest.raises(ArtifactError, match="two fields graph"):
        check_graph(artifact.graph + stranger.SerializeToString(), artifact.weights)


def test_no_bytes_crash_the_check(artifact):
    rng = np.random.default_rng(0)
    for _ in range(400):
        bad = bytearray(artifact.graph)
        for position in rng.integers(0, len(bad), 2):
            bad[position] = int(rng.integers(256))
        with contextlib.suppress(ArtifactError):
            check_graph(bytes(bad[: int(rng.integers(1, len(bad) + 1))]), artifact.weights)
    with pytest.raises(ArtifactError, match="no graph"):
        check_graph(b"", {})


def test_the_whole_model_is_an_ordinary_onnx_file(artifact):
    data = with_weights(artifact.graph, artifact.weights, {"software": "dancheong", "이름": "궁궐"})
    model = onnx.ModelProto.FromString(data)
    onnx.checker.check_model(model, full_check=True)
    for tensor in model.graph.initializer:
        np.testing.assert_array_equal(onnx.numpy_helper.to_array(tensor), artifact.weights[tensor.name])
    assert {one.key: one.value for one in model.metadata_props} == {"software": "dancheong", "이름": "궁궐"}
    assert [node.op_type for node in model.graph.node] == ["Conv", "LeakyRelu", "ConvTranspose", "Tanh"]


def _chain(operator, times, make):
    """A graph that puts `operator` on its own output `times` times."""

    def edit(model):
        tanh = model.graph.node.pop()
        for number in range(times):
            model.graph.node.append(make(f"x{number - 1}" if number else tanh.input[0], f"x{number}"))
        model.graph.node.append(helper.make_node("Tanh", [f"x{times - 1}"], ["output"]))
        model.graph.initializer.append(helper.make_tensor("double", 1, [4], [1.0, 1.0, 2.0, 2.0]))
        model.graph.initializer.append(helper.make_tensor("vast", 1, [4], [1.0, 1.0, 1e6, 1e6]))

    return pytest.param(edit, operator, id=f"{operator} {times} times")


@pytest.mark.parametrize(
    ("edit", "operator"),
    [
        _chain("Concat", 30, lambda x, y: helper.make_node("Concat", [x, x], [y], axis=1)),
        _chain("Concat", 1, lambda x, y: helper.make_node("Concat", [x, x], [y], axis=3)),
        _chain("Resize", 12, lambda x, y: helper.make_node("Resize", [x, "", "double"], [y])),
        _chain("Resize", 1, lambda x, y: helper.make_node("Resize", [x, "", "vast"], [y])),
        _chain("Resize", 1, lambda x, y: helper.make_node("Resize", [x, "", "", "double"], [y])),
        _chain("DepthToSpace", 5, lambda x, y: helper.make_node("DepthToSpace", [x], [y], blocksize=2)),
        _chain("ConvTranspose", 1, lambda x, y: helper.make_node(
            "ConvTranspose", [x, "dec1.conv.weight"], [y], pads=[0, 0, 1 << 30, 1 << 30])),
        _chain("ConvTranspose", 1, lambda x, y: helper.make_node(
            "ConvTranspose", [x, "dec1.conv.weight"], [y], strides=[32, 32])),
        _chain("Conv", 1, lambda x, y: helper.make_node("Conv", [x, "enc1.conv.weight"], [y], pads=[-65] * 4)),
        _chain("Transpose", 1, lambda x, y: helper.make_node("Transpose", [x], [y], perm=[2, 1, 0, 3])),
        _chain("Relu", 1, lambda x, y: helper.make_node("Relu", ["double"], [y])),
        _chain("4097 nodes", 4093, lambda x, y: helper.make_node("Relu", [x], [y])),
    ],
)  # fmt: skip
def test_a_graph_that_would_take_much_memory_is_refused_before_it_runs(artifact, edit, operator):
    with pytest.raises(ArtifactError, match=operator):
        check_graph(changed(artifact, edit), artifact.weights)
