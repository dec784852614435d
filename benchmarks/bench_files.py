"""How long reading and writing takes, and the most memory beside the program, for JPEG, PNG and TIFF.

    python benchmarks/bench_files.py [--megapixels 6 100] [--base SRC]

Each figure comes from a process of its own. `--base` measures another version's `src` beside this one's, on the same files. The
picture is a scene with grain; JPEG has 8 bits, PNG and TIFF 8 and 16. The last line is one JSON object: milliseconds on the
clock and of the processor (all threads; the one to compare where other work shares the machine), and MB.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

OWN = Path(__file__).parents[1] / "src"
MEASURE = """
import json, resource, sys, time
import numpy as np
from dancheong.imaging.files import read_photo, write_photo

def peak_mb():
    lines = open("/proc/self/status").read().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1e3

what, source, target = sys.argv[1:4]
write_photo(target, np.zeros((8, 8, 3), np.uint16))
read_photo(target)
if what == "write":
    pixels = np.load(source)
open("/proc/self/clear_refs", "w").write("5")
before, began, used = peak_mb(), time.perf_counter(), time.process_time()
if what == "read":
    read_photo(source)
else:
    write_photo(target, pixels)
seconds = time.perf_counter() - began, time.process_time() - used
print(json.dumps([*(round(1e3 * one) for one in seconds), round(peak_mb() - before)]))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megapixels", type=float, nargs="+", default=[6, 100])
    parser.add_argument("--base", type=Path, help="src of another version")
    given = parser.parse_args()
    sources = {"now": OWN} | ({"base": given.base} if given.base else {})
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for megapixels in given.megapixels:
            for suffix, bits in ((".jpg", 8), (".png", 8), (".png", 16), (".tif", 8), (".tif", 16)):
                array, file = make(Path(folder), megapixels, suffix, bits)
                for name, src in sources.items():
                    for what, source in (("write", array), ("read", file)):
                        key = f"{suffix[1:]}{bits}_{megapixels:g}MP_{what}_{name}"
                        figures[key] = measure(src, what, source, Path(folder) / f"out{suffix}")
                        wall, used, peak = figures[key]
                        print(f"{key:28} {wall:7d} ms {used:7d} ms {peak:6d} MB", file=sys.stderr, flush=True)
    print(json.dumps(figures))


def make(folder: Path, megapixels: float, suffix: str, bits: int) -> tuple[Path, Path]:
    """The pixels of a scene as an array in a file, and as a photograph."""
    import numpy as np

    from dancheong.imaging.files import write_photo
    from dancheong.scenes import scene

    tile = scene(5, 1500, 1000).astype(np.uint16) * np.uint16(257)
    grain = np.random.default_rng(0).integers(0, 600, tile.shape, np.uint16)
    tile = np.minimum(tile, 64900) + grain
    height = round((megapixels * 1e6 / 1.5) ** 0.5)
    width = round(height * 1.5)
    pixels = np.tile(tile, (-(-height // 1000), -(-width // 1500), 1))[:height, :width]
    pixels = (pixels >> 8).astype(np.uint8) if bits == 8 else np.ascontiguousarray(pixels)
    array, file = folder / "pixels.npy", folder / f"photo{suffix}"
    np.save(array, pixels)
    write_photo(file, pixels)
    return array, file


def measure(src: Path, what: str, source: Path, target: Path) -> list[int]:
    """Milliseconds, those of the processor, and MB."""
    environment = os.environ | {"PYTHONPATH": str(src)}
    command = [sys.executable, "-c", MEASURE, what, str(source), str(target)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    figures: list[int] = json.loads(done.stdout)
    return figures


if __name__ == "__main__":
    main()
