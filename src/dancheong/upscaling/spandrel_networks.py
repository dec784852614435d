"""Networks of others: spandrel tells an architecture by the names and shapes of its weights, and builds it in torch."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from spandrel import ImageModelDescriptor, ModelLoader, ModelTiling
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode

from dancheong.params import ParamError
from dancheong.upscaling.network import MAX_WEIGHTS_BYTES, SCALES

FloatArray = NDArray[np.float32]
# Large enough for what most networks ask for, small enough to be looked at in seconds.
PROBE_PX = 32


def open_foreign(path: Path, threads: int | None = None) -> tuple[int, Callable[[FloatArray], FloatArray], int]:
    """Open a `.safetensors` file, and try the network on a small picture. No code of the file runs.

    Args:
        threads: of torch, in the whole process; None: as it is.

    Returns:
        Its scale; the network, from (1, 3, h, w) RGB, sRGB-coded in [0, 1], of any size, to (1, 3, scale h, scale w), clipped
        to [0, 1]; the bytes of a pixel of its input that tensors take at most, counted on a small picture (what the kernels
        need for themselves is not in it).

    Raises:
        ParamError: no such file, too large, damaged, of an architecture that spandrel does not know, or not a network that
            enlarges RGB by 2 or 4 in tiles.
    """
    if not path.is_file() or path.stat().st_size > MAX_WEIGHTS_BYTES:
        raise ParamError(f"{path}: a .safetensors file of at most {MAX_WEIGHTS_BYTES >> 20} MB was expected")
    if threads is not None:
        torch.set_num_threads(threads)
    try:
        with warnings.catch_warnings():
            # They are for whoever writes networks.
            warnings.simplefilter("ignore")
            network = ModelLoader("cpu").load_from_file(path)
            _check(network)
            assert isinstance(network, ImageModelDescriptor)
            network.float().eval()
            bytes_per_pixel = _tried(network)
    except Exception as error:  # damaged files, and weights of unknown networks, raise about every kind there is
        what = " ".join(str(error).split())[:300]
        raise ParamError(f"{path}: not a network that can be used: {type(error).__name__}: {what}") from error

    def run(given: FloatArray) -> FloatArray:
        result: FloatArray = network(torch.from_numpy(given)).numpy()
        return result

    return network.scale, run, bytes_per_pixel


def _check(network: Any) -> None:
    """Refuse what does not enlarge color photographs, and what cannot be used in tiles."""
    planes = network.input_channels, network.output_channels
    if network.purpose != "SR" or network.scale not in SCALES or planes != (3, 3):
        raise ValueError(
            f"{network.architecture.name}, for {network.purpose}, {planes[0]} to {planes[1]} planes, scale {network.scale}; a "
            "network that enlarges RGB (3 planes) by 2 or 4 was expected"
        )
    if network.tiling is ModelTiling.INTERNAL:
        raise ValueError(f"{network.architecture.name} wants the whole photograph at once; a network for tiles was expected")


def _tried(network: Any) -> int:
    """Run it on a small picture; the bytes of tensors alive at a time, a pixel of what it was given."""
    wide, high = (PROBE_PX + more for more in network.size_requirements.get_padding(PROBE_PX, PROBE_PX))
    picture = torch.linspace(0, 1, 3 * high * wide).reshape(1, 3, high, wide)
    with _Watch(network.model) as watch:
        result = network(picture)
    expected = (1, 3, network.scale * high, network.scale * wide)
    if tuple(result.shape) != expected or not torch.isfinite(result).all():
        raise ValueError(f"a finite picture of {expected} was expected, it gives {tuple(result.shape)}")
    return int(-(-watch.most // (high * wide)))


class _Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of tensors that are alive at a time, the network's own weights left out."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.most: int = 0
        self._own = {tensor.untyped_storage()._cdata for tensor in (*model.parameters(), *model.buffers())}
        self._living: dict[int, tuple[Any, int]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        self._living = {key: (storage, size) for key, (storage, size) in self._living.items() if not storage.expired()}
        for tensor in out if isinstance(out, tuple | list) else (out,):
            if isinstance(tensor, Tensor) and (storage := tensor.untyped_storage())._cdata not in self._own:
                self._living[storage._cdata] = StorageWeakRef(storage), storage.nbytes()  # type: ignore[no-untyped-call]
        self.most = max(self.most, sum(size for _, size in self._living.values()))
        return out
