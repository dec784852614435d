"""The whole page, as a person uses it: photographs are brought, colored, looked at and taken home."""

import base64
import io
import shutil
import zipfile

import cv2
import numpy as np
import pytest

from dancheong.imaging.files import read_photo, write_photo
from dancheong.scenes import scene
from page_in_chromium import NEEDED, colored, count, download, drop, in_view, ready, until

pytestmark = NEEDED
WIDTHS = (390, 768, 1366, 2560)


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
    (tmp_path / "상자" / "메모.txt").write_text("1937")
    (tmp_path / "상자" / "잘린 그림.png").write_bytes((photographs / "경복궁 근정전.png").read_bytes()[:2000])
    page.set_input_files("input[webkitdirectory]", str(tmp_path / "상자"))
    count(page, 4)
    names = ["2번 그림.bmp", "10번 그림.bmp", "inner/경복궁 근정전.png", "잘린 그림.png"]
    assert page.locator("#photographs .name").all_inner_texts() == names
    until(page, "document.querySelector('[aria-label=\"잘린 그림.png\"] img').hidden")  # no sign of a broken picture
    assert page.locator("#photographs img:visible").count() == 3
    page.click("[aria-label='잘린 그림.png']")
    until(page, "!document.querySelector('.rightframe img')")
    assert page.locator("#failed").is_hidden()
    assert "1 other file" in page.inner_text("#status")
    content = base64.b64encode((photographs / "경복궁 근정전.png").read_bytes()).decode()
    page.evaluate("""text => {
      const clipboardData = new DataTransfer();
      const bytes = Uint8Array.from(atob(text), sign => sign.charCodeAt(0));
      clipboardData.items.add(new File([bytes], 'image.png', {type: 'image/png'}));
      document.dispatchEvent(new ClipboardEvent('paste', {clipboardData, bubbles: true})); }""", content)
    count(page, 5)


def test_what_cannot_be_seen_is_not_shown_first(visit, photographs, tmp_path):
    page = visit(allowed=(422,))
    (tmp_path / "a.png").write_bytes((photographs / "경복궁 근정전.png").read_bytes()[:2000])
    shutil.copy(photographs / "경복궁 근정전.png", tmp_path / "b.png")
    drop(page, tmp_path / "a.png", tmp_path / "b.png")
    page.wait_for_selector("[aria-label='b.png'][aria-current=true]")
    until(page, "document.querySelector('.rightframe img')?.naturalWidth === 180")


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
    # Nothing of the server is needed to see it; what was chosen before may be saved just now.
    assert [url for url in asked if not url.endswith("/visit/settings")] == []
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
    page.wait_for_selector("#problem:has-text('(VIVID) cannot be 99')")
    assert in_view(page, "#problem")


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
