"""The checkpoint: all that the next step depends on, so that a stopped training goes on bit for bit.

It lies beside the model file and is no part of it. Its format may change between versions. torch is imported only where a
checkpoint is written or read: what imports `train` runs without it, too.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from dancheong.params import DancheongError, Params
from dancheong.params.schema import PredictionRows, UpscalerRows
from dancheong.system.whole_file import whole_file

CHECKPOINT_VERSION = 4
Fingerprints = tuple[str, str, str]
# Rows that no training looks at. PREDICT_DROPOUT is none of them: validation predicts as it says.
_AT_PREDICTION_ALONE = set(PredictionRows.model_fields) - {"predict_dropout", "sr_scale"}
_NOT_OF_TRAINING = {
    "colorizer": _AT_PREDICTION_ALONE | {"sr_scale", *UpscalerRows.model_fields},
    "upscaler": _AT_PREDICTION_ALONE | {"encoder", "ksize", "ngf", "depth", "dropout", "upsample", "color_space"},
}
# What helps a training that runs away; nothing else of its course may change where it goes on.
_LOWER_IS_CALMER = ("lr", "lr_encoder")
# What makes a longer or another training of the same network, which --init begins.
_ANOTHER_SCHEDULE = {"epochs", "lr", "lr_encoder", "lr_decay_start", "lambda_l1", "lambda_gan", "gan_start", "ema"}


class Stateful(Protocol):
    """A network, an optimizer, or whatever else has a state to keep."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> Any: ...


class ResumeError(DancheongError):
    """A training cannot be continued from the checkpoint that was found; the message says why."""


def checkpoint_path(model_path: Path) -> Path:
    """Where the checkpoint of a model file lies."""
    return model_path.with_name(model_path.name + ".resume")


def unfinished_path(model_path: Path) -> Path:
    """Where the model of a stopped training lies while a finished one of its name stands."""
    return model_path.with_name(model_path.stem + ".unfinished.h5")


def save_checkpoint(
    path: Path, modules: Mapping[str, Stateful], counters: Mapping[str, Any], params: Params, fingerprints: Fingerprints
) -> None:
    """Write a checkpoint whole or not at all.

    Args:
        modules: networks, optimizers and the like by name.
        counters: plain values and tensors beside them.
        fingerprints: of the photographs, of those for validation, and of the model that it began with ("" where there is none).
    """
    import torch

    checkpoint = {
        "version": CHECKPOINT_VERSION,
        "params": params.model_dump(mode="json"),
        "fingerprints": fingerprints,
        "modules": {name: module.state_dict() for name, module in modules.items()},
        "counters": dict(counters),
        "rng": torch.get_rng_state(),
        "rng_cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }
    with whole_file(path) as temporary:
        torch.save(checkpoint, temporary)


def load_checkpoint(
    path: Path, modules: Mapping[str, Stateful], params: Params, fingerprints: Fingerprints, kind: str = "colorizer"
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Bring `modules` and the random numbers back to the checkpoint's state.

    Only tensors and plain values are read: no code of the file runs.

    Returns:
        The counters, and rows that are calmer now, with their values before: a lower LR or LR_ENCODER, PRECISION=32-true.

    Raises:
        ResumeError: the checkpoint is damaged, or parameters or photographs have changed since.
    """
    import torch

    checkpoint = _read(path)
    calmer = _check_same_training(path, checkpoint, params, fingerprints, kind)
    for name, module in modules.items():
        module.load_state_dict(checkpoint["modules"][name])
    torch.set_rng_state(checkpoint["rng"])
    if checkpoint["rng_cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(checkpoint["rng_cuda"])
    return checkpoint["counters"], calmer


def _read(path: Path) -> dict[str, Any]:
    import torch

    try:
        checkpoint: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
    except Exception as error:  # torch raises a dozen kinds for a damaged file; each means the same to a person
        reason = str(error).partition("\n")[0] or type(error).__name__  # torch adds a page of advice
        raise ResumeError(f"{path}: the resume state is damaged ({reason}); --overwrite trains anew") from error
    version = checkpoint.get("version") if isinstance(checkpoint, dict) else None
    if version != CHECKPOINT_VERSION:
        raise ResumeError(f"{path}: state version {version}, this program reads {CHECKPOINT_VERSION}; --overwrite trains anew")
    return checkpoint


def _check_same_training(
    path: Path, checkpoint: dict[str, Any], params: Params, fingerprints: Fingerprints, kind: str
) -> dict[str, Any]:
    """Refuse a checkpoint of other parameters or photographs: going on would be neither of the two trainings.

    Returns the rows that are calmer now, with their values before.
    """
    # A row that is newer than the checkpoint had its default, which is to change nothing.
    before, now = Params().model_dump(mode="json") | checkpoint["params"], params.model_dump(mode="json")
    # These change how fast a training goes, where it ends or what it leaves, not its course (devices of another kind round
    # differently).
    free = {"workers", "devices", "device", "stop_after", "keep_best", "keep_each", *_NOT_OF_TRAINING[kind]}
    calmer = {name for name in _LOWER_IS_CALMER if now[name] < before[name]}
    if now["precision"] == "32-true" != before["precision"]:
        calmer.add("precision")
    if "device" not in (params.cache, before.get("cache")):
        free.add("cache")
    if not fingerprints[1]:
        # Without validation photographs it only says when to draw previews; with them, which weights are kept.
        free.add("val_images")
    differing = [name.upper() for name, value in before.items() if name not in free | calmer and now.get(name) != value]
    if differing:
        raise ResumeError(f"{path}: {', '.join(differing)} changed since the run began; {_mend(path, differing, before)}")
    if checkpoint["fingerprints"][0] != fingerprints[0]:
        raise ResumeError(
            f"{path}: the photographs changed since the run began, or their masks or weights; restore them, or train "
            "anew with --overwrite; on added photographs a finished model goes on with --init"
        )
    if checkpoint["fingerprints"][1] != fingerprints[1]:
        raise ResumeError(
            f"{path}: the photographs for validation changed since the run began; give the same as --val, or "
            "train anew with --overwrite"
        )
    # INIT_SHARE of that model goes into what is stored. Checkpoints that are older than this check do not name it.
    began, given = checkpoint["fingerprints"][2:], fingerprints[2:]
    if began and began != given:
        was, now_is = (one[0][:12] or "none" for one in (began, given))
        raise ResumeError(
            f"{path}: the run began with another model (digest: {was}; now: {now_is}); give the same as --init, or train anew "
            "with --overwrite"
        )
    return {name: before[name] for name in sorted(calmer)}


def _mend(path: Path, differing: list[str], before: dict[str, Any]) -> str:
    was = ", ".join(f"{name}={before[name.lower()]}" for name in differing)
    mend = f"set as before ({was}), or train anew with --overwrite"
    if _ANOTHER_SCHEDULE.isdisjoint(map(str.lower, differing)):
        return mend
    model = stopped_model(path)
    if not model.exists():
        return f"{mend}; as before, --resume and Ctrl-C leave a model with which --init begins another training"
    return f"{mend}; --init {model} -o NEW.h5 begins another training with the best that this one has learned"


def stopped_model(checkpoint: Path) -> Path:
    """The model file that a stopped training has left beside its checkpoint, with the best of its weights."""
    model = checkpoint.with_name(checkpoint.name.removesuffix(".resume"))
    unfinished = unfinished_path(model)
    return unfinished if unfinished.exists() else model
