"""How many processor cores there are to use."""

import math
import os
from pathlib import Path

_CONTAINER_LIMIT = Path("/sys/fs/cgroup/cpu.max")


def cores() -> int:
    """Processor cores that this process may use: of those it is bound to, as many as a container's limit pays for."""
    try:
        bound = len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        bound = os.cpu_count() or 1
    try:
        quota, period = _CONTAINER_LIMIT.read_text("ascii").split()
        return max(1, min(bound, math.ceil(int(quota) / int(period))))
    except (OSError, ValueError):  # no container, or "max": no limit
        return bound
