"""A tiny network in a model file, made without torch: one level down, one up, so sizes must be even."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dancheong.artifact import Artifact, write_artifact
from dancheong.models.table import Row, Table
from dancheong.params import Params

LEVELS = 1
OFF = {"glare_mode": "off"}


def tiny_table(c_in: int, c_out: int) -> Table:
    return Table(c_in, (
        Row(name="enc1", kind="conv", inputs=("input",), c_in=c_in, c_out=4, ksize=4, stride=2),
        Row(name="dec1", kind="transposed", inputs=("enc1",), c_in=4, c_out=c_out, ksize=4, stride=2, before="leaky",
            after="tanh", bias=True),
    ))


def tiny_weights(table: Table) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(5)
    return {name: rng.normal(0, 0.25, shape).astype(np.float16) for name, shape in table.weight_shapes().items()}


def make_artifact(**settings: object) -> Artifact:
    """A whole artifact with an honest self-test."""
    from dancheong.runtime.network import _onnx

    params = Params(**{"resol": 16, "encoder": "unet", "depth": LEVELS, "glare_mode": "off", **settings})
    c_in, c_out = (3, 3) if params.pairing == "side_by_side" else (1, 2 if params.color_space == "LAB" else 3)
    example = np.random.default_rng(1).uniform(-1, 1, (1, c_in, 8, 8)).astype(np.float32)
    table = tiny_table(c_in, c_out)
    artifact = Artifact(
        kind="colorizer", params=params, origins={}, category="COMMON", architecture=table,
        weights=tiny_weights(table), history=[], data={}, scores={},
        selftest_input=example, selftest_output=np.zeros((1, c_out, 8, 8), np.float32),
    )
    return replace(artifact, selftest_output=_onnx(artifact, 1)(example))


@pytest.fixture(scope="session")
def new_artifact() -> Callable[..., Artifact]:
    """`make_artifact`, for tests that ask for other parameters."""
    return make_artifact


@pytest.fixture(scope="session")
def artifact() -> Artifact:
    return make_artifact()


@pytest.fixture
def model(tmp_path: Path) -> Callable[..., Path]:
    """Writes a model file with some parameters and gives its path."""

    def write(**settings: object) -> Path:
        folder = tmp_path / "모델"
        folder.mkdir(exist_ok=True)
        write_artifact(folder / "m 1.h5", make_artifact(**settings))
        return folder / "m 1.h5"

    return write


@pytest.fixture
def photograph() -> np.ndarray:
    """Smooth areas with sharp edges and a little grain, (45, 67, 3) uint8."""
    y, x = np.mgrid[0:45, 0:67]
    red = 90 + 60 * np.sin(x / 9) + 40 * (x > 30)
    green = 80 + 50 * np.cos(y / 7) + 50 * (x > 30)
    blue = 120 - y + 30 * (x + y > 60)
    grain = np.random.default_rng(2).normal(0, 2, (45, 67, 1))
    return np.clip(np.stack([red, green, blue], axis=-1) + grain, 0, 255).astype(np.uint8)
