"""Light and pigment: what color a surface of the built-in scenes has at a given hour."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Vector = NDArray[np.float64]
Rgb = Vector


def rgb(red: float, green: float, blue: float) -> Rgb:
    """An albedo or a color, sRGB-coded, 0 to 255."""
    return np.array([red, green, blue], np.float64)


# Pigments of dancheong and the materials around it.
SEOKGANJU = rgb(146, 54, 38)  # iron-oxide red of pillars
VERMILION = rgb(206, 66, 42)
NOEROK = rgb(52, 122, 92)  # celadonite green, the ground of all painted wood
LEAF_GREEN = rgb(92, 160, 112)
SAMCHEONG = rgb(44, 84, 160)  # azurite blue
SKY_BLUE = rgb(112, 160, 205)
OCHER = rgb(214, 158, 66)
WHITE = rgb(238, 232, 216)
INK = rgb(38, 33, 32)
TILE = rgb(104, 113, 124)
PAPER = rgb(226, 214, 186)
PLASTER = rgb(222, 206, 176)
WOOD = rgb(134, 88, 56)
GRANITE = rgb(198, 191, 180)
SAND = rgb(206, 184, 150)
BRICK = rgb(168, 104, 78)


@dataclass(frozen=True)
class Finish:
    """What a building is made of: painted or plain timber, the colors of its wood and tiles, the share of snow on its roof."""

    painted: bool
    white_ridge: bool
    pillar: Rgb
    frame: Rgb
    tile: Rgb
    snow: float


@dataclass(frozen=True)
class Light:
    """Light of one hour: sun, ambient, bounce and lamp in linear RGB factors, the rest sRGB-coded; angles in radians.

    `sky` (4, 3): from the horizon to the zenith, and clouds. `haze_m` is the distance at which haze hides 63 % of a color.
    """

    name: str
    sun: Rgb
    ambient: Rgb
    bounce: Rgb
    lamp: Rgb
    haze: Rgb
    haze_m: float
    cloud_shade: Rgb
    sky: Vector
    elevation: float
    azimuth: float

    @property
    def toward_sun(self) -> Vector:
        """Unit vector towards the sun: x right, y up, z away from the camera."""
        across = math.cos(self.elevation)
        return rgb(across * math.sin(self.azimuth), math.sin(self.elevation), -across * math.cos(self.azimuth))

    def surround(self, normal: Vector) -> Rgb:
        """Light without the sun's on a surface that faces `normal`: of the sky from above, of the ground from below."""
        return mix(self.bounce, self.ambient, 0.5 + 0.5 * float(normal[1]))


# Of each hour: what `Light` has from sun to cloud_shade, how the sun's color varies, elevations in degrees, and skies.
_HOURS: dict[str, tuple[tuple[ArrayLike, ...], ArrayLike, tuple[float, float], ArrayLike]] = {
    "day": (
        ((1.28, 1.18, 1.03), (0.29, 0.35, 0.45), (0.25, 0.22, 0.18), (0, 0, 0), (198, 214, 230), 900, (196, 206, 220)),
        (0, -0.02, -0.05), (36, 56),
        (((206, 222, 234), (128, 178, 226), (64, 128, 202), (252, 252, 250)),
         ((184, 212, 236), (128, 178, 226), (36, 98, 182), (252, 252, 250))),
    ),
    "golden": (
        ((1.34, 0.96, 0.56), (0.26, 0.29, 0.38), (0.20, 0.15, 0.10), (0, 0, 0), (226, 206, 184), 700, (186, 172, 180)),
        (0, 0.04, 0.08), (16, 28), (((244, 214, 170), (178, 190, 208), (92, 134, 186), (255, 236, 208)),),
    ),
    "dusk": (
        ((0.06, 0.04, 0.03), (0.20, 0.20, 0.30), (0.15, 0.12, 0.13), (1.25, 0.70, 0.28), (140, 116, 132), 1100, (96, 84, 118)),
        (0, 0, 0), (6, 6),
        (((250, 172, 98), (190, 132, 136), (54, 66, 116), (244, 150, 100)),
         ((246, 150, 112), (150, 120, 158), (58, 62, 122), (232, 136, 128)),
         ((226, 178, 150), (96, 122, 172), (34, 52, 106), (150, 134, 162))),
    ),
    "overcast": (
        ((0.06, 0.06, 0.06), (0.72, 0.74, 0.78), (0.34, 0.32, 0.29), (0, 0, 0), (206, 209, 212), 500, (186, 191, 198)),
        (0, 0, 0), (55, 55), (((222, 223, 224), (206, 209, 214), (184, 190, 198), (228, 229, 231)),),
    ),
}  # fmt: skip


def draw_light(rng: np.random.Generator, name: str) -> Light:
    """A light of the named hour ("day", "golden", "dusk", "overcast"), varied a little by `rng`."""
    if name not in _HOURS:
        raise ValueError(f"unknown light {name!r}: use day, golden, dusk or overcast")
    values, drift, elevations, skies = _HOURS[name]
    azimuth = math.radians(float(rng.choice([-1, 1])) * float(rng.uniform(18, 62)))
    warm = float(rng.uniform(-1, 1))
    sun, ambient, bounce, lamp, haze, haze_m, cloud_shade = (np.array(value, np.float64) for value in values)
    sky = np.array(skies, np.float64)
    if name == "day":
        sky = mix(sky[0], sky[1], float(rng.uniform(0, 1)))[None]
    chosen = sky[int(rng.integers(len(sky)))] if len(sky) > 1 else sky[0]
    elevation = math.radians(float(rng.uniform(*elevations)))
    sun = sun + warm * np.array(drift)
    return Light(name, sun, ambient, bounce, lamp, haze, float(haze_m), cloud_shade, chosen, elevation, azimuth)


def mix(a: ArrayLike, b: ArrayLike, share: float) -> Rgb:
    """`a` where share is 0, `b` where it is 1."""
    first, second = np.asarray(a, np.float64), np.asarray(b, np.float64)
    return first + (second - first) * share


def linear(code: Rgb) -> Rgb:
    """sRGB codes, 0 to 255 -> linear light, 0 to 1, by the power 2.2."""
    return (code / 255) ** 2.2


def coded(light: Rgb) -> Rgb:
    """Linear light -> sRGB codes, 0 to 255; a soft shoulder keeps the drawing of bright stone."""
    light = np.maximum(light, 0)
    soft = np.where(light > 0.7, 0.7 + 0.3 * (1 - np.exp(-(light - 0.7) / 0.3)), light)
    return 255 * soft ** (1 / 2.2)


def shade(light: Light, albedo: Rgb, normal: Vector, sun: Vector, depth_m: float, lit: bool = True, lamp: float = 0.0) -> Rgb:
    """Coded color of a matte surface: sky from above, bounce from below, sun by the cosine, haze with distance."""
    facing = max(0.0, float(normal[0] * sun[0] + normal[1] * sun[1] + normal[2] * sun[2])) if lit else 0.0
    received = light.surround(normal) + light.sun * facing + light.lamp * lamp
    haze = 1 - math.exp(-depth_m / light.haze_m)
    return coded(linear(albedo) * received * (1 - haze) + linear(light.haze) * haze)


def shadow_ratio(light: Light, normal: Vector, sun: Vector) -> Rgb:
    """Linear light in shadow over light in the sun, per channel, for a surface that faces `normal`."""
    surround = light.surround(normal)
    return surround / np.maximum(1e-6, surround + light.sun * max(0.0, float(normal @ sun)))
