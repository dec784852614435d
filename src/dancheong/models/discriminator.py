"""The discriminator: a PatchGAN as a table of rows; every logit judges one patch of the picture.

Patch 70, the paper's (Isola et al. 2017, section 6.1.2), at 256 px with six channels; kernel 4, padding 1:

    block   in -> out  stride  size  norm
    patch1   6 ->  64       2   128  none
    patch2  64 -> 128       2    64  batch
    patch3 128 -> 256       2    32  batch
    patch4 256 -> 512       1    31  batch
    patch5 512 ->   1       1    30  none   (logits)
"""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from dancheong.models.blocks import activate, norm_layer
from dancheong.models.table import Activation, Norm
from dancheong.params import ParamError, Params

# PATCH_SIZE -> convolutions of stride 2; two of stride 1 follow. "1" is the pixel discriminator, of 1 x 1 convolutions.
STRIDED = {"16": 1, "34": 2, "70": 3, "142": 4, "286": 5}


@dataclass(frozen=True)
class PatchRow:
    """One row of the table; `out_px` is the side of the output for a square picture of RESOL."""

    block: str
    ksize: int
    stride: int
    padding: int
    c_in: int
    c_out: int
    out_px: int
    before: Activation
    norm: Norm
    bias: bool


@dataclass(frozen=True)
class ReceptiveField:
    """Logit i sees `size_px` pixels from ``i * stride_px - padding_px`` on, as far as they are in the picture."""

    size_px: int
    stride_px: int
    padding_px: int


def discriminator_rows(params: Params, c_pair: int) -> list[PatchRow]:
    """The discriminator of PATCH_SIZE as a table; `c_pair` are the channels of input and picture together.

    The first and the last convolution have no normalization; with D_SPECTRAL none has, as `add_spectral_norm` then bounds them
    all. A convolution has a bias exactly where no normalization follows it.

    Raises:
        ParamError: RESOL is too small for the patch: not one logit would be left.
    """
    ndf = params.ndf
    if params.patch_size == "1":
        ksize, padding, widths, strides = 1, 0, [c_pair, ndf, 2 * ndf, 1], [1, 1, 1]
    else:
        strided = STRIDED[params.patch_size]
        ksize, padding, strides = 4, 1, [2] * strided + [1, 1]
        widths = [c_pair] + [ndf * min(2**level, 8) for level in range(strided + 1)] + [1]

    side_px = params.resol
    rows = []
    for number, stride in enumerate(strides, start=1):
        side_px = (side_px + 2 * padding - ksize) // stride + 1
        is_end = number in (1, len(strides))
        norm: Norm = "none" if is_end or params.d_spectral else params.norm
        before: Activation = "leaky" if number > 1 else "none"
        rows.append(
            PatchRow(
                f"patch{number}", ksize, stride, padding, widths[number - 1], widths[number], side_px, before, norm,
                norm == "none",
            )
        )
    if side_px < 1:
        field = receptive_field(rows)
        raise ParamError(
            f"PATCH_SIZE={params.patch_size} judges pictures of at least {field.size_px - 2 * field.padding_px} px, not of "
            f"RESOL={params.resol}: take a smaller PATCH_SIZE or a larger RESOL"
        )
    return rows


def add_spectral_norm(discriminator: nn.Module) -> None:
    """Divide each convolution's weights by their largest singular value, from now on.

    The logits then change gently with the picture, so that a discriminator that tells real from fake easily still has a slope
    for the generator to learn from. Call it after `initialize`, whose weights it keeps. Source: Miyato et al. 2018, with one
    power iteration a forward pass.
    """
    for part in list(discriminator.modules()):
        if isinstance(part, nn.Conv2d):
            spectral_norm(part)


def receptive_field(rows: Sequence[PatchRow]) -> ReceptiveField:
    """Extent, stride and overhang of one logit's patch, from the table."""
    size_px, stride_px, padding_px = 1, 1, 0
    for row in rows:
        size_px += (row.ksize - 1) * stride_px
        padding_px += row.padding * stride_px
        stride_px *= row.stride
    return ReceptiveField(size_px, stride_px, padding_px)


class PatchBlock(nn.Module):
    """One row at work: activation, convolution, normalization."""

    def __init__(self, row: PatchRow) -> None:
        super().__init__()
        self.row = row
        self.conv = nn.Conv2d(row.c_in, row.c_out, row.ksize, stride=row.stride, padding=row.padding, bias=row.bias)
        self.norm = norm_layer(row.norm, row.c_out)

    def forward(self, x_bchw: Tensor) -> Tensor:
        out: Tensor = self.norm(self.conv(activate(x_bchw, self.row.before)))
        return out


class Discriminator(nn.Module):
    """The PatchGAN of a table. Its weights are named ``patch1.conv.weight`` and so on.

    It comes with torch's own initial weights; `dancheong.models.blocks.initialize` draws the canonical ones.
    """

    def __init__(self, rows: Sequence[PatchRow]) -> None:
        super().__init__()
        self.rows = tuple(rows)
        self.field = receptive_field(rows)
        for row in rows:
            self.add_module(row.block, PatchBlock(row))

    def forward(self, pair_bchw: Tensor) -> Tensor:
        """Input and picture, concatenated in this order, (b, c_pair, h, w) in [-1, 1] -> logits (b, 1, h', w')."""
        x = pair_bchw
        for row in self.rows:
            x = self.get_submodule(row.block)(x)
        return x
