"""A share of the photographs held out to validate with: pictures of one view, and if it can be of one source, stay together."""

import re
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple
from unicodedata import normalize

import numpy as np

from dancheong.data.near_duplicates import Likeness, find_alike, likeness
from dancheong.data.photographs import NoPhotographs, Pair, find_pairs
from dancheong.imaging.files import PhotoError, read_small
from dancheong.params import ParamError, Params
from dancheong.system.cores import cores


class Split(NamedTuple):
    """The names of the photographs held out, and a sentence about them."""

    names: frozenset[str]
    note: str


def share_of(val: object) -> float:
    """The share that `--val` asks to hold out, as 0.1, 0,1 or 10%; 0 where it names photographs.

    Raises:
        ParamError: a share of 0, or 1 and more.
    """
    found = re.fullmatch(r"\s*(-?\d*[.,]?\d+(?:e-?\d+)?|nan)\s*(%?)\s*", str(val))
    if not found or Path(str(val)).exists():
        return 0.0
    share = float(found[1].replace(",", ".")) / (100 if found[2] else 1)
    if not 0 < share < 1:
        raise ParamError(f"--val {val}: a share above 0 and below 1 was expected, such as --val 0.1 or 10%, or photographs")
    return share


def hold_out(photos: Path, params: Params, share: float) -> Split:
    """Choose by SEED about `share` of the photographs of PHOTOS, at most that many unless the smallest group has more.

    Near duplicates stay on one side. So do the photographs of a subfolder, because it usually is one source, if whole ones
    come to between half the share and twice as much.

    Raises:
        NoPhotographs: nothing usable, or all of it shows one view.
    """
    pairs, _ = find_pairs(photos, params)
    views = _views(pairs)
    folders = [Path(*Path(pair.name).parts[pair.gray is not None : -1]).as_posix() for pair in pairs]
    chosen = _chosen(_joined(views, folders), share, params.seed)
    by_folder = len(set(folders)) > 1 and 0.5 <= len(chosen) / (share * len(pairs)) <= 2
    if not by_folder:
        chosen = _chosen(views, share, params.seed)
    if len(chosen) == len(pairs):
        raise NoPhotographs(f"{photos}: all photographs show one view, so none can be held out; name others by --val PHOTOS")
    note = f"{len(chosen)} of {len(pairs)} photographs are held out to validate with, those of one view together"
    if by_folder:
        note += ", and those of one subfolder"
    elif len(set(folders)) > 1:
        note += "; subfolders are split, because no whole ones come near that share"
    return Split(frozenset(pairs[index].name for index in chosen), note)


def named(photos: Path, names: frozenset[str], params: Params) -> Split:
    """The photographs of PHOTOS with these names, but for those that cannot be used.

    Raises:
        NoPhotographs: one is not there, or none is left.
    """
    pairs, refusals = find_pairs(photos, params)
    there = {pair.name for pair in pairs}
    refused = {normalize("NFC", one.file.relative_to(photos).as_posix()) for one in refusals}
    missing = sorted(names - there - refused)
    if missing or not names & there:
        came = f"{missing[0]} is not there" if missing else f"none of the {len(names)} named can be used"
        raise NoPhotographs(f"{photos}: to validate with, {came}: paths below it were expected, such as {min(there)}")
    used = names & there
    return Split(used, f"{len(used)} of {len(there)} photographs, chosen by name, are held out to validate with")


def named_to_validate(photos: Path, val: Path, params: Params) -> Split | None:
    """The photographs of PHOTOS that lie in `val`, which is in PHOTOS: they must not be trained on. None where it is elsewhere.

    Where `val` is PHOTOS itself, or around it, nothing is held out, and the note says what the scores are worth.
    """
    inner, outer = val.resolve(), photos.resolve()
    if outer.is_relative_to(inner):
        note = f"{val} holds the photographs that are trained on: its scores say how well these are learned by heart"
        return Split(frozenset(), note)
    if not inner.is_relative_to(outer):
        return None
    names = frozenset(pair.name for pair in find_pairs(photos, params)[0] if pair.color.resolve().is_relative_to(inner))
    return Split(names, f"{len(names)} photographs in {val} are held out to validate with, although they lie in {photos}")


def _views(pairs: Sequence[Pair]) -> list[int]:
    """A number for each photograph, the same for those of one view."""
    with ThreadPoolExecutor(cores()) as pool:
        looks = list(pool.map(_likeness, pairs))
    readable = [index for index, look in enumerate(looks) if look is not None]
    numbers = list(range(len(pairs)))
    for match in find_alike([look for look in looks if look is not None]):
        numbers[readable[match.index]] = numbers[readable[match.other]]
    return numbers


def _likeness(pair: Pair) -> Likeness | None:
    try:
        return likeness(read_small(pair.color, 256)[0])
    except (PhotoError, OSError):
        return None  # the training says what is wrong with it


def _joined(numbers: Sequence[int], others: Sequence[object]) -> list[int]:
    """Numbers of groups in which everything is together that has the same number or the same of `others`."""
    joined = list(numbers)
    for other in set(others):
        same = {number for number, its in zip(joined, others, strict=True) if its == other}
        joined = [min(same) if number in same else number for number in joined]
    return joined


def _chosen(numbers: Sequence[int], share: float, seed: int) -> list[int]:
    """Whole groups in random order as long as they fit; the smallest where none fits."""
    groups: dict[int, list[int]] = defaultdict(list)
    for index, number in enumerate(numbers):
        groups[number].append(index)
    order = [list(groups.values())[at] for at in np.random.default_rng(seed).permutation(len(groups))]
    chosen: list[int] = []
    for group in order:
        if len(chosen) + len(group) <= share * len(numbers):
            chosen += group
    return chosen or min(order, key=len)
