"""Training the upscaler: photographs in, one model file out. The loop, the engine and the state are those of `loop`."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from dancheong.artifact import Artifact
from dancheong.data.cache import CROP_ASPECT
from dancheong.data.photographs import UnusablePhoto
from dancheong.params import COMMON, ParamError, Params
from dancheong.training.engine import as_launched, launch, require_extra
from dancheong.training.loop import Progress, TrainResult, drive, prepare_photographs

if TYPE_CHECKING:
    from dancheong.upscaling.network import Compact
    from dancheong.upscaling.trainer import UpscalerRun

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
        log_dir, resume, category, origins, watch: as for `dancheong.training.loop.train`.

    Raises:
        NoPhotographs: when nothing usable is left; ResumeError; TrainingDiverged; ExtraMissing.
        ParamError: rows that do not go together, or weights that cannot be used.
    """
    require_extra()
    params = as_launched(params or Params())
    if params.sr_scale == "1":
        params = params.model_copy(update={"sr_scale": "2"})
    network, params = _beginning(init, params)
    _check_discriminator(params)
    # Whole batches only.
    total = -(-params.sr_images // params.batch_size) * params.batch_size
    fabric = launch(params)
    from dancheong.upscaling.trainer import UpscalerRun  # torch is there: it was required

    view = _view(params)
    cache, refusals = prepare_photographs(Path(photos), view)
    val_cache = prepare_photographs(Path(val), view)[0] if val is not None else None
    model = Path(model)
    log = Path(log_dir) if log_dir is not None else model.with_name(model.stem + "_log")
    with UpscalerRun(fabric, params, cache, val_cache, model, log, network) as run:
        if not total:
            run.open_log()
            run.validate()
        return drive(run, total, model, lambda: _artifact(run, refusals, category, origins or {}), refusals, resume, watch)


def _view(params: Params) -> Params:
    """As the colorizer's photographs are prepared, but without treatment of light, and of a size to cut patches from."""
    side_px = params.sr_patch * int(params.sr_scale)
    # See `dancheong.data.cache.cached_shape`: photographs above KEPT_PX are reduced to it, others stay as they are.
    crop_scale_min = min(CROP_ASPECT * (side_px / KEPT_PX) ** 2, 0.999)
    return params.model_copy(
        update={"pairing": "auto", "glare_mode": "off", "resol": side_px, "crop_scale_min": crop_scale_min}
    )


def _beginning(init: str | Path | None, params: Params) -> "tuple[Compact | None, Params]":
    """The network that --init names, and the parameters with its size."""
    if init is None:
        if params.sr_images == 0:
            raise ParamError("SR_IMAGES=0 stores the weights of --init as they are: give them, or train on more images")
        return None, params
    from dancheong.upscaling.network import read_safetensors

    network = read_safetensors(init)
    size = {
        "sr_planes": "luma" if network.channels == 1 else "rgb", "sr_features": network.features,
        "sr_layers": network.layers, "sr_scale": str(network.scale),
    }
    return network, params.model_copy(update=size)


def _check_discriminator(params: Params) -> None:
    """Refuse patches of photographs that are too small to be judged, before any photograph is read."""
    if params.sr_lambda_gan == 0:
        return
    from dancheong.models.discriminator import discriminator_rows

    side_px = params.sr_patch * int(params.sr_scale)
    try:
        discriminator_rows(params.model_copy(update={"resol": side_px}), 1)
    except ParamError as error:
        raise ParamError(
            f"PATCH_SIZE={params.patch_size} is too large for the discriminator of SR_LAMBDA_GAN, which judges patches of "
            f"SR_PATCH * SR_SCALE = {side_px} px: take a smaller PATCH_SIZE or a larger SR_PATCH"
        ) from error


def _artifact(run: "UpscalerRun", refusals: list[UnusablePhoto], category: str, origins: dict[str, str]) -> Artifact:
    network, weights, example, answer = run.finished()
    from dancheong.models.onnx_graph import compact_model
    from dancheong.upscaling.network import architecture

    graph: bytes = compact_model(network).SerializeToString(deterministic=True)
    return Artifact(
        kind="upscaler",
        params=run.params,
        origins=origins,
        category=category,
        architecture=architecture(network),
        graph=graph,
        weights=weights,
        history=run.history,
        data={"photographs": len(run.cache), "left_out": len(refusals), "fingerprint": run.cache.fingerprint,
              "images_seen": run.images_seen, "seconds": round(run.seconds, 1)},
        scores=dict(run.val),
        selftest_input=example,
        selftest_output=answer,
    )
