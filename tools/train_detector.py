"""Train the small network that finds glare and write `src/dancheong/glare/detector.onnx`.

Everything it sees is synthetic glare (dancheong.glare.simulate) over free photographs, and collages with bright objects that
are no glare. It needs torch, onnx, scikit-image, scikit-learn and matplotlib.

    python tools/train_detector.py PHOTOGRAPHS/manifest.csv --out src/dancheong/glare/detector.onnx
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from detector_graph import detector_model
from detector_pictures import picture, sources
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from dancheong.glare.simulate import MAKES, add_glare

CROP_PX = 320
TRAINED_PX = 256
WIDTHS = (24, 32, 48, 48)
HALF, FULL = 8, 4
POOL_SEED = 40_000_000  # far from the seeds of tests and benchmarks


class Isotropic(nn.Module):
    """A 3x3 convolution that is the same under flips and turns: center, cross and box weights."""

    def __init__(self, inputs: int, outputs: int, relu: bool = True) -> None:
        super().__init__()
        self.relu = relu
        self.weight = nn.Parameter(torch.randn(3, outputs, inputs) * (2 / (3 * inputs)) ** 0.5 / 2)
        self.norm = nn.BatchNorm2d(outputs)
        shapes = torch.zeros(3, 3, 3)
        shapes[0, 1, 1] = 1
        shapes[1, 1, :] += 0.25
        shapes[1, :, 1] += 0.25
        shapes[1, 1, 1] = 0
        shapes[2] = 1 / 9
        self.register_buffer("shapes", shapes)

    def forward(self, x_bchw: torch.Tensor) -> torch.Tensor:
        kernel = torch.einsum("koi,kyx->oiyx", self.weight, self.shapes)
        x = self.norm(functional.conv2d(x_bchw, kernel, padding=1))
        return functional.relu(x) if self.relu else x

    def folded(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Weights (3 * inputs, outputs) of the pixel, row sum + column sum, and box sum; bias; normalization inside."""
        scale = self.norm.weight / torch.sqrt(self.norm.running_var + self.norm.eps)
        center, cross, box = self.weight * scale[None, :, None]
        weight = torch.cat([center - cross / 2, cross / 4, box / 9], dim=1).T
        bias = self.norm.bias - self.norm.running_mean * scale
        return weight.detach().numpy(), bias.detach().numpy()


class Detector(nn.Module):
    """A U-Net of isotropic convolutions at a quarter of the size, refined at half and at full size; (b, 3, h, w) to logits.

    Everything is the same under flips: pooling, nearest neighbors, 1x1 projections. Most of the time of such a network goes
    into its finest level, so that is where it has the fewest channels.
    """

    def __init__(self) -> None:
        super().__init__()
        inputs = (5, *WIDTHS[:-1])
        self.down = nn.ModuleList(Isotropic(i, o) for i, o in zip(inputs, WIDTHS, strict=True))
        self.deep = Isotropic(WIDTHS[-1], WIDTHS[-1])
        steps = list(zip(WIDTHS[:0:-1], WIDTHS[-2::-1], strict=True))
        self.project = nn.ModuleList(nn.Conv2d(below, here, 1, bias=False) for below, here in steps)
        self.up = nn.ModuleList(Isotropic(here, here) for _, here in steps)
        self.project_finer = nn.Conv2d(WIDTHS[0], HALF, 1, bias=False)
        self.finer = Isotropic(5, HALF, relu=False)
        self.project_head = nn.Conv2d(HALF, FULL, 1, bias=False)
        self.head = nn.Conv2d(3, FULL, 1)
        self.last = nn.Conv2d(FULL, 1, 1)
        nn.init.constant_(self.last.bias, -3.0)

    def forward(self, x_bchw: torch.Tensor) -> torch.Tensor:
        means, greatest, least = functional.avg_pool2d(x_bchw, 2), *extremes(x_bchw[:, :1], x_bchw[:, :1])
        half = torch.cat([means, greatest, least], 1)
        x, skips = torch.cat([functional.avg_pool2d(means, 2), *extremes(greatest, least)], 1), []
        for level, conv in enumerate(self.down):
            x = conv(functional.avg_pool2d(x, 2) if level else x)
            skips.append(x)
        x = self.deep(x)
        for skip, project, conv in zip(skips[-2::-1], self.project, self.up, strict=True):
            x = conv(skip + doubled(project(x)))
        x = functional.relu(self.finer(half) + doubled(self.project_finer(x)))
        return self.last(functional.relu(self.head(x_bchw) + doubled(self.project_head(x))))

    def arrays(self) -> dict[str, NDArray[np.float16]]:
        """Weights by name, matrices (inputs, outputs); see `Isotropic.folded`."""
        out = {}
        for name in ("down", "up"):
            for level, conv in enumerate(getattr(self, name)):
                out[f"{name}_{level}_weight"], out[f"{name}_{level}_bias"] = conv.folded()
        for name in ("deep", "finer"):
            out[f"{name}_weight"], out[f"{name}_bias"] = getattr(self, name).folded()
        for level, conv in enumerate(self.project):
            out[f"project_{level}_weight"] = matrix(conv)
        for name in ("project_finer", "project_head", "head", "last"):
            out[f"{name}_weight"] = matrix(getattr(self, name))
        for name in ("head", "last"):
            out[f"{name}_bias"] = getattr(self, name).bias.detach().numpy()
        return {name: array.astype(np.float16) for name, array in out.items()}


