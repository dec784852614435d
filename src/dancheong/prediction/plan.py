"""The plan of a folder run: which photographs there are and where their results go, checked before anything is written.

The names of the results depend on the inputs alone, so that a run that is started again finds its own results.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeVar

from dancheong.data.photographs import find_masks, mask_of
from dancheong.imaging.files import LeftOut, PhotoError, count_pages, look_through
from dancheong.imaging.formats import READ_SUFFIXES, WRITABLE_SUFFIXES
from dancheong.imaging.strip import Strip
from dancheong.params import ParamError, Params
from dancheong.prediction.beside import results_among, why_not_beside
from dancheong.prediction.colored_versions import match_versions
from dancheong.prediction.credentials import Signing
from dancheong.prediction.hints import find_hints
from dancheong.prediction.looks import frames_around, look_names
from dancheong.prediction.names import lasting_names, names_beside, page_name, result_names
from dancheong.prediction.result import FileResult
from dancheong.system.arguments import check_types

Identity = tuple[int, int] | str
Progress = Callable[[FileResult, int, int], object]
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
        hints: folder of color hints (`dancheong.prediction.hints`), CSV or PNG of the same (subfolder and) stem.
        sheet_path: a contact sheet of the first photographs is written here.
        shard: (i, n): only the i-th of n parts, 1 <= i <= n.
        progress: called with each result as it is done, how many are done and how many there are; True stops the run, after the
            photographs that are under way. The same call goes on where it was stopped.
        tell: called with a sentence where drawn masks are not used or belong to no photograph, and where memory ran out.
            It may be called from any thread.
        left_out: called with each file of the folders that is no photograph, and why it is left out.
        confidence_dir: each photograph's map of confidence is written here, 8-bit gray PNG of the same stem: 255 is sure.
        manifest: a CSV of what became of each photograph, written as the run goes; a run that is started again goes on
            with it.
        workers: photographs at a time, within MEMORY_GB; None: one more than there are cores, where the model was opened
            with one thread, else one. The results do not depend on it.
        cluster: address of a Dask scheduler, whose workers do the work; they see the same files.
        strip: metadata that results are not to have: "gps", or "all" that the photograph brings.
        sign: for Content Credentials in each result.
        colors: a colored version of the photograph, or a folder of them, for `apply_color_files`.
        looks: colorings of each photograph; the second and the following as `NAME_look2` and so on.
        look: which of the looks the result itself is.
        steady: photographs of a folder are frames of one subject, whose color is averaged over the frames around.
        pages: "all": of a TIFF with several pages each becomes a result, `NAME_p2` and so on from the second.
        only: photographs of the folders that are done now; None: all. Names and checks are those of all.
        lasting_names: names of results do not depend on other photographs (`lasting_name`), because more may come.
        ours: (photograph, result) -> whether that result of an earlier state of the photograph may be replaced.

    `confidence_dir`, `hints`, `workers` and `cluster` are for coloring alone.
    """

    overwrite: bool = False
    suffix: str | None = None
    mask_dir: Path | None = None
    drawn_masks: Path | None = None
    sheet_path: Path | None = None
    shard: tuple[int, int] | None = None
    progress: Progress = _ignore
    tell: Tell = _ignore
    left_out: Callable[[Path, str], None] = _ignore
    confidence_dir: Path | None = None
    manifest: Path | None = None
    workers: int | None = None
    cluster: str | None = None
    strip: Strip | None = None
    sign: Signing | None = None
    colors: Path | None = None
    looks: int = 1
    look: int = 1
    steady: bool = False
    pages: Literal["first", "all"] = "first"
    only: Collection[Path] | None = None
    lasting_names: bool = False
    ours: Callable[[Path, Path], bool] | None = None
    hints: Path | None = None

    def __post_init__(self) -> None:
        """Paths may be text. Raises ParamError: a value of another type."""
        check_types(type(self), vars(self))
        for name in ("mask_dir", "drawn_masks", "sheet_path", "confidence_dir", "manifest", "colors", "hints"):
            if isinstance(value := getattr(self, name), str):
                object.__setattr__(self, name, Path(value))


@dataclass(frozen=True)
class Job:
    """A photograph, the files its results go to, and the mask and the hints that a person has made for it.

    `mask` and `confidence` are None where none is wanted; `color`: the colored version that it takes its color from.
    `refusal`: why the photograph must not be done; empty where it may. `page`: of a document of several, from 0. `looks`: files
    of the second look and the following; `look`: which one the output is. `frames`: those before and after, where the color is
    to be steady.
    """

    photo: Path
    output: Path
    mask: Path | None = None
    confidence: Path | None = None
    drawn_mask: Path | None = None
    color: Path | None = None
    refusal: str = ""
    page: int = 0
    looks: tuple[Path, ...] = ()
    frames: tuple[Path, ...] = ()
    hints: Path | None = None
    look: int = 1

    @property
    def results(self) -> list[Path]:
        """All files that are to be written. The output is the last, so that all of them stand where it stands."""
        return [path for path in (self.mask, self.confidence, *self.looks, self.output) if path is not None]


