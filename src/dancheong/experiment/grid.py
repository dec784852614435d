"""All runs of the experiment: which are finished, which are left, and several of them at once."""

import hashlib
import json
import multiprocessing
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

from dancheong.experiment.arms import ARMS, DOSE_ARMS, Arm, arm_params
from dancheong.experiment.one_run import Result, Run, execute, execute_apart, finished
from dancheong.experiment.pictures import Pictures, dosed, placebo, toned
from dancheong.experiment.versions import run_version
from dancheong.params import DancheongError, Params, Resolved
from dancheong.system.cores import cores
from dancheong.system.signals import signals_handled

# These change how fast a run goes, not what comes out.
_FREE = {"workers", "devices", "device", "val_images"}
_POLL_SECONDS = 0.5


class GridError(DancheongError):
    """Runs that cannot be compared."""


@dataclass(frozen=True)
class Plan:
    """What to compare and how.

    Attributes:
        base: effective parameters of every arm but for its own rows; its `seed` and glare rows are not used.
        seeds: how often everything is repeated: seeds 1 to this.
        dose: percent of damaged training photographs; `curve`: doses at which the untreated arm and F are run, too.
        jobs: runs at once, each in a process of its own with its share of the processors; 1: in this one.
        devices: accelerators to share out among them.
        any_version: take finished runs of other versions of the code.
        report_only: train nothing; report the seeds that are complete.
        drop_models: remove a model once it is judged.
        notice: what a reader must not overlook.
    """

    base: Resolved
    arms: Sequence[Arm]
    seeds: int = 5
    dose: int = 50
    curve: Sequence[int] = (0, 25, 50, 100)
    jobs: int = 1
    devices: int = 0
    any_version: bool = False
    report_only: bool = False
    drop_models: bool = False
    notice: str = ""


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


def plan_runs(plan: Plan, pictures: Pictures, work: Path, shown: Sequence[str]) -> list[Run]:
    """Each arm and seed at the plan's dose, and DOSE_ARMS at the other doses. Equal runs (A is B at dose 0) have one key.

    Seed by seed, so that a grid that is stopped early is complete for some.
    """
    base, built_in = plan.base.params, {arm.name: arm for arm in ARMS}
    dosed_arms = [arm for name in DOSE_ARMS for arm in plan.arms if arm.name == name]
    cells = [(arm, arm.at(plan.dose)) for arm in plan.arms]
    cells += [(arm, other) for other in sorted(set(plan.curve) - {plan.dose}) for arm in dosed_arms]
    runs: list[Run] = []
    for seed in range(1, plan.seeds + 1):
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
                            tuple(shown), plan.drop_models))
    return runs


def _key(params: Params, pictures: Pictures, photos: Path, masks: Path | None) -> str:
    # Rows with their default are left out, so that a row that is new in a later version changes no run; a default that
    # changes is seen in the version of the code.
    rows = {name: value for name, value in params.model_dump(mode="json", exclude_defaults=True).items() if name not in _FREE}
    identity = [rows, pictures.digest, photos.name, masks.name if masks else ""]
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def run_grid(runs: Sequence[Run], plan: Plan, watch: Callable[[Progress], None]) -> Outcome:
    """Do what is not yet done. Ctrl-C saves what runs and stops; the same call goes on."""
    grid = _Grid(runs, plan.any_version, watch)
    if not plan.report_only:
        with signals_handled(signal.default_int_handler):
            if plan.jobs == 1:
                grid.one_by_one()
            else:
                grid.at_once(plan.jobs, plan.devices)
    return grid.outcome


