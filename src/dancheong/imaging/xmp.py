"""XMP packets: a photograph's own kept, with what no longer holds taken out and where its color came from put in.

ISO 16684-1 (XMP), IPTC Photo Metadata Standard 2025.1 (digital source type, AI system). A packet comes from a stranger: one
with a document type, which is where XML keeps its entities, is refused before it is parsed into a tree.
"""

from dataclasses import dataclass
from functools import lru_cache
from xml.dom import minidom
from xml.parsers import expat

from dancheong import __version__

MAX_PACKET_BYTES = 4 << 20
_MAX_DEPTH, _MAX_ELEMENTS = 64, 50_000

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_XMP = "http://ns.adobe.com/xap/1.0/"
_IPTC_EXTENSION = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
_OWN = "urn:dancheong:provenance#"
SOFTWARE = {"name": "dancheong", "version": __version__}
SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
# What describes the pixels as they were stored, not the picture. The orientation is applied, the rest is the writer's.
_OF_THE_FILE = {
    "http://ns.adobe.com/tiff/1.0/": {
        "ImageWidth", "ImageLength", "BitsPerSample", "Compression", "PhotometricInterpretation", "Orientation",
        "SamplesPerPixel", "PlanarConfiguration", "YCbCrSubSampling", "YCbCrPositioning", "NativeDigest",
    },
    "http://ns.adobe.com/exif/1.0/": {"ColorSpace", "PixelXDimension", "PixelYDimension", "NativeDigest"},
    "http://ns.adobe.com/photoshop/1.0/": {"ColorMode", "ICCProfile"},
    "http://ns.adobe.com/xmp/note/": {"HasExtendedXMP"}, _XMP: {"Thumbnails"},
    "http://purl.org/dc/elements/1.1/": {"format"},
}
# Properties of things that the result does not have: a picture that moves, a gain map, a depth map, a thumbnail.
_OF_WHAT_IS_GONE = {
    "http://ns.google.com/photos/1.0/camera/": "motion photo",
    "http://ns.google.com/photos/1.0/container/": "pictures behind it",
    "http://ns.google.com/photos/1.0/depthmap/": "depth map", "http://ns.google.com/photos/1.0/image/": "second picture",
    "http://ns.google.com/photos/1.0/audio/": "sound", "http://ns.google.com/photos/dd/1.0/device/": "depth map",
    "http://ns.adobe.com/hdr-gain-map/1.0/": "gain map", "http://ns.apple.com/HDRGainMap/1.0/": "gain map",
    "http://ns.apple.com/pixeldatainfo/1.0/": "gain map",
}
_EMPTY = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{_RDF}"/></x:xmpmeta>'


class XmpError(ValueError):
    """Why a packet is not used, in words."""


@dataclass(frozen=True)
class Provenance:
    """Where the colors of a picture came from; written into the file.

    Attributes:
        model: digest of the model file, None where no model was used.
        params: digest of the parameters that were in force, if known.
        source_type: IPTC digital source type. "compositeWithTrainedAlgorithmicMedia" (the default): the lightness is the
            photograph's, the color comes from a trained network, which may be wrong; "composite": the color comes from a
            picture of which it is not known how it was made; "algorithmicallyEnhanced" ("without changing the main
            content") for corrections such as those of light reflection; "" for what is no photograph, such as a mask.
        original: sha256 of the file that the picture was made of.
        color: sha256 of the file that the color was taken from, made by software that nobody knows; None without one.
        hints: sha256 of the file in which a person said what colors are where; None where there is none.
        invented: share of the picture that was filled where light had left nothing, such as "0.12%"; None where none was.
    """

    model: str | None = None
    params: str | None = None
    source_type: str = "compositeWithTrainedAlgorithmicMedia"
    original: str | None = None
    color: str | None = None
    hints: str | None = None
    invented: str | None = None


