"""Where a training ends early, which of its models stay, and how often it shows a photograph."""

import numpy as np
import pytest

from dancheong.artifact import read_artifact
from dancheong.data.hold_out import hold_out
from dancheong.params import ParamError, resolve
from dancheong.scenes import write_scenes
from dancheong.system.outputs import OutputTaken
from dancheong.training.checkpoint import ResumeError
from dancheong.training.loop import train

TINY = {
    "RESOL": 16, "NGF": 2, "ENCODER": "unet", "DEPTH": 2, "BATCH_SIZE": 2, "LAMBDA_GAN": 0, "DEVICE": "cpu", "VAL_IMAGES": 4,
    "EMA": 0, "LR": 0.05,
}


def tiny(**changes):
    return resolve(settings={**TINY, **changes}).params


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sets")
    write_scenes(folder / "photos" / "often", 2, 1, 48, 36)
    write_scenes(folder / "photos" / "rare", 2, 5, 48, 36)
    write_scenes(folder / "val", 2, 70, 48, 36)
    return folder


def kept(folder, name):
    return {int(path.stem.removeprefix(f"{name}_")): read_artifact(path) for path in folder.glob(f"{name}_*.h5")}


def errors_of(model):
    return {int(one["images"]): one["val_delta_e_2000"] for one in read_artifact(model).history if "val_delta_e_2000" in one}


def test_a_training_ends_where_nothing_gets_better_and_stores_the_best(sets, tmp_path):
    said = []
    result = train(
        sets / "photos", tmp_path / "m.h5", tiny(EPOCHS=40, STOP_AFTER=2), val=sets / "val",
        watch=lambda progress: bool(said.append(progress.message)),
    )
    errors = errors_of(result.model)
    best = min(errors, key=errors.get)
    assert not result.stopped
    assert result.images_seen < 160
    assert sum(images > best for images in errors) == 2
    assert read_artifact(result.model).scores["val_images"] == best
    assert f"that at {best} (STOP_AFTER)" in said[-1]
    assert "of 160, as STOP_AFTER asks" in result.page.read_text("utf-8")
    assert not result.model.with_name("m.h5.resume").exists()


def test_the_best_models_and_each_nth_are_kept_also_over_a_stop(sets, tmp_path):
    params = tiny(EPOCHS=6, KEEP_BEST=2, KEEP_EACH=6)
    train(sets / "photos", tmp_path / "whole.h5", params, val=sets / "val")
    train(sets / "photos", tmp_path / "parts.h5", params, val=sets / "val", watch=lambda progress: progress.images_seen >= 10)
    train(sets / "photos", tmp_path / "parts.h5", params, val=sets / "val", resume=True)
    errors = errors_of(tmp_path / "whole.h5")
    best = kept(tmp_path / "whole_log", "best")
    assert set(best) == set(sorted(errors, key=errors.get)[:2])
    assert {images: one.scores["val_delta_e_2000"] for images, one in best.items()} == {one: errors[one] for one in best}
    # Wherever it is validated: those that were not have no scores.
    each = kept(tmp_path / "whole_log", "model")
    assert {images: bool(one.scores) for images, one in each.items()} == {6: False, 12: True, 18: False, 24: True}
    for name in ("best", "model"):
        whole, parts = kept(tmp_path / "whole_log", name), kept(tmp_path / "parts_log", name)
        assert {images: one.digest for images, one in whole.items()} == {images: one.digest for images, one in parts.items()}


def test_another_training_replaces_kept_models_only_when_it_may(sets, tmp_path):
    log = tmp_path / "m_log"
    train(sets / "photos", tmp_path / "m.h5", tiny(EPOCHS=2, KEEP_EACH=4))
    (tmp_path / "m.h5").unlink()
    for path in [one for one in log.iterdir() if not one.name.startswith("model_")]:
        path.unlink()
    mine = log / "model_of_mine.h5"
    mine.write_bytes(b"mine")
    with pytest.raises(OutputTaken, match=r"model_00000004\.h5"):
        train(sets / "photos", tmp_path / "m.h5", tiny(EPOCHS=1))
    train(sets / "photos", tmp_path / "m.h5", tiny(EPOCHS=1), overwrite=True)
    assert [path.name for path in log.glob("*.h5")] == [mine.name]


@pytest.mark.parametrize("row", ["STOP_AFTER", "KEEP_BEST"])
def test_without_photographs_to_validate_with_nothing_is_better(sets, tmp_path, row):
    with pytest.raises(ParamError, match=rf"{row}.*--val"):
        train(sets / "photos", tmp_path / "m.h5", tiny(EPOCHS=1, **{row: 1}))
    assert not any(tmp_path.iterdir())


def test_weights_say_how_often_an_epoch_shows_a_photograph(sets, tmp_path):
    table = tmp_path / "weights.csv"
    table.write_text("\ufeffname;times\nrare;3\noften/scene_00001.png;0\n", "utf-8")
    once = train(sets / "photos", tmp_path / "once.h5", tiny(EPOCHS=2))
    more = train(sets / "photos", tmp_path / "more.h5", tiny(EPOCHS=2), weights=table)
    assert (once.images_seen, more.images_seen) == (8, 14)
    assert read_artifact(more.model).data["photographs"] == 3
    assert once.fingerprint == more.fingerprint
    assert read_artifact(once.model).data["order"] != read_artifact(more.model).data["order"]


def test_a_stopped_training_goes_on_with_its_own_weights_only(sets, tmp_path):
    rare, model = {"rare": 2}, tmp_path / "m.h5"
    train(sets / "photos", model, tiny(EPOCHS=2), weights=rare, watch=lambda progress: True)
    with pytest.raises(ResumeError, match="weights"):
        train(sets / "photos", model, tiny(EPOCHS=2), resume=True)
    assert train(sets / "photos", model, tiny(EPOCHS=2), weights=rare, resume=True).images_seen == 12


def test_a_weight_of_what_is_held_out_is_no_mistake(sets, tmp_path):
    held_out = sorted(hold_out(sets / "photos", tiny(), 0.5).names)[0]
    result = train(sets / "photos", tmp_path / "m.h5", tiny(EPOCHS=1), val=0.5, weights={held_out: 5})
    assert result.images_seen == 2


def test_of_pairs_the_inputs_own_score_stands_beside(tmp_path):
    from dancheong.imaging.files import write_photo
    from dancheong.imaging.metrics import mean_delta_e_2000
    from dancheong.scenes import scene

    left, right = scene(1, 32, 32), scene(2, 32, 32)
    for place in ("photos", "val"):
        (tmp_path / place).mkdir()
        for number in range(2):
            write_photo(tmp_path / place / f"{number}.png", np.hstack([np.roll(left, number, 0), np.roll(right, number, 0)]))
    pairs = tiny(RESOL=32, PAIRING="side_by_side", COLOR_SPACE="RGB", EPOCHS=1)
    result = train(tmp_path / "photos", tmp_path / "m.h5", pairs, val=tmp_path / "val")
    assert result.val["val_input_delta_e_2000"] == pytest.approx(mean_delta_e_2000(left, right), abs=0.3)
    assert "of the inputs" in result.page.read_text("utf-8")
