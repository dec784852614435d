"""`/api/v1`: what a person knows of the colors of a photograph, which of the looks is right, and where to doubt."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel, Field

from dancheong.app.web import pictures
from dancheong.app.web.drafts import LOOKS
from dancheong.app.web.pictures import LONGEST_PX
from dancheong.app.web.problems import Refused
from dancheong.app.web.services import Current, Named, Number, Served, file
from dancheong.app.web.translations import catalogue
from dancheong.app.web.visits import Hint, PhotographView
from dancheong.imaging.vips import as_image
from dancheong.prediction.hints import near_colors, parse_color, pigments

MAX_HINTS = 200
Share = Annotated[float, Query(ge=0, le=1, allow_inf_nan=False)]
router = APIRouter()


class Pigment(BaseModel):
    """A pigment of dancheong: its Korean and its romanized name, `#RRGGBB`, and what it is."""

    name: str
    english: str
    hex: str
    meaning: str


@router.get("/pigments", tags=["hints"])
def list_pigments(language: Literal["en", "ko"] = "en") -> list[Pigment]:
    """The pigments of dancheong, whose names are colors of hints."""
    words = catalogue(language).get("pigments", {})
    return [Pigment(**row, meaning=words.get(row["english"], row["source"].partition(";")[0])) for row in pigments()]


@router.put("/photographs/{number}/hints", tags=["hints"])
def give_hints(
    services: Served, visit: Current, number: Number, hints: Annotated[list[Hint], Field(max_length=MAX_HINTS)]
) -> PhotographView:
    """Replace the hints: colors at places, or that occur. The preview has them at once, a result from the next coloring on."""
    for hint in hints:
        try:
            parse_color(hint.color)
        except ValueError as error:
            raise Refused(422, "color_unknown", color=hint.color, near=", ".join(near_colors(hint.color))) from error
    return services.put(visit, number, hints=hints)


@router.get("/photographs/{number}/preview", tags=["hints"], response_class=Response,
            responses={200: {"content": {"image/jpeg": {}}}})
def preview(
    services: Served, visit: Current, photograph: Named, look: Annotated[int | None, Query(ge=1, le=LOOKS)] = None,
    longer_px: Annotated[int, Query(ge=16, le=LONGEST_PX["view"])] = LONGEST_PX["view"],
) -> Response:
    """The colored photograph as its hints and its look, or another look, would have it, small, as JPEG."""
    with services.drafts.draft(visit, photograph) as draft:
        image = as_image(draft.preview(photograph.hints, look or photograph.look, longer_px))
    content = image.write_to_buffer(".jpg[Q=90,subsample_mode=off,keep=none]")
    return Response(content, media_type="image/jpeg", headers={"cache-control": "no-store"})


@router.get("/photographs/{number}/colors", tags=["hints"])
def colors(services: Served, visit: Current, photograph: Named, x: Share, y: Share) -> list[str]:
    """Colors that the network takes for likely at a place (shares of width and height), the shown one first."""
    with services.drafts.draft(visit, photograph) as draft:
        return draft.colors(photograph.hints, photograph.look, x, y)


@router.get("/photographs/{number}/confidence", tags=["hints"], response_class=FileResponse)
def confidence(services: Served, visit: Current, photograph: Named) -> FileResponse:
    """Where the color is unsure: PNG of at most 1600 px, clear from a confidence of .75 on, nearly opaque at .25."""
    with services.drafts.draft(visit, photograph) as draft:
        return file(pictures.confidence(photograph, draft.confidence))
