"""The upscaler's network: SRVGGNetCompact (Wang et al. 2021, the small network of Real-ESRGAN), under its own key names.

At 32 features, 10 layers and scale 2, on a picture of one plane:

    body.0            conv     1 -> 32     body.1    PReLU
    body.2, 4 .. 20   conv    32 -> 32     body.3, 5 .. 21   PReLU
    body.22           conv    32 ->  4     pixels shuffled into 2 x 2 blocks, added to the nearest neighbor

All convolutions are 3 x 3. So weights of the community fit as they are, and a pixel of the result sees `radius_px` of the
input to each side and nothing else.
"""

import re
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from dancheong.params import ExtraMissing, ParamError

SCALES = (2, 4)
MAX_WEIGHTS_BYTES = 256 << 20
_CONV, _SLOPE = re.compile(r"body\.(\d{1,3})\.(?:weight|bias)"), 0.25


class Compact(nn.Module):
    """The network of a description; `channels` is 1 (luminance) or 3 (RGB). Weights are named ``body.0.weight`` and so on."""

    def __init__(self, channels: int, features: int, layers: int, scale: int) -> None:
        super().__init__()
        self.channels, self.features, self.layers, self.scale = channels, features, layers, scale
        widths = [channels, *[features] * (layers + 1)]
        parts: list[nn.Module] = []
        for c_in, c_out in pairwise(widths):
            parts += [nn.Conv2d(c_in, c_out, 3, padding=1), nn.PReLU(c_out, init=_SLOPE)]
        self.body = nn.ModuleList([*parts, nn.Conv2d(features, channels * scale**2, 3, padding=1)])

    @property
    def radius_px(self) -> int:
        """How far, in pixels of the input, a result looks to each side."""
        return self.layers + 2

    def forward(self, x_bchw: Tensor) -> Tensor:
        """(b, channels, h, w) sRGB-coded in [0, 1] -> (b, channels, scale h, scale w), about [0, 1], not clipped."""
        x = x_bchw
        for part in self.body:
            x = part(x)
        return F.pixel_shuffle(x, self.scale) + F.interpolate(x_bchw, scale_factor=self.scale, mode="nearest")


@torch.no_grad()
def initialize_compact(network: Compact, seed: int) -> None:
    """Initial weights that depend on `seed` alone: He et al. 2015 for PReLU, biases 0, the last layer a tenth of that."""
    generator = torch.Generator("cpu").manual_seed(seed)
    convolutions = [part for part in network.body if isinstance(part, nn.Conv2d)]
    for conv in convolutions:
        spread = (2 / ((1 + _SLOPE**2) * 9 * conv.in_channels)) ** 0.5
        if conv is convolutions[-1]:
            # The first results are then close to the nearest neighbor, which is close to the truth.
            spread *= 0.1
        conv.weight.copy_(torch.empty(conv.weight.shape).normal_(0, spread, generator=generator))
        assert conv.bias is not None
        conv.bias.zero_()


def architecture(network: Compact) -> dict[str, Any]:
    """The network as plain JSON values."""
    return {
        "network": "compact", "channels": network.channels, "features": network.features, "layers": network.layers,
        "scale": network.scale,
    }


def to_weights(network: Compact) -> dict[str, NDArray[np.float32]]:
    """The weights as the ONNX graph takes them: named as in the state_dict, slopes of PReLU as (features, 1, 1)."""
    return {
        name: tensor.detach().to("cpu", torch.float32, memory_format=torch.contiguous_format).numpy().copy().reshape(
            (-1, 1, 1) if tensor.ndim == 1 and name.endswith(".weight") else tuple(tensor.shape)
        )
        for name, tensor in network.state_dict().items()
    }


def from_weights(weights: Mapping[str, NDArray[Any]]) -> Compact:
    """The network that these weights are of, with them, on the CPU in float32. Channels, layers and scale follow from them.

    Args:
        weights: arrays by name, as from `to_weights` or from a state_dict.

    Raises:
        ValueError: they are not those of an SRVGGNetCompact with PReLU, of 1 or 3 channels and scale 2 or 4.
    """
    network = _shaped(weights)
    state = network.state_dict()
    strange = sorted(state.keys() ^ weights.keys())
    if strange:
        raise ValueError(f"{len(strange)} weights are missing or unknown to an SRVGGNetCompact with PReLU: {strange[0]} ...")
    for name, tensor in state.items():
        array = np.asarray(weights[name], np.float32)
        if array.size != tensor.numel() or (array.ndim == 4 and array.shape != tuple(tensor.shape)):
            raise ValueError(f"weight {name} has shape {array.shape}, {tuple(tensor.shape)} was expected")
        if not np.isfinite(array).all():
            raise ValueError(f"weight {name} holds values that are not finite")
        tensor.copy_(torch.from_numpy(array.copy()).reshape(tensor.shape))
    return network


def _shaped(weights: Mapping[str, NDArray[Any]]) -> Compact:
    """An empty network of the size that the names and shapes tell."""
    places = [int(found[1]) for name in weights if (found := _CONV.fullmatch(name))]
    last = max(places, default=0)
    first_shape, last_shape = (np.shape(weights.get(f"body.{place}.weight", 0)) for place in (0, last))
    if last < 4 or last % 2 or len(first_shape) != 4 or len(last_shape) != 4:
        raise ValueError("weights body.0.weight, body.1.weight ... of an SRVGGNetCompact with PReLU were expected")
    channels, features = first_shape[1], first_shape[0]
    scale = round((last_shape[0] / max(channels, 1)) ** 0.5)
    if channels not in (1, 3) or scale not in SCALES or last_shape[0] != channels * scale**2 or not 1 <= features <= 1024:
        raise ValueError(
            f"a network of 1 or 3 channels and scale 2 or 4 was expected; the first weights are {first_shape}, the last "
            f"{last_shape}"
        )
    return Compact(channels, features, last // 2 - 1, scale)


def read_safetensors(path: str | Path) -> Compact:
    """The network of a `.safetensors` file in float32, float16 or bfloat16; see `from_weights`. No code of the file runs.

    Raises:
        ParamError: no such file, too large, damaged, or weights of another network.
        ExtraMissing: the package safetensors is not installed.
    """
    path = Path(path)
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load_file
    except ImportError as error:
        raise ExtraMissing("reading .safetensors needs the package safetensors: pip install 'dancheong[train]'") from error
    if not path.is_file() or path.stat().st_size > MAX_WEIGHTS_BYTES:
        raise ParamError(f"{path}: a .safetensors file of at most {MAX_WEIGHTS_BYTES >> 20} MB was expected")
    try:
        tensors = load_file(path)
        if any(not tensor.is_floating_point() for tensor in tensors.values()):
            raise ValueError("floating-point weights were expected")
        return from_weights({name: tensor.float().numpy() for name, tensor in tensors.items()})
    except (SafetensorError, ValueError, KeyError) as error:
        raise ParamError(f"{path}: not weights that can be used: {error}") from error
