"""The parts of one server, as the addresses find them, and what of a visit is shown to whoever asks."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import Depends, Request
from fastapi.responses import FileResponse
from pydantic import BaseModel, Field

from dancheong.app.web.asked import Options
from dancheong.app.web.drafts import Drafts
from dancheong.app.web.model_store import ModelStore
from dancheong.app.web.problems import ErrorView, Refused, check_setting
from dancheong.app.web.time_left import MinutesLeft
from dancheong.app.web.trainer import Trainer
from dancheong.app.web.visits import Comparison, Job, Photograph, PhotographView, Recipe, Visit, Visits
from dancheong.app.web.worker import Worker
from dancheong.imaging.formats import READ_SUFFIXES
from dancheong.params.schema import AT_PREDICTION, ROWS, UpscalerRows

# What a visitor may not decide for the machine that serves the page.
OF_THE_SERVER = frozenset({"memory_gb", "tile_px", "devices", "workers", "cache"})
COLORING_ROWS = frozenset(AT_PREDICTION) - OF_THE_SERVER
# How photographs are paired is told with them, not among the settings.
TRAINING_ROWS = frozenset(ROWS) - frozenset(UpscalerRows.model_fields) - OF_THE_SERVER - {"pairing", "direction"}
MAX_NUMBER = 1 << 53
Number = Annotated[int, Field(ge=1, le=MAX_NUMBER)]
# What is asked again with the same key, because no answer came, is done once; empty: each time.
Key = Annotated[str, Field(max_length=64)]
Settings = Annotated[dict[str, bool | int | float | str], Field(default_factory=dict, max_length=100)]
# Of every address in its documentation: whatever is refused is refused in this form.
ERRORS: dict[int | str, dict[str, Any]] = {"default": {"model": ErrorView, "description": "Refused"}}
UPLOAD: dict[str, Any] = {"status_code": 201, "openapi_extra": {"requestBody": {
    "required": True, "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
}}}


@dataclass(frozen=True)
class Services:
    """The parts of one server. `models_folder`: where trained models go."""

    options: Options
    visits: Visits
    worker: Worker
    models: ModelStore
    drafts: Drafts
    trainer: Trainer
    models_folder: Path

    def checked(self, visit: Visit, recipe: Recipe) -> Recipe:
        """A recipe whose model is there and whose settings are in range. Raises Refused."""
        self.models.chosen(visit, recipe.model)
        return recipe.model_copy(update={"settings": checked_settings(recipe.settings, COLORING_ROWS)})

    def put(self, visit: Visit, number: int, **changes: Any) -> Photograph:
        """Change a photograph of a visit. Raises Refused where it is not there any more."""
        visit.photograph(number)  # before a revision is counted
        with self.visits.change(visit) as changing:
            return changing.put(changing.photograph(number), **changes)


def checked_settings(settings: Mapping[str, Any], allowed: frozenset[str]) -> dict[str, Any]:
    """Settings by their lower-case names. Raises Refused for one that is out of range, or not for a visitor to set."""
    named = {name.lower(): value for name, value in settings.items()}
    for name, value in named.items():
        check_setting(name, value)
        if name not in allowed:
            raise Refused(422, "setting_not_here", field=name, name=name.upper())
    return named


async def _served(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


Served = Annotated[Services, Depends(_served)]


def _current(request: Request, services: Served) -> Visit:
    """The visit that the cookie or the header `Visit` names."""
    return services.visits.visit(request.headers.get("visit") or request.cookies.get(services.options.visit_cookie) or "")


Current = Annotated[Visit, Depends(_current)]


def _named(visit: Current, number: Number) -> Photograph:
    return visit.photograph(number)


Named = Annotated[Photograph, Depends(_named)]


def file(path: Path, name: str = "") -> FileResponse:
    """A download, or, without a name, a picture.

    A browser may keep a picture, because what it is of and its version are part of the address that the page asks for.
    """
    kept = "no-store" if name else "private, max-age=86400"
    return FileResponse(path, filename=name or None, headers={"cache-control": kept})


class JobView(BaseModel):
    """How far a job is. `others`: visits whose photographs are colored by turns with these.

    `ahead`: photographs of other visits that are colored before one of these is in work. `minutes_left`: none before a
    photograph was measured since the server's start.
    """

    number: int
    state: Literal["running", "done", "stopped"]
    photographs: list[int]
    done: int
    failed: int
    others: int
    ahead: int
    minutes_left: MinutesLeft | None


class VisitView(BaseModel):
    """A visit, or what of it has changed. Unused for `hours` it is removed. `now`: the server's time (UTC, s).

    `suffixes`: of the files that are photographs; told with the whole visit alone.
    """

    revision: int
    now: float
    hours: float
    max_upload_mb: float
    suffixes: list[str]
    photographs: Sequence[PhotographView]
    removed: list[int]
    jobs: list[JobView]
    comparisons: list[Comparison]
    settings: dict[str, Any]


def job_view(services: Services, visit: Visit, job: Job) -> JobView:
    """How far a job is; photographs that were removed count no more."""
    photographs = [visit.photographs[number] for number in job.photographs if number in visit.photographs]
    states = [photograph.state for photograph in photographs]
    is_open, worker = not job.stopped and bool(visit.open(job.photographs)), services.worker
    return JobView(
        number=job.number, state="running" if is_open else "stopped" if job.stopped else "done",
        photographs=[photograph.number for photograph in photographs], done=states.count("done"),
        failed=states.count("failed"), others=worker.others(visit) if is_open else 0,
        ahead=worker.ahead(visit, job) if is_open else 0, minutes_left=worker.minutes_left(visit, job) if is_open else None,
    )


def visit_view(services: Services, visit: Visit, since: int = -1) -> VisitView:
    """What of a visit has changed after revision `since`."""
    with services.visits.lock:
        return VisitView(
            revision=visit.revision, now=time.time(), hours=services.visits.hours, max_upload_mb=services.options.max_upload_mb,
            suffixes=sorted(READ_SUFFIXES) if since < 0 else [],
            photographs=[photograph for photograph in visit.photographs.values() if photograph.changed > since],
            removed=[number for number, revision in visit.removed.items() if revision > since],
            jobs=[job_view(services, visit, job) for job in visit.jobs], comparisons=visit.comparisons, settings=visit.settings,
        )
