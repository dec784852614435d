"""Pages about one evaluation and one training: what they show, and what they leave out."""

import json
import os
import re

import numpy as np
import pytest

from dancheong.data.photographs import Pair
from dancheong.evaluation.curves import TradePoint
from dancheong.evaluation.evaluate import Evaluation, PhotoScores, Scores
from dancheong.evaluation.pages import SHOWN, write_evaluation_page
from dancheong.imaging.color import gray_of
from dancheong.imaging.files import write_photo
from dancheong.imaging.sheet import sheet
from dancheong.params import Params, resolve
from dancheong.report.chart import Curves
from dancheong.report.training_page import TrainingState, find_previews, preview_times, read_losses, write_training_page
from dancheong.scenes import scene

LOSSES = [
    {"images": 8, "seconds": 1.0, "l1": 0.3, "g": 30.0},
    {"images": 16, "seconds": 2.0, "l1": 0.2, "g": 20.0, "d_real": 0.7, "d_fake": 0.69, "g_gan": 0.71},
    {"images": 16, "val_l1": 0.2, "val_delta_e_2000": 9.87, "val_colorfulness": 20.0, "val_colorfulness_truth": 30.0},
    {"images": 24, "seconds": 3.0, "l1": 0.1, "g": 10.0},
    {"images": 24, "val_l1": 0.1, "val_delta_e_2000": 12.5, "val_colorfulness": 25.0, "val_colorfulness_truth": 30.0},
]


