"""Enlarging with a model file: sizes, depths, no seams, the photograph's own colors, refusals."""

import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import sklearn.datasets

from dancheong.artifact import Artifact, ArtifactError, write_artifact
from dancheong.imaging.color import float01, gray_of, rgb_to_lab, to_pixels
from dancheong.imaging.metrics import mean_delta_e_2000, psnr
from dancheong.models.table import Row, Table, compact_table, unet_table
from dancheong.params import Params
from dancheong.scenes import scene
from dancheong.training.trainer import network_fields
from dancheong.upscaling import upscaler as module
from dancheong.upscaling.network import Compact, initialize_compact
from dancheong.upscaling.patches import BICUBIC, LANCZOS, degrade, resampled
from dancheong.upscaling.upscaler import Upscaler, open_artifact, shipped


def made(channels=1, scale=2, layers=2, seed=1):
    network = Compact(channels, 6, layers, scale)
    initialize_compact(network, seed)
    return Artifact(
        kind="upscaler", params=Params(sr_scale=str(scale)), origins={}, category="COMMON", history=[], data={}, scores={},
        **network_fields(network, 24, 0),
    )


def opened(artifact):
    return open_artifact(artifact, threads=1)


@pytest.fixture(scope="module")
def photo():
    return scene(5, 90, 61)


@pytest.mark.parametrize("scale", [2, 4])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_size_depth_and_color_come_out_as_they_went_in(photo, channels, scale, dtype):
    upscaler = opened(made(channels, scale))
    given = photo if dtype == np.uint8 else photo.astype(np.uint16) * 257
    for pixels in (given, gray_of(given), given[:1, :1], given[:, :3]):
        result = upscaler(pixels)
        assert result.dtype == dtype
        assert result.shape == (scale * pixels.shape[0], scale * pixels.shape[1], *pixels.shape[2:])


@pytest.mark.parametrize("channels", [1, 3])
def test_tiles_meet_without_a_seam(photo, channels, monkeypatch):
    upscaler = opened(made(channels, layers=5))
    deep = photo.astype(np.uint16) * 257
    whole = upscaler(deep)
    monkeypatch.setattr(module, "TILE_PX", 16)
    monkeypatch.setattr(module, "STRIP_PIXELS", 700)
    difference = np.abs(upscaler(deep).astype(int) - whole.astype(int))
    # Far below one of 256 levels, which is 257 here.
    assert difference.max() <= 4
    # A seam would be seen: this is what too little overlap does.
    assert np.abs(replace(upscaler, radius_px=1)(deep).astype(int) - whole.astype(int)).max() > 257


def test_sixteen_bits_are_not_made_of_eight(photo):
    result = opened(made())(photo.astype(np.uint16) * 257)
    assert len(np.unique(result)) > 1000


def test_colors_stay(photo):
    """Whatever the network does to lightness, a* and b* are the photograph's: of gray lightness comes no color."""
    result = opened(made())(photo)
    again = to_pixels(resampled(float01(result), photo.shape[:2], BICUBIC), np.uint8)
    plain = resampled(float01(photo), result.shape[:2], BICUBIC)
    assert mean_delta_e_2000(again, photo) < mean_delta_e_2000(photo, np.roll(photo, 3, axis=1))
    means = [rgb_to_lab(picture)[..., 1:].mean(axis=(0, 1)) for picture in (result, plain)]
    assert abs(np.arctan2(*means[0]) - np.arctan2(*means[1])) < 0.1


@pytest.mark.parametrize("how", ["clean", "realistic"])
def test_what_comes_along_beats_lanczos_on_a_photograph_that_it_has_not_seen(how):
    truth = np.ascontiguousarray(sklearn.datasets.load_sample_image("china.jpg")[100:400, 120:520])
    small = degrade(truth, 2, how, np.random.default_rng(1))
    given = [float01(small), truth.shape[:2]]
    lanczos, bicubic = (to_pixels(resampled(*given, kernel), np.uint8) for kernel in (LANCZOS, BICUBIC))
    result = shipped(threads=1)(small)
    scores = [psnr(gray_of(picture), gray_of(truth)) for picture in (result, lanczos, bicubic)]
    assert scores[0] > scores[1] + 0.1 > scores[2] + 0.1
    if how == "clean":
        again = to_pixels(resampled(float01(result), small.shape[:2], BICUBIC), np.uint8)
        assert mean_delta_e_2000(again, small) < 1


def test_a_file_of_another_kind_and_a_broken_one_are_refused(tmp_path):
    with pytest.raises(ArtifactError, match="an upscaler was expected"):
        opened(replace(made(), kind="colorizer"))
    plain = Row(name="conv0", kind="conv", inputs=("input",), c_in=1, c_out=1)
    for table in (
        compact_table(1, 6, 2, 3), compact_table(2, 6, 2, 2), compact_table(1, 6, 2, 4), compact_table(3, 6, 2, 2),
        unet_table(Params(depth=2), 1, 1), Table(1, (plain,)),
    ):
        with pytest.raises(ArtifactError, match="train it again"):
            opened(replace(made(), architecture=table))
    artifact = made()
    write_artifact(tmp_path / "up.h5", replace(artifact, selftest_output=artifact.selftest_output + 0.01))
    with pytest.raises(ArtifactError, match=r"up\.h5.*self-test"):
        Upscaler.open(tmp_path / "up.h5")


def test_what_is_no_photograph_is_refused(photo):
    upscaler = opened(made())
    with pytest.raises(ValueError, match="uint8 or uint16"):
        upscaler(float01(photo))
    for pixels in (photo[..., :2], photo[:0], photo[None]):
        with pytest.raises(ValueError, match=r"\(h, w\)"):
            upscaler(pixels)


def test_no_torch_is_needed(tmp_path):
    write_artifact(tmp_path / "up.h5", made())
    code = (
        "import sys; sys.modules['torch'] = None; sys.modules['onnx'] = None\n"
        "import numpy as np; from dancheong.upscaling.upscaler import Upscaler\n"
        f"print(Upscaler.open({str(tmp_path / 'up.h5')!r})(np.zeros((5, 6, 3), np.uint8)).shape)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "(10, 12, 3)", done.stderr


def test_memory_is_foretold():
    """What the process that enlarges grows by, at its peak, stays below what is foretold, and not far below."""
    code = (
        "import sys; from pathlib import Path; import numpy as np\n"
        "from dancheong.upscaling.upscaler import Upscaler\n"
        "from dancheong.prediction.memory import ImageSpec\n"
        "upscaler = Upscaler.open(sys.argv[1], threads=1)\n"
        "def resident(name):\n"
        "    lines = Path('/proc/self/status').read_text().splitlines()\n"
        "    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name + ':'))\n"
        "pixels = np.zeros((900, 1400, 3), np.uint8); upscaler(pixels[:50, :50])\n"
        "pixels += 1; before = resident('VmRSS') - pixels.nbytes\n"
        "Path('/proc/self/clear_refs').write_text('5')  # the peak begins anew\n"
        "upscaler(pixels)\n"
        "print((resident('VmHWM') - before) / upscaler.bytes_needed(ImageSpec(1400, 900, True, False), 2))"
    )
    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("there is no /proc to see the memory in")
    with tempfile.TemporaryDirectory() as folder:
        write_artifact(Path(folder) / "up.h5", made())
        done = subprocess.run([sys.executable, "-c", code, f"{folder}/up.h5"], capture_output=True, text=True, check=False)
    assert 0.15 < float(done.stdout) < 1.1, done.stderr
