"""Trainings that begin with knowledge: a pretrained encoder, or another model."""

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from dancheong.app.main import app
from dancheong.artifact import read_artifact
from dancheong.data.photographs import NoPhotographs
from dancheong.evaluation.evaluate import evaluate
from dancheong.imaging.color import gray_of
from dancheong.imaging.files import read_photo, write_photo
from dancheong.models.efficientnet import is_encoder_row, pretrained_weights
from dancheong.params import ParamError, Params, resolve
from dancheong.prediction.colorizer import Colorizer
from dancheong.scenes import write_scenes
from dancheong.training.checkpoint import ResumeError
from dancheong.training.loop import network_rows_of, train

TINY = {
    "RESOL": 32, "NGF": 4, "BATCH_SIZE": 2, "EPOCHS": 2, "VAL_IMAGES": 4, "DEVICE": "cpu", "PRECISION": "32-true",
    "GLARE_MODE": "off",
}


def tiny(**changes):
    return resolve(settings={**TINY, **changes}).params


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    write_scenes(folder, 6, 1, 72, 48)
    return folder


@pytest.fixture(scope="module")
def lite(photos):
    train(photos, photos.parent / "lite.h5", tiny())
    return photos.parent / "lite.h5"


@pytest.fixture(scope="module")
def unet(photos):
    train(photos, photos.parent / "unet.h5", tiny(ENCODER="unet", DEPTH=2, KSIZE=5))
    return photos.parent / "unet.h5"


def test_a_start_without_the_colorizer_that_comes_along_is_told_once(photos, tmp_path):
    told = []

    def watch(progress):
        told.append(progress.message)
        return progress.images_seen >= 4

    train(photos, tmp_path / "m.h5", tiny(), watch=watch)
    assert "BEGIN=colorizer" in told[0]
    assert "NGF = 4 (there 32)" in told[0]
    assert told[1:] == [""]


def weights(path):
    return {name: weight.astype(np.float32) for name, weight in read_artifact(path).weights.items()}


def test_the_model_file_is_all_that_a_prediction_needs(lite):
    gray = np.random.default_rng(1).integers(0, 256, (70, 101), dtype=np.uint8)
    one, other = (Colorizer.open(lite, runtime)(gray).astype(int) for runtime in ("onnx", "torch"))
    assert one.shape == (70, 101, 3)
    assert np.abs(one - other).max() <= 1


@pytest.mark.parametrize("start", ["encoder", "init"])
def test_six_steps_equal_three_then_three(photos, lite, tmp_path, start):
    init = lite if start == "init" else None
    train(photos, tmp_path / "whole.h5", tiny(), init=init)
    train(photos, tmp_path / "parts.h5", tiny(), init=init, watch=lambda progress: progress.images_seen >= 6)
    train(photos, tmp_path / "parts.h5", tiny(), init=init, resume=True)
    whole, parts = (read_artifact(tmp_path / name).weights for name in ("whole.h5", "parts.h5"))
    assert all(whole[name].tobytes() == parts[name].tobytes() for name in whole)


@pytest.mark.parametrize(("rows", "stands_still"), [
    ({"ENCODER_FROZEN": 1}, True), ({"LR_ENCODER": 0}, True), ({"ENCODER_FROZEN": 0, "LR_ENCODER": 0.01}, False),
])
def test_the_encoder_stands_still_where_rows_say_so(photos, tmp_path, rows, stands_still):
    train(photos, tmp_path / "m.h5", tiny(**rows))
    trained, published = weights(tmp_path / "m.h5"), pretrained_weights("lite0", 1)
    moved = [name for name, weight in published.items() if not np.array_equal(trained[name], weight.astype(np.float16))]
    assert bool(moved) is not stands_still


def test_a_training_begins_with_the_weights_of_another_model(photos, lite, tmp_path):
    begun = tiny(EPOCHS=1, INIT_SHARE=0, RESOL=64, LR=1e-9, LR_ENCODER=1e-9)
    train(photos, tmp_path / "m.h5", begun, init=lite, category="GOGUNG")
    before, after = weights(lite), weights(tmp_path / "m.h5")
    for name, weight in before.items():
        if "running" not in name:
            np.testing.assert_allclose(after[name], weight, atol=1e-3)
    read = read_artifact(tmp_path / "m.h5")
    assert read.data["init"] == read_artifact(lite).digest
    assert (read.category, read.params.resol) == ("GOGUNG", 64)


