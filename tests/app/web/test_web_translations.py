"""Both languages are complete: each text, choice, section, parameter and unit, with the same names to be filled in."""

import string

import pytest

from dancheong.app.web.translations import LANGUAGES, Words, catalogue, language_of
from dancheong.params.schema import ROWS, SECTIONS

ENGLISH, *OTHERS = LANGUAGES


def placeholders(text):
    return {field for _, field, _, _ in string.Formatter().parse(text) if field is not None}


@pytest.mark.parametrize("language", OTHERS)
def test_a_language_says_everything_and_no_more(language):
    english, other = catalogue(ENGLISH), catalogue(language)
    assert other["texts"].keys() == english["texts"].keys()
    for key, text in english["texts"].items():
        assert placeholders(other["texts"][key]) == placeholders(text), key
    assert {name: words.keys() for name, words in other["choices"].items()} == {
        name: words.keys() for name, words in english["choices"].items()
    }
    assert other["meanings"].keys() == ROWS.keys()
    assert other["units"].keys() == {info.unit for info in ROWS.values() if info.unit}
    assert other["sections"].keys() == {section.__name__ for section in SECTIONS}


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_is_empty(language):
    for part in catalogue(language).values():
        for text in part.values():
            assert all(one.strip() for one in (text.values() if isinstance(text, dict) else [text]))


def test_choices_with_words_of_their_own_exist():
    for name, words in catalogue(ENGLISH)["choices"].items():
        assert set(words) <= set(ROWS[name].choices)


@pytest.mark.parametrize(("language", "name", "note"), [
    ("en", "resol", "(a whole number from 16 to 4096, px)"), ("ko", "resol", "(16 ~ 4096, 픽셀)"),
    ("ko", "lr", "(0 초과 ~ 1)"), ("ko", "val_images", "(1 이상, 장)"), ("ko", "jitter_angle", "(0 ~ 180, 도)"),
    ("en", "patch_size", "(px)"), ("ko", "patch_size", "(픽셀)"),
])
def test_a_meaning_ends_with_range_and_unit(language, name, note):
    assert Words(language).meaning(name).endswith(note)


@pytest.mark.parametrize("language", LANGUAGES)
def test_choices_switches_and_text_have_no_range(language):
    words = Words(language)
    for name, info in ROWS.items():
        if info.kind in (bool, str) and not info.unit:
            text = catalogue(language).get("meanings", {}).get(name, info.meaning)
            assert words.meaning(name) == text


@pytest.mark.parametrize(
    ("header", "language"),
    [("", "en"), ("ko-KR,ko;q=0.9,en-US;q=0.8", "ko"), ("en-US,en;q=0.9,ko;q=0.8", "en"), ("fr-FR,fr;q=0.9,ko;q=0.3", "ko"),
     ("de", "en"), ("en;q=0.2,ko;q=0.7", "ko"), ("ko;q=0", "en"), ("KO", "ko"), ("ko;q=x,en", "en"), (",;,", "en"),
     ("*", "en")],
)
def test_the_language_a_browser_asks_for(header, language):
    assert language_of(header) == language


def test_a_language_we_do_not_speak_is_english():
    assert Words("fr").language == "en"
