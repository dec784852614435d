"""The detector as an ONNX graph, its 3x3 kernels written as the three weights each that they are made of.

The runtime puts the kernels together once, as it loads the file.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, helper, numpy_helper

OPSET, IR_VERSION = 18, 9
# What a pixel, the sum of its row and column (it twice), and the sum of the box give to each of the nine.
SHAPES = np.array([[0, 0, 0, 0, 1, 0, 0, 0, 0], [0, 1, 0, 1, 2, 1, 0, 1, 0], [1] * 9], np.float32)
DOUBLE = np.array([1, 1, 2, 2], np.float32)


def shape_of(channels: int) -> list[int | str]:
    """Of pictures of any size."""
    return [1, channels, "height", "width"]


class Graph:
    """Nodes and constants, as they are added; every method gives the name of what it makes."""

    def __init__(self, weights: Mapping[str, NDArray[np.float16]]) -> None:
        self.weights = weights
        self.nodes: list[NodeProto] = []
        self.constants: dict[str, NDArray[np.generic]] = {"shapes": SHAPES, "twice": DOUBLE}

    def add(self, operator: str, *inputs: str, **attributes: object) -> str:
        name = f"{operator}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    def constant(self, name: str, array: NDArray[np.generic]) -> str:
        self.constants[name] = array
        return name

    def single(self, name: str, array: NDArray[np.float16]) -> str:
        """A weight, stored in half precision."""
        return self.add("Cast", self.constant(name, np.ascontiguousarray(array)), to=1)

    def conv(self, x: str, name: str, relu: bool = True) -> str:
        """Isotropic 3x3: (3 inputs, outputs) -> (outputs, inputs, 3) x shapes -> (outputs, inputs, 3, 3)."""
        matrix = self.weights[f"{name}_weight"]
        thirds = self.single(name, matrix.reshape(3, -1, matrix.shape[1]).transpose(2, 1, 0))
        size = self.constant(f"{name}.size", np.array([matrix.shape[1], -1, 3, 3], np.int64))
        kernel = self.add("Reshape", self.add("MatMul", thirds, "shapes"), size)
        bias = self.single(f"{name}.bias", self.weights[f"{name}_bias"])
        y = self.add("Conv", x, kernel, bias, kernel_shape=[3, 3], pads=[1] * 4)
        return self.add("Relu", y) if relu else y

    def project(self, x: str, name: str) -> str:
        """1x1."""
        weight = self.weights[f"{name}_weight"].T
        return self.add("Conv", x, self.single(name, weight[..., None, None]), kernel_shape=[1, 1])

    def phases(self, x: str, name: str) -> str:
        """1x1 from what each of four phases has, side by side, to what each of them gets; channels are (phase, feature)."""
        matrix = np.kron(np.eye(4), self.weights[f"{name}_weight"].T).astype(np.float16)
        weight = self.single(name, matrix[..., None, None])
        bias = self.single(f"{name}.bias", np.tile(self.weights[f"{name}_bias"], 4))
        return self.add("Conv", x, weight, bias, kernel_shape=[1, 1])

    def head(self, x: str) -> str:
        """1x1 to each of four phases from what it has and from what all of them share, which comes after it."""
        own, shared = (self.weights[f"{name}_weight"].T for name in ("head", "project_head"))
        weight = np.concatenate([np.kron(np.eye(4), own), np.tile(shared, (4, 1))], axis=1).astype(np.float16)
        bias = self.single("head.bias", np.tile(self.weights["head_bias"], 4))
        return self.add("Conv", x, self.single("head", weight[..., None, None]), bias, kernel_shape=[1, 1])

    def double(self, x: str) -> str:
        rule = {"mode": "nearest", "nearest_mode": "floor", "coordinate_transformation_mode": "asymmetric"}
        return self.add("Resize", x, "", "twice", **rule)

    def pooled(self, x: str, operator: str = "AveragePool") -> str:
        return self.add(operator, x, kernel_shape=[2, 2], strides=[2, 2])

    def parts(self, x: str, counts: Sequence[int]) -> list[str]:
        """A picture's channels, split into so many each."""
        names = [f"{x}.part_{number}" for number in range(len(counts))]
        sizes = self.constant(f"{x}.counts", np.array(counts, np.int64))
        self.nodes.append(helper.make_node("Split", [x, sizes], names, axis=1))
        return names


def detector_model(weights: Mapping[str, NDArray[np.float16]]) -> ModelProto:
    """From what `dancheong.glare.learned` hands over to the probability of each pixel; see `Detector.arrays`.

    Nothing is done at full size, where each operation costs as much as the deeper half of the network: a pixel of ``phases``
    (1, 4 x 3, h, w) holds the four of the planes, one of ``probability`` (1, 4, h, w) the four of the result. ``halved``
    (1, 5, h, w) holds their means, and the greatest and least of the first plane.
    """
    graph, skips = Graph(weights), []
    means, greatest, least = graph.parts("halved", (3, 1, 1))
    lowest = graph.add("Neg", graph.pooled(graph.add("Neg", least), "MaxPool"))
    x = graph.add("Concat", graph.pooled(means), graph.pooled(greatest, "MaxPool"), lowest, axis=1)
    for level in range(sum(name.startswith("down_") and name.endswith("_weight") for name in weights)):
        x = graph.conv(graph.pooled(x) if level else x, f"down_{level}")
        skips.append(x)
    x = graph.conv(x, "deep")
    for level, skip in enumerate(skips[-2::-1]):
        x = graph.conv(graph.add("Add", skip, graph.double(graph.project(x, f"project_{level}"))), f"up_{level}")
    half = graph.conv("halved", "finer", relu=False)
    x = graph.add("Relu", graph.add("Add", half, graph.double(graph.project(x, "project_finer"))))
    x = graph.add("Relu", graph.head(graph.add("Concat", "phases", x, axis=1)))
    logits = graph.phases(x, "last")
    graph.nodes.append(helper.make_node("Sigmoid", [logits], ["probability"]))
    entries = [helper.make_tensor_value_info(*one) for one in (("halved", 1, shape_of(5)), ("phases", 1, shape_of(12)))]
    leaving = helper.make_tensor_value_info("probability", 1, shape_of(4))
    constants = [numpy_helper.from_array(array, name) for name, array in graph.constants.items()]
    body = helper.make_graph(graph.nodes, "detector", entries, [leaving], constants)
    return helper.make_model(
        body, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="dancheong"
    )
