"""The experiment's photographs on disk: clean ones, the same with simulated glare, its true masks, and what the controls need.

    clean/ damaged/          training photographs, under x.75 of their light, without and with glare
    dose_050/ toned_050-*/   what an arm is trained on: half of them damaged; the same under tone curves
    placebo_050-*/           loss masks of the right area in wrong places
    test/clean, damaged, mask
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dancheong.data.photographs import Pair, PhotographRefused, UnusablePhoto, find_pairs, nothing_left, read_pair
from dancheong.data.same_view import has_color
from dancheong.experiment.versions import glare_version, pictures_version
from dancheong.glare.detect import detect
from dancheong.glare.homomorphic import homomorphic
from dancheong.glare.simulate import add_glare
from dancheong.imaging.color import as_rgb, decode, linear_to_srgb, to_pixels
from dancheong.imaging.files import read_photo, write_photo
from dancheong.imaging.resize import fit_size, resize
from dancheong.params import Params
from dancheong.system.cores import cores
from dancheong.system.whole_file import write_text

Pixels = NDArray[Any]

# Photographs that reach white leave no room for light.
EXPOSURE = 0.75
GLARE_SEED = 20201
# Glare is found worse in smaller pictures (F1 .78 at 512 px, .78 at 384, .74 at 256); larger ones take longer to judge.
LEAST_LONGER_PX = 384
_TRAIN, _TEST, _DOSE = 0, 1, 2


@dataclass(frozen=True)
class Pictures:
    """Where the experiment's photographs are. `digest` identifies the originals and how they were made.

    `train_names`, `test_names`: the originals of 00000.png, 00001.png, ...; `damaged_share`: mean area of the test
    photographs' true masks.
    """

    folder: Path
    digest: str
    longer_px: int
    train_names: tuple[str, ...]
    test_names: tuple[str, ...]
    left_out: tuple[UnusablePhoto, ...]
    damaged_share: float

    @property
    def test(self) -> Path:
        """Holds clean/, damaged/ and mask/."""
        return self.folder / "test"


def make_pictures(photos: Path, test: Path, work: Path, params: Params) -> Pictures:
    """Simulate glare on both sets, each photograph by a seed of its own; what an earlier call made is taken as it is.

    Args:
        photos, test: any of the layouts with a color truth; only the color photographs count.
        work: a folder of the program's own.

    Raises:
        NoPhotographs: nothing usable in one of them.
    """
    longer_px = max(LEAST_LONGER_PX, 4 * params.resol)
    sets, left_out, whole = [], [], hashlib.sha256(f"{longer_px} {params.aug_glare_make} {pictures_version()}".encode())
    for place in (photos, test):
        pairs, refusals = find_pairs(place, params)
        sets.append(pairs)
        left_out += refusals
        for pair in pairs:
            with pair.color.open("rb") as file:
                whole.update(pair.name.encode() + b"\0" + hashlib.file_digest(file, "sha256").digest())
        whole.update(b"\0\0")
    digest = whole.hexdigest()
    folder = work / f"pictures-{digest[:12]}"
    if not (folder / "made.json").exists():
        _simulate_all(sets, folder, longer_px, params.aug_glare_make, left_out)
    made = json.loads((folder / "made.json").read_text("utf-8"))
    refused = tuple(UnusablePhoto(Path(file), kind, reason) for file, kind, reason in made["left_out"])
    return Pictures(
        folder, digest, longer_px, tuple(made["train"]), tuple(made["test"]), refused, made["damaged_share"]
    )


def _simulate_all(
    sets: Sequence[list[Pair]], folder: Path, longer_px: int, make: str, left_out: list[UnusablePhoto]
) -> None:
    """Write clean, damaged and mask of every photograph, then made.json: without it nothing here counts as made."""
    shutil.rmtree(folder, ignore_errors=True)
    names: list[list[str]] = []
    shares: list[float] = []
    for part, (pairs, place) in enumerate(zip(sets, (folder, folder / "test"), strict=True)):
        kinds = ("clean", "damaged", "mask")[: 2 + (part == _TEST)]
        for kind in kinds:
            (place / kind).mkdir(parents=True)
        kept: dict[bytes, str] = {}
        for (_, pair), outcome in _each(partial(_simulate, part, longer_px, make), list(enumerate(pairs))):
            if isinstance(outcome, UnusablePhoto):
                left_out.append(outcome)
                continue
            content = hashlib.sha256(outcome[0].tobytes()).digest()
            if content in kept:
                left_out.append(UnusablePhoto(pair.color, "duplicate", "another photograph has the same pixels"))
                continue
            for kind, pixels in zip(kinds, outcome, strict=False):
                write_photo(place / kind / f"{len(kept):05d}.png", pixels)
            shares += [float((outcome[2] > 0).mean())] * (part == _TEST)
            kept[content] = pair.name
        if not kept:
            raise nothing_left(left_out)
        names.append(list(kept.values()))
    refused = [(str(refusal.file), refusal.kind, refusal.reason) for refusal in left_out]
    record = {"train": names[0], "test": names[1], "damaged_share": float(np.mean(shares)), "left_out": refused}
    write_text(folder / "made.json", json.dumps(record))


def _simulate(
    part: int, longer_px: int, make: str, numbered: tuple[int, Pair]
) -> tuple[Pixels, Pixels, Pixels] | UnusablePhoto:
    """(clean, damaged, true mask) of one photograph."""
    index, pair = numbered
    try:
        pixels = as_rgb(read_pair(pair, Params(pairing="derive"))[1])
    except PhotographRefused as refused:
        return refused.refusal
    height, width = pixels.shape[:2]
    small = resize(pixels, fit_size(height, width, min(longer_px, max(height, width))))
    clean = to_pixels(linear_to_srgb(decode(small) * np.float32(EXPOSURE)), np.uint8)
    damaged, mask = add_glare(clean, np.random.default_rng((GLARE_SEED, part, index)), make=make)
    if not (has_color(clean) and has_color(damaged)):
        # Refused later it would be missing in some arms only.
        return UnusablePhoto(pair.color, "gray", "under simulated glare it has no color left to learn from")
    return clean, damaged, mask.astype(np.uint8) * np.uint8(255)


def dosed(pictures: Pictures, dose: int) -> Path:
    """The folder of training photographs of which `dose` percent are damaged; a smaller dose is part of a greater one."""
    count = len(pictures.train_names)
    order = np.random.default_rng((GLARE_SEED, _DOSE)).permutation(count)
    damaged = set(order[: round(count * dose / 100)].tolist())

    def fill(folder: Path) -> None:
        for index in range(count):
            source = pictures.folder / ("damaged" if index in damaged else "clean") / f"{index:05d}.png"
            try:
                os.link(source, folder / source.name)
            except OSError:  # the disk knows no file under two names
                shutil.copyfile(source, folder / source.name)

    return _made_once(pictures.folder / f"dose_{dose:03d}", fill)


def toned(pictures: Pictures, dose: int, params: Params) -> Path:
    """The same photographs under a tone curve: each channel gets the histogram that the filter of `params` gives it.

    As much contrast as the filter's, but a curve cannot tell light from detail.
    """

    def tone(file: Path) -> Pixels:
        pixels = read_photo(file).pixels
        return match_histograms(pixels, homomorphic(pixels, params))

    return _derived("toned", tone, pictures, dose, params)


def match_histograms(pixels_hwc: Pixels, model_hwc: Pixels) -> Pixels:
    """A monotone curve for each channel (uint8) that gives it the model's histogram, as near as equal codes stay equal."""
    out = np.empty_like(pixels_hwc)
    for channel in range(pixels_hwc.shape[2]):
        counts = np.bincount(pixels_hwc[..., channel].ravel(), minlength=256)
        # A code goes where the middle of its pixels stands in the model's order.
        middle = (np.cumsum(counts) - counts / 2).astype(np.int64).clip(0, pixels_hwc[..., channel].size - 1)
        curve = np.sort(model_hwc[..., channel], axis=None)[middle]
        out[..., channel] = curve[pixels_hwc[..., channel]]
    return out


