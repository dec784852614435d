"""Color from elsewhere: found where it lies, laid onto the photograph's own lightness, refused where it is of another one."""

import io
import json
import subprocess
import sys

import cv2
import numpy as np
import pytest
from PIL import Image

from dancheong.imaging.color import gray_of, rgb_to_lab
from dancheong.imaging.files import read_photo, read_provenance, write_photo
from dancheong.imaging.metrics import mean_delta_e_2000
from dancheong.imaging.resize import resize
from dancheong.params import ParamError, Params
from dancheong.prediction.colored_versions import REFUSED_MISFIT, TOLD_MISFIT
from dancheong.prediction.folder import FolderOptions, apply_color_files
from dancheong.prediction.registration import register
from dancheong.scenes import write_scenes

OFF = Params(glare_mode="off")


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    """Three photographs, (h, w, 3) uint8."""
    folder = tmp_path_factory.mktemp("scenes")
    write_scenes(folder, 3, 5, 300, 200)
    return [read_photo(path).pixels for path in sorted(folder.iterdir())]


def squashed(rgb):
    """What a network of 128 x 128 px gives back, shifted by 5 px and as a JPEG."""
    data = io.BytesIO()
    Image.fromarray(resize(np.roll(rgb, 5, 1), (128, 128))).save(data, "JPEG", quality=80)
    return np.asarray(Image.open(data))


def cut_out(rgb):
    return resize(rgb[10:160, 60:260], (120, 160))


def framed(rgb):
    return np.pad(rgb, ((40, 60), (30, 30), (0, 0)), constant_values=255)


def turned(rgb):
    height, width = rgb.shape[:2]
    return cv2.warpAffine(rgb, cv2.getRotationMatrix2D((width / 2, height / 2), 1.5, 1.04), (width, height))


