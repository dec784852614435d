"""Old plates: what the emulsion sees, and what time does to it."""

import numpy as np

from dancheong.data.old_plates import as_old_plate
from dancheong.imaging.color import gray_of


def tones(color, seeds=30):
    """Mean code of a flat color on plates of several seeds."""
    truth = np.broadcast_to(np.array(color, np.uint8), (64, 64, 3)).copy()
    return np.array([as_old_plate(gray_of(truth), truth, np.random.default_rng(seed)).mean() for seed in range(seeds)])


def test_red_is_dark_and_blue_is_light_on_every_plate():
    red, blue, gray = (200, 60, 40), (90, 130, 220), (124, 124, 124)
    assert np.all(tones(red) < tones(gray))
    assert np.all(tones(blue) > tones(gray))
    # An eye sees the red one nearly as light as the gray one, and the blue one hardly lighter.
    eyes = [int(gray_of(np.array([[color]], np.uint8))[0, 0]) for color in (red, gray, blue)]
    assert tones(gray).mean() - tones(red).mean() > 2 * (eyes[1] - eyes[0])


def test_neutral_steps_keep_their_order_and_lose_contrast():
    steps = np.repeat(np.linspace(20, 240, 6).astype(np.uint8), 16)
    truth = np.broadcast_to(steps[None, :, None], (96, 96, 3)).copy()
    for seed in range(20):
        plate = as_old_plate(truth[..., 0].copy(), truth, np.random.default_rng(seed))
        seen = np.array([np.median(plate[:, 16 * step + 4 : 16 * step + 12]) for step in range(6)])
        assert np.all(np.diff(seen) > 0)
        assert np.ptp(seen) <= np.ptp(steps) * 1.05


def test_a_plate_depends_on_its_numbers_alone():
    truth = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    one, again, other = (as_old_plate(gray_of(truth), truth, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
