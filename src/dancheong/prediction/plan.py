"""The plan of a folder run: which photographs there are and where their results go, checked before anything is written.

The names of the results depend on the inputs alone, so that a run that is started again finds its own results.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeVar

from dancheong.data.photographs import find_masks, mask_of
from dancheong.imaging.files import list_photos
from dancheong.imaging.formats import WRITABLE_SUFFIXES
from dancheong.params import ParamError, Params
from dancheong.prediction.result import FileResult

Identity = tuple[int, int] | str
Progress = Callable[[FileResult, int, int], None]
Tell = Callable[[str], None]
T = TypeVar("T")

_NAMES_SHOWN = 5


def _ignore(*_: object) -> None:
    pass


@dataclass(frozen=True)
class FolderOptions:
    """What a folder run can be asked for beside its photographs and the folder of results.

    Attributes:
        overwrite: do again what is there already. An input is never overwritten.
        suffix: format of all results, such as ".png"; None: that of the input.
        mask_dir: each photograph's mask of light reflection is written here, 8-bit PNG of the same stem: 0 is untouched.
        drawn_masks: folder of masks drawn by hand, PNG of the same (subfolder and) stem. The detector looks for light
            reflection in all other photographs.
        sheet_path: a contact sheet of the first photographs is written here.
        shard: (i, n): only the i-th of n parts, 1 <= i <= n.
        progress: called with each result as it is done, how many are done and how many there are.
        tell: called with a sentence where drawn masks are not used or belong to no photograph, where memory ran out and
            where results of another model stand. It may be called from any thread.
        confidence_dir: each photograph's map of confidence is written here, 8-bit gray PNG of the same stem: 255 is sure.
        manifest: a CSV of what became of each photograph, written as the run goes; a run that is started again goes on
            with it.
        workers: photographs at a time, within MEMORY_GB; None: one more than there are cores, where the model was opened
            with one thread, else one. The results do not depend on it.
        cluster: address of a Dask scheduler, whose workers do the work; they see the same files.

    `confidence_dir`, `manifest`, `workers` and `cluster` are for coloring alone.
    """

    overwrite: bool = False
    suffix: str | None = None
    mask_dir: Path | None = None
    drawn_masks: Path | None = None
    sheet_path: Path | None = None
    shard: tuple[int, int] | None = None
    progress: Progress = _ignore
    tell: Tell = _ignore
    confidence_dir: Path | None = None
    manifest: Path | None = None
    workers: int | None = None
    cluster: str | None = None


@dataclass(frozen=True)
class Job:
    """A photograph, the files its results go to, and the mask that a person has drawn for it.

    `mask` and `confidence` are None where none is wanted. `refusal`: why the photograph must not be done; empty where it may.
    """

    photo: Path
    output: Path
    mask: Path | None = None
    confidence: Path | None = None
    drawn_mask: Path | None = None
    refusal: str = ""

    @property
    def results(self) -> list[Path]:
        """All files that are to be written. The output is the last, so that all of them stand where it stands."""
        return [path for path in (self.mask, self.confidence, self.output) if path is not None]


def plan_folder(
    inputs: Sequence[str | Path], out_dir: Path, options: FolderOptions, masks_unused: str = ""
) -> list[Job]:
    """Find the photographs, name their results, and refuse what would mix or replace files.

    Args:
        masks_unused: why drawn masks are not looked at; empty where they are.

    Raises:
        ParamError: folders that would mix results or are not there, an unknown suffix, a wrong shard, or a sheet that
            would replace another file.
    """
    _check_folders(out_dir, options)
    folders = (out_dir, options.mask_dir, options.drawn_masks, options.confidence_dir)
    photos = find_photos(inputs, [folder for folder in folders if folder is not None])
    drawn_masks: Mapping[Path, Path] = {}
    if options.drawn_masks is not None:
        drawn_masks = _drawn_masks(options.drawn_masks, photos, masks_unused, options.tell)
    # The names are those of the whole folder, so that they do not depend on the shard.
    outputs, extras = (result_names(list(photos.values()), suffix) for suffix in (options.suffix, ".png"))
    jobs = [
        Job(
            photo, out_dir / output, None if options.mask_dir is None else options.mask_dir / extra,
            None if options.confidence_dir is None else options.confidence_dir / extra, drawn_masks.get(photo),
        )
        for photo, output, extra in zip(photos, outputs, extras, strict=True)
    ]
    originals = {identity(photo) for photo in photos}
    if options.sheet_path is not None:
        _check_sheet(options.sheet_path, jobs, originals, options)
    return [_checked(job, originals) for job in of_shard(jobs, options.shard)]


def find_photos(inputs: Sequence[str | Path], results: Iterable[Path] = ()) -> dict[Path, Path]:
    """The photographs that `inputs` name, and each one's path below the folder that was named (of a named file: its name).

    Folders are searched, and each real file is taken once. Photographs below the folders `results`, where these lie inside
    a named folder, are left out. An input that does not exist and a folder without photographs stay in the list, because
    reading them later fails with a clear message.
    """
    result_folders = [folder.resolve() for folder in results]
    photos: dict[Identity, tuple[Path, Path]] = {}
    for path in map(Path, inputs):
        found = [path]
        if path.is_dir():
            root = path.resolve()
            inside = [folder for folder in result_folders if folder != root and folder.is_relative_to(root)]
            found = [
                photo for photo in list_photos(path)
                if not any(photo.parent.resolve().is_relative_to(folder) for folder in inside)
            ] or [path]
        for photo in found:
            photos.setdefault(identity(photo), (photo, Path(path.name) if photo == path else photo.relative_to(path)))
    return dict(photos.values())


def of_shard(items: list[T], shard: tuple[int, int] | None) -> list[T]:
    """The i-th of n parts. It takes every n-th item, so that large photographs spread over the parts.

    Raises:
        ParamError: unless 1 <= i <= n.
    """
    if shard is None:
        return items
    index, count = shard
    if not 1 <= index <= count:
        raise ParamError(f"shard {index}/{count} came; i/n with 1 <= i <= n was expected, such as 2/8")
    return items[index - 1 :: count]


def result_names(photos: Sequence[Path], suffix: str | None = None) -> list[Path]:
    """A name for each result: subfolder and stem of the photograph, and its suffix (or `suffix`).

    Photographs whose results would have one name (``a.jpg`` and ``a.png`` as PNG, or two folders with the same names)
    all get their own suffix into the stem (``a_jpg.png``), and where that is not enough a number (``a_2.jpg``).
    """
    plain = [
        photo.with_suffix(suffix or (photo.suffix if photo.suffix.lower() in WRITABLE_SUFFIXES else ".png")) for photo in photos
    ]
    counts = Counter(map(_key, plain))
    names: dict[str, Path] = {}
    for photo, name in zip(photos, plain, strict=True):
        if counts[_key(name)] > 1:
            name = name.with_name(f"{photo.stem}{photo.suffix.replace('.', '_')}{name.suffix}")
        number, free = 1, name
        while _key(free) in names:
            number += 1
            free = name.with_name(f"{name.stem}_{number}{name.suffix}")
        names[_key(free)] = free
    return list(names.values())


def identity(path: Path) -> Identity:
    """The same for two paths that lead to one file, whether by links or by another letter case."""
    try:
        status = path.stat()
    except OSError:
        return str(path.absolute())
    return status.st_dev, status.st_ino


def why_masks_unused(params: Params, stage: Literal["train", "predict"]) -> str:
    """Why these parameters look at no mask of light reflection; empty where masks are used."""
    if params.glare_mode in ("off", "global"):
        return f"GLARE_MODE={params.glare_mode} looks at no mask; region, lossmask and region+lossmask do"
    return "" if params.glare_stage in (stage, "both") else f"GLARE_STAGE={params.glare_stage} leaves this stage out"


def why_coloring_uses_no_mask(params: Params) -> str:
    """The same for coloring, which corrects no light reflection in side-by-side pairs."""
    if params.pairing == "side_by_side":
        return "PAIRING=side_by_side treats no light reflection"
    return why_masks_unused(params, "predict")


def _drawn_masks(folder: Path, photos: Mapping[Path, Path], unused: str, tell: Tell) -> dict[Path, Path]:
    """The drawn mask of each photograph that has one; those that belong to no photograph are named by `tell`."""
    masks = find_masks(folder)
    if unused:
        tell(f"drawn masks are not used: {unused}")
        return {}
    matched = {
        photo: mask for photo, relative in photos.items() if (mask := mask_of(masks, relative.as_posix())) is not None
    }
    unmatched = sorted(set(masks.values()) - set(matched.values()))
    if unmatched:
        names = ", ".join(path.relative_to(folder).as_posix() for path in unmatched[:_NAMES_SHOWN])
        more = ", ..." if unmatched[_NAMES_SHOWN:] else ""
        tell(f"drawn masks without a photograph of the same stem: {len(unmatched)} ({names}{more})")
    return matched


def _checked(job: Job, originals: set[Identity]) -> Job:
    for path in job.results:
        if identity(path) in originals:
            reason = "would replace an original photograph; choose another folder for the results"
            return replace(job, refusal=f"{path}: {reason}")
    return job


def _check_folders(out_dir: Path, options: FolderOptions) -> None:
    if options.suffix is not None and options.suffix.lower() not in WRITABLE_SUFFIXES:
        raise ParamError(f"suffix {options.suffix!r} came; one of {', '.join(sorted(WRITABLE_SUFFIXES))} was expected")
    taken = {folder.resolve() for folder in (out_dir, options.drawn_masks) if folder is not None}
    for name, folder in (("masks", options.mask_dir), ("maps of confidence", options.confidence_dir)):
        if folder is None:
            continue
        if folder.resolve() in taken:
            raise ParamError(f"{folder}: {name} are written beside other pictures there; give them a folder of their own")
        taken.add(folder.resolve())


def _check_sheet(path: Path, jobs: list[Job], originals: set[Identity], options: FolderOptions) -> None:
    if path.suffix.lower() not in WRITABLE_SUFFIXES:
        raise ParamError(f"{path}: a sheet is a picture; one of {', '.join(sorted(WRITABLE_SUFFIXES))} was expected")
    if path.is_dir():
        raise ParamError(f"{path}: this is a folder; a file name for the sheet was expected")
    if identity(path) in originals:
        raise ParamError(f"{path}: the sheet would replace an original photograph; choose another name")
    if path.absolute() in {result.absolute() for job in jobs for result in job.results}:
        raise ParamError(f"{path}: the sheet would replace a result of the same name; choose another name")
    # A run that goes on with its manifest makes its sheet again.
    goes_on = options.manifest is not None and options.manifest.exists()
    if path.exists() and not (options.overwrite or goes_on):
        raise ParamError(f"{path}: a file is there already; --overwrite replaces it")


def _key(path: Path) -> str:
    """Names that differ in letter case only are one name, because some file systems hold them to be equal."""
    return path.as_posix().casefold()
