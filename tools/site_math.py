"""Equations of the site as MathML, which browsers show without a script: a hook of mkdocs for what arithmatex has marked."""

import re
from html import unescape
from typing import Any

from latex2mathml.converter import convert

_MARKED = re.compile(r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.DOTALL)


def on_page_content(html: str, **_: Any) -> str:
    """Replace each equation of a page."""
    return _MARKED.sub(_equation, html)


def _equation(match: re.Match[str]) -> str:
    display = "block" if match[2] == "[" else "inline"
    # The converter shows the backslash of an escaped underscore.
    equation = unescape(match[3]).strip().replace(r"\_", "_")
    return convert(equation, display=display)
