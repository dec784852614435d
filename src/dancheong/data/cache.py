"""Prepared photographs between epochs: each is decoded, treated and shrunk exactly once, then kept as uint8.

They lie in one temporary file that is mapped into memory and removed with the cache. The system keeps the file in memory
while there is room, and worker processes share it.
"""

import atexit
import hashlib
import math
import os
import tempfile
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dancheong.data.photographs import Pair, PhotographRefused, UnusablePhoto, mask_of, nothing_left, read_mask, read_pair
from dancheong.data.prepare import Prepared, Stage, prepare, uses_loss_mask
from dancheong.imaging.color import float01, gray_of, to_pixels
from dancheong.imaging.resize import resize, working_shape
from dancheong.params import ParamError, Params
from dancheong.system.cores import cores

Record = NDArray[np.uint8]
_NOTHING: Record = np.empty(0, np.uint8)

# The narrowest random crop: its height and width differ by up to this factor (Szegedy et al. 2015).
CROP_ASPECT = 4 / 3
# A large photograph takes about this much while it is prepared.
_BYTES_A_THREAD = 2**30
_MAX_THREADS = 8
# Limit and use of a container: of cgroups 2 and 1.
_CONTAINER_MEMORY = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)


class Cache:
    """Prepared photographs, in the order of their names.

    `cache[i]` is uint8 (h, w, c): the input's 1 or 3 planes, then the target's 3 (RGB), then, only where light has
    damaged the picture and the loss must know, alpha (255: fully damaged). Read it, never write to it.
    `fingerprint`: sha256 over the names and pixels of the photographs as decoded, whatever the parameters, and over the
    masks that were drawn for them. `shown`: what `show` was told. `file`: the mapped file, None where
    `records` are arrays of the caller's. `marks`: of the true colors of each photograph, see `mark_of`.
    """

    def __init__(
        self, records: Sequence[Record], names: Sequence[str], fingerprint: str, file: Path | None = None,
        marks: Sequence[str] = (),
    ) -> None:
        self._records = list(records)
        self._numbers, self.shown = list(range(len(records))), ""
        self.names, self.fingerprint, self.file, self._marks = tuple(names), fingerprint, file, marks
        self._shapes = tuple(record.shape for record in records)
        # Also runs when the cache is forgotten and when the program ends.
        self._removed = weakref.finalize(self, _release, file, self._records) if file is not None else None

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Record:
        return self._records[self._numbers[index]]

    def __iter__(self) -> Iterator[Record]:
        return (self[index] for index in range(len(self)))

    def show(self, times: Sequence[int]) -> None:
        """Let each photograph stand here as often as `times` says; 0: not at all."""
        self._numbers, self.shown = [number for number, count in enumerate(times) for _ in range(count)], str(times)
        self.names = tuple(self.names[number] for number in self._numbers)

    @property
    def marks(self) -> set[str]:
        """Marks of the photographs that stand here at least once."""
        return {self._marks[number] for number in self._numbers} if self._marks else set()

    def __enter__(self) -> "Cache":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove the mapped file; reading afterwards is an IndexError. May be called twice."""
        self._records.clear()
        if self._removed is not None:
            self._removed()

    def __getstate__(self) -> dict[str, Any]:
        # A worker process maps the same file. Removing it is the owner's.
        state = {**self.__dict__, "_removed": None}
        return state if self.file is None else {**state, "_records": []}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if self.file is not None:
            self._records = _mapped(self.file, self._shapes)


class _Kept(NamedTuple):
    """A prepared photograph. `digest`: of its decoded pixels; `mask_digest`: of the mask drawn for it, empty without one."""

    record: Record
    digest: bytes
    mask_digest: bytes
    mark: str


def build_cache(
    pairs: list[Pair], params: Params, stage: Stage = "train", masks: Mapping[str, Path] | None = None
) -> tuple[Cache, list[UnusablePhoto]]:
    """Prepare every photograph once, on several threads.

    Args:
        pairs: from `photographs.find_pairs`.
        stage: "train" for training. "predict" for validation: treated as prediction treats a gray photograph, the truth
            untouched, at working size.
        masks: drawn by hand, from `photographs.find_masks`; a photograph that has one is not searched for glare.

    Returns:
        The cache and the photographs that turned out unusable once decoded. Where the loss leaves damage out, that is
        also one of which less than LOSS_MIN_KEPT is free of light reflection, be it that the detector abstained.

    Raises:
        NoPhotographs: if none is left.
        OSError: no room in the folder of temporary files (TMPDIR names another).
    """
    handle, name = tempfile.mkstemp(prefix="dancheong-", suffix=".cache")
    file = Path(name)
    refusals: list[UnusablePhoto] = []
    kept: dict[bytes, tuple[str, _Kept]] = {}
    shapes: list[tuple[int, ...]] = []
    try:
        with os.fdopen(handle, "wb") as stream:
            for pair, outcome in _outcomes(pairs, params, stage, masks or {}):
                if isinstance(outcome, UnusablePhoto):
                    refusals.append(outcome)
                elif outcome.digest in kept:
                    same = f"it shows the same pixels as {kept[outcome.digest][0]}"
                    refusals.append(UnusablePhoto(pair.color, "duplicate", same))
                else:
                    stream.write(outcome.record.data)
                    shapes.append(outcome.record.shape)
                    kept[outcome.digest] = pair.name, outcome._replace(record=_NOTHING)
        if not kept:
            raise nothing_left(refusals)
        fingerprint = fingerprint_of((name, one.digest + one.mask_digest) for name, one in kept.values())
        names, marks = [name for name, _ in kept.values()], [one.mark for _, one in kept.values()]
        cache = Cache(_mapped(file, shapes), names, fingerprint, file, marks)
    except BaseException:
        _remove(file)
        raise
    return cache, refusals


def cached_shape(height: int, width: int, params: Params, stage: Stage) -> tuple[int, int]:
    """Height and width at which a photograph is kept: as large as its crops need, not larger.

    With CROP_SCALE_MIN=1 the shorter side is RESOL + JITTER exactly, so that a crop needs no resizing. With smaller
    crops it is what the smallest, narrowest of them needs to fill RESOL; such photographs are never enlarged.
    """
    if stage == "predict":
        return working_shape(height, width, params.predict_px)
    if params.crop_scale_min == 1:
        return working_shape(height, width, params.resol + params.jitter)
    needed_px = math.ceil(params.resol * math.sqrt(CROP_ASPECT / params.crop_scale_min))
    return (height, width) if min(height, width) <= needed_px else working_shape(height, width, needed_px)


def _outcomes(
    pairs: list[Pair], params: Params, stage: Stage, masks: Mapping[str, Path]
) -> Iterator[tuple[Pair, _Kept | UnusablePhoto]]:
    """Each pair with what became of it, in order, prepared by several threads."""
    threads = max(1, min(cores(), _MAX_THREADS, free_memory_bytes() // _BYTES_A_THREAD))
    pool = ThreadPoolExecutor(max_workers=threads)
    try:
        outcomes = pool.map(lambda pair: _prepare_one(pair, params, stage, mask_of(masks, pair.name)), pairs)
        yield from zip(pairs, outcomes, strict=True)
    finally:
        pool.shutdown(cancel_futures=True)


def free_memory_bytes() -> int:
    """Memory that can still be taken: the system's, or less where the container is limited."""
    found = []
    with suppress(OSError, KeyError, ValueError):
        lines = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text("ascii").splitlines())
        found.append(int(lines["MemAvailable"].split()[0]) * 1024)
    for limit, used in _CONTAINER_MEMORY:
        # No such files, or "max": no limit.
        with suppress(OSError, ValueError):
            found.append(max(0, int(Path(limit).read_text("ascii")) - int(Path(used).read_text("ascii"))))
    if not found and hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2)
    return min(found, default=2**30)


