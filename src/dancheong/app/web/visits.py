"""The visits of people and programs, kept on disk: a reload, an outage or the server's end loses nothing.

A visit is named by a random key, which a browser keeps in a cookie. Its folder holds `visit.json`, written whole or not at
all at each change, and a folder for each photograph. A visit that nobody has used for some hours is removed.
"""

import os
import re
import secrets
import shutil
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from dancheong.app.web.problems import Problem, Refused
from dancheong.system.whole_file import whole_file

KEY = re.compile(r"[A-Za-z0-9_-]{22,64}")
MAX_PHOTOGRAPHS = 200  # of a visit
MAX_VISITS = 5_000
KEPT_JOBS = 20

State = Literal["new", "waiting", "working", "done", "failed"]
Share = Annotated[float, Field(ge=-0.5, le=1.5, allow_inf_nan=False)]


class Tone(BaseModel):
    """How a result is shown and downloaded: `strength` multiplies its chroma, `warmth` moves it to blue or to orange."""

    model_config = ConfigDict(frozen=True)
    strength: float = Field(1.0, ge=0, le=2, allow_inf_nan=False)
    warmth: float = Field(0.0, ge=-1, le=1, allow_inf_nan=False)


class Stroke(BaseModel):
    """A line that a person has drawn on the mask.

    `radius` is a share of the longer side; `points` are shares of width and height.
    """

    glare: bool
    radius: float = Field(gt=0, le=0.5, allow_inf_nan=False)
    points: list[tuple[Share, Share]] = Field(min_length=1, max_length=5000)


class Hint(BaseModel):
    """A color that is known at a place, or that is known to occur.

    `x` and `y` are shares of width and height. Without them a hint alone gives the mean color of the photograph, several
    give its palette. `color`: a name or `#rrggbb`, as in `docs/hints.md`.
    """

    model_config = ConfigDict(frozen=True)
    x: float | None = Field(None, ge=0, le=1, allow_inf_nan=False)
    y: float | None = Field(None, ge=0, le=1, allow_inf_nan=False)
    color: str = Field(min_length=1, max_length=40)

    @model_validator(mode="after")
    def _has_a_whole_place(self) -> Self:
        if (self.x is None) != (self.y is None):
            raise PydanticCustomError("half_place", "give x and y, or neither of them")
        return self

    @property
    def row(self) -> tuple[float | None, float | None, str]:
        """As a row of a table of hints, where 0 and 1 could be pixels."""
        x, y = (share if share is None else min(max(share, 1e-5), 1 - 1e-5) for share in (self.x, self.y))
        return x, y, self.color


class Recipe(BaseModel):
    """What a photograph is colored with: a model by its name, and parameters of prediction by theirs."""

    model_config = ConfigDict(frozen=True)
    model: str = Field(max_length=300)
    settings: dict[str, bool | int | float | str] = Field(default_factory=dict, max_length=100)


class PhotographView(BaseModel):
    """What is shown of a photograph. `name`: its file's, with the folders that it was brought in.

    `recipe`: what it is to be colored with; `made_with`: what the result was colored with. `version` counts the colorings.
    `hints` and `look` are a person's for the next coloring, `used_hints` and `used_look` those of the result.
    `began_at`: the server's time (UTC, s) at which it was begun; `expected_seconds`: how long it takes, about.
    `masks_unused`: no mask of light reflection is used; `has_mask`: one was used and can be drawn on; `drawn`: a person has.
    `strokes_unused`: what a person has drawn is not what the result was colored with.
    `changed`: the visit's revision at the last change.
    """

    number: int
    name: str
    role: Literal["photograph", "comparison"] = "photograph"
    state: State = "new"
    recipe: Recipe | None = None
    made_with: Recipe | None = None
    error: Problem | None = None
    width_px: int = 0
    height_px: int = 0
    result_width_px: int = 0
    result_height_px: int = 0
    seconds: float = 0.0
    began_at: float = 0.0
    expected_seconds: float = 0.0
    glare_share: float | None = None
    abstained: bool = False
    masks_unused: bool = False
    has_mask: bool = False
    has_result: bool = False
    drawn: bool = False
    stroke_count: int = 0
    strokes_unused: bool = False
    tone: Tone = Tone()
    hints: list[Hint] = []
    used_hints: list[Hint] = []
    look: int = 1
    used_look: int = 1
    version: int = 0
    changed: int = 0