def test_scores_on_photographs_that_a_model_learned_from_are_told(photos, lite, tmp_path):
    other, shown = tmp_path / "other", tmp_path / "shown"
    write_scenes(other, 2, 70, 72, 48)
    train(other, tmp_path / "m.h5", tiny(EPOCHS=1), init=lite)
    # The same pixels by another name, and a photograph that neither model has seen.
    write_scenes(shown, 1, 90, 72, 48)
    for number, file in enumerate([*sorted(photos.iterdir())[:1], *sorted(other.iterdir())[:1]]):
        write_photo(shown / f"again{number}.png", read_photo(file).pixels)
    assert evaluate(lite, shown).known == ["again0.png"]
    scored = evaluate(tmp_path / "m.h5", shown)
    assert (scored.known, scored.record()["learned_from"]) == (["again0.png", "again1.png"],) * 2
    # The colorizer that comes along does not say from which pixels it learned: that is not the same as from none.
    assert evaluate(None, shown).record()["learned_from"] is None
    run = CliRunner().invoke(app, ["evaluate", str(tmp_path / "m.h5"), str(shown), "-o", str(tmp_path / "out")])
    assert "learned from 2 photographs of these (again0.png, again1.png)" in run.output
    # What is passed on says so, too.
    assert "such scores say nothing about others" in (tmp_path / "out" / "report.html").read_text("utf-8")
    lines = (tmp_path / "out" / "scores.csv").read_text("utf-8-sig").splitlines()
    assert sorted(line.rpartition(",")[2].strip('"') for line in lines) == ["learned_from", "no", "yes", "yes"]


def test_pairs_are_known_by_their_true_colors(photos, tmp_path):
    pairs = tmp_path / "pairs"
    for file in photos.iterdir():
        truth = read_photo(file).pixels
        for folder, pixels in (("gray", gray_of(truth)), ("color", truth)):
            (pairs / folder).mkdir(parents=True, exist_ok=True)
            write_photo(pairs / folder / f"{file.stem}.png", pixels)
    train(pairs, tmp_path / "m.h5", tiny(EPOCHS=1))
    assert len(evaluate(tmp_path / "m.h5", photos).known) == len(list(photos.iterdir()))


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_what_is_stored_lies_between_the_start_and_the_end(photos, lite, tmp_path, share):
    rows = {"LR": 0.01, "ENCODER_FROZEN": 0}
    train(photos, tmp_path / "end.h5", tiny(**rows, INIT_SHARE=0), init=lite)
    train(photos, tmp_path / "m.h5", tiny(**rows, INIT_SHARE=share), init=lite)
    start, end, stored = (weights(path) for path in (lite, tmp_path / "end.h5", tmp_path / "m.h5"))
    for name, weight in stored.items():
        if "running" not in name:
            np.testing.assert_allclose(weight, share * start[name] + (1 - share) * end[name], atol=2e-3, rtol=2e-3)


def test_the_network_is_that_of_the_model(photos, unet, tmp_path):
    train(photos, tmp_path / "m.h5", tiny(), init=unet)
    before, after = read_artifact(unet), read_artifact(tmp_path / "m.h5")
    assert after.architecture == before.architecture
    assert (after.params.encoder, after.params.depth, after.params.ksize) == ("unet", 2, 5)
    assert not any(is_encoder_row(name) for name in after.weights)


def test_a_row_that_speaks_against_the_models_network_is_refused(photos, unet, tmp_path):
    with pytest.raises(ParamError, match=r"DEPTH = 3 \(the model: 2\) was set: leave it out"):
        train(photos, tmp_path / "m.h5", tiny(DEPTH=3), init=unet)
    assert not (tmp_path / "m.h5").exists()


def test_an_upscaler_is_no_start(photos, tmp_path):
    from dancheong.upscaling import upscaler

    with pytest.raises(ParamError, match="a colorizer was expected"):
        train(photos, tmp_path / "m.h5", tiny(), init=upscaler.SHIPPED)


