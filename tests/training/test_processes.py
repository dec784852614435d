"""Several processes on one machine, as the command line starts them."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from dancheong.params import ParamError, Params, resolve
from dancheong.scenes import write_scenes
from dancheong.training.engine import as_launched, launcher
from dancheong.training.loop import train

SETTINGS = {
    "RESOL": 32, "NGF": 4, "NDF": 4,
    "ENCODER": "unet", "DEPTH": 3, "PATCH_SIZE": "16", "NORM": "channel", "EPOCHS": 2, "BATCH_SIZE": 2,
    "LAMBDA_GAN": 0.1, "GAN_START": 0, "GLARE_MODE": "off", "DEVICE": "cpu",
}


@pytest.fixture
def photos(tmp_path):
    write_scenes(tmp_path / "photos", 6, 1, 72, 48)
    return tmp_path / "photos"


def words(photos, model, *options, **settings):
    pairs = [f"{name}={value}" for name, value in (SETTINGS | settings).items()]
    sets = [word for pair in pairs for word in ("--set", pair)]
    return ["-m", "dancheong", "train", str(photos), "-o", str(model), "--json", "--quiet", *options, *sets]


def start(*command, **environment):
    return subprocess.Popen(
        [sys.executable, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8",
        env={**os.environ, **environment},
    )


def start_two(photos, model, *options, **settings):
    return start(*words(photos, model, *options, **{"DEVICES": 2} | settings))


def said(process, code):
    out, errors = process.communicate()
    assert process.returncode == code, errors + out
    (line,) = out.splitlines()
    return json.loads(line)


@pytest.mark.slow
@pytest.mark.parametrize("norm", ["channel", "batch"])
def test_two_processes_learn_what_one_learns_and_one_of_them_speaks(photos, tmp_path, norm):
    settings = {"NORM": norm, "BATCH_SIZE": 4, "PRECISION": "32-true", "D_SPECTRAL": "N" if norm == "batch" else "Y"}
    two = said(start_two(photos, tmp_path / "two.h5", **settings), 0)
    one = train(photos, tmp_path / "one.h5", resolve(settings=SETTINGS | settings).params)
    assert two["images_seen"] == one.images_seen == 12
    assert two["losses"].keys() == one.losses.keys()
    for name, value in one.losses.items():
        # Means of halves are summed in another order; after 12 images no more has come of it than this.
        assert two["losses"][name] == pytest.approx(value, rel=5e-3), name


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def assert_is_one_training(told, photos, tmp_path):
    one = train(photos, tmp_path / "one.h5", resolve(settings=SETTINGS | {"BATCH_SIZE": 4, "PRECISION": "32-true"}).params)
    assert told["images_seen"] == one.images_seen == 12
    for name, value in one.losses.items():
        assert told["losses"][name] == pytest.approx(value, rel=5e-3), name


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="torchrun needs what torch for Windows is built without")
def test_two_processes_of_torchrun_are_one_training(photos, tmp_path):
    one_of_two = words(photos, tmp_path / "two.h5", BATCH_SIZE=4, PRECISION="32-true")
    process = start("-m", "torch.distributed.run", "--nproc-per-node=2", f"--master-port={free_port()}", *one_of_two)
    assert_is_one_training(said(process, 0), photos, tmp_path)


@pytest.mark.slow
def test_two_tasks_of_srun_on_two_machines_are_one_training(photos, tmp_path):
    of_both = {
        "SLURM_NTASKS": "2", "SLURM_NTASKS_PER_NODE": "1", "SLURM_NNODES": "2", "SLURM_STEP_ID": "0", "SLURM_JOB_ID": "7",
        "SLURM_LOCALID": "0", "SLURM_NODELIST": "127.0.0.1", "SLURM_JOB_NAME": "interactive",
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": free_port(),
    }
    command = words(photos, tmp_path / "two.h5", BATCH_SIZE=4, PRECISION="32-true")
    tasks = [start(*command, **of_both, SLURM_PROCID=task, SLURM_NODEID=task) for task in "01"]
    first, second = (task.communicate() for task in tasks)
    assert [task.returncode for task in tasks] == [0, 0], first[1] + second[1]
    assert second[0] == ""
    assert_is_one_training(json.loads(first[0]), photos, tmp_path)


def test_the_launcher_is_known_by_what_it_tells_its_processes():
    assert launcher({"SLURM_NTASKS": "4", "SLURM_NNODES": "2", "SLURM_PROCID": "0"}) is None  # the batch script's own shell
    assert launcher({"SLURM_STEP_ID": "0", "SLURM_NTASKS": "1", "SLURM_NNODES": "1"}) is None
    step = {"SLURM_STEP_ID": "0", "SLURM_NTASKS": "4", "SLURM_NNODES": "2"}
    assert launcher({**step, "SLURM_NTASKS_PER_NODE": "2"}) == ("srun", 2, 2)
    with pytest.raises(ParamError, match="ntasks-per-node"):
        launcher(step)
    assert launcher({"TORCHELASTIC_RUN_ID": "x", "WORLD_SIZE": "6", "LOCAL_WORLD_SIZE": "3"}) == ("torchrun", 3, 2)
    with pytest.raises(ParamError, match="3 tasks on 2 machines"):
        launcher({**step, "SLURM_NTASKS": "3", "SLURM_NTASKS_PER_NODE": "2"})


def test_rows_that_the_launcher_contradicts_are_refused(monkeypatch):
    for name, value in {"TORCHELASTIC_RUN_ID": "x", "WORLD_SIZE": "6", "LOCAL_WORLD_SIZE": "3"}.items():
        monkeypatch.setenv(name, value)
    assert as_launched(Params(batch_size=6)).devices == 3
    with pytest.raises(ParamError, match="torchrun started 3 processes here"):
        as_launched(Params(batch_size=6, devices=2))
    with pytest.raises(ParamError, match="BATCH_SIZE=3 cannot be shared by 6 processes"):
        as_launched(Params(batch_size=3))


@pytest.mark.slow
def test_two_processes_finish_what_one_has_begun(photos, tmp_path):
    """The number of processes is no part of a run: whoever goes on, goes on in the same place."""
    settings = {"NORM": "batch", "BATCH_SIZE": 4, "PRECISION": "32-true"}
    params = resolve(settings=SETTINGS | settings).params
    begun = train(photos, tmp_path / "m.h5", params, watch=lambda progress: progress.images_seen >= 8)
    assert (begun.stopped, begun.images_seen) == (True, 8)
    two = said(start_two(photos, tmp_path / "m.h5", "--resume", **settings), 0)
    whole = train(photos, tmp_path / "whole.h5", params)
    assert two["images_seen"] == whole.images_seen == 12
    for name, value in whole.losses.items():
        assert two["losses"][name] == pytest.approx(value, rel=5e-3), name


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there is no signal to send to another process")
def test_one_process_that_is_asked_to_stop_takes_the_other_along(photos, tmp_path):
    process = start_two(photos, tmp_path / "m.h5", EPOCHS=2000)
    log = tmp_path / "m_log" / "losses.jsonl"
    try:
        while process.poll() is None and not (log.exists() and log.stat().st_size):
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        assert said(process, 130)["stopped"]
    finally:
        process.kill()
    assert (tmp_path / "m.h5.resume").exists()
