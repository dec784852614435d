"""Color hints, looks, confidence and the mark of a download, asked for over HTTP."""

import csv

import cv2
import numpy as np
import pytest

from dancheong.app.web.pictures import marked
from dancheong.artifact import write_artifact
from dancheong.imaging.color import gray_of, rgb_to_lab
from dancheong.imaging.files import read_photo, read_provenance, write_photo
from dancheong.imaging.resize import resize
from dancheong.params import Params
from dancheong.prediction.colorizer import Colorizer
from dancheong.prediction.hints import named_colors, parse_color
from dancheong.prediction.origin import settings_digest
from dancheong.scenes import scene
from page_calls import API, bring, color, png, settled

RED = {"x": 0.5, "y": 0.5, "color": "주홍"}


@pytest.fixture
def photograph(client, tmp_path):
    """The address of a photograph of 160 x 120 px that is colored."""
    (added,) = bring(client, "문.png", png(size=(160, 120), folder=tmp_path)).json()
    color(client)
    settled(client)
    return f"{API}/photographs/{added['number']}"


def pixels(answer, tmp_path):
    assert answer.status_code == 200, answer.text
    path = tmp_path / ("got" + {"image/jpeg": ".jpg", "image/png": ".png"}[answer.headers["content-type"]])
    path.write_bytes(answer.content)
    return read_photo(path).pixels


def shown(client):
    (one,) = client.get(f"{API}/visit").json()["photographs"]
    return one


def test_hints_are_kept_shown_at_once_used_and_recorded(client, photograph, tmp_path):
    before = pixels(client.get(f"{photograph}/preview"), tmp_path)
    assert client.put(f"{photograph}/hints", json=[RED]).json()["hints"] == [RED]
    preview = pixels(client.get(f"{photograph}/preview"), tmp_path)
    lab = rgb_to_lab(preview)[58:62, 78:82].mean(axis=(0, 1))
    assert np.hypot(*(lab[1:] - parse_color("주홍"))) < np.hypot(*(rgb_to_lab(before)[60, 80, 1:] - parse_color("주홍"))) / 3
    one = shown(client)
    assert (one["hints"], one["used_hints"]) == ([RED], [])
    assert color(client).status_code == 201  # what has new hints is a rest to be colored
    assert settled(client)["photographs"][0]["used_hints"] == [RED]
    assert color(client).json()["code"] == "nothing_to_color"
    result = pixels(client.get(f"{photograph}/result"), tmp_path)
    assert np.abs(result.astype(int) - preview).mean() < 5  # what was seen is what is made, but for JPEG twice
    assert read_provenance(tmp_path / "got.png").hints
    # and a file of hints for the command line says the same
    (table,) = (client.keep / "visits" / client.headers["visit"]).glob("*/hints/*.csv")
    with table.open(encoding="utf-8", newline="") as file:
        assert list(csv.DictReader(file)) == [{"x": "0.5", "y": "0.5", "color": "주홍"}]
    client.put(f"{photograph}/hints", json=[])
    color(client)
    assert settled(client)["photographs"][0]["used_hints"] == []
    assert read_provenance(save(client, photograph, tmp_path)).hints is None


def save(client, photograph, tmp_path):
    path = tmp_path / "result.png"
    path.write_bytes(client.get(f"{photograph}/result").content)
    return path


@pytest.mark.parametrize("corner", [0, 1])
def test_hints_in_the_corners_and_at_one_place_are_colored(client, photograph, corner):
    hints = [{"x": corner, "y": corner, "color": name} for name in ("석간주", "#00ff00")]
    assert client.put(f"{photograph}/hints", json=hints).status_code == 200
    color(client)
    assert settled(client)["photographs"][0]["state"] == "done"


@pytest.mark.parametrize(("hint", "code"), [
    ({**RED, "color": "없는색"}, "color_unknown"), ({**RED, "x": 1.2}, "invalid"),
    ({**RED, "color": ""}, "invalid"), ({**RED, "color": "999 0"}, "color_unknown"),
    ({**RED, "color": "nan nan"}, "color_unknown"), ({**RED, "color": "hsv(0,500%,50%)"}, "color_unknown"),
])
def test_a_hint_that_cannot_be_is_refused_and_nothing_changes(client, photograph, hint, code):
    client.put(f"{photograph}/hints", json=[RED])
    answer = client.put(f"{photograph}/hints", json=[RED, hint])
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert shown(client)["hints"] == [RED]


