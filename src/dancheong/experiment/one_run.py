"""One run of the grid: train, judge, and leave everything the report needs in one file; here or in a process of its own."""

import json
import os
import pickle
import shutil
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2

from dancheong.artifact import read_artifact
from dancheong.experiment.judge import judge
from dancheong.params import DancheongError, Params
from dancheong.report.training_page import trained_seconds
from dancheong.system.whole_file import whole_file

# Judging is this share of a run's progress.
_JUDGING = 0.2
_CURVE_POINTS = 60


@dataclass(frozen=True)
class Run:
    """What to train and where. `key` identifies parameters and photographs, `version` the code; `shown`: test files whose
    results are kept for figures."""

    arm: str
    dose: int
    seed: int
    params: Params
    photos: Path
    masks: Path | None
    test: Path
    folder: Path
    key: str
    version: str
    shown: tuple[str, ...] = ()
    drop_model: bool = False

    @property
    def title(self) -> str:
        """For messages."""
        return f"{self.arm} at {self.dose} %, seed {self.seed}"


@dataclass(frozen=True)
class Result:
    """What a run left: `scores` a value for each test photograph, `final` the mean losses of its last epoch, `start` the
    hashes of what it began with, `curve` (images seen, losses)."""

    key: str
    version: str
    seconds: float
    images_seen: int
    photographs: int
    start: dict[str, str]
    scores: dict[str, list[float]]
    final: dict[str, float]
    curve: list[tuple[float, dict[str, float]]] = field(default_factory=list)


def finished(run: Run, any_version: bool = False) -> Result | None:
    """The result of this very run, if it is there; `any_version`: even if other code has made it."""
    file = run.folder / "result.json"
    if not file.exists():
        return None
    result = Result(**json.loads(file.read_text("utf-8")))
    return result if result.key == run.key and (any_version or result.version == run.version) else None


def execute(run: Run, watch: Callable[[float], bool], threads: int) -> Result | None:
    """Train and judge, or go on where an earlier call was stopped. None: `watch` (share done -> stop?) or a signal stopped it.

    Raises:
        DancheongError: as `train` raises it.
    """
    from dancheong.training.loop import train

    model = run.folder / "model.h5"
    stamp = run.folder / "version.txt"
    if not stamp.exists() or stamp.read_text("utf-8") != run.key + run.version:
        # Half a run of other code, photographs or rows.
        shutil.rmtree(run.folder, ignore_errors=True)
        run.folder.mkdir(parents=True)
        stamp.write_text(run.key + run.version, encoding="utf-8")
    # A state beside the model says that its training was stopped.
    if not model.exists() or any(run.folder.glob("model.h5.*")):
        trained = train(
            run.photos, model, run.params, drawn_masks=run.masks, log_dir=run.folder / "log", resume=True, overwrite=True,
            watch=lambda progress: watch((1 - _JUDGING) * progress.images_seen / progress.images_total),
        )
        if trained.stopped:
            return None
    pictures = {name: run.folder / "pictures" / name for name in run.shown}
    scores = judge(model, run.test, pictures, threads, lambda share: watch(1 - _JUDGING + _JUDGING * share))
    if scores is None:
        return None
    result = _result(run, model, scores)
    with whole_file(run.folder / "result.json") as temporary:
        temporary.write_text(json.dumps(vars(result)), encoding="utf-8")
    if run.drop_model:
        model.unlink()
    return result


def main() -> None:
    """A run as a process of its own, for `grid.run_grid`.

    A pickled (Run, threads) comes in on stdin; the end of stdin is the order to save and stop, so that a run also stops when
    the process that started it is gone. Out go lines of JSON: the share that is done, or what failed, as a string.
    Exits with 0 (finished), 1 (failed), or 130 (stopped).
    """
    # Ctrl-C in a terminal reaches every process of it; the order to stop comes in on stdin.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What a library prints is not for the starting process: it goes to stderr.
    lines = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    run, threads = pickle.load(sys.stdin.buffer)
    stop = threading.Event()

    def wait_for_the_end() -> None:
        # Not through sys.stdin, whose lock a waiting thread would still hold when the interpreter ends.
        while os.read(0, 1):
            pass
        stop.set()

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    cv2.setNumThreads(threads)

    def say(what: float | str) -> None:
        with suppress(OSError):  # nobody listens any more
            print(json.dumps(what), file=lines, flush=True)

    def watch(share: float) -> bool:
        say(share)
        return stop.is_set()

    try:
        sys.exit(0 if execute(run, watch, threads) else 130)
    except DancheongError as error:
        say(str(error))
        sys.exit(1)


def _result(run: Run, model: Path, scores: dict[str, list[float]]) -> Result:
    artifact = read_artifact(model)
    entries = [entry for entry in artifact.history if "l1" in entry]
    last_epoch = artifact.data["images_seen"] - artifact.data["photographs"]
    final = [entry for entry in entries if entry["images"] > last_epoch]
    names = [name for name in entries[-1] if name not in ("images", "seconds")]
    step = max(1, len(entries) // _CURVE_POINTS)
    return Result(
        run.key, run.version, trained_seconds(run.folder / "log"), artifact.data["images_seen"], artifact.data["photographs"],
        {name: artifact.data[name] for name in ("initial_generator", "initial_discriminator", "order")},
        scores,
        {name: _mean([entry[name] for entry in final if name in entry]) for name in names},
        [(float(part[-1]["images"]), _means(part)) for part in (entries[i : i + step] for i in range(0, len(entries), step))],
    )


def _means(entries: list[dict[str, Any]]) -> dict[str, float]:
    names = [name for name in entries[-1] if name not in ("images", "seconds")]
    return {name: _mean([entry[name] for entry in entries if name in entry]) for name in names}


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
