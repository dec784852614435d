"""Draw the figures of the documentation from the built-in scenes: `tools/doc_pictures.py MODEL.h5`, a model of the demo.

Pictures of pages (training.png, report.png) are screenshots of what `dancheong demo` and `dancheong evaluate -o` write.
"""

import sys
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dancheong import Colorizer, Params
from dancheong.glare.control import control_glare
from dancheong.glare.simulate import add_glare
from dancheong.imaging.color import as_rgb, gray_of, lab_to_rgb, rgb_to_lab, to_pixels
from dancheong.imaging.resize import resize, working_shape
from dancheong.imaging.sheet import sheet
from dancheong.models.table import Row, padded_px, unet_table
from dancheong.scenes import scene

PICTURES = Path(__file__).resolve().parent.parent / "docs" / "pictures"
Pixels = NDArray[Any]
SCENE, GLARE_SCENE = 900_006, 900_003
# Of china.jpg: roofs, columns, sky, lake and trees, by eye.
HINTS = [
    (192, 78, "#a9693f"), (205, 176, "#9a5f36"), (205, 272, "#a9693f"), (262, 380, "#a9693f"), (187, 207, "#7a3632"),
    (205, 150, "#6a302f"), (187, 312, "#7a3632"), (330, 60, "#c9dcec"), (500, 250, "#b3bfc9"), (380, 350, "#6f7248"),
    (600, 240, "#5d6b45"), (22, 220, "#7b8350"), (560, 330, "#6a7048"), (118, 118, "#6f8a80"),
]
_INK, _SOFT, _DOWN, _UP, _SKIP = "#23211e", "#67625a", "#2b6f55", "#2c54a0", "#b2402a"


def write(name: str, pictures: list[Pixels], captions: list[str], cell_px: int = 400) -> None:
    """One row of pictures as JPEG with full chroma: color is what they are about."""
    Image.fromarray(sheet([pictures], captions, cell_px)).save(PICTURES / name, quality=88, subsampling=0, optimize=True)


def way(model: Path) -> None:
    """What becomes of one photograph on its way: gray, what the network sees, what it says, the result."""
    truth = scene(SCENE, 1080, 720)
    gray = gray_of(truth)
    colorize = Colorizer.open(model)
    small = resize(gray, working_shape(*gray.shape, colorize.params.resol))
    # A photograph of the working size keeps the network's chroma as it is; one lightness for all lets it be seen alone.
    lab = rgb_to_lab(colorize(small))
    lab[..., 0] = 62
    said = to_pixels(lab_to_rgb(lab), np.dtype(np.uint8))
    blocks = [np.kron(one, np.ones((6, 6, 1), np.uint8)) for one in (as_rgb(small), said)]
    write("way.jpg", [gray, *blocks], ["photograph", f"the network's view ({colorize.params.resol} px)", "predicted a*, b*"])
    write("result.jpg", [gray, colorize(gray), truth], ["gray", "colored", "truth"])


def palace() -> None:
    """A photograph that a package carries: gray, colored at once, colored with what a person would say of it, truth."""
    from sklearn.datasets import load_sample_image

    truth = np.ascontiguousarray(load_sample_image("china.jpg"))
    gray, colorize = gray_of(truth), Colorizer.open()
    hinted = colorize(gray, hints=HINTS)
    write("china.jpg", [gray, colorize(gray), hinted, truth], ["gray", "at once", "with 14 hints", "truth"])


def glare() -> None:
    """Synthetic light reflection: damaged, found, corrected, clean."""
    clean = (scene(GLARE_SCENE, 900, 600).astype(np.float32) * 0.85).astype(np.uint8)
    damaged, _ = add_glare(clean, 41, {"lobes", "rows"})
    treated = control_glare(damaged, Params(glare_mode="region"), "train")
    assert treated.mask is not None
    mask = np.rint(treated.mask.alpha_hw * 255).astype(np.uint8)
    write("glare.jpg", [damaged, mask, treated.pixels, clean], ["with light reflection", "mask", "corrected", "clean"])


def unet(params: Params) -> None:
    """The table of the generator as a drawing: encoder down on the left, decoder up on the right, skips across."""
    table = unet_table(params, 1, 2)
    rows, side_px = table.rows, padded_px(params.resol, table.multiple_px)
    levels = len(rows) // 2
    box, gap, top = (210, 34), 22, 54
    height = top + levels * (box[1] + gap) + 70
    parts = [_text(20 + box[0] / 2, 30, "encoder: halves", _DOWN), _text(590 + box[0] / 2, 30, "decoder: doubles", _UP)]
    for level in range(levels):
        y = top + level * (box[1] + gap)
        down, up = rows[level], rows[2 * levels - 1 - level]
        parts += [_box(x, y, box, row, round(side_px * table.scales[row.name]), color)
                  for x, row, color in ((20, down, _DOWN), (590, up, _UP))]
        if level < levels - 1:
            parts.append(f'<path d="M232 {y + 17}H586" stroke="{_SKIP}" stroke-dasharray="6 4" marker-end="url(#a)"/>')
            parts += [f'<path d="M{x} {a}V{b}" stroke="{_SOFT}" marker-end="url(#a)"/>'
                      for x, a, b in ((125, y + 34, y + 53), (695, y + 55, y + 37))]
        else:
            parts.append(f'<path d="M232 {y + 17}H586" stroke="{_SOFT}" marker-end="url(#a)"/>')
            parts.append(_text(409, y + 12, "bottleneck", _SOFT))
    parts.append(_text(409, top + 10, "skip connections", _SKIP))
    caption = f"RESOL={params.resol}, NGF={params.ngf}, DEPTH={params.depth}, UPSAMPLE={params.upsample}"
    parts.append(_text(410, height - 34, caption, _SOFT))
    parts.append(_text(410, height - 12, "channels in → channels out, side of the output for a square picture", _SOFT))
    (PICTURES / "unet.svg").write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 820 {height}" width="820" height="{height}" '
        'font-family="sans-serif" font-size="14" fill="none">'
        f'<title>The generator as a U-Net of {levels} levels</title>'
        f'<defs><marker id="a" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0 0L8 4L0 8z" fill="{_SOFT}"/></marker></defs><rect width="820" height="{height}" rx="8" fill="#fbfaf6"/>'
        f"{''.join(parts)}</svg>\n", encoding="utf-8", newline="\n",
    )


def _box(x: int, y: int, size: tuple[int, int], row: Row, out_px: int, color: str) -> str:
    words = f"{row.name} · {row.c_in} → {row.c_out} · {out_px} px"
    return (
        f'<rect x="{x}" y="{y}" width="{size[0]}" height="{size[1]}" rx="6" fill="#fff" stroke="{color}" stroke-width="1.6"/>'
        + _text(x + size[0] / 2, y + 22, words, _INK)
    )


def _text(x: float, y: float, words: str, color: str) -> str:
    return f'<text x="{x:g}" y="{y:g}" text-anchor="middle" fill="{color}">{escape(words)}</text>'


if __name__ == "__main__":
    PICTURES.mkdir(parents=True, exist_ok=True)
    way(Path(sys.argv[1]))
    palace()
    glare()
    unet(Params())
