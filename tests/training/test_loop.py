"""Real runs with tiny networks: resume bit for bit, stop, diverge, advise, and learn something."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning_fabric.plugins import MixedPrecision

from dancheong.artifact import read_artifact
from dancheong.evaluation.evaluate import evaluate
from dancheong.imaging.color import gray_of
from dancheong.imaging.files import list_photos, read_photo, write_photo
from dancheong.imaging.metrics import mean_delta_e_2000
from dancheong.models.discriminator import PatchBlock
from dancheong.params import ExtraMissing, ParamError, resolve
from dancheong.prediction.colorizer import Colorizer
from dancheong.scenes import scene, write_scenes
from dancheong.training import loop
from dancheong.training.checkpoint import ResumeError
from dancheong.training.loop import TrainingDiverged, train

TINY = {
    "RESOL": 32, "NGF": 4, "NDF": 4,
    "ENCODER": "unet", "DEPTH": 3, "PATCH_SIZE": "16", "BATCH_SIZE": 2, "DROPOUT": 0.5, "GAN_START": 0.2,
    "VAL_IMAGES": 4, "DEVICE": "cpu", "EPOCHS": 2, "LAMBDA_GAN": 0.1,
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


def test_a_share_is_held_out_told_and_written_down(photos, tmp_path):
    result = train(photos, tmp_path / "m.h5", tiny(), val=0.34)
    assert result.split == "2 of 6 photographs are held out to validate with, those of one view together"
    data = read_artifact(tmp_path / "m.h5").data
    assert (data["photographs"], data["held_out"], data["split"]) == (4, 2, result.split)
    assert result.val["val_delta_e_2000"] > 0
    assert result.split in result.page.read_text("utf-8")
    # They are the same photographs whenever the same command goes on.
    assert train(photos, tmp_path / "again.h5", tiny(), val="0.34").digest == result.digest


def test_photographs_to_validate_with_are_not_trained_on_where_they_lie_among_the_others(photos, tmp_path):
    shutil.copytree(photos, tmp_path / "p")
    (tmp_path / "p" / "val").mkdir()
    for file in sorted((tmp_path / "p").glob("*.*"))[:2]:
        file.rename(tmp_path / "p" / "val" / file.name)
    result = train(tmp_path / "p", tmp_path / "m.h5", tiny(), val=tmp_path / "p" / "val")
    assert "2 photographs in" in result.split
    assert read_artifact(tmp_path / "m.h5").data["photographs"] == 4
    assert "learned by heart" in train(photos, tmp_path / "n.h5", tiny(EPOCHS=1), val=photos).split


@pytest.mark.parametrize("dropout", ["N", "Y"])
def test_the_validation_scores_are_those_of_the_predictions(photos, tmp_path, dropout):
    # At full size = working size; with PREDICT_DROPOUT a frozen network would score otherwise.
    val = tmp_path / "val"
    write_scenes(val, 2, 50, 48, 32)
    params = tiny(PREDICT_DROPOUT=dropout, COLOR_SPACE="RGB", GLARE_MODE="off", VAL_IMAGES=12)
    result = train(photos, tmp_path / "m.h5", params, val=val)
    colorizer = Colorizer.open(tmp_path / "m.h5", runtime="torch")
    truths = [read_photo(file).pixels for file in list_photos(val)]
    of_predictions = np.mean([mean_delta_e_2000(colorizer(gray_of(truth)), truth) for truth in truths])
    assert result.val["val_delta_e_2000"] == pytest.approx(of_predictions, abs=0.1)


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


def test_resuming_is_exact_with_validation_and_synthetic_glare(photos, tmp_path):
    write_scenes(tmp_path / "val", 2, 70, 72, 48)
    params = tiny(AUG_GLARE_P=0.5, EPOCHS=3)
    given = {"val": tmp_path / "val"}
    whole = train(photos, tmp_path / "whole.h5", params, **given)
    train(photos, tmp_path / "parts.h5", params, watch=stop_after(4), **given)
    train(photos, tmp_path / "parts.h5", params, watch=stop_after(10), resume=True, **given)
    second = train(photos, tmp_path / "parts.h5", params, resume=True, **given)
    assert (second.losses, second.val) == (whole.losses, whole.val)
    a, b = (read_artifact(tmp_path / name) for name in ("whole.h5", "parts.h5"))
    assert all(a.weights[name].tobytes() == b.weights[name].tobytes() for name in a.weights)
    assert a.scores == b.scores
    assert [{**row, "seconds": 0} for row in a.history] == [{**row, "seconds": 0} for row in b.history]
    logs = [logged(tmp_path / f"{name}_log") for name in ("whole", "parts")]
    assert logs[0] == logs[1]


def test_the_scale_of_gradients_is_part_of_the_state(photos, tmp_path, monkeypatch):
    """Half precision has a scale that adapts; on a processor the engine has none, so one is put in its place."""
    given = []
    monkeypatch.setattr(MixedPrecision, "state_dict", lambda self: {"scale": 4096.0})
    monkeypatch.setattr(MixedPrecision, "load_state_dict", lambda self, state: given.append(state))
    train(photos, tmp_path / "m.h5", tiny(PRECISION="bf16-mixed"), watch=stop_after(4))
    train(photos, tmp_path / "m.h5", tiny(PRECISION="bf16-mixed"), resume=True)
    assert given == [{"scale": 4096.0}]


def logged(folder):
    lines = (folder / "losses.jsonl").read_text("utf-8").splitlines()
    return [{**json.loads(line), "seconds": 0} for line in lines]


def test_the_log_holds_one_run(photos, tmp_path):
    """A second run begins it anew, a resumed one goes on from where its state was saved."""
    for _ in range(2):
        train(photos, tmp_path / "m.h5", tiny(), log_dir=tmp_path / "log", overwrite=True)
        assert [entry["images"] for entry in logged(tmp_path / "log")] == [2, 4, 6, 8, 10, 12]
    train(photos, tmp_path / "m.h5", tiny(), log_dir=tmp_path / "log", watch=stop_after(6), overwrite=True)
    with (tmp_path / "log" / "losses.jsonl").open("a", encoding="utf-8") as log:
        log.write('{"images": 8, "l1": 1.0}\n{"images"')
    train(photos, tmp_path / "m.h5", tiny(), log_dir=tmp_path / "log", resume=True)
    assert [entry["images"] for entry in logged(tmp_path / "log")] == [2, 4, 6, 8, 10, 12]


def test_ctrl_c_in_the_last_step_still_logs_validates_and_ends(photos, tmp_path):
    write_scenes(tmp_path / "val", 2, 70, 72, 48)

    def interrupt(progress):
        if progress.images_seen == 10:
            os.kill(os.getpid(), signal.SIGINT)
        return False

    # Asked after the tenth image, noticed after the twelfth and last.
    result = train(photos, tmp_path / "m.h5", tiny(VAL_IMAGES=1000), val=tmp_path / "val", watch=interrupt)
    assert (result.images_seen, result.stopped) == (12, False)
    assert result.val
    assert logged(tmp_path / "m_log")[-2]["images"] == 12
    assert not (tmp_path / "m.h5.resume").exists()


@pytest.mark.parametrize(
    ("change", "word"), [({"LR": 2e-3}, "LR"), ({"SEED": 9}, "SEED"), ({"NGF": 5}, "NGF"), ({"CACHE": "device"}, "CACHE")]
)
def test_resume_refuses_another_run(photos, tmp_path, change, word):
    train(photos, tmp_path / "m.h5", tiny(), watch=stop_after(2))
    with pytest.raises(ResumeError, match=word):
        train(photos, tmp_path / "m.h5", tiny(**change), resume=True)


def test_a_state_from_before_a_row_was_there_had_its_default(photos, tmp_path):
    import torch

    train(photos, tmp_path / "m.h5", tiny(), watch=stop_after(2))
    path = tmp_path / "m.h5.resume"
    state = torch.load(path, weights_only=True)
    del state["params"]["jitter_angle"]
    torch.save(state, path)
    with pytest.raises(ResumeError, match="JITTER_ANGLE changed"):
        train(photos, tmp_path / "m.h5", tiny(JITTER_ANGLE=3), resume=True)
    assert train(photos, tmp_path / "m.h5", tiny(), resume=True).images_seen == 12


def test_resume_refuses_other_photographs_and_damage(photos, tmp_path):
    train(photos, tmp_path / "m.h5", tiny(), watch=stop_after(2))
    write_scenes(tmp_path / "others", 4, 50, 72, 48)
    with pytest.raises(ResumeError, match="photographs changed"):
        train(tmp_path / "others", tmp_path / "m.h5", tiny(), resume=True)
    state = tmp_path / "m.h5.resume"
    state.write_bytes(state.read_bytes()[:1000])
    with pytest.raises(ResumeError, match="damaged"):
        train(photos, tmp_path / "m.h5", tiny(), resume=True)


def test_resume_refuses_other_photographs_for_validation_and_another_beat(photos, tmp_path):
    write_scenes(tmp_path / "val", 2, 70, 72, 48)
    write_scenes(tmp_path / "others", 2, 50, 72, 48)
    train(photos, tmp_path / "m.h5", tiny(), val=tmp_path / "val", watch=stop_after(2))
    for other in (None, tmp_path / "others"):
        with pytest.raises(ResumeError, match="for validation changed"):
            train(photos, tmp_path / "m.h5", tiny(), val=other, resume=True)
    with pytest.raises(ResumeError, match="VAL_IMAGES changed"):
        train(photos, tmp_path / "m.h5", tiny(VAL_IMAGES=6), val=tmp_path / "val", resume=True)
    train(photos, tmp_path / "n.h5", tiny(), watch=stop_after(2))
    assert train(photos, tmp_path / "n.h5", tiny(VAL_IMAGES=6), resume=True).images_seen == 12


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
    monkeypatch.setattr("dancheong.training.colorizer_trainer.lr_factor", lambda epoch, params: float("nan"))
    with pytest.raises(TrainingDiverged, match="lower LR"):
        train(photos, model, tiny(), overwrite=True)
    assert model.read_bytes() == b"the old model"


def test_a_discriminator_that_has_won_is_reported_once(photos, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "WON_LOSS", 1e9)
    monkeypatch.setattr(loop, "WON_IMAGES", 4)
    messages = []
    train(photos, tmp_path / "m.h5", tiny(GAN_START=0), watch=lambda progress: bool(messages.append(progress.message)))
    assert [bool(message) for message in messages].count(True) == 1
    assert "LAMBDA_GAN" in next(filter(None, messages))


def test_what_has_been_said_about_the_discriminator_survives_a_stop(photos, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "WON_LOSS", 1e9)
    monkeypatch.setattr(loop, "WON_IMAGES", 8)
    messages = []

    def watch(stop):
        return lambda progress: bool(messages.append(progress.message)) or progress.images_seen == stop

    for stop in (6, 10, 0):
        train(photos, tmp_path / "m.h5", tiny(GAN_START=0), resume=True, watch=watch(stop))
    assert [bool(message) for message in messages] == [False, False, False, True, False, False]


@pytest.mark.parametrize(("resol", "depth"), [(100, 6), (286, 6), (32, 6), (50, 0)])
def test_resol_may_be_any_size(tmp_path, resol, depth):
    write_scenes(tmp_path / "photos", 2, 1, 130, 90)
    settings = {"NGF": 2, "NDF": 2, "BATCH_SIZE": 2, "EPOCHS": 1, "GAN_START": 0, "LAMBDA_GAN": 0.1, "DEVICE": "cpu"}
    settings |= {"RESOL": resol, "ENCODER": "unet", "DEPTH": depth}
    # Default PATCH_SIZE: 70 sees at least 24 px.
    result = train(tmp_path / "photos", tmp_path / "m.h5", resolve(settings=settings).params, category="GOGUNG")
    assert {"d_real", "g_gan"} <= result.losses.keys()
    colorize = Colorizer.open(tmp_path / "m.h5")
    assert colorize.category == "GOGUNG"
    gray = gray_of(scene(9, 57, 43))
    assert colorize(gray).shape == (43, 57, 3)
    by_torch, by_onnx = (Colorizer.open(tmp_path / "m.h5", runtime=runtime)(gray) for runtime in ("torch", "onnx"))
    assert np.abs(by_torch.astype(int) - by_onnx).max() <= 1


def test_half_precision_holds_for_the_judgment_of_the_generator_too(photos, tmp_path, monkeypatch):
    seen = []
    forward = PatchBlock.forward

    def watched(self, x_bchw):
        seen.append((self.row.block, self.conv.weight.requires_grad, forward(self, x_bchw).dtype))
        return forward(self, x_bchw)

    monkeypatch.setattr(PatchBlock, "forward", watched)
    result = train(photos, tmp_path / "m.h5", tiny(PRECISION="bf16-mixed", NORM="none", GAN_START=0, EPOCHS=1))
    assert all(np.isfinite(value) for value in result.losses.values())
    assert {learns for _, learns, _ in seen} == {True, False}
    assert {dtype for _, _, dtype in seen} == {torch.bfloat16}


@pytest.mark.parametrize(
    ("change", "word"),
    [({"PAIRING": "side_by_side"}, "COLOR_SPACE=RGB"), ({"PATCH_SIZE": "286"}, "PATCH_SIZE=286 .*RESOL=32"),
     ({"DEVICES": 3}, "BATCH_SIZE=2 .*DEVICES=3"),
     ({"GLARE_MODE": "global", "HF_BORDER": "none", "HF_BACKEND": "dct"}, "HF_BACKEND=rfft")],
)  # fmt: skip
def test_rows_that_do_not_go_together_are_refused_before_anything_is_read(photos, tmp_path, monkeypatch, change, word):
    monkeypatch.setattr(loop, "launch", lambda params: pytest.fail("processes were started"))
    monkeypatch.setattr(loop, "find_pairs", lambda *_: pytest.fail("photographs were looked for"))
    with pytest.raises(ParamError, match=word):
        train(photos, tmp_path / "m.h5", tiny(**change))


@pytest.mark.parametrize("missing", ["torch", "lightning_fabric"])
def test_what_training_needs_is_asked_for_before_it_begins(photos, tmp_path, monkeypatch, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ExtraMissing, match=rf"{missing}.*dancheong\[train\]"):
        train(photos, tmp_path / "m.h5", tiny())


def test_without_torch_train_can_be_imported_and_says_what_is_missing():
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "import dancheong.app.web.trainer, dancheong.upscaling.training\n"
        "from dancheong import train\n"
        "from dancheong.params import ExtraMissing\n"
        "try:\n    train('photos', 'm.h5')\n"
        "except ExtraMissing as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "dancheong[train]" in done.stdout, done.stderr


def test_masks_drawn_by_hand_are_trained_with(photos, tmp_path):
    names = [path.name for path in list_photos(photos)]
    (tmp_path / "masks").mkdir()
    mask = np.zeros((48, 72), np.uint8)
    mask[10:30, 10:40] = 255
    write_photo(tmp_path / "masks" / Path(names[0].upper()).with_suffix(".png"), mask)
    params = tiny(EPOCHS=1)
    plain = train(photos, tmp_path / "plain.h5", params)
    drawn = train(photos, tmp_path / "drawn.h5", params, drawn_masks=tmp_path / "masks")
    assert drawn.fingerprint != plain.fingerprint
    assert drawn.losses != plain.losses
    (tmp_path / "masks").rename(tmp_path / "elsewhere")
    with pytest.raises(ParamError, match="there is no folder"):
        train(photos, tmp_path / "m.h5", params, drawn_masks=tmp_path / "masks")
    (tmp_path / "strangers").mkdir()
    write_photo(tmp_path / "strangers" / "another.png", mask)
    with pytest.raises(ParamError, match="none of the 1 masks"):
        train(photos, tmp_path / "m.h5", params, drawn_masks=tmp_path / "strangers")


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


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="no C++ compiler")
@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")
def test_compiled_networks_learn_the_same(photos, tmp_path, monkeypatch):
    """Compiled passes round differently and do nothing else: the same weights are learned, stored under the same names."""
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "compiled"))
    settings = {"RESOL": 16, "ENCODER": "unet", "DEPTH": 1, "EPOCHS": 1, "DROPOUT": 0, "GAN_START": 0, "PRECISION": "32-true"}
    plain = train(photos, tmp_path / "plain.h5", tiny(**settings))
    quick = train(photos, tmp_path / "quick.h5", tiny(**settings, COMPILE="Y"))
    assert any((tmp_path / "compiled").rglob("*.so"))
    assert quick.losses == pytest.approx(plain.losses, rel=1e-4)
    a, b = (read_artifact(tmp_path / name).weights for name in ("plain.h5", "quick.h5"))
    assert a.keys() == b.keys()
    assert all(np.allclose(a[name], b[name], atol=1e-3) for name in a)
