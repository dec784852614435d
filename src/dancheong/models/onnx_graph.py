"""The U-Net's table, and the upscaler, as ONNX graphs, written node by node.

Not `torch.onnx.export(dynamo=True)`, which was tried (torch 2.13, onnxscript 0.7): it folds the batch normalizations
into the convolutions, so that the graph's weights are no longer the generator's; the canonical U-Net takes it 8 s in a
fresh process, this file 0.05 s; and it needs onnxscript and speaks in warnings. The table says all there is to say; a
test holds the graph against torch.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from onnx import ModelProto, NodeProto, TensorProto, helper
from torch import nn

from dancheong.models.blocks import LEAKY_SLOPE, NORM_EPSILON
from dancheong.models.generator import Generator, UnetRow, conv_padding

# Layer normalization and the attributes used here are there from 17 on; onnxruntime 1.19 and later run both.
OPSET = 18
IR_VERSION = 9
DOUBLE, LARGER = "double", "scales"


def unet_model(generator: Generator) -> ModelProto:
    """The model: input ``input``, output ``output``, weights external and named as in the generator's state_dict."""
    nodes = list(_nodes(generator))
    return _model("unet", nodes, generator, (generator.c_in, generator.c_out), {DOUBLE: (1.0, 1.0, 2.0, 2.0)})


def compact_model(network: Any) -> ModelProto:
    """The upscaler, in the same form. Slopes of PReLU are (features, 1, 1): ONNX would lay (features,) along the width."""
    nodes, x = [], "input"
    for place, part in enumerate(network.body):
        if isinstance(part, nn.PReLU):
            nodes.append(helper.make_node("PRelu", [x, f"body.{place}.weight"], [f"body.{place}"]))
        else:
            weights = [f"body.{place}.weight", f"body.{place}.bias"]
            nodes.append(helper.make_node("Conv", [x, *weights], [f"body.{place}"], kernel_shape=[3, 3], pads=[1] * 4))
        x = f"body.{place}"
    nodes += [
        helper.make_node("DepthToSpace", [x], ["detail"], blocksize=network.scale, mode="CRD"),
        _nearest("input", LARGER, "larger"),
        helper.make_node("Add", ["detail", "larger"], ["output"]),
    ]
    scale = float(network.scale)
    return _model("compact", nodes, network, (network.channels, network.channels), {LARGER: (1.0, 1.0, scale, scale)})


def _model(
    title: str, nodes: list[NodeProto], network: nn.Module, channels: tuple[int, int], constants: dict[str, tuple[float, ...]]
) -> ModelProto:
    """The nodes as a whole model, from ``input`` to ``output``, with the weights and constants that they use."""
    used = {name for node in nodes for name in node.input}
    slopes = {f"{name}.weight" for name, part in network.named_modules() if isinstance(part, nn.PReLU)}
    tensors = [
        _external(name, (*tensor.shape, 1, 1) if name in slopes else tensor.shape)
        for name, tensor in network.state_dict().items() if name in used
    ]
    tensors += [
        helper.make_tensor(name, TensorProto.FLOAT, [len(values)], values) for name, values in constants.items() if name in used
    ]
    entry, leaving = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", count, f"height{suffix}", f"width{suffix}"])
        for name, count, suffix in zip(("input", "output"), channels, ("", "" if title == "unet" else "_out"), strict=True)
    )
    graph = helper.make_graph(nodes, title, [entry], [leaving], tensors)
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="dancheong"
    )


def _external(name: str, shape: Sequence[int]) -> TensorProto:
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=shape, data_location=TensorProto.EXTERNAL)
    # ONNX demands a place; no file of this name is ever read, the arrays are handed over.
    tensor.external_data.add(key="location", value="weights")
    return tensor


def _nodes(generator: Generator) -> Iterator[NodeProto]:
    outermost_first, innermost_first = generator.rows[: generator.levels], generator.rows[generator.levels :]
    top = "input"
    for row in outermost_first:
        yield from _block(row, top)
        top = row.block
    for row in innermost_first:
        k = int(row.block.removeprefix("dec"))
        if k < generator.levels:
            yield helper.make_node("Concat", [f"enc{k}", top], [f"{row.block}.in"], axis=1)
            top = f"{row.block}.in"
        yield from _block(row, top)
        top = row.block
    yield helper.make_node("Tanh", [top], ["output"])


def _block(row: UnetRow, x: str) -> Iterator[NodeProto]:
    """One row; its output is named as the block."""
    active = f"{row.block}.active"
    match row.before:
        case "leaky":
            yield helper.make_node("LeakyRelu", [x], [active], alpha=LEAKY_SLOPE)
        case "relu":
            yield helper.make_node("Relu", [x], [active])
        case "none":
            active = x
    x = active
    if row.step == "resize":
        resized = f"{row.block}.resized"
        yield _nearest(x, DOUBLE, resized)
        x = resized
    y = row.block if row.norm == "none" else f"{row.block}.conv"
    yield _convolution(row, x, y)
    if row.norm != "none":
        yield from _norm(row, y)


def _nearest(x: str, scales: str, y: str) -> NodeProto:
    """Enlarged by nearest neighbor, as torch does."""
    return helper.make_node(
        "Resize", [x, "", scales], [y], mode="nearest", nearest_mode="floor", coordinate_transformation_mode="asymmetric"
    )


def _convolution(row: UnetRow, x: str, y: str) -> NodeProto:
    padding = conv_padding(row.ksize)
    attributes: dict[str, Any] = {
        "kernel_shape": [row.ksize] * 2,
        "pads": [padding] * 4,
        "strides": [1, 1] if row.step == "resize" else [2, 2],
    }
    if row.step == "transposed":
        attributes["output_padding"] = [row.ksize % 2] * 2
    weights = [f"{row.block}.conv.weight"] + ([f"{row.block}.conv.bias"] if row.bias else [])
    return helper.make_node("ConvTranspose" if row.step == "transposed" else "Conv", [x, *weights], [y], **attributes)


def _norm(row: UnetRow, x: str) -> Iterator[NodeProto]:
    names = [f"{row.block}.norm.{part}" for part in ("weight", "bias", "running_mean", "running_var")]
    match row.norm:
        case "batch":
            yield helper.make_node("BatchNormalization", [x, *names], [row.block], epsilon=NORM_EPSILON)
        case "instance":
            yield helper.make_node("InstanceNormalization", [x, *names[:2]], [row.block], epsilon=NORM_EPSILON)
        case "channel":
            bhwc, normalized = f"{row.block}.bhwc", f"{row.block}.norm"
            yield helper.make_node("Transpose", [x], [bhwc], perm=[0, 2, 3, 1])
            yield helper.make_node("LayerNormalization", [bhwc, *names[:2]], [normalized], axis=-1, epsilon=NORM_EPSILON)
            yield helper.make_node("Transpose", [normalized], [row.block], perm=[0, 3, 1, 2])
        case _:
            raise ValueError(f"norm {row.norm!r} of {row.block} has no ONNX form here")
