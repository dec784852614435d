"""The page itself: plain HTML, CSS and modules, served from the package's own folder."""

import secrets
from pathlib import Path

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse

from dancheong.app.web.problems import Refused
from dancheong.app.web.services import Served
from dancheong.app.web.visits import KEY

FOLDER = Path(__file__).with_name("page")
# The names that are served; nothing else of the folder is.
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".png": "image/png"}
router = APIRouter(include_in_schema=False)


@router.get("/")
def first(request: Request, services: Served, visit: str = "") -> Response:
    """The page; it gives a visitor a visit, or the one whose address was opened."""
    cookie, response = services.options.visit_cookie, part("index.html")
    if KEY.fullmatch(visit) or not KEY.fullmatch(request.cookies.get(cookie, "")):
        key = visit if KEY.fullmatch(visit) else secrets.token_urlsafe(18)
        response.set_cookie(cookie, key, max_age=90 * 86400, httponly=True, samesite="lax")
    return response


@router.get("/api/")
def documentation() -> Response:
    """The addresses for programs."""
    return part("api.html")


@router.get("/favicon.ico")
def icon() -> Response:
    """The sign of the page."""
    return part("icon.png")


@router.get("/page/{name}")
def part(name: str) -> Response:
    """A style, a script or a picture of the page."""
    kind = _TYPES.get(Path(name).suffix)
    if kind is None or name not in {path.name for path in FOLDER.iterdir()}:
        raise Refused(404, "not_here")
    return FileResponse(FOLDER / name, media_type=kind, headers={"cache-control": "no-cache"})
