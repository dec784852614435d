"""`dancheong params` among files and databases: what is there is not lost, mistakes are named."""

import json
import sys
from collections import namedtuple

import pytest

from dancheong.app.main import main

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
    for words in (("check", place), ("init", place), ("copy", place, tmp_path / "t.csv"), ("runs", place)):
        done = run(*words, code=2)
        assert "Geheim" not in done.stdout + done.stderr
        assert "kim:***@localhost" in done.stderr


def test_runs_need_a_database(run, tmp_path):
    assert "sqlite:///" in run("runs", tmp_path / "t.csv", code=2).stderr


def test_a_table_in_a_file_keeps_no_history(command, trained, tmp_path):
    command("params", "init", tmp_path / "t.csv")
    before = (tmp_path / "t.csv").read_bytes()
    command("evaluate", trained / "model.h5", trained / "test", "--params", tmp_path / "t.csv", "--quiet")
    assert [file.name for file in tmp_path.iterdir()] == ["t.csv"]
    assert (tmp_path / "t.csv").read_bytes() == before