def extremes(greatest: torch.Tensor, least: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The greatest of the one and the least of the other, at half the size."""
    return functional.max_pool2d(greatest, 2), -functional.max_pool2d(-least, 2)


def doubled(x: torch.Tensor) -> torch.Tensor:
    return functional.interpolate(x, scale_factor=2, mode="nearest")


def matrix(conv: nn.Conv2d) -> NDArray[np.float32]:
    return conv.weight.detach().numpy()[:, :, 0, 0].T


def planes(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What the detector sees: least, mean and greatest channel. The mean of the ends stands in for luminance."""
    return np.stack([rgb.min(-1), cv2.transform(rgb, np.float32([[0.2126, 0.7152, 0.0722]])), rgb.max(-1)], -1)


def make_pool(
    photographs: list[NDArray[np.uint8]], makes: Sequence[str], count: int, seed: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """`count` crops as the detector sees them, and their true masks."""
    inputs = np.empty((count, CROP_PX, CROP_PX, 3), np.uint8)
    truth = np.empty((count, CROP_PX, CROP_PX), np.uint8)
    for number in range(count):
        rng = np.random.default_rng([POOL_SEED + seed, number])
        damaged, mask = glare_over(picture(rng, photographs), makes[number % len(makes)], rng)
        damaged = spoil(damaged, rng)
        top, left = (int(rng.integers(0, size - CROP_PX + 1)) for size in damaged.shape[:2])
        part = slice(top, top + CROP_PX), slice(left, left + CROP_PX)
        seen = planes(damaged[part])
        inputs[number] = seen[..., 1:2] if rng.random() < 0.4 else seen
        truth[number] = mask[part]
    return inputs, truth


def glare_over(
    clean: NDArray[np.uint8], make: str, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Nothing, the make's own mixture, or one with more of the rarer and harder kinds."""
    kind = rng.random()
    if kind < 0.25:
        return clean, np.zeros(clean.shape[:2], bool)
    if kind < 0.7:
        return add_glare(clean, rng, make=make)
    chosen = [name for name in MAKES[make] if rng.random() < 0.5]
    return add_glare(clean, rng, chosen or [MAKES[make][1]], make)


def spoil(rgb: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Noise and compression after the light, so that a too smooth glint is not what gives it away."""
    if rng.random() < 0.4:
        noisy = rgb + rng.normal(0, rng.uniform(1, 6), rgb.shape)
        rgb = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
    if rng.random() < 0.6:
        rgb = cv2.imdecode(cv2.imencode(".jpg", rgb, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(60, 96))])[1], 1)
    return rgb


def loss_of(logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    share = torch.sigmoid(logits)
    dice = 1 - (2 * (share * truth).sum() + 1) / ((share + truth).sum() + 1)
    return functional.binary_cross_entropy_with_logits(logits, truth) * 4 + dice


def batch_of(inputs: NDArray[np.uint8], truth: NDArray[np.uint8], count: int, rng: np.random.Generator) -> list[torch.Tensor]:
    """Random crops of the pool; flips would change nothing."""
    crops = []
    for number in rng.integers(0, len(inputs), count):
        top, left = rng.integers(0, CROP_PX - TRAINED_PX + 1, 2)
        part = number, slice(top, top + TRAINED_PX), slice(left, left + TRAINED_PX)
        crops.append((inputs[part], truth[part]))
    x = torch.from_numpy(np.stack([crop for crop, _ in crops])).permute(0, 3, 1, 2).float() / 255
    y = torch.from_numpy(np.stack([mask for _, mask in crops])).float()[:, None]
    return [x, y]


def train(inputs: NDArray[np.uint8], truth: NDArray[np.uint8], steps: int, batch: int) -> Detector:
    torch.manual_seed(1)
    rng = np.random.default_rng(1)
    net = Detector().to(memory_format=torch.channels_last)
    print("parameters", sum(p.numel() for p in net.parameters()), flush=True)
    optimizer = torch.optim.AdamW(net.parameters(), lr=4e-3, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps, pct_start=0.1)
    started, losses = time.time(), []
    for step in range(steps):
        x, y = batch_of(inputs, truth, batch, rng)
        with torch.autocast("cpu", torch.bfloat16):
            logits = net(x.contiguous(memory_format=torch.channels_last))
        loss = loss_of(logits.float(), y)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
        if step % 100 == 99:
            print(f"step {step + 1} loss {np.mean(losses[-100:]):.4f} {time.time() - started:.0f} s", flush=True)
    return net.eval()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path, help="manifest.csv of the photographs (tools/shipped_credits.py)")
    parser.add_argument("--makes", nargs="+", default=list(MAKES), help="of glare, in equal parts")
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--pool", type=int, default=5000)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    # One thread: two wait for each other where the machine is shared.
    torch.set_num_threads(1)
    pool = make_pool(sources(arguments.table), arguments.makes, arguments.pool, 0)
    net = train(*pool, arguments.steps, arguments.batch)
    arguments.out.write_bytes(detector_model(net.arrays()).SerializeToString())
    print(arguments.out, arguments.out.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
