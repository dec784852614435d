"""A stranger's ONNX graph, looked at before any runtime sees it, without the onnx package.

ONNX Runtime would read any file that a graph names as the place of a weight. So the graph's bytes are walked here first
(protocol buffers, https://protobuf.dev/programming-guides/encoding; onnx.proto of ONNX 1.15): only the operators that
dancheong writes, only the weights that are handed over, no field that is not known, no array much larger than the input.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dancheong.artifact import ArtifactError
from dancheong.runtime.extent import Node, check_extent

# What dancheong.models.onnx_graph writes; an operator that it comes to use is added here.
OPERATORS = frozenset({
    "Add", "BatchNormalization", "Concat", "Conv", "ConvTranspose", "DepthToSpace", "InstanceNormalization",
    "LayerNormalization", "LeakyRelu", "PRelu", "Relu", "Resize", "Tanh", "Transpose",
})

# Field numbers of onnx.proto.
_MODEL = {"ir_version": 1, "producer": 2, "producer_version": 3, "domain": 4, "model_version": 5, "doc": 6, "graph": 7,
          "opset": 8, "properties": 14}
_GRAPH = {"node": 1, "name": 2, "tensor": 5, "doc": 10, "input": 11, "output": 12, "value": 13}
_NODE = {"input": 1, "output": 2, "name": 3, "operator": 4, "attribute": 5, "doc": 6, "domain": 7}
# Of the attributes, numbers and texts only: no tensors, no graphs.
_ATTRIBUTE = {"name": 1, "float": 2, "int": 3, "text": 4, "floats": 7, "ints": 8, "texts": 9, "doc": 13, "type": 20}
_TENSOR = {"dims": 1, "type": 2, "floats": 4, "name": 8, "raw": 9, "doc": 12, "place": 13, "external": 14}
_VALUE = {"name": 1, "type": 2, "doc": 3}
_TYPE = {"tensor": 1}
_TENSOR_TYPE = {"type": 1, "shape": 2}
_SHAPE = {"side": 1}
_SIDE = {"value": 1, "word": 2}
_REPEATED = frozenset({"opset", "properties", "node", "tensor", "input", "output", "value", "attribute", "floats", "ints",
                       "texts", "dims", "place", "side"})
_FLOAT32 = 1
_MAX_WRITTEN = 16
_MAX_CHANNELS_IN = 64
_PROTOBUF_LIMIT_BYTES = (2 << 30) - (1 << 20)
_Piece = bytes | memoryview


@dataclass(frozen=True)
class _Field:
    """One field of a message: its name, its number or bytes, and where it stands in the message."""

    name: str
    value: int | bytes
    start: int
    stop: int


def check_graph(graph: bytes, weights: Mapping[str, NDArray[np.floating]]) -> list[str]:
    """Check that a graph is one that dancheong could have written for these weights.

    Returns:
        The names of the weights that the graph asks for, in its order.

    Raises:
        ArtifactError: naming the operator, the weight or the field that does not belong.
    """
    wanted: list[str] = []
    nodes, inputs, written = [], [], dict[str, tuple[float, ...]]()
    body = _only(_fields(graph, _MODEL, "model"), "graph")
    for field in _fields(body, _GRAPH, "graph"):
        if field.name == "node":
            nodes.append(_node(_bytes(field)))
        elif field.name == "input":
            inputs.append(_input(_bytes(field)))
        elif field.name == "tensor":
            name, shape, is_external = _tensor(_bytes(field))
            if not is_external:
                written[name] = _values(name, shape, _bytes(field))
                continue
            if name not in weights:
                raise ArtifactError(f"the graph asks for a weight {name!r} that the file does not hold: train it again")
            if weights[name].shape != shape:
                raise ArtifactError(f"weight {name!r} has shape {weights[name].shape}, the graph expects {shape}")
            wanted.append(name)
    check_extent(nodes, inputs, {name: weights[name].shape for name in wanted}, lambda name: written.get(name, ()))
    return wanted


def with_weights(graph: bytes, weights: Mapping[str, NDArray[np.floating]], properties: Mapping[str, str]) -> bytes:
    """The graph as a whole ONNX model: every external weight written into it as float32, `properties` as metadata.

    Raises:
        ArtifactError: as `check_graph`; ValueError: beyond the 2 GB that one ONNX file can be.
    """
    check_graph(graph, weights)
    if sum(4 * weight.size for weight in weights.values()) > _PROTOBUF_LIMIT_BYTES:
        raise ValueError("the network is larger than the 2 GB of one ONNX file: train one with a smaller NGF")
    # Pieces that are put together once, at the end: each time would take a copy of all weights.
    body: list[_Piece] = []
    inner = _only(_fields(graph, _MODEL, "model"), "graph")
    for field in _fields(inner, _GRAPH, "graph"):
        if field.name == "tensor" and _tensor(_bytes(field))[2]:
            tensor = _bytes(field)
            data = np.ascontiguousarray(weights[_tensor(tensor)[0]], "<f4").reshape(-1).view(np.uint8).data
            kept = [
                tensor[one.start : one.stop] for one in _fields(tensor, _TENSOR, "tensor")
                if one.name not in ("place", "external", "raw")
            ]
            body += _pieces(_GRAPH["tensor"], [*kept, *_pieces(_TENSOR["raw"], [data])])
        else:
            body.append(inner[field.start : field.stop])
    model: list[_Piece] = []
    for field in _fields(graph, _MODEL, "model"):
        model += _pieces(_MODEL["graph"], body) if field.name == "graph" else [graph[field.start : field.stop]]
    notes = [
        _message(_MODEL["properties"], _message(1, key.encode()) + _message(2, value.encode()))
        for key, value in properties.items()
    ]
    return b"".join([*model, *notes])


def _node(node: bytes) -> Node:
    fields = list(_fields(node, _NODE, "node"))
    operator = _text(_only(fields, "operator"))
    domain = "".join(_text(_bytes(field)) for field in fields if field.name == "domain")
    if operator not in OPERATORS or domain:
        raise ArtifactError(f"the graph has an operator {domain and domain + '.'}{operator} that dancheong does not write")
    numbers = {}
    for field in fields:
        if field.name == "attribute":
            attribute = list(_fields(_bytes(field), _ATTRIBUTE, f"attribute of {operator}"))
            whole = [one for one in attribute if one.name in ("int", "ints")]
            if whole:
                numbers[_text(_only(attribute, "name"))] = tuple(number for one in whole for number in _numbers(one))
    names = {word: [_text(_bytes(field)) for field in fields if field.name == word] for word in ("input", "output")}
    return Node(operator, names["input"], names["output"], numbers)


def _input(value: bytes) -> tuple[str, int]:
    """Name and channels of what is given to the graph: (batch, channels, height, width)."""
    fields = list(_fields(value, _VALUE, "input"))
    tensor = _only(_fields(_only(fields, "type"), _TYPE, "input's type"), "tensor")
    shape = _only(_fields(tensor, _TENSOR_TYPE, "input's type"), "shape")
    sides = [list(_fields(_bytes(side), _SIDE, "input's shape")) for side in _fields(shape, _SHAPE, "input's shape")]
    second = sides[1] if len(sides) == 4 else []
    channels = [number for field in second if field.name == "value" for number in _numbers(field)]
    if len(channels) != 1 or not 1 <= channels[0] <= _MAX_CHANNELS_IN:
        raise ArtifactError("the graph's input has no number of channels: train it again")
    return _text(_only(fields, "name")), channels[0]


def _tensor(tensor: bytes) -> tuple[str, tuple[int, ...], bool]:
    """Name, shape, and whether the values lie outside the graph."""
    fields = list(_fields(tensor, _TENSOR, "tensor"))
    name = _text(_only(fields, "name"))
    shape: list[int] = []
    for field in fields:
        if field.name == "dims":
            shape += _numbers(field)
        if field.name == "type" and field.value != _FLOAT32:
            raise ArtifactError(f"weight {name!r} is no float32 in the graph: train it again")
    return name, tuple(shape), any(field.name in ("place", "external") for field in fields)


def _values(name: str, shape: tuple[int, ...], tensor: bytes) -> tuple[float, ...]:
    """The values of a small tensor that is written in the graph."""
    fields = list(_fields(tensor, _TENSOR, "tensor"))
    data = b"".join(_bytes(field) for field in fields if field.name in ("floats", "raw"))
    if len(shape) != 1 or len(data) != 4 * shape[0] or shape[0] > _MAX_WRITTEN:
        raise ArtifactError(f"{name!r} is written in the graph, but is no short list of numbers: train it again")
    return struct.unpack(f"<{shape[0]}f", data)


def _numbers(field: _Field) -> list[int]:
    """The whole numbers of a field, one or packed; negative ones are written in 64 bits."""
    numbers = [field.value] if isinstance(field.value, int) else _packed(field.value)
    return [number - (1 << 64) if number >= 1 << 63 else number for number in numbers]


def _packed(data: bytes) -> list[int]:
    numbers, position = [], 0
    while position < len(data):
        number, position = _varint(data, position)
        numbers.append(number)
    return numbers


def _fields(data: bytes, known: Mapping[str, int], what: str) -> Iterator[_Field]:
    """The fields of a message; a field that is unknown, or stands twice where one belongs, is refused."""
    names = {number: name for name, number in known.items()}
    seen = set()
    position = 0
    while position < len(data):
        start = position
        key, position = _varint(data, position)
        name = names.get(key >> 3)
        if name is None:
            raise ArtifactError(f"the graph's {what} has a field {key >> 3} that dancheong does not write")
        if name in seen and name not in _REPEATED:
            raise ArtifactError(f"the graph's {what} has two fields {name}")
        seen.add(name)
        value, position = _value(data, position, key & 7)
        yield _Field(name, value, start, position)


def _value(data: bytes, position: int, wire_type: int) -> tuple[int | bytes, int]:
    if wire_type == 0:
        return _varint(data, position)
    if wire_type in (1, 5):
        stop = position + (8 if wire_type == 1 else 4)
    elif wire_type == 2:
        length, position = _varint(data, position)
        stop = position + length
    else:
        raise ArtifactError("the graph is no ONNX model: train it again")
    if stop > len(data):
        raise ArtifactError("the graph is cut short: train it again")
    return data[position:stop], stop


def _varint(data: bytes, position: int) -> tuple[int, int]:
    number = 0
    for index in range(10):
        if position + index >= len(data):
            raise ArtifactError("the graph is cut short: train it again")
        byte = data[position + index]
        number |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return number, position + index + 1
    raise ArtifactError("the graph is no ONNX model: train it again")


def _message(number: int, data: bytes) -> bytes:
    return _encoded(number << 3 | 2) + _encoded(len(data)) + data


def _pieces(number: int, content: list[_Piece]) -> list[_Piece]:
    """As `_message`, of a content in pieces."""
    return [_encoded(number << 3 | 2) + _encoded(sum(map(len, content))), *content]


def _encoded(number: int) -> bytes:
    groups = []
    while number >= 0x80:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*groups, number])


def _only(fields: Iterator[_Field] | list[_Field], name: str) -> bytes:
    # All of them, so that what follows the one is looked at as well.
    found = [field for field in fields if field.name == name]
    if not found:
        raise ArtifactError(f"the graph has no {name}: train it again")
    return _bytes(found[0])


def _bytes(field: _Field) -> bytes:
    if isinstance(field.value, bytes):
        return field.value
    raise ArtifactError(f"the graph's {field.name} is no message: train it again")


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise ArtifactError("the graph holds a name that is no text: train it again") from None