def _mapped(file: Path, shapes: Iterable[tuple[int, ...]]) -> list[Record]:
    shapes = list(shapes)
    parts = np.split(np.asarray(np.memmap(file, dtype=np.uint8, mode="r")), np.cumsum([math.prod(shape) for shape in shapes]))
    return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=False)]


def _release(file: Path, records: list[Record]) -> None:
    records.clear()
    _remove(file)


def _remove(file: Path, again_at_exit: bool = True) -> None:
    try:
        file.unlink(missing_ok=True)
    except PermissionError:
        # Windows keeps a file while somebody still holds a view of it.
        if again_at_exit:
            atexit.register(_remove, file, False)


def _prepare_one(pair: Pair, params: Params, stage: Stage, mask: Path | None) -> _Kept | UnusablePhoto:
    try:
        source, target = read_pair(pair, params)
        drawn = None if mask is None else read_mask(mask, target)
    except PhotographRefused as refused:
        return refused.refusal
    digest = pixels_digest(source, target)
    try:
        if source is None and stage == "train":
            prepared = prepare(target, params, stage, drawn_mask=drawn)
        else:
            prepared = prepare(gray_of(target) if source is None else source, params, stage, target, drawn)
    except ParamError as error:
        if mask is None:
            raise
        return UnusablePhoto(pair.color, "glare", str(error))
    if stage == "train" and uses_loss_mask(params) and prepared.alpha_hw is not None:
        # Not alpha, which is empty where the detector has abstained: then, of all, the most is damaged.
        kept_share = 1.0 - prepared.glare_share
        if kept_share < params.loss_min_kept:
            reason = f"only {kept_share:.0%} of it is free of light reflection (LOSS_MIN_KEPT={params.loss_min_kept})"
            return UnusablePhoto(pair.color, "glare", reason)
    mask_digest = b"" if drawn is None else hashlib.sha256(np.ascontiguousarray(drawn).data).digest()
    return _Kept(_record(prepared, params, stage), digest, mask_digest, mark_of(source, target, digest))


