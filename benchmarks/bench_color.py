"""Better color at equal compute? Several ways of coloring, trained for the same seconds on the same photographs, side by side.

    python benchmarks/bench_color.py PHOTOS --test PHOTOS -o DIR --budgets 60 300 1200 --seeds 1 2 3

Ways without training: the gray input; one mean chroma for all; the mean chroma of each luminance. Trained: the `paper`
preset; plain Pix2Pix in LAB (the canonical networks and weights of the losses, chroma only); our default. A budget is kept
by counting: the speed of each way is measured first, in turns, on an otherwise idle machine (or given by --speeds, where
the machine is busy), and the training then takes as many images as fit, in whole epochs. Scores at a shorter side of --score
px against the truth, light reflection left alone in all of them. The canonical ways are scored twice: as they are at the
end of the budget ("last"), and at their best look at the test photographs, which nobody has who does not know the truth;
our default never sees those before its end. The time to a given Delta E is read off the looks of the canonical ways and
the budgets of ours. A training that is there already is not repeated. The last line is one JSON object.
"""

import argparse
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dancheong.artifact import read_artifact
from dancheong.imaging.color import gray_of, lab_to_rgb, rgb_to_lab, to_pixels
from dancheong.imaging.files import list_photos, read_photo
from dancheong.imaging.metrics import chroma_wasserstein, colorfulness, mean_delta_e_2000
from dancheong.imaging.resize import resize, working_shape
from dancheong.params import Params, parse_settings, resolve
from dancheong.prediction.colorizer import Colorizer

Pixels = NDArray[Any]
Way = Callable[[Pixels], Pixels]
PROBE_SECONDS = 20.0
TARGET_SHARE = 0.8  # of the truth's colorfulness, at which washed-out and vivid ways can be compared
CANONICAL = resolve(preset="paper").params.model_dump()
PLAIN_LAB = {**CANONICAL, "color_space": "LAB"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--test", type=Path, required=True)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--budgets", type=float, nargs="*", default=[60, 300, 1200], metavar="SECONDS")
    parser.add_argument("--seeds", type=int, nargs="*", default=[1, 2, 3])
    parser.add_argument("--ways", nargs="*", default=["paper", "plain LAB", "default"])
    parser.add_argument("--score", type=int, default=256, help="shorter side at which is scored")
    parser.add_argument("--resol", type=int, default=128, help="working size of the canonical ways")
    parser.add_argument("--set", nargs="*", action="extend", default=[], metavar="NAME=VALUE", help="rows of the way `default`")
    parser.add_argument("--speeds", type=parse_speed, nargs="*", default=[], metavar="WAY=IMAGES_PER_SECOND")
    parser.add_argument("--levels", type=float, nargs="*", default=[12, 11.5, 11, 10.5], help="to take the time to, Delta E")
    parser.add_argument("--look", type=int, default=1000, metavar="IMAGES", help="between looks of the canonical ways")
    arguments = parser.parse_args()

    ways = parameters(arguments)
    truths = [at(read_photo(file).pixels, arguments.score) for file in list_photos(arguments.test)]
    rows = without_training(arguments.photos, truths, arguments.score)
    speeds = dict(arguments.speeds) | {
        name: speed(name, params, arguments) for name, params in ways.items() if name not in dict(arguments.speeds)
    }
    print("images a second:", speeds, flush=True)
    for budget in arguments.budgets:
        for seed in arguments.seeds:
            for name, params in ways.items():
                rows.append(trained(name, params, seed, budget, speeds[name], truths, arguments))
                print(json.dumps(rows[-1]), flush=True)
    print(json.dumps({
        "bench": "color", "speeds": speeds, "score_px": arguments.score, "photographs": len(truths), "rows": rows,
        "seconds_to": {name: seconds_to(rows, name, arguments.levels, speeds[name]) for name in ways},
    }))  # fmt: skip


def parse_speed(text: str) -> tuple[str, float]:
    name, _, number = text.partition("=")
    return name, float(number)


