"""A prediction speaks to nobody, and keeps no notes of its own about the machine."""

import os
import subprocess
import sys

import pytest

COLORING = """
import sys
from dancheong import Colorizer
Colorizer.open(sys.argv[1])
"""
FILTERING = """
import numpy
from dancheong.glare.learned import glare_probability
glare_probability(numpy.zeros((64, 64), numpy.uint8), 64)
"""


@pytest.mark.parametrize("script", [COLORING, FILTERING], ids=["coloring", "filtering"])
def test_the_runtime_reports_its_use_to_nobody(model, tmp_path, script):
    place = tmp_path / "home"
    place.mkdir()
    homes = dict.fromkeys(("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_DATA_HOME"), str(place))
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"} | homes
    subprocess.run([sys.executable, "-c", script, str(model())], env=environment, check=True)
    # Without the switch it leaves a database of events to send, and the number of a session.
    kept = [path for path in place.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    assert kept == []