def check_packet(packet: bytes) -> bytes:
    """The packet without the padding around it, if it is one that can be kept.

    Raises:
        XmpError: damaged, too large, or with a document type.
    """
    if packet[:2] in (b"\xff\xfe", b"\xfe\xff"):
        packet = packet.decode("utf-16", "replace").encode()
    packet = packet.strip(b"\0 \t\r\n")
    if len(packet) > MAX_PACKET_BYTES:
        raise XmpError(f"it has more than {MAX_PACKET_BYTES >> 20} MB")
    depth = elements = 0

    def begin(*_: object) -> None:
        nonlocal depth, elements
        depth, elements = depth + 1, elements + 1
        if depth > _MAX_DEPTH or elements > _MAX_ELEMENTS:
            raise XmpError("it is too deep or too long")

    def end(*_: object) -> None:
        nonlocal depth
        depth -= 1

    def refuse(*_: object) -> None:
        raise XmpError("it declares a document type")

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartDoctypeDeclHandler, parser.StartElementHandler, parser.EndElementHandler = refuse, begin, end
    try:
        parser.Parse(packet, True)
        if _rdf_of(minidom.parseString(packet)) is None:
            raise XmpError("it holds no description")
    except expat.ExpatError as error:
        raise XmpError(f"it is damaged ({error})") from error
    except (UnicodeError, LookupError, AttributeError, KeyError) as error:  # minidom on an encoding or names it cannot take
        raise XmpError(f"it cannot be read ({type(error).__name__})") from error
    return packet


@lru_cache(maxsize=4)  # most photographs of a folder have none, or the same
def updated(packet: bytes | None, provenance: Provenance | None) -> bytes | None:
    """A packet for the file that is written: `packet` (from `check_packet`) without what described the old file, and with
    the provenance. None where there is nothing to say.

    The rest stays as it was. Of the software that made the photograph (xmp:CreatorTool) nothing is taken away; its digital
    source type, which no longer holds, moves to a property of ours.
    """
    if packet is None and provenance is None:
        return None
    document = minidom.parseString(packet or _EMPTY)
    rdf = _checked_rdf(document)
    for namespace, names in _OF_THE_FILE.items():
        _take(rdf, namespace, *names)
    for namespace in _OF_WHAT_IS_GONE:
        _take(rdf, namespace)
    if provenance is not None:
        _describe(document, rdf, provenance)
    root = document.documentElement
    assert root is not None
    head = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
    return f'{head}{root.toxml()}\n<?xpacket end="w"?>'.encode()


def provenance_of(packet: bytes | None) -> Provenance | None:
    """The provenance in a packet (from `check_packet`); None where none was put in."""
    # Most packets are strangers', and a tree of each would take time.
    if packet is None or _OWN.encode() not in packet:
        return None
    rdf = _checked_rdf(minidom.parseString(packet))
    if not _take(rdf, _OWN, "Software"):
        return None
    model, params = (_take(rdf, _OWN, name) or None for name in ("Model", "Parameters"))
    source_type = _take(rdf, _IPTC_EXTENSION, "DigitalSourceType").removeprefix(SOURCE_TYPES)
    more = (_take(rdf, _OWN, name) or None for name in ("Original", "Color", "Hints", "Invented"))
    return Provenance(model, params, source_type, *more)


def orientation_and_gone(packet: bytes) -> tuple[int, list[str]]:
    """What a packet (from `check_packet`) says of the orientation, 1 to 8 (1: nothing), and in words what no result has."""
    rdf = _checked_rdf(minidom.parseString(packet))
    words = [word for namespace, word in _OF_WHAT_IS_GONE.items() if _properties(rdf, namespace)]
    words += ["thumbnail"] if _properties(rdf, _XMP, "Thumbnails") else []
    said = _take(rdf, "http://ns.adobe.com/tiff/1.0/", "Orientation")
    return int(said) if said in set("12345678") else 1, list(dict.fromkeys(words))