def seconds_to(
    rows: list[dict[str, Any]], name: str, levels: list[float], images_per_second: float
) -> dict[str, float | None]:
    """Seconds until a way first has a Delta E 2000, the median of its seeds; None where most never have it.

    Of the canonical ways each look counts, of ours the end of each budget: all that it would have shown.
    """
    seen: dict[int, list[tuple[float, float]]] = {}
    for row in (row for row in rows if row["way"] == name):
        looks = [(int(images) / images_per_second, score) for images, score in row["looks"].items()]
        seen.setdefault(row["seed"], []).extend([*looks, (row["seconds_at_speed"], row["delta_e_2000"])])
    found = {}
    for level in levels:
        times = [min((when for when, score in some if score <= level), default=np.inf) for some in seen.values()]
        median = float(np.median(times)) if times else np.inf
        found[f"{level:g}"] = round(median, 1) if np.isfinite(median) else None
    return found


def parameters(arguments: argparse.Namespace) -> dict[str, Params]:
    """Rows of each trained way. None treats light reflection: that is another experiment."""
    common = {"glare_mode": "off", "aug_glare_p": 0.0}
    canonical = {"resol": arguments.resol, **common}
    ways = {
        "paper": Params(**CANONICAL | canonical),
        "plain LAB": Params(**PLAIN_LAB | canonical),
        "default": resolve(settings={**common, **parse_settings(arguments.set)}).params,
    }
    return {name: ways[name] for name in arguments.ways}


def at(pixels: Pixels, shorter_px: int) -> Pixels:
    return resize(pixels, working_shape(pixels.shape[0], pixels.shape[1], shorter_px))


def judged(way: Way, truths: list[Pixels], name: str, **more: Any) -> dict[str, Any]:
    """Means over the photographs of one way's scores."""
    results = [way(gray_of(truth)) for truth in truths]
    scores = {
        "delta_e_2000": mean_delta_e_2000, "chroma_wasserstein": chroma_wasserstein,
        "colorfulness": lambda result, truth: colorfulness(result),
        "colorfulness_truth": lambda result, truth: colorfulness(truth),
    }
    means = {
        key: round(float(np.mean([score(result, truth) for result, truth in zip(results, truths, strict=True)])), 4)
        for key, score in scores.items()
    }
    return {"way": name, **more, **means}


# -- ways without training ----------------------------------------------------------------------------------------------


def without_training(photos: Path, truths: list[Pixels], shorter_px: int) -> list[dict[str, Any]]:
    """The gray input, one chroma for all, and the mean chroma of each L*."""
    lab = np.concatenate([rgb_to_lab(at(read_photo(file).pixels, 64)).reshape(-1, 3) for file in list_photos(photos)])
    level = np.rint(lab[:, 0]).astype(int).clip(0, 100)
    count = np.maximum(np.bincount(level, minlength=101), 1)
    table = np.stack([np.bincount(level, lab[:, channel], minlength=101) / count for channel in (1, 2)], axis=1)
    mean = np.broadcast_to(lab[:, 1:].mean(axis=0), table.shape)

    def by(chroma_of_level: NDArray[Any]) -> Way:
        def color(gray_hw: Pixels) -> Pixels:
            light = rgb_to_lab(np.stack([gray_hw] * 3, axis=-1))[..., :1]
            chroma = chroma_of_level[np.rint(light[..., 0]).astype(int).clip(0, 100)]
            return to_pixels(lab_to_rgb(np.concatenate([light, chroma], axis=-1).astype(np.float32)), gray_hw.dtype)

        return color

    ways = {"gray": by(np.zeros_like(table)), "mean chroma": by(mean), "chroma by luminance": by(table)}
    return [judged(way, truths, name) for name, way in ways.items()]


# -- ways with training -------------------------------------------------------------------------------------------------


