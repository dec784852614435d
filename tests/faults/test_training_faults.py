"""A training meets a full disk, a removed folder, a signal: the last state stays, and the end is that of the whole run."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from dancheong.artifact import read_artifact
from dancheong.params import Params, resolve
from dancheong.scenes import write_scenes

pytest.importorskip("torch")
from dancheong.training.loop import Progress, TrainResult, train

TOOL = Path(__file__).parents[2] / "tools" / "kill_training.py"
TINY = {
    "RESOL": 16, "NGF": 2, "NDF": 2,
    "ENCODER": "unet", "DEPTH": 2, "PATCH_SIZE": "16", "BATCH_SIZE": 2, "VAL_IMAGES": 4, "DEVICE": "cpu",
    "EPOCHS": 2, "WORKERS": 0, "PRECISION": "32-true",
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("training")
    write_scenes(folder / "train", 6, 1, 48, 32)
    write_scenes(folder / "val", 2, 70, 48, 32)
    return folder


@pytest.fixture(scope="module")
def whole(place: Path) -> bytes:
    run(place, place / "whole.h5")
    return weights(place / "whole.h5")


def params() -> Params:
    return resolve(settings=TINY).params


def run(place: Path, model: Path, **options: Any) -> TrainResult:
    return train(place / "train", model, params(), val=place / "val", **options)


def weights(model: Path) -> bytes:
    stored = read_artifact(model).weights
    return b"".join(stored[name].tobytes() for name in sorted(stored))


@pytest.mark.parametrize(
    ("number", "code"), [(1, errno.ENOSPC), (3, errno.EROFS), (9, errno.ENOSPC), (19, errno.EDQUOT)]
)
def test_a_disk_that_refuses_a_write(place, whole, tmp_path, monkeypatch, number, code):
    """Files of a training are synced in turn, each with its folder: preview, state, page, ..., model. One is refused."""
    sync, calls = os.fsync, []

    def refusing(handle: int) -> None:
        calls.append(handle)
        if len(calls) == number:
            raise OSError(code, os.strerror(code))
        sync(handle)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refusing)
        with pytest.raises(OSError, match=os.strerror(code)):
            run(place, tmp_path / "m.h5")
    assert [path.name for path in tmp_path.rglob(".*")] == []
    assert not (tmp_path / "m.h5").exists()
    assert (tmp_path / "m.h5.resume").exists() == (number > 3)
    run(place, tmp_path / "m.h5", resume=True)
    assert weights(tmp_path / "m.h5") == whole


def test_the_folder_of_the_log_removed_while_training(place, whole, tmp_path):
    def remove(progress: Progress) -> bool:
        if progress.images_seen == 8:
            shutil.rmtree(tmp_path / "m_log")
        return False

    with pytest.raises(FileNotFoundError):
        run(place, tmp_path / "m.h5", watch=remove)
    run(place, tmp_path / "m.h5", resume=True)
    assert weights(tmp_path / "m.h5") == whole


def test_whoever_watches_fails_and_nothing_is_lost(place, whole, tmp_path):
    def fail(progress: Progress) -> bool:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(place, tmp_path / "m.h5", watch=fail)
    seen = []
    run(place, tmp_path / "m.h5", watch=lambda progress: bool(seen.append(progress.images_seen)), resume=True)
    assert seen[0] == 4
    assert weights(tmp_path / "m.h5") == whole


def test_photographs_removed_while_training(place, whole, tmp_path):
    """Each is read once, at the beginning."""
    shutil.copytree(place / "train", tmp_path / "train")
    (tmp_path / "val").symlink_to(place / "val")

    def remove(progress: Progress) -> bool:
        shutil.rmtree(tmp_path / "train", ignore_errors=True)
        return False

    run(tmp_path, tmp_path / "m.h5", watch=remove)
    assert weights(tmp_path / "m.h5") == whole


def test_a_polite_kill_stops_after_the_step_and_can_be_continued(place, whole, tmp_path):
    def kill(progress: Progress) -> bool:
        os.kill(os.getpid(), signal.SIGTERM)
        return False

    before = signal.getsignal(signal.SIGTERM)
    assert run(place, tmp_path / "m.h5", watch=kill).stopped
    assert signal.getsignal(signal.SIGTERM) is before
    run(place, tmp_path / "m.h5", resume=True)
    assert weights(tmp_path / "m.h5") == whole


def test_a_clock_that_goes_back_changes_nothing(place, whole, tmp_path, monkeypatch):
    now = iter(range(10**9, 0, -3600))
    monkeypatch.setattr(time, "time", lambda: float(next(now)))
    assert run(place, tmp_path / "m.h5").seconds > 0
    assert weights(tmp_path / "m.h5") == whole


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="forks")
def test_a_training_that_is_killed_again_and_again_ends_as_if_it_had_not_been():
    """Three kills of the many of ``tools/kill_training.py``."""
    command = [sys.executable, str(TOOL), "--kills", "3", "--seed", "5", "--epochs", "3"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    assert (figures["kills"], figures["different"]) == (3, 0)
