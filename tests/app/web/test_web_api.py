"""The interface for programs, asked over HTTP by an independent client; the work behind it is real."""

import io
import shutil
import time
import zipfile
from urllib.parse import unquote

import numpy as np
import pytest

from dancheong.app.web import worker as worker_module
from dancheong.app.web.model_store import ModelStore
from dancheong.artifact import read_artifact
from dancheong.imaging.color import gray_of
from dancheong.imaging.files import read_photo
from dancheong.prediction import shipped
from dancheong.scenes import scene, write_scenes
from page_calls import API, bring, color, png, settled

pytest.importorskip("fastapi", reason="the page needs fastapi, which is not installed")

@pytest.mark.parametrize(
    ("name", "saved", "dtype"),
    [("경복궁 1.png", "경복궁 1_colored.png", np.uint8), ("a b.TIF", "a b_colored.tif", np.uint16),
     ("c.jpg", "c_colored.jpg", np.uint8), ("w.webp", "w_colored.png", np.uint8),
     ("no suffix", "no suffix_colored.png", np.uint8)],
)
def test_a_result_has_the_photographs_kind_and_never_its_name(client, tmp_path, name, saved, dtype):
    suffix = "." + name.rpartition(".")[2].lower() if "." in name else ".png"
    (added,) = bring(client, name, png(dtype=dtype, suffix=suffix, folder=tmp_path)).json()
    assert (added["name"], added["state"], added["width_px"], added["height_px"]) == (name, "new", 64, 48)
    assert color(client).status_code == 201
    (done,) = settled(client)["photographs"]
    assert (done["state"], done["made_with"]) == ("done", {"model": "model", "settings": {}})
    assert done["expected_seconds"] > 0  # by its size; the page shows by it how far one photograph is
    answer = client.get(f"{API}/photographs/{added['number']}/result")
    (tmp_path / saved).write_bytes(answer.content)
    result = read_photo(tmp_path / saved).pixels
    assert (result.shape, result.dtype) == ((48, 64, 3), dtype)
    assert unquote(answer.headers["content-disposition"]).rstrip('"').endswith(saved)
    with zipfile.ZipFile(io.BytesIO(client.get(f"{API}/results").content)) as zipped:
        assert zipped.namelist() == [saved]


def test_a_batch_goes_on_past_what_fails_and_the_failed_can_be_tried_again(client, tmp_path):
    bring(client, "bad.jpg", b"no photograph at all")
    bring(client, "good.png", png(folder=tmp_path))
    assert color(client).status_code == 201
    states = {one["name"]: one for one in settled(client)["photographs"]}
    assert states["good.png"]["state"] == "done"
    assert (states["bad.jpg"]["state"], states["bad.jpg"]["error"]["code"]) == ("failed", "no_photograph")
    nothing = color(client)
    assert (nothing.status_code, nothing.json()["code"]) == (409, "nothing_to_color")
    picture = client.get(f"{API}/photographs/{states['bad.jpg']['number']}/pictures/before")
    assert (picture.status_code, picture.json()["code"]) == (422, "no_photograph")
    job = color(client, "failed").json()
    assert job["photographs"] == [states["bad.jpg"]["number"]]
    assert {one["name"]: one["state"] for one in settled(client)["photographs"]} == {"bad.jpg": "failed", "good.png": "done"}


