"""The same network in fewer operations: doubling by nearest neighbor and a convolution in one.

As a transposed convolution: doubled, each pixel of a picture stands twice in a row, so two neighboring weights of a kernel
of k always or never meet the same pixel: summed beforehand, a transposed convolution of k + 1 with a stride of 2 gives the
same sums with (k + 1)^2 / 4 products a pixel instead of k^2 (k = 3: 4 instead of 9), and the doubled picture is never made.
Or, where the convolution gives few channels, at the size before the doubling: its four results for each pixel there are
four times as many channels, which DepthToSpace lays out. Units that multiply whole blocks are filled better by them.
A batch normalization behind either, frozen at prediction, is a factor and a shift and goes into the weights.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dancheong.runtime.graph import (
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
Floats = NDArray[np.floating]
_INT, _TEXT, _INTS, _EXTERNAL, _FLOAT32 = 2, 3, 7, 1, 1
_THIN_CHANNELS = 4  # four times as many fill a block of 16
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
    return _rewritten(graph, weights, lambda chain, made: [_transposed(chain, made)])


def with_full_blocks(graph: bytes, weights: Mapping[str, Floats]) -> tuple[bytes, dict[str, Floats]]:
    """As `faster`, but only what gives few channels, by a convolution before the doubling; weights of any precision."""
    return _rewritten(graph, weights, lambda chain, made: _phased(chain, made) if _is_thin(chain, made) else [])


def _rewritten(
    graph: bytes, weights: Mapping[str, Any], rewrite: Callable[[list[_Node], dict[str, Any]], list[bytes]]
) -> tuple[bytes, dict[str, Any]]:
    """The graph with each chain that doubles replaced by the nodes that `rewrite` gives for it, unless it gives none."""
    body = _only(_fields(graph, _MODEL, "model"), "graph")
    fields = list(_fields(body, _GRAPH, "graph"))
    nodes = [_node(_bytes(field)) for field in fields if field.name == "node"]
    doubles = {name for field in fields if field.name == "tensor" and (name := _doubling_scales(_bytes(field)))}
    uses = Counter(name for node in nodes for name in node.inputs)
    user = {name: node for node in nodes for name in node.inputs if uses[name] == 1}
    made = dict(weights)
    replaced: dict[int, list[bytes]] = {}
    for node in nodes:
        chain = _chain(node, user, made, doubles)
        if chain and (written := rewrite(chain, made)):
            replaced |= {id(one): [] for one in chain}
            replaced[id(chain[-1])] = written
    parts = [_message(_GRAPH["node"], raw) for node in nodes for raw in replaced.get(id(node), [node.raw])]
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
    kernel, bias = _folded(chain, weights)
    name = f"{chain[1].inputs[1]}.transposed"
    weights[name], weights[f"{name}.bias"] = _transposed_kernel(kernel), bias
    ksize = kernel.shape[2]
    attributes = {"kernel_shape": [ksize + 1] * 2, "pads": [ksize // 2] * 4, "strides": [2, 2]}
    inputs = [chain[0].inputs[0], name, f"{name}.bias"]
    return _written("ConvTranspose", inputs, chain[-1].outputs[0], [_ints(*one) for one in attributes.items()])


def _is_thin(chain: list[_Node], weights: Mapping[str, FloatArray]) -> bool:
    return len(weights[chain[1].inputs[1]]) <= _THIN_CHANNELS


def _phased(chain: list[_Node], weights: dict[str, FloatArray]) -> list[bytes]:
    """Two nodes that do what the chain does; their weights are added to `weights`."""
    kernel, bias = _folded(chain, weights)
    name = f"{chain[1].inputs[1]}.phased"
    weights[name], weights[f"{name}.bias"] = _phased_kernel(kernel), np.repeat(bias, 4)
    ksize = weights[name].shape[2]
    attributes = {"kernel_shape": [ksize] * 2, "pads": [ksize // 2] * 4, "strides": [1, 1]}
    inputs, phases = [chain[0].inputs[0], name, f"{name}.bias"], f"{chain[-1].outputs[0]}.phases"
    return [
        _written("Conv", inputs, phases, [_ints(*one) for one in attributes.items()]),
        _written("DepthToSpace", [phases], chain[-1].outputs[0], [_int("blocksize", 2), _words("mode", "CRD")]),
    ]


def _folded(chain: list[_Node], weights: Mapping[str, FloatArray]) -> tuple[FloatArray, FloatArray]:
    """Kernel (c_out, c_in, k, k) and bias of a chain's convolution, with the normalization behind it folded in."""
    convolution = chain[1]
    kernel = np.asarray(weights[convolution.inputs[1]], np.float32)
    bias = weights[convolution.inputs[2]] if len(convolution.inputs) > 2 else np.zeros(len(kernel), np.float32)
    if len(chain) == 2:
        return kernel, bias
    scale, shift, mean, variance = (weights[name].astype(np.float64) for name in chain[2].inputs[1:])
    factor = scale / np.sqrt(variance + chain[2].attributes["epsilon"])
    return kernel * factor.astype(np.float32)[:, None, None, None], ((bias - mean) * factor + shift).astype(np.float32)


