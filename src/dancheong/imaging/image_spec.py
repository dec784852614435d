"""What the header of a photograph says of its size and kind."""

from dataclasses import dataclass
from pathlib import Path

from dancheong.imaging.header import read_header

_GRAY_MODES = ("1", "L", "LA", "La", "I", "F", "I;16", "I;16B", "I;16L", "I;16N")


@dataclass(frozen=True)
class ImageSpec:
    """What decides how much memory a photograph takes: its size, its kind, and what is written."""

    width_px: int
    height_px: int
    color: bool
    deep: bool
    """16 bits a sample; more and less count as what they are read as."""

    @property
    def pixels(self) -> int:
        """Number of pixels."""
        return self.width_px * self.height_px


def image_spec(path: Path) -> ImageSpec | None:
    """What a photograph's header says of it; None where that cannot be read, as reading will say why."""
    try:
        if not path.is_file():  # a pipe would block the reader
            return None
        with path.open("rb") as file:
            header = read_header(file)
    except Exception:  # damaged files raise about every kind there is
        return None
    # Pillow knows of a gray JPEG, and a palette may hold colors.
    color = not header.gray if header.image is None else header.image.mode not in _GRAY_MODES
    return ImageSpec(*header.size_px, color, header.bits > 8)
