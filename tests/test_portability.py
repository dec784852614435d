"""The whole way as on Windows and macOS: without what only Linux has, under Korean names with spaces."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]

# What Windows or macOS lacks is taken away from a Python that has the libraries loaded already: they have ways of their own.
LESS = """
import builtins, os, shutil, signal, sys, warnings
import cv2, h5py, lightning_fabric, numpy, onnxruntime, PIL.Image, torch, torch.utils.data

for name in ("sched_getaffinity", "sysconf", "sysconf_names", "fork", "forkpty", "getuid", "geteuid", "getgid", "getpgid",
             "killpg", "setsid", "statvfs", "uname", "chown", "nice", "mkfifo", "getloadavg", "posix_fadvise", "sendfile",
             "O_DIRECTORY"):
    if hasattr(os, name):
        delattr(os, name)
for name in ("SIGHUP", "SIGALRM", "SIGUSR1", "SIGUSR2", "SIGKILL", "alarm", "setitimer", "pthread_kill"):
    if hasattr(signal, name):
        delattr(signal, name)
plain = builtins.__import__

def sparse(name, globals=None, *rest, **others):
    # macOS has fcntl, and where it is missing the lock of a manifest is msvcrt's.
    if name in ("grp", "pwd", "resource", "termios", "tty", "pty", "posix", "syslog") and (
        (globals or {}).get("__name__", "").startswith("dancheong")
    ):
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    return plain(name, globals, *rest, **others)

builtins.__import__ = sparse
# A text file without an encoding is another file on Windows.
warnings.filterwarnings("error", category=EncodingWarning, module=r"dancheong\\b")
from dancheong.app.main import main

def run(*words, code=0):
    sys.argv = ["dancheong", *words]
    try:
        main()
    except SystemExit as stop:
        assert (stop.code or 0) == code, (words, stop.code)
"""

WAY = """
from dancheong.scenes import write_scenes

write_scenes("궁궐 사진/경복궁 (봄)", 4, 1, 60, 44)
write_scenes("시험 사진", 2, 900, 60, 44)
tiny = [f"--set={one}" for one in ("RESOL=32", "NGF=4", "NDF=4",
                                   "ENCODER=unet", "DEPTH=3", "PATCH_SIZE=16", "EPOCHS=1", "BATCH_SIZE=2",
                                   "DEVICE=cpu", "CACHE=disk")]
run("params", "init", "매개 변수.csv")
run("params", "copy", "매개 변수.csv", "매개 변수.xlsx")
run("params", "copy", "매개 변수.xlsx", "sqlite:///매개 변수.db")
run("doctor", "궁궐 사진", "--test", "시험 사진")
run("train", "궁궐 사진", "-o", "모델 하나.h5", "--val", "시험 사진", "--params", "sqlite:///매개 변수.db", *tiny)
run("inspect", "모델 하나.h5")
run("predict", "모델 하나.h5", "시험 사진", "-o", "채색 결과", "--mask-dir", "반사 자리")
run("evaluate", "모델 하나.h5", "시험 사진", "-o", "점수 표")
run("filter", "시험 사진", "-o", "걸러 낸 것")
run("export", "모델 하나.h5", "모델 하나.onnx")
"""


@pytest.mark.slow
def test_the_whole_way_without_what_only_linux_has(tmp_path):
    script = tmp_path / "way.py"
    script.write_text(LESS + WAY, encoding="utf-8")
    command = [sys.executable, "-X", "warn_default_encoding", script]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    for name in ("채색 결과/scene_00900.png", "반사 자리/scene_00901.png", "점수 표/report.html", "점수 표/scores.csv",
                 "모델 하나_log/training.html", "걸러 낸 것/scene_00900.png", "모델 하나.onnx"):
        assert (tmp_path / name).stat().st_size > 0, name


def test_three_systems_run_the_checks():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "tests.yml").read_text("utf-8"))
    job = workflow["jobs"]["tests"]
    assert {system.split("-")[0] for system in job["strategy"]["matrix"]["system"]} == {"ubuntu", "windows", "macos"}
    commands = "\n".join(step.get("run", "") for step in job["steps"])
    assert all(word in commands for word in ("ruff check", "mypy", "lint-imports", "pytest", "mkdocs build --strict"))
    assert workflow["permissions"] == {"contents": "read"}
