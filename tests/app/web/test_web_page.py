"""The whole page, as a person uses it: `dancheong serve` in a process of its own, Chromium before it."""

import base64
import contextlib
import http.client
import importlib.util
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path
from urllib.parse import urlsplit

import cv2
import numpy as np
import pytest

from dancheong.app.web.client import Page, PageError
from dancheong.imaging.files import read_photo, write_photo
from dancheong.scenes import scene

CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--force-color-profile=srgb"]
# Only a page that never shows what it should takes as long; a busy machine does not.
WAIT_MS = 300_000
WIDTHS = (390, 768, 1366, 2560)

if sys.platform == "win32":
    pytest.skip("Windows has no SIGINT for another process", allow_module_level=True)
if importlib.util.find_spec("fastapi") is None:
    pytest.skip("the page needs fastapi, which is not installed", allow_module_level=True)


class Server:
    """`dancheong serve` on a folder of visits that outlives it, at one port."""

    def __init__(self, scratch, trained, *options):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        shutil.copy(trained / "model.h5", scratch / "second.h5")
        self.scratch = scratch
        self.command = [sys.executable, "-m", "dancheong", "serve", "--port", str(self.port), "--keep", str(scratch / "keep"),
                        "--model", str(trained / "model.h5"), "--model", str(scratch / "second.h5"), *options]
        self.address = f"http://127.0.0.1:{self.port}/"
        self.start()

    def start(self):
        environment = os.environ | {"TMPDIR": str(self.scratch), "PYTHONUNBUFFERED": "1"}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        self.process = subprocess.Popen(self.command, env=environment, text=True, **pipes)
        said = self.process.stdout.readline().strip()
        assert said == self.address, self.process.stderr.read()

    def kill(self):
        """As a loss of power does."""
        self.process.kill()
        self.process.communicate()
        assert self.process.returncode == -signal.SIGKILL

    def end(self):
        self.process.send_signal(signal.SIGINT)
        _, told = self.process.communicate(timeout=120)
        assert "Traceback" not in told, told


