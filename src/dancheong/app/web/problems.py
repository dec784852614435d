"""What goes wrong, as codes with details; the words of each code are in the files of translations, under `errors`."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from dancheong.app.web.translations import catalogue, language_of, problem_text
from dancheong.imaging.files import PhotoError
from dancheong.params import DancheongError, ParamError, Params
from dancheong.params.schema import ROWS, nearest
from dancheong.prediction.result import error_message

# The messages of reading and coloring that a person can do something about. What none fits is told with its own message.
_PATTERNS = (
    (r"HEIF photograph, which needs", "heif"),
    (r"needs about (?P<needs>[\d.]+) GB, MEMORY_GB is (?P<limit>[\d.]+)", "memory"),
    (r"are more than (?P<limit>\d+) megapixels", "megapixels"),
    (r"no side may be longer than (?P<limit>\d+)", "too_long"),
    (r"not enough memory", "out_of_memory"),
    (r"this model repaints|changes chroma alone|a map of confidence is of", "model_repaints"),
    (r"the drawn mask leaves too little black", "mask_full"),
    (r"the file is empty", "empty_file"),
    (r"a PDF, which is not read", "pdf"),
    (r"not a JPEG, PNG, TIFF or WebP", "no_photograph"),
    (r"TIFF of a kind|signed samples|samples of type", "tiff_kind"),
    (r"damaged|cut off|truncated|cannot be read", "damaged"),
    (r"no such file|not a file|No such file", "gone"),
    (r"needs (?P<package>[\w ]+): pip install '(?P<extra>[^']+)'", "missing_package"),
)


class Problem(BaseModel):
    """A code and its details."""

    code: str
    details: dict[str, str | int | float] = {}


class ErrorView(Problem):
    """What is wrong: a code, its details, and the words in the language of Accept-Language."""

    message: str


class Refused(DancheongError):
    """A request that is not fulfilled: the status of HTTP, the code of the words, and their details."""

    def __init__(self, status: int, code: str, **details: str | int | float) -> None:
        super().__init__(code + "".join(f", {name}: {value}" for name, value in details.items()))
        self.status, self.problem = status, Problem(code=code, details=details)


def problem_of(error: BaseException | str, folder: Path | None = None) -> Problem:
    """The problem that an error is, without the folders of this machine."""
    if isinstance(error, Refused):
        return error.problem
    text = error if isinstance(error, str) else error.reason if isinstance(error, PhotoError) else error_message(error)
    if folder is not None:
        # A path below it becomes its name.
        text = re.sub(re.escape(str(folder)) + r"([\\/][\w-]+(?=[\\/]))*[\\/]?", "", text)
    for pattern, code in _PATTERNS:
        if found := re.search(pattern, text):
            return Problem(code=code, details=found.groupdict())
    return Problem(code="settings_wrong" if isinstance(error, ParamError) else "failed", details={"reason": text})


def answer(request: Request, error: Exception) -> Response:
    """What went wrong in the browser's language: of the interface for programs as an object, else as text."""
    if isinstance(error, HTTPException):
        code = {404: "not_here", 405: "no_method"}.get(error.status_code, "bad_request")
        refused = Refused(error.status_code, code)
    elif isinstance(error, RequestValidationError):
        # Of a choice of kinds that one is told whose kind came.
        told = [one for one in error.errors() if not one["type"].endswith("_type")] or error.errors()
        refused = _invalid(told[0])
    else:
        problem = problem_of(error)
        refused = error if isinstance(error, Refused) else Refused(422, problem.code, **problem.details)
    headers = {"cache-control": "no-store", **(getattr(error, "headers", None) or {})}
    code, details = refused.problem.code, refused.problem.details
    message = problem_text(language_of(request.headers.get("accept-language", "")), code, details)
    if request.scope["path"].startswith("/api/"):
        return JSONResponse(ErrorView(code=code, details=details, message=message).model_dump(), refused.status, headers)
    return PlainTextResponse(message, refused.status, headers)


def _invalid(error: Mapping[str, Any]) -> Refused:
    """What pydantic says of a value. `field`: its name, for which the page has words; `number`: in a list, from 1 on."""
    given = {name: value for name, value in error.get("ctx", {}).items() if isinstance(value, str | int | float)}
    given |= {name: int(value) for name, value in given.items() if isinstance(value, float) and value.is_integer()}
    given |= {"expected": str(given["expected"]).replace(" or ", ", ")} if "expected" in given else {}
    names, came = error["loc"][1:], given.get("actual_length", error["input"])
    named = [name for name in names if isinstance(name, str) and name.isidentifier()]
    known = [name for name in named if name in catalogue("en")["fields"]] or named or error["loc"][:1]
    number = next((1 + place for place in names if isinstance(place, int) and error["type"] != "json_invalid"), 0)
    details = {
        **given, "where": ".".join(map(str, error["loc"]))[:200], "field": str(known[-1])[:60], "number": number,
        "reason": str(error["msg"])[:200], "kind": error["type"],
    }
    if error["type"] != "missing" and isinstance(came, str | int | float):
        details["came"] = str(came)[:60]
    return Refused(422, "invalid", **details)


def add_problems(app: FastAPI) -> None:
    """Answer with codes and words whatever goes wrong."""
    for kind in (DancheongError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, answer)


# How JSON writes the values of a parameter; all others are texts.
_JSON_KINDS: dict[type, tuple[type, ...]] = {bool: (bool,), int: (int,), float: (int, float)}


def check_setting(name: str, value: object) -> None:
    """Refuse a parameter that does not exist or is out of range. Raises Refused."""
    info = ROWS.get(name)
    if info is None:
        near = nearest(name, ROWS).removeprefix(" (did you mean ").removesuffix("?)")
        raise Refused(422, "setting_unknown", name=name.upper()[:60], near=near)
    try:
        # JSON knows numbers, texts and switches, so none stands for another as it does in a table.
        is_whole = info.kind is int and isinstance(value, float) and value.is_integer()
        is_of_kind = is_whole or type(value) in _JSON_KINDS.get(info.kind, (str,))
        if not (value in info.choices if info.choices else is_of_kind) or len(str(value)) > 200:
            raise ParamError(f"{value!r} is none of the values of {name.upper()}")
        Params(**{name: int(str(value).partition(".")[0]) if is_whole else value})
    except ParamError as error:
        low = "" if info.low is None else f"{'> ' if info.above_low else ''}{info.low:g}"
        numbers = f"{low} … {'' if info.high is None else format(info.high, '.10g')}".strip()
        allowed = ", ".join(info.choices) or ("Y, N" if info.kind is bool else numbers)
        raise Refused(422, "setting_range", field=name, name=name.upper(), value=str(value)[:60], allowed=allowed) from error
