"""Color hints: read from what a person writes or paints, right where they are, without effect elsewhere."""

import csv

import numpy as np
import pytest
import sklearn.cluster
import sklearn.datasets
from PIL import Image, ImageDraw

from dancheong.artifact import write_artifact
from dancheong.imaging.color import gray_of, lab_to_rgb, rgb_to_lab, to_pixels
from dancheong.imaging.files import read_photo, read_provenance, write_photo
from dancheong.imaging.metrics import delta_e_2000
from dancheong.params import ParamError
from dancheong.params.schema import ROWS, PredictionRows
from dancheong.prediction.colorizer import Colorizer
from dancheong.prediction.folder import FolderOptions, predict_files
from dancheong.prediction.hints import as_hints, named_colors, parse_color, read_hints
from dancheong.prediction.manifest import read_manifests
from dancheong.scenes import scene

RED, BLUE = (140, 90, 80), (90, 110, 150)
PLACES = ((300, 60, RED), (40, 220, BLUE))


@pytest.fixture(scope="module")
def colorize():
    return Colorizer.open(threads=1, GLARE_MODE="off")


@pytest.fixture(scope="module")
def gray():
    return gray_of(scene(3, 384, 256))


@pytest.fixture(scope="module")
def session(colorize, gray):
    return colorize.session(gray)


def chroma_at(rgb, x, y):
    return rgb_to_lab(rgb)[y, x, 1:]


def test_a_hints_place_gets_its_color_and_places_unlike_it_keep_theirs(session):
    before = session([])
    after = session(PLACES)
    for x, y, color in PLACES:
        wanted = np.array(parse_color(color))
        missing = [np.linalg.norm(chroma_at(rgb, x, y) - wanted) for rgb in (before, after)]
        assert missing[1] < 0.3 * missing[0]
    one = session(PLACES[:1])
    change = np.abs(one.astype(int) - before).max(axis=2)
    # A part of it may be a cast of the whole photograph.
    assert change[-40:, :40].mean() < 0.3 * change[50:70, 290:310].mean()


def test_a_shorter_reach_leaves_more_of_the_photograph_as_it_was(gray):
    """At the hint's own place its color holds whatever the reach."""
    shares = []
    for reach in (0.3, 1, 3):
        session = Colorizer.open(threads=1, GLARE_MODE="off", HINT_REACH=reach).session(gray)
        change = np.abs(session(PLACES[:1]).astype(int) - session([])).max(axis=2)
        shares.append(change.mean() / change[58:63, 298:303].mean())
        assert change[58:63, 298:303].mean() > 5
    assert shares[0] < 0.7 * shares[1] < 0.7 * shares[2]


def test_without_hints_nothing_changes(colorize, session, gray):
    # Chroma that went to the canvas first is rounded once more.
    assert np.abs(session([]).astype(int) - colorize(gray)).max() <= 2
    np.testing.assert_array_equal(colorize(gray, hints=PLACES), session(PLACES))


@pytest.mark.parametrize("name", [name for name in PredictionRows.model_fields if ROWS[name].kind is float])
def test_a_row_of_prediction_does_with_hints_what_it_does_without(gray, name):
    row = ROWS[name]
    other = Colorizer.open(threads=1, GLARE_MODE="off", **{name: (row.default + row.high) / 2})
    assert np.abs(other.session(gray)([]).astype(int) - other(gray)).max() <= 3


def test_a_preview_is_the_picture_made_small(session):
    small = session.preview(PLACES, longer_px=96)
    assert small.shape == (64, 96, 3)
    full = rgb_to_lab(np.asarray(Image.fromarray(session(PLACES)).resize((96, 64), Image.Resampling.BOX)))
    assert np.abs(full - rgb_to_lab(small))[..., 1:].mean() < 2


def test_the_mean_color_of_the_photograph(session):
    after = rgb_to_lab(session([(None, None, "4 -9")]))[..., 1:]
    # Colors that sRGB does not have lose some of it.
    assert np.abs(after.mean(axis=(0, 1)) - (4, -9)).max() < 2


