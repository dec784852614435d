"""The page itself: plain HTML, CSS and modules, served from the package's own folder."""

import secrets
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse

from dancheong.app.web.problems import Refused
from dancheong.app.web.services import Services
from dancheong.app.web.visits import KEY

FOLDER = Path(__file__).with_name("page")
# The names that are served; nothing else of the folder is.
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".png": "image/png"}
_ROOT = {"/": "index.html", "/api/": "api.html", "/favicon.ico": "icon.png"}
_CHECKED = {"cache-control": "no-cache"}


def add_files(app: FastAPI, services: Services) -> None:
    """Add the addresses of the page."""

    def page(request: Request, visit: str = "") -> Response:
        """A file of the page; the first page gives a visitor a visit, or the one whose address was opened."""
        name = _ROOT[request.url.path]
        response = FileResponse(FOLDER / name, media_type=_TYPES[Path(name).suffix], headers=_CHECKED)
        known = request.cookies.get(services.cookie, "")
        if request.url.path == "/" and (KEY.fullmatch(visit) or not KEY.fullmatch(known)):
            key = visit if KEY.fullmatch(visit) else secrets.token_urlsafe(18)
            response.set_cookie(services.cookie, key, max_age=90 * 86400, httponly=True, samesite="lax")
        return response

    for path in _ROOT:
        app.add_api_route(path, page, include_in_schema=False)

    @app.get("/page/{name}", include_in_schema=False)
    def part(name: str) -> Response:
        """A style, a script or a picture of the page."""
        if name not in {path.name for path in FOLDER.iterdir()} or Path(name).suffix not in _TYPES:
            raise Refused(404, "not_here")
        return FileResponse(FOLDER / name, media_type=_TYPES[Path(name).suffix], headers=_CHECKED)
