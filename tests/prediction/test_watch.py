"""A watched folder: each photograph colored once, however it arrives; half-written ones are waited for."""

import csv
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dancheong.artifact import write_artifact
from dancheong.imaging.color import gray_of
from dancheong.imaging.files import read_photo, read_provenance, write_photo
from dancheong.params import ParamError
from dancheong.prediction.colorizer import Colorizer
from dancheong.prediction.manifest import LEFTOVER, read_manifests
from dancheong.prediction.names import lasting_names, names_beside
from dancheong.prediction.options import FolderOptions
from dancheong.prediction.watch import FolderWatch, watch_folders
from dancheong.system.outputs import OutputTaken, claimed
from dancheong.system.whole_file import fingerprint


class Clock:
    """Seconds that pass when the test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def place(tmp_path, new_artifact, photograph):
    """A model, an empty folder `in`, and photographs that have not arrived yet."""
    (tmp_path / "in").mkdir()
    (tmp_path / "away").mkdir()
    write_artifact(tmp_path / "m.h5", new_artifact())
    for number, suffix in enumerate((".jpg", ".png", ".tif")):
        write_photo(tmp_path / "away" / f"{number}{suffix}", np.roll(gray_of(photograph), 3 * number, axis=1))
    return tmp_path


def watched(place, steps, out="out", beside=False):
    """Results of a watch whose looks happen after each of `steps`, which come with the clock; then it stops."""
    clock, results = Clock(), []
    folders = [] if beside else [place / out]
    watch = FolderWatch([place / "in"], folders, clock=clock)
    look, waiting = watch.look, list(steps)

    def after_a_step():
        if waiting:
            waiting.pop(0)(clock)
        return look()

    watch.look = after_a_step
    manifest = (place / "in" / "dancheong-manifest.csv") if beside else place / out / "manifest.csv"
    results += watch_folders(
        Colorizer.open(place / "m.h5", threads=1), [place / "in"], None if beside else place / out,
        FolderOptions(manifest=manifest), stop=lambda: not waiting, folder_watch=watch,
    )
    return results


def arrive(place, name, source=None):
    return lambda clock: shutil.copy(place / "away" / (source or name), place / "in" / name)


def wait(seconds):
    def passed(clock):
        clock.now += seconds
    return passed


def test_a_photograph_is_colored_once_it_has_settled(place):
    results = watched(place, [arrive(place, "0.jpg"), wait(1), wait(1.5), wait(5), wait(100)])
    assert [(result.input.name, result.status) for result in results] == [("0.jpg", "ok")]
    assert (place / "out" / "0.jpg").exists()


@pytest.mark.parametrize("name", ["0.jpg", "1.png", "2.tif"])
def test_a_half_written_photograph_is_waited_for_and_then_colored_whole(place, name):
    data = (place / "away" / name).read_bytes()
    half = lambda clock: (place / "in" / name).write_bytes(data[: len(data) // 2])  # noqa: E731
    whole = lambda clock: (place / "in" / name).write_bytes(data)  # noqa: E731
    results = watched(place, [half, wait(3), wait(3), whole, wait(1), wait(1.5), wait(70)])
    assert [result.status for result in results] == ["ok"]
    assert results[0].notes == ()
    assert read_provenance(place / "out" / name).original == fingerprint(place / "away" / name)


def test_what_is_no_photograph_is_told_once_it_has_stayed(place):
    (place / "in" / "notes.txt").write_text("scanned on Monday")
    fleeting = place / "in" / "0.part"
    fleeting.write_bytes(b"half")
    assert watched(place, [wait(1), lambda clock: fleeting.unlink(), wait(5), wait(5)]) == []
    rows = [row for row in read_manifests([place / "out" / "manifest.csv"]) if row.status == "left out"]
    assert [Path(row.file).name for row in rows] == ["notes.txt"]


def test_what_stays_cut_off_is_told_once(place):
    for name in ("0.jpg", "1.png"):
        data = (place / "away" / name).read_bytes()
        (place / "in" / name).write_bytes(data[: len(data) * 2 // 3])
    results = watched(place, [wait(0), wait(3), wait(30), wait(30), wait(100), wait(100)])
    assert sorted((result.input.name, result.status) for result in results) == [("0.jpg", "failed"), ("1.png", "failed")]


def test_what_has_failed_is_told_when_the_watch_ends_before_its_second_try(place):
    (place / "in" / "0.jpg").write_bytes(b"")
    assert [result.status for result in watched(place, [wait(0), wait(3), wait(3)])] == ["failed"]


def test_a_photograph_that_changes_after_all_is_colored_anew_but_never_over_the_work_of_others(place):
    changed = lambda clock: shutil.copy(place / "away" / "1.png", place / "in" / "0.png")  # noqa: E731
    steps = [arrive(place, "0.png", "1.png"), wait(3)]
    write_photo(place / "away" / "other.png", np.flipud(read_photo(place / "away" / "1.png").pixels))
    again = [arrive(place, "0.png", "other.png"), wait(3), wait(3)]
    results = watched(place, [*steps, *again])
    assert [result.status for result in results] == ["ok", "ok"]
    assert read_provenance(place / "out" / "0.png").original == fingerprint(place / "away" / "other.png")

    def retouched(clock):
        write_photo(place / "out" / "0.png", read_photo(place / "out" / "0.png").pixels)
    results = watched(place, [wait(0), wait(3), retouched, changed, wait(3), wait(3), wait(100)])
    assert [result.status for result in results] == ["skipped", "failed"]


def test_names_stay_when_more_photographs_come(place):
    assert [name.as_posix() for name in lasting_names([Path("a/b.heic"), Path("a/b.png"), Path("b.JPG")])] == [
        "a/b_heic.png", "a/b.png", "b.JPG"
    ]
    assert names_beside([Path("a/b.bmp")], None, True) == [Path("a/b_bmp_colored.png")]
    from PIL import Image

    Image.open(place / "away" / "1.png").save(place / "away" / "b.bmp")
    results = watched(place, [arrive(place, "b.bmp"), wait(3), arrive(place, "b.png", "1.png"), wait(3), wait(3)])
    assert [result.output.name for result in results] == ["b_bmp.png", "b.png"]
    assert [result.status for result in watched(place, [wait(0), wait(3)])] == ["skipped", "skipped"]


def test_results_beside_the_photographs_are_not_colored_again(place):
    results = watched(place, [arrive(place, "1.png"), wait(3), wait(3), arrive(place, "0.jpg"), wait(3), wait(3)], beside=True)
    assert [result.output.name for result in results] == ["1_colored.png", "0_colored.jpg"]
    assert sorted(path.name for path in (place / "in").glob("*_colored*")) == ["0_colored.jpg", "1_colored.png"]


def test_a_file_is_no_folder_to_watch_and_two_watches_are_not_let_into_one_folder(place):
    colorizer = Colorizer.open(place / "m.h5", threads=1)
    wanted = FolderOptions(manifest=place / "out" / "manifest.csv")
    with pytest.raises(ParamError, match="no folder"):
        next(watch_folders(colorizer, [place / "away" / "0.jpg"], place / "out", wanted))
    with pytest.raises(ParamError, match="-o"):
        next(watch_folders(colorizer, [place / "in"], None, replace(wanted, manifest=None)))
    with claimed(place / "out" / "manifest.csv"), pytest.raises(OutputTaken):
        next(watch_folders(colorizer, [place / "in"], place / "out", wanted))


def start(place):
    words = ["predict", place / "m.h5", place / "in", "-o", place / "out", "--watch", "--quiet"]
    return subprocess.Popen([sys.executable, "-m", "dancheong", *words], stdout=subprocess.PIPE, text=True)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_two_hundred_photographs_in_odd_ways_and_three_kills(place, photograph):
    rng, gray, sources = random.Random(7), gray_of(photograph), {}
    for number in range(200):
        suffix = (".jpg", ".png", ".tif")[number % 3]
        sources[f"{number:03d}{suffix}"] = place / "away" / f"n{number}{suffix}"
        write_photo(place / "away" / f"n{number}{suffix}", np.roll(gray, number % 60, axis=1) // (1 + number // 100))

    def deliver():
        for number, (name, source) in enumerate(sources.items()):
            target, data = place / "in" / name, source.read_bytes()
            way = number % 5
            if way == 0:  # slowly, with pauses
                with target.open("wb") as file:
                    for part in (data[:100], data[100:900], data[900:]):
                        file.write(part)
                        file.flush()
                        time.sleep(rng.uniform(0, 0.3))
            elif way == 1:  # under another name first
                (place / "in" / f"{name}.part").write_bytes(data)
                (place / "in" / f"{name}.part").rename(target)
            elif way == 2:  # twice
                target.write_bytes(data)
                time.sleep(0.02)
                target.write_bytes(data)
            elif way == 3:  # into a subfolder that is moved in
                (place / "away" / f"d{number}").mkdir()
                shutil.copy(source, place / "away" / f"d{number}" / name)
                (place / "away" / f"d{number}").rename(place / "in" / f"d{number}")
            else:
                shutil.copy(source, target)

    carrier = threading.Thread(target=deliver)
    running = start(place)
    carrier.start()
    for _ in range(3):
        time.sleep(rng.uniform(4, 7))
        running.kill()
        running.communicate()
        running = start(place)
    carrier.join()
    until = time.monotonic() + 300
    while sum(path.suffix != ".csv" for path in (place / "out").rglob("*.*") if path.name[0] != ".") < 200:
        assert time.monotonic() < until, "not all were colored"
        time.sleep(0.5)
    time.sleep(1)
    running.send_signal(signal.SIGTERM)
    said, _ = running.communicate(timeout=60)
    assert running.returncode == 0, said
    assert "failed" not in said.replace("0 failed", "")

    results = {path.name: path for path in (place / "out").rglob("*.*") if path.suffix != ".csv" and path.name[0] != "."}
    assert results.keys() == sources.keys()
    for name, source in sources.items():
        assert read_provenance(results[name]).original == fingerprint(source)
    assert not [path for path in (place / "out").rglob("*") if LEFTOVER.fullmatch(path.name)]
    with (place / "out" / "manifest.csv").open(encoding="utf-8-sig", newline="") as file:
        made = Counter(row["output"] for row in csv.DictReader(file) if row["status"] == "ok")
    assert set(made.values()) == {1}
    # A kill may take the line of a result, never the result.
    assert len(made) >= len(sources) - 3 * 4
    rows = [row for row in read_manifests([place / "out" / "manifest.csv"]) if row.status != "left out"]
    assert {row.status for row in rows} <= {"ok", "skipped"}
    assert len(rows) == 200
