"""Colors the photographs of all visits, one at a time and by turns, so that nobody waits for a whole batch of another.

While a large one is colored, a second thread colors small ones beside it, so that nobody waits for its long time either.
What is to be done stands in the visits, which are on disk: a server that starts again goes on where the last one ended.
"""

import csv
import shutil
import threading
import time
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any, Self

from dancheong.app.web.asked import END_SECONDS
from dancheong.app.web.model_store import ModelStore
from dancheong.app.web.pictures import draw_mask
from dancheong.app.web.problems import Refused, problem_of
from dancheong.app.web.time_left import Durations, MinutesLeft, minutes_left
from dancheong.app.web.visits import MAX_VISITS, Job, Photograph, Visit, Visits
from dancheong.imaging.files import read_photo, write_photo
from dancheong.prediction.folder import FolderOptions, predict_files
from dancheong.prediction.plan import why_coloring_uses_no_mask

IDLE_SECONDS = 60.0  # so often what is out of date is removed while there is nothing to color
SMALL_MEGAPIXELS = 4.0  # of the photographs that are colored beside a large one, and of their results
_LARGE = threading.Lock()  # whoever holds it colors a photograph that is not to be in memory beside another large one


class Worker:
    """The threads that color, and remove what is out of date. Used as a context; at its end they finish their photographs.

    What they do not finish within END_SECONDS is colored by the next server.

    Args:
        places: so many visits may have photographs that wait, beside the one that is worked on.
    """

    def __init__(self, visits: Visits, models: ModelStore, places: int) -> None:
        self._visits, self._models, self._places = visits, models, places
        self._news = threading.Condition(visits.lock)
        self._took = Durations()
        self._turns: list[str] = []  # keys of visits, the one that was served last at the end
        self._working: dict[bool, tuple[Visit, Photograph]] = {}  # by whether it is colored beside a large one
        self._threads = [
            threading.Thread(target=self._run, args=(beside,), name="coloring", daemon=True) for beside in (False, True)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._visits.ended.set()
        self.wake()
        ends = time.monotonic() + END_SECONDS
        for thread in self._threads:
            thread.join(timeout=max(0.0, ends - time.monotonic()))

    def wake(self) -> None:
        """There is something new to do."""
        with self._news:
            self._news.notify_all()

    def others(self, visit: Visit) -> int:
        """How many other visits have photographs that wait."""
        with self._visits.lock:
            return sum(bool(other.pending()) for other in self._visits.all() if other.key != visit.key)

    def check_room(self, visit: Visit) -> None:
        """Raises Refused where too many others wait already."""
        if self.others(visit) > self._places:
            raise Refused(503, "busy")

    def ahead(self, visit: Visit, job: Job) -> int:
        """How many photographs of other visits are colored before one of this job; 0 where one is in work."""
        with self._visits.lock:
            waiting = visit.open(job.photographs)
            if not waiting or "working" in {photograph.state for photograph in waiting}:
                return 0
            beside = self._has_large() and not _is_large(waiting[0])
            turns = [other.key for other, _ in self._line(beside)]
            before = turns.index(visit.key) if visit.key in turns else 0
            return before + (beside in self._working and self._working[beside][0].key != visit.key)

    def minutes_left(self, visit: Visit, job: Job) -> MinutesLeft | None:
        """How long a job will take, with what other visits have colored meanwhile; None before anything was measured."""
        with self._visits.lock:
            numbers = {photograph.number for photograph in visit.open(job.photographs)}
            own = visit.pending()
            own = own[: 1 + max((at for at, one in enumerate(own) if one.number in numbers), default=-1)]
            others = [one for other in self._visits.all() if other.key != visit.key for one in other.pending()[: len(own)]]
            if not any(map(_is_large, own)):  # they need not wait for large ones
                others = [one for one in others if not _is_large(one)]
            spans = []
            for photograph in (*own, *others):
                elapsed = time.time() - photograph.began_at if photograph.state == "working" else 0.0
                if (span := self._took.span(_megapixels(photograph), elapsed)) is None:
                    return None
                spans.append(span)
            return minutes_left(spans)

    def _run(self, beside: bool) -> None:
        while not self._visits.ended.is_set():
            if not beside:
                with suppress(OSError):
                    self._visits.sweep()
            with self._news:
                if not (found := self._next(beside)) and not self._visits.ended.is_set():
                    self._news.wait(IDLE_SECONDS)
            if found:
                self._color(*found)
                with self._news:
                    del self._working[beside]

    def _has_large(self) -> bool:
        return False in self._working and _is_large(self._working[False][1])

    def _line(self, beside: bool) -> list[tuple[Visit, Photograph]]:
        """Each visit's next photograph, by turns: whoever was served longest ago, or never, is the first."""
        line = []
        for visit in self._visits.all():
            for photograph in visit.pending():
                if photograph.state == "waiting" and not (beside and _is_large(photograph)):
                    line.append((visit, photograph))
                    break
        return sorted(line, key=lambda one: self._turns.index(one[0].key) if one[0].key in self._turns else -1)

    def _next(self, beside: bool) -> tuple[Visit, Photograph] | None:
        """The photograph whose turn it is, marked as one in work."""
        if (beside and not self._has_large()) or not (line := self._line(beside)):
            return None
        visit, photograph = line[0]
        self._turns = [key for key in self._turns[-MAX_VISITS:] if key != visit.key] + [visit.key]
        size = _megapixels(photograph)
        span = self._took.span(size) or (0.5 * size, 0.5 * size)  # of some machine, at first
        # A disk that is full is no end of the work: what memory has is written at the next change.
        with suppress(OSError), self._visits.change(visit):
            self._working[beside] = visit, visit.put(
                photograph, state="working", began_at=time.time(), expected_seconds=max(round(sum(span) / 2, 1), 0.1)
            )
        self._news.notify_all()
        return self._working[beside]

    def _color(self, visit: Visit, photograph: Photograph) -> None:
        try:
            changes = color(self._models, visit, photograph)
        except Exception as error:  # whatever happens, the worker lives and the page says it
            changes = {"state": "failed", "error": problem_of(error, photograph.folder)}
        if changes["state"] == "done":
            self._took.add(_megapixels(photograph), changes["seconds"])
        with self._visits.lock:
            if photograph.number not in visit.photographs:  # removed meanwhile
                shutil.rmtree(photograph.folder, ignore_errors=True)
                return
            with suppress(OSError), self._visits.change(visit) as changing:
                changing.put(changing.photographs[photograph.number], **changes)


def color(models: ModelStore, visit: Visit, photograph: Photograph) -> dict[str, Any]:
    """Color one photograph in its folder. Returns what is new about it.

    Raises:
        Refused: the model is not there any more.
        ArtifactError, ParamError, ExtraMissing, OSError: as `ModelStore.colorizer` and `predict_files`.
    """
    assert photograph.recipe is not None
    folder, version = photograph.folder, photograph.version + 1
    colorizer = models.colorizer(models.chosen(visit, photograph.recipe.model), photograph.recipe.settings)
    source, drawn, hints = photograph.path("source"), _drawn_mask(photograph), _hints(photograph)
    options = FolderOptions(
        # WebP would lose detail of the result; all other formats stay.
        overwrite=True, suffix=".png" if source.suffix.lower() == ".webp" else None,
        mask_dir=folder / f"mask{version}", drawn_masks=None if drawn is None else drawn.parent,
        hints=None if hints is None else hints.parent, look=photograph.look,
    )
    params = colorizer.params
    # A model may enlarge by itself. Dropout takes random numbers from one generator for all threads.
    is_alone = _is_large(photograph, int(params.sr_scale)) or params.predict_dropout
    with _LARGE if is_alone else nullcontext():
        (result,) = predict_files(colorizer, [source], folder / f"color{version}", options)
    if result.status == "failed":
        return {"state": "failed", "error": problem_of(result.error or "", folder)}
    if drawn is None and result.mask is not None:
        shutil.copyfile(result.mask, folder / "found.png")
    for old in (folder / f"{part}{photograph.version}" for part in ("color", "mask", "view/after", "view/mask")):
        shutil.rmtree(old, ignore_errors=True)
    unused = bool(why_coloring_uses_no_mask(params))
    return {
        "state": "done", "has_result": True, "error": None, "made_with": photograph.recipe, "version": version,
        "result": result.output.relative_to(folder).as_posix(),
        "mask": "" if result.mask is None else result.mask.relative_to(folder).as_posix(),
        "result_width_px": result.width, "result_height_px": result.height, "seconds": round(result.seconds, 2),
        "glare_share": result.glare_share, "abstained": result.abstained,
        "used_hints": photograph.hints, "used_look": photograph.look, "used_strokes": photograph.strokes,
        "masks_unused": unused, "drawn": drawn is not None and not unused, "has_mask": result.mask is not None,
    }


def _megapixels(photograph: Photograph, scale: int = 0) -> float:
    """Of the result. `scale`: SR_SCALE; 0: as the recipe says."""
    scale = scale or int(photograph.recipe.settings.get("sr_scale", 1) if photograph.recipe else 1)
    return max(photograph.width_px * photograph.height_px * scale**2 / 1e6, 0.01)


def _is_large(photograph: Photograph, scale: int = 0) -> bool:
    return _megapixels(photograph, scale) > SMALL_MEGAPIXELS


def _drawn_mask(photograph: Photograph) -> Path | None:
    """The detector's mask with a person's strokes, written for the next coloring; None without strokes."""
    found = photograph.folder / "found.png"
    if not photograph.strokes or not found.exists():
        return None
    target = photograph.folder / "drawn" / f"{Path(photograph.source).stem}.png"
    target.parent.mkdir(exist_ok=True)
    write_photo(target, draw_mask(read_photo(found).pixels, photograph.strokes))
    return target


def _hints(photograph: Photograph) -> Path | None:
    """A person's hints as a table for the next coloring; None without any."""
    if not photograph.hints:
        return None
    target = photograph.folder / "hints" / f"{Path(photograph.source).stem}.csv"
    target.parent.mkdir(exist_ok=True)
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("x", "y", "color"))
        writer.writerows(hint.row for hint in photograph.hints)
    return target
