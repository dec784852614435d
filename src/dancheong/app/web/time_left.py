"""How long what was begun will still take, told from what was measured since the server or the training began."""

import math
from collections.abc import Iterable

import numpy as np
from pydantic import BaseModel

_KEPT, _NEAREST = 40, 5
_PARTS = 8
_FIRST_SECONDS, _FIRST_SHARE = 20, 0.05


class MinutesLeft(BaseModel):
    """Whole minutes between which the end is expected: far apart where little was measured, or where it varies."""

    low: int
    high: int


def minutes_left(spans: Iterable[tuple[float, float]]) -> MinutesLeft:
    """Of work that is done one after the other, each of so many seconds at least and at most."""
    least, most = (sum(ends) for ends in zip((0.0, 0.0), *spans, strict=True))
    return MinutesLeft(low=math.floor(least / 60), high=math.ceil(most / 60))


class Durations:
    """What photographs took, by their size."""

    def __init__(self) -> None:
        self._known: list[tuple[float, float]] = []  # the newest first

    def add(self, megapixels: float, seconds: float) -> None:
        """A photograph was colored."""
        self._known = [(megapixels, seconds), *self._known[: _KEPT - 1]]

    def span(self, megapixels: float, elapsed: float = 0.0) -> tuple[float, float] | None:
        """Seconds that a photograph still takes at least and at most, by those nearest in size; None before any was measured.

        A larger photograph takes no less than a smaller one, and at most as much more as it is larger. One that has taken
        `elapsed` seconds, longer than any, may take as long again.
        """
        near = sorted(self._known, key=lambda known: abs(math.log(megapixels / known[0])))[:_NEAREST]
        if not near:
            return None
        few = len(near) // _NEAREST  # of enough of them the quickest and the slowest say little
        least = sorted(seconds * min(1, megapixels / size) for size, seconds in near)[few]
        most = sorted(seconds * max(1, megapixels / size) for size, seconds in near)[-1 - few]
        return max(0.0, least - elapsed), most - elapsed if elapsed < most else elapsed


class Steps:
    """How far a training was, and when."""

    def __init__(self) -> None:
        self._marks: list[tuple[float, float]] = []

    def left(self, images: int, total: int, seconds: float) -> MinutesLeft | None:
        """What is left at `images` of `total`, `seconds` by any clock; called at each step that is told of.

        The slowest and the quickest eighth of what was done since the first call, because the first steps are slow, say how
        fast it goes. None until there are so many, and for the first 20 seconds or twentieth of the way.
        """
        self._marks.append((images, seconds))
        seen, at = np.array(self._marks).T
        is_early = at[-1] - at[0] < _FIRST_SECONDS and seen[-1] - seen[0] < _FIRST_SHARE * total
        if len(seen) <= _PARTS or is_early:
            return None
        ends = np.linspace(seen[0], seen[-1], _PARTS + 1)
        each = np.diff(np.interp(ends, seen, at)) / np.diff(ends)
        return minutes_left([(float(each.min()) * (total - images), float(each.max()) * (total - images))])
