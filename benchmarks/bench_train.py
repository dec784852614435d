"""How fast is a training step? Ours beside a plain eager Pix2Pix step, in turns, in one run.

    python benchmarks/bench_train.py                       # the canonical networks at 256 px, batches of 1 and 4
    python benchmarks/bench_train.py --device cuda --resol 256 1024 --batch 1 16 64
    python benchmarks/bench_train.py --processes           # also one process against two at one global batch
    python benchmarks/bench_train.py --default             # the default recipe's step beside a plain one

The plain step is what a tutorial writes: float32, modules as they come, Adam as it comes, a batch of 1. Ours is the step of
`dancheong train --preset paper` with PRECISION=auto, as the engine sets it up, on tensors that lie ready. The share of the
peak is the convolutions' floating point operations a second (three times the forward pass of every network that learns, as
counted by torch) over those of a large product of matrices in the same arithmetic, measured here. Medians; the last line
is one JSON object.
"""

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from dancheong.data.batches import Batch
from dancheong.models import losses
from dancheong.models.blocks import initialize, to_channels_last
from dancheong.models.discriminator import Discriminator, discriminator_rows
from dancheong.models.network import Network
from dancheong.models.table import unet_table
from dancheong.params import Params, resolve
from dancheong.training.colorizer_trainer import new_generator
from dancheong.training.engine import launch, precision_here
from dancheong.training.step import Networks, train_step

MATRIX = 4096


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--resol", type=int, nargs="+", default=[256])
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--processes", action="store_true", help="also one process against two")
    parser.add_argument("--default", action="store_true", help="the default recipe instead of the canonical networks")
    arguments = parser.parse_args()
    if arguments.default:
        print(json.dumps(default_recipe(arguments)))
        return
    peaks = {str(dtype).removeprefix("torch."): peak(dtype, arguments.device) for dtype in (torch.float32, torch.bfloat16)}
    print("GFLOP/s of a matrix product:", peaks, flush=True)
    rows = [row for resol in arguments.resol for row in measure(resol, arguments, peaks)]
    result = {"machine": platform.processor() or platform.machine(), "threads": torch.get_num_threads(),
              "device": arguments.device, "torch": torch.__version__, "peak_gflops": peaks, "rows": rows}
    if arguments.processes:
        result["processes"] = processes()
    print(json.dumps(result))


def measure(resol: int, arguments: argparse.Namespace, peaks: dict[str, float]) -> list[dict[str, Any]]:
    """Plain at a batch of 1 and ours at each batch size, taking turns so that all see the same machine."""
    params = resolve(preset="paper", settings={"RESOL": resol, "PRECISION": "auto", "DEVICE": arguments.device}).params
    steps: dict[str, Callable[[], None]] = {"plain 1": plain_step(resol, arguments.device)}
    for size in arguments.batch:
        steps[f"ours {size}"] = our_step(params.model_copy(update={"batch_size": size}), arguments.device)
    memory_mb: dict[str, int] = {}
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for repeat in range(arguments.repeats + 2):
        for name, step in steps.items():
            if arguments.device == "cuda":
                torch.cuda.reset_peak_memory_stats()
            began = time.perf_counter()
            step()
            if arguments.device == "cuda":
                torch.cuda.synchronize()
                # With the weights of all the steps that take turns here.
                memory_mb[name] = torch.cuda.max_memory_allocated() >> 20
            if repeat >= 2:
                seconds[name].append(time.perf_counter() - began)
    rows = []
    gflop = step_gflop(params)
    plain = statistics.median(seconds["plain 1"])
    for name, times in seconds.items():
        size, median = int(name.split()[1]), statistics.median(times)
        dtype = "float32" if name.startswith("plain") or precision_here(params) == "32-true" else "bfloat16"
        memory = {} if arguments.device == "cpu" else {"peak_mb": memory_mb[name]}
        rows.append({
            "step": name, **memory, "resol": resol, "seconds": round(median, 4), "images_per_second": round(size / median, 2),
            "times_plain": round(size / median * plain, 2), "gflops": round(gflop * size / median, 1),
            "share_of_peak": round(gflop * size / median / peaks[dtype], 3), "arithmetic": dtype,
            "share_of_float32_peak": round(gflop * size / median / peaks["float32"], 3),
        })
        print(json.dumps(rows[-1]), flush=True)
    return rows


