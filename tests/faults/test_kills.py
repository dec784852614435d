"""A folder that is killed while it is at work, and started again (`tools/kill_predict.py`, which says what it compares)."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[2] / "tools" / "kill_predict.py"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_a_folder_that_was_killed_twice_is_done_once(model):
    words = [sys.executable, str(TOOL), "--photographs", "60", "--kills", "2", "--model", str(model)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout.splitlines()[-1])
    assert record["rows"] == record["photographs"] == 60
    assert record["kills"] == 2
    assert record["missing"] == record["too_many"] == record["different"] == 0
