"""What the benchmarks of prediction share: photographs, a model, the machine in words, and processes that are measured."""

import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dancheong.imaging.color import gray_of
from dancheong.imaging.files import write_photo
from dancheong.params import Params
from dancheong.scenes import scene

Pixels = NDArray[Any]


@dataclass(frozen=True)
class Measured:
    """A process: wall and processor seconds, peak resident memory in MB (10^6 bytes), what it printed."""

    seconds: float
    cpu_seconds: float
    peak_mb: float
    output: str


def run_measured(words: list[str], **environment: str) -> Measured:
    """Run a command to its end and measure all of it, its start included.

    Raises:
        RuntimeError: it failed.
    """
    # As a user has it: no limits on threads that this shell may have set.
    own = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    # An installed program has its modules compiled.
    own.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE, *words], capture_output=True, text=True, encoding="utf-8", env=own | environment,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)}: exit code {done.returncode}\n{done.stdout[-1000:]}{done.stderr[-2000:]}")
    output, _, figures = done.stdout.rstrip("\n").rpartition("\n")
    return Measured(*map(float, figures.split()), output)


# A small process in between: what a process forks from counts into its peak memory.
_MEASURE = """
import resource, subprocess, sys, time
began = time.perf_counter()
code = subprocess.call(sys.argv[1:])
seconds, used = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
sys.stdout.flush()
print()
print(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / 1e6)
sys.exit(code)
"""


def predict_words(model: Path, photographs: Path, out: Path, *settings: str) -> list[str]:
    """The command line of a prediction."""
    words = [sys.executable, "-m", "dancheong", "predict", str(model), str(photographs), "-o", str(out), "--json"]
    return words + [word for setting in settings for word in ("--set", setting)]


def untrained_model(path: Path, **settings: Any) -> Path:
    """A model file with the default network (or other settings) that has seen two scenes: as fast as a trained one.

    Its colors are wild after one pass, and bringing them into sRGB takes time: more `epochs` tame them.
    """
    from dancheong.training.loop import train

    photographs = path.parent / "colors"
    photographs.mkdir(exist_ok=True)
    for number in range(2):
        write_photo(photographs / f"{number}.png", scene(number, 96, 96))
    train(photographs, path, Params(**{"epochs": 1, "batch_size": 1, "device": "cpu", "lambda_gan": 0, **settings}))
    return path


def gray_scenes(folder: Path, count: int, longer_px: int = 512) -> None:
    """Gray photographs as JPEG of built-in scenes, 3:2, upright and lying."""
    folder.mkdir(parents=True, exist_ok=True)
    shorter_px = longer_px * 2 // 3
    for number in range(count):
        size = (longer_px, shorter_px) if number % 4 else (shorter_px, longer_px)
        write_photo(folder / f"scene_{number:03d}.jpg", gray_of(scene(number, *size)))


def copies(folder: Path, originals: Path, count: int, prefix: str = "") -> Path:
    """A folder with `count` photographs, copies of a few."""
    folder.mkdir(exist_ok=True)
    paths = sorted(originals.iterdir())
    for number in range(count):
        shutil.copyfile(paths[number % len(paths)], folder / f"{prefix}{number:05d}{paths[0].suffix}")
    return folder


def large_photograph(megapixels: float, color: bool, deep: bool) -> Pixels:
    """A scene enlarged to 3:2, with grain that hardly compresses and with glints that are found and corrected."""
    width = round((megapixels * 1e6 * 1.5) ** 0.5)
    height = round(megapixels * 1e6 / width)
    small = scene(7, 1500, 1000)
    for x in range(60, 1500, 180):
        cv2.circle(small, (x, 500 + x % 300), 9, (255, 255, 255), -1, cv2.LINE_AA)
    small = small if color else gray_of(small)
    top = 65535 if deep else 255
    result = np.empty((height, width, 3) if color else (height, width), np.uint16 if deep else np.uint8)
    rng = np.random.default_rng(0)
    for start in range(0, height, 256):
        # Rows of the small picture that these rows lie between; no array of the whole in floating point.
        rows = np.clip((np.arange(start, min(start + 256, height)) + 0.5) * 1000 / height - 0.5, 0, 999).astype(np.float32)
        columns = np.clip((np.arange(width) + 0.5) * 1500 / width - 0.5, 0, 1499).astype(np.float32)
        grid = np.meshgrid(columns, rows)
        part = cv2.remap(small, grid[0], grid[1], cv2.INTER_LINEAR).astype(np.float32) * (top / 255)
        part += rng.normal(0, top / 400, part.shape).astype(np.float32)
        result[start : start + 256] = np.rint(np.clip(part, 0, top))
    return result


def machine() -> dict[str, Any]:
    """The machine in words, and how busy it was: a measurement beside other work says little in seconds."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
        name = next(iter(names), name)
    load = round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None
    return {"processor": name, "cores": os.cpu_count(), "load": load, "python": platform.python_version()}
