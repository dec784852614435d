"""Light reflection on photographs: how well it is found, and what each way of correcting it does.

    python benchmarks/bench_glare.py PHOTOS [--make optics]     # synthetic glare on clean photographs
    python benchmarks/bench_glare.py PHOTOS --make real --light NIGHTS DAYS   # light cut out of other photographs
    python benchmarks/bench_glare.py PAIRS --pairs              # PAIRS/glare and PAIRS/clean hold the same names
    python benchmarks/bench_glare.py FOLDER --sheet sheet.png   # before, mask, after of real photographs

Clean photographs are darkened to .75 of their light, so that there is room for glare, which is then added in linear light
(dancheong.glare.simulate, real_light). Everything is judged against the clean photograph; intervals (95 %) are of a bootstrap
over photographs. With --gray, CIEDE2000 is of the picture that the network that comes along colors. The last line is one
JSON object.
"""

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from anchors import akashi_2016, shen_2013, yang_2010
from dancheong.glare import learned
from dancheong.glare.correct import correct, subtract_veil
from dancheong.glare.detect import detect, find, prominence, search_plane
from dancheong.glare.homomorphic import homomorphic
from dancheong.glare.learned import glare_probability
from dancheong.glare.light import area
from dancheong.glare.mask import VISIBLE_RISE, GlareMask, make_mask, soft_alpha
from dancheong.glare.simulate import add_glare
from dancheong.imaging.color import decode, gray_of, linear_to_srgb, rgb_to_lab, to_pixels
from dancheong.imaging.files import list_photos, read_photo
from dancheong.imaging.metrics import delta_e_2000
from dancheong.imaging.resize import fit_size
from dancheong.params import Params, parse_settings
from dancheong.prediction.colorizer import Colorizer
from real_light import add_real_light, find_sources

EXPOSURE = 0.75
FIXES = {
    "attenuate": "attenuate", "masked_homo": "masked_homo", "hybrid": "hybrid", "telea": "inpaint_telea", "ns": "inpaint_ns",
}
# What is usually published as homomorphic filtering of a color photograph.
RECIPE = Params(
    hf_channel="rgb", hf_space="coded", hf_renorm="minmax", hf_border="none", hf_dc_keep=False, hf_gamma_low=0.5,
    hf_gamma_high=1.5, hf_cutoff=10, hf_max_gain=8,
)
# The same whole-picture filter, but for a gain of at most 1, shown inside the mask only.
REGION = Params(hf_max_gain=1)
DETECTORS = ("threshold", "learned")
BINS = 512
PSNR_CAP = 60.0  # of equal pictures, so that a mean exists
Picture = NDArray[Any]
Anchor = Callable[[NDArray[np.float32]], NDArray[np.float32]]
ANCHORS: dict[str, Anchor] = {"yang 2010": yang_2010, "shen 2013": shen_2013, "akashi 2016": akashi_2016}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pairs", action="store_true", help="FOLDER/glare and FOLDER/clean hold the same names")
    parser.add_argument("--sheet", type=Path, help="only draw before, mask and after of every photograph")
    parser.add_argument("--seed", type=int, default=1_000_000, help="of the first photograph's glare")
    parser.add_argument("--every", type=int, default=1, help="take each n-th photograph")
    parser.add_argument("--make", default="lobes", choices=("lobes", "optics", "real"), help="of the glare")
    parser.add_argument("--light", nargs="*", type=Path, default=[], help="folders whose bright sources --make real takes")
    parser.add_argument("--anchors", action="store_true", help="also published ways of parting reflected light, and their time")
    parser.add_argument("--gray", action="store_true", help="grays of the photographs")
    parser.add_argument("--detectors-only", action="store_true", help="skip the corrections")
    parser.add_argument("--network", type=Path, default=learned.GRAPH, help="another one of tools/train_detector.py")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="rows other than the defaults")
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    if arguments.sheet:
        draw_sheet(arguments.folder, arguments.sheet)
        return
    jobs = pair_jobs(arguments) if arguments.pairs else simulated_jobs(arguments)
    started = time.time()
    # libvips, which has read photographs by now, does not survive a fork.
    with ProcessPoolExecutor(arguments.processes, get_context("spawn")) as pool:
        results = list(pool.map(one_photograph, jobs))
    report(results, arguments, time.time() - started)


