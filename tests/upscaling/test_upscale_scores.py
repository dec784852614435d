"""Scores of ways to enlarge, on pictures whose truth is known."""

import importlib.util
import math
from pathlib import Path

import numpy as np
import pytest

from dancheong.imaging.files import list_photos, read_photo
from dancheong.scenes import scene, write_scenes
from dancheong.upscaling.patches import degrade

TOOL = Path(__file__).parents[2] / "tools" / "upscale_scores.py"


@pytest.fixture(scope="module")
def scores():
    """tools/upscale_scores.py as a module."""
    specification = importlib.util.spec_from_file_location("upscale_scores", TOOL)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_the_truth_itself_scores_best_and_lanczos_beats_bicubic(scores, tmp_path):
    write_scenes(tmp_path, 3, 1, 97, 64)
    truths = {}

    def oracle(small):
        return truths[small.shape, int(small.sum())]

    for path in list_photos(tmp_path):
        truth = scores.multiple_of(read_photo(path).pixels, 2)
        small = degrade(truth, 2, "clean", np.random.default_rng(1))
        truths[small.shape, int(small.sum())] = truth
    found = scores.compare({**scores.baselines(2), "oracle": oracle}, list_photos(tmp_path), 2, "clean")
    assert found["oracle"].psnr_y == 100
    assert found["oracle"].ssim_y == pytest.approx(1)
    assert found["oracle"].delta_e_2000 == 0
    assert found["oracle"].drift < 0.05
    assert 20 < found["bicubic"].psnr_y < found["lanczos"].psnr_y < 60
    assert found["bicubic"].drift > found["lanczos"].drift > found["oracle"].drift


def test_drift_sees_a_change_of_hue(scores):
    truth = scene(1, 64, 48)
    small = truth[::2, ::2]
    reddish = truth.copy()
    reddish[..., 0] = np.minimum(255, reddish[..., 0].astype(int) + 25)
    assert scores.score(reddish, truth, small).drift > scores.score(truth, truth, small).drift + 1


def test_no_photographs_give_no_number(scores):
    assert math.isnan(scores.mean_of([]).psnr_y)


def test_the_figure_shows_every_way(scores):
    picture = scores.figure(scores.baselines(2), [scene(1, 80, 60)], 2, "clean", side_px=40)
    assert picture.shape[1] >= 4 * 80
    assert picture.dtype == np.uint8
