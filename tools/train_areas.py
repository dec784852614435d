"""Train the trees that judge whole areas of light and write `src/dancheong/glare/areas.onnx`.

They see what the detector that is there takes for light in the pictures of tools/train_detector.py: free photographs at
different exposures with synthetic glare or none, then noise and compression. It needs torch, onnx, scikit-image,
scikit-learn and matplotlib.

    python tools/train_areas.py PHOTOGRAPHS/manifest.csv --out src/dancheong/glare/areas.onnx
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

from dancheong.glare.areas import traits
from dancheong.glare.detect import areas_to_judge
from dancheong.glare.simulate import MAKES, add_glare
from dancheong.imaging.color import decode, gray_of, linear_to_srgb, to_pixels
from dancheong.imaging.resize import fit_size
from dancheong.params import Params

LONGER_PX = 640
KEPT_EXPOSURE = 0.4  # share of pictures
# An area is glare where so much of it is, and counts the more, the clearer it is and the more pixels it has.
GLARE_SHARE, UNCLEAR_WEIGHT = 0.4, 0.1
# The trees' .7 becomes .95, the usual DET_CONFIDENCE: few areas of photographs without glare are that certain (docs/log.md).
SHIFT = 2.1
OPSET, ML_OPSET, IR_VERSION = 18, 3, 9
Areas = tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]


def areas_of(job: tuple[int, NDArray[np.uint8]]) -> list[Areas]:
    """Traits, pixels and pixels of glare of the areas in one photograph: clean and with each make, in color and gray."""
    cv2.setNumThreads(1)
    number, photograph = job
    rng = np.random.default_rng([POOL_SEED, 77, number])  # 77: other draws than those of the detector
    size = fit_size(*photograph.shape[:2], LONGER_PX)
    rgb = cv2.resize(photograph, size[::-1], interpolation=cv2.INTER_AREA) if size < photograph.shape[:2] else photograph
    out = []
    for make in (None, *MAKES):
        kept = rng.random() < KEPT_EXPOSURE
        exposed = rgb if kept else to_pixels(linear_to_srgb(decode(rgb) * np.float32(rng.uniform(0.5, 1))), np.uint8)
        damaged, truth = add_glare(exposed, rng, make=make) if make else (exposed, np.zeros(size, bool))
        if make or not kept:
            damaged = spoil(damaged, rng)
        out += [judged(damaged, truth), judged(gray_of(damaged), truth)]
    return out


def judged(pixels: NDArray[np.uint8], truth: NDArray[np.bool_]) -> Areas:
    params = Params()
    size = fit_size(*pixels.shape[:2], params.det_work_size)
    found, likely, seen = areas_to_judge(pixels, size, params)
    if not found.any():
        return np.empty((0, 11), np.float32), np.empty(0, np.int64), np.empty(0, np.int64)
    labels = np.asarray(cv2.connectedComponents(found.view(np.uint8), connectivity=8)[1], np.int32)
    small = cv2.resize(truth.view(np.uint8), size[::-1], interpolation=cv2.INTER_NEAREST).view(np.bool_)
    counts = [np.bincount(labels[part], minlength=labels.max() + 1)[1:] for part in (found, small)]
    return traits(labels, likely, seen), *counts


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path, help="manifest.csv of the photographs (tools/shipped_credits.py)")
    parser.add_argument("--shift", type=float, default=SHIFT, help="of the logit of certainty")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    with ProcessPoolExecutor(arguments.processes, get_context("spawn")) as pool:
        found = [areas for part in pool.map(areas_of, enumerate(sources(arguments.table)), chunksize=4) for areas in part]
    seen, pixels, glare = (np.concatenate(column) for column in zip(*found, strict=True))
    share = glare / pixels
    weights = pixels**0.75 * (np.abs(share - GLARE_SHARE) + UNCLEAR_WEIGHT)
    weights = np.minimum(weights, np.percentile(weights, 99.5))
    trees = HistGradientBoostingClassifier(
        max_iter=60, learning_rate=0.1, max_leaf_nodes=8, min_samples_leaf=40, l2_regularization=2, early_stopping=False,
    )
    trees.fit(seen, share > GLARE_SHARE, weights / weights.mean())
    arguments.out.write_bytes(graph_of(trees, arguments.shift).SerializeToString())
    print(f"{len(pixels)} areas, {np.mean(share > GLARE_SHARE):.2f} of them glare")
    print(arguments.out, arguments.out.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
