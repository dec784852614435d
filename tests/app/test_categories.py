"""A model for each kind of place, and one over all."""

import json
from unicodedata import normalize

import pytest
from typer.testing import CliRunner

from dancheong.app.main import app
from dancheong.artifact import read_artifact
from dancheong.params import ParamError, TableRow, write_table
from dancheong.scenes import write_scenes

SMALL = [f"--set={row}" for row in (
    "RESOL=16", "NGF=2", "ENCODER=unet", "DEPTH=2", "EPOCHS=1", "BATCH_SIZE=2", "GLARE_MODE=off", "LAMBDA_GAN=0", "DEVICE=cpu",
)]


@pytest.fixture
def tree(tmp_path):
    for part, first in (("train", 1), ("test", 50)):
        write_scenes(tmp_path / part / "GOGUNG", 4, first, 48, 36)
        # As macOS writes it in one of the two folders.
        write_scenes(tmp_path / part / normalize("NFD" if part == "train" else "NFC", "사찰"), 3, first + 10, 48, 36)
    return tmp_path


def run(*arguments):
    result = CliRunner().invoke(app, ["train-categories", *map(str, arguments), *SMALL, "--json", "--quiet"])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, json.loads(result.stdout.splitlines()[-1])


def test_each_category_has_its_rows_its_photographs_and_its_scores(tree):
    table = tree / "params.csv"
    rows = "COMMON,SEED,7,Y\nGOGUNG,SEED,8,Y\n사찰,SEED,9,Y\n"
    table.write_text("CATEGORY,PARAM_NAME,PARAM_VALUE,USE_YN\n" + rows, encoding="utf-8")
    code, told = run(tree / "train", "-o", tree / "models", "--test", tree / "test", "--params", table)
    assert code == 0
    assert [(one["category"], one["photographs"]) for one in told["models"]] == [("COMMON", 7), ("GOGUNG", 4), ("사찰", 3)]
    files = [read_artifact(one["model"]) for one in told["models"]]
    assert [(file.category, file.params.seed) for file in files] == [("COMMON", 7), ("GOGUNG", 8), ("사찰", 9)]
    for name in ("GOGUNG", "사찰", "COMMON"):
        assert f"Training of {name}.h5" in (tree / "models" / f"{name}_log" / "training.html").read_text("utf-8")
    assert [(score["category"], score["images"]) for score in told["scores"]] == [("GOGUNG", 4), ("사찰", 3)]
    for score in told["scores"]:
        assert score[score["better"]]["delta_e_2000"] == min(score["own"]["delta_e_2000"], score["common"]["delta_e_2000"])


@pytest.mark.parametrize(("more", "begins"), [
    ("", True), ("GOGUNG,BEGIN,encoder,Y\n", False), ("GOGUNG,ENCODER,unet,Y\nGOGUNG,DEPTH,2,Y\n", False),
])
def test_a_category_begins_with_the_model_over_all_and_its_held_out_photographs_stay_unseen(tree, more, begins):
    """Those that GOGUNG validates with are not in the training of COMMON, which it begins with."""
    table = tree / "params.csv"
    table.write_text("CATEGORY,PARAM_NAME,PARAM_VALUE,USE_YN\nGOGUNG,SEED,8,Y\n" + more, encoding="utf-8")
    rows = [f"--set={row}" for row in ("RESOL=32", "EPOCHS=1", "BATCH_SIZE=2", "GLARE_MODE=off", "DEVICE=cpu")]
    asked = ["train-categories", str(tree / "train"), "-o", str(tree / "m"), "--params", str(table), "--val", ".3", *rows]
    result = CliRunner().invoke(app, [*asked, "--quiet", "--json"])
    assert result.exit_code == 0, result.output
    common, own, other = (read_artifact(tree / "m" / f"{name}.h5") for name in ("COMMON", "GOGUNG", "사찰"))
    assert (own.data.get("init") == common.digest) is begins
    assert other.data["init"] == common.digest
    photographs = [json.loads(result.stdout.splitlines()[-1])["models"][at]["photographs"] for at in range(3)]
    assert photographs[0] == photographs[1] + photographs[2] < 7


def test_finished_models_are_kept(tree):
    url = f"sqlite:///{(tree / 'params.db').as_posix()}"
    write_table(url, [TableRow("COMMON", "SEED", "3")])
    run(tree / "train", "-o", tree / "models", "--params", url)
    before = {path.name: path.read_bytes() for path in (tree / "models").glob("*.h5")}
    (tree / "models" / "사찰.h5").unlink()
    code, _ = run(tree / "train", "-o", tree / "models", "--resume")
    after = {path.name: path.stat().st_size for path in (tree / "models").glob("*.h5")}
    assert (code, set(after)) == (0, {"GOGUNG.h5", "사찰.h5", "COMMON.h5"})
    assert all((tree / "models" / name).read_bytes() == before[name] for name in ("GOGUNG.h5", "COMMON.h5"))


def test_a_category_without_a_folder_and_a_folder_without_any_are_refused(tree):
    table = tree / "params.csv"
    table.write_text("CATEGORY,PARAM_NAME,PARAM_VALUE,USE_YN\nSEOWON,NGF,3,Y\n", encoding="utf-8")
    with pytest.raises(ParamError, match="SEOWON"):
        run(tree / "train", "-o", tree / "models", "--params", table)
    with pytest.raises(ParamError, match="subfolder for each category"):
        run(tree / "train" / "GOGUNG", "-o", tree / "models")
    assert not (tree / "models").exists()


@pytest.mark.parametrize("test", [".", "GOGUNG", ".."])
def test_photographs_that_are_trained_on_are_no_test(tree, test):
    with pytest.raises(ParamError, match="photographs that are trained on"):
        run(tree / "train", "-o", tree / "models", "--test", tree / "train" / test)
    assert not (tree / "models").exists()
