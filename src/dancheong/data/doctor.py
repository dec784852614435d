"""What is wrong or risky in a set of photographs, and what to do about it, before hours of training tell."""

import math
import os
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from dancheong.data.near_duplicates import Likeness, find_alike, likeness
from dancheong.data.photographs import NoPhotographs, Pair, PhotographRefused, find_pairs, has_color, read_pair
from dancheong.glare.detect import detect
from dancheong.imaging.color import rgb_to_lab
from dancheong.imaging.decode import decode
from dancheong.imaging.files import PhotoError, list_photos, read_photo
from dancheong.imaging.header import read_header
from dancheong.imaging.resize import LONGEST, resize
from dancheong.params import Params

Pixels = NDArray[Any]
Set = Literal["train", "test"]

# The smallest sets of Isola et al. 2017 are 400 facades and views of 91 webcams.
FEW_TRAIN = 100
# The mean of so few scores moves by about a quarter of the spread between photographs.
FEW_TEST = 20
# Shorter sides of the larger photographs against those of the smaller (95th and 5th percentile).
MIXED_SIZES = 4.0
GLARE_SHARE = 0.1
# Measured on 586 photographs of buildings and toned copies of their grays: at most this (in L*a*b* units, 95th
# percentile) lie all plain sepia and blue prints, 9 of 10 strong ones whose highlights are cut and 6 of 10 stained ones;
# and 3 of the 586, of which one is toned and two show snow and fog.
TONED_SPREAD = 7.0
# Measured on the same: 1 of 20 lies above, in the evening, under lamps or a filter; of copies with red, green and blue
# multiplied by (1.15, 1, .75) it is 9 of 20.
CAST_CHROMA = 9.0
_SMALL_PX = 96
_TONES = 32
_MAX_THREADS = 8
_HUES = ("red", "orange", "yellow", "yellow-green", "green", "cyan", "blue", "purple")

