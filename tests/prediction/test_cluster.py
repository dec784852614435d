"""Dask workers do the files, each once, also when one of them is killed. All in processes of their own, on the loopback."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from dancheong.artifact import write_artifact
from dancheong.imaging.color import gray_of
from dancheong.imaging.files import read_photo, write_photo
from dancheong.imaging.resize import resize
from dancheong.params import DancheongError
from dancheong.prediction.cluster import task_of
from dancheong.prediction.colorizer import Colorizer
from dancheong.prediction.manifest import LEFTOVER, read_manifests

pytest.importorskip("distributed", reason="the extra `cluster` is not installed")
PHOTOGRAPHS = 12
# A worker waits in the middle of its third result until it may go on: so it is killed at work, whatever the machine's speed.
# Dask runs this twice, and so each function holds the one that it replaces.
HELD = """
import time
from pathlib import Path

def held(self, target, replace=Path.replace, results=[]):
    results.extend([target] * (self.suffix == ".png"))
    while len(results) > 2 and not Path("go").exists():
        time.sleep(0.01)
    return replace(self, target)

Path.replace = held
"""


def wait_for(condition, processes=()):
    while not condition():
        assert all(process.poll() is None for process in processes), "a process has stopped"
        time.sleep(0.02)


@pytest.fixture
def cluster(tmp_path):
    """A scheduler's file, two worker processes of one thread each, and a way to start a process that ends with them."""
    file = tmp_path / "scheduler.json"
    begun = []

    def start(*words):
        environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONUTF8": "1"}
        with (tmp_path / "said.txt").open("ab") as said:
            command = [sys.executable, "-m", *words]
            begun.append(subprocess.Popen(command, cwd=tmp_path, stdout=said, stderr=subprocess.STDOUT, env=environment))
        return begun[-1]

    loopback = ("--host", "127.0.0.1", "--no-dashboard", "--scheduler-file", str(file))
    scheduler = start("dask", "scheduler", "--port", "0", *loopback)
    wait_for(file.exists, [scheduler])
    (tmp_path / "held.py").write_text(HELD, encoding="utf-8")
    options = ("--nthreads", "1", "--no-nanny", "--preload", str(tmp_path / "held.py"))
    workers = [
        start("dask", "worker", *options, "--local-directory", str(tmp_path / f"scratch {n}"), *loopback) for n in range(2)
    ]
    yield file, workers, start
    for process in begun:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_the_files_of_a_killed_worker_are_done_by_others(cluster, tmp_path, new_artifact, photograph):
    file, workers, start = cluster
    write_artifact(tmp_path / "m.h5", new_artifact())
    (tmp_path / "사진").mkdir()
    gray = resize(gray_of(photograph), (450, 670))
    for number in range(PHOTOGRAPHS):
        write_photo(tmp_path / "사진" / f"{number:02d}.png", np.roll(gray, number))
    out = tmp_path / "out"
    run = start("dancheong", "predict", "m.h5", "사진", "-o", "out", "--cluster", str(file), "--json")
    wait_for(lambda: len(list(out.glob("[0-9]*.png"))) >= 4, [*workers, run])
    os.kill(workers[0].pid, getattr(signal, "SIGKILL", signal.SIGTERM))
    done_before = len(list(out.glob("[0-9]*.png")))
    (tmp_path / "go").touch()
    said_in = tmp_path / "said.txt"
    assert run.wait() == 0, said_in.read_text("utf-8")
    assert done_before < PHOTOGRAPHS
    said = json.loads(next(line for line in said_in.read_text("utf-8").splitlines() if line.startswith('{"files"')))
    assert said["summary"]["failed"] == 0
    assert [one["output"] for one in said["files"]] == [str(Path("out") / f"{number:02d}.png") for number in range(PHOTOGRAPHS)]
    rows = read_manifests([out / "manifest.csv"])
    assert [row.output for row in rows] == [f"{number:02d}.png" for number in range(PHOTOGRAPHS)]
    assert sum(row.status == "ok" for row in rows) >= PHOTOGRAPHS - 2  # done, but not told, by the worker that was killed
    assert not [path for path in out.iterdir() if LEFTOVER.fullmatch(path.name)]
    model = Colorizer.open(tmp_path / "m.h5", threads=1)
    for number in (0, 7, PHOTOGRAPHS - 1):
        np.testing.assert_array_equal(read_photo(out / f"{number:02d}.png").pixels, model(np.roll(gray, number)))


def test_a_scheduler_that_is_not_there_is_told(tmp_path, new_artifact, photograph):
    write_artifact(tmp_path / "m.h5", new_artifact())
    write_photo(tmp_path / "a.png", photograph)
    done = subprocess.run(
        [sys.executable, "-c", "import sys, dancheong.prediction.cluster as c; c.NO_WORKER_SECONDS = 2\n"
         "from dancheong.app.main import main; sys.argv[0] = 'dancheong'; main()",
         "predict", "m.h5", "a.png", "-o", "out", "--cluster", "tcp://127.0.0.1:9"],
        cwd=tmp_path, capture_output=True, text=True, encoding="utf-8", check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "no Dask scheduler answers there" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out" / "a.png").exists()


def test_a_model_that_no_worker_could_open_is_refused(new_artifact):
    with pytest.raises(DancheongError, match="give a model file"):
        task_of(Colorizer(new_artifact()), False)
