"""Pictures of a visit's photographs for the browser, and its downloads. Each is made at the first request and kept."""

import threading
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from dancheong.app.web.problems import Refused
from dancheong.app.web.visits import Photograph, Stroke, Tone, Visit, Visits
from dancheong.imaging.color import as_rgb, decode, linear_to_srgb, luminance, to_pixels
from dancheong.imaging.files import read_photo, write_photo
from dancheong.imaging.profiles import to_eight
from dancheong.imaging.resize import fit_size, resize
from dancheong.imaging.tiling import map_strips
from dancheong.prediction.names import COLORED
from dancheong.system.whole_file import whole_file

# Longer side of a picture in the list and in the viewer.
LONGEST_PX = {"small": 320, "view": 1600}
TILE_PX = 512
PAIR_PX = 4000  # longer side of each half of the picture before | after
Kind = Literal["before", "after", "mask"]
Size = Literal["small", "view"]
Pixels = NDArray[Any]

_GLARE_RGB = (214, 158, 66)
_STRIP_PX = 256
# A photograph is always made into pictures under the same lock, and never more than two at a time, because each is in memory.
_LOCKS = (threading.Lock(), threading.Lock())


def picture(visits: Visits, visit: Visit, photograph: Photograph, kind: Kind, size: Size) -> Path:
    """A photograph (JPEG) or its mask (PNG, clear where nothing is damaged) at a size for the browser."""
    def make(folder: Path) -> None:
        pixels = _read(visits, visit, photograph, kind)
        small = resize(pixels, fit_size(pixels.shape[0], pixels.shape[1], LONGEST_PX[size]))
        _write(folder / f"{size}.{_suffix(kind)}", small, kind)

    path = _folder(visits, visit, photograph, kind) / f"{size}.{_suffix(kind)}"
    with _lock(visit, photograph):
        return _made(path, make)


