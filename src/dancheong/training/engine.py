"""The distributed engine, in one place: Lightning Fabric starts processes, places networks and scales gradients."""

import logging
import warnings
from importlib import import_module
from typing import Any, Literal

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
    # Fabric advises on hardware it sees, and tells its settings; what is used is what the table says.
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fabric = Fabric(
            accelerator=params.device,
            devices=params.devices,
            precision=precision_here(params),
            strategy="ddp" if params.devices > 1 else "auto",
        )
        fabric.launch()
    return fabric


def precision_here(params: Params) -> Literal["32-true", "bf16-mixed", "16-mixed"]:
    """PRECISION as the engine understands it, with `auto` settled for DEVICE on this machine.

    Half-width brain floats pay where hardware multiplies them (CUDA from Ampere on, processors with AMX): measured on two
    AMX cores, a step at 128 px takes a third of the time. Elsewhere they are emulated and slower.
    """
    if params.precision != "auto":
        return params.precision
    import torch

    if params.device != "cpu" and torch.cuda.is_available():
        has_bf16 = torch.cuda.get_device_capability() >= (8, 0)
    elif params.device != "cpu" and torch.backends.mps.is_available():
        has_bf16 = False
    else:
        capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
        has_bf16 = bool(capabilities.get("amx_bf16", False))
    return "bf16-mixed" if has_bf16 else "32-true"


def accelerators() -> int:
    """CUDA devices that torch can use here; 0 without any."""
    require_extra()
    import torch

    return int(torch.cuda.device_count())