@pytest.mark.parametrize("colors", [["석간주"], ["석간주", "#9db8d8", "14 2"]], ids=["mean", "palette"])
def test_colors_without_a_place_are_those_of_the_table_that_predict_reads(client, photograph, trained, tmp_path, colors):
    plain = pixels(client.get(f"{photograph}/preview"), tmp_path)
    answer = client.put(f"{photograph}/hints", json=[{"color": one} for one in colors])
    assert answer.json()["hints"] == [{"x": None, "y": None, "color": one} for one in colors]
    preview = pixels(client.get(f"{photograph}/preview"), tmp_path)
    assert np.abs(preview.astype(int) - plain).mean() > 1
    color(client)
    assert settled(client)["photographs"][0]["used_hints"] == answer.json()["hints"]
    result = read_photo(save(client, photograph, tmp_path)).pixels
    (source,) = (client.keep / "visits" / client.headers["visit"]).glob("*/in/*")
    wanted = Colorizer.open(trained / "model.h5")(read_photo(source).pixels, hints=[(None, None, one) for one in colors])
    assert np.abs(result.astype(int) - wanted).mean() < 1
    assert np.abs(resize(result, preview.shape[:2]).astype(int) - preview).mean() < 4


def test_half_a_place_is_refused_in_words(client, photograph):
    answer = client.put(f"{photograph}/hints", json=[{"x": 0.5, "color": "황"}])
    assert answer.status_code == 422
    assert "give x and y, or neither of them" in answer.json()["message"]


def test_what_cannot_be_understood_is_told_in_korean(client, photograph):
    def told(json, **more):
        return client.put(f"{photograph}/hints", json=json, headers={"accept-language": "ko"}, **more).json()["message"]

    wrong = [({"x": 0.5, "color": "황"}, "보낸 내용 (1)", "둘 다"), ({**RED, "x": 2}, "가로 위치 (1) = 2", "이하여야"),
             ({"x": 0.5, "y": 0.5}, "색 (1)", "빠져"), ({**RED, "x": "왼쪽"}, "가로 위치 (1) = 왼쪽", "수여야"),
             (7, "보낸 내용 (1) = 7", "JSON 객체여야")]
    for hint, field, word in wrong:
        assert told([hint]).startswith(f"{field}: ")
        assert word in told([hint])
    assert "혹시 석간주 seokganju인가요?" in told([{"x": 0.5, "y": 0.5, "color": "석간쥬"}])


def test_colors_that_are_likely_at_a_place_begin_with_the_one_it_has(client, photograph, tmp_path):
    client.put(f"{photograph}/hints", json=[RED])
    colors = client.get(f"{photograph}/colors", params={"x": 0.5, "y": 0.5}).json()
    assert 3 <= len(set(colors)) == len(colors)
    hue, wanted = (np.arctan2(*parse_color(one)[::-1]) for one in (colors[0], "주홍"))
    assert abs(hue - wanted) < 0.3


def test_a_look_is_shown_beside_the_others_chosen_and_recorded(client, photograph, tmp_path):
    asked = [{"look": look, "longer_px": 80} for look in (1, 2, 3)]
    looks = [pixels(client.get(f"{photograph}/preview", params=one), tmp_path) for one in asked]
    assert looks[0].shape == (60, 80, 3)
    first, yellow, blue = (rgb_to_lab(look)[..., 2].mean() for look in looks)
    assert blue < first < yellow
    assert client.patch(photograph, json={"look": 2}).json()["look"] == 2
    color(client)
    done = settled(client)["photographs"][0]
    assert (done["used_look"], done["tone"]) == (2, {"strength": 1, "warmth": 0})
    path = save(client, photograph, tmp_path)
    assert read_provenance(path).params.endswith(" look 2")
    assert np.abs(resize(read_photo(path).pixels, (60, 80)).astype(int) - looks[1]).mean() < 4
    assert client.patch(photograph, json={"look": 9}).status_code == 422


def test_the_result_of_the_first_look_says_what_it_said_before_there_were_looks(client, photograph, tmp_path):
    said = read_provenance(save(client, photograph, tmp_path)).params
    assert " look " not in said
    assert len(said) == len(settings_digest(Params()))


