"""What the page says where something is missing, refused or not done yet, and that all of it fits on a telephone."""

import os
import shutil

import pytest

from dancheong.app.web.client import Page
from dancheong.imaging.files import write_photo
from dancheong.scenes import scene
from page_in_chromium import NEEDED, Line, colored, count, drop, in_view, ready, until

pytestmark = NEEDED
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
LONG = "경복궁 근정전 동행각과 일화문 1930년대 유리건판 스캔"


def has_no_sideways_scrolling(page):
    return page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("language", ["en-US", "ko-KR"])
def test_a_telephone_shows_each_tool_whole_and_what_is_pressed_next(visit, photographs, trained, tmp_path, language):
    shutil.copy(photographs / "경복궁 근정전.png", tmp_path / f"{LONG}.png")
    shutil.copy(trained / "model.h5", tmp_path / f"{LONG}.h5")
    page = visit(language, **PHONE)
    colored(page, tmp_path / f"{LONG}.png")
    for mode in ("line", "side", "looks", "hints", "mask", "confidence"):
        page.click(f"[data-mode={mode}]")
        assert has_no_sideways_scrolling(page), mode
    page.click("[data-mode=mask]")
    page.evaluate("scrollTo(0, 0)")
    assert in_view(page, "#viewer .stage")
    assert in_view(page, "#recolor")
    page.click("[data-mode=hints]")
    page.focus("#viewer .stage")
    page.keyboard.press("Enter")
    page.evaluate("scrollTo(0, 0)")
    page.wait_for_selector("#apply:visible")
    assert in_view(page, "#apply")
    assert in_view(page, "#undo")
    for swatch in page.locator(".swatch[data-color]:visible").all():  # nothing lies over a color, wherever it is
        swatch.evaluate("one => one.scrollIntoView({block: 'end'})")
        assert swatch.evaluate("""one => {
          const {left, top, width, height} = one.getBoundingClientRect();
          return one.contains(document.elementFromPoint(left + width / 2, top + height / 2)); }""")
    page.click("#tab-models")
    page.set_input_files("#model-file", str(tmp_path / f"{LONG}.h5"))
    page.wait_for_selector(f"#panel-models h3:text('{LONG}')")
    page.click("#tab-compare")
    page.select_option("#model-a", "model")
    page.select_option("#model-b", LONG)
    page.click("#compare")
    page.wait_for_selector("#scores table")
    for tab in ("compare", "train", "models"):
        page.click(f"#tab-{tab}")
        assert has_no_sideways_scrolling(page), tab
    page.click("#tab-compare")
    left, right = (page.locator(f"#panel-compare .{side}tag").bounding_box() for side in ("left", "right"))
    assert left["x"] + left["width"] <= right["x"]


def test_a_curve_of_one_point_is_a_dot(visit):
    drawn = visit().evaluate("""async () => {
      const {chart} = await import('/page/chart.js');
      const count = (points) => {
        const drawing = chart('title', 'images', [['one', points]]);
        return ['circle', 'polyline'].map(tag => drawing.querySelectorAll(tag).length); };
      return [count([[200, 0.3]]), count([[200, 0.3], [400, 0.2]])]; }""")
    assert drawn == [[1, 0], [0, 1]]


def test_a_file_that_is_refused_is_named(visit, tmp_path):
    page = visit("ko-KR", allowed=(422,))
    for name in ("나쁜 모델.h5", "나쁜 사진.zip"):
        (tmp_path / name).write_bytes(b"PK\x03\x04 neither a model nor a zip")
    page.click("#tab-models")
    page.set_input_files("#model-file", str(tmp_path / "나쁜 모델.h5"))
    page.wait_for_selector("#model-problem:visible")
    said = page.inner_text("#model-problem")
    assert said.startswith("나쁜 모델.h5: 쓸 수 있는 모델 파일이 아닙니다.")
    assert said.count(".h5: ") == 1  # and not by the name that it came in under
    page.click("#language")
    page.wait_for_selector("#model-problem:has-text('This file is no model')")
    page.click("#tab-train")
    page.set_input_files("#train-zip", str(tmp_path / "나쁜 사진.zip"))
    page.wait_for_selector("#train-problem:has-text('나쁜 사진.zip: ')")
    assert page.inner_text("#train-found") == ""  # it is not on its way any more
    page.click("#tab-color")
    drop(page, tmp_path / "나쁜 사진.zip")
    page.wait_for_selector("#problem:has-text('나쁜 사진.zip: ')")


