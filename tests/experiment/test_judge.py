"""Scores against the clean truth: color alone, where it counts."""

import math

import numpy as np
import pytest

from dancheong.experiment.judge import METRICS, judge_gray, score_one, shown_photographs
from dancheong.imaging.color import as_rgb, gray_of, rgb_to_lab
from dancheong.imaging.files import write_photo
from dancheong.imaging.metrics import delta_e_2000

RNG = np.random.default_rng(3)
TRUTH = RNG.integers(40, 200, (24, 36, 3), np.uint8)
MASK = np.zeros((24, 36), bool)
MASK[4:10, 5:20] = True


def test_a_perfect_result_has_no_error_anywhere():
    scores = score_one(TRUTH, TRUTH, TRUTH, MASK)
    assert scores == {**dict.fromkeys(METRICS, 0.0), "psnr": math.inf, "ssim": pytest.approx(1.0)}


def test_wrong_lightness_is_no_error_of_color_but_is_seen():
    gray = as_rgb(gray_of(TRUTH))
    scores = score_one(as_rgb(np.full(MASK.shape, 250, np.uint8)), gray, gray, MASK)
    # Both are gray: with lightness known there is no difference left.
    assert scores["inside"] == pytest.approx(0, abs=0.2)
    assert scores["inside_seen"] > 15


def test_an_error_counts_where_it_is():
    wrong = TRUTH.copy()
    wrong[MASK] = gray_of(TRUTH)[MASK][:, None]
    scores = score_one(wrong, TRUTH, TRUTH, MASK)
    assert scores["outside"] == scores["clean"] == 0
    expected = delta_e_2000(rgb_to_lab(wrong), rgb_to_lab(TRUTH))[MASK].mean()
    assert scores["inside"] == pytest.approx(expected, rel=0.05)
    assert scores["colorfulness"] < 0
    # The clean input is scored by its own result.
    assert score_one(TRUTH, wrong, TRUTH, MASK)["clean"] == pytest.approx(expected * MASK.mean(), rel=0.05)


def test_nothing_damaged_is_no_number_inside():
    scores = score_one(TRUTH, TRUTH, TRUTH, np.zeros_like(MASK))
    assert math.isnan(scores["inside"])
    assert scores["outside"] == 0


@pytest.fixture
def test_set(tmp_path):
    for index, rows in enumerate((0, 3, 6, 12, 20)):
        mask = np.zeros(MASK.shape, np.uint8)
        mask[:rows] = 255
        for kind, pixels in (("clean", TRUTH), ("damaged", TRUTH), ("mask", mask)):
            (tmp_path / kind).mkdir(exist_ok=True)
            write_photo(tmp_path / kind / f"{4 - index:05d}.png", pixels)
    return tmp_path


def test_photographs_are_shown_by_their_damage_and_not_by_a_result(test_set):
    assert shown_photographs(test_set, 2) == ["00002.png", "00000.png"]
    assert shown_photographs(test_set, 1) == ["00002.png"]
    assert len(shown_photographs(test_set, 9)) == 3


def test_the_gray_input_is_scored_in_the_order_of_names(test_set):
    scores = judge_gray(test_set)
    assert set(scores) == set(METRICS)
    assert [math.isnan(value) for value in scores["inside"]] == [False, False, False, False, True]
    assert all(value > 5 for value in scores["clean"])
