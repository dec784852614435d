"""A network's table and weights -> an ONNX model, in the form that the runtime which asks for it computes fastest.

Nobody's graph is ever read: whoever opens a model file derives the graph from its table. The bytes are written here, as
they are few kinds (field numbers: onnx.proto of ONNX 1.15; encoding: https://protobuf.dev/programming-guides/encoding), so
neither torch nor the package onnx is needed. A test holds every form against torch.

Forms:
    plain: an operator for each step of a row, weights named as in the model file. For `dancheong export`.
    onnxruntime: doubling by nearest neighbor and the convolution behind it as one transposed convolution. Doubled, each
        pixel stands twice in a row, so two neighboring weights of a kernel of k always or never meet the same pixel: summed
        beforehand, they leave (k + 1)^2 / 4 products a pixel instead of k^2 (k = 3: 4 instead of 9), and the doubled
        picture is never made.
    openvino: the same two as a convolution before the doubling where that gives few channels: its four results for each
        pixel are four times as many channels, which fill the blocks of a matrix unit better, and DepthToSpace lays them out.

A batch normalization, frozen at prediction, goes into the weights of the convolutions that are rewritten; runtimes fold the
others themselves.
"""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from dancheong.models.table import INPUT, LEAKY_SLOPE, NORM_EPSILON, Activation, Row, Table
from dancheong.system.arrays import Float32

Form = Literal["plain", "onnxruntime", "openvino"]
_Parts = list[bytes | memoryview]

# Layer normalization and the attributes used here are there from opset 17 on; onnxruntime 1.19 and later run both.
OPSET, IR_VERSION = 18, 9
THIN_CHANNELS = 4  # four times as many fill a block of 16
_PROTOBUF_LIMIT_BYTES = (2 << 30) - (1 << 20)
_ACTIVATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "leaky": ("LeakyRelu", {"alpha": LEAKY_SLOPE}), "relu": ("Relu", {}), "tanh": ("Tanh", {}),
}
_NEAREST = {"mode": "nearest", "nearest_mode": "floor", "coordinate_transformation_mode": "asymmetric"}


def onnx_model(
    table: Table, weights: Mapping[str, NDArray[np.floating]], form: Form, properties: Mapping[str, str] | None = None
) -> bytes:
    """The network as one ordinary ONNX model.

    Input ``input`` (batch, c_in, height, width) and output ``output`` are float32, free in batch, height and width
    (multiples of `table.multiple_px`). It predicts: frozen statistics, no dropout.

    Args:
        weights: by name and shape as `table.check_weights` asks, of any float type.
        properties: metadata of the model.

    Raises:
        ValueError: weights that are not the table's, or more than the 2 GB that one ONNX file can be.
    """
    writer = _GraphWriter(table, weights, form)
    if sum(4 * weight.size for weight in writer.weights.values()) > _PROTOBUF_LIMIT_BYTES:
        raise ValueError("the network is larger than the 2 GB of one ONNX file: train one with a smaller NGF")
    return b"".join(writer.model(is_external=False, properties=properties or {}))


def onnx_graph(table: Table, weights: Mapping[str, NDArray[np.floating]], form: Form) -> tuple[bytes, dict[str, Float32]]:
    """As `onnx_model`, but without the weights: they are handed to the session by name, which spares two copies of them.

    Returns:
        The model, and what `onnxruntime.SessionOptions.add_external_initializers` takes.
    """
    writer = _GraphWriter(table, weights, form)
    return b"".join(writer.model(is_external=True, properties={})), writer.weights


