"""A photograph that a person colors with hints, one after another."""

from typing import Any

from numpy.typing import NDArray

from dancheong.imaging.resize import fit_size, resize
from dancheong.prediction.colorizer import Colorizer, Predicted
from dancheong.prediction.hint_spread import Canvas
from dancheong.prediction.hints import as_hints

Pixels = NDArray[Any]


class HintSession:
    """One photograph and what the network says of it, which is kept between hints. Made by `Colorizer.session`."""

    def __init__(self, model: Colorizer, input_hwc: Pixels) -> None:
        """A prepared photograph (`Prepared.input_hwc`).

        Raises:
            ParamError: the model does not predict chroma alone.
        """
        self._model, self._input_hwc = model, input_hwc
        self._canvas = Canvas.of(model, input_hwc)
        self._smaller: dict[int, Pixels] = {}

    def __call__(self, hints: Any, rows: int = 0, threads: int = 1) -> Pixels:
        """The photograph in color, (h, w, 3) at full size; `hints` as for `Colorizer.__call__`, `rows` and `threads` of strips.

        Raises:
            ParamError: hints that cannot be.
        """
        return self._model.color(self._input_hwc, rows, threads, self._predicted(hints))

    def preview(self, hints: Any, longer_px: int = 1024) -> Pixels:
        """As calling it, with the longer side shrunk to at most `longer_px`."""
        if longer_px not in self._smaller:
            height, width = self._input_hwc.shape[:2]
            self._smaller = {longer_px: resize(self._input_hwc, fit_size(height, width, longer_px))}
        return self._model.color(self._smaller[longer_px], predicted=self._predicted(hints))

    def _predicted(self, hints: Any) -> Predicted:
        height, width = self._input_hwc.shape[:2]
        return self._canvas.hinted(as_hints(hints, (height, width)))
