import string

import pytest

from dancheong.app.web import korean
from dancheong.app.web.translations import TEXTS, Words, language_of
from dancheong.params import Params


@pytest.mark.parametrize("key", sorted(TEXTS))
def test_both_languages_say_the_same(key):
    english, korean_text = TEXTS[key]
    names = [{field for _, field, _, _ in string.Formatter().parse(text) if field} for text in (english, korean_text)]
    assert names[0] == names[1]
    assert english.strip()
    assert korean_text.strip()


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


def test_korean_meanings_are_of_rows_that_exist():
    unknown = set(korean.MEANINGS) - set(Params.model_fields)
    # Rows may go or be renamed: what is said of them goes too.
    assert unknown == set()
