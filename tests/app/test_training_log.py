"""What `dancheong train` leaves beside the model: a page, TensorBoard events, a doctor's summary."""

import sys

import numpy as np
import pytest

from dancheong.app.training_log import is_first_process, kept_log, remarks_of
from dancheong.data.photographs import UnusablePhoto
from dancheong.imaging.files import read_photo, write_photo
from dancheong.params import resolve
from dancheong.scenes import write_scenes
from dancheong.training.loop import Progress, TrainingDiverged, TrainResult

SETTINGS = [
    f"--set={setting}"
    for setting in ("RESOL=32", "NGF=4", "NDF=4", "DEPTH=3", "PATCH_SIZE=16", "EPOCHS=2", "BATCH_SIZE=2", "DEVICE=cpu",
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
    assert shown[-1].encoded_image_string == previews[-1].read_bytes()
    assert (shown[-1].height, shown[-1].width) == read_photo(previews[-1]).pixels.shape[:2]


def test_without_log_dir_the_page_lies_beside_the_model_and_there_are_no_events(command, photos, tmp_path):
    said = command("train", photos, "-o", tmp_path / "m.h5", "--no-doctor", "--json", *SETTINGS).stdout
    assert said["doctor"] is None
    names = {file.name for file in (tmp_path / "m_log").iterdir()}
    assert "training.html" in names
    assert not any("tfevents" in name for name in names)


def test_events_that_are_asked_for_need_the_extra(command, photos, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    monkeypatch.setattr("dancheong.app.training_log.find_spec", lambda name: None)
    words = ("train", photos, "-o", tmp_path / "m.h5", *SETTINGS)
    assert "pip install 'dancheong[board]'" in command(*words, "--tensorboard", code=2).stderr
    # Not asked for in so many words, they are left out.
    command(*words, "--no-doctor", "--log-dir", tmp_path / "log")
    assert (tmp_path / "log" / "training.html").exists()


def test_nothing_to_look_at_is_told_once_by_the_training(command, tmp_path):
    said = command("train", tmp_path, "-o", tmp_path / "m.h5", *SETTINGS, code=1)
    assert said.stderr.count("\n") == 1
    assert not (tmp_path / "m_log").exists()


def progress(images_seen):
    return Progress(images_seen, 10, 1.0, 5.0, {"l1": 0.5, "val_delta_e_2000": 9.0})


def test_a_run_that_fails_says_so_on_its_page(tmp_path):
    def fail():
        with kept_log(tmp_path, tmp_path / "m.h5", resolve()) as log:
            log.look(progress(2))
            raise TrainingDiverged("l1 = nan")

    with pytest.raises(TrainingDiverged):
        fail()
    assert "Ended by an error: l1 = nan" in (tmp_path / "training.html").read_text("utf-8")


def test_a_page_that_cannot_be_written_ends_no_training(tmp_path):
    (tmp_path / "training.html").mkdir()
    result = TrainResult(tmp_path / "m.h5", 4, 1.0, 4.0, {}, {})
    with kept_log(tmp_path, tmp_path / "m.h5", resolve()) as log:
        write_photo(tmp_path / "preview_00000002.png", np.zeros((8, 9, 3), np.uint8))
        log.look(progress(2))
        # The last one is missed.
        with pytest.raises(OSError, match=r"training\.html"):
            log.finish(result)
        (tmp_path / "training.html").rmdir()
        assert "Finished after 4 images." in log.finish(result).read_text("utf-8")


def test_a_run_that_has_not_begun_leaves_the_page_of_another_alone(tmp_path):
    (tmp_path / "training.html").write_text("of another run", "utf-8")
    with pytest.raises(TrainingDiverged), kept_log(tmp_path, tmp_path / "m.h5", resolve(), tensorboard=True):
        raise TrainingDiverged("too early")
    assert [file.read_text("utf-8") for file in tmp_path.iterdir()] == ["of another run"]


def test_scores_count_as_new_only_with_a_preview_of_this_run(tmp_path):
    (tmp_path / "preview_00000002.png").write_bytes(b"of an earlier run")
    with kept_log(tmp_path, tmp_path / "m.h5", resolve(), tensorboard=True) as log:
        log.look(progress(2))
    tags = events_in(tmp_path).Tags()
    assert tags["scalars"] == ["loss/l1", "speed/images_per_second"]
    assert tags["images"] == []
    assert not (tmp_path / "training.html").exists()


@pytest.mark.parametrize("name", ["LOCAL_RANK", "NODE_RANK", "RANK", "SLURM_PROCID"])
def test_only_the_first_of_several_processes_writes(tmp_path, monkeypatch, name):
    assert is_first_process()
    monkeypatch.setenv(name, "1")
    with kept_log(tmp_path, tmp_path / "m.h5", resolve(), tensorboard=True) as log:
        log.look(progress(2))
    assert list(tmp_path.iterdir()) == []


def test_what_was_left_out_is_counted_by_kind(tmp_path):
    refusals = [UnusablePhoto(tmp_path / name, kind, "why") for name, kind in (("a", "gray"), ("b", "glare"), ("c", "gray"))]
    lines = remarks_of(refusals)
    assert [(kind, count) for kind, count, _ in lines] == [("gray", 2), ("glare", 1)]
    assert "a: why" in lines[0][2]
