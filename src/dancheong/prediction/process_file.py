"""From a photograph's file to its result's file, and many of them at a time on one machine.

Photographs are done on threads, one photograph a thread, because OpenCV, numpy, libvips and the networks' runtimes
release Python's lock while they compute. What is in memory at a time is bounded by the number of threads and by MEMORY_GB.
"""

import gc
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np

from dancheong.imaging.files import CREDENTIALS, Photo, image_spec, open_photo, read_photo, write_photo
from dancheong.imaging.strip import stripped
from dancheong.imaging.tiling import STRIP_PIXELS
from dancheong.imaging.xmp import Provenance
from dancheong.params import DancheongError
from dancheong.prediction.colored_versions import Misfit
from dancheong.prediction.credentials import Recipe, sign
from dancheong.prediction.full_resolution import STRIP_BYTES
from dancheong.prediction.looks import likelihoods, look_digest
from dancheong.prediction.memory import Budget, Needs, is_out_of_memory
from dancheong.prediction.origin import why_not_ours
from dancheong.prediction.plan import Job
from dancheong.prediction.processors import Processed, Processor, Resources, checked_fingerprint
from dancheong.prediction.result import FileResult, error_message
from dancheong.system.whole_file import whole_file

Numbered = tuple[int, FileResult]


def run_jobs(processor: Processor, jobs: Sequence[Job], workers: int, threads: int = 1) -> Generator[Numbered]:
    """Do the jobs on `workers` threads; yields number and result as each is done.

    Args:
        threads: of a single large photograph, while there is no other, or no memory for it.
    """
    workers = min(workers, len(jobs))
    budget = Budget(int(processor.params.memory_gb * 1e9), workers <= 1)
    numbered = enumerate(jobs)
    if workers <= 1:
        for number, job in numbered:
            yield number, process_file(processor, job, budget, threads)
        return
    pool = ThreadPoolExecutor(workers)
    try:
        def submit(some: Iterable[tuple[int, Job]]) -> dict[Future[FileResult], int]:
            return {pool.submit(process_file, processor, job, budget, threads): number for number, job in some}

        # As many jobs wait as are under way: no thread is idle, and a million jobs are not queued at once.
        pending = submit(islice(numbered, 2 * workers))
        while pending:
            for future in wait(pending, return_when=FIRST_COMPLETED).done:
                number = pending.pop(future)
                pending |= submit(islice(numbered, 1))
                yield number, future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def process_file(processor: Processor, job: Job, budget: Budget, threads: int = 1) -> FileResult:
    """Read, process and write one photograph within the budget of memory. An error becomes its result.

    Where memory runs out all the same, the photograph is tried once more, alone and in the smallest strips.

    Args:
        threads: for a photograph that is alone, or needs more than half of the budget, so that no other like it runs beside it.
    """
    sha256 = ""
    try:
        sha256 = checked_fingerprint(job.photo)
        made = processor.provenance(job, sha256)
        options = processor.options
        there = [] if options.overwrite else [path for path in job.results if path.exists()]
        reason = next((reason for path in there if (reason := why_not_ours(path, _made(job, path, made)))), "")
        if reason and options.ours is not None and options.ours(job.photo, job.output):
            return process_file(replace(processor, options=replace(options, overwrite=True)), job, budget, threads)
        if reason:
            raise DancheongError(reason)
        if there == job.results:
            return FileResult(
                job.photo, job.output, "skipped", mask=job.mask, sha256=sha256, page=job.page, color=job.color,
                looks=_looks(job),
            )
        return replace(_within_budget(processor, job, made, budget, threads), sha256=sha256)
    except Exception as error:  # whatever one photograph does, the others are done
        return replace(failure(job, error), sha256=sha256)


