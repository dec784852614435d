"""The plan of a folder run: which photographs there are and where their results go, checked before anything is written.

The names of the results depend on the inputs alone, so that a run that is started again finds its own results.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from dancheong.data.photographs import find_masks, mask_of
from dancheong.imaging.files import LeftOut, PhotoError, count_pages
from dancheong.imaging.formats import READ_SUFFIXES, WRITABLE_SUFFIXES
from dancheong.params import ParamError, Params
from dancheong.prediction.colored_versions import match_versions
from dancheong.prediction.hints import find_hints
from dancheong.prediction.looks import frames_around, look_names
from dancheong.prediction.names import lasting_names, names_beside, page_name, result_names
from dancheong.prediction.options import FolderOptions, Tell
from dancheong.prediction.origin import results_among, why_not_beside
from dancheong.prediction.search import Identity, find_photos, identity, of_shard, why_no_photographs
from dancheong.system.outputs import check_folder

_NAMES_SHOWN = 5


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
        masks_unused: why no mask is looked at or written; empty where they are.

    Raises:
        ParamError: folders that would mix results or are not there, an unknown suffix, a wrong shard, a sheet that would
            replace another file, `out_dir` with the name of a photograph, or results alone where `out_dir` is None.
        OutputTaken: `out_dir` is a file, or lies in one.
    """
    _check_folders(out_dir, options)
    if options.sign is not None:
        options.sign.check()
    # The photographs.
    folders = (
        out_dir, options.mask_dir, options.drawn_masks, options.confidence_dir, options.colors, options.hints
    )
    photos, left_out = find_photos(inputs, [folder for folder in folders if folder is not None])
    if out_dir is None:
        results = results_among(photos)
        photos = {photo: name for photo, name in photos.items() if photo not in results}
        left_out += [LeftOut(path, "dancheong has colored it; -o DIR colors it all the same") for path in results]
    # What people have made for them, and what must not be done.
    drawn_masks: Mapping[Path, Path] = {}
    if options.drawn_masks is not None:
        masks = find_masks(options.drawn_masks)
        if masks_unused:
            options.tell(f"drawn masks are not used: {masks_unused}")
        else:
            drawn_masks = _matched("drawn masks", masks, options.drawn_masks, photos, options.tell)
    mask_dir = None if masks_unused else options.mask_dir
    if options.mask_dir != mask_dir:
        options.tell(f"no masks are written: {masks_unused}")
    hints: Mapping[Path, Path] = {}
    if options.hints is not None:
        hints = _hints(options.hints, photos, options.tell)
    versions, unmatched = ({}, {}) if options.colors is None else match_versions(options.colors, photos, options.tell)
    refusals = unmatched | {photo: reason for photo in map(Path, inputs) if (reason := why_no_photographs(photo, photos))}
    refusals |= {one.path: one.reason for one in left_out if one.failed}
    # Names. They are those of the whole folder, so that they do not depend on the shard. A closed folder takes no name away.
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
    # A job for each photograph, page and look, and the files that each would write.
    jobs = [
        Job(
            photo, outputs.get(photo, photo),
            _below(mask_dir, extras.get(photo)), _below(options.confidence_dir, extras.get(photo)),
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
    # No file that was there before is replaced, by names or by links.
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


def _hints(given: Path, photos: Mapping[Path, Path], tell: Tell) -> Mapping[Path, Path]:
    """The hints of each photograph: of a folder by name; a file is for the only photograph."""
    if not given.is_file():
        return _matched("hints", find_hints(given), given, photos, tell)
    if len(photos) != 1:
        raise ParamError(f"{given}: one file of hints came for {len(photos)} photographs; give a folder with one for each")
    return dict.fromkeys(photos, given)


def _checked(job: Job, originals: set[Identity]) -> Job:
    for path in job.results:
        if identity(path) in originals:
            reason = f"the result would replace an original photograph ({path}); choose another folder for the results"
            return replace(job, refusal=reason)
    return job


def _check_folders(out_dir: Path | None, options: FolderOptions) -> None:
    if options.suffix is not None and options.suffix.lower() not in WRITABLE_SUFFIXES:
        raise ParamError(f"suffix {options.suffix!r} came; one of {', '.join(sorted(WRITABLE_SUFFIXES))} was expected")
    if out_dir is not None:
        _check_output(out_dir)
    taken = {folder.resolve() for folder in (out_dir, options.drawn_masks, options.hints) if folder is not None}
    for name, folder in (("masks", options.mask_dir), ("maps of confidence", options.confidence_dir)):
        if folder is None:
            continue
        if folder.resolve() in taken:
            raise ParamError(f"{folder}: {name} are written beside other pictures there; give them a folder of their own")
        taken.add(folder.resolve())


def _check_output(folder: Path) -> None:
    # A folder of such a name would hide the result that was meant to have it.
    if folder.suffix.lower() in READ_SUFFIXES and not folder.is_dir():
        raise ParamError(f"-o {folder}: this is the name of a photograph, and a folder for the results was expected")
    check_folder(folder)


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