def test_a_palette_of_what_occurs_brings_a_photograph_nearer_to_its_truth(colorize):
    truth = sklearn.datasets.load_sample_image("china.jpg")
    lab = rgb_to_lab(truth).reshape(-1, 3)
    middles = sklearn.cluster.KMeans(3, n_init=1, random_state=0).fit(lab[::97]).cluster_centers_
    palette = [("", "", "#{:02x}{:02x}{:02x}".format(*rgb)) for rgb in lab_to_rgb_u8(middles)]
    session = colorize.session(gray_of(truth))
    without, with_it, turned = (
        float(delta_e_2000(rgb_to_lab(session(hints)), rgb_to_lab(truth)).mean()) for hints in ([], palette, palette[::-1])
    )
    assert with_it < 0.95 * without
    assert abs(with_it - turned) < 1e-3


def test_a_palette_needs_no_lightness(session):
    before, after = (rgb_to_lab(session(hints))[..., 1:] for hints in ([], [("", "", "0 40"), ("", "", "0 40")]))
    assert np.abs((after - before)[..., 1].mean() - (40 - before[..., 1].mean()) / 2) < 3


def lab_to_rgb_u8(colors):
    return to_pixels(lab_to_rgb(np.asarray(colors, np.float32)[None]), np.uint8)[0]


def write_csv(path, rows, head=("x", "y", "color")):
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([head, *rows])
    return path


def test_a_table_in_pixels_one_in_shares_and_a_painted_picture_agree(tmp_path):
    size_hw = (400, 600)
    pixels = write_csv(tmp_path / "a.csv", [(150, 100, "#782820"), (450, 300, "삼청")])
    shares = write_csv(tmp_path / "b.csv", [(0.25, 0.25, "120 0"), (0.75, 0.75, "samcheong")])
    painted = Image.new("RGBA", (300, 200))
    draw = ImageDraw.Draw(painted)
    draw.ellipse((73, 48, 77, 52), fill="#782820")
    draw.rectangle((223, 148, 227, 152), fill=named_colors()["삼청"])
    painted.save(tmp_path / "c.png")
    table, other, drawn = (read_hints(path, size_hw) for path in (pixels, shares, tmp_path / "c.png"))
    np.testing.assert_allclose(table.places, other.places, atol=0.002)
    np.testing.assert_allclose(table.colors[1], other.colors[1])
    assert other.colors[0].tolist() == [120, 0]
    order = np.argsort(drawn.places[:, 0])
    np.testing.assert_allclose(drawn.places[order], table.places, atol=0.004)
    np.testing.assert_allclose(drawn.colors[order], table.colors, atol=0.01)


@pytest.mark.parametrize(("rows", "words"), [
    ([(700, 10, "red")], ["line 2", "700", "outside", "600 x 400"]),
    ([(10, 10, "red"), (10, -1, "red")], ["line 3", "outside"]),
    ([(10, 10, "reddish")], ["line 2", "reddish", "name"]),
    ([(10, "left", "red")], ["line 2", "y", "left"]),
    ([(0, 1, "red")], ["pixels or in shares"]),
    ([(412, 233, "red"), (0.81, 0.12, "red")], ["line 3", "share", "alike"]),
    ([(1.2, 0.5, "red")], ["line 2", "neither a share"]),
    ([], ["no hint"]),
])
def test_what_cannot_be_is_told_with_its_row(tmp_path, rows, words):
    path = write_csv(tmp_path / "a.csv", rows)
    with pytest.raises(ParamError) as error:
        read_hints(path, (400, 600))
    assert all(word in str(error.value) for word in (str(path), *words))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp949", "utf-16"])
def test_a_table_is_read_as_a_spreadsheet_saves_it(tmp_path, encoding):
    (tmp_path / "a.csv").write_bytes("x,y,color\n5,5,석간주\n".encode(encoding))
    np.testing.assert_array_equal(read_hints(tmp_path / "a.csv", (400, 600)).colors, [parse_color("석간주")])


def test_a_color_of_shares_is_not_taken_for_eight_bits():
    with pytest.raises(ParamError, match=r"0\.7"):
        as_hints([(5, 5, (0.7, 0.1, 0.1))], (400, 600))


def test_pictures_that_are_no_hints_are_told(tmp_path):
    Image.new("RGB", (30, 20), "red").save(tmp_path / "opaque.png")
    Image.new("RGBA", (30, 20), "red").save(tmp_path / "flat.png")
    Image.new("RGBA", (30, 20), (255, 0, 0, 90)).save(tmp_path / "faint.png")
    Image.new("RGBA", (20, 20)).save(tmp_path / "square.png")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    told = [("opaque", "transparent"), ("flat", "transparent"), ("faint", "opacity"),
            ("square", "proportions"), ("broken", "cannot be read")]
    for name, word in told:
        with pytest.raises(ParamError, match=word):
            read_hints(tmp_path / f"{name}.png", (400, 600))


