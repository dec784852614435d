"""Which photographs the colorizer that comes along may learn from, and the credits of those that it did."""

import csv
import html
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

# The licenses that allow weights under Apache-2.0, exactly as the table spells them. Any other word is no license here.
LICENSES = {
    "CC0": "https://creativecommons.org/publicdomain/zero/1.0/",
    "Public domain": "https://creativecommons.org/publicdomain/mark/1.0/",
    "CC BY 2.0": "https://creativecommons.org/licenses/by/2.0/",
    "CC BY 2.5": "https://creativecommons.org/licenses/by/2.5/",
    "CC BY 3.0": "https://creativecommons.org/licenses/by/3.0/",
    "CC BY 4.0": "https://creativecommons.org/licenses/by/4.0/",
}
COLUMNS = ("file", "source", "path", "author", "licence", "licence_evidence", "kind", "source_url")
_NOBODY = {"", "unknown", "not named", "see git history"}
_WIKI = "https://commons.wikimedia.org/wiki/"


@dataclass(frozen=True)
class Credit:
    """A photograph that may be learned from. `file` is its path beside the table; `address` says where it can be found."""

    file: str
    title: str
    author: str
    license: str
    address: str
    kind: str


def choose(table: Path) -> tuple[list[Credit], Counter[str]]:
    """The photographs of a table that may be learned from, and how many were left out for which reason.

    Raises:
        ValueError: a column is missing, or a photograph that may be learned from is not there.
    """
    with table.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        if missing := [name for name in COLUMNS if name not in (reader.fieldnames or ())]:
            raise ValueError(f"{table}: the columns {', '.join(missing)} are missing")
        rows = list(reader)
    chosen, left_out = [], Counter[str]()
    for number, row in enumerate(rows, 2):
        if reason := why_not(row):
            left_out[reason] += 1
            continue
        if not (table.parent / row["file"]).is_file():
            raise ValueError(f"{table}, line {number}: {row['file']} is not there")
        chosen.append(credit_of(row))
    return chosen, left_out


def why_not(row: dict[str, str]) -> str:
    """Why a photograph is not learned from; empty where it is."""
    license_name = row["licence"].strip()
    if license_name not in LICENSES:
        return f"license {license_name or 'not given'}"
    if not row["licence_evidence"].strip():
        return "no evidence of its license"
    if license_name.startswith("CC BY") and _author(row["author"]).lower() in _NOBODY:
        return f"{license_name} without an author to name"
    return ""


def credit_of(row: dict[str, str]) -> Credit:
    """The credit of a row that `why_not` does not object to."""
    address = _address(row)
    name = unquote(address.rsplit("/", 1)[-1]) if address.startswith(_WIKI) else Path(row["path"]).name
    title = re.sub(r"^File:", "", name).replace("_", " ").strip()
    return Credit(row["file"], title, _author(row["author"]), row["licence"].strip(), address, row["kind"].strip())


def credits_page(chosen: Sequence[Credit]) -> str:
    """The credits as Markdown, one line a photograph, by license."""
    lines = [
        "# Credits of the colorizer that comes along", "",
        f"It learned from {len(chosen)} photographs, made smaller and gray. None of them is part of this program. For each:",
        "title or file, author or number, address. For the weights of its encoder see NOTICE.",
    ]
    for name, address in LICENSES.items():
        of_this = sorted((one for one in chosen if one.license == name), key=lambda one: (one.author.lower(), one.title))
        if of_this:
            lines += ["", f"## {name}", "", f"<{address}>, {len(of_this)} photographs.", ""]
            lines += [f"- {_escaped(one.title)}, {_escaped(one.author)}, {_linked(one.address)}" for one in of_this]
    return "\n".join(lines) + "\n"


def _author(text: str) -> str:
    return " ".join(html.unescape(text).split())


def _address(row: dict[str, str]) -> str:
    """Where the photograph can be found: its page, else its file in the repository that it came from."""
    url = row["source_url"].strip()
    if url.startswith("File:"):
        return _WIKI + quote(url.replace(" ", "_"), safe=":()!,'")
    if url:
        return url
    source, path = row["source"].strip(), row["path"].strip()
    commit = re.match(rf"{re.escape(source)}@([0-9a-f]{{7,40}}):", row["licence_evidence"])
    return f"https://github.com/{source}/blob/{commit[1]}/{quote(path)}" if commit else f"{source} ({path})"


def _linked(address: str) -> str:
    return f"<{address}>" if address.startswith(("http://", "https://")) else _escaped(address)


def _escaped(text: str) -> str:
    """A text that Markdown shows as it is."""
    return re.sub(r"([\\`*_\[\]<>|#~])", r"\\\1", text)
