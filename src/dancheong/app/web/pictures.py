"""Pictures of a visit's photographs for the browser, and its downloads. Each is made at the first request and kept."""

import shutil
import threading
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from dancheong.app.web.problems import Refused
from dancheong.app.web.visits import Photograph, Stroke, Tone
from dancheong.imaging.color import as_rgb, decode, linear_to_srgb, luminance, to_pixels
from dancheong.imaging.files import read_photo, write_photo
from dancheong.imaging.profiles import to_eight
from dancheong.imaging.resize import fit_size, resize, scaled_size
from dancheong.imaging.tiling import map_strips
from dancheong.imaging.vips import as_image
from dancheong.prediction.names import COLORED
from dancheong.system.whole_file import whole_file

# Longer side of a picture in the list and in the viewer.
LONGEST_PX = {"small": 320, "view": 1600}
TILE_PX = 512
PAIR_PX = 4000  # longer side of each half of the picture before | after
Kind = Literal["before", "after", "mask"]
Size = Literal["small", "view"]
Mark = Literal["", "en", "ko"]
Pixels = NDArray[Any]

_FILES: dict[Kind, Literal["source", "result", "mask"]] = {"before": "source", "after": "result", "mask": "mask"}
_SAVED: dict[Kind, str] = {
    "before": ".jpg[Q=95,subsample_mode=off,keep=none]", "after": ".jpg[Q=95,subsample_mode=off,keep=none]",
    "mask": ".png[compression=3,keep=none]",
}
_GLARE_RGB, _DOUBT_RGB = (214, 158, 66), (160, 32, 200)
_MARK_SHARE, _MARK_PX = 0.035, 14  # height of the mark: of the shorter side, at least in px
_STRIP_PX = 256
# A photograph is always made into pictures under the same lock, and never more than two at a time, because each is in memory.
_LOCKS = (threading.RLock(), threading.RLock())


def picture(photograph: Photograph, kind: Kind, size: Size) -> Path:
    """A photograph (JPEG) or its mask (PNG, clear where nothing is damaged) at a size for the browser."""
    def make(target: Path) -> None:
        pixels = _read(photograph, kind)
        small = resize(pixels, fit_size(pixels.shape[0], pixels.shape[1], LONGEST_PX[size]))
        _image(small, kind).write_to_file(str(target.with_suffix(_SAVED[kind])))

    return _made(photograph, kind, f"{size}{_suffix(kind)}", make)


def tile(photograph: Photograph, kind: Kind, level: int, column: int, row: int) -> Path:
    """A square of TILE_PX of a photograph whose sides are divided by 2^level. The tiles of all levels are made at once."""
    def make(target: Path) -> None:
        image = _image(_read(photograph, kind), kind)
        target.mkdir()
        image.dzsave(str(target / "all"), tile_size=TILE_PX, overlap=0, depth="onepixel", suffix=_SAVED[kind])

    tiles = _made(photograph, kind, "tiles", make) / "all_files"
    # They are numbered from the picture of one pixel on.
    path = tiles / f"{len(list(tiles.glob('[0-9]*'))) - 1 - level}" / f"{column}_{row}{_suffix(kind)}"
    if not path.exists():
        raise Refused(404, "gone")
    return path


def pair(photograph: Photograph, mark: Mark = "") -> Path:
    """Before and after side by side, as JPEG."""
    def make(target: Path) -> None:
        after = to_eight(as_rgb(read_photo(result_file(photograph, mark)).pixels))
        size = fit_size(after.shape[0], after.shape[1], min(PAIR_PX, max(after.shape[:2])))
        before = as_rgb(_read(photograph, "before"))
        write_photo(target, np.concatenate([resize(before, size), resize(after, size)], axis=1))

    return _made(photograph, "after", f"pair{_tone_name(photograph.tone)}{mark}.jpg", make)


