"""Patches of photographs, small and large: what the upscaler is trained and validated on.

The upscaler learns to undo what happens to a photograph on its way to being small. clean: bicubic with the kernel widened by
the scale, and nothing else. realistic, each part by chance, in this order: blur of the lens (round or elongated), one of
four kernels, noise of the sensor, grain of the film, JPEG. mixed: one or the other, half of the time each. After Wang et
al. 2021 (section 3.1), of first order only, and milder.
"""

from collections.abc import Iterator
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dancheong.data.cache import Cache, Record
from dancheong.imaging.color import float01, to_pixels
from dancheong.params import Params
from dancheong.upscaling.upscaler import planes_of

Pixels = NDArray[Any]
FloatArray = NDArray[np.float32]
Degradation = Literal["clean", "realistic", "mixed"]

# Side of a patch as the network sees it: nearly twice the receptive field of its 12 convolutions, 25 px.
PATCH_PX = 48
VALIDATION_PX = 192
VALIDATION_PHOTOGRAPHS = 32
BICUBIC, LANCZOS = Image.Resampling.BICUBIC, Image.Resampling.LANCZOS
# Pillow widens these kernels when it makes a picture smaller, so that nothing aliases.
KERNELS = (Image.Resampling.BOX, Image.Resampling.BILINEAR, BICUBIC, LANCZOS)
BLUR_CHANCE, NOISE_CHANCE, GRAIN_CHANCE, JPEG_CHANCE = 0.7, 0.5, 0.3, 0.6
BLUR_SIGMA_PX = (0.2, 0.5)  # of the small picture's pixels
MOST_NOISE, MOST_GRAIN = 6 / 255, 8 / 255
JPEG_QUALITY = (60, 96)


