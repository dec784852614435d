"""What the templates of pages and charts share: how a cell, a coordinate, a paragraph and a picture are written."""

import base64
import io
import math
from functools import cache
from numbers import Integral
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup
from numpy.typing import NDArray
from PIL import Image

from dancheong.imaging.profiles import to_eight
from dancheong.imaging.resize import fit_size, resize

# The longer side of a picture on a page, at most.
PICTURE_PX = 640

Pixels = NDArray[Any]
Cell = str | int | float | None


@cache
def templates() -> Environment:
    """The templates of this room; those of HTML escape what they are given."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=select_autoescape(["html"], default_for_string=False), undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )
    environment.filters |= {
        "cell": cell_text, "paragraphs": paragraphs, "zip": zip, "px": lambda value: f"{round(value, 1):g}",
        "number": lambda value: f"{value:,.10g}",
    }
    environment.tests["of"] = lambda part, name: type(part).__name__ == name
    environment.tests["finite"] = math.isfinite
    environment.globals["image"] = _image
    return environment


def paragraphs(text: str) -> list[str]:
    """Blocks of text that are parted by empty lines, each in one line."""
    blocks = (" ".join(block.split()) for block in text.split("\n\n"))
    return [block for block in blocks if block]


def cell_text(value: Cell, digits: int) -> str:
    """A cell as people read it: thousands parted, a true minus sign, a dash where there is nothing."""
    if value is None:
        return "–"
    if isinstance(value, str | bool):
        return str(value)
    if isinstance(value, Integral):
        return f"{int(value):,}".replace("-", "−")
    return f"{value:,.{digits}f}".replace("-", "−") if math.isfinite(value) else "–"


def shrunk(pixels: Pixels) -> Pixels:
    """A picture as a page shows it: 8 bits, its longer side at most `PICTURE_PX`."""
    small = to_eight(pixels)
    height, width = small.shape[:2]
    return resize(small, fit_size(height, width, PICTURE_PX)) if max(height, width) > PICTURE_PX else small


def _image(pixels: Pixels, alt: str) -> Markup:
    """A picture inside the page. JPEG with full chroma, since color is what these pages are about; small ones as PNG."""
    if pixels.size == 0 or not (pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] == 3)):
        raise ValueError(f"a picture is (h, w) or (h, w, 3), not {pixels.shape} ({alt})")
    small = shrunk(pixels)
    height, width = small.shape[:2]
    stream = io.BytesIO()
    kind = "png" if max(height, width) < 64 else "jpeg"
    Image.fromarray(small).save(stream, kind, **({"quality": 90, "subsampling": 0} if kind == "jpeg" else {"optimize": True}))
    data = base64.b64encode(stream.getvalue()).decode("ascii")
    image = Markup('<img src="data:image/{};base64,{}" width="{}" height="{}" alt="{}">')
    return image.format(kind, data, width, height, alt)
