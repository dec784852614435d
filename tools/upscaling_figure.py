"""Draw docs/upscaling.jpg: the upscaler that comes along beside bicubic, on pictures it was not trained on.

    python tools/upscaling_figure.py
"""

from pathlib import Path

import numpy as np
import sklearn.datasets
from upscale_scores import baselines, figure

from dancheong.imaging.files import write_photo
from dancheong.scenes import scene
from dancheong.upscaling.upscaler import shipped

OUT = Path(__file__).resolve().parent.parent / "docs" / "upscaling.jpg"
SCENE_SEED = 900_003


def main() -> None:
    china = sklearn.datasets.load_sample_image("china.jpg")
    pictures = [china[130:330, 120:320], scene(SCENE_SEED, 512, 384)[100:300, 150:350]]
    ways = {"bicubic": baselines(2)["bicubic"], "network": shipped(1)}
    write_photo(OUT, figure(ways, [np.ascontiguousarray(picture) for picture in pictures], 2, "clean"))
    print(f"wrote {OUT}")


if __name__ == "__main__":
    main()
