"""The generator: a U-Net as a table of rows, and the small module that is built from them.

With ``--preset paper`` at RESOL 256 and three channels in and out the table is (Isola et al. 2017, section 6.1.1):

    block    in -> out   size  before  norm   dropout
    enc1     3 ->   64   128  none    none
    enc2    64 ->  128    64  leaky   batch
    enc3   128 ->  256    32  leaky   batch
    enc4   256 ->  512    16  leaky   batch
    enc5   512 ->  512     8  leaky   batch
    enc6   512 ->  512     4  leaky   batch
    enc7   512 ->  512     2  leaky   batch
    enc8   512 ->  512     1  leaky   none
    dec8   512 ->  512     2  relu    batch
    dec7  1024 ->  512     4  relu    batch  0.5
    dec6  1024 ->  512     8  relu    batch  0.5
    dec5  1024 ->  512    16  relu    batch  0.5
    dec4  1024 ->  256    32  relu    batch
    dec3   512 ->  128    64  relu    batch
    dec2   256 ->   64   128  relu    batch
    dec1   128 ->    3   256  relu    none
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dancheong.models.blocks import Activation, Norm, activate, norm_layer, padded_px
from dancheong.params import Params

Step = Literal["down", "transposed", "resize"]


@dataclass(frozen=True)
class UnetRow:
    """One row of the table: what comes in, what is done, what goes out.

    `step`: `down` halves by a strided convolution; `transposed` doubles by a transposed one; `resize` doubles by
    nearest neighbor and a convolution of odd kernel. `out_px` is the side of the output for a square picture of RESOL
    (padded to the network's multiple). `before` is the activation in front of the convolution.
    """

    block: str
    step: Step
    ksize: int
    c_in: int
    c_out: int
    out_px: int
    before: Activation
    norm: Norm
    bias: bool
    dropout: float


def generator_rows(params: Params, c_in: int, c_out: int) -> list[UnetRow]:
    """The U-Net as a table: `params.levels` encoder rows, then as many decoder rows in mirrored order.

    Decoder row k takes ``[skip of enc k, what came up]``. There is no normalization at enc1, at the last row (its
    output is the color) or at the bottleneck: on 1 x 1 px and a batch of one it would output its shift alone. Dropout
    is on the decoder rows from eight-fold to eight-fold width that take a skip: dec7, dec6 and dec5 at 256 px (the
    paper's Torch code has it at dec8, 7, 6; its PyTorch descendants, followed here, one row further out).

    A convolution has a bias exactly where no normalization with a shift follows it; with batch normalization, enc1 and
    the bottleneck have none either, as in the reference.
    """
    levels = params.levels
    side_px = padded_px(params.resol, levels)
    widths = [c_in] + [params.ngf * min(2**level, 8) for level in range(levels)]
    down_ksize = params.ksize
    up_step: Step = params.upsample
    # Nearest neighbor has doubled already, and only an odd kernel keeps a size: 8 -> 7, 4 -> 3.
    up_ksize = params.ksize if params.upsample == "transposed" else params.ksize - 1 + params.ksize % 2
    bias_without_norm = params.norm != "batch"

    rows = []
    for k in range(1, levels + 1):
        norm: Norm = params.norm if 1 < k < levels else "none"
        before: Activation = "leaky" if k > 1 else "none"
        bias = norm == "none" and bias_without_norm
        rows.append(
            UnetRow(f"enc{k}", "down", down_ksize, widths[k - 1], widths[k], side_px >> k, before, norm, bias, 0.0)
        )
    for k in range(levels, 0, -1):
        skipped = 1 if k == levels else 2
        width_out = widths[k - 1] if k > 1 else c_out
        norm = params.norm if k > 1 else "none"
        bias = k == 1 or (norm == "none" and bias_without_norm)
        dropout = params.dropout if 5 <= k < levels else 0.0
        rows.append(
            UnetRow(
                f"dec{k}", up_step, up_ksize, widths[k] * skipped, width_out, side_px >> (k - 1), "relu", norm, bias,
                dropout,
            )
        )
    return rows


def conv_padding(ksize: int) -> int:
    """Padding with which a stride of 2 halves, or a transposed one doubles, an even size exactly."""
    return (ksize - 1) // 2 if ksize % 2 else (ksize - 2) // 2


def _convolution(row: UnetRow) -> nn.Conv2d | nn.ConvTranspose2d:
    padding = conv_padding(row.ksize)
    match row.step:
        case "down":
            return nn.Conv2d(row.c_in, row.c_out, row.ksize, stride=2, padding=padding, bias=row.bias)
        case "transposed":
            # An odd kernel falls one short of double: n -> 2n - 1.
            return nn.ConvTranspose2d(
                row.c_in, row.c_out, row.ksize, stride=2, padding=padding, output_padding=row.ksize % 2, bias=row.bias
            )
        case "resize":
            return nn.Conv2d(row.c_in, row.c_out, row.ksize, padding=padding, bias=row.bias)
    raise ValueError(f"step {row.step!r} of {row.block} is unknown: down, transposed and resize are known")


class UnetBlock(nn.Module):
    """One row at work: activation, convolution that halves or doubles, normalization, dropout."""

    def __init__(self, row: UnetRow) -> None:
        super().__init__()
        self.row = row
        self.conv = _convolution(row)
        self.norm = norm_layer(row.norm, row.c_out)
        self.dropout = nn.Dropout(row.dropout) if row.dropout else nn.Identity()

    def forward(self, x_bchw: Tensor) -> Tensor:
        x_bchw = activate(x_bchw, self.row.before)
        if self.row.step == "resize":
            x_bchw = F.interpolate(x_bchw, scale_factor=2, mode="nearest")
        out: Tensor = self.dropout(self.norm(self.conv(x_bchw)))
        return out


class Generator(nn.Module):
    """The U-Net of a table. Its weights are named ``<block>.conv.weight``, ``<block>.norm.running_mean`` and so on.

    It comes with torch's own initial weights; `dancheong.models.blocks.initialize` draws the canonical ones.
    """

    def __init__(self, rows: Sequence[UnetRow]) -> None:
        super().__init__()
        self.rows = tuple(rows)
        self.levels = len(rows) // 2
        for row in rows:
            self.add_module(row.block, UnetBlock(row))

    @property
    def c_in(self) -> int:
        """Channels of the input."""
        return self.rows[0].c_in

    @property
    def c_out(self) -> int:
        """Channels of the output."""
        return self.rows[-1].c_out

    def forward(self, input_bchw: Tensor) -> Tensor:
        """Input (b, c_in, h, w) in [-1, 1] of any size -> (b, c_out, h, w) in [-1, 1].

        Sizes that cannot be halved `levels` times are mirrored at the lower and right edge, as prediction does
        (`dancheong.imaging.resize.pad_to_multiple`), and the output is cropped.

        Raises:
            ValueError: the input has another number of channels, or no extent.
        """
        check_channels(tuple(input_bchw.shape), self.c_in)
        height, width = input_bchw.shape[2:]
        x, skips = mirror_padded(input_bchw, self.levels), []
        for k in range(1, self.levels + 1):
            x = self.get_submodule(f"enc{k}")(x)
            skips.append(x)
        for k in range(self.levels, 0, -1):
            if k < self.levels:
                x = torch.cat([skips[k - 1], x], dim=1)
            x = self.get_submodule(f"dec{k}")(x)
        return torch.tanh(x)[:, :, :height, :width]


def mirror_padded(x_bchw: Tensor, levels: int) -> Tensor:
    """The picture, mirrored at its lower and right edge until it can be halved `levels` times; unchanged if it can."""
    for dimension in (2, 3):
        size_px = x_bchw.shape[dimension]
        if (wanted_px := padded_px(size_px, levels)) != size_px:
            # The edge itself is repeated, and the mirror as often as a small picture needs; torch's own `reflect` does neither.
            position = torch.arange(wanted_px, device=x_bchw.device) % (2 * size_px)
            x_bchw = x_bchw.index_select(dimension, torch.minimum(position, 2 * size_px - 1 - position))
    return x_bchw


def check_channels(shape: tuple[int, ...], c_in: int) -> None:
    """Refuse an array that is no batch of pictures with `c_in` channels.

    Raises:
        ValueError: what came and what was expected.
    """
    if len(shape) != 4 or shape[1] != c_in or 0 in shape[2:]:
        raise ValueError(f"the network takes (batch, {c_in}, height, width), not {shape}")


def check_input(shape: tuple[int, ...], c_in: int, levels: int) -> None:
    """Refuse an array that a U-Net of `levels` cannot take, with words instead of a failure deep inside.

    Raises:
        ValueError: what came, what was expected, how to mend it.
    """
    check_channels(shape, c_in)
    multiple = 2**levels
    height, width = shape[2:]
    if height % multiple or width % multiple:
        raise ValueError(
            f"a U-Net of {levels} levels takes heights and widths that are multiples of {multiple}, not "
            f"{height} x {width}: pad to {padded_px(height, levels)} x {padded_px(width, levels)} and crop the result"
        )


def architecture(generator: Generator) -> dict[str, Any]:
    """The table as plain JSON values: all that `from_architecture` needs, without parameters."""
    return {
        "network": "unet",
        "c_in": generator.c_in,
        "c_out": generator.c_out,
        "levels": generator.levels,
        "rows": [asdict(row) for row in generator.rows],
    }


def from_architecture(description: dict[str, Any]) -> Generator:
    """Rebuild a generator from what `architecture` wrote.

    Raises:
        ValueError: the description is not a U-Net's, or its rows do not fit each other.
    """
    if description.get("network") != "unet":
        raise ValueError(f"a description of network 'unet' was expected, not {description.get('network')!r}")
    try:
        rows = [UnetRow(**row) for row in description["rows"]]
    except (KeyError, TypeError) as error:
        raise ValueError(f"the description of the U-Net lacks something or has too much: {error}") from error
    check_rows(rows)
    return Generator(rows)


def check_rows(rows: Sequence[UnetRow]) -> None:
    """Refuse a table that is no U-Net.

    Raises:
        ValueError: naming the row that does not fit.
    """
    levels = len(rows) // 2
    blocks = [f"enc{k}" for k in range(1, levels + 1)] + [f"dec{k}" for k in range(levels, 0, -1)]
    if not rows or [row.block for row in rows] != blocks:
        raise ValueError(f"rows enc1..encN, decN..dec1 were expected, not {[row.block for row in rows]}")
    skips = {row.block[3:]: row.c_out for row in rows[:levels]}
    for above, row in pairwise(rows):
        is_inner = row.block.startswith("enc") or row.block == f"dec{levels}"
        expected = above.c_out + (0 if is_inner else skips[row.block[3:]])
        if row.c_in != expected:
            raise ValueError(f"row {row.block} takes {row.c_in} channels, but {expected} reach it")
