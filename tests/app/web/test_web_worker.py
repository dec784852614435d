"""Who is colored when: small photographs beside a large one, large ones one after the other, and what ends what hangs."""

import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from dancheong.app.web import worker as module
from dancheong.app.web.client import Page
from dancheong.app.web.time_left import Durations, Steps, minutes_left
from dancheong.app.web.visits import Job, Photograph, Recipe, Visits
from dancheong.app.web.worker import Worker
from dancheong.imaging.files import write_photo
from page_calls import API, bring, png, settled
from page_in_chromium import NEEDED, count, drop, ready
from page_in_chromium import until as until_shown

LARGE = (2300, 1800)  # px; 4.1 megapixels


def until(is_true):
    ends = time.monotonic() + 120
    while not is_true():
        assert time.monotonic() < ends
        time.sleep(0.02)


class Held:
    """Photographs that are colored only when a test lets them. Those in work are in `begun`."""

    def __init__(self, monkeypatch):
        self.begun, self.let, self.real = [], {}, module.color
        monkeypatch.setattr(module, "color", self.color)

    def color(self, models, visit, photograph):
        self.begun.append(photograph.name)
        assert self.let.setdefault(photograph.name, threading.Event()).wait(120)
        return self.real(models, visit, photograph)

    def go_on(self, *names):
        for name in names:
            self.let.setdefault(name, threading.Event()).set()


class Visitor:
    """One of several visits of a server."""

    def __init__(self, client, number):
        self.client, self.headers = client, {"visit": f"{number}-visit-of-somebody-else"}

    def ask(self, name, content):
        """Bring a photograph and have it colored."""
        path = f"{API}/photographs"
        (added,) = self.client.post(path, params={"name": name}, content=content, headers=self.headers).json()
        order = {"photographs": [added["number"]], "recipe": {"model": "model"}}
        return self.client.post(f"{API}/jobs", json=order, headers=self.headers).json()

    @property
    def job(self):
        return self.client.get(f"{API}/jobs", headers=self.headers).json()[-1]


def large(folder):
    return png(size=LARGE, folder=folder)


def test_small_photographs_are_colored_beside_a_large_one_and_large_ones_wait(open_server, tmp_path, monkeypatch):
    held = Held(monkeypatch)
    with open_server(tmp_path / "keep") as client:
        big, small, bigger, second, last = (Visitor(client, number) for number in range(5))
        big.ask("big", large(tmp_path))
        until(lambda: held.begun == ["big"])
        small.ask("small", png(folder=tmp_path))
        until(lambda: held.begun == ["big", "small"])  # although the large one is in work
        bigger.ask("bigger", large(tmp_path))
        second.ask("second", png(folder=tmp_path))
        last.ask("last", large(tmp_path))
        # A large one waits for the one in work and those before it; a small one for the other small one alone.
        assert [one.job["ahead"] for one in (big, small, bigger, second)] == [0, 0, 1, 1]
        assert last.job["ahead"] == 3
        held.go_on("small")
        until(lambda: held.begun == ["big", "small", "second"])
        assert small.job["state"] == "done"
        held.go_on("second")
        until(lambda: second.job["state"] == "done")
        assert held.begun == ["big", "small", "second"]
        assert [one.job["ahead"] for one in (bigger, last)] == [1, 2]
        held.go_on("big", "bigger", "last")
        until(lambda: last.job["state"] == "done")
    assert held.begun == ["big", "small", "second", "bigger", "last"]


def test_without_a_large_one_photographs_are_colored_one_after_the_other(open_server, tmp_path, monkeypatch):
    held = Held(monkeypatch)
    with open_server(tmp_path / "keep") as client:
        visitors = [Visitor(client, number) for number in range(3)]
        for number, visitor in enumerate(visitors):
            visitor.ask(str(number), png(folder=tmp_path))
        until(lambda: held.begun)
        assert sorted(one.job["ahead"] for one in visitors) == [0, 1, 2]
        for at in range(3):
            until(lambda at=at: len(held.begun) > at)
            assert len(held.begun) == at + 1
            held.go_on(held.begun[-1])
        until(lambda: all(one.job["state"] == "done" for one in visitors))


