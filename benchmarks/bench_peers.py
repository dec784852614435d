"""Seconds a photograph of two peers' ways, re-stated, beside ours: time alone, because their weights are not here.

    python benchmarks/bench_peers.py [--photographs FOLDER] [--count 31] [--rounds 3]

"pix2pix" is the loop of pytorch-CycleGAN-and-pix2pix's test.py: Pillow, every photograph squashed to 256 x 256 px, unet_256
with 64 filters in eager torch, its answer saved at that size. "ddcolor" is the shape of DDColor's pipeline: squashed to 512 x
512 px, an encoder and decoders of its kind and size (ConvNeXt-L, 100 queries in nine layers) with random weights, the color
enlarged to the photograph's size by nearest neighbor. "ours" is `dancheong predict` with the colorizer that comes along, the
start of the program, light reflection and provenance included; the peers' starts are left out. In turns; the last line is JSON.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from dancheong.artifact import SHIPPED_COLORIZER
from dancheong.models.network import Network
from dancheong.models.table import unet_table
from dancheong.params import resolve
from material import gray_scenes, machine, predict_words, run_measured

DEPTHS, WIDTHS = (3, 3, 27, 3), (192, 384, 768, 1536)
QUERIES, LAYERS, WIDTH = 100, 9, 256


class Block(nn.Module):
    """A block of ConvNeXt (Liu et al. 2022)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.spatial = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.each = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.each(self.spatial(x).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class LikeDdcolor(nn.Module):
    """Encoder, pixel decoder and color decoder as DDColor (Kang et al. 2023) puts them together; a* and b* of a picture."""

    def __init__(self) -> None:
        super().__init__()
        self.downs = nn.ModuleList(nn.Conv2d(a, b, 4 if a == 3 else 2, 4 if a == 3 else 2) for a, b in pairwise((3, *WIDTHS)))
        self.stages = nn.ModuleList(
            nn.Sequential(*(Block(width) for _ in range(count))) for count, width in zip(DEPTHS, WIDTHS, strict=True)
        )
        self.ups = nn.ModuleList(
            nn.Sequential(nn.Conv2d(a, 4 * b, 1), nn.PixelShuffle(2)) for a, b in ((1536, 512), (512, 512), (512, 256))
        )
        self.joins = nn.ModuleList(
            nn.Sequential(nn.Conv2d(b + skip, b, 3, padding=1), nn.ReLU()) for b, skip in ((512, 768), (512, 384), (256, 192))
        )
        self.last = nn.Sequential(nn.Conv2d(256, 256 * 16, 1), nn.PixelShuffle(4))
        self.queries = nn.Parameter(torch.randn(1, QUERIES, WIDTH))
        self.levels = nn.ModuleList(nn.Conv2d(width, WIDTH, 1) for width in (512, 512, 256))
        self.layers = nn.ModuleList(nn.TransformerDecoderLayer(WIDTH, 8, 2048, batch_first=True) for _ in range(LAYERS))
        self.refine = nn.Conv2d(QUERIES + 3, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        results, skips, levels = x, [], []
        for down, stage in zip(self.downs, self.stages, strict=True):
            results = stage(down(results))
            skips.append(results)
        for up, join, skip in zip(self.ups, self.joins, skips[-2::-1], strict=True):
            results = join(torch.cat([up(results), skip], 1))
            levels.append(results)
        memories = [level(one).flatten(2).transpose(1, 2) for level, one in zip(self.levels, levels, strict=True)]
        colors = self.queries
        for number, layer in enumerate(self.layers):
            colors = layer(colors, memories[number % len(memories)])
        return self.refine(torch.cat([torch.einsum("bqc,bchw->bqhw", colors, self.last(results)), x], 1))


def pix2pix() -> Callable[[Path, Path], None]:
    """One photograph as test.py of pytorch-CycleGAN-and-pix2pix colors it."""
    network = Network(unet_table(resolve(preset="paper", settings={"RESOL": 256}).params, 3, 3)).eval()

    @torch.no_grad()
    def color(path: Path, out: Path) -> None:
        squashed = Image.open(path).convert("RGB").resize((256, 256), Image.Resampling.BICUBIC)
        input_bchw = torch.from_numpy(np.array(squashed)).permute(2, 0, 1)[None].float() / 127.5 - 1
        answer = ((network(input_bchw)[0].permute(1, 2, 0).numpy() + 1) * 127.5).clip(0, 255)
        Image.fromarray(answer.astype(np.uint8)).save(out.with_suffix(".png"))

    return color


def ddcolor() -> tuple[Callable[[Path, Path], None], float]:
    """One photograph in the shape of DDColor's pipeline, and the millions of weights."""
    network = LikeDdcolor().eval()

    @torch.inference_mode()
    def color(path: Path, out: Path) -> None:
        image = (cv2.imread(str(path)) / 255.0).astype(np.float32)
        height, width = image.shape[:2]
        lightness = cv2.cvtColor(image, cv2.COLOR_BGR2LAB)[..., :1]
        small = cv2.cvtColor(cv2.resize(image, (512, 512)), cv2.COLOR_BGR2LAB)[..., :1]
        gray = cv2.cvtColor(np.concatenate([small, np.zeros((512, 512, 2), np.float32)], -1), cv2.COLOR_LAB2RGB)
        answer = network(torch.from_numpy(gray.transpose(2, 0, 1))[None])
        chroma = functional.interpolate(answer, size=(height, width))[0].permute(1, 2, 0).numpy()
        result = cv2.cvtColor(np.concatenate([lightness, chroma], -1), cv2.COLOR_LAB2BGR)
        cv2.imwrite(str(out), (result * 255).round().clip(0, 255).astype(np.uint8))

    return color, sum(one.numel() for one in network.parameters()) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photographs", type=Path)
    parser.add_argument("--count", type=int, default=31)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()

    like_ddcolor, million_weights = ddcolor()
    ways = {"pix2pix": pix2pix(), "ddcolor": like_ddcolor}
    seconds: dict[str, list[float]] = {name: [] for name in (*ways, "ours")}
    with tempfile.TemporaryDirectory() as folder:
        photographs = given.photographs or Path(folder, "photographs")
        if given.photographs is None:
            gray_scenes(photographs, given.count)
        paths = sorted(photographs.iterdir())
        for number in range(given.rounds):
            for name, color in ways.items():
                # The slow one sees fewer.
                some = paths if name == "pix2pix" else paths[:5]
                out = Path(folder, f"{name}{number}")
                out.mkdir()
                color(paths[0], out / paths[0].name)
                began = time.perf_counter()
                for path in some:
                    color(path, out / path.name)
                seconds[name].append((time.perf_counter() - began) / len(some))
            done = run_measured(predict_words(SHIPPED_COLORIZER, photographs, Path(folder, f"ours{number}")))
            seconds["ours"].append(done.seconds / len(paths))
    medians: dict[str, Any] = {name: round(statistics.median(times), 4) for name, times in seconds.items()}
    found = {"photographs": len(paths), "million_weights": round(million_weights, 1), "seconds_a_photograph": medians}
    print(json.dumps({"machine": machine(), **found}))


if __name__ == "__main__":
    main()
