"""A visitor's photographs: color them, show them, hand them out. The work itself is `predict_files`."""

import re
import shutil
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from dancheong.imaging.color import as_rgb
from dancheong.imaging.files import PhotoError, read_photo, read_size, write_photo
from dancheong.imaging.profiles import to_eight
from dancheong.imaging.resize import resize
from dancheong.prediction.colorizer import Colorizer
from dancheong.prediction.folder import FolderOptions, predict_files
from dancheong.prediction.plan import why_coloring_uses_no_mask

# Longer side of what the page shows: in the row of photographs, before and after a person asks for the full size.
LONGEST_PX = {"small": 240, "view": 1600, "full": 0}
STROKES_PX = 4096  # longest side of a drawing that is taken
Kind = Literal["before", "after", "mask"]
Size = Literal["small", "view", "full"]
Pixels = NDArray[Any]

_GLARE_RGB = (214, 158, 66)
_UNTOUCHED = 128  # of a drawing: lighter is glare, darker is none


@dataclass(frozen=True)
class Photograph:
    """One photograph of a visit.

    `upload`: what was dropped for it. `version` counts how often it was colored. `masks`: why no light reflection is looked
    for; empty where it is. `drawn`: whether a person has changed the mask.
    """

    number: int
    name: str
    source: Path
    upload: str = ""
    result: Path | None = None
    mask: Path | None = None
    error: str = ""
    width_px: int = 0
    height_px: int = 0
    seconds: float = 0.0
    glare_share: float | None = None
    abstained: bool = False
    masks: str = ""
    drawn: bool = False
    version: int = 0

    @property
    def folder(self) -> Path:
        """Everything of this photograph lies here: it is removed with it."""
        return self.source.parent.parent


def color(colorizer: Colorizer, photograph: Photograph) -> Photograph:
    """Color one photograph in its folder; where it fails, `error` says why."""
    folder = photograph.folder
    drawn = _drawing(photograph)
    # WebP would lose what the network has made; everything else keeps its format.
    suffix = ".png" if photograph.source.suffix.lower() == ".webp" else None
    options = FolderOptions(
        overwrite=True, suffix=suffix, mask_dir=folder / "mask", drawn_masks=drawn.parent if drawn.exists() else None,
    )
    (result,) = predict_files(colorizer, [photograph.source], folder / "color", options)
    shutil.rmtree(folder / "view", ignore_errors=True)
    if result.status == "failed":
        return replace(photograph, error=plain(result.error or "", folder), version=photograph.version + 1)
    unused = why_coloring_uses_no_mask(colorizer.params)
    return replace(
        photograph, name=result.output.name, result=result.output, mask=result.mask, error="", width_px=result.width,
        height_px=result.height, seconds=round(result.seconds, 2), glare_share=result.glare_share,
        abstained=result.abstained, masks=unused, drawn=drawn.exists() and not unused, version=photograph.version + 1,
    )


def plain(text: str, folder: Path) -> str:
    """A message without the folders of this machine: of a path below `folder` only the name is left."""
    return re.sub(re.escape(str(folder)) + r"([\\/][\w-]+(?=[\\/]))*[\\/]?", "", text)


# -- the mask that a person draws -----------------------------------------------------------------------------------------


def draw(photograph: Photograph, strokes: bytes) -> None:
    """Put a person's strokes over the mask that was used last; the next `color` uses the result.

    Args:
        strokes: a PNG of the photograph's proportions and any size up to STROKES_PX: 128 is as it was, lighter is glare,
            darker is not.

    Raises:
        PhotoError: no such picture, or too large.
    """
    if photograph.mask is None:
        raise PhotoError(photograph.source, "there is no mask to draw on yet")
    path = photograph.folder / "strokes.png"
    path.write_bytes(strokes)
    try:
        if max(read_size(path)) > STROKES_PX:
            raise PhotoError(path, f"a drawing of at most {STROKES_PX} px was expected")
        drawn = read_photo(path).pixels
    finally:
        path.unlink()
    mask = read_photo(photograph.mask).pixels
    target = _drawing(photograph)
    target.parent.mkdir(exist_ok=True)
    write_photo(target, _combined(mask, to_eight(drawn)))


def forget_drawing(photograph: Photograph) -> None:
    """Back to the detector's mask."""
    _drawing(photograph).unlink(missing_ok=True)


def _drawing(photograph: Photograph) -> Path:
    return photograph.folder / "drawn" / f"{photograph.source.stem}.png"


def _combined(mask_hw: Pixels, strokes: Pixels) -> Pixels:
    """The mask with strokes over it, at the mask's size."""
    gray = strokes if strokes.ndim == 2 else strokes[..., 0]
    height, width = mask_hw.shape
    change = cv2.resize(gray, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.int16)
    more = np.rint((change - _UNTOUCHED) * (255 / (255 - _UNTOUCHED)))
    less = np.rint(change * (255 / _UNTOUCHED))
    changed = np.where(change > _UNTOUCHED, np.maximum(mask_hw, more), np.minimum(mask_hw, less))
    return np.asarray(np.clip(changed, 0, 255), np.uint8)


# -- what is shown and handed out -------------------------------------------------------------------------------------------


def picture(photograph: Photograph, kind: Kind, size: Size) -> Path:
    """A file that a browser can show, made when it is first asked for: JPEG, and PNG of the mask.

    Raises:
        PhotoError: there is none.
    """
    source = {"before": photograph.source, "after": photograph.result, "mask": photograph.mask}[kind]
    if source is None:
        raise PhotoError(photograph.source, "this picture has not been made")
    folder = photograph.folder / "view"
    target = folder / f"{kind}_{size}.{'png' if kind == 'mask' else 'jpg'}"
    if not target.exists():
        folder.mkdir(exist_ok=True)
        pixels = to_eight(read_photo(source).pixels)
        scale = LONGEST_PX[size] / max(pixels.shape[:2])
        if 0 < scale < 1:
            pixels = resize(pixels, (max(1, round(pixels.shape[0] * scale)), max(1, round(pixels.shape[1] * scale))))
        if kind == "mask":
            _write_tinted(target, pixels)
        else:
            write_photo(target, as_rgb(pixels))
    return target


def _write_tinted(path: Path, mask_hw: Pixels) -> None:
    """The mask as a transparent color: what is not damaged is not covered."""
    bgra = np.empty((*mask_hw.shape, 4), np.uint8)
    bgra[..., :3] = _GLARE_RGB[::-1]
    bgra[..., 3] = mask_hw
    cv2.imwrite(str(path), bgra, [cv2.IMWRITE_PNG_COMPRESSION, 3])


def zip_results(photographs: Iterable[Photograph], target: Path) -> Path:
    """All results in one zip, each as it was written; two of the same name are told apart by their number.

    Raises:
        PhotoError: there are none.
    """
    taken: set[str] = set()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as zipped:
        for one in photographs:
            if one.result is None:
                continue
            name = one.name
            if name.casefold() in taken:
                name = f"{one.result.stem}_{one.number}{one.result.suffix}"
            taken.add(name.casefold())
            zipped.write(one.result, name)
    if not taken:
        target.unlink()
        raise PhotoError(target, "nothing has been colored yet")
    return target

