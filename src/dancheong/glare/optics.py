r"""Light reflection from a model of the optics, the second make beside `dancheong.glare.simulate`.

What differs from the first make is where the light's shape comes from. A point source is spread by the Fraunhofer pattern of
an aperture with blades, dust and scratches (Hullin et al. 2011; Wu et al. 2021), wider for long waves than for short ones. A
clipped sensor blooms. Ghosts are images of the aperture, mirrored through the center, whose colors part a little. Glints come
from GGX lobes (Walter et al. 2007) over the normals of tile rows or of wet, rough stone. A veil with a wide tail takes its
light from the picture itself.
"""

from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from dancheong.glare.light import gaussian
from dancheong.imaging.color import luminance
from dancheong.system.arrays import Float32

KINDS = ("star", "tiles", "stone", "ghosts", "veil")
PATTERN_PX = 256
# Of red, green and blue light relative to green; a Fraunhofer pattern is as wide as its wave is long.
WAVES = (1.16, 1.0, 0.84)


def draw_kinds(rng: np.random.Generator) -> frozenset[str]:
    chance = rng.random(len(KINDS))
    kinds = {kind for kind, one, share in zip(KINDS, chance, (0.55, 0.4, 0.25, 0.0, 0.25), strict=True) if one < share}
    if "star" in kinds and chance[3] < 0.5:
        kinds.add("ghosts")
    return frozenset(kinds) if kinds & {"star", "tiles", "stone"} else frozenset(kinds | {"star"})


def optical_light(clean: Float32, kinds: frozenset[str], rng: np.random.Generator) -> tuple[Float32, Float32]:
    """The local light and the veil of a mixture of `KINDS`, each (h, w, 3), to be added to linear light `clean` (h, w, 3)."""
    height, width = clean.shape[:2]
    local = np.zeros((height, width, 3), np.float32)
    sources = _sources((height, width), rng)
    if kinds & {"tiles", "stone"}:
        for kind, surface in (("tiles", _tile_normals), ("stone", _stone_normals)):
            if kind in kinds:
                local += _glints(surface, (height, width), rng)
        local = _spread_by_pattern(local, _pattern_of(rng))
    if "star" in kinds:
        pattern = _pattern_of(rng)
        for row, column, power in sources:
            _add_star(local, (row, column), power, pattern, rng)
    if "ghosts" in kinds:
        for row, column, _ in sources[:2]:
            _add_ghosts(local, (row, column), rng)
    return local, _veil(clean + local, rng) if "veil" in kinds else np.zeros_like(local)