def confidence(photograph: Photograph, confidence_hw: Pixels) -> Path:
    """Where the color is unsure, as PNG: the less sure (255 is sure), the less clear."""
    def make(target: Path) -> None:
        doubt_hw = np.interp(confidence_hw, (64, 191), (230, 0)).astype(np.uint8)
        _tinted(_DOUBT_RGB, doubt_hw).write_to_file(str(target.with_suffix(_SAVED["mask"])))

    return _made(photograph, "after", "confidence.png", make)


def result_file(photograph: Photograph, mark: Mark = "") -> Path:
    """The result at full size, in the format and depth it came in, with the photograph's tone, and a mark in a corner."""
    result = photograph.path("result")
    if photograph.tone == Tone() and not mark:
        return result

    def make(target: Path) -> None:
        photo = read_photo(result)
        pixels = photo.pixels if photograph.tone == Tone() else toned(photo.pixels, photograph.tone)
        write_photo(target, marked(pixels, mark) if mark else pixels, photo)

    return _made(photograph, "after", f"toned{_tone_name(photograph.tone)}{mark}{result.suffix}", make)


def result_name(photograph: Photograph, ending: str = "") -> str:
    """The name of a download: never that of the original."""
    return f"{Path(photograph.name).stem}{COLORED}{ending or Path(photograph.result).suffix}"


def zip_results(photographs: Iterable[Photograph], target: Path, mark: Mark = "") -> None:
    """All results in one zip, in their folders; of two with one name the second gets its number."""
    taken: set[str] = set()
    with whole_file(target) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as zipped:
        for photograph in photographs:
            name = PurePosixPath(photograph.name).with_name(result_name(photograph))
            if str(name).casefold() in taken:
                name = name.with_stem(f"{name.stem}_{photograph.number}")
            taken.add(str(name).casefold())
            zipped.write(result_file(photograph, mark), str(name))


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


def marked(pixels: Pixels, mark: Mark) -> Pixels:
    """A photograph (h, w, 3), uint8 or uint16, that says in its lower right corner that it was colorized."""
    result, full = as_rgb(pixels).copy(), np.iinfo(pixels.dtype).max
    height, width = result.shape[:2]
    words = read_photo(Path(__file__).with_name("page") / f"mark_{mark}.png").pixels.astype(np.float32) / 255
    high, wide = words.shape
    mark_px = min(max(_MARK_SHARE * min(height, width), _MARK_PX), height, width * high / wide)
    words = resize(words, scaled_size(high, wide, mark_px / high))
    corner = result[height - words.shape[0] :, width - words.shape[1] :]
    # White words on a dark ground that lets a third through.
    shown = corner * np.float32(0.35) + words[..., None] * (full - corner * np.float32(0.35))
    corner[:] = np.rint(shown).astype(pixels.dtype)
    return result


def _tone_name(tone: Tone) -> str:
    return "" if tone == Tone() else f"_{tone.strength:.3f}_{tone.warmth:.3f}"


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


def _made(photograph: Photograph, kind: Kind, name: str, make: Callable[[Path], None]) -> Path:
    """A picture of one coloring, made whole or not at all; those of the original outlive it."""
    folder = photograph.folder / "view" / ("before" if kind == "before" else f"{kind}{photograph.version}")
    path = folder / name
    with _LOCKS[hash(photograph.folder) % len(_LOCKS)]:
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            temporary = folder / f"new_{name}"
            shutil.rmtree(temporary, ignore_errors=True)
            make(temporary)
            temporary.replace(path)
    return path


def _suffix(kind: Kind) -> str:
    return _SAVED[kind].partition("[")[0]


def _read(photograph: Photograph, kind: Kind) -> Pixels:
    path = photograph.path(_FILES[kind])
    if not path.exists():
        raise Refused(404, "gone")
    return to_eight(read_photo(path).pixels)


def _image(pixels: Pixels, kind: Kind) -> Any:
    """An image of libvips; a mask as a color that is clear where nothing is damaged."""
    return _tinted(_GLARE_RGB, pixels) if kind == "mask" else as_image(pixels)


def _tinted(rgb: tuple[int, int, int], alpha_hw: Pixels) -> Any:
    image = as_image(alpha_hw)
    return image.new_from_image(rgb).copy(interpretation="srgb").bandjoin(image)
