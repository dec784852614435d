"""Batches of a training run. Sample k depends on (SEED, k) and the photographs alone.

So any number of worker processes and of ranks sees the same pictures, and a run goes on at any k as if it had never
stopped. Input, target and weight are planes of one array until they are cropped, resized and flipped: they cannot come
apart.
"""

import math
import multiprocessing
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from multiprocessing.context import BaseContext
from types import ModuleType
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset

from dancheong.data.cache import CROP_ASPECT, Cache, Record
from dancheong.data.old_plates import as_old_plate
from dancheong.data.prepare import channels, gray_tones, target_to_network, to_network
from dancheong.imaging.color import to_pixels
from dancheong.imaging.resize import resize, working_shape
from dancheong.params import ParamError, Params
from dancheong.system.arrays import Float32

Sample = tuple[Float32, Float32, Float32]
Window = tuple[int, int, int, int]
_CROP_TRIES = 10


class Batch(NamedTuple):
    """float32 tensors: input and target in [-1, 1], weight in [0, 1] (0: damaged, leave it out of the loss)."""

    input_bchw: torch.Tensor
    target_bchw: torch.Tensor
    weight_b1hw: torch.Tensor


class Variation(NamedTuple):
    """What is drawn for one sample: `light` is exposure (stops) and contrast, `angle` in degrees."""

    flipped: bool
    light: tuple[float, float]
    with_glare: bool
    angle: float
    window: Window


def batches(cache: Cache, params: Params, start_image: int, stop_image: int, rank: int = 0, world: int = 1) -> Iterator[Batch]:
    """Batches of the images [start_image, stop_image) of the run, counted from 0 over all epochs.

    A step of the whole run takes BATCH_SIZE images; of those, rank r of `world` gets each world-th from the r-th on.
    The last step may be shorter; images that the ranks cannot share evenly are then left out. Squares of RESOL px.

    Raises:
        ParamError: if BATCH_SIZE is not a multiple of `world`.
    """
    return (Batch(*part) for part in sample_batches(Samples(cache, params, augmented), start_image, stop_image, rank, world))


def sample_batches(
    samples: "Samples", start_image: int, stop_image: int, rank: int = 0, world: int = 1
) -> Iterator[tuple[torch.Tensor, ...]]:
    """Batches of any samples, in the order that `batches` describes."""
    steps = steps_of(samples.params, start_image, stop_image, rank, world)
    workers = min(samples.params.workers, len(steps))
    loader = DataLoader(
        samples, batch_sampler=steps, num_workers=workers, collate_fn=_collate, worker_init_fn=_start_worker,
        multiprocessing_context=_worker_context() if workers else None,
        # The loader draws a number from its generator even if nothing needs it: with one of its own it leaves the global
        # one alone, on which dropout and resuming depend.
        generator=torch.Generator(),
    )  # fmt: skip
    with _without_script():
        return iter(loader)


def steps_of(params: Params, start_image: int, stop_image: int, rank: int, world: int) -> list[list[int]]:
    """The images of each step, as `batches` describes it; raises what it raises."""
    if params.batch_size % world:
        raise ParamError(
            f"BATCH_SIZE={params.batch_size} cannot be shared by {world} processes: it must be a multiple of DEVICES"
        )
    steps = []
    for first in range(start_image, stop_image, params.batch_size):
        count = min(params.batch_size, stop_image - first) // world * world
        if count:
            steps.append([*range(first + rank, first + count, world)])
    return steps


def photograph_at(image: int, photographs: int, seed: int) -> int:
    """Which photograph the image-th of a run shows: each epoch takes every photograph once, in an order of its own."""
    epoch, position = divmod(image, photographs)
    return int(_epoch_order(epoch, photographs, seed)[position])


@lru_cache(maxsize=2)
def _epoch_order(epoch: int, photographs: int, seed: int) -> NDArray[np.int64]:
    # The 1 keeps this stream apart from the augmentation's (seed, image).
    return np.random.default_rng((seed, epoch, 1)).permutation(photographs)


