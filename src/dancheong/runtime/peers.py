"""Generators that other pix2pix programs have trained, as model files of this one."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from dancheong.artifact import Artifact, ArtifactError, write_artifact
from dancheong.artifact.keras_file import read_keras
from dancheong.models.graph import onnx_graph
from dancheong.models.peers import Statistics, from_keras, from_pytorch, read_pth
from dancheong.params import COMMON, ExtraMissing, ParamError, Params, resolve
from dancheong.params.schema import AT_PREDICTION
from dancheong.runtime.network import open_graph

# What else may be said of a model whose training nobody knows.
SETTABLE = ("resol", "direction", *AT_PREDICTION)


def import_model(
    file: Path, output: Path, statistics: Statistics = "stored", settings: dict[str, Any] | None = None
) -> Artifact:
    """Write the model file of another program's generator, with its weights as they are (float32).

    Args:
        file: `latest_net_G.pth` of pytorch-CycleGAN-and-pix2pix, or a Keras `.h5` of TensorFlow's pix2pix tutorial.
        statistics: of batch normalization, as `dancheong.models.peers.from_keras`.
        settings: rows of `SETTABLE`.

    Raises:
        ArtifactError: another network, or a file that cannot be read without running code. ParamError: a setting.
        ExtraMissing: a `.pth` needs torch.
    """
    try:
        is_keras = file.suffix.lower() in (".h5", ".hdf5")
        if not is_keras and file.suffix.lower() not in (".pth", ".pt"):
            raise ArtifactError(f"{file}: a .pth of pytorch-CycleGAN-and-pix2pix or a Keras .h5 was expected")
        params, table, weights = (
            from_keras(*read_keras(file), statistics) if is_keras else from_pytorch(read_pth(file), statistics)
        )
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
    except ModuleNotFoundError as error:
        raise ExtraMissing(f"{file}: needs {error.name}, which is not installed: pip install 'dancheong[train]'") from error
    except ArtifactError:
        raise
    except ValueError as error:
        raise ArtifactError(f"{file}: {error}") from error
    params, origins = _set(params, settings or {})
    side = table.multiple_px
    picture = np.random.default_rng(1).uniform(-1, 1, (1, table.c_in, side, side)).astype(np.float32)
    answer = open_graph(*onnx_graph(table, weights, "onnxruntime"), None)(picture)
    layout = "TensorFlow pix2pix tutorial" if is_keras else "pytorch-CycleGAN-and-pix2pix"
    artifact = Artifact(
        kind="colorizer", params=params, origins=origins, category=COMMON, architecture=table, weights=dict(weights),
        history=[],
        data={"imported": file.name, "layout": layout, "sha256": digest, "statistics": statistics}, scores={},
        selftest_input=picture, selftest_output=answer,
    )
    write_artifact(output, artifact, exact=True)
    return artifact


def _set(params: Params, settings: dict[str, Any]) -> tuple[Params, dict[str, str]]:
    """The rows of the network, and what was set beside them, with where each comes from."""
    wanted = resolve(settings=settings).params
    names = [name.strip().lower() for name in settings]
    if fixed := [name.upper() for name in names if name not in SETTABLE]:
        raise ParamError(
            f"{fixed[0]}: the imported network has settled it; RESOL, DIRECTION and the rows of prediction can be set"
        )
    set_rows = {name: getattr(wanted, name) for name in names}
    described = dict.fromkeys(params.model_fields_set, "the imported network")
    return params.model_copy(update=set_rows), described | dict.fromkeys(names, "--set")
