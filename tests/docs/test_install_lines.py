"""No index has the package yet: every document installs from the folder of the source, or from a wheel's file."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    page for pattern in ("*.md", "docs/**/*.md", "deploy/*", "notebooks/*.ipynb", "integrations/**/*.md")
    for page in sorted(ROOT.glob(pattern)) if page.is_file() and page.name != "log.md" and page.parent.name != "decisions"
]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = PROJECT["project"]["optional-dependencies"]
LATER = re.compile(r"Once it is published[^.]*\.")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_is_told_to_install_can_be_installed(page):
    text = LATER.sub("", page.read_text(encoding="utf-8")).replace('\\"', '"')
    for line in re.findall(r"pip install ([^\n`]*)", text):
        words = re.sub(r"\s#.*|\).*|\\n.*", "", line).split()
        for word in (word.strip("'\",") for word in words):
            assert not re.fullmatch(r"dancheong(\[.*)?", word), (page.name, line)
            if found := re.fullmatch(r"\.{1,2}\[(.*)\]", word):
                assert set(found[1].split(",")) <= set(EXTRAS), (page.name, line)


def test_extras_that_the_program_asks_for_are_there():
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py"))
    named = {extra for extras in re.findall(r"'dancheong\[([a-z,]+)\]'", source) for extra in extras.split(",")}
    assert {"train", "web", "hub"} <= named <= set(EXTRAS)


def test_the_extra_all_has_every_extra_but_those_that_others_bring():
    (everything,) = EXTRAS["all"]
    named = set(re.fullmatch(r"dancheong\[(.*)\]", everything)[1].split(","))
    brought = {"pretrained"}
    assert named | brought | {"all"} == set(EXTRAS)


def test_the_page_of_licenses_has_a_section_for_every_extra():
    text = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    sections = re.findall(r"^## (?:`(\w+)`|Without an extra): (\d+) packages?", text, re.MULTILINE)
    assert {extra for extra, _ in sections} == {"", *EXTRAS} - {"all"}
    for section, (_, count) in zip(text.split("\n## ")[1:], sections, strict=True):
        rows = [line.split(" | ") for line in section.splitlines() if re.match(r"\| [a-z0-9-]+ \|", line)]
        assert len([row for row in rows if row[0] != "| package"]) == int(count)
        assert all(row[1].strip() for row in rows)


def test_files_of_the_repository_that_other_programs_read_can_be_read():
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))["version"] == PROJECT["project"]["version"]
    for file in [*ROOT.glob(".github/**/*.yml"), ROOT / ".pre-commit-config.yaml"]:
        assert yaml.safe_load(file.read_text(encoding="utf-8"))
    workflows = {file.stem: file.read_text(encoding="utf-8") for file in ROOT.glob(".github/workflows/*.yml")}
    uses = re.findall(r"uses: (\S+)", "".join(workflows.values()))
    assert uses
    assert all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", one) for one in uses), uses
    assert PROJECT["project"]["requires-python"] == ">=3.11"
    versions = {one.rpartition(" ")[2] for one in PROJECT["project"]["classifiers"] if "Python :: 3." in one}
    tested = yaml.safe_load(workflows["tests"])["jobs"]["tests"]["strategy"]["matrix"]
    assert versions == {*tested["python"], *(one["python"] for one in tested["include"])}
