"""The photographs of a session: colored by `predict_files`, shown in the browser, downloaded."""

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
from dancheong.imaging.resize import fit_size, resize
from dancheong.prediction.colorizer import Colorizer
from dancheong.prediction.folder import FolderOptions, predict_files
from dancheong.prediction.plan import why_coloring_uses_no_mask

# Longer side of a picture in the row of photographs and in the viewer; 0: the photograph's own.
LONGEST_PX = {"small": 240, "view": 1600, "full": 0}
STROKES_PX = 4096  # longest side of a drawing that is accepted
Kind = Literal["before", "after", "mask"]
Size = Literal["small", "view", "full"]
Pixels = NDArray[Any]

_GLARE_RGB = (214, 158, 66)
_UNTOUCHED = 128  # a code of a drawing: lighter is glare, darker is none


@dataclass(frozen=True)
class Photograph:
    """One photograph of a session.

    `upload`: the file that was dropped. `version` counts how often it was colored. `masks_unused`: why no mask of light
    reflection is used; empty where one is. `drawn`: whether a person has changed the mask.
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
    masks_unused: str = ""
    drawn: bool = False
    version: int = 0

    @property
    def folder(self) -> Path:
        """The folder of all files of this photograph, which is removed with it."""
        return self.source.parent.parent


def color(colorizer: Colorizer, photograph: Photograph) -> Photograph:
    """Color one photograph in its folder; where it fails, `error` says why."""
    folder = photograph.folder
    drawn = _drawing(photograph)
    # WebP would lose detail of the result; all other formats stay.
    suffix = ".png" if photograph.source.suffix.lower() == ".webp" else None
    options = FolderOptions(
        overwrite=True, suffix=suffix, mask_dir=folder / "mask", drawn_masks=drawn.parent if drawn.exists() else None,
    )
    (result,) = predict_files(colorizer, [photograph.source], folder / "color", options)
    shutil.rmtree(folder / "view", ignore_errors=True)
    if result.status == "failed":
        return replace(photograph, error=without_folder(result.error or "", folder), version=photograph.version + 1)
    unused = why_coloring_uses_no_mask(colorizer.params)
    return replace(
        photograph, name=result.output.name, result=result.output, mask=result.mask, error="", width_px=result.width,
        height_px=result.height, seconds=round(result.seconds, 2), glare_share=result.glare_share,
        abstained=result.abstained, masks_unused=unused, drawn=drawn.exists() and not unused, version=photograph.version + 1,
    )


def without_folder(text: str, folder: Path) -> str:
    """A message without the folders of this machine: a path below `folder` becomes its name."""
    return re.sub(re.escape(str(folder)) + r"([\\/][\w-]+(?=[\\/]))*[\\/]?", "", text)


# -- the mask that a person draws -----------------------------------------------------------------------------------------


def draw(photograph: Photograph, strokes: bytes) -> None:
    """Put a person's strokes over the mask that was used last, for the next `color`.

    Args:
        strokes: a PNG of the photograph's proportions and any size up to STROKES_PX: 128 leaves the mask, lighter adds to
            it, darker takes from it.

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


# -- pictures for the browser -----------------------------------------------------------------------------------------------


def picture(photograph: Photograph, kind: Kind, size: Size) -> Path:
    """A file that a browser can show, made at the first request: JPEG, and PNG for the mask.

    Raises:
        PhotoError: there is no such picture.
    """
    source = {"before": photograph.source, "after": photograph.result, "mask": photograph.mask}[kind]
    if source is None:
        raise PhotoError(photograph.source, "this picture has not been made")
    folder = photograph.folder / "view"
    target = folder / f"{kind}_{size}.{'png' if kind == 'mask' else 'jpg'}"
    if not target.exists():
        folder.mkdir(exist_ok=True)
        pixels = to_eight(read_photo(source).pixels)
        if LONGEST_PX[size]:
            pixels = resize(pixels, fit_size(pixels.shape[0], pixels.shape[1], LONGEST_PX[size]))
        if kind == "mask":
            _write_tinted(target, pixels)
        else:
            write_photo(target, as_rgb(pixels))
    return target


def _write_tinted(path: Path, mask_hw: Pixels) -> None:
    """Write the mask as a color that is transparent where nothing is damaged."""
    bgra = np.empty((*mask_hw.shape, 4), np.uint8)
    bgra[..., :3] = _GLARE_RGB[::-1]
    bgra[..., 3] = mask_hw
    cv2.imwrite(str(path), bgra, [cv2.IMWRITE_PNG_COMPRESSION, 3])


def zip_results(photographs: Iterable[Photograph], target: Path) -> Path:
    """All results in one zip, each as it was written; of two with one name the second gets its number.

    Raises:
        PhotoError: there is no result.
    """
    taken: set[str] = set()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as zipped:
        for photograph in photographs:
            result = photograph.result
            if result is None:
                continue
            name = photograph.name
            if name.casefold() in taken:
                name = f"{result.stem}_{photograph.number}{result.suffix}"
            taken.add(name.casefold())
            zipped.write(result, name)
    if not taken:
        target.unlink()
        raise PhotoError(target, "nothing has been colored yet")
    return target

