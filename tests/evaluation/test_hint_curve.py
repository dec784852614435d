"""A person who knows the truth makes the result better, hint by hint."""

import pytest

from dancheong.artifact import write_artifact
from dancheong.evaluation.curves import hint_curve
from dancheong.imaging.files import write_photo
from dancheong.params import ParamError
from dancheong.prediction.colorizer import Colorizer
from dancheong.scenes import scene


def test_each_hint_leaves_less_error_and_none_is_the_model_itself(tmp_path):
    for seed in (4, 5):
        write_photo(tmp_path / f"{seed}.png", scene(seed, 256, 192))
    colorizer = Colorizer.open(threads=1, GLARE_MODE="off")
    none, few, many = hint_curve(colorizer, tmp_path, (0, 3, 12))
    assert none.by_chance == none.where_wrong
    for person in ("by_chance", "where_wrong"):
        assert getattr(none, person) > getattr(few, person) > getattr(many, person)
    assert many.where_wrong < 0.9 * none.where_wrong



def test_a_model_that_repaints_has_no_curve(tmp_path, new_artifact):
    write_artifact(tmp_path / "rgb.h5", new_artifact(color_space="RGB"))
    with pytest.raises(ParamError, match="COLOR_SPACE"):
        hint_curve(Colorizer.open(tmp_path / "rgb.h5"), tmp_path, (0, 3))
