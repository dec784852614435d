"""The command line in this process, and a model trained for a moment."""

import json
import sys
from collections import namedtuple

import pytest

from dancheong.app.main import main
from dancheong.params import Params
from dancheong.scenes import write_scenes

Said = namedtuple("Said", "stdout stderr")
TINY = {"resol": 32, "ngf": 4, "ndf": 4,
        "encoder": "unet", "depth": 3, "patch_size": "16", "epochs": 1, "batch_size": 2, "device": "cpu"}


@pytest.fixture
def command(monkeypatch, capsys):
    """Runs a command and gives what it said; with --json, the object on the last line of stdout."""

    def call(*words, code=0):
        words = [str(word) for word in words]
        monkeypatch.setattr(sys, "argv", ["dancheong", *words])
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            main()
        said = Said(*capsys.readouterr())
        assert (stop.value.code or 0) == code, said
        assert "Traceback" not in said.stderr
        if "--json" not in words:
            return said
        return Said(json.loads(said.stdout.splitlines()[-1], parse_constant=lambda word: pytest.fail(word)), said.stderr)

    return call


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A folder with `model.h5`, the `photos` it was trained on and a `test` set."""
    from dancheong.training.loop import train

    folder = tmp_path_factory.mktemp("훈련 된")
    write_scenes(folder / "photos", 4, 1, 60, 44)
    write_scenes(folder / "test", 2, 800, 60, 44)
    train(folder / "photos", folder / "model.h5", Params(**TINY))
    return folder
