"""XMP packets: kept but for what described the old file, told where the color came from, and never a danger."""

from xml.etree import ElementTree as ET

import pytest

from dancheong import __version__
from dancheong.imaging.xmp import MAX_PACKET_BYTES, Provenance, XmpError, check_packet, updated

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
OWN, IPTC, XMP = "urn:dancheong:provenance#", "http://iptc.org/std/Iptc4xmpExt/2008-02-29/", "http://ns.adobe.com/xap/1.0/"
TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"

PACKET = f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><r:RDF xmlns:r="{RDF}">
 <r:Description r:about="uuid:1" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" xmlns:xap="{XMP}" xmlns:p="http://ns.adobe.com/photoshop/1.0/"
   tiff:Orientation="6" tiff:Make="Epson" xap:CreatorTool="SilverFast &amp; co" p:ColorMode="1"/>
 <r:Description r:about="uuid:1" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:ext="{IPTC}">
  <dc:title><r:Alt><r:li xml:lang="ko">근정전</r:li><r:li xml:lang="x-default">Hall &lt;1926&gt;</r:li></r:Alt></dc:title>
  <dc:format>image/tiff</dc:format>
  <ext:DigitalSourceType r:resource="{TYPES}negativeFilm"/>
 </r:Description>
</r:RDF></x:xmpmeta>
{" " * 2000}
<?xpacket end="w"?>""".encode()


def properties(packet: bytes) -> dict[str, list[str]]:
    """Every simple property by its full name, from attributes and elements."""
    found: dict[str, list[str]] = {}
    for description in ET.fromstring(packet).iter(f"{{{RDF}}}Description"):
        for name, value in description.attrib.items():
            found.setdefault(name, []).append(value)
        for child in description:
            found.setdefault(child.tag, []).append(child.get(f"{{{RDF}}}resource") or "".join(child.itertext()).strip())
    return found


def test_a_packet_keeps_all_but_what_described_the_old_file() -> None:
    packet = updated(check_packet(PACKET), None)
    assert packet is not None
    before, after = properties(PACKET), properties(packet)
    gone = {name.split("}")[1] for name in before.keys() - after.keys()}
    assert gone == {"Orientation", "ColorMode", "format"}
    assert all(after[name] == before[name] for name in after)
    assert '<r:li xml:lang="ko">근정전</r:li>' in packet.decode()
    assert packet.startswith('<?xpacket begin="\ufeff"'.encode())
    assert packet.endswith(b'<?xpacket end="w"?>')


def test_provenance_is_added_and_what_it_replaces_is_kept() -> None:
    packet = updated(check_packet(PACKET), Provenance("ab12", "cd34"))
    assert packet is not None
    found = properties(packet)
    assert found[f"{{{IPTC}}}DigitalSourceType"] == [TYPES + "compositeWithTrainedAlgorithmicMedia"]
    assert found[f"{{{OWN}}}OriginalSourceType"] == [TYPES + "negativeFilm"]
    assert found[f"{{{OWN}}}Model"] == ["ab12"]
    assert found[f"{{{OWN}}}Parameters"] == ["cd34"]
    assert found[f"{{{OWN}}}Software"] == [f"dancheong {__version__}"]
    assert found[f"{{{XMP}}}CreatorTool"] == ["SilverFast & co"]
    assert set(found[f"{{{RDF}}}about"]) == {"uuid:1"}


def test_a_photograph_without_a_packet_gets_one() -> None:
    packet = updated(None, Provenance(None, "cd34", "algorithmicallyEnhanced"))
    assert packet is not None
    found = properties(check_packet(packet))
    assert found[f"{{{XMP}}}CreatorTool"] == [f"dancheong {__version__}"]
    assert found[f"{{{IPTC}}}DigitalSourceType"] == [TYPES + "algorithmicallyEnhanced"]
    assert f"{{{OWN}}}Model" not in found
    assert updated(None, None) is None


def test_a_result_that_is_colored_again_says_so_once() -> None:
    once = updated(check_packet(PACKET), Provenance("first", "one"))
    twice = updated(check_packet(once or b""), Provenance("second", "two"))
    assert twice is not None
    found = properties(twice)
    assert found[f"{{{OWN}}}Model"] == ["second"]
    assert found[f"{{{OWN}}}OriginalSourceType"] == [TYPES + "negativeFilm"]
    assert len(found[f"{{{IPTC}}}DigitalSourceType"]) == 1


def test_prefixes_that_mean_something_else_do_not_mix() -> None:
    strange = f"""<a><rdf:RDF xmlns:rdf="{RDF}" xmlns:xmp="urn:other" xmlns:dancheong="urn:third"><rdf:Description rdf:about=""
      xmp:CreatorTool="not this" dancheong:Model="nor this"/></rdf:RDF></a>""".encode()
    packet = updated(check_packet(strange), Provenance("ab12"))
    assert packet is not None
    found = properties(packet)
    assert found["{urn:other}CreatorTool"] == ["not this"]
    assert found["{urn:third}Model"] == ["nor this"]
    assert found[f"{{{OWN}}}Model"] == ["ab12"]
    assert found[f"{{{XMP}}}CreatorTool"] == [f"dancheong {__version__}"]


def test_utf_16_is_read() -> None:
    packet = updated(check_packet(PACKET.decode().encode("utf-16")), None)
    assert packet is not None
    assert properties(packet) == properties(updated(check_packet(PACKET), None) or b"")


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        (f'<!DOCTYPE x [<!ENTITY l0 "ha">{LAUGHS}]><x>&l9;</x>'.encode(), "document type"),
        (b'<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/hostname">]><x>&f;</x>', "document type"),
        (b'<!DOCTYPE x SYSTEM "http://127.0.0.1/x.dtd"><x/>', "document type"),
        (b"<x>" * 70 + b"</x>" * 70, "too deep"),
        (b"<x>" + b"<y/>" * 60_000 + b"</x>", "too long"),
        (b"<x>" + b" " * MAX_PACKET_BYTES + b"</x>", "more than 4 MB"),
        (PACKET[:600], "damaged"),
        (b"\x00\xff", "damaged"),
        (b"", "damaged"),
        (b"<x/>", "holds no description"),
        (b'<?xml version="1.0" encoding="no-such"?><x/>', "damaged|cannot be read"),
    ],
)
def test_packets_that_are_a_danger_or_none_are_refused(packet: bytes, reason: str) -> None:
    with pytest.raises(XmpError, match=reason):
        check_packet(packet)
