"""The distributed engine, in one place: Lightning Fabric starts processes, places networks and scales gradients."""

import warnings
from importlib import import_module
from typing import Any

from dancheong.params import ExtraMissing, ParamError, Params


def require_extra() -> None:
    """See that all of the extra `train` is there, before a training and not only where it would write its model.

    Raises:
        ExtraMissing: naming what is missing.
    """
    for module in ("torch", "lightning_fabric", "onnx"):
        try:
            import_module(module)
        except ImportError as error:
            raise ExtraMissing(f"training needs {error.name or module}: pip install 'dancheong[train]'") from error


def launch(params: Params) -> Any:
    """A started Fabric for DEVICE, DEVICES and PRECISION.

    Raises:
        ExtraMissing: if the extra `train` is not installed.
        ParamError: if the device asked for is not on this machine.
    """
    require_extra()
    import torch
    from lightning_fabric import Fabric

    if params.device == "cuda" and not torch.cuda.is_available():
        raise ParamError("DEVICE=cuda: no CUDA device is visible to torch here; use DEVICE=auto or DEVICE=cpu")
    if params.device == "mps" and not torch.backends.mps.is_available():
        raise ParamError("DEVICE=mps: no Apple GPU is visible to torch here; use DEVICE=auto or DEVICE=cpu")
    with warnings.catch_warnings():
        # Fabric advises on hardware it sees; what is used is what the table says.
        warnings.simplefilter("ignore")
        fabric = Fabric(
            accelerator=params.device,
            devices=params.devices,
            precision=params.precision,
            strategy="ddp" if params.devices > 1 else "auto",
        )
        fabric.launch()
    return fabric