def _describe(document: minidom.Document, rdf: minidom.Element, provenance: Provenance) -> None:
    described = _take(rdf, _IPTC_EXTENSION, "DigitalSourceType")
    before = _take(rdf, _OWN, "OriginalSourceType") or described
    _take(rdf, _OWN, "Software", "Model", "Parameters", "Original", "Color", "ColorSoftware", "Hints", "Invented")
    software = " ".join(SOFTWARE.values())
    version = provenance.model and f"{SOFTWARE['version']}, model {provenance.model}"
    tool = _take(rdf, _XMP, "CreatorTool") or software
    values = {
        ("xmp", _XMP, "CreatorTool"): tool,
        ("Iptc4xmpExt", _IPTC_EXTENSION, "DigitalSourceType"): provenance.source_type and SOURCE_TYPES + provenance.source_type,
        ("Iptc4xmpExt", _IPTC_EXTENSION, "AISystemUsed"): provenance.model and SOFTWARE["name"],
        ("Iptc4xmpExt", _IPTC_EXTENSION, "AISystemVersionUsed"): version,
        ("dancheong", _OWN, "Software"): software,
        ("dancheong", _OWN, "Model"): provenance.model,
        ("dancheong", _OWN, "Parameters"): provenance.params,
        ("dancheong", _OWN, "Original"): provenance.original,
        ("dancheong", _OWN, "Color"): provenance.color,
        ("dancheong", _OWN, "ColorSoftware"): provenance.color and "unknown",
        ("dancheong", _OWN, "Hints"): provenance.hints,
        ("dancheong", _OWN, "Invented"): provenance.invented,
        ("dancheong", _OWN, "OriginalSourceType"): before,
    }
    prefix = rdf.prefix or "rdf"
    description = document.createElementNS(_RDF, f"{prefix}:Description")
    description.setAttributeNS(_RDF, f"{prefix}:about", _about(rdf))
    # A packet may have bound these prefixes to something else: they are bound here again.
    description.setAttribute(f"xmlns:{prefix}", _RDF)
    for (short, namespace, name), value in values.items():
        if value:
            _take(rdf, namespace, name)
            description.setAttribute(f"xmlns:{short}", namespace)
            element = document.createElementNS(namespace, f"{short}:{name}")
            element.appendChild(document.createTextNode(value))
            description.appendChild(element)
    rdf.appendChild(description)


def _rdf_of(document: minidom.Document) -> minidom.Element | None:
    found = document.getElementsByTagNameNS(_RDF, "RDF")
    return found[0] if found else None


def _checked_rdf(document: minidom.Document) -> minidom.Element:
    rdf = _rdf_of(document)
    assert rdf is not None  # as check_packet saw
    return rdf


def _descriptions(rdf: minidom.Element) -> list[minidom.Element]:
    return [node for node in rdf.childNodes if isinstance(node, minidom.Element) and node.localName == "Description"]


def _about(rdf: minidom.Element) -> str:
    """What all descriptions of a packet are about; one about something else would be another resource."""
    for description in _descriptions(rdf):
        if description.hasAttributeNS(_RDF, "about"):
            return description.getAttributeNS(_RDF, "about")
    return ""


def _properties(rdf: minidom.Element, namespace: str, *names: str) -> list[tuple[minidom.Element, minidom.Node]]:
    """The properties of a namespace, by default all, written as an attribute or as an element; each with its description."""
    return [
        (one, node) for one in _descriptions(rdf) for node in (*one.attributes.values(), *one.childNodes)
        if node.namespaceURI == namespace and (not names or node.localName in names)
    ]


def _take(rdf: minidom.Element, namespace: str, *names: str) -> str:
    """Remove properties; the text of the first."""
    texts = []
    for description, node in _properties(rdf, namespace, *names):
        if isinstance(node, minidom.Attr):
            texts.append(node.value)
            description.removeAttributeNode(node)
        elif isinstance(node, minidom.Element):
            text = "".join(part.data for part in node.childNodes if isinstance(part, minidom.Text))
            texts.append(node.getAttributeNS(_RDF, "resource") or text)
            description.removeChild(node)
    return next(filter(None, texts), "").strip()
