"""`/api/v1`: photographs, jobs, results, masks and comparisons of a visit. What the page does, a program can do."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Body, Query, Request
from fastapi.responses import FileResponse
from fastapi.sse import EventSourceResponse
from pydantic import BaseModel, Field

from dancheong.app.web import pictures
from dancheong.app.web.drafts import LOOKS
from dancheong.app.web.problems import Refused
from dancheong.app.web.services import (
    MAX_NUMBER,
    UPLOAD,
    Current,
    JobView,
    Key,
    Named,
    Number,
    Served,
    Services,
    VisitView,
    file,
    job_view,
    visit_view,
)
from dancheong.app.web.uploads import add_photograph, add_photographs, received
from dancheong.app.web.visits import KEPT_JOBS, Comparison, Job, Photograph, PhotographView, Recipe, Stroke, Tone, Visit, link
from dancheong.evaluation.evaluate import score
from dancheong.imaging.color import as_rgb, gray_of
from dancheong.imaging.files import read_photo
from dancheong.imaging.metrics import colorfulness, mean_delta_e_2000
from dancheong.imaging.profiles import to_eight

EVENT_SECONDS = 0.3
BEAT_TICKS = 50  # a line that is silent for longer is dead
MODEL_TICKS = 10  # events look for new model files so rarely, because that asks the disk
SAMPLE = Path(__file__).with_name("page") / "sample.jpg"  # the gray of `scene(7, 1200, 800)`, which takes seconds to draw

Numbered = TypeVar("Numbered", Job, Comparison)
router = APIRouter()


class News(BaseModel):
    """What has changed: the visit's revision, the state of the training and the images it has seen, the names of models."""

    revision: int
    training: str
    models: str


class JobOrder(BaseModel):
    """What to color, and with what: `rest`: all that have no result of this recipe; `failed`: those that failed."""

    photographs: Annotated[list[Number], Field(max_length=200)] | Literal["all", "rest", "failed"] = "rest"
    recipe: Recipe
    key: Key = ""


class Scores(BaseModel):
    """Scores of both results, and of the gray input, against the true colors; None where the photograph has none."""

    between: float | None
    results: list[dict[str, float | None]]


@router.get("/visit", tags=["visit"])
def show_visit(services: Served, visit: Current, since: Annotated[int, Query(ge=-1, le=MAX_NUMBER)] = -1) -> VisitView:
    """Everything of this visit, or what has changed after a revision."""
    return visit_view(services, visit, since)


@router.patch("/visit/settings", tags=["visit"])
def keep_settings(services: Served, visit: Current, settings: dict[str, Any]) -> dict[str, Any]:
    """Keep settings of the page; names that are not given stay."""
    if len(json.dumps(settings)) > 20_000 or len(settings) > 100:
        raise Refused(413, "too_large", limit="0.02", came="")
    with services.visits.change(visit) as changing:
        changing.settings = dict(list({**changing.settings, **settings}.items())[-100:])
        return changing.settings


@router.delete("/visit", tags=["visit"], status_code=204)
def delete_visit(services: Served, visit: Current) -> None:
    """Remove this visit: its photographs, results and models."""
    services.visits.delete(visit)


@router.get("/visit/address", tags=["visit"])
def address(visit: Current) -> dict[Literal["address"], str]:
    """The address at which another browser opens this visit."""
    return {"address": f"/?visit={visit.key}"}


@router.get("/events", tags=["visit"], response_class=EventSourceResponse)
async def events(services: Served, visit: Current) -> AsyncIterator[News]:
    """Server-sent events: `{"revision": n, "training": state, "models": names}` now, at each change, and every 15 seconds."""
    told, ticks, models = None, 0, ""
    while not services.visits.ended.is_set():
        status = services.trainer.status
        if ticks % MODEL_TICKS == 0:
            models = " ".join(services.models.models())
        ticks += 1
        news = News(
            revision=services.visits.revision(visit.key), training=f"{status.state} {status.images_seen}", models=models
        )
        if news != told or ticks % BEAT_TICKS == 0:
            told = news
            yield news
        await asyncio.sleep(EVENT_SECONDS)


@router.post("/photographs", tags=["photographs"], **UPLOAD)
async def upload(
    request: Request, services: Served, visit: Current, name: Annotated[str, Query(min_length=1, max_length=1000)],
    upload: Key = "",
) -> Sequence[PhotographView]:
    """Add the photograph in the body, or those of a zip. With the same `upload` again, nothing is added twice."""
    return await received(request, services, lambda path: add_photographs(services, visit, path, name, upload))


