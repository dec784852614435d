"""A watched folder to which photographs come in odd ways, while the watch is killed and started again: each colored once?

    python tools/watch_arrivals.py [--photographs 200] [--kills 5] [--kill-after 10] [--model MODEL.h5] [--seed 1]

An observer looks at the folder of results all the while: a result that is written a second time is seen, whatever the manifest
says. The last line is JSON; the exit code is 1 where anything is wrong.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

from dancheong.imaging.color import gray_of
from dancheong.imaging.files import read_provenance, write_photo
from dancheong.prediction.manifest import LEFTOVER, read_manifests
from dancheong.scenes import scene
from dancheong.system.whole_file import fingerprint

CARRIERS = 4
PATIENCE_S = 1800


def slowly(data: bytes, target: Path, rng: random.Random, longest_s: float = 0.5) -> None:
    """In five parts, with pauses."""
    with target.open("wb") as file:
        for part in range(5):
            file.write(data[len(data) * part // 5: len(data) * (part + 1) // 5])
            file.flush()
            time.sleep(rng.uniform(0, longest_s))


def with_a_long_pause(data: bytes, target: Path, rng: random.Random) -> None:
    """Half of it, then nothing for longer than a watch waits."""
    target.write_bytes(data[: len(data) // 2])
    time.sleep(rng.uniform(3, 6))
    with target.open("ab") as file:
        file.write(data[len(data) // 2:])


def under_another_name(data: bytes, target: Path, rng: random.Random) -> None:
    """As programs that download do."""
    part = target.with_name(f"{target.name}.part")
    slowly(data, part, rng)
    part.rename(target)


def renamed_photograph(data: bytes, target: Path, rng: random.Random) -> None:
    """As programs that scan do: a name that ends as a photograph's, and another at once."""
    first = target.with_name(f"scan_{target.name}")
    first.write_bytes(data)
    time.sleep(rng.uniform(0, 0.2))
    first.rename(target)


def twice(data: bytes, target: Path, rng: random.Random) -> None:
    """The same again over it, at once."""
    target.write_bytes(data)
    time.sleep(rng.uniform(0, 0.5))
    target.write_bytes(data)


def in_a_folder(data: bytes, target: Path, rng: random.Random) -> None:
    """In a folder that is moved in."""
    away = target.parent.parent / "away" / target.stem
    away.mkdir(parents=True)
    (away / target.name).write_bytes(data)
    away.rename(target.parent / target.stem)


def with_an_old_date(data: bytes, target: Path, rng: random.Random) -> None:
    """As copies that keep the date."""
    target.write_bytes(data)
    os.utime(target, (1e9, 1e9))


