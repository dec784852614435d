"""`/api/v1`: models, parameters, texts and trainings."""

import secrets
import shutil
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import FileResponse
from pydantic import BaseModel, Field

from dancheong.app.web.api import BODY, errors
from dancheong.app.web.problems import Refused, problem_of
from dancheong.app.web.services import COLORING_ROWS, TRAINING_ROWS, Row, Services, checked_settings, rows
from dancheong.app.web.trainer import Order, Status, log_folder, model_path, torch_is_here
from dancheong.app.web.training_photos import Found, Pairing, allowed_folders, copied, look_at, split_of, top_folder
from dancheong.app.web.translations import LANGUAGES, Words, catalogue
from dancheong.app.web.unpack import unpack
from dancheong.app.web.uploads import clean_name, received
from dancheong.app.web.visits import Visit
from dancheong.imaging.files import list_photos
from dancheong.params import DancheongError, Params, resolve
from dancheong.params.table import PRESETS
from dancheong.report.training_page import PAGE

Language = Literal["en", "ko"]
assert set(LANGUAGES) == {"en", "ko"}
_FRESH = {"cache-control": "no-store"}
Key = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]


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
    """A training: photographs by their key, or a folder of the server; `validation`: the share to hold out."""

    name: str = Field(max_length=300)
    photographs: Key | None = None
    folder: str | None = Field(None, max_length=1000)
    preset: str = Field("default", max_length=40)
    pairing: Pairing | None = None
    direction: Literal["AtoB", "BtoA"] | None = None
    validation: float = Field(0.1, ge=0, le=0.5, allow_inf_nan=False)
    settings: dict[str, bool | int | float | str] = Field(default_factory=dict, max_length=100)


class Preview(BaseModel):
    """A preview of a training, gray | predicted | truth, after so many images."""

    images: int
    name: str


def training_api(services: Services) -> APIRouter:
    """The addresses of models, parameters, texts and trainings."""
    api = APIRouter(prefix="/api/v1", responses=errors())
    trainer, visits = services.trainer, services.visits

    def current(request: Request) -> Visit:
        return visits.visit(request.headers.get("visit") or request.cookies.get(services.cookie) or "")

    Current = Annotated[Visit, Depends(current)]

    # -- texts and parameters ---------------------------------------------------------------------------------------------

    @api.get("/texts/{language}", tags=["texts"])
    def texts(language: Language) -> dict[str, dict[str, str]]:
        """All words of the page in a language: `texts` by key, `errors` by code."""
        return {part: catalogue(language)[part] for part in ("texts", "errors")}

    @api.get("/parameters", tags=["models"], responses=errors(404))
    def parameters(
        visit: Current, use: Literal["coloring", "training"], language: Language = "en",
        model: Annotated[str, Query(max_length=300)] = "", preset: Annotated[str, Query(max_length=40)] = "default",
    ) -> list[Row]:
        """The parameters of a form, with the values of a model or of a preset."""
        if use == "training":
            return rows(Words(language), resolve(preset=preset).params, TRAINING_ROWS)
        path = services.models_for(visit).get(model)
        return rows(Words(language), Params() if path is None else services.models.params(path), COLORING_ROWS)

    # -- models -----------------------------------------------------------------------------------------------------------

    @api.get("/models", tags=["models"])
    def models(visit: Current) -> list[ModelView]:
        """The models that can be chosen, with their cards; the first is the default."""
        return [_model_view(services, visit, name, path) for name, path in services.models_for(visit).items()]

    @api.post("/models", tags=["models"], status_code=201, openapi_extra=BODY)
    async def bring(
        request: Request, visit: Current, name: Annotated[str, Query(min_length=1, max_length=1000)]
    ) -> ModelView:
        """Bring the model file (.h5) in the body; it can be chosen in this visit alone."""
        return ModelView.model_validate(await received(request, services, lambda path: _bring(services, visit, path, name)))

    @api.get("/models/{name}/file", tags=["models"], response_class=FileResponse, responses=errors(404))
    def model_file(visit: Current, name: str) -> FileResponse:
        """The model file."""
        path = services.models_for(visit).get(name)
        if path is None:
            raise Refused(404, "no_such_model", model=name[:100])
        return FileResponse(path, filename=f"{name}.h5", headers=_FRESH)

    # -- trainings --------------------------------------------------------------------------------------------------------

    @api.get("/trainings", tags=["trainings"])
    def trainings() -> TrainingsView:
        """Whether and on what can be trained, and the training of this server."""
        return TrainingsView(
            available=torch_is_here(), models_are_kept=services.models_are_kept,
            folders=sorted(allowed_folders(services.roots)), presets=list(PRESETS), current=trainer.status,
        )

    @api.post("/trainings/photographs", tags=["trainings"], status_code=201, openapi_extra=BODY, responses=errors(409))
    async def photographs(request: Request) -> Photographs:
        """Upload the photographs of a training as a zip; the answer says how they are paired."""
        _check_torch()
        return Photographs.model_validate(await received(request, services, lambda path: _unpacked(services, path)))

    @api.get("/trainings/folder", tags=["trainings"], responses=errors(404))
    def folder(name: Annotated[str, Query(max_length=1000)]) -> Found:
        """What a folder of the server holds."""
        return look_at(top_folder(_allowed(services, name)))

    @api.post("/trainings", tags=["trainings"], status_code=201, responses=errors(404, 409))
    def start(order: TrainingOrder) -> Status:
        """Start a training; one runs at a time."""
        _check_torch()
        trainer.start(_ordered(services, order))
        return trainer.status

    @api.post("/trainings/current/stop", tags=["trainings"])
    def stop() -> Status:
        """Stop the training after its current step; what was learned is saved."""
        trainer.stop()
        return trainer.status

    @api.post("/trainings/current/resume", tags=["trainings"], responses=errors(409))
    def resume() -> Status:
        """Go on with the training that was stopped, whoever has started it."""
        _check_torch()
        trainer.resume()
        return trainer.status

    @api.get("/trainings/current/history", tags=["trainings"])
    def history() -> list[dict[str, float]]:
        """The losses so far, by the images seen."""
        return trainer.history()

    @api.get("/trainings/current/previews", tags=["trainings"])
    def previews() -> list[Preview]:
        """The previews so far."""
        return [Preview(images=images, name=path.name) for images, path in trainer.previews()]

    @api.get("/trainings/current/previews/{images}", tags=["trainings"], response_class=FileResponse, responses=errors(404))
    def preview(images: Annotated[int, Field(ge=0, le=1 << 53)]) -> FileResponse:
        """A preview: gray | predicted | truth."""
        found = dict(trainer.previews()).get(images)
        if found is None:
            raise Refused(404, "gone")
        return FileResponse(found, headers={"cache-control": "private, max-age=86400"})

    @api.get("/trainings/current/report", tags=["trainings"], response_class=FileResponse, responses=errors(404))
    def report() -> FileResponse:
        """The page of the training as one file: curves, previews, parameters."""
        path = None if trainer.order is None else log_folder(trainer.order) / PAGE
        if path is None or not path.exists():
            raise Refused(404, "gone")
        return FileResponse(path, filename=f"{trainer.status.name}_{PAGE}", headers=_FRESH)

    return api


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
    named = path.with_suffix(".h5")
    path.rename(named)
    try:
        services.models.params(named)
        with services.visits.change(visit) as changing:
            number = changing.next_number()
            while stem in services.models_for(changing):
                stem += f" ({number})"
            target = services.visits.folder(changing, number) / "model.h5"
            target.parent.mkdir(parents=True)
            shutil.move(named, target)
            changing.models[stem] = f"{number}/{target.name}"
    except DancheongError as error:
        raise Refused(422, "model_wrong", reason=problem_of(error, named.parent).details.get("reason", "")) from error
    finally:
        named.unlink(missing_ok=True)
    return _model_view(services, visit, stem, target)


