"""Train the upscaler that comes with the program and write `src/dancheong/upscaling/upscaler.h5`.

It learns from photographs that Python packages carry (public domain, CC0 and CC BY), at two sizes each, and from built-in
scenes; never from china.jpg, which the documentation shows. It needs the extra `train`, scikit-image and scikit-learn.

    python tools/train_upscaler.py --out src/dancheong/upscaling/upscaler.h5
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import skimage
import sklearn.datasets
from numpy.typing import NDArray

from dancheong.imaging.color import as_rgb
from dancheong.imaging.files import read_photo, write_photo
from dancheong.imaging.resize import resize
from dancheong.params import resolve
from dancheong.scenes import write_scenes
from dancheong.upscaling.training import train_upscaler

# Public domain or CC0 (scikit-image); flower.jpg of scikit-learn: CC BY 2.0, vultilion.
SKIMAGE = (
    "astronaut.png", "coffee.png", "chelsea.png", "rocket.jpg", "motorcycle_left.png", "camera.png", "brick.png", "grass.png",
    "gravel.png", "coins.png",
)
SCENES, SCENE_SEED = 24, 8_000_000
# Gray pictures are tinted: photographs without color are left out of a training, and only lightness is learned here.
TINT = np.array([1.0, 0.85, 0.7])
SMALLER = 0.6
# What the file that comes along was made with: six minutes of one core with AMX.
SETTINGS = {"SR_IMAGES": 40000, "EMA": 0.999, "DEVICE": "cpu"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_pictures(folder)
        params = resolve(settings={**SETTINGS, **dict(one.split("=") for one in arguments.set)}).params
        log = folder.with_name(folder.name + "_log")
        result = train_upscaler(
            folder, arguments.out, params, log_dir=log,
            watch=lambda progress: print(progress.images_seen, f"{progress.seconds:.0f} s", progress.losses, flush=True),
        )
    print(f"{result.model}: {result.model.stat().st_size} bytes; log in {log}")


def write_pictures(folder: Path) -> None:
    """What is learned from, as PNG."""
    write_scenes(folder, SCENES, SCENE_SEED, 512, 384)
    for name, rgb in photographs().items():
        height, width = rgb.shape[:2]
        write_photo(folder / f"{name}.png", rgb)
        write_photo(folder / f"{name}_small.png", resize(rgb, (round(height * SMALLER), round(width * SMALLER))))


def photographs() -> dict[str, NDArray[np.uint8]]:
    """Packaged photographs in color, gray ones tinted."""
    found = {name: read_photo(Path(skimage.__file__).parent / "data" / name).pixels for name in SKIMAGE}
    found["flower.jpg"] = sklearn.datasets.load_sample_image("flower.jpg")
    return {
        Path(name).stem: pixels if pixels.ndim == 3 else np.rint(as_rgb(pixels) * TINT).astype(np.uint8)
        for name, pixels in found.items()
    }


if __name__ == "__main__":
    main()
