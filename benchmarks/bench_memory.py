"""Peak memory of `dancheong predict` by size and kind of photograph, each in a process of its own.

    python benchmarks/bench_memory.py [--megapixels 24] [--model MODEL.h5] [--kinds gray-16-tif ...] [--memory-gb 64]

`bytes_a_pixel` is the growth over a photograph of next to nothing; `planned_mb` is what the program expects of it
(dancheong.prediction.memory), beside itself. The last line is JSON.
"""

import argparse
import json
import tempfile
from pathlib import Path

from dancheong import Colorizer
from dancheong.imaging.files import image_spec, write_photo
from dancheong.prediction.memory import bytes_needed
from material import large_photograph, machine, predict_words, run_measured, untrained_model

KINDS = ("gray-8-jpg", "gray-8-png", "gray-8-tif", "gray-16-tif", "gray-16-png", "color-8-jpg", "color-8-png", "color-16-tif",
         "color-16-png")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megapixels", type=float, default=24)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--kinds", nargs="+", default=KINDS, choices=KINDS)
    parser.add_argument("--memory-gb", type=float, default=64)
    parser.add_argument("--mask-dir", action="store_true", help="write the masks of light reflection too")
    given = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        model = given.model or untrained_model(folder / "m.h5")
        params = Colorizer.open(model).params
        for number, kind in enumerate(given.kinds):
            tone, bits, suffix = kind.split("-")
            peaks = []
            for name, megapixels in (("small", 0.01), ("large", given.megapixels)):
                photograph = folder / f"{name}.{suffix}"
                write_photo(photograph, large_photograph(megapixels, tone == "color", bits == "16"))
                words = predict_words(model, photograph, folder / f"out{number}", f"MEMORY_GB={given.memory_gb:g}")
                masks = ["--mask-dir", str(folder / f"masks{number}")] if given.mask_dir else []
                measured = run_measured([*words, *masks])
                peaks.append(measured.peak_mb)
            extent = image_spec(photograph)
            assert extent is not None
            file = json.loads(measured.output.splitlines()[-1])["files"][0]
            rows.append({
                "kind": kind, "megapixels": round(extent.pixels / 1e6, 2), "base_mb": round(peaks[0]),
                "peak_mb": round(peaks[1]), "bytes_a_pixel": round((peaks[1] - peaks[0]) * 1e6 / extent.pixels, 1),
                "planned_mb": round(bytes_needed(extent, params) / 1e6), "seconds": round(measured.seconds, 1),
                "cpu_seconds": round(measured.cpu_seconds, 1),
                "glare_share": round(file["glare_share"] or 0, 4), "file_mb": round(photograph.stat().st_size / 1e6, 1),
                "result_mb": round(Path(file["output"]).stat().st_size / 1e6, 1),
            })  # fmt: skip
            print(rows[-1], flush=True)
            photograph.unlink()
            Path(file["output"]).unlink()
    print(json.dumps({"bench": "memory", "machine": machine(), "rows": rows}))


if __name__ == "__main__":
    main()
