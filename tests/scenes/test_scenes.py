"""The built-in scenes: the same for the same seed, of every size, colorful, and lit as asked."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from dancheong.imaging.color import rgb_to_lab
from dancheong.imaging.files import read_photo
from dancheong.imaging.metrics import colorfulness
from dancheong.scenes import scene, write_scenes
from dancheong.scenes.table import TABLE


def test_same_seed_same_bytes() -> None:
    assert np.array_equal(scene(5, 96, 64), scene(5, 96, 64))


def test_seeds_differ() -> None:
    small = [scene(seed, 48, 32).astype(float) for seed in range(8)]
    for index, one in enumerate(small):
        for other in small[index + 1 :]:
            assert np.abs(one - other).mean() > 5


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 9), (17, 5), (33, 65), (64, 64), (120, 80), (701, 40)])
def test_any_size(width: int, height: int) -> None:
    for seed in range(3):
        picture = scene(seed, width, height)
        assert picture.shape == (height, width, 3)
        assert picture.dtype == np.uint8


def test_every_kind_of_scene_draws_at_every_light(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, row in dict(TABLE["scenes"]).items():
        monkeypatch.setitem(TABLE, "scenes", {name: row})
        for seed, light in enumerate(TABLE["hours"]):
            assert scene(seed, 36, 24, light).std() > 15, (name, light)


def test_a_large_picture_computed_in_parts_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = scene(6, 96, 64)
    monkeypatch.setattr("dancheong.scenes.BAND_PX", 96 * 25 * 20)
    assert np.abs(scene(6, 96, 64).astype(int) - whole).max() <= 2


def test_the_sun_casts_shadows() -> None:
    """The sun of the day leaves parts of a scene in shadow, which an overcast sky does not."""
    pictures = [[rgb_to_lab(scene(seed, 72, 48, light))[24:, :, 0] for seed in range(10, 14)] for light in ("day", "overcast")]
    day, overcast = (np.median([lightness.std() for lightness in of]) for of in pictures)
    assert day > 1.15 * overcast


def test_size_does_not_change_the_composition() -> None:
    for seed in (3, 14, 102):
        large, small = scene(seed, 288, 192), scene(seed, 96, 64)
        shrunk = cv2.resize(large, (96, 64), interpolation=cv2.INTER_AREA)
        blurred = [cv2.GaussianBlur(picture.astype(np.float32), (0, 0), 2) for picture in (shrunk, small)]
        assert np.abs(blurred[0] - blurred[1]).mean() < 5


def test_scenes_have_color() -> None:
    values = [colorfulness(scene(seed, 96, 64)) for seed in range(14)]
    assert np.median(values) > 25
    assert min(values) > 8


def test_dusk_is_darker_than_day_and_its_sky_warmer() -> None:
    day, dusk = (np.array([rgb_to_lab(scene(seed, 72, 48, light)) for seed in range(8)]) for light in ("day", "dusk"))
    lightness = [labs[..., 0].mean(axis=(1, 2)) for labs in (day, dusk)]
    assert np.median(lightness[0] - lightness[1]) > 8
    red = [labs[:, :12, :, 1].mean(axis=(1, 2)) for labs in (day, dusk)]
    assert np.median(red[1] - red[0]) > 5


@pytest.mark.parametrize(("seed", "width", "height"), [(-1, 8, 8), (0, 0, 8), (0, 8, -2)])
def test_impossible_requests_are_refused(seed: int, width: int, height: int) -> None:
    with pytest.raises(ValueError, match="expected a seed of 0 or more"):
        scene(seed, width, height)


def test_unknown_light_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown light 'noon'"):
        scene(0, 8, 8, "noon")


def test_write_scenes_writes_what_scene_draws(tmp_path: Path) -> None:
    paths = write_scenes(tmp_path / "made" / "here", 3, 40, 60, 40)
    assert [path.name for path in paths] == ["scene_00040.png", "scene_00041.png", "scene_00042.png"]
    for seed, path in enumerate(paths, 40):
        assert np.array_equal(read_photo(path).pixels, scene(seed, 60, 40))