def augmented(record: Record, params: Params, rng: np.random.Generator) -> Sample:
    """One varied sample of a cached photograph.

    Window, angle and flip are the same for all planes. Light (JITTER_LIGHT) and synthetic glare (AUG_GLARE_P) change only a
    gray input: exposure by up to +-JITTER_LIGHT stops, and contrast around middle gray by a factor of up to
    2^(+-JITTER_LIGHT/2), then glare. Side-by-side inputs, which need not be photographs, get neither.

    Returns:
        Input (c_in, resol, resol), target (c_out, resol, resol) and weight (1, resol, resol), float32.
    """
    c_in = channels(params)[0]
    variation = draw(record.shape[0], record.shape[1], params, rng)
    planes = resize(_cut(record, variation.window, variation.angle), (params.resol, params.resol))
    if variation.flipped:
        planes = planes[:, ::-1]
    input_hwc = planes[..., :c_in]
    if params.pairing != "side_by_side" and params.old_plates:
        # A stream of its own, so that it leaves all other draws as they were.
        own = rng.spawn(1)[0]
        if own.random() < params.old_plates:
            input_hwc = as_old_plate(input_hwc[..., 0], planes[..., c_in : c_in + 3], own)[..., None]
    light = variation.light
    if variation.with_glare and params.pairing != "side_by_side":
        # The scene's light is varied before reflections fall on it, so that a burnt-out sun stays white.
        input_hwc, light = _with_glare(input_hwc, light, params.aug_glare_make, rng), (0.0, 1.0)
    target = target_to_network(np.ascontiguousarray(planes[..., c_in : c_in + 3]), params)
    return to_network(input_hwc, params, *light), target, _weight(planes, c_in, params)


def draw(height: int, width: int, params: Params, rng: np.random.Generator) -> Variation:
    """How a sample differs from its photograph of height x width."""
    # All draws but the window's come first and always, so that switching one variation leaves the others as they were.
    flipped = bool(rng.random() < params.flip)
    exposure, contrast = rng.uniform(-params.jitter_light, params.jitter_light, 2) * (1.0, 0.5)
    with_glare = bool(rng.random() < params.aug_glare_p)
    angle = rng.uniform(-params.jitter_angle, params.jitter_angle)
    light = float(exposure), float(2.0**contrast)
    return Variation(flipped, light, with_glare, angle, crop_window(height, width, params, rng))


def crop_window(height: int, width: int, params: Params, rng: np.random.Generator) -> Window:
    """Where a sample is taken from a picture of height x width: (top, left, height, width) in px.

    CROP_SCALE_MIN=1: a square of RESOL anywhere (Isola et al. 2017: 286 -> 256). Else an area between CROP_SCALE_MIN
    and 1 of the picture, uniform, with an aspect ratio between 3/4 and 4/3, log-uniform (Szegedy et al. 2015).
    """
    if params.crop_scale_min == 1:
        side = min(params.resol, height, width)
        return _placed(height, width, side, side, rng)
    for _ in range(_CROP_TRIES):
        area = height * width * rng.uniform(params.crop_scale_min, 1)
        aspect = math.exp(rng.uniform(-math.log(CROP_ASPECT), math.log(CROP_ASPECT)))
        crop_height, crop_width = round(math.sqrt(area / aspect)), round(math.sqrt(area * aspect))
        if 0 < crop_height <= height and 0 < crop_width <= width:
            return _placed(height, width, crop_height, crop_width, rng)
    # A panorama has no such window: take the largest that is not narrower than the aspect allows.
    return _placed(height, width, min(height, round(width * CROP_ASPECT)), min(width, round(height * CROP_ASPECT)), rng)


