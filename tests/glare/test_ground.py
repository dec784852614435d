import numpy as np
import pytest

from dancheong.glare.ground import push_pull


def test_known_values_stay_and_a_ramp_is_continued():
    y, x = np.mgrid[:100, :160].astype(np.float32)
    ramp = x / 160 - y / 50
    weight = np.ones((100, 160), np.float32)
    weight[30:70, 50:100] = 0
    filled = push_pull(np.where(weight > 0, ramp, 99).astype(np.float32), weight)
    assert np.array_equal(filled[weight > 0], ramp[weight > 0])
    assert np.abs(filled - ramp).max() < 0.15
    assert np.abs(filled - ramp)[weight == 0].mean() < 0.05


def test_a_fill_stays_between_what_is_known():
    rng = np.random.default_rng(0)
    values = rng.random((77, 53, 3)).astype(np.float32)
    weight = (rng.random((77, 53)) > 0.7).astype(np.float32)
    filled = push_pull(values, weight)
    assert filled.shape == values.shape
    known = values[weight > 0]
    assert filled.min() >= known.min() - 1e-5
    assert filled.max() <= known.max() + 1e-5


def test_a_fill_stays_below_what_is_seen():
    """A bright sky over a dark eave, all of it unknown but the sky's far end: what is seen of the eave holds the fill down."""
    seen = np.full((64, 64), 0.9, np.float32)
    seen[40:] = 0.2
    weight = np.zeros((64, 64), np.float32)
    weight[:8] = 1
    filled = push_pull(seen, weight, seen)
    assert (filled <= seen + 1e-6).all()
    assert push_pull(seen, weight)[50:].min() > 0.8
    assert filled[8:30].mean() > 0.6


@pytest.mark.parametrize("shape", [(1, 7), (2, 2), (5, 1), (3, 400)])
def test_one_known_value_fills_everything(shape):
    weight = np.zeros(shape, np.float32)
    weight[0, 0] = 1
    filled = push_pull(np.full(shape, 7, np.float32), weight)
    assert filled == pytest.approx(np.full(shape, 7), abs=1e-4)


def test_nothing_known_is_refused():
    with pytest.raises(ValueError, match="every pixel is masked"):
        push_pull(np.zeros((4, 4), np.float32), np.zeros((4, 4), np.float32))
