"""`dancheong compare`: the whole experiment on a few tiny scenes, its files, and what it refuses."""

import csv
import json
import re
from xml.etree import ElementTree

import pytest

from dancheong.app import compare_commands
from dancheong.imaging.files import read_photo

pytest.importorskip("scipy")
pytestmark = pytest.mark.slow

ROWS = ("EPOCHS=2", "ENCODER=unet", "DEPTH=3", "NGF=4", "NDF=4", "DEVICE=cpu", "GAN_START=0")
QUICK = ("--quick", *(word for row in ROWS for word in ("--set", row)))
METRICS = {"inside", "outside", "clean", "inside_seen", "psnr", "ssim", "colorfulness"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("비교")


@pytest.fixture(autouse=True)
def few_scenes(monkeypatch):
    monkeypatch.setattr(compare_commands, "QUICK_SCENES", (8, 3))


@pytest.fixture
def compared(folder, command):
    """All arms, two seeds; done once."""
    if not (folder / "said.json").exists():
        said = command("compare", *QUICK, "-o", folder, "--json").stdout
        (folder / "said.json").write_text(json.dumps(said), encoding="utf-8")
    return json.loads((folder / "said.json").read_text("utf-8"))


def test_quick_gives_every_arm_every_metric_with_an_interval_and_table_4(compared, folder):
    assert list(compared["arms"]) == ["A", "B", "C", "C2", "D", "E", "DE", "F", "P", "N"]
    for metrics in compared["arms"].values():
        assert set(metrics) == METRICS
        assert all(one["low"] <= one["mean"] <= one["high"] for one in metrics.values())
    assert set(compared["differences"]) == set(compared["arms"]) - {"B"}
    assert {"d_real", "d_fake", "g", "repeat_the_gray"} <= set(compared["table_4"])
    assert compared["table_4"]["g"]["paper"] == {"with_filter": 3.04149, "without": 4.03307}
    assert (compared["seeds"], compared["photographs"]) == ([1, 2], {"train": 8, "test": 3})
    assert json.loads((folder / "compare.json").read_text("utf-8"))["arms"] == compared["arms"]


def test_the_page_stands_alone_and_markdown_links_to_figures_that_are_there(compared, folder):
    page = (folder / "report.html").read_text("utf-8")
    assert not re.search(r'(?:src|href)="(?!data:|#)', page)
    assert "this shows that everything works, not which arm is better" in page
    for heading in ("Verdict", "The paper&#39;s table 4", "Pictures", "Losses", "Method", "Parameters and versions"):
        assert f">{heading}</h2>" in page
    for number in (*compared["code"], compared["data"]):
        assert number in page
    markdown = (folder / "report.md").read_text("utf-8")
    linked = re.findall(r"!\[[^]]*\]\(([^)]+)\)", markdown)
    losses = [f"loss_{name}.svg" for name in ("color", "d_fake", "d_real", "g_gan", "l1")]
    assert sorted(linked) == [f"figures/{name}" for name in ("doses.svg", "forest.svg", *losses, "pictures.png")]
    assert {f"figures/{file.name}" for file in (folder / "figures").iterdir()} == set(linked)
    for file in linked:
        if file.endswith(".svg"):
            drawing = ElementTree.fromstring((folder / file).read_text("utf-8"))
            assert drawing.tag == "{http://www.w3.org/2000/svg}svg"
        else:
            assert read_photo(folder / file).pixels.ndim == 3
    assert page.count('<svg class="chart"') == 7


def test_each_photograph_of_each_run_has_its_scores(compared, folder):
    with (folder / "scores.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 12 * 2 * 3
    one = [float(row["clean"]) for row in rows if (row["arm"], row["dose"]) == ("F", "50")]
    assert sum(one) / len(one) == pytest.approx(compared["arms"]["F"]["clean"]["mean"], rel=1e-4)


def test_nothing_is_trained_again_and_a_report_can_be_had_of_what_is_there(compared, folder, command, monkeypatch):
    monkeypatch.setattr("dancheong.training.loop.train", lambda *_, **__: pytest.fail("trained again"))
    again = command("compare", *QUICK, "-o", folder, "--json").stdout
    assert again["arms"] == compared["arms"]
    some = command("compare", *QUICK, "-o", folder, "--arms", "F", "--seeds", "3", "--doses", "none", "--report-only", "--json")
    assert list(some.stdout["arms"]) == ["B", "F"]
    assert some.stdout["seeds"] == [1, 2]
    assert some.stdout["table_4"] is None
    assert "Seeds 3 are left out" in (folder / "report.html").read_text("utf-8")


def test_several_runs_at_once_give_what_one_after_the_other_gives(compared, folder, tmp_path, command):
    (tmp_path / "mine.csv").write_text("CATEGORY,PARAM_NAME,PARAM_VALUE,USE_YN\nCOMMON,GLARE_MODE,off,Y\n", encoding="utf-8")
    both = command("compare", *QUICK, "-o", tmp_path / "out", "--arms", "B", "--arm", f"MINE={tmp_path / 'mine.csv'}",
                   "--seeds", "1", "--doses", "0", "--jobs", "2", "--json").stdout
    assert list(both["arms"]) == ["B", "MINE"]
    # The same rows as the untreated arm's.
    assert both["arms"]["MINE"] == both["arms"]["B"]
    assert both["arms"]["B"]["inside"]["low"] is None
    assert both["runs"] == 2


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--quick", "photos"), "brings its own scenes"),
        ((), "--test PHOTOS"),
        (("--quick", "--arms", "Z"), "there is no arm Z"),
        (("--quick", "--set", "GLARE_MODE=off"), "GLARE_MODE"),
        (("--quick", "--doses", "0,200"), "whole percents"),
        (("--quick", "--arm", "MINE"), "NAME=TABLE"),
        (("--quick", "--set", "PATCH_SIZE=286"), "PATCH_SIZE"),
    ],
)
def test_what_cannot_be_compared_is_refused(words, told, tmp_path, command):
    assert told in command("compare", *words, "-o", tmp_path, code=2).stderr
