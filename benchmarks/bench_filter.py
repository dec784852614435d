"""Time of the homomorphic filter, uint8 color in and out, beside a plain numpy one in the same run.

    python benchmarks/bench_filter.py [--repeats 5]

The plain filter is what one writes first: the same equations, a complex numpy FFT of the picture (it wraps around at the
borders). The error of ours is against the same equations in float64 on the mirrored picture. Medians of interleaved runs.
The last line is one JSON object.
"""

import argparse
import json
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dancheong.glare.homomorphic import homomorphic
from dancheong.params import Params

SIZES = {"256": (256, 256), "1024": (1024, 1024), "4096": (4096, 4096), "24 megapixels": (4000, 6000)}
WEIGHTS = np.array([0.212671, 0.715160, 0.072169])
RGB = NDArray[np.uint8]
FFT_SECONDS: list[float] = []  # of each plain run: its two transforms alone


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--sizes", nargs="*", choices=SIZES, default=list(SIZES))
    parser.add_argument("--no-oracle", action="store_true", help="skip the error, which takes the most time and memory")
    arguments = parser.parse_args()
    print(f"{'size':>14}{'plain numpy':>14}{'(its FFTs)':>12}{'dct':>10}{'auto':>10}{'times faster':>14}{'error codes':>22}")
    rows = [measure(name, arguments.repeats, not arguments.no_oracle) for name in arguments.sizes]
    print(json.dumps({"benchmark": "filter", "repeats": arguments.repeats, "threads": cv2.getNumThreads(), "sizes": rows}))


def measure(name: str, repeats: int, oracle: bool) -> dict[str, Any]:
    photo = photograph(*SIZES[name])
    ways: dict[str, Callable[[RGB], RGB]] = {
        "plain": plain_filter,
        "dct": lambda pixels: homomorphic(pixels, Params(hf_backend="dct")),
        "auto": lambda pixels: homomorphic(pixels, Params()),
    }
    times: dict[str, list[float]] = {way: [] for way in ways}
    FFT_SECONDS.clear()
    for _ in range(repeats):
        for way, work in ways.items():
            started = time.perf_counter()
            work(photo)
            times[way].append(time.perf_counter() - started)
    row: dict[str, Any] = {"size": name, "height": photo.shape[0], "width": photo.shape[1]}
    row |= {f"{way}_ms": round(median(values) * 1000, 2) for way, values in times.items()}
    row["plain_transforms_ms"] = round(median(FFT_SECONDS) * 1000, 2)
    row["times_faster"] = round(row["plain_ms"] / row["auto_ms"], 2)
    text = ""
    if oracle:
        truth = exact_filter(photo)
        error = np.abs(homomorphic(photo, Params()).astype(np.int16) - truth)
        row |= {
            "max_error": int(error.max()), "mean_error": round(float(error.mean()), 5),
            "share_above_1": round(float(np.mean(error > 1)), 7),
        }
        text = f"mean {row['mean_error']:.4f} max {row['max_error']}"
    print(f"{name:>14}{row['plain_ms']:14.1f}{row['plain_transforms_ms']:12.1f}{row['dct_ms']:10.1f}"
          f"{row['auto_ms']:10.1f}{row['times_faster']:14.1f}{text:>22}")
    return row


def photograph(height: int, width: int) -> RGB:
    """A picture with light, texture and color, and no file: noise of all scales under a slanting light."""
    rng = np.random.default_rng(1)
    total = np.zeros((height, width, 3), np.float32)
    for octave in range(2, 10):
        cells = rng.random((2**octave, 2**octave, 3)).astype(np.float32)
        total += 0.62**octave * cv2.resize(cells, (width, height), interpolation=cv2.INTER_CUBIC)
    total -= total.min()
    total /= total.max()
    light = np.linspace(0.35, 1.3, width, dtype=np.float32)[None, :, None]
    return np.clip(np.rint(total * light * 255), 0, 255).astype(np.uint8)


def decode(coded: NDArray[Any]) -> NDArray[Any]:
    return np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)


def encode(linear: NDArray[Any]) -> NDArray[Any]:
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * np.maximum(linear, 1e-9) ** (1 / 2.4) - 0.055)


def plain_filter(photo: RGB) -> RGB:
    """The filter as it is usually written, with numpy alone: complex FFT of the picture itself."""
    light = decode(np.arange(256) / 255)[photo]
    luminance = light @ WEIGHTS
    z = np.log(luminance + 1 / 1024)
    height, width = z.shape
    f2 = np.fft.fftfreq(height)[:, None] ** 2 + np.fft.fftfreq(width)[None, :] ** 2
    gain = transfer(f2, max(height, width))
    started = time.perf_counter()
    filtered = np.real(np.fft.ifft2(np.fft.fft2(z) * gain))
    FFT_SECONDS.append(time.perf_counter() - started)
    return finish(light, luminance, filtered - z)


def exact_filter(photo: RGB) -> NDArray[np.int16]:
    """The same in float64 on the mirrored picture, by real FFTs."""
    light = decode(photo / 255.0)
    luminance = light @ WEIGHTS
    z = np.log(luminance + 1 / 1024)
    height, width = z.shape
    mirrored = np.pad(z, ((0, height), (0, width)), mode="symmetric")
    f2 = np.fft.fftfreq(2 * height)[:, None] ** 2 + np.fft.rfftfreq(2 * width)[None, :] ** 2
    spectrum = np.fft.rfft2(mirrored)
    spectrum *= transfer(f2, max(height, width))
    filtered = np.fft.irfft2(spectrum, s=mirrored.shape)[:height, :width]
    return finish(light, luminance, filtered - z).astype(np.int16)


def transfer(f2: NDArray[Any], longer: int) -> NDArray[Any]:
    gain = 0.5 + 0.5 * (1 - np.exp(-f2 * longer**2 / 2))
    gain[0, 0] = 1
    return gain


def finish(light: NDArray[Any], luminance: NDArray[Any], change: NDArray[Any]) -> RGB:
    """Gain of at most 2, geometric mean kept, colors above 1 moved toward gray of the same luminance, rounded."""
    change = np.minimum(change, np.log(2))
    change -= change.mean()
    gain = np.exp(change)[..., None]
    bright, luma = light * gain, np.minimum(luminance[..., None] * gain, 1)
    top = bright.max(axis=-1, keepdims=True)
    keep = np.where(top > 1, (1 - luma) / np.maximum(top - luma, 1e-6), 1)
    return np.rint(np.clip(encode(luma + keep * (bright - luma)), 0, 1) * 255).astype(np.uint8)


if __name__ == "__main__":
    main()
