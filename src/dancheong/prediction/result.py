"""What became of one photograph."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from dancheong.prediction.memory import is_out_of_memory


@dataclass(frozen=True)
class FileResult:
    """What became of one photograph.

    `status`: "ok"; "skipped", its result was there already; "failed", and `error` says why. `width`, `height` in px and
    `seconds` are those of the treatment, 0 where there was none. `glare_share` and `clip_share` are shares of the
    picture, None where nothing was looked for; `abstained`: so much glare was found that the picture was left alone.
    `confidence`: mean of the confidence map in [0, 1], None where none was asked for. `notes`: what was given up or assumed
    in reading and writing, in words, such as the pages after the first.
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
    notes: tuple[str, ...] = ()

    def record(self) -> dict[str, Any]:
        """The JSON object of one file in the output of a command."""
        record = asdict(self) | {"seconds": round(self.seconds, 4)}
        record |= {name: str(value) for name, value in record.items() if isinstance(value, Path)}
        optional = ("error", "mask", "confidence", "notes")
        return {name: value for name, value in record.items() if value not in (None, ()) or name not in optional}


def told(error: Exception) -> str:
    """What a person is told of an error: the message where it was written for a person; the kind as well where not."""
    if is_out_of_memory(error):
        return f"not enough memory for a photograph of this size; close other programs, or make it smaller ({_kind(error)})"
    return str(error) if isinstance(error, ValueError) and str(error) else _kind(error)


def _kind(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
