"""All runs of the experiment: which are finished, which are left, and several of them at once."""

import hashlib
import json
import os
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2

from dancheong.experiment.arms import ARMS, DOSE_ARMS, Arm, arm_params
from dancheong.experiment.one_run import Result, Run, execute, finished
from dancheong.experiment.pictures import Pictures, dosed, placebo, toned
from dancheong.experiment.versions import run_version
from dancheong.params import DancheongError, Params

# These change how fast a run goes, not what comes out.
_FREE = {"workers", "devices", "device", "val_images"}
_POLL_SECONDS = 0.5


class GridError(DancheongError):
    """Runs that cannot be compared."""


@dataclass(frozen=True)
class Looks:
    """How far the grid is: finished runs of all, the share of the work, seconds left (nan at first), and what just ended."""

    done: int
    total: int
    share: float
    seconds_left: float
    ended: str = ""


@dataclass
class Outcome:
    """What became of the grid: results by run key, (title, error) of runs that failed, whether it was stopped."""

    results: dict[str, Result] = field(default_factory=dict)
    failures: list[tuple[str, str]] = field(default_factory=list)
    stopped: bool = False


def plan_runs(
    arms: Sequence[Arm], base: Params, seeds: Sequence[int], dose: int, curve: Sequence[int], pictures: Pictures, work: Path,
    shown: Sequence[str], drop_models: bool = False,
) -> list[Run]:
    """The grid: each arm and seed at `dose`, and DOSE_ARMS at the other doses. Equal runs (A is B at dose 0) have one key.

    Seed by seed, so that a grid that is stopped early is complete for some.
    """
    by_name = {arm.name: arm for arm in arms}
    built_in = {arm.name: arm for arm in ARMS}
    cells = [(arm, dose if arm.dose is None else arm.dose) for arm in arms]
    cells += [(by_name[name], other) for other in sorted(set(curve) - {dose}) for name in DOSE_ARMS if name in by_name]
    runs: list[Run] = []
    for seed in seeds:
        for arm, damaged in cells:
            params = arm_params(base, arm, seed)
            photos, masks = dosed(pictures, damaged), None
            if arm.photos == "toned":
                photos = toned(pictures, damaged, arm_params(base, built_in["C"], 0))
            if arm.placebo:
                masks = placebo(pictures, damaged, arm_params(base, built_in["E"], 0))
            key = _key(params, pictures, photos, masks)
            # Not named after the arm: another arm, of another day, may be the same run.
            folder = work / "runs" / f"seed_{seed:03d}-{key[:12]}"
            runs.append(Run(arm.name, damaged, seed, params, photos, masks, pictures.test, folder, key, run_version(),
                            tuple(shown), drop_models))
    return runs


def _key(params: Params, pictures: Pictures, photos: Path, masks: Path | None) -> str:
    # Rows with their default are left out, so that a row that is new in a later version changes no run; a default that
    # changes is seen in the version of the code.
    rows = {name: value for name, value in params.model_dump(mode="json", exclude_defaults=True).items() if name not in _FREE}
    told = [rows, pictures.digest, photos.name, masks.name if masks else ""]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def run_grid(
    runs: Sequence[Run], jobs: int, watch: Callable[[Looks], None], any_version: bool = False, devices: int = 0,
    report_only: bool = False,
) -> Outcome:
    """Do what is not yet done. Ctrl-C saves what runs and stops; the same call goes on.

    Args:
        jobs: runs at once, each in a process of its own with its share of the processors; 1: here.
        any_version: take runs that other code has finished as they are.
        devices: accelerators that the processes share out among them.
        report_only: do nothing; collect what is finished.
    """
    outcome = Outcome()
    left: dict[str, Run] = {}
    for run in runs:
        if (result := finished(run, any_version)) is not None:
            outcome.results[run.key] = result
        else:
            left.setdefault(run.key, run)
    total = len({run.key for run in runs})
    progress = _Progress(total, len(left), watch)
    progress.look()
    if left and not report_only:
        with _stoppable():
            if jobs == 1:
                _one_by_one(list(left.values()), outcome, progress)
            else:
                _at_once(list(left.values()), jobs, devices, outcome, progress)
    return outcome


class _Progress:
    """Adds up how far all running runs are."""

    def __init__(self, total: int, left: int, watch: Callable[[Looks], None]) -> None:
        self.total, self.left, self.watch = total, left, watch
        self.shares: dict[str, float] = {}
        self.began = time.monotonic()

    def at(self, key: str, share: float) -> None:
        """A run is `share` of its way."""
        self.shares[key] = share

    def look(self, ended: str = "") -> None:
        """Tell the watcher."""
        gone = sum(self.shares.values())
        done = self.total - self.left + sum(share >= 1 for share in self.shares.values())
        seconds = (time.monotonic() - self.began) * (self.left - gone) / gone if gone > 0 else float("nan")
        self.watch(Looks(done, self.total, (self.total - self.left + gone) / self.total, seconds, ended))


