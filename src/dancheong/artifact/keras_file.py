"""Weights of a Keras `.h5` file, as `model.save("x.h5")` and `model.save_weights("x.h5")` write them; nothing in it is run."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dancheong.artifact.index import MAX_FILE_BYTES, ArtifactError

_MAX_WEIGHTS = 4096


def read_keras(path: Path) -> tuple[list[tuple[str, NDArray[np.float32]]], dict[str, Any]]:
    """(name, array) of each weight in the order of the layers, and the model's configuration (empty where there is none).

    Raises:
        ArtifactError: no such file, or links to other places in it.
    """
    import h5py

    try:
        with h5py.File(path, "r") as file:
            root = file.get("model_weights", file)
            config = json.loads(file.attrs["model_config"]) if "model_config" in file.attrs else {}
            if not _names(root.attrs, "layer_names"):
                raise ArtifactError(
                    f'{path}: no Keras model in the old HDF5 layout: model.save("x.h5") writes one, not .keras or .weights.h5'
                )
            return list(_weights(h5py, root)), config
    except ArtifactError:
        raise
    except (OSError, KeyError, ValueError, RuntimeError) as error:
        raise ArtifactError(f"{path}: cannot be read as a Keras file ({error}); save the model again") from error


def _weights(h5py: Any, root: Any) -> Iterator[tuple[str, NDArray[np.float32]]]:
    count = total = 0
    for layer in _names(root.attrs, "layer_names"):
        for name in _names(root[layer].attrs, "weight_names"):
            place = root[layer]
            for part in name.split("/"):
                # Other links lead out of the file.
                if not isinstance(place.get(part, getlink=True), h5py.HardLink):
                    raise ValueError(f"{layer}/{name} is no plain array")
                place = place[part]
            count, total = count + 1, total + place.size * 4
            is_plain = not place.external and not place.is_virtual and place.dtype.kind == "f"
            if not is_plain or count > _MAX_WEIGHTS or total > MAX_FILE_BYTES:
                raise ValueError(f"{layer}/{name} is no plain array of floating-point numbers, or there are too many")
            yield name.rpartition("/")[2].partition(":")[0], place[()].astype(np.float32)


def _names(attributes: Any, name: str) -> list[str]:
    """A list of names, which Keras cuts into several attributes where it is long."""
    pieces = (f"{name}{number}" for number in range(len(attributes)))
    parts = [name] if name in attributes else [piece for piece in pieces if piece in attributes]
    return [one.decode() if isinstance(one, bytes) else str(one) for part in parts for one in attributes[part]]
