"""A network as a table of rows: what a model file stores, and what the torch module and the ONNX graph are built from.

A row is one layer: its inputs are joined, then come activation, convolution, normalization, dropout and activation. The
table of a stranger's file is held to the rules of `Table` before anything is built from it. This module needs no torch.

A row of another kind goes into `Kind`, `Row.scale` and `Row.__post_init__` here, into `dancheong.models.network.Layer` (torch)
and into `dancheong.models.graph._GraphWriter` (ONNX).
"""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from functools import cached_property
from math import ceil, lcm
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from dancheong.params import Params

Norm = Literal["batch", "instance", "channel", "none"]
Activation = Literal["none", "leaky", "relu", "relu6", "prelu", "tanh"]
Kind = Literal["conv", "transposed", "resize", "shuffle", "unshuffle", "nearest", "mean", "sum"]

NORM_EPSILON = 1e-5
LEAKY_SLOPE = 0.2
PRELU_SLOPE = 0.25  # at the start of a training

INPUT = "input"
# Kinds that have a kernel, and so weights.
CONVOLUTIONS = ("conv", "transposed", "resize")
_NORM_PARTS = {"none": (), "batch": ("weight", "bias", "running_mean", "running_var")}

# What a stranger's table may ask for; the largest network that parameters allow takes about half of each.
MAX_ROWS = 1024
MAX_CHANNELS = 8192
MAX_KSIZE, MAX_STRIDE = 15, 4
MAX_MULTIPLE_PX, MAX_SCALE = 1 << 12, 8
MAX_NUMBERS_A_PIXEL = 8192
MAX_PRODUCTS_A_PIXEL = 1 << 26

