import os
import sys
import time

import pytest

from dancheong.app.web import sessions as module
from dancheong.app.web.sessions import Sessions
from dancheong.params import DancheongError


@pytest.fixture
def place():
    with Sessions(10_000_000, left_seconds=0.0) as made:
        yield made


def upload(place, name="경복궁 1.png", content=b"abc", folder="sha"):
    path = place.uploads / folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return path


def test_nothing_is_left_at_the_end():
    with Sessions(1000) as place:
        visit = place.visit("a")
        place.take(visit, upload(place), visit.folder / "1" / "in")
        root = place.root
        assert sys.platform == "win32" or root.stat().st_mode & 0o077 == 0
    assert not root.exists()


def test_a_visit_is_found_by_its_session_and_its_key_only(place):
    first, second = place.visit("a"), place.visit("b")
    assert place.visit("a") is first
    assert place.by_key(second.key) is second
    assert place.by_key("") is place.by_key("a") is None
    assert len(first.key) >= 20
    assert first.key != second.key


def test_an_upload_keeps_its_name_and_goes_with_its_visit(place):
    visit = place.visit("a")
    path = upload(place)
    taken = place.take(visit, path, visit.folder / "1" / "in")
    assert (taken.name, taken.read_bytes()) == ("경복궁 1.png", b"abc")
    place.leave("a")
    place.sweep()
    assert not visit.folder.exists()
    assert not path.exists()
    assert list(place.uploads.iterdir()) == []
    assert place.by_key(visit.key) is None


def test_two_visitors_may_have_uploaded_the_same_file(place):
    path = upload(place)
    first, second = place.visit("a"), place.visit("b")
    for visit in (first, second):
        place.take(visit, path, visit.folder / "1" / "in")
    place.leave("a")
    place.sweep()
    assert path.exists()
    assert (second.folder / "1" / "in" / path.name).read_bytes() == b"abc"


def test_an_upload_that_nobody_took_goes_when_it_is_old(place):
    fresh, old = upload(place, "fresh.png"), upload(place, "old.png", folder="other")
    past = time.time() - module.UPLOAD_SECONDS - 1
    os.utime(old, (past, past))
    place.sweep()
    assert (fresh.exists(), old.exists()) == (True, False)


def test_while_an_upload_comes_in_no_folder_of_uploads_is_removed(place):
    folder = place.uploads / "sha"
    folder.mkdir()
    with place.room_for(10):
        place.sweep()
        assert folder.exists()
    place.sweep()
    assert not folder.exists()


def test_half_of_an_upload_that_was_broken_off_goes_once_none_comes_in(place):
    half = place.uploads / "tmpabc"
    half.write_bytes(b"x")
    with place.room_for(10):
        place.sweep()
        assert half.exists()
    place.sweep()
    assert not half.exists()


def test_a_visit_that_comes_back_in_time_loses_nothing():
    with Sessions(1000, left_seconds=60) as place:
        visit = place.visit("a")
        place.leave("a")
        place.sweep()
        assert visit.folder.exists()
        assert place.visit("a") is visit
        assert visit.left is None


def test_a_sleeping_visit_goes(place, monkeypatch):
    visit = place.visit("a")
    monkeypatch.setattr(module, "IDLE_SECONDS", 0.0)
    place.sweep()
    assert not visit.folder.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_what_is_no_upload_is_not_taken(place, tmp_path):
    visit = place.visit("a")
    secret = tmp_path / "secret.png"
    secret.write_bytes(b"x")
    link = place.uploads / "link.png"
    link.symlink_to(secret)
    for path in (secret, place.uploads / ".." / ".." / secret.name, link, place.uploads / "gone.png"):
        with pytest.raises(DancheongError, match="drop the file again"):
            place.take(visit, path, visit.folder / "1")


def test_what_a_late_prediction_wrote_goes_too(place):
    visit = place.visit("a")
    place.leave("a")
    place.sweep()
    (visit.folder / "1").mkdir(parents=True)
    place.sweep()
    assert not visit.folder.exists()
