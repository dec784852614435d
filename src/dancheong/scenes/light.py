"""Light and pigment: what color a surface of the built-in scenes has at a given hour."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Rgb = tuple[float, ...]
Vector = NDArray[np.float64]

# Pigments of dancheong and the materials around it: albedo, sRGB-coded, 0 to 255.
SEOKGANJU: Rgb = (146, 54, 38)  # iron-oxide red of pillars
VERMILION: Rgb = (206, 66, 42)
NOEROK: Rgb = (52, 122, 92)  # celadonite green, the ground of all painted wood
LEAF_GREEN: Rgb = (92, 160, 112)
SAMCHEONG: Rgb = (44, 84, 160)  # azurite blue
SKY_BLUE: Rgb = (112, 160, 205)
OCHER: Rgb = (214, 158, 66)
WHITE: Rgb = (238, 232, 216)
INK: Rgb = (38, 33, 32)
TILE: Rgb = (104, 113, 124)
PAPER: Rgb = (226, 214, 186)
PLASTER: Rgb = (222, 206, 176)
WOOD: Rgb = (134, 88, 56)
GRANITE: Rgb = (198, 191, 180)
SAND: Rgb = (206, 184, 150)
BRICK: Rgb = (168, 104, 78)


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

    `sky` has three colors, from the horizon to the zenith. `haze_m` is the distance at which haze hides 63 % of a color.
    """

    name: str
    sun: Rgb
    ambient: Rgb
    bounce: Rgb
    lamp: Rgb
    haze: Rgb
    haze_m: float
    sky: tuple[Rgb, Rgb, Rgb]
    cloud: Rgb
    cloud_shade: Rgb
    elevation: float
    azimuth: float


def direction(light: Light) -> Vector:
    """Unit vector towards the sun: x right, y up, z away from the camera."""
    across = math.cos(light.elevation)
    return np.array(
        [across * math.sin(light.azimuth), math.sin(light.elevation), -across * math.cos(light.azimuth)], np.float64
    )


def linear(code: float) -> float:
    """An sRGB code, 0 to 255 -> linear light, 0 to 1, by the power 2.2."""
    return math.pow(code / 255, 2.2)


def coded(light: float) -> float:
    """Linear light -> an sRGB code, 0 to 255; a soft shoulder keeps the drawing of bright stone."""
    light = max(light, 0.0)
    if light > 0.7:
        light = 0.7 + 0.3 * (1 - math.exp(-(light - 0.7) / 0.3))
    return 255 * math.pow(light, 1 / 2.2)


def mix(a: Rgb, b: Rgb, share: float) -> Rgb:
    """`a` where share is 0, `b` where it is 1."""
    return (a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share, a[2] + (b[2] - a[2]) * share)


def scaled(color: Rgb, gain: float) -> Rgb:
    """A color times a number."""
    return (color[0] * gain, color[1] * gain, color[2] * gain)


def shade(light: Light, albedo: Rgb, normal: Vector, sun: Vector, depth_m: float, lit: bool = True, lamp: float = 0.0) -> Rgb:
    """Coded color of a matte surface: sky from above, bounce from below, sun by the cosine, haze with distance."""
    facing = max(0.0, float(normal[0] * sun[0] + normal[1] * sun[1] + normal[2] * sun[2])) if lit else 0.0
    surround = mix(light.bounce, light.ambient, 0.5 + 0.5 * float(normal[1]))
    haze = 1 - math.exp(-depth_m / light.haze_m)
    return tuple(
        coded(
            linear(albedo[i]) * (surround[i] + light.sun[i] * facing + light.lamp[i] * lamp) * (1 - haze)
            + linear(light.haze[i]) * haze
        )
        for i in range(3)
    )


def shadow_ratio(light: Light, normal: Vector, sun: Vector) -> Rgb:
    """Linear light in shadow over light in the sun, per channel, for a surface that faces `normal`."""
    facing = max(0.0, float(normal @ sun))
    surround = mix(light.bounce, light.ambient, 0.5 + 0.5 * float(normal[1]))
    return tuple(surround[i] / max(1e-6, surround[i] + light.sun[i] * facing) for i in range(3))


def draw_light(rng: np.random.Generator, name: str) -> Light:
    """A light of the named hour ("day", "golden", "dusk", "overcast"), varied a little by `rng`."""
    azimuth = math.radians(float(rng.choice([-1, 1])) * float(rng.uniform(18, 62)))
    warm = float(rng.uniform(-1, 1))
    if name == "day":
        blue = float(rng.uniform(0, 1))
        return Light(
            name, (1.28, 1.18 - 0.02 * warm, 1.03 - 0.05 * warm), (0.29, 0.35, 0.45), (0.25, 0.22, 0.18), (0, 0, 0),
            (198, 214, 230), 900, (mix((206, 222, 234), (184, 212, 236), blue), (128, 178, 226),
            mix((64, 128, 202), (36, 98, 182), blue)), (252, 252, 250), (196, 206, 220),
            math.radians(float(rng.uniform(36, 56))), azimuth,
        )  # fmt: skip
    if name == "golden":
        return Light(
            name, (1.34, 0.96 + 0.04 * warm, 0.56 + 0.08 * warm), (0.26, 0.29, 0.38), (0.20, 0.15, 0.10), (0, 0, 0),
            (226, 206, 184), 700, ((244, 214, 170), (178, 190, 208), (92, 134, 186)), (255, 236, 208), (186, 172, 180),
            math.radians(float(rng.uniform(16, 28))), azimuth,
        )  # fmt: skip
    if name == "dusk":
        horizon, middle, top, cloud = (
            ((250, 172, 98), (190, 132, 136), (54, 66, 116), (244, 150, 100)),
            ((246, 150, 112), (150, 120, 158), (58, 62, 122), (232, 136, 128)),
            ((226, 178, 150), (96, 122, 172), (34, 52, 106), (150, 134, 162)),
        )[int(rng.integers(3))]
        return Light(
            name, (0.06, 0.04, 0.03), (0.20, 0.20, 0.30), (0.15, 0.12, 0.13), (1.25, 0.70, 0.28),
            (140, 116, 132), 1100, (horizon, middle, top), cloud, (96, 84, 118), math.radians(6), azimuth,
        )  # fmt: skip
    if name == "overcast":
        return Light(
            name, (0.06, 0.06, 0.06), (0.72, 0.74, 0.78), (0.34, 0.32, 0.29), (0, 0, 0),
            (206, 209, 212), 500, ((222, 223, 224), (206, 209, 214), (184, 190, 198)), (228, 229, 231), (186, 191, 198),
            math.radians(55), azimuth,
        )  # fmt: skip
    raise ValueError(f"unknown light {name!r}: use day, golden, dusk or overcast")