def test_stop_keeps_what_is_done_and_the_rest_follows_without_doing_it_twice(client, tmp_path, monkeypatch):
    colored, real = [], worker_module.color

    def slowly(models, visit, photograph):
        colored.append(photograph.number)
        time.sleep(0.3)
        return real(models, visit, photograph)

    monkeypatch.setattr(worker_module, "color", slowly)
    numbers = [bring(client, f"{n}.png", png(n, folder=tmp_path)).json()[0]["number"] for n in range(5)]
    job = color(client).json()
    while client.get(f"{API}/jobs").json()[0]["done"] < 1:
        time.sleep(0.02)
    stopped = client.post(f"{API}/jobs/{job['number']}/stop", content=b"").json()
    assert stopped["state"] == "stopped"
    time.sleep(0.6)  # the one that was in work ends
    photographs = {one["number"]: one for one in client.get(f"{API}/visit").json()["photographs"]}
    done = {number for number, one in photographs.items() if one["state"] == "done"}
    assert 1 <= len(done) < 5
    assert {one["state"] for number, one in photographs.items() if number not in done} == {"new"}
    color(client)
    assert {one["state"] for one in settled(client)["photographs"]} == {"done"}
    assert sorted(colored) == numbers


def test_a_server_that_starts_again_goes_on_with_the_batch(open_server, tmp_path, monkeypatch):
    colored, real = [], worker_module.color

    def noted(models, visit, photograph):
        done = real(models, visit, photograph)
        colored.append(photograph.number)
        return done

    monkeypatch.setattr(worker_module, "color", noted)
    with open_server(tmp_path / "keep") as client:
        numbers = [bring(client, f"{n}.png", png(n, folder=tmp_path)).json()[0]["number"] for n in range(4)]
        color(client)
        while len(colored) < 1:
            time.sleep(0.01)
    with open_server(tmp_path / "keep") as client:
        assert {one["state"] for one in settled(client)["photographs"]} == {"done"}
    assert sorted(colored) == numbers


def test_two_servers_do_not_share_a_folder(open_server, tmp_path):
    from dancheong.params import DancheongError

    with open_server(tmp_path / "keep"), pytest.raises(DancheongError, match="another dancheong serve"), \
            open_server(tmp_path / "keep"):
        pass


def test_visits_do_not_see_each_other(client, tmp_path):
    (added,) = bring(client, "a.png", png(folder=tmp_path)).json()
    other = {"visit": "another-visit-of-somebody"}
    assert client.get(f"{API}/visit", headers=other).json()["photographs"] == []
    for path in ("pictures/before", "result", "pair", "strokes", "tiles/before/0/0/0"):
        assert client.get(f"{API}/photographs/{added['number']}/{path}", headers=other).status_code == 404
    assert client.get(f"{API}/visit", headers={"visit": ""}).json()["code"] == "no_visit"


def test_an_upload_that_is_sent_again_is_added_once(client, tmp_path):
    content = png(folder=tmp_path)
    first, second = (bring(client, "a.png", content, upload="key").json() for _ in range(2))
    assert first == second
    assert len(client.get(f"{API}/visit").json()["photographs"]) == 1


def test_what_is_asked_again_with_the_same_key_is_done_once(client):
    added = [client.post(f"{API}/photographs/sample?upload=press", json={}).json()["number"] for _ in range(2)]
    assert added[0] == added[1]
    order = {"photographs": added[:1], "recipe": {"model": "model"}, "key": "press"}
    first, again = (client.post(f"{API}/jobs", json=order).json() for _ in range(2))
    assert first["number"] == again["number"]
    settled(client)
    assert client.post(f"{API}/jobs", json=order).json()["state"] == "done"
    other = client.post(f"{API}/jobs", json=order | {"key": "another press"}).json()
    assert other["number"] != first["number"]


def test_a_zip_is_unpacked_and_a_bad_one_refused_in_the_language_that_is_asked_for(client, tmp_path):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("사진/a.png", png(folder=tmp_path))
        zipped.writestr("사진/1930/a.png", png(5, folder=tmp_path))
    assert [one["name"] for one in bring(client, "사진.zip", archive.getvalue()).json()] == ["1930/a.png", "a.png"]
    color(client)
    settled(client)
    with zipfile.ZipFile(io.BytesIO(client.get(f"{API}/results").content)) as zipped:
        assert zipped.namelist() == ["1930/a_colored.png", "a_colored.png"]
    answer = client.post(f"{API}/photographs", params={"name": "x.zip"}, content=archive.getvalue()[:60],
                         headers={"accept-language": "ko"})
    assert (answer.status_code, answer.json()["code"]) == (422, "zip_broken")
    assert "압축" in answer.json()["message"]
    assert not list((client.keep / "incoming").iterdir())


