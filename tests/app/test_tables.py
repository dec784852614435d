"""`dancheong params` among files and databases: what is there is not lost, mistakes are named."""

import json
import sys
from collections import namedtuple
from dataclasses import replace

import pytest

from dancheong.app import options
from dancheong.app.console import Console
from dancheong.app.main import main
from dancheong.artifact import read_artifact, write_artifact
from dancheong.params import TableRow, read_table, write_table
from dancheong.params.schema import BASIC, ROWS

Said = namedtuple("Said", "stdout stderr")


@pytest.fixture
def run(monkeypatch, capsys):
    """The command line, in this process."""

    def call(*words, code=0):
        monkeypatch.setattr(sys, "argv", ["dancheong", "params", *map(str, words)])
        with pytest.raises(SystemExit) as stop:
            main()
        said = Said(*capsys.readouterr())
        assert (stop.value.code or 0) == code, said
        return said

    return call


@pytest.mark.parametrize("name", ["t.csv", "t.xlsx", "sqlite"])
def test_nothing_is_overwritten_in_silence(run, tmp_path, name):
    file = tmp_path / ("t.db" if name == "sqlite" else name)
    place = f"sqlite:///{file}" if name == "sqlite" else file
    said = json.loads(run("init", place, "--json").stdout.splitlines()[-1])
    assert said == {"rows": len(json.loads(run("show", "--json").stdout)["params"]), "table": str(place)}
    before = file.read_bytes()
    assert "--overwrite" in run("init", place, "--preset", "paper", code=2).stderr
    source = tmp_path / "other.csv"
    source.write_text("범주,파라미터명,값,사용여부\nCOMMON,RESOL,64,Y\n", "cp949")
    assert "--overwrite" in run("copy", source, place, code=2).stderr
    assert file.read_bytes() == before
    run("copy", source, place, "--overwrite")
    assert json.loads(run("check", place, "--json").stdout)["rows"] == 1
    shown = json.loads(run("show", "--params", place, "--json").stdout)["params"]
    assert shown["RESOL"]["value"] == 64
    assert {"t.csv": "row 2", "t.xlsx": "!C2", "sqlite": "row 1 (RESOL)"}[name] in shown["RESOL"]["origin"]


def test_passwords_stay_out_of_messages(run, tmp_path):
    place = "postgresql://kim:Geheim@localhost:1/base?connect_timeout=2"
    for words in (("check", place), ("init", place), ("copy", place, tmp_path / "t.csv")):
        done = run(*words, code=2)
        assert "Geheim" not in done.stdout + done.stderr
        assert "kim:***@localhost" in done.stderr


def test_the_basic_parameters_come_first_and_the_rest_on_request(run, tmp_path):
    said = run("show")
    names = [line.split()[0].lower() for line in said.stdout.splitlines()]
    assert sorted(names) == sorted(BASIC)
    assert f"{len(ROWS) - len(BASIC)} more parameters" in said.stderr
    said = run("show", "--all")
    names = [line.split()[0].lower() for line in said.stdout.splitlines()]
    assert (set(names[: len(BASIC)]), set(names)) == (set(BASIC), set(ROWS))
    assert said.stderr == ""
    run("init", tmp_path / "t.csv")
    assert [row.name.lower() for row in read_table(tmp_path / "t.csv")] == names


def test_what_differs_from_the_defaults_is_shown_with_the_basic_parameters(run):
    lines = {line.split()[0]: line for line in run("show", "--set", "HF_ORDER=2", "--preset", "paper").stdout.splitlines()}
    assert lines["HF_ORDER"].split()[1:] == ["2.0", "expert", "--set"]
    assert lines["HF_BORDER"].split()[1:] == ["none", "expert", "preset", "paper"]
    assert "HF_EPSILON" not in lines


def test_a_table_that_names_a_removed_parameter_is_told_so(run, tmp_path):
    table = tmp_path / "old.csv"
    rows = "COMMON,SR_PATCH,12,Y\nCOMMON,NGF,8,Y\nCOMMON,SR_LR,1,N\n"
    table.write_text("CATEGORY,PARAM_NAME,PARAM_VALUE,USE_YN\n" + rows, "utf-8")
    for words in (("show", "--params", table), ("check", table)):
        said = run(*words)
        assert "old.csv row 2: SR_PATCH is no parameter any more" in said.stderr
        assert "always has 48 px" in said.stderr
        assert "SR_LR" not in said.stderr
    assert run("show", "--params", table, "--quiet").stderr == ""
    run("copy", table, tmp_path / "copy.csv")
    assert [row.name for row in read_table(tmp_path / "copy.csv")] == ["SR_PATCH", "NGF", "SR_LR"]
    assert "SR_PATCH is no parameter any more" in run("show", "--set", "SR_PATCH=12", code=2).stderr


def test_the_models_own_category_counts_at_prediction_and_another_is_told(trained, tmp_path, capsys):
    model, table = tmp_path / "m.h5", tmp_path / "p.csv"
    write_artifact(model, replace(read_artifact(trained / "model.h5"), category="GOGUNG"))
    rows = [("COMMON", "1.5"), ("GOGUNG", "0"), ("SACHAL", "2")]
    write_table(table, [TableRow(name, "VIVID", value) for name, value in rows])
    assert options.PredictionOptions(str(table), None, None).at_prediction(Console(), model) == {"vivid": 0.0}
    assert "SACHAL" in capsys.readouterr().err
    assert options.PredictionOptions(str(table), "sachal", None).at_prediction(Console(), model) == {"vivid": 2.0}
    assert "--category sachal counts, and not GOGUNG" in capsys.readouterr().err
    write_table(table, [TableRow("COMMON", "VIVID", "1.5")])
    assert options.PredictionOptions(str(table), None, None).at_prediction(Console(), model) == {"vivid": 1.5}


def test_check_tells_rows_that_never_count(command, tmp_path):
    write_table(tmp_path / "p.csv", [TableRow("GOGUNG", "RESOL", "1024"), TableRow("COMMON", "KSIZE", "4", False)])
    said = command("params", "check", tmp_path / "p.csv")
    assert "--category GOGUNG uses them" in said.stdout
    assert "p.csv row 3" in said.stdout
    shown = command("params", "show", "--params", tmp_path / "p.csv")
    assert "--category GOGUNG uses them" in shown.stderr
