"""Links, anchors and markup hold where the repository shows the pages; `mkdocs build --strict` sees to the site's view."""

import re
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "integrations").rglob("*.md")])


def text_of(page):
    """A page without what stands in code."""
    text = re.sub(r"^( *)(```+).*?^\1\2 *$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"(`+).*?\1", lambda code: re.sub(r"[][()#{}]", "", code[0]), text)


def anchors(page):
    """The anchors of a page's headings as repositories name them: github.com's rule, written down here once more."""
    found = []
    for heading in re.findall(r"^#+ +(.*?) *#*$", text_of(page), re.MULTILINE):
        words = re.sub(r"!?\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()
        slug = "".join("-" if sign == " " else sign for sign in words if sign.isalnum() or sign in " -_")
        found.append(f"{slug}-{found.count(slug)}" if slug in found else slug)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_and_anchors_hold_in_the_repository(page):
    for link in re.findall(r"\]\(([^()\s]+)\)|(?:href|src)=\"([^\"]+)\"", text_of(page)):
        address, _, anchor = unquote("".join(link)).partition("#")
        if re.match(r"[a-z]+:", address):
            continue
        target = (page.parent / address).resolve() if address else page
        assert target.exists(), (page.name, address)
        assert target.is_relative_to(ROOT), address
        if anchor:
            assert anchor in anchors(target), (page.name, address, anchor)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_no_markup_that_only_the_site_understands(page):
    assert re.findall(r"\{ ?[.#:][^}]*\}|^(?:!!!|\?\?\?).*", text_of(page), re.MULTILINE) == []
