"""Tones, masks and tiles, as arrays."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dancheong.app.web import pictures
from dancheong.app.web.pictures import TILE_PX, draw_mask, tile, tone_matrix, toned
from dancheong.app.web.visits import Photograph, Stroke, Tone, Visits
from dancheong.imaging.color import decode, gray_of, luminance
from dancheong.imaging.files import read_photo, write_photo
from dancheong.scenes import scene

tones = st.builds(Tone, strength=st.floats(0, 2), warmth=st.floats(-1, 1))


@given(tones, st.tuples(*[st.floats(0, 1)] * 3))
def test_a_tone_keeps_the_luminance_of_every_color(tone, color):
    linear = np.array([[color]], np.float32)
    assert luminance(linear @ tone_matrix(tone).T) == pytest.approx(luminance(linear), abs=1e-5)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_no_strength_is_gray_full_strength_the_photograph_and_warmth_goes_from_blue_to_orange(dtype):
    photo = (scene(3, 64, 48).astype(dtype) * (257 if dtype == np.uint16 else 1)).astype(dtype)
    one = np.iinfo(dtype).max / 255
    gray = toned(photo, Tone(strength=0))
    assert np.ptp(gray.astype(int), axis=2).max() <= one
    assert np.abs(gray[..., 0].astype(int) - gray_of(photo)).max() <= one
    assert np.abs(toned(photo, Tone(strength=1.0, warmth=0)).astype(int) - photo).max() <= one
    cold, warm = (toned(photo, Tone(warmth=warmth)).mean(axis=(0, 1)) for warmth in (-1, 1))
    assert warm[0] > cold[0]
    assert warm[2] < cold[2]


def test_more_strength_is_more_chroma():
    spreads = [np.ptp(decode(toned(scene(3, 64, 48), Tone(strength=k))), axis=2).mean() for k in (0.5, 1, 1.5)]
    assert spreads[0] < spreads[1] < spreads[2]


def test_strokes_lie_over_the_mask_where_they_were_drawn_and_the_last_is_on_top():
    found = np.full((100, 200), 100, np.uint8)
    strokes = [
        Stroke(glare=True, radius=0.05, points=[(0.25, 0.5), (0.75, 0.5)]),
        Stroke(glare=False, radius=0.05, points=[(0.5, 0.5)]),
    ]
    mask = draw_mask(found, strokes)
    assert (mask[50, 60], mask[50, 100], mask[50, 140], mask[10, 10]) == (255, 0, 255, 100)
    # as wide as the brush: 5 % of 200 px to each side
    column = mask[:, 60] == 255
    assert 18 <= column.sum() <= 22
    assert abs(np.flatnonzero(column).mean() - 49.5) <= 1
    assert (found == 100).all()


def test_tiles_of_each_level_are_the_photograph(tmp_path):
    photo = cv2.resize(scene(5, 300, 200), (1300, 700))
    visits = Visits(tmp_path, 10**9)
    with visits.change(visits.visit("a" * 24)) as visit:
        one = visit.put(Photograph(number=1, name="p.png", source="in/p.png", width_px=1300, height_px=700))
    one.path("source").parent.mkdir(parents=True)
    write_photo(one.path("source"), photo)
    for level in (0, 1, 2):
        size = -(-1300 // 2**level), -(-700 // 2**level)
        expected = cv2.resize(photo, size, interpolation=cv2.INTER_AREA)
        whole = np.zeros_like(expected)
        for row in range(-(-size[1] // TILE_PX)):
            for column in range(-(-size[0] // TILE_PX)):
                part = read_photo(tile(one, "before", level, column, row)).pixels
                whole[row * TILE_PX :, column * TILE_PX :][: part.shape[0], : part.shape[1]] = part
        assert np.abs(whole.astype(int) - expected).mean() < 3
    for missing in (("before", 0, 3, 0), ("before", 30, 0, 0), ("after", 0, 0, 0)):
        with pytest.raises(pictures.Refused):
            tile(one, *missing)
