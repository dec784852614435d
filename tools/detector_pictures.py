"""Clean pictures for `train_detector`: free photographs, and bright objects that are no glare."""

from pathlib import Path

import cv2
import numpy as np
import skimage
import sklearn.datasets
from numpy.typing import NDArray
from shipped_credits import choose

from dancheong.imaging.color import decode, linear_to_srgb, to_pixels

RGB = NDArray[np.uint8]

# Public domain or CC0 (scikit-image, matplotlib); china and flower: CC BY 2.0, danielbuechele and vultilion.
SKIMAGE = (
    "astronaut.png", "coffee.png", "chelsea.png", "rocket.jpg", "camera.png", "brick.png", "grass.png", "gravel.png",
    "coins.png", "text.png", "retina.jpg", "clock_motion.png",
)
LONGER_PX = (340, 513)


def sources(table: Path) -> list[RGB]:
    """Photographs of Python packages, and those of a `manifest.csv` whose license lets weights ship."""
    import matplotlib  # for its photograph alone

    folder = Path(skimage.__file__).parent / "data"
    files = [folder / name for name in SKIMAGE]
    files.append(Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg")
    files += [table.parent / one.file for one in choose(table)[0]]
    photographs = [cv2.imread(str(file), cv2.IMREAD_COLOR)[..., ::-1] for file in files]
    return photographs + [sklearn.datasets.load_sample_image(name) for name in ("china.jpg", "flower.jpg") for _ in range(5)]


def picture(rng: np.random.Generator, photographs: list[RGB]) -> RGB:
    """One clean picture, at least `train_detector.CROP_PX` on both sides."""
    rgb = _view(_pick(photographs, rng), rng) if rng.random() < 0.9 else _clouds(rng)
    for _ in range(int(rng.integers(0, 4)) if rng.random() < 0.6 else 0):
        rgb = _paste(rgb, _view(_pick(photographs, rng), rng), rng)
    if rng.random() < 0.6:
        rgb = _bright_shapes(rgb, rng)
    return _develop(rgb, rng)


def _pick(pictures: list[RGB], rng: np.random.Generator) -> RGB:
    return pictures[int(rng.integers(0, len(pictures)))]


def _view(rgb: RGB, rng: np.random.Generator) -> RGB:
    """A part of a picture, flipped and turned, with a longer side as the detector sees it."""
    height, width = rgb.shape[:2]
    share = rng.uniform(0.45, 1)
    rows, columns = int(height * share), int(width * share)
    top, left = int(rng.integers(0, height - rows + 1)), int(rng.integers(0, width - columns + 1))
    part = np.rot90(rgb[top : top + rows, left : left + columns], int(rng.integers(0, 4)) if rng.random() < 0.3 else 0)
    if rng.random() < 0.5:
        part = part[:, ::-1]
    longer = int(rng.integers(*LONGER_PX))
    factor = max(longer / max(part.shape[:2]), 320 / min(part.shape[:2]))
    size = max(320, round(part.shape[1] * factor)), max(320, round(part.shape[0] * factor))
    return cv2.resize(np.ascontiguousarray(part), size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC)


def _noise(rng: np.random.Generator, height: int, width: int) -> NDArray[np.float32]:
    """Fractal noise in [0, 1]."""
    total = np.zeros((height, width), np.float32)
    slope = rng.uniform(0.4, 0.75)
    for octave in range(1, 8):
        cells = 2**octave
        grid = rng.random((max(2, cells * height // width), cells)).astype(np.float32)
        total += slope**octave * cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
    total -= total.min()
    return total / total.max()


def _clouds(rng: np.random.Generator) -> RGB:
    height, width = int(rng.integers(320, 400)), int(rng.integers(*LONGER_PX))
    share = np.clip((_noise(rng, height, width) - rng.uniform(0.2, 0.6)) * rng.uniform(1.5, 5), 0, 1)[..., None]
    low, high = rng.uniform(0, 0.8, 3), rng.uniform(0.75, 1.0, 3)
    return to_pixels((low + share * (high - low)).astype(np.float32), np.uint8)


def _paste(rgb: RGB, other: RGB, rng: np.random.Generator) -> RGB:
    """A part of another picture with a sharp edge."""
    other = cv2.resize(other, (rgb.shape[1], rgb.shape[0]), interpolation=cv2.INTER_AREA)
    return np.where(_shape(rgb.shape[:2], rng)[..., None] > 127, other, rgb)


def _shape(size: tuple[int, int], rng: np.random.Generator, small: bool = False) -> NDArray[np.uint8]:
    """A filled rectangle, ellipse, polygon, stripe or word, antialiased."""
    height, width = size
    mask = np.zeros(size, np.uint8)
    reach = rng.uniform(2, 0.12 * width) if small else rng.uniform(0.05, 0.4) * width
    center = (int(rng.integers(0, width)), int(rng.integers(0, height)))
    kind = int(rng.integers(0, 5))
    axes = (max(1, int(reach)), max(1, int(reach * np.exp(rng.uniform(-1.5, 0)))))
    turn = float(rng.uniform(0, 180))
    if kind == 0:
        corners = cv2.boxPoints((center, (2.0 * axes[0], 2.0 * axes[1]), turn if rng.random() < 0.5 else 0.0))
        cv2.fillPoly(mask, [np.int32(corners)], 255, cv2.LINE_AA)
    elif kind == 1:
        cv2.ellipse(mask, center, axes, turn, 0, 360, 255, -1, cv2.LINE_AA)
    elif kind == 2:
        points = np.array(center) + rng.normal(0, reach, (int(rng.integers(3, 8)), 2))
        cv2.fillPoly(mask, [np.int32(points)], 255, cv2.LINE_AA)
    elif kind == 3:
        end = tuple(int(v) for v in np.array(center) + rng.normal(0, 4 * reach, 2))
        cv2.line(mask, center, end, 255, int(rng.integers(1, 7)), cv2.LINE_AA)
    else:
        word = "".join(chr(int(c)) for c in rng.integers(48, 122, 4))
        cv2.putText(mask, word, center, int(rng.integers(0, 8)), max(reach / 25, 0.3), 255, int(rng.integers(1, 5)),
                    cv2.LINE_AA)
    return mask


def _bright_shapes(rgb: RGB, rng: np.random.Generator) -> RGB:
    """White cloth, plaster, paper, paint, snow: bright, sharp or a little soft, often textured; no glare."""
    out = rgb.astype(np.float32)
    height, width = rgb.shape[:2]
    for _ in range(int(rng.integers(1, 9))):
        mask = _shape((height, width), rng, small=rng.random() < 0.75).astype(np.float32) / 255
        if rng.random() < 0.4:
            mask = cv2.GaussianBlur(mask, (0, 0), rng.uniform(0.4, 1.6))
        if rng.random() < 0.4:
            mask *= _noise(rng, height, width) > rng.uniform(0.2, 0.6)
        level = rng.uniform(190, 270) * np.array([1, rng.uniform(0.9, 1), rng.uniform(0.8, 1)])
        texture = 1 + rng.uniform(0, 0.15) * rng.normal(0, 1, (height, width, 1)) * (rng.random() < 0.5)
        shade = 1 - rng.uniform(0, 0.3) * _noise(rng, height, width)[..., None] * (rng.random() < 0.5)
        out += mask[..., None] * (level * texture * shade - out)
    return np.clip(np.rint(out), 0, 255).astype(np.uint8)


def _develop(rgb: RGB, rng: np.random.Generator) -> RGB:
    """Exposure that may clip, contrast, color, sharpening, compression."""
    if rng.random() < 0.2:
        rgb = rgb[..., rng.permutation(3)]
    if rng.random() < 0.12:
        rgb = 255 - rgb
    light = decode(np.ascontiguousarray(rgb)) * np.float32(2 ** rng.uniform(-1.6, 1.0))
    light *= np.exp(rng.normal(0, 0.08, 3)).astype(np.float32)
    coded = linear_to_srgb(np.clip(light, 0, 1))
    coded = coded ** np.float32(np.exp(rng.normal(0, 0.15)))
    if rng.random() < 0.4:
        fine = coded - cv2.GaussianBlur(coded, (0, 0), rng.uniform(0.7, 2))
        coded = np.clip(coded + fine * np.float32(rng.uniform(0.2, 1.5)), 0, 1)
    out = to_pixels(coded, np.uint8)
    if rng.random() < 0.5:
        out = cv2.imdecode(cv2.imencode(".jpg", out, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(65, 96))])[1], 1)
    # As in the experiment, clean pictures keep room for light.
    return to_pixels(linear_to_srgb(decode(out) * np.float32(0.75)), np.uint8) if rng.random() < 0.6 else out
