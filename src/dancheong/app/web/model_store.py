"""The models that the page offers. Each file is opened once; one network serves all settings."""

import copy
import threading
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import Any

from dancheong.app.web.problems import Refused
from dancheong.app.web.visits import Visit
from dancheong.artifact import Artifact, read_artifact
from dancheong.data.prepare import check_together
from dancheong.params import Params
from dancheong.prediction.colorizer import Colorizer, with_settings
from dancheong.prediction.shipped import facts_of, shipped_models
from dancheong.report.card import model_card
from dancheong.system.json_text import finite

OPEN_MODELS = 3
Opened = tuple[Colorizer, Artifact, dict[str, str]]


class ModelStore:
    """Model files, and the open networks of those used last.

    Args:
        files: model files that are offered, before all others.
        folder: all .h5 in it are offered, also those that come later (a training's results).
        settings: parameters of prediction that the server sets for every model.
    """

    def __init__(self, files: Iterable[Path], folder: Path, settings: Mapping[str, Any] | None = None) -> None:
        self._files, self._folder, self._settings = tuple(files), folder, dict(settings or {})
        self._lock = threading.Lock()
        self._open = lru_cache(OPEN_MODELS)(self._opened)

    def models(self) -> dict[str, Path]:
        """The models by the name a person chooses them by; the newest of the folder first."""
        found = sorted(self._folder.glob("*.h5"), key=lambda path: path.stat().st_mtime, reverse=True)
        named: dict[str, Path] = {}
        for path in (*self._files, *found):
            if path.resolve() in {known.resolve() for known in named.values()}:
                continue
            names = (f"{path.stem} ({number})" if number > 1 else path.stem for number in count(1))
            named[next(name for name in names if name not in named)] = path
        return named

    def offered(self, visit: Visit) -> dict[str, Path]:
        """The models that a visit can choose: the server's, and those that it has brought."""
        own = {name: visit.folder / file for name, file in visit.models.items()}
        return {**self.models(), **{name: path for name, path in own.items() if path.exists()}}

    def chosen(self, visit: Visit, name: str) -> Path:
        """The file of a model that a visit has chosen. Raises Refused where it is not offered."""
        path = self.offered(visit).get(name)
        if path is None:
            raise Refused(404, "no_such_model", model=name[:100])
        return path

    def card(self, path: Path) -> dict[str, Any]:
        """What a model says of itself: the photographs it learned from, how long, its scores; `facts` are those of its card,
        `comes_along` says that it came with the program.

        Raises:
            ArtifactError, OSError: the file cannot be read.
        """
        (_, artifact, facts), status = self._entry(path), path.stat()
        images_seen = max((int(entry.get("images", 0)) for entry in artifact.history), default=0)
        data = {name: value for name, value in artifact.data.items() if name != "marks"}
        card: dict[str, Any] = finite({
            "category": artifact.category, "color_space": artifact.params.color_space, "resol": artifact.params.resol,
            "digest": artifact.digest, "data": data, "scores": artifact.scores, "images_seen": images_seen,
            "facts": facts, "bytes": status.st_size, "changed_at": status.st_mtime,
            "comes_along": path in {model.path for model in shipped_models()},
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
        colorizer, artifact, _ = self._entry(path)
        params = with_settings(artifact, dict(settings)).params
        check_together(params)
        if params.predict_dropout != colorizer.params.predict_dropout:
            # Dropout is part of the network, so the model is opened anew.
            return Colorizer.open(path, **{**self._settings, **settings})
        shared = copy.copy(colorizer)
        shared.params = params
        return shared

    def _entry(self, path: Path) -> Opened:
        status = path.stat()
        with self._lock:
            return self._open(path, status.st_mtime_ns, status.st_size)

    def _opened(self, path: Path, changed_ns: int, size_bytes: int) -> Opened:
        """A model as its file was at that time; the network holds the weights, settings need only the rest of the artifact."""
        stored = read_artifact(path)
        card = next((model.card for model in shipped_models() if model.path == path), "") or model_card(path.stem, stored)
        artifact = with_settings(stored, self._settings)
        return Colorizer(artifact), replace(artifact, weights={}), facts_of(card)