def _record(prepared: Prepared, params: Params, stage: Stage) -> Record:
    assert prepared.target_hwc is not None  # read_pair always gives the truth
    height, width = prepared.input_hwc.shape[:2]
    shape = cached_shape(height, width, params, stage)
    planes = [_to_uint8(resize(array, shape)) for array in (prepared.input_hwc, prepared.target_hwc)]
    if stage == "train" and uses_loss_mask(params) and prepared.alpha_hw is not None and prepared.alpha_hw.any():
        planes.append(to_pixels(resize(prepared.alpha_hw, shape), np.uint8))
    return np.dstack(planes)


def _to_uint8(pixels: NDArray[Any]) -> Record:
    return pixels if pixels.dtype == np.uint8 else to_pixels(float01(pixels), np.uint8)


def pixels_digest(*pictures: NDArray[Any] | None) -> bytes:
    """sha256 over the decoded pixels of a photograph: of its gray, where that is a file of its own, and of its color."""
    digest = hashlib.sha256()
    for pixels in pictures:
        if pixels is not None:
            digest.update(f"{pixels.shape} {pixels.dtype} ".encode())
            digest.update(np.ascontiguousarray(pixels).data)
    return digest.digest()


def mark_of(source: NDArray[Any] | None, truth: NDArray[Any], digest: bytes) -> str:
    """By what a model file knows a photograph that it learned from: the first 6 bytes (hex) of the digest of its true colors.

    Args:
        source: its gray, where that is a file of its own.
        digest: what `pixels_digest` gives for both.
    """
    return (digest if source is None else pixels_digest(truth))[:6].hex()


def fingerprint_of(digests: Iterable[tuple[str, bytes]]) -> str:
    """sha256 (hex) over photographs: (name, digest) in any order."""
    whole = hashlib.sha256()
    for name, digest in sorted(digests):
        whole.update(name.encode() + b"\0" + digest)
    return whole.hexdigest()
