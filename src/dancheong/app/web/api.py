"""`/api/v1`: photographs, jobs, results, masks and comparisons of a visit. What the page does, a program can do."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, StreamingResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from dancheong.app.web import pictures
from dancheong.app.web.problems import Problem, Refused, problem_of
from dancheong.app.web.services import JobView, Services, VisitView, job_view, visit_view
from dancheong.app.web.translations import Words, language_of
from dancheong.app.web.uploads import add_photograph, add_photographs, received
from dancheong.app.web.visits import KEPT_JOBS, Comparison, Job, Photograph, PhotographView, Recipe, Stroke, Tone, Visit
from dancheong.evaluation.evaluate import score
from dancheong.imaging.color import as_rgb, gray_of
from dancheong.imaging.files import PhotoError, read_photo, write_photo
from dancheong.imaging.metrics import colorfulness, mean_delta_e_2000
from dancheong.imaging.profiles import to_eight
from dancheong.params import DancheongError
from dancheong.scenes import scene

EVENT_SECONDS, PING_SECONDS = 0.3, 15.0
MODEL_TICKS = 10  # events look for new model files so rarely, because that asks the disk
# A browser may keep a picture, because the version of the photograph is part of the address that the page asks for.
_KEPT = {"cache-control": "private, max-age=86400"}
_FRESH = {"cache-control": "no-store"}
_SAMPLE = (7, 1200, 800)  # seed and size of the built-in scene that a visitor can try
MAX_NUMBER = 1 << 53
Number = Annotated[int, Field(ge=1, le=MAX_NUMBER)]
BODY = {"requestBody": {"required": True, "content": {"application/octet-stream": {"schema": {
    "type": "string", "format": "binary"}}}}}


class ErrorView(Problem):
    """What is wrong: a code, its details, and the words in the language of Accept-Language."""

    message: str


class Tuned(BaseModel):
    """Changes of a photograph."""

    tone: Tone


class JobOrder(BaseModel):
    """What to color, and with what: `rest`: all that have no result of this recipe; `failed`: those that failed."""

    photographs: Annotated[list[Number], Field(max_length=200)] | Literal["all", "rest", "failed"] = "rest"
    recipe: Recipe


class ComparisonOrder(BaseModel):
    """One photograph, two models."""

    photograph: Number
    models: tuple[str, str]


class Scores(BaseModel):
    """Scores of both results, and of the gray input, against the true colors; None where the photograph has none."""

    between: float | None
    results: list[dict[str, float | None]]


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The answers of HTTP in the documentation of an address, beside those that each may give."""
    return {status: {"model": ErrorView} for status in sorted({400, 401, 403, 411, 413, 422, 503, *statuses})}


def add_problems(app: FastAPI) -> None:
    """Answer with codes and words whatever goes wrong."""

    def answer(request: Request, status: int, problem: Problem) -> JSONResponse:
        words = Words(language_of(request.headers.get("accept-language", "")))
        message = words.problem(problem.code, problem.details)
        return JSONResponse(problem.model_dump() | {"message": message}, status, _FRESH)

    @app.exception_handler(Refused)
    async def refused(request: Request, error: Refused) -> Response:
        return answer(request, error.status, error.problem)

    @app.exception_handler(DancheongError)
    async def known(request: Request, error: DancheongError) -> Response:
        return answer(request, 422, problem_of(error))

    @app.exception_handler(PhotoError)
    async def unreadable(request: Request, error: PhotoError) -> Response:
        return answer(request, 422, problem_of(error.reason))

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        return answer(request, 422, Problem(code="invalid", details={"where": where[:200], "reason": str(first["msg"])[:200]}))

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        code = {404: "not_here", 405: "no_method"}.get(error.status_code, "bad_request")
        response = answer(request, error.status_code, Problem(code=code))
        response.headers.update(error.headers or {})
        return response


