"""A folder of photographs: `dancheong predict` beside a plain eager torch prediction, whole processes, in turns.

    python benchmarks/bench_predict.py [--photographs FOLDER] [--count 155] [--model MODEL.h5] [--rounds 3]

The plain prediction is what a script of the field does: read with OpenCV, resize, the network in eager torch at batch 1, the
luminance put back in LAB, resize, write; in inference mode, channels last, on all cores. Same photographs, same weights, same
working size, the same size written; light reflection is left alone in both, as the plain one knows nothing of it, and is
measured once more with it. How far the pictures are apart is told as the mean Delta E 2000 between the two.
What the processor allows: the same run with a network of next to no work ("rest"), and the operations of the default network
at the speed of a large matrix product in the arithmetic that is used (bfloat16 where OpenVINO is installed and the processor
has it); `times_faster_at_most` is the plain time by the sum of these two. "ours_float32" is the run with --runtime onnx.
The last line is JSON: medians of the rounds.
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

import numpy as np

from dancheong.artifact import read_artifact
from dancheong.imaging.files import read_photo
from dancheong.imaging.metrics import mean_delta_e_2000
from dancheong.imaging.resize import working_shape
from dancheong.models.table import CONVOLUTIONS
from dancheong.runtime.openvino_runtime import bfloat16_is_fast
from material import Measured, gray_scenes, machine, predict_words, run_measured, untrained_model

LEARNING = 100


def plain_prediction(model: str, photographs: str, out: str) -> None:
    """The plain eager path, run as a process of its own."""
    color = plain_colorizer(model)
    Path(out).mkdir()
    for path in sorted(Path(photographs).iterdir()):
        color(path, Path(out) / path.name)


def plain_colorizer(model: str) -> Callable[[Path, Path], None]:
    """Color one file into another by the plain eager path, with the best settings that it has by itself."""
    import cv2
    import torch

    from dancheong.models.network import load_network

    artifact = read_artifact(model)
    network = load_network(artifact.architecture, artifact.weights).eval().to(memory_format=torch.channels_last)
    multiple, resol = network.multiple_px, artifact.params.predict_px

    def color_file(path: Path, out: Path) -> None:
        gray = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        height, width = gray.shape
        scale = resol / min(height, width)
        h, w = round(height * scale), round(width * scale)
        small = cv2.resize(gray, (w, h), interpolation=cv2.INTER_AREA)
        lightness = cv2.cvtColor(cv2.cvtColor(small.astype(np.float32) / 255, cv2.COLOR_GRAY2BGR), cv2.COLOR_BGR2LAB)[..., 0]
        padded = np.pad(lightness / 50 - 1, ((0, -h % multiple), (0, -w % multiple)), mode="symmetric")
        with torch.inference_mode():
            chroma = network(torch.from_numpy(padded)[None, None])[0].numpy()[:, :h, :w]
        ab = cv2.resize(np.ascontiguousarray(chroma.transpose(1, 2, 0)) * 110, (width, height), interpolation=cv2.INTER_CUBIC)
        full = cv2.cvtColor(cv2.cvtColor(gray.astype(np.float32) / 255, cv2.COLOR_GRAY2BGR), cv2.COLOR_BGR2LAB)
        full[..., 1:] = ab
        color = cv2.cvtColor(full, cv2.COLOR_LAB2BGR)
        cv2.imwrite(
            str(out), np.rint(np.clip(color, 0, 1) * 255).astype(np.uint8),
            [cv2.IMWRITE_JPEG_QUALITY, 95, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444],
        )

    return color_file


def network_gflop(model: Path, height: int, width: int) -> float:
    """Operations of the network as it is run (`dancheong.models.graph`: doubling and convolution in one), in 10^9."""
    artifact = read_artifact(model)
    table, resol = artifact.architecture, artifact.params.predict_px
    multiple = table.multiple_px
    h, w = (-(-side // multiple) * multiple for side in working_shape(height, width, resol))
    return sum(
        2e-9 * row.c_in * row.c_out / row.groups * float(table.scales[row.name]) ** 2 * h * w
        * (row.ksize**2 if row.kind == "conv" else (row.ksize + 1) ** 2 / 4)
        for row in table.rows if row.kind in CONVOLUTIONS
    )


def apart(first: Path, second: Path) -> float:
    """Mean Delta E 2000 between the pictures of two folders."""
    pairs = [(path, second / path.name) for path in sorted(first.glob("*.jpg"))]
    return float(np.mean([mean_delta_e_2000(read_photo(one).pixels, read_photo(other).pixels) for one, other in pairs]))


def main() -> None:
    if sys.argv[1:2] == ["--plain"]:
        plain_prediction(*sys.argv[2:5])
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photographs", type=Path, help="a folder of JPEG; else built-in scenes of 512 px")
    parser.add_argument("--count", type=int, default=155)
    parser.add_argument("--model", type=Path, help="else the default network after a few steps")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        # Long enough that its colors are ordinary ones: wild ones lie outside sRGB, and bringing them back takes time.
        model = given.model or untrained_model(folder / "m.h5", epochs=LEARNING)
        photographs = folder / "in"
        if given.photographs is None:
            gray_scenes(photographs, given.count)
        else:
            photographs.mkdir()
            for path in sorted(given.photographs.glob("*.jpg"))[: given.count]:
                shutil.copy(path, photographs)
        count = len(list(photographs.iterdir()))
        one = folder / "one"
        one.mkdir()
        shutil.copy(min(photographs.iterdir()), one)
        (folder / "tiny").mkdir()
        size_px = read_artifact(model).params.predict_px
        tiny = untrained_model(folder / "tiny" / "m.h5", encoder="unet", ngf=1, predict_resol=size_px, epochs=LEARNING)
        height, width = read_photo(min(photographs.iterdir())).pixels.shape[:2]
        gflop = network_gflop(model, height, width)
        runs = {
            "plain": lambda out: [sys.executable, __file__, "--plain", str(model), str(photographs), str(out)],
            "ours": lambda out: predict_words(model, photographs, out, "GLARE_MODE=off"),
            "ours_float32": lambda out: [*predict_words(model, photographs, out, "GLARE_MODE=off"), "--runtime", "onnx"],
            "with_glare": lambda out: predict_words(model, photographs, out),
            # By OpenVINO, which `auto` takes for this network, compiling for each new size would count as rest.
            "rest": lambda out: [*predict_words(tiny, photographs, out, "GLARE_MODE=off"), "--runtime", "onnx"],
            "one_photograph": lambda out: predict_words(model, one / min(photographs.iterdir()).name, out),
        }
        measured: dict[str, list[Measured]] = {name: [] for name in runs}
        for number in range(given.rounds):
            for name, words in runs.items():
                out = folder / name
                shutil.rmtree(out, ignore_errors=True)
                measured[name].append(run_measured(words(out)))
                print(f"round {number + 1} {name}: {measured[name][-1].seconds:.2f} s", file=sys.stderr, flush=True)
        helps = [run_measured([sys.executable, "-m", "dancheong", "--help"]).cpu_seconds for _ in range(given.rounds)]
        distance = apart(folder / "ours", folder / "plain")
        rounding = apart(folder / "ours", folder / "ours_float32")
    told = {
        name: {
            "seconds": round(statistics.median(run.seconds for run in some), 2),
            "cpu_seconds": round(statistics.median(run.cpu_seconds for run in some), 2),
            "peak_mb": round(max(run.peak_mb for run in some)),
        }
        for name, some in measured.items()
    }
    import torch

    from bench_train import peak

    is_bfloat16 = bfloat16_is_fast()
    gflops = peak(torch.bfloat16 if is_bfloat16 else torch.float32, "cpu")
    least = told["rest"]["seconds"] + count * gflop / gflops
    ratios = [plain.seconds / ours.seconds for plain, ours in zip(measured["plain"], measured["ours"], strict=True)]
    print(json.dumps({
        "bench": "predict", "photographs": count, "machine": machine(), **told,
        "times_faster": round(statistics.median(ratios), 2),
        "times_faster_in_cpu": round(told["plain"]["cpu_seconds"] / told["ours"]["cpu_seconds"], 2),
        "arithmetic": "bfloat16" if is_bfloat16 else "float32",
        "network_gflop": round(gflop, 2), "peak_gflops": round(gflops), "least_seconds": round(least, 2),
        "times_faster_at_most": round(told["plain"]["seconds"] / least, 2),
        "photographs_a_second": round(count / told["ours"]["seconds"], 2),
        "photographs_a_cpu_second": round(count / told["ours"]["cpu_seconds"], 2),
        "with_glare_a_cpu_second": round(count / told["with_glare"]["cpu_seconds"], 2),
        "delta_e_between": round(distance, 3), "delta_e_to_float32": round(rounding, 4),
        "help_cpu_seconds": round(statistics.median(helps), 3),
        "at": time.strftime("%Y-%m-%d"),
    }))  # fmt: skip


if __name__ == "__main__":
    main()