def tile(
    visits: Visits, visit: Visit, photograph: Photograph, kind: Kind, level: int, column: int, row: int
) -> Path:
    """A square of TILE_PX of a photograph whose sides are divided by 2^level. All tiles of a level are made at once."""
    def make(folder: Path) -> None:
        pixels = _read(visits, visit, photograph, kind)
        for _ in range(level):
            height, width = pixels.shape[:2]
            pixels = cv2.resize(pixels, (-(-width // 2), -(-height // 2)), interpolation=cv2.INTER_AREA)
        for y in range(0, pixels.shape[0], TILE_PX):
            for x in range(0, pixels.shape[1], TILE_PX):
                part = np.ascontiguousarray(pixels[y : y + TILE_PX, x : x + TILE_PX])
                _write(folder / f"{x // TILE_PX}_{y // TILE_PX}.{_suffix(kind)}", part, kind)

    folder = _folder(visits, visit, photograph, kind) / str(level)
    with _lock(visit, photograph):
        if not (folder / "all").exists():
            folder.mkdir(parents=True, exist_ok=True)
            make(folder)
            (folder / "all").touch()
    path = folder / f"{column}_{row}.{_suffix(kind)}"
    if not path.exists():
        raise Refused(404, "gone")
    return path


def pair(visits: Visits, visit: Visit, photograph: Photograph) -> Path:
    """Before and after side by side, as JPEG."""
    def make(folder: Path) -> None:
        after = to_eight(as_rgb(read_photo(result_file(visits, visit, photograph)).pixels))
        size = fit_size(after.shape[0], after.shape[1], min(PAIR_PX, max(after.shape[:2])))
        before = as_rgb(_read(visits, visit, photograph, "before"))
        write_photo(folder / path.name, np.concatenate([resize(before, size), resize(after, size)], axis=1))

    path = _folder(visits, visit, photograph, "after") / f"pair{_tone_name(photograph.tone)}.jpg"
    return _made(path, make)


def result_file(visits: Visits, visit: Visit, photograph: Photograph) -> Path:
    """The result at full size, in the format and depth it came in, with the photograph's tone applied."""
    result = visits.path(visit, photograph, "result")
    if result is None:
        raise Refused(404, "no_result")
    if photograph.tone == Tone():
        return result

    def make(folder: Path) -> None:
        photo = read_photo(result)
        write_photo(folder / path.name, toned(photo.pixels, photograph.tone), photo)

    path = _folder(visits, visit, photograph, "after") / f"toned{_tone_name(photograph.tone)}{result.suffix}"
    return _made(path, make)


def result_name(photograph: Photograph, ending: str = "") -> str:
    """The name of a download: never that of the original."""
    name = Path(photograph.name)
    return f"{name.stem}{COLORED}{ending or Path(photograph.result).suffix}"


def zip_results(visits: Visits, visit: Visit, photographs: Iterable[Photograph], target: Path) -> None:
    """All results in one zip; of two with one name the second gets its number. Raises Refused where there is none."""
    taken: set[str] = set()
    with whole_file(target) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as zipped:
        for photograph in photographs:
            name = result_name(photograph)
            if name.casefold() in taken:
                name = f"{Path(name).stem}_{photograph.number}{Path(name).suffix}"
            taken.add(name.casefold())
            zipped.write(result_file(visits, visit, photograph), name)
        if not taken:
            raise Refused(404, "no_result")


# -- tone -----------------------------------------------------------------------------------------------------------------


def tone_matrix(tone: Tone) -> NDArray[np.float32]:
    """The 3 x 3 matrix of a tone on linear RGB; it keeps the luminance of every color. The page applies the same one."""
    share = luminance(np.eye(3, dtype=np.float32)[None])
    strength = tone.strength * np.eye(3) + (1 - tone.strength) * np.ones((3, 1)) @ share
    gains = np.diag([1 + 0.25 * tone.warmth, 1.0, 1 - 0.25 * tone.warmth])
    warmth = gains + np.ones((3, 1)) @ (share - share @ gains)
    return np.asarray(warmth @ strength, np.float32)


def toned(pixels: Pixels, tone: Tone) -> Pixels:
    """A photograph (h, w) or (h, w, 3), uint8 or uint16, with a tone: RGB of the same type."""
    matrix = tone_matrix(tone)

    def apply(rows: Pixels) -> Pixels:
        linear = cv2.transform(decode(rows), matrix)
        return to_pixels(linear_to_srgb(np.clip(linear, 0, 1)), pixels.dtype)

    return map_strips(apply, as_rgb(pixels), _STRIP_PX)


def _tone_name(tone: Tone) -> str:
    return "" if tone == Tone() else f"_{tone.strength:.3f}_{tone.warmth:.3f}"


# -- masks ----------------------------------------------------------------------------------------------------------------


def draw_mask(found_hw: Pixels, strokes: Iterable[Stroke]) -> Pixels:
    """A mask (h, w) uint8 with a person's strokes over it, the later over the earlier."""
    mask = found_hw.copy()
    height, width = mask.shape
    for stroke in strokes:
        points = np.array([(x * width - 0.5, y * height - 0.5) for x, y in stroke.points])
        thickness = max(1, round(2 * stroke.radius * max(width, height)))
        # With four binary places, so that a line is where it was drawn.
        line = np.rint((points if len(points) > 1 else np.repeat(points, 2, axis=0)) * 16).astype(np.int32)
        cv2.polylines(mask, [line], False, 255 if stroke.glare else 0, thickness, cv2.LINE_AA, 4)
    return mask


# -- files ----------------------------------------------------------------------------------------------------------------


def _folder(visits: Visits, visit: Visit, photograph: Photograph, kind: Kind) -> Path:
    """Where the pictures of one coloring are kept; those of the original outlive it."""
    folder = visits.folder(visit, photograph.number) / "view"
    return folder / ("before" if kind == "before" else f"{kind}{photograph.version}")


def _made(path: Path, make: Callable[[Path], None]) -> Path:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        make(path.parent)
    return path


def _lock(visit: Visit, photograph: Photograph) -> threading.Lock:
    return _LOCKS[hash((visit.key, photograph.number)) % len(_LOCKS)]


def _read(visits: Visits, visit: Visit, photograph: Photograph, kind: Kind) -> Pixels:
    names: dict[Kind, Literal["source", "result", "mask"]] = {"before": "source", "after": "result", "mask": "mask"}
    path = visits.path(visit, photograph, names[kind])
    if path is None or not path.exists():
        raise Refused(404, "gone")
    return to_eight(read_photo(path).pixels)


def _suffix(kind: Kind) -> str:
    return "png" if kind == "mask" else "jpg"


def _write(path: Path, pixels: Pixels, kind: Kind) -> None:
    """Write as JPEG, or, a mask, as a color that is clear where nothing is damaged."""
    if kind != "mask":
        write_photo(path, as_rgb(pixels))
        return
    bgra = np.empty((*pixels.shape, 4), np.uint8)
    bgra[..., :3] = _GLARE_RGB[::-1]
    bgra[..., 3] = pixels
    with whole_file(path) as temporary:
        temporary.write_bytes(cv2.imencode(".png", bgra, [cv2.IMWRITE_PNG_COMPRESSION, 3])[1].tobytes())