def test_a_model_that_repaints_takes_none(tmp_path, new_artifact, gray):
    write_artifact(tmp_path / "rgb.h5", new_artifact(color_space="RGB"))
    with pytest.raises(ParamError, match="COLOR_SPACE=LAB"):
        Colorizer.open(tmp_path / "rgb.h5")(gray, hints=PLACES)


def test_a_folder_takes_hints_by_stem_and_records_them(colorize, gray, tmp_path):
    photos, hints = tmp_path / "photos", tmp_path / "hints"
    hints.mkdir()
    photos.mkdir()
    for name in ("하나", "둘", "셋"):
        write_photo(photos / f"{name}.png", gray)
    write_csv(hints / "하나.csv", [(x, y, "#" + bytes(color).hex()) for x, y, color in PLACES])
    write_csv(hints / "셋.csv", [(9999, 0, "red")])
    write_csv(hints / "넷.csv", [])
    told = []
    options = FolderOptions(hints=hints, tell=told.append, manifest=tmp_path / "out" / "manifest.csv")
    results = {result.input.stem: result for result in predict_files(colorize, [photos], tmp_path / "out", options)}
    assert [text for text in told if "넷.csv" in text]
    assert (results["하나"].hints, results["둘"].hints) == (2, None)
    assert "outside" in (results["셋"].error or "")
    np.testing.assert_array_equal(read_photo(results["둘"].output).pixels, colorize(gray))
    np.testing.assert_array_equal(read_photo(results["하나"].output).pixels, colorize(gray, hints=PLACES))
    assert read_provenance(results["하나"].output).hints
    assert read_provenance(results["둘"].output).hints is None
    notes = {row.output: row.notes for row in read_manifests([tmp_path / "out" / "manifest.csv"])}
    assert notes["하나.png"] == "2 color hints"
    # Other hints make another result, which is not taken for this one.
    write_csv(hints / "하나.csv", [])
    again = predict_files(colorize, [photos], tmp_path / "out", options)
    assert [result.status for result in again if result.input.stem == "하나"] == ["failed"]
    write_csv(hints / "하나.csv", [(5, 5, "red"), (5, 5, "blue"), (90, 90, "red")])
    changed = predict_files(colorize, [photos / "하나.png"], tmp_path / "out", FolderOptions(hints=hints / "하나.csv"))
    assert "the result of other color hints" in (changed[0].error or "")
    (alone,) = predict_files(colorize, photos / "하나.png", tmp_path / "alone", FolderOptions(hints=hints / "하나.csv"))
    assert alone.notes == ("several colors were given at one place, and were averaged there",)
    with pytest.raises(ParamError, match="one file of hints came for 3 photographs"):
        predict_files(colorize, photos, tmp_path / "alone", FolderOptions(hints=hints / "하나.csv"))


def test_each_look_has_the_colors_of_the_hints(colorize, gray, tmp_path):
    write_photo(tmp_path / "a.png", gray)
    write_csv(tmp_path / "h.csv", [(x, y, "#" + bytes(color).hex()) for x, y, color in PLACES])
    options = FolderOptions(hints=tmp_path / "h.csv", looks=3)
    (result,) = predict_files(colorize, tmp_path / "a.png", tmp_path / "out", options)
    looks = [read_photo(path).pixels for path in (result.output, *(path for path, _ in result.looks))]
    for x, y, color in PLACES:
        assert max(np.linalg.norm(chroma_at(rgb, x, y) - parse_color(color)) for rgb in looks) < 6
    assert np.abs(looks[1].astype(int) - looks[2]).mean() > 4


@pytest.mark.parametrize(("written", "meant"), [
    ("석간쥬", "석간주 seokganju"), ("seokgangju", "석간주 seokganju"), ("turqoise", "turquoise"), ("뇌녹색", "뇌록 noerok"),
])
def test_a_misspelt_color_is_answered_with_the_nearest_names(written, meant):
    with pytest.raises(ParamError, match=f"did you mean [^?]*{meant}"):
        as_hints([(5, 5, written)], (400, 600))
