"""One training at a time, started, watched, stopped and resumed from the page. The work itself is `train`.

What was ordered stands in a file, so that a training which the server's end has stopped can go on.
"""

import re
import threading
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ValidationError

from dancheong.app.web.asked import END_SECONDS
from dancheong.app.web.problems import Problem, Refused, problem_of
from dancheong.app.web.time_left import MinutesLeft, Steps
from dancheong.data.doctor import ADVICE, diagnose
from dancheong.data.photographs import NoPhotographs
from dancheong.imaging.files import list_photos
from dancheong.params import Params
from dancheong.report.training_page import find_previews, read_losses
from dancheong.system.whole_file import whole_file
from dancheong.training.loop import train
from dancheong.training.session import Progress, Remark

State = Literal["idle", "running", "stopping", "stopped", "done", "failed"]
PREVIEWS = 20  # in a run, where VAL_IMAGES is left as it is


class Order(BaseModel):
    """What is to be trained: photographs, where the model goes, parameters; `origins` says where they came from.

    `key` is that of the press that began it.

    `validation`: photographs that are never trained on; `held_out`: the share of `photos` that is held out to be these.
    `too_few`: a share was asked for, of too few photographs to hold any out. `is_done`: it was trained to its end.
    `advice`: what it has told of the parameters so far, and `findings`: how many photographs of each kind the doctor has
    found; both are as true when it goes on.
    """

    name: str
    key: str = ""
    photos: Path
    validation: Path | None = None
    held_out: float = 0.0
    too_few: bool = False
    model: Path
    params: Params
    origins: dict[str, str] = {}
    is_done: bool = False
    advice: str = ""
    findings: dict[str, int] = {}

    def status(self, state: State) -> "Status":
        """How it stands, as far as the order knows."""
        return Status(state=state, name=self.name, too_few=self.too_few, advice=self.advice, findings=self.findings)


class Status(BaseModel):
    """How the training stands. `left_out`: photographs that were not used, with the name and the reason of the first.

    `too_few`: there are so few photographs that none is held out, although a share was asked for.
    `findings`: how many photographs are wrong or risky, by the kinds of `dancheong.data.doctor`.
    """

    state: State = "idle"
    name: str = ""
    images_seen: int = 0
    images_total: int = 0
    images_per_second: float = 0.0
    minutes_left: MinutesLeft | None = None
    validated: int = 0
    too_few: bool = False
    advice: str = ""
    findings: dict[str, int] = {}
    left_out: int = 0
    first_left_out: str = ""
    left_out_why: Problem | None = None
    error: Problem | None = None


def torch_is_here() -> bool:
    """Whether a training can run in this installation."""
    return find_spec("torch") is not None and find_spec("lightning_fabric") is not None


