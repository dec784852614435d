"""The two forms a trained generator is predicted with: the ONNX graph without weights, and torch on arrays."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from dancheong.models.blocks import initialize
from dancheong.models.export import load_generator, to_graph, to_weights, torch_network
from dancheong.models.generator import Generator, architecture, generator_rows
from dancheong.params import Params

NORMS = ["batch", "instance", "channel", "none"]


def trained(**settings: object) -> Generator:
    """A generator whose weights and statistics are all different from their initial values."""
    generator = Generator(generator_rows(Params(**({"ngf": 3, "depth": 3} | settings)), 1, 2))
    initialize(generator, seed=4)
    random = torch.Generator().manual_seed(6)
    with torch.no_grad():
        for name, tensor in generator.state_dict().items():
            if name.endswith("running_var"):
                tensor.copy_(torch.rand(tensor.shape, generator=random) * 0.1 + 0.01)
            elif tensor.is_floating_point():
                tensor.add_(torch.randn(tensor.shape, generator=random) * 0.05)
    return generator.eval()


def external_names(graph: bytes) -> set[str]:
    model = onnx.load_from_string(graph)
    return {t.name for t in model.graph.initializer if t.data_location == onnx.TensorProto.EXTERNAL}


def session(graph: bytes, weights: dict[str, np.ndarray]) -> onnxruntime.InferenceSession:
    """As prediction does it: weights from memory, no file anywhere."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    names = sorted(external_names(graph))
    values = [onnxruntime.OrtValue.ortvalue_from_numpy(weights[name]) for name in names]
    options.add_external_initializers(names, values)
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(8).uniform(-1, 1, shape).astype(np.float32)


@pytest.mark.parametrize("ksize", [4, 7])
@pytest.mark.parametrize("upsample", ["transposed", "resize"])
@pytest.mark.parametrize("norm", NORMS)
def test_onnxruntime_equals_torch_at_any_batch_and_size(norm: str, upsample: str, ksize: int) -> None:
    generator = trained(norm=norm, upsample=upsample, ksize=ksize)
    weights = to_weights(generator)
    run = session(to_graph(generator), weights)
    by_torch = torch_network(architecture(generator), weights)
    for shape in ((1, 1, 16, 16), (2, 1, 24, 40), (1, 1, 64, 8)):
        picture = noise(*shape)
        (out,) = run.run(["output"], {"input": picture})
        assert out.std() > 0.01
        np.testing.assert_allclose(out, by_torch(picture), rtol=0, atol=1e-4)
        with torch.no_grad():
            np.testing.assert_array_equal(by_torch(picture), generator(torch.from_numpy(picture)).numpy())


@pytest.mark.parametrize("norm", NORMS)
def test_every_weight_is_external_and_named_as_in_the_state(norm: str) -> None:
    generator = trained(norm=norm)
    assert external_names(to_graph(generator)) == set(to_weights(generator))
    assert set(to_weights(generator)) == {name for name in generator.state_dict() if not name.endswith("tracked")}


@pytest.mark.parametrize("upsample", ["transposed", "resize"])
def test_the_canonical_graph_holds_no_weights_and_is_valid(upsample: str) -> None:
    params = Params(ngf=64, depth=0, norm="batch", dropout=0.5, upsample=upsample, resol=256)
    with torch.device("meta"):
        generator = Generator(generator_rows(params, 1, 2))
    graph = to_graph(generator)
    assert len(graph) < 40_000
    assert graph == to_graph(generator), "the same network, the same bytes"
    model = onnx.load_from_string(graph)
    inferred = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
    dims = [[d.dim_param or d.dim_value for d in io.type.tensor_type.shape.dim] for io in inferred.graph.output]
    assert dims == [["batch", 2, "height", "width"]]


def test_a_missing_weight_does_not_go_unnoticed() -> None:
    generator = trained()
    graph, weights = to_graph(generator), to_weights(generator)
    names = sorted(external_names(graph))[1:]
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.add_external_initializers(names, [onnxruntime.OrtValue.ortvalue_from_numpy(weights[n]) for n in names])
    with pytest.raises(Exception, match=r"external|weights"):
        onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def test_weights_are_a_copy_that_training_cannot_change() -> None:
    generator = trained()
    weights = to_weights(generator)
    before = weights["enc1.conv.weight"].copy()
    with torch.no_grad():
        generator.get_submodule("enc1.conv").weight.add_(1)
    np.testing.assert_array_equal(weights["enc1.conv.weight"], before)


def test_half_precision_weights_are_taken_as_single() -> None:
    generator = trained()
    halves = {name: array.astype(np.float16) for name, array in to_weights(generator).items()}
    loaded = load_generator(architecture(generator), halves)
    assert {tensor.dtype for tensor in loaded.parameters()} == {torch.float32}
    out = torch_network(architecture(generator), halves)(noise(1, 1, 16, 16))
    assert out.dtype == np.float32


def test_a_loaded_generator_can_be_trained_on() -> None:
    generator = trained()
    loaded = load_generator(architecture(generator), to_weights(generator))
    loaded.train()(torch.randn(2, 1, 16, 16)).sum().backward()
    assert all(parameter.grad is not None for parameter in loaded.parameters())


def test_wrong_weights_are_refused_by_name() -> None:
    generator = trained()
    description, weights = architecture(generator), to_weights(generator)
    with pytest.raises(ValueError, match=r"enc2\.norm\.bias"):
        load_generator(description, {name: array for name, array in weights.items() if name != "enc2.norm.bias"})
    with pytest.raises(ValueError, match="stranger"):
        load_generator(description, weights | {"stranger": np.zeros(1)})
    with pytest.raises(ValueError, match=r"enc1\.conv\.weight has shape \(1,\)"):
        load_generator(description, weights | {"enc1.conv.weight": np.zeros(1)})


def test_a_wrong_size_is_refused_before_the_network() -> None:
    generator = trained()
    network = torch_network(architecture(generator), to_weights(generator))
    with pytest.raises(ValueError, match="multiples of 8"):
        network(noise(1, 1, 20, 16))


def test_prediction_is_frozen_unless_the_paper_asks() -> None:
    generator = trained(depth=6, dropout=0.5)
    description, weights = architecture(generator), to_weights(generator)
    frozen = torch_network(description, weights)
    picture = noise(2, 1, 64, 64)
    np.testing.assert_allclose(frozen(picture)[:1], frozen(picture[:1]), rtol=0, atol=1e-4)

    paper = torch_network(description, weights, predict_dropout=True)
    assert np.abs(paper(picture)[:1] - paper(picture[:1])).max() > 1e-3, "batch statistics depend on the batch"
    assert np.abs(paper(picture) - torch_network(description, weights, predict_dropout=True, seed=1)(picture)).max() > 1e-3


def test_the_paper_s_prediction_repeats_and_leaves_the_random_state_alone() -> None:
    generator = trained(depth=6, dropout=0.5)
    paper = torch_network(architecture(generator), to_weights(generator), predict_dropout=True)
    picture = noise(1, 1, 64, 64)
    before = torch.get_rng_state()
    np.testing.assert_array_equal(paper(picture), paper(picture))
    assert torch.equal(before, torch.get_rng_state())
