r"""Synthetic light reflection in linear light, after the dichromatic model: :math:`l = \mathrm{clip}(J + m e + v)`.

:math:`J` is the clean light, :math:`m e` glints of the illuminant's color :math:`e` (Shafer 1985), :math:`v` stray light of
the lens (veil and ghosts). Glints take the clean picture's fine texture, lie alone or in rows as on roof tiles; a sun
brings its halo, a veil that falls off with the distance, and ghosts mirrored through the center of the picture.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dancheong.glare import optics
from dancheong.glare.light import gaussian, luminance_of
from dancheong.glare.mask import VISIBLE_RISE
from dancheong.imaging.color import decode, linear_to_srgb, luminance, to_pixels
from dancheong.system.arrays import Float32, Pixels

KINDS = ("lobes", "rows", "sun", "veil", "ghosts")
MAKES = {"lobes": KINDS, "optics": optics.KINDS}


def add_glare(
    pixels: Pixels, seed: int | np.random.Generator, kinds: Collection[str] | None = None, make: str = "lobes"
) -> tuple[Pixels, NDArray[np.bool_]]:
    """Add plausible light reflection to a clean photograph.

    Args:
        pixels: (h, w) gray or (h, w, 3) RGB, uint8 or uint16, sRGB-coded. Photographs that reach white leave little room
            for light; darken them first for an experiment.
        seed: a number or a generator; the same number gives the same picture.
        kinds: what to add, of `MAKES[make]`; None draws a mixture that has at least one local kind.
        make: ``lobes`` draws the light by the formulas of this module, ``optics`` by those of `dancheong.glare.optics`,
            ``both`` by either, as chance has it.

    Returns:
        The damaged picture (same shape and type) and its true mask, bool (h, w): where light other than the veil raises the
        sRGB luminance by more than `VISIBLE_RISE`. The veil lies everywhere and is not in the mask.

    Raises:
        ValueError: an unknown kind or make.
    """
    rng = np.random.default_rng(seed)
    if make == "both":
        make = str(rng.choice(list(MAKES)))
    if make not in MAKES:
        raise ValueError(f"unknown make of glare {make!r}; {', '.join(MAKES)} or both was expected")
    unknown = sorted(set(kinds or ()) - set(MAKES[make]))
    if unknown:
        raise ValueError(f"unknown glare {', '.join(unknown)}; {', '.join(MAKES[make])} were expected")
    clean = decode(pixels)
    if make == "optics":
        chosen = optics.draw_kinds(rng) if kinds is None else frozenset(kinds)
        rgb = clean if clean.ndim == 3 else np.repeat(clean[..., None], 3, axis=2)
        local, veil = optics.optical_light(rgb, chosen, rng)
    else:
        drawn = _draw_kinds(rng)
        local, veil = _drawn_light(clean, drawn if kinds is None else frozenset(kinds), rng)
    return damage(pixels, local, veil)


def damage(pixels: Pixels, local: Float32, veil: Float32) -> tuple[Pixels, NDArray[np.bool_]]:
    """Add local light (h, w, 3), which the mask shows, and a veil to a photograph; see `add_glare`."""
    clean = decode(pixels)
    as_picture = luminance if clean.ndim == 2 else np.asarray
    glinted = np.asarray(clean + as_picture(local), np.float32)
    before, after = (linear_to_srgb(np.clip(luminance_of(light), 0, 1)) for light in (clean, glinted))
    damaged = np.clip(glinted + as_picture(veil), 0, 1)
    return to_pixels(linear_to_srgb(np.asarray(damaged, np.float32)), pixels.dtype), after - before > VISIBLE_RISE


def _drawn_light(clean: Float32, chosen: frozenset[str], rng: np.random.Generator) -> tuple[Float32, Float32]:
    scene = _Scene(clean, luminance_of(clean), rng)
    center = _sun_position(scene)
    if "lobes" in chosen:
        _add_lobes(scene)
    if "rows" in chosen:
        _add_rows(scene)
    if "sun" in chosen:
        _add_sun(scene, center)
    if "ghosts" in chosen:
        _add_ghosts(scene, center)
    veil = _veil(scene, center)[..., None] if "veil" in chosen else np.zeros((1, 1, 1), np.float32)
    return scene.local, np.repeat(veil, 3, axis=2)


@dataclass(eq=False)
class _Scene:
    """The clean light and the local light added to it so far."""

    clean: Float32
    luma_hw: Float32
    rng: np.random.Generator
    local: Float32 = field(init=False)
    texture_hw: Float32 = field(init=False)

    def __post_init__(self) -> None:
        height, width = self.luma_hw.shape
        self.local = np.zeros((height, width, 3), np.float32)
        around = gaussian(self.luma_hw, max(0.004 * self.longer_px, 0.5))
        self.texture_hw = np.clip(np.sqrt((self.luma_hw + 0.01) / (around + 0.01)), 0.6, 1.5)

    @property
    def longer_px(self) -> int:
        return int(max(self.luma_hw.shape))

    def log_uniform(self, low: float, high: float) -> float:
        return optics.log_uniform(self.rng, low, high)

    def illuminant(self) -> Float32:
        """Sunlight, from white to warm, of luminance 1."""
        color = np.array([1.0, self.rng.uniform(0.9, 1.0), self.rng.uniform(0.72, 1.0)], np.float32)
        return color / luminance(color)


def _draw_kinds(rng: np.random.Generator) -> frozenset[str]:
    chance = rng.random(5)
    kinds = {kind for kind, one, share in zip(KINDS, chance, (0.75, 0.4, 0.25, 0.2, 0.1), strict=True) if one < share}
    if "sun" in kinds:
        # A sun in the picture is seldom without its veil and ghosts.
        kinds |= {kind for kind, one in (("veil", chance[3]), ("ghosts", chance[4])) if one < 0.7}
    return frozenset(kinds) if kinds & {"lobes", "rows", "sun"} else frozenset(kinds | {"lobes"})


def _sun_position(scene: _Scene) -> tuple[float, float]:
    height, width = scene.luma_hw.shape
    return scene.rng.uniform(0.0, 0.45) * height, scene.rng.uniform(0.05, 0.95) * width


def _add_lobes(scene: _Scene) -> None:
    height, width = scene.luma_hw.shape
    color = scene.illuminant()
    for _ in range(int(scene.rng.integers(2, 13))):
        sigma = scene.log_uniform(0.003, 0.02) * scene.longer_px
        place = scene.rng.uniform(0, height), scene.rng.uniform(0, width)
        stretch, turn = scene.log_uniform(1, 4), scene.rng.uniform(0, np.pi)
        _lobe(scene, place, sigma, stretch, turn, scene.log_uniform(0.5, 5) * color)


def _add_rows(scene: _Scene) -> None:
    """Glints at the same place of each tile of a roof: equal steps along parallel rows, brightest in the middle."""
    height, width = scene.luma_hw.shape
    color, rng = scene.illuminant(), scene.rng
    step = scene.log_uniform(0.012, 0.035) * scene.longer_px
    turn = rng.uniform(-0.5, 0.5)
    along = np.array([np.sin(turn), np.cos(turn)])
    across = np.array([np.cos(turn), -np.sin(turn)]) * step * rng.uniform(1.2, 2.5)
    start = np.array([rng.uniform(0.1, 0.9) * height, rng.uniform(0.1, 0.6) * width])
    count, peak = int(rng.integers(5, 18)), scene.log_uniform(0.8, 5)
    sigma, tilt = step * rng.uniform(0.1, 0.25), rng.uniform(0, np.pi)
    for row in range(int(rng.integers(1, 4))):
        for tile in range(count):
            place = start + row * across + tile * step * along + rng.normal(0, 0.06 * step, 2)
            envelope = np.exp(-0.5 * ((tile - count / 2) / (0.35 * count)) ** 2)
            _lobe(scene, (place[0], place[1]), sigma * rng.uniform(0.8, 1.25), 1.8, tilt,
                  peak * envelope * rng.uniform(0.5, 1.5) * color)


def _lobe(
    scene: _Scene, place: tuple[float, float], sigma: float, stretch: float, turn: float, color: Float32
) -> None:
    """A glint: a Gaussian core with the long tail of a rough surface, cut off smoothly at 6 sigma."""
    reach = 6 * sigma * stretch
    height, width = scene.luma_hw.shape
    top, bottom = max(0, int(place[0] - reach)), min(height, int(place[0] + reach) + 2)
    left, right = max(0, int(place[1] - reach)), min(width, int(place[1] + reach) + 2)
    if top >= bottom or left >= right:
        return
    y = np.arange(top, bottom, dtype=np.float32)[:, None] - np.float32(place[0])
    x = np.arange(left, right, dtype=np.float32)[None, :] - np.float32(place[1])
    u = (np.cos(turn) * x + np.sin(turn) * y) / (sigma * stretch)
    w = (np.cos(turn) * y - np.sin(turn) * x) / sigma
    squared = u * u + w * w
    profile = 0.88 * np.exp(-squared / 2) + 0.12 * np.maximum(1 / (1 + squared) ** 2 - 1 / 37**2, 0)
    part = slice(top, bottom), slice(left, right)
    scene.local[part] += (profile * scene.texture_hw[part])[..., None] * color


def _add_sun(scene: _Scene, center: tuple[float, float]) -> None:
    distance = _distance_px(scene, center)
    radius = scene.log_uniform(0.008, 0.03) * scene.longer_px
    disc = np.clip(radius - distance + 0.5, 0, 1) * np.float32(8)
    halo = scene.log_uniform(0.3, 1.5) / (1 + (distance / (1.5 * radius)) ** 2) ** 1.5
    scene.local += (disc + halo)[..., None] * scene.illuminant()


def _add_ghosts(scene: _Scene, center: tuple[float, float]) -> None:
    """Reflections between lenses: soft-edged discs on the line from the sun through the center of the picture."""
    height, width = scene.luma_hw.shape
    for _ in range(int(scene.rng.integers(2, 6))):
        where = scene.rng.uniform(0.5, 2.2)
        place = center[0] + where * (height / 2 - center[0]), center[1] + where * (width / 2 - center[1])
        radius = scene.log_uniform(0.012, 0.06) * scene.longer_px
        tint = scene.rng.uniform(0.4, 1.0, 3).astype(np.float32)
        level = scene.rng.uniform(0.04, 0.18)
        disc = np.clip((radius - _distance_px(scene, place)) / (0.15 * radius) + 0.5, 0, 1)
        scene.local += disc[..., None] * (tint / luminance(tint) * np.float32(level))


def _veil(scene: _Scene, center: tuple[float, float]) -> Float32:
    distance = _distance_px(scene, center) / np.float32(scene.longer_px)
    return np.float32(0.25 * scene.rng.uniform(0.3, 1)) / (1 + (distance / np.float32(0.35)) ** 2)


def _distance_px(scene: _Scene, place: tuple[float, float]) -> Float32:
    height, width = scene.luma_hw.shape
    y = np.arange(height, dtype=np.float32)[:, None] - np.float32(place[0])
    x = np.arange(width, dtype=np.float32)[None, :] - np.float32(place[1])
    distance: Float32 = np.hypot(y, x)
    return distance