class Photograph(PhotographView):
    """One photograph of a visit, with its files below `folder`."""

    upload: str = ""
    source: str
    result: str = ""
    mask: str = ""
    strokes: list[Stroke] = []
    used_strokes: list[Stroke] = []
    folder: Path = Field(Path(), exclude=True)

    def is_made_with(self, recipe: Recipe) -> bool:
        """Whether the result is what another coloring would give."""
        used = (self.made_with, self.used_hints, self.used_look, self.used_strokes)
        return used == (recipe, self.hints, self.look, self.strokes)

    def path(self, what: Literal["source", "result", "mask"]) -> Path:
        """A file of the photograph. Raises Refused where there is none."""
        if not (relative := getattr(self, what)):
            raise Refused(404, "no_result" if what == "result" else "gone")
        return self.folder / str(relative)


class Job(BaseModel):
    """A batch: photographs that are colored one after the other. `stopped`: a person has ended it; what is done stays.

    `key` is that of the press that began it.
    """

    number: int
    key: str = ""
    photographs: list[int]
    stopped: bool = False


class Comparison(BaseModel):
    """One photograph colored by two models."""

    number: int
    key: str = ""
    photographs: tuple[int, int]
    models: tuple[str, str]


class Visit(BaseModel):
    """Everything of one visitor, with its files below `folder`. Changed inside `Visits.change`."""

    key: str
    revision: int = 0
    count: int = 0
    seen_at: float = 0.0
    photographs: dict[int, Photograph] = {}
    removed: dict[int, int] = {}
    jobs: list[Job] = []
    comparisons: list[Comparison] = []
    models: dict[str, str] = {}
    settings: dict[str, Any] = {}
    folder: Path = Field(Path(), exclude=True)

    def next_number(self) -> int:
        """A number that nothing else of this visit has had."""
        self.count += 1
        return self.count

    def photograph(self, number: int) -> Photograph:
        """A photograph as it is now. Raises Refused where it was removed."""
        if number not in self.photographs:
            raise Refused(404, "no_such_photograph", number=number)
        return self.photographs[number]

    def put(self, photograph: Photograph, **changes: Any) -> Photograph:
        """Store a photograph with some changes."""
        folder = self.folder / str(photograph.number)
        changed = photograph.model_copy(update={**changes, "changed": self.revision, "folder": folder})
        changed.strokes_unused = changed.strokes != changed.used_strokes
        self.photographs[photograph.number] = changed
        return changed

    def remove(self, photograph: Photograph) -> None:
        """Remove a photograph, its files, and the comparisons that it is part of."""
        self.photographs.pop(photograph.number, None)
        self.removed[photograph.number] = self.revision
        self.comparisons = [one for one in self.comparisons if photograph.number not in one.photographs]
        shutil.rmtree(photograph.folder, ignore_errors=True)

    def open(self, numbers: Iterable[int]) -> list[Photograph]:
        """Those of the photographs that are waiting or in work, each once."""
        found = [self.photographs[number] for number in dict.fromkeys(numbers) if number in self.photographs]
        return [photograph for photograph in found if photograph.state in ("waiting", "working")]

    def pending(self) -> list[Photograph]:
        """The photographs of its jobs that are not done, in their order."""
        return self.open(number for job in self.jobs if not job.stopped for number in job.photographs)