@dataclass(frozen=True)
class Plan:
    """The photographs of a run (of its shard), and what else its folders hold."""

    jobs: list[Job]
    left_out: list[LeftOut]


def plan_folder(
    inputs: Sequence[str | Path], out_dir: Path | None, options: FolderOptions, masks_unused: str = ""
) -> Plan:
    """Find the photographs, name their results, and refuse what would mix or replace files.

    Args:
        out_dir: None: each result goes beside its photograph, and never replaces a file that this program has not colored.
        masks_unused: why drawn masks are not looked at; empty where they are.

    Raises:
        ParamError: folders that would mix results or are not there, an unknown suffix, a wrong shard, a sheet that would
            replace another file, or results alone where `out_dir` is None.
    """
    _check_folders(out_dir, options)
    if options.sign is not None:
        options.sign.check()
    folders = (
        out_dir, options.mask_dir, options.drawn_masks, options.confidence_dir, options.colors, options.hints
    )
    photos, left_out = find_photos(inputs, [folder for folder in folders if folder is not None])
    if out_dir is None:
        results = results_among(photos)
        photos = {photo: name for photo, name in photos.items() if photo not in results}
        left_out += [LeftOut(path, "dancheong has colored it; -o DIR colors it all the same") for path in results]
    drawn_masks: Mapping[Path, Path] = {}
    if options.drawn_masks is not None:
        masks = find_masks(options.drawn_masks)
        if masks_unused:
            options.tell(f"drawn masks are not used: {masks_unused}")
        else:
            drawn_masks = _matched("drawn masks", masks, options.drawn_masks, photos, options.tell)
    hints: Mapping[Path, Path] = {}
    if options.hints is not None:
        hints = _matched("hints", find_hints(options.hints), options.hints, photos, options.tell)
    versions, unmatched = ({}, {}) if options.colors is None else match_versions(options.colors, photos, options.tell)
    refusals = unmatched | {photo: reason for photo in map(Path, inputs) if (reason := _why_no_photographs(photo, photos))}
    refusals |= {one.path: one.reason for one in left_out if one.failed}
    # The names are those of the whole folder, so that they do not depend on the shard. A closed folder takes no name away.
    named = [photo for photo in photos if photo not in refusals or photo.suffix.lower() in READ_SUFFIXES]
    naming = lasting_names if options.lasting_names else result_names
    names, extras = (
        dict(zip(named, naming([photos[photo] for photo in named], suffix), strict=True))
        for suffix in (options.suffix, ".png")
    )
    if out_dir is None:
        outputs = dict(zip(named, names_beside(named, options.suffix, options.lasting_names), strict=True))
    else:
        outputs = {photo: out_dir / name for photo, name in names.items()}
    jobs = [
        Job(
            photo, outputs.get(photo, photo),
            _below(options.mask_dir, extras.get(photo)), _below(options.confidence_dir, extras.get(photo)),
            drawn_masks.get(photo), versions.get(photo), refusals.get(photo, ""), hints=hints.get(photo), look=options.look,
        )
        for photo in photos
    ]
    if options.pages == "all":
        jobs = [page for job in jobs for page in _pages_of(job)]
    if options.looks > 1:
        jobs = [replace(job, looks=look_names(job.output, options.looks)) for job in jobs]
    if options.pages == "all" or options.looks > 1:
        jobs = _each_named_once(jobs)
    if options.steady:
        frames = frames_around([photo for photo in photos if photo not in refusals])
        jobs = [job if job.page else replace(job, frames=frames.get(job.photo, ())) for job in jobs]
    originals = {identity(photo) for photo in photos}
    if options.sheet_path is not None:
        _check_sheet(options.sheet_path, jobs, originals, options)
    jobs = [job for job in of_shard(jobs, options.shard) if options.only is None or job.photo in options.only]
    jobs = [job if job.refusal else _checked(job, originals) for job in jobs]
    if out_dir is None:
        jobs = [replace(job, refusal=job.refusal or _why_not_beside(job, options.overwrite)) for job in jobs]
    # What this run has made before is expected.
    own = {options.manifest, *(path for job in jobs if out_dir is None for path in (job.output, *job.looks))}
    others = [one for one in left_out if not one.failed and one.path not in own]
    return Plan(jobs, of_shard(others, options.shard))


def _why_not_beside(job: Job, overwrite: bool) -> str:
    return next(filter(None, (why_not_beside(path, overwrite) for path in (job.output, *job.looks))), "")


