"""Generators of other pix2pix programs, made here in their layouts: imported, they answer as torch does."""

import io
import json
import pickle

import h5py
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from dancheong.artifact import ArtifactError, read_artifact
from dancheong.imaging.files import write_photo
from dancheong.params import ParamError
from dancheong.prediction.colorizer import Colorizer
from dancheong.runtime.network import open_network
from dancheong.runtime.peers import import_model

LEVELS = 5


class Block(nn.Module):
    """A level of the U-Net of pytorch-CycleGAN-and-pix2pix, which holds the levels below it."""

    def __init__(self, outer, inner, c_in, inside, norm, outermost=False, dropout=0.0):
        super().__init__()
        self.outermost = outermost
        bias = norm is nn.InstanceNorm2d
        down = nn.Conv2d(c_in, inner, 4, 2, 1, bias=bias)
        leaky, relu = nn.LeakyReLU(0.2, True), nn.ReLU(True)
        if self.outermost:
            parts = [down, inside, relu, nn.ConvTranspose2d(inner * 2, outer, 4, 2, 1), nn.Tanh()]
        elif inside is None:
            parts = [leaky, down, relu, nn.ConvTranspose2d(inner, outer, 4, 2, 1, bias=bias), norm(outer)]
        else:
            up = nn.ConvTranspose2d(inner * 2, outer, 4, 2, 1, bias=bias)
            parts = [leaky, down, norm(inner), inside, relu, up, norm(outer), *([nn.Dropout(dropout)] if dropout else [])]
        self.model = nn.Sequential(*parts)

    def forward(self, x):
        return self.model(x) if self.outermost else torch.cat([x, self.model(x)], 1)


class UnetGenerator(nn.Module):
    def __init__(self, c_in, c_out, norm, ngf=3):
        super().__init__()
        block = Block(ngf * 8, ngf * 8, ngf * 8, None, norm)
        for outer, inner in ((4, 8), (2, 4), (1, 2)):
            block = Block(ngf * outer, ngf * inner, ngf * outer, block, norm)
        self.model = Block(c_out, ngf, c_in, block, norm, outermost=True)

    def forward(self, x):
        return self.model(x)


def settled(network):
    """The network with weights and statistics as after a training."""
    torch.manual_seed(3)
    for name, tensor in network.state_dict().items():
        if "running_var" in name:
            tensor.uniform_(0.5, 3)
        elif tensor.is_floating_point():
            tensor.normal_(1.0 if tensor.dim() == 1 and name.endswith("weight") else 0.0, 0.15)
    return network


def picture(channels, side=64):
    return torch.rand(1, channels, side, 96, generator=torch.Generator().manual_seed(5)) * 2 - 1


def answered(path, x, runtime="onnx"):
    return open_network(read_artifact(path), runtime)(x.numpy())


@pytest.mark.parametrize(("norm", "channels"), [(nn.BatchNorm2d, (3, 3)), (nn.InstanceNorm2d, (1, 2)), (nn.Identity, (1, 3))])
@pytest.mark.parametrize("legacy", [False, True])
def test_a_unet_of_pytorch_answers_the_same(tmp_path, norm, channels, legacy):
    network = settled(UnetGenerator(*channels, norm)).eval()
    torch.save(network.state_dict(), tmp_path / "latest_net_G.pth", _use_new_zipfile_serialization=not legacy)
    import_model(tmp_path / "latest_net_G.pth", tmp_path / "m.h5")
    x = picture(channels[0])
    with torch.inference_mode():
        expected = network(x.clone()).numpy()
    assert expected.std() > 0.05
    for runtime in ("onnx", "torch"):
        np.testing.assert_allclose(answered(tmp_path / "m.h5", x, runtime), expected, atol=1e-5)


