"""The files in deploy/ run the shards that they promise."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
needs_shell = pytest.mark.skipif(os.name == "nt" or not shutil.which("bash"), reason="a shell of Unix is needed")


@pytest.fixture
def run(tmp_path):
    """Runs a command where `dancheong` is a program that repeats what it is told."""
    program = tmp_path / "bin" / "dancheong"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\nfor word in "$@"; do echo "$word"; done\n')
    program.chmod(0o755)

    def call(*words, **environment):
        variables = {**os.environ, "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}", **environment}
        return subprocess.run([*map(str, words)], env=variables, capture_output=True, text=True, check=False)

    return call


@needs_shell
def test_a_slurm_task_does_its_shard(run):
    script, words = DEPLOY / "slurm_array.sh", ("m.h5", "옛 사진", "out", "--confidence", "sure")
    done = run("bash", script, *words, SLURM_ARRAY_TASK_ID="3", SLURM_ARRAY_TASK_MAX="8")
    assert done.stdout.splitlines() == [
        "predict", "m.h5", "옛 사진", "-o", "out", "--shard", "3/8", "--set", "MEMORY_GB=3", "--quiet", "--confidence", "sure",
    ]
    again = run("bash", script, *words, SLURM_ARRAY_TASK_ID="3", SLURM_ARRAY_TASK_MAX="7", SHARDS="64")
    assert "3/64" in again.stdout.splitlines()
    outside = run("bash", script, *words, SLURM_ARRAY_TASK_ID="")
    assert outside.returncode == 2
    assert "usage: sbatch" in outside.stderr


@needs_shell
def test_a_pod_does_its_shard(run):
    yaml = pytest.importorskip("yaml", reason="comes with mkdocs and Dask")
    job = yaml.safe_load((DEPLOY / "kubernetes_job.yaml").read_text("utf-8"))["spec"]
    (container,) = job["template"]["spec"]["containers"]
    (shards,) = [one["value"] for one in container["env"] if one["name"] == "SHARDS"]
    assert int(shards) == job["completions"]
    assert job["completionMode"] == "Indexed"
    for index in (0, job["completions"] - 1):
        done = run(*container["command"], *container["args"], JOB_COMPLETION_INDEX=str(index), SHARDS=shards)
        words = done.stdout.splitlines()
        assert words[words.index("--shard") + 1] == f"{index + 1}/{shards}"
        assert words[:2] == ["predict", "/archive/model.h5"]
