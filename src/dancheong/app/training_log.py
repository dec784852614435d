"""What a training leaves beside its model: the page with curves and previews, and TensorBoard events."""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dancheong.params import ExtraMissing, Resolved

if TYPE_CHECKING:
    from dancheong.data.photographs import UnusablePhoto
    from dancheong.training.loop import Progress, TrainResult

Remark = tuple[str, int, str]
AddEvent = Callable[[int, dict[str, float], Path | None], None]
# What the launchers of several processes number them with.
_RANKS = ("LOCAL_RANK", "NODE_RANK", "RANK", "SLURM_PROCID")


class TrainingLog:
    """Looks at a running training and keeps its page and its events up to date. Holds an open file of events."""

    def __init__(
        self, log_dir: Path, model: Path, resolved: Resolved, earlier: Mapping[str, int], columns: Sequence[str],
        open_events: Callable[[], AddEvent] | None,
    ) -> None:
        self._log_dir, self._model, self._resolved = log_dir, model, resolved
        self._earlier, self._columns = earlier, columns
        self._open_events = open_events
        self._add_event: AddEvent | None = None
        self._images_total, self._looked = 0, False
        self._remarks: dict[str, Remark] = {}

    def look(self, progress: "Progress") -> None:
        """At each log interval of the first process. The page is written anew when there is a new preview."""
        if not is_first_process():
            return
        self._images_total, self._looked = progress.images_total, True
        from dancheong.imaging.files import PhotoError

        # A preview is named by the images seen, and an interval that ends with one has just drawn it.
        preview = self._log_dir / f"preview_{progress.images_seen:08d}.png"
        is_new = preview.exists() and self._earlier.get(preview.name) != preview.stat().st_mtime_ns
        losses = {name: value for name, value in progress.losses.items() if is_new or not name.startswith("val_")}
        if self._add_event is None and self._open_events is not None:
            self._add_event = self._open_events()
        if self._add_event is not None:
            self._add_event(progress.images_seen, {**losses, "images_per_second": progress.images_per_second},
                            preview if is_new else None)
        if is_new:
            # A page that a browser or a virus scanner holds just now is no reason to end a training: the next one follows.
            with suppress(OSError, PhotoError):
                self.write_page(f"Running: {progress.images_seen:,} of {progress.images_total:,} images.")

    def remark(self, kind: str, count: int, advice: str) -> None:
        """A line on photographs for the page; the first of a kind stays."""
        self._remarks.setdefault(kind, (kind, count, advice))

    def write_page(self, state: str) -> Path:
        """Write the page with what the log folder holds now."""
        from dancheong.report.training_page import TrainingState, write_training_page

        remarks = tuple(self._remarks.values())
        shown = TrainingState(str(self._model), state, self._images_total, remarks, self._earlier, self._columns)
        return write_training_page(self._log_dir, self._resolved, shown)

    def finish(self, result: "TrainResult") -> Path:
        """Write the page of a run that has ended, or was stopped."""
        for line in remarks_of(result.refusals):
            self.remark(*line)
        seen = f"{result.images_seen:,} images"
        if result.stopped:
            return self.write_page(f"Stopped after {seen}; the same command with --resume goes on.")
        return self.write_page(f"Finished after {seen}.")

    def end(self, error: BaseException) -> None:
        """Say on the page that the run has failed, if it has begun: what is there otherwise is of another run."""
        # The error itself counts more than one of the page, such as of a full disk.
        with suppress(OSError, ValueError):
            if self._looked:
                self.write_page(f"Ended by an error: {str(error) or type(error).__name__}")


def is_first_process() -> bool:
    """Whether this process speaks for a training of several, on one machine or more."""
    return all(os.environ.get(name, "0") == "0" for name in _RANKS)


@contextmanager
def kept_log(
    log_dir: Path, model: Path, resolved: Resolved, tensorboard: bool = False, resume: bool = False,
    columns: Sequence[str] = ("gray", "predicted", "truth"),
) -> Iterator[TrainingLog]:
    """A TrainingLog for one run.

    Args:
        tensorboard: write events into `log_dir`.
        resume: what lies in `log_dir` is of the same run.
        columns: of a preview, see `TrainingState`.

    Raises:
        ExtraMissing: events are asked for and TensorBoard is not installed.
    """
    if tensorboard and not tensorboard_there():
        raise ExtraMissing("TensorBoard events need tensorboard: pip install 'dancheong[board]'")
    from dancheong.report.training_page import preview_times

    with ExitStack() as stack:
        open_events = (lambda: stack.enter_context(_events(log_dir))) if tensorboard else None
        log = TrainingLog(log_dir, model, resolved, {} if resume else preview_times(log_dir), columns, open_events)
        try:
            yield log
        except BaseException as error:
            log.end(error)
            raise


def tensorboard_there() -> bool:
    """Whether the extra `board` is installed."""
    return find_spec("tensorboard") is not None


def remarks_of(refusals: Sequence["UnusablePhoto"]) -> list[Remark]:
    """A line for each kind of photograph that was left out."""
    groups: dict[str, list[UnusablePhoto]] = {}
    for refusal in refusals:
        groups.setdefault(refusal.kind, []).append(refusal)
    return [(kind, len(group), f"left out, such as {group[0].file}: {group[0].reason}") for kind, group in groups.items()]


@contextmanager
def _events(folder: Path) -> Iterator[AddEvent]:
    """Appends scalars and a preview to a file of TensorBoard events, without torch's or tensorflow's writer."""
    from PIL import Image
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    writer: Any = EventFileWriter(str(folder))

    def add(images_seen: int, losses: dict[str, float], preview: Path | None) -> None:
        values = [Summary.Value(tag=_tag(name), simple_value=value) for name, value in losses.items()]
        if preview is not None:
            with Image.open(preview) as picture:
                width, height = picture.size
            shown = Summary.Image(width=width, height=height, colorspace=3, encoded_image_string=preview.read_bytes())
            values.append(Summary.Value(tag="previews", image=shown))
        writer.add_event(Event(wall_time=time.time(), step=images_seen, summary=Summary(value=values)))
        writer.flush()

    try:
        yield add
    finally:
        writer.close()


def _tag(name: str) -> str:
    """TensorBoard groups charts by what stands before the slash."""
    if name.startswith("val_"):
        return f"validation/{name.removeprefix('val_')}"
    return f"speed/{name}" if name == "images_per_second" else f"loss/{name}"
