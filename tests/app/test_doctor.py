"""`dancheong doctor` as a user meets it: an overview for people, one JSON object for programs, exit codes."""

import json

import pytest
import typer
from typer.testing import CliRunner

from dancheong.app import options, train_commands
from dancheong.scenes import write_scenes


@pytest.fixture
def run():
    app = typer.Typer()
    app.callback()(lambda: None)
    app.command()(options.with_groups(train_commands.doctor))

    def call(*words, code=0):
        done = CliRunner().invoke(app, ["doctor", *map(str, words)])
        assert done.exit_code == code, done.output
        return done

    return call


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("사진 folder")
    write_scenes(folder / "train", 7, 1, 80, 60)
    write_scenes(folder / "test", 2, 3, 80, 60)
    (folder / "train" / "broken.jpg").write_bytes(b"\xff\xd8\xff no photograph")
    return folder


def test_json_for_programs(run, photos):
    done = run(photos / "train", "--test", photos / "test", "--set", "RESOL=128", "--json")
    said = json.loads(done.stdout.splitlines()[-1])
    assert {"file", "kind", "advice", "detail", "set"} == said["findings"][0].keys()
    assert said["counts"]["leakage"] == 2
    assert said["counts"]["small"] == 9
    assert said["counts"]["corrupt"] == 1
    assert (said["photographs"], said["test_photographs"], said["shorter_px"]) == (7, 2, [60, 60, 60])
    assert 0 <= said["glare_share"] <= 1


def test_an_overview_for_people(run, photos):
    text = run(photos / "train", "--set", "RESOL=128").stdout
    assert "small: 7" in text
    assert "and 2 more (--json lists all)" in text
    assert "  -> " in text
    assert "broken.jpg" in text
    assert "7 photographs; shorter sides 60, 60, 60 px" in text.splitlines()[-1]
    assert "reflections on glass" in text.splitlines()[-2]


def test_exit_codes(run, photos, tmp_path):
    done = run(photos / "train", "--test", tmp_path / "missing", "--json", code=1)
    assert "missing" in done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["photographs"] == 7
    assert "missing" in said["unreadable"][0]
    assert run(tmp_path / "missing", code=1).exception is not None
