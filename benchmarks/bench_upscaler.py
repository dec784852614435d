"""Upscalers beside bicubic and Lanczos on photographs they have not seen: PSNR and SSIM of Y, Delta E 2000, drift, time.

    python benchmarks/bench_upscaler.py PHOTOS MODEL.h5... [--how clean realistic] [--limit 40] [--threads 1]
    python benchmarks/bench_upscaler.py PHOTOS LUMA.h5 RGB.h5 --colorizer MODEL.h5

Each photograph is made smaller (docs/upscaling.md) and enlarged again. With a colorizer it is the order of work that is
measured: the small photograph is also grayed and colored, before or after it is enlarged; `drift` is then the color
difference of the result, made smaller, to what the colorizer gives at the small size. The last line is one JSON object.
"""

import argparse
import json
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from dancheong.imaging.color import as_rgb, gray_of
from dancheong.imaging.files import list_photos, read_photo
from dancheong.prediction.colorizer import Colorizer
from dancheong.upscaling.patches import Degradation, degrade
from dancheong.upscaling.upscaler import Upscaler

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tools"))
from upscale_scores import Enlarge, UpscaleScores, baselines, compare, mean_of, multiple_of, score


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("models", type=Path, nargs="+", help="all of one scale")
    parser.add_argument("--how", nargs="+", choices=("clean", "realistic", "mixed"), default=["clean", "realistic"])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--limit", type=int, default=0, help="only so many photographs, spread over the set; 0: all")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--colorizer", type=Path)
    arguments = parser.parse_args()
    photos = list_photos(arguments.photos)
    photos = photos[:: max(1, len(photos) // arguments.limit)] if arguments.limit else photos
    upscalers = {path.stem: Upscaler.open(path, threads=arguments.threads) for path in arguments.models}
    scale = next(iter(upscalers.values())).scale
    found: dict[str, Any] = {"benchmark": "upscaler", "photographs": len(photos), "scale": scale, "seed": arguments.seed}
    for how in arguments.how:
        seconds: dict[str, float] = {}
        if arguments.colorizer is None:
            ways = {name: timed(name, way, seconds) for name, way in {**baselines(scale), **upscalers}.items()}
            scores = compare(ways, photos, scale, how, arguments.seed)
        else:
            # Light reflection left alone: treated at two sizes it would be what is measured.
            colorizer = Colorizer.open(arguments.colorizer, threads=arguments.threads, GLARE_MODE="off")
            scores = orders(colorizer, upscalers, photos, scale, how, arguments.seed, seconds)
        heads = "".join(f"{head:>9}" for head in ("PSNR-Y", "SSIM-Y", "Delta E", "drift", "s each"))
        print(f"{how}, {len(photos)} photographs, x{scale}\n{'':<32}{heads}")
        for name, one in scores.items():
            each = seconds[name] / len(photos)
            print(f"{name:<32}{one.psnr_y:>9.3f}{one.ssim_y:>9.4f}{one.delta_e_2000:>9.3f}{one.drift:>9.3f}{each:>9.3f}")
        found[how] = {name: vars(one) | {"seconds": seconds[name] / len(photos)} for name, one in scores.items()}
    print(json.dumps(found))


def orders(
    colorizer: Colorizer, upscalers: dict[str, Upscaler], photos: list[Path], scale: int, how: Degradation, seed: int,
    seconds: dict[str, float],
) -> dict[str, UpscaleScores]:
    """Mean scores of coloring before and after enlarging."""
    ways: dict[str, Enlarge] = {}
    for name, way in {**baselines(scale), **upscalers}.items():
        ways[f"color, then {name}"] = partial(in_turn, colorizer, way)
        ways[f"{name}, then color"] = partial(in_turn, way, colorizer)
    ways = {name: timed(name, way, seconds) for name, way in ways.items()}
    scores: dict[str, list[UpscaleScores]] = {name: [] for name in ways}
    for index, path in enumerate(photos):
        truth = multiple_of(as_rgb(read_photo(path).pixels), scale)
        gray = gray_of(degrade(truth, scale, how, np.random.default_rng((seed, index))))
        color = colorizer(gray)
        for name, way in ways.items():
            scores[name].append(score(way(gray), truth, color))
    return {name: mean_of(found) for name, found in scores.items()}


def in_turn(first: Enlarge, second: Enlarge, pixels: Any) -> Any:
    return second(first(pixels))


def timed(name: str, enlarge: Enlarge, seconds: dict[str, float]) -> Enlarge:
    """The same, adding the processor's time to `seconds`."""

    def run(pixels: Any) -> Any:
        began = time.process_time()
        result = enlarge(pixels)
        seconds[name] = seconds.get(name, 0.0) + time.process_time() - began
        return result

    return run


if __name__ == "__main__":
    main()