def test_compare_says_what_is_missing(visit, photographs):
    page = visit(allowed=(422,))
    page.click("#tab-compare")
    page.click("#compare")
    page.wait_for_selector("#compare-problem:has-text('Add a photograph')")
    page.set_input_files("#compare-file", str(photographs / "경복궁 근정전.png"))
    page.wait_for_selector("#compare-photograph option", state="attached")
    assert page.locator("#compare-problem").is_hidden()
    page.select_option("#model-b", page.input_value("#model-a"))
    page.click("#compare")
    page.wait_for_selector("#compare-problem:has-text('Choose two different models')")
    page.select_option("#model-b", "second" if page.input_value("#model-a") == "model" else "model")
    assert page.locator("#compare-problem").is_hidden()
    page.click("#compare")
    page.wait_for_selector("#scores table")


def test_a_training_without_a_name_is_said_beside_the_field(visit, served):
    page = visit(allowed=(422,))
    page.click("#tab-train")
    for name in ("", "  "):
        page.fill("#train-name", name)
        page.click("#train-start")
        page.wait_for_selector("#train-name-problem:has-text('Give the model a name first')")
        assert page.evaluate("document.activeElement.id") == "train-name"
    page.fill("#train-name", "../palace")
    assert page.locator("#train-name-problem").is_hidden()
    page.click("#train-start")
    page.wait_for_selector("#train-name-problem:has-text('is no file name')")
    assert page.locator("#train-problem").is_hidden()
    assert Page(served.address).ask("GET", "/trainings")["current"]["state"] == "idle"


def test_a_visit_keeps_the_models_that_were_chosen(visit, photographs):
    page = visit()
    other = page.context.new_page()
    other.goto(page.url)
    ready(other)
    page.select_option("#model", "second")
    until(other, "document.querySelector('#model').value === 'second'")  # a tab that was open knows it
    other.focus("#model")
    page.select_option("#model", "model")
    until(other, "document.querySelector('#model').value === 'model'")
    page.select_option("#model", "second")
    page.reload()  # at once
    ready(page)
    assert page.input_value("#model") == "second"
    page.click("#tab-compare")
    for side, model in (("a", "second"), ("b", "model")):
        page.select_option(f"#model-{side}", model)
    page.reload()
    ready(page)
    assert [page.input_value(f"#model-{side}") for side in "ab"] == ["second", "model"]


def test_settings_hold_no_pairing_and_their_reset_is_worded_by_what_it_does(visit):
    page = visit("ko-KR")
    page.click("#settings > summary")
    page.wait_for_selector("#coloring-vivid")
    assert page.inner_text("#settings .rows > p") == "모델 기본값으로"
    page.click("#tab-train")
    page.click("#panel-train .settings > summary")
    page.wait_for_selector("#training-epochs")
    assert page.inner_text("#panel-train .rows > p") == "모두 기본값으로"
    for use in ("coloring", "training"):
        assert page.locator(f"#{use}-pairing, #{use}-direction").count() == 0


def test_a_tiny_picture_is_shown_large_and_enlarged_from_there(visit, tmp_path):
    write_photo(tmp_path / "tiny.png", scene(3, 64, 48)[..., 1])
    page = visit(viewport={"width": 1366, "height": 768})
    colored(page, tmp_path / "tiny.png")
    scale = "document.querySelector('#viewer photo-viewer').view.scale"
    fit = page.evaluate(scale)
    assert 48 * fit == pytest.approx(page.locator("#viewer .stage").bounding_box()["height"])
    page.click("#zoom-in")
    assert page.evaluate(scale) == pytest.approx(1.4 * fit)
    page.click("#zoom-out")
    assert page.evaluate(scale) == pytest.approx(fit)
    page.focus("#viewer .stage")
    page.keyboard.press("1")
    assert page.evaluate(scale) == pytest.approx(1)


def test_each_stage_of_an_upload_has_words(visit):
    said = visit().evaluate("""async () => {
      const {uploadText} = await import('/page/client.js');
      return [0.5, 1, null].map(share => uploadText('a.zip', share)); }""")
    assert said[0] == "Uploading a.zip: 50 %"
    assert said[1] == "a.zip is here and is being looked at …"
    assert said[2].startswith("No connection.")


def test_the_mask_and_confidence_lie_on_gray_whatever_the_tone(visit, photographs):
    page = visit()
    colored(page, photographs / "경복궁 근정전.png")
    page.eval_on_selector("#warmth", """one => {
      one.value = 1;
      for (const kind of ['input', 'change']) one.dispatchEvent(new Event(kind)); }""")
    for mode, is_gray in (("line", False), ("mask", True), ("confidence", True), ("hints", False)):
        page.click(f"[data-mode={mode}]")
        until(page, "gray => document.querySelector('.rightframe img').src.includes('pictures/before') === gray", is_gray)
        until(page, """gray => {
          const shown = getComputedStyle(document.querySelector('#viewer .rightframe')).filter;
          return gray ? shown === 'grayscale(1)' : shown.includes('#tone'); }""", is_gray)


