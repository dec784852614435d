"""One run of the grid: train, judge, and leave everything the report needs in one file; here or in a process of its own."""

import json
import os
import shutil
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import cv2

from dancheong.artifact import read_artifact
from dancheong.experiment.judge import judge
from dancheong.params import DancheongError, Params
from dancheong.prediction.colorizer import Colorizer
from dancheong.report.training_page import trained_seconds
from dancheong.system.whole_file import write_text

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
    colorizer = Colorizer.open(model, threads=threads)
    scores = judge(colorizer, run.test, pictures, lambda share: watch(1 - _JUDGING + _JUDGING * share))
    if scores is None:
        return None
    result = _result(run, model, scores)
    write_text(run.folder / "result.json", json.dumps(vars(result)))
    if run.drop_model:
        model.unlink()
    return result


def execute_apart(run: Run, threads: int, device: str | None, stop: Event, connection: Connection) -> None:
    """`execute` in a process of its own, for `grid.run_grid`.

    Sends the share that is done, and at last the result, None (it was stopped), or what failed, as a string. It saves and
    stops when `stop` is set, or when the process that started it is gone.
    """
    # Ctrl-C in a terminal reaches every process of it; the order to stop comes by `stop`.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What a library prints is no result of the command: it goes to stderr.
    os.dup2(2, 1)
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    if device is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = device
    cv2.setNumThreads(threads)

    def say(what: float | Result | str | None) -> None:
        with suppress(OSError):  # nobody listens any more
            connection.send(what)

    def watch(share: float) -> bool:
        say(share)
        return stop.is_set() or connection.poll()

    try:
        say(execute(run, watch, threads))
    except DancheongError as error:
        say(str(error))


def _result(run: Run, model: Path, scores: dict[str, list[float]]) -> Result:
    artifact = read_artifact(model)
    data, entries = artifact.data, [entry for entry in artifact.history if "l1" in entry]
    final = [entry for entry in entries if entry["images"] > data["images_seen"] - data["photographs"]]
    step = max(1, len(entries) // _CURVE_POINTS)
    parts = [entries[start : start + step] for start in range(0, len(entries), step)]
    return Result(
        run.key, run.version, trained_seconds(run.folder / "log"), data["images_seen"], data["photographs"],
        {name: data[name] for name in ("initial_generator", "initial_discriminator", "order")}, scores,
        _means(final), [(float(part[-1]["images"]), _means(part)) for part in parts],
    )


def _means(entries: list[dict[str, Any]]) -> dict[str, float]:
    """The mean of each loss that the last entry has, over the entries that have it."""
    values = {name: [entry[name] for entry in entries if name in entry] for name in entries[-1]}
    return {name: sum(of) / len(of) for name, of in values.items() if name not in ("images", "seconds")}
