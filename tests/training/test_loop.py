"""Real runs with tiny networks: resume bit for bit, stop, diverge, advise, and learn something."""

import json
import os
import signal

import numpy as np
import pytest

from dancheong.artifact import read_artifact
from dancheong.data.scenes import write_scenes
from dancheong.evaluation.evaluate import evaluate
from dancheong.imaging.files import read_photo
from dancheong.params import resolve
from dancheong.training import loop
from dancheong.training.loop import TrainingDiverged, train
from dancheong.training.state import ResumeError

TINY = {
    "RESOL": 32, "NGF": 4, "NDF": 4, "DEPTH": 3, "PATCH_SIZE": "16", "BATCH_SIZE": 2, "DROPOUT": 0.5, "GAN_START": 0.2,
    "VAL_IMAGES": 4, "DEVICE": "cpu", "EPOCHS": 2,
}


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("궁 사진") / "train"
    write_scenes(folder, 6, 1, 72, 48)
    return folder


def tiny(**changes):
    return resolve(settings={**TINY, **changes}).params


def stop_after(images):
    return lambda progress: progress.images_seen >= images


@pytest.mark.parametrize("preset", ["default", "paper"])
def test_six_steps_equal_three_then_three(photos, tmp_path, preset):
    params = resolve(settings=TINY, preset=preset).params
    whole = train(photos, tmp_path / "whole.h5", params)
    assert whole.images_seen == 12
    first = train(photos, tmp_path / "parts.h5", params, watch=stop_after(6))
    assert first.stopped
    assert first.images_seen == 6
    second = train(photos, tmp_path / "parts.h5", params, resume=True)
    assert not second.stopped
    assert second.losses == whole.losses
    a, b = (read_artifact(tmp_path / name) for name in ("whole.h5", "parts.h5"))
    assert a.weights.keys() == b.weights.keys()
    assert all(a.weights[name].tobytes() == b.weights[name].tobytes() for name in a.weights)
    assert [{**row, "seconds": 0} for row in a.history] == [{**row, "seconds": 0} for row in b.history]


def test_ctrl_c_finishes_the_step_and_saves(photos, tmp_path):
    def interrupt(progress):
        os.kill(os.getpid(), signal.SIGINT)
        return False

    result = train(photos, tmp_path / "m.h5", tiny(EPOCHS=50), watch=interrupt)
    assert result.stopped
    assert 0 < result.images_seen < 20
    assert read_artifact(tmp_path / "m.h5").data["images_seen"] == result.images_seen
    assert (tmp_path / "m.h5.resume").exists()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize(("change", "word"), [({"LR": 1e-3}, "LR"), ({"SEED": 9}, "SEED"), ({"NGF": 5}, "NGF")])
def test_resume_refuses_another_run(photos, tmp_path, change, word):
    train(photos, tmp_path / "m.h5", tiny(), watch=stop_after(2))
    with pytest.raises(ResumeError, match=word):
        train(photos, tmp_path / "m.h5", tiny(**change), resume=True)


def test_resume_refuses_other_photographs_and_damage(photos, tmp_path):
    train(photos, tmp_path / "m.h5", tiny(), watch=stop_after(2))
    write_scenes(tmp_path / "others", 4, 50, 72, 48)
    with pytest.raises(ResumeError, match="photographs changed"):
        train(tmp_path / "others", tmp_path / "m.h5", tiny(), resume=True)
    state = tmp_path / "m.h5.resume"
    state.write_bytes(state.read_bytes()[:1000])
    with pytest.raises(ResumeError, match="damaged"):
        train(photos, tmp_path / "m.h5", tiny(), resume=True)


def test_the_same_command_begins_goes_on_and_knows_its_end(photos, tmp_path):
    first = train(photos, tmp_path / "m.h5", tiny(), resume=True, watch=stop_after(6))
    second = train(photos, tmp_path / "m.h5", tiny(), resume=True)
    assert (first.images_seen, second.images_seen) == (6, 12)
    assert not (tmp_path / "m.h5.resume").exists()
    with pytest.raises(ResumeError, match="has finished"):
        train(photos, tmp_path / "m.h5", tiny(), resume=True)


def test_a_loss_that_is_no_number_stops_with_a_clear_word(photos, tmp_path, monkeypatch):
    model = tmp_path / "m.h5"
    model.write_bytes(b"the old model")
    monkeypatch.setattr("dancheong.training.run.lr_factor", lambda epoch, params: float("nan"))
    with pytest.raises(TrainingDiverged, match="lower LR"):
        train(photos, model, tiny())
    assert model.read_bytes() == b"the old model"


def test_a_discriminator_that_has_won_is_reported_once(photos, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "WON_LOSS", 1e9)
    monkeypatch.setattr(loop, "WON_IMAGES", 4)
    messages = []
    train(photos, tmp_path / "m.h5", tiny(GAN_START=0), watch=lambda progress: bool(messages.append(progress.message)))
    assert [bool(message) for message in messages].count(True) == 1
    assert "LAMBDA_GAN" in next(filter(None, messages))


def test_log_previews_and_the_best_weights(photos, tmp_path):
    write_scenes(tmp_path / "val", 2, 70, 72, 48)
    result = train(photos, tmp_path / "m.h5", tiny(EPOCHS=4), val=tmp_path / "val", log_dir=tmp_path / "log")
    lines = [json.loads(line) for line in (tmp_path / "log" / "losses.jsonl").read_text("utf-8").splitlines()]
    scores = [line["val_delta_e_2000"] for line in lines if "val_delta_e_2000" in line]
    assert len(scores) > 2
    artifact = read_artifact(tmp_path / "m.h5")
    assert artifact.scores["val_delta_e_2000"] == pytest.approx(min(scores)) == pytest.approx(result.val["val_delta_e_2000"])
    assert artifact.data["photographs"] == 6
    previews = sorted((tmp_path / "log").glob("preview_*.png"))
    assert previews
    assert read_photo(previews[-1]).pixels.ndim == 3


def test_the_same_seed_gives_the_same_model_and_another_seed_another(photos, tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        train(photos, tmp_path / f"{name}.h5", tiny(SEED=seed, EPOCHS=1))
    a, b, c = (read_artifact(tmp_path / f"{name}.h5").weights["enc1.conv.weight"] for name in "abc")
    assert a.tobytes() == b.tobytes() != c.tobytes()


def test_golden_run_learns_color(tmp_path):
    """A minute's lesson in seconds: after a short training unseen scenes are closer to the truth than their gray."""
    write_scenes(tmp_path / "train", 24, 1, 96, 64)
    write_scenes(tmp_path / "test", 6, 5000, 96, 64)
    params = tiny(NGF=12, EPOCHS=60, DROPOUT=0, BATCH_SIZE=4, LR=2e-3, VAL_IMAGES=10000, LAMBDA_GAN=0)
    train(tmp_path / "train", tmp_path / "m.h5", params)
    result = evaluate(tmp_path / "m.h5", tmp_path / "test")
    assert result.images == 6
    assert result.mean.delta_e_2000 < 0.92 * result.gray.delta_e_2000
    assert result.mean.colorfulness > 8
    assert np.isfinite(result.mean.psnr)
