"""Both languages are complete: each text, choice, section, parameter and unit, with the same names to be filled in."""

import re
import string
from pathlib import Path

import numpy as np
import pytest

from dancheong.app import web
from dancheong.app.web.problems import _PATTERNS, problem_of
from dancheong.app.web.services import COLORING_ROWS, TRAINING_ROWS
from dancheong.app.web.translations import LANGUAGES, catalogue, language_of, meaning, problem_text
from dancheong.data.doctor import ADVICE
from dancheong.glare.control import control_glare
from dancheong.imaging.files import ImageSpec, PhotoError, read_photo, write_photo
from dancheong.params import ParamError, Params
from dancheong.params.schema import ROWS, SECTIONS
from dancheong.prediction.hints import pigments
from dancheong.prediction.memory import check_allowed

ENGLISH, *OTHERS = LANGUAGES


def placeholders(text):
    return {field for _, field, _, _ in string.Formatter().parse(text) if field is not None}


@pytest.mark.parametrize("language", OTHERS)
def test_a_language_says_everything_and_no_more(language):
    english, other = catalogue(ENGLISH), catalogue(language)
    for part in ("texts", "errors", "labels", "fields"):
        assert other[part].keys() == english[part].keys()
        for key, text in english[part].items():
            assert placeholders(other[part][key]) == placeholders(text), key
    assert {name: words.keys() for name, words in other["choices"].items()} == {
        name: words.keys() for name, words in english["choices"].items()
    }
    assert other["meanings"].keys() == ROWS.keys()
    assert other["units"].keys() == {info.unit for info in ROWS.values() if info.unit}
    assert other["pigments"].keys() == {row["english"] for row in pigments()}
    assert other["sections"].keys() == {section.__name__ for section in SECTIONS}


def test_no_korean_particle_hangs_on_what_is_filled_in():
    """Whether it is 은 or 는 depends on the sound before it, which is not known; "은(는)" is how a machine writes."""
    for part in ("texts", "errors", "reasons"):
        for key, text in catalogue("ko")[part].items():
            assert not re.search(r"\}[^\w\s]*(은|는|이|가|을|를|과|와|으로|로|이라|라|이나|나)\b", text), key
            assert not re.search(r"\}[^\w\s]* (은|는|을|를|과|와)\b", text), key
            assert not re.search(r"은\(는\)|이\(가\)|을\(를\)|[와과]\([과와]\)|\((은|이|을|으|이라)\)", text), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_is_empty(language):
    for part in catalogue(language).values():
        for text in part.values():
            assert all(one.strip() for one in (text.values() if isinstance(text, dict) else [text]))


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_parameter_that_the_page_shows_has_a_short_name_of_its_own(language):
    labels = catalogue(language)["labels"]
    assert labels.keys() == COLORING_ROWS | TRAINING_ROWS
    assert len(set(labels.values())) == len(labels)
    assert max(map(len, labels.values())) <= 32
    if language == "ko":
        assert all(any("가" <= sign <= "힣" for sign in label) for label in labels.values())


def test_choices_with_words_of_their_own_exist():
    for name, words in catalogue(ENGLISH)["choices"].items():
        assert set(words) <= set(ROWS[name].choices)


@pytest.mark.parametrize(("language", "name", "note"), [
    ("en", "resol", "(a whole number from 16 to 4096, px)"), ("ko", "resol", "(16 ~ 4096, 픽셀)"),
    ("ko", "lr", "(0 초과 ~ 1)"), ("ko", "val_images", "(1 이상, 장)"), ("ko", "jitter_angle", "(0 ~ 180, 도)"),
    ("en", "patch_size", "(px)"), ("ko", "patch_size", "(픽셀)"),
])
def test_a_meaning_ends_with_range_and_unit(language, name, note):
    assert meaning(language, name).endswith(note)


@pytest.mark.parametrize("language", LANGUAGES)
def test_choices_switches_and_text_have_no_range(language):
    for name, info in ROWS.items():
        if info.kind in (bool, str) and not info.unit:
            text = catalogue(language).get("meanings", {}).get(name, info.meaning)
            assert meaning(language, name) == text


def test_whatever_the_doctor_finds_before_a_training_has_words():
    # Light reflection is looked for by the training itself.
    kinds = ADVICE.keys() - {"glare", "glare_abstained"}
    assert {key for key in catalogue(ENGLISH)["texts"] if key.startswith("finding_")} == {f"finding_{kind}" for kind in kinds}


