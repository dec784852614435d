"""What a training shows while it runs and leaves beside its model: losses.jsonl, previews, the page, TensorBoard events."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

from dancheong.artifact import Artifact, ArtifactError, read_artifact, write_artifact
from dancheong.data.photographs import UnusablePhoto
from dancheong.imaging.files import PhotoError, read_photo, write_photo
from dancheong.params import ExtraMissing, Params, Resolved
from dancheong.report.card import CARD, model_card
from dancheong.report.training_page import LOSSES, PAGE, TrainingState, preview_times, read_losses, write_training_page
from dancheong.system.outputs import check_folder, check_free, check_name, claimed
from dancheong.training.checkpoint import ResumeError, checkpoint_path, unfinished_path

# A line for the page: the kind of photograph, how many there are, what to do about them.
Remark = tuple[str, int, str]
_KEPT = re.compile(r"(best|model)_\d{8,}\.h5")
_ANOTHER_LOG = "it is the log of another training: choose another --log-dir, or --overwrite replaces it"


@dataclass(frozen=True)
class Progress:
    """How far a running training is, at one of its log intervals.

    `message`: advice for the person who watches. `validated`: how many photographs it is validated with.
    """

    images_seen: int
    images_total: int
    seconds: float
    images_per_second: float
    losses: dict[str, float]
    message: str = ""
    validated: int = 0


@dataclass(frozen=True)
class TrainResult:
    """What a training did. `stopped`: it was asked to stop before the end.

    `is_first_process`: of several processes only the first has written the files. `fingerprint` identifies the photographs,
    `digest` the content of the model file; `page` is the HTML page of curves and previews. `split`: what was held out.
    """

    model: Path
    images_seen: int
    seconds: float
    images_per_second: float
    losses: dict[str, float]
    val: dict[str, float]
    refusals: list[UnusablePhoto] = field(default_factory=list)
    stopped: bool = False
    is_first_process: bool = True
    fingerprint: str = ""
    digest: str = ""
    page: Path = Path()
    split: str = ""


class TrainingSession:
    """Writes what is shown of one training, and passes its progress on. A context, as it may hold an open file.

    Args:
        model: the model file; log_dir: None for the folder beside it.
        resolved: parameters, category and where each value came from; without origins, each is `default` or `set`.
        resume: the training may go on from its checkpoint.
        overwrite: a model, a state and a log of other trainings may be replaced.
        writes: False in all but the first of several processes: nothing is written there.
        watch: called with each `Progress`; True asks the training to stop.
        tensorboard: write events into `log_dir`.
        notice: told with the first progress of a training that begins.

    Raises:
        ExtraMissing: events are asked for and TensorBoard is not installed. OutputTaken: no name of a model file.
    """

    def __init__(
        self, model: Path, log_dir: str | Path | None, resolved: Resolved, *, resume: bool = False, writes: bool = True,
        overwrite: bool = False, watch: Callable[[Progress], bool] | None = None, tensorboard: bool = False,
        notice: str = "",
    ) -> None:
        if tensorboard and not tensorboard_installed():
            raise ExtraMissing("TensorBoard events need tensorboard: pip install 'dancheong[board]'")
        check_name(model, ".h5", "a model file")
        self.model, self.checkpoint = model, checkpoint_path(model)
        self.log_dir = _log_beside(model) if log_dir is None else Path(log_dir)
        self.resolved, self.resume, self.overwrite, self.notice = resolved, resume, overwrite, notice
        self._watch, self._writes = watch, writes
        self._tensorboard = tensorboard
        self._events: Any = None
        self._remarks: list[Remark] = []
        self.left_out = 0
        self.split: dict[str, str | int] = {}
        self._columns: tuple[str, ...] = ()
        self._earlier: dict[str, int] = {}
        self._images_total = 0
        self._has_progress = False
        self._new_preview: Path | None = None
        self._claims = ExitStack()

    def remark(self, remarks: Iterable[Remark]) -> None:
        """Tell on the page what is to be known of the photographs."""
        self._remarks += remarks

    def held_out(self, count: int, note: str) -> None:
        """Tell on the page and in the model file that photographs of the training's folder were held out."""
        self.split = {"held_out": count, "split": note}
        self._remarks.append(("held out", count, note))

    @property
    def goes_on(self) -> bool:
        """Whether there is a state to go on from, and it is wanted."""
        return self.resume and self.checkpoint.exists()

    @contextmanager
    def claim(self) -> Iterator[None]:
        """Keep other runs away from the model, and what is there from this one, before a photograph is read.

        Raises:
            OutputTaken: something is there that this training did not make, or another run writes it.
            ResumeError: nothing is left to resume, because the model is finished.
        """
        if not self._writes:
            yield
            return
        check_folder(self.log_dir)
        with claimed(self.model):
            self._check_free()
            yield

    def _check_free(self) -> None:
        if self.goes_on:
            return
        if self.resume and self.model.exists() and not self.overwrite:
            raise ResumeError(
                f"{self.model}: there is no state to resume although the model is there: that run has finished; "
                "train without --resume under another name, with --init to begin with this model, or with --overwrite"
            )
        if not self.resume:
            mend = "--resume goes on with it, --overwrite begins anew"
            check_free([self.checkpoint], self.overwrite, f"an unfinished training left it: {mend}")
            check_free([self.model], self.overwrite)
        # Killed before its first state was saved, a training leaves a log beside the model.
        is_own = self.resume and self.log_dir == _log_beside(self.model)
        check_free(self._log_files(), self.overwrite or is_own, _ANOTHER_LOG)

    def _log_files(self) -> list[Path]:
        named = [self.log_dir / name for name in (LOSSES, PAGE, CARD)]
        return [*named, *self.log_dir.glob("preview_*.png"), *self._kept_models()]

    def _kept_models(self) -> list[Path]:
        return [path for path in sorted(self.log_dir.glob("*_*.h5")) if _KEPT.fullmatch(path.name)]

    def target(self, stopped: bool) -> Path:
        """Where the model file goes: that of a stopped training beside a finished one, which stands until there is another."""
        return unfinished_path(self.model) if stopped and _is_finished(self.model) else self.model

    def clean(self) -> None:
        """Remove what only an unfinished training needs."""
        self.checkpoint.unlink(missing_ok=True)
        unfinished_path(self.model).unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._claims.close()
        if self._events is not None:
            self._events.close()
        # Before the first progress the page there is another training's. A page that cannot be written, such as on a full
        # disk, must not hide the error itself.
        if error is not None and self._writes and self._has_progress:
            with suppress(OSError, ValueError):
                self._write_page(f"Ended by an error: {str(error) or type(error).__name__}")

    def begin(self, history: Sequence[Mapping[str, float]], columns: tuple[str, ...]) -> None:
        """Begin losses.jsonl with what the training has behind it: nothing, or what it had when its checkpoint was written.

        Args:
            columns: what stands side by side in a preview; the last but one is the network's.
        """
        self._columns = columns
        if self._writes:
            self._earlier = {} if self.resume else preview_times(self.log_dir)
            self.log_dir.mkdir(parents=True, exist_ok=True)
            self._claims.enter_context(claimed(self.log_dir / LOSSES))
            if not self.goes_on:
                self.clean()
                for path in self._kept_models():
                    path.unlink()
            elif any(line != entry for line, entry in zip(read_losses(self.log_dir), history, strict=False)):
                check_free([self.log_dir / LOSSES], self.overwrite, _ANOTHER_LOG)
            lines = "".join(json.dumps(entry) + "\n" for entry in history)
            (self.log_dir / LOSSES).write_text(lines, encoding="utf-8", newline="\n")

    def record(self, entry: Mapping[str, float]) -> None:
        """Add a line to losses.jsonl."""
        if self._writes:
            with (self.log_dir / LOSSES).open("a", encoding="utf-8", newline="\n") as file:
                file.write(json.dumps(entry) + "\n")

    def write_preview(self, images_seen: int, sheet_hwc: Any) -> None:
        """Write a preview, for which the page is written anew at the next `progress`."""
        self._new_preview = self.log_dir / f"preview_{images_seen:08d}.png"
        write_photo(self._new_preview, sheet_hwc)

    def keep(self, name: str, images_seen: int, artifact: Artifact) -> None:
        """Keep a model of the way in the log folder."""
        write_artifact(self._kept(name, images_seen), artifact)

    def drop(self, worse: Sequence[int]) -> None:
        """Remove the models that were kept as the best, where there are enough better ones."""
        for images in worse:
            self._kept("best", images).unlink(missing_ok=True)

    def _kept(self, name: str, images_seen: int) -> Path:
        return self.log_dir / f"{name}_{images_seen:08d}.h5"

    def progress(self, progress: Progress) -> bool:
        """Show how far the training is; whether whoever watches asks it to stop."""
        if self._writes:
            self._images_total, self._has_progress = progress.images_total, True
            preview, self._new_preview = self._new_preview, None
            if self._tensorboard:
                self._add_events(progress, preview)
            if preview is not None:
                # A page that a browser or a virus scanner holds just now is no reason to end a training: the next follows.
                with suppress(OSError, PhotoError):
                    self._write_page(f"Running: {progress.images_seen:,} of {progress.images_total:,} images.")
        return self._watch is not None and self._watch(progress)

    def write_card(self, model: Path, artifact: Artifact) -> None:
        """Write the card of the model file, from which `dancheong models push` takes what it tells others."""
        if self._writes:
            (self.log_dir / CARD).write_text(model_card(model.stem, artifact), encoding="utf-8", newline="\n")

    def finish(self, images_seen: int, stopped: bool, refusals: Sequence[UnusablePhoto]) -> Path:
        """Write the page of a training that has ended, or was stopped."""
        known = {kind for kind, _, _ in self._remarks}
        self._remarks += [remark for remark in refusal_remarks(refusals) if remark[0] not in known]
        if not self._writes:
            return self.log_dir
        if stopped:
            return self._write_page(f"Stopped after {images_seen:,} images; the same command with --resume goes on.")
        early = f" of {self._images_total:,}, as STOP_AFTER asks" if images_seen < self._images_total else ""
        return self._write_page(f"Finished after {images_seen:,} images{early}.")

    def _write_page(self, state: str) -> Path:
        shown = TrainingState(str(self.model), state, self._images_total, self._remarks, self._earlier, self._columns)
        return write_training_page(self.log_dir, _with_origins(self.resolved), shown)

    def _add_events(self, progress: Progress, preview: Path | None) -> None:
        """TensorBoard groups charts by what stands before the slash. The file is made at the first event."""
        if self._events is None:
            from torch.utils.tensorboard import SummaryWriter

            self._events = SummaryWriter(str(self.log_dir))
        values = {"speed/images_per_second": progress.images_per_second}
        for name, value in progress.losses.items():
            if not name.startswith("val_"):
                values[f"loss/{name}"] = value
            elif preview is not None:
                # Scores are new only where a preview is: both come from a validation.
                values[f"validation/{name.removeprefix('val_')}"] = value
        for tag, value in values.items():
            self._events.add_scalar(tag, value, progress.images_seen)
        if preview is not None:
            self._events.add_image("previews", read_photo(preview).pixels, progress.images_seen, dataformats="HWC")
        self._events.flush()


def _log_beside(model: Path) -> Path:
    return model.with_name(model.stem + "_log")


def _is_finished(model: Path) -> bool:
    """Whether a file is there that is not the model of a stopped training."""
    try:
        return not read_artifact(model).data.get("unfinished", False)
    except ArtifactError:
        return model.exists()


def tensorboard_installed() -> bool:
    """Whether the extra `board` is there."""
    return find_spec("tensorboard") is not None


def refusal_remarks(refusals: Sequence[UnusablePhoto]) -> list[Remark]:
    """A line for each kind of photograph that was left out."""
    groups: dict[str, list[UnusablePhoto]] = {}
    for refusal in refusals:
        groups.setdefault(refusal.kind, []).append(refusal)
    return [(kind, len(group), f"left out, such as {group[0].file}: {group[0].reason}") for kind, group in groups.items()]


def _with_origins(resolved: Resolved) -> Resolved:
    """From Python a training is given parameters and not where they came from."""
    if resolved.origins:
        return resolved
    usual = Params()
    origins = {name: "default" if value == getattr(usual, name) else "set" for name, value in resolved.params}
    return Resolved(resolved.params, resolved.category, origins)