class _Grid:
    """Runs that are left, the outcome so far, and how far each run is."""

    def __init__(self, runs: Sequence[Run], any_version: bool, watch: Callable[[Progress], None]) -> None:
        self.outcome = Outcome()
        self._left: dict[str, Run] = {}
        for run in runs:
            if (result := finished(run, any_version)) is not None:
                self.outcome.results[run.key] = result
            else:
                self._left.setdefault(run.key, run)
        self._total, self._before = len({run.key for run in runs}), len(self.outcome.results)
        self._watch, self._began = watch, time.monotonic()
        self._shares: dict[str, float] = {}
        self._tell()

    def one_by_one(self) -> None:
        """In this process, one after the other."""
        for run in self._left.values():

            def watch(share: float, run: Run = run) -> bool:
                self._take(run, share)
                self._tell()
                return False

            try:
                self._take(run, execute(run, watch, cores()))
            except KeyboardInterrupt:
                self.outcome.stopped = True
            except DancheongError as error:
                self._take(run, str(error))
            if self.outcome.stopped:
                return

    def at_once(self, jobs: int, devices: int) -> None:
        """Each in a process of its own, `jobs` at a time. A second Ctrl-C ends the processes at once."""
        spawn = multiprocessing.get_context("spawn")
        waiting, stop = list(self._left.values())[::-1], spawn.Event()
        running: dict[Connection, tuple[Run, SpawnProcess, int]] = {}
        try:
            while running or (waiting and not self.outcome.stopped):
                try:
                    while waiting and len(running) < jobs and not self.outcome.stopped:
                        run, (ours, theirs) = waiting.pop(), spawn.Pipe()
                        slot = min(set(range(jobs)) - {slot for _, _, slot in running.values()})
                        device = str(slot % devices) if devices else None
                        process = spawn.Process(target=execute_apart, args=(run, max(1, cores() // jobs), device, stop, theirs))
                        # A Ctrl-C in the terminal, which reaches it too, must not end it before it knows what to do then.
                        with signals_handled(signal.SIG_IGN, ("SIGINT",)):
                            process.start()
                        theirs.close()
                        running[ours] = run, process, slot
                    ready = wait(list(running), _POLL_SECONDS)
                    for connection in [connection for connection in running if connection in ready]:
                        if self._hears_the_end(connection, *running[connection][:2]):
                            del running[connection]
                    self._tell()
                except KeyboardInterrupt:
                    if self.outcome.stopped:
                        raise
                    self.outcome.stopped = True
                if self.outcome.stopped:
                    stop.set()
                    for run, process, _ in running.values():
                        if run.key not in self._shares:  # it has nothing to save yet, and would not ask for long
                            process.kill()
        finally:
            for _, process, _ in running.values():
                process.kill()

    def _hears_the_end(self, connection: Connection, run: Run, process: SpawnProcess) -> bool:
        """Take in what a process says; whether that was its last word."""
        try:
            said = connection.recv()
        except (EOFError, OSError):
            process.join()
            said = None if self.outcome.stopped else (
                f"its process ended with code {process.exitcode}, perhaps for lack of memory: use fewer --jobs; "
                "the same command goes on"
            )
        self._take(run, said)
        return not isinstance(said, float)

    def _take(self, run: Run, said: float | Result | str | None) -> None:
        """Take in of a run: how far it is, its result, what has failed, or that it was stopped (None)."""
        if said is None:
            self.outcome.stopped = True
        elif isinstance(said, float):
            self._shares[run.key] = min(said, 0.999)
        elif isinstance(said, str):
            self.outcome.failures.append((run.title, said))
            self._ended(run, f"{run.title} failed: {said}")
        else:
            self.outcome.results[run.key] = said
            self._ended(run, f"{run.title}: {said.seconds:.0f} s of training, {said.images_seen} images")

    def _ended(self, run: Run, what: str) -> None:
        self._shares[run.key] = 1.0
        self._tell(what)

    def _tell(self, ended: str = "") -> None:
        shares = list(self._shares.values())
        gone, left = sum(shares), len(self._left)
        done = self._before + sum(share >= 1 for share in shares)
        seconds = (time.monotonic() - self._began) * (left - gone) / gone if gone > 0 else float("nan")
        self._watch(Progress(done, self._total, (self._before + gone) / self._total, seconds, ended))


def check_same_start(runs: Sequence[Run], results: Mapping[str, Result], own: Sequence[str] = ()) -> list[str]:
    """See that the runs of a seed began with the same weights and saw the same photographs in the same order, equally long.

    Returns:
        Sentences about arms of the user's `own` that differ: they are compared as whole recipes.

    Raises:
        GridError: a built-in arm differs.
    """
    remarks: dict[str, list[str]] = {}
    firsts: dict[int, tuple[Run, dict[str, Any]]] = {}
    for run in sorted((run for run in runs if run.key in results), key=lambda run: run.arm in own):
        result = results[run.key]
        ours = {**result.start, "images seen": result.images_seen, "photographs": result.photographs}
        first, theirs = firsts.setdefault(run.seed, (run, ours))
        differing = [name.replace("_", " ") for name in ours if ours[name] != theirs[name]]
        if differing and run.arm not in own:
            raise GridError(
                f"{run.title} and {first.title} differ in {', '.join(differing)}: they cannot be compared; "
                f"delete {run.folder} and run again"
            )
        if differing:
            remarks[run.arm] = differing
    return [f"{arm} differs from the others also in {', '.join(what)}." for arm, what in remarks.items()]
