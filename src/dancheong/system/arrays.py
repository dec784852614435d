"""Kinds of arrays, as annotations name them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Pixels = Array  # of a photograph: (h, w) or (h, w, 3), uint8 or uint16 where nothing else is said
Float32 = NDArray[np.float32]
