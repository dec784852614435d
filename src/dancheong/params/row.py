"""What a row of the parameter table and a section of it are made of."""

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field


def row(
    default: Any, meaning: str, *, unit: str = "", source: str = "",
    ge: float | None = None, le: float | None = None, gt: float | None = None,
) -> Any:  # fmt: skip
    """One row of the table as a pydantic field; `meaning` is what the generated documentation and forms show.

    `source`: the section's own if not given.
    """
    return Field(default, description=meaning, json_schema_extra={"unit": unit, "source": source}, ge=ge, le=le, gt=gt)


class Rows(BaseModel):
    """A section of the table. Its validator is never built, because only `Params`, which has all sections, is instantiated."""

    model_config = ConfigDict(defer_build=True)
    SOURCE: ClassVar[str] = "this project"
