"""More VIVID is more color, and the curve says what it costs."""

import numpy as np
import pytest

from dancheong.evaluation.curves import PHOTOGRAPHS, trade
from dancheong.imaging.files import write_photo
from dancheong.params import ParamError, Params
from dancheong.prediction.colorizer import Colorizer, Predicted
from dancheong.scenes import scene

WARM = np.array([0.03, 0.12], np.float32)


class Warm(Colorizer):
    """Answers with one warm chroma everywhere."""

    def __init__(self, **rows):
        self.params = Params(resol=16, glare_mode="off", **rows)

    def predict(self, input_hwc):
        height, width = input_hwc.shape[:2]
        return Predicted(np.broadcast_to(WARM, (height, width, 2)), input_hwc[..., 0].astype(np.float32) / 2.55)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    for seed in range(3):
        write_photo(folder / f"{seed}.png", scene(seed, 40, 30))
    return folder


def test_the_curve_runs_from_gray_to_too_much(photos):
    colorizer = Warm()
    points = trade(colorizer, photos, (0.0, 0.5, 1.0, 3.0))
    colors = [point.colorfulness for point in points]
    assert colors[0] == pytest.approx(0, abs=0.5)
    assert colors == sorted(colors)
    assert colorizer.params.vivid == 1.0
    assert len({point.colorfulness_truth for point in points}) == 1
    # Far too much color is farther from the truth's histograms, and worse, than some.
    assert points[3].chroma_wasserstein > points[1].chroma_wasserstein
    assert points[3].delta_e_2000 > points[1].delta_e_2000


def test_a_large_folder_is_looked_at_in_part(photos, monkeypatch):
    monkeypatch.setattr("dancheong.evaluation.curves.PHOTOGRAPHS", 2)
    seen = []
    trade(Warm(), photos, (1.0,), lambda done, total: seen.append((done, total)))
    assert seen == [(1, 2), (2, 2)]
    assert PHOTOGRAPHS > 2


def test_a_model_that_repaints_everything_is_refused(photos):
    with pytest.raises(ParamError, match="COLOR_SPACE=RGB"):
        trade(Warm(color_space="RGB"), photos)
