"""Hooks of mkdocs: equations as MathML, which browsers show without a script, and a menu that forgets no page."""

import re
from html import unescape
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert

# What the extension arithmatex makes of $...$ and $$...$$.
_MARKED = re.compile(r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.DOTALL)


def on_config(config: Any) -> Any:
    """Add pages that the menu does not name, under a heading of their own."""
    docs = Path(config.docs_dir)
    named = set(_pages(config.nav))
    others = sorted(page for page in (file.relative_to(docs).as_posix() for file in docs.rglob("*.md")) if page not in named)
    if others:
        config.nav.append({"More": others})
    return config


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Let a search find the log of experiments last: it has many words about everything."""
    if page.file.src_uri == "log.md":
        page.meta["search"] = {"boost": 0.1}
    return markdown


def on_page_content(html: str, **_: Any) -> str:
    """Replace each equation of a page."""
    return _MARKED.sub(_equation, html)


def _pages(entry: Any) -> list[str]:
    """The pages of a part of the menu."""
    if isinstance(entry, str):
        return [entry]
    parts = entry.values() if isinstance(entry, dict) else entry
    return [page for part in parts for page in _pages(part)]


def _equation(match: re.Match[str]) -> str:
    display = "block" if match[2] == "[" else "inline"
    # The converter shows the backslash of an escaped underscore.
    equation = unescape(match[3]).strip().replace(r"\_", "_")
    return convert(equation, display=display)
