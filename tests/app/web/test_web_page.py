"""The whole page, as a person uses it: `dancheong serve` in a process of its own, Chromium before it."""

import http.client
import importlib.util
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest

from dancheong.imaging.files import read_photo, write_photo
from dancheong.scenes import scene

CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]
# Only a page that never shows what it should takes as long; a busy machine does not.
WAIT_MS = 300_000

if sys.platform == "win32":
    pytest.skip("Windows has no SIGINT for another process", allow_module_level=True)
if importlib.util.find_spec("gradio") is None:
    pytest.skip("the page needs gradio, which is not installed", allow_module_level=True)


@pytest.fixture(scope="module")
def served(trained, tmp_path_factory):
    """The address of a running server, and the temporary folder it works in."""
    scratch = tmp_path_factory.mktemp("scratch")
    shutil.copytree(trained / "photos", scratch / "roots" / "photos")
    command = [sys.executable, "-m", "dancheong", "serve", "--port", "0", "--model", str(trained / "model.h5"),
               "--photos", str(scratch / "roots"), "--max-upload-mb", "3"]
    environment = os.environ | {"TMPDIR": str(scratch), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        try:
            address = server.stdout.readline().strip()
            assert address.startswith("http://127.0.0.1:"), server.stderr.read() if server.poll() is not None else address
            yield address, scratch
        finally:
            server.send_signal(signal.SIGINT)
            _, told = server.communicate()
    assert "Traceback" not in told, told
    assert list(scratch.glob("dancheong-web-*")) == []


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not Path(CHROMIUM).exists():
        pytest.skip(f"{CHROMIUM} is not there: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def visit(browser, served):
    """Opens the page as a visitor with a language; whatever leaves this machine or breaks is an error at the end."""
    contexts, wrong = [], []

    def open_page(locale):
        context = browser.new_context(locale=locale, viewport={"width": 1280, "height": 900})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(WAIT_MS)
        page.on("pageerror", lambda error: wrong.append(f"script: {error}"))
        ours = (served[0], "data:", "blob:")
        page.on("request", lambda request: wrong.extend([request.url] * (not request.url.startswith(ours))))
        page.on("response", lambda response: wrong.extend([f"{response.status} {response.url}"] * (response.status >= 400)))
        page.goto(served[0])
        page.wait_for_selector("#color")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("사진 들")
    gray = scene(42, 180, 120)[..., 1]
    write_photo(folder / "경복궁 근정전.png", gray)
    write_photo(folder / "scan 2.tif", gray.astype(np.uint16) * 257)
    (folder / "broken.jpg").write_bytes(b"no photograph")
    return folder


def until(act, seen):
    """Do it again where nothing comes of it: on a busy machine a page shows its buttons before it minds them."""
    from playwright.sync_api import TimeoutError as NothingSeen

    for _ in range(3):
        act()
        try:
            return seen(timeout=20_000)
        except NothingSeen:
            continue
    act()
    return seen()


def drop(page, place, *files):
    listed = "([place, count]) => document.querySelectorAll(`${place} tr.file`).length >= count"
    until(
        lambda: page.set_input_files(f"{place} input[type=file]", [str(file) for file in files]),
        lambda **limit: page.wait_for_function(listed, arg=[place, len(files)], **limit),
    )


def colored(page, files):
    drop(page, "#drop", *files)
    until(lambda: page.click("#color"), lambda **limit: page.wait_for_selector("#status :is(.good, .bad, .work)", **limit))
    page.wait_for_selector("#status .good")


def put(page, row, value):
    """Set a row of the form and see that it stays: a part that is still opening may take its own value back."""
    field = f"[role=tabpanel]:visible #row-{row} input"
    for _ in range(5):
        page.fill(field, str(value))
        page.keyboard.press("Tab")
        page.wait_for_timeout(300)
        if page.input_value(field) == str(value):
            return
    raise AssertionError(f"{row} stays {page.input_value(field)}")


def download(page, selector):
    with page.expect_download() as started:
        page.click(selector)
    return started.value.suggested_filename, Path(started.value.path()).read_bytes()


def test_drop_color_slide_mask_download(visit, photographs):
    page = visit("en-US")
    assert page.url.endswith("/en/")
    colored(page, [photographs / "경복궁 근정전.png", photographs / "scan 2.tif", photographs / "broken.jpg"])
    assert "2 of 3 photographs colored" in page.inner_text("#status")
    # the slider
    before = page.locator("#shown [data-part=left]")
    page.wait_for_function("document.querySelector('#shown [data-part=left]').naturalWidth === 180")
    box = page.locator("#shown [data-part=stage]").bounding_box()
    page.mouse.click(box["x"] + 0.25 * box["width"], box["y"] + 20)
    shown = before.evaluate("image => parseFloat(getComputedStyle(image.parentElement).getPropertyValue('--position'))")
    assert shown == pytest.approx(0.25 * box["width"], abs=2)
    assert f"{shown:.4g}"[:3] in before.evaluate("image => getComputedStyle(image).clipPath")
    page.click("#shown [data-zoom=full]")
    assert page.locator("#shown [data-part=stage]").bounding_box()["width"] == pytest.approx(180, abs=1)
    page.click("#shown [data-zoom=fit]")
    # one as it came: 16 bit TIFF
    page.click("#shown [data-part=strip] button >> nth=1")
    name, content = download(page, "#shown [data-part=download]")
    assert name == "scan 2.tif"
    (photographs / "result.tif").write_bytes(content)
    result = read_photo(photographs / "result.tif").pixels
    assert (result.dtype, result.shape) == (np.uint16, (120, 180, 3))
    # all in a zip, with their Korean names
    name, content = download(page, "#shown [data-part=zip]")
    assert sorted(zipfile.ZipFile(io.BytesIO(content)).namelist()) == ["scan 2.tif", "경복궁 근정전.png"]
    # the one that failed says why
    page.click("#shown [data-part=strip] button >> nth=2")
    problem = page.inner_text("#shown [data-part=problem]")
    assert "broken.jpg" in problem
    assert "/" not in problem
    # the mask: paint, color again, look at it again, put it back
    page.click("#shown [data-part=strip] button >> nth=0")
    page.click("#shown [data-mode=mask]")
    page.wait_for_function("document.querySelector('#shown canvas').width === 180")
    assert page.locator("#shown [data-part=recolor]").is_disabled()
    box = page.locator("#shown canvas").bounding_box()
    page.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 0.5 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + 0.5 * box["height"], steps=4)
    page.mouse.up()
    page.click("#shown [data-part=recolor]")
    page.wait_for_selector("#status :text('colored again')")
    page.wait_for_selector("#shown [data-part=reset]:visible")
    painted = page.evaluate("""async () => {
      const image = new Image(); image.src = JSON.parse(JSON.stringify(document.querySelector('#shown [data-part=left]').src))
        .replace('/before/', '/mask/'); await image.decode();
      const sheet = document.createElement('canvas'); sheet.width = 180; sheet.height = 120;
      const pen = sheet.getContext('2d'); pen.drawImage(image, 0, 0);
      return [pen.getImageData(90, 60, 1, 1).data[3], pen.getImageData(90, 5, 1, 1).data[3]] }""")
    assert painted[0] == 255
    page.click("#shown [data-part=reset]")
    page.wait_for_selector("#shown [data-part=reset]", state="hidden")


def test_a_setting_is_used_and_one_out_of_range_is_refused_in_words(visit, photographs):
    page = visit("en-US")
    page.click("text=Settings")

    def no_color():
        page.fill("#row-vivid input[type=number]", "0")
        page.keyboard.press("Tab")

    is_set = "document.querySelector('#row-vivid input[type=range]').value === '0'"
    until(no_color, lambda **limit: page.wait_for_function(is_set, **limit))
    colored(page, [photographs / "경복궁 근정전.png"])
    _, content = download(page, "#shown [data-part=download]")
    (photographs / "gray.png").write_bytes(content)
    result = read_photo(photographs / "gray.png").pixels
    assert np.ptp(result.astype(int), axis=-1).max() <= 1
    page.click("[role=tabpanel]:visible >> text=Advanced and expert parameters")
    page.click("text=Light reflection: where it is")
    put(page, "det_levels", 999)
    until(lambda: page.click("#color"), lambda **limit: page.wait_for_selector("#status .bad", **limit))
    assert "DET_LEVELS = 999: a whole number from 8 to 64 was expected" in page.inner_text("#status")


def test_korean_for_who_asks_for_it_and_a_switch(visit, photographs):
    page = visit("ko-KR")
    assert page.url.endswith("/ko/")
    assert page.inner_text("#color") == "채색하기"
    assert page.evaluate("document.documentElement.lang") == "ko"
    page.click("#color")
    page.wait_for_selector("#status .bad")
    assert "먼저 사진을" in page.inner_text("#status")
    colored(page, [photographs / "경복궁 근정전.png"])
    assert "1장 가운데 1장을" in page.inner_text("#status")
    page.click(".language")
    page.wait_for_selector("#color:has-text('Color')")
    assert page.url.endswith("/en/")


def test_train_on_a_zip_stop_go_on_and_use_the_model(visit, trained, tmp_path):
    archive = tmp_path / "사진.zip"
    with zipfile.ZipFile(archive, "w") as zipped:
        for path in (trained / "photos").iterdir():
            zipped.write(path, f"사진/{path.name}")
    page = visit("en-US")
    page.get_by_role("tab").nth(1).click()
    page.click("#train-start")
    page.wait_for_selector("#train-problem .bad")
    drop(page, "#train-zip", archive)
    page.fill("#train-name input, #train-name textarea", "새 모델")
    page.click("text=All parameters")
    for row, value in (("resol", 32), ("epochs", 4000), ("batch_size", 2)):
        put(page, row, value)
    put(page, "ngf", 4)
    page.click("[role=tabpanel]:visible >> text=Advanced and expert parameters")
    page.click("[role=tabpanel]:visible >> text=The two networks")
    put(page, "depth", 3)
    until(lambda: page.click("#train-start"), lambda **limit: page.wait_for_selector("#train-panel .status.work", **limit))
    page.wait_for_selector("#train-panel .drawing svg")
    page.click("#train-stop")
    page.wait_for_selector("#train-panel .status.good")
    assert "새 모델: stopped" in page.inner_text("#train-panel")
    _, content = download(page, "#train-panel a.get")
    assert content.startswith(b"dancheong model file")
    page.click("#train-resume")
    page.wait_for_selector("#train-panel .status.work:has-text('Training')")
    page.click("#train-stop")
    page.wait_for_selector("#train-panel .status.good")
    # the third tab offers it
    page.get_by_role("tab").nth(2).click()
    drop(page, "#compare-drop", trained / "test" / "scene_00800.png")
    page.click("#model-b input")
    page.click("ul[role=listbox] li:has-text('새 모델')")
    page.click("#compare")
    page.wait_for_selector("#compare-status .good")
    page.wait_for_selector("#scores table")
    assert "Delta E 2000" in page.inner_text("#scores")
    assert page.inner_text("#compared [data-part=tagright]") == "새 모델"


# -- without a browser --------------------------------------------------------------------------------------------------


def ask(address, path, method="GET", body=None, **headers):
    place = urlsplit(address)
    connection = http.client.HTTPConnection(place.hostname, place.port)
    connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return answer.status, dict(answer.getheaders()), text.decode("utf-8", "replace")


def test_the_first_page_goes_where_the_browser_reads(served):
    status, headers, _ = ask(served[0], "/", Accept_Language="ko-KR,ko;q=0.9")
    assert (status, headers["location"]) == (303, "/ko/")
    assert "content-security-policy" in headers


def test_a_foreign_host_another_site_and_other_files_are_refused(served):
    assert ask(served[0], "/en/", Host="evil.example")[0] == 403
    assert ask(served[0], "/en/gradio_api/queue/join", "POST", b"{}", Origin="http://evil.example")[0] == 403
    for path in ("/en/gradio_api/file=/etc/passwd", "/en/gradio_api/info", "/en/gradio_api/monitoring", "/en/monitoring"):
        assert ask(served[0], path)[0] == 404


def test_pictures_of_nobody_are_not_there(served):
    for path in ("/pictures/x/1/after/view", "/pictures/x/1/result", "/pictures/x/all.zip", "/pictures/x/../../etc/passwd",
                 "/pictures/x/1/after/..%2f..%2fetc", "/training/../etc/passwd"):
        status, _, text = ask(served[0], path)
        assert status == 404
        assert "root:" not in text


def test_an_upload_that_is_too_large_is_refused_in_words_and_not_kept(served):
    address, scratch = served
    boundary = b"--b\r\nContent-Disposition: form-data; name=\"files\"; filename=\"a.png\"\r\n\r\n"
    body = boundary + bytes(4_000_000) + b"\r\n--b--\r\n"
    status, _, text = ask(address, "/en/gradio_api/upload", "POST", body, Content_Type="multipart/form-data; boundary=b",
                          Accept_Language="ko")
    assert status == 413
    assert "3 MB까지" in text
    kept = [path.stat().st_size for path in scratch.glob("dancheong-web-*/uploads/**/*") if path.is_file()]
    assert max(kept, default=0) < 1_000_000


def test_the_configuration_tells_no_path_and_no_other_host(served):
    status, _, text = ask(served[0], "/en/config")
    assert status == 200
    config = json.loads(text)
    assert str(served[1]) not in text
    assert config["analytics_enabled"] is False


def test_elsewhere_a_token_is_asked_for(trained):
    command = [sys.executable, "-m", "dancheong", "serve", "--host", "0.0.0.0", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            place = urlsplit(server.stdout.readline().strip())
            address = f"http://127.0.0.1:{place.port}"
            while server.poll() is None:
                try:
                    assert ask(address, "/en/")[0] == 403
                    break
                except ConnectionError:
                    time.sleep(0.1)
            status, headers, _ = ask(address, f"/?{place.query}")
            assert status == 303
            cookie = headers["set-cookie"].split(";")[0]
            assert ask(address, "/en/", Cookie=cookie)[0] == 200
            assert ask(address, "/?token=wrong")[0] == 403
        finally:
            server.terminate()
            server.communicate()
