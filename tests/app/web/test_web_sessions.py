import os
import sys
import time

import pytest

from dancheong.app.web import sessions as module
from dancheong.app.web.sessions import Sessions
from dancheong.params import DancheongError


@pytest.fixture
def sessions():
    with Sessions(10_000_000, left_seconds=0.0) as made:
        yield made


def upload(sessions, name="경복궁 1.png", content=b"abc", folder="sha"):
    path = sessions.uploads / folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return path


def test_nothing_is_left_at_the_end():
    with Sessions(1000) as sessions:
        session = sessions.session("a")
        sessions.take(session, upload(sessions), session.folder / "1" / "in")
        root = sessions.root
        assert sys.platform == "win32" or root.stat().st_mode & 0o077 == 0
    assert not root.exists()


def test_a_session_is_found_by_its_session_and_its_key_only(sessions):
    first, second = sessions.session("a"), sessions.session("b")
    assert sessions.session("a") is first
    assert sessions.by_key(second.key) is second
    assert sessions.by_key("") is sessions.by_key("a") is None
    assert len(first.key) >= 20
    assert first.key != second.key


def test_an_upload_keeps_its_name_and_goes_with_its_session(sessions):
    session = sessions.session("a")
    path = upload(sessions)
    taken = sessions.take(session, path, session.folder / "1" / "in")
    assert (taken.name, taken.read_bytes()) == ("경복궁 1.png", b"abc")
    sessions.leave("a")
    sessions.sweep()
    assert not session.folder.exists()
    assert not path.exists()
    assert list(sessions.uploads.iterdir()) == []
    assert sessions.by_key(session.key) is None


def test_two_visitors_may_have_uploaded_the_same_file(sessions):
    path = upload(sessions)
    first, second = sessions.session("a"), sessions.session("b")
    for session in (first, second):
        sessions.take(session, path, session.folder / "1" / "in")
    sessions.leave("a")
    sessions.sweep()
    assert path.exists()
    assert (second.folder / "1" / "in" / path.name).read_bytes() == b"abc"


def test_an_upload_that_nobody_took_goes_when_it_is_old(sessions):
    fresh, old = upload(sessions, "fresh.png"), upload(sessions, "old.png", folder="other")
    past = time.time() - module.UPLOAD_SECONDS - 1
    os.utime(old, (past, past))
    sessions.sweep()
    assert (fresh.exists(), old.exists()) == (True, False)


def test_while_an_upload_comes_in_no_folder_of_uploads_is_removed(sessions):
    folder = sessions.uploads / "sha"
    folder.mkdir()
    with sessions.room_for(10):
        sessions.sweep()
        assert folder.exists()
    sessions.sweep()
    assert not folder.exists()


def test_half_of_an_upload_that_was_broken_off_goes_once_none_comes_in(sessions):
    half = sessions.uploads / "tmpabc"
    half.write_bytes(b"x")
    with sessions.room_for(10):
        sessions.sweep()
        assert half.exists()
    sessions.sweep()
    assert not half.exists()


def test_a_session_that_comes_back_in_time_loses_nothing():
    with Sessions(1000, left_seconds=60) as sessions:
        session = sessions.session("a")
        sessions.leave("a")
        sessions.sweep()
        assert session.folder.exists()
        assert sessions.session("a") is session
        assert session.left_at is None


def test_a_sleeping_session_goes(sessions, monkeypatch):
    session = sessions.session("a")
    monkeypatch.setattr(module, "IDLE_SECONDS", 0.0)
    sessions.sweep()
    assert not session.folder.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_what_is_no_upload_is_not_taken(sessions, tmp_path):
    session = sessions.session("a")
    secret = tmp_path / "secret.png"
    secret.write_bytes(b"x")
    link = sessions.uploads / "link.png"
    link.symlink_to(secret)
    for path in (secret, sessions.uploads / ".." / ".." / secret.name, link, sessions.uploads / "gone.png"):
        with pytest.raises(DancheongError, match="drop the file again"):
            sessions.take(session, path, session.folder / "1")


def test_what_a_late_prediction_wrote_goes_too(sessions):
    session = sessions.session("a")
    sessions.leave("a")
    sessions.sweep()
    (session.folder / "1").mkdir(parents=True)
    sessions.sweep()
    assert not session.folder.exists()
