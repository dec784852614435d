"""What `dancheong train` leaves beside the model: a page, TensorBoard events, a doctor's summary."""

import io

import numpy as np
import pytest
from PIL import Image

from dancheong.imaging.files import read_photo, write_photo
from dancheong.scenes import write_scenes

SETTINGS = [
    f"--set={setting}"
    for setting in ("RESOL=32", "NGF=4", "NDF=4",
                    "ENCODER=unet", "DEPTH=3", "PATCH_SIZE=16", "EPOCHS=2", "BATCH_SIZE=2", "DEVICE=cpu",
                    "VAL_IMAGES=4")
]


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "궁 사진"
    write_scenes(folder, 4, 1, 60, 44)
    return folder


def events_in(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder))
    events.Reload()
    return events


def test_train_leaves_a_page_events_and_the_doctors_summary(command, photos, tmp_path):
    first = read_photo(sorted(photos.iterdir())[0]).pixels
    write_photo(photos / "copy.jpg", first)
    log = tmp_path / "기록"
    words = ("train", photos, "-o", tmp_path / "m.h5", "--val", photos, "--log-dir", log, *SETTINGS)
    said = command(*words, "--json")
    page = (log / "training.html").read_text("utf-8")
    assert said.stdout["page"] == str(log / "training.html")
    assert f"Finished after {said.stdout['images_seen']} images." in page
    assert {"leakage": 5, "few": 2}.items() <= said.stdout["doctor"].items()
    assert "leakage: 5 -> take it out of one of the two sets" in said.stderr
    assert "take it out of one of the two sets" in page
    events = events_in(log)
    assert events.Scalars("loss/l1")[-1].value == pytest.approx(said.stdout["losses"]["l1"])
    assert events.Scalars("loss/l1")[-1].step == said.stdout["images_seen"]
    previews = sorted(log.glob("preview_*.png"))
    assert [event.step for event in events.Scalars("validation/delta_e_2000")] == [int(file.stem[-8:]) for file in previews]
    shown = events.Images("previews")
    with Image.open(io.BytesIO(shown[-1].encoded_image_string)) as picture:
        assert np.array_equal(np.asarray(picture), read_photo(previews[-1]).pixels)


def test_without_log_dir_the_page_lies_beside_the_model_and_there_are_no_events(command, photos, tmp_path):
    said = command("train", photos, "-o", tmp_path / "m.h5", "--no-doctor", "--json", *SETTINGS).stdout
    assert said["doctor"] is None
    names = {file.name for file in (tmp_path / "m_log").iterdir()}
    assert "training.html" in names
    assert not any("tfevents" in name for name in names)


def test_events_that_are_asked_for_need_the_extra(command, photos, tmp_path, monkeypatch):
    monkeypatch.setattr("dancheong.training.session.find_spec", lambda name: None)
    words = ("train", photos, "-o", tmp_path / "m.h5", *SETTINGS)
    assert "pip install 'dancheong[board]'" in command(*words, "--tensorboard", code=2).stderr
    # Not asked for in so many words, they are left out.
    command(*words, "--no-doctor", "--log-dir", tmp_path / "log")
    assert (tmp_path / "log" / "training.html").exists()


def test_nothing_to_look_at_is_told_once_by_the_training(command, tmp_path):
    said = command("train", tmp_path, "-o", tmp_path / "m.h5", *SETTINGS, code=1)
    assert said.stderr.count("\n") == 1
    assert not (tmp_path / "m_log").exists()


@pytest.mark.parametrize(("words", "reason"), [
    (("-o", "m.txt"), "ends in .h5"), (("-o", "old.h5"), "a file is there already"),
    (("-o", "m.h5", "--set", "BATCH_SIZE=3", "--set", "DEVICES=2"), "BATCH_SIZE=3"),
    (("-o", "m.h5", "--val", "1.5"), "--val 1.5"),
    (("-o", "m.h5", "--val", "gone"), "there is no gone"), (("-o", "m.h5", "--init", "gone.h5"), "gone.h5"),
    (("-o", "m.h5", "--weights", "gone.csv"), "gone.csv"), (("-o", "m.h5", "--drawn-masks", "gone"), "no folder gone"),
    (("-o", "m.h5", "--set", "STOP_AFTER=2"), "STOP_AFTER"), (("-o", "m.h5", "--log-dir", "old.h5"), "this is a file"),
], ids=lambda words: " ".join(words) if isinstance(words, tuple) else "")
def test_what_is_seen_at_once_is_refused_before_photographs_are_looked_at(
    command, photos, tmp_path, monkeypatch, words, reason
):
    def look(*arguments, **options):
        raise AssertionError("photographs were looked at")

    monkeypatch.setattr("dancheong.data.doctor.diagnose", look)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old.h5").write_bytes(b"a model")
    said = command("train", photos, *SETTINGS, *words, code=2)
    assert reason in said.stderr
