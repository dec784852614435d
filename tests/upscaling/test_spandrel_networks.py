"""Networks of others through spandrel: the same as our own where they are ours, tiles, sizes, memory, refusals."""

import hashlib
import os
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from dancheong.imaging.color import gray_of
from dancheong.imaging.files import ImageSpec
from dancheong.params import ExtraMissing, ParamError, Params
from dancheong.scenes import scene, write_scenes
from dancheong.upscaling import upscaler as module
from dancheong.upscaling.network import Compact, initialize_compact
from dancheong.upscaling.training import train_upscaler
from dancheong.upscaling.upscaler import Upscaler

pytestmark = pytest.mark.usefixtures("spandrel")


def save(network, path):
    """Weights under the names of the community: those of Compact are its layout."""
    tensors = {}
    for name, tensor in network.state_dict().items():
        if isinstance(network, Compact):
            layer, part = name.removeprefix("conv").split(".", 1)
            name = f"body.{2 * int(layer) + 1}.weight" if part == "slope" else f"body.{2 * int(layer)}.{part[5:]}"
        tensors[name] = tensor.detach().clone().contiguous()
    save_file(tensors, path)
    return path


def esrgan(scale, **size):
    from spandrel.architectures.ESRGAN import ESRGAN

    torch.manual_seed(3)
    network = ESRGAN(num_filters=8, num_blocks=1, **{"scale": scale, **size})
    # Random weights give next to nothing: let it add something to see to a gray.
    with torch.no_grad():
        last = [part for part in network.modules() if isinstance(part, torch.nn.Conv2d)][-1]
        last.weight.mul_(20)
        last.bias.fill_(0.5)
    return network


@pytest.fixture(scope="module")
def photo():
    return scene(5, 90, 61)


@pytest.fixture(scope="module")
def weights(spandrel, tmp_path_factory):
    """ESRGAN by 4, and the one of Real-ESRGAN by 2, which demands sizes that are multiples of 4."""
    folder = tmp_path_factory.mktemp("남의 신경망")
    save(esrgan(4), folder / "x4.safetensors")
    save(esrgan(4, in_nc=12, shuffle_factor=2), folder / "x2.safetensors")
    return folder


