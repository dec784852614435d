"""The same network in fewer operations: doubling by nearest neighbor and a convolution are one transposed convolution.

Doubled, each pixel of a picture stands twice in a row, so two neighboring weights of a kernel of k always or never meet
the same pixel: summed beforehand, a transposed convolution of k + 1 with a stride of 2 gives the same sums with
(k + 1)^2 / 4 products a pixel instead of k^2 (k = 3: 4 instead of 9), and the doubled picture is never made. A batch
normalization behind it, frozen at prediction, is a factor and a shift and goes into the weights.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dancheong.prediction.graph import (
    _ATTRIBUTE,
    _GRAPH,
    _MODEL,
    _NODE,
    _TENSOR,
    _bytes,
    _encoded,
    _fields,
    _message,
    _only,
    _packed,
    _tensor,
    _text,
)

FloatArray = NDArray[np.float32]
_INTS, _EXTERNAL, _FLOAT32 = 7, 1, 1
_DOUBLING = {"mode": b"nearest", "nearest_mode": b"floor", "coordinate_transformation_mode": b"asymmetric"}


@dataclass(frozen=True)
class _Node:
    operator: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Any]
    raw: bytes


def faster(graph: bytes, weights: Mapping[str, FloatArray]) -> tuple[bytes, dict[str, FloatArray]]:
    """A graph that `check_graph` has passed, and its weights, with each doubling convolution as a transposed one.

    Args:
        weights: float32, all that the graph asks for.

    Returns:
        A graph of the same input and output, and its weights. What cannot be replaced stays as it is.
    """
    body = _only(_fields(graph, _MODEL, "model"), "graph")
    fields = list(_fields(body, _GRAPH, "graph"))
    nodes = [_node(_bytes(field)) for field in fields if field.name == "node"]
    doubles = {name for field in fields if field.name == "tensor" and (name := _doubling_scales(_bytes(field)))}
    uses = Counter(name for node in nodes for name in node.inputs)
    user = {name: node for node in nodes for name in node.inputs if uses[name] == 1}
    made = dict(weights)
    replaced: dict[int, bytes] = {}
    for node in nodes:
        chain = _chain(node, user, made, doubles)
        if chain:
            replaced |= {id(one): b"" for one in chain}
            replaced[id(chain[-1])] = _transposed(chain, made)
    parts = [_message(_GRAPH["node"], replaced.get(id(node), node.raw)) for node in nodes if replaced.get(id(node), b"x")]
    kept = [
        body[field.start : field.stop] for field in fields
        if field.name != "node" and not (field.name == "tensor" and _tensor(_bytes(field))[2])
    ]
    used = {name for part in parts for name in _node(_only(_fields(part, _GRAPH, "graph"), "node")).inputs}
    made = {name: weight for name, weight in made.items() if name in used}
    body = b"".join([*parts, *kept, *(_message(_GRAPH["tensor"], _external(*one)) for one in made.items())])
    model = [
        _message(_MODEL["graph"], body) if field.name == "graph" else graph[field.start : field.stop]
        for field in _fields(graph, _MODEL, "model")
    ]
    return b"".join(model), made


def _chain(
    node: _Node, user: Mapping[str, _Node], weights: Mapping[str, FloatArray], doubles: set[str]
) -> list[_Node]:
    """The doubling that begins at `node`, its convolution and the normalization behind; empty where they are not there."""
    if node.operator != "Resize" or node.inputs[2:] not in [[name] for name in doubles]:
        return []
    if any(node.attributes.get(name) != value for name, value in _DOUBLING.items()):
        return []
    convolution = user.get(node.outputs[0])
    if convolution is None or convolution.operator != "Conv" or not all(name in weights for name in convolution.inputs[1:]):
        return []
    ksize = weights[convolution.inputs[1]].shape[2]
    attributes = {"kernel_shape": [ksize] * 2, "pads": [ksize // 2] * 4, "strides": [1, 1]}
    if ksize % 2 == 0 or convolution.attributes != attributes:
        return []
    norm = user.get(convolution.outputs[0])
    if norm is None or norm.operator != "BatchNormalization" or set(norm.attributes) != {"epsilon"}:
        return [node, convolution]
    return [node, convolution, norm] if all(name in weights for name in norm.inputs[1:]) else [node, convolution]


def _transposed(chain: list[_Node], weights: dict[str, FloatArray]) -> bytes:
    """The node that does what the chain does; its weights are added to `weights`."""
    convolution = chain[1]
    kernel = weights[convolution.inputs[1]]
    bias = weights[convolution.inputs[2]] if len(convolution.inputs) > 2 else np.zeros(len(kernel), np.float32)
    factor = np.ones(len(kernel))
    if len(chain) == 3:
        scale, shift, mean, variance = (weights[name].astype(np.float64) for name in chain[2].inputs[1:])
        factor = scale / np.sqrt(variance + chain[2].attributes["epsilon"])
        bias = ((bias - mean) * factor + shift).astype(np.float32)
    name = f"{convolution.inputs[1]}.transposed"
    weights[name], weights[f"{name}.bias"] = _transposed_kernel(kernel, factor.astype(np.float32)), bias
    ksize = kernel.shape[2]
    words = [(_NODE["input"], text) for text in (chain[0].inputs[0], name, f"{name}.bias")]
    words += [(_NODE["output"], chain[-1].outputs[0]), (_NODE["operator"], "ConvTranspose")]
    attributes = {"kernel_shape": [ksize + 1] * 2, "pads": [ksize // 2] * 4, "strides": [2, 2]}
    return b"".join(
        [_message(number, text.encode()) for number, text in words]
        + [_message(_NODE["attribute"], _ints(*one)) for one in attributes.items()]
    )


def _transposed_kernel(kernel: FloatArray, factor: FloatArray) -> FloatArray:
    """(c_out, c_in, k, k) as (c_in, c_out, k + 1, k + 1): turned around, neighbors summed, outputs times `factor`."""
    c_out, c_in, k, _ = kernel.shape
    # Which of the k x k weights go into which of the (k + 1) x (k + 1) sums, as one matrix.
    meets = np.eye(k, k + 1, dtype=np.float32) + np.eye(k, k + 1, 1, dtype=np.float32)
    sums_of = np.kron(meets[::-1], meets[::-1])
    scaled = (kernel.reshape(c_out, -1) * factor[:, None]).reshape(c_out, c_in, k * k)
    sums: FloatArray = np.ascontiguousarray(scaled.swapaxes(0, 1)) @ sums_of
    return sums.reshape(c_in, c_out, k + 1, k + 1)


def _node(raw: bytes) -> _Node:
    fields = list(_fields(raw, _NODE, "node"))
    texts = {name: [_text(_bytes(field)) for field in fields if field.name == name] for name in ("input", "output", "operator")}
    attributes = dict(_attribute(_bytes(field)) for field in fields if field.name == "attribute")
    return _Node(texts["operator"][0], texts["input"], texts["output"], attributes, raw)


def _attribute(raw: bytes) -> tuple[str, Any]:
    fields = list(_fields(raw, _ATTRIBUTE, "attribute"))
    name = _text(_only(fields, "name"))
    value: Any = None
    ints: list[int] = []
    for field in fields:
        if field.name == "ints":
            ints += [field.value] if isinstance(field.value, int) else _packed(field.value)
        elif field.name == "float":
            value = float(np.frombuffer(_bytes(field), "<f4")[0])
        elif field.name in ("int", "text"):
            value = field.value
    return name, ints or value


def _doubling_scales(tensor: bytes) -> str:
    """The name of a tensor that holds the scales 1, 1, 2, 2; empty for others."""
    name, shape, is_external = _tensor(tensor)
    if is_external or shape != (4,):
        return ""
    data = b"".join(_bytes(field) for field in _fields(tensor, _TENSOR, "tensor") if field.name in ("floats", "raw"))
    return name if data == np.array([1, 1, 2, 2], "<f4").tobytes() else ""


def _external(name: str, weight: FloatArray) -> bytes:
    place = _message(1, b"location") + _message(2, b"weights")
    return b"".join([
        *(_encoded(_TENSOR["dims"] << 3) + _encoded(side) for side in weight.shape),
        _encoded(_TENSOR["type"] << 3) + _encoded(_FLOAT32),
        _message(_TENSOR["name"], name.encode()),
        _message(_TENSOR["place"], place),
        _encoded(_TENSOR["external"] << 3) + _encoded(_EXTERNAL),
    ])


def _ints(name: str, values: list[int]) -> bytes:
    numbers = b"".join(_encoded(_ATTRIBUTE["ints"] << 3) + _encoded(value) for value in values)
    kind = _encoded(_ATTRIBUTE["type"] << 3) + _encoded(_INTS)
    return _message(_ATTRIBUTE["name"], name.encode()) + numbers + kind
