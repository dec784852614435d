"""Colors the photographs of all visits, one at a time and by turns, so that nobody waits for a whole batch of another.

What is to be done stands in the visits, which are on disk: a server that starts again goes on where the last one ended.
"""

import csv
import math
import shutil
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from dancheong.app.web.asked import END_SECONDS
from dancheong.app.web.model_store import ModelStore
from dancheong.app.web.pictures import draw_mask
from dancheong.app.web.problems import Refused, problem_of
from dancheong.app.web.visits import Photograph, Visit, Visits
from dancheong.imaging.files import read_photo, write_photo
from dancheong.prediction.folder import FolderOptions, predict_files
from dancheong.prediction.plan import why_coloring_uses_no_mask

IDLE_SECONDS = 60.0  # so often what is out of date is removed while there is nothing to color


class Worker:
    """The thread that colors, and removes what is out of date. Used as a context; at its end it finishes its photograph.

    One that it does not finish within END_SECONDS is colored by the next server.

    Args:
        places: so many visits may have photographs that wait, beside the one that is worked on.
    """

    def __init__(self, visits: Visits, models: ModelStore, places: int) -> None:
        self._visits, self._models, self._places = visits, models, places
        self._news = threading.Event()
        self._known = [(1.0, 0.5)]  # megapixels and seconds of the photographs before; some machine's at first
        self._turns: list[str] = []  # keys of visits, the one that was served last at the end
        self._thread = threading.Thread(target=self._run, name="coloring", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._visits.ended.set()
        self._news.set()
        self._thread.join(timeout=END_SECONDS)

    def wake(self) -> None:
        """There is something new to do."""
        self._news.set()

    def others(self, visit: Visit) -> int:
        """How many other visits have photographs that wait."""
        with self._visits.lock:
            return sum(bool(other.pending()) for other in self._visits.all() if other.key != visit.key)

    def check_room(self, visit: Visit) -> None:
        """Raises Refused where too many others wait already."""
        if self.others(visit) > self._places:
            raise Refused(503, "busy")

    def _run(self) -> None:
        while not self._visits.ended.is_set():
            with suppress(OSError):
                self._visits.sweep()
            if found := self._next():
                self._color(*found)
            else:
                self._news.wait(IDLE_SECONDS)
                self._news.clear()

    def _next(self) -> tuple[Visit, Photograph] | None:
        """The photograph whose turn it is, marked as the one in work."""
        with self._visits.lock:
            waiting = {visit.key: visit for visit in self._visits.all() if visit.pending()}
            self._turns = [key for key in self._turns if key in waiting] + [key for key in waiting if key not in self._turns]
            if not self._turns:
                return None
            self._turns.append(self._turns.pop(0))
            with self._visits.change(waiting[self._turns[-1]]) as visit:
                photograph = visit.pending()[0]
                return visit, visit.put(
                    photograph, state="working", began_at=time.time(), expected_seconds=self._expected(photograph)
                )

    def _expected(self, photograph: Photograph) -> float:
        """Seconds that a photograph will take, by the one before it that was nearest in size."""
        size = max(photograph.width_px * photograph.height_px / 1e6, 0.01)
        megapixels, seconds = min(self._known, key=lambda known: abs(math.log(known[0] / size)))
        return max(round(seconds * size / megapixels, 1), 0.1)

    def _color(self, visit: Visit, photograph: Photograph) -> None:
        try:
            changes = color(self._models, visit, photograph)
        except Exception as error:  # whatever happens, the worker lives and the page says it
            changes = {"state": "failed", "error": problem_of(error, photograph.folder)}
        if changes["state"] == "done":
            megapixels = max(photograph.width_px * photograph.height_px / 1e6, 0.01)
            self._known = [*self._known[-20:], (megapixels, changes["seconds"])]
        with self._visits.lock:
            if photograph.number not in visit.photographs:  # removed meanwhile
                shutil.rmtree(photograph.folder, ignore_errors=True)
                return
            with self._visits.change(visit) as changing:
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
    (result,) = predict_files(colorizer, [source], folder / f"color{version}", options)
    if result.status == "failed":
        return {"state": "failed", "error": problem_of(result.error or "", folder)}
    if drawn is None and result.mask is not None:
        shutil.copyfile(result.mask, folder / "found.png")
    for old in (folder / f"{part}{photograph.version}" for part in ("color", "mask", "view/after", "view/mask")):
        shutil.rmtree(old, ignore_errors=True)
    unused = bool(why_coloring_uses_no_mask(colorizer.params))
    return {
        "state": "done", "has_result": True, "error": None, "made_with": photograph.recipe, "version": version,
        "result": result.output.relative_to(folder).as_posix(),
        "mask": "" if result.mask is None else result.mask.relative_to(folder).as_posix(),
        "result_width_px": result.width, "result_height_px": result.height, "seconds": round(result.seconds, 2),
        "glare_share": result.glare_share, "abstained": result.abstained,
        "used_hints": photograph.hints, "used_look": photograph.look,
        "masks_unused": unused, "drawn": drawn is not None and not unused, "has_mask": result.mask is not None and not unused,
    }


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
