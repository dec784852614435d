"""One training at a time, started, watched, stopped and resumed from the page. The work itself is `train`."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from dancheong.imaging.files import list_photos
from dancheong.params import DancheongError, Params
from dancheong.report.training_page import read_losses
from dancheong.training.loop import train
from dancheong.training.session import Progress

State = Literal["idle", "running", "stopping", "stopped", "done", "failed"]
PREVIEWS = 20  # in a run, where VAL_IMAGES is left as it is


class Occupied(DancheongError):
    """A training is running already."""


@dataclass(frozen=True)
class Order:
    """What is to be trained: photographs, where the model goes, parameters."""

    name: str
    photos: Path
    model: Path
    params: Params


@dataclass(frozen=True)
class Status:
    """How the training stands. `refusals`: (file, reason) of the photographs that were left out."""

    state: State = "idle"
    order: Order | None = None
    progress: Progress | None = None
    message: str = ""
    refusals: list[tuple[str, str]] = field(default_factory=list)


class Trainer:
    """The training of this server. Used as a context; at its end a running one is stopped, resumable."""

    def __init__(self) -> None:
        self._status = Status()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> "Trainer":
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()
        if self._thread is not None:
            self._thread.join(timeout=30)

    @property
    def status(self) -> Status:
        """How the training stands."""
        return self._status

    @property
    def active(self) -> bool:
        """Whether a training has not ended yet."""
        return self._status.state in ("running", "stopping")

    def start(self, order: Order, resume: bool = False) -> None:
        """Begin, or go on where the same order was stopped. Raises Occupied while another runs."""
        with self._lock:
            if self.active:
                raise Occupied(f"{self._status.order.name if self._status.order else ''} is being trained")
            self._stop.clear()
            self._status = Status("running", order)
        self._thread = threading.Thread(target=self._run, args=(order, resume), name="training", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop after the current step; what was learned is saved."""
        with self._lock:
            self._stop.set()
            if self._status.state == "running":
                self._status = replace(self._status, state="stopping")

    def history(self) -> list[dict[str, float]]:
        """The entries of losses.jsonl so far."""
        order = self._status.order
        return [] if order is None else read_losses(log_folder(order))

    def preview(self) -> Path | None:
        """The newest preview: gray | predicted | truth."""
        order = self._status.order
        return None if order is None else max(log_folder(order).glob("preview_*.png"), default=None)

    def _run(self, order: Order, resume: bool) -> None:
        try:
            params, usual = _with_previews(order), Params()
            origins = {name: "default" if value == getattr(usual, name) else "set on the page" for name, value in params}
            result = train(order.photos, order.model, params, resume=resume, watch=self._watch, origins=origins)
            refusals = [(refusal.file.name, refusal.reason) for refusal in result.refusals]
            self._set(state="stopped" if result.stopped else "done", refusals=refusals)
        except Exception as error:  # whatever happens, the page says it
            known = isinstance(error, DancheongError | ValueError)
            text = (str(error) if known else f"{type(error).__name__}: {error}").replace(f"{order.photos}/", "")
            self._set(state="failed", message=text.replace(str(order.photos), order.photos.name))

    def _watch(self, progress: Progress) -> bool:
        self._set(progress=progress, message=progress.message or self._status.message)
        return self._stop.is_set()

    def _set(self, **changes: Any) -> None:
        with self._lock:
            self._status = replace(self._status, **changes)


def log_folder(order: Order) -> Path:
    """Losses, previews and the page of the training lie beside the model."""
    return order.model.with_name(f"{order.model.stem}_log")


def _with_previews(order: Order) -> Params:
    """VAL_IMAGES such that there are some PREVIEWS in the run, where nobody has said how often."""
    params = order.params
    if params.val_images != Params().val_images:
        return params
    images = params.epochs * len(list_photos(order.photos))
    return params.model_copy(update={"val_images": max(images // PREVIEWS, 4 * params.batch_size)})


def model_path(name: str, folder: Path) -> Path | None:
    """The file of a model of this name in `folder`; None for a name that is no file name."""
    stem = name.strip().removesuffix(".h5").strip()
    allowed: Callable[[str], bool] = lambda sign: sign.isalnum() or sign in " _-()."  # noqa: E731
    if not stem or stem.startswith(".") or not all(map(allowed, stem)) or len(stem.encode()) > 200:
        return None
    return folder / f"{stem}.h5"
