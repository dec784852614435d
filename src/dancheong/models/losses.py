"""The losses of Pix2Pix, with a weight for each pixel: 1 undamaged, 0 lost to light reflection (docs/glare.md).

    loss_D = (adversarial(D(x, y), real) + adversarial(D(x, G(x)), fake)) / 2
    loss_G = lambda_gan adversarial(D(x, G(x)), real) + lambda_l1 l1(G(x), y)      (or another distance for l1: LOSS)

Every mean is a weighted mean, ``sum(w e) / sum(w)``, so that an error of one size costs the same however much of the
picture is damaged, and a weight of 1 everywhere is the plain loss, bit for bit. Where nothing is undamaged a loss is 0.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from dancheong.models.discriminator import ReceptiveField

# One unit of a* or b* as the network gives it (LAB).
COLOR_UNIT = 1 / 110


def _weighted_mean(error: Tensor, weight: Tensor | None) -> Tensor:
    """Mean of `error` (b, c, h, w) under `weight` (b, 1, h, w); the arithmetic is the same with and without one."""
    error = _at_least_single(error)
    per_pixel = (error.shape[0], 1, *error.shape[2:])
    if weight is None:
        weight = error.new_ones(()).expand(per_pixel)
    elif weight.shape != per_pixel:
        # It would broadcast, and the mean be one of other pixels.
        raise ValueError(f"a weight of shape {per_pixel} was expected for this loss, not {tuple(weight.shape)}")
    total = weight.to(error.dtype).sum() * error.shape[1]
    return (weight * error).sum() / total.clamp_min(torch.finfo(torch.float32).tiny)


def _at_least_single(x: Tensor) -> Tensor:
    """Half precision has too few digits, and too small a range, to sum pixels in."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def adversarial(logits_b1hw: Tensor, is_real: bool, weight_b1hw: Tensor | None = None) -> Tensor:
    """Binary cross-entropy of the patches' logits against 1 (`is_real`) or 0, as a mean over patches.

    `weight_b1hw` has the shape of the logits: `pool_weight` makes it from the pixels'. ln 2 at logits of 0.
    Source: Goodfellow et al. 2014 in the form of Isola et al. 2017, equations 1 and 4; the generator calls it with
    `is_real` true (section 3.3: maximize log D instead of minimizing log(1 - D)).
    """
    logits_b1hw = _at_least_single(logits_b1hw)
    target = torch.full_like(logits_b1hw, float(is_real))
    return _weighted_mean(F.binary_cross_entropy_with_logits(logits_b1hw, target, reduction="none"), weight_b1hw)


def l1(fake_bchw: Tensor, target_bchw: Tensor, weight_b1hw: Tensor | None = None) -> Tensor:
    """``sum(w |fake - target|) / (c sum(w))``: the mean absolute error of undamaged pixels (equation 3)."""
    return _weighted_mean((fake_bchw - target_bchw).abs(), weight_b1hw)


def color_distance(fake_bchw: Tensor, target_bchw: Tensor, weight_b1hw: Tensor | None = None) -> Tensor:
    """``sum(w sqrt(|fake - target|^2 + e^2)) / sum(w)``: the mean distance of two colors, all channels together.

    In LAB that is the distance of the chroma, Delta E 1976 at equal lightness, of which L1 sees the two axes apart. Its
    least value is at the median color in the plane, not at the medians of a* and of b*. e is COLOR_UNIT, one unit of
    Lab, so that the gradient does not jump at equality.
    """
    difference = _at_least_single(fake_bchw - target_bchw)
    return _weighted_mean((difference.square().sum(1, keepdim=True) + COLOR_UNIT**2).sqrt(), weight_b1hw)


def ciede2000(fake_bchw: Tensor, target_bchw: Tensor, weight_b1hw: Tensor | None = None) -> Tensor:
    """``sum(w sqrt(dE^2 + 1)) / sum(w) / 110``: the mean CIEDE2000 difference of two chromas at equal lightness.

    What the eye sees less of counts less: a difference of two strong colors less than the same of two weak ones. What turns
    with the hue of the pair alone is held constant in the gradient. Where the channels are not a* and b* (RGB), it is
    `color_distance`.

    Source: Sharma, Wu and Dalal 2005, equations 2 to 22 with dL' = 0.
    """
    if fake_bchw.shape[1] != 2:
        return color_distance(fake_bchw, target_bchw, weight_b1hw)
    (a1, b1), (a2, b2) = ((_at_least_single(pair) / COLOR_UNIT).chunk(2, 1) for pair in (fake_bchw, target_bchw))

    # Chroma, with a* stretched where colors are weak. The small numbers keep the gradient finite at gray.
    stretch = 1.5 - 0.5 * _strong((_chroma(a1, b1) + _chroma(a2, b2)) / 2)
    a1, a2 = a1 * stretch, a2 * stretch
    c1, c2 = _chroma(a1, b1), _chroma(a2, b2)
    mean, chroma = (c1 + c2) / 2, c1 - c2
    hue_squared = (2 * (c1 * c2 - a1 * a2 - b1 * b2)).clamp_min(0)

    # The weights of hue, and the turn of the ellipses among the blues, by the pair's mean hue.
    with torch.no_grad():
        hue = torch.atan2(b1 / c1 + b2 / c2, a1 / c1 + a2 / c2)
        weight = (1 - 0.17 * torch.cos(hue - math.radians(30)) + 0.24 * torch.cos(2 * hue)
                  + 0.32 * torch.cos(3 * hue + math.radians(6)) - 0.2 * torch.cos(4 * hue - math.radians(63)))
        turn = torch.deg2rad(60 * torch.exp(-(((torch.rad2deg(hue) % 360 - 275) / 25) ** 2)))
        rotation = -2 * _strong(mean) * torch.sin(turn) * torch.sign(a2 * b1 - a1 * b2)
    by_chroma, by_hue = chroma / (1 + 0.045 * mean), (hue_squared + 1e-6).sqrt() / (1 + 0.015 * mean * weight)
    squared = by_chroma.square() + by_hue.square() + rotation * by_chroma * by_hue
    return _weighted_mean((squared.clamp_min(0) + 1).sqrt() * COLOR_UNIT, weight_b1hw)


def _chroma(a: Tensor, b: Tensor) -> Tensor:
    return (a.square() + b.square() + 1e-2).sqrt()


def _strong(chroma: Tensor) -> Tensor:
    """0 for gray, towards 1 for strong colors."""
    seventh = chroma**7
    return (seventh / (seventh + 25.0**7) + 1e-12).sqrt()


# What the generator learns from, by LOSS.
DISTANCES = {"l1": l1, "color": color_distance, "ciede2000": ciede2000}


def compose(fake_bchw: Tensor, target_bchw: Tensor, weight_b1hw: Tensor) -> Tensor:
    """``w fake + (1 - w) target``: the picture to be judged, in which damaged pixels are the truth's own.

    The discriminator then has nothing to see in them, and no gradient reaches the generator there.
    """
    return weight_b1hw * fake_bchw + (1 - weight_b1hw) * target_bchw


def pool_weight(weight_b1hw: Tensor, field: ReceptiveField) -> Tensor:
    """Weights of pixels (b, 1, h, w) -> weights of logits (b, 1, h', w'): the mean over what each logit sees.

    Padding is not part of the picture and does not count: weights of 1 give weights of exactly 1 at the border too.
    """
    return F.avg_pool2d(
        _at_least_single(weight_b1hw), field.size_px, stride=field.stride_px, padding=field.padding_px, count_include_pad=False
    )
