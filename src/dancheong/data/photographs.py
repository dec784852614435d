"""PHOTOS on disk: three layouts in, pairs out; what cannot be used is named with a reason and left out."""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations, product
from pathlib import Path
from typing import Literal, TypeVar, get_args

from dancheong.data.same_view import has_color, mismatch, sizes_differ
from dancheong.imaging.color import as_rgb
from dancheong.imaging.files import PhotoError, list_photos, look_through, read_photo, read_size
from dancheong.imaging.formats import READ_SUFFIXES
from dancheong.params import DancheongError, NotThere, ParamError, Params
from dancheong.system.arrays import Pixels
from dancheong.system.csv_text import valid_text
from dancheong.system.whole_file import fingerprint

T = TypeVar("T")
Kind = Literal["corrupt", "tiny", "gray", "duplicate", "misaligned", "unpaired", "glare"]
KINDS: tuple[str, ...] = get_args(Kind)

# What pix2pix and its followers call the folders of inputs and targets, and names of folders that say which is the input.
_HALVES = {"a", "b", "x", "y", "gt", "lq", "hq", "lr", "hr", "img", "imgs", "image", "images", "photo", "photos", "label",
           "labels", "map", "maps", "edge", "edges", "sketch", "sketches", "output", "outputs"}
_HELD_OUT = {"val", "valid", "validation", "test", "testing"}
_PLAIN = {"gray", "grey", "color", "colour"}
_GRAYS = ("gray", "grey", "grayscale", "greyscale", "bw", "bandw", "input", "inputs", "source")
_COLORS = ("color", "colour", "rgb", "gt", "ground_truth", "target", "targets", "output", "outputs")


class NoPhotographs(DancheongError, ValueError):
    """Nothing is left to work with; the message says why and what to do."""


class NoSuchPhotographs(NotThere, NoPhotographs):
    """There is no such folder or file."""


class ForeignLayout(NoPhotographs):
    """The folder holds a set as another program lays it out; the message says what was found and what is expected."""


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
    folders = gray_and_color(photos)
    if folders is None and params.pairing != "derive":
        _refuse_foreign_layout(photos)
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


def gray_and_color(photos: Path) -> tuple[Path, Path] | None:
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


def _refuse_foreign_layout(photos: Path) -> None:
    """Pairs in folders of other programs, or all parts of a set, would count as single photographs to be trained on.

    Which of two folders is the input is not to be seen, so they are not guessed at. Raises ForeignLayout.
    """
    folders = _subfolders(photos)
    if "train" in folders and gray_and_color(folders["train"]):
        raise ForeignLayout(f"pairs lie in {folders['train']}: give that folder; if they are no pairs, set PAIRING=derive")
    halves = {name: folder for name, folder in folders.items() if re.sub(r"[\W_]|train", "", name) in _HALVES}
    for one, other in combinations(halves.values(), 2):
        if _share_stems(one, other):
            raise ForeignLayout(
                f"{one} and {other} hold the same names, as pairs of other programs do; rename the input's folder to gray/ and "
                "the target's to color/ in one folder, or put both pictures side by side and set PAIRING=side_by_side; if they "
                "are no pairs, set PAIRING=derive"
            )
    if sets := [folder for name, folder in halves.items() if re.fullmatch(r"train\W?_?[ab]", name)][1:2]:
        raise ForeignLayout(
            f"{sets[0]} is one of two sets without pairs, for unpaired training; this program learns from color photographs, "
            "whose gray it derives, or from pairs: give one of the two folders, or pairs (docs/data.md)"
        )
    if "train" in folders and (parts := sorted(folders.keys() & _HELD_OUT)):
        raise ForeignLayout(
            f"{photos} holds a whole set, train/ and {parts[0]}/: give {folders['train']}, and {folders[parts[0]]} to validate "
            "or test with; if all of it is meant, set PAIRING=derive"
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
        return UnusablePhoto(pair.gray or pair.color, "misaligned", sizes_differ(sizes[1], sizes[0]))
    return None


def _unreadable(file: Path, error: Exception) -> UnusablePhoto:
    return UnusablePhoto(file, "corrupt", error.reason if isinstance(error, PhotoError) else str(error))


def _read(file: Path) -> Pixels:
    try:
        pixels: Pixels = read_photo(file).pixels
    except (PhotoError, OSError) as error:
        raise PhotographRefused(_unreadable(file, error)) from error
    return pixels


def _without_copies(pairs: list[Pair], refusals: list[UnusablePhoto]) -> list[Pair]:
    """The same bytes again add nothing; only files of the same length are read."""
    lengths: dict[tuple[int, ...], list[Pair]] = defaultdict(list)
    for pair in pairs:
        lengths[tuple(file.stat().st_size for file in (pair.color, pair.gray) if file)].append(pair)
    copies: set[str] = set()
    for same_length in lengths.values():
        first_with: dict[str, Pair] = {}
        for pair in same_length if len(same_length) > 1 else ():
            content = "".join(fingerprint(file) for file in (pair.color, pair.gray) if file)
            first = first_with.setdefault(content, pair)
            if first is not pair:
                copies.add(pair.name)
                refusals.append(UnusablePhoto(pair.color, "duplicate", f"it is the same file as {first.name}"))
    return [pair for pair in pairs if pair.name not in copies]


def split_halves(pixels: Pixels, params: Params) -> tuple[Pixels, Pixels]:
    """(input, target) of a side-by-side pair, which halves they are by DIRECTION; (h, w, 3) each."""
    middle = pixels.shape[1] // 2
    left, right = as_rgb(pixels[:, :middle]), as_rgb(pixels[:, middle : 2 * middle])
    return (left, right) if params.direction == "AtoB" else (right, left)
