"""Photographs of one picture are found however they were treated, and others are not taken for it."""

import cv2
import numpy as np
import pytest

from dancheong.data.near_duplicates import find_alike, likeness, perceptual_hash
from dancheong.imaging.color import gray_of
from dancheong.imaging.resize import resize
from dancheong.scenes import scene

SCENES = [scene(seed, 160, 120) for seed in range(8)]
LIKENESSES = [likeness(pixels) for pixels in SCENES]

TREATMENTS = {
    "none": lambda rgb: rgb,
    "gray": gray_of,
    "16 bit": lambda rgb: rgb.astype(np.uint16) * 257,
    "half": lambda rgb: resize(rgb, (60, 80)),
    "squeezed": lambda rgb: resize(rgb, (120, 120)),
    "compressed": lambda rgb: cv2.imdecode(cv2.imencode(".jpg", rgb, [cv2.IMWRITE_JPEG_QUALITY, 30])[1], cv2.IMREAD_COLOR),
    "brightened": lambda rgb: np.clip(rgb * 1.2 + 8, 0, 255).astype(np.uint8),
    "darkened": lambda rgb: np.rint(255 * (rgb / 255) ** 1.5).astype(np.uint8),
    "noisy": lambda rgb: np.clip(rgb + np.random.default_rng(1).normal(0, 10, rgb.shape), 0, 255).astype(np.uint8),
    "cropped": lambda rgb: rgb[3:-3, 4:-4],
}


@pytest.mark.parametrize("treatment", TREATMENTS)
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_treated_copy_is_found_among_others(treatment, mirrored):
    copies = [likeness(np.ascontiguousarray(TREATMENTS[treatment](rgb[:, ::-1] if mirrored else rgb))) for rgb in SCENES]
    matches = find_alike(copies, LIKENESSES)
    assert [(match.index, match.other, match.mirrored) for match in matches] == [(i, i, mirrored) for i in range(len(SCENES))]


def test_different_photographs_are_not_alike():
    assert find_alike(LIKENESSES) == []
    assert find_alike(LIKENESSES[:4], LIKENESSES[4:]) == []


def test_of_n_copies_all_but_the_first_are_named():
    looks = [LIKENESSES[0], LIKENESSES[1], *(likeness(TREATMENTS[name](SCENES[0])) for name in ("half", "gray", "noisy"))]
    matches = find_alike(looks)
    assert [match.index for match in matches] == [2, 3, 4]
    assert all(match.other in (0, 2, 3) and match.other < match.index for match in matches)
    assert matches[1].bits == 0


def test_nothing_to_compare():
    assert find_alike([]) == find_alike([], LIKENESSES) == find_alike(LIKENESSES, []) == find_alike(LIKENESSES[:1]) == []


def test_plain_pictures_are_alike_only_in_the_same_tone():
    white, paper, black = (likeness(np.full((40, 50), level, np.uint8)) for level in (255, 254, 0))
    assert [(match.index, match.other) for match in find_alike([white, black, paper])] == [(2, 0)]


def test_the_hash_is_the_one_of_its_definition():
    gray = np.asarray(np.random.default_rng(3).integers(0, 256, (32, 32)), np.float32)
    steps = np.arange(32)
    cosines = np.cos(np.pi / 32 * np.outer(np.arange(8), steps + 0.5))
    spectrum = cosines @ gray @ cosines.T
    assert np.array_equal(perceptual_hash(gray), (spectrum > np.median(spectrum)).ravel())


def test_more_photographs_than_are_compared_at_once():
    rng = np.random.default_rng(5)
    noise = [likeness(rng.integers(0, 256, (32, 32), np.uint8)) for _ in range(600)]
    matches = find_alike([*noise, noise[10], noise[590]])
    assert [(match.index, match.other) for match in matches] == [(600, 10), (601, 590)]
