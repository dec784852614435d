"""The upscaler's network, SRVGGNetCompact, and its weights in the layout of the community.

`dancheong.models.table.compact_table` is its table. The community names the same weights body.0.weight
(convolution), body.1.weight (PReLU), body.2.weight and so on.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from dancheong.models.network import Network, fill
from dancheong.models.table import PRELU_SLOPE, compact_table
from dancheong.params import ExtraMissing, ParamError

SCALES = (2, 4)
MAX_WEIGHTS_BYTES = 256 << 20
_COMMUNITY = re.compile(r"body\.([0-9]{1,3})\.(weight|bias)")


class Compact(Network):
    """The network for `channels` planes: 1 (luminance) or 3 (RGB).

    It takes and gives sRGB-coded values: in [0, 1], and about [0, 1], not clipped.
    """

    def __init__(self, channels: int, features: int, layers: int, scale: int) -> None:
        super().__init__(compact_table(channels, features, layers, scale))
        self.channels, self.features, self.layers, self.scale = channels, features, layers, scale


@torch.no_grad()
def initialize_compact(network: Compact, seed: int) -> None:
    """Initial weights that depend on `seed` alone: He et al. 2015 for PReLU, biases 0, the last layer a tenth of that."""
    generator = torch.Generator("cpu").manual_seed(seed)
    convolutions = [part for part in network.modules() if isinstance(part, nn.Conv2d)]
    for conv in convolutions:
        spread = (2 / ((1 + PRELU_SLOPE**2) * 9 * conv.in_channels)) ** 0.5
        if conv is convolutions[-1]:
            # The first results are then close to the nearest neighbor, which is close to the truth.
            spread *= 0.1
        conv.weight.copy_(torch.empty(conv.weight.shape).normal_(0, spread, generator=generator))
        assert conv.bias is not None
        conv.bias.zero_()


def from_weights(weights: Mapping[str, NDArray[Any]]) -> Compact:
    """The network that these weights are of, with them, on the CPU in float32. Channels, layers and scale follow from them.

    Args:
        weights: arrays by name, as from `dancheong.models.network.to_weights` or in the layout of the community.

    Raises:
        ValueError: they are not those of an SRVGGNetCompact with PReLU, of 1 or 3 channels and scale 2 or 4.
    """
    weights = {_own_name(name): np.asarray(array, np.float32) for name, array in weights.items()}
    network = _shaped(weights)
    network.table.check_weights(weights)
    for name, array in weights.items():
        if not np.isfinite(array).all():
            raise ValueError(f"weight {name} holds values that are not finite")
    fill(network, weights)
    return network


def _own_name(name: str) -> str:
    """body.2.weight -> conv1.conv.weight, body.3.weight -> conv1.slope; other names stay."""
    found = _COMMUNITY.fullmatch(name)
    if not found:
        return name
    layer, is_slope = divmod(int(found[1]), 2)
    return f"conv{layer}.slope" if is_slope and found[2] == "weight" else f"conv{layer}.conv.{found[2]}"


def _shaped(weights: Mapping[str, NDArray[Any]]) -> Compact:
    """An empty network of the size that the names and shapes tell."""
    last = sum(name.endswith(".conv.weight") for name in weights) - 1
    first_shape, last_shape = (np.shape(weights.get(f"conv{place}.conv.weight", 0)) for place in (0, last))
    if last < 2 or len(first_shape) != 4 or len(last_shape) != 4:
        raise ValueError("weights body.0.weight, body.1.weight ... of an SRVGGNetCompact with PReLU were expected")
    channels, features = first_shape[1], first_shape[0]
    scale = round((last_shape[0] / max(channels, 1)) ** 0.5)
    if channels not in (1, 3) or scale not in SCALES or last_shape[0] != channels * scale**2 or not 1 <= features <= 1024:
        raise ValueError(
            f"a network of 1 or 3 channels and scale 2 or 4 was expected; the first weights are {first_shape}, the last "
            f"{last_shape}"
        )
    return Compact(channels, features, last - 1, scale)


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