def test_statistics_of_each_picture_are_those_of_a_test_in_the_state_of_training(tmp_path):
    network = settled(UnetGenerator(3, 3, nn.BatchNorm2d)).train()
    torch.save({f"module.{name}": tensor for name, tensor in network.state_dict().items()}, tmp_path / "net.pth")
    import_model(tmp_path / "net.pth", tmp_path / "m.h5", "picture")
    with torch.inference_mode():
        expected = network(picture(3)).numpy()
    np.testing.assert_allclose(answered(tmp_path / "m.h5", picture(3)), expected, atol=1e-5)


def keras_layers(rng, levels=LEVELS, width=3, c_in=3, c_out=3):
    """The weights of the tutorial's generator by layer: kernels (height, width, in, out), of transposed ones (.., out, in)."""
    widths = [min(width * 2**level, width * 8) for level in range(levels)]

    # Answers of a size that tanh does not clip, so that a wrong weight shows and rounding does not grow.
    def kernel(c_in, *shape):
        return rng.normal(0, (16 * c_in) ** -0.5, (4, 4, *shape))

    def normed(c):
        return {"gamma": rng.normal(1, 0.2, c), "beta": rng.normal(0, 0.2, c), "moving_mean": rng.normal(0, 0.2, c),
                "moving_variance": rng.uniform(0.5, 2, c)}

    layers, below = [], c_in
    for level, c in enumerate(widths):
        layers.append({"kernel": kernel(below, below, c), **(normed(c) if level else {})})
        below = c
    for level in range(levels - 2, -1, -1):
        c = widths[level]
        layers.append({"kernel": kernel(below, c, below), **normed(c)})
        below = 2 * c
    layers.append({"kernel": kernel(below, c_out, below), "bias": rng.normal(0, 0.2, c_out)})
    return [{name: array.astype(np.float32) for name, array in layer.items()} for layer in layers]


def keras_answer(layers, x, epsilon, slope, training):
    def normed(y, layer):
        if "gamma" not in layer:
            return y
        mean, variance = (torch.from_numpy(layer[name]) for name in ("moving_mean", "moving_variance"))
        if training:
            mean, variance = y.mean((0, 2, 3)), y.var((0, 2, 3), unbiased=False)
        gain, shift = (torch.from_numpy(layer[name])[:, None, None] for name in ("gamma", "beta"))
        return (y - mean[:, None, None]) / torch.sqrt(variance[:, None, None] + epsilon) * gain + shift

    skips, half = [], len(layers) // 2
    for layer in layers[:half]:
        x = F.leaky_relu(normed(F.conv2d(x, torch.from_numpy(layer["kernel"]).permute(3, 2, 0, 1), None, 2, 1), layer), slope)
        skips.append(x)
    for layer, skip in zip(layers[half:], [*reversed(skips[:-1]), None], strict=True):
        bias = torch.from_numpy(layer["bias"]) if "bias" in layer else None
        x = normed(F.conv_transpose2d(x, torch.from_numpy(layer["kernel"]).permute(3, 2, 0, 1), bias, 2, 1), layer)
        x = torch.tanh(x) if skip is None else torch.cat([F.relu(x), skip], 1)
    return x.numpy()


def write_keras(path, layers, config=None):
    with h5py.File(path, "w") as file:
        root = file
        if config is not None:
            file.attrs["model_config"] = json.dumps(config)
            root = file.create_group("model_weights")
        names = []
        for number, layer in enumerate(layers):
            names += [f"sequential_{number}", f"concatenate_{number}"]
            group = root.create_group(names[-2])
            group.attrs["weight_names"] = [f"block_{number}/{name}:0".encode() for name in layer]
            root.create_group(names[-1]).attrs["weight_names"] = []
            for name, array in layer.items():
                group[f"block_{number}/{name}:0"] = array
        root.attrs["layer_names"] = [name.encode() for name in names]


