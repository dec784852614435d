"""Many files in one run: files a second and memory of `dancheong predict`, read while it goes.

    python benchmarks/bench_many.py [--small 1000] [--large 1000] [--large-px 3000] [--figure many.svg]

First small photographs (512 px), then large ones, of one folder, in one process. The folder holds copies of a few
files; the disk needs some 4 GB. Each hundred files: files a second, and resident memory. Constant speed and flat memory are
what one wants to see. The last line is JSON.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2

from dancheong.artifact import SHIPPED_COLORIZER
from dancheong.imaging.color import gray_of
from dancheong.imaging.files import write_photo
from dancheong.scenes import scene
from material import copies, machine, predict_words

EACH = 100
_KINDS = 10


def lay_out(folder: Path, small: int, large: int, large_px: int) -> None:
    """Photographs in the order of their names: the small ones first, copies of ten of each size."""
    for kind, width, count in (("a", 512, small), ("b", large_px, large)):
        originals = folder.with_name(f"originals_{kind}")
        originals.mkdir()
        for number in range(_KINDS):
            gray = gray_of(scene(number, 768, 512))
            enlarged = cv2.resize(gray, (width, width * 2 // 3), interpolation=cv2.INTER_CUBIC)
            write_photo(originals / f"{number}.jpg", enlarged)
        copies(folder, originals, count, kind)


def memory_mb(process: int) -> int:
    """Resident memory of a process in MB (10^6 bytes); Linux alone tells it so. 0 once it has ended."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next((int(line.split()[1]) * 1024 // 1_000_000 for line in lines if line.startswith("VmRSS")), 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", type=int, default=1000)
    parser.add_argument("--large", type=int, default=1000)
    parser.add_argument("--large-px", type=int, default=3000)
    parser.add_argument("--figure", type=Path)
    given = parser.parse_args()

    points = []
    with tempfile.TemporaryDirectory() as folder:
        photographs, out = Path(folder, "photographs"), Path(folder, "out")
        lay_out(photographs, given.small, given.large, given.large_px)
        then, before = time.perf_counter(), 0
        words = predict_words(SHIPPED_COLORIZER, photographs, out)
        with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            while process.poll() is None:
                time.sleep(0.1)
                done = len(list(out.glob("*.jpg")))
                if done - before >= EACH:
                    now = time.perf_counter()
                    points.append((done, round((done - before) / (now - then), 2), memory_mb(process.pid)))
                    then, before = now, done
                    print(*points[-1], flush=True)
    if process.returncode:
        sys.exit(f"exit code {process.returncode}")
    if given.figure:
        _draw(points, given)
    print(json.dumps({"machine": machine(), "small": given.small, "large": given.large, "large_px": given.large_px,
                      "points": points}))


def _draw(points: list[tuple[int, float, int]], given: argparse.Namespace) -> None:
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    files, speeds, memory = zip(*points, strict=True)
    figure, (above, below) = pyplot.subplots(2, 1, sharex=True, figsize=(7, 4.5))
    above.plot(files, speeds, marker=".")
    above.set(ylabel="files a second", yscale="log", title=f"{given.small} of 512 px, {given.large} of {given.large_px} px")
    below.plot(files, memory, marker=".")
    below.set(ylabel="MB", ylim=(0, None), xlabel="files done")
    figure.savefig(given.figure, bbox_inches="tight")


if __name__ == "__main__":
    main()