def _written(operator: str, inputs: list[str], output: str, attributes: list[bytes]) -> bytes:
    words = [(_NODE["input"], text) for text in inputs] + [(_NODE["output"], output), (_NODE["operator"], operator)]
    return b"".join(
        [_message(number, text.encode()) for number, text in words]
        + [_message(_NODE["attribute"], attribute) for attribute in attributes]
    )


def _transposed_kernel(kernel: FloatArray) -> FloatArray:
    """(c_out, c_in, k, k) as (c_in, c_out, k + 1, k + 1): turned around, neighbors summed."""
    c_out, c_in, k, _ = kernel.shape
    # Which of the k x k weights go into which of the (k + 1) x (k + 1) sums, as one matrix.
    meets = np.eye(k, k + 1, dtype=np.float32) + np.eye(k, k + 1, 1, dtype=np.float32)
    sums_of = np.kron(meets[::-1], meets[::-1])
    sums: FloatArray = np.ascontiguousarray(kernel.reshape(c_out, c_in, k * k).swapaxes(0, 1)) @ sums_of
    return sums.reshape(c_in, c_out, k + 1, k + 1)


def _phased_kernel(kernel: FloatArray) -> FloatArray:
    """(c_out, c_in, k, k) as (4 c_out, c_in, r, r): for each output the upper left of four results, its right, and below."""
    c_out, c_in, k, _ = kernel.shape
    pad = k // 2
    reach = (pad + 1) // 2  # in pixels before the doubling
    meets = np.zeros((2, k, 2 * reach + 1), np.float32)
    for phase in (0, 1):
        for tap in range(k):
            meets[phase, tap, (phase + tap - pad) // 2 + reach] = 1
    sums: FloatArray = np.einsum("oits,dtu,esv->odeiuv", kernel, meets, meets)
    return np.ascontiguousarray(sums.reshape(4 * c_out, c_in, 2 * reach + 1, 2 * reach + 1))


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
    return _attributed(name, b"".join(_encoded(_ATTRIBUTE["ints"] << 3) + _encoded(value) for value in values), _INTS)


def _int(name: str, value: int) -> bytes:
    return _attributed(name, _encoded(_ATTRIBUTE["int"] << 3) + _encoded(value), _INT)


def _words(name: str, value: str) -> bytes:
    return _attributed(name, _message(_ATTRIBUTE["text"], value.encode()), _TEXT)


def _attributed(name: str, value: bytes, kind: int) -> bytes:
    return _message(_ATTRIBUTE["name"], name.encode()) + value + _encoded(_ATTRIBUTE["type"] << 3) + _encoded(kind)
