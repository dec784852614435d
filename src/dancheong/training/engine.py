"""The distributed engine, in one place: Lightning Fabric starts processes, places networks and scales gradients."""

import atexit
import logging
import os
import warnings
from collections.abc import Mapping
from importlib import import_module
from typing import Any, Literal, NamedTuple

from dancheong.params import ExtraMissing, ParamError, Params


def require_extra() -> None:
    """See that all of the extra `train` is there, before a training and not only where it would write its model.

    Raises:
        ExtraMissing: naming what is missing.
    """
    for module in ("torch", "lightning_fabric"):
        try:
            import_module(module)
        except ImportError as error:
            raise ExtraMissing(f"training needs {error.name or module}: pip install 'dancheong[train]'") from error


class Launcher(NamedTuple):
    """What has started this process as one of several: torchrun, or SLURM's srun."""

    name: Literal["torchrun", "srun"]
    processes: int  # on this machine, as on each
    machines: int


def launcher(environment: Mapping[str, str] = os.environ) -> Launcher | None:
    """What has started this process, from what it tells its processes; None: nothing, the engine starts its own.

    Raises:
        ParamError: not as many tasks on each machine.
    """
    if "TORCHELASTIC_RUN_ID" in environment:
        here = int(environment["LOCAL_WORLD_SIZE"])
        return Launcher("torchrun", here, int(environment["WORLD_SIZE"]) // here)
    # The shell of a batch script knows the number of tasks, too, but is none of them: srun starts steps.
    if "SLURM_STEP_ID" in environment and int(environment.get("SLURM_NTASKS", "1")) > 1:
        tasks, machines = int(environment["SLURM_NTASKS"]), int(environment["SLURM_NNODES"])
        if tasks % machines or "SLURM_NTASKS_PER_NODE" not in environment:
            raise ParamError(f"srun started {tasks} tasks on {machines} machines: give --ntasks-per-node, as many on each")
        return Launcher("srun", tasks // machines, machines)
    return None


def as_launched(params: Params) -> Params:
    """The rows with DEVICES as the launcher has it, where there is one.

    Raises:
        ParamError: DEVICES is another number than the launcher's, or BATCH_SIZE cannot be shared by all processes.
    """
    started = launcher()
    if started and params.devices not in (1, started.processes):
        raise ParamError(
            f"DEVICES={params.devices}, but {started.name} started {started.processes} processes here: leave DEVICES out"
        )
    world = started.processes * started.machines if started else params.devices
    if params.batch_size % world:
        sharing = f"{world} processes" if started else f"DEVICES={world}"
        raise ParamError(f"BATCH_SIZE={params.batch_size} cannot be shared by {sharing}: make it a multiple of {world}")
    return params.model_copy(update={"devices": started.processes}) if started else params


def launch(params: Params) -> Any:
    """A started Fabric for DEVICE, DEVICES (see `as_launched`) and PRECISION, on as many machines as the launcher has.

    Raises:
        ExtraMissing: if the extra `train` is not installed.
        ParamError: if the device asked for is not on this machine.
    """
    require_extra()
    import torch
    from lightning_fabric import Fabric
    from lightning_fabric.plugins.environments.lightning import LightningEnvironment
    from lightning_fabric.plugins.environments.slurm import SLURMEnvironment
    from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment

    if params.device in ("coreml", "directml", "openvino-gpu"):
        raise ParamError(f"DEVICE={params.device} predicts and does not train; use DEVICE=auto, cpu, cuda or mps")
    if params.device == "cuda" and not torch.cuda.is_available():
        raise ParamError("DEVICE=cuda: no CUDA device is visible to torch here; use DEVICE=auto or DEVICE=cpu")
    if params.device == "mps" and not torch.backends.mps.is_available():
        raise ParamError("DEVICE=mps: no Apple GPU is visible to torch here; use DEVICE=auto or DEVICE=cpu")
    started = launcher()
    # Named, as what the engine would find by itself is not always so: it takes the shell of a batch script for a task.
    environments: dict[str, Any] = {"torchrun": TorchElasticEnvironment, "srun": SLURMEnvironment}
    # Fabric advises on hardware it sees, and tells its settings; what is used is what the table says.
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fabric = Fabric(
            accelerator=params.device,
            devices=params.devices,
            num_nodes=started.machines if started else 1,
            precision=precision_here(params),
            strategy="ddp" if started or params.devices > 1 else "auto",
            plugins=(environments[started.name] if started else LightningEnvironment)(),
        )
        fabric.launch()
    if started or params.devices > 1:
        atexit.register(_leave)
    return fabric


def _leave() -> None:
    """End this process's share in the group. Threads of the group that still stand when Python ends take it down."""
    import torch

    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def precision_here(params: Params) -> Literal["32-true", "bf16-mixed", "16-mixed"]:
    """PRECISION as the engine understands it, with `auto` settled for DEVICE on this machine.

    Half-width brain floats pay where hardware multiplies them (CUDA from Ampere on, processors with AMX): measured on two
    AMX cores, a U-Net's step at 128 px takes a third of the time. Elsewhere they are emulated and slower, and the depthwise
    convolutions of a pretrained encoder are slower there, too: 52 ms an image instead of 36.
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
        has_bf16 = params.encoder == "unet" and bool(capabilities.get("amx_bf16", False))
    return "bf16-mixed" if has_bf16 else "32-true"


def accelerators() -> int:
    """CUDA devices that torch can use here; 0 without any."""
    require_extra()
    import torch

    return int(torch.cuda.device_count())