def visit_api(services: Services) -> APIRouter:
    """The addresses of a visit."""
    api = APIRouter(prefix="/api/v1", responses=errors())
    visits = services.visits

    def current(request: Request) -> Visit:
        """The visit that the cookie or the header `Visit` names."""
        return visits.visit(request.headers.get("visit") or request.cookies.get(services.cookie) or "")

    Current = Annotated[Visit, Depends(current)]

    def photograph_of(visit: Visit, number: int) -> Photograph:
        with visits.lock:
            found = visit.photographs.get(number)
        if found is None:
            raise Refused(404, "gone")
        return found

    # -- the visit --------------------------------------------------------------------------------------------------------

    @api.get("/visit", tags=["visit"])
    def show_visit(visit: Current, since: Annotated[int, Query(ge=-1, le=MAX_NUMBER)] = -1) -> VisitView:
        """Everything of this visit, or what has changed after a revision."""
        return visit_view(services, visit, since)

    @api.patch("/visit/settings", tags=["visit"])
    def keep_settings(visit: Current, settings: dict[str, Any]) -> dict[str, Any]:
        """Keep settings of the page; names that are not given stay."""
        if len(json.dumps(settings)) > 20_000 or len(settings) > 100:
            raise Refused(413, "too_large", limit="0.02", came="")
        with visits.change(visit) as changing:
            changing.settings = dict(list({**changing.settings, **settings}.items())[-100:])
            return changing.settings

    @api.delete("/visit", tags=["visit"], status_code=204)
    def delete_visit(visit: Current) -> None:
        """Remove this visit: its photographs, results and models."""
        visits.delete(visit)

    @api.get("/visit/address", tags=["visit"])
    def address(visit: Current) -> dict[Literal["address"], str]:
        """The address at which another browser opens this visit."""
        return {"address": f"/?visit={visit.key}"}

    @api.get("/events", tags=["visit"], response_class=StreamingResponse,
             responses={200: {"content": {"text/event-stream": {}}}})
    async def events(request: Request, visit: Current) -> StreamingResponse:
        """Server-sent events: `{"revision": n, "training": state, "models": names}` now and at each change."""
        return StreamingResponse(_events(services, visit.key), media_type="text/event-stream", headers=_FRESH)

    # -- photographs ------------------------------------------------------------------------------------------------------

    @api.post("/photographs", tags=["photographs"], status_code=201, openapi_extra=BODY, responses=errors(409))
    async def upload(
        request: Request, visit: Current, name: Annotated[str, Query(min_length=1, max_length=1000)],
        upload: Annotated[str, Query(max_length=64)] = "",
    ) -> list[PhotographView]:
        """Add the photograph in the body, or those of a zip. With the same `upload` again, nothing is added twice."""
        added: list[PhotographView] = await received(
            request, services, lambda path: add_photographs(services, visit, path, name, upload)
        )
        return added

    @api.post("/photographs/sample", tags=["photographs"], status_code=201, responses=errors(409))
    def sample(visit: Current) -> PhotographView:
        """Add a built-in gray picture of a palace."""
        path = visits.incoming().with_suffix(".png")
        write_photo(path, gray_of(scene(*_SAMPLE)))
        return add_photograph(services, visit, path, "sample.png")

    @api.patch("/photographs/{number}", tags=["photographs"], responses=errors(404))
    def tune(visit: Current, number: Number, changes: Tuned) -> PhotographView:
        """Change strength and warmth; downloads have them."""
        photograph_of(visit, number)
        with visits.change(visit) as changing:
            photograph = photograph_of(changing, number)
            return changing.put(photograph.model_copy(update={"tone": changes.tone}))

    @api.delete("/photographs/{number}", tags=["photographs"], status_code=204, responses=errors(404))
    def remove(visit: Current, number: Number) -> None:
        """Remove a photograph and its results."""
        photograph_of(visit, number)
        with visits.change(visit) as changing:
            changing.photographs.pop(number, None)
            changing.removed[number] = changing.revision
            changing.comparisons = [one for one in changing.comparisons if number not in one.photographs]
        visits.remove_folder(visit, number)

    @api.get("/photographs/{number}/pictures/{kind}", tags=["photographs"], response_class=FileResponse, responses=errors(404))
    def picture(visit: Current, number: Number, kind: pictures.Kind, size: pictures.Size = "view") -> FileResponse:
        """A picture for the screen: before and after as JPEG, the mask as PNG that is clear where nothing is damaged."""
        return FileResponse(pictures.picture(visits, visit, photograph_of(visit, number), kind, size), headers=_KEPT)

    @api.get("/photographs/{number}/tiles/{kind}/{level}/{column}/{row}", tags=["photographs"], response_class=FileResponse,
             responses=errors(404))
    def tile(
        visit: Current, number: Number, kind: pictures.Kind, level: Annotated[int, Field(ge=0, le=8)],
        column: Annotated[int, Field(ge=0, le=1000)], row: Annotated[int, Field(ge=0, le=1000)],
    ) -> FileResponse:
        """A square of 512 px of the picture whose sides are divided by 2^level."""
        return FileResponse(
            pictures.tile(visits, visit, photograph_of(visit, number), kind, level, column, row), headers=_KEPT
        )

    # -- masks ------------------------------------------------------------------------------------------------------------

    @api.get("/photographs/{number}/strokes", tags=["masks"], responses=errors(404))
    def strokes(visit: Current, number: Number) -> list[Stroke]:
        """The strokes that a person has drawn on the mask of light reflection."""
        return photograph_of(visit, number).strokes

    @api.put("/photographs/{number}/strokes", tags=["masks"], responses=errors(404))
    def draw(visit: Current, number: Number, strokes: Annotated[list[Stroke], Field(max_length=500)]) -> PhotographView:
        """Replace the strokes; they are put over the detector's mask at the next coloring. An empty list forgets them."""
        photograph_of(visit, number)
        with visits.change(visit) as changing:
            photograph = photograph_of(changing, number)
            return changing.put(photograph.model_copy(update={"strokes": strokes, "stroke_count": len(strokes)}))

    # -- jobs -------------------------------------------------------------------------------------------------------------

    @api.get("/jobs", tags=["jobs"])
    def jobs(visit: Current) -> list[JobView]:
        """The jobs of this visit; the newest is the last."""
        with visits.lock:
            return [job_view(services, visit, job) for job in visit.jobs]

    @api.post("/jobs", tags=["jobs"], status_code=201, responses=errors(404, 409))
    def color(visit: Current, order: JobOrder) -> JobView:
        """Color photographs, one after the other; events tell how far it is."""
        recipe = services.checked(visit, order.recipe)
        services.worker.check_room(visit)
        with visits.change(visit) as changing:
            chosen = _chosen(changing, order, recipe)
            if not chosen:
                raise Refused(409, "nothing_to_color")
            job = _queue(changing, chosen, recipe)
        services.worker.wake()
        return job_view(services, visit, job)

    @api.post("/jobs/{number}/stop", tags=["jobs"], responses=errors(404))
    def stop(visit: Current, number: Number) -> JobView:
        """Stop a job after the photograph that is being colored; what is done stays."""
        job = next((job for job in visit.jobs if job.number == number), None)
        if job is None:
            raise Refused(404, "gone")
        with visits.change(visit) as changing:
            job.stopped = True
            for one in (changing.photographs.get(number) for number in job.photographs):
                if one is not None and one.state == "waiting":
                    changing.put(one.model_copy(update={"state": "done" if one.result else "new"}))
        return job_view(services, visit, job)

    # -- results ----------------------------------------------------------------------------------------------------------

    @api.get("/photographs/{number}/result", tags=["results"], response_class=FileResponse, responses=errors(404))
    def result(visit: Current, number: Number) -> FileResponse:
        """The colored photograph at full size, in the format and depth it came in (WebP and HEIF as PNG)."""
        photograph = photograph_of(visit, number)
        path = pictures.result_file(visits, visit, photograph)
        return FileResponse(path, filename=pictures.result_name(photograph), headers=_FRESH)

    @api.get("/photographs/{number}/pair", tags=["results"], response_class=FileResponse, responses=errors(404))
    def pair(visit: Current, number: Number) -> FileResponse:
        """Before and after side by side as one JPEG."""
        photograph = photograph_of(visit, number)
        name = pictures.result_name(photograph, "_before_after.jpg")
        return FileResponse(pictures.pair(visits, visit, photograph), filename=name, headers=_FRESH)

    @api.get("/results", tags=["results"], response_class=FileResponse, responses=errors(404))
    def results(visit: Current) -> FileResponse:
        """All colored photographs as one zip."""
        with visits.lock:
            done = [one for one in visit.photographs.values() if one.result and one.role == "photograph"]
        target = visits.folder(visit) / "dancheong_colored.zip"
        if not done:
            raise Refused(404, "no_result")
        pictures.zip_results(visits, visit, done, target)
        return FileResponse(target, filename=target.name, headers=_FRESH)

    # -- comparisons ------------------------------------------------------------------------------------------------------

    @api.post("/comparisons", tags=["comparisons"], status_code=201, responses=errors(404, 409))
    def compare(visit: Current, order: ComparisonOrder) -> Comparison:
        """Color one photograph with two models; both results are photographs of the visit, in the role `comparison`."""
        recipes = [services.checked(visit, Recipe(model=model)) for model in order.models]
        if order.models[0] == order.models[1]:
            raise Refused(422, "same_models")
        services.worker.check_room(visit)
        source = photograph_of(visit, order.photograph)
        copies = [_copy(services, visit, source) for _ in recipes]
        with visits.change(visit) as changing:
            for copy, recipe in zip(copies, recipes, strict=True):
                _queue(changing, [changing.photographs[copy.number]], recipe)
            comparison = Comparison(
                number=changing.next_number(), photographs=(copies[0].number, copies[1].number), models=order.models
            )
            changing.comparisons = [*changing.comparisons, comparison][-KEPT_JOBS:]
        services.worker.wake()
        return comparison

    @api.get("/comparisons/{number}/scores", tags=["comparisons"], responses=errors(404, 409))
    def scores(visit: Current, number: Number) -> Scores:
        """Scores of a comparison that is done."""
        comparison = next((one for one in visit.comparisons if one.number == number), None)
        if comparison is None:
            raise Refused(404, "gone")
        photographs = [photograph_of(visit, one) for one in comparison.photographs]
        if any(photograph.state != "done" for photograph in photographs):
            raise Refused(409, "not_done")
        return _scores(services, visit, photographs)

    return api