@pytest.mark.parametrize("statistics", ["stored", "picture"])
@pytest.mark.parametrize(("config", "epsilon", "slope"), [
    (None, 1e-3, 0.3),
    ({"config": {"layers": [{"class_name": "BatchNormalization", "config": {"epsilon": 1e-2}},
                            {"class_name": "LeakyReLU", "config": {"negative_slope": 0.1}}]}}, 1e-2, 0.1),
])
def test_the_generator_of_the_tutorial_answers_the_same(tmp_path, statistics, config, epsilon, slope):
    layers = keras_layers(np.random.default_rng(2))
    write_keras(tmp_path / "generator.h5", layers, config)
    import_model(tmp_path / "generator.h5", tmp_path / "m.h5", statistics)
    with torch.inference_mode():
        expected = keras_answer(layers, picture(3), epsilon, slope, statistics == "picture")
    assert expected.std() > 0.05
    np.testing.assert_allclose(answered(tmp_path / "m.h5", picture(3)), expected, atol=1e-5)


def test_an_imported_model_colors_at_full_size_and_says_where_it_comes_from(tmp_path, command, photograph):
    torch.save(settled(UnetGenerator(3, 3, nn.BatchNorm2d)).state_dict(), tmp_path / "net.pth")
    words = ["import-model", tmp_path / "net.pth", "-o", tmp_path / "m.h5", "--set", "RESOL=64", "--json"]
    told = command(*words).stdout
    assert (told["layout"], told["resol"], told["channels"]) == ("pytorch-CycleGAN-and-pix2pix", 64, [3, 3])
    assert command("inspect", tmp_path / "m.h5", "--json").stdout["data"]["imported"] == "net.pth"
    write_photo(tmp_path / "old.png", photograph[..., 0].astype(np.uint16) * 257)
    (file,) = command("predict", tmp_path / "m.h5", tmp_path / "old.png", "-o", tmp_path / "out", "--json").stdout["files"]
    assert (file["height"], file["width"]) == photograph.shape[:2]
    assert Colorizer.open(tmp_path / "m.h5").params.glare_mode == "off"
    assert "--overwrite" in command(*words, code=2).stderr
    with pytest.raises(ParamError, match="NGF"):
        import_model(tmp_path / "net.pth", tmp_path / "n.h5", settings={"NGF": 4})


class Evil:
    def __reduce__(self):
        return print, ("run",)


def strange_files():
    evil = io.BytesIO()
    torch.save({"model.model.0.weight": Evil()}, evil)
    yield "evil.pth", evil.getvalue(), "without running code"
    yield "pickle.pth", pickle.dumps(Evil()), "without running code"
    resnet = io.BytesIO()
    torch.save({"model.1.weight": torch.zeros(3, 3, 7, 7)}, resnet)
    yield "resnet.pth", resnet.getvalue(), "ResNet"
    yield "words.h5", b"words", "cannot be read"


@pytest.mark.parametrize(("name", "data", "said"), list(strange_files()), ids=lambda one: one if isinstance(one, str) else "")
def test_other_files_are_refused_in_words_and_no_code_runs(tmp_path, capsys, name, data, said):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ArtifactError, match=said) as refused:
        import_model(tmp_path / name, tmp_path / "m.h5")
    assert name in str(refused.value)
    assert capsys.readouterr().out == ""
    assert not (tmp_path / "m.h5").exists()


def test_a_keras_file_that_leads_elsewhere_is_refused(tmp_path):
    layers = keras_layers(np.random.default_rng(2))
    write_keras(tmp_path / "g.h5", layers)
    with h5py.File(tmp_path / "g.h5", "a") as file:
        del file["sequential_1/block_1/gamma:0"]
        file["sequential_1/block_1/gamma:0"] = h5py.ExternalLink("other.h5", "/x")
    with pytest.raises(ArtifactError, match="no plain array"):
        import_model(tmp_path / "g.h5", tmp_path / "m.h5")
    with h5py.File(tmp_path / "empty.h5", "w"):
        pass
    with pytest.raises(ArtifactError, match="old HDF5 layout"):
        import_model(tmp_path / "empty.h5", tmp_path / "m.h5")
