"""Batches made on the device that trains: the photographs lie there, and only what was drawn for a sample goes over.

The samples are those of `dancheong.data.batches`, from the same draws, but for rounding: windows are cut, turned and shrunk
in one step, from several points a pixel instead of an area. What only the host can do to a sample (synthetic glare,
old plates) is done there.
"""

import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from dancheong.data.batches import Batch, Variation, augmented, draw, photograph_at, steps_of
from dancheong.data.cache import Cache
from dancheong.data.prepare import AB_SCALE, channels, tone_table
from dancheong.imaging.color import LINEAR_RGB_TO_RELATIVE_XYZ, decode
from dancheong.params import Params

_LAB_DELTA = 6 / 29
# CACHE=auto leaves the rest of the device's memory to the networks.
_MEMORY_SHARE = 0.3


def belongs_on_device(cache: Cache, params: Params, device: torch.device) -> bool:
    """Whether CACHE asks for it; `auto`: on a CUDA device with room for them, where no worker processes were asked for."""
    if params.cache != "auto":
        return params.cache == "device"
    if device.type != "cuda" or params.workers or params.old_plates:
        return False
    free_bytes, _ = torch.cuda.mem_get_info(device)
    return sum(record.nbytes for record in cache) < _MEMORY_SHARE * free_bytes


def gpu_batches(
    cache: Cache, params: Params, device: torch.device, start_image: int, stop_image: int, rank: int = 0, world: int = 1
) -> Iterator[Batch]:
    """As `dancheong.data.batches.batches`, with tensors on the device; the photographs are copied there first."""
    steps = steps_of(params, start_image, stop_image, rank, world)
    photographs = [torch.tensor(np.ascontiguousarray(np.moveaxis(record, -1, 0)), device=device) for record in cache]
    light_of_code = _to(torch.from_numpy(decode(np.arange(256, dtype=np.uint8)).copy()), device)

    def batch(images: list[int]) -> Batch:
        chosen = [photograph_at(image, len(cache), params.seed) for image in images]
        shapes = [cache[index].shape for index in chosen]
        variations = [
            draw(shape[0], shape[1], params, np.random.default_rng((params.seed, image)))
            for image, shape in zip(images, shapes, strict=True)
        ]
        # One small copy for the whole step, which the host does not wait for.
        matrices = _to(torch.tensor([_place(*both) for both in zip(variations, shapes, strict=True)]), device)
        tables = _tone_tables(variations, params, device)
        parts = []
        for number, (image, index, one) in enumerate(zip(images, chosen, variations, strict=True)):
            if one.with_glare or params.old_plates:
                sample = augmented(cache[index], params, np.random.default_rng((params.seed, image)))
                parts.append(tuple(_to(torch.from_numpy(plane), device) for plane in sample))
            else:
                codes_chw = _cut(photographs[index], matrices[number], one, params.resol)
                parts.append(_sample(codes_chw, None if tables is None else tables[number], light_of_code, params))
        return Batch(*(torch.stack(planes) for planes in zip(*parts, strict=True)))

    return (batch(step) for step in steps)


def _tone_tables(variations: list[Variation], params: Params, device: torch.device) -> Tensor | None:
    """What each gray code is to the network, under the light of each sample (samples, 256); None: all as 2 x - 1."""
    if channels(params)[0] == 3:
        return None
    tables = np.stack([tone_table(params.color_space, "uint8", *one.light) for one in variations])
    return _to(torch.from_numpy(tables), device)


def _sample(
    codes_chw: Tensor, table: Tensor | None, light_of_code: Tensor, params: Params
) -> tuple[Tensor, Tensor, Tensor]:
    """Input, target and weight of whole codes (c, h, w), int64. `light_of_code`: linear light of each sRGB code (256)."""
    c_in, c_out = channels(params)
    input_chw = _symmetric(codes_chw[:c_in]) if table is None else table[codes_chw[:1]]
    rgb = codes_chw[c_in : c_in + 3]
    target_chw = _symmetric(rgb) if c_out == 3 else _chroma(light_of_code[rgb])
    weight = torch.ones_like(input_chw[:1])
    if len(codes_chw) > c_in + 3:
        weight = 1 - (1 - params.loss_mask_weight) / 255 * codes_chw[c_in + 3 :]
    return input_chw, target_chw, weight


def _chroma(linear_rgb: Tensor) -> Tensor:
    """a*/110, b*/110 (2, h, w) of linear light (3, h, w); see `dancheong.imaging.color.rgb_to_lab`."""
    red, green, blue = linear_rgb
    matrix = LINEAR_RGB_TO_RELATIVE_XYZ.tolist()
    x, y, z = (_cube_root(row[0] * red + row[1] * green + row[2] * blue) for row in matrix)
    return torch.stack([(x - y) * (500 / AB_SCALE), (y - z) * (200 / AB_SCALE)]).clamp(-1, 1)


def _place(one: Variation, shape: tuple[int, ...]) -> list[list[float]]:
    """The 2 x 3 matrix that takes a sample's square, [-1, 1] to each side, to its window in a picture of [-1, 1]."""
    top, left, height, width = one.window
    turn, flip = math.radians(one.angle), -1 if one.flipped else 1
    cosine, sine = math.cos(turn), math.sin(turn)
    middle_x, middle_y = (2 * left + width) / shape[1] - 1, (2 * top + height) / shape[0] - 1
    return [
        [flip * cosine * width / shape[1], -sine * height / shape[1], middle_x],
        [flip * sine * width / shape[0], cosine * height / shape[0], middle_y],
    ]


def _cut(photograph_chw: Tensor, place: Tensor, one: Variation, resol: int) -> Tensor:
    """The window as whole codes (c, resol, resol), int64; mirrored beyond the picture's edges."""
    _, _, height, width = one.window
    # So many points a pixel each way that no row or column of the photograph is left out.
    points = max(1, math.ceil(max(height, width) / resol))
    grid = F.affine_grid(place[None], [1, 1, points * resol, points * resol], align_corners=False)
    kind = "bicubic" if min(height, width) < resol else "bilinear"
    cut = F.grid_sample(photograph_chw[None].float(), grid, kind, "reflection", align_corners=False)
    return F.avg_pool2d(cut, points)[0].round().clamp(0, 255).long()


def _symmetric(codes: Tensor) -> Tensor:
    return codes * (2 / 255) - 1


def _cube_root(t: Tensor) -> Tensor:
    """The cube root of CIE 15 with its straight part near black."""
    straight = t * (1 / (3 * _LAB_DELTA**2)) + 4 / 29
    return torch.where(t > _LAB_DELTA**3, t.clamp_min(1e-9) ** (1 / 3), straight)


def _to(tensor: Tensor, device: torch.device) -> Tensor:
    # Memory that is pinned is copied while the host goes on.
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)
