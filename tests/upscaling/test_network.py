"""The upscaler's network: the community's layout, its own size from its weights, and the same answer as ONNX."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from dancheong.models.graph import onnx_graph
from dancheong.models.network import to_weights
from dancheong.models.table import compact_table
from dancheong.params import ParamError
from dancheong.runtime.network import open_graph
from dancheong.upscaling import network as compact
from dancheong.upscaling.network import Compact, from_weights, initialize_compact, read_safetensors


def network(channels=1, features=6, layers=3, scale=2, seed=1):
    made = Compact(channels, features, layers, scale)
    initialize_compact(made, seed)
    return made


def community_layout(channels=3, features=8, layers=4, scale=4):
    """Weights in the layout of Real-ESRGAN's small network, written down without this package."""
    rng = np.random.default_rng(1)
    layout = {}
    widths = [(features, channels), *[(features, features)] * layers, (channels * scale**2, features)]
    for number, (c_out, c_in) in enumerate(widths):
        layout[f"body.{2 * number}.weight"] = rng.normal(0, 0.2, (c_out, c_in, 3, 3))
        layout[f"body.{2 * number}.bias"] = rng.normal(0, 0.1, c_out)
        if number < len(widths) - 1:
            layout[f"body.{2 * number + 1}.weight"] = np.full(c_out, 0.25)
    return {name: torch.from_numpy(array).float() for name, array in layout.items()}


@pytest.mark.parametrize(("channels", "scale"), [(1, 2), (3, 4)])
def test_onnx_gives_what_torch_gives(channels, scale):
    made = network(channels=channels, scale=scale)
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            if name.endswith("slope"):
                parameter.copy_(torch.linspace(-0.5, 1, 6))
    given = np.random.default_rng(1).random((2, channels, 9, 13), np.float32)
    answer = open_graph(*onnx_graph(made.table, to_weights(made), "onnxruntime"), 1)(given)
    assert answer.shape == (2, channels, 9 * scale, 13 * scale)
    np.testing.assert_allclose(answer, made(torch.from_numpy(given)).detach().numpy(), atol=1e-5)


def test_a_network_is_rebuilt_from_its_weights_alone():
    made = network(channels=3, features=5, layers=2, scale=4)
    again = from_weights(to_weights(made))
    assert again.table == made.table == compact_table(3, 5, 2, 4)
    assert again.table.radius_px == 4
    assert all(torch.equal(a, b) for a, b in zip(made.state_dict().values(), again.state_dict().values(), strict=True))


def test_a_result_sees_radius_px_and_no_further():
    made = network(layers=2)
    given = torch.rand(1, 1, 21, 21, requires_grad=True)
    made(given)[0, 0, 20, 20].backward()
    seen = given.grad[0, 0] != 0
    assert seen[10 - made.table.radius_px : 11 + made.table.radius_px, 10].all()
    assert not seen[: 10 - made.table.radius_px].any()
    assert not seen[11 + made.table.radius_px :].any()


def test_initial_weights_depend_on_the_seed_alone():
    assert torch.equal(network(seed=3).conv0.conv.weight, network(seed=3).conv0.conv.weight)
    assert not torch.equal(network(seed=3).conv0.conv.weight, network(seed=4).conv0.conv.weight)
    given = torch.rand(1, 1, 16, 16)
    nearest = given.repeat_interleave(2, 2).repeat_interleave(2, 3)
    assert (network()(given) - nearest).abs().mean() < 0.1


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_community_weights_load_as_they_are(tmp_path, dtype):
    layout = {name: tensor.to(dtype) for name, tensor in community_layout().items()}
    save_file(layout, tmp_path / "weights.safetensors")
    loaded = read_safetensors(tmp_path / "weights.safetensors")
    assert loaded.table == compact_table(3, 8, 4, 4)
    assert torch.equal(loaded.state_dict()["conv2.conv.weight"], layout["body.4.weight"].float())
    assert torch.equal(loaded.state_dict()["conv2.slope"], layout["body.5.weight"].float())


def without(name):
    return lambda layout: {key: tensor for key, tensor in layout.items() if key != name}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (without("body.1.weight"), "missing or unknown"),
        (without("body.0.weight"), "SRVGGNetCompact"),
        (lambda layout: {**layout, "conv_first.weight": torch.zeros(3)}, "unknown"),
        (lambda layout: {**layout, "body.2.weight": torch.zeros(8, 8, 5, 5)}, "shape"),
        (lambda layout: {**layout, "body.3.weight": torch.zeros(9)}, "shape"),
        (lambda layout: {**layout, "body.10.weight": torch.zeros(27, 8, 3, 3)}, "scale 2 or 4"),
        (lambda layout: {**layout, "body.2.bias": torch.full((8,), torch.nan)}, "not finite"),
        (lambda layout: {**layout, "body.2.bias": torch.zeros(8, dtype=torch.int64)}, "floating-point"),
        (lambda layout: {"a": torch.zeros(1)}, "SRVGGNetCompact"),
    ],
)
def test_weights_of_another_network_are_refused_in_words(tmp_path, change, told):
    path = tmp_path / "w.safetensors"
    save_file(change(community_layout()), path)
    with pytest.raises(ParamError, match=told) as error:
        read_safetensors(path)
    assert str(path) in str(error.value)


def test_damaged_and_oversized_files_are_refused(tmp_path, monkeypatch):
    path = tmp_path / "w.safetensors"
    save_file(community_layout(), path)
    whole = path.read_bytes()
    for damaged in (whole[:-7], b"", b"\xff" * 64, whole[:8] + b"\0" + whole[9:]):
        path.write_bytes(damaged)
        with pytest.raises(ParamError, match="not weights"):
            read_safetensors(path)
    path.write_bytes(whole)
    monkeypatch.setattr(compact, "MAX_WEIGHTS_BYTES", 100)
    with pytest.raises(ParamError, match="at most"):
        read_safetensors(path)
    with pytest.raises(ParamError, match="expected"):
        read_safetensors(tmp_path / "none.safetensors")