@pytest.mark.parametrize(
    ("header", "language"),
    [("", "en"), ("ko-KR,ko;q=0.9,en-US;q=0.8", "ko"), ("en-US,en;q=0.9,ko;q=0.8", "en"), ("fr-FR,fr;q=0.9,ko;q=0.3", "ko"),
     ("de", "en"), ("en;q=0.2,ko;q=0.7", "ko"), ("ko;q=0", "en"), ("KO", "ko"), ("ko;q=x,en", "en"), (",;,", "en"),
     ("*", "en")],
)
def test_the_language_a_browser_asks_for(header, language):
    assert language_of(header) == language


def test_the_server_says_only_what_has_words_and_all_words_are_said():
    """Each code that the sources name, with the details that they give it."""
    root = Path(web.__file__).parent
    source = "".join(path.read_text("utf-8") for path in root.glob("*.py"))
    named = re.findall(r'Refused\(\s*\d+,\s*"(\w+)"((?:, \w+=[^,)]*(?:\([^)]*\))*)*)', source)
    others = re.findall(r'"(settings_wrong|failed|invalid|not_here|no_method|bad_request)"', source)
    codes = {code for code, _ in named} | {code for _, code in _PATTERNS} | set(others)
    assert codes == catalogue(ENGLISH)["errors"].keys()
    for pattern, code in _PATTERNS:
        assert placeholders(catalogue(ENGLISH)["errors"][code]) <= set(re.compile(pattern).groupindex)


def test_the_page_says_only_what_has_words_and_all_words_are_said():
    pages = (Path(web.__file__).parent / "page").glob("*.js")
    script = "".join(path.read_text("utf-8") for path in pages)
    quoted = set(re.findall(r'["`](\w+)["`]', script))
    composed = [re.escape(text).replace(r"\$\{\}", r"\w+") for text in re.sub(r"\$\{[^}]*\}", "${}", script).split("`")[1::2]]
    patterns = [re.compile(text) for text in composed if re.fullmatch(r"\w+_\\w\+", text)]
    texts = catalogue(ENGLISH)["texts"]
    unused = {key for key in texts if key not in quoted and not any(pattern.fullmatch(key) for pattern in patterns)}
    assert unused == set()
    assert {key for key in re.findall(r'\bt\("(\w+)"', script) if key not in texts} == set()
    # The curves that are drawn, and no others, have a name.
    drawn = re.findall(r'"(\w+)"', "".join(re.findall(r'\["chart_\w+", (\[[^]]*\])\]', script)))
    assert {f"loss_{name}" for name in drawn} == {key for key in texts if key.startswith("loss_")}


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_photograph_that_fails_says_why_and_what_to_do(language, tmp_path):
    """Real files that cannot be read."""
    gray = np.full((40, 40), 90, np.uint8)
    for name in ("a.jpg", "a.tif"):
        write_photo(tmp_path / name, gray)
    made = {
        "empty.jpg": (b"", "empty_file"), "text.jpg": (b"no picture at all, but long enough", "no_photograph"),
        "pages.pdf": (b"%PDF-1.7\n%a scanner's", "pdf"), "pdf.jpg": (b"%PDF-1.4\n", "pdf"),
        "cut.jpg": ((tmp_path / "a.jpg").read_bytes()[:200], "damaged"),
        "cut.tif": ((tmp_path / "a.tif").read_bytes()[:60], "damaged"),
    }
    for name, (content, code) in made.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(PhotoError) as caught:
            read_photo(tmp_path / name)
        problem = problem_of(caught.value.reason)
        assert problem.code == code, caught.value
        assert problem_text(language, problem.code, problem.details)
    with pytest.raises(ParamError) as refused:
        check_allowed("coloring", ImageSpec(30_000, 10_000, True, True), 3_000_000_000, Params(memory_gb=0.25))
    problem = problem_of(refused.value)
    assert problem.code == "memory"
    assert "0.25 GB" in problem_text(language, problem.code, problem.details)
    with pytest.raises(ParamError) as refused:
        control_glare(gray, Params(), "predict", np.full(gray.shape, 255, np.uint8))
    assert problem_of(refused.value).code == "mask_full"