def patch_pair(record: Record, params: Params, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """One varied patch: a place, one of eight ways to turn and mirror it, and what happened to it on its way (SR_DEGRADATION).

    Args:
        record: of a cache; its last three planes are the photograph.

    Returns:
        (c, PATCH_PX, PATCH_PX) as the network sees it, and the truth (c, PATCH_PX * SR_SCALE, ...); float32 in [0, 1].
    """
    side_px = PATCH_PX * int(params.sr_scale)
    height, width = record.shape[:2]
    top, left = (int(rng.integers(max(size - side_px, 0) + 1)) for size in (height, width))
    truth = _filled(record[top : top + side_px, left : left + side_px, -3:], side_px)
    turned, mirrored = int(rng.integers(4)), rng.random() < 0.5
    truth = np.ascontiguousarray(np.rot90(truth[:, ::-1] if mirrored else truth, turned))
    return _pair(truth, params, rng)


def validation_pairs(
    cache: Cache, params: Params, limit: int = VALIDATION_PHOTOGRAPHS
) -> Iterator[tuple[FloatArray, FloatArray]]:
    """The middle of some photographs, spread over the set, not varied; what happens to each depends on its number alone."""
    scale = int(params.sr_scale)
    for index in np.unique(np.linspace(0, len(cache) - 1, min(limit, len(cache))).round().astype(int)):
        photo = cache[int(index)][..., -3:]
        side_px = min(VALIDATION_PX, *photo.shape[:2]) // scale * scale
        top, left = ((size - side_px) // 2 for size in photo.shape[:2])
        truth = np.ascontiguousarray(photo[top : top + side_px, left : left + side_px])
        yield _pair(truth, params, np.random.default_rng((params.seed, int(index), 1)))


def _pair(truth: Record, params: Params, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    small = degrade(truth, int(params.sr_scale), params.sr_degradation, rng)
    channels = 1 if params.sr_planes == "luma" else 3
    return planes_of(small, channels), planes_of(truth, channels)


def _filled(patch: Record, side_px: int) -> Record:
    """A photograph smaller than the patch is mirrored at its lower and right edge."""
    missing = [(0, side_px - size) for size in patch.shape[:2]]
    return np.pad(patch, (*missing, (0, 0)), "symmetric") if patch.shape[:2] != (side_px, side_px) else patch


def degrade(pixels: Pixels, scale: int, how: Degradation, rng: np.random.Generator) -> NDArray[np.uint8]:
    """The photograph at a `scale`-th of its size; the same for the same state of `rng`.

    Args:
        pixels: (h, w) or (h, w, 3), uint8 or uint16, sRGB-coded; h and w are multiples of `scale`.

    Raises:
        ValueError: other sizes.
    """
    height, width = pixels.shape[:2]
    if height % scale or width % scale:
        raise ValueError(f"heights and widths that are multiples of {scale} were expected, not {height} x {width}: crop first")
    size_hw = height // scale, width // scale
    if how == "mixed":
        how = "clean" if rng.random() < 0.5 else "realistic"
    coded = float01(pixels)
    if how == "clean":
        return to_pixels(resampled(coded, size_hw, BICUBIC), np.uint8)
    if rng.random() < BLUR_CHANCE:
        kernel = blur_kernel(rng.uniform(*BLUR_SIGMA_PX, 2) * scale, rng.uniform(0, np.pi))
        coded = np.asarray(cv2.filter2D(coded, -1, kernel, borderType=cv2.BORDER_REFLECT_101), np.float32)
    small = resampled(coded, size_hw, KERNELS[rng.integers(len(KERNELS))])
    if rng.random() < NOISE_CHANCE:
        # Of a sensor: half of it grows with the light, and it is of each channel for itself.
        amount = np.float32(rng.uniform(0, MOST_NOISE))
        small = small + amount * np.sqrt(np.float32(0.5) + small.clip(0, 1)) * rng.standard_normal(small.shape, np.float32)
    if rng.random() < GRAIN_CHANCE:
        small = small + _grain(small, rng.uniform(0, MOST_GRAIN), rng.uniform(0.4, 1.0), rng)
    result: NDArray[np.uint8] = to_pixels(small, np.uint8)
    return _through_jpeg(result, int(rng.integers(*JPEG_QUALITY))) if rng.random() < JPEG_CHANCE else result


def resampled(coded: FloatArray, size_hw: tuple[int, int], kernel: Image.Resampling) -> FloatArray:
    """float32 (h, w) or (h, w, 3) at `size_hw`, each plane by Pillow's `kernel`; not clipped."""
    if coded.ndim == 3:
        return np.stack([resampled(coded[..., plane], size_hw, kernel) for plane in range(coded.shape[2])], axis=2)
    return np.asarray(Image.fromarray(np.ascontiguousarray(coded, np.float32)).resize(size_hw[::-1], kernel), np.float32)


def blur_kernel(sigmas_px: NDArray[np.float64], angle: float) -> FloatArray:
    """A Gaussian of two widths, turned by `angle` (radians); sums to 1."""
    radius = max(1, int(np.ceil(3 * max(sigmas_px))))
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    kernel = np.exp(-((along / sigmas_px[0]) ** 2 + (across / sigmas_px[1]) ** 2) / 2)
    return np.asarray(kernel / kernel.sum(), np.float32)


def _grain(small: FloatArray, amount: float, sigma_px: float, rng: np.random.Generator) -> FloatArray:
    """Clumps of silver: smooth noise, the same in all channels, strongest in the middle tones."""
    noise = cv2.GaussianBlur(rng.standard_normal(small.shape[:2], np.float32), (0, 0), sigma_px)
    noise = np.asarray(noise, np.float32) / max(float(np.std(noise)), 1e-6)
    light = small.clip(0, 1)
    tones = 2 * np.sqrt(light * (1 - light))
    return np.asarray(amount * tones * (noise if small.ndim == 2 else noise[..., None]), np.float32)


def _through_jpeg(pixels: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """Written as JPEG and read again; OpenCV takes and gives blue, green, red."""
    order = slice(None) if pixels.ndim == 2 else (..., slice(None, None, -1))
    _, data = cv2.imencode(".jpg", np.ascontiguousarray(pixels[order]), [cv2.IMWRITE_JPEG_QUALITY, quality])
    flag = cv2.IMREAD_GRAYSCALE if pixels.ndim == 2 else cv2.IMREAD_COLOR
    return np.ascontiguousarray(np.asarray(cv2.imdecode(data, flag), np.uint8)[order])
