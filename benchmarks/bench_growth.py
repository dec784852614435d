"""How cost grows: with the size of a photograph, with the number of files, and with the photographs to train on.

    python benchmarks/bench_growth.py [--megapixels .1 1 12 60 100] [--files 10 100 1000] [--photographs 20 200 2000]

Whole processes: wall seconds, processor seconds, peak MB. One gray photograph as JPEG of each size; small gray JPEG (512 px)
of which each is a photograph of its own; a training of one pass over scenes of 128 px. The last line is JSON.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from dancheong.artifact import SHIPPED_COLORIZER
from dancheong.imaging.files import write_photo
from dancheong.scenes import scene
from material import Measured, copies, gray_scenes, large_photograph, machine, predict_words, run_measured

_KINDS = 10


def figures(done: Measured) -> dict[str, float]:
    return {"seconds": round(done.seconds, 2), "cpu_s": round(done.cpu_seconds, 2), "peak_mb": round(done.peak_mb)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megapixels", nargs="*", type=float, default=(0.1, 1, 12, 60, 100))
    parser.add_argument("--files", nargs="*", type=int, default=(10, 100, 1000))
    parser.add_argument("--photographs", nargs="*", type=int, default=(20, 200, 2000))
    given = parser.parse_args()

    found: dict[str, dict[str, dict[str, float]]] = {"megapixels": {}, "files": {}, "photographs": {}}

    def note(kind: str, size: float, done: Measured) -> None:
        found[kind][str(size)] = figures(done)
        print(kind, size, found[kind][str(size)], flush=True)

    with tempfile.TemporaryDirectory() as kept:
        for size in given.megapixels:
            with tempfile.TemporaryDirectory(dir=kept) as folder:
                photograph = Path(folder, "gray.jpg")
                write_photo(photograph, large_photograph(size, color=False, deep=False))
                note("megapixels", size, run_measured(predict_words(SHIPPED_COLORIZER, photograph, Path(folder, "out"))))
        gray = Path(kept, "gray")
        gray_scenes(gray, _KINDS)
        for count in given.files:
            with tempfile.TemporaryDirectory(dir=kept) as folder:
                photographs = copies(Path(folder, "photographs"), gray, count)
                note("files", count, run_measured(predict_words(SHIPPED_COLORIZER, photographs, Path(folder, "out"))))
        for count in given.photographs:
            with tempfile.TemporaryDirectory(dir=kept) as folder:
                photographs = Path(folder, "photographs")
                photographs.mkdir()
                for number in range(count):
                    write_photo(photographs / f"{number:05d}.png", scene(number, 128, 96))
                words = [sys.executable, "-m", "dancheong", "train", str(photographs), "-o", str(Path(folder, "model.h5")),
                         "--set", "EPOCHS=1", "--no-doctor", "--quiet"]  # fmt: skip
                note("photographs", count, run_measured(words))
    print(json.dumps({"machine": machine(), **found}))


if __name__ == "__main__":
    main()
