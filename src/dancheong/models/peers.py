"""Generators of other pix2pix programs as a table of rows and its weights: the same network, written down differently.

- pytorch-CycleGAN-and-pix2pix: `unet_256`, `unet_128` and others of that make, a state dict of torch.
- the pix2pix tutorial of TensorFlow: the weights of a Keras model.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from dancheong.models.table import INPUT, NORM_EPSILON, Row, Table, unet_table
from dancheong.params import Params
from dancheong.system.arrays import Float32

Weights = dict[str, Float32]
Statistics = Literal["stored", "picture"]

KERAS_EPSILON, KERAS_SLOPE = 1e-3, 0.3  # what Keras takes where nobody says otherwise
_FIRST, _LAST = "model.model.0.weight", "model.model.3.weight"
_LEVEL = re.compile(r"(?:module\.)?(model\.model\.(?:1\.model\.)?(?:3\.model\.)*)")
_BATCH_PARTS = ("weight", "bias", "running_mean", "running_var")
_KERAS_PARTS = dict(zip(("gamma", "beta", "moving_mean", "moving_variance"), _BATCH_PARTS, strict=True))


def read_pth(path: Path) -> Weights:
    """The arrays of a file of torch, read without running what is in it.

    Raises:
        ValueError: no state dict, or one that needs code to be read.
        ModuleNotFoundError: torch is not installed.
    """
    import torch

    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch's errors have no common kind
        what = str(error).splitlines()[0][:200]
        raise ValueError(
            f"cannot be read without running code in it ({what}); save net.state_dict(), as latest_net_G.pth is saved"
        ) from error
    if not isinstance(state, Mapping) or not all(isinstance(tensor, torch.Tensor) for tensor in state.values()):
        raise ValueError("a state dict of tensors by name was expected, as latest_net_G.pth is")
    return {str(name): tensor.float().numpy() for name, tensor in state.items()}


def from_pytorch(state: Mapping[str, Float32], statistics: Statistics) -> tuple[Params, Table, Weights]:
    """The rows that describe a U-Net of pytorch-CycleGAN-and-pix2pix, its table and its weights.

    Args:
        statistics: see `from_keras`.

    Raises:
        ValueError: a state dict of another network, naming what does not fit.
    """
    state = {name.removeprefix("module."): array for name, array in state.items() if not name.endswith("num_batches_tracked")}
    if _FIRST not in state or _LAST not in state:
        kind = "a ResNet generator, whose mirrored borders no row has" if "model.1.weight" in state else "another network"
        raise ValueError(f"this is {kind}; unet_256 or unet_128 of pytorch-CycleGAN-and-pix2pix was expected (netG)")
    prefixes = sorted({match[1] for name in state if (match := _LEVEL.match(name))}, key=len)
    levels = len(prefixes)
    has_norm = any(name.endswith("running_mean") for name in state)
    has_bias = "model.model.0.bias" in state
    norm: Any = "instance" if has_bias else "batch" if has_norm else "none"
    c_in, c_out = state[_FIRST].shape[1], state[_LAST].shape[1]
    params = _params(c_in, c_out, levels, state[_FIRST].shape[0], state[_FIRST].shape[2], norm)
    table = unet_table(params, c_in, c_out)

    weights: Weights = {}
    used: set[str] = set()
    for k, prefix in enumerate(prefixes, 1):
        down, up = ("0", "3") if k == 1 else ("1", "3") if k == levels else ("1", "5")
        for row, place in ((f"enc{k}", int(down)), (f"dec{k}", int(up))):
            ours = [name for name in table.weight_shapes() if name.startswith(f"{row}.")]
            for name in ours:
                layer, part = name.split(".")[1:]
                theirs = f"{prefix}{place + (layer == 'norm')}.{part}"
                used.add(theirs)
                # Instance normalization there has neither gain nor shift; without normalization there is no bias.
                weights[name] = state[theirs] if theirs in state else np.full(
                    table.weight_shapes()[name], float((layer, part) == ("norm", "weight")), np.float32
                )
    # A bias before instance normalization is taken out with the mean.
    left = [name for name in state if name not in used and not (norm == "instance" and name.endswith(".bias"))]
    if left:
        raise ValueError(f"{len(left)} arrays belong to no layer of a U-Net ({left[0]}, ...): another network")
    return _with_statistics(params, table, weights, statistics)


def from_keras(
    named: Sequence[tuple[str, Float32]], config: Mapping[str, Any], statistics: Statistics
) -> tuple[Params, Table, Weights]:
    """The same of the generator of TensorFlow's pix2pix tutorial.

    Args:
        named: (last part of the name, array) of each weight, in the order of the layers.
        config: of the Keras model; where it is empty, the tutorial's.
        statistics: of batch normalization. "stored": those of the training, as both programs have them in the state of
            evaluation. "picture": each picture's own, as their scripts have them, which test in the state of training.

    Raises:
        ValueError: weights of another network, naming what does not fit.
    """
    blocks: list[Weights] = []
    for name, array in named:
        if name == "kernel":
            blocks.append({})
        if not blocks or name in blocks[-1]:
            raise ValueError(f"the weight {name} belongs to no convolution: another network")
        blocks[-1][name] = array
    levels = len(blocks) // 2
    if levels < 1 or len(blocks) % 2 or any(block["kernel"].ndim != 4 for block in blocks):
        raise ValueError(f"{len(blocks)} convolutions came; as many that halve as double were expected, of a U-Net")
    epsilon = _only(config, "BatchNormalization", ("epsilon",), KERAS_EPSILON)
    slope = _only(config, "LeakyReLU", ("negative_slope", "alpha"), KERAS_SLOPE)
    # Scaled so that our epsilon counts as much as theirs.
    scale = np.float32(np.sqrt(NORM_EPSILON / epsilon))

    rows: list[Row] = []
    weights: Weights = {}
    for number, block in enumerate(blocks):
        is_down = number < levels
        k = number + 1 if is_down else 2 * levels - number
        name, is_last = f"{'enc' if is_down else 'dec'}{k}", k == 1 and not is_down
        kernel, has_norm = block["kernel"], "gamma" in block
        factor = scale if has_norm else np.float32(1)
        above = rows[-1].name if rows else INPUT
        inputs = (above,) if is_down or k == levels else (above, f"enc{k}")
        rows.append(Row(
            name=name, kind="conv" if is_down else "transposed", inputs=inputs, c_in=kernel.shape[2 if is_down else 3],
            c_out=kernel.shape[3 if is_down else 2], ksize=kernel.shape[0], stride=2, norm="batch" if has_norm else "none",
            dropout=0.5 if not is_down and k > levels - 3 and not is_last else 0.0,
            after="prelu" if is_down else "tanh" if is_last else "relu", bias="bias" in block,
        ))
        weights[f"{name}.conv.weight"] = kernel.transpose(3, 2, 0, 1) * factor
        if "bias" in block:
            weights[f"{name}.conv.bias"] = block["bias"] * factor
        for theirs, ours in _KERAS_PARTS.items() if has_norm else ():
            power = {"moving_mean": 1, "moving_variance": 2}.get(theirs, 0)
            weights[f"{name}.norm.{ours}"] = block[theirs] * scale**power
        if is_down:
            weights[f"{name}.slope"] = np.full(kernel.shape[3], slope, np.float32)
    table = Table(rows[0].c_in, tuple(rows))
    params = _params(table.c_in, table.c_out, levels, rows[0].c_out, rows[0].ksize, "batch")
    return _with_statistics(params, table, weights, statistics)


def _params(c_in: int, c_out: int, levels: int, width: int, ksize: int, norm: Any) -> Params:
    """The rows that describe the network; light reflection is left alone, as there.

    Raises:
        ValueError: channels that no photograph has.
    """
    colors: dict[tuple[int, int], dict[str, Any]] = {
        (3, 3): {"color_space": "RGB", "pairing": "side_by_side"}, (1, 3): {"color_space": "RGB"},
        (1, 2): {"color_space": "LAB"},
    }
    if (c_in, c_out) not in colors:
        raise ValueError(f"{c_in} channels in and {c_out} out; 3 and 3, 1 and 3 (RGB) or 1 and 2 (LAB) were expected")
    return Params(
        resol=2**levels, encoder="unet", depth=levels, ngf=width, ksize=ksize, norm=norm, dropout=0.5, upsample="transposed",
        glare_mode="off", **colors[c_in, c_out],
    )


def _with_statistics(
    params: Params, table: Table, weights: Weights, statistics: Statistics
) -> tuple[Params, Table, Weights]:
    """Batch normalization by each picture's own statistics is instance normalization, where a batch is one picture."""
    table.check_weights(weights)
    if statistics == "stored" or params.norm != "batch":
        return params, table, weights
    rows = tuple(replace(row, norm="instance") if row.norm == "batch" else row for row in table.rows)
    kept = {name: array for name, array in weights.items() if ".running_" not in name}
    return params.model_copy(update={"norm": "instance"}), Table(table.c_in, rows), kept


def _only(config: Any, layer: str, names: Iterable[str], default: float) -> float:
    """The value that all layers of a kind have in a Keras configuration. Raises ValueError: they differ."""
    found = {float(one) for one in _values(config, layer, tuple(names))}
    if len(found) > 1:
        raise ValueError(f"the {layer} layers differ ({', '.join(map(str, sorted(found)))}); all alike were expected")
    return found.pop() if found else default


def _values(config: Any, layer: str, names: tuple[str, ...]) -> Iterable[Any]:
    if isinstance(config, Mapping):
        if config.get("class_name") == layer:
            yield from (config["config"][name] for name in names if name in config["config"])
        for value in config.values():
            yield from _values(value, layer, names)
    elif isinstance(config, list):
        for value in config:
            yield from _values(value, layer, names)