def simulated_jobs(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    files = list(enumerate(list_photos(arguments.folder)))[:: arguments.every]
    common = common_of(arguments)
    light = {"make": arguments.make, "sources": find_sources(arguments.light) if arguments.make == "real" else []}
    return [{"clean": file, "seed": arguments.seed + number, **light, **common} for number, file in files]


def pair_jobs(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    files = list_photos(arguments.folder / "clean")[:: arguments.every]
    common = common_of(arguments)
    return [{"clean": file, "damaged": arguments.folder / "glare" / file.name, **common} for file in files]


def common_of(arguments: argparse.Namespace) -> dict[str, Any]:
    settings = {name.lower(): value for name, value in parse_settings(arguments.set).items()}
    return {
        "gray": arguments.gray, "anchors": arguments.anchors, "correct": not arguments.detectors_only, "settings": settings,
        "network": arguments.network,
    }


def read(file: Path, gray: bool) -> Picture:
    pixels = read_photo(file).pixels
    if gray:
        return gray_of(pixels)
    return np.repeat(pixels[..., None], 3, axis=2) if pixels.ndim == 2 else pixels


def darkened(pixels: Picture) -> Picture:
    return to_pixels(linear_to_srgb(decode(pixels) * np.float32(EXPOSURE)), np.uint8)


@lru_cache(maxsize=1)
def colorizer() -> Colorizer:
    return Colorizer.open(None, glare_mode="off")


def one_photograph(job: dict[str, Any]) -> dict[str, Any]:
    """Counts of the detectors, errors of the corrections, of one photograph."""
    cv2.setNumThreads(1)
    learned.GRAPH = job["network"]
    original, in_color = read(job["clean"], job["gray"]), None
    result: dict[str, Any] = {"name": job["clean"].name, "real": job["clean"].name.startswith("real")}
    if "seed" in job:
        clean = darkened(original)
        in_color = darkened(read(job["clean"], gray=False)) if job["gray"] else None
        if job["make"] == "real":
            damaged, truth = add_real_light(clean, job["seed"], job["sources"])
        else:
            damaged, truth = add_glare(clean, job["seed"], make=job["make"])
    else:
        clean, damaged = original, read(job["damaged"], job["gray"])
        damaged = damaged[: clean.shape[0], : clean.shape[1]]
        clean = clean[: damaged.shape[0], : damaged.shape[1]]
        original = clean
        truth = (gray_of(damaged).astype(np.float32) - gray_of(clean)) / 255 > VISIBLE_RISE
    result["true_share"] = float(truth.mean())
    settings = job["settings"]
    common = Params(**settings)
    masks = {"oracle": make_mask(soft_alpha(truth, truth.shape, common), damaged, common, may_abstain=False)}
    for method in DETECTORS:
        params = Params(**settings | {"det_method": method})
        started = time.perf_counter()
        masks[method] = detect(damaged, params)
        seconds = time.perf_counter() - started
        result[method] = counts(damaged, original, truth, masks[method], params) | {"seconds": seconds}
    if job["correct"]:
        result["errors"] = errors(clean, damaged, truth, masks, settings, ANCHORS if job["anchors"] else {}, in_color)
        result["untouched"] = all(untouched(damaged, mask) for mask in masks.values())
    return result


def score(pixels: Picture, params: Params) -> NDArray[np.float32]:
    """How much each pixel looks like glare, in [0, 1], near the working size."""
    if params.det_method == "learned":
        return glare_probability(pixels, params.det_work_size, gray=params.det_source == "gray")
    plane = search_plane(area(pixels, fit_size(pixels.shape[0], pixels.shape[1], params.det_work_size)), params)
    return prominence(plane, params.det_levels, params.det_max_area) * plane


def counts(damaged: Picture, original: Picture, truth: Picture, mask: GlareMask, params: Params) -> dict[str, Any]:
    found = enlarge(find(damaged, params).astype(np.uint8), truth.shape) > 0
    value = enlarge(score(damaged, params), truth.shape)
    edges = np.linspace(0, 1, BINS + 1)
    flagged = detect(original, params)
    return {
        "found": confusion(found, truth), "alpha": confusion(mask.alpha_hw >= 0.5, truth), "abstained": mask.abstained,
        "positives": np.histogram(value[truth], edges)[0], "negatives": np.histogram(value[~truth], edges)[0],
        "clean_flagged": float(flagged.alpha_hw.mean()), "clean_found": flagged.share, "clean_abstained": flagged.abstained,
        "clean_core": float(find(original, params).mean()),
    }


def enlarge(plane: Picture, shape: tuple[int, ...]) -> Picture:
    return cv2.resize(plane, (shape[1], shape[0]), interpolation=cv2.INTER_NEAREST) if plane.shape != shape else plane


def confusion(found: Picture, truth: Picture) -> NDArray[np.int64]:
    return np.array([(found & truth).sum(), (found & ~truth).sum(), (~found & truth).sum()])


def errors(
    clean: Picture, damaged: Picture, truth: Picture, masks: dict[str, GlareMask], settings: dict[str, str],
    anchors: dict[str, Anchor], in_color: Picture | None,
) -> dict[str, Any]:
    """PSNR of each way, and CIEDE2000, with `in_color` of what is then colored, by part of the photograph."""
    goal_lab = rgb_to_lab(clean if in_color is None else in_color)

    def of(pixels: Picture) -> dict[str, float]:
        squared = ((pixels.astype(np.float32) - clean) ** 2).reshape(*truth.shape, -1).mean(axis=-1)
        difference = delta_e_2000(rgb_to_lab(pixels if in_color is None else colorizer()(pixels)), goal_lab)
        parts = {"inside": truth, "outside": ~truth, "overall": np.ones_like(truth)}
        return {
            f"{unit}_{name}": value
            for name, part in parts.items()
            if part.any()
            for unit, value in (("psnr", psnr(squared[part])), ("delta_e", float(difference[part].mean())))
        }

    table = {"undamaged": of(clean), "none": of(damaged)}
    table |= {"global": of(homomorphic(damaged, Params())), "recipe": of(homomorphic(damaged, RECIPE))}
    table["veil"] = of(subtract_veil(damaged, Params(veil_k=1)))
    for name, way in anchors.items():
        table[name] = of(without_reflection(damaged, way))
    region = np.minimum(homomorphic(damaged, REGION), damaged).astype(np.float32)
    for kind, mask in masks.items():
        alpha = mask.alpha_hw if damaged.ndim == 2 else mask.alpha_hw[..., None]
        table[f"region ({kind})"] = of(np.rint(damaged + alpha * (region - damaged)).astype(np.uint8))
        for name, method in FIXES.items() if kind == "oracle" else [("hybrid", "hybrid")]:
            table[f"{name} ({kind})"] = of(correct(damaged, mask, Params(**settings | {"fix_method": method})))
    return table


def without_reflection(pixels: Picture, way: Anchor) -> Picture:
    return to_pixels(linear_to_srgb(np.clip(way(decode(pixels)), 0, 1)), pixels.dtype)


def seconds_of(pixels: Picture) -> dict[str, float]:
    """Processor seconds of each way at 512 x 384 px and at 12 megapixels (the slowest at 512 px alone)."""

    def ours(picture: Picture) -> Picture:
        params = Params()
        return correct(picture, detect(picture, params), params)

    ways = {"ours": ours} | {name: partial(without_reflection, way=way) for name, way in ANCHORS.items()}
    taken = {}
    for size in ((512, 384), (4000, 3000)):
        picture = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if size[0] < pixels.shape[1] else cv2.INTER_CUBIC)
        for name, way in ways.items():
            if size[0] > 512 and way is ways["akashi 2016"]:
                continue
            started = time.process_time()
            way(picture)
            taken[f"{name}, {size[0]} px"] = round(time.process_time() - started, 3)
    return taken


def psnr(squared: Picture) -> float:
    error = float(squared.mean(dtype=np.float64))
    return min(PSNR_CAP, 10 * float(np.log10(255**2 / max(error, 1e-9))))


def untouched(damaged: Picture, mask: GlareMask) -> bool:
    """Whether every method leaves the bytes outside of the mask alone."""
    outside = mask.alpha_hw == 0
    fixed = (correct(damaged, mask, Params(fix_method=method)) for method in FIXES.values())
    return all(np.array_equal(pixels[outside], damaged[outside]) for pixels in fixed)


def report(results: list[dict[str, Any]], arguments: argparse.Namespace, seconds: float) -> None:
    summary: dict[str, Any] = {
        "benchmark": "glare", "photographs": len(results), "seed": arguments.seed, "exposure": EXPOSURE,
        "make": arguments.make, "pairs": arguments.pairs, "gray": arguments.gray, "set": arguments.set,
        "network": arguments.network.name,
        "seconds": round(seconds, 1),
        "true_share": round(float(np.mean([r["true_share"] for r in results])), 4),
    }
    print(f"{len(results)} photographs, {summary['true_share']:.2%} damaged on average")
    print(f"{'detector':12}{'precision':>10}{'recall':>8}{'F1':>7}{'F1 grown':>9}{'AUC':>7}{'clean':>14}{'abstained':>10}")
    summary["detectors"] = {method: detector_row(method, [r[method] for r in results]) for method in DETECTORS}
    if arguments.anchors:
        cv2.setNumThreads(1)
        summary["processor_seconds"] = seconds_of(read(list_photos(arguments.folder)[0], gray=False))
        print(summary["processor_seconds"])
    if results[0].get("errors"):
        summary["untouched_outside_alpha"] = all(r["untouched"] for r in results)
        groups = {"all": results}
        if arguments.pairs:
            groups = {"real": [r for r in results if r["real"]], "synthetic": [r for r in results if not r["real"]]}
        summary["corrections"] = {name: error_table(name, group) for name, group in groups.items() if group}
        summary["gains"] = {name: gains(group) for name, group in groups.items() if group}
    print(json.dumps(summary))


def detector_row(method: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    def rates(name: str) -> tuple[float, float, float]:
        hit, false, missed = np.sum([r[name] for r in rows], axis=0)
        return hit / max(hit + false, 1), hit / max(hit + missed, 1), 2 * hit / max(2 * hit + false + missed, 1)

    precision, recall, f1 = rates("found")
    positives, negatives = (np.sum([r[key] for r in rows], axis=0)[::-1] for key in ("positives", "negatives"))
    true_rate, false_rate = (np.append(0, np.cumsum(part) / max(part.sum(), 1)) for part in (positives, negatives))
    row = {
        "precision": precision, "recall": recall, "f1": f1, **f1_interval(rows), "f1_grown": rates("alpha")[2],
        "auc": float(np.trapezoid(true_rate, false_rate)),
        "clean_flagged": float(np.mean([r["clean_flagged"] for r in rows])),
        "clean_before_growing": float(np.mean([r["clean_core"] for r in rows])),
        "clean_abstained": int(sum(r["clean_abstained"] for r in rows)),
        "abstained": int(sum(r["abstained"] for r in rows)),
        "median_ms": float(np.median([r["seconds"] for r in rows]) * 1000),
    }
    print(
        f"{method:12}{precision:10.3f}{recall:8.3f}{f1:7.3f}{row['f1_grown']:9.3f}{row['auc']:7.3f}"
        f"{row['clean_flagged']:14.2%}{row['abstained']:10d}"
    )
    return {name: round(value, 5) for name, value in row.items()}


def f1_interval(rows: list[dict[str, Any]]) -> dict[str, float]:
    """2.5 and 97.5 % of F1 over photographs drawn with replacement."""
    counted = np.array([r["found"] for r in rows])
    drawn = np.random.default_rng(0).integers(0, len(rows), (2000, len(rows)))
    hit, false, missed = counted[drawn].sum(axis=1).T
    low, high = np.percentile(2 * hit / np.maximum(2 * hit + false + missed, 1), [2.5, 97.5])
    return {"f1_low": float(low), "f1_high": float(high)}


def error_table(group: str, rows: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    table: dict[str, dict[str, float]] = {}
    print(f"\n{group}: {len(rows)} photographs; PSNR in dB (mean of photographs, at most {PSNR_CAP:g}), CIEDE2000")
    print(f"{'method':24}" + "".join(f"{unit + ' ' + part:>17}" for part in PARTS for unit in ("psnr", "delta_e")))
    for name in rows[0]["errors"]:
        values: dict[str, list[float]] = defaultdict(list)
        for row in rows:
            for key, value in row["errors"][name].items():
                values[key].append(value)
        table[name] = {key: round(float(np.mean(list_)), 3) for key, list_ in values.items()}
        print(f"{name:24}" + "".join(f"{table[name].get(f'{unit}_{part}', np.nan):17.2f}" for part in PARTS
                                     for unit in ("psnr", "delta_e")))
    return table


def gains(rows: list[dict[str, Any]]) -> dict[str, dict[str, list[float]]]:
    """What the found and the true masks change: mean and 95 % over photographs of each figure, less that of nothing."""
    drawn = np.random.default_rng(0)
    table: dict[str, dict[str, list[float]]] = {}
    for name in ("hybrid (learned)", "hybrid (oracle)"):
        table[name] = {}
        for key in rows[0]["errors"][name]:
            changes = np.array([r["errors"][name][key] - r["errors"]["none"][key] for r in rows if key in r["errors"]["none"]])
            means = changes[drawn.integers(0, len(changes), (2000, len(changes)))].mean(axis=1)
            table[name][key] = [round(float(v), 3) for v in (changes.mean(), *np.percentile(means, [2.5, 97.5]))]
    return table


PARTS = ("inside", "outside", "overall")


def draw_sheet(folder: Path, out: Path) -> None:
    rows = []
    for file in list_photos(folder):
        pixels = read(file, gray=False)
        cells = [pixels]
        for method in DETECTORS:
            mask = detect(pixels, Params(det_method=method))
            shown = np.rint(mask.alpha_hw * 255).astype(np.uint8)
            cells += [np.repeat(shown[..., None], 3, axis=2), correct(pixels, mask, Params())]
            print(f"{file.name}: {method} {mask.share:.2%}{', abstained' if mask.abstained else ''}")
        rows.append(np.hstack([cv2.resize(cell, (320, 240), interpolation=cv2.INTER_AREA) for cell in cells]))
    cv2.imwrite(str(out), np.vstack(rows)[..., ::-1])


if __name__ == "__main__":
    main()