def default_recipe(arguments: argparse.Namespace) -> dict[str, Any]:
    """Images a second of the default's step, and processor seconds of each, beside a plain one of its network and batch."""
    params = Params(DEVICE=arguments.device)
    size, seen = params.batch_size, {"plain": "float32", "ours": precision_here(params)}
    input_bchw, target_bchw = example(size, params.resol, params.device)
    target_bchw = target_bchw[:, :2]
    plain = new_generator(params).to(params.device)
    optimizer = torch.optim.Adam(plain.parameters(), lr=params.lr)

    def plain_step_of_default() -> None:
        loss = params.lambda_l1 * losses.DISTANCES[params.loss](plain(input_bchw), target_bchw)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    fabric, generator = launch(params), new_generator(params)
    to_channels_last(generator, size)
    ours = fabric.setup(generator, torch.optim.Adam(generator.parameters(), lr=params.lr, fused=True))
    networks = Networks(*ours, None, None, None, fabric.autocast)
    batch = Batch(input_bchw, target_bchw, torch.ones_like(input_bchw))
    steps = {
        "plain": plain_step_of_default,
        "ours": lambda: void(train_step(networks, batch, params, fabric.backward, adversarial=False)),
    }
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    cpu_seconds: dict[str, list[float]] = {name: [] for name in steps}
    for repeat in range(arguments.repeats + 2):
        for name, step in steps.items():
            began, cpu_began = time.perf_counter(), time.process_time()
            step()
            if params.device == "cuda":
                torch.cuda.synchronize()
            if repeat >= 2:
                seconds[name].append(time.perf_counter() - began)
                cpu_seconds[name].append(time.process_time() - cpu_began)
    median, cpu_median = ({n: statistics.median(t) for n, t in some.items()} for some in (seconds, cpu_seconds))
    return {
        "bench": "train_default", "encoder": params.encoder, "resol": params.resol, "batch": size,
        "threads": torch.get_num_threads(), "precision": seen,
        "images_per_second": {name: round(size / some, 2) for name, some in median.items()},
        "cpu_seconds_an_image": {name: round(some / size, 4) for name, some in cpu_median.items()},
        "times_plain": round(median["plain"] / median["ours"], 2),
        "times_plain_in_cpu": round(cpu_median["plain"] / cpu_median["ours"], 2),
    }


def peak(dtype: torch.dtype, device: str) -> float:
    """GFLOP/s of the product of two large matrices, the median of several."""
    left, right = (torch.randn(MATRIX, MATRIX, device=device, dtype=dtype) for _ in range(2))
    times = []
    for repeat in range(7):
        began = time.perf_counter()
        (left @ right)[0, 0].item()
        if repeat:
            times.append(time.perf_counter() - began)
    return round(2 * MATRIX**3 / statistics.median(times) / 1e9, 1)


def step_gflop(params: Params) -> float:
    """Operations of one image's step: each network forward, and back through weights and inputs where it learns."""
    generator, discriminator = Network(unet_table(params, 1, 3)), Discriminator(discriminator_rows(params, 4))
    counted = []
    with torch.no_grad():
        for network, channels in ((generator, 1), (discriminator, 4)):
            with FlopCounterMode(display=False) as counter:
                network(torch.zeros(2, channels, params.resol, params.resol))
            counted.append(counter.get_total_flops() / 2 / 1e9)
    # The generator: forward and twice as much back. The discriminator: twice so for its own loss, and once forward and
    # once back to the picture for the generator's.
    return 3 * counted[0] + (2 * 3 + 2) * counted[1]


def our_step(params: Params, device: str) -> Callable[[], None]:
    """One step of `dancheong train`, without the reading of photographs."""
    fabric = launch(params)
    generator, discriminator = Network(unet_table(params, 1, 3)), Discriminator(discriminator_rows(params, 4))
    pairs = []
    for network in (generator, discriminator):
        initialize(network, 1)
        to_channels_last(network, params.batch_size)
        optimizer = torch.optim.Adam(network.parameters(), lr=params.lr, betas=(params.beta1, 0.999), fused=True)
        pairs.append(fabric.setup(network, optimizer))
    networks = Networks(*pairs[0], *pairs[1], discriminator, fabric.autocast)
    weight = torch.ones(params.batch_size, 1, params.resol, params.resol, device=device)
    batch = Batch(*example(params.batch_size, params.resol, device), weight)
    return lambda: void(train_step(networks, batch, params, fabric.backward, adversarial=True))


def void(_: object) -> None:
    """What a step returns lies on the device and is not waited for."""


def example(size: int, resol: int, device: str) -> tuple[Tensor, Tensor]:
    return tuple(torch.rand(size, channels, resol, resol, device=device) * 2 - 1 for channels in (1, 3))  # type: ignore[return-value]