def _unpacked(services: Services, archive: Path) -> Photographs:
    if services.trainer.active:
        raise Refused(409, "training_occupied", name=services.trainer.status.name)
    # Only one training runs at a time, so what was brought before and is not its own is not needed any more.
    used = services.trainer.order.photos if services.trainer.order else None
    for former in services.trainer.folder.iterdir():
        if former.is_dir() and (used is None or not used.is_relative_to(former)):
            shutil.rmtree(former, ignore_errors=True)
    key = secrets.token_hex(8)
    unpack(archive, services.trainer.folder / key / "photographs", services.max_upload_bytes)
    return Photographs(key=key, **look_at(top_folder(services.trainer.folder / key / "photographs")).model_dump())


def _allowed(services: Services, name: str) -> Path:
    path = allowed_folders(services.roots).get(name)
    if path is None:
        raise Refused(404, "folder_wrong", folder=name[:100])
    return path


def _ordered(services: Services, order: TrainingOrder) -> Order:
    """Everything that can be refused is refused here. Raises Refused."""
    model = model_path(order.name, services.models_folder)
    if model is None:
        raise Refused(422, "name_wrong", name=order.name[:60])
    if model.exists():
        raise Refused(409, "name_taken", name=model.stem)
    if services.trainer.active:
        raise Refused(409, "training_occupied", name=services.trainer.status.name)
    settings = checked_settings(order.settings, TRAINING_ROWS)
    if order.photographs is not None:
        folder = services.trainer.folder / order.photographs / "photographs"
        if not folder.is_dir():
            raise Refused(404, "need_zip")
        photos = top_folder(folder)
    elif order.folder:
        photos = top_folder(_allowed(services, order.folder))
        if order.validation:  # photographs are moved, and these are not ours to move
            photos = copied(photos, services.trainer.folder / secrets.token_hex(8) / "photographs")
    else:
        raise Refused(422, "need_zip")
    found = look_at(photos)
    pairing = order.pairing or found.pairing
    settings |= {"pairing": pairing, "direction": order.direction or found.direction}
    if pairing == "side_by_side":
        settings.setdefault("color_space", "RGB")
    resolved = resolve(settings=settings, preset=order.preset)
    train, validation = split_of(photos)
    held_out = 0.0 if validation is not None or len(list_photos(train)) < 10 else order.validation
    if held_out:
        validation = train.with_name(f"{train.name}-validation")
    return Order(
        name=model.stem, photos=train, validation=validation, held_out=held_out, pairing=pairing, model=model,
        params=resolved.params, origins={name: origin for name, origin in resolved.origins.items() if origin != "default"},
    )
