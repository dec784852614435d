import json
import signal
import subprocess
import sys
import threading
import time

import cv2
import numpy as np
import pytest

from dancheong.app.web import trainer as module
from dancheong.app.web.client import Page
from dancheong.app.web.problems import Refused
from dancheong.app.web.trainer import Order, Trainer, model_path
from dancheong.app.web.training_photos import allowed_folders, look_at
from dancheong.artifact import read_artifact
from dancheong.imaging.color import as_rgb, gray_of
from dancheong.imaging.files import read_photo, write_photo
from dancheong.params import Params
from dancheong.scenes import write_scenes

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
    order = Order(
        name="m", photos=trained / "photos", model=tmp_path / "m.h5",
        params=Params(**TINY, epochs=60, val_images=8, begin="encoder"),
        origins={"val_images": "set"},
    )
    advice = "ENCODER=unet begins from scratch; rows that count for nothing there: BEGIN"
    with Trainer(tmp_path / "state") as trainer:
        trainer.start(order)
        with pytest.raises(Refused, match="training_occupied"):
            trainer.start(order)
        while not trainer.history():
            time.sleep(0.01)
        trainer.stop()
        asked.set()
        wait(trainer, "stopped")
        seen = trainer.history()[-1]["images"]
        assert 0 < seen < 240
        assert order.model.exists()
    # another server goes on with it
    with Trainer(tmp_path / "state") as trainer:
        assert (trainer.status.state, trainer.status.name, trainer.status.advice) == ("stopped", "m", advice)
        trainer.resume()
        assert trainer.status.advice == advice
        wait(trainer, "done")
        assert trainer.status.advice == advice
        images = [entry["images"] for entry in trainer.history()]
        assert images == sorted(images)
        assert images[-1] == 240
        assert trainer.previews()[-1][0] == 240
        assert Trainer(tmp_path / "state").status.state == "done"
        assert "Finished after 240 images" in (tmp_path / "m_log" / "training.html").read_text("utf-8")


HELD = """
import sys, threading
from concurrent.futures import ThreadPoolExecutor
from dancheong.app.web import asked, trainer
asked.END_SECONDS = trainer.END_SECONDS = 0.2

def held(*args, **kwargs):
    with ThreadPoolExecutor(1) as pool:
        print("held", flush=True)
        pool.submit(threading.Event().wait).result()

trainer.train = held
from dancheong.__main__ import main
sys.argv = ["dancheong", "serve", "--port", "0", *sys.argv[1:]]
main()
"""


