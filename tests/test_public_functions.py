"""The public functions called as nobody should: every answer is a DancheongError in words."""

import subprocess
import sys
import textwrap
from typing import TypeVar

import numpy as np
import pytest
from typing_extensions import TypeAliasType

from dancheong import Colorizer, DancheongError, FolderOptions, Params, evaluate, predict_files, train
from dancheong.artifact import write_artifact
from dancheong.imaging.files import write_photo
from dancheong.scenes import write_scenes
from dancheong.system.arguments import checked

GRAY = np.zeros((20, 24), np.uint8)
TINY = {"RESOL": 16, "NGF": 2, "ENCODER": "unet", "DEPTH": 2, "BATCH_SIZE": 2, "EPOCHS": 1, "DEVICE": "cpu"}


@pytest.fixture
def place(tmp_path, new_artifact, monkeypatch):
    write_artifact(tmp_path / "m.h5", new_artifact())
    write_scenes(tmp_path / "photos", 4, 1, 48, 36)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("call", "words"), [
    (lambda: train(["a.png", "b.png"], "n.h5"), "train: photos is of type list; a path was expected"),
    (lambda: train("photos", "n.h5", "t.csv"), "params is of type str; Params or a mapping or None was expected"),
    (lambda: train("photos", "n.h5", {"RESOLL": 64}), "did you mean RESOL"),
    (lambda: train("photos", "n.h5", TINY, weights={"photos": 1.5}), "a whole number up to"),
    (lambda: train("photos", "n.h5", TINY, val=[0.1]), "val is of type list; a path or a number or a list of text or None"),
    (lambda: train("photos", "n.h5", TINY, watch=True), "watch is of type bool; a function or None"),
    (lambda: train("photos", "", TINY), "ends in .h5"), (lambda: train("photos"), "missing a required argument: 'model'"),
    (lambda: train("photos", "n.h5", EPOCHS=1), "argument 'EPOCHS'; rows of the table go into params"),
    (lambda: evaluate("m.h5", [GRAY]), "photos is of type list"), (lambda: evaluate("m.h5", "gone"), "there is no gone"),
    (lambda: evaluate("m.h5", "photos", 5), "out_dir is of type int"), (lambda: Params("t.csv"), "Params.load"),
    (lambda: Params(RESOL=64, resol=32), "set twice"), (lambda: Params.load(["t.csv"]), "table is of type list"),
    (lambda: Params.load(None, 5), "category is of type int"), (lambda: Colorizer.open(5), "path is of type int"),
    (lambda: Colorizer.open("m.h5", threads=0), "threads"), (lambda: Colorizer.open("m.h5", threads=True), "threads"),
    (lambda: Colorizer("m.h5"), "artifact is of type str; Artifact was expected"),
    (lambda: Colorizer.open("m.h5")(GRAY, drawn_mask="mask.png"), "drawn_mask is of type str; ndarray or None"),
    (lambda: Colorizer.open("m.h5")(GRAY, hints=5), "hints of type int"),
    (lambda: Colorizer.open("m.h5").batch(5), "photos is of type int"),
    (lambda: predict_files("m.h5", 5, "o"), "inputs is of type int"), (lambda: predict_files("m.h5", [5], "o"), "inputs"),
    (lambda: predict_files("m.h5", "photos", "o", True), "options is of type bool"),
    (lambda: FolderOptions(shard=(1, 2, 3)), "shard"), (lambda: FolderOptions(workers="2"), "workers is of type str"),
])
def test_wrong_arguments_are_refused_in_words(place, call, words):
    with pytest.raises(DancheongError) as refused:
        call()
    assert words in str(refused.value)
    assert not (place / "n.h5").exists()


def test_what_is_clear_is_taken(place):
    write_photo(place / "one.png", GRAY + 90)
    (done,) = predict_files("m.h5", "one.png", "o", FolderOptions(manifest="o/manifest.csv"))
    assert (done.status, (place / "o" / "manifest.csv").exists()) == ("ok", True)
    assert [one.status for one in predict_files("m.h5", (place / "photos").glob("*.png"), "o")] == ["ok"] * 4
    assert train("photos", "n.h5", TINY).images_seen == 4


def test_a_number_of_numpy_is_a_number_and_what_gives_its_elements_once_keeps_them():
    @checked
    def function(count: int, share: float | None, names: "list[str] | None" = None, **more: int) -> object:
        return count, share, names, more

    assert function(np.int64(3), np.float32(0.5), more="text") == (3, 0.5, None, {"more": "text"})
    for wrong in ((True, 0.5), (3.0, 0.5), (3, "0.5"), (3, 0.5, "abc")):
        with pytest.raises(DancheongError, match=r"function: \w+ is of type"):
            function(*wrong)


def test_a_name_for_a_type_stands_for_it():
    item = TypeVar("item")
    many = TypeAliasType("many", list[item], type_params=(item,))

    @checked
    def function(numbers: many[int] | None) -> object:
        return numbers

    assert function([1, 2]) == [1, 2]
    assert function(None) is None
    with pytest.raises(DancheongError, match="function: numbers is of type dict"):
        function({})


@pytest.mark.slow
@pytest.mark.parametrize("method", ["forkserver", "spawn"])
def test_workers_start_from_a_script_without_a_guard(place, method):
    (place / "script.py").write_text(textwrap.dedent(f"""
        import multiprocessing
        from dancheong import train
        print("begun")
        if {method == "spawn"}:
            multiprocessing.get_all_start_methods = lambda: ["spawn"]
        print(train("photos", "n.h5", {TINY | {"WORKERS": 2}}).images_seen)
    """))
    done = subprocess.run([sys.executable, "script.py"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split()) == (0, ["begun", "4"]), done.stderr