@router.post("/photographs/sample", tags=["photographs"], status_code=201)
def sample(services: Served, visit: Current, upload: Key = "") -> PhotographView:
    """Add a built-in gray picture of a palace. With the same `upload` again, nothing is added twice."""
    path = services.visits.incoming(SAMPLE.suffix)
    try:
        shutil.copyfile(SAMPLE, path)
        (added,) = add_photographs(services, visit, path, SAMPLE.name, upload)
    finally:
        path.unlink(missing_ok=True)
    return added


@router.patch("/photographs/{number}", tags=["photographs"])
def tune(
    services: Served, visit: Current, number: Number, tone: Annotated[Tone | None, Body()] = None,
    look: Annotated[int | None, Body(ge=1, le=LOOKS)] = None,
) -> PhotographView:
    """Change strength and warmth, which downloads have at once, or choose the look of the next coloring."""
    changes = {name: value for name, value in (("tone", tone), ("look", look)) if value is not None}
    return services.put(visit, number, **changes)


@router.delete("/photographs/{number}", tags=["photographs"], status_code=204)
def remove(services: Served, visit: Current, photograph: Named) -> None:
    """Remove a photograph and its results."""
    with services.visits.change(visit) as changing:
        changing.remove(photograph)


@router.get("/photographs/{number}/pictures/{kind}", tags=["photographs"], response_class=FileResponse)
def picture(photograph: Named, kind: pictures.Kind, size: pictures.Size = "view") -> FileResponse:
    """A picture for the screen: before and after as JPEG, the mask as PNG that is clear where nothing is damaged."""
    return file(pictures.picture(photograph, kind, size))


@router.get("/photographs/{number}/tiles/{kind}/{level}/{column}/{row}", tags=["photographs"], response_class=FileResponse)
def tile(
    photograph: Named, kind: pictures.Kind, level: Annotated[int, Field(ge=0, le=8)],
    column: Annotated[int, Field(ge=0, le=1000)], row: Annotated[int, Field(ge=0, le=1000)],
) -> FileResponse:
    """A square of 512 px of the picture whose sides are divided by 2^level."""
    return file(pictures.tile(photograph, kind, level, column, row))


@router.get("/photographs/{number}/strokes", tags=["masks"])
def strokes(photograph: Named) -> list[Stroke]:
    """The strokes that a person has drawn on the mask of light reflection."""
    return photograph.strokes


@router.put("/photographs/{number}/strokes", tags=["masks"])
def draw(
    services: Served, visit: Current, number: Number, strokes: Annotated[list[Stroke], Field(max_length=500)]
) -> PhotographView:
    """Replace the strokes; they are put over the detector's mask at the next coloring. An empty list forgets them."""
    return services.put(visit, number, strokes=strokes, stroke_count=len(strokes))


@router.get("/jobs", tags=["jobs"])
def jobs(services: Served, visit: Current) -> list[JobView]:
    """The jobs of this visit; the newest is the last."""
    with services.visits.lock:
        return [job_view(services, visit, job) for job in visit.jobs]


@router.post("/jobs", tags=["jobs"], status_code=201)
def color(services: Served, visit: Current, order: JobOrder) -> JobView:
    """Color photographs, one after the other; events tell how far it is. With the same `key` again, nothing is done twice."""
    recipe = services.checked(visit, order.recipe)
    with services.visits.change(visit) as changing:
        if known := _begun(changing.jobs, order.key):
            return job_view(services, visit, known)
        services.worker.check_room(visit)
        chosen = _chosen(changing, order, recipe)
        if not chosen:
            raise Refused(409, "nothing_to_color")
        job = _queue(changing, chosen, recipe, order.key)
    services.worker.wake()
    return job_view(services, visit, job)


@router.post("/jobs/{number}/stop", tags=["jobs"])
def stop(services: Served, visit: Current, number: Number) -> JobView:
    """Stop a job after the photograph that is being colored; what is done stays."""
    job = _numbered(visit.jobs, number)
    with services.visits.change(visit) as changing:
        job.stopped = True
        for one in changing.open(job.photographs):
            if one.state == "waiting":
                changing.put(one, state="done" if one.result else "new")
    return job_view(services, visit, job)


@router.get("/photographs/{number}/result", tags=["results"], response_class=FileResponse)
def result(photograph: Named, mark: pictures.Mark = "") -> FileResponse:
    """The colored photograph at full size, in the format and depth it came in (WebP and HEIF as PNG).

    `mark`: a corner says in this language that the picture was colorized.
    """
    return file(pictures.result_file(photograph, mark), pictures.result_name(photograph))


@router.get("/photographs/{number}/pair", tags=["results"], response_class=FileResponse)
def pair(photograph: Named, mark: pictures.Mark = "") -> FileResponse:
    """Before and after side by side as one JPEG."""
    return file(pictures.pair(photograph, mark), pictures.result_name(photograph, "_before_after.jpg"))


