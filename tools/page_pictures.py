"""Make the pictures of the page in docs/web: `tools/page_pictures.py [NAME ...]`, of the sample photograph and built-in scenes.

It starts `dancheong serve` on a free port with folders of its own, uses the page in Chromium as a person would, and ends it.
Needs the extras web and train, playwright, Chromium and a font with Hangul. docs/web.md shows the pictures; look at each
before it goes in.
"""

import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

from dancheong.scenes import write_scenes

TARGET = Path(__file__).resolve().parent.parent / "docs" / "web"
CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--force-color-profile=srgb", "--disable-background-networking"]
DESK, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
WAIT_MS = 900_000
VIEWER = "document.querySelector('#viewer photo-viewer')"


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a page that is ended afterwards."""
    command = [sys.executable, "-m", "dancheong", "serve", "--port", "0", "--keep", str(folder / "keep")]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait(60)


def until(page: Any, expression: str) -> None:
    """Wait until an expression of the page is true: it forbids the evaluation of strings, so Playwright's own way is closed."""
    for _ in range(WAIT_MS // 200):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(200)
    raise SystemExit(f"{expression} did not become true")


def colored(page: Any) -> None:
    """The sample, colored, with its picture on the screen."""
    page.click("#sample")
    page.wait_for_selector("#status.good")
    until(page, "document.querySelector('.rightframe img')?.src.includes('pictures/after')")


def press(page: Any, x: float, y: float) -> None:
    """Click at shares of width and height of the photograph."""
    left, top = page.evaluate(f"at => {VIEWER}.spot(at)", [x, y])
    box = page.locator("#viewer .stage").bounding_box()
    page.mouse.click(box["x"] + left, box["y"] + top)


def previewed(page: Any) -> None:
    """The preview has the last hint."""
    until(page, f"{VIEWER}.tools.hints.history.unsaved === 0")
    until(page, "document.querySelector('.rightframe img').src.includes('preview')")
    page.wait_for_timeout(3000)
    until(page, "document.querySelector('.rightframe img').complete")


def hints(page: Any, _: Path) -> None:
    """A gate, a roof, a tree and a wall that a person knows."""
    colored(page)
    page.click("[data-mode=hints]")
    for x, y, color in ((0.6, 0.72, "석간주"), (0.45, 0.42, "기와"), (0.13, 0.43, "하엽"), (0.2, 0.72, "기와")):
        press(page, x, y)
        page.click(f".swatch[data-color={color}]")  # of the hint that was just set
    previewed(page)


def palette(page: Any, _: Path) -> None:
    """Three colors that occur, without a place."""
    colored(page)
    page.click("[data-mode=hints]")
    for color in ("석간주", "기와", "뇌록"):
        page.click(f".swatch[data-color={color}]")
        page.click("#hint-anywhere")
    previewed(page)


def mask(page: Any, _: Path) -> None:
    """Two strokes on the roof."""
    colored(page)
    page.click("[data-mode=mask]")
    until(page, "document.querySelector('.overframe img')?.naturalWidth > 0")
    box = page.locator("#viewer .stage").bounding_box()
    for top in (0.42, 0.52):
        page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + top * box["height"])
        page.mouse.down()
        page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + (top + 0.03) * box["height"], steps=6)
        page.mouse.up()


def zoom(page: Any, _: Path) -> None:
    """Side by side at 1:1."""
    colored(page)
    page.click("[data-mode=side]")
    page.click("#zoom-full")
    page.wait_for_timeout(2000)


def training(page: Any, folder: Path) -> None:
    """A training of built-in scenes, after its third preview."""
    write_scenes(folder / "palace", 24, 0, 320, 240)
    with zipfile.ZipFile(folder / "palace.zip", "w") as zipped:
        for path in sorted((folder / "palace").iterdir()):
            zipped.write(path, f"palace/{path.name}")
    page.click("#tab-train")
    page.set_input_files("#train-zip", str(folder / "palace.zip"))
    page.wait_for_selector("#train-found:not(:empty)")
    page.fill("#train-name", "palace")
    page.click("#panel-train .settings > summary")
    for name, value in (("resol", 64), ("epochs", 60), ("batch_size", 4)):
        page.fill(f"#training-{name}", str(value))
    page.keyboard.press("Tab")
    page.click("#panel-train .settings > summary")
    page.click("#train-start")
    until(page, "Number(document.querySelector('#preview')?.max) >= 3")
    page.click("#train-stop")
    page.wait_for_selector("#train-resume:visible")


def first(page: Any, _: Path) -> None:
    """As it opens."""
    page.wait_for_selector("#sample")


def done(page: Any, _: Path) -> None:
    """The sample, colored."""
    colored(page)


# The name of the picture: what is done before, the viewport, the language, the scheme, whether the whole page is shown.
PICTURES: dict[str, tuple[Callable[[Any, Path], None], dict[str, int], str, str, bool]] = {
    "first": (first, DESK, "en-US", "light", False), "done": (done, DESK, "en-US", "light", False),
    "phone": (done, PHONE, "en-US", "light", False), "dark": (done, DESK, "en-US", "dark", False),
    "korean": (palette, DESK, "ko-KR", "light", False), "zoom": (zoom, DESK, "en-US", "light", False),
    "hints": (hints, DESK, "en-US", "light", False), "mask": (mask, DESK, "en-US", "light", False),
    "training": (training, DESK, "en-US", "light", True),
}


def main() -> None:
    """Make the pictures that are named, or all."""
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as address, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for name in sys.argv[1:] or PICTURES:
            act, size, locale, scheme, whole = PICTURES[name]
            page = browser.new_context(viewport=size, locale=locale, color_scheme=scheme).new_page()
            page.set_default_timeout(WAIT_MS)
            page.on("dialog", lambda dialog: dialog.accept())
            page.goto(address)
            page.wait_for_selector("html[data-ready]")
            act(page, Path(folder))
            path = Path(folder) / f"{name}.png"
            page.screenshot(path=path, full_page=whole)
            with Image.open(path) as shot:
                # So that small areas of one color keep it.
                few = shot.convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=2, dither=Image.Dither.NONE)
                few.save(TARGET / f"{name}.png", optimize=True)
            page.context.close()
            print(TARGET / f"{name}.png", flush=True)
        browser.close()


if __name__ == "__main__":
    main()
