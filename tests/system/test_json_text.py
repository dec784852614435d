"""Text for other programs: what JSON cannot hold becomes null, and nothing else changes."""

import json
import math

import numpy as np

from dancheong.system.json_text import finite


def test_only_what_json_cannot_hold_changes():
    value = {"a": [1, 2.5, math.nan, (math.inf, True, None, "x")], 3: {"b": -math.inf}}
    assert finite(value) == {"a": [1, 2.5, None, [None, True, None, "x"]], "3": {"b": None}}
    assert finite(value)["a"][3][1] is True


def test_numbers_of_numpy_become_numbers():
    told = json.dumps(finite([np.float32(0.5), np.int64(3), np.float64("nan")]), allow_nan=False)
    assert told == "[0.5, 3, null]"
