"""The networks that come with the program: where they lie, and the card of each, which says what it learned from."""

from dataclasses import dataclass
from pathlib import Path

from dancheong.artifact import SHIPPED_COLORIZER, ArtifactError
from dancheong.glare.learned import GRAPH
from dancheong.report.card import FACTS_HEAD
from dancheong.upscaling.upscaler import SHIPPED as UPSCALER

COLORIZER = SHIPPED_COLORIZER


@dataclass(frozen=True)
class ShippedModel:
    """A network that comes along, and its card: a Markdown page whose table tells the facts, beside the file."""

    name: str
    path: Path

    @property
    def card(self) -> str:
        """The whole card."""
        return self.path.with_suffix(".md").read_text(encoding="utf-8")


def facts_of(card: str) -> dict[str, str]:
    """The rows of a card's first table, such as "learned from"."""
    table = card.partition(FACTS_HEAD)[2].partition("\n\n")[0]
    rows = [line.strip("| ").split(" | ", 1) for line in table.splitlines()]
    return {row[0]: row[1] for row in rows}


def shipped_models() -> list[ShippedModel]:
    """The networks that this installation has."""
    all_of_them = [
        ShippedModel("colorizer", COLORIZER), ShippedModel("upscaler", UPSCALER), ShippedModel("glare-detector", GRAPH),
    ]
    return [model for model in all_of_them if model.path.exists()]


def shipped_model_path() -> Path:
    """The colorizer that comes along. Raises ArtifactError: this installation has none."""
    if not COLORIZER.exists():
        raise ArtifactError(
            f"{COLORIZER}: the colorizer that comes along is not in this installation; give a model file, which "
            "`dancheong train PHOTOS -o MODEL.h5` writes"
        )
    return COLORIZER
