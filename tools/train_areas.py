"""Train the trees that judge light, and write `src/dancheong/glare/areas.onnx` or, with `--rims`, `rims.onnx`.

They see the areas that the detector looks at in parts of the free photographs of tools/train_detector.py, at different
exposures, some as at night, with synthetic glare or none, then noise and compression: each area as a whole, or the pixels in
and around those that the trees of `areas.onnx` know. It needs torch, onnx, scikit-image, scikit-learn and matplotlib.

    python tools/train_areas.py PHOTOGRAPHS/manifest.csv --out src/dancheong/glare/areas.onnx
    python tools/train_areas.py PHOTOGRAPHS/manifest.csv --rims --out src/dancheong/glare/rims.onnx
"""

import argparse
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
from detector_pictures import sources
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper
from sklearn.ensemble import HistGradientBoostingClassifier
from train_detector import POOL_SEED, spoil

from dancheong.glare.areas import certainty, traits
from dancheong.glare.detect import areas_to_judge
from dancheong.glare.mask import dilated, scale_px
from dancheong.glare.rims import GROUND_PX, rim_traits
from dancheong.glare.simulate import MAKES, add_glare
from dancheong.imaging.color import decode, gray_of, linear_to_srgb, to_pixels
from dancheong.imaging.resize import fit_size
from dancheong.params import Params

VIEWS = 4  # of each photograph, each with every kind of picture
LONGER_PX = (480, 900)
KINDS = ("clean", "night", *MAKES)
# An area is glare where so much of it is, and counts the more, the clearer it is and the more pixels it has.
GLARE_SHARE, UNCLEAR_WEIGHT = 0.4, 0.1
# The trees' .23 becomes .95, the usual DET_CONFIDENCE (docs/log.md).
SHIFT = 4.15
# Rims are learned from areas that are as certain and of which so much is glare, and from so many pixels of each picture.
RIM_VIEWS, RIM_CERTAINTY, RIM_SHARE, RIM_PIXELS = 2, 0.77, 0.2, 1500
RIM_SAMPLES = 400_000
OPSET, ML_OPSET, IR_VERSION = 18, 3, 9
Areas = tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]


def areas_of(job: tuple[int, NDArray[np.uint8]]) -> list[Areas]:
    """Traits, pixels and pixels of glare of the areas in one photograph: each kind of picture, in color and gray."""
    cv2.setNumThreads(1)
    number, photograph = job
    out = []
    for view in range(VIEWS):
        rng = np.random.default_rng([POOL_SEED, 78, number, view])  # 78: other draws than those of the detector
        for kind in KINDS:
            clean = exposed(part_of(photograph, rng), kind, rng)
            damaged, truth = add_glare(clean, rng, make=kind) if kind in MAKES else (clean, np.zeros(clean.shape[:2], bool))
            damaged = spoil(damaged, rng)
            out += [judged(damaged, truth), judged(gray_of(damaged), truth)]
    return out


def rims_of(job: tuple[int, NDArray[np.uint8]]) -> list[tuple[NDArray[np.float32], NDArray[np.bool_]]]:
    """Traits of pixels in and around areas of glare in one photograph, and whether each is lit."""
    cv2.setNumThreads(1)
    number, photograph = job
    params, out = Params(), []
    for view in range(RIM_VIEWS):
        rng = np.random.default_rng([POOL_SEED, 79, number, view])
        for make in MAKES:
            damaged, truth = add_glare(exposed(part_of(photograph, rng), make, rng), rng, make=make)
            damaged = spoil(damaged, rng)
            for pixels in (damaged, gray_of(damaged)):
                size = fit_size(*pixels.shape[:2], params.det_work_size)
                labels, likely, seen, paper = areas_to_judge(pixels, size, params)
                lit = small_of(truth, size)
                shares = np.bincount(labels.ravel(), lit.ravel()) / np.maximum(np.bincount(labels.ravel()), 1)
                certain = certainty(labels, likely, seen) if labels.any() else np.zeros(0)
                found = ((np.append(0, certain) >= RIM_CERTAINTY) & (shares > RIM_SHARE))[labels]
                hole = dilated(found, GROUND_PX * scale_px(size))
                if found.any() and not hole.all():
                    places, seen_there = rim_traits(found, hole, likely, seen, scale_px(size))
                    chosen = (rng.random(len(places)) < RIM_PIXELS / len(places)) & ~paper.ravel()[places]
                    out.append((seen_there[chosen], lit.ravel()[places[chosen]]))
    return out


