"""PHOTOS on disk: three layouts in, pairs out; what cannot be used is named with a reason and left out."""

import hashlib
import math
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from dancheong.imaging.color import as_rgb, gray_of
from dancheong.imaging.files import PhotoError, list_photos, look_through, read_photo, read_size
from dancheong.imaging.formats import READ_SUFFIXES
from dancheong.imaging.resize import fit_size, resize, scaled_size
from dancheong.params import DancheongError, NotThere, ParamError, Params
from dancheong.system.csv_text import valid_text

Pixels = NDArray[Any]
T = TypeVar("T")
Kind = Literal["corrupt", "tiny", "gray", "duplicate", "misaligned", "unpaired", "glare"]
KINDS: tuple[str, ...] = get_args(Kind)

# Measured on 586 photographs of buildings: the 99th percentile of max - min over R, G, B is 28 codes in the palest
# (fog), and 0 to 3 in gray pictures saved as color JPEG.
GRAY_SPREAD_CODES = 12
# Measured on 216 photographs of 512 px: aligned pairs with another emulsion's gray, noise, blur or a tone curve all pass;
# shifts of 4 px and more and other photographs are all found (2 px pass; so do 3 % of mirrored, symmetrical buildings).
SAME_SCENE_CORRELATION = 0.45
ALIGN_LONGER_PX = 256
ALIGN_SEARCH_PX = 12
# Measured on 48 photographs, as they are and as old plates: turned by 1 degree or scaled by 1.02 all are found, and none else.
TURNED_DEGREES, SCALED_SHARE = 0.4, 0.008
# Measured: 174 of 176 pairs of facades and drawings of them are found, and all of 120 of gray and color; of 340 photographs
# cut to twice their height 2 are taken for pairs, of which one shows plates side by side.
SEAM_RATIO = 1.75
SEAM_REACH_PX = 32
# Of edges of both halves; less is asked where both are plain at the seam.
SHAPE_CORRELATION, PLAIN_SHAPE_CORRELATION = 0.9, 0.5
# Where pix2pix and its followers keep pairs, in lower case, and names of folders that say which is the input.
_FOREIGN_LAYOUTS = (("a", "b"), ("traina", "trainb"), ("train/a", "train/b"), ("a/train", "b/train"))
_PLAIN = {"gray", "grey", "color", "colour"}
_GRAYS = ("gray", "grey", "grayscale", "greyscale", "bw", "input", "inputs", "source")
_COLORS = ("color", "colour", "rgb", "gt", "ground_truth", "target", "targets")


class NoPhotographs(DancheongError, ValueError):
    """Nothing is left to work with; the message says why and what to do."""


class NoSuchPhotographs(NotThere, NoPhotographs):
    """There is no such folder or file."""


@dataclass(frozen=True)
class Pair:
    """One photograph. `color` is the truth; `gray` the input where it is a file of its own; `halves`: both in `color`.

    `name` is the path below PHOTOS in composed Unicode (NFC), so that it is the same on every file system.
    """

    name: str
    color: Path
    gray: Path | None = None
    halves: bool = False


@dataclass(frozen=True)
class UnusablePhoto:
    """A file that cannot be used and is left out, and why."""

    file: Path
    kind: Kind
    reason: str


class PhotographRefused(ValueError):
    """A single photograph cannot be used; `refusal` says which and why."""

    def __init__(self, refusal: UnusablePhoto) -> None:
        super().__init__(f"{refusal.file}: {refusal.reason}")
        self.refusal = refusal


def photos_path(given: str | Path) -> Path:
    """PHOTOS, a folder or file that is there. Raises NoSuchPhotographs."""
    photos = Path(given)
    if not photos.exists():
        raise NoSuchPhotographs(f"there is no {photos}; give a folder of photographs")
    return photos


