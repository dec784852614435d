"""The grid: nothing is done twice, one failure is one failure, and only what began alike is compared."""

import json
import os
from dataclasses import replace
from types import SimpleNamespace

import pytest

from dancheong.experiment import grid
from dancheong.experiment.arms import ARMS, own_arm
from dancheong.experiment.grid import GridError, Plan, check_same_start, plan_runs, run_grid
from dancheong.experiment.one_run import Result, finished
from dancheong.params import COMMON, DancheongError, Params, Resolved, TableRow

HERE = Plan(Resolved(Params(), COMMON, {}), (), dose=50)
BY_NAME = {arm.name: arm for arm in ARMS}


@pytest.fixture
def planned(tmp_path, monkeypatch):
    """Runs over pictures that are only named, as nothing reads them here."""
    for name in ("dosed", "toned", "placebo"):
        monkeypatch.setattr(grid, name, lambda pictures, dose, *_, name=name: tmp_path / f"{name}_{dose}")
    pictures = SimpleNamespace(digest="photographs", test=tmp_path / "test")

    def plan(*names, seeds=(1, 2), base=Params(resol=32), curve=(0, 50), digest="photographs"):  # noqa: B008
        pictures.digest = digest
        arms = [BY_NAME[name] for name in names]
        wanted = replace(HERE, arms=arms, base=Resolved(base, COMMON, {}), seeds=len(seeds), curve=curve)
        return plan_runs(wanted, pictures, tmp_path, ["0.png"])

    return plan


@pytest.fixture
def done(monkeypatch):
    """Runs that take no time; `done.titles` are those that were really done, `done.fails` and `done.stops` say how."""
    state = SimpleNamespace(titles=[], fails=set(), stops=set())

    def execute(run, watch, threads):
        state.titles.append(run.title)
        if run.title in state.fails:
            raise DancheongError("a loss is no longer a number")
        if watch(0.5) or run.title in state.stops:
            return None
        start = {"initial_generator": f"g{run.seed}", "initial_discriminator": f"d{run.seed}", "order": f"o{run.seed}"}
        result = Result(run.key, run.version, 2.0, 8, 4, start, {"inside": [1.0]}, {"l1": 0.1})
        run.folder.mkdir(parents=True, exist_ok=True)
        (run.folder / "result.json").write_text(json.dumps(vars(result)), encoding="utf-8")
        return result

    monkeypatch.setattr(grid, "execute", execute)
    return state


def test_every_cell_is_planned_once_and_equal_runs_are_one(planned):
    runs = planned("A", "B", "F", "N", "P")
    assert sorted(run.title for run in runs if run.seed == 1) == [
        "A at 0 %, seed 1", "B at 0 %, seed 1", "B at 50 %, seed 1", "F at 0 %, seed 1", "F at 50 %, seed 1",
        "N at 50 %, seed 1", "P at 50 %, seed 1",
    ]
    by_title = {run.title: run for run in runs}
    # Trained on clean photographs without a treatment is what the untreated arm is at dose 0.
    assert by_title["A at 0 %, seed 1"].key == by_title["B at 0 %, seed 1"].key
    assert len({run.key for run in runs}) == len(runs) - 2
    assert by_title["N at 50 %, seed 1"].photos.name == "toned_50"
    assert by_title["P at 50 %, seed 1"].masks.name == "placebo_50"
    assert by_title["B at 50 %, seed 1"].masks is None


def test_a_finished_run_is_never_repeated(planned, done):
    assert not run_grid(planned("B", "C"), HERE, lambda progress: None).failures
    assert len(done.titles) == 6
    run_grid(planned("B", "C"), HERE, lambda progress: pytest.fail("not at once") if progress.done < progress.total else None)
    assert len(done.titles) == 6
    run_grid(planned("B", "C", seeds=(1, 2, 3)), HERE, lambda progress: None)
    assert done.titles[6:] == ["B at 50 %, seed 3", "C at 50 %, seed 3", "B at 0 %, seed 3"]
    # Whatever the arm is called: trained on clean photographs is what was just done.
    run_grid(planned("A", "B", "C", seeds=(1, 2, 3)), HERE, lambda progress: None)
    assert len(done.titles) == 9


@pytest.mark.parametrize("change", [{"base": Params(resol=32, lr=1e-3)}, {"digest": "others"}])
def test_other_rows_or_photographs_are_other_runs(planned, done, change):
    run_grid(planned("B"), HERE, lambda progress: None)
    before = len(done.titles)
    run_grid(planned("B", **change), HERE, lambda progress: None)
    assert len(done.titles) == 2 * before


def test_rows_that_change_no_result_change_no_run(planned):
    assert planned("B")[0].key == planned("B", base=Params(resol=32, device="cpu", workers=2, val_images=7))[0].key


@pytest.mark.parametrize(("value", "is_same"), [(3, True), (4, False)])
def test_a_row_that_only_a_later_version_has_changes_no_run_by_its_default(planned, monkeypatch, value, is_same):
    class Later(Params):
        swirl: float = 3

    run = planned("B")[0]
    later = Later.model_construct(**run.params.model_dump(), swirl=value)
    monkeypatch.setattr(grid, "arm_params", lambda base, arm, seed: later)
    assert (planned("B")[0].key == run.key) == is_same