def validation_samples(
    cache: Cache, params: Params, limit: int | None = None
) -> Iterator[tuple[str, Float32, Float32]]:
    """Whole photographs, not varied, one after the other: (name, input (c_in, h, w), target (c_out, h, w)).

    The shorter side is that of predictions, the aspect kept. `limit`: the first so many only. Build the cache with
    ``stage="predict"`` to see what a prediction will see.
    """
    c_in = channels(params)[0]
    for index in range(len(cache) if limit is None else min(limit, len(cache))):
        record = cache[index]
        planes = resize(record, working_shape(record.shape[0], record.shape[1], params.predict_px))
        target_hwc = np.ascontiguousarray(planes[..., c_in : c_in + 3])
        yield cache.names[index], to_network(planes[..., :c_in], params), target_to_network(target_hwc, params)


class Samples(Dataset[tuple[Float32, ...]]):
    """The run's samples by their number: what `vary` makes of a record, with random numbers of its own.

    `vary` is a function of a module: worker processes look it up by its name.
    """

    def __init__(
        self, cache: Cache, params: Params, vary: Callable[[Record, Params, np.random.Generator], tuple[Float32, ...]]
    ) -> None:
        self.cache, self.params, self.vary = cache, params, vary

    def __getitem__(self, image: int) -> tuple[Float32, ...]:
        record = self.cache[photograph_at(image, len(self.cache), self.params.seed)]
        return self.vary(record, self.params, np.random.default_rng((self.params.seed, image)))


def _worker_context() -> BaseContext:
    # A plain fork would copy locks that threads of OpenCV and torch may hold.
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    # Imported once by the server and not again by each worker.
    context.set_forkserver_preload([__name__])
    return context


@contextmanager
def _without_script() -> Iterator[None]:
    """Workers that start in the block import no script: one that asks for nothing would train again in each of them.

    They need none of it, and `multiprocessing` finds it by the module __main__.
    """
    script = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = script


def _start_worker(worker: int) -> None:
    cv2.setNumThreads(1)


def _collate(samples: list[tuple[Float32, ...]]) -> tuple[torch.Tensor, ...]:
    return tuple(torch.from_numpy(np.stack(part)) for part in zip(*samples, strict=True))


def _cut(record: Record, window: Window, angle: float) -> Record:
    """The window of a picture that is turned by `angle` degrees about the window's middle; beyond its edges it is mirrored."""
    top, left, height, width = window
    if angle:
        turn = cv2.getRotationMatrix2D((left + (width - 1) / 2, top + (height - 1) / 2), angle, 1.0)
        turn[:, 2] -= left, top
        turned = cv2.warpAffine(record, turn, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        return np.asarray(turned, np.uint8)
    return record[top : top + height, left : left + width]


def _placed(height: int, width: int, crop_height: int, crop_width: int, rng: np.random.Generator) -> Window:
    top = int(rng.integers(height - crop_height + 1))
    left = int(rng.integers(width - crop_width + 1))
    return top, left, crop_height, crop_width


def _with_glare(
    input_hwc: Record, light: tuple[float, float], make: str, rng: np.random.Generator
) -> NDArray[np.uint16]:
    """The gray input under another light, with synthetic glare; 16 bits, so that dark tones are not rounded."""
    from dancheong.glare.simulate import add_glare

    lit_hw = to_pixels(gray_tones(input_hwc.dtype.name, *light)[input_hwc[..., 0]], np.uint16)
    return add_glare(lit_hw, rng, make=make)[0][..., None]


def _weight(planes: NDArray[np.uint8], c_in: int, params: Params) -> Float32:
    """w = 1 - alpha (1 - LOSS_MASK_WEIGHT), (1, h, w); ones where nothing is damaged."""
    if planes.shape[2] == c_in + 3:
        return np.ones((1, *planes.shape[:2]), np.float32)
    loss = np.float32((1 - params.loss_mask_weight) / 255)
    return np.float32(1) - loss * planes[None, :, :, c_in + 3].astype(np.float32)