def _pages_of(job: Job) -> list[Job]:
    """A job for each page of a document. A mask that was drawn for it is that of its first page."""
    try:
        count = 1 if job.refusal else count_pages(job.photo)
    except PhotoError:  # reading it will say why
        count = 1

    def named(path: Path | None, page: int) -> Path | None:
        return None if path is None else page_name(path, page)

    return [job, *(
        Job(
            job.photo, page_name(job.output, page), named(job.mask, page), named(job.confidence, page), page=page,
            look=job.look,
        )
        for page in range(1, count)
    )]


def _each_named_once(jobs: list[Job]) -> list[Job]:
    """Refuse a page or a look whose result would have the name of another photograph's (`a_p2.tif`)."""
    owners: dict[str, Path] = {}
    checked: dict[int, Job] = {}
    for number, job in sorted(enumerate(jobs), key=lambda one: one[1].page):
        checked[number] = job
        for path in job.results:
            if (owner := owners.setdefault(path.as_posix().casefold(), job.photo)) != job.photo:
                reason = f"{path}: would also be the name of the result of {owner}; rename one of them"
                checked[number] = replace(job, refusal=job.refusal or reason)
    return [checked[number] for number in range(len(jobs))]


def _below(folder: Path | None, name: Path | None) -> Path | None:
    return None if folder is None or name is None else folder / name


def find_photos(inputs: Sequence[str | Path], results: Iterable[Path] = ()) -> tuple[dict[Path, Path], list[LeftOut]]:
    """The photographs that `inputs` name, and each one's path below the folder that was named (of a named file: its name);
    and everything else that is in these folders.

    Folders are searched, and each real file is taken once. The folders `results`, where these lie inside a named folder, are
    left out. An input that does not exist, a folder without photographs and what cannot be reached stay in the list, because
    they fail with a clear message.
    """
    result_folders = [folder.resolve() for folder in results]
    photos: dict[Identity, tuple[Path, Path]] = {}
    left_out: dict[Path, LeftOut] = {}
    for path in map(Path, inputs):
        found = [path]
        if _is_folder(path):
            root = path.resolve()
            inside, others = look_through(path, [one for one in result_folders if one != root and one.is_relative_to(root)])
            unreached = [one.path for one in others if one.failed]
            found = sorted([*inside, *unreached], key=lambda photo: photo.parts) or [path]
            left_out |= {one.path: one for one in others}
        for photo in found:
            relative = Path(path.name) if photo == path else photo.relative_to(path)
            first, _ = photos.setdefault(identity(photo), (photo, relative))
            if first.absolute() != photo.absolute():
                left_out[photo] = LeftOut(photo, f"the same file as {first}")
    return dict(photos.values()), list(left_out.values())


def _why_no_photographs(path: Path, photos: Collection[Path]) -> str:
    """Why a named path stands among the photographs in its own place although it is none."""
    if path not in photos or (is_there(path) and not _is_folder(path)):
        return ""
    return "no photographs are in this folder" if _is_folder(path) else "no such file or folder"


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # reading it will say why
        return False


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


def identity(path: Path) -> Identity:
    """The same for two paths that lead to one file, whether by links or by another letter case."""
    try:
        status = path.stat()
    except (OSError, ValueError):  # ValueError: a name that no system has
        return str(path.absolute())
    return status.st_dev, status.st_ino


def is_there(path: Path) -> bool:
    """Whether a path leads to something that can be reached."""
    return isinstance(identity(path), tuple)


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


def _matched(
    what: str, files: Mapping[str, Path], folder: Path, photos: Mapping[Path, Path], tell: Tell
) -> dict[Path, Path]:
    """The file of `find_masks` or `find_hints` for each photograph; those that belong to no photograph are named by `tell`."""
    matched = {
        photo: file for photo, relative in photos.items() if (file := mask_of(files, relative.as_posix())) is not None
    }
    unmatched = sorted(set(files.values()) - set(matched.values()))
    if unmatched:
        names = ", ".join(path.relative_to(folder).as_posix() for path in unmatched[:_NAMES_SHOWN])
        more = ", ..." if unmatched[_NAMES_SHOWN:] else ""
        tell(f"{what} without a photograph of the same stem: {len(unmatched)} ({names}{more})")
    return matched


def _checked(job: Job, originals: set[Identity]) -> Job:
    for path in job.results:
        if identity(path) in originals:
            reason = "would replace an original photograph; choose another folder for the results"
            return replace(job, refusal=f"{path}: {reason}")
    return job


def _check_folders(out_dir: Path | None, options: FolderOptions) -> None:
    if options.suffix is not None and options.suffix.lower() not in WRITABLE_SUFFIXES:
        raise ParamError(f"suffix {options.suffix!r} came; one of {', '.join(sorted(WRITABLE_SUFFIXES))} was expected")
    taken = {folder.resolve() for folder in (out_dir, options.drawn_masks, options.hints) if folder is not None}
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