def placebo(pictures: Pictures, dose: int, params: Params) -> Path:
    """Masks as the detector of `params` finds them, mirrored and moved by half the picture: equal area, wrong place."""

    def misplace(file: Path) -> Pixels:
        alpha_hw = detect(read_photo(file).pixels, params).alpha_hw
        height, width = alpha_hw.shape
        return to_pixels(np.roll(alpha_hw[:, ::-1], (height // 2, width // 2), (0, 1)), np.uint8)

    return _derived("placebo", misplace, pictures, dose, params)


def _derived(kind: str, work: Callable[[Path], Pixels], pictures: Pictures, dose: int, params: Params) -> Path:
    """A folder of what `work` makes of each training photograph, named after the rows and the code it depends on."""

    def fill(folder: Path) -> None:
        for file, pixels in _each(work, sorted(dosed(pictures, dose).iterdir())):
            write_photo(folder / file.name, pixels)

    rows = json.dumps(params.model_copy(update={"seed": 0}).model_dump(exclude_defaults=True), sort_keys=True)
    digest = hashlib.sha256((rows + glare_version()).encode()).hexdigest()[:8]
    return _made_once(pictures.folder / f"{kind}_{dose:03d}-{digest}", fill)


def _made_once(folder: Path, fill: Callable[[Path], None]) -> Path:
    """`folder`, filled under another name first, so that half a folder is never taken for a whole one."""
    if folder.exists():
        return folder
    unfinished = folder.with_name(f".{folder.name}")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    fill(unfinished)
    return unfinished.rename(folder)


def _each(work: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    """Each item with what `work` makes of it, in order; some at a time on all processors."""
    threads = min(8, cores())
    with ThreadPoolExecutor(threads) as pool:
        for start in range(0, len(items), 4 * threads):
            part = items[start : start + 4 * threads]
            yield from zip(part, pool.map(work, part), strict=True)