def _ended(run: Run, result: Result, outcome: Outcome, progress: _Progress) -> None:
    outcome.results[run.key] = result
    progress.at(run.key, 1.0)
    progress.look(f"{run.title}: {result.seconds:.0f} s of training, {result.images_seen} images")


def _failed(run: Run, error: Exception, outcome: Outcome, progress: _Progress) -> None:
    outcome.failures.append((run.title, str(error)))
    progress.at(run.key, 1.0)
    progress.look(f"{run.title} failed: {error}")


def _one_by_one(runs: Sequence[Run], outcome: Outcome, progress: _Progress) -> None:
    try:
        for run in runs:

            def watch(share: float, run: Run = run) -> bool:
                progress.at(run.key, min(share, 0.999))
                progress.look()
                return False

            try:
                result = execute(run, watch, _processors())
            except DancheongError as error:
                _failed(run, error, outcome, progress)
                continue
            if result is None:
                outcome.stopped = True
                return
            _ended(run, result, outcome, progress)
    except KeyboardInterrupt:
        outcome.stopped = True


def _at_once(runs: Sequence[Run], jobs: int, devices: int, outcome: Outcome, progress: _Progress) -> None:
    # Not forked: locks of threads that do not exist in the child would stay locked.
    context = get_context("spawn")
    shares, numbers, stop = context.Queue(), context.Queue(), context.Event()
    for number in range(jobs):
        numbers.put(number)
    threads = max(1, _processors() // jobs)
    with _environment({"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", str(threads))}):
        pool = ProcessPoolExecutor(jobs, context, _start_worker, (shares, numbers, stop, devices, threads))
        try:
            pending = {pool.submit(_work, run): run for run in runs}
            while pending:
                try:
                    _collect(pending, shares, outcome, progress)
                except KeyboardInterrupt:
                    if stop.is_set():
                        raise
                    stop.set()
                    outcome.stopped = True
                    pending = {future: run for future, run in pending.items() if not future.cancel()}
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)


def _collect(pending: dict[Future[Result | None], Run], shares: Any, outcome: Outcome, progress: _Progress) -> None:
    """Wait for a moment: note how far the runs are, and take those that have ended out of `pending`."""
    ended = wait(pending, _POLL_SECONDS, FIRST_COMPLETED).done
    while True:
        try:
            progress.at(*shares.get_nowait())
        except queue.Empty:
            break
    progress.look()
    for future in ended:
        run = pending.pop(future)
        try:
            result = future.result()
        except DancheongError as error:
            _failed(run, error, outcome, progress)
            continue
        except BrokenProcessPool as error:
            raise GridError(
                "the process of a run was ended from outside, perhaps for lack of memory: use fewer --jobs; "
                "the same command goes on"
            ) from error
        if result is None:
            outcome.stopped = True
        else:
            _ended(run, result, outcome, progress)


# What a worker process has been given at its start.
_worker: dict[str, Any] = {}


def _start_worker(shares: Any, numbers: Any, stop: Any, devices: int, threads: int) -> None:
    # Ctrl-C reaches the whole group of processes: training minds it itself, the rest is told by `stop`.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    number = numbers.get()
    if devices:
        os.environ["CUDA_VISIBLE_DEVICES"] = str(number % devices)
    cv2.setNumThreads(threads)
    _worker.update(shares=shares, stop=stop, threads=threads)


def _work(run: Run) -> Result | None:
    said = [0.0]

    def watch(share: float) -> bool:
        if share - said[0] > 0.01:
            said[0] = share
            _worker["shares"].put((run.key, min(share, 0.999)))
        return bool(_worker["stop"].is_set())

    return None if _worker["stop"].is_set() else execute(run, watch, _worker["threads"])


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """What child processes see that are started meanwhile."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _stoppable() -> Iterator[None]:
    """A polite kill stops as Ctrl-C does, and Ctrl-C stops even what a shell has started in the background."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.default_int_handler) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def check_same_start(runs: Sequence[Run], results: Mapping[str, Result], own: Sequence[str] = ()) -> list[str]:
    """See that the runs of a seed began with the same weights and saw the same photographs in the same order, equally long.

    Returns:
        Sentences about arms of the user's `own` that differ: they are compared as whole recipes.

    Raises:
        GridError: a built-in arm differs.
    """
    told: dict[str, list[str]] = {}
    firsts: dict[int, tuple[Run, Result]] = {}
    for run in sorted(runs, key=lambda run: run.arm in own):
        result = results.get(run.key)
        if result is None:
            continue
        first_run, first = firsts.setdefault(run.seed, (run, result))
        ours, theirs = (
            {**one.start, "images seen": one.images_seen, "photographs": one.photographs} for one in (result, first)
        )
        differing = [name.replace("_", " ") for name in ours if ours[name] != theirs[name]]
        if differing and run.arm not in own:
            raise GridError(
                f"{run.title} and {first_run.title} differ in {', '.join(differing)}: they cannot be compared; "
                f"delete {run.folder} and run again"
            )
        if differing:
            told[run.arm] = differing
    return [f"{arm} differs from the others also in {', '.join(what)}." for arm, what in told.items()]