def find_pairs(photos: str | Path, params: Params) -> tuple[list[Pair], list[UnusablePhoto]]:
    """Find the photographs of PHOTOS by names, headers and bytes, without decoding them.

    Args:
        photos: a folder of color photographs (searched recursively; a single file will do), a folder with `gray/` and
            `color/` (or `input/` and `target/` and the like) holding the same stems, or a folder of side-by-side halves
            (PAIRING=side_by_side).

    Returns:
        Pairs in the order of their names, and the files that are left out.

    Raises:
        NoPhotographs: if there is no such folder or nothing usable in it.
    """
    photos = photos_path(photos)
    _refuse_foreign_layout(photos, params)
    folders = _gray_and_color(photos)
    if params.pairing == "folders" and folders is None:
        raise NoPhotographs(
            f"PAIRING=folders needs the folders gray/ and color/ in {photos}; "
            "leave PAIRING=auto to derive the gray from color photographs"
        )
    refusals: list[UnusablePhoto] = []
    if folders is not None and params.pairing in ("auto", "folders"):
        pairs = _by_stem(photos, *folders, refusals)
    else:
        files = [photos] if photos.is_file() else _listed(photos, refusals)
        root = photos.parent if photos.is_file() else photos
        pairs = [Pair(_name(file, root), file, None, params.pairing == "side_by_side") for file in files]
    pairs.sort(key=lambda pair: pair.name)
    faults = [_fault_of_header(pair, params) for pair in pairs]
    refusals += [fault for fault in faults if fault is not None]
    pairs = _without_copies([pair for pair, fault in zip(pairs, faults, strict=True) if fault is None], refusals)
    if not pairs:
        raise nothing_left(refusals, photos)
    return pairs, refusals


def read_pair(pair: Pair, params: Params) -> tuple[Pixels | None, Pixels]:
    """Decode one photograph: (input, target); the input is None where it is to be derived from the target.

    Returns:
        Arrays (h, w) or (h, w, 3), uint8 or uint16; the target is (h, w, 3).

    Raises:
        PhotographRefused: if a file is damaged, a "color" photograph has no color, or gray and color do not match.
    """
    target = _read(pair.color)
    source = None if pair.gray is None else _read(pair.gray)
    if pair.halves:
        return split_halves(target, params)
    if not has_color(target):
        reason = "it has no color, so there is nothing to learn from it"
        raise PhotographRefused(UnusablePhoto(pair.color, "gray", reason))
    if pair.gray is not None and source is not None:
        reason = mismatch(source, target)
        if reason:
            raise PhotographRefused(UnusablePhoto(pair.gray, "misaligned", reason))
    return source, target


def find_masks(folder: Path) -> dict[str, Path]:
    """Masks drawn by hand: the PNG files of a folder and its subfolders, by the name that `mask_of` looks up.

    Raises:
        ParamError: no such folder, or no PNG in it.
    """
    if not folder.is_dir():
        raise ParamError(f"there is no folder {folder} of drawn masks; give one, or leave the masks to the detector")
    masks = by_stem((file for file in list_photos(folder) if file.suffix.lower() == ".png"), folder)
    if not masks:
        raise ParamError(f"no PNG is in {folder}: a drawn mask is a PNG of its photograph's name, white on light reflection")
    return masks


def by_stem(files: Iterable[Path], folder: Path) -> dict[str, Path]:
    """Files below `folder` that belong to photographs of the same names, as `mask_of` looks them up."""
    return {name_key(_name(file, folder)): file for file in files}


def mask_of(masks: Mapping[str, T], name: str) -> T | None:
    """The drawing for a photograph: of the same subfolder and stem, else of a folder further up, at last at the top.

    `masks`: what belongs to names, by `name_key`. `name` is a path with ``/``.
    """
    parts = name_key(name).split("/")
    return next(filter(None, (masks.get("/".join(parts[start:])) for start in range(len(parts)))), None)


def name_key(name: str) -> str:
    """A path without its suffix; neither letter case nor the form of its Unicode matters."""
    return unicodedata.normalize("NFC", Path(name).with_suffix("").as_posix()).casefold()


def read_mask(mask: Path, photograph: Pixels) -> Pixels:
    """Decode a drawn mask for a photograph (h, w, ...): (h, w) or (h, w, 3), uint8 or uint16.

    Raises:
        PhotographRefused: if the file is damaged or of another size.
    """
    drawn = _read(mask)
    if drawn.shape[:2] != photograph.shape[:2]:
        reason = (
            f"the drawn mask is {drawn.shape[1]} x {drawn.shape[0]} px, its photograph {photograph.shape[1]} x "
            f"{photograph.shape[0]} px: draw it on the photograph itself"
        )
        raise PhotographRefused(UnusablePhoto(mask, "misaligned", reason))
    return drawn