def test_a_notice_goes_once_the_press_would_work(visit, served, photographs):
    with Line(served.port) as line:
        page = visit(address=f"http://127.0.0.1:{line.port}/")
        drop(page, photographs / "경복궁 근정전.png")
        count(page, 1)
        with line.cut():
            page.wait_for_selector("#connection", state="visible")
            page.click("#go")
            page.wait_for_selector("#problem:has-text('has not answered')")
        page.wait_for_selector("#problem", state="hidden")
        page.click("#go")
        page.wait_for_selector("#status.good")
        page.context.close()


def test_pictures_that_an_outage_has_kept_away_come_with_the_line(visit, served, photographs):
    with Line(served.port) as line:
        page = visit(address=f"http://127.0.0.1:{line.port}/")
        colored(page, photographs / "경복궁 근정전.png")
        with line.cut():
            page.wait_for_selector("#connection", state="visible")
            page.click("[data-mode=looks]")
            page.click("[data-mode=confidence]")
            page.wait_for_timeout(500)
        until(page, "document.querySelector('.overframe img')?.naturalWidth === 180")
        page.click("[data-mode=looks]")
        until(page, "[...document.querySelectorAll('.look img')].every(one => one.naturalWidth === 180)")
        page.context.close()


def test_a_file_that_is_changed_before_it_is_uploaded_is_said_and_the_others_come(visit, served, photographs, tmp_path):
    files = [tmp_path / "a.png", tmp_path / "b.png"]
    for file in files:
        shutil.copy(photographs / "경복궁 근정전.png", file)
    with Line(served.port) as line:
        page = visit(address=f"http://127.0.0.1:{line.port}/")
        # Chosen where the page does not see them yet: it could read them before they are changed.
        page.evaluate("""() => {
            const kept = Object.assign(document.createElement("input"), { id: "kept", type: "file", multiple: true });
            document.body.append(kept);
        }""")
        page.set_input_files("#kept", list(map(str, files)))
        page.evaluate("[...document.querySelector('#kept').files].map((file) => file.lastModified)")
        os.utime(files[0], (1, 1))
        with line.cut():
            page.wait_for_selector("#connection", state="visible")
            page.evaluate("""() => {
                const input = document.querySelector("#files");
                input.files = document.querySelector("#kept").files;
                input.dispatchEvent(new Event("change", { bubbles: true }));
            }""")
        count(page, 1)
        assert page.locator("#photographs .name").all_inner_texts() == ["b.png"]
        assert page.inner_text("#problem").startswith("a.png: It was changed")
        page.context.close()


def test_a_refused_setting_is_said_until_it_is_changed(visit, photographs):
    page = visit(allowed=(422,))
    drop(page, photographs / "경복궁 근정전.png")
    count(page, 1)
    page.click("#settings > summary")
    for value, is_told in (("99", True), ("1", False)):
        page.fill("#coloring-vivid", value)
        page.keyboard.press("Tab")
        if is_told:
            page.click("#go")
            page.wait_for_selector("#problem:visible")
            assert page.inner_text("label[for=coloring-vivid]").removesuffix("VIVID").strip() in page.inner_text("#problem")
    assert page.locator("#problem").is_hidden()


def test_what_is_only_a_preview_is_said(visit, photographs):
    page = visit()
    colored(page, photographs / "경복궁 근정전.png", photographs / "scan 2.tif")
    page.click("[data-mode=looks]")
    page.click("[data-look='3']")
    page.wait_for_selector("#status:has-text('2 of 2 photographs colored. 1 changed since; the result does not have it yet.')")
    assert page.inner_text("#go") == "Color the rest"
    page.click("#go")
    until(page, "document.querySelector('#status').textContent.trim() === '2 of 2 photographs colored.'")


def test_a_mask_that_is_not_used_yet_is_said_and_used_by_the_next_press(visit, photographs):
    page = visit()
    colored(page, photographs / "경복궁 근정전.png", photographs / "scan 2.tif")
    page.click("[data-mode=mask]")
    box = page.locator("#viewer .stage").bounding_box()
    page.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 0.5 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.5 * box["height"], steps=4)
    page.mouse.up()
    page.wait_for_selector("#photographs .state:text('light reflection changed')")
    page.reload()
    ready(page)
    page.wait_for_selector("#status:has-text('2 of 2 photographs colored. 1 changed since; the result does not have it yet.')")
    page.locator("#photographs .photograph").first.click()
    assert page.locator("#recolor").is_visible()  # beside the line, too
    assert page.inner_text("#go") == "Color the rest"
    page.click("#go")
    until(page, "document.querySelector('#status').textContent.trim() === '2 of 2 photographs colored.'")
    assert "mask changed by hand" in page.inner_text("#facts")
    assert page.locator("#recolor").is_hidden()