def _within_budget(processor: Processor, job: Job, made: Provenance, budget: Budget, threads: int) -> FileResult:
    # A file whose header cannot be read needs nothing: reading it will say why.
    spec = image_spec(job.photo, job.page)
    needs = Needs() if spec is None else processor.needs(spec, job)
    # Each thread has a strip of its own.
    spare = max(0, budget.total_bytes - needs.bytes) // (STRIP_PIXELS * STRIP_BYTES)
    threads = min(threads, 1 + spare) if 2 * needs.bytes > budget.total_bytes or budget.is_for_one else 1
    try:
        with budget.share(needs.bytes):
            return _process(processor, job, Resources(needs.rows, threads, needs.is_by_rows), made)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
    # The error and the arrays that its traceback held are gone here.
    processor.options.tell(f"{job.photo}: out of memory; tried again with nothing beside it, in the smallest strips")
    gc.collect()
    with budget.share(budget.total_bytes):
        return _process(processor, job, Resources(1, 1, needs.is_by_rows), made)


def failure(job: Job, error: Exception) -> FileResult:
    """The result of a photograph that could not be done."""
    misfit = error.misfit if isinstance(error, Misfit) else None
    return FileResult(
        job.photo, job.output, "failed", error=error_message(error, job.photo), page=job.page, color=job.color, misfit=misfit
    )


def _process(processor: Processor, job: Job, resources: Resources, made: Provenance) -> FileResult:
    began = time.perf_counter()
    page = job.page if processor.options.pages == "all" else None
    with _original(job.photo, page, resources.is_by_rows) as original:
        drawn_mask = None if job.drawn_mask is None else read_photo(job.drawn_mask).pixels
        # The metadata is needed to the end. The pixels belong to `apply` alone, which frees them.
        pixels = [original.pixels]
        original = replace(original, pixels=np.empty((0, 0), np.uint8))
        if processor.options.strip is not None:
            original = stripped(original, processor.options.strip)
        done = processor.apply(pixels.pop(), drawn_mask, job, resources)
        # The reader does not know that they are kept, as a parent's.
        read = [note for note in original.notes if note != CREDENTIALS or processor.options.sign is None]
        if done.invented:
            made = replace(made, invented=f"{done.invented:.4%}")
            read.append(f"{done.invented:.2%} of it is invented, where light left nothing (FIX_METHOD, FIX_CORES)")
        notes = (*read, *done.notes, *_write(processor, job, done, original, made))
        height, width = done.result.shape[:2]
        return FileResult(
            job.photo, job.output, mask=job.mask, seconds=time.perf_counter() - began, width=width, height=height,
            notes=notes, page=job.page, color=job.color, looks=_looks(job), **done.figures,
        )


@contextmanager
def _original(photo: Path, page: int | None, is_by_rows: bool) -> Iterator[Photo]:
    if is_by_rows:
        with open_photo(photo, page) as original:
            yield original
    else:
        yield read_photo(photo, page)


def _write(processor: Processor, job: Job, done: Processed, original: Photo, made: Provenance) -> tuple[str, ...]:
    """Write what is missing, or all of it to overwrite: a mask that is asked for later leaves its result alone.

    Returns:
        What the result's format has no place for.
    """
    notes: tuple[str, ...] = ()
    # The result is the last: where it stands, all of them do.
    looks = zip(job.looks, done.looks, strict=True)
    for path, pixels in ((job.mask, done.mask_hw), (job.confidence, done.confidence_hw), *looks, (job.output, done.result)):
        if path is None or pixels is None or (path.exists() and not processor.options.overwrite):
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = pixels() if callable(pixels) else pixels
        now = _made(job, path, made)
        if path in (job.mask, job.confidence):
            write_photo(path, pixels, provenance=replace(made, source_type=""))
        elif processor.options.sign is None:
            notes = write_photo(path, pixels, original, now, processor.params.output_profile)
        else:
            recipe = Recipe(processor.model_name, processor.params, now)
            with whole_file(path) as unsigned:
                notes = write_photo(unsigned, pixels, original, now, processor.params.output_profile)
                notes += sign(processor.options.sign, recipe, unsigned, path.name, job.photo, original.format)
    return notes


def _made(job: Job, path: Path, made: Provenance) -> Provenance:
    """What the file at `path` says of itself: a look says which one it is."""
    if path not in job.looks:
        return made
    return replace(made, params=look_digest(str(made.params).removesuffix(" look 1"), job.looks.index(path) + 2))


def _looks(job: Job) -> tuple[tuple[Path, float], ...]:
    return tuple(zip(job.looks, likelihoods(1 + len(job.looks))[1:], strict=True))