def has_color(pixels: Pixels) -> bool:
    """Whether a photograph holds color: some of it differs visibly between R, G and B."""
    if pixels.ndim == 2:
        return False
    height, width = pixels.shape[:2]
    # Shrinking first averages the colored grain of a gray picture away.
    small = resize(pixels, scaled_size(height, width, min(1.0, 128 / min(height, width))))
    spread = np.ptp(small.astype(np.int32), axis=2) * (255 / np.iinfo(pixels.dtype).max)
    return bool(np.percentile(spread, 99) >= GRAY_SPREAD_CODES)


def mismatch(gray: Pixels, color: Pixels) -> str:
    """Why a gray and a color picture are not the same view pixel by pixel; empty if they are.

    Fine detail of both, shrunk to 256 px, is compared at shifts up to 12 px; a plain picture without detail passes.
    """
    if gray.shape[:2] != color.shape[:2]:
        return _sizes_differ(gray.shape[1::-1], color.shape[1::-1])
    first, second = _detail(gray), _detail(color)
    margin = min(ALIGN_SEARCH_PX, (min(first.shape) - 1) // 4)
    inner = second[margin : second.shape[0] - margin, margin : second.shape[1] - margin]
    if min(float(inner.std()), float(first.std())) < 1.0:
        return ""
    scores = cv2.matchTemplate(first, inner, cv2.TM_CCOEFF_NORMED)
    _, best, _, (column, row) = cv2.minMaxLoc(scores)
    if best < SAME_SCENE_CORRELATION:
        return f"gray and color do not show the same view (their detail correlates by {best:.2f})"
    shift_px = np.hypot(row - margin, column - margin) * max(1.0, max(gray.shape[:2]) / ALIGN_LONGER_PX)
    if max(abs(row - margin), abs(column - margin)) > 1:
        return f"gray and color are shifted against each other by about {shift_px:.0f} px; align them first"
    return _turned_or_scaled(first, second)


def _turned_or_scaled(first: NDArray[np.float32], second: NDArray[np.float32]) -> str:
    """How one detail picture lies on the other by OpenCV's ECC (Evangelidis and Psarakis 2008), if not straight."""
    try:
        correlation, affine = cv2.findTransformECC(
            first, second, np.eye(2, 3, dtype=np.float32), cv2.MOTION_AFFINE,
            (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 60, 1e-5), np.ones(second.shape, np.uint8), 5,
        )
    except cv2.error:  # it does not settle
        return ""
    angle = math.degrees(math.atan2(affine[1, 0] - affine[0, 1], affine[0, 0] + affine[1, 1]))
    scale = math.sqrt(abs(float(np.linalg.det(affine[:, :2]))))
    if correlation < SAME_SCENE_CORRELATION or (abs(angle) < TURNED_DEGREES and abs(scale - 1) < SCALED_SHARE):
        return ""
    how = f"turned by {abs(angle):.1f} degrees and scaled by {scale:.3f}"
    return f"gray and color are {how} against each other; align them first"


def nothing_left(refusals: Iterable[UnusablePhoto], photos: Path | None = None) -> NoPhotographs:
    """The error for an empty result: how many were refused for what, the first of them, and what to do."""
    refusals = list(refusals)
    where = "" if photos is None else f" in {photos}"
    counted = ", ".join(f"{count} {kind}" for kind, count in Counter(refusal.kind for refusal in refusals).items())
    found = f"no file ending in {', '.join(sorted(READ_SUFFIXES))}"
    if refusals:
        first = refusals[0]
        found = f"{len(refusals)} left out ({counted}); the first: {first.file}: {first.reason}"
    return NoPhotographs(
        f"no usable photograph{where}: {found}. Expected: a folder of color photographs; or one with gray/ and color/ "
        "holding the same stems; or, with PAIRING=side_by_side, pictures of two halves of the same size"
    )


def _subfolders(photos: Path) -> dict[str, Path]:
    """The subfolders by their names in lower case, and theirs as ``train/a`` where the first names a part of a set."""
    found = {entry.name.lower(): entry for entry in sorted(photos.iterdir()) if entry.is_dir()} if photos.is_dir() else {}
    for outer in found.keys() & {"train", "a", "b"}:
        found |= {f"{outer}/{one.name.lower()}": one for one in sorted(found[outer].iterdir()) if one.is_dir()}
    return found


def _gray_and_color(photos: Path) -> tuple[Path, Path] | None:
    """The folders of inputs and of truths, in any case and by the names that say which is which.

    Only gray/ and color/ are taken by name alone; under others, which a kind of place may have too, the same stems must lie.
    """
    folders = _subfolders(photos)
    for gray, color in product(_GRAYS, _COLORS):
        if {gray, color} <= folders.keys() and ({gray, color} <= _PLAIN or _share_stems(folders[gray], folders[color])):
            return folders[gray], folders[color]
    return None


def _share_stems(one: Path, other: Path) -> bool:
    return bool(_stems(one, []).keys() & _stems(other, []).keys())


def _refuse_foreign_layout(photos: Path, params: Params) -> None:
    """Pairs in A/ and B/ of other programs, or two sets without pairs, would count as twice as many photographs.

    Which of both is the input is not to be seen, so they are not guessed at. Raises NoPhotographs.
    """
    folders = {} if params.pairing == "derive" else _subfolders(photos)
    if "train" in folders and _gray_and_color(folders["train"]):
        raise NoPhotographs(f"pairs lie in {folders['train']}: give that folder; if they are no pairs, set PAIRING=derive")
    for names in _FOREIGN_LAYOUTS:
        if not folders.keys() >= set(names):
            continue
        one, other = (folders[name] for name in names)
        if _share_stems(one, other):
            raise NoPhotographs(
                f"{one} and {other} hold the same names, as pairs of other programs do; rename the input's folder to gray/ and "
                "the target's to color/ in one folder, or put both pictures side by side and set PAIRING=side_by_side; if they "
                "are no pairs, set PAIRING=derive"
            )
        if names[0].startswith("train"):
            raise NoPhotographs(
                f"{one} and {other} are two sets without pairs, for unpaired training; this program learns from color "
                "photographs, whose gray it derives, or from pairs: give one of the two folders, or pairs (docs/data.md)"
            )


def _by_stem(photos: Path, gray: Path, color: Path, refusals: list[UnusablePhoto]) -> list[Pair]:
    grays, colors = _stems(gray, refusals), _stems(color, refusals)
    for stem in sorted(grays.keys() ^ colors.keys()):
        file, other = (grays[stem], color) if stem in grays else (colors[stem], gray)
        refusals.append(UnusablePhoto(file, "unpaired", f"there is no {stem} in {other.name}/"))
    return [Pair(_name(colors[stem], photos), colors[stem], grays[stem]) for stem in grays.keys() & colors.keys()]


def _listed(folder: Path, refusals: list[UnusablePhoto]) -> list[Path]:
    """The photographs of a folder. Where some may be that cannot be reached, that is a refusal."""
    files, others = look_through(folder)
    refusals += [UnusablePhoto(one.path, "corrupt", one.reason) for one in others if one.failed]
    return files


def _stems(folder: Path, refusals: list[UnusablePhoto]) -> dict[str, Path]:
    stems: dict[str, Path] = {}
    for file in _listed(folder, refusals):
        stem = Path(_name(file, folder)).with_suffix("").as_posix()
        if stem in stems:
            refusals.append(UnusablePhoto(file, "unpaired", f"{stems[stem].name} has the same stem and is taken instead"))
        else:
            stems[stem] = file
    return stems


def _name(file: Path, root: Path) -> str:
    # A file system may keep Korean names decomposed (NFD); the same name must compare equal everywhere.
    return unicodedata.normalize("NFC", valid_text(file.relative_to(root).as_posix()))


def _fault_of_header(pair: Pair, params: Params) -> UnusablePhoto | None:
    """What the headers of its files show to be wrong."""
    smallest_px = max(16, params.resol // 4)
    sizes = []
    for file in (pair.color, pair.gray):
        if file is not None:
            try:
                sizes.append(read_size(file))
            except (PhotoError, OSError) as error:
                return _unreadable(file, error)
    width, height = sizes[0]
    if pair.halves and width % 2:
        return UnusablePhoto(pair.color, "misaligned", f"{width} px wide: two halves of the same size need an even width")
    shorter_px = min(width // 2 if pair.halves else width, height)
    if shorter_px < smallest_px:
        reason = f"its shorter side is {shorter_px} px; RESOL={params.resol} needs {smallest_px} px or more"
        return UnusablePhoto(pair.color, "tiny", reason)
    if len(set(sizes)) > 1:
        return UnusablePhoto(pair.gray or pair.color, "misaligned", _sizes_differ(sizes[1], sizes[0]))
    return None


def _sizes_differ(gray_px: tuple[int, ...], color_px: tuple[int, ...]) -> str:
    (gray_width, gray_height), (width, height) = gray_px, color_px
    return f"gray is {gray_width} x {gray_height} px and color {width} x {height} px; both must be of the same size"


def _unreadable(file: Path, error: Exception) -> UnusablePhoto:
    if isinstance(error, PhotoError):
        return UnusablePhoto(error.path, "corrupt", error.reason)
    return UnusablePhoto(file, "corrupt", str(error))


def _read(file: Path) -> Pixels:
    try:
        return read_photo(file).pixels
    except (PhotoError, OSError) as error:
        raise PhotographRefused(_unreadable(file, error)) from error


def _without_copies(pairs: list[Pair], refusals: list[UnusablePhoto]) -> list[Pair]:
    """The same bytes again add nothing; only files of the same length are read."""
    lengths: dict[tuple[int, ...], list[Pair]] = defaultdict(list)
    for pair in pairs:
        lengths[tuple(file.stat().st_size for file in (pair.color, pair.gray) if file)].append(pair)
    copies: set[str] = set()
    for same_length in lengths.values():
        first_with: dict[bytes, Pair] = {}
        for pair in same_length if len(same_length) > 1 else ():
            content = b"".join(_file_digest(file) for file in (pair.color, pair.gray) if file)
            first = first_with.setdefault(content, pair)
            if first is not pair:
                copies.add(pair.name)
                refusals.append(UnusablePhoto(pair.color, "duplicate", f"it is the same file as {first.name}"))
    return [pair for pair in pairs if pair.name not in copies]


def _file_digest(file: Path) -> bytes:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").digest()


def split_halves(pixels: Pixels, params: Params) -> tuple[Pixels, Pixels]:
    """(input, target) of a side-by-side pair, which halves they are by DIRECTION; (h, w, 3) each."""
    middle = pixels.shape[1] // 2
    left, right = as_rgb(pixels[:, :middle]), as_rgb(pixels[:, middle : 2 * middle])
    return (left, right) if params.direction == "AtoB" else (right, left)


def looks_like_pair(pixels: Pixels) -> bool:
    """Whether a picture (h, w) or (h, w, 3) shows two pictures of the same size side by side.

    Two pictures meet in a seam: colors change there more than from column to column nearby. Where there is none, as between
    drawings on white paper, the halves must have the same edges.
    """
    middle = pixels.shape[1] // 2
    if middle < 4:
        return False
    reach = min(SEAM_REACH_PX, middle)
    near = as_rgb(pixels[:, middle - reach : middle + reach]).astype(np.float32) * (255 / np.iinfo(pixels.dtype).max)
    steps = np.abs(np.diff(near, axis=1)).mean(axis=(0, 2))
    # The columns beside the seam are left out, because compression blurs it.
    usual = float(np.percentile(np.delete(steps, slice(reach - 2, reach + 1)), 90))
    is_plain = max(usual, float(steps[reach - 1])) < 0.5
    if not is_plain and steps[reach - 1] >= SEAM_RATIO * usual:
        return True
    small = gray_of(resize(pixels[:, : 2 * middle], (96, 192)))
    edges = [np.abs(_detail(half)).ravel() for half in (small[:, :96], small[:, 96:])]
    least = PLAIN_SHAPE_CORRELATION if is_plain else SHAPE_CORRELATION
    return min(edge.std() for edge in edges) > 0 and bool(np.corrcoef(np.stack(edges))[0, 1] >= least)


def _detail(pixels: Pixels) -> NDArray[np.float32]:
    """Gray in 8-bit codes without its smooth part, longer side 256 px."""
    gray = gray_of(pixels)
    small = resize(gray, fit_size(gray.shape[0], gray.shape[1], ALIGN_LONGER_PX))
    codes = small.astype(np.float32) * np.float32(255 / np.iinfo(gray.dtype).max)
    return codes - np.asarray(cv2.GaussianBlur(codes, (0, 0), 4), dtype=np.float32)