# In the order in which they matter.
ADVICE = {
    "leakage": "take it out of one of the two sets: what was seen in training makes the scores better than they are",
    "corrupt": "replace it by an intact copy; it is left out",
    "gray": "move it elsewhere: it cannot teach color and is left out; `dancheong predict` colors it",
    "sepia": "leave it out of training, unless this tone is what the results should have",
    "misaligned": "bring gray and color to the same size and position; it is left out",
    "unpaired": "add its partner of the same stem, or remove it; it is left out",
    "tiny": "scan it larger, or lower RESOL; it is left out",
    "duplicate": "remove the copy; only the first is used",
    "near_duplicate": "keep one of them: copies weigh a view more than others, and cheat when one is used for testing",
    "few": "add photographs of the same kind of place; the fewer, the more the results repeat them, or scores are chance",
    "mixed_sizes": "detail of very different scale is learned as one: leave out the smallest, or scan them larger",
    "small": "it is enlarged, which teaches blur: scan it larger, or lower RESOL",
    "panorama": f"cut it into parts of at most {LONGEST} to 1; as it is its shorter side falls below RESOL",
    "glare_abstained": "nothing is corrected where the detector finds more than DET_MAX_TOTAL: look at what it finds "
    "(`dancheong filter --mask-dir DIR`; white sky and snow mislead it), raise DET_MAX_TOTAL, or draw the mask",
    "glare": "look at the mask (`dancheong filter --mask-dir DIR`); GLARE_MODE says what is done, a drawn mask says where",
    "color_cast": "correct the white balance, unless the light was of this color: many casts of one kind tint all results",
    "sixteen_bit": "nothing to do: predictions keep 16 bits in PNG and TIFF, JPEG and WebP round to 8; training uses 8",
    "note": "look at its colors, and save it anew as sRGB if they are wrong",
}


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong or risky: in which file (or folder) of which set, of what kind, seen how, and what to do."""

    file: str
    kind: str
    detail: str
    advice: str
    set: Set


@dataclass(frozen=True)
class Diagnosis:
    """What was found in a set of photographs and, perhaps, another for testing; the gravest first.

    `photographs` and `test_photographs` could be read; `shorter_px` are the least, the median and the greatest shorter
    side of the first set, `glare_share` its mean share of light reflection as the detector sees it (None: not looked for).
    `unreadable` says of a set why none of it could be looked at.
    """

    findings: tuple[Finding, ...]
    photographs: int
    test_photographs: int
    shorter_px: tuple[int, int, int] | None
    glare_share: float | None
    unreadable: tuple[str, ...] = ()

    def counts(self) -> dict[str, int]:
        """How many findings there are of each kind."""
        return dict(Counter(finding.kind for finding in self.findings))


@dataclass(frozen=True, eq=False)
class _Look:
    """What one photograph told."""

    file: str
    found: tuple[tuple[str, str, str], ...]  # file, kind, detail
    shorter_px: int = 0
    likeness: Likeness | None = None
    glare_share: float | None = None


@dataclass(frozen=True, eq=False)
class _SetLook:
    """What one set told; `looks` only of what can be read."""

    name: Set
    root: Path
    looks: list[_Look]
    found: list[tuple[str, str, str]]


def diagnose(
    photos: Path, params: Params, test: Path | None = None, progress: Callable[[int], None] = lambda done: None,
    glare: bool = True,
) -> Diagnosis:
    """Look at every photograph once, small, on several threads.

    Args:
        photos: as for training: a folder of color photographs, of gray/ and color/, or of side-by-side pairs.
        test: photographs for testing, searched for what is in `photos` too.
        progress: gets the number of photographs done.
        glare: search for light reflection too, which takes most of the time.

    Raises:
        NoPhotographs: in none of the two places is a file that is a photograph by its name.
    """
    done = iter(range(1, 2**62))
    sets: dict[Set, _SetLook] = {}
    unreadable: list[NoPhotographs] = []
    for name, place in _places(photos, test):
        try:
            sets[name] = _look_at(Path(place), name, params, lambda: progress(next(done)), glare)
        except NoPhotographs as error:
            unreadable.append(error)
    if not sets:
        raise unreadable[0]
    found = [(one.name, entry) for one in sets.values() for entry in (*one.found, *_of_the_set(one), *_copies(one))]
    if len(sets) == 2:
        found += [("test", entry) for entry in _leaks(sets["test"], sets["train"])]
    order = list(ADVICE)
    findings = [Finding(file, kind, detail, ADVICE[kind], name) for name, (file, kind, detail) in found]
    findings.sort(key=lambda finding: (order.index(finding.kind), finding.set != "train", finding.file))
    looks = sets["train"].looks if "train" in sets else []
    sides = sorted(look.shorter_px for look in looks)
    shares = [look.glare_share for look in looks if look.glare_share is not None]
    return Diagnosis(
        findings=tuple(findings),
        photographs=len(looks),
        test_photographs=len(sets["test"].looks) if "test" in sets else 0,
        shorter_px=(sides[0], sides[len(sides) // 2], sides[-1]) if sides else None,
        glare_share=float(np.mean(shares)) if shares else None,
        unreadable=tuple(map(str, unreadable)),
    )


def count_photographs(*places: Path | None) -> int:
    """About how many photographs there are to look at."""
    return sum(len(list_photos(place)) if place.is_dir() else 1 for place in places if place is not None)


def toned_spread(pixels: Pixels) -> float:
    """How far colors stray from one color for each lightness, in L*a*b* units; about 0 to 7 in toned photographs."""
    lab = rgb_to_lab(_shrunk(pixels, _SMALL_PX)).reshape(-1, 3)
    tone = np.clip(lab[:, 0] * (_TONES / 100), 0, _TONES - 1).astype(int)
    order = np.argsort(tone, kind="stable")
    ends = np.flatnonzero(np.diff(tone[order])) + 1
    stray = np.concatenate([ab - np.median(ab, axis=0) for ab in np.split(lab[order, 1:], ends)])
    return float(np.percentile(np.hypot(stray[:, 0], stray[:, 1]), 95))


def color_cast(pixels: Pixels) -> tuple[float, float]:
    """The cast (a*, b*) of a photograph: where its palest colors, its lights and its mean all lie off gray.

    The palest are the quarter of least chroma, the lights the brightest twentieth that is not white. The cast has the
    direction of the palest and the least length of the three in that direction; (0, 0) where they disagree.
    """
    lab = rgb_to_lab(_shrunk(pixels, _SMALL_PX)).reshape(-1, 3)
    lab = lab[lab[:, 0] < 97]
    if not len(lab):
        return 0.0, 0.0
    ab, chroma = lab[:, 1:], np.hypot(lab[:, 1], lab[:, 2])
    palest = np.median(ab[chroma <= np.percentile(chroma, 25)], axis=0)
    lights = ab[lab[:, 0] >= np.percentile(lab[:, 0], 95)].mean(axis=0)
    length = float(np.hypot(*palest))
    if length == 0:
        return 0.0, 0.0
    toward = palest / length
    cast = toward * max(0.0, min(length, float(lights @ toward), float(ab.mean(axis=0) @ toward)))
    return float(cast[0]), float(cast[1])


def _places(photos: Path, test: Path | None) -> Iterator[tuple[Set, Path]]:
    yield "train", photos
    if test is not None:
        yield "test", test


def _look_at(photos: Path, name: Set, params: Params, done: Callable[[], None], glare: bool) -> _SetLook:
    """Look at every photograph of a set; none of them stops the others."""
    found: list[tuple[str, str, str]] = []
    try:
        pairs, refusals = find_pairs(photos, params)
        found += [(str(refusal.file), refusal.kind, refusal.reason) for refusal in refusals]
    except NoPhotographs:
        # Unless there is none at all, each tells for itself why it is refused.
        files = list_photos(photos) if photos.is_dir() else []
        if not files:
            raise
        pairs = [Pair(file.name, file) for file in files]
    looks = []
    with ThreadPoolExecutor(max_workers=_threads()) as pool:
        for look in pool.map(lambda pair: _examine(pair, params, glare), pairs):
            done()
            found += look.found
            if look.likeness is not None:
                looks.append(look)
    return _SetLook(name, photos, looks, found)


def _examine(pair: Pair, params: Params, glare: bool) -> _Look:
    """Everything one photograph tells by itself."""
    file, source = str(pair.color), None
    try:
        if pair.gray is not None:
            source, _ = read_pair(pair, params)
        pixels, size_px, notes = read_small(pair.color, max(params.det_work_size, 2 * _SMALL_PX))
    except PhotographRefused as refused:
        refusal = refused.refusal
        return _Look(file, ((str(refusal.file), refusal.kind, refusal.reason),))
    except (PhotoError, OSError) as error:
        return _Look(file, ((file, "corrupt", error.reason if isinstance(error, PhotoError) else str(error)),))
    found = [*_of_the_file(pair, pixels, size_px, params), *(("note", note) for note in notes)]
    share = None
    if params.pairing != "side_by_side":
        found += _of_the_color(pixels)
    if glare and params.pairing != "side_by_side":
        masks = [detect(_shrunk_longer(one, params.det_work_size), params) for one in (pixels, source) if one is not None]
        worst = max(masks, key=lambda mask: mask.share)
        share = worst.share
        if worst.abstained:
            found.append(("glare_abstained", f"{share:.0%} of it looks like light reflection"))
        elif share >= GLARE_SHARE:
            found.append(("glare", f"{share:.0%} of it is light reflection"))
    shorter_px = min(size_px[0] // (2 if pair.halves else 1), size_px[1])
    return _Look(file, tuple((file, kind, detail) for kind, detail in found), shorter_px, likeness(pixels), share)


def _of_the_file(pair: Pair, pixels: Pixels, size_px: tuple[int, int], params: Params) -> Iterator[tuple[str, str]]:
    width, height = size_px[0] // (2 if pair.halves else 1), size_px[1]
    if min(width, height) < params.resol:
        yield "small", f"{width} x {height} px; RESOL={params.resol}"
    if max(width, height) > LONGEST * min(width, height):
        yield "panorama", f"{width} x {height} px, {max(width, height) / min(width, height):.1f} to 1"
    if pixels.dtype == np.uint16:
        yield "sixteen_bit", "16 bits a channel"


def _of_the_color(pixels: Pixels) -> Iterator[tuple[str, str]]:
    if not has_color(pixels):
        yield "gray", "it has no color"
        return
    spread = toned_spread(pixels)
    if spread <= TONED_SPREAD:
        yield "sepia", f"its color follows its lightness (strays by {spread:.1f}): toned, or nearly without color"
        return
    a, b = color_cast(pixels)
    if math.hypot(a, b) >= CAST_CHROMA:
        hue = _HUES[round(math.degrees(math.atan2(b, a)) / 45) % 8]
        yield "color_cast", f"all of it leans to {hue} (by {math.hypot(a, b):.0f} in a*b*)"


def _of_the_set(one: _SetLook) -> Iterator[tuple[str, str, str]]:
    count, least = len(one.looks), FEW_TRAIN if one.name == "train" else FEW_TEST
    if count < least:
        yield str(one.root), "few", f"{count} usable; fewer than {least}"
    if count:
        low, high = np.percentile([look.shorter_px for look in one.looks], [5, 95])
        if high >= MIXED_SIZES * low:
            yield str(one.root), "mixed_sizes", f"shorter sides from {low:.0f} to {high:.0f} px (the middle 90 %)"


def _copies(one: _SetLook) -> Iterator[tuple[str, str, str]]:
    looks = one.looks
    for match in find_alike([look.likeness for look in looks if look.likeness is not None]):
        yield looks[match.index].file, "near_duplicate", _same_as(looks[match.other].file, match.bits, match.mirrored)


def _leaks(test: _SetLook, train: _SetLook) -> Iterator[tuple[str, str, str]]:
    hashes = [[look.likeness for look in one.looks if look.likeness is not None] for one in (test, train)]
    for match in find_alike(*hashes):
        other = train.looks[match.other].file
        yield test.looks[match.index].file, "leakage", _same_as(other, match.bits, match.mirrored)


def _same_as(other: str, bits: int, mirrored: bool) -> str:
    return f"shows the same{', mirrored,' if mirrored else ''} as {other} ({bits} of 64 bits differ)"


def read_small(path: Path, longer_px: int) -> tuple[Pixels, tuple[int, int], tuple[str, ...]]:
    """Pixels with the longer side at `longer_px` or more, (width, height) of the whole, and notes of reading.

    A JPEG is decoded at a half, a quarter or an eighth, which spares most of the time of a large one.

    Raises:
        PhotoError: as `read_photo`.
    """
    try:
        with path.open("rb") as file:
            whole = header = read_header(file)
            if header.format == "JPEG" and header.image is not None:
                factor = longer_px / max(header.size_px)
                header.image.draft(None, (math.ceil(header.width_px * factor), math.ceil(header.height_px * factor)))
                header = replace(header, width_px=header.image.width, height_px=header.image.height)
            pixels, notes = decode(file, header)
            return pixels, whole.size_px, header.notes + notes
    except Exception:  # decoders raise of every kind on damaged files; `read_photo` says in words what it is
        photo = read_photo(path)
        return photo.pixels, (photo.pixels.shape[1], photo.pixels.shape[0]), photo.notes


def _shrunk(pixels: Pixels, shorter_px: int) -> Pixels:
    return _scaled(pixels, shorter_px / min(pixels.shape[:2]))


def _shrunk_longer(pixels: Pixels, longer_px: int) -> Pixels:
    return _scaled(pixels, longer_px / max(pixels.shape[:2]))


def _scaled(pixels: Pixels, factor: float) -> Pixels:
    if factor >= 1:
        return pixels
    height, width = pixels.shape[:2]
    return resize(pixels, (max(1, round(height * factor)), max(1, round(width * factor))))


def _threads() -> int:
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(processors, _MAX_THREADS))
