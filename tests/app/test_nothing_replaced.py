"""Nothing that a run did not make is replaced without --overwrite, by any command; an old model stands until the new one is."""

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest

from dancheong.artifact import read_artifact
from dancheong.params import Params
from dancheong.scenes import write_scenes
from dancheong.system.outputs import OutputTaken, claimed
from dancheong.training.checkpoint import ResumeError
from dancheong.training.loop import TrainingDiverged, train

TINY = {"resol": 16, "ngf": 2, "ndf": 2, "encoder": "unet", "depth": 2, "patch_size": "16", "epochs": 2, "batch_size": 2,
        "device": "cpu", "val_images": 2}
RATE = "dancheong.training.colorizer_trainer.lr_factor"
SETTINGS = [f"--set={name.upper()}={value}" for name, value in TINY.items()]


@pytest.fixture
def photos(tmp_path):
    write_scenes(tmp_path / "photos", 4, 1, 48, 36)
    return tmp_path / "photos"


def contents(folder):
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("words", [
    ("train", "photos", "-o", "model.h5"), ("train", "photos", "-o", "model.h5.txt"), ("train", "photos", "-o", "params.csv"),
    ("train", "photos", "-o", "params.csv", "--overwrite"), ("train", "photos", "-o", "photos/scene.png", "--overwrite"),
    ("train", "photos", "-o", "new.h5", "--log-dir", "log"), ("train", "photos", "-o", "new.h5", "--log-dir", "params.csv"),
    ("train-upscaler", "photos", "-o", "model.h5"), ("train-categories", "tree", "-o", "models"),
    ("evaluate", "model.h5", "photos", "-o", "scores"), ("evaluate", "model.h5", "photos", "-o", "params.csv"),
    ("export", "model.h5", "params.csv", "--overwrite"), ("export", "model.h5", "net.onnx"),
    ("params", "init", "params.csv"), ("params", "copy", "params.csv", "own.csv"), ("demo", "-o", "scores"),
    ("demo", "-o", "params.csv"),
    ("compare", "photos", "--test", "photos", "-o", "scores"),
], ids=" ".join)
def test_what_is_there_stays(command, trained, tmp_path, monkeypatch, words):
    shutil.copytree(trained / "photos", tmp_path / "photos")
    shutil.copytree(trained / "photos", tmp_path / "tree" / "GOGUNG")
    shutil.copy(trained / "model.h5", tmp_path / "model.h5")
    for name in ("model.h5.txt", "own.csv", "net.onnx", "photos/scene.png", "log/losses.jsonl", "scores/scores.csv",
                 "scores/report.html", "models/GOGUNG.h5"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("a day's work")
    monkeypatch.chdir(tmp_path)
    command("params", "init", "params.csv")
    before = contents(tmp_path)
    settings = SETTINGS if words[0] in ("train", "train-upscaler", "train-categories") else []
    said = command(*words, *settings, code=2)
    assert any(mend in said.stderr for mend in ("--overwrite", "ends in .h5", "ends in .onnx", "choose another name"))
    assert contents(tmp_path) == before


def test_the_old_model_stands_until_the_new_one_is_finished(photos, tmp_path):
    model = tmp_path / "m.h5"
    first = train(photos, model, Params(**TINY))
    old = model.read_bytes()
    with pytest.raises(OutputTaken, match="--overwrite"):
        train(photos, model, Params(**{**TINY, "seed": 8}))
    newer = Params(**{**TINY, "seed": 9})
    stopped = train(photos, model, newer, overwrite=True, watch=lambda progress: True)
    assert (model.read_bytes(), stopped.model.name) == (old, "m.unfinished.h5")
    assert read_artifact(stopped.model).data["images_seen"] == stopped.images_seen < first.images_seen
    # Begun anew by a slip, the unfinished one would be lost.
    with pytest.raises(OutputTaken, match="--resume goes on"):
        train(photos, tmp_path / "m.h5", newer)
    done = train(photos, model, newer, resume=True)
    assert read_artifact(done.model).params.seed == 9
    assert "unfinished" not in read_artifact(model).data
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.h5", "m_log", "photos"]


def test_a_finished_model_is_not_resumed(photos, tmp_path):
    train(photos, tmp_path / "m.h5", Params(**TINY))
    with pytest.raises(ResumeError, match="--init"):
        train(photos, tmp_path / "m.h5", Params(**TINY), resume=True)


def test_a_log_of_another_training_stays(photos, tmp_path):
    train(photos, tmp_path / "a.h5", Params(**TINY), log_dir=tmp_path / "log")
    before = contents(tmp_path / "log")
    other = Params(**{**TINY, "seed": 7})
    with pytest.raises(OutputTaken, match="another --log-dir"):
        train(photos, tmp_path / "b.h5", other, log_dir=tmp_path / "log")
    train(photos, tmp_path / "b.h5", other, watch=lambda progress: True)
    with pytest.raises(OutputTaken, match="another --log-dir"):
        train(photos, tmp_path / "b.h5", other, log_dir=tmp_path / "log", resume=True)
    assert contents(tmp_path / "log") == before


def test_resume_with_nothing_to_resume_says_so(command, photos, tmp_path):
    said = command("train", photos, "-o", tmp_path / "m.h5", "--no-doctor", "--resume", *SETTINGS)
    assert "nothing to resume at" in said.stderr


def test_rows_that_no_training_looks_at_do_not_stand_in_the_way_of_resume(photos, tmp_path):
    whole = train(photos, tmp_path / "whole.h5", Params(**TINY))
    train(photos, tmp_path / "m.h5", Params(**TINY), watch=lambda progress: True)
    free = {"vivid": 1.3, "memory_gb": 4.0, "tile_px": 64, "sr_scale": "2", "input_half": "yes", "sr_images": 7}
    done = train(photos, tmp_path / "m.h5", Params(**TINY, **free), resume=True)
    assert done.losses == whole.losses
    assert read_artifact(done.model).params.vivid == 1.3
    train(photos, tmp_path / "n.h5", Params(**TINY), watch=lambda progress: True)
    with pytest.raises(ResumeError, match=r"EPOCHS changed .*EPOCHS=2.*--init"):
        train(photos, tmp_path / "n.h5", Params(**{**TINY, "epochs": 3}), resume=True)


def test_after_divergence_the_kept_state_goes_on_with_a_lower_rate(photos, tmp_path, monkeypatch):
    rows = {**TINY, "val_images": 4, "lr": 1e-3}
    monkeypatch.setattr(RATE, lambda epoch, params: 1.0 if epoch == 1 or params.lr < 1e-3 else float("nan"))
    with pytest.raises(TrainingDiverged, match="--resume with a lower LR"):
        train(photos, tmp_path / "m.h5", Params(**rows))
    lower = Params(**{**rows, "lr": 1e-4})
    done = train(photos, tmp_path / "m.h5", lower, resume=True)
    assert (done.images_seen, read_artifact(done.model).params.lr) == (8, 1e-4)


def test_a_stopped_training_goes_on_with_a_lower_rate_only_and_tells_it(photos, tmp_path):
    model, said = tmp_path / "m.h5", []
    train(photos, model, Params(TINY), watch=lambda progress: progress.images_seen >= 2)
    with pytest.raises(ResumeError, match=r"LR changed .*--init \S+m\.h5 -o NEW") as refused:
        train(photos, model, Params(TINY, lr=1e-3), resume=True)
    train(photos, model, Params(TINY, lr=1e-4, precision="32-true"), resume=True,
          watch=lambda progress: bool(said.append(progress.message)))
    assert "from image 2 on: LR=0.0001 (0.0003 before), PRECISION=32-true (auto before)" in said[0]
    stored = read_artifact(model)
    assert {"images": 2, "lr": 1e-4} in stored.history
    assert '{"images": 2, "lr": 0.0001}' in (tmp_path / "m_log" / "losses.jsonl").read_text()
    # What the refusal names begins another training.
    begun = re.search(r"--init (\S+)", str(refused.value))[1]
    assert train(photos, tmp_path / "n.h5", Params(TINY, lr=1e-3), init=begun).images_seen == 8


def test_without_a_state_the_advice_is_to_train_anew(photos, tmp_path, monkeypatch):
    monkeypatch.setattr(RATE, lambda epoch, params: float("nan"))
    with pytest.raises(TrainingDiverged, match="no state had been saved"):
        train(photos, tmp_path / "m.h5", Params(**{**TINY, "val_images": 4}))


def test_the_same_training_gives_the_same_bytes(photos, tmp_path):
    first, again = (train(photos, tmp_path / name, Params(**TINY)) for name in ("a.h5", "b.h5"))
    assert first.seconds != again.seconds
    assert first.model.read_bytes() == again.model.read_bytes()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_killed_and_run_twice_at_once_a_training_ends_as_if_it_had_been_alone(photos, tmp_path):
    words = [sys.executable, "-m", "dancheong", "train", str(photos), "-o", str(tmp_path / "m.h5"), "--no-doctor", "--quiet",
             *(word for word in SETTINGS if "EPOCHS" not in word), "--set=EPOCHS=4000", "--set=WORKERS=0"]
    first = subprocess.Popen(words)
    deadline = time.monotonic() + 120
    while not (tmp_path / "m.h5.resume").exists():
        assert time.monotonic() < deadline
        assert first.poll() is None
        time.sleep(0.05)
    second = subprocess.run([*words, "--resume"], capture_output=True, text=True, check=False)
    assert (second.returncode, f"process {first.pid}" in second.stderr) == (2, True)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    assert not (tmp_path / "m.h5").exists()
    again = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (again.returncode, "--resume goes on" in again.stderr) == (2, True)
    wider = [*(word for word in words if "NGF" not in word), "--set=NGF=3", "--resume"]
    other = subprocess.run(wider, capture_output=True, text=True, check=False)
    assert (other.returncode, "NGF changed" in other.stderr) == (1, True)
    losses = next(tmp_path.glob("m_log/losses.jsonl"))
    before = losses.stat().st_size
    third = subprocess.Popen([*words, "--resume"], stderr=subprocess.PIPE, text=True)
    while losses.stat().st_size <= before:
        assert third.poll() is None
        time.sleep(0.1)
    third.send_signal(signal.SIGINT)
    assert "stopped" not in third.communicate()[1]
    assert third.returncode == 130
    with claimed(tmp_path / "m.h5"):
        assert read_artifact(tmp_path / "m.h5").data["unfinished"]
