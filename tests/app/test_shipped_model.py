"""Commands without a model file: the colorizer that comes along is used, and that is said."""

import re
import shutil

import pytest

from dancheong.artifact import read_artifact
from dancheong.imaging.files import read_provenance, write_photo
from dancheong.prediction import shipped
from dancheong.prediction.manifest import manifests_in, read_manifests


@pytest.fixture
def comes_along(model, monkeypatch):
    """Stands in for the colorizer of the package."""
    path = model()
    monkeypatch.setattr(shipped, "COLORIZER", path)
    return path


@pytest.fixture
def photo(tmp_path, photograph):
    folder = tmp_path / "사진 folder"
    folder.mkdir()
    write_photo(folder / "a.jpg", photograph)
    return folder / "a.jpg"


def test_predict_without_a_model_colors_beside_the_photograph_and_says_with_what(command, comes_along, photo):
    said = command("predict", photo, "--json")
    (file,) = said.stdout["files"]
    assert (file["status"], file["output"]) == ("ok", str(photo.with_name("a_colored.jpg")))
    assert said.stdout["model"] == str(comes_along)
    assert "the colorizer that comes along is used" in said.stderr
    assert "manifest" not in said.stdout
    assert sorted(path.name for path in photo.parent.iterdir()) == ["a.jpg", "a_colored.jpg"]
    assert read_provenance(photo.with_name("a_colored.jpg")).model == read_artifact(comes_along).digest
    assert "comes along" not in command("predict", photo, "--quiet").stderr


def test_a_model_file_is_used_and_nothing_else_said(command, comes_along, model, photo, tmp_path):
    own = shutil.copy(comes_along, tmp_path / "own.h5")
    said = command("predict", own, photo, "-o", tmp_path / "out", "--json")
    assert said.stdout["model"] == str(own)
    assert said.stderr == ""
    # A model file of another suffix was one before, and is one still.
    other = shutil.copy(comes_along, tmp_path / "own.hdf5")
    assert command("predict", other, photo, "-o", tmp_path / "out2", "--json").stdout["model"] == str(other)


def test_a_folder_gets_a_manifest_that_the_program_reads(command, comes_along, photo):
    said = command("predict", photo.parent, "--json")
    assert said.stdout["manifest"] == str(photo.parent / "dancheong-manifest.csv")
    (row,) = read_manifests(manifests_in(photo.parent))
    digest = command("inspect", "--json").stdout["digest"]
    assert row.model.startswith(digest[:6])
    assert command("manifest", photo.parent, "--json").stdout["summary"]["ok"] == 1
    assert command("predict", photo.parent, "--json").stdout["summary"]["skipped"] == 1


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["predict", "no.h5", "PHOTO"], 2, "no.h5: there is no such file"),
        (["predict", "PHOTO", "own.h5"], 2, "own.h5: a model file comes first"),
        (["predict", "own.h5", "other.h5", "PHOTO"], 2, "other.h5: only one model file is used"),
        (["predict", "own.h5"], 2, "photographs or folders of them were expected after the model file"),
        (["predict"], 2, "INPUT"),
        (["predict", "no.jpg"], 1, "no.jpg: no such file"),
        (["evaluate", "PHOTO", "PHOTO"], 2, "one folder of color photographs was expected"),
        (["export", "own.h5"], 2, "the file to write was expected"),
        (["models", "card", "painter"], 2, "there are colorizer, upscaler, glare-detector"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_written(command, comes_along, photo, words, code, message):
    said = command(*[photo if word == "PHOTO" else word for word in words], code=code)
    assert message in said.stderr
    assert [path.name for path in photo.parent.iterdir()] == ["a.jpg"]


def test_a_file_of_somebody_else_is_refused_in_words(command, comes_along, photo, photograph):
    write_photo(photo.with_name("a_colored.jpg"), photograph)
    before = photo.with_name("a_colored.jpg").read_bytes()
    assert "dancheong did not color the file that is there" in command("predict", photo, code=1).stderr
    assert photo.with_name("a_colored.jpg").read_bytes() == before


def test_without_a_colorizer_it_is_said_how_to_get_one(command, photo, monkeypatch, tmp_path):
    monkeypatch.setattr(shipped, "COLORIZER", tmp_path / "none.h5")
    for words in (["predict", photo], ["inspect"], ["evaluate", photo.parent], ["export", tmp_path / "o.onnx"]):
        assert "not in this installation" in command(*words, code=1).stderr
    assert [one["name"] for one in command("models", "list", "--json").stdout["models"]] == ["upscaler", "glare-detector"]


def test_evaluate_inspect_and_export_take_it_too(command, comes_along, photo, tmp_path):
    assert command("evaluate", photo.parent, "--json").stdout["model"] == str(comes_along)
    assert command("inspect", "--json").stdout["digest"] == read_artifact(comes_along).digest
    said = command("export", tmp_path / "o.onnx", "--json")
    assert said.stdout["model"] == str(comes_along)
    assert (tmp_path / "o.onnx").stat().st_size > 0


def test_models_are_listed_with_what_they_learned_from_and_their_cards_printed(command):
    said = command("models", "list", "--json").stdout["models"]
    assert command("models").stdout == command("models", "list").stdout
    assert {"upscaler", "glare-detector"} <= {one["name"] for one in said}
    for one in said:
        assert one["bytes"] > 10_000
        assert one.keys() <= {
            "name", "file", "bytes", "task", "learned from", "scores", "size", "trained with", "images seen", "license",
            "digest",
        }
        assert min(len(one["learned from"]), len(one["scores"]), len(one["task"]), len(one["license"])) > 5
        card = command("models", "card", one["name"]).stdout
        assert re.search(rf"^\| scores \| {re.escape(one['scores'])} \|$", card, re.MULTILINE)
    assert command("models").stdout == command("models", "list").stdout


@pytest.mark.parametrize("model", shipped.shipped_models(), ids=lambda model: model.name)
def test_a_card_is_of_the_file_beside_it(model):
    if model.path.suffix == ".h5":
        assert shipped.facts_of(model.card)["digest"] == read_artifact(model.path).digest
    assert model.path.stat().st_size <= 12_000_000


@pytest.mark.parametrize("output", ["a.jpg", "new.jpg", "notes.txt", "notes.txt/out"])
def test_a_place_for_results_that_is_no_folder_is_refused_in_words(command, comes_along, photo, output):
    photo.with_name("notes.txt").write_text("mine")
    before = {path: path.read_bytes() for path in photo.parent.iterdir()}
    said = command("predict", photo, "-o", photo.parent / output, code=2)
    assert "a folder" in said.stderr
    assert "was expected" in said.stderr
    assert {path: path.read_bytes() for path in photo.parent.iterdir()} == before
