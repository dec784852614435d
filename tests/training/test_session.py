"""What a training shows and leaves: the page, TensorBoard events, losses.jsonl."""

import numpy as np
import pytest

from dancheong.data.photographs import UnusablePhoto
from dancheong.params import resolve
from dancheong.report.training_page import read_losses
from dancheong.scenes import write_scenes
from dancheong.training.loop import TrainingDiverged, train
from dancheong.training.session import Progress, TrainingSession, refusal_remarks

COLUMNS = ("gray", "predicted", "truth")
PICTURE = np.zeros((8, 9, 3), np.uint8)


def session(folder, **options):
    return TrainingSession(folder / "m.h5", folder, resolve(), **options)


def progress(images_seen):
    return Progress(images_seen, 10, 1.0, 5.0, {"l1": 0.5, "val_delta_e_2000": 9.0})


def tags_in(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder))
    events.Reload()
    return events.Tags()


def test_a_training_from_python_leaves_its_page(tmp_path):
    write_scenes(tmp_path / "photos", 4, 1, 48, 36)
    settings = {"RESOL": 16, "NGF": 2,
                "ENCODER": "unet", "DEPTH": 2, "EPOCHS": 1, "BATCH_SIZE": 2, "LAMBDA_GAN": 0, "DEVICE": "cpu"}
    params = resolve(settings=settings).params
    result = train(tmp_path / "photos", tmp_path / "m.h5", params, remarks=[("few", 4, "more are better")])
    assert result.page == tmp_path / "m_log" / "training.html"
    page = result.page.read_text("utf-8")
    assert all(words in page for words in ("Training of m.h5", "Finished after 4 images.", "more are better", "<svg"))
    rows = [row for row in page.split("<tr") if "NGF</" in row or "PATCH_SIZE</" in row]
    assert sorted(">set<" in row for row in rows) == [False, True]


def test_a_training_that_fails_says_so_on_its_page(tmp_path):
    def fail():
        with session(tmp_path) as one:
            one.begin([], COLUMNS)
            one.progress(progress(2))
            raise TrainingDiverged("l1 = nan")

    with pytest.raises(TrainingDiverged):
        fail()
    assert "Ended by an error: l1 = nan" in (tmp_path / "training.html").read_text("utf-8")


def test_a_page_that_cannot_be_written_ends_no_training(tmp_path):
    (tmp_path / "training.html").mkdir()
    with session(tmp_path) as one:
        one.begin([], COLUMNS)
        one.write_preview(2, PICTURE)
        assert not one.progress(progress(2))
        # The last one is missed.
        with pytest.raises(OSError, match=r"training\.html"):
            one.finish(4, False, [])
        (tmp_path / "training.html").rmdir()
        assert "Finished after 4 images" in one.finish(4, False, []).read_text("utf-8")


def test_a_training_that_has_not_begun_leaves_the_page_of_another_alone(tmp_path):
    (tmp_path / "training.html").write_text("of another run", "utf-8")
    with pytest.raises(TrainingDiverged), session(tmp_path, tensorboard=True):
        raise TrainingDiverged("too early")
    assert [file.read_text("utf-8") for file in tmp_path.iterdir()] == ["of another run"]


def test_scores_count_as_new_only_with_a_preview(tmp_path):
    with session(tmp_path, tensorboard=True) as one:
        one.begin([], COLUMNS)
        one.progress(progress(2))
    assert tags_in(tmp_path)["scalars"] == ["speed/images_per_second", "loss/l1"]
    assert tags_in(tmp_path)["images"] == []
    assert not (tmp_path / "training.html").exists()


def test_the_log_begins_with_the_history_and_whoever_watches_can_stop(tmp_path):
    (tmp_path / "losses.jsonl").write_text('{"images": 99}\n{"ima', "utf-8")
    with session(tmp_path, watch=lambda shown: shown.images_seen >= 4) as one:
        one.begin([{"images": 2, "l1": 0.5}], COLUMNS)
        one.record({"images": 4, "l1": 0.25})
        assert [one.progress(progress(images)) for images in (2, 4)] == [False, True]
    assert read_losses(tmp_path) == [{"images": 2, "l1": 0.5}, {"images": 4, "l1": 0.25}]


def test_only_the_first_of_several_processes_writes(tmp_path):
    with session(tmp_path, tensorboard=True, writes=False) as one:
        one.begin([], COLUMNS)
        one.record({"images": 2})
        one.progress(progress(2))
        one.finish(2, False, [])
    assert list(tmp_path.iterdir()) == []


def test_what_was_left_out_is_counted_by_kind(tmp_path):
    refusals = [UnusablePhoto(tmp_path / name, kind, "why") for name, kind in (("a", "gray"), ("b", "glare"), ("c", "gray"))]
    lines = refusal_remarks(refusals)
    assert [(kind, count) for kind, count, _ in lines] == [("gray", 2), ("glare", 1)]
    assert "a: why" in lines[0][2]