@pytest.mark.parametrize("scale", [2, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_any_size_and_depth_through_another_architecture(photo, weights, scale, dtype):
    path = weights / f"x{scale}.safetensors"
    upscaler = Upscaler.open(path, threads=1)
    assert upscaler.scale == scale
    assert upscaler.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    given = photo if dtype == np.uint8 else photo.astype(np.uint16) * 257
    for pixels in (given, gray_of(given), given[:1, :1], given[:, :3]):
        result = upscaler(pixels)
        assert result.dtype == dtype
        assert result.shape == (scale * pixels.shape[0], scale * pixels.shape[1], *pixels.shape[2:])
    assert len(np.unique(result)) > 20


def test_it_is_what_the_network_gives(photo, weights):
    network = esrgan(4).eval()
    planes = torch.from_numpy(np.moveaxis(photo, -1, 0)[None].astype(np.float32) / 255)
    with torch.no_grad():
        expected = network(planes).clamp(0, 1)[0].permute(1, 2, 0).numpy() * 255
    result = Upscaler.open(weights / "x4.safetensors", threads=1)(photo)
    np.testing.assert_allclose(result, expected, atol=0.51)


def test_a_compact_network_gives_the_same_when_it_is_taken_over(photo, tmp_path):
    network = Compact(3, 6, 2, 2)
    initialize_compact(network, 1)
    weights = save(network, tmp_path / "up.safetensors")
    write_scenes(tmp_path / "photos", 2, 1, 60, 44)
    train_upscaler(tmp_path / "photos", tmp_path / "up.h5", Params(sr_images=0, device="cpu"), init=weights)
    ours, foreign = (Upscaler.open(path, threads=1)(photo) for path in (tmp_path / "up.h5", weights))
    # Model files keep weights in half precision.
    assert np.abs(ours.astype(int) - foreign.astype(int)).max() <= 1
    assert ours.std() > 10


def test_tiles_meet_without_a_seam_that_is_seen(photo, weights, monkeypatch):
    upscaler = Upscaler.open(weights / "x4.safetensors", threads=1)
    whole = upscaler(photo)
    monkeypatch.setattr(module, "TILE_PX", 16)
    assert np.abs(upscaler(photo).astype(int) - whole.astype(int)).max() <= 1
    assert np.abs(replace(upscaler, radius_px=1)(photo).astype(int) - whole.astype(int)).max() > 1


def test_memory_is_counted_with_the_network(weights):
    extent = ImageSpec(1400, 900, True, False)
    wide = Upscaler.open(weights / "x4.safetensors")
    # Eight features of float32 at sixteen times the pixels, before and after a convolution.
    tile = (module.TILE_PX + 2 * module.FOREIGN_REACH_PX) ** 2 * 2 * 8 * 4 * 16
    assert tile < wide.bytes_needed(extent, 4) - 1400 * 900 * 3 * 17 < 5 * tile
    with pytest.raises(ParamError, match="enlarges by 4"):
        wide.bytes_needed(extent, 2)


def test_what_cannot_be_used_is_refused(tmp_path, weights):
    for scale, change, said in (
        (8, {}, "scale 8"), (1, {}, "scale 1"), (4, {"in_nc": 1, "out_nc": 1}, "1 to 1 planes"),
    ):
        save(esrgan(scale, **change), tmp_path / "n.safetensors")
        with pytest.raises(ParamError, match=rf"n\.safetensors.*{said}.*RGB"):
            Upscaler.open(tmp_path / "n.safetensors")
    broken = esrgan(4)
    with torch.no_grad():
        next(broken.parameters()).fill_(float("nan"))
    save(broken, tmp_path / "nan.safetensors")
    with pytest.raises(ParamError, match="finite"):
        Upscaler.open(tmp_path / "nan.safetensors")
    save_file({"strange": torch.zeros(3)}, tmp_path / "strange.safetensors")
    (tmp_path / "cut.safetensors").write_bytes((weights / "x4.safetensors").read_bytes()[:900])
    for name in ("strange", "cut"):
        with pytest.raises(ParamError, match=f"{name}.*not a network that can be used"):
            Upscaler.open(tmp_path / f"{name}.safetensors")
    with pytest.raises(ParamError, match="expected"):
        Upscaler.open(tmp_path / "none.safetensors")


def test_a_pickle_is_refused_with_the_line_that_converts_it(tmp_path, photo, monkeypatch):
    network = esrgan(4)
    torch.save({"params_ema": network.state_dict()}, tmp_path / "weights.pth")
    with pytest.raises(ParamError, match="pickle") as refused:
        Upscaler.open(tmp_path / "weights.pth")
    line = re.search(r'python -c "(.*)"', str(refused.value))[1]
    monkeypatch.chdir(tmp_path)
    exec(line, {})
    expected = Upscaler.open(save(network, tmp_path / "same.safetensors"))(photo)
    np.testing.assert_array_equal(Upscaler.open(tmp_path / "weights.safetensors")(photo), expected)


@pytest.mark.parametrize(("lost", "said"), [
    ("spandrel", "spandrel is not installed"), ("torch", "torch is not installed"),
])
def test_what_is_not_installed_is_named(weights, monkeypatch, lost, said):
    monkeypatch.delitem(sys.modules, "dancheong.upscaling.spandrel_networks", raising=False)
    monkeypatch.setitem(sys.modules, lost, None)
    with pytest.raises(ExtraMissing, match=rf"x2\.safetensors.*{said}.*pip install 'dancheong\[spandrel\]'"):
        Upscaler.open(weights / "x2.safetensors")


def test_what_does_not_load_is_named(weights, tmp_path):
    """A torchvision of another build than torch's raises what is no ImportError."""
    (tmp_path / "torchvision.py").write_text("raise RuntimeError('operator torchvision::nms does not exist')")
    code = (
        "import sys; from dancheong.upscaling.upscaler import Upscaler\n"
        "from dancheong.params import ExtraMissing\n"
        "assert 'torch' not in sys.modules\n"
        "try: Upscaler.open(sys.argv[1])\n"
        "except ExtraMissing as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, weights / "x2.safetensors"], capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    assert "operator torchvision::nms does not exist" in done.stdout, done.stderr
    assert "builds that go together: pip install 'dancheong[spandrel]'" in done.stdout
