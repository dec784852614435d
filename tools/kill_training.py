"""Kill a training with SIGKILL again and again, resume it, and hold its end against the uninterrupted run, bit for bit.

    python tools/kill_training.py --kills 200 --seed 0

Each attempt is a fork of a process that has torch loaded, so a kill costs little. Most attempts die at a random moment;
others inside a save: with half of the state written, before its bytes are synced, before the file takes its name, and right
after; a few are stopped politely (SIGTERM), which is not counted as a kill. The last line is one JSON object; the exit code
is 1 where a run ended differently.
"""

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from dancheong.artifact import read_artifact
from dancheong.params import Params, resolve
from dancheong.scenes import write_scenes
from dancheong.training.checkpoint import checkpoint_path
from dancheong.training.engine import launch
from dancheong.training.loop import train

TINY = {
    "RESOL": 16, "NGF": 2, "NDF": 2,
    "ENCODER": "unet", "DEPTH": 2, "PATCH_SIZE": "16", "BATCH_SIZE": 2, "DROPOUT": 0.5, "GAN_START": 0.2,
    "VAL_IMAGES": 4, "DEVICE": "cpu", "EPOCHS": 16,
    "WORKERS": 0, "PRECISION": "32-true",
}
MOMENTS = ("at a random moment", "at a random moment", "at a random moment", "politely")
_SIGNALS = {"at a random moment": signal.SIGKILL, "politely": signal.SIGTERM}
POINTS = ("half written", "before the sync", "before the name", "after the name")
SHARE_IN_SAVES = 0.4
# Of an uninterrupted run: the longest that an attempt lives before it dies at a random moment.
LONGEST_LIFE = 0.6


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--kills", type=int, default=200)
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--epochs", type=int, default=int(TINY["EPOCHS"]))
    given = arguments.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(prefix="kill_training_") as folder:
        figures = kill_until(Path(folder), given.kills, given.seed, given.epochs)
    print(json.dumps(figures))
    return 0 if figures["different"] == 0 else 1


def kill_until(folder: Path, kills: int, seed: int, epochs: int) -> dict[str, Any]:
    """Runs one after the other, each killed until it comes to its end, until `kills` kills have been done."""
    rng = random.Random(seed)
    # Loaded before the first fork: else most attempts would die while they import.
    for module in ("dancheong.training.colorizer_trainer", "dancheong.models.network", "h5py"):
        import_module(module)
    launch(resolve(settings=TINY).params)
    # Not in this process: a fork would wait for threads of the library that writes photographs, which do not live on in it.
    for name, count, first in (("train", 6, 1), ("val", 2, 70)):
        in_fork(partial(write_scenes, folder / name, count, first, 48, 32))
    died: Counter[str] = Counter()
    runs = different = left = stopped = 0
    began = time.monotonic()
    while died.total() < kills:
        runs += 1
        params = resolve(settings={**TINY, "EPOCHS": epochs, "SEED": seed + runs}).params
        whole, parts = folder / f"{runs}_whole.h5", folder / f"{runs}_parts.h5"
        started = time.monotonic()
        if not in_fork(partial(_train, folder, whole, params)):
            raise RuntimeError("the uninterrupted run failed")
        longest_s = time.monotonic() - started
        while not (parts.exists() and not checkpoint_path(parts).exists()):
            point = rng.choice(POINTS) if rng.random() < SHARE_IN_SAVES else rng.choice(MOMENTS)
            if died.total() >= kills:
                point = "never"
            number, delay_s = rng.randint(1, 6), rng.uniform(0, LONGEST_LIFE * longest_s)
            killed_by = _SIGNALS.get(point, 0)
            if in_fork(partial(_die, folder, parts, params, point, number), killed_by, delay_s):
                stopped += point == "politely" and checkpoint_path(parts).exists()
            else:
                died[point] += 1
                print(f"\r{died.total()} kills, {runs} runs", end="", file=sys.stderr, flush=True)
        different += _ends(whole) != _ends(parts)
        left += len([path for path in folder.iterdir() if path.name.startswith(".")])
        for path in folder.glob(".*"):
            path.unlink()
    print(file=sys.stderr)
    return {
        "kills": died.total(), "by_moment": dict(died), "polite_stops": stopped, "runs": runs, "identical": runs - different,
        "different": different, "temporary_files_left": left, "seconds": round(time.monotonic() - began, 1),
    }


def in_fork(work: Callable[[], None], number: int = 0, after_s: float = 0.0) -> bool:
    """Whether `work` came to its end in a process of its own, which gets signal `number` after `after_s`; False where that
    was killed. Other ends are errors."""
    process = os.fork()
    if process == 0:
        try:
            work()
            os._exit(0)
        except BaseException as error:
            print(f"\n{type(error).__name__}: {error}", file=sys.stderr, flush=True)
            os._exit(1)
    deadline = time.monotonic() + after_s
    ended, status = 0, 0
    while number and not ended and time.monotonic() < deadline:
        ended, status = os.waitpid(process, os.WNOHANG)
        time.sleep(0.001)
    if not ended:
        if number:
            os.kill(process, number)
        status = os.waitpid(process, 0)[1]
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise RuntimeError("a run failed by itself; its message is above")
    return os.WIFEXITED(status)


def _train(folder: Path, model: Path, params: Params) -> None:
    train(folder / "train", model, params, val=folder / "val", resume=True)


def _die(folder: Path, model: Path, params: Params, point: str, number: int) -> None:
    """Train, and die inside the `number`-th save if `point` says so."""
    if point in POINTS:
        _arm(point, number)
    _train(folder, model, params)


def _arm(point: str, number: int) -> None:
    calls = 0

    def due() -> bool:
        nonlocal calls
        calls += 1
        return calls == number

    sync, replace, save = os.fsync, Path.replace, torch.save

    def dying_sync(handle: int) -> None:
        # Each file is synced once, and then its folder.
        if point == "before the sync" and due():
            _kill()
        sync(handle)

    def dying_replace(self: Path, target: str | Path) -> Path:
        fatal = point in ("before the name", "after the name") and due()
        if fatal and point == "before the name":
            _kill()
        result = replace(self, target)
        if fatal:
            _kill()
        return result

    def dying_save(state: Any, path: Path) -> None:
        save(state, path)
        if point == "half written" and due():
            os.truncate(path, Path(path).stat().st_size // 2)
            _kill()

    os.fsync, Path.replace, torch.save = dying_sync, dying_replace, dying_save  # type: ignore[method-assign,assignment]


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _ends(model: Path) -> tuple[object, ...]:
    """What two equal runs share: weights, self-test, scores, and the history but its times."""
    one = read_artifact(model)
    log = (model.with_name(model.stem + "_log") / "losses.jsonl").read_text("utf-8").splitlines()
    weights = {name: weight.tobytes() for name, weight in one.weights.items()}
    history = [{**row, "seconds": 0} for row in one.history]
    lines = [{**json.loads(line), "seconds": 0} for line in log]
    return weights, one.selftest_output.tobytes(), one.scores, history, lines


if __name__ == "__main__":
    sys.exit(main())