_STRICT = ConfigDict(strict=True, extra="forbid")
_Channels = Annotated[int, Field(ge=1, le=MAX_CHANNELS)]
_Name = Annotated[str, Field(pattern=r"^[a-z]{1,16}[0-9]{0,4}(_[a-z]{1,16})?$")]


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Row:
    """One row of the table; a field of another type or out of its range is refused as it is made (ValueError).

    Attributes:
        name: the row's weights are ``<name>.conv.weight``, ``<name>.norm.running_mean``, ``<name>.slope`` and so on.
        kind: `conv` convolves, by a `stride` of 2 to half the size; `transposed` doubles by a transposed convolution;
            `resize` doubles by nearest neighbor, then convolves; `shuffle` lays `stride`^2 channels out as pixels;
            `unshuffle` makes pixels channels, in the order row, column, channel; `nearest` enlarges `stride` times; `mean`
            gives every place the mean over the picture; `sum` adds its inputs.
        inputs: rows above this one, or ``input``. Their channels are joined in this order (of `sum`: added).
        c_in, c_out: channels of the joined inputs, and of the result.
        ksize, stride, groups, bias: of the convolution.
        before: activation of the joined inputs. `norm`, `dropout`, `after`: what follows the convolution, in this order.
    """

    name: _Name
    kind: Kind
    inputs: tuple[str, ...] = Field(min_length=1, max_length=MAX_ROWS)
    c_in: _Channels
    c_out: _Channels
    ksize: int = Field(default=1, ge=1, le=MAX_KSIZE)
    stride: int = Field(default=1, ge=1, le=MAX_STRIDE)
    groups: _Channels = 1
    before: Literal["none", "leaky", "relu"] = "none"
    norm: Norm = "none"
    dropout: float = Field(default=0.0, ge=0, lt=1)
    after: Activation = "none"
    bias: bool = False

    def __post_init__(self) -> None:
        """Check what each kind asks for."""
        is_odd = self.ksize % 2 == 1
        fits = {
            "conv": self.stride == 2 or (self.stride == 1 and is_odd),
            "transposed": self.stride == 2,
            "resize": self.stride == 2 and is_odd,
            "shuffle": self.stride > 1 and self.c_in == self.c_out * self.stride**2,
            "unshuffle": self.stride > 1 and self.c_out == self.c_in * self.stride**2,
            "nearest": self.stride > 1 and self.c_in == self.c_out,
            "mean": self.stride == 1 and self.c_in == self.c_out,
            "sum": self.stride == 1 and self.c_in == self.c_out and len(self.inputs) > 1,
        }
        if self.kind not in CONVOLUTIONS:
            named = (self.ksize, self.groups, self.before, self.norm, self.dropout, self.after, self.bias)
            if named != (1, 1, "none", "none", 0, "none", False) or (self.kind != "sum" and len(self.inputs) > 1):
                raise ValueError(f"row {self.name}: a {self.kind} has neither kernel nor normalization nor activation")
        if not fits[self.kind] or self.c_in % self.groups or self.c_out % self.groups:
            raise ValueError(f"row {self.name}: a {self.kind} of {self.c_in} -> {self.c_out} channels in {self.groups} groups, "
                             f"kernel {self.ksize} and stride {self.stride} is not known")

    @property
    def padding(self) -> int:
        """Padding with which a stride of 1 keeps a size, of 2 halves or (transposed) doubles an even size exactly."""
        return (self.ksize - 1) // 2

    @property
    def scale(self) -> Fraction:
        """Side of the result by the side of the inputs."""
        return Fraction(1, self.stride) if self.kind in ("conv", "unshuffle") else Fraction(self.stride)

    def weight_shapes(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        """Name and shape of each weight, in the order of the torch module's state."""
        if self.kind not in CONVOLUTIONS:
            return
        first, second = (self.c_in, self.c_out) if self.kind == "transposed" else (self.c_out, self.c_in)
        if self.after == "prelu":
            yield f"{self.name}.slope", (self.c_out,)
        yield f"{self.name}.conv.weight", (first, second // self.groups, self.ksize, self.ksize)
        if self.bias:
            yield f"{self.name}.conv.bias", (self.c_out,)
        for part in _NORM_PARTS.get(self.norm, ("weight", "bias")):
            yield f"{self.name}.norm.{part}", (self.c_out,)


@dataclass(frozen=True, config=_STRICT)
class Table:
    """A network: the channels of its input, and its rows in the order of computation; the last row is the output.

    Raises:
        ValueError: the rows do not fit each other, or ask for more than a network needs; names the row.
    """

    c_in: _Channels
    rows: tuple[Row, ...] = Field(min_length=1, max_length=MAX_ROWS)

    def __post_init__(self) -> None:
        self._check_joints()
        self._check_cost()

    @property
    def c_out(self) -> int:
        """Channels of the output."""
        return self.rows[-1].c_out

    @cached_property
    def scales(self) -> dict[str, Fraction]:
        """Side of each row's result by the side of the network's input."""
        scales = {INPUT: Fraction(1)}
        for row in self.rows:
            scales[row.name] = scales[row.inputs[0]] * row.scale
        return scales

    @property
    def multiple_px(self) -> int:
        """Height and width of the input must be multiples of this: 2**levels of a U-Net, 1 of an upscaler."""
        return lcm(*(scale.denominator for scale in self.scales.values()))

    @property
    def output_scale(self) -> Fraction:
        """Side of the output by the side of the input."""
        return self.scales[self.rows[-1].name]

    @property
    def radius_px(self) -> int:
        """How far, in pixels of the input, convolutions let a pixel of the result look to each side."""
        kernels = (row for row in self.rows if row.kind in CONVOLUTIONS)
        return ceil(sum(row.ksize // 2 / self.scales[row.inputs[0]] for row in kernels))

    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of every weight by its name."""
        return {name: shape for row in self.rows for name, shape in row.weight_shapes()}

    def check_weights(self, weights: Mapping[str, Any]) -> None:
        """Refuse arrays that are not exactly this network's weights.

        Raises:
            ValueError: a weight is missing, unknown, or of another shape.
        """
        needed = self.weight_shapes()
        if strange := sorted(needed.keys() ^ weights.keys()):
            raise ValueError(f"{len(strange)} weights are missing or unknown to this network: {', '.join(strange[:3])} ...")
        for name, shape in needed.items():
            if weights[name].shape != shape:
                raise ValueError(f"weight {name} has shape {weights[name].shape}, the network's has {shape}")

    def check_input(self, shape: Sequence[int]) -> None:
        """Refuse an array that the network cannot take, with words instead of a failure deep inside.

        Raises:
            ValueError: what came, what was expected, how to mend it.
        """
        if len(shape) != 4 or shape[1] != self.c_in or 0 in shape:
            raise ValueError(f"the network takes (batch, {self.c_in}, height, width), not {tuple(shape)}")
        (height, width), multiple = shape[2:], self.multiple_px
        if height % multiple or width % multiple:
            raise ValueError(
                f"the network takes heights and widths that are multiples of {multiple}, not {height} x {width}: pad the "
                f"input to {padded_px(height, multiple)} x {padded_px(width, multiple)} "
                "(dancheong.imaging.resize.pad_to_multiple) and crop the output"
            )

    def last_uses(self) -> dict[str, list[str]]:
        """By the name of a row: the results that no later row takes, so that their memory can be given back."""
        last = {name: row.name for row in self.rows for name in row.inputs}
        uses: dict[str, list[str]] = {row.name: [] for row in self.rows}
        for name, user in last.items():
            uses[user].append(name)
        return uses

    def to_json(self) -> dict[str, Any]:
        """The table as plain JSON values; fields that have their default are left out."""
        values: dict[str, Any] = TypeAdapter(Table).dump_python(self, mode="json", exclude_defaults=True)
        return values

    @classmethod
    def from_json(cls, text: bytes | str) -> "Table":
        """The table that `to_json` gave, from JSON.

        Raises:
            ValueError: a field is missing, unknown or of another type, or the rows do not make a network.
        """
        try:
            return TypeAdapter(Table).validate_json(text)
        except ValidationError as error:
            first = error.errors()[0]
            if first["type"] == "value_error":
                raise ValueError(first["msg"].removeprefix("Value error, ")) from error
            place = " ".join(map(str, first["loc"])) or "the table"
            raise ValueError(f"{place} = {str(first['input'])[:60]}: {first['msg']}") from error

    def _check_joints(self) -> None:
        """Inputs refer back to rows of one size, and their channels fit."""
        channels, scales = {INPUT: self.c_in}, {INPUT: Fraction(1)}
        for row in self.rows:
            unknown = [name for name in row.inputs if name not in channels]
            if unknown or row.name in channels:
                what = f"takes {unknown[0]!r}, which is no row above it" if unknown else "has the name of a row above it"
                raise ValueError(f"row {row.name} {what}")
            came = [channels[name] for name in row.inputs]
            reach = came[0] if row.kind == "sum" and len(set(came)) == 1 else sum(came)
            if row.c_in != reach:
                raise ValueError(f"row {row.name} takes {row.c_in} channels, but {reach} reach it")
            if len(sizes := {scales[name] for name in row.inputs}) > 1:
                raise ValueError(f"row {row.name} joins results of different sizes: {', '.join(map(str, sorted(sizes)))}")
            scale = scales[row.inputs[0]] * row.scale
            if scale > MAX_SCALE or scale.denominator > MAX_MULTIPLE_PX:
                raise ValueError(f"row {row.name} has {scale} times the input's side; 1/{MAX_MULTIPLE_PX} to {MAX_SCALE} "
                                 "times were expected")
            channels[row.name], scales[row.name] = row.c_out, scale
        if unused := channels.keys() - {name for row in self.rows for name in row.inputs} - {self.rows[-1].name}:
            raise ValueError(f"no row takes what {', '.join(sorted(unused))} gives")

    def _check_cost(self) -> None:
        """Bound the numbers that are kept at once, and the products, for each pixel of the input."""
        kept, products, last_uses = {INPUT: Fraction(self.c_in)}, Fraction(0), self.last_uses()
        for row in self.rows:
            area_in, area_out = self.scales[row.inputs[0]] ** 2, self.scales[row.name] ** 2
            kept[row.name] = row.c_out * area_out
            # Joined and enlarged inputs are copies.
            copies = row.c_in * (area_out if row.kind == "resize" else area_in)
            if row.kind in CONVOLUTIONS:
                area = area_in if row.kind == "transposed" else area_out
                products += row.ksize**2 * row.c_in * row.c_out // row.groups * area
            if sum(kept.values()) + copies > MAX_NUMBERS_A_PIXEL or products > MAX_PRODUCTS_A_PIXEL:
                raise ValueError(
                    f"row {row.name}: {float(sum(kept.values()) + copies):g} numbers are kept for a pixel of the input, after "
                    f"{float(products):g} products; at most {MAX_NUMBERS_A_PIXEL} and {MAX_PRODUCTS_A_PIXEL} are computed"
                )
            for name in last_uses[row.name]:
                del kept[name]


def padded_px(size_px: int, multiple_px: int) -> int:
    """The next multiple of `multiple_px` from `size_px` on."""
    return -(-size_px // multiple_px) * multiple_px


def unet_table(params: Params, c_in: int, c_out: int) -> Table:
    """The generator: a U-Net of `params.levels` encoder rows, then as many decoder rows in mirrored order.

    With ``--preset paper`` at RESOL 256 and three channels in and out it is (Isola et al. 2017, section 6.1.1):

        name     in -> out   size  before  norm   dropout
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

    Decoder row k takes ``[skip of enc k, what came up]``. There is no normalization at enc1, at the last row (its output is
    the color) or at the bottleneck: on 1 x 1 px and a batch of one it would output its shift alone. Dropout is on the decoder
    rows from eight-fold to eight-fold width that take a skip: dec7, dec6 and dec5 at 256 px (the paper's Torch code has it at
    dec8, 7, 6; its PyTorch descendants, followed here, one row further out).

    A convolution has a bias exactly where no normalization with a shift follows it; with batch normalization, enc1 and the
    bottleneck have none either, as in the reference.
    """
    levels = params.levels
    widths = [c_in] + [params.ngf * min(2**level, 8) for level in range(levels)]
    # Nearest neighbor has doubled already, and only an odd kernel keeps a size: 8 -> 7, 4 -> 3.
    up_ksize = params.ksize if params.upsample == "transposed" else params.ksize - 1 + params.ksize % 2
    bias_without_norm = params.norm != "batch"

    rows, above = [], INPUT
    for k in range(1, levels + 1):
        norm: Norm = params.norm if 1 < k < levels else "none"
        rows.append(Row(
            name=f"enc{k}", kind="conv", inputs=(above,), c_in=widths[k - 1], c_out=widths[k], ksize=params.ksize, stride=2,
            before="leaky" if k > 1 else "none", norm=norm, bias=norm == "none" and bias_without_norm,
        ))
        above = f"enc{k}"
    for k in range(levels, 0, -1):
        inputs = (above,) if k == levels else (f"enc{k}", above)
        norm = params.norm if k > 1 else "none"
        rows.append(Row(
            name=f"dec{k}", kind=params.upsample, inputs=inputs, c_in=widths[k] * len(inputs),
            c_out=widths[k - 1] if k > 1 else c_out, ksize=up_ksize, stride=2, before="relu", norm=norm,
            dropout=params.dropout if 5 <= k < levels else 0.0, after="none" if k > 1 else "tanh",
            bias=k == 1 or (norm == "none" and bias_without_norm),
        ))
        above = f"dec{k}"
    return Table(c_in, tuple(rows))


def compact_table(channels: int, features: int, layers: int, scale: int) -> Table:
    """The upscaler: SRVGGNetCompact (Wang et al. 2021, the small network of Real-ESRGAN).

    At 32 features, 10 layers and scale 2, on a picture of one plane:

        conv0             1 -> 32   3 x 3, PReLU
        conv1 .. conv10  32 -> 32   3 x 3, PReLU
        conv11           32 ->  4   3 x 3
        detail            4 ->  1   pixels shuffled into 2 x 2 blocks
        larger            1 ->  1   the input, enlarged by nearest neighbor
        enlarged          1 ->  1   detail + larger
    """
    widths = [channels, *[features] * (layers + 1), channels * scale**2]
    rows = [
        Row(name=f"conv{k}", kind="conv", inputs=(f"conv{k - 1}" if k else INPUT,), c_in=widths[k], c_out=widths[k + 1],
            ksize=3, after="prelu" if k <= layers else "none", bias=True)
        for k in range(layers + 2)
    ]
    rows += [
        Row(name="detail", kind="shuffle", inputs=(rows[-1].name,), c_in=widths[-1], c_out=channels, stride=scale),
        Row(name="larger", kind="nearest", inputs=(INPUT,), c_in=channels, c_out=channels, stride=scale),
        Row(name="enlarged", kind="sum", inputs=("detail", "larger"), c_in=channels, c_out=channels),
    ]
    return Table(channels, tuple(rows))