def part_of(photograph: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """All of it or a part, at most as large as `LONGER_PX`."""
    share = rng.uniform(0.45, 1) if rng.random() < 0.6 else 1
    sides = [int(side * share) for side in photograph.shape[:2]]
    top, left = (int(rng.integers(0, whole - side + 1)) for whole, side in zip(photograph.shape[:2], sides, strict=True))
    part = photograph[top : top + sides[0], left : left + sides[1]]
    size = fit_size(*sides, int(rng.integers(*LONGER_PX)))
    return cv2.resize(part, size[::-1], interpolation=cv2.INTER_AREA)


def exposed(rgb: NDArray[np.uint8], kind: str, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Darker by chance, as at night or with other contrast."""
    light = decode(np.ascontiguousarray(rgb))
    if kind == "night" or rng.random() < 0.1:
        light = at_night(light, rng)
    elif rng.random() < 0.6:
        light *= np.float32(rng.uniform(0.4, 1))
    if rng.random() < 0.3:
        light = light ** np.float32(np.exp(rng.normal(0, 0.2)))
    return to_pixels(linear_to_srgb(light), np.uint8)


def at_night(light_hwc: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """A place lit by lamps that are not seen: dark, but for pools of warm light on it, which may end at an edge."""
    height, width = light_hwc.shape[:2]
    longer = max(height, width)
    y, x = np.mgrid[:height, :width].astype(np.float32) / longer
    lamps = np.full((height, width), rng.uniform(0.01, 0.15), np.float32)
    for _ in range(int(rng.integers(1, 7))):
        right, down = x - rng.uniform(0, width / longer), y - rng.uniform(0, height / longer)
        reach = np.exp(rng.uniform(np.log(0.03), np.log(0.4)))
        squared = (right / reach) ** 2 + (down / (reach * np.exp(rng.uniform(-1, 1)))) ** 2
        pool = (1 + squared) ** -rng.uniform(0.8, 2)
        if rng.random() < 0.5:
            turn = rng.uniform(0, 2 * np.pi)
            edge = (right * np.cos(turn) + down * np.sin(turn) + rng.uniform(0, 0.5) * reach) / 0.004
            pool /= 1 + np.exp(-np.clip(edge, -30, 30))
        lamps += (rng.uniform(0.3, 2.5) * pool).astype(np.float32)
    warm = np.float32([1, rng.uniform(0.7, 1), rng.uniform(0.35, 1)]) if rng.random() < 0.7 else np.float32(1)
    return np.clip(light_hwc * lamps[..., None] * warm, 0, 1)


def judged(pixels: NDArray[np.uint8], truth: NDArray[np.bool_]) -> Areas:
    params = Params()
    size = fit_size(*pixels.shape[:2], params.det_work_size)
    labels, likely, seen, _ = areas_to_judge(pixels, size, params)
    counts = [np.bincount(labels[part], minlength=labels.max() + 1)[1:] for part in (labels > 0, small_of(truth, size))]
    return traits(labels, likely, seen), *counts


def small_of(truth: NDArray[np.bool_], size: tuple[int, int]) -> NDArray[np.bool_]:
    return cv2.resize(truth.view(np.uint8), size[::-1], interpolation=cv2.INTER_NEAREST).view(np.bool_)


def graph_of(trees: HistGradientBoostingClassifier, shift: float) -> ModelProto:
    """The trees as an ONNX graph, traits (n, count) to certainty (n, 1); `shift` is added before the logistic function."""
    columns: dict[str, list[float] | list[int] | list[str]] = {}

    def put(**values: float | str) -> None:
        for name, value in values.items():
            columns.setdefault(name, []).append(value)  # type: ignore[arg-type]

    for number, (tree,) in enumerate(trees._predictors):
        for index, node in enumerate(tree.nodes):
            put(
                nodes_treeids=number, nodes_nodeids=index, nodes_featureids=int(node["feature_idx"]),
                nodes_modes="LEAF" if node["is_leaf"] else "BRANCH_LEQ", nodes_values=float(node["num_threshold"]),
                nodes_truenodeids=int(node["left"]), nodes_falsenodeids=int(node["right"]),
            )
            if node["is_leaf"]:
                put(target_treeids=number, target_nodeids=index, target_ids=0, target_weights=float(node["value"]))
    base = float(np.ravel(trees._baseline_prediction)[0]) + shift
    summed = helper.make_node(
        "TreeEnsembleRegressor", ["traits"], ["logit"], domain="ai.onnx.ml", n_targets=1, base_values=[base], **columns,
    )
    nodes = [summed, helper.make_node("Sigmoid", ["logit"], ["certainty"])]
    shapes = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["areas", count]) for name, count in (
        ("traits", trees.n_features_in_), ("certainty", 1))]  # fmt: skip
    graph = helper.make_graph(nodes, "areas", shapes[:1], shapes[1:])
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)


def fitted_areas(found: list[Areas]) -> HistGradientBoostingClassifier:
    seen, pixels, glare = (np.concatenate(column) for column in zip(*found, strict=True))
    share = glare / pixels
    weights = pixels**0.75 * (np.abs(share - GLARE_SHARE) + UNCLEAR_WEIGHT)
    weights = np.minimum(weights, np.percentile(weights, 99.5))
    trees = HistGradientBoostingClassifier(
        max_iter=60, learning_rate=0.1, max_leaf_nodes=8, min_samples_leaf=40, l2_regularization=2, early_stopping=False,
        random_state=1,
    )
    print(f"{len(pixels)} areas, {np.mean(share > GLARE_SHARE):.2f} of them glare")
    return trees.fit(seen, share > GLARE_SHARE, weights / weights.mean())


def fitted_rims(found: list[tuple[NDArray[np.float32], NDArray[np.bool_]]]) -> HistGradientBoostingClassifier:
    seen, lit = (np.concatenate(column) for column in zip(*found, strict=True))
    chosen = np.random.default_rng(0).choice(len(seen), min(len(seen), RIM_SAMPLES), replace=False)
    trees = HistGradientBoostingClassifier(
        max_iter=80, learning_rate=0.15, max_leaf_nodes=16, min_samples_leaf=200, early_stopping=False, random_state=1
    )
    print(f"{len(chosen)} of {len(seen)} pixels, {lit.mean():.2f} of them lit")
    return trees.fit(seen[chosen], lit[chosen])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path, help="manifest.csv of the photographs (tools/shipped_credits.py)")
    parser.add_argument("--rims", action="store_true", help="the trees of rims, not those of areas")
    parser.add_argument("--shift", type=float, default=SHIFT, help="of the logit of certainty of areas")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    work, fitted = (rims_of, fitted_rims) if arguments.rims else (areas_of, fitted_areas)
    with ProcessPoolExecutor(arguments.processes, get_context("spawn")) as pool:
        found = [one for part in pool.map(work, enumerate(sources(arguments.table)), chunksize=4) for one in part]
    shift = 0 if arguments.rims else arguments.shift
    arguments.out.write_bytes(graph_of(fitted(found), shift).SerializeToString())
    print(arguments.out, arguments.out.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
