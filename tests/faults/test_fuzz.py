"""The fuzzer of ``tools/`` at a small size, and that it notices what it looks for."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="it forks")
TOOLS = Path(__file__).parents[2] / "tools"


@pytest.mark.slow
def test_damaged_files_are_refused_in_words_or_read_as_what_they_are(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("openpyxl")
    state = tmp_path / "state.json"
    command = [sys.executable, str(TOOLS / "fuzz.py"), "--seed", "7", "--state", str(state), "--keep", str(tmp_path)]
    # The second run goes on where the first one ended.
    for sizes in (["--images", "20", "--tables", "20"], ["--images", "50", "--tables", "50", "--models", "50"]):
        done = subprocess.run([*command, *sizes], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    assert [figures[name]["cases"] for name in ("images", "tables", "models")] == [50, 50, 50]
    assert all(figures[name]["ok"] > 0 and figures[name]["refused"] > 0 for name in ("images", "tables", "models"))
    assert figures["trouble"] == 0


@pytest.fixture
def fuzz(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(TOOLS))
    specification = importlib.util.spec_from_file_location("fuzz", TOOLS / "fuzz.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_trouble_is_noticed(fuzz: ModuleType, tmp_path: Path) -> None:
    """One case of each kind: read, refused, an error that is none of ours, a dead process, a hang, a lie, too much memory."""
    deeds: list[Any] = [
        lambda: "", lambda: _raise(KeyError("gone")), lambda: _raise(ZeroDivisionError()),
        lambda: os.kill(os.getpid(), signal.SIGKILL), _hang, lambda: "another picture",
        lambda: np.ones(1 << 29).sum() and "",
    ]

    class Deeds:
        expected = (KeyError,)

        def prepare(self) -> None: ...

        def case(self, number: int) -> tuple[Path, bytes, int]:
            return tmp_path / "case", b"", number

        def attempt(self, path: Path, case: int) -> str:
            return str(deeds[case]())

    found = {number: outcome for _, number, outcome, _ in fuzz.run(Deeds(), len(deeds), [0, 0])}
    assert [found[number] for number in range(len(deeds))] == [
        "ok", "refused", "crash", "crash", "hang", "wrong", "memory",
    ]


def _raise(error: Exception) -> None:
    raise error


def _hang() -> str:
    """Cuts the limit short, which was set for this case, and outlasts it."""
    before, _ = signal.setitimer(signal.ITIMER_REAL, 0.1)
    assert before > 0
    signal.pause()
    return ""
