"""A folder run killed again and again at random moments, and started again: nothing missing, twice or half-written.

    python tools/kill_predict.py [--photographs 60] [--kills 10] [--model MODEL.h5] [--seed 1]

Photographs are built-in scenes of several formats. Where a run ends before it is killed, all begins again. After the last
kill the run ends by itself; then every result is compared with that of a run that nobody disturbed, byte for byte, and the
manifest with the files. The last line is JSON; the exit code is 1 where anything is wrong.
"""

import argparse
import hashlib
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from dancheong.imaging.color import gray_of
from dancheong.imaging.files import write_photo
from dancheong.prediction.manifest import LEFTOVER, read_manifests
from dancheong.scenes import scene

TRIES = 5


def write_photographs(folder: Path, count: int) -> None:
    """Gray scenes in two subfolders, with the same names in both, as JPEG, PNG and 16-bit TIFF."""
    for number in range(count):
        gray = gray_of(scene(number, 320, 240))
        place = folder / ("동" if number % 2 else "서")
        place.mkdir(parents=True, exist_ok=True)
        suffix = (".jpg", ".png", ".tif")[number % 3]
        write_photo(place / f"{number // 2:03d}{suffix}", gray.astype("uint16") * 257 if suffix == ".tif" else gray)


def contents(folder: Path) -> dict[str, str]:
    """Digest of each file but the manifest, by its path in the folder."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*")) if path.is_file() and path.name != "manifest.csv"
    }


def start(model: Path, photographs: Path, out: Path) -> "subprocess.Popen[bytes]":
    """`dancheong predict` as a process."""
    words = ["predict", str(model), str(photographs), "-o", str(out), "--quiet"]
    return subprocess.Popen([sys.executable, "-m", "dancheong", *words], stdout=subprocess.DEVNULL)


def killed_runs(
    model: Path, photographs: Path, out: Path, kills: int, total: int, seconds: float, rng: random.Random
) -> list[int]:
    """How many results stood at each kill; the moments are random, and spread over the work. Empty: a run ended first.

    Args:
        seconds: of an undisturbed run.
    """
    stood: list[int] = []
    for kill in range(kills):
        # Not the last fifth, where a run may end meanwhile.
        wanted = int(0.8 * total * (kill + rng.random()) / kills) - 1
        run = start(model, photographs, out)
        while results_in(out) < wanted and run.poll() is None:
            time.sleep(0.002)
        # Between two results; before the first, anywhere from the start of the process on.
        time.sleep(rng.uniform(0, seconds / total if wanted > 0 else seconds / 2))
        run.send_signal(signal.SIGKILL)
        if run.wait() == 0:
            return []
        stood.append(results_in(out))
        print(f"killed with {stood[-1]} results", file=sys.stderr)
    return stood


def results_in(folder: Path) -> int:
    """Results under their own names."""
    found = (path.name for path in folder.rglob("*.*") if path.is_file() and path.name != "manifest.csv")
    return sum(not LEFTOVER.fullmatch(name) for name in found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photographs", type=int, default=60)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        model = given.model or untrained(folder / "m.h5")
        write_photographs(folder / "in", given.photographs)
        began = time.monotonic()
        if start(model, folder / "in", folder / "whole").wait():
            sys.exit("the undisturbed run failed")
        seconds = time.monotonic() - began
        stood: list[int] = []
        for seed in range(given.seed, given.seed + TRIES):
            shutil.rmtree(folder / "out", ignore_errors=True)
            stood = killed_runs(
                model, folder / "in", folder / "out", given.kills, given.photographs, seconds, random.Random(seed)
            )
            if stood:
                break
        else:
            sys.exit(f"a run ended before it was killed, {TRIES} times: give it more photographs")
        code = start(model, folder / "in", folder / "out").wait()
        expected, found = contents(folder / "whole"), contents(folder / "out")
        rows = read_manifests([folder / "out" / "manifest.csv"])
        lines = (folder / "out" / "manifest.csv").read_text("utf-8-sig").splitlines()[1:]
        record = {
            "photographs": given.photographs, "kills": len(stood), "results_at_kills": stood, "exit_code": code,
            "missing": len(expected.keys() - found.keys()), "too_many": len(found.keys() - expected.keys()),
            "different": sum(found[name] != digest for name, digest in expected.items() if name in found),
            "rows": len(rows), "lines": len(lines), "rows_without_figures": sum(row.status == "skipped" for row in rows),
            "failed": sum(row.status == "failed" for row in rows), "seconds_undisturbed": round(seconds, 2),
        }
    wrong = code or record["missing"] or record["too_many"] or record["different"] or record["failed"]
    print(json.dumps(record))
    sys.exit(1 if wrong or sorted(row.output for row in rows) != sorted(expected) else 0)


def untrained(path: Path) -> Path:
    """A model of the default network at 64 px with the weights it is born with."""
    from dancheong.params import Params
    from dancheong.training.loop import train

    for number in range(2):
        path.parent.joinpath("colors").mkdir(exist_ok=True)
        write_photo(path.parent / "colors" / f"{number}.png", scene(number, 64, 64))
    train(path.parent / "colors", path, Params(resol=64, epochs=1, batch_size=2, lambda_gan=0, device="cpu"))
    return path


if __name__ == "__main__":
    main()