def test_a_server_ends_although_its_training_does_not_stop_and_the_next_one_knows_of_it(trained, tmp_path):
    command = [sys.executable, "-c", HELD, "--keep", str(tmp_path), "--photos", str(trained / "photos")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        page = Page(server.stdout.readline().strip())
        order = json.dumps({"name": "m", "folder": "photos"}).encode()
        page.ask("POST", "/trainings", order, {"Content-Type": "application/json"})
        assert server.stdout.readline() == "held\n"
        page.ask("POST", "/trainings/current/stop", b"{}", {"Content-Type": "application/json"})
        server.send_signal(signal.SIGINT)
        _, told = server.communicate(timeout=300)
    assert (server.returncode, "Traceback" in told) == (0, False), told
    with Trainer(tmp_path / "training") as trainer:
        assert (trainer.status.state, trainer.status.name) == ("stopped", "m")


def test_photographs_that_are_held_out_are_validated_with_and_not_trained_on(tmp_path):
    write_scenes(tmp_path / "photos" / "train", 12, 1, 60, 44)
    photos = tmp_path / "photos" / "train"
    order = Order(name="m", photos=photos, held_out=0.25, model=tmp_path / "m.h5", params=Params(**TINY, epochs=1))
    with Trainer(tmp_path / "state") as trainer:
        trainer.start(order)
        wait(trainer, "done")
        assert trainer.status.validated == 3
        assert any("val_delta_e_2000" in entry for entry in trainer.history())
    assert len(list(photos.iterdir())) == 12
    artifact = read_artifact(tmp_path / "m.h5")
    assert (artifact.data["held_out"], artifact.data["photographs"]) == (3, 9)
    assert artifact.origins["val_images"] == "20 previews in the run"


def test_the_doctor_looks_before_a_training_and_what_it_finds_stays(tmp_path):
    first, *_ = write_scenes(tmp_path / "photos", 6, 1, 60, 44)
    gray = as_rgb(gray_of(read_photo(first).pixels))
    write_photo(tmp_path / "photos" / "gray.png", gray)
    (tmp_path / "photos" / "cut.png").write_bytes(first.read_bytes()[:200])
    order = Order(name="m", photos=tmp_path / "photos", model=tmp_path / "m.h5", params=Params(**TINY, epochs=1))
    with Trainer(tmp_path / "state") as trainer:
        trainer.start(order)
        wait(trainer, "done")
        findings = trainer.status.findings
    assert (findings["gray"], findings["corrupt"], findings["few"]) == (1, 1, 1)
    assert Trainer(tmp_path / "state").status.findings == findings
    page = (tmp_path / "m_log" / "training.html").read_text("utf-8")
    assert "it cannot teach color" in page


def test_there_is_nothing_to_go_on_with(tmp_path):
    with Trainer(tmp_path) as trainer, pytest.raises(Refused, match="training_nothing"):
        trainer.resume()


def test_a_training_that_fails_says_why_without_paths(tmp_path):
    (tmp_path / "photos").mkdir()
    with Trainer(tmp_path) as trainer:
        trainer.start(Order(name="m", photos=tmp_path / "photos", model=tmp_path / "m.h5", params=Params(**TINY)))
        wait(trainer, "failed")
        reason = trainer.status.error.details["reason"]
    assert "no usable photograph" in reason
    assert str(tmp_path) not in reason


def test_the_end_of_the_server_stops_the_training(monkeypatch, tmp_path):
    asked = threading.Event()

    def endless(*args, watch, **kwargs):
        progress = module.Progress(1, 100, 1.0, 1.0, {})
        while not watch(progress):
            time.sleep(0.01)
        asked.set()
        raise ValueError("stopped")

    monkeypatch.setattr(module, "train", endless)
    with Trainer(tmp_path) as trainer:
        trainer.start(Order(name="m", photos=tmp_path, model=tmp_path / "m.h5", params=Params(**TINY)))
    assert asked.is_set()


# -- what the photographs are ---------------------------------------------------------------------------------------------


def test_pairs_are_recognized(tmp_path):
    scenes = write_scenes(tmp_path / "plain", 4, 1, 60, 44)
    assert look_at(tmp_path / "plain").model_dump() == {
        "images": 4, "pairing": "derive", "direction": "AtoB", "has_validation": False,
    }
    for number, path in enumerate(scenes):
        color = read_photo(path).pixels
        gray = as_rgb(gray_of(color))
        for folder, pixels in (("two/Input", gray), ("two/target", color), ("wide", np.concatenate([color, gray], axis=1)),
                               ("split/train", color), ("split/val", color)):
            (tmp_path / folder).mkdir(parents=True, exist_ok=True)
            square = pixels if folder != "wide" else cv2.resize(pixels, (128, 64))
            write_photo(tmp_path / folder / f"{number}.png", square)
    assert (look_at(tmp_path / "two").pairing, look_at(tmp_path / "two").images) == ("folders", 4)
    assert (look_at(tmp_path / "wide").pairing, look_at(tmp_path / "wide").direction) == ("side_by_side", "BtoA")
    assert look_at(tmp_path / "split").has_validation


def test_only_the_folders_that_were_offered_may_be_trained_on(tmp_path):
    root = tmp_path / "photos"
    for folder in (root / "palace", root / ".git", tmp_path / "secret"):
        folder.mkdir(parents=True)
    (root / "link").symlink_to(tmp_path / "secret")
    assert allowed_folders((root,)) == {"photos": root, "photos/palace": root / "palace"}
