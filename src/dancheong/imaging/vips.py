"""Arrays to images of libvips and back, without a copy."""

from typing import Any

import numpy as np
import pyvips
from numpy.typing import NDArray

_FORMATS = {"u1": "uchar", "u2": "ushort", "f4": "float"}
_TYPES = {
    "uchar": "u1", "char": "i1", "ushort": "u2", "short": "i2", "uint": "u4", "int": "i4", "float": "f4", "double": "f8",
}
_INTERPRETATIONS = {("uchar", 1): "b-w", ("ushort", 1): "grey16", ("uchar", 3): "srgb", ("ushort", 3): "rgb16"}


def as_image(pixels: NDArray[Any]) -> Any:
    """An image on the memory of an array (h, w) or (h, w, bands) of uint8, uint16 or float32."""
    pixels = np.ascontiguousarray(pixels)
    bands = 1 if pixels.ndim == 2 else pixels.shape[2]
    kind = _FORMATS[pixels.dtype.str[1:]]
    data = pixels.reshape(-1).view(np.uint8)
    image = pyvips.Image.new_from_memory(data, pixels.shape[1], pixels.shape[0], bands, kind)
    return image.copy(interpretation=_INTERPRETATIONS.get((kind, bands), "multiband"))


def as_pixels(image: Any) -> NDArray[Any]:
    """The pixels of an image, computed here: (h, w) or (h, w, bands)."""
    shape = (image.height, image.width) if image.bands == 1 else (image.height, image.width, image.bands)
    return np.ndarray(shape, _TYPES.get(image.format, image.format), image.write_to_memory())