class Line:
    """A line between browser and server that can be cut: every connection breaks, and new ones are refused. A context."""

    def __init__(self, port):
        self.target, self.is_cut, self.open, self.threads = port, False, [], []
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        self._start(self._accept)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.listening.shutdown(socket.SHUT_RDWR)
        self._break()
        for thread in self.threads:
            thread.join()
        for end in (self.listening, *self.open):
            end.close()

    def _start(self, work, *arguments):
        self.threads.append(threading.Thread(target=work, args=arguments, daemon=True))
        self.threads[-1].start()

    def _break(self):
        for end in list(self.open):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _accept(self):
        while True:
            try:
                client, _ = self.listening.accept()
            except OSError:
                return
            if self.is_cut:
                client.close()
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                client.close()
                continue
            self.open += [client, server]
            for source, sink in ((client, server), (server, client)):
                self._start(self._carry, source, sink)

    def _carry(self, source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    @contextlib.contextmanager
    def cut(self):
        self.is_cut = True
        self._break()
        yield
        self.is_cut = False


@pytest.fixture(scope="module")
def served(trained, tmp_path_factory):
    """A running server."""
    scratch = tmp_path_factory.mktemp("scratch")
    shutil.copytree(trained / "photos", scratch / "roots" / "photos")
    server = Server(scratch, trained, "--photos", str(scratch / "roots"), "--max-upload-mb", "30")
    yield server
    server.end()


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
    """Opens the page as a visitor; whatever leaves this machine or breaks is an error at the end."""
    contexts, wrong = [], []

    def open_page(locale="en-US", address=served.address, allowed=(), **options):
        context = browser.new_context(**{"locale": locale, "viewport": {"width": 1280, "height": 800}, **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(WAIT_MS)
        page.on("pageerror", lambda error: wrong.append(f"script: {error}"))
        page.on("request", lambda one: wrong.extend([one.url] * (not one.url.startswith((address, "data:", "blob:")))))
        page.on("response", lambda one: wrong.extend(
            [f"{one.status} {one.url}"] * (one.status >= 400 and one.status not in allowed)))
        page.goto(address)
        ready(page)
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
    (folder / "broken.jpg").write_bytes(b"no photograph, but long enough to be looked at")
    return folder


def until(page, expression, arg=None):
    """Wait until an expression is true. The page forbids the evaluation of strings, so Playwright's own way is closed."""
    ended = time.monotonic() + WAIT_MS / 1000
    while not page.evaluate(expression, arg):
        assert time.monotonic() < ended, expression
        page.wait_for_timeout(50)


def ready(page):
    page.wait_for_selector("html[data-ready]")


def drop(page, *files):
    """Drop files on the page, as a person's mouse does."""
    listed = [[file.name, base64.b64encode(file.read_bytes()).decode()] for file in map(Path, files)]
    page.evaluate("""files => {
      const carried = new DataTransfer();
      for (const [name, text] of files)
        carried.items.add(new File([Uint8Array.from(atob(text), sign => sign.charCodeAt(0))], name));
      const at = document.elementFromPoint(innerWidth / 2, innerHeight / 2);
      for (const kind of ['dragenter', 'dragover', 'drop'])
        at.dispatchEvent(new DragEvent(kind, {bubbles: true, cancelable: true, dataTransfer: carried}));
    }""", listed)


def count(page, number, state=""):
    until(page, "([n, s]) => document.querySelectorAll(`#photographs li${s}`).length >= n",
          [number, f"[data-state={state}]" if state else ""])


def colored(page, *files):
    drop(page, *files)
    count(page, len(files))
    page.click("#go")
    page.wait_for_selector("#status.good")


def download(page, selector):
    with page.expect_download() as started:
        page.click(selector)
    return started.value.suggested_filename, Path(started.value.path()).read_bytes()


def in_view(page, selector):
    """Whether the middle of an element is on the screen and nothing lies over it."""
    return page.eval_on_selector(selector, """one => {
      const box = one.getBoundingClientRect(), x = box.left + box.width / 2, y = box.top + box.height / 2;
      return y > 0 && y < innerHeight && x > 0 && x < innerWidth && one.contains(document.elementFromPoint(x, y)); }""")


# -- the main job ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", WIDTHS[::2])
def test_one_press_colors_the_sample_and_the_result_is_on_the_screen(visit, width):
    page = visit(viewport={"width": width, "height": 844 if width == 390 else 768})
    assert in_view(page, "#go")
    page.click("#sample")
    page.wait_for_selector("#status.good")
    assert in_view(page, "#status")
    until(page, "document.querySelector('.rightframe img')?.naturalWidth === 1200")
    assert in_view(page, "#viewer .stage")
    for other in WIDTHS:
        page.set_viewport_size({"width": other, "height": 768})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), other


def test_drop_color_look_download(visit, photographs, tmp_path):
    page = visit()
    drop(page, photographs / "broken.jpg", photographs / "scan 2.tif")
    count(page, 2)
    drop(page, photographs / "경복궁 근정전.png")  # a second drop adds
    count(page, 3)
    until(page, "[...document.querySelectorAll('#photographs img:not([hidden])')].every(one => one.naturalWidth)")
    page.click("#go")
    page.wait_for_selector("#status.good")
    assert "2 of 3 photographs colored" in page.inner_text("#status")
    # a finished photograph is shown although a failed one came first, which says what to do
    assert page.inner_text("#facts").startswith("scan 2.tif")
    assert "broken.jpg This is no photograph that can be read. Save it as JPEG, PNG or TIFF." in page.inner_text("#failed")
    # the line
    box = page.locator("#viewer .stage").bounding_box()
    handle = page.locator("#viewer .handle").bounding_box()
    page.mouse.move(handle["x"] + 22, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 40)
    page.mouse.up()
    assert page.get_attribute("#viewer .handle", "aria-valuenow") == "25"
    assert page.eval_on_selector(".leftframe", "one => one.style.clipPath") == f"inset(0px {0.75 * box['width']:g}px 0px 0px)"
    page.focus("#viewer .handle")
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    assert page.get_attribute("#viewer .handle", "aria-valuenow") == "45"
    # as it came: 16 bit TIFF, under a name of its own
    name, content = download(page, "#download")
    assert name == "scan 2_colored.tif"
    (tmp_path / name).write_bytes(content)
    result = read_photo(tmp_path / name).pixels
    assert (result.dtype, result.shape) == (np.uint16, (120, 180, 3))
    name, content = download(page, "#zip")
    assert name == "dancheong_colored.zip"
    assert sorted(zipfile.ZipFile(io.BytesIO(content)).namelist()) == ["scan 2_colored.tif", "경복궁 근정전_colored.png"]
    name, content = download(page, "#pair")
    assert name == "scan 2_colored_before_after.jpg"


def test_what_lies_in_a_folder_is_found_and_a_picture_of_the_clipboard_is_taken(visit, photographs, tmp_path):
    page = visit(allowed=(422,))  # the small picture of the one that is cut off
    (tmp_path / "상자" / "inner").mkdir(parents=True)
    shutil.copy(photographs / "경복궁 근정전.png", tmp_path / "상자" / "inner")
    cv2.imwrite(str(tmp_path / "b.bmp"), scene(3, 60, 40))
    for name in ("10번 그림.bmp", "2번 그림.bmp"):
        shutil.copy(tmp_path / "b.bmp", tmp_path / "상자" / name)
    (tmp_path / "상자" / "잘린 그림.png").write_bytes((photographs / "경복궁 근정전.png").read_bytes()[:2000])
    page.set_input_files("input[webkitdirectory]", str(tmp_path / "상자"))
    count(page, 4)
    names = ["2번 그림.bmp", "10번 그림.bmp", "경복궁 근정전.png", "잘린 그림.png"]
    assert page.locator("#photographs .name").all_inner_texts() == names
    until(page, "document.querySelector('[aria-label=\"잘린 그림.png\"] img').hidden")  # no sign of a broken picture
    assert page.locator("#photographs img:visible").count() == 3
    assert page.locator("#failed").is_hidden()
    content = base64.b64encode((photographs / "경복궁 근정전.png").read_bytes()).decode()
    page.evaluate("""text => {
      const clipboardData = new DataTransfer();
      const bytes = Uint8Array.from(atob(text), sign => sign.charCodeAt(0));
      clipboardData.items.add(new File([bytes], 'image.png', {type: 'image/png'}));
      document.dispatchEvent(new ClipboardEvent('paste', {clipboardData, bubbles: true})); }""", content)
    count(page, 5)


def test_the_wheel_keys_and_a_double_click_zoom_where_the_person_looks(visit, photographs):
    page = visit()
    colored(page, photographs / "경복궁 근정전.png")
    stage = page.locator("#viewer .stage")
    box = stage.bounding_box()

    def shown():
        """Which point of the photograph (in its pixels) is a quarter into the stage, and the scale."""
        view = page.evaluate("(({x, y, scale}) => ({x, y, scale}))(document.querySelector('#viewer photo-viewer').view)")
        return (box["width"] / 4 - view["x"]) / view["scale"], view["scale"]

    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.wheel(0, -200)
    until(page, "!document.querySelector('#viewer photo-viewer').isFit")
    page.wait_for_timeout(500)  # a wheel comes in several events
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + box["height"] / 2)
    (place, scale) = shown()
    page.mouse.wheel(0, -150)
    until(page, "before => document.querySelector('#viewer photo-viewer').view.scale > before", arg=scale)
    page.wait_for_timeout(500)
    assert shown()[0] == pytest.approx(place, abs=1)
    page.mouse.dblclick(box["x"] + 30, box["y"] + 30)
    until(page, "document.querySelector('#viewer photo-viewer').isFit")
    stage.focus()
    fit = shown()[1]
    page.keyboard.press("+")
    assert shown()[1] > fit
    page.keyboard.press("0")
    assert shown()[1] == pytest.approx(fit)
    page.click("[data-mode=side]")
    stage.press("+")
    before = page.evaluate("document.querySelector('#viewer photo-viewer').view.x")
    middle = box["x"] + box["width"] / 2
    page.mouse.move(middle - 10, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(middle + 10, box["y"] + 40)  # from one half into the other
    page.mouse.up()
    assert page.evaluate("document.querySelector('#viewer photo-viewer').view.x") == pytest.approx(before + 20)


def test_two_fingers_zoom(visit, photographs):
    page = visit(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    colored(page, photographs / "경복궁 근정전.png")
    box = page.locator("#viewer .stage").bounding_box()
    fingers = page.context.new_cdp_session(page)
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    before = page.evaluate("document.querySelector('#viewer photo-viewer').view.scale")
    for kind, gap in (("touchStart", 20), ("touchMove", 40), ("touchMove", 80), ("touchMove", 120)):
        points = [{"x": middle[0] + sign * gap / 2, "y": middle[1], "id": number} for number, sign in enumerate((-1, 1))]
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    fingers.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    after = page.evaluate("document.querySelector('#viewer photo-viewer').view.scale")
    assert after > 3 * before


def test_a_large_photograph_comes_in_tiles_where_it_is_looked_at(visit, tmp_path):
    large = cv2.resize(scene(8, 600, 200)[..., 1], (6000, 2000))
    write_photo(tmp_path / "panorama.jpg", large)
    page = visit()
    colored(page, tmp_path / "panorama.jpg")
    page.click("#zoom-full")
    until(page, """() => {
      const tiles = [...document.querySelectorAll('.rightframe .tile')];
      return tiles.length > 2 && tiles.every(one => one.naturalWidth); }""")
    sides = page.eval_on_selector_all(".rightframe .tile", "all => all.map(one => one.naturalWidth)")
    assert max(sides) == 512
    assert len(sides) < 25  # not the whole photograph


def test_strength_changes_at_once_and_the_download_has_it(visit, photographs, tmp_path):
    page = visit()
    page.click("#sample")
    page.wait_for_selector("#status.good")
    until(page, "document.querySelector('.rightframe img')?.naturalWidth === 1200")
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.eval_on_selector("#strength", "one => { one.value = 2; one.dispatchEvent(new Event('input')); }")
    page.eval_on_selector("#warmth", "one => { one.value = 0.5; one.dispatchEvent(new Event('input')); }")
    page.keyboard.press("Tab")
    assert asked == []  # nothing of the server is needed to see it
    page.eval_on_selector("#warmth", "one => one.dispatchEvent(new Event('change'))")
    page.wait_for_timeout(500)
    page.eval_on_selector(".handle", "one => one.dispatchEvent(new KeyboardEvent('keydown', {key: 'Home', bubbles: true}))")
    box = page.locator("#viewer .stage").bounding_box()
    clip = {"x": box["x"] + box["width"] / 2 - 100, "y": box["y"] + box["height"] / 2 + 40, "width": 200, "height": 120}
    (tmp_path / "seen.png").write_bytes(page.screenshot(clip=clip))
    _, content = download(page, "#download")
    (tmp_path / "got.png").write_bytes(content)
    # what is seen is what is downloaded, on average over this part
    view = page.evaluate("(({x, y, scale}) => ({x, y, scale}))(document.querySelector('#viewer photo-viewer').view)")
    left, top = ((clip[axis] - box[axis] - view[axis]) / view["scale"] for axis in ("x", "y"))
    bottom, right = top + 120 / view["scale"], left + 200 / view["scale"]
    part = read_photo(tmp_path / "got.png").pixels[round(top) : round(bottom), round(left) : round(right)]
    seen = read_photo(tmp_path / "seen.png").pixels[..., :3]
    assert np.abs(part.mean(axis=(0, 1)) - seen.mean(axis=(0, 1))).max() < 3


def test_the_mask_is_painted_undone_and_used(visit, photographs):
    page = visit()
    colored(page, photographs / "경복궁 근정전.png")
    page.click("[data-mode=mask]")
    until(page, "document.querySelector('.overframe img')?.naturalWidth === 180")
    box = page.locator("#viewer .stage").bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def stroke(offset):
        page.mouse.move(middle[0] - 60, middle[1] + offset)
        page.mouse.down()
        page.mouse.move(middle[0] + 60, middle[1] + offset, steps=4)
        page.mouse.up()

    stroke(0)
    stroke(50)
    page.focus("#viewer .stage")
    page.keyboard.press("Control+z")
    assert page.evaluate("document.querySelector('#viewer photo-viewer').tools.mask.history.items.length") == 1
    page.keyboard.press("Control+Shift+z")
    assert page.evaluate("document.querySelector('#viewer photo-viewer').tools.mask.history.items.length") == 2
    page.keyboard.press("Control+z")
    page.evaluate("document.querySelector('#viewer photo-viewer').tools.mask.history.saving")
    page.click("#recolor")
    until(page, "document.querySelector('#facts').textContent.includes('mask changed by hand')")
    until(page, "document.querySelector('.overframe img').src.includes('v=2')")
    painted = page.evaluate("""async () => {
      const image = document.querySelector('.overframe img'); await image.decode();
      const sheet = document.createElement('canvas'); sheet.width = 180; sheet.height = 120;
      const pen = sheet.getContext('2d'); pen.drawImage(image, 0, 0);
      return [pen.getImageData(90, 60, 1, 1).data[3], pen.getImageData(90, 5, 1, 1).data[3]] }""")
    assert painted[0] == 255
    # and is there after a reload
    page.reload()
    ready(page)
    page.click("[data-mode=mask]")
    until(page, "document.querySelector('#viewer photo-viewer').tools.mask.history.items.length === 1")


HISTORY = "document.querySelector('#viewer photo-viewer').tools.hints.history"


@pytest.mark.parametrize("phone", [False, True], ids=["mouse", "finger"])
def test_hints_by_click_are_previewed_undone_kept_and_used(visit, photographs, phone):
    options = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True} if phone else {}
    page = visit(**options)
    colored(page, photographs / "경복궁 근정전.png")
    page.click("[data-mode=hints]")
    page.wait_for_selector(".swatch[data-color=장단]")
    page.eval_on_selector("#viewer .stage", "one => one.scrollIntoView({block: 'center'})")
    before = middle_of(page)

    def press(x, y):
        spot = page.evaluate("at => document.querySelector('#viewer photo-viewer').spot(at)", [x, y])
        box = page.locator("#viewer .stage").bounding_box()
        (page.touchscreen.tap if phone else page.mouse.click)(box["x"] + spot[0], box["y"] + spot[1])

    press(0.5, 0.5)
    assert page.locator(".pin").count() == 1
    page.click(".swatch[data-color=장단]")  # the chosen hint has this color now, and the next will
    until(page, "document.querySelector('.righttag').textContent === 'preview'")
    until(page, "document.querySelector('.rightframe img').src.includes('preview')")
    until(page, f"{HISTORY}.unsaved === 0")
    until(page, "document.querySelector('.rightframe img').src.includes(encodeURIComponent('장단'))")
    red, green, blue = middle_of(page)
    assert red - blue > before[0] - before[2] + 20
    page.wait_for_selector(".likely .swatch")
    page.eval_on_selector("#viewer .stage", "one => one.scrollIntoView({block: 'center'})")
    press(0.2, 0.8)
    assert page.evaluate(f"{HISTORY}.items.map(one => one.color)") == ["장단", "장단"]
    page.click("#hint-undo")
    assert page.locator(".pin").count() == 1
    page.click("#hint-redo")
    assert page.locator(".pin").count() == 2
    page.click("#hint-remove")  # none is chosen, so none goes
    assert page.inner_text("#hint-said").startswith("Choose the hint")
    page.locator(".pin").nth(1).focus()
    page.click("#hint-remove")
    assert page.evaluate(f"{HISTORY}.items.map(one => one.x)") == [pytest.approx(0.5, abs=0.01)]
    page.click("#language")
    page.wait_for_selector("#hint-undo:has-text('실행 취소')")
    page.click("#hint-undo")  # the other language has what was done
    assert page.locator(".pin").count() == 2
    page.click("#hint-redo")
    page.click("#language")
    page.wait_for_selector("#hint-undo:has-text('Undo')")
    until(page, f"{HISTORY}.unsaved === 0")
    assert page.locator("#download").is_hidden()  # it would not be what is seen
    page.reload()
    ready(page)
    page.wait_for_selector("#photographs .state:text('preview')")
    page.click("[data-mode=hints]")
    assert page.locator(".pin").count() == 1
    page.click("#apply")
    until(page, "document.querySelector('#facts').textContent.includes('color hints: 1')")
    assert page.locator("#apply").is_hidden()
    assert page.locator("#download").is_visible()
    until(page, "document.querySelector('.rightframe img').src.includes('pictures/after')")
    assert np.abs(np.array(middle_of(page)) - [red, green, blue]).max() < 12  # what was seen


def test_a_palette_is_previewed_undone_kept_and_used(visit, photographs):
    page = visit("ko-KR")
    colored(page, photographs / "경복궁 근정전.png")
    page.click("[data-mode=hints]")
    before = middle_of(page)
    for number, color in enumerate(("장단", "군청"), 1):
        page.click(f".swatch[data-color={color}]")
        page.click("#hint-anywhere")
        assert page.locator(".tools .palette .swatch:not([data-color])").count() == number
        assert page.locator(".likely:visible .hint:last-child").inner_text().startswith(("하나뿐이면", "저마다")[number - 1])
    until(page, f"{HISTORY}.unsaved === 0")
    until(page, "document.querySelector('.rightframe img').src.includes(encodeURIComponent('군청'))")
    seen = middle_of(page)
    assert seen != before
    assert page.locator(".pin:visible").count() == 0
    page.focus("#viewer .stage")
    page.keyboard.press("Control+z")
    assert page.evaluate(f"{HISTORY}.items") == [{"x": None, "y": None, "color": "장단"}]
    page.keyboard.press("Control+Shift+z")
    page.click(".swatch:not([data-color]) >> nth=0")  # chosen, it is removed or given another color
    page.click(".swatch[data-color=석간주]")
    page.click("#hint-undo")
    until(page, f"{HISTORY}.unsaved === 0")
    page.reload()
    ready(page)
    page.click("[data-mode=hints]")
    assert page.locator(".swatch:not([data-color])").count() == 2
    page.click("#apply")
    until(page, "document.querySelector('#facts').textContent.includes('알려 준 색 2개')")
    until(page, "document.querySelector('.rightframe img').src.includes('pictures/after')")
    assert np.abs(np.array(middle_of(page)) - seen).max() < 12  # what was seen


def middle_of(page):
    """The color in the middle of the right picture."""
    return page.evaluate("""async () => {
      const image = document.querySelector('.rightframe img'); await image.decode();
      const sheet = document.createElement('canvas'); sheet.width = sheet.height = 1;
      const pen = sheet.getContext('2d'), {naturalWidth: w, naturalHeight: h} = image;
      pen.drawImage(image, w / 2 - 2, h / 2 - 2, 4, 4, 0, 0, 1, 1);
      return [...pen.getImageData(0, 0, 1, 1).data].slice(0, 3); }""")


def test_news_that_come_late_do_not_take_an_undo_back(visit, photographs):
    page = visit()
    colored(page, photographs / "경복궁 근정전.png")
    page.click("[data-mode=hints]")
    page.wait_for_selector(".swatch")
    page.focus("#viewer .stage")
    page.evaluate("""() => {
      const really = window.fetch, held = new Promise((go) => { window.letCome = go; });
      window.fetch = async (address, ...rest) => {
        const answer = await really(address, ...rest);
        if (String(address).includes('/visit?since')) { window.isHeld = true; await held; }
        return answer; }; }""")
    page.keyboard.press("Enter")
    until(page, "window.isHeld")
    page.keyboard.press("Control+z")
    until(page, f"{HISTORY}.unsaved === 0")
    page.evaluate("() => window.letCome()")
    page.wait_for_timeout(500)
    assert page.locator(".pin").count() == 0
    page.click("#hint-redo")
    assert page.locator(".pin").count() == 1


def test_a_hint_is_set_moved_between_and_removed_by_keys(visit, photographs):
    page = visit()
    colored(page, photographs / "경복궁 근정전.png")
    page.click("[data-mode=hints]")
    page.wait_for_selector(".swatch")
    page.focus("#viewer .stage")
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert page.locator(".pin").count() == 2
    assert page.evaluate(f"{HISTORY}.items[1].x > {HISTORY}.items[0].x")
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+Shift+z")
    page.click("#hint-undo")
    page.keyboard.press("Control+z")  # from beside the picture, too
    assert page.locator(".pin").count() == 0
    page.keyboard.press("Control+Shift+z")
    page.keyboard.press("Control+Shift+z")
    assert page.locator(".pin").count() == 2
    page.locator(".pin").first.focus()
    assert page.inner_text("#hint-said").startswith("Hint 1 of 2: ")
    page.keyboard.press("Delete")
    assert page.locator(".pin").count() == 1
    assert page.evaluate("document.activeElement.className").startswith("stage")


def test_a_look_is_chosen_and_confidence_seen(visit, photographs):
    page = visit()
    colored(page, photographs / "경복궁 근정전.png")
    page.click("[data-mode=looks]")
    until(page, "[...document.querySelectorAll('.look img')].every(one => one.naturalWidth === 180)")
    page.click("[data-look='3']")
    page.wait_for_selector("[data-look='3'][aria-pressed=true]")
    page.click("#apply")
    until(page, "document.querySelector('#facts').textContent.includes('look: more blue')")
    page.click("[data-mode=confidence]")
    until(page, "document.querySelector('.overframe img')?.naturalWidth === 180")
    assert page.inner_text(".righttag") == "Confidence"
    page.check("#mark")
    name, _ = download(page, "#download")
    assert name == "경복궁 근정전_colored.png"
    assert page.get_attribute("#download", "href").endswith("?mark=en")


def test_settings_are_used_named_and_refused_in_words(visit, photographs):
    page = visit(allowed=(422,))
    page.click("#settings > summary")
    page.fill("#coloring-vivid", "0")
    page.keyboard.press("Tab")
    colored(page, photographs / "경복궁 근정전.png")
    assert "settings: VIVID=0" in page.inner_text("#facts")
    page.fill("#coloring-vivid", "1.4")
    drop(page, photographs / "broken.jpg")  # news while a person writes take nothing back
    count(page, 2)
    page.wait_for_timeout(300)
    page.keyboard.press("Tab")
    page.wait_for_selector("#photographs .state:text('colored with other settings')")  # the old result says so
    page.fill("#coloring-vivid", "99")
    page.keyboard.press("Tab")
    page.click("#go")
    page.wait_for_selector("#problem:has-text('VIVID cannot be 99')")
    assert in_view(page, "#problem")


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


def outage(page, line, files, seconds):
    """Three cuts, and all is as it was."""
    drop(page, *files)
    count(page, 1)
    with line.cut():  # while it uploads
        page.wait_for_timeout(1000 * seconds)
        assert page.locator("#connection").is_visible()
    count(page, 6)
    assert page.locator("#photographs li").count() == 6
    page.click("#go")
    count(page, 1, "done")
    with line.cut():  # while it colors
        page.wait_for_timeout(1000 * seconds)
    count(page, 6, "done")
    with line.cut():  # while nothing happens
        page.wait_for_timeout(1000 * seconds)
    page.wait_for_selector("#connection", state="hidden")
    page.context.set_offline(True)  # a telephone knows that it has no network before a connection breaks
    page.wait_for_selector("#connection", state="visible")
    page.context.set_offline(False)
    page.wait_for_selector("#connection", state="hidden")
    assert download(page, "#zip")[1][:2] == b"PK"
    assert page.evaluate("performance.getEntriesByType('navigation')[0].type") == "navigate"  # the page did not load again


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
    page.click("#train-start")
    page.wait_for_selector("#train-problem:visible")
    page.set_input_files("#train-zip", str(archive))
    page.wait_for_selector("#train-found:has-text('4 color photographs')")
    assert "사진.zip" in page.inner_text("#panel-train .order")
    assert page.locator("#train-direction").is_hidden()  # color photographs have no direction
    page.select_option("#train-pairing", "side_by_side")
    assert page.locator("#train-direction").is_visible()
    page.select_option("#train-pairing", "derive")
    page.fill("#train-name", "새 모델")
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


# -- for everybody --------------------------------------------------------------------------------------------------------


def test_axe_finds_nothing(visit, photographs):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    page = visit()
    found = {}

    def check(name):
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            result = axe.Axe().run(page).response["violations"]
            found.update({f"{name} {scheme}: {one['id']}": [node["html"][:200] for node in one["nodes"]] for one in result})

    check("first")
    colored(page, photographs / "경복궁 근정전.png", photographs / "broken.jpg")
    for language in ("en", "ko"):
        until(page, "wanted => document.documentElement.lang === wanted", language)
        page.click("#tab-color")
        page.eval_on_selector("#settings", "one => { one.open = true; }")
        page.click("[data-mode=line]")
        check(f"{language} done")
        for mode in ("mask", "looks", "confidence", "hints"):
            page.click(f"[data-mode={mode}]")
            page.wait_for_selector(".swatch") if mode == "hints" else None
            check(f"{language} {mode}")
        for tab in ("train", "compare", "models"):
            page.click(f"#tab-{tab}")
            page.wait_for_selector(f"#panel-{tab} :is(button, select, li)")
            check(f"{language} {tab}")
        page.click("#language")
    assert found == {}


def test_everything_is_reached_by_the_keyboard_and_the_interface_documents_itself(visit):
    page = visit()
    page.focus("#tab-color")
    page.keyboard.press("ArrowRight")
    assert page.get_attribute("#tab-train", "aria-selected") == "true"
    assert page.evaluate("document.activeElement.id") == "tab-train"
    page.keyboard.press("ArrowLeft")
    page.focus("#sample")
    page.keyboard.press("Enter")
    page.wait_for_selector("#status.good")
    page.focus("#interface")
    page.keyboard.press("Enter")
    page.wait_for_url("**/api/")
    ready(page)
    assert "POST /api/v1/photographs" in page.inner_text("#addresses")


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