def test_too_large_an_upload_is_refused_and_not_kept(client):
    answer = bring(client, "a.png", bytes(4_000_000))
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert not list((client.keep / "incoming").glob("*"))


def test_a_visit_holds_so_many_photographs(client, tmp_path, monkeypatch):
    monkeypatch.setattr("dancheong.app.web.uploads.MAX_PHOTOGRAPHS", 2)
    content = png(folder=tmp_path)
    assert [bring(client, f"{n}.png", content).status_code for n in range(3)] == [201, 201, 409]


def test_the_sample_a_tone_and_the_pair(client, tmp_path):
    sample = client.post(f"{API}/photographs/sample", content=b"").json()
    color(client, [sample["number"]])
    settled(client)
    base = f"{API}/photographs/{sample['number']}"
    assert client.patch(base, json={"tone": {"strength": 0, "warmth": 0}}).json()["tone"]["strength"] == 0
    (tmp_path / "gray.jpg").write_bytes(client.get(f"{base}/result").content)
    gray = read_photo(tmp_path / "gray.jpg").pixels
    assert gray.shape == (800, 1200, 3)
    assert np.ptp(gray.astype(int), axis=2).max() <= 4  # JPEG
    assert np.abs(gray[..., 0] - gray_of(scene(7, 1200, 800)).astype(float)).mean() < 2  # it is what the program draws
    (tmp_path / "pair.jpg").write_bytes(client.get(f"{base}/pair").content)
    assert read_photo(tmp_path / "pair.jpg").pixels.shape == (800, 2400, 3)
    assert client.patch(base, json={"tone": {"strength": 3, "warmth": 0}}).status_code == 422