def into_room_made_for_it(data: bytes, target: Path, rng: random.Random) -> None:
    """At its full size from the beginning, and zeros where nothing is written yet."""
    with target.open("wb") as file:
        file.truncate(len(data))
        for start in (len(data) // 2, 0):
            time.sleep(rng.uniform(0, 1.5))
            file.seek(start)
            file.write(data[start: start + len(data) // 2 + 1])
            file.flush()


def as_a_link(data: bytes, target: Path, rng: random.Random) -> None:
    """As a second name of a file elsewhere."""
    away = target.parent.parent / "away" / target.name
    away.write_bytes(data)
    target.hardlink_to(away)


def burst(data: bytes, target: Path, rng: random.Random) -> None:
    """At once; those that come so, one after another, are a burst."""
    target.write_bytes(data)


WAYS: list[Callable[[bytes, Path, random.Random], None]] = [
    slowly, with_a_long_pause, under_another_name, renamed_photograph, twice, in_a_folder, with_an_old_date,
    into_room_made_for_it, as_a_link, burst,
]


def make_photographs(folder: Path, count: int) -> list[Path]:
    """Gray scenes, each turned a little further, of three formats; every seventh is the same picture as the one before it."""
    files, scenes = [], [gray_of(scene(number, 240, 160)) for number in range(4)]
    for number in range(count):
        suffix = (".jpg", ".png", ".tif")[number % 3]
        files.append(folder / f"{number:03d}{suffix}")
        picture = number - (number % 7 == 6)
        write_photo(files[-1], np.roll(scenes[picture % len(scenes)], picture, axis=1))
    return files


def deliver(files: list[Path], into: Path, rng: random.Random) -> None:
    """Bring photographs in, each in one of the ways."""
    for file in files:
        WAYS[int(file.stem) // CARRIERS % len(WAYS)](file.read_bytes(), into / file.name, rng)
        if int(file.stem) // 40 % 2 == 0:  # else with nothing between them
            time.sleep(rng.uniform(0, 0.4))


def results_in(out: Path) -> dict[str, tuple[int, int]]:
    """Results under their own names: which file each is."""
    found = {}
    for path in out.rglob("*.*"):
        if path.suffix != ".csv" and not LEFTOVER.fullmatch(path.name) and not path.name.startswith("."):
            status = path.stat()
            found[path.name] = (status.st_ino, status.st_mtime_ns)
    return found


def observe(out: Path, seen: dict[str, set[tuple[int, int]]], ended: threading.Event) -> None:
    """Note each file that ever stood as a result."""
    while not ended.is_set():
        for name, file in results_in(out).items():
            seen.setdefault(name, set()).add(file)
        time.sleep(0.05)


def start(model: list[str], into: Path, out: Path) -> "subprocess.Popen[bytes]":
    """The watch."""
    words = ["predict", *model, str(into), "-o", str(out), "--watch", "--quiet"]
    return subprocess.Popen([sys.executable, "-m", "dancheong", *words], stdout=subprocess.DEVNULL)


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(description="Odd arrivals in a watched folder.")
    parser.add_argument("--photographs", type=int, default=200)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--kill-after", type=float, default=10, metavar="SECONDS", help="at most; more on a busy machine")
    parser.add_argument("--model", default="")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    rng, model = random.Random(given.seed), [given.model] if given.model else []
    with tempfile.TemporaryDirectory() as place:
        made, into, out = (Path(place, name) for name in ("made", "in", "out"))
        for folder in (made, into, out, into.parent / "away"):
            folder.mkdir()
        files = make_photographs(made, given.photographs)
        seen: dict[str, set[tuple[int, int]]] = {}
        ended = threading.Event()
        carriers = [
            threading.Thread(target=deliver, args=(files[n::CARRIERS], into, random.Random(given.seed * 10 + n)))
            for n in range(CARRIERS)
        ]
        observer = threading.Thread(target=observe, args=(out, seen, ended))
        running = start(model, into, out)
        for thread in (observer, *carriers):
            thread.start()
        stood = []
        for _ in range(given.kills):
            time.sleep(rng.uniform(0.4, 1) * given.kill_after)
            running.kill()
            running.wait()
            stood.append(len(results_in(out)))
            running = start(model, into, out)
        for thread in carriers:
            thread.join()
        until = time.monotonic() + PATIENCE_S
        while len(results_in(out)) < len(files) and time.monotonic() < until:
            time.sleep(0.5)
        time.sleep(5)  # for what would be done again
        running.send_signal(signal.SIGTERM)
        code = running.wait(timeout=PATIENCE_S)
        ended.set()
        observer.join()
        found = {path.name: path for path in out.rglob("*.*") if path.name in seen}
        expected = {file.name for file in files}
        rows = [row for row in read_manifests([out / "manifest.csv"]) if row.status != "left out"]
        record = {
            "photographs": len(files), "ways": len(WAYS), "results_at_kills": stood, "exit_code": code,
            "missing": len(expected - found.keys()), "too_many": len(found.keys() - expected),
            "written_again": sum(len(versions) > 1 for versions in seen.values()),
            "of_another_photograph": sum(
                read_provenance(found[file.name]).original != fingerprint(file) for file in files if file.name in found
            ),
            "leftovers": sum(bool(LEFTOVER.fullmatch(path.name)) for path in out.rglob("*")),
            "rows": len(rows), "by_status": Counter(row.status for row in rows),
        }
        shutil.rmtree(out)
    wrong = ("missing", "too_many", "written_again", "of_another_photograph", "leftovers")
    print(json.dumps(record))
    # The last watch may have been asked to stop while it was still starting.
    return int(any(record[name] for name in wrong) or len(rows) != len(files) or code not in (0, 128 + signal.SIGTERM))


if __name__ == "__main__":
    sys.exit(main())