@pytest.fixture
def log(tmp_path):
    """The log folder of a training, in which an earlier one has left a preview."""
    folder = tmp_path / "기록 log"
    folder.mkdir()
    (folder / "losses.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in LOSSES) + '{"images": 3', "utf-8")
    color = scene(3, 60, 40)
    preview = sheet([[gray_of(color), color, color]])
    for images in (16, 24, 999):
        write_photo(folder / f"preview_{images:08d}.png", preview)
    return folder


def text_of(page):
    return page.read_text("utf-8")


def test_the_training_page_tells_all_the_log_knows(log):
    resolved = resolve(settings={"RESOL": 96})
    state = TrainingState("m.h5", "Stopped after 24 images.", 48, [("small", 2, "scan it larger")])
    page = write_training_page(log, resolved, state)
    shown = text_of(page)
    assert page.name == "training.html"
    for words in ("Stopped after 24 images.", "of 48", "9.87", "after 16 images", "after 24 images", "scan it larger",
                  "LAMBDA_GAN", "d_real", "Validation photographs"):
        assert words in shown, words
    assert "after 999 images" not in shown
    assert shown.count("data:image/") == 4  # gray, two moments, truth
    assert '<tr class="strong"><th scope="row">RESOL</th><td>96</td>' in shown


def test_a_page_without_validation_warns_of_its_previews(log):
    entries = [entry for entry in LOSSES if "val_l1" not in entry]
    (log / "losses.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in entries), "utf-8")
    shown = text_of(write_training_page(log, resolve(), TrainingState("m.h5", "Finished.")))
    assert "which unseen ones will not equal" in shown
    assert "best Delta E 2000" not in shown


def test_a_page_of_a_run_that_has_only_begun(tmp_path):
    shown = text_of(write_training_page(tmp_path, resolve(), TrainingState("m.h5", "Running.")))
    assert "Running." in shown
    assert "data:image/" not in shown


def test_previews_of_an_earlier_run_are_passed_over(log):
    entries = read_losses(log)
    assert len(entries) == len(LOSSES)
    assert [images for images, _ in find_previews(log, entries)] == [16, 24]
    earlier = preview_times(log)
    os.utime(log / "preview_00000024.png", (1000, 1000))  # written anew
    assert [images for images, _ in find_previews(log, entries, earlier)] == [24]


@pytest.fixture
def evaluation(tmp_path):
    """As many photographs as are shown, and some more; their results are their truth."""
    rows = []
    for rank in range(2 * SHOWN + 1):
        file = tmp_path / f"{rank}.png"
        write_photo(file, np.full((20, 30, 3), (10 * rank, 200, 0), np.uint8))
        result, gray = (Scores(20, 0.9, error, 30, 40) for error in (float(rank), 4.5))
        rows.append(PhotoScores(f"photograph {rank}", result, gray, Pair(file.name, file), file))
    return Evaluation(len(rows), rows[3].result, rows[3].gray, rows[::-1], [], [("broken <1>.jpg", "cut off")], 1.0)


def test_the_evaluation_page_shows_the_best_and_the_worst_once(evaluation, tmp_path):
    write_evaluation_page(tmp_path / "r.html", evaluation, Params(), "m.h5 on photos")
    shown = text_of(tmp_path / "r.html")
    best, worst = shown.index("photograph 0<"), shown.index(f"photograph {2 * SHOWN}<")
    assert best < shown.index("photograph 1<") < worst < shown.index(f"photograph {2 * SHOWN - 1}<")
    assert f"photograph {SHOWN}<" not in shown  # the middle one
    assert shown.count("data:image/") == 3 * 2 * SHOWN
    assert "broken &lt;1&gt;.jpg" in shown
    assert f"<dd>5<small>of {2 * SHOWN + 1}</small>" in shown  # errors 0 to 4 are below 4.5


def test_the_evaluation_page_shows_the_trade_where_it_was_looked_at(evaluation, tmp_path):
    points = [TradePoint(vivid, 10 + vivid, 20 * vivid, 31.25, 5.0) for vivid in (0.5, 1.0)]
    write_evaluation_page(tmp_path / "r.html", evaluation, Params(), "m.h5 on photos", points)
    shown = text_of(tmp_path / "r.html")
    assert "colorfulness is 31.2." in shown
    assert shown.count('<svg class="chart"') == 3
    assert "<th scope=\"col\" class=\"n\">chroma wasserstein</th>" in shown


def test_of_pairs_the_halves_are_shown(tmp_path):
    left, right = np.zeros((20, 30, 3), np.uint8), np.full((20, 30, 3), 255, np.uint8)
    write_photo(tmp_path / "pair.png", np.hstack([left, right]))
    write_photo(tmp_path / "result.png", right)
    scores = Scores(20, 0.9, 1.0, 30, 40)
    row = PhotoScores("pair", scores, scores, Pair("pair.png", tmp_path / "pair.png", halves=True), tmp_path / "result.png")
    params = Params(pairing="side_by_side", color_space="RGB")
    write_evaluation_page(tmp_path / "r.html", Evaluation(1, scores, scores, [row], [], [], 1.0), params, "pairs")
    shown = text_of(tmp_path / "r.html")
    assert shown.count('width="30" height="20"') == 3
    assert "The worst" not in shown


def test_the_page_of_an_upscaler_shows_its_own_columns_and_scores(log):
    (log / "losses.jsonl").write_text(
        '{"images": 16, "seconds": 1, "l1": 0.1}\n{"images": 16, "val_psnr": 31.25, "val_psnr_bicubic": 29.5}\n', "utf-8"
    )
    color = scene(3, 60, 40)
    write_photo(log / "preview_00000016.png", sheet([[color] * 4]))
    state = TrainingState("up.h5", "Finished.", columns=("given", "bicubic", "network", "truth"))
    shown = text_of(write_training_page(log, resolve(), state))
    assert shown.count("data:image/") == 4
    headings = ("<figcaption>given<", "<figcaption>bicubic<", "<figcaption>after 16 images<", "<figcaption>truth<")
    assert sorted(headings, key=shown.index) == list(headings)
    assert "31.25" in shown


def test_the_last_point_of_a_noisy_curve_is_no_turn():
    points = [(float(x), 1.0) for x in range(99)] + [(99.0, 0.0)]
    drawn = Curves({"loss": points}, "images", "loss", "a loss").html()
    faint, strong = (
        [float(pair.split(",")[1]) for pair in line.split()] for line in re.findall(r'polyline [^>]*points="([^"]*)"', drawn)
    )
    # Downward on the page is larger: the strong line moves by a third of the last point's noise at most.
    assert strong[-1] - strong[-2] < (faint[-1] - faint[-2]) / 2
    assert strong[0] == faint[0]
