"""A network's table as a torch module, and that module as a function on arrays."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from dancheong.models.blocks import activate, norm_layer
from dancheong.models.table import CONVOLUTIONS, INPUT, PRELU_SLOPE, Row, Table, padded_px

Predictor = Callable[[NDArray[np.float32]], NDArray[np.float32]]


class Layer(nn.Module):
    """A row with a kernel: activation, convolution that may halve or double, normalization, dropout, activation."""

    def __init__(self, row: Row) -> None:
        super().__init__()
        self.row = row
        if row.after == "prelu":
            self.slope = nn.Parameter(torch.full((row.c_out,), PRELU_SLOPE))
        self.conv = _convolution(row)
        self.norm = norm_layer(row.norm, row.c_out)
        self.dropout = nn.Dropout(row.dropout) if row.dropout else nn.Identity()

    def forward(self, x_bchw: Tensor) -> Tensor:
        x_bchw = activate(x_bchw, self.row.before)
        if self.row.kind == "resize":
            x_bchw = F.interpolate(x_bchw, scale_factor=2, mode="nearest")
        out: Tensor = self.dropout(self.norm(self.conv(x_bchw)))
        return F.prelu(out, self.slope) if self.row.after == "prelu" else activate(out, self.row.after)


def _convolution(row: Row) -> nn.Conv2d | nn.ConvTranspose2d:
    if row.kind == "transposed":
        # An odd kernel falls one short of double: n -> 2n - 1.
        return nn.ConvTranspose2d(
            row.c_in, row.c_out, row.ksize, stride=2, padding=row.padding, output_padding=row.ksize % 2, groups=row.groups,
            bias=row.bias,
        )
    stride = row.stride if row.kind == "conv" else 1
    return nn.Conv2d(row.c_in, row.c_out, row.ksize, stride, row.padding, groups=row.groups, bias=row.bias)


class Network(nn.Module):
    """The network of a table. Its weights are named ``<row>.conv.weight``, ``<row>.norm.running_mean`` and so on.

    It comes with torch's own initial weights; `dancheong.models.blocks.initialize` draws the canonical ones of a U-Net.
    """

    def __init__(self, table: Table) -> None:
        super().__init__()
        self.table = table
        self.multiple_px, self.enlarges = table.multiple_px, int(table.output_scale)
        self._last_uses = table.last_uses()
        for row in table.rows:
            if row.kind in CONVOLUTIONS:
                self.add_module(row.name, Layer(row))

    def forward(self, input_bchw: Tensor) -> Tensor:
        """Input (b, c_in, h, w) of any size -> (b, c_out, h, w), or as many times larger as the table says.

        Sizes that cannot be halved often enough are mirrored at the lower and right edge, as prediction does
        (`dancheong.imaging.resize.pad_to_multiple`), and the output is cropped.

        Raises:
            ValueError: the input has another number of channels, or no extent.
        """
        if input_bchw.dim() != 4 or input_bchw.shape[1] != self.table.c_in or 0 in input_bchw.shape[2:]:
            raise ValueError(f"the network takes (batch, {self.table.c_in}, height, width), not {tuple(input_bchw.shape)}")
        height, width = (side_px * self.enlarges for side_px in input_bchw.shape[2:])
        results = {INPUT: mirror_padded(input_bchw, self.multiple_px)}
        for row in self.table.rows:
            results[row.name] = self._computed(row, [results[name] for name in row.inputs])
            for name in self._last_uses[row.name]:
                del results[name]
        return results[self.table.rows[-1].name][:, :, :height, :width]

    def _computed(self, row: Row, inputs: list[Tensor]) -> Tensor:
        match row.kind:
            case "sum":
                total = inputs[0]
                for x in inputs[1:]:
                    total = total + x
                return total
            case "shuffle":
                return F.pixel_shuffle(inputs[0], row.stride)
            case "unshuffle":
                return pixels_as_channels(inputs[0], row.stride)
            case "mean":
                return inputs[0].mean((2, 3), keepdim=True).expand_as(inputs[0])
            case "nearest":
                return F.interpolate(inputs[0], scale_factor=row.stride, mode="nearest")
        out: Tensor = self.get_submodule(row.name)(inputs[0] if len(inputs) == 1 else torch.cat(inputs, dim=1))
        return out


def pixels_as_channels(x_bchw: Tensor, side_px: int) -> Tensor:
    """(b, c, h, w) -> (b, side_px^2 c, h / side_px, w / side_px); channels in the order row, column, channel, as in ONNX."""
    batch, channels, height, width = x_bchw.shape
    rows, columns = height // side_px, width // side_px
    parts = x_bchw.reshape(batch, channels, rows, side_px, columns, side_px)
    return parts.permute(0, 3, 5, 1, 2, 4).reshape(batch, side_px**2 * channels, rows, columns)


def mirror_padded(x_bchw: Tensor, multiple_px: int) -> Tensor:
    """The picture, mirrored at its lower and right edge up to the next multiple; unchanged if it is one."""
    for dimension in (2, 3):
        size_px = x_bchw.shape[dimension]
        if (wanted_px := padded_px(size_px, multiple_px)) != size_px:
            # The edge itself is repeated, and the mirror as often as a small picture needs; torch's own `reflect` does neither.
            position = torch.arange(wanted_px, device=x_bchw.device) % (2 * size_px)
            x_bchw = x_bchw.index_select(dimension, torch.minimum(position, 2 * size_px - 1 - position))
    return x_bchw


def to_weights(network: Network) -> dict[str, NDArray[np.float32]]:
    """The weights and statistics a prediction needs, on the CPU as float32, named as in ``network.state_dict()``."""
    return {
        name: tensor.detach().to("cpu", torch.float32, copy=True, memory_format=torch.contiguous_format).numpy()
        for name, tensor in network.state_dict().items()
        if tensor.is_floating_point()
    }


def load_network(table: Table, weights: Mapping[str, NDArray[Any]]) -> Network:
    """The network of a table with these weights, on the CPU, in float32.

    Args:
        weights: arrays by name, as from `to_weights`, of any float type.

    Raises:
        ValueError: a weight is missing, unknown, or of another shape.
    """
    table.check_weights(weights)
    try:
        with torch.device("meta"):
            network = Network(table)
    except KeyError as error:  # torch has a method of this name
        raise ValueError(f"a row cannot have this name in torch: {error}") from error
    fill(network, weights)
    return network


def fill(network: Network, weights: Mapping[str, NDArray[Any]]) -> None:
    """Give a network these weights, which fit its table, whatever device it was made on."""
    tensors = {name: torch.from_numpy(np.array(weight, dtype=np.float32)) for name, weight in weights.items()}
    # How many batches the statistics were averaged over: not stored, as no prediction needs it.
    counts = {name: torch.zeros((), dtype=torch.long) for name in network.state_dict().keys() - tensors.keys()}
    network.load_state_dict(tensors | counts, assign=True)


def as_predictor(network: Network, *, predict_dropout: bool = False, seed: int = 0) -> Predictor:
    """The torch runtime: a function from float32 (b, c_in, h, w) to float32 (b, c_out, h, w), on the network's device.

    The network is put into the state of prediction.

    Args:
        predict_dropout: dropout and batch statistics stay on, as in the paper's tests (Isola et al. 2017, section 3.3).
            A prediction then depends on its batch and its extent.
        seed: the dropout of every call starts from it, so that the same picture gives the same prediction.

    Returns:
        A function that raises ValueError for an input the network cannot take.
    """
    network.train(predict_dropout).requires_grad_(False)
    device = next(network.parameters()).device
    for part in network.modules():
        if isinstance(part, nn.BatchNorm2d):
            # Batch statistics are used, but a prediction leaves no trace in the frozen ones.
            part.track_running_stats = not predict_dropout

    def predict(input_bchw: NDArray[np.float32]) -> NDArray[np.float32]:
        network.table.check_input(input_bchw.shape)
        input_tensor = torch.from_numpy(np.ascontiguousarray(input_bchw, dtype=np.float32)).to(device)
        accelerators = list(range(torch.cuda.device_count()))
        with torch.inference_mode(), torch.random.fork_rng(accelerators, enabled=predict_dropout):
            if predict_dropout:
                torch.manual_seed(seed)
            output: NDArray[np.float32] = network(input_tensor).cpu().numpy()
        return output

    return predict