@pytest.mark.parametrize(("size", "settings", "is_alone"), [
    ((64, 48), {}, False), (LARGE, {}, True),
    ((600, 500), {"sr_scale": "4"}, True), ((64, 48), {"predict_dropout": True}, True),
])
def test_what_takes_much_memory_or_draws_random_numbers_is_alone(client, tmp_path, monkeypatch, size, settings, is_alone):
    alone = []

    def noted(*args, **kwargs):
        alone.append(module._LARGE.locked())
        raise OSError("enough is known")

    monkeypatch.setattr(module, "predict_files", noted)
    (added,) = bring(client, "a.png", png(size=size, folder=tmp_path)).json()
    client.post(f"{API}/jobs", json={"photographs": [added["number"]], "recipe": {"model": "model", "settings": settings}})
    settled(client)
    assert alone == [is_alone]


def test_a_disk_that_does_not_take_a_visit_is_no_end_of_the_work(trained, tmp_path):
    from dancheong.app.web.model_store import ModelStore

    visits, recipe = Visits(tmp_path / "keep", 10**9), Recipe(model="model")
    (tmp_path / "models").mkdir()
    for key in ("a" * 24, "b" * 24):
        with visits.change(visits.visit(key)) as visit:
            folder = visit.folder / "1" / "in"
            folder.mkdir(parents=True)
            write_photo(folder / "p.png", np.full((48, 64), 90, np.uint8))
            visit.put(Photograph(number=1, name="p.png", source="in/p.png", state="waiting", recipe=recipe))
            visit.jobs.append(Job(number=2, photographs=[1]))
    # Nothing can be written there.
    kept = visits.visit("a" * 24).folder / "visit.json"
    kept.unlink()
    kept.mkdir()
    with Worker(visits, ModelStore([trained / "model.h5"], tmp_path / "models"), 8):
        until(lambda: {visits.visit(key).photographs[1].state for key in ("a" * 24, "b" * 24)} == {"done"})


HANGS = """
import sys, threading
from concurrent.futures import ThreadPoolExecutor
from dancheong.app.web import asked, worker
worker.END_SECONDS = 0.2

def hangs(*args):
    with ThreadPoolExecutor(1) as pool:
        print("held", flush=True)
        pool.submit(threading.Event().wait).result()

worker.color = hangs
from dancheong.__main__ import main
sys.argv = ["dancheong", "serve", "--port", "0", *sys.argv[1:]]
main()
"""


