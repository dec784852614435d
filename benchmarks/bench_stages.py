"""Where the time of `dancheong predict` goes: the start of the program, then one photograph stage by stage.

    python benchmarks/bench_stages.py [--photograph FILE] [--model MODEL.h5] [--runtime auto] [--rounds 7]

All figures are processor seconds (user and system), medians of the rounds, because they say the same on a busy machine. The
start is measured on processes that do one step more each: Python, the command line, the modules of a prediction, the opened
model. The stages of a photograph are measured within one process, on one thread, after a first photograph. The last line is
JSON.
"""

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench_predict import plain_colorizer
from dancheong.imaging.color import gray_of, lab_to_pixels, lightness_of
from dancheong.imaging.files import read_photo, write_photo
from dancheong.imaging.resize import guided_upsampler, resize, working_shape
from dancheong.prediction.colorizer import Colorizer
from dancheong.prediction.shipped import shipped_model_path
from dancheong.system.whole_file import fingerprint
from material import gray_scenes, machine, predict_words, run_measured

_PREDICTION = "from dancheong.prediction.folder import predict_files; from dancheong.prediction.colorizer import Colorizer"


def start(model: Path, photograph: Path, runtime: str, rounds: int) -> dict[str, float]:
    """Processor seconds of each step of a start, beside those of the step before it."""
    out = photograph.parent / "out"
    opening = f"{_PREDICTION}; Colorizer.open({str(model)!r}, {runtime!r})"
    steps: dict[str, list[str]] = {
        "python": ["-c", "pass"],
        "help": ["-m", "dancheong", "--help"],
        "command_line": ["-c", "import dancheong.app.main"],
        "modules": ["-c", f"import dancheong.app.main; {_PREDICTION}"],
        "opened": ["-c", f"import dancheong.app.main; {opening}"],
        "one_photograph": [*predict_words(model, photograph, out)[1:], "--runtime", runtime],
    }
    took: dict[str, list[float]] = {name: [] for name in steps}
    wall: list[float] = []
    for _ in range(rounds):
        for name, words in steps.items():
            shutil.rmtree(out, ignore_errors=True)
            measured = run_measured([sys.executable, *words])
            took[name].append(measured.cpu_seconds)
        wall.append(measured.seconds)
    median = {name: statistics.median(some) for name, some in took.items()}
    return {
        "python": median["python"], "help_in_all": median["help"],
        "command_line": median["command_line"] - median["python"],
        "modules": median["modules"] - median["command_line"], "opening": median["opened"] - median["modules"],
        "photograph": median["one_photograph"] - median["opened"], "one_photograph_in_all": median["one_photograph"],
        "one_photograph_seconds": statistics.median(wall),
    }


def stages(model: Path, photograph: Path, runtime: str, rounds: int, plain: bool) -> dict[str, float]:
    """Milliseconds of the processor for each stage of one photograph, and for all of it by the plain eager path."""
    if plain:
        import torch

        torch.set_num_threads(1)
    colorizer = Colorizer.open(model, runtime, threads=1)
    took: dict[str, list[float]] = {}

    def timed(name: str, work: Callable[..., Any], *given: Any) -> Any:
        began = time.process_time()
        done = work(*given)
        took.setdefault(name, []).append(1e3 * (time.process_time() - began))
        return done

    out = photograph.parent / f"stages{photograph.suffix}"
    for _ in range(rounds + 1):
        timed("fingerprint", fingerprint, photograph)
        original = timed("read", read_photo, photograph)
        gray = timed("gray", gray_of, original.pixels)
        prepared = timed("light reflection", colorizer.prepare, gray)
        small = timed("working size", resize, prepared.input_hwc, working_shape(*gray.shape, colorizer.params.predict_px))
        answer = timed("network", colorizer.predict_at_size, small)
        chroma_rows = guided_upsampler(answer.output_hwc * 110, answer.lightness_hw, gray.shape)
        lightness = timed("lightness", lightness_of, prepared.input_hwc[..., 0])
        chroma = timed("enlarged chroma", chroma_rows, lightness, 0)
        rgb = timed("to RGB", lab_to_pixels, lightness, chroma, gray.dtype)
        timed("write", write_photo, out, rgb, original)
    if plain:
        color = plain_colorizer(str(model))
        for _ in range(rounds + 1):
            timed("plain", color, photograph, out)
    return {name: statistics.median(some[1:]) for name, some in took.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photograph", type=Path, help="else a built-in scene of 512 px as JPEG")
    parser.add_argument("--model", type=Path, help="else the colorizer that comes along")
    parser.add_argument("--runtime", default="auto")
    parser.add_argument("--plain", action="store_true", help="beside the plain eager path of bench_predict.py, one thread")
    parser.add_argument("--no-start", action="store_true", help="the stages of a photograph alone")
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    model = given.model or shipped_model_path()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        if given.photograph is None:
            gray_scenes(folder, 1)
        else:
            shutil.copy(given.photograph, folder)
        photograph = next(folder.iterdir())
        shape = read_photo(photograph).pixels.shape
        began = {} if given.no_start else start(model, photograph, given.runtime, given.rounds)
        photo = stages(model, photograph, given.runtime, 3 * given.rounds, given.plain)
    plain_ms, reflection_ms = photo.pop("plain", 0.0), photo["light reflection"]
    total_ms = sum(photo.values())
    times_faster = round(plain_ms / (total_ms - reflection_ms), 2)
    ratio = {"plain_cpu_ms": round(plain_ms, 1), "times_faster_without_light_reflection": times_faster} if plain_ms else {}
    print(json.dumps({
        "bench": "stages", "machine": machine(), "runtime": given.runtime, "pixels": list(shape),
        "start_cpu_seconds": {name: round(seconds, 3) for name, seconds in began.items()},
        "photograph_cpu_ms": {name: round(ms, 1) for name, ms in photo.items()},
        "photograph_cpu_ms_in_all": round(total_ms, 1), **ratio, "at": time.strftime("%Y-%m-%d"),
    }))  # fmt: skip


if __name__ == "__main__":
    main()
