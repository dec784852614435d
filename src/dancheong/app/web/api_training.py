"""`/api/v1`: models, parameters, texts and trainings."""

import secrets
import shutil
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse
from pydantic import BaseModel, Field

from dancheong.app.web.problems import Refused, problem_of
from dancheong.app.web.services import (
    COLORING_ROWS,
    TRAINING_ROWS,
    UPLOAD,
    Current,
    Key,
    Served,
    Services,
    Settings,
    checked_settings,
    file,
)
from dancheong.app.web.trainer import Order, Status, log_folder, model_path, torch_is_here
from dancheong.app.web.training_photos import Found, Pairing, allowed_folders, look_at, split_of, top_folder
from dancheong.app.web.translations import LANGUAGES, Row, catalogue, fields, rows
from dancheong.app.web.unpack import unpack
from dancheong.app.web.uploads import clean_name, received
from dancheong.app.web.visits import Visit
from dancheong.params import DancheongError, Params, resolve
from dancheong.params.table import PRESETS
from dancheong.report.training_page import PAGE

Language = Literal["en", "ko"]
assert set(LANGUAGES) == {"en", "ko"}
PhotographsKey = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
LEAST_TO_SPLIT = 5  # of so many photographs one can be held out; of fewer each is needed
router = APIRouter()


class ModelView(BaseModel):
    """A model that can be chosen, and what it says of itself. `own`: this visit has brought it."""

    name: str
    own: bool
    card: dict[str, Any]
    error: str = ""


class Photographs(Found):
    """Photographs of a training that were uploaded, under a key."""

    key: str


class TrainingsView(BaseModel):
    """What can be trained on. `available`: torch is installed; `models_are_kept`: after the server's end."""

    available: bool
    models_are_kept: bool
    folders: list[str]
    presets: list[str]
    current: Status


class TrainingOrder(BaseModel):
    """A training: photographs by their key, or a folder of the server; `validation`: the share to hold out.

    Of 5 photographs or more at least one is held out; of fewer none is, which the answer tells by `too_few`.
    """

    name: str = Field(max_length=300)
    key: Key = ""
    photographs: PhotographsKey | None = None
    folder: str | None = Field(None, max_length=1000)
    preset: str = Field("default", max_length=40)
    pairing: Pairing | None = None
    direction: Literal["AtoB", "BtoA"] | None = None
    validation: float = Field(0.1, ge=0, le=0.5, allow_inf_nan=False)
    settings: Settings


class Preview(BaseModel):
    """A preview of a training, gray | predicted | truth, after so many images."""

    images: int
    name: str


@router.get("/texts/{language}", tags=["texts"])
def texts(language: Language) -> dict[str, dict[str, str]]:
    """All words of the page in a language: `texts` by key, `errors` by code, `reasons` by kind, `fields` by name."""
    return {part: catalogue(language).get(part, {}) for part in ("texts", "errors", "reasons")} | {"fields": fields(language)}


@router.get("/parameters", tags=["models"])
def parameters(
    services: Served, visit: Current, use: Literal["coloring", "training"], language: Language = "en",
    model: Annotated[str, Query(max_length=300)] = "", preset: Annotated[str, Query(max_length=40)] = "default",
) -> list[Row]:
    """The parameters of a form, with the values of a model or of a preset."""
    if use == "training":
        return rows(language, resolve(preset=preset).params, TRAINING_ROWS)
    path = services.models.offered(visit).get(model)
    return rows(language, Params() if path is None else services.models.params(path), COLORING_ROWS)


@router.get("/models", tags=["models"])
def models(services: Served, visit: Current) -> list[ModelView]:
    """The models that can be chosen, with their cards; the first is the default."""
    return [_model_view(services, visit, name, path) for name, path in services.models.offered(visit).items()]


@router.post("/models", tags=["models"], **UPLOAD)
async def bring(
    request: Request, services: Served, visit: Current, name: Annotated[str, Query(min_length=1, max_length=1000)]
) -> ModelView:
    """Bring the model file (.h5) in the body; it can be chosen in this visit alone."""
    return await received(request, services, lambda path: _bring(services, visit, path, name), ".h5")


@router.get("/models/{name}/file", tags=["models"], response_class=FileResponse)
def model_file(services: Served, visit: Current, name: str) -> FileResponse:
    """The model file."""
    return file(services.models.chosen(visit, name), f"{name}.h5")


@router.get("/trainings", tags=["trainings"])
def trainings(services: Served) -> TrainingsView:
    """Whether and on what can be trained, and the training of this server."""
    options = services.options
    return TrainingsView(
        available=torch_is_here(), models_are_kept=options.models_folder is not None or not options.is_temporary,
        folders=sorted(allowed_folders(options.roots)), presets=list(PRESETS), current=services.trainer.status,
    )


@router.post("/trainings/photographs", tags=["trainings"], **UPLOAD)
async def photographs(request: Request, services: Served) -> Photographs:
    """Upload the photographs of a training as a zip; the answer says how they are paired."""
    _check_torch()
    return await received(request, services, lambda path: _unpacked(services, path))


@router.get("/trainings/folder", tags=["trainings"])
def folder(services: Served, name: Annotated[str, Query(max_length=1000)]) -> Found:
    """What a folder of the server holds."""
    return look_at(_allowed(services, name))


@router.post("/trainings", tags=["trainings"], status_code=201)
def start(services: Served, order: TrainingOrder) -> Status:
    """Start a training; one runs at a time. With the same `key` again, nothing is done twice."""
    _check_torch()
    known = services.trainer.order
    if not (order.key and known and known.key == order.key):
        services.trainer.start(_ordered(services, order))
    return services.trainer.status


