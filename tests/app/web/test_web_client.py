"""The Python client, and what the page tells of a model, before a running server."""

import zipfile

import pytest

from dancheong.app.web.client import Page, PageError
from dancheong.artifact import read_artifact, write_artifact
from page_in_chromium import NEEDED, Server, until

pytestmark = NEEDED


def test_a_zip_gives_the_numbers_of_its_photographs(served, photographs, tmp_path):
    with zipfile.ZipFile(tmp_path / "scans.zip", "w") as zipped:
        for number in range(2):
            zipped.write(photographs / "scan 2.tif", f"{number}.tif")
    page = Page(served.address)
    with pytest.raises(ValueError, match=r"scans\.zip: a zip came.*upload_zip"):
        page.upload(tmp_path / "scans.zip")
    first, second = page.upload_zip(tmp_path / "scans.zip")
    done = page.color([first, second])
    assert [done[number]["state"] for number in (first, second)] == ["done", "done"]
    assert page.upload_zip(photographs / "scan 2.tif") == [page.ask("GET", "/visit")["photographs"][-1]["number"]]


@pytest.mark.parametrize(("language", "words"), [("en", "Photograph 99 is not in this visit"), ("ko", "사진 99번")])
def test_coloring_a_photograph_that_is_not_there_names_it(served, language, words):
    with pytest.raises(PageError, match=words) as refused:
        Page(served.address, language=language).color([99])
    assert (refused.value.status, refused.value.code) == (404, "no_such_photograph")


@pytest.mark.parametrize(("gray", "locale", "words"), [
    (9.0, "en-US", "as they are: 9.00, so the error is 33 % smaller"), (4.0, "ko-KR", "4.00 (채색하면 오차가 50% 큼)"),
])
def test_a_card_tells_the_error_of_a_model_beside_that_of_the_gray(browser, trained, tmp_path, gray, locale, words):
    import dataclasses

    scores = {"val_delta_e_2000": 6.0, "val_gray_delta_e_2000": gray}
    (tmp_path / "model").mkdir()
    write_artifact(tmp_path / "model" / "model.h5", dataclasses.replace(read_artifact(trained / "model.h5"), scores=scores))
    server = Server(tmp_path, tmp_path / "model")
    try:
        page = browser.new_context(locale=locale).new_page()
        page.goto(server.address)
        until(page, "document.documentElement.hasAttribute('data-ready')")
        page.get_by_role("tab").last.click()
        until(page, "text => document.querySelector('.card')?.innerText.includes(text)", words)
        assert "6.00" in page.locator(".card").first.inner_text()
    finally:
        server.end()


@pytest.mark.parametrize(("locale", "words"), [
    ("en-US", "Hold out for validation (a share) = 0.9: "),
    ("ko-KR", "검증용으로 남겨 둘 비율 = 0.9: 0.5 이하여야 합니다."),
])
def test_the_page_tells_a_value_out_of_range_by_the_name_of_its_field(visit, locale, words):
    page = visit(locale, allowed=(422,))
    page.get_by_role("tab").nth(1).click()
    page.fill("#train-name", "palace")
    page.fill("#train-validation", "90")
    page.click("#train-start")
    until(page, "text => document.querySelector('#train-problem').textContent.includes(text)", words)
