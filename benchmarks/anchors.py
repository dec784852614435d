"""Three published ways of parting reflected light from a color photograph, restated from their papers for comparison.

Each takes linear light (h, w, 3) of a white illuminant and gives back the light without reflection. They look at the whole
photograph: none of them knows a mask.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

Light = NDArray[np.float32]
EPSILON = np.float32(1e-4)


def yang_2010(light: Light, radius_px: int | None = None, rounds: int = 4) -> Light:
    """Yang, Wang and Ahuja, ECCV 2010: the greatest chromaticity is raised to its bilateral mean, guided by the diffuse one."""
    total = light.sum(axis=-1) + EPSILON
    greatest, least = light.max(axis=-1) / total, light.min(axis=-1) / total
    guide = (greatest - least) / np.maximum(1 - 3 * least, EPSILON)  # of the diffuse color, whatever white is added
    radius = radius_px or max(3, round(0.02 * max(total.shape)))
    for _ in range(rounds):
        mean = _joint_bilateral(greatest, guide, radius)
        change = mean - greatest
        greatest = np.maximum(greatest, mean)
        if float(change.max()) < 0.03:
            break
    reflected = (light.max(axis=-1) - greatest * total) / np.minimum(1 - 3 * greatest, -EPSILON)
    return _without(light, reflected)


def _joint_bilateral(plane: Light, guide: Light, radius: int, levels: int = 12, spread: float = 0.08) -> Light:
    """Yang's own fast form: a blur of each of some levels of the guide, and the level of each pixel taken from it."""
    places = np.linspace(float(guide.min()), float(guide.max()) + 1e-6, levels, dtype=np.float32)
    stack = []
    for place in places:
        weight = np.exp(-0.5 * ((guide - place) / np.float32(spread)) ** 2)
        window = (0, 0), radius / 2
        stack.append(cv2.GaussianBlur(weight * plane, *window) / np.maximum(cv2.GaussianBlur(weight, *window), 1e-6))
    at = (guide - places[0]) / (places[1] - places[0])
    low = np.clip(at.astype(int), 0, levels - 2)
    share = at - low
    rows, columns = np.indices(guide.shape)
    every = np.stack(stack)
    return np.asarray((1 - share) * every[low, rows, columns] + share * every[low + 1, rows, columns], np.float32)


def shen_2013(light: Light, limit: float = 0.3) -> Light:
    """Shen and Zheng, Applied Optics 2013: in each group of like colors the greatest channel is in one ratio to the range."""
    least, greatest = light.min(axis=-1), light.max(axis=-1)
    span = greatest - least
    candidate = least > least.mean()
    free = light - least[..., None] + least.mean()  # a picture without highlights, of other colors
    chroma = np.stack([free.min(axis=-1), free.max(axis=-1)], axis=-1) / (free.sum(axis=-1, keepdims=True) + EPSILON)
    group = _grouped(chroma[candidate], limit)
    ratio = greatest[candidate] / (span[candidate] + EPSILON)
    reflected = np.zeros_like(least)
    part = np.zeros(len(ratio), np.float32)
    for number in range(int(group.max()) + 1 if group.size else 0):
        members = group == number
        part[members] = greatest[candidate][members] - np.median(ratio[members]) * span[candidate][members]
    reflected[candidate] = part
    return _without(light, reflected)


def _grouped(points: Light, limit: float) -> NDArray[np.int64]:
    """Each point to the first group whose middle is nearer than the limit, in one pass over a histogram of them."""
    cells, back = np.unique(np.rint(points * 50).astype(int), axis=0, return_inverse=True)
    middles: list[Light] = []
    labels = np.zeros(len(cells), np.int64)
    for number, cell in enumerate(cells / np.float32(50)):
        distances = [float(np.abs(cell - middle).sum()) for middle in middles]
        if not distances or min(distances) > limit:
            middles.append(cell)
            distances.append(0)
        labels[number] = int(np.argmin(distances))
    return labels[back.ravel()]


def akashi_2016(light: Light, colors: int = 7, sparsity: float = 3.0, rounds: int = 300, seed: int = 0) -> Light:
    """Akashi and Okatani, CVIU 2016: sparse non-negative factors, of which one is white and the others are the body colors."""
    rng = np.random.default_rng(seed)
    pixels = light.reshape(-1, 3).T.astype(np.float64) * 255
    basis = np.concatenate([np.full((3, 1), 3**-0.5), rng.random((3, colors)) + 0.1], axis=1)
    basis /= np.linalg.norm(basis, axis=0)
    weights = rng.random((colors + 1, pixels.shape[1])) * pixels.mean()
    penalty = np.array([0.0] + [sparsity] * colors)[:, None]
    for _ in range(rounds):
        weights *= (basis.T @ pixels) / (basis.T @ (basis @ weights) + penalty + 1e-9)
        made = basis @ weights
        body, own = basis[:, 1:], weights[1:]
        # Updates of unit vectors (Eggert and Koerner 2004): what would only lengthen a vector is taken out of the gradient.
        up = pixels @ own.T + body * (body * (made @ own.T)).sum(axis=0)
        down = made @ own.T + body * (body * (pixels @ own.T)).sum(axis=0)
        basis[:, 1:] = body * up / (down + 1e-9)
        basis[:, 1:] /= np.linalg.norm(basis[:, 1:], axis=0) + 1e-12
    reflected = (basis[:, :1] @ weights[:1]) / 255
    return np.clip(light - reflected.T.reshape(light.shape).astype(np.float32), 0, 1)


def _without(light: Light, reflected: Light) -> Light:
    held = np.clip(reflected, 0, light.min(axis=-1))
    return np.asarray(light - held[..., None], np.float32)
