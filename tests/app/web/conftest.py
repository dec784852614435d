"""A server in this process, and a client of its interface; a server in a process of its own, and Chromium before it."""

import secrets
import shutil
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from dancheong.imaging.files import write_photo
from dancheong.scenes import scene
from page_in_chromium import CHROMIUM, FLAGS, WAIT_MS, Server, ready

VISIT = "a-visit-that-a-test-makes"
MAX_UPLOAD_MB = 3


@pytest.fixture(scope="module")
def open_server(trained):
    """Opens a server as a context: a client whose visit is VISIT, on a folder of visits."""
    pytest.importorskip("fastapi", reason="the page needs fastapi, which is not installed")
    httpx = pytest.importorskip("httpx", reason="httpx is not installed")
    from dancheong.app.web.asked import Options
    from dancheong.app.web.server import assembled

    @contextmanager
    def open_at(keep, **options):
        from starlette.testclient import TestClient

        models = options.pop("models", (trained / "model.h5",))
        with assembled(Options(models=models, keep=keep, **options)) as server:
            yield TestClient(server.application, base_url="http://127.0.0.1:7860", headers={"visit": VISIT})

    assert httpx
    return open_at


@pytest.fixture(scope="module")
def one_server(open_server, tmp_path_factory):
    keep = tmp_path_factory.mktemp("keep")
    with open_server(keep, max_upload_mb=MAX_UPLOAD_MB) as opened:
        opened.keep = keep
        yield opened


@pytest.fixture
def client(one_server):
    """A client with a visit of its own, at a server that tests share; `keep` is its folder of visits."""
    one_server.headers["visit"] = secrets.token_urlsafe(24)
    yield one_server
    one_server.delete("/api/v1/visit")


# -- the whole page ------------------------------------------------------------------------------------------------------


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