class Visits:
    """All visits below one folder.

    Args:
        root: the folder; visits that an earlier server has left there are found again.
        max_bytes: of all files together.
        hours: a visit is removed that nobody has used for so long.
    """

    def __init__(self, root: Path, max_bytes: int, hours: float = 24.0) -> None:
        self.root, self._max_bytes, self.hours = root, max_bytes, hours
        self._folder = root / "visits"
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._promised = 0
        self.lock = threading.RLock()  # whoever reads more than one field of a visit holds it
        self.ended = threading.Event()  # the server is ending
        self._visits = {visit.key: visit for visit in map(self._loaded, self._folder.iterdir()) if visit}

    def visit(self, key: str) -> Visit:
        """The visit with this key; a key that is not known begins an empty one, which is kept once something is in it.

        Raises:
            Refused: no key, or none that cannot be guessed.
        """
        if not KEY.fullmatch(key):
            raise Refused(401, "no_visit")
        with self.lock:
            visit = self._visits.get(key) or Visit(key=key, folder=self._folder / key)
            visit.seen_at = time.time()
            return visit

    def revision(self, key: str) -> int:
        """The revision of a visit, without waiting for a change that is being written."""
        if visit := self._visits.get(key):
            visit.seen_at = time.time()
        return visit.revision if visit else 0

    def all(self) -> list[Visit]:
        """The visits that are kept."""
        with self.lock:
            return list(self._visits.values())

    @contextmanager
    def change(self, visit: Visit) -> Iterator[Visit]:
        """Change a visit: one thread at a time, and the change is on disk when the context ends."""
        with self.lock:
            if visit.key not in self._visits and len(self._visits) >= MAX_VISITS:
                raise Refused(503, "full")
            known = self._visits.setdefault(visit.key, visit)
            known.revision += 1
            try:
                yield known
            finally:
                known.folder.mkdir(exist_ok=True, mode=0o700)
                with whole_file(known.folder / "visit.json") as temporary:
                    temporary.write_text(known.model_dump_json(), "utf-8")

    def delete(self, visit: Visit) -> None:
        """Remove a visit and all its files."""
        with self.lock:
            self._visits.pop(visit.key, None)
            visit.photographs.clear()  # lest the photograph in work bring it back
        shutil.rmtree(visit.folder, ignore_errors=True)

    def _loaded(self, folder: Path) -> Visit | None:
        try:
            visit = Visit.model_validate_json((folder / "visit.json").read_bytes())
        except (OSError, ValidationError):
            shutil.rmtree(folder, ignore_errors=True)
            return None
        visit.folder = folder
        for photograph in visit.photographs.values():
            photograph.folder = folder / str(photograph.number)
            # The server was killed while this one was colored.
            if photograph.state == "working":
                photograph.state = "waiting"
        return visit

    @contextmanager
    def room_for(self, size_bytes: int) -> Iterator[None]:
        """Reserve room for an upload while it comes in. Raises Refused where the disk or the limit of uploads has none."""
        with self.lock:
            needed = self._promised + size_bytes
            if self.used_bytes() + needed > self._max_bytes or shutil.disk_usage(self.root).free < 2 * needed:
                raise Refused(503, "full")
            self._promised += size_bytes
        try:
            yield
        finally:
            with self.lock:
                self._promised -= size_bytes

    def used_bytes(self) -> int:
        """The size of all files; a file that is linked twice counts once."""
        sizes: dict[tuple[int, int], int] = {}
        # os.walk accepts that a folder is removed meanwhile.
        for folder, _, names in os.walk(self.root):
            for name in names:
                with suppress(OSError):
                    status = Path(folder, name).lstat()
                    sizes[status.st_dev, status.st_ino] = status.st_size
        return sum(sizes.values())

    def incoming(self, suffix: str = "") -> Path:
        """A new file for an upload that comes in; what was broken off is removed later."""
        folder = self.root / "incoming"
        folder.mkdir(exist_ok=True, mode=0o700)
        return folder / f"{secrets.token_hex(8)}{suffix}"

    def sweep(self) -> None:
        """Remove visits that are out of date, folders of none, and uploads that were broken off."""
        oldest = time.time() - self.hours * 3600
        with self.lock:
            for visit in self.all():
                if visit.seen_at < oldest and not visit.pending():
                    self.delete(visit)
            for folder in self._folder.iterdir():
                if folder.name not in self._visits:
                    shutil.rmtree(folder, ignore_errors=True)
        for path in (self.root / "incoming").glob("*"):
            with suppress(OSError):
                if path.stat().st_mtime < time.time() - 3600:
                    shutil.rmtree(path) if path.is_dir() else path.unlink()


def link(source: Path, target: Path) -> None:
    """The same file under another name; a link takes no room."""
    try:
        target.hardlink_to(source.resolve())
    except OSError:
        shutil.copyfile(source, target)