@router.get("/results", tags=["results"], response_class=FileResponse)
def results(services: Served, visit: Current, mark: pictures.Mark = "") -> FileResponse:
    """All colored photographs as one zip."""
    with services.visits.lock:
        done = [one for one in visit.photographs.values() if one.result and one.role == "photograph"]
    if not done:
        raise Refused(404, "no_result")
    target = visit.folder / "dancheong_colored.zip"
    pictures.zip_results(done, target, mark)
    return file(target, target.name)


@router.post("/comparisons", tags=["comparisons"], status_code=201)
def compare(
    services: Served, visit: Current, photograph: Annotated[Number, Body()], models: Annotated[tuple[str, str], Body()],
    key: Annotated[Key, Body()] = "",
) -> Comparison:
    """Color one photograph with two models; both results are photographs of the visit, in the role `comparison`.

    With the same `key` again, nothing is done twice.
    """
    first, second = (services.checked(visit, Recipe(model=model)) for model in models)
    if first == second:
        raise Refused(422, "same_models")
    with services.visits.change(visit) as changing:
        if known := _begun(changing.comparisons, key):
            return known
        services.worker.check_room(visit)
        source = changing.photograph(photograph)
        copies = [_queue_copy(services, changing, source, recipe) for recipe in (first, second)]
        comparison = Comparison(number=changing.next_number(), key=key, photographs=(copies[0], copies[1]), models=models)
        changing.comparisons = [*changing.comparisons, comparison][-KEPT_JOBS:]
    services.worker.wake()
    return comparison


@router.get("/comparisons/{number}/scores", tags=["comparisons"])
def scores(visit: Current, number: Number) -> Scores:
    """Scores of a comparison that is done."""
    photographs = [visit.photograph(one) for one in _numbered(visit.comparisons, number).photographs]
    if any(photograph.state != "done" for photograph in photographs):
        raise Refused(409, "not_done")
    results = [to_eight(as_rgb(read_photo(pictures.result_file(photograph)).pixels)) for photograph in photographs]
    between = mean_delta_e_2000(*results) if results[0].shape == results[1].shape else None
    photo = read_photo(photographs[0].path("source")).pixels
    if any(result.shape != photo.shape for result in results):  # it is gray, or one result is enlarged
        return Scores(between=between, results=[{"colorfulness": colorfulness(result)} for result in results])
    truth = to_eight(photo)
    scored = [score(rgb, truth) for rgb in (*results, as_rgb(gray_of(truth)))]
    return Scores(between=between, results=[
        {"delta_e_2000": one.delta_e_2000, "psnr": one.psnr, "colorfulness": one.colorfulness} for one in scored
    ])


def _numbered(found: list[Numbered], number: int) -> Numbered:
    for one in found:
        if one.number == number:
            return one
    raise Refused(404, "gone")


def _begun(found: list[Numbered], key: str) -> Numbered | None:
    """What was begun with this key."""
    return next((one for one in found if key and one.key == key), None)


def _chosen(visit: Visit, order: JobOrder, recipe: Recipe) -> list[Photograph]:
    """The photographs that are meant; those that are in work already are left to it."""
    idle = [one for one in visit.photographs.values() if one.state not in ("waiting", "working")]
    if isinstance(order.photographs, list):
        for number in order.photographs:
            visit.photograph(number)  # one that is not there is refused
        return [one for one in idle if one.number in order.photographs]
    own = [one for one in idle if one.role == "photograph"]
    if order.photographs == "failed":
        return [one for one in own if one.state == "failed"]
    # What cannot be read cannot be colored the next time either, unless somebody asks for just that.
    own = [one for one in own if one.width_px]
    return own if order.photographs == "all" else [one for one in own if not one.is_made_with(recipe)]


def _queue(visit: Visit, photographs: list[Photograph], recipe: Recipe, key: str = "") -> Job:
    for photograph in photographs:
        visit.put(photograph, state="waiting", recipe=recipe, error=None)
    job = Job(number=visit.next_number(), key=key, photographs=[photograph.number for photograph in photographs])
    running = [one for one in visit.jobs if not one.stopped and visit.open(one.photographs)]
    visit.jobs = [*[one for one in visit.jobs if one not in running][-KEPT_JOBS:], *running, job]
    return job


def _queue_copy(services: Services, visit: Visit, photograph: Photograph, recipe: Recipe) -> int:
    """The same photograph once more, to be colored by another model. Returns its number."""
    source = photograph.path("source")
    path = services.visits.incoming(source.suffix)
    link(source, path)
    copy = add_photograph(services.visits, visit, path, photograph.name)
    _queue(visit, [visit.put(copy, role="comparison")], recipe)
    return copy.number
