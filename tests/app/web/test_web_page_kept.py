"""Reloads, outages and kills lose nothing of the page; trainings, comparisons and programs."""

import http.client
import json
import subprocess
import sys
import time
import zipfile
from urllib.parse import urlsplit

import numpy as np
import pytest

from dancheong.app.web.client import Page, PageError
from dancheong.imaging.files import read_photo, write_photo
from dancheong.scenes import scene
from page_in_chromium import NEEDED, Line, Server, colored, count, drop, outage, ready, until

pytestmark = NEEDED


# -- nothing is lost ------------------------------------------------------------------------------------------------------


def test_a_reload_another_tab_and_another_language_have_everything(visit, photographs):
    page = visit("ko-KR")
    assert page.inner_text("#go") == "채색하기"
    colored(page, photographs / "경복궁 근정전.png", photographs / "broken.jpg")
    page.select_option("#model", "second")
    assert "읽을 수 있는 사진 파일이 아닙니다" in page.inner_text("#failed")
    page.click("#language")
    page.wait_for_selector("#go:has-text('Color')")
    count(page, 2)
    assert page.input_value("#model") == "second"
    assert "This is no photograph" in page.inner_text("#failed")
    page.wait_for_timeout(800)
    page.reload()
    ready(page)
    count(page, 1, "done")
    assert page.evaluate("document.documentElement.lang") == "en"
    assert page.input_value("#model") == "second"
    other = page.context.new_page()
    other.goto(page.url)
    ready(other)
    count(other, 2)
    # and a browser that is given the address of the visit
    page.click("#elsewhere")
    page.wait_for_selector("#footnote:not(:empty)")
    address = page.evaluate("fetch('/api/v1/visit/address').then(one => one.json()).then(one => one.address)")
    elsewhere = visit(address=page.url.rstrip("/") + "/")
    elsewhere.goto(page.url.rstrip("/") + address)
    ready(elsewhere)
    count(elsewhere, 2)


@pytest.mark.parametrize("seconds", [1, pytest.param(10, marks=pytest.mark.slow)])
def test_an_outage_while_uploading_coloring_and_idle_loses_nothing(visit, served, tmp_path, seconds):
    noise = np.random.default_rng(1)
    files = []
    for number in range(6):
        files.append(tmp_path / f"{number}.png")
        write_photo(files[-1], noise.integers(0, 255, (700, 900), np.uint8))
    with Line(served.port) as line:
        page = visit(address=f"http://127.0.0.1:{line.port}/")
        outage(page, line, files, seconds)
        page.context.close()


