"""Photographs that somebody is giving hints for: the network is asked once, and each change is shown small and at once.

A draft is made of the picture for the screen, so that a photograph of 60 megapixels costs no more than one of two.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dancheong.app.web.model_store import ModelStore
from dancheong.app.web.pictures import picture
from dancheong.app.web.problems import Refused
from dancheong.app.web.visits import Hint, Photograph, Visit
from dancheong.data.prepare import AB_SCALE
from dancheong.imaging.color import gray_of, lab_to_pixels
from dancheong.imaging.files import read_photo
from dancheong.imaging.profiles import to_eight
from dancheong.imaging.resize import resize
from dancheong.prediction.colorizer import Colorizer, HintSession
from dancheong.prediction.confidence import confidence_map
from dancheong.prediction.full_resolution import Predicted
from dancheong.prediction.looks import LIKELIHOODS, look

Pixels = NDArray[Any]

LOOKS = len(LIKELIHOODS)
KEPT = 8  # drafts; each takes some 5 MB
_AT_ONCE = 2
_STRONGER = 1.8


class Draft:
    """One coloring of a photograph, at the size of the screen.

    Raises:
        PhotoError: the photograph cannot be read any more.
    """

    def __init__(self, model: Colorizer, photograph: Photograph) -> None:
        gray_hw = gray_of(read_photo(picture(photograph, "before", "view")).pixels)
        drawn_hw = None
        if photograph.drawn:
            drawn_hw = resize(to_eight(read_photo(photograph.path("mask")).pixels), gray_hw.shape)
        self._model = model
        self._input_hwc = model.prepare(gray_hw, drawn_hw).input_hwc
        self._answer = model.predict(self._input_hwc)
        self._look = lru_cache(LOOKS)(lambda number: HintSession(model, self._input_hwc, look(self._answer, number)))

    def preview(self, hints: Sequence[Hint], number: int, longer_px: int) -> Pixels:
        """The photograph (h, w, 3) in look `number`, with hints. Raises ParamError for a model that repaints."""
        return self._look(number).preview([hint.row for hint in hints], longer_px)

    def colors(self, hints: Sequence[Hint], number: int, x: float, y: float) -> list[str]:
        """Colors that are likely at a place, as `#rrggbb`: the one it has, a stronger one, those of the other looks."""
        shown = [self._look(number).predicted([hint.row for hint in hints])]
        shown += [self._look(one).predicted([]) for one in range(1, LOOKS + 1) if one != number]
        answers = [_chroma_at(one, x, y) for one in shown]
        answers.insert(1, answers[0] * _STRONGER)
        lightness = np.full((1, len(answers)), np.clip(_at(shown[0].lightness_hw, x, y), 35, 80), np.float32)
        (rgb,) = lab_to_pixels(lightness, np.array([answers], np.float32), np.uint8)
        return list(dict.fromkeys("#" + bytes(color).hex() for color in rgb))

    @cached_property
    def confidence(self) -> NDArray[np.uint8]:
        """The confidence (h, w) in each place's color, 255 is sure. Raises ParamError for a model of pairs."""
        return confidence_map(self._model, self._input_hwc, self._answer)


class Drafts:
    """The drafts that were used last."""

    def __init__(self, models: ModelStore) -> None:
        self._models, self._kept = models, dict[tuple[str, int, int], Draft]()
        self._lock, self._room = threading.Lock(), threading.BoundedSemaphore(_AT_ONCE)

    @contextmanager
    def draft(self, visit: Visit, photograph: Photograph) -> Iterator[Draft]:
        """The draft of the photograph's last coloring; never more than two are worked on at a time.

        Raises:
            Refused: it was not colored yet, or the model is not there any more.
            ArtifactError, ParamError, PhotoError: as `ModelStore.colorizer` and `Draft`.
        """
        made = photograph.made_with
        if made is None:
            raise Refused(409, "not_done")
        key = visit.key, photograph.number, photograph.version
        with self._room:
            with self._lock:
                model = self._models.chosen(visit, made.model)
                known = self._kept.pop(key, None) or Draft(self._models.colorizer(model, made.settings), photograph)
                self._kept[key] = known
                for old in list(self._kept)[:-KEPT]:
                    del self._kept[old]
            yield known


def _at(plane: NDArray[Any], x: float, y: float) -> Any:
    height, width = plane.shape[:2]
    return plane[min(int(y * height), height - 1), min(int(x * width), width - 1)]


def _chroma_at(predicted: Predicted, x: float, y: float) -> Any:
    return _at(predicted.output_hwc, x, y) * np.float32(AB_SCALE)
