"""A IIIF presentation manifest of a run: each photograph a canvas, on which a viewer offers it gray and colored.

    python iiif_manifest.py RESULTS --photographs PHOTOGRAPHS --gray https://.../scans --colored https://.../colored \\
        --id https://.../manifest.json --label "Palace, 1930" > manifest.json

RESULTS is what `dancheong predict PHOTOGRAPHS -o RESULTS` wrote, with its manifest.csv. The addresses are where a web server
shows both folders. Pictures that are TIFF want an image server; browsers show JPEG, PNG and WebP.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

from dancheong.imaging.files import PhotoError, read_size
from dancheong.imaging.formats import BY_SUFFIX
from dancheong.prediction.manifest import Row, manifests_in, read_manifests

CONTEXT = "http://iiif.io/api/presentation/3/context.json"
GRAY = {"en": ["the photograph"], "ko": ["원본 사진"]}
COLORED = {"en": ["colored by a network, which guesses"], "ko": ["신경망이 추정한 색"]}


def image(address: str, path: Path, label: dict[str, list[str]]) -> dict[str, Any]:
    """A picture as a IIIF resource. Raises PhotoError where there is none."""
    width, height = read_size(path)
    kind = BY_SUFFIX[path.suffix.lower()].name.lower()
    return {"id": address, "type": "Image", "format": f"image/{kind}", "width": width, "height": height, "label": label}


def canvas(base: str, number: int, row: Row, photographs: Path, results: Path, gray: str, colored: str) -> dict[str, Any]:
    """The canvas of one photograph, of the size of its result."""
    photo, result = Path(row.file), results / row.output
    below = photo.relative_to(photographs) if photo.is_relative_to(photographs) else Path(photo.name)
    choices = [
        image(f"{gray}/{quote(below.as_posix())}", photo, GRAY),
        image(f"{colored}/{quote(Path(row.output).as_posix())}", result, COLORED),
    ]
    place = f"{base}/canvas/{number}"
    size = {side: choices[1][side] for side in ("width", "height")}
    painting = {"id": f"{place}/painting", "type": "Annotation", "motivation": "painting", "target": place,
                "body": {"type": "Choice", "items": choices}}
    return {"id": place, "type": "Canvas", "label": {"none": [below.stem]}, **size,
            "items": [{"id": f"{place}/page", "type": "AnnotationPage", "items": [painting]}]}


def manifest(results: Path, photographs: Path, gray: str, colored: str, address: str, label: str) -> dict[str, Any]:
    """The manifest of all photographs that are colored.

    Raises:
        ValueError: no manifest of a run in `results`, or nothing colored.
    """
    paths = manifests_in(results)
    if not paths:
        raise ValueError(f"{results}: no manifest.csv there; `dancheong predict PHOTOGRAPHS -o {results}` writes one")
    rows = [row for row in read_manifests(paths) if row.status in ("ok", "skipped")]
    base = address.rpartition("/")[0]
    canvases = []
    for number, row in enumerate(rows, 1):
        try:
            canvases.append(canvas(base, number, row, photographs, results, gray.rstrip("/"), colored.rstrip("/")))
        except PhotoError as error:  # removed meanwhile
            print(f"left out: {error}", file=sys.stderr)
    if not canvases:
        raise ValueError(f"{results}: no colored photograph there")
    return {"@context": CONTEXT, "id": address, "type": "Manifest", "label": {"none": [label]}, "items": canvases}


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(description="A IIIF presentation manifest: gray and colored as a Choice.")
    parser.add_argument("results", type=Path)
    parser.add_argument("--photographs", type=Path, required=True, help="the folder that was colored")
    meanings = {"gray": "address of that folder", "colored": "address of RESULTS", "id": "address of the manifest"}
    for name, meaning in meanings.items():
        parser.add_argument(f"--{name}", required=True, help=meaning)
    parser.add_argument("--label", default="Photographs")
    words = parser.parse_args()
    try:
        made = manifest(words.results, words.photographs, words.gray, words.colored, words.id, words.label)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(made, ensure_ascii=False, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
