"""A forked process lacks the threads of libvips; it must not wait for them."""

import os
import subprocess
import sys

import numpy as np
import pytest

from dancheong.imaging.files import write_photo

CODE = """
import os, sys
from dancheong.imaging.files import read_photo
from dancheong.params import DancheongError
if sys.argv[2] == "before":
    read_photo(sys.argv[1])
child = os.fork()
if child == 0:
    try:
        print(read_photo(sys.argv[1]).pixels.shape, flush=True)
    except DancheongError as error:
        print(error, flush=True)
    os._exit(0)
os.waitpid(child, 0)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize(("parent_reads", "said"), [("before", "spawn"), ("never", "(40, 60)")])
def test_a_forked_process_reads_or_says_why_not(tmp_path, parent_reads, said):
    write_photo(tmp_path / "a.png", np.zeros((40, 60), np.uint8))
    command = [sys.executable, "-c", CODE, str(tmp_path / "a.png"), parent_reads]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert said in done.stdout
