"""Training the upscaler: photographs in, one model file out, by the loop of `dancheong.training.loop`."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from dancheong.data.cache import CROP_ASPECT
from dancheong.data.hold_out import named_to_validate
from dancheong.params import COMMON, ParamError, Params, Resolved
from dancheong.training.engine import as_launched, launch, require_extra
from dancheong.training.loop import check_validated, prepare_photographs, run_training
from dancheong.training.session import Progress, TrainingSession, TrainResult
from dancheong.upscaling.patches import PATCH_PX

if TYPE_CHECKING:
    from dancheong.upscaling.network import Compact

# Larger photographs are made smaller, their shorter side to this: what is sharp in every pixel is worth learning from.
KEPT_PX = 1024


def train_upscaler(
    photos: str | Path,
    model: str | Path,
    params: Params | None = None,
    *,
    val: str | Path | None = None,
    init: str | Path | None = None,
    log_dir: str | Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
    category: str = COMMON,
    origins: dict[str, str] | None = None,
    watch: Callable[[Progress], bool] | None = None,
) -> TrainResult:
    """Train an upscaler by SR_SCALE (1 counts as 2) on PHOTOS and write one model file, whole or not at all.

    Args:
        photos: color photographs, as for `dancheong.training.loop.train`; of pairs the color picture.
        val: photographs that are never trained on; the weights that do best on them are kept, or with SR_LAMBDA_GAN the
            last.
        init: weights of an SRVGGNetCompact (.safetensors) to begin with; size, planes and scale are then the file's.
        log_dir, resume, overwrite, category, origins, watch: as for `dancheong.training.loop.train`.

    Raises:
        NoPhotographs: when nothing usable is left; OutputTaken; ResumeError; TrainingDiverged; ExtraMissing.
        ParamError: rows that do not go together, or weights that cannot be used.
    """
    require_extra()
    params = as_launched(params or Params())
    if params.sr_scale == "1":
        params = params.model_copy(update={"sr_scale": "2"})
    adversarial = bool(params.sr_lambda_gan)
    more = ", and train without an adversarial part (SR_LAMBDA_GAN=0)" if adversarial else ""
    check_validated(params, val is not None and not adversarial, more)
    network, params = _initial_network(init, params)
    fabric = launch(params)
    from dancheong.upscaling.trainer import UpscalerTrainer  # torch is there: it was required

    session = TrainingSession(
        Path(model), log_dir, Resolved(params, category, origins or {}), resume=resume, writes=fabric.is_global_zero,
        overwrite=overwrite, watch=watch,
    )
    with ExitStack() as stack:
        stack.enter_context(session.claim())
        to_patches = _cached_for_patches(params)
        split = named_to_validate(Path(photos), Path(val), to_patches) if val is not None else None
        held_out = split.names if split else frozenset()
        cache, refusals = prepare_photographs(Path(photos), to_patches, wanted=lambda name: name not in held_out)
        stack.enter_context(cache)
        if split:
            session.held_out(len(split.names), split.note)
        val_cache = stack.enter_context(prepare_photographs(Path(val), to_patches)[0]) if val is not None else None
        return run_training(UpscalerTrainer(fabric, params, cache, val_cache, network), session, refusals)


def _cached_for_patches(params: Params) -> Params:
    """Photographs are prepared as the colorizer's, but with light left as it is, and of a size to cut patches from."""
    side_px = PATCH_PX * int(params.sr_scale)
    # See `dancheong.data.cache.cached_shape`: photographs above KEPT_PX are reduced to it, others stay as they are.
    crop_scale_min = min(CROP_ASPECT * (side_px / KEPT_PX) ** 2, 0.999)
    return params.model_copy(
        update={"pairing": "auto", "glare_mode": "off", "resol": side_px, "crop_scale_min": crop_scale_min}
    )


def _initial_network(init: str | Path | None, params: Params) -> "tuple[Compact | None, Params]":
    """The network that --init names, and the parameters with its planes and scale."""
    if init is None:
        if params.sr_images == 0:
            raise ParamError("SR_IMAGES=0 stores the weights of --init as they are: give them, or train on more images")
        return None, params
    from dancheong.upscaling.network import read_safetensors

    network = read_safetensors(init)
    planes = "luma" if network.channels == 1 else "rgb"
    return network, params.model_copy(update={"sr_planes": planes, "sr_scale": str(network.scale)})