@pytest.mark.parametrize("change", [squashed, cut_out, framed, turned], ids=lambda change: change.__name__)
def test_color_lands_where_it_belongs(scenes, change, tmp_path):
    """Nearer to the truth than gray by far, and gray is what a version at a wrong place comes to."""
    rgb = scenes[0]
    write_photo(tmp_path / "a.png", gray_of(rgb).astype(np.uint16) * 257)
    write_photo(tmp_path / "v.png", change(rgb))
    (result,) = apply_color_files(OFF, [tmp_path / "a.png"], tmp_path / "v.png", tmp_path / "out")
    assert result.status == "ok", result.error
    colored = read_photo(result.output).pixels
    assert colored.dtype == np.uint16
    # The lightness is the photograph's own, with its 16 bits.
    assert np.abs(rgb_to_lab(colored)[..., 0] - rgb_to_lab(gray_of(rgb))[..., 0]).max() < 0.05
    there = np.s_[12:158, 62:258]
    truth, ours = rgb[there], (colored[there] // 257).astype(np.uint8)
    # 128 px and the chroma of a JPEG leave about half of the painted beams' colors.
    assert mean_delta_e_2000(ours, truth) < 0.55 * mean_delta_e_2000(gray_of(truth), truth)


def test_a_version_may_have_other_tones_but_not_show_another_place(scenes):
    darker = (255 * (scenes[0] / 255.0) ** 2).astype(np.uint8)
    assert register(gray_of(scenes[0]), darker).misfit < 0.2
    assert all(register(gray_of(scenes[0]), other).misfit > REFUSED_MISFIT for other in scenes[1:])
    assert register(gray_of(scenes[0]), scenes[0][:, ::-1]).misfit > TOLD_MISFIT  # a palace is nearly its own mirror image


def test_a_folder_is_matched_by_stem_and_each_failure_named(scenes, tmp_path):
    photos, versions = tmp_path / "gray", tmp_path / "color"
    for name, rgb in zip(("a", "b", "c", "d", "e"), (*scenes, scenes[0], scenes[1]), strict=True):
        (photos / "sub").mkdir(parents=True, exist_ok=True)
        write_photo(photos / "sub" / f"{name}.png", gray_of(rgb))
    versions.mkdir()
    write_photo(versions / "a_colored.jpg", scenes[0])
    write_photo(versions / "b.png", scenes[1])
    write_photo(versions / "c.png", scenes[0])  # another photograph
    write_photo(versions / "d.png", gray_of(scenes[0]))  # no color
    write_photo(versions / "z.png", scenes[2])
    told, manifest = [], tmp_path / "out" / "manifest.csv"
    options = FolderOptions(tell=told.append, manifest=manifest)
    results = {one.input.stem: one for one in apply_color_files(OFF, [photos], versions, tmp_path / "out", options)}
    assert {name: one.status for name, one in results.items()} == {
        "a": "ok", "b": "ok", "c": "failed", "d": "failed", "e": "failed"
    }
    assert "another photograph" in results["c"].error
    assert results["c"].misfit > REFUSED_MISFIT
    assert "gray" in results["d"].error
    assert "no colored version" in results["e"].error
    assert any("z.png" in text for text in told)
    made = read_provenance(results["a"].output)
    assert (made.model, made.source_type) == (None, "composite")
    assert made.color is not None
    assert made.original is not None
    assert b"ColorSoftware>unknown" in results["a"].output.read_bytes()
    # Again: nothing is done twice; a version that was changed is not taken for the old one.
    again = {one.input.stem: one.status for one in apply_color_files(OFF, [photos], versions, tmp_path / "out", options)}
    assert again["a"] == again["b"] == "skipped"
    write_photo(versions / "b.png", resize(scenes[1], (100, 150)))
    changed = {one.input.stem: one for one in apply_color_files(OFF, [photos], versions, tmp_path / "out", options)}
    assert "another colored version" in changed["b"].error
    with pytest.raises(ParamError, match="in one folder"):
        apply_color_files(OFF, [versions], versions, tmp_path / "out")
    with pytest.raises(ParamError, match="for 5 photographs"):
        apply_color_files(OFF, [photos], versions / "b.png", tmp_path / "out")


def test_a_painters_layer_colors_what_is_painted_and_leaves_the_rest_gray(scenes, tmp_path):
    rgb = scenes[0]
    write_photo(tmp_path / "a.png", gray_of(rgb))
    alpha = np.zeros(rgb.shape[:2], np.uint8)
    cv2.ellipse(alpha, (110, 120), (80, 50), 0, 0, 360, 255, -1)
    layers = {"paint": np.full_like(rgb, (150, 60, 50)), "erased": rgb, "another": scenes[1]}
    for name, pixels in layers.items():
        Image.fromarray(np.dstack([pixels, alpha])).save(tmp_path / f"{name}.png")
        (result,) = apply_color_files(OFF, [tmp_path / "a.png"], tmp_path / f"{name}.png", tmp_path / name)
        if name == "another":
            assert "another photograph" in (result.error or "")
            continue
        assert result.status == "ok", result.error
        assert (result.misfit is None) == (name == "paint")  # paint has no detail that could agree
        assert "painted on 21% of it; the rest stays gray" in result.notes[-1]
        chroma = np.hypot(*np.moveaxis(rgb_to_lab(read_photo(result.output).pixels)[..., 1:], -1, 0))
        assert chroma[cv2.dilate(alpha, np.ones((9, 9))) == 0].max() < 1
        wanted = rgb_to_lab(pixels)[100:140, 80:140, 1:]
        assert np.abs(rgb_to_lab(read_photo(result.output).pixels)[100:140, 80:140, 1:] - wanted).mean() < 6
    Image.fromarray(np.dstack([rgb, 0 * alpha])).save(tmp_path / "empty.png")
    (result,) = apply_color_files(OFF, [tmp_path / "a.png"], tmp_path / "empty.png", tmp_path / "empty")
    assert "nothing is painted" in (result.error or "")


def test_the_command(scenes, tmp_path):
    write_photo(tmp_path / "a.png", gray_of(scenes[0]))
    write_photo(tmp_path / "v.png", cut_out(scenes[0]))
    words = ["apply-color", tmp_path / "a.png", tmp_path / "v.png", "-o", tmp_path / "out", "--json"]
    done = subprocess.run([sys.executable, "-m", "dancheong", *map(str, words)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (record,) = json.loads(done.stdout.splitlines()[-1])["files"]
    assert record["status"] == "ok"
    assert 0 <= record["misfit"] < TOLD_MISFIT
    assert record["color"] == str(tmp_path / "v.png")
    assert "the rest stays gray" in record["notes"][0]
