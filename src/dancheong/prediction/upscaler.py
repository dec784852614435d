"""up.h5 -> a callable that enlarges a photograph by 2 or 4, in tiles, with the colors that it has."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dancheong.artifact import Artifact, ArtifactError, read_artifact
from dancheong.data.patches import planes_of
from dancheong.imaging.color import lab_to_rgb, lightness_of, rgb_to_lab, to_pixels
from dancheong.imaging.resize import guided_upsampler
from dancheong.imaging.tiling import strips
from dancheong.prediction.network import open_network

Pixels = NDArray[Any]
FloatArray = NDArray[np.float32]

TILE_PX = 192
# A strip of the result that is colored at once, as in `dancheong.prediction.finish`.
STRIP_PIXELS = 1 << 16

CHROMA_BYTES = 100


class Upscaler:
    """Enlarges photographs of any size; holds the network of one model file. Made with `Upscaler.open`.

    Where the network takes luminance, the lightness of the result is the network's, and its chroma is the photograph's own,
    brought to the new size along the edges of the new lightness. Where it takes RGB, all of the result is the network's.

    Attributes:
        scale: 2 or 4.
        digest: identifies the model's content.
    """

    def __init__(self, artifact: Artifact, threads: int | None = None) -> None:
        if artifact.kind != "upscaler":
            raise ArtifactError(f"an upscaler was expected, the model is of kind {artifact.kind!r}: give another file")
        self.params, self.digest = artifact.params, artifact.digest
        self._channels, self._radius_px, self.scale = _shape(artifact.architecture)
        self._network = open_network(artifact, "onnx", threads)

    @classmethod
    def open(cls, path: str | Path, *, threads: int | None = None) -> "Upscaler":
        """Open what `dancheong train-upscaler` wrote, check it and run its self-test.

        Args:
            threads: of one prediction; None: the runtime's own choice.

        Raises:
            ArtifactError: the file cannot be trusted, is of another kind, or the self-test failed.
        """
        artifact = read_artifact(path)
        try:
            return cls(artifact, threads)
        except ArtifactError as error:
            raise ArtifactError(f"{path}: {error}") from error

    def __call__(self, pixels: Pixels) -> Pixels:
        """Enlarge a photograph.

        Args:
            pixels: (h, w) gray or (h, w, 3) RGB, uint8 or uint16, sRGB-coded, any size.

        Returns:
            (scale h, scale w) or (scale h, scale w, 3) of the same dtype.

        Raises:
            TypeError, ValueError: another dtype or shape.
        """
        if pixels.dtype not in (np.uint8, np.uint16):
            raise TypeError(f"a photograph is uint8 or uint16, not {pixels.dtype}; round it with to_pixels")
        if pixels.size == 0 or not (pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] == 3)):
            raise ValueError(f"a photograph is (h, w) or (h, w, 3), not {pixels.shape}")
        height, width = (self.scale * size for size in pixels.shape[:2])
        result = np.empty((height, width, *pixels.shape[2:]), pixels.dtype)
        in_color = pixels.ndim == 3 and self._channels == 1
        color_rows = guided_chroma(pixels, (height, width)) if in_color else None
        for strip in strips(pixels.shape[0], TILE_PX, self._radius_px):
            planes = self._strip(pixels, strip.read_start, strip.read_stop)
            first = self.scale * (strip.keep_start - strip.read_start)
            kept = planes[:, first : first + self.scale * (strip.keep_stop - strip.keep_start)]
            top = self.scale * strip.keep_start
            if color_rows is not None:
                _color(result, kept[0], top, color_rows)
            elif pixels.ndim == 2:
                result[top : top + kept.shape[1]] = to_pixels(kept.mean(axis=0), pixels.dtype)
            else:
                result[top : top + kept.shape[1]] = to_pixels(np.moveaxis(kept, 0, -1), pixels.dtype)
        return result

    def _strip(self, pixels: Pixels, start: int, stop: int) -> FloatArray:
        """Rows [start, stop) enlarged: (channels, rows, columns), tile by tile.

        A pixel of the result sees `_radius_px` to each side, and tiles read as much more: they meet without a seam.
        """
        planes = planes_of(pixels[start:stop], self._channels)
        width = pixels.shape[1]
        enlarged = np.empty((self._channels, self.scale * (stop - start), self.scale * width), np.float32)
        for tile in strips(width, TILE_PX, self._radius_px):
            given = np.ascontiguousarray(planes[None, :, :, tile.read_start : tile.read_stop])
            first = self.scale * (tile.keep_start - tile.read_start)
            columns = self.scale * (tile.keep_stop - tile.keep_start)
            enlarged[..., self.scale * tile.keep_start : self.scale * tile.keep_stop] = self._network(given)[
                0, :, :, first : first + columns
            ]
        return enlarged


def guided_chroma(pixels: Pixels, size_hw: tuple[int, int]) -> Any:
    """The photograph's chroma at a larger size, row by row: see `dancheong.imaging.resize.guided_upsampler`."""
    lab = rgb_to_lab(pixels)
    return guided_upsampler(np.ascontiguousarray(lab[..., 1:]), np.ascontiguousarray(lab[..., 0]), size_hw)


def _color(result: Pixels, gray_hw: FloatArray, top: int, color_rows: Any) -> None:
    """Write rows of the result: lightness of `gray_hw`, chroma from `color_rows`; a few rows at a time."""
    height, width = gray_hw.shape
    for strip in strips(height, max(1, STRIP_PIXELS // width), 0):
        lightness = lightness_of(gray_hw[strip.keep_start : strip.keep_stop].clip(0, 1))
        first = top + strip.keep_start
        lab = np.concatenate([lightness[..., None], color_rows(lightness, first)], axis=2)
        result[first : top + strip.keep_stop] = to_pixels(lab_to_rgb(lab), result.dtype)


def _shape(architecture: dict[str, Any]) -> tuple[int, int, int]:
    """Channels, radius in px and scale of the description, checked."""
    known = architecture.get("network") == "compact"
    channels, layers, scale = (architecture.get(name) for name in ("channels", "layers", "scale"))
    if not known or channels not in (1, 3) or scale not in (2, 4) or not isinstance(layers, int) or not 1 <= layers <= 512:
        raise ArtifactError("the architecture is not that of an upscaler this program knows: train it again")
    return int(channels), layers + 2, int(scale)
