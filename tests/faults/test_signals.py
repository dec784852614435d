"""A folder run is interrupted, or runs twice at a time: results are whole or absent, and the same command ends the work."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dancheong.imaging.files import write_photo
from dancheong.prediction import folder as folder_module
from dancheong.prediction.folder import FolderOptions, predict_files
from dancheong.scenes import scene

pytestmark = pytest.mark.skipif(os.name == "nt", reason="what POSIX systems do")
MANY = 24
# After its first result the command waits, in the middle of the next ones, until it may go on: whatever the machine's speed.
HELD = """
import sys, time
from pathlib import Path

go, replace, results = Path(sys.argv.pop(1)), Path.replace, []

def held(self, target):
    if self.suffix == ".png":
        results.append(target)
        while len(results) > 1 and not go.exists():
            time.sleep(0.01)
    return replace(self, target)

Path.replace = held
from dancheong.app.main import main
sys.exit(main())
"""


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("many")
    gray = scene(1, 120, 90)[..., 1]
    for number in range(MANY):
        write_photo(folder / f"{number:02}.png", np.roll(gray, number, axis=1))
    return folder


@pytest.fixture
def begin(model: Path, many: Path, tmp_path: Path) -> Iterator[Callable[[], "subprocess.Popen[str]"]]:
    """Starts ``dancheong predict`` in a process of its own, and returns once its first result stands; see HELD."""
    started = []

    def start() -> "subprocess.Popen[str]":
        command = [sys.executable, "-c", HELD, str(tmp_path / "go"), "predict", str(model), str(many)]
        process = subprocess.Popen(
            [*command, "-o", str(tmp_path / "out")], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        while not list((tmp_path / "out").glob("[0-9]*.png")) and process.poll() is None:
            time.sleep(0.01)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGKILL, -9)], ids=["TERM", "INT", "KILL"]
)
def test_a_run_that_is_stopped_leaves_whole_results_and_is_continued(
    begin: Any, colorizer: Any, many: Path, tmp_path: Path, whole_or_absent: Any, number: int, code: int
) -> None:
    process = begin()
    process.send_signal(number)
    (tmp_path / "go").touch()
    process.communicate()
    assert process.returncode == code
    told: list[str] = []
    if number == signal.SIGKILL:
        # Nobody can clean up after this one: at most a hidden file is there until the next run.
        assert all(len(path.name) == 21 for path in (tmp_path / "out").glob(".*.png"))
    else:
        assert 0 < len(whole_or_absent(tmp_path / "out")) < MANY
    manifest = tmp_path / "out" / "manifest.csv"
    results = predict_files(colorizer, [many], tmp_path / "out", FolderOptions(workers=1, manifest=manifest, tell=told.append))
    assert {result.status for result in results} == {"ok", "skipped"}
    assert len(whole_or_absent(tmp_path / "out")) == MANY


def test_two_runs_into_one_folder(begin: Any, model: Path, many: Path, tmp_path: Path, whole_or_absent: Any) -> None:
    """The second is refused in words while the first one writes; nothing is lost."""
    first = begin()
    command = [sys.executable, "-m", "dancheong", "predict", str(model), str(many), "-o", str(tmp_path / "out")]
    second = subprocess.run(command, capture_output=True, text=True, check=False)
    (tmp_path / "go").touch()
    first.communicate()
    assert second.returncode != 0
    assert "another run is writing" in second.stderr
    assert "Traceback" not in second.stderr
    assert first.returncode == 0
    assert len(whole_or_absent(tmp_path / "out")) == MANY


def test_a_clock_that_goes_back(colorizer: Any, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter(range(10**9, 0, -3600))
    monkeypatch.setattr(time, "time", lambda: float(next(now)))
    monkeypatch.setattr(time, "time_ns", lambda: next(now) * 10**9)
    manifest = tmp_path / "out" / "manifest.csv"
    results = folder_module.predict_files(colorizer, [photos], tmp_path / "out", FolderOptions(workers=1, manifest=manifest))
    assert all(result.status == "ok" and result.seconds > 0 for result in results)
    for path in photos.iterdir():
        os.utime(path, (4 * 10**9, 4 * 10**9))
    again = folder_module.predict_files(colorizer, [photos], tmp_path / "out", FolderOptions(workers=1, manifest=manifest))
    assert [result.status for result in again] == ["skipped"] * 4