def speed(name: str, params: Params, arguments: argparse.Namespace) -> float:
    """Images a second over PROBE_SECONDS of training, with the adversarial part, where there is one, from the start."""
    from dancheong.training.loop import train

    looks: list[tuple[int, float]] = []

    def watch(progress: Any) -> bool:
        looks.append((progress.images_seen, progress.seconds))
        return bool(progress.seconds > PROBE_SECONDS)

    probe = params.model_copy(update={"gan_start": 0.0, "epochs": 2, "val_images": 10**6})
    train(arguments.photos, arguments.out / "probe.h5", probe, watch=watch)
    (arguments.out / "probe.h5.resume").unlink(missing_ok=True)
    first, last = looks[0], looks[-1]
    return round((last[0] - first[0]) / (last[1] - first[1]), 2)


def trained(
    name: str, params: Params, seed: int, budget: float, images_per_second: float, truths: list[Pixels],
    arguments: argparse.Namespace,
) -> dict[str, Any]:
    """Train for what fits the budget (or take up what was trained), and score.

    The canonical ways are validated on the test photographs, so that the best they ever had there is known, too: an
    advantage that our default does not get.
    """
    from dancheong.training.checkpoint import checkpoint_path
    from dancheong.training.loop import train

    photographs = len(list_photos(arguments.photos))
    epochs = max(1, round(budget * images_per_second / photographs))
    model = arguments.out / f"{name.replace(' ', '_')}_{round(budget)}s_seed{seed}.h5"
    params = params.model_copy(update={"seed": seed, "epochs": epochs, "val_images": arguments.look})
    state, kept = checkpoint_path(model), model.with_name(f"{model.stem}_last.h5.resume")
    val = None if name == "default" else arguments.test

    def watch(progress: Any) -> bool:
        if val is not None and progress.images_seen == progress.images_total:
            shutil.copy(state, kept)  # written just now, with the last weights; it goes when the model is stored
        return False

    if not model.exists() or state.exists():
        train(arguments.photos, model, params, val=val, resume=model.exists(), watch=watch)
    artifact = read_artifact(model)
    scores = judged(Colorizer.open(model, GLARE_MODE="off"), truths, name, seed=seed, budget=budget, epochs=epochs)
    images = artifact.data["images_seen"]
    looks = {entry["images"]: entry["val_delta_e_2000"] for entry in artifact.history if "val_delta_e_2000" in entry}
    row = {**scores, "images": images, "seconds_at_speed": round(images / images_per_second, 1), "looks": looks}
    if val is not None:
        row["last"] = judged(Colorizer.open(last_weights(kept, params, arguments), GLARE_MODE="off"), truths, name)
    if params.color_space == "LAB":
        row["at_target"] = as_vivid(model, truths, name)
    return row


def last_weights(state: Path, params: Params, arguments: argparse.Namespace) -> Path:
    """The model file of the weights that a training ended with, from the state it left."""
    import torch

    from dancheong.training.loop import train

    model = state.with_suffix("")
    if not model.exists():
        torch.save(torch.load(state, weights_only=True) | {"best": None}, state)
        train(arguments.photos, model, params, val=arguments.test, resume=True)
    return model


def as_vivid(model: Path, truths: list[Pixels], name: str) -> dict[str, Any]:
    """Scores with the VIVID that brings TARGET_SHARE of the truth's colorfulness, found on each fourth photograph."""
    few = truths[::4]
    wanted = TARGET_SHARE * float(np.mean([colorfulness(truth) for truth in few]))
    low, high = 0.5, 3.0
    for _ in range(5):
        middle = (low + high) / 2
        way = Colorizer.open(model, GLARE_MODE="off", VIVID=middle)
        reached = float(np.mean([colorfulness(way(gray_of(truth))) for truth in few]))
        low, high = (middle, high) if reached < wanted else (low, middle)
    vivid = (low + high) / 2
    return judged(Colorizer.open(model, GLARE_MODE="off", VIVID=vivid), truths, name, vivid=round(vivid, 3))


if __name__ == "__main__":
    main()
