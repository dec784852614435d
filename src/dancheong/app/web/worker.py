"""Colors the photographs of all visits, one at a time and by turns, so that nobody waits for a whole batch of another.

What is to be done stands in the visits, which are on disk: a server that starts again goes on where the last one ended.
"""

import shutil
import threading
from pathlib import Path
from typing import Self

from dancheong.app.web.model_store import ModelStore
from dancheong.app.web.pictures import draw_mask
from dancheong.app.web.problems import Refused, problem_of
from dancheong.app.web.visits import Photograph, Visit, Visits
from dancheong.imaging.files import read_photo, write_photo
from dancheong.prediction.folder import FolderOptions, predict_files
from dancheong.prediction.plan import why_coloring_uses_no_mask
from dancheong.prediction.result import FileResult


class Worker:
    """The thread that colors. Used as a context; at its end it finishes the photograph that it works on.

    Args:
        places: so many visits may have photographs that wait, beside the one that is worked on.
    """

    def __init__(self, visits: Visits, models: ModelStore, places: int) -> None:
        self._visits, self._models, self._places = visits, models, places
        self._wake = threading.Condition()
        self._ended = False
        self._turns: list[str] = []  # keys of visits, the one that was served last at the end
        self._thread = threading.Thread(target=self._run, name="coloring", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        with self._wake:
            self._ended = True
            self._wake.notify_all()
        self._thread.join(timeout=30)

    def wake(self) -> None:
        """There is something new to do."""
        with self._wake:
            self._wake.notify_all()

    def others(self, visit: Visit) -> int:
        """How many other visits have photographs that wait."""
        with self._visits.lock:
            return sum(bool(other.pending()) for other in self._visits.all() if other.key != visit.key)

    def check_room(self, visit: Visit) -> None:
        """Raises Refused where too many others wait already."""
        if self.others(visit) > self._places:
            raise Refused(503, "busy")

    def _run(self) -> None:
        while True:
            with self._wake:
                if self._ended:
                    return
                with self._visits.lock:
                    found = self._next()
                if found is None:
                    self._wake.wait(5)
                    continue
            self._color(*found)

    def _next(self) -> tuple[Visit, Photograph] | None:
        waiting = {visit.key: visit for visit in self._visits.all() if visit.pending()}
        self._turns = [key for key in self._turns if key in waiting] + [key for key in waiting if key not in self._turns]
        if not self._turns:
            return None
        self._turns.append(self._turns.pop(0))
        visit = waiting[self._turns[-1]]
        return visit, visit.pending()[0]

    def _color(self, visit: Visit, photograph: Photograph) -> None:
        with self._visits.lock:
            if photograph.number not in visit.photographs:
                return
            with self._visits.change(visit) as changing:
                working = changing.put(photograph.model_copy(update={"state": "working"}))
        try:
            done = color(self._visits, self._models, visit, working)
        except Exception as error:  # whatever happens, the worker lives and the page says it
            problem = problem_of(error, self._visits.folder(visit, photograph.number))
            done = working.model_copy(update={"state": "failed", "error": problem})
        with self._visits.lock:
            now = visit.photographs.get(photograph.number)
            if now is None:  # removed meanwhile
                shutil.rmtree(self._visits.folder(visit, photograph.number), ignore_errors=True)
                return
            with self._visits.change(visit) as changing:
                # What a person has changed while it was colored.
                kept = {"tone": now.tone, "strokes": now.strokes, "stroke_count": now.stroke_count}
                changing.put(done.model_copy(update=kept))


def color(visits: Visits, models: ModelStore, visit: Visit, photograph: Photograph) -> Photograph:
    """Color one photograph in its folder.

    Raises:
        Refused: the model is not there any more.
        ArtifactError, ParamError, ExtraMissing, OSError: as `ModelStore.colorizer` and `predict_files`.
    """
    assert photograph.recipe is not None
    folder, version = visits.folder(visit, photograph.number), photograph.version + 1
    path = models.offered({name: folder.parent / file for name, file in visit.models.items()}).get(photograph.recipe.model)
    if path is None:
        raise Refused(404, "no_such_model", model=photograph.recipe.model)
    colorizer = models.colorizer(path, photograph.recipe.settings)
    source = folder / photograph.source
    drawn = _drawn_mask(folder, photograph)
    options = FolderOptions(
        # WebP would lose detail of the result; all other formats stay.
        overwrite=True, suffix=".png" if source.suffix.lower() == ".webp" else None,
        mask_dir=folder / f"mask{version}", drawn_masks=None if drawn is None else drawn.parent,
    )
    (result,) = predict_files(colorizer, [source], folder / f"color{version}", options)
    if result.status == "failed":
        problem = problem_of(result.error or "", folder)
        return photograph.model_copy(update={"state": "failed", "error": problem})
    if drawn is None and result.mask is not None:
        shutil.copyfile(result.mask, folder / "found.png")
    for old in (folder / f"{part}{photograph.version}" for part in ("color", "mask", "view/after", "view/mask")):
        shutil.rmtree(old, ignore_errors=True)
    unused = bool(why_coloring_uses_no_mask(colorizer.params))
    return photograph.model_copy(update=_outcome(photograph, result, folder, version) | {
        "masks_unused": unused, "drawn": drawn is not None and not unused, "has_mask": result.mask is not None and not unused,
    })


def _outcome(photograph: Photograph, result: FileResult, folder: Path, version: int) -> dict[str, object]:
    relative = {"result": result.output, "mask": result.mask}
    return {name: "" if path is None else path.relative_to(folder).as_posix() for name, path in relative.items()} | {
        "state": "done", "has_result": True, "error": None, "made_with": photograph.recipe, "version": version,
        "result_width_px": result.width, "result_height_px": result.height,
        "seconds": round(result.seconds, 2), "glare_share": result.glare_share, "abstained": result.abstained,
    }


def _drawn_mask(folder: Path, photograph: Photograph) -> Path | None:
    """The detector's mask with a person's strokes, written for the next coloring; None without strokes."""
    found = folder / "found.png"
    if not photograph.strokes or not found.exists():
        return None
    target = folder / "drawn" / f"{Path(photograph.source).stem}.png"
    target.parent.mkdir(exist_ok=True)
    write_photo(target, draw_mask(read_photo(found).pixels, photograph.strokes))
    return target