def test_strokes_are_kept_and_used_at_the_next_coloring(client, tmp_path):
    (added,) = bring(client, "a.png", png(size=(128, 96), folder=tmp_path)).json()
    base = f"{API}/photographs/{added['number']}"
    color(client)
    settled(client)
    stroke = {"glare": True, "radius": 0.1, "points": [[0.2, 0.5], [0.8, 0.5]]}
    assert client.put(f"{base}/strokes", json=[stroke]).json()["stroke_count"] == 1
    assert client.get(f"{base}/strokes").json() == [stroke]
    color(client, [added["number"]])
    (done,) = settled(client)["photographs"]
    assert (done["version"], done["drawn"]) == (2, True)
    (tmp_path / "mask.png").write_bytes(client.get(f"{base}/pictures/mask").content)
    import cv2

    alpha = cv2.imread(str(tmp_path / "mask.png"), cv2.IMREAD_UNCHANGED)[..., 3]
    assert (alpha[alpha.shape[0] // 2, alpha.shape[1] // 2], alpha[5, 5]) == (255, 0)
    client.put(f"{base}/strokes", json=[])
    color(client, [added["number"]])
    assert not settled(client)["photographs"][0]["drawn"]


@pytest.mark.parametrize(("settings", "code"), [
    ({"vivid": 99}, "setting_range"), ({"vivid": "x"}, "setting_range"), ({"glare_mode": "no"}, "setting_range"),
    ({"vivd": 1}, "setting_unknown"), ({"memory_gb": 50}, "setting_not_here"), ({"epochs": 5}, "setting_not_here"),
    ({"det_levels": 8.5}, "setting_range"), ({"vivid": True}, "setting_range"),
])
def test_settings_out_of_range_are_refused_before_anything_is_done(client, tmp_path, settings, code):
    bring(client, "a.png", png(folder=tmp_path))
    answer = color(client, **settings)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert client.get(f"{API}/jobs").json() == []


def test_a_refused_setting_is_called_what_the_form_calls_it(client, tmp_path):
    bring(client, "a.png", png(folder=tmp_path))
    for language, label in (("en", "Vividness (VIVID) cannot be 99"), ("ko", "색 생생함(VIVID)")):
        client.headers["accept-language"] = language
        assert label in color(client, vivid=99).json()["message"]


def test_a_setting_is_used_and_named_on_the_result(client, tmp_path):
    (added,) = bring(client, "a.png", png(folder=tmp_path)).json()
    color(client, VIVID=0)
    (done,) = settled(client)["photographs"]
    assert done["made_with"]["settings"] == {"vivid": 0}
    (tmp_path / "r.png").write_bytes(client.get(f"{API}/photographs/{added['number']}/result").content)
    assert np.ptp(read_photo(tmp_path / "r.png").pixels.astype(int), axis=2).max() <= 1


def test_two_models_are_compared_with_the_truth(client, tmp_path, trained):
    answer = client.post(f"{API}/models", params={"name": "mine.h5"}, content=(trained / "model.h5").read_bytes())
    assert (answer.status_code, answer.json()["name"], answer.json()["own"]) == (201, "mine", True)
    content = (trained / "test" / "scene_00800.png").read_bytes()
    (added,) = bring(client, "color.png", content).json()
    same = client.post(f"{API}/comparisons", json={"photograph": added["number"], "models": ["mine", "mine"]})
    assert same.json()["code"] == "same_models"
    made = client.post(f"{API}/comparisons", json={"photograph": added["number"], "models": ["mine", "model"]}).json()
    settled(client)
    scores = client.get(f"{API}/comparisons/{made['number']}/scores").json()
    assert scores["between"] == pytest.approx(0, abs=1e-6)
    assert len(scores["results"]) == 3
    assert scores["results"][0] == scores["results"][1]
    assert client.get(f"{API}/results").json()["code"] == "no_result"  # a comparison is no result of the visit


def test_what_is_no_model_is_refused(client):
    answer = client.post(f"{API}/models", params={"name": "x.h5"}, content=b"not a model")
    assert (answer.status_code, answer.json()["code"]) == (422, "model_wrong")
    assert [one["name"] for one in client.get(f"{API}/models").json()] == ["model"]


def test_a_photograph_and_a_visit_are_removed_with_their_files(client, tmp_path):
    (added,) = bring(client, "a.png", png(folder=tmp_path)).json()
    folder = client.keep / "visits" / client.headers["visit"]
    assert (folder / str(added["number"])).exists()
    revision = client.get(f"{API}/visit").json()["revision"]
    assert client.delete(f"{API}/photographs/{added['number']}").status_code == 204
    assert not (folder / str(added["number"])).exists()
    assert client.get(f"{API}/visit", params={"since": revision}).json()["removed"] == [added["number"]]
    assert client.delete(f"{API}/visit").status_code == 204
    assert not folder.exists()


def test_others_are_told_to_wait_where_too_many_do(open_server, tmp_path, monkeypatch):
    monkeypatch.setattr(worker_module.Worker, "_next", lambda self, beside: None)
    with open_server(tmp_path / "keep", places=1) as client:
        codes = []
        for visit in ("first-visit-of-somebody", "second-visit-of-somebody", "third-visit-of-somebody-"):
            client.headers["visit"] = visit
            bring(client, "a.png", png(folder=tmp_path))
            codes.append(color(client).status_code)
    assert codes == [201, 201, 503]


def test_a_training_is_refused_in_words(client, tmp_path):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        for number in range(3):
            zipped.writestr(f"p/{number}.png", png(number, folder=tmp_path))
    found = client.post(f"{API}/trainings/photographs", params={"name": "p.zip"}, content=archive.getvalue()).json()
    assert (found["images"], found["pairing"]) == (3, "derive")
    for order, code in [
        ({"name": "../x"}, "name_wrong"), ({"name": "x"}, "need_zip"), ({"name": "x", "photographs": "0" * 16}, "need_zip"),
        ({"name": "x", "folder": "/etc"}, "folder_wrong"),
        ({"name": "x", "photographs": found["key"], "settings": {"epochs": 0}}, "setting_range"),
        ({"name": "x", "photographs": found["key"], "settings": {"workers": 8}}, "setting_not_here"),
    ]:
        assert client.post(f"{API}/trainings", json=order).json()["code"] == code
    assert client.post(f"{API}/trainings/current/resume", content=b"").json()["code"] == "training_nothing"


@pytest.mark.parametrize("path", [
    "/page/../server.py", "/page/..%2fserver.py", "/page/index.htm", "/api/v1/photographs/1/pictures/x", "/etc/passwd",
    "/api/v1/trainings/current/previews/..", "/page/.git",
])
def test_no_other_file_is_served(client, path):
    assert client.get(path).status_code in (404, 422)


@pytest.mark.slow
def test_the_interface_keeps_its_own_schema_whatever_is_sent(open_server, tmp_path):
    """Generated requests, right and wrong ones: no error of the server, and only answers that the schema tells of."""
    schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")
    from hypothesis import HealthCheck, given, settings

    with open_server(tmp_path / "keep", max_upload_mb=1) as client:
        schema = schemathesis.openapi.from_dict(client.get(f"{API}/openapi.json").json())
        for result in schema.get_all_operations():
            operation = result.ok()
            if operation.path.endswith("/events"):
                continue

            @given(case=operation.as_strategy())
            @settings(max_examples=25, deadline=None, database=None, suppress_health_check=list(HealthCheck))
            def check(case):
                try:
                    call = case.as_transport_kwargs(base_url="http://127.0.0.1:7860")
                except ValueError:
                    return
                headers = {**dict(call.get("headers") or {}), "visit": "a-visit-of-the-fuzzer-here"}
                answer = client.request(
                    call["method"], call["url"], params=call.get("params"), headers=headers, json=call.get("json"),
                    content=call.get("data") if isinstance(call.get("data"), bytes) else None,
                )
                assert answer.status_code < 500 or answer.status_code == 503, (call, answer.text)
                if str(answer.status_code) not in case.operation.definition.raw["responses"]:
                    # Whatever is refused is refused in one form, which the schema has as the default.
                    assert answer.status_code >= 400, (call, answer.text)
                    assert answer.json().keys() == {"code", "details", "message"}

            check()


@pytest.mark.parametrize("asked", [[], ["own.h5"]], ids=["no model", "a model"])
def test_a_server_without_a_model_offers_the_one_that_comes_along(open_server, trained, tmp_path, monkeypatch, asked):
    for name in ("own.h5", "colorizer.h5"):
        shutil.copy(trained / "model.h5", tmp_path / name)
    shutil.copy(shipped.COLORIZER.with_suffix(".md"), tmp_path)
    monkeypatch.setattr(shipped, "COLORIZER", tmp_path / "colorizer.h5")
    with open_server(tmp_path / "keep", models=tuple(tmp_path / name for name in asked)) as client:
        (offered,) = client.get(f"{API}/models").json()
        assert (offered["name"], offered["card"]["comes_along"]) == (("own", False) if asked else ("colorizer", True))


def test_a_model_of_a_training_comes_after_what_the_server_offers_and_takes_no_name_of_it(
    open_server, trained, tmp_path, monkeypatch
):
    (tmp_path / "models").mkdir()
    shutil.copy(trained / "model.h5", tmp_path / "models" / "own.h5")
    monkeypatch.setattr(shipped, "COLORIZER", trained / "model.h5")
    with open_server(tmp_path / "keep", models=(), models_folder=tmp_path / "models") as client:
        assert [one["name"] for one in client.get(f"{API}/models").json()] == ["model", "own"]
        taken = client.post(f"{API}/trainings", json={"name": "model", "folder": "x"})
    assert (taken.status_code, taken.json()["code"]) == (409, "name_taken")


def test_the_store_offers_each_file_once(trained, tmp_path):
    shutil.copy(trained / "model.h5", tmp_path / "own.h5")
    assert list(ModelStore([tmp_path / "own.h5"], tmp_path).models()) == ["own"]


@pytest.mark.parametrize(("method", "path", "sent", "english", "korean"), [
    ("PATCH", "", {"tone": {"strength": 3}}, ("Strength", "3", "2"), ("색 농도", "3", "2 이하")),
    ("PUT", "/hints", [{"x": 0.5, "y": 0.5, "color": "red"}, {"x": 1.5, "y": 0.5, "color": "red"}],
     ("Place across (2)", "1.5", "1"), ("가로 위치 (2)", "1.5", "1 이하")),
    ("PUT", "/strokes", [{"glare": True, "radius": 2, "points": [[0, 0]]}],
     ("Brush size", "2", "0.5"), ("붓 크기", "2", "0.5 이하")),
    ("PATCH", "", {"look": 9}, ("Looks", "9", "5"), ("다른 느낌", "9", "5 이하")),
    ("PUT", "/hints", [{"x": 0.5, "y": 0.5}], ("Color (1)",), ("색 (1)", "빠져")),
])
def test_a_value_out_of_range_is_told_with_the_name_that_its_field_has_on_the_page(
    client, tmp_path, method, path, sent, english, korean
):
    (added,) = bring(client, "a.png", png(folder=tmp_path)).json()
    for language, words in (("en", english), ("ko", korean)):
        answer = client.request(
            method, f"{API}/photographs/{added['number']}{path}", json=sent, headers={"accept-language": language}
        )
        assert answer.status_code == 422
        message = answer.json()["message"]
        assert all(word in message for word in words), message
        assert "body." not in message


def test_one_of_several_kinds_that_is_wrong_is_told_with_what_is_allowed(client):
    told = client.post(f"{API}/jobs", json={"photographs": "some", "recipe": {"model": "model"}}).json()
    assert "some" in told["message"]
    assert "'rest'" in told["message"]


def test_a_photograph_that_is_not_there_is_named_and_nothing_is_begun(client, tmp_path):
    (added,) = bring(client, "a.png", png(folder=tmp_path)).json()
    answer = color(client, [added["number"], 99])
    assert (answer.status_code, answer.json()["code"], answer.json()["details"]) == (404, "no_such_photograph", {"number": 99})
    assert "99" in answer.json()["message"]
    assert client.get(f"{API}/jobs").json() == []


@pytest.mark.parametrize(("count", "held_out"), [(4, 0), (5, 1)])
def test_of_few_photographs_one_is_held_out_or_the_answer_says_that_none_is(open_server, tmp_path, count, held_out):
    write_scenes(tmp_path / "photos", count, 1, 60, 44)
    settings = {
        "resol": 32, "ngf": 4, "ndf": 4, "encoder": "unet", "depth": 3, "patch_size": "16", "device": "cpu", "epochs": 1,
    }
    with open_server(tmp_path / "keep", roots=(tmp_path / "photos",)) as client:
        order = {"name": "few", "folder": "photos", "settings": settings}
        begun = client.post(f"{API}/trainings", json=order).json()
        assert begun["too_few"] == (not held_out)
        while (now := client.get(f"{API}/trainings").json()["current"])["state"] == "running":
            time.sleep(0.05)
        assert (now["state"], now["too_few"]) == ("done", not held_out), now
        few = read_artifact(tmp_path / "keep" / "models" / "few.h5").data
    assert few.get("held_out", 0) == held_out
    with open_server(tmp_path / "keep") as client:
        assert client.get(f"{API}/trainings").json()["current"]["too_few"] == (not held_out)
