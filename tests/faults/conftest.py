"""A tiny model and a few photographs, for whatever is done to them while they are in use."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dancheong.artifact import write_artifact
from dancheong.imaging.files import read_photo, write_photo
from dancheong.prediction.colorizer import Colorizer
from dancheong.scenes import scene
from tiny_model import make_artifact


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model file with the tiny network of the tests of prediction."""
    path = tmp_path_factory.mktemp("model") / "m.h5"
    write_artifact(path, make_artifact())
    return path


@pytest.fixture(scope="session")
def colorizer(model: Path) -> Colorizer:
    return Colorizer.open(model, threads=1)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Four gray photographs."""
    folder = tmp_path / "사진"
    folder.mkdir()
    for number in range(4):
        write_photo(folder / f"{number}.png", scene(number, 40, 30)[..., 1])
    return folder


@pytest.fixture(scope="session")
def whole_or_absent() -> Callable[[Path], list[str]]:
    """Names in a folder of results, each of which must be a whole color picture; nothing half-written beside them."""

    def look(folder: Path) -> list[str]:
        names = []
        for path in sorted(folder.rglob("*")):
            if path.is_dir() or path.name.startswith("manifest"):
                continue
            assert not path.name.startswith("."), f"{path.name} was left behind"
            pixels = read_photo(path).pixels
            assert pixels.ndim == 3
            assert np.ptp(pixels.astype(int)) > 0
            names.append(path.name)
        return names

    return look
