"""The tools of the page: the mask, color hints, looks; and all of it in both languages as axe sees it."""

import numpy as np
import pytest

from page_in_chromium import HISTORY, NEEDED, colored, download, middle_of, ready, until

pytestmark = NEEDED


def giving_hints(page, photographs):
    """The page with a colored photograph, the tool of hints open, and the keys on the photograph."""
    colored(page, photographs / "경복궁 근정전.png")
    page.click("[data-mode=hints]")
    page.wait_for_selector(".swatch")
    page.focus("#viewer .stage")
    return page


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
    page.click("#undo")
    assert page.locator(".pin").count() == 1
    page.click("#redo")
    assert page.locator(".pin").count() == 2
    page.click("#hint-remove")  # none is chosen, so none goes
    assert page.inner_text("#hint-said").startswith("Choose the hint")
    page.locator(".pin").nth(1).focus()
    page.click("#hint-remove")
    assert page.evaluate(f"{HISTORY}.items.map(one => one.x)") == [pytest.approx(0.5, abs=0.01)]
    page.click("#language")
    page.wait_for_selector("#undo:has-text('실행 취소')")
    page.click("#undo")  # the other language has what was done
    assert page.locator(".pin").count() == 2
    page.click("#redo")
    page.click("#language")
    page.wait_for_selector("#undo:has-text('Undo')")
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
    page.click("#undo")
    until(page, f"{HISTORY}.unsaved === 0")
    page.reload()
    ready(page)
    page.click("[data-mode=hints]")
    assert page.locator(".swatch:not([data-color])").count() == 2
    page.click("#apply")
    until(page, "document.querySelector('#facts').textContent.includes('알려 준 색 2개')")
    until(page, "document.querySelector('.rightframe img').src.includes('pictures/after')")
    assert np.abs(np.array(middle_of(page)) - seen).max() < 12  # what was seen


def test_news_that_come_late_do_not_take_an_undo_back(visit, photographs):
    page = giving_hints(visit(), photographs)
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
    page.click("#redo")
    assert page.locator(".pin").count() == 1


def test_a_hint_is_set_moved_between_and_removed_by_keys(visit, photographs):
    page = giving_hints(visit(), photographs)
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert page.locator(".pin").count() == 2
    assert page.evaluate(f"{HISTORY}.items[1].x > {HISTORY}.items[0].x")
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+Shift+z")
    page.click("#undo")
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
    assert min(page.eval_on_selector_all(".look img", "all => all.map(one => one.clientHeight)")) > 60
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


# -- for everybody --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
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
