"""All runs of the experiment: which are finished, which are left, and several of them at once."""

import hashlib
import json
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

from dancheong.experiment.arms import ARMS, DOSE_ARMS, Arm, arm_params
from dancheong.experiment.one_run import Result, Run, execute, finished
from dancheong.experiment.pictures import Pictures, dosed, placebo, toned
from dancheong.experiment.versions import run_version
from dancheong.params import DancheongError, Params
from dancheong.system.cores import cores
from dancheong.system.signals import signals_handled

# These change how fast a run goes, not what comes out.
_FREE = {"workers", "devices", "device", "val_images"}
_POLL_SECONDS = 0.5
_RUN = "from dancheong.experiment.one_run import main; main()"


class GridError(DancheongError):
    """Runs that cannot be compared."""


@dataclass(frozen=True)
class Progress:
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
    identity = [rows, pictures.digest, photos.name, masks.name if masks else ""]
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def run_grid(
    runs: Sequence[Run], jobs: int, watch: Callable[[Progress], None], any_version: bool = False, devices: int = 0,
    report_only: bool = False,
) -> Outcome:
    """Do what is not yet done. Ctrl-C saves what runs and stops; the same call goes on.

    Args:
        jobs: runs at once, each in a process of its own with its share of the processors; 1: here.
        any_version: take runs that other code has finished as they are.
        devices: accelerators that the processes share out among them.
        report_only: do nothing; collect what is finished.
    """
    grid = _Grid(runs, any_version, watch)
    if grid.left and not report_only:
        with signals_handled(signal.default_int_handler):
            if jobs == 1:
                grid.one_by_one()
            else:
                grid.at_once(jobs, devices)
    return grid.outcome


class _Grid:
    """Runs that are left, the outcome so far, and how far each run is."""

    def __init__(self, runs: Sequence[Run], any_version: bool, watch: Callable[[Progress], None]) -> None:
        self.outcome = Outcome()
        self.left: dict[str, Run] = {}
        for run in runs:
            if (result := finished(run, any_version)) is not None:
                self.outcome.results[run.key] = result
            else:
                self.left.setdefault(run.key, run)
        self._total, self._before = len({run.key for run in runs}), len(self.outcome.results)
        self._watch, self._began = watch, time.monotonic()
        self._shares: dict[str, float] = {}
        self._look()

    def one_by_one(self) -> None:
        """In this process, one after the other."""
        for run in self.left.values():

            def watch(share: float, run: Run = run) -> bool:
                self._shares[run.key] = min(share, 0.999)
                self._look()
                return False

            try:
                self._note(run, lambda run=run, watch=watch: execute(run, watch, cores()))  # type: ignore[misc]
            except KeyboardInterrupt:
                self.outcome.stopped = True
            if self.outcome.stopped:
                return

    def at_once(self, jobs: int, devices: int) -> None:
        """Each in a process of its own, `jobs` at a time. A second Ctrl-C ends the processes at once."""
        processes = _Processes(jobs, devices, self._shares)
        with ThreadPoolExecutor(jobs) as pool:
            pending = {pool.submit(processes.run, run): run for run in self.left.values()}
            try:
                while pending:
                    try:
                        self._collect(pending)
                    except KeyboardInterrupt:
                        if self.outcome.stopped:
                            raise
                        self.outcome.stopped = True
                    if self.outcome.stopped:
                        processes.stop()
                        pending = {future: run for future, run in pending.items() if not future.cancel()}
            except BaseException:
                processes.stop(at_once=True)
                raise

    def _collect(self, pending: dict[Future[Result | None], Run]) -> None:
        """Wait for a moment, and take the runs that have ended out of `pending`."""
        for future in wait(pending, _POLL_SECONDS).done:
            self._note(pending.pop(future), future.result)
        self._look()

    def _note(self, run: Run, result_of: Callable[[], Result | None]) -> None:
        """Take in what became of a run."""
        try:
            result = result_of()
        except DancheongError as error:
            self.outcome.failures.append((run.title, str(error)))
            ended = f"{run.title} failed: {error}"
        else:
            if result is None:
                self.outcome.stopped = True
                return
            self.outcome.results[run.key] = result
            ended = f"{run.title}: {result.seconds:.0f} s of training, {result.images_seen} images"
        self._shares[run.key] = 1.0
        self._look(ended)

    def _look(self, ended: str = "") -> None:
        """Tell the watcher."""
        shares = list(self._shares.values())
        gone, left = sum(shares), len(self.left)
        done = self._before + sum(share >= 1 for share in shares)
        seconds = (time.monotonic() - self._began) * (left - gone) / gone if gone > 0 else float("nan")
        self._watch(Progress(done, self._total, (self._before + gone) / self._total, seconds, ended))


class _Processes:
    """Runs in processes of their own: see `one_run.main` for what is said between them and this one."""

    def __init__(self, jobs: int, devices: int, shares: dict[str, float]) -> None:
        self._shares, self._devices = shares, devices
        self._threads = max(1, cores() // jobs)
        self._slots: queue.SimpleQueue[int] = queue.SimpleQueue()
        for slot in range(jobs):
            self._slots.put(slot)
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._stopping = threading.Event()

    def run(self, run: Run) -> Result | None:
        """The result; None: it was stopped.

        Raises:
            GridError: the run failed, or its process was ended from outside.
        """
        if self._stopping.is_set():
            return None
        slot = self._slots.get()
        environment = {"OMP_NUM_THREADS": str(self._threads), **os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        if self._devices:
            environment["CUDA_VISIBLE_DEVICES"] = str(slot % self._devices)
        # A session of its own: Ctrl-C in the terminal reaches this process alone, which stops the runs in order.
        process = subprocess.Popen([sys.executable, "-P", "-c", _RUN], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   env=environment, start_new_session=True)
        assert process.stdin is not None
        assert process.stdout is not None
        error = ""
        with process:
            try:
                process.stdin.write(pickle.dumps((run, self._threads)))
                process.stdin.flush()
            except OSError:
                pass  # it has ended already, and its code says how
            self._running[run.key] = process
            for line in process.stdout:
                said = json.loads(line)
                if isinstance(said, str):
                    error = said
                else:
                    self._shares[run.key] = min(said, 0.999)
        del self._running[run.key]
        self._slots.put(slot)
        if process.returncode == 130:
            return None
        if process.returncode or (result := finished(run)) is None:
            raise GridError(error or (
                f"its process ended with code {process.returncode}, perhaps for lack of memory: use fewer --jobs; "
                "the same command goes on"
            ))
        return result

    def stop(self, at_once: bool = False) -> None:
        """Let every process save and end; `at_once`: end it."""
        self._stopping.set()
        for process in list(self._running.values()):
            if at_once:
                process.kill()
            elif process.stdin is not None:
                process.stdin.close()


def check_same_start(runs: Sequence[Run], results: Mapping[str, Result], own: Sequence[str] = ()) -> list[str]:
    """See that the runs of a seed began with the same weights and saw the same photographs in the same order, equally long.

    Returns:
        Sentences about arms of the user's `own` that differ: they are compared as whole recipes.

    Raises:
        GridError: a built-in arm differs.
    """
    remarks: dict[str, list[str]] = {}
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
            remarks[run.arm] = differing
    return [f"{arm} differs from the others also in {', '.join(what)}." for arm, what in remarks.items()]
