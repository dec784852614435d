"""PREMIS 3 of a run: an event for each photograph, with the files it began and ended with, for preservation systems.

    python premis_events.py RESULTS > premis.xml

RESULTS is what `dancheong predict PHOTOGRAPHS -o RESULTS` wrote, with its manifest.csv. Failures are events, too.
"""

import argparse
import hashlib
import sys
from datetime import UTC, datetime
from pathlib import Path
from xml.etree.ElementTree import Element, ElementTree, SubElement, indent, register_namespace

from dancheong import __version__
from dancheong.prediction.manifest import Row, manifests_in, read_manifests

PREMIS = "http://www.loc.gov/premis/v3"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
AGENT = f"dancheong {__version__}"


def add(parent: Element, name: str, text: str = "") -> Element:
    """A PREMIS element below another."""
    element = SubElement(parent, f"{{{PREMIS}}}{name}")
    element.text = text or None
    return element


def identifier(parent: Element, what: str, kind: str, value: str) -> Element:
    """An identifier of an object, event or agent, or a link to one."""
    element = add(parent, f"{what}Identifier")
    add(element, f"{what}IdentifierType", kind)
    add(element, f"{what}IdentifierValue", value)
    return element


def add_file(root: Element, path: Path, name: str, sha256: str) -> None:
    """A file with its fixity."""
    entry = add(root, "object")
    entry.set(f"{{{XSI}}}type", "premis:file")
    identifier(entry, "object", "path", name)
    characteristics = add(entry, "objectCharacteristics")
    fixity = add(characteristics, "fixity")
    add(fixity, "messageDigestAlgorithm", "SHA-256")
    add(fixity, "messageDigest", sha256)
    add(characteristics, "size", str(path.stat().st_size))
    add(add(add(characteristics, "format"), "formatDesignation"), "formatName", path.suffix.lstrip(".").lower())


def add_event(root: Element, row: Row, when: float) -> None:
    """What became of a photograph."""
    entry = add(root, "event")
    identifier(entry, "event", "dancheong", f"{row.sha256 or row.file} {row.model}")
    add(entry, "eventType", "colorization")
    add(entry, "eventDateTime", datetime.fromtimestamp(when, UTC).isoformat(timespec="seconds"))
    detail = f"color guessed by a network; model and settings {row.model}; the lightness is the photograph's"
    add(add(entry, "eventDetailInformation"), "eventDetail", detail)
    outcome = add(entry, "eventOutcomeInformation")
    add(outcome, "eventOutcome", "failure" if row.status == "failed" else "success")
    if note := row.error or row.notes:
        add(add(outcome, "eventOutcomeDetail"), "eventOutcomeDetailNote", note)
    identifier(entry, "linkingAgent", "software", AGENT)
    for role, name in (("source", row.file), ("outcome", row.output)):
        if name and (role == "source" or row.status != "failed"):
            add(identifier(entry, "linkingObject", "path", name), "linkingObjectRole", role)


def premis(results: Path) -> Element:
    """The PREMIS of a run: objects, then events, then the agent.

    Raises:
        ValueError: no manifest of a run there.
    """
    paths = manifests_in(results)
    if not paths:
        raise ValueError(f"{results}: no manifest.csv there; `dancheong predict PHOTOGRAPHS -o {results}` writes one")
    rows = [row for row in read_manifests(paths) if row.status != "left out"]
    root = Element(f"{{{PREMIS}}}premis", {"version": "3.0"})
    for row in rows:
        if row.sha256 and Path(row.file).exists():
            add_file(root, Path(row.file), row.file, row.sha256)
        if row.status != "failed" and (result := results / row.output).exists():
            add_file(root, result, row.output, hashlib.sha256(result.read_bytes()).hexdigest())
    for row in rows:
        result = results / row.output
        made = result if row.status != "failed" and result.exists() else paths[-1]
        add_event(root, row, made.stat().st_mtime)
    agent = add(root, "agent")
    identifier(agent, "agent", "software", AGENT)
    add(agent, "agentName", "dancheong")
    add(agent, "agentType", "software")
    add(agent, "agentVersion", __version__)
    return root


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(description="PREMIS 3 events of a run.")
    parser.add_argument("results", type=Path)
    register_namespace("premis", PREMIS)
    register_namespace("xsi", XSI)
    try:
        root = premis(parser.parse_args().results)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    indent(root)
    ElementTree(root).write(sys.stdout.buffer, encoding="utf-8", xml_declaration=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
