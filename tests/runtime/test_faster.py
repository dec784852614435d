"""The rewritten graph gives the same numbers, for every kind of network that is trained."""

import numpy as np
import onnx
import pytest
import torch

from dancheong.models.export import to_graph, to_weights
from dancheong.models.generator import Generator, generator_rows
from dancheong.params import Params
from dancheong.runtime.faster import faster, with_full_blocks
from dancheong.runtime.network import open_graph


def published(**settings):
    """Graph and weights of a network whose statistics are not those it was born with."""
    torch.manual_seed(3)
    generator = Generator(generator_rows(Params(**{"resol": 32, "ngf": 4, "depth": 3, **settings}), 1, 2)).eval()
    for name, tensor in generator.state_dict().items():
        if tensor.is_floating_point():
            tensor.copy_(torch.rand_like(tensor) + 0.5 if "running_var" in name else torch.randn_like(tensor) / 4)
    return to_graph(generator), to_weights(generator)


def answer(graph, weights, input_bchw):
    names = [tensor.name for tensor in onnx.load_from_string(graph).graph.initializer if tensor.external_data]
    return open_graph(graph, {name: weights[name] for name in names}, 1)(input_bchw)


@pytest.mark.parametrize(
    "settings",
    [{}, {"ksize": 3}, {"ksize": 5}, {"ksize": 8}, {"norm": "instance"}, {"norm": "channel"}, {"norm": "none"},
     {"upsample": "transposed"}],
    ids=str,
)
def test_the_same_numbers(settings):
    graph, weights = published(**settings)
    quick, quick_weights = faster(graph, weights)
    input_bchw = np.random.default_rng(1).uniform(-1, 1, (2, 1, 24, 40)).astype(np.float32)
    expected = answer(graph, weights, input_bchw)
    assert expected.std() > 0.1
    np.testing.assert_allclose(answer(quick, quick_weights, input_bchw), expected, atol=1e-5)
    operators = [node.op_type for node in onnx.load_from_string(quick).graph.node]
    assert "Resize" not in operators
    if settings in ({}, {"ksize": 5}):
        assert operators.count("ConvTranspose") == 3
        assert operators.count("BatchNormalization") == 1  # of the encoder


@pytest.mark.parametrize("settings", [{}, {"ksize": 3}, {"ksize": 5}, {"ksize": 8}, {"norm": "instance"}], ids=str)
def test_the_last_doubling_before_its_size_gives_the_same_numbers(settings):
    graph, weights = published(**settings)
    full, full_weights = with_full_blocks(graph, weights)
    input_bchw = np.random.default_rng(1).uniform(-1, 1, (2, 1, 24, 40)).astype(np.float32)
    np.testing.assert_allclose(answer(full, full_weights, input_bchw), answer(graph, weights, input_bchw), atol=1e-5)
    before, after = ([node.op_type for node in onnx.load_from_string(one).graph.node] for one in (graph, full))
    # Of NGF=4, dec2 gives four channels as well; its normalization goes into the weights.
    assert (before.count("Resize"), after.count("Resize"), after.count("DepthToSpace")) == (3, 1, 2)


def test_what_is_used_elsewhere_stays():
    """A doubled picture that two nodes look at cannot be left out."""
    graph, weights = published()
    model = onnx.load_from_string(graph)
    resized = next(node.output[0] for node in model.graph.node if node.op_type == "Resize")
    model.graph.output.append(onnx.helper.make_tensor_value_info(resized, 1, None))
    second = onnx.helper.make_node("Tanh", [resized], ["aside"])
    model.graph.node.append(second)
    quick = onnx.load_from_string(faster(model.SerializeToString(), weights)[0])
    assert [node.output[0] for node in quick.graph.node if node.op_type == "Resize"] == [resized]


def test_nothing_to_do_changes_nothing():
    graph, weights = published(upsample="transposed")
    quick, quick_weights = faster(graph, weights)
    assert [node.name for node in onnx.load_from_string(quick).graph.node] == [
        node.name for node in onnx.load_from_string(graph).graph.node
    ]
    assert all(quick_weights[name] is weights[name] for name in quick_weights)
