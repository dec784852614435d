"""Visits on disk: what is there after a restart, what is removed and when."""

import json
import threading
import time

import pytest

from dancheong.app.web.problems import Refused
from dancheong.app.web.visits import MAX_PHOTOGRAPHS, Job, Photograph, Recipe, Visits

KEY = "k" * 24


def put(visits, number=1, **fields):
    visit = visits.visit(KEY)
    with visits.change(visit) as changing:
        changing.count = max(changing.count, number)
        return changing.put(Photograph(number=number, name="p.png", source="in/p.png", **fields))


@pytest.mark.parametrize("key", ["", "short", "a/../../../../../../etc/passwd", "x" * 65, "k" * 23 + "\n", "é" * 24])
def test_a_key_that_could_be_guessed_or_leads_out_is_refused(tmp_path, key):
    with pytest.raises(Refused, match="no_visit"):
        Visits(tmp_path, 10**9).visit(key)


def test_a_visit_that_nothing_is_in_leaves_nothing(tmp_path):
    visits = Visits(tmp_path, 10**9)
    assert visits.visit(KEY).photographs == {}
    assert visits.all() == []
    assert list((tmp_path / "visits").iterdir()) == []


def test_another_server_finds_everything_and_goes_on_with_what_was_in_work(tmp_path):
    visits = Visits(tmp_path, 10**9)
    recipe = Recipe(model="m", settings={"vivid": 1.5})
    put(visits, 1, state="done", made_with=recipe)
    put(visits, 2, state="working", recipe=recipe)
    with visits.change(visits.visit(KEY)) as changing:
        changing.jobs.append(Job(number=3, photographs=[1, 2]))
        changing.settings = {"language": "ko"}
    again = Visits(tmp_path, 10**9).visit(KEY)
    assert again.photographs[1] == visits.visit(KEY).photographs[1]
    assert [one.number for one in again.pending()] == [2]
    assert again.photographs[2].state == "waiting"
    assert again.settings == {"language": "ko"}
    assert again.revision == visits.visit(KEY).revision


@pytest.mark.parametrize("content", [b"", b"{", b'{"key": 3}', b"\xff\xfe"])
def test_a_damaged_visit_is_removed_and_the_others_stay(tmp_path, content):
    put(Visits(tmp_path, 10**9))
    broken = tmp_path / "visits" / ("b" * 24)
    broken.mkdir()
    (broken / "visit.json").write_bytes(content)
    assert [visit.key for visit in Visits(tmp_path, 10**9).all()] == [KEY]
    assert not broken.exists()


def test_what_nobody_uses_is_removed_but_not_what_is_in_work(tmp_path):
    visits = Visits(tmp_path, 10**9, hours=1)
    put(visits)
    (tmp_path / "visits" / ("n" * 24)).mkdir()
    visits.sweep()
    assert [path.name for path in (tmp_path / "visits").iterdir()] == [KEY]
    visit = visits.visit(KEY)
    put(visits, 2, state="waiting")
    with visits.change(visit):
        visit.jobs.append(Job(number=3, photographs=[2]))
    visit.seen_at = time.time() - 3700
    visits.sweep()
    assert visits.all()
    visit.jobs.clear()
    visits.sweep()
    assert visits.all() == []
    assert list((tmp_path / "visits").iterdir()) == []


def test_changes_of_many_threads_are_all_kept(tmp_path):
    visits = Visits(tmp_path, 10**9)
    put(visits)

    def change():
        for _ in range(20):
            with visits.change(visits.visit(KEY)) as changing:
                changing.settings["count"] = changing.settings.get("count", 0) + 1

    threads = [threading.Thread(target=change) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert json.loads((tmp_path / "visits" / KEY / "visit.json").read_text())["settings"] == {"count": 80}


def test_the_limit_of_photographs_is_that_of_a_job():
    assert MAX_PHOTOGRAPHS == 200
