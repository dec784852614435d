"""The paper's table repeated, and the predictor that shows what it proves."""

import numpy as np
import pytest

from dancheong.experiment.arms import ARMS, arm_params
from dancheong.experiment.one_run import Result
from dancheong.experiment.table_4 import LOSSES, record, repeat_the_gray, table_4
from dancheong.imaging.color import gray_of
from dancheong.imaging.files import read_photo, write_photo
from dancheong.params import Params
from dancheong.scenes import write_scenes

BY_NAME = {arm.name: arm for arm in ARMS}


def result(**final):
    return Result("key", "version", 1.0, 8, 4, {}, {}, final)


def test_changes_are_paired_by_seed():
    with_filter = [result(d_real=0.3, g=3.0, l1=0.02), result(d_real=0.6, g=6.0, l1=0.05)]
    without = [result(d_real=0.4, g=4.0, l1=0.04), result(d_real=0.8, g=8.0, l1=0.1)]
    rows = {row.name: row for row in table_4(with_filter, without)}
    assert list(rows) == ["d_real", "g", "l1"]
    # The same relative change in both seeds, however far the seeds are apart.
    assert rows["g"].change.mean == pytest.approx(-0.25)
    assert rows["g"].change.half == pytest.approx(0, abs=1e-9)
    assert rows["g"].with_filter.mean == pytest.approx(4.5)
    told = record(list(rows.values()), {"filtered": {"own": 1.0}})
    assert told["g"]["paper"] == {"with_filter": 3.04149, "without": 4.03307}
    assert told["l1"]["paper"] is None


def test_the_papers_changes_are_those_of_its_table():
    assert [round(LOSSES[name].paper_change or 0, 3) for name in ("d_real", "d_fake", "g", "l1")] == [-0.131, -0.046, -0.246, 0]


def test_repeating_the_gray_is_right_about_gray_pictures_and_changes_with_the_target(tmp_path):
    write_scenes(tmp_path / "color", 2, 1, 64, 48)
    (tmp_path / "gray").mkdir()
    for file in (tmp_path / "color").iterdir():
        gray = gray_of(read_photo(file).pixels)
        write_photo(tmp_path / "gray" / file.name, np.dstack([gray] * 3))
    base = Params(resol=32, predict_resol=32)
    untreated, paper = (arm_params(base, BY_NAME[name], 0) for name in ("B", "C"))
    assert repeat_the_gray(tmp_path / "gray", untreated)["rgb"] == pytest.approx(0, abs=0.005)
    plain, filtered = (repeat_the_gray(tmp_path / "color", params) for params in (untreated, paper))
    assert plain["rgb"] > 0.02
    assert abs(filtered["rgb"] / plain["rgb"] - 1) > 0.02
    # The own space is the arms': with RGB both are one.
    in_rgb = repeat_the_gray(tmp_path / "color", untreated.model_copy(update={"color_space": "RGB"}))
    assert in_rgb["own"] == in_rgb["rgb"] == plain["rgb"]
