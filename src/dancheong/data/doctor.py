"""What is wrong or risky in a set of photographs, and what to do about it, before hours of training tell."""

import math
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from dancheong.data.near_duplicates import Likeness, find_alike, likeness
from dancheong.data.photographs import ForeignLayout, NoPhotographs, Pair, PhotographRefused, find_pairs, read_pair
from dancheong.data.same_view import has_color, looks_like_pair
from dancheong.glare.detect import detect
from dancheong.imaging.color import rgb_to_lab
from dancheong.imaging.files import PhotoError, list_photos, look_through, read_small
from dancheong.imaging.resize import LONGEST, fit_size, resize, scaled_size
from dancheong.params import Params
from dancheong.system.arrays import Pixels
from dancheong.system.cores import cores

Set = Literal["train", "test"]
_Fault = tuple[str, str, str]  # file, kind, detail

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
    "layout": "until then nothing of it is trained on; what follows takes every file for a photograph by itself",
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
    "pair": "if these are pairs, train with PAIRING=side_by_side and COLOR_SPACE=RGB: now both halves are one photograph",
    "one_picture": "leave it out, unless its halves are input and target: it is cut in the middle",
    "color_input": "nothing to do if its gray is what is to be colored: the input is grayed; color inputs stay as they are "
    "in pairs side by side (PAIRING=side_by_side, COLOR_SPACE=RGB)",
    "sixteen_bit": "nothing to do: predictions keep 16 bits in PNG and TIFF, JPEG and WebP round to 8; training uses 8",
    "note": "look at its colors, and save it anew as sRGB if they are wrong",
}


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong or risky.

    Attributes:
        file: the file or folder.
        kind: a key of `ADVICE`.
        detail: what was seen.
        advice: what to do.
        set: the set of the file.
    """

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
    `unreadable` says of a set why none of it could be looked at, and of a folder or link why it could not be followed.
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
class _Photograph:
    """What comparing a readable photograph with the others of its set takes."""

    file: str
    shorter_px: int
    likeness: Likeness
    glare_share: float | None


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
    sets: dict[Set, list[_Photograph]] = {}
    findings: list[Finding] = []
    unreadable: list[NoPhotographs] = []
    places: dict[Set, Path | None] = {"train": photos, "test": test}
    for name, place in places.items():
        if place is not None:
            try:
                sets[name], found = _check_set(Path(place), params, lambda: progress(next(done)), glare)
            except NoPhotographs as error:
                unreadable.append(error)
                continue
            found += [*_faults_of_set(name, Path(place), sets[name]), *_same_pictures("near_duplicate", sets[name])]
            findings += [Finding(*one, ADVICE[one[1]], name) for one in found]
    if not sets:
        raise unreadable[0]
    if len(sets) == 2:
        leaks = _same_pictures("leakage", sets["test"], sets["train"])
        findings += [Finding(*one, ADVICE["leakage"], "test") for one in leaks]
    folders = [Path(place) for place in places.values() if place is not None and Path(place).is_dir()]
    unreached = [f"{one.path}: {one.reason}" for folder in folders for one in look_through(folder)[1] if one.failed]
    order = list(ADVICE)
    findings.sort(key=lambda finding: (order.index(finding.kind), finding.set != "train", finding.file))
    train = sets.get("train", [])
    sides = sorted(photograph.shorter_px for photograph in train)
    shares = [photograph.glare_share for photograph in train if photograph.glare_share is not None]
    return Diagnosis(
        findings=tuple(findings),
        photographs=len(train),
        test_photographs=len(sets.get("test", [])),
        shorter_px=(sides[0], sides[len(sides) // 2], sides[-1]) if sides else None,
        glare_share=float(np.mean(shares)) if shares else None,
        unreadable=(*map(str, unreadable), *unreached),
    )


def count_photographs(*places: Path | None) -> int:
    """About how many photographs there are to look at."""
    return sum(len(list_photos(place)) if place.is_dir() else 1 for place in places if place is not None)


def toned_spread(pixels: Pixels) -> float:
    """How far colors stray from one color for each lightness, in L*a*b* units; about 0 to 7 in toned photographs."""
    lab = rgb_to_lab(_small(pixels)).reshape(-1, 3)
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
    lab = rgb_to_lab(_small(pixels)).reshape(-1, 3)
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


def _check_set(
    photos: Path, params: Params, done: Callable[[], None], glare: bool
) -> tuple[list[_Photograph], list[_Fault]]:
    """The photographs of a set that can be read, and the faults of all; none of them stops the others."""
    faults: list[_Fault] = []
    try:
        pairs, unusable = find_pairs(photos, params)
        faults += [(str(one.file), one.kind, one.reason) for one in unusable]
    except NoPhotographs as error:
        if isinstance(error, ForeignLayout):
            faults.append((str(photos), "layout", str(error)))
        # Unless there is none at all, each is examined, and says why it cannot be used.
        pairs = [Pair(file.name, file) for file in (list_photos(photos) if photos.is_dir() else [])]
        if not pairs:
            raise
    readable = []
    with ThreadPoolExecutor(max_workers=min(cores(), _MAX_THREADS)) as pool:
        for photograph, found in pool.map(lambda pair: _check_photo(pair, params, glare), pairs):
            done()
            faults += found
            if photograph is not None:
                readable.append(photograph)
    return readable, faults


def _check_photo(pair: Pair, params: Params, glare: bool) -> tuple[_Photograph | None, list[_Fault]]:
    """Everything that one photograph shows by itself."""
    file, source = str(pair.color), None
    try:
        if pair.gray is not None:
            source, _ = read_pair(pair, params)
        pixels, (width, height), notes = read_small(pair.color, max(params.det_work_size, 2 * _SMALL_PX))
    except PhotographRefused as error:
        return None, [(str(error.refusal.file), error.refusal.kind, error.refusal.reason)]
    except (PhotoError, OSError) as error:
        return None, [(file, "corrupt", error.reason if isinstance(error, PhotoError) else str(error))]
    width //= 2 if pair.halves else 1
    shorter_px, longer_px = sorted((width, height))
    faults: dict[str, str] = {}
    if shorter_px < params.resol:
        faults["small"] = f"{width} x {height} px; RESOL={params.resol}"
    if longer_px > LONGEST * shorter_px:
        faults["panorama"] = f"{width} x {height} px, {longer_px / shorter_px:.1f} to 1"
    if source is not None and has_color(source):
        faults["color_input"] = "the picture in gray/ is in color"
    if pixels.dtype == np.uint16:
        faults["sixteen_bit"] = "16 bits a channel"
    if pair.halves and not looks_like_pair(pixels):
        faults["one_picture"] = "no seam parts its halves"
    elif not pair.halves and width == 2 * height and looks_like_pair(pixels):
        faults["pair"] = "twice as wide as high, and a seam parts its halves"
    share = None
    # The halves of a pair may be of any color, and light reflection is not treated in them.
    if params.pairing != "side_by_side":
        faults |= _faults_of_color(pixels)
        if glare:
            looks = [pixels] if source is None else [pixels, source]
            sizes = [fit_size(look.shape[0], look.shape[1], params.det_work_size) for look in looks]
            masks = [detect(resize(look, size), params) for look, size in zip(looks, sizes, strict=True)]
            worst = max(masks, key=lambda mask: mask.share)
            share = worst.share
            if worst.abstained:
                faults["glare_abstained"] = f"{share:.0%} of it looks like light reflection"
            elif share >= GLARE_SHARE:
                faults["glare"] = f"{share:.0%} of it is light reflection"
    found = [(file, kind, detail) for kind, detail in faults.items()]
    found += [(file, "note", note) for note in notes]
    return _Photograph(file, shorter_px, likeness(pixels), share), found


def _faults_of_color(pixels: Pixels) -> dict[str, str]:
    if not has_color(pixels):
        return {"gray": "it has no color"}
    spread = toned_spread(pixels)
    if spread <= TONED_SPREAD:
        return {"sepia": f"its color follows its lightness (strays by {spread:.1f}): toned, or nearly without color"}
    a, b = color_cast(pixels)
    if math.hypot(a, b) < CAST_CHROMA:
        return {}
    hue = _HUES[round(math.degrees(math.atan2(b, a)) / 45) % 8]
    return {"color_cast": f"all of it leans to {hue} (by {math.hypot(a, b):.0f} in a*b*)"}


def _faults_of_set(name: Set, root: Path, photographs: list[_Photograph]) -> Iterator[_Fault]:
    count, least = len(photographs), FEW_TRAIN if name == "train" else FEW_TEST
    if count < least:
        yield str(root), "few", f"{count} usable; fewer than {least}"
    if count:
        low, high = np.percentile([photograph.shorter_px for photograph in photographs], [5, 95])
        if high >= MIXED_SIZES * low:
            yield str(root), "mixed_sizes", f"shorter sides from {low:.0f} to {high:.0f} px (the middle 90 %)"


def _same_pictures(kind: str, photographs: list[_Photograph], others: list[_Photograph] | None = None) -> Iterator[_Fault]:
    """Photographs that show the same picture as one of `others`, or as one before them."""
    pool = photographs if others is None else others
    for match in find_alike([one.likeness for one in photographs], None if others is None else [one.likeness for one in pool]):
        how = ", mirrored," if match.mirrored else ""
        detail = f"shows the same{how} as {pool[match.other].file} ({match.bits} of 64 bits differ)"
        yield photographs[match.index].file, kind, detail


def _small(pixels: Pixels) -> Pixels:
    height, width = pixels.shape[:2]
    return resize(pixels, scaled_size(height, width, min(1.0, _SMALL_PX / min(height, width))))
