"""The site builds without a warning, asks no other machine for anything, and shows its equations without a script."""

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Elements whose address a browser fetches by itself; a link is followed only by its reader.
LOADS = {"script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src", "audio": "src", "embed": "src",
         "object": "data", "input": "src"}
LINK_LOADS = {"stylesheet", "icon", "preload", "prefetch", "preconnect", "modulepreload", "manifest"}


class Loads(HTMLParser):
    """Collects what a page fetches."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        if tag in LOADS and values.get(LOADS[tag]):
            self.found.append(values[LOADS[tag]])
        if tag == "link" and LINK_LOADS & set((values.get("rel") or "").split()):
            self.found.append(values.get("href") or "")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder]
    # The theme's own notice about its future is no warning of ours.
    quiet = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=quiet, capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr + done.stdout
    return folder


def pages(site):
    return {page.relative_to(site).as_posix(): page.read_text("utf-8") for page in site.rglob("*.html")}


def test_every_page_of_the_documentation_is_built_and_in_the_menu(site):
    built = pages(site)
    menu = re.search(r'<nav class="md-nav md-nav--primary".*?</nav>\s*</div>', built["index.html"], re.DOTALL)[0]
    for page in (ROOT / "docs").rglob("*.md"):
        address = page.relative_to(ROOT / "docs").with_suffix(".html").as_posix()
        assert address in built
        # Once: under its own name, or under "More".
        assert menu.count(f'href="{address}"') == 1, address


def test_no_page_fetches_anything_from_elsewhere(site):
    for name, text in pages(site).items():
        loads = Loads()
        loads.feed(text)
        assert loads.found, name
        assert [address for address in loads.found if re.match(r"(?:[a-z]+:)?//", address)] == [], name
        # Diagrams of this kind would be drawn by a script from another machine.
        assert 'class="mermaid"' not in text
    for sheet in site.rglob("*.css"):
        assert not re.search(r"""url\(["']?(?:https?:)?//""", sheet.read_text("utf-8")), sheet.name
        assert not re.search(r"""@import\s+(?:url\()?["']?(?:https?:)?//""", sheet.read_text("utf-8")), sheet.name


def test_equations_are_mathml(site):
    built = pages(site)
    for name, text in built.items():
        assert "arithmatex" not in text, name
    assert built["method.html"].count('<math xmlns="http://www.w3.org/1998/Math/MathML" display="block">') >= 5
    assert built["glare.html"].count("<math") > 20
    assert r"\_" not in re.search(r"<math.*?</math>", built["glare.html"], re.DOTALL)[0]


def test_pictures_have_words(site):
    for name, text in pages(site).items():
        for image in re.findall(r"<img [^>]*>", text):
            assert re.search(r'alt="[^"]+"', image), (name, image)
