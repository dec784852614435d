"""Values as JSON can hold them."""

import math
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any


def finite(value: Any) -> Any:
    """A copy of nested mappings and lists in which nan and the infinities are None, because JSON has no such numbers.

    Numbers of numpy become Python's; what is neither a container nor a number stays as it is.
    """
    if isinstance(value, Mapping):
        return {str(name): finite(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    if isinstance(value, bool) or not isinstance(value, Real):
        return value
    if isinstance(value, Integral):
        return int(value)
    return float(value) if math.isfinite(value) else None
