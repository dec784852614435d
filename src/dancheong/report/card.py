"""The card of a model: what it learned from, its scores, its settings, its limits; made of what the model file says."""

from dancheong.artifact import Artifact
from dancheong.params import Params
from dancheong.params.schema import format_value

CARD = "card.md"
# The head of the table of facts, by which facts are found in a card.
FACTS_HEAD = "| fact | value |\n|---|---|\n"
_LIMITS = {
    "colorizer": (
        "The colors are guesses from what the photographs of the training look like, and no evidence of how something was "
        "painted: label pictures as colorized.",
        "Photographs of other places, times or light than those it learned from come out worse; `dancheong evaluate` says how "
        "much, on color photographs of that kind.",
    ),
    "upscaler": ("It draws detail that the photograph does not have: label pictures as enlarged.",),
}


def model_card(name: str, artifact: Artifact) -> str:
    """A Markdown page; its first table are the facts."""
    data, params = artifact.data, artifact.params
    count = sum(weights.size for key, weights in artifact.weights.items() if "running_" not in key)
    given = {row.upper(): format_value(getattr(params, row)) for row in Params.model_fields
             if getattr(params, row) != Params.model_fields[row].default}
    facts = {
        "task": "colors gray photographs" if artifact.kind == "colorizer" else "enlarges photographs",
        "learned from": _learned_from(artifact),
        "scores": "; ".join(f"{key} {value:.4g}" for key, value in artifact.scores.items()) or
        "none: no photographs were kept out of the training (`--val`)",
        "size": f"{count / 1e6:.2f} million weights, format {artifact.format_version}",
        "trained with": ", ".join(f"{row}={value}" for row, value in given.items()) or "the defaults",
        **({"images seen": f"{data['images_seen']:,}"} if "images_seen" in data else {}),
        "digest": artifact.digest,
        "license": "not stated: say under which terms others may use it",
    }
    table = "".join(f"| {fact} | {_cell(value)} |\n" for fact, value in facts.items())
    limits = "".join(f"- {limit}\n" for limit in _LIMITS[artifact.kind])
    return f"# {name}\n\n{FACTS_HEAD}{table}\n## Limits\n\n{limits}\n## How to use it\n\n```sh\n{_USE[artifact.kind]}\n```\n"


_USE = {
    "colorizer": "dancheong predict MODEL.h5 scans/ -o colored/",
    "upscaler": "dancheong upscale scans/ --model UP.h5 -o larger/",
}


def _learned_from(artifact: Artifact) -> str:
    data = artifact.data
    if "imported" in data:
        return f"what is not known: imported from {data['imported']} ({data['layout']}), sha256 {data['sha256']}"
    unfinished = "; unfinished" if data.get("unfinished") else ""
    return f"{data.get('photographs', 'an unknown number of')} photographs, category {artifact.category}{unfinished}"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
