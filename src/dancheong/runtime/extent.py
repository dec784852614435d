"""How large a graph's arrays become, bounded before a runtime allocates any of them.

A few bytes of a stranger's graph can ask for any amount of memory: an enlargement on an enlargement, a picture joined to
itself again and again, a padding of a billion. So every array's number of channels and its scale against the input are
followed through the graph.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from dancheong.artifact import ArtifactError

MAX_NODES = 4096
# Numbers of an array for each pixel of the input: 128 with NGF=64 as published, 2048 with the largest NGF.
MAX_FLOATS_A_PIXEL = 8192
MAX_SCALE = 8.0
# Kernels, strides, paddings, axes.
_MAX_NUMBER, _MAX_GROUPS = 64, 1 << 16
_TO_BHWC, _TO_BCHW = (0, 2, 3, 1), (0, 3, 1, 2)


@dataclass(frozen=True)
class Node:
    """A node of the graph: names of what goes in and out, and its whole-number attributes."""

    operator: str
    inputs: Sequence[str]
    outputs: Sequence[str]
    numbers: Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class _Extent:
    """Channels, and the side of an array as a multiple of the input's side."""

    channels: int
    scale: float
    channels_last: bool = False


def check_extent(
    nodes: Sequence[Node],
    inputs: Sequence[tuple[str, int]],
    shapes: Mapping[str, tuple[int, ...]],
    factors: Callable[[str], tuple[float, ...]],
) -> None:
    """Check that no array of a graph is much larger than its input.

    Args:
        nodes: in the graph's order.
        inputs: name and channels of what is given to the graph.
        shapes: of its weights.
        factors: the values of a small tensor that is written in the graph, such as the factors of a Resize.

    Raises:
        ArtifactError: naming the operator that enlarges too much, or whose numbers are not known.
    """
    if len(nodes) > MAX_NODES:
        raise ArtifactError(f"the graph has {len(nodes)} nodes, at most {MAX_NODES} are run")
    extents = {name: _Extent(channels, 1.0) for name, channels in inputs}
    for node in nodes:
        for name, values in node.numbers.items():
            if any(abs(value) > (_MAX_GROUPS if name == "group" else _MAX_NUMBER) for value in values):
                raise ArtifactError(f"{node.operator}: {name} = {values} is not what dancheong writes")
        given = [extents[name] for name in node.inputs if name in extents]
        if not given:
            raise ArtifactError(f"{node.operator} takes nothing that comes from the graph's input: train it again")
        extent = _after(node, given, shapes, factors)
        if extent.scale > MAX_SCALE or extent.channels * extent.scale**2 > MAX_FLOATS_A_PIXEL:
            raise ArtifactError(
                f"{node.operator} makes {extent.channels} channels at {extent.scale:g} times the input's side; at most "
                f"{MAX_SCALE:g} times, and {MAX_FLOATS_A_PIXEL} numbers a pixel, are computed"
            )
        extents.update(dict.fromkeys(node.outputs, extent))


def _after(
    node: Node, given: list[_Extent], shapes: Mapping[str, tuple[int, ...]], factors: Callable[[str], tuple[float, ...]]
) -> _Extent:
    first, numbers = given[0], node.numbers
    if node.operator == "Transpose":
        perm = numbers.get("perm")
        if (perm, first.channels_last) not in ((_TO_BHWC, False), (_TO_BCHW, True)):
            raise ArtifactError(f"Transpose: perm = {perm} is not what dancheong writes")
        return _Extent(first.channels, first.scale, not first.channels_last)
    if any(one.channels_last for one in given) and node.operator != "LayerNormalization":
        raise ArtifactError(f"{node.operator} of channels that come last is not what dancheong writes")
    if node.operator in ("Conv", "ConvTranspose"):
        strides = numbers.get("strides", (1, 1))
        shape = shapes.get(node.inputs[1] if len(node.inputs) > 1 else "", ())
        if len(shape) != 4 or len(set(strides)) != 1 or strides[0] < 1:
            raise ArtifactError(f"{node.operator}: a weight of 4 dimensions and even strides were expected")
        if node.operator == "Conv":
            return _Extent(shape[0], first.scale / strides[0])
        return _Extent(shape[1] * numbers.get("group", (1,))[0], first.scale * strides[0])
    if node.operator == "Concat":
        if numbers.get("axis") != (1,):
            raise ArtifactError("Concat: axis 1 was expected")
        # What goes in twice counts twice.
        return _Extent(sum(one.channels for one in given), max(one.scale for one in given))
    if node.operator == "Resize":
        scales = factors(node.inputs[2]) if len(node.inputs) == 3 else ()
        if len(scales) != 4 or scales[:2] != (1.0, 1.0) or scales[2] != scales[3] or not 0 < scales[2] <= MAX_SCALE:
            raise ArtifactError(f"Resize: factors 1, 1, n, n were expected, {scales} came")
        return _Extent(first.channels, first.scale * scales[2])
    if node.operator == "DepthToSpace":
        side = numbers.get("blocksize", (0,))[0]
        if side < 1:
            raise ArtifactError("DepthToSpace: a block of 1 or more was expected")
        return _Extent(max(1, first.channels // side**2), first.scale * side)
    return _Extent(max(one.channels for one in given), max(one.scale for one in given), first.channels_last)