class _GraphWriter:
    """Nodes and weights, as the rows add them; every method gives the name of the tensor that it makes."""

    def __init__(self, table: Table, weights: Mapping[str, NDArray[np.floating]], form: Form) -> None:
        table.check_weights(weights)
        self.table, self.given, self.form = table, weights, form
        self.weights: dict[str, Float32] = {}
        self.constants: dict[str, Float32] = {}
        self.nodes: list[tuple[str, list[str], str, dict[str, Any]]] = []
        strided = [row.name for row in table.rows if row.kind == "conv" and row.stride > 1]
        self.deepest = strided[-1] if strided else ""
        results = {INPUT: INPUT}
        # A stranger's weights may be anything; the self-test refuses what comes of them.
        with np.errstate(all="ignore"):
            for row in table.rows:
                results[row.name] = self._row(row, [results[name] for name in row.inputs])
        operator, inputs, _, attributes = self.nodes[-1]
        self.nodes[-1] = operator, inputs, "output", attributes

    # -- rows as nodes --------------------------------------------------------------------------------------------------

    def _row(self, row: Row, inputs: list[str]) -> str:
        match row.kind:
            case "sum":
                return self._node(row, "Sum", inputs)
            case "shuffle":
                return self._node(row, "DepthToSpace", inputs, blocksize=row.stride, mode="CRD")
            case "unshuffle":
                return self._node(row, "SpaceToDepth", inputs, blocksize=row.stride)
            case "mean":
                mean, shape = self._node(row, "GlobalAveragePool", inputs), self._node(row, "Shape", inputs)
                return self._node(row, "Expand", [mean, shape])
            case "nearest":
                return self._enlarged(row, inputs[0])
        x = inputs[0] if len(inputs) == 1 else self._node(row, "Concat", inputs, axis=1)
        x = self._activated(row, x, row.before)
        is_merged = row.kind == "resize" and (
            self.form == "onnxruntime" or (self.form == "openvino" and row.c_out <= THIN_CHANNELS)
        )
        x = self._merged(row, x) if is_merged else self._convolution(row, x)
        if not (is_merged and row.norm == "batch"):
            x = self._norm(row, x)
        if row.after == "prelu":
            # ONNX would lay a plain (channels,) along the width.
            slope = self._weight(f"{row.name}.slope", self._float32(f"{row.name}.slope").reshape(-1, 1, 1))
            return self._node(row, "PRelu", [x, slope])
        return self._activated(row, x, row.after)

    def _activated(self, row: Row, x: str, activation: Activation) -> str:
        if activation == "none":
            return x
        if activation == "relu6":
            self.constants |= {"zero": np.array(0, np.float32), "six": np.array(6, np.float32)}
            return self._node(row, "Clip", [x, "zero", "six"])
        operator, attributes = _ACTIVATIONS[activation]
        return self._node(row, operator, [x], **attributes)

    def _convolution(self, row: Row, x: str) -> str:
        name = f"{row.name}.conv"
        parts = [f"{name}.weight", *([f"{name}.bias"] if row.bias else [])]
        inputs = [self._weight(part, self._float32(part)) for part in parts]
        attributes: dict[str, Any] = {"kernel_shape": [row.ksize] * 2, "pads": [row.padding] * 4, "group": row.groups}
        match row.kind:
            case "transposed":
                # An odd kernel falls one short of double: n -> 2n - 1.
                attributes |= {"strides": [2, 2], "output_padding": [row.ksize % 2] * 2}
                return self._node(row, "ConvTranspose", [x, *inputs], **attributes)
            case "resize":
                return self._node(row, "Conv", [self._enlarged(row, x), *inputs], strides=[1, 1], **attributes)
        if self.form == "openvino" and row.name == self.deepest:
            # On processors with AMX, the kernel for bfloat16 and a stride gives wrong numbers and writes beyond its memory
            # where the answer is one pixel wide and several high (oneDNN, in OpenVINO 2026.4 as in torch 2.13): at the bottom
            # of a U-Net, of tall and narrow pictures. So the deepest one is computed at every place, of which each second
            # one is kept. Only there is a map so narrow, and there the products thrown away cost next to nothing.
            everywhere = self._node(row, "Conv", [x, inputs[0]], strides=[1, 1], **attributes)
            kept = self._node(row, "MaxPool", [everywhere], kernel_shape=[1, 1], strides=[row.stride] * 2)
            if not row.bias:
                return kept
            return self._node(row, "Add", [kept, self._weight(inputs[1], self.weights[inputs[1]].reshape(-1, 1, 1))])
        return self._node(row, "Conv", [x, *inputs], strides=[row.stride] * 2, **attributes)

    def _merged(self, row: Row, x: str) -> str:
        """A `resize` row in the form of the runtime, with a batch normalization behind it folded in."""
        kernel, bias = self._folded(row)
        name, k = f"{row.name}.conv", row.ksize
        if self.form == "onnxruntime":
            inputs = [x, self._weight(f"{name}.transposed", _transposed_kernel(kernel)), self._weight(f"{name}.shift", bias)]
            return self._node(row, "ConvTranspose", inputs, kernel_shape=[k + 1] * 2, pads=[k // 2] * 4, strides=[2, 2])
        phased = _phased_kernel(kernel)
        inputs = [x, self._weight(f"{name}.phased", phased), self._weight(f"{name}.shift", np.repeat(bias, 4))]
        side = phased.shape[2]
        phases = self._node(row, "Conv", inputs, kernel_shape=[side] * 2, pads=[side // 2] * 4, strides=[1, 1])
        return self._node(row, "DepthToSpace", [phases], blocksize=2, mode="CRD")

    def _folded(self, row: Row) -> tuple[Float32, Float32]:
        """Kernel (c_out, c_in, k, k) and bias, with a frozen batch normalization in them: it is a factor and a shift."""
        kernel = self._float32(f"{row.name}.conv.weight")
        bias = self._float32(f"{row.name}.conv.bias") if row.bias else np.zeros(row.c_out, np.float32)
        if row.norm != "batch":
            return kernel, bias
        norm = [self.given[name].astype(np.float64) for name, _ in row.weight_shapes() if ".norm." in name]
        gain, shift, mean, variance = norm
        factor = gain / np.sqrt(variance + NORM_EPSILON)
        return kernel * factor.astype(np.float32)[:, None, None, None], ((bias - mean) * factor + shift).astype(np.float32)

    def _norm(self, row: Row, x: str) -> str:
        if row.norm == "none":
            return x
        inputs = [self._weight(name, self._float32(name)) for name, _ in row.weight_shapes() if ".norm." in name]
        if row.norm == "channel":
            x = self._node(row, "Transpose", [x], perm=[0, 2, 3, 1])
            x = self._node(row, "LayerNormalization", [x, *inputs], axis=3, epsilon=NORM_EPSILON)
            return self._node(row, "Transpose", [x], perm=[0, 3, 1, 2])
        operator = "BatchNormalization" if row.norm == "batch" else "InstanceNormalization"
        return self._node(row, operator, [x, *inputs], epsilon=NORM_EPSILON)

    def _enlarged(self, row: Row, x: str) -> str:
        """Enlarged by nearest neighbor, as torch does."""
        scales = f"times_{row.stride}"
        self.constants[scales] = np.array([1, 1, row.stride, row.stride], np.float32)
        return self._node(row, "Resize", [x, "", scales], **_NEAREST)

    def _node(self, row: Row, operator: str, inputs: list[str], **attributes: Any) -> str:
        output = f"{row.name}.{len(self.nodes)}.{operator}"
        self.nodes.append((operator, inputs, output, attributes))
        return output

    def _weight(self, name: str, array: Float32) -> str:
        self.weights[name] = np.ascontiguousarray(array)
        return name

    def _float32(self, name: str) -> Float32:
        return np.asarray(self.given[name], np.float32)

    # -- nodes as bytes -------------------------------------------------------------------------------------------------

    def model(self, is_external: bool, properties: Mapping[str, str]) -> _Parts:
        """The model in pieces that are put together once: each time would take a copy of all weights."""
        is_enlarged = self.table.output_scale != 1
        body: _Parts = []
        for node in self.nodes:
            body += _message(1, _node_parts(*node))
        body += _text(2, "network")
        for name, array in self.constants.items():
            body += _message(5, _tensor_parts(name, array, False))
        for name, array in self.weights.items():
            body += _message(5, _tensor_parts(name, array, is_external))
        body += _message(11, _value_parts(INPUT, self.table.c_in, ""))
        body += _message(12, _value_parts("output", self.table.c_out, "_out" if is_enlarged else ""))
        model = [*_number(1, IR_VERSION), *_text(2, "dancheong"), *_message(7, body), *_message(8, _number(2, OPSET))]
        for key, value in properties.items():
            model += _message(14, [*_text(1, key), *_text(2, value)])
        return model


def _transposed_kernel(kernel: Float32) -> Float32:
    """(c_out, c_in, k, k) as (c_in, c_out, k + 1, k + 1): turned around, neighbors summed."""
    c_out, c_in, k, _ = kernel.shape
    # Which of the k x k weights go into which of the (k + 1) x (k + 1) sums, as one matrix.
    meets = np.eye(k, k + 1, dtype=np.float32) + np.eye(k, k + 1, 1, dtype=np.float32)
    sums_of = np.kron(meets[::-1], meets[::-1])
    sums: Float32 = np.ascontiguousarray(kernel.reshape(c_out, c_in, k * k).swapaxes(0, 1)) @ sums_of
    return sums.reshape(c_in, c_out, k + 1, k + 1)


def _phased_kernel(kernel: Float32) -> Float32:
    """(c_out, c_in, k, k) as (4 c_out, c_in, r, r): for each output the upper left of four results, its right, and below."""
    c_out, c_in, k, _ = kernel.shape
    pad = k // 2
    reach = (pad + 1) // 2  # in pixels before the doubling
    meets = np.zeros((2, k, 2 * reach + 1), np.float32)
    for phase in (0, 1):
        for tap in range(k):
            meets[phase, tap, (phase + tap - pad) // 2 + reach] = 1
    sums: Float32 = np.einsum("oits,dtu,esv->odeiuv", kernel, meets, meets)
    return sums.reshape(4 * c_out, c_in, 2 * reach + 1, 2 * reach + 1)


# -- protocol buffers: a message is a list of pieces -----------------------------------------------------------------------


def _varint(number: int) -> bytes:
    groups = []
    while number >= 0x80:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*groups, number])


def _number(field: int, value: int) -> _Parts:
    return [_varint(field << 3) + _varint(value)]


def _text(field: int, text: str) -> _Parts:
    return _message(field, [text.encode()])


def _message(field: int, parts: _Parts) -> _Parts:
    return [_varint(field << 3 | 2) + _varint(sum(map(len, parts))), *parts]


def _node_parts(operator: str, inputs: list[str], output: str, attributes: Mapping[str, Any]) -> _Parts:
    parts: _Parts = []
    for name in inputs:
        parts += _text(1, name)
    parts += [*_text(2, output), *_text(4, operator)]
    for name, value in attributes.items():
        parts += _message(5, [*_text(1, name), *_attribute_parts(value)])
    return parts


def _attribute_parts(value: float | int | str | list[int]) -> _Parts:
    """The value of an attribute, and the number of its type."""
    match value:
        case float():
            return [_varint(2 << 3 | 5) + np.float32(value).tobytes(), *_number(20, 1)]
        case int():
            return [*_number(3, value), *_number(20, 2)]
        case str():
            return [*_text(4, value), *_number(20, 3)]
    return [*(part for one in value for part in _number(8, one)), *_number(20, 7)]


def _tensor_parts(name: str, array: Float32, is_external: bool) -> _Parts:
    parts = [part for side in array.shape for part in _number(1, side)]
    parts += [*_number(2, 1), *_text(8, name)]
    if is_external:
        # ONNX demands a place; no file of this name is ever read, the arrays are handed over.
        return [*parts, *_message(13, [*_text(1, "location"), *_text(2, "weights")]), *_number(14, 1)]
    return [*parts, *_message(9, [array.astype("<f4", copy=False).reshape(-1).view(np.uint8).data])]


def _value_parts(name: str, channels: int, suffix: str) -> _Parts:
    """Name and type of the model's input or output: float32 (batch, channels, height, width)."""
    sides = [_text(2, "batch"), _number(1, channels), _text(2, f"height{suffix}"), _text(2, f"width{suffix}")]
    shape = [part for side in sides for part in _message(1, side)]
    return [*_text(1, name), *_message(2, _message(1, [*_number(1, 1), *_message(2, shape)]))]
