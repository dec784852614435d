from typing import Any

import numpy as np
import pytest
import skimage.data
import sklearn.datasets
from numpy.typing import NDArray

from dancheong.imaging.color import decode, linear_to_srgb, to_pixels
from dancheong.scenes import scene


@pytest.fixture(scope="session")
def china() -> NDArray[Any]:
    """A pavilion of the Summer Palace, 427 x 640 RGB."""
    return sklearn.datasets.load_sample_image("china.jpg")


@pytest.fixture(scope="session")
def photographs(china: NDArray[Any]) -> list[NDArray[Any]]:
    """Color and gray, several sizes, one of 16 bits, and a built-in scene."""
    coffee, cat, camera = skimage.data.coffee(), skimage.data.chelsea(), skimage.data.camera()
    return [china, coffee[:301, :451], cat, camera[:255, :301], cat[::2, ::2].astype(np.uint16) * 257, scene(3, 241, 160)]


@pytest.fixture(scope="session")
def darkened(china: NDArray[Any]) -> NDArray[Any]:
    """The pavilion with room for light: .75 of it."""
    return to_pixels(linear_to_srgb(decode(china) * np.float32(0.75)), np.uint8)
