import cv2
import numpy as np
import pytest

from dancheong.glare.areas import certainty, traits
from dancheong.glare.light import luminance_of
from dancheong.glare.simulate import add_glare
from dancheong.imaging.color import decode, linear_to_srgb

LEAST_PX = 20


@pytest.fixture(scope="module")
def glints(darkened):
    """Labels of true glints, a network that is sure of them, and what is seen."""
    pixels, truth = add_glare(darkened, 3, ["lobes", "rows"])
    _, labels, stats, _ = cv2.connectedComponentsWithStats(truth.view(np.uint8), connectivity=8)
    kept = np.append(False, stats[1:, cv2.CC_STAT_AREA] >= LEAST_PX)[labels]
    labels = cv2.connectedComponents(kept.view(np.uint8), connectivity=8)[1]
    return labels, np.where(kept, np.float32(0.99), np.float32(0.01)), linear_to_srgb(luminance_of(decode(pixels)))


def test_a_white_thing_of_the_same_outline_is_less_certain(glints):
    labels, likely, seen = glints
    glint = certainty(labels, likely, seen)
    assert glint.shape == (labels.max(),)
    assert glint.min() >= 0
    assert glint.max() <= 1
    for level in (0.8, 0.9):
        board = np.where(labels > 0, np.float32(level), seen)
        board[0, 0] = 1  # something else is the brightest
        white = certainty(labels, likely, board)
        assert np.mean(white < glint) > 0.9
        assert np.median((1 - white) / (1 - glint)) > 3


@pytest.mark.parametrize("turn", [np.fliplr, np.flipud, lambda a: a.swapaxes(0, 1)])
def test_traits_turn_with_the_picture(glints, turn):
    labels, likely, seen = glints
    # Labels are of the picture, so that the rows are in the same order.
    turned = traits(*(np.ascontiguousarray(turn(plane)) for plane in glints))
    assert turned == pytest.approx(traits(labels, likely, seen), abs=2e-3)


def test_traits_are_those_of_the_picture_at_twice_its_size(glints):
    labels, likely, seen = glints
    small = traits(labels, likely, seen)
    large = traits(*(np.repeat(np.repeat(plane, 2, axis=0), 2, axis=1) for plane in glints))
    assert large.shape == small.shape
    # Size, burnt share, likelihoods, light and picture are the same; rims are stairs, and so only near.
    same = [0, 1, 3, 4, 5, 6, 11, 12]
    assert large[:, same] == pytest.approx(small[:, same], abs=1e-3)
    assert np.abs(large - small).mean(axis=0).max() < 0.5


def test_the_stored_trees_say_what_those_say_that_were_fitted():
    pytest.importorskip("onnx")
    pytest.importorskip("torch")
    from sklearn.ensemble import HistGradientBoostingClassifier
    from train_areas import graph_of

    from dancheong.system.onnx_session import open_session

    rng = np.random.default_rng(5)
    seen = rng.normal(size=(600, 13)).astype(np.float32)
    trees = HistGradientBoostingClassifier(max_iter=12, max_leaf_nodes=5).fit(seen, seen[:, 2] * seen[:, 7] > 0.2)
    session = open_session(graph_of(trees, 0).SerializeToString(), 1, arena=True)
    (told,) = session.run(["certainty"], {"traits": seen})
    assert told[:, 0] == pytest.approx(trees.predict_proba(seen)[:, 1], abs=1e-4)
    (shifted,) = open_session(graph_of(trees, 1.0).SerializeToString(), 1, arena=True).run(["certainty"], {"traits": seen})
    assert np.log(shifted / (1 - shifted)) == pytest.approx(np.log(told / (1 - told)) + 1, abs=1e-3)
