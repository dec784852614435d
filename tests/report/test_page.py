"""Reports: one file that stands alone, says what it was given, and is well formed, readable and accessible."""

import base64
import io
import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from dancheong.report.chart import Curves, Intervals, Panel
from dancheong.report.page import Comparison, Facts, Section, Table, compose, render_report, write_report
from dancheong.report.templating import PICTURE_PX

VOID = {"meta", "img", "br", "line", "polyline", "circle"}
RNG = np.random.default_rng(0)
PHOTO = RNG.integers(0, 256, (80, 120, 3), np.uint8)
GRAY = PHOTO[..., 0]


class Page(HTMLParser):
    """Collects elements and fails where tags do not nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(text)
        self.close()
        assert self.open == [], self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), (tag, attrs)
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, tag
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data

    def every(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.elements if name == tag]


def full_page() -> str:
    curve = [(float(k), 1 / (1 + k)) for k in range(1000)]
    rows = [("단청 <1>", (GRAY, PHOTO, PHOTO), "5.1"), ("b", (GRAY, PHOTO, None), "")]
    scores = [("a", 27.123), ("b", None), ("mean", -1234.5)]
    sections = [
        Section("Numbers", "First.\n\nSecond <b>bold</b>.", [Facts([("Delta E 2000", 5.824, "gray: 12.1")])]),
        Section(
            "Pictures",
            parts=[Comparison(("gray", "predicted", "truth"), rows)],
        ),
        Section("Curves", parts=[Curves({"L1": curve, "D": [(0.0, float("nan"))]}, "images", "loss", "Losses")]),
        Section("Table", parts=[Table(("name", "PSNR"), scores, "Scores", 1, (2,))]),
    ]
    return render_report("Palace & <gate>", sections, lead="What was done.", notice="Generated.")


def pictures(page: str) -> list[np.ndarray]:
    found = re.findall(r'src="data:image/(?:png|jpeg);base64,([^"]+)"', page)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(data, validate=True)))) for data in found]


def test_page_is_well_formed_and_says_what_it_was_given() -> None:
    page = Page(full_page())
    for text in ("Palace & <gate>", "Second <b>bold</b>.", "단청 <1>", "5.82", "gray: 12.1", "What was done.", "Generated."):
        assert text in page.words
    assert len(page.every("h1")) == 1
    assert len(page.every("h2")) == 4
    assert page.every("html")[0]["lang"] == "en"
    assert any(meta.get("name") == "viewport" for meta in page.every("meta"))


def test_page_stands_alone() -> None:
    text = full_page()
    for tag, attrs in Page(text).elements:
        assert tag not in {"script", "link", "iframe", "object"}
        for name in ("src", "href", "srcset", "action", "data", "poster"):
            value = attrs.get(name) or ""
            assert not value or value.startswith(("data:image/", "#")), (tag, value[:60])
    assert "@import" not in text
    assert "url(" not in text
    assert "default-src 'none'" in text


def test_text_is_escaped() -> None:
    evil = '<script>alert(1)</script>"onload="x'
    parts = [
        Facts([(evil, evil, evil)]),
        Table((evil, evil), [(evil, evil)], evil),
        Intervals((evil,), (Panel(evil, [(1.0, (0.0, 2.0), (0.0, 3.0), True)], 0.5),), evil, evil),
        Comparison((evil,), [(evil, (PHOTO,), evil)], evil),
        Curves({evil: [(0.0, 1.0), (1.0, 2.0)]}, evil, evil, evil),
        Curves({}, evil, evil, evil),
    ]
    page = Page(render_report(evil, [Section(evil, evil, parts)], evil, evil))
    assert page.every("script") == []
    assert not any("onload" in attrs for _, attrs in page.elements)
    assert page.words.count(evil) >= 15


def test_pictures_decode_and_are_near_the_original() -> None:
    smooth = np.stack([np.tile(np.linspace(0, 255, 120), (80, 1))] * 3, axis=-1).astype(np.uint8)
    smooth[..., 2] //= 2
    found = pictures(render_report("t", [Section("s", parts=[Comparison(("a", "b"), [("c", (smooth, GRAY), "")])])]))
    assert [picture.shape for picture in found] == [(80, 120, 3), (80, 120)]
    assert np.abs(found[0].astype(int) - smooth).max() <= 6


def test_sixteen_bits_become_eight_and_small_pictures_stay_exact() -> None:
    deep = RNG.integers(0, 65536, (12, 20, 3), np.uint16)
    found = pictures(render_report("t", [Section("s", parts=[Comparison(("a",), [("c", (deep,), "")])])]))
    assert np.abs(found[0] - deep / 257).max() <= 0.51


def test_large_pictures_are_made_smaller_and_declare_their_size() -> None:
    large = np.zeros((3 * PICTURE_PX, PICTURE_PX), np.uint8)
    page = render_report("t", [Section("s", parts=[Comparison(("a",), [("c", (large,), "")])])])
    width = round(PICTURE_PX / 3)
    assert pictures(page)[0].shape == (PICTURE_PX, width)
    image = Page(page).every("img")[0]
    assert (image["width"], image["height"]) == (str(width), str(PICTURE_PX))


def test_every_picture_and_chart_has_words() -> None:
    page = Page(full_page())
    alts = [image["alt"] for image in page.every("img")]
    assert len(alts) == 5
    assert all(alts)
    assert len(set(alts)) == 5
    charts = [svg for svg in page.every("svg") if svg.get("role") == "img"]
    assert [chart["aria-label"] for chart in charts] == ["Losses"]
    assert all(svg.get("aria-hidden") == "true" for svg in page.every("svg") if svg.get("role") != "img")
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert all(after - before <= 1 for before, after in pairwise(levels))
    targets = {attrs["id"] for _, attrs in page.elements if "id" in attrs}
    assert {link["href"] for link in page.every("a")} == {f"#{target}" for target in targets}


def test_numbers_are_aligned_and_formatted() -> None:
    table = Table(("name", "score", "count"), [("a", 0.98765, 12000), ("b", float("nan"), None)], digits=3)
    page = render_report("t", [Section("s", parts=[table])])
    assert '<td class="n">0.988</td><td class="n">12,000</td>' in page
    assert '<td class="n">–</td><td class="n">–</td>' in page
    assert '<th scope="row">a</th>' in page


def test_numbers_of_numpy_are_numbers() -> None:
    row = ("a", np.float32(0.5), np.float64(1.25), np.int64(-3))
    page = render_report("t", [Section("s", parts=[Table(("name", "x", "y", "z"), [row])])])  # type: ignore[list-item]
    assert '<td class="n">0.50</td><td class="n">1.25</td><td class="n">−3</td>' in page


def test_rows_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="has 1 cells, expected 2"):
        render_report("t", [Section("s", parts=[Table(("a", "b"), [("x",)])])])
    with pytest.raises(ValueError, match="'x' of the comparison has 1 pictures, expected 2"):
        render_report("t", [Section("s", parts=[Comparison(("a", "b"), [("x", (PHOTO,), "")])])])
    with pytest.raises(ValueError, match="a picture is"):
        render_report("t", [Section("s", parts=[Comparison(("a",), [("c", (np.zeros((4, 4, 2), np.uint8),), "")])])])


@pytest.mark.parametrize(
    "points",
    [
        [(0.0, 1.0)],
        [(0.0, 0.0), (1.0, 0.0)],
        [(0.0, 2.0), (1.0, 2.0)],
        [(5.0, -3.0), (6.0, 4.0), (7.0, float("inf"))],
        [(float(k), 10.0 ** (k % 9)) for k in range(5000)],
        [],
    ],
)
def test_curves_draw_inside_their_frame(points: list[tuple[float, float]]) -> None:
    page = Page(render_report("t", [Section("s", parts=[Curves({"a": points}, "x", "y", "words")])]))
    marks = [
        (float(x), float(y)) for line in page.every("polyline") for x, y in (p.split(",") for p in str(line["points"]).split())
    ]
    marks += [(float(str(dot["cx"])), float(str(dot["cy"]))) for dot in page.every("circle")]
    usable = [y for _, y in points if np.isfinite(y)]
    assert bool(marks) == bool(usable)
    assert all(0 <= x <= 560 and 0 <= y <= 260 for x, y in marks)
    assert len(marks) <= 1000
    assert usable or "No values to draw yet" in page.words


def test_a_falling_loss_falls_on_the_page() -> None:
    points = [(float(k), 5.0 - k) for k in range(5)]
    line = Page(render_report("t", [Section("s", parts=[Curves({"a": points}, "x", "y", "w")])])).every("polyline")[0]
    heights = [float(point.split(",")[1]) for point in str(line["points"]).split()]
    assert heights == sorted(heights)
    assert np.allclose(np.diff(heights), heights[1] - heights[0], atol=0.11)


def test_a_report_is_composed_of_words_and_parts(tmp_path: Path) -> None:
    words = tmp_path / "words.txt"
    words.write_text(
        "## First\n\nAbout {{ what }},\nin one line.\n\n[[table]] Its caption,\nof two lines.\n\n[[none]] Unseen.\n\n"
        "## Without anything to show\n\nText.\n\n[[none]]\n\n## Text alone\n\nA.\n\nB.\n", "utf-8"
    )
    table = Table(("a",), [("x",)])
    sections = compose(words, {"table": table, "none": None}, what="the truth's <scores>")
    assert [section.title for section in sections] == ["First", "Text alone"]
    assert [section.text for section in sections] == ["About the truth's <scores>, in one line.", "A.\n\nB."]
    assert sections[0].parts == [Table(("a",), [("x",)], "Its caption, of two lines.")]
    with pytest.raises(KeyError, match="none"):
        compose(words, {"table": table}, what="scores")


def test_write_report_is_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_report(path, "One", [Section("s")])
    before = path.read_text(encoding="utf-8")
    assert before == render_report("One", [Section("s")])
    with pytest.raises(ValueError, match="a picture is"):
        write_report(path, "Two", [Section("s", parts=[Comparison(("a",), [("c", (np.zeros((0, 4)),), "")])])])
    assert path.read_text(encoding="utf-8") == before
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]


def test_intervals_stand_at_their_values_and_a_figure_is_a_file_of_its_own() -> None:
    rows = [(-1.0, (-1.5, -0.5), (-2.0, 0.0), True), (1.0, (float("nan"), float("nan")), (float("nan"),) * 2, False)]
    chart = Intervals(("a <1>", "b"), (Panel("Delta E", rows, 0.5),), "less B", "words")
    page = Page(chart.html())
    marks = {str(dot["class"]): float(str(dot["cx"])) for dot in page.every("circle")}
    assert list(marks) == ["c3 full", "c2 hollow"]
    lines = [line for line in page.every("line") if line["class"] in ("c2", "c3")]
    # Thin below thick, for the first row alone: the second has no interval.
    ends = [sorted((float(str(line["x1"])), float(str(line["x2"])))) for line in lines]
    assert [line["class"] for line in lines] == ["c3", "c3"]
    assert ends[0][0] < ends[1][0] < marks["c3 full"] < ends[1][1] < ends[0][1]
    assert sum(ends[1]) / 2 == pytest.approx(marks["c3 full"], abs=0.11)
    curves = Curves({"단청 <1>": [(0.0, 1.0), (1.0, 2.0)]}, "x", "y", "w", spans={"단청 <1>": [(0, 2), (1, 3)]})
    for drawn in (chart, curves):
        root = ElementTree.fromstring(drawn.document())
        assert any("<1>" in (text.text or "") for text in root.iter("{http://www.w3.org/2000/svg}text"))