def _sources(size: tuple[int, int], rng: np.random.Generator) -> list[tuple[float, float, float]]:
    """Row, column and power of one to five lamps, windows or the sun; strong ones are few."""
    count = int(rng.choice([1, 1, 1, 2, 3, 5]))
    return [
        (rng.uniform(-0.02, 0.8) * size[0], rng.uniform(-0.02, 1.02) * size[1], log_uniform(rng, 10, 4000 / count))
        for _ in range(count)
    ]


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """A number from `low` to `high`, of which each factor is as likely."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _pattern_of(rng: np.random.Generator) -> Float32:
    """The pattern of one of sixteen lenses, since each takes longer to make than to use."""
    return _pattern(int(rng.integers(0, 16)))


@lru_cache(maxsize=16)
def _pattern(lens: int) -> Float32:
    """How an aperture spreads a point of light: (PATTERN_PX, PATTERN_PX, 3), each channel's sum is 1."""
    rng = np.random.default_rng([2_022, lens])
    size = 2 * PATTERN_PX
    aperture = np.zeros((size, size), np.float32)
    radius, center, blades = size * rng.uniform(0.12, 0.2), size // 2, int(rng.integers(5, 10))
    angles = rng.uniform(0, 2 * np.pi) + np.arange(blades) * 2 * np.pi / blades
    corners = np.stack([np.cos(angles), np.sin(angles)], axis=-1) * radius + center
    cv2.fillPoly(aperture, [np.rint(corners * 16).astype(np.int32)], 1.0, cv2.LINE_AA, 4)
    if rng.random() < 0.4:  # wide open, the blades leave a circle
        cv2.circle(aperture, (center, center), int(radius), 1.0, -1, cv2.LINE_AA)
    for _ in range(int(rng.integers(0, 40))):
        place = tuple(int(v) for v in rng.uniform(center - radius, center + radius, 2))
        cv2.circle(aperture, place, int(rng.integers(1, 5)), float(rng.uniform(0, 0.7)), -1, cv2.LINE_AA)
    turn = rng.uniform(0, np.pi)
    for _ in range(int(rng.integers(0, 25))):  # a wiped lens is scratched in one direction, which makes a streak
        middle, way = rng.uniform(center - radius, center + radius, 2), turn + rng.normal(0, 0.1)
        reach = np.array([np.cos(way), np.sin(way)]) * rng.uniform(0.1, 0.8) * radius
        ends = [tuple(int(v) for v in middle + side * reach) for side in (-1, 1)]
        cv2.line(aperture, ends[0], ends[1], float(rng.uniform(0, 0.6)), 1, cv2.LINE_AA)
    power = np.abs(np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(aperture)))) ** 2
    # A source has many waves, so its rings blur into each other; an average over a few widths does the same.
    mixed = sum(_zoomed(power.astype(np.float32), zoom) for zoom in np.linspace(0.92, 1.08, 5))
    channels = [_zoomed(np.asarray(mixed, np.float32), wave) for wave in WAVES]
    cut = slice(size // 2 - PATTERN_PX // 2, size // 2 + PATTERN_PX // 2)
    pattern = np.stack([channel[cut, cut] for channel in channels], axis=-1)
    return np.asarray(pattern / pattern.sum(axis=(0, 1)), np.float32)


def _zoomed(plane: Float32, factor: float) -> Float32:
    center = plane.shape[0] / 2
    matrix = np.array([[factor, 0, center * (1 - factor)], [0, factor, center * (1 - factor)]], np.float32)
    return np.asarray(cv2.warpAffine(plane, matrix, plane.shape[::-1]), np.float32)


def _tint(rng: np.random.Generator) -> Float32:
    """Sun, sky or lamp: from warm to a little blue, of luminance 1."""
    color = np.array([1.0, rng.uniform(0.82, 1.0), rng.uniform(0.55, 1.1)], np.float32)
    return np.asarray(color / luminance(color), np.float32)


def _add_star(
    local: Float32, place: tuple[float, float], power: float, pattern: Float32, rng: np.random.Generator
) -> None:
    """A source of some width, spread by the pattern; what a pixel cannot hold blooms into its neighbors."""
    longer = max(local.shape[:2])
    reach = max(3, int(longer * rng.uniform(0.25, 0.9)))
    spread = cv2.resize(pattern, (reach, reach), interpolation=cv2.INTER_AREA if reach < PATTERN_PX else cv2.INTER_LINEAR)
    spread = spread / spread.sum(axis=(0, 1)) * np.float32((reach / 64) ** 2)
    width = longer * log_uniform(rng, 0.001, 0.02)
    light = gaussian(np.asarray(spread, np.float32), max(width, 0.4)) * np.float32(power) * _tint(rng)
    excess = np.clip(light - 1, 0, 20)
    bloom = gaussian(excess, 1 + 0.004 * longer) * np.float32(0.15)
    if rng.random() < 0.25:  # charge runs along the columns of some sensors
        bloom += cv2.blur(excess, (1, max(3, reach // 6))) * np.float32(0.05)
    _add_at(local, np.asarray(light + bloom, np.float32), place)


def _add_at(local: Float32, patch: Float32, place: tuple[float, float]) -> None:
    """Add a patch with its center at a place, as far as it lies in the picture."""
    matrix = np.array([[1, 0, place[1] - patch.shape[1] / 2], [0, 1, place[0] - patch.shape[0] / 2]], np.float32)
    local += cv2.warpAffine(patch, matrix, local.shape[1::-1]).reshape(local.shape)


def _spread_by_pattern(light: Float32, pattern: Float32) -> Float32:
    """Every glint takes the form of the aperture's pattern, at a size at which its core stays small."""
    kernel = cv2.resize(pattern, (31, 31), interpolation=cv2.INTER_AREA)
    kernel = kernel / kernel.sum(axis=(0, 1))
    return np.stack([cv2.filter2D(light[..., c], -1, kernel[..., c], borderType=cv2.BORDER_REFLECT) for c in range(3)], -1)


def _add_ghosts(local: Float32, source: tuple[float, float], rng: np.random.Generator) -> None:
    """Images of the aperture on the line through the center: many-sided, brighter at the rim, colors a little apart."""
    height, width = local.shape[:2]
    blades, turn = int(rng.integers(5, 10)), rng.uniform(0, np.pi)
    for _ in range(int(rng.integers(2, 7))):
        where = rng.uniform(0.3, 2.4)
        tint = rng.dirichlet([4, 4, 4]) * 3
        radius, level = log_uniform(rng, 0.01, 0.07) * max(height, width), rng.uniform(0.03, 0.22)
        rim, apart = rng.uniform(0, 0.8), rng.uniform(0.98, 1.04)
        for channel in range(3):
            shift = where * apart ** (channel - 1)
            middle = source[1] + shift * (width / 2 - source[1]), source[0] + shift * (height / 2 - source[0])
            size = radius * apart ** (channel - 1)
            angles = turn + np.arange(blades) * 2 * np.pi / blades
            corners = np.stack([np.cos(angles), np.sin(angles)], -1) * size + middle
            disc = np.zeros((height, width), np.float32)
            cv2.fillPoly(disc, [np.rint(corners * 16).astype(np.int32)], 1.0, cv2.LINE_AA, 4)
            soft = gaussian(disc, max(0.08 * size, 0.5))
            inner = gaussian(soft, max(0.3 * size, 0.5))
            local[..., channel] += np.float32(level * tint[channel]) * soft * (1 - np.float32(rim) * inner)


def _glints(
    normals: Callable[[tuple[int, int], np.random.Generator], Float32], size: tuple[int, int], rng: np.random.Generator
) -> Float32:
    """Sunlight reflected by a surface whose half vector is nearly its mean normal: a GGX lobe, on one part of the picture."""
    tilt = normals(size, rng)
    half = rng.normal(0, 0.25, 2)
    rough = log_uniform(rng, 0.03, 0.2) ** 2
    cosine2 = 1 / (1 + (tilt[..., 0] - half[0]) ** 2 + (tilt[..., 1] - half[1]) ** 2)
    lobe = rough / (np.pi * (cosine2 * (rough - 1) + 1) ** 2) * rough * np.pi  # 1 at its peak
    part = np.zeros(size, np.float32)
    middle = np.array([rng.uniform(0, 1) * size[1], rng.uniform(0, 1) * size[0]])
    angles = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(4, 8))))
    corners = np.stack([np.cos(angles), np.sin(angles)], -1) * rng.uniform(0.1, 0.35, (len(angles), 1)) * max(size) + middle
    cv2.fillPoly(part, [corners.astype(np.int32)], 1.0)
    part = gaussian(part, 0.01 * max(size))
    return np.asarray((np.float32(log_uniform(rng, 0.5, 8)) * lobe * part)[..., None] * _tint(rng), np.float32)


def _tile_normals(size: tuple[int, int], rng: np.random.Generator) -> Float32:
    """Slopes (h, w, 2) of rows of round tiles: half cylinders side by side, each tile of a row a little turned and bent."""
    y, x = np.mgrid[: size[0], : size[1]].astype(np.float32)
    turn, period = rng.uniform(-0.6, 0.6), log_uniform(rng, 0.012, 0.05) * max(size)
    across = np.cos(turn) * x + np.sin(turn) * y + 2 * period * _waves(size, rng)
    along = np.cos(turn) * y - np.sin(turn) * x
    row, tile = np.floor(across / period), np.floor(along / (period * rng.uniform(1.2, 2.5)))
    place = across / period - row - 0.5
    own = np.sin(row * 12.9898 + tile * 78.233) * 43758.547
    own = (own - np.floor(own) - 0.5) * rng.uniform(0.1, 0.5)
    inside = 1.96 * place
    slope_across = inside / np.sqrt(np.maximum(1 - inside**2, 0.03))
    slope_along = own + 0.6 * (along / period - np.floor(along / period) - 0.5)
    return np.stack([slope_across + own, slope_along], axis=-1).astype(np.float32)


def _stone_normals(size: tuple[int, int], rng: np.random.Generator) -> Float32:
    """Slopes of wet stone: noise of several sizes, fine enough to part the sun into glints."""
    heights = sum(
        gaussian(rng.normal(0, 1, size).astype(np.float32), sigma) * np.float32(sigma**1.7)
        for sigma in np.array([1.0, 2.0, 4.0, 8.0]) * max(size) / 512
    )
    edged = np.pad(np.asarray(heights, np.float32), ((0, 1), (0, 1)), mode="edge")
    slopes = np.stack([np.diff(edged, axis=0)[:, :-1], np.diff(edged, axis=1)[:-1]], axis=-1)
    return np.asarray(slopes / max(float(slopes.std()), 1e-6) * rng.uniform(0.2, 0.6), np.float32)


def _waves(size: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float32]:
    """A slow bend in about [-1, 1]."""
    coarse = rng.normal(0, 0.5, (4, 4)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC), np.float32)


def _veil(light: Float32, rng: np.random.Generator) -> Float32:
    """Stray light of the whole picture: what little each place gives to places far away, falling off with a wide tail."""
    small = cv2.resize(np.clip(light, 0, 50), (64, 64), interpolation=cv2.INTER_AREA)
    y, x = np.mgrid[-63:64, -63:64].astype(np.float32) / 64
    kernel = 1 / (1 + np.hypot(y, x) / np.float32(rng.uniform(0.05, 0.3))) ** np.float32(rng.uniform(1.5, 3))
    spread = cv2.filter2D(small, -1, np.asarray(kernel / kernel.sum(), np.float32), borderType=cv2.BORDER_CONSTANT)
    share = np.float32(rng.uniform(0.05, 0.5))
    return np.asarray(cv2.resize(spread, light.shape[1::-1], interpolation=cv2.INTER_LINEAR) * share, np.float32)
