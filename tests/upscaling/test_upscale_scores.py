"""Scores of ways to enlarge, on pictures whose truth is known."""

import math

import numpy as np
import pytest

from dancheong.evaluation.upscale import baselines, compare, figure, mean_of, multiple_of, score
from dancheong.imaging.files import list_photos, read_photo
from dancheong.scenes import scene, write_scenes
from dancheong.upscaling.degrade import degrade


def test_the_truth_itself_scores_best_and_lanczos_beats_bicubic(tmp_path):
    write_scenes(tmp_path, 3, 1, 97, 64)
    truths = {}

    def oracle(small):
        return truths[small.shape, int(small.sum())]

    for path in list_photos(tmp_path):
        truth = multiple_of(read_photo(path).pixels, 2)
        small = degrade(truth, 2, "clean", np.random.default_rng(1))
        truths[small.shape, int(small.sum())] = truth
    found = compare({**baselines(2), "oracle": oracle}, list_photos(tmp_path), 2, "clean")
    assert found["oracle"].psnr_y == 100
    assert found["oracle"].ssim_y == pytest.approx(1)
    assert found["oracle"].delta_e_2000 == 0
    assert found["oracle"].drift < 0.05
    assert 20 < found["bicubic"].psnr_y < found["lanczos"].psnr_y < 60
    assert found["bicubic"].drift > found["lanczos"].drift > found["oracle"].drift


def test_drift_sees_a_change_of_hue():
    truth = scene(1, 64, 48)
    small = truth[::2, ::2]
    reddish = truth.copy()
    reddish[..., 0] = np.minimum(255, reddish[..., 0].astype(int) + 25)
    assert score(reddish, truth, small).drift > score(truth, truth, small).drift + 1


def test_no_photographs_give_no_number():
    assert math.isnan(mean_of([]).psnr_y)


def test_the_figure_shows_every_way():
    picture = figure(baselines(2), [scene(1, 80, 60)], 2, "clean", side_px=40)
    assert picture.shape[1] >= 4 * 80
    assert picture.dtype == np.uint8
