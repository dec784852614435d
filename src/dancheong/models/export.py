"""A trained generator for prediction: as an ONNX graph without weights, or as a torch function on arrays."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from dancheong.models.generator import Generator, check_input, from_architecture

Network = Callable[[NDArray[np.float32]], NDArray[np.float32]]


def to_graph(generator: Generator) -> bytes:
    """The generator as a serialized ONNX model that holds no weights (a few kilobytes).

    Input ``input`` float32 (batch, c_in, height, width) and output ``output`` (batch, c_out, height, width) are free in
    batch, height and width (multiples of 2**levels). Every weight is an initializer marked as external and named as in
    ``generator.state_dict()``: hand float32 arrays over with ``SessionOptions.add_external_initializers``. The graph
    predicts: frozen statistics, no dropout.

    Needs the package onnx.
    """
    from dancheong.models.onnx_graph import unet_model

    graph: bytes = unet_model(generator).SerializeToString(deterministic=True)
    return graph


def to_weights(generator: Generator) -> dict[str, NDArray[np.float32]]:
    """The weights and statistics a prediction needs, on the CPU as float32, named as in ``generator.state_dict()``."""
    return {
        name: tensor.detach().to("cpu", torch.float32, copy=True, memory_format=torch.contiguous_format).numpy()
        for name, tensor in generator.state_dict().items()
        if tensor.is_floating_point()
    }


def load_generator(description: Mapping[str, Any], weights: Mapping[str, NDArray[Any]]) -> Generator:
    """The generator of a description with these weights, on the CPU, in float32.

    Args:
        description: what `dancheong.models.generator.architecture` wrote.
        weights: arrays by name, as from `to_weights`, of any float type. The counts of batches that a state_dict has
            too (``num_batches_tracked``) may be there, and are not used.

    Raises:
        ValueError: the description is not a U-Net's; a weight is missing, unknown, or of another shape.
    """
    with torch.device("meta"):
        generator = from_architecture(dict(description))
    state = generator.state_dict()
    needed = {name: tuple(tensor.shape) for name, tensor in state.items() if tensor.is_floating_point()}
    strange = sorted((needed.keys() - weights.keys()) | (weights.keys() - state.keys()))
    if strange:
        raise ValueError(f"{len(strange)} weights are missing or unknown to this network: {', '.join(strange[:3])} ...")
    for name, shape in needed.items():
        if weights[name].shape != shape:
            raise ValueError(f"weight {name} has shape {weights[name].shape}, the network's has {shape}")
    tensors = {name: torch.from_numpy(np.array(weights[name], dtype=np.float32)) for name in needed}
    counts = {name: torch.zeros((), dtype=torch.long) for name in state.keys() - needed.keys()}
    generator.load_state_dict(tensors | counts, assign=True)
    return generator


def torch_network(
    description: Mapping[str, Any],
    weights: Mapping[str, NDArray[Any]],
    *,
    predict_dropout: bool = False,
    seed: int = 0,
    device: str = "cpu",
) -> Network:
    """The torch runtime: a function from float32 (b, c_in, h, w) in [-1, 1] to float32 (b, c_out, h, w) in [-1, 1].

    Args:
        description, weights: as for `load_generator`.
        predict_dropout: dropout and batch statistics stay on, as in the paper's tests (Isola et al. 2017, section 3.3).
            A prediction then depends on its batch and its extent.
        seed: the dropout of every call starts from it, so that the same picture gives the same prediction.
        device: where to compute.

    Raises:
        ValueError: description or weights do not fit; on call, an input the network cannot take.
    """
    generator = load_generator(description, weights).to(device)
    return as_predicted(generator, predict_dropout=predict_dropout, seed=seed)


def as_predicted(generator: Generator, *, predict_dropout: bool = False, seed: int = 0) -> Network:
    """A generator as `torch_network` gives it, on the device where it is; it is put into that state."""
    generator.train(predict_dropout).requires_grad_(False)
    device = next(generator.parameters()).device
    for part in generator.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            # Batch statistics are used, but a prediction leaves no trace in the frozen ones.
            part.track_running_stats = not predict_dropout

    def network(input_bchw: NDArray[np.float32]) -> NDArray[np.float32]:
        check_input(input_bchw.shape, generator.c_in, generator.levels)
        input_tensor = torch.from_numpy(np.ascontiguousarray(input_bchw, dtype=np.float32)).to(device)
        accelerators = list(range(torch.cuda.device_count()))
        with torch.inference_mode(), torch.random.fork_rng(accelerators, enabled=predict_dropout):
            if predict_dropout:
                torch.manual_seed(seed)
            output: NDArray[np.float32] = generator(input_tensor).cpu().numpy()
        return output

    return network
