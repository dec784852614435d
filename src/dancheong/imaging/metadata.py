"""What travels with a photograph: EXIF, IPTC, XMP, comments, texts, resolution (`containers.py` reads, `encode.py` writes).

Values are copied as bytes. What describes something that the result does not have is taken out and told.
"""

import io
import struct
from dataclasses import dataclass, field

from dancheong.imaging.tiff import (
    DAMAGED,
    EXIF,
    INTEROPERABILITY,
    Directory,
    Tree,
    Value,
    directories,
    laid_out,
)
from dancheong.imaging.xmp import XmpError, check_packet, orientation_and_gone

MAX_IPTC_BYTES = 1 << 20
IPTC_RESOURCE = 0x0404  # of the image resources of Photoshop
XMP_SEGMENT, RESOURCES_SEGMENT = b"http://ns.adobe.com/xap/1.0/\0", b"Photoshop 3.0\0"
PNG_XMP, EXIF_PREFIX = b"XML:com.adobe.xmp", b"Exif\0\0"
ORIENTATION, XMP_TAG, IPTC_TAG, ICC_TAG, RESOURCES_TAG = 274, 700, 33723, 34675, 34377
RESOLUTION_TAGS = _X, _Y, _UNIT = 282, 283, 296
COLOR_SPACE, _INTEROPERABILITY_INDEX = 0xA001, 1
# Of a first directory, the tags that tell how the pixels of its file are stored.
LAYOUT_TAGS = frozenset((
    254, 255, *range(256, 260), 262, 263, 264, 265, 266, 273, ORIENTATION, *range(277, 282), 284, 290, 291, 292, 293, 297, 301,
    *range(317, 326), 330, 332, 333, 334, 336, *range(338, 348), *range(512, 522), *range(529, 533), XMP_TAG, 33421, 33422,
    IPTC_TAG, RESOURCES_TAG, ICC_TAG, 37724, 50341, *range(50706, 51200), 52545,
))  # fmt: skip


@dataclass(kw_only=True)
class Metadata:
    """What of a file travels on, beside its pixels.

    Attributes:
        icc: the color profile it carried.
        exif: its EXIF with the "Exif" prefix, without the orientation and the thumbnail.
        xmp: its XMP packet.
        iptc: its IPTC data sets (IIM).
        comments: of a JPEG, as bytes, because nothing says what their letters are coded in.
        texts: (keyword, text) of a PNG.
        dpi: its resolution (x, y); None where the file gives none.
        aspect: (x, y) of a resolution that has no unit.
    """

    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    comments: tuple[bytes, ...] = ()
    texts: tuple[tuple[str, str], ...] = ()
    dpi: tuple[float, float] | None = None
    aspect: tuple[float, float] | None = None


@dataclass(kw_only=True)
class Found(Metadata):
    """What a file says beside its pixels.

    Attributes:
        orientation: how the pixels are turned, 1 to 8.
        frames: pictures in the file, of which one is read.
        frame: of a JPEG, marker and bits of its frame.
        adobe: the pixels are Adobe RGB, as the EXIF says (DCF 2.0).
        color: gAMA, cHRM of a PNG, where nothing better tells of its colors.
        nclx: of an AVIF or HEIF, numbers of its primaries and its transfer.
        extra: of an AVIF or HEIF, 1 where the color is multiplied by the transparency, else 2.
        is_part: of a GIF, its first picture does not cover all of it.
        notes: what was left out.
    """

    orientation: int = 1
    frames: int = 1
    frame: tuple[int, int] = (0xC0, 8)
    adobe: bool = False
    color: dict[bytes, tuple[int, ...]] = field(default_factory=dict)
    nclx: tuple[int, int] = (1, 13)
    extra: int = 2
    is_part: bool = False
    notes: list[str] = field(default_factory=list)

    def note(self, words: str) -> None:
        """Tell something once."""
        if words not in self.notes:
            self.notes.append(words)

    def set_resolution(self, per_inch: float, x: float, y: float) -> None:
        """`per_inch`: dots per inch of a number of 1; 0 where the numbers have no unit. Numbers of 0 say nothing."""
        if not (x > 0 and y > 0):
            return
        if per_inch and max(x, y) * per_inch < 1e6:
            self.dpi = (x * per_inch, y * per_inch)
        elif not per_inch and x != y:
            self.aspect = (float(x), float(y))

    def settle(self) -> "Found":
        """Check what was found, and read from the EXIF what the pixels need."""
        if self.exif is not None:
            try:
                self._settle_exif(directories(io.BytesIO(self.exif.removeprefix(EXIF_PREFIX)))[0])
            except (*DAMAGED, RecursionError):
                self.exif = None
                self.notes.append("its EXIF is damaged and was left out")
        if self.iptc is not None and (not self.iptc.startswith(b"\x1c") or len(self.iptc) > MAX_IPTC_BYTES):
            self.notes.append("its IPTC data are damaged and were left out")
            self.iptc = None
        try:
            self.xmp = check_packet(self.xmp) if self.xmp else None
            said, gone = orientation_and_gone(self.xmp) if self.xmp else (1, [])
            if said not in (1, self.orientation):
                self.note(f"the orientation in its XMP ({said}) was not applied: check that the picture stands upright")
            if gone:
                self.notes.append(f"what it holds beside the picture was left out, and its XMP on it: {', '.join(gone)}")
        except XmpError as error:
            self.notes.append(f"its XMP was left out: {error}")
            self.xmp = None
        return self

    def _settle_exif(self, directory: Directory) -> None:
        """Take the orientation, the thumbnail and the words on the file out; learn what nothing else said."""
        if self.orientation == 1:
            self.orientation = directory.number(ORIENTATION, 1)
        if self.dpi is None and self.aspect is None:
            self.find_resolution(directory)
        tree = directory.tree(directory.order, LAYOUT_TAGS)
        details = below(tree, EXIF)
        index, space = below(details, INTEROPERABILITY).get(_INTEROPERABILITY_INDEX), details.get(COLOR_SPACE)
        is_plain = not isinstance(space, Value) or space.data.strip(b"\0") == b"\xff\xff"
        self.adobe = isinstance(index, Value) and index.data.startswith(b"R03") and is_plain
        self.exif = exif_of(directory.order, tree)

    def find_resolution(self, directory: Directory) -> None:
        """The resolution by the tags of TIFF."""
        if directory.numbers(_X) and directory.numbers(_Y):
            scale = {1: 0.0, 3: 2.54}.get(directory.number(_UNIT, 2), 1.0)
            self.set_resolution(scale, directory.numbers(_X)[0], directory.numbers(_Y)[0])


def exif_tree(exif: bytes, order: str = "") -> tuple[str, Tree]:
    """Byte order and tags of EXIF (from `Found.settle`), in `order` where one is asked for."""
    directory = directories(io.BytesIO(exif.removeprefix(EXIF_PREFIX)))[0]
    return order or directory.order, directory.tree(order or directory.order, LAYOUT_TAGS)


def exif_of(order: str, tree: Tree) -> bytes | None:
    """EXIF of some tags; None of none."""
    head = struct.pack(order + "2sHI", b"II" if order == "<" else b"MM", 42, 8)
    return EXIF_PREFIX + head + laid_out(order, tree, 8) if tree else None


def below(tree: Tree, tag: int) -> Tree:
    """The directory that hangs on a tag, empty where none does."""
    held = tree.get(tag)
    return held if isinstance(held, dict) else {}
