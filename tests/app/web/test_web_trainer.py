import threading
import time

import pytest

from dancheong.app.web import trainer as module
from dancheong.app.web.trainer import Occupied, Order, Trainer, model_path
from dancheong.app.web.translations import Words
from dancheong.app.web.views import training_panel
from dancheong.params import Params

TINY = {"resol": 32, "ngf": 4, "ndf": 4, "encoder": "unet", "depth": 3, "patch_size": "16", "batch_size": 2, "device": "cpu"}


def wait(trainer, *states):
    while trainer.status.state not in states:
        assert trainer.status.state not in {"stopped", "failed", "done"}, trainer.status
        time.sleep(0.02)


@pytest.mark.parametrize("name", ["", "../x", "a/b", "a\\b", ".h5", "..", "x\0", "C:x", "a" * 300, "~"])
def test_a_name_that_is_no_file_name(name, tmp_path):
    assert model_path(name, tmp_path) is None


def test_a_name_with_or_without_its_ending(tmp_path):
    assert model_path(" 경복궁 (2).h5 ", tmp_path) == model_path("경복궁 (2)", tmp_path) == tmp_path / "경복궁 (2).h5"


def test_training_stops_goes_on_and_ends(trained, tmp_path, monkeypatch):
    train, asked = module.train, threading.Event()

    def held(*args, watch, **kwargs):
        # After its first losses it waits, lest it end before it is asked to stop.
        return train(*args, watch=lambda progress: asked.wait() and watch(progress), **kwargs)

    monkeypatch.setattr(module, "train", held)
    order = Order("m", trained / "photos", tmp_path / "m.h5", Params(**TINY, epochs=60, val_images=8))
    with Trainer() as trainer:
        trainer.start(order)
        with pytest.raises(Occupied):
            trainer.start(order)
        while not trainer.history():
            time.sleep(0.01)
        trainer.stop()
        asked.set()
        wait(trainer, "stopped")
        seen = trainer.history()[-1]["images"]
        assert 0 < seen < 240
        assert order.model.exists()
        trainer.start(order, resume=True)
        wait(trainer, "done")
        images = [entry["images"] for entry in trainer.history()]
        assert images == sorted(images)
        assert images[-1] == 240
        assert trainer.preview().name == "preview_00000240.png"
        panel = training_panel(Words("ko"), trainer.status, trainer.history(), trainer.preview().name, False)
        assert "<svg" in panel
        assert "/training/preview?preview_00000240.png" in panel
        assert "Finished after 240 images" in (tmp_path / "m_log" / "training.html").read_text("utf-8")
        assert "--models" in panel


def test_a_training_that_fails_says_why_without_paths(tmp_path):
    (tmp_path / "photos").mkdir()
    with Trainer() as trainer:
        trainer.start(Order("<b>", tmp_path / "photos", tmp_path / "m.h5", Params(**TINY)))
        wait(trainer, "failed")
        panel = training_panel(Words("en"), trainer.status, [], None, True)
    assert "no usable photograph" in panel
    assert str(tmp_path) not in panel
    assert "<b>" not in panel


def test_the_end_of_the_server_stops_the_training(monkeypatch, tmp_path):
    asked = threading.Event()

    def endless(*args, watch, **kwargs):
        progress = module.Progress(1, 100, 1.0, 1.0, {})
        while not watch(progress):
            time.sleep(0.01)
        asked.set()
        raise ValueError("stopped")

    monkeypatch.setattr(module, "train", endless)
    with Trainer() as trainer:
        trainer.start(Order("m", tmp_path, tmp_path / "m.h5", Params(**TINY)))
    assert asked.is_set()
