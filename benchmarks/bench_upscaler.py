"""Upscalers beside bicubic and Lanczos on photographs they have not seen: PSNR and SSIM of Y, Delta E 2000, drift, time.

    python benchmarks/bench_upscaler.py PHOTOS MODEL.h5... [--how clean realistic] [--limit 40] [--threads 1]

Each photograph is made smaller (docs/upscaling.md) and enlarged again. The last line is one JSON object.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

from dancheong.evaluation.upscale import Enlarge, baselines, compare
from dancheong.imaging.files import list_photos
from dancheong.prediction.upscaler import Upscaler


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("models", type=Path, nargs="+", help="all of one scale")
    parser.add_argument("--how", nargs="+", choices=("clean", "realistic", "mixed"), default=["clean", "realistic"])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--limit", type=int, default=0, help="only so many photographs, spread over the set; 0: all")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    photos = list_photos(arguments.photos)
    photos = photos[:: max(1, len(photos) // arguments.limit)] if arguments.limit else photos
    upscalers = {path.stem: Upscaler.open(path, threads=arguments.threads) for path in arguments.models}
    scale = next(iter(upscalers.values())).scale
    seconds: dict[str, float] = {}
    ways = {name: timed(name, way, seconds) for name, way in {**baselines(scale), **upscalers}.items()}
    found: dict[str, Any] = {"benchmark": "upscaler", "photographs": len(photos), "scale": scale, "seed": arguments.seed}
    for how in arguments.how:
        seconds.clear()
        scores = compare(ways, photos, scale, how, arguments.seed)
        heads = "".join(f"{head:>9}" for head in ("PSNR-Y", "SSIM-Y", "Delta E", "drift", "s each"))
        print(f"{how}, {len(photos)} photographs, x{scale}\n{'':<20}{heads}")
        for name, one in scores.items():
            each = seconds[name] / len(photos)
            print(f"{name:<20}{one.psnr_y:>9.3f}{one.ssim_y:>9.4f}{one.delta_e_2000:>9.3f}{one.drift:>9.3f}{each:>9.3f}")
        found[how] = {name: vars(one) | {"seconds": seconds[name] / len(photos)} for name, one in scores.items()}
    print(json.dumps(found))


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