# -- the plain step -----------------------------------------------------------------------------------------------------


class PlainUnet(nn.Module):
    """The canonical U-Net as a tutorial writes it."""

    def __init__(self, levels: int) -> None:
        super().__init__()
        widths = [1] + [64 * min(2**level, 8) for level in range(levels)]
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        for k in range(levels):
            layers: list[nn.Module] = [nn.LeakyReLU(0.2)] if k else []
            layers.append(nn.Conv2d(widths[k], widths[k + 1], 4, 2, 1, bias=False))
            self.down.append(nn.Sequential(*layers, nn.BatchNorm2d(widths[k + 1]) if 0 < k < levels - 1 else nn.Identity()))
        for k in reversed(range(levels)):
            width_in, width_out = widths[k + 1] * (1 if k == levels - 1 else 2), widths[k] if k else 3
            layers = [nn.ReLU(), nn.ConvTranspose2d(width_in, width_out, 4, 2, 1, bias=k == 0)]
            layers += [nn.BatchNorm2d(width_out)] if k else [nn.Tanh()]
            self.up.append(nn.Sequential(*layers, nn.Dropout(0.5) if 4 <= k < levels - 1 else nn.Identity()))

    def forward(self, x: Tensor) -> Tensor:
        skips = []
        for down in self.down:
            x = down(x)
            skips.append(x)
        skips.pop()
        for up in self.up[:-1]:
            x = torch.cat([skips.pop(), up(x)], 1)
        out: Tensor = self.up[-1](x)
        return out


def plain_patchgan() -> nn.Module:
    layers: list[nn.Module] = [nn.Conv2d(4, 64, 4, 2, 1), nn.LeakyReLU(0.2)]
    for c_in, c_out, stride in ((64, 128, 2), (128, 256, 2), (256, 512, 1)):
        layers += [nn.Conv2d(c_in, c_out, 4, stride, 1, bias=False), nn.BatchNorm2d(c_out), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Conv2d(512, 1, 4, 1, 1))


def plain_step(resol: int, device: str) -> Callable[[], None]:
    """One step of Isola et al. 2017 at a batch of 1, eager and in float32."""
    generator, discriminator = PlainUnet(resol.bit_length() - 1).to(device), plain_patchgan().to(device)
    optimizer_g, optimizer_d = (
        torch.optim.Adam(network.parameters(), lr=2e-4, betas=(0.5, 0.999)) for network in (generator, discriminator)
    )
    gray, color = example(1, resol, device)
    judge = nn.BCEWithLogitsLoss()

    def step() -> None:
        fake = generator(gray)
        on_fake = discriminator(torch.cat([gray, fake.detach()], 1))
        on_real = discriminator(torch.cat([gray, color], 1))
        loss_d = (judge(on_fake, torch.zeros_like(on_fake)) + judge(on_real, torch.ones_like(on_real))) / 2
        optimizer_d.zero_grad()
        loss_d.backward()
        optimizer_d.step()
        discriminator.requires_grad_(False)
        logits = discriminator(torch.cat([gray, fake], 1))
        loss_g = judge(logits, torch.ones_like(logits)) + 100 * (fake - color).abs().mean()
        optimizer_g.zero_grad()
        loss_g.backward()
        optimizer_g.step()
        discriminator.requires_grad_(True)

    return step


# -- several processes --------------------------------------------------------------------------------------------------


def processes() -> dict[str, float]:
    """Images a second of whole trainings on built-in scenes: one process, and two, at a global batch of 8."""
    from dancheong.scenes import write_scenes

    rates = {}
    with tempfile.TemporaryDirectory() as folder:
        photos = Path(folder) / "photos"
        write_scenes(photos, 64, 1, 256, 192)
        for count in (1, 2):
            command = [sys.executable, "-m", "dancheong", "train", str(photos), "-o", f"{folder}/{count}.h5", "--json"]
            rows = {"RESOL": 128, "EPOCHS": 6, "DEVICES": count, "DEVICE": "cpu", "GLARE_MODE": "off", "GAN_START": 0}
            settings = [f"--set={name}={value}" for name, value in rows.items()]
            done = subprocess.run(command + settings, capture_output=True, text=True, check=True)
            rates[str(count)] = round(json.loads(done.stdout.splitlines()[-1])["images_per_second"], 2)
    return rates | {"two_to_one": round(rates["2"] / rates["1"], 3)}


if __name__ == "__main__":
    main()
