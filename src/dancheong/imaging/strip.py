"""Metadata taken out on request, before a result is written: where a photograph was taken, or everything a person added."""

import re
from dataclasses import replace
from typing import Literal
from xml.dom import minidom

from dancheong.imaging.files import Photo
from dancheong.imaging.metadata import below, exif_of, exif_tree
from dancheong.imaging.tiff import DAMAGED, EXIF, GPS

Strip = Literal["gps", "all"]

_MAKER_NOTE = 0x927C
_PLACE = re.compile(r"gps|latitude|longitude|^lat$|^long?$", re.IGNORECASE)


def stripped(photo: Photo, what: Strip) -> Photo:
    """A photograph without what it says of its place ("gps"), or without all of EXIF, IPTC, XMP, comments and texts ("all").

    "gps" takes out coordinates, in EXIF, in XMP and among the texts of a PNG, and the maker's note, which may hold them where
    nobody can see. Names of places that a person wrote stay. The resolution stays, and what the result says of itself.
    """
    if what == "all":
        return replace(photo, exif=None, iptc=None, xmp=None, comments=(), texts=())
    return replace(
        photo, exif=photo.exif and _exif_without_place(photo.exif), xmp=photo.xmp and _xmp_without_place(photo.xmp),
        texts=tuple((keyword, text) for keyword, text in photo.texts if not _PLACE.search(keyword)),
    )


def _exif_without_place(exif: bytes) -> bytes | None:
    """EXIF without the entries for the place and the maker's note; None of damaged EXIF."""
    try:
        order, tree = exif_tree(exif)
    except DAMAGED:
        return None
    for directory in (tree, below(tree, EXIF)):
        for tag in (GPS, _MAKER_NOTE):
            directory.pop(tag, None)
    return exif_of(order, tree)


def _xmp_without_place(packet: bytes) -> bytes:
    document = minidom.parseString(packet)
    for element in document.getElementsByTagName("*"):
        for name in list(element.attributes.keys()):
            if _PLACE.search(name.rpartition(":")[2]) and not name.startswith("xmlns"):
                element.removeAttribute(name)
        if _PLACE.search(element.localName or "") and element.parentNode is not None:
            element.parentNode.removeChild(element)
    root = document.documentElement
    return b"" if root is None else root.toxml().encode()
