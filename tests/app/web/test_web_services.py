import threading
from types import SimpleNamespace

import pytest

from dancheong.app.web import compare_tab
from dancheong.app.web.coloring import Photograph
from dancheong.app.web.job_queue import Busy, JobQueue
from dancheong.app.web.model_store import ModelStore
from dancheong.app.web.services import Services, page_message
from dancheong.app.web.sessions import Sessions
from dancheong.app.web.translations import Words
from dancheong.params import ParamError

PAGE = SimpleNamespace(session_hash="a page")


@pytest.fixture
def services(trained, tmp_path):
    with Sessions(10_000_000) as sessions, JobQueue(5) as queue:
        models = ModelStore([trained / "model.h5"], tmp_path)
        yield Services(sessions, queue, models, None, (), tmp_path, True, 1_000_000)


def test_a_session_has_one_job_at_a_time(services):
    go = threading.Event()
    session = services.session(PAGE)
    first = services.submit(session, lambda job: go.wait(20))
    with pytest.raises(Busy, match="already"):
        services.submit(session, lambda job: None)
    go.set()
    assert first.future.result(20)
    assert services.submit(session, lambda job: 5).future.result(20) == 5


def test_the_status_says_who_is_before_and_how_far_the_work_is(services):
    go, words = threading.Event(), Words("en")
    services.queue.submit(lambda job: go.wait(20))

    def work(job):
        job.total = 2
        go.wait(20)

    job = services.submit(services.session(PAGE), work)
    lines = services.follow(words, job, lambda job: f"{job.done} of {job.total}")
    assert "1 before you" in next(lines)
    go.set()
    assert all("0 of 2" in line or "Opening" in line for line in lines)


def test_a_comparison_that_is_refused_leaves_the_earlier_one(services, tmp_path):
    session = services.session(PAGE)
    (tmp_path / "1" / "in").mkdir(parents=True)
    earlier = Photograph(1, "a.png", tmp_path / "1" / "in" / "a.png")
    session.compared, session.photographs = [earlier], {1: earlier}
    go = threading.Event()
    services.submit(session, lambda job: go.wait(20))
    (shown,) = compare_tab._compare(Words("en"), services, "upload.png", ("model", "model"), PAGE)
    go.set()
    assert "being worked on already" in shown[0]
    assert session.photographs == {1: earlier}
    assert earlier.folder.exists()


def test_a_message_names_no_folder(tmp_path):
    assert page_message(ParamError(f"{tmp_path}/1/in/a.png: too large"), tmp_path) == "a.png: too large"
    assert page_message(KeyError("x"), tmp_path) == "KeyError: 'x'"