@NEEDED[0]
@NEEDED[1]
@pytest.mark.parametrize("sizes", [[(64, 48)], [LARGE, (64, 48)]], ids=["one", "a small one beside a large one"])
def test_a_server_ends_although_a_coloring_hangs_and_the_next_one_colors_it(open_server, trained, tmp_path, sizes):
    command = [sys.executable, "-c", HANGS, "--keep", str(tmp_path / "keep"), "--model", str(trained / "model.h5")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        try:
            page = Page(server.stdout.readline().strip())
            for number, size in enumerate(sizes):
                (tmp_path / f"{number}.png").write_bytes(png(size=size, folder=tmp_path))
                one = page.upload(tmp_path / f"{number}.png")
                page._send("POST", "/jobs", {"photographs": [one], "recipe": {"model": "model"}})
                assert server.stdout.readline() == "held\n"
            server.send_signal(signal.SIGINT)
            _, told = server.communicate(timeout=60)
        finally:
            server.kill()  # one that has not ended by itself
    assert (server.returncode, "Traceback" in told) == (0, False), told
    with open_server(tmp_path / "keep") as client:
        client.headers["visit"] = page.visit
        assert [one["state"] for one in settled(client)["photographs"]] == ["done"] * len(sizes)


@NEEDED[0]
@NEEDED[1]
def test_the_page_says_how_many_photographs_of_others_are_before_it_and_the_time_as_a_range(browser, trained, tmp_path):
    command = [sys.executable, "-c", HANGS, "--keep", str(tmp_path / "keep"), "--model", str(trained / "model.h5")]
    (tmp_path / "a.png").write_bytes(png(folder=tmp_path))
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            address = server.stdout.readline().strip()
            other, context = Page(address), browser.new_context(locale="en-US")
            other._send("POST", "/jobs", {"photographs": [other.upload(tmp_path / "a.png")], "recipe": {"model": "model"}})
            assert server.stdout.readline() == "held\n"
            page = context.new_page()
            page.goto(address)
            ready(page)
            drop(page, tmp_path / "a.png")
            count(page, 1)
            page.click("#go")
            words = "1 of 1 waits; photographs of other visitors before it: 1."
            until_shown(page, "text => document.querySelector('#status').textContent.includes(text)", words)
            told = page.evaluate("""async () => {
              const { timeLeft } = await import('/page/client.js');
              return [[3, 5], [0, 1], [0, 4], [100, 200]].map(([low, high]) => timeLeft({ low, high })); }""")
            context.close()
        finally:
            server.kill()
    assert told == ["about 3–5 min left", "about 1 min left", "about 0–4 min left", "about 2–3 h left"]


# -- time left ------------------------------------------------------------------------------------------------------------


def test_minutes_left_are_told_once_a_photograph_was_measured(open_server, tmp_path, monkeypatch):
    held = Held(monkeypatch)
    with open_server(tmp_path / "keep") as client:
        first, other = Visitor(client, 0), Visitor(client, 1)
        first.ask("first", png(folder=tmp_path))
        assert first.job["minutes_left"] is None
        held.go_on("first")
        until(lambda: first.job["state"] == "done")
        assert first.job["minutes_left"] is None  # nothing is left
        other.ask("other", png(folder=tmp_path))
        assert other.job["minutes_left"] == {"low": 0, "high": 1}
        held.go_on("other")
        until(lambda: other.job["state"] == "done")


def test_photographs_of_a_size_that_was_measured_take_as_long_and_others_are_less_sure():
    took = Durations()
    assert took.span(1.0) is None
    took.add(2.0, 3.0)
    assert took.span(2.0) == (3.0, 3.0)
    assert took.span(20.0) == pytest.approx((3.0, 30.0))  # at least as long, and no more than in proportion
    assert took.span(0.2) == pytest.approx((0.3, 3.0))
    assert took.span(2.0, elapsed=2.0) == (1.0, 1.0)
    assert took.span(2.0, elapsed=50.0) == (0.0, 50.0)  # nothing says that it ends at once
    for seconds in (4.0, 3.5, 90.0, 3.2):
        took.add(2.0, seconds)
    assert took.span(2.0) == (3.2, 4.0)  # one that was slow for once says little
    for _ in range(5):
        took.add(60.0, 9.0)
    assert took.span(60.0) == (9.0, 9.0)
    assert took.span(2.0) == (3.2, 4.0)


def test_minutes_hold_the_whole_span():
    assert minutes_left([(50, 70), (5, 60)]).model_dump() == {"low": 0, "high": 3}
    assert minutes_left([]).model_dump() == {"low": 0, "high": 0}


def test_a_training_tells_no_time_before_it_is_known_and_a_range_as_wide_as_its_pace_varies():
    steady, uneven = Steps(), Steps()
    told = [steady.left(images, 10_000, 0.1 * images) for images in range(0, 2001, 50)]
    assert told[:4] == [None] * 4
    assert told[-1].model_dump() == {"low": 13, "high": 14}  # 8000 images at .1 s: 13.3 minutes
    clock = 0.0
    for images in range(0, 2001, 50):
        clock += 5.0 if images <= 500 else 15.0
        last = uneven.left(images, 10_000, clock)
    assert last.low <= 8000 * 0.1 / 60 <= 8000 * 0.3 / 60 <= last.high


def test_the_first_step_of_a_training_is_not_counted_because_it_is_slow():
    steps = Steps()
    last = [steps.left(images, 1000, 300 + 0.06 * images) for images in range(1, 502, 10)][-1]
    assert last.low <= 0.5 <= last.high <= 1