class Trainer:
    """The training of this server. Used as a context; at its end a running one is stopped, resumable.

    One that does not stop within END_SECONDS, because it reads photographs or is in a long step, is left to the process's end.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self._file = folder, folder / "training.json"
        self.order: Order | None = None
        self.status = Status()
        self._steps = Steps()
        self._stop, self._lock = threading.Event(), threading.Lock()
        self._thread: threading.Thread | None = None
        folder.mkdir(parents=True, exist_ok=True)
        with suppress(OSError, ValidationError):
            self.order = Order.model_validate_json(self._file.read_bytes())
            self.status = self.order.status("done" if self.order.is_done else "stopped")

    def __enter__(self) -> "Trainer":
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()
        if self._thread is not None:
            self._thread.join(timeout=END_SECONDS)

    def check_idle(self) -> None:
        """Raises Refused while a training has not ended."""
        if self.status.state in ("running", "stopping"):
            raise Refused(409, "training_occupied", name=self.status.name)

    def start(self, order: Order, resume: bool = False) -> None:
        """Begin, or go on where the same order was stopped. Raises Refused while another runs."""
        with self._lock:
            self.check_idle()
            self._keep(order)
            self._stop.clear()
            self.status, self._steps = order.status("running"), Steps()
            self._thread = threading.Thread(target=self._run, args=(order, resume), name="training", daemon=True)
            self._thread.start()

    def resume(self) -> None:
        """Go on with the training that was stopped; one that runs does. Raises Refused where there is none."""
        if self.status.state == "running":
            return
        if self.order is None or not self.order.photos.is_dir():
            raise Refused(409, "training_nothing")
        self.start(self.order, resume=True)

    def stop(self) -> None:
        """Stop after the current step; what was learned is saved."""
        with self._lock:
            self._stop.set()
            if self.status.state == "running":
                self.status = self.status.model_copy(update={"state": "stopping"})

    def history(self) -> list[dict[str, float]]:
        """The entries of losses.jsonl so far."""
        return [] if self.order is None else read_losses(log_folder(self.order))

    def previews(self) -> list[tuple[int, Path]]:
        """(images seen, picture) of each preview so far: gray | predicted | truth."""
        return [] if self.order is None else find_previews(log_folder(self.order), self.history())

    def _keep(self, order: Order) -> None:
        self.order = order
        with whole_file(self._file) as temporary:
            temporary.write_text(order.model_dump_json(), "utf-8")

    def _run(self, order: Order, resume: bool) -> None:
        try:
            params, origins = _with_previews(order)
            result = train(
                order.photos, order.model, params, val=order.held_out or order.validation, resume=resume,
                watch=self._watch, origins=origins, remarks=() if resume else lambda: self._look(order, params),
            )
            self._keep((self.order or order).model_copy(update={"is_done": not result.stopped}))
            left_out = [(one.file.name, problem_of(one.reason, self.folder)) for one in result.refusals]
            first, why = left_out[0] if left_out else ("", None)
            self._tell(
                state="stopped" if result.stopped else "done", left_out=len(left_out), first_left_out=first, left_out_why=why,
                minutes_left=None,
            )
        except Exception as error:  # whatever happens, the page says it
            self._tell(state="failed", error=problem_of(error, self.folder))

    def _look(self, order: Order, params: Params) -> list[Remark]:
        """What the doctor finds, by kind. Light reflection is looked for by the training itself, photograph by photograph."""
        try:
            findings = diagnose(order.photos, params, order.validation, glare=False).counts()
        except NoPhotographs:
            return []  # the training says it better
        self._keep(order.model_copy(update={"findings": findings}))
        self._tell(findings=findings)
        return [(kind, count, ADVICE[kind]) for kind, count in findings.items()]

    def _watch(self, progress: Progress) -> bool:
        order = self.order
        if order and progress.message not in order.advice:
            self._keep(order.model_copy(update={"advice": f"{order.advice} {progress.message}".strip()}))
        self._tell(
            images_seen=progress.images_seen, images_total=progress.images_total,
            images_per_second=progress.images_per_second,
            minutes_left=self._steps.left(progress.images_seen, progress.images_total, time.monotonic()),
            validated=progress.validated, advice=self.order.advice if self.order else "",
        )
        return self._stop.is_set()

    def _tell(self, **changes: Any) -> None:
        with self._lock:
            self.status = self.status.model_copy(update=changes)


def log_folder(order: Order) -> Path:
    """Losses, previews and the page of the training lie beside the model."""
    return order.model.with_name(f"{order.model.stem}_log")


def _with_previews(order: Order) -> tuple[Params, dict[str, str]]:
    """VAL_IMAGES such that there are some PREVIEWS in the run, where nobody has said how often; and all origins."""
    params, origins = order.params, dict(order.origins)
    if "val_images" not in origins:
        images = int(params.epochs * len(list_photos(order.photos)) * (1 - order.held_out))
        params = params.model_copy(update={"val_images": max(images // PREVIEWS, 4 * params.batch_size)})
        origins["val_images"] = f"{PREVIEWS} previews in the run"
    return params, {name: origins.get(name, "default") for name, _ in params}


def model_path(name: str, folder: Path) -> Path | None:
    """The file of a model of this name in `folder`; None for a name that is no file name."""
    stem = name.strip().removesuffix(".h5").strip()
    is_name = re.fullmatch(r"(?!\.)[\w ().-]+", stem) and len(stem.encode()) <= 200
    return folder / f"{stem}.h5" if is_name else None