@router.post("/trainings/current/stop", tags=["trainings"])
def stop(services: Served) -> Status:
    """Stop the training after its current step; what was learned is saved."""
    services.trainer.stop()
    return services.trainer.status


@router.post("/trainings/current/resume", tags=["trainings"])
def resume(services: Served) -> Status:
    """Go on with the training that was stopped, whoever has started it."""
    _check_torch()
    services.trainer.resume()
    return services.trainer.status


@router.get("/trainings/current/history", tags=["trainings"])
def history(services: Served) -> list[dict[str, float]]:
    """The losses so far, by the images seen."""
    return services.trainer.history()


@router.get("/trainings/current/previews", tags=["trainings"])
def previews(services: Served) -> list[Preview]:
    """The previews so far."""
    return [Preview(images=images, name=path.name) for images, path in services.trainer.previews()]


@router.get("/trainings/current/previews/{images}", tags=["trainings"], response_class=FileResponse)
def preview(services: Served, images: Annotated[int, Field(ge=0, le=1 << 53)]) -> FileResponse:
    """A preview: gray | predicted | truth."""
    found = dict(services.trainer.previews()).get(images)
    if found is None:
        raise Refused(404, "gone")
    return file(found)


@router.get("/trainings/current/report", tags=["trainings"], response_class=FileResponse)
def report(services: Served) -> FileResponse:
    """The page of the training as one file: curves, previews, parameters."""
    order = services.trainer.order
    if order is None or not (path := log_folder(order) / PAGE).exists():
        raise Refused(404, "gone")
    return file(path, f"{order.name}_{PAGE}")


def _check_torch() -> None:
    if not torch_is_here():
        raise Refused(409, "no_torch")


def _model_view(services: Services, visit: Visit, name: str, path: Path) -> ModelView:
    try:
        return ModelView(name=name, own=name in visit.models, card=services.models.card(path))
    except (DancheongError, OSError) as error:
        return ModelView(name=name, own=name in visit.models, card={}, error=problem_of(error, path.parent).code)


def _bring(services: Services, visit: Visit, path: Path, name: str) -> ModelView:
    stem = Path(clean_name(name)).stem
    try:
        digest = services.models.card(path)["digest"]
        for known, other in services.models.offered(visit).items():
            # It was sent again, because no answer came.
            if known in visit.models and known.startswith(stem) and services.models.card(other)["digest"] == digest:
                return _model_view(services, visit, known, other)
        with services.visits.change(visit) as changing:
            number = changing.next_number()
            while stem in services.models.offered(changing):
                stem += f" ({number})"
            target = changing.folder / str(number) / "model.h5"
            target.parent.mkdir(parents=True)
            shutil.move(path, target)
            changing.models[stem] = f"{number}/{target.name}"
    except DancheongError as error:
        reason = str(problem_of(error, path.parent).details.get("reason", ""))
        # The name that the file came in under means nothing to its person.
        raise Refused(422, "model_wrong", reason=reason.removeprefix(f"{path.name}: ").replace(path.name, name)) from error
    return _model_view(services, visit, stem, target)


def _unpacked(services: Services, archive: Path) -> Photographs:
    trainer = services.trainer
    trainer.check_idle()
    # Only one training runs at a time, so what was brought before and is not its own is not needed any more.
    used = trainer.order.photos if trainer.order else None
    for former in trainer.folder.iterdir():
        if former.is_dir() and (used is None or not used.is_relative_to(former)):
            shutil.rmtree(former, ignore_errors=True)
    key = secrets.token_hex(8)
    unpack(archive, trainer.folder / key, services.options.max_upload_bytes)
    return Photographs(key=key, **look_at(top_folder(trainer.folder / key)).model_dump())


def _allowed(services: Services, name: str) -> Path:
    path = allowed_folders(services.options.roots).get(name)
    if path is None:
        raise Refused(404, "folder_wrong", folder=name[:100])
    return top_folder(path)


def _photos(services: Services, order: TrainingOrder) -> Path:
    if order.photographs is None and order.folder:
        return _allowed(services, order.folder)
    if order.photographs is None:
        raise Refused(422, "need_zip")
    folder = services.trainer.folder / order.photographs
    if not folder.is_dir():
        raise Refused(404, "need_zip")
    return top_folder(folder)


def _ordered(services: Services, order: TrainingOrder) -> Order:
    """Everything that can be refused is refused here. Raises Refused."""
    model = model_path(order.name, services.models_folder)
    if model is None:
        raise Refused(422, "name_wrong", name=order.name[:60])
    if model.exists() or model.stem in services.models.models():
        raise Refused(409, "name_taken", name=model.stem)
    services.trainer.check_idle()
    settings = checked_settings(order.settings, TRAINING_ROWS)
    photos = _photos(services, order)
    found = look_at(photos)
    pairing = order.pairing or found.pairing
    settings |= {"pairing": pairing, "direction": order.direction or found.direction}
    if pairing == "side_by_side":
        settings.setdefault("color_space", "RGB")
    resolved = resolve(settings=settings, preset=order.preset)
    train, validation = split_of(photos)
    too_few = validation is None and order.validation > 0 and found.images < LEAST_TO_SPLIT
    held_out = 0.0 if validation is not None or too_few else order.validation
    return Order(
        name=model.stem, key=order.key, photos=train, validation=validation, held_out=held_out, too_few=too_few, model=model,
        params=resolved.params, origins={name: origin for name, origin in resolved.origins.items() if origin != "default"},
    )
