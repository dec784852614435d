"""Several processes on one machine, as the command line starts them."""

import json
import signal
import subprocess
import sys
import time

import pytest

from dancheong.data.scenes import write_scenes
from dancheong.params import resolve
from dancheong.training.loop import train

SETTINGS = {
    "RESOL": 32, "NGF": 4, "NDF": 4, "DEPTH": 3, "PATCH_SIZE": "16", "NORM": "channel", "EPOCHS": 2, "BATCH_SIZE": 2,
    "LAMBDA_GAN": 0.1, "GAN_START": 0, "GLARE_MODE": "off", "DEVICE": "cpu",
}


@pytest.fixture
def photos(tmp_path):
    write_scenes(tmp_path / "photos", 6, 1, 72, 48)
    return tmp_path / "photos"


def start_two(photos, model, *options, **settings):
    command = [sys.executable, "-m", "dancheong", "train", str(photos), "-o", str(model), "--json", "--quiet", *options]
    for name, value in (SETTINGS | {"DEVICES": 2} | settings).items():
        command += ["--set", f"{name}={value}"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8")


def said(process, code):
    out, errors = process.communicate(timeout=240)
    assert process.returncode == code, errors + out
    (line,) = out.splitlines()
    return json.loads(line)


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


@pytest.mark.skipif(sys.platform == "win32", reason="there is no signal to send to another process")
def test_one_process_that_is_asked_to_stop_takes_the_other_along(photos, tmp_path):
    process = start_two(photos, tmp_path / "m.h5", EPOCHS=2000)
    log = tmp_path / "m_log" / "losses.jsonl"
    try:
        until = time.monotonic() + 120
        while not (log.exists() and log.stat().st_size) and time.monotonic() < until:
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        assert said(process, 130)["stopped"]
    finally:
        process.kill()
    assert (tmp_path / "m.h5.resume").exists()
