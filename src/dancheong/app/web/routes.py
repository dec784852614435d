"""The page's own addresses: pictures by the key of a session, results as they were written, a drawing, the training."""

from pathlib import Path
from typing import get_args

import anyio.to_thread
from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse, PlainTextResponse, RedirectResponse

from dancheong.app.web.coloring import Kind, Photograph, Size, draw, picture, zip_results
from dancheong.app.web.services import Services
from dancheong.app.web.translations import Words, language_of
from dancheong.imaging.files import PhotoError

_FRESH = {"cache-control": "no-store"}


def add_routes(app: FastAPI, services: Services) -> None:
    """Add these addresses to the server."""

    def find(key: str, number: int) -> Photograph | None:
        session = services.sessions.by_key(key)
        return None if session is None else session.photographs.get(number)

    @app.get("/")
    def start(request: Request) -> Response:
        """The page in the language that the browser asks for."""
        language = language_of(request.headers.get("accept-language", ""))
        return RedirectResponse(f"/{language}/", 303, {"vary": "accept-language"})

    @app.get("/favicon.ico")
    def icon() -> Response:
        return FileResponse(Path(__file__).with_name("icon.png"), media_type="image/png")

    @app.get("/pictures/{key}/all.zip")
    def zipped(request: Request, key: str) -> Response:
        session = services.sessions.by_key(key)
        if session is None:
            return _gone(request)
        try:
            path = zip_results(list(session.photographs.values()), session.folder / "all.zip")
        except PhotoError:
            return _gone(request)
        return FileResponse(path, filename="dancheong.zip", media_type="application/zip", headers=_FRESH)

    @app.get("/pictures/{key}/{number}/result")
    def result(request: Request, key: str, number: int) -> Response:
        photograph = find(key, number)
        if photograph is None or photograph.result is None or not photograph.result.exists():
            return _gone(request)
        return FileResponse(photograph.result, filename=photograph.name, headers=_FRESH)

    @app.get("/pictures/{key}/{number}/{kind}/{size}")
    def shown(request: Request, key: str, number: int, kind: str, size: str) -> Response:
        photograph = find(key, number)
        if photograph is None or kind not in get_args(Kind) or size not in get_args(Size):
            return _gone(request)
        try:
            path = picture(photograph, kind, size)  # type: ignore[arg-type]
        except (PhotoError, OSError):
            return _gone(request)
        # A browser may keep it, because the version of the photograph is part of the address.
        return FileResponse(path, headers={"cache-control": "private, max-age=3600"})

    @app.post("/pictures/{key}/{number}/strokes")
    async def strokes(request: Request, key: str, number: int) -> Response:
        photograph = find(key, number)
        if photograph is None:
            return _gone(request)
        body = await request.body()
        try:
            await anyio.to_thread.run_sync(draw, photograph, body)
        except (PhotoError, OSError, ValueError) as error:
            reason = error.reason if isinstance(error, PhotoError) else str(error)
            return PlainTextResponse(_words(request)("failed", reason=reason), 400)
        return Response(status_code=204)

    @app.get("/training/preview")
    def preview(request: Request) -> Response:
        path = services.trainer.preview()
        return _gone(request) if path is None else FileResponse(path, headers=_FRESH)

    @app.get("/training/model")
    def model(request: Request) -> Response:
        order = services.trainer.status.order
        if order is None or services.trainer.active or not order.model.exists():
            return _gone(request)
        return FileResponse(order.model, filename=order.model.name, headers=_FRESH)


def _words(request: Request) -> Words:
    return Words(language_of(request.headers.get("accept-language", "")))


def _gone(request: Request) -> Response:
    return PlainTextResponse(_words(request)("no_picture"), 404)