def test_confidence_is_clear_where_the_model_is_sure(client, photograph, tmp_path):
    answer = client.get(f"{photograph}/confidence")
    (tmp_path / "c.png").write_bytes(answer.content)
    alpha = cv2.imread(str(tmp_path / "c.png"), cv2.IMREAD_UNCHANGED)
    assert alpha.shape == (120, 160, 4)
    assert np.ptp(alpha[..., 3].astype(int)) > 10


def test_what_is_not_colored_has_no_preview_and_what_repaints_takes_no_hints(open_server, new_artifact, tmp_path):
    write_artifact(tmp_path / "model.h5", new_artifact(color_space="RGB"))
    with open_server(tmp_path / "keep", models=(tmp_path / "model.h5",)) as client:
        (added,) = bring(client, "a.png", png(folder=tmp_path)).json()
        base = f"{API}/photographs/{added['number']}"
        for path in ("preview", "colors?x=0&y=0", "confidence"):
            assert client.get(f"{base}/{path}").json()["code"] == "not_done"
        color(client)
        settled(client)
        assert client.get(f"{base}/confidence").status_code == 200
        client.put(f"{base}/hints", json=[RED])
        assert client.get(f"{base}/preview", headers={"accept-language": "ko"}).json()["code"] == "model_repaints"
        color(client)
        assert settled(client)["photographs"][0]["error"]["code"] == "model_repaints"


def test_the_pigments_are_named_in_the_language_that_is_asked_for(client):
    korean, english = (client.get(f"{API}/pigments", params={"language": one}).json() for one in ("ko", "en"))
    assert [one["hex"] for one in korean] == [one["hex"] for one in english] == list(dict.fromkeys(named_colors().values()))
    assert all(any("가" <= sign <= "힣" for sign in one["meaning"]) for one in korean)
    assert "iron oxide red of columns and beams" in [one["meaning"] for one in english]


@pytest.mark.parametrize("mark", ["en", "ko"])
@pytest.mark.parametrize(("size", "dtype"), [((900, 600), np.uint16), ((90, 60), np.uint8), ((20, 6), np.uint8)])
def test_a_mark_is_in_the_corner_and_nowhere_else(mark, size, dtype):
    photo = (scene(3, 900, 600)[: size[1], : size[0]].astype(dtype)) * dtype(np.iinfo(dtype).max // 255)
    before = photo.copy()
    changed = (marked(photo, mark) != photo).any(axis=2)
    assert (photo == before).all()
    rows, columns = np.nonzero(changed)
    assert rows.max() == size[1] - 1
    assert columns.max() == size[0] - 1
    assert np.ptp(rows) < max(14, 0.036 * min(size))
    words = marked(np.zeros_like(photo), mark)
    assert words.max() > 0.7 * np.iinfo(dtype).max or min(size) < 14  # white words


def test_a_marked_download_is_the_result_but_for_the_corner(client, photograph, tmp_path):
    plain = pixels(client.get(f"{photograph}/result"), tmp_path)
    words = pixels(client.get(f"{photograph}/result", params={"mark": "ko"}), tmp_path)
    assert (words[:100] == plain[:100]).all()
    assert (words != plain).any()
    assert client.get(f"{photograph}/result", params={"mark": "fr"}).status_code == 422
    pair = pixels(client.get(f"{photograph}/pair", params={"mark": "ko"}), tmp_path)
    assert pair.shape == (120, 320, 3)


def test_the_gray_of_a_hinted_result_is_the_photographs(client, tmp_path):
    gray = scene(8, 200, 140)[..., 1]
    write_photo(tmp_path / "g.png", gray)
    (added,) = bring(client, "g.png", (tmp_path / "g.png").read_bytes()).json()
    base = f"{API}/photographs/{added['number']}"
    client.put(f"{base}/hints", json=[{"x": 0.5, "y": 0.5, "color": "기와"}])  # before it is colored at all
    color(client, GLARE_MODE="off")
    assert settled(client)["photographs"][0]["used_hints"]
    result = read_photo(save(client, base, tmp_path)).pixels
    assert np.abs(rgb_to_lab(result)[..., 0] - rgb_to_lab(gray_of(gray))[..., 0]).mean() < 0.5
