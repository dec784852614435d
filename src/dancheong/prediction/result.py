"""The result of one photograph, and an error in words."""

import errno
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from dancheong.imaging.files import PhotoError
from dancheong.params import DancheongError
from dancheong.prediction.memory import is_out_of_memory

_FULL_DISK = [getattr(errno, name) for name in ("ENOSPC", "EDQUOT") if hasattr(errno, name)]


@dataclass(frozen=True)
class FileResult:
    """The result of one photograph.

    Attributes:
        status: "ok"; "skipped", because its result was there already; "failed", and `error` says why.
        seconds, width, height: time of reading, processing and writing, and size in px; 0 where nothing was done.
        output: the result's file; the input itself where it is no photograph.
        glare_share: of the picture; None where the detector did not look.
        clip_share: share of clipped pixels; None but where light reflection alone is corrected (`dancheong filter`).
        abstained: the detector found so much light reflection that it left the picture alone.
        confidence: mean of the map of confidence in [0, 1]; None where none was asked for.
        hints: colors that a person gave; None without a file of them.
        notes: what reading and writing gave up or assumed, in words, such as the pages after the first.
        sha256: of the photograph's file; empty where it could not be read.
        color: the colored version whose color was taken.
        looks: the file of each further look, and how likely it is nearer to the truth than all the others.
        misfit: of `color` in [0, 1], as `dancheong.prediction.registration.Fit`; None where it was not measured.
        page: of a document of several, from 0.
    """

    input: Path
    output: Path
    status: Literal["ok", "skipped", "failed"] = "ok"
    seconds: float = 0.0
    width: int = 0
    height: int = 0
    error: str | None = None
    mask: Path | None = None
    glare_share: float | None = None
    clip_share: float | None = None
    abstained: bool = False
    confidence: float | None = None
    hints: int | None = None
    notes: tuple[str, ...] = ()
    sha256: str = ""
    color: Path | None = None
    misfit: float | None = None
    looks: tuple[tuple[Path, float], ...] = ()
    page: int = 0

    @property
    def is_photograph(self) -> bool:
        """Whether it can have a result; False of an input that is not there, or a folder that holds none or is closed."""
        return self.input != self.output

    def record(self) -> dict[str, Any]:
        """The JSON object of one file in the output of a command."""
        record = asdict(self) | {"seconds": round(self.seconds, 4)}
        record |= {name: str(value) for name, value in record.items() if isinstance(value, Path)}
        record |= {"looks": [{"output": str(path), "likelihood": likelihood} for path, likelihood in self.looks]}
        record |= {"width": self.width or None, "height": self.height or None}
        if not self.is_photograph:
            record["output"] = None
        record |= {"page": self.page + 1 if self.page else ""}
        optional = ("error", "mask", "confidence", "hints", "notes", "sha256", "page", "color", "misfit", "looks")
        return {name: value for name, value in record.items() if value not in (None, (), [], "") or name not in optional}


def error_message(error: BaseException, photo: Path | None = None) -> str:
    """An error for a person: its message where that was written for a person, else its type as well.

    The message stands beside the name of `photo`, and does not name it again.
    """
    with_type = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    if is_out_of_memory(error):
        return f"not enough memory for a photograph of this size; close other programs, or make it smaller ({with_type})"
    if isinstance(error, OSError) and error.errno in _FULL_DISK:
        return f"the disk is full or its quota is used up ({error.strerror}); make room on it, and run the command again"
    if isinstance(error, PhotoError) and error.path == photo:
        return error.reason
    return str(error) if isinstance(error, ValueError | DancheongError) and str(error) else with_type
