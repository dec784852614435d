"""The models that the page offers. Each file is opened once; one network serves all settings."""

import copy
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from dancheong.artifact import Artifact, read_artifact
from dancheong.data.prepare import check_together
from dancheong.params import Params
from dancheong.prediction.colorizer import Colorizer, with_settings
from dancheong.system.json_text import finite

OPEN_MODELS = 3


class ModelStore:
    """Model files, and the open networks of those used last.

    Args:
        files: model files that are offered.
        folder: all .h5 in it are offered, also those that come later (a training's results).
        settings: parameters of prediction that the server sets for every model.
        last: a model file that is offered after all others.
    """

    def __init__(
        self, files: Iterable[Path], folder: Path, settings: Mapping[str, Any] | None = None, last: Path | None = None
    ) -> None:
        self._files, self._folder, self._settings = tuple(files), folder, dict(settings or {})
        self._last = () if last is None else (last,)
        self._open: OrderedDict[tuple[str, int, int], tuple[Colorizer, Artifact]] = OrderedDict()
        self._lock = threading.Lock()

    def models(self) -> dict[str, Path]:
        """The models by the name a person chooses them by; the newest of the folder first."""
        found = sorted(self._folder.glob("*.h5"), key=lambda path: path.stat().st_mtime, reverse=True)
        named: dict[str, Path] = {}
        for path in (*self._files, *found, *self._last):
            if path.resolve() in {known.resolve() for known in named.values()}:
                continue
            number, name = 1, path.stem
            while name in named:
                number += 1
                name = f"{path.stem} ({number})"
            named[name] = path
        return named

    def offered(self, own: Mapping[str, Path]) -> dict[str, Path]:
        """The models that a visit can choose: the server's, and those that it has brought."""
        return {**self.models(), **{name: path for name, path in own.items() if path.exists()}}

    def card(self, path: Path) -> dict[str, Any]:
        """What a model says of itself: the photographs it learned from, how long, its scores.

        Raises:
            ArtifactError, OSError: the file cannot be read.
        """
        artifact = self._entry(path)[1]
        params = artifact.params
        card: dict[str, Any] = finite({
            "category": artifact.category, "color_space": params.color_space, "resol": params.resol, "digest": artifact.digest,
            "data": artifact.data, "scores": artifact.scores, "images_seen": max(
                (int(entry.get("images", 0)) for entry in artifact.history), default=0,
            ), "bytes": path.stat().st_size, "changed_at": path.stat().st_mtime,
        })
        return card

    def params(self, path: Path) -> Params:
        """A model's parameters, with what the server sets."""
        return self._entry(path)[0].params

    def colorizer(self, path: Path, settings: Mapping[str, Any]) -> Colorizer:
        """The model with some parameters of prediction set.

        Raises:
            ArtifactError, ParamError, ExtraMissing: as `Colorizer.open`.
        """
        colorizer, artifact = self._entry(path)
        params = with_settings(artifact, dict(settings)).params
        check_together(params)
        if params.predict_dropout != colorizer.params.predict_dropout:
            # Dropout is part of the network, so the model is opened anew.
            return Colorizer.open(path, **{**self._settings, **settings})
        shared = copy.copy(colorizer)
        shared.params = params
        return shared

    def _entry(self, path: Path) -> tuple[Colorizer, Artifact]:
        with self._lock:
            status = path.stat()
            key = (str(path), status.st_mtime_ns, status.st_size)
            if key not in self._open:
                artifact = with_settings(read_artifact(path), self._settings)
                # The network holds the weights; settings need the rest of the artifact only.
                self._open[key] = Colorizer(artifact), replace(artifact, weights={})
                while len(self._open) > OPEN_MODELS:
                    self._open.popitem(last=False)
            self._open.move_to_end(key)
            return self._open[key]
