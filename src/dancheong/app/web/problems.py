"""What goes wrong, as codes with details; the words of each code are in the files of translations, under `errors`."""

import math
import re
from pathlib import Path

from pydantic import BaseModel

from dancheong.params import DancheongError, ParamError
from dancheong.params.schema import ROWS, nearest
from dancheong.prediction.result import error_message

# The messages of reading and coloring that a person can do something about. What none fits is told with its own message.
_PATTERNS = (
    (r"HEIF photograph, which needs", "heif"),
    (r"needs about (?P<needs>[\d.]+) GB, MEMORY_GB is (?P<limit>[\d.]+)", "memory"),
    (r"are more than (?P<limit>\d+) megapixels", "megapixels"),
    (r"no side may be longer than (?P<limit>\d+)", "too_long"),
    (r"not enough memory", "out_of_memory"),
    (r"the file is empty", "empty_file"),
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


class Refused(DancheongError):
    """A request that is not fulfilled: the status of HTTP, the code of the words, and their details."""

    def __init__(self, status: int, code: str, **details: str | int | float) -> None:
        super().__init__(code + "".join(f", {name}: {value}" for name, value in details.items()))
        self.status, self.problem = status, Problem(code=code, details=details)


def problem_of(error: BaseException | str, folder: Path | None = None) -> Problem:
    """The problem that an error is, without the folders of this machine."""
    if isinstance(error, Refused):
        return error.problem
    text = error if isinstance(error, str) else error_message(error)
    if folder is not None:
        text = without_folder(text, folder)
    for pattern, code in _PATTERNS:
        if found := re.search(pattern, text):
            return Problem(code=code, details=found.groupdict())
    return Problem(code="settings_wrong" if isinstance(error, ParamError) else "failed", details={"reason": text})


def without_folder(text: str, folder: Path) -> str:
    """A message without the folders of this machine: a path below `folder` becomes its name."""
    return re.sub(re.escape(str(folder)) + r"([\\/][\w-]+(?=[\\/]))*[\\/]?", "", text)


def check_setting(name: str, value: object) -> None:
    """Refuse a parameter that does not exist or is out of range. Raises Refused."""
    info = ROWS.get(name)
    if info is None:
        raise Refused(422, "setting_unknown", name=name.upper()[:60], near=nearest(name, ROWS))
    if info.choices:
        fits = value in info.choices
    elif info.kind in (int, float):
        fits = isinstance(value, int | float) and not isinstance(value, bool) and _within(float(value), name)
    else:
        fits = isinstance(value, info.kind) and len(str(value)) <= 200
    if not fits:
        allowed = ", ".join(info.choices) or ("Y, N" if info.kind is bool else _range(name))
        raise Refused(422, "setting_range", name=name.upper(), value=str(value)[:60], allowed=allowed)


def _within(value: float, name: str) -> bool:
    info = ROWS[name]
    if not math.isfinite(value) or (info.kind is int and value != int(value)):
        return False
    low_fits = info.low is None or (value > info.low if info.above_low else value >= info.low)
    return low_fits and (info.high is None or value <= info.high)


def _range(name: str) -> str:
    info = ROWS[name]
    low = "" if info.low is None else f"{'> ' if info.above_low else ''}{info.low:g}"
    return f"{low} … {'' if info.high is None else format(info.high, '.10g')}".strip()
