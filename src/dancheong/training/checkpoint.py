"""What a stopped training needs to go on bit for bit. May change between versions; the model file does not contain it."""

from pathlib import Path
from typing import Any

import torch

from dancheong.params import DancheongError, Params
from dancheong.system.whole_file import whole_file

STATE_VERSION = 2


class ResumeError(DancheongError):
    """A training cannot be continued from the state that was found; the message says why."""


def state_path(model_path: Path) -> Path:
    """The resume state lies beside the model file."""
    return model_path.with_name(model_path.name + ".resume")


def save_state(path: Path, state: dict[str, Any], params: Params, fingerprint: str, val_fingerprint: str = "") -> None:
    """Write the state whole or not at all. Fingerprints: of the photographs, and of those for validation where there are."""
    # Epochs may be raised between runs only by starting anew: the schedule is part of the state.
    record = {
        "version": STATE_VERSION, "params": params.model_dump(mode="json"), "fingerprint": fingerprint,
        "val_fingerprint": val_fingerprint, **state,
    }
    with whole_file(path) as temporary:
        torch.save(record, temporary)


def load_state(path: Path, params: Params, fingerprint: str, val_fingerprint: str = "") -> dict[str, Any]:
    """The state at `path`, refused where parameters or photographs have changed since.

    Raises:
        ResumeError: naming what differs. Only tensors and plain values are read (no code of the file runs).
    """
    if not path.exists():
        raise ResumeError(
            f"{path}: there is no state to resume although the model is there: that run has finished; "
            "train without --resume, or under another name"
        )
    try:
        record: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
    except Exception as error:  # torch raises a dozen kinds for a damaged file; each means the same to a person
        raise ResumeError(f"{path}: the resume state is damaged ({error}); delete it and train anew") from error
    if record.get("version") != STATE_VERSION:
        raise ResumeError(f"{path}: state version {record.get('version')}, this program reads {STATE_VERSION}; train anew")
    # These change how fast a run goes or what it shows, not its result (another kind of device rounds differently).
    free = {"workers", "devices", "device"}
    if "device" not in (params.cache, record["params"].get("cache")):
        free.add("cache")
    if not val_fingerprint:
        # Without validation photographs it only says when to draw previews; with them, which weights are kept.
        free.add("val_images")
    ours = params.model_dump(mode="json")
    differing = [name.upper() for name, value in record["params"].items() if name not in free and ours.get(name) != value]
    if differing:
        raise ResumeError(f"{path}: {', '.join(differing)} changed since the run began; set as before, or train anew")
    if record["fingerprint"] != fingerprint:
        raise ResumeError(
            f"{path}: the photographs changed since the run began, or the masks drawn for them; restore them, or train anew"
        )
    if record["val_fingerprint"] != val_fingerprint:
        raise ResumeError(
            f"{path}: the photographs for validation changed since the run began; give the same as --val, or train anew"
        )
    return record
