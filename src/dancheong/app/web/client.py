"""A program's way to the page: photographs go up, are colored, and come down. The standard library is all it needs.

```python
page = Page("http://127.0.0.1:7860/")
photograph = page.upload("gate.tif")
page.hint(photograph, [(0.4, 0.6, "석간주")])     # what is known of its colors
page.color([photograph], model="palace", vivid=1.1)
page.download(photograph, "colored/")               # colored/gate_colored.tif
```

The file may be copied to a computer on which dancheong is not installed.
"""

import json
import secrets
import shutil
import time
from collections.abc import Iterable, Mapping
from email.message import Message
from pathlib import Path
from typing import IO, Any
from urllib.error import HTTPError
from urllib.parse import parse_qs, urlencode, urlsplit
from urllib.request import Request, urlopen

POLL_SECONDS = 0.3
Place = tuple[float | None, float | None, str]


class PageError(Exception):
    """What the page has refused: `status` of HTTP, the `code` of the reason, its `details`; the message is in words."""

    def __init__(self, status: int, code: str, message: str, details: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.status, self.code, self.details = status, code, dict(details)


class Page:
    """One visit of a page that `dancheong serve` has opened.

    Args:
        address: as `dancheong serve` prints it; a token in it is used.
        visit: key of a visit to go on with; None: a new one, whose key is the attribute `visit`.
        language: "en" or "ko", of messages.
    """

    def __init__(self, address: str, visit: str | None = None, language: str = "en") -> None:
        parts = urlsplit(address)
        token = parse_qs(parts.query).get("token", [""])[0]
        self.visit = visit or secrets.token_urlsafe(18)
        self._base = f"{parts.scheme}://{parts.netloc}/api/v1"
        self._headers = {"Visit": self.visit, "Accept-Language": language}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"

    def models(self) -> list[str]:
        """The names of the models that can be chosen, the server's first one first."""
        return [model["name"] for model in self.ask("GET", "/models")]

    def upload(self, photograph: str | Path) -> int:
        """Send a photograph. Returns its number. Raises ValueError for a zip, whose photographs are several."""
        with Path(photograph).open("rb") as file:
            if file.read(4) == b"PK\x03\x04":
                raise ValueError(f"{photograph}: a zip came, one photograph was expected: upload_zip gives all their numbers")
        return self.upload_zip(photograph)[0]

    def upload_zip(self, archive: str | Path) -> list[int]:
        """Send a zip of photographs. Returns their numbers, in the order of their names."""
        path = Path(archive)
        query = urlencode({"name": path.name, "upload": secrets.token_hex(16)})
        with path.open("rb") as file:
            length = {"Content-Length": str(path.stat().st_size), "Content-Type": "application/octet-stream"}
            return [one["number"] for one in self.ask("POST", f"/photographs?{query}", file, length)]

    def hint(self, photograph: int, hints: Iterable[Place]) -> None:
        """Say what colors are known, in place of what was said before.

        Each is (x, y, color): x and y in shares of width and height, or None where the color occurs somewhere.
        """
        given = [dict(zip(("x", "y", "color"), hint, strict=True)) for hint in hints]
        self._send("PUT", f"/photographs/{photograph}/hints", given)

    def choose_look(self, photograph: int, look: int) -> None:
        """The look of the next coloring: 1 is as the model says, 2 to 5 are others that are plausible."""
        self._send("PATCH", f"/photographs/{photograph}", {"look": look})

    def color(
        self, photographs: Iterable[int], model: str | None = None, seconds: float = 3600, **settings: Any
    ) -> dict[int, dict[str, Any]]:
        """Color photographs and wait until that is done.

        Args:
            model: None: the first one.
            seconds: the longest to wait.
            settings: parameters of prediction, such as ``vivid=1.1``.

        Returns:
            Each photograph as the page shows it: `state` is "done" or "failed", `error` says why.

        Raises:
            PageError: nothing of it was begun. TimeoutError: it goes on without this program.
        """
        recipe = {"model": model or self.models()[0], "settings": settings}
        job = self._send("POST", "/jobs", {"photographs": list(photographs), "recipe": recipe})
        ends = time.monotonic() + seconds
        while any(one["number"] == job["number"] and one["state"] == "running" for one in self.ask("GET", "/jobs")):
            if time.monotonic() > ends:
                raise TimeoutError(f"job {job['number']} of visit {self.visit} is not done after {seconds:g} s; it goes on")
            time.sleep(POLL_SECONDS)
        shown = self.ask("GET", "/visit")["photographs"]
        return {one["number"]: one for one in shown if one["number"] in job["photographs"]}

    def download(self, photograph: int, folder: str | Path, mark: str = "") -> Path:
        """Write a result at full size into a folder. Returns its path.

        Args:
            mark: "en" or "ko": a corner says in that language that the picture was colorized.
        """
        query = f"?{urlencode({'mark': mark})}" if mark else ""
        with self._open("GET", f"/photographs/{photograph}/result{query}") as answer:
            name = _name(answer.headers.get("content-disposition", ""))
            return _written(answer, int(answer.headers["content-length"]), Path(folder) / name)

    def ask(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Any:
        """Any address of the interface, such as ``ask("GET", "/visit")``: what it answers, read from JSON.

        Raises:
            PageError: it was refused. OSError: nothing answers.
        """
        with self._open(method, path, body, headers) as answer:
            content = answer.read()
        return json.loads(content) if content else None

    def _send(self, method: str, path: str, content: Any) -> Any:
        return self.ask(method, path, json.dumps(content).encode(), {"Content-Type": "application/json"})

    def _open(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Any:
        request = Request(self._base + path, body, {**self._headers, **(headers or {})}, method=method)
        try:
            return urlopen(request)
        except HTTPError as error:
            with error:
                text = error.read().decode("utf-8", "replace")
            try:
                told = json.loads(text)
            except ValueError:  # something between this program and the page has answered
                told = {"code": "bad_request", "message": f"{error.code} {error.reason}", "details": {}}
            raise PageError(error.code, told["code"], told["message"], told["details"]) from None


def _name(disposition: str) -> str:
    """The name of a download, which may be in any script."""
    message = Message()
    message["content-disposition"] = disposition
    return Path(str(message.get_filename("result"))).name


def _written(source: IO[bytes], length: int, target: Path) -> Path:
    """The content as a file, whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    try:
        with part.open("wb") as file:
            shutil.copyfileobj(source, file)
        if (came := part.stat().st_size) != length:
            raise OSError(f"{target.name}: {came} of {length} bytes came; download it again")
        return part.replace(target)
    finally:
        part.unlink(missing_ok=True)