def test_a_model_of_pairs_and_one_of_gray_photographs_are_told_apart(new_artifact):
    rows = {"encoder": "unet", "depth": 1, "color_space": "RGB"}
    pairs, gray = new_artifact(pairing="side_by_side", color_space="RGB"), new_artifact(color_space="RGB")
    with pytest.raises(ParamError, match=r"m\.h5 is of side-by-side pairs, and this training colors gray photographs"):
        network_rows_of(pairs, Params(**rows), "m.h5")
    with pytest.raises(ParamError, match=r"m\.h5 colors gray photographs, and this training is of side-by-side pairs"):
        network_rows_of(gray, Params(pairing="side_by_side", **rows), "m.h5")


def test_a_row_that_is_set_to_its_usual_value_is_no_less_set(unet):
    with pytest.raises(ParamError, match=r"ENCODER = lite0 \(the model: unet\) was set"):
        network_rows_of(read_artifact(unet), Params(ENCODER="lite0"), "unet.h5")


def test_rows_that_count_for_nothing_from_scratch_are_told(photos, tmp_path):
    told = []
    rows = {"ENCODER": "unet", "DEPTH": 2, "LR_ENCODER": "1e-5", "BEGIN": "colorizer"}
    train(photos, tmp_path / "m.h5", tiny(**rows), watch=lambda progress: bool(told.append(progress.message) or True))
    assert told[0] == "ENCODER=unet begins from scratch; rows that count for nothing there: BEGIN, LR_ENCODER"


def test_photographs_held_out_by_name_are_not_trained_on(photos, tmp_path):
    names = ["scene_00001.png", "scene_00004.png"]
    result = train(photos, tmp_path / "m.h5", tiny(EPOCHS=1), val=names)
    assert (read_artifact(result.model).data["photographs"], result.val["val_delta_e_2000"] > 0) == (4, True)
    with pytest.raises(NoPhotographs, match=r"other\.png is not there"):
        train(photos, tmp_path / "n.h5", tiny(), val=["other.png"])
    with pytest.raises(NoPhotographs, match="none of the 0 named"):
        train(photos, tmp_path / "n.h5", tiny(), val=[])


@pytest.mark.parametrize("later", ["another", "none"])
def test_a_training_goes_on_only_with_the_model_that_it_began_with(photos, lite, tmp_path, later):
    train(photos, tmp_path / "other.h5", tiny(EPOCHS=1), init=lite)
    train(photos, tmp_path / "m.h5", tiny(), init=lite, watch=lambda progress: progress.images_seen >= 6)
    with pytest.raises(ResumeError, match=read_artifact(lite).digest[:12] + ".*--init"):
        train(photos, tmp_path / "m.h5", tiny(), init=tmp_path / "other.h5" if later == "another" else None, resume=True)
    # A state from before this was asked does not name its model, and goes on.
    path = tmp_path / "m.h5.resume"
    state = torch.load(path, weights_only=True)
    torch.save({**state, "fingerprints": state["fingerprints"][:2]}, path)
    train(photos, tmp_path / "m.h5", tiny(), init=lite, resume=True)
    assert read_artifact(tmp_path / "m.h5").data["init"] == read_artifact(lite).digest


def test_rows_that_a_model_brings_or_makes_idle_are_told(photos, unet, tmp_path):
    told = []
    settings = {**TINY, "BEGIN": "encoder", "LR_ENCODER": 0.1}
    del settings["NGF"]
    asked = resolve(settings=settings)
    train(photos, tmp_path / "m.h5", asked.params, origins=asked.origins, init=unet, watch=lambda one: told.append(one.message))
    assert told[0].endswith("rows that count for nothing there: BEGIN, LR_ENCODER")
    origins = read_artifact(tmp_path / "m.h5").origins
    assert (origins["encoder"], origins["ngf"], origins["resol"]) == ("--init", "--init", "--set")


def test_old_plates_are_refused_where_the_input_is_a_picture_of_ones_own(photos, tmp_path):
    with pytest.raises(ParamError, match=r"OLD_PLATES = 0.5.*side_by_side"):
        train(photos, tmp_path / "m.h5", tiny(OLD_PLATES=0.5, PAIRING="side_by_side", COLOR_SPACE="RGB", ENCODER="unet"))