def test_other_code_repeats_a_run_unless_it_is_said_otherwise(planned, done):
    runs = planned("B", curve=())
    run_grid(runs, HERE, lambda progress: None)
    newer = [replace(run, version="newer") for run in runs]
    assert finished(newer[0]) is None
    assert finished(newer[0], any_version=True) is not None
    assert run_grid(newer, replace(HERE, any_version=True), lambda progress: None).results.keys() == {run.key for run in runs}
    assert len(done.titles) == 2
    run_grid(newer, HERE, lambda progress: None)
    assert len(done.titles) == 4


def test_a_run_that_fails_is_named_and_the_others_are_done(planned, done):
    done.fails = {"B at 50 %, seed 1"}
    outcome = run_grid(planned("B", "C", curve=()), HERE, lambda progress: None)
    assert outcome.failures == [("B at 50 %, seed 1", "a loss is no longer a number")]
    assert len(outcome.results) == 3


def test_a_stop_stops_the_grid_and_it_goes_on_later(planned, done):
    done.stops = {"C at 50 %, seed 1"}
    outcome = run_grid(planned("B", "C", curve=()), HERE, lambda progress: None)
    assert outcome.stopped
    assert done.titles == ["B at 50 %, seed 1", "C at 50 %, seed 1"]
    done.stops = set()
    assert not run_grid(planned("B", "C", curve=()), HERE, lambda progress: None).stopped
    assert done.titles.count("B at 50 %, seed 1") == 1


def test_progress_counts_what_was_there_before_and_tells_the_time_left(planned, done):
    run_grid(planned("B", curve=(), seeds=(1,)), HERE, lambda progress: None)
    seen = []
    run_grid(planned("B", curve=(), seeds=(1, 2)), HERE, seen.append)
    assert (seen[0].done, seen[0].total, seen[0].share) == (1, 2, 0.5)
    assert seen[1].share == pytest.approx(0.75)
    assert seen[1].seconds_left >= 0
    assert (seen[-1].done, seen[-1].share, seen[-1].seconds_left) == (2, 1.0, 0.0)
    assert seen[-1].ended.startswith("B at 50 %, seed 2")


def test_only_what_began_alike_is_compared(planned, done):
    runs = planned("B", "C", curve=())
    results = run_grid(runs, HERE, lambda progress: None).results
    assert check_same_start(runs, results) == []
    odd = next(run for run in runs if run.title == "C at 50 %, seed 2")
    for change in ({"start": {**results[odd.key].start, "order": "another"}}, {"images_seen": 16}):
        with pytest.raises(GridError, match=r"C at 50 %, seed 2 and B at 50 %, seed 2 differ in (order|images seen)"):
            check_same_start(runs, {**results, odd.key: replace(results[odd.key], **change)})
    # A user's own arm may differ, and that is told.
    told = check_same_start(runs, {**results, odd.key: replace(results[odd.key], images_seen=16)}, own=["C"])
    assert told == ["C differs from the others also in images seen."]


def test_an_own_arm_is_planned_as_any_other(planned, done, monkeypatch):
    monkeypatch.setitem(BY_NAME, "MINE", own_arm("MINE", [TableRow("COMMON", "GLARE_MODE", "region")]))
    outcome = run_grid(planned("B", "MINE", "D", curve=()), HERE, lambda progress: None)
    # The same rows as D, hence the same runs.
    assert len(outcome.results) == 4


def waits(run, threads, device, stop, connection):
    """A run in a process of its own that does nothing until it is asked to stop."""
    connection.send(0.5)
    connection.send(None if stop.wait(60) else "nobody asked it to stop")


def fails(run, threads, device, stop, connection):
    """One that fails at the untreated arm, and whose process ends at once at another."""
    if run.arm != "B":
        os._exit(9)
    connection.send("a loss is no longer a number")


def test_a_stop_lets_every_process_save_and_starts_no_other(planned, monkeypatch):
    monkeypatch.setattr(grid, "execute_apart", waits)
    stopped = []

    def watch(progress):
        if progress.share > 0 and not stopped:
            stopped.append(progress)
            raise KeyboardInterrupt

    outcome = run_grid(planned("B", "C", curve=()), replace(HERE, jobs=2), watch)
    assert (outcome.stopped, outcome.failures, outcome.results) == (True, [], {})


def test_a_process_that_fails_is_named_and_the_others_go_on(planned, monkeypatch):
    monkeypatch.setattr(grid, "execute_apart", fails)
    outcome = run_grid(planned("B", "C", curve=(), seeds=(1,)), replace(HERE, jobs=2), lambda progress: None)
    errors = dict(outcome.failures)
    assert errors["B at 50 %, seed 1"] == "a loss is no longer a number"
    assert "ended with code 9, perhaps for lack of memory" in errors["C at 50 %, seed 1"]
    assert not outcome.stopped