@pytest.mark.slow
def test_a_server_that_is_killed_in_a_batch_of_30_goes_on_where_it_was(visit, trained, tmp_path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    server = Server(scratch, trained)
    page = visit(address=server.address)
    files = []
    for number in range(30):
        files.append(tmp_path / f"사진 {number:02d}.png")
        write_photo(files[-1], scene(number, 120, 80)[..., 1])
    drop(page, *files)
    count(page, 30)
    page.click("#go")
    count(page, 5, "done")
    server.kill()
    page.wait_for_selector("#connection", state="visible")
    done = {one["number"]: one["made_with"] for one in state_of(scratch).values() if one["state"] == "done"}
    assert len(done) >= 5
    written = {number: times_of(scratch, number) for number in done}
    server.start()
    page.wait_for_selector("#connection", state="hidden")
    count(page, 30, "done")
    assert "30 of 30" in page.inner_text("#status")
    after = state_of(scratch)
    assert all(one["version"] == 1 for one in after.values())
    assert {number: times_of(scratch, number) for number in done} == written  # not one was colored twice
    server.end()


def state_of(scratch):
    (file,) = (scratch / "keep" / "visits").glob("*/visit.json")
    return json.loads(file.read_text("utf-8"))["photographs"]


def times_of(scratch, number):
    (result,) = (scratch / "keep" / "visits").glob(f"*/{number}/color1/*")
    return result.stat().st_mtime_ns


# -- training and comparing -----------------------------------------------------------------------------------------------


def test_train_stop_reload_go_on_and_compare(visit, trained, tmp_path, served):
    archive = tmp_path / "사진.zip"
    with zipfile.ZipFile(archive, "w") as zipped:
        for path in (trained / "photos").iterdir():
            zipped.write(path, f"사진/{path.name}")
    page = visit(allowed=(422,))
    page.on("dialog", lambda dialog: dialog.accept())
    page.click("#tab-train")
    page.fill("#train-name", "새 모델")
    page.click("#train-start")
    page.wait_for_selector("#train-problem:has-text('Bring a zip')")
    page.set_input_files("#train-zip", str(archive))
    page.wait_for_selector("#train-found:has-text('4 color photographs')")
    assert "사진.zip" in page.inner_text("#panel-train .order")
    assert page.locator("#train-direction").is_hidden()  # color photographs have no direction
    page.select_option("#train-pairing", "side_by_side")
    assert page.locator("#train-direction").is_visible()
    page.select_option("#train-pairing", "derive")
    page.click("#panel-train .settings > summary")
    for row, value in (("resol", 32), ("epochs", 4000), ("batch_size", 2), ("ngf", 4)):
        page.fill(f"#training-{row}", str(value))
    page.keyboard.press("Tab")
    page.eval_on_selector_all("#panel-train .rows details", "all => all.forEach(one => { one.open = true; })")
    page.fill("#training-depth", "3")
    page.fill("#training-val_images", "200")
    page.select_option("#training-encoder", "unet") if page.locator("#training-encoder").count() else None
    page.keyboard.press("Tab")
    page.click("#train-start")
    page.wait_for_selector("#train-status:has-text('images')")
    page.wait_for_selector(".chart svg")
    page.wait_for_selector(".previews img")  # its columns are named by the page, in its language
    assert page.locator(".previews .columns span").all_inner_texts() == ["gray input", "predicted", "truth"]
    page.click("#train-stop")
    page.wait_for_selector("#train-resume:visible")
    assert "새 모델: stopped" in page.inner_text("#train-status")
    # another visitor goes on with it
    other = visit()
    other.on("dialog", lambda dialog: dialog.accept())
    other.click("#tab-train")
    other.click("#train-resume")
    other.wait_for_selector("#train-stop:visible")
    other.click("#train-stop")
    other.wait_for_selector("#train-resume:visible")
    page.click("#tab-compare")
    page.set_input_files("#compare-file", str(trained / "test" / "scene_00800.png"))
    until(page, "document.querySelector('#compare-photograph').value")
    assert page.input_value("#model-a") != page.input_value("#model-b")
    page.select_option("#model-b", "새 모델")
    page.click("#compare")
    page.wait_for_selector("#scores table")
    assert "Delta E 2000" in page.inner_text("#scores")
    page.select_option("#compare-shown", "1")
    page.wait_for_selector("#panel-compare .lefttag:text('truth')")
    assert page.inner_text("#panel-compare .righttag") == "새 모델"


# -- without a browser ----------------------------------------------------------------------------------------------------


def ask(address, path, method="GET", body=None, **headers):
    place = urlsplit(address)
    connection = http.client.HTTPConnection(place.hostname, place.port)
    connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return answer.status, dict(answer.getheaders()), text.decode("utf-8", "replace")


def test_a_program_uploads_hints_colors_and_downloads(served, photographs, tmp_path):
    page = Page(served.address)
    one, two = page.upload(photographs / "scan 2.tif"), page.upload(photographs / "broken.jpg")
    page.hint(one, [(0.5, 0.5, "석간주")])
    page.choose_look(one, 2)
    done = page.color([one, two], vivid=1.2)
    assert (done[one]["state"], done[one]["used_look"], len(done[one]["used_hints"])) == ("done", 2, 1)
    assert done[one]["made_with"] == {"model": page.models()[0], "settings": {"vivid": 1.2}}
    assert (done[two]["state"], done[two]["error"]["code"]) == ("failed", "no_photograph")
    path = page.download(one, tmp_path / "colored")
    assert path == tmp_path / "colored" / "scan 2_colored.tif"
    assert read_photo(path).pixels.dtype == np.uint16
    korean = Page(served.address, page.visit, "ko")  # another program goes on with the visit
    with pytest.raises(PageError, match="알 수 없는 색") as refused:
        korean.hint(one, [(0.5, 0.5, "없는색")])
    assert (refused.value.status, refused.value.code) == (422, "color_unknown")
    named = korean.upload(photographs / "경복궁 근정전.png")
    korean.color([named])
    assert korean.download(named, tmp_path, "ko").name == "경복궁 근정전_colored.png"
    assert not list(tmp_path.rglob("*.part"))


def test_a_foreign_host_and_another_site_are_refused(served):
    assert ask(served.address, "/", Host="evil.example")[0] == 403
    assert ask(served.address, "/api/v1/jobs", "POST", b"{}", Origin="http://evil.example")[0] == 403
    _, headers, _ = ask(served.address, "/")
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert "HttpOnly" in headers["set-cookie"]


def test_elsewhere_a_token_is_asked_for_that_a_restart_keeps(trained, tmp_path):
    command = [sys.executable, "-m", "dancheong", "serve", "--host", "0.0.0.0", "--port", "0", "--keep", str(tmp_path)]
    tokens = []
    for _ in range(2):
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
            try:
                place = urlsplit(server.stdout.readline().strip())
                address = f"http://127.0.0.1:{place.port}"
                while server.poll() is None:
                    try:
                        assert ask(address, "/")[0] == 403
                        break
                    except ConnectionError:
                        time.sleep(0.1)
                status, headers, _ = ask(address, f"/?{place.query}")
                assert status == 303
                cookie = headers["set-cookie"].split(";")[0]
                assert ask(address, "/", Cookie=cookie)[0] == 200
                assert ask(address, "/?token=wrong")[0] == 403
                tokens.append(place.query)
            finally:
                server.terminate()
                server.communicate()
    assert tokens[0] == tokens[1]