async def _events(services: Services, key: str) -> AsyncIterator[str]:
    told, quiet, ticks, models = "", 0.0, 0, ""
    while not services.visits.ended:
        status = services.trainer.status
        if ticks % MODEL_TICKS == 0:
            models = " ".join(services.models.models())
        ticks += 1
        news = json.dumps({
            "revision": services.visits.revision(key), "training": f"{status.state} {status.images_seen}",
            "models": models,
        })
        if news != told:
            told, quiet = news, 0.0
            yield f"data: {news}\n\n"
        elif quiet >= PING_SECONDS:
            quiet = 0.0
            yield ": nothing new\n\n"
        await asyncio.sleep(EVENT_SECONDS)
        quiet += EVENT_SECONDS


def _chosen(visit: Visit, order: JobOrder, recipe: Recipe) -> list[Photograph]:
    """The photographs that are meant; those that are in work already are left to it."""
    idle = [one for one in visit.photographs.values() if one.state not in ("waiting", "working")]
    if isinstance(order.photographs, list):
        return [one for one in idle if one.number in order.photographs]
    own = [one for one in idle if one.role == "photograph"]
    if order.photographs == "failed":
        return [one for one in own if one.state == "failed"]
    # What cannot be read cannot be colored the next time either, unless somebody asks for just that.
    own = [one for one in own if one.width_px]
    return own if order.photographs == "all" else [one for one in own if one.state == "new" or one.made_with != recipe]


