"""The parts of one server, and what of a visit is shown to whoever asks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from dancheong.app.web.model_store import ModelStore
from dancheong.app.web.problems import Refused, check_setting
from dancheong.app.web.trainer import Trainer
from dancheong.app.web.translations import Words
from dancheong.app.web.visits import Comparison, Job, PhotographView, Recipe, Visit, Visits
from dancheong.app.web.worker import Worker
from dancheong.params import Params
from dancheong.params.schema import AT_PREDICTION, BASIC, ROWS, SECTIONS, UpscalerRows

# What a visitor may not decide for the machine that serves the page.
OF_THE_SERVER = frozenset({"memory_gb", "tile_px", "devices", "workers", "cache"})
COLORING_ROWS = frozenset(AT_PREDICTION) - OF_THE_SERVER
TRAINING_ROWS = frozenset(ROWS) - frozenset(UpscalerRows.model_fields) - OF_THE_SERVER


@dataclass(frozen=True)
class Services:
    """The parts of one server.

    `roots`: folders whose photographs may be trained on. `models_folder`: where trained models go; `models_are_kept`: whether
    it outlives the server. `max_upload_bytes`: of one upload, and of the photographs in a zip. `cookie` holds a visit's key.
    """

    visits: Visits
    worker: Worker
    models: ModelStore
    trainer: Trainer
    roots: tuple[Path, ...]
    models_folder: Path
    models_are_kept: bool
    max_upload_bytes: int
    cookie: str

    def models_for(self, visit: Visit) -> dict[str, Path]:
        """The models that a visit can choose."""
        folder = self.visits.folder(visit)
        return self.models.offered({name: folder / file for name, file in visit.models.items()})

    def checked(self, visit: Visit, recipe: Recipe) -> Recipe:
        """A recipe whose model is there and whose settings are in range. Raises Refused."""
        if recipe.model not in self.models_for(visit):
            raise Refused(404, "no_such_model", model=recipe.model)
        return recipe.model_copy(update={"settings": checked_settings(recipe.settings, COLORING_ROWS)})


def checked_settings(settings: Mapping[str, Any], allowed: frozenset[str]) -> dict[str, Any]:
    """Settings by their lower-case names. Raises Refused for one that is out of range, or not for a visitor to set."""
    named = {name.lower(): value for name, value in settings.items()}
    for name, value in named.items():
        check_setting(name, value)
        if name not in allowed:
            raise Refused(422, "setting_not_here", name=name.upper())
    return named


class JobView(BaseModel):
    """How far a job is. `others`: visits whose photographs are colored by turns with these."""

    number: int
    state: Literal["running", "done", "stopped"]
    photographs: list[int]
    done: int
    failed: int
    others: int


class VisitView(BaseModel):
    """A visit, or what of it has changed. It is removed when nobody has used it for `hours`."""

    revision: int
    hours: float
    max_upload_mb: float
    photographs: Sequence[PhotographView]
    removed: list[int]
    jobs: list[JobView]
    comparisons: list[Comparison]
    settings: dict[str, Any]


def job_view(services: Services, visit: Visit, job: Job) -> JobView:
    """How far a job is; photographs that were removed count no more."""
    photographs = [visit.photographs[number] for number in job.photographs if number in visit.photographs]
    states = [photograph.state for photograph in photographs]
    is_open = not job.stopped and any(state in ("waiting", "working") for state in states)
    return JobView(
        number=job.number, state="running" if is_open else "stopped" if job.stopped else "done",
        photographs=[photograph.number for photograph in photographs], done=states.count("done"),
        failed=states.count("failed"), others=services.worker.others(visit) if is_open else 0,
    )


def visit_view(services: Services, visit: Visit, since: int = -1) -> VisitView:
    """What of a visit has changed after revision `since`."""
    with services.visits.lock:
        changed = [photograph for photograph in visit.photographs.values() if photograph.changed > since]
        return VisitView(
            revision=visit.revision, hours=services.visits.hours, max_upload_mb=services.max_upload_bytes / 1e6,
            photographs=changed,
            removed=[number for number, revision in visit.removed.items() if revision > since],
            jobs=[job_view(services, visit, job) for job in visit.jobs], comparisons=visit.comparisons, settings=visit.settings,
        )


class Row(BaseModel):
    """A parameter for a form, in the language that was asked for."""

    name: str
    section: str
    is_basic: bool
    kind: Literal["choice", "switch", "number", "whole", "text"]
    choices: dict[str, str]
    low: float | None
    high: float | None
    value: bool | int | float | str
    label: str
    meaning: str


def rows(words: Words, params: Params, names: frozenset[str]) -> list[Row]:
    """The parameters of a form, section by section."""
    kinds: dict[type, Literal["switch", "number", "whole", "text"]] = {
        bool: "switch", int: "whole", float: "number", str: "text",
    }
    return [
        Row(
            name=name, section=words.section(section), is_basic=name in BASIC,
            kind="choice" if ROWS[name].choices else kinds[ROWS[name].kind],
            choices={choice: words.choice(name, choice) for choice in ROWS[name].choices}, low=ROWS[name].low,
            high=ROWS[name].high, value=getattr(params, name), label=words.label(name), meaning=words.meaning(name),
        )
        for section in SECTIONS for name in section.model_fields if name in names
    ]