def _queue(visit: Visit, photographs: list[Photograph], recipe: Recipe) -> Job:
    for photograph in photographs:
        visit.put(photograph.model_copy(update={"state": "waiting", "recipe": recipe, "error": None}))
    job = Job(number=visit.next_number(), photographs=[photograph.number for photograph in photographs])
    running = [one for one in visit.jobs if not one.stopped and any(
        visit.photographs[number].state in ("waiting", "working") for number in one.photographs if number in visit.photographs
    )]
    ended = [one for one in visit.jobs if one not in running][-KEPT_JOBS:]
    visit.jobs = [*ended, *running, job]
    return job


def _copy(services: Services, visit: Visit, photograph: Photograph) -> Photograph:
    """The same photograph once more, to be colored by another model."""
    source = services.visits.path(visit, photograph, "source")
    assert source is not None
    path = services.visits.incoming().with_name(f"{secrets.token_hex(8)}{source.suffix}")
    services.visits.link(source, path)
    copy = add_photograph(services, visit, path, photograph.name)
    with services.visits.change(visit) as changing:
        return changing.put(copy.model_copy(update={"role": "comparison"}))


def _scores(services: Services, visit: Visit, photographs: list[Photograph]) -> Scores:
    paths: list[Path] = [pictures.result_file(services.visits, visit, photograph) for photograph in photographs]
    results = [to_eight(as_rgb(read_photo(path).pixels)) for path in paths]
    alike = results[0].shape == results[1].shape
    source = services.visits.path(visit, photographs[0], "source")
    photo = read_photo(source or "").pixels
    between = mean_delta_e_2000(results[0], results[1]) if alike else None
    if photo.ndim == 2 or any(result.shape != photo.shape for result in results):
        return Scores(between=between, results=[{"colorfulness": colorfulness(result)} for result in results])
    truth = to_eight(photo)
    scored = [score(rgb, truth) for rgb in (*results, as_rgb(gray_of(truth)))]
    return Scores(between=between, results=[
        {"delta_e_2000": one.delta_e_2000, "psnr": one.psnr, "colorfulness": one.colorfulness} for one in scored
    ])
