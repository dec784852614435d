"""Many photographs at a time: the same files as one after the other, whatever goes on beside them."""

import hashlib
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dancheong.artifact import write_artifact
from dancheong.imaging.color import gray_of
from dancheong.imaging.files import read_photo, write_photo
from dancheong.params import ParamError
from dancheong.prediction import process_file as run
from dancheong.prediction.colorizer import Colorizer
from dancheong.prediction.folder import FolderOptions, predict_files
from dancheong.prediction.processors import coloring


@pytest.fixture
def place(tmp_path, new_artifact, photograph):
    """A model that looks for light reflection, and photographs of many sizes, depths and formats, some with a glint."""
    write_artifact(tmp_path / "m.h5", new_artifact(glare_mode="region+lossmask"))
    (tmp_path / "사진").mkdir()
    for number in range(12):
        gray = np.roll(gray_of(photograph), number)[: 20 + 2 * number, : 66 - 3 * number]
        if number % 3 == 0:
            gray = gray // 2
            gray[8:11, 9:12] = 255
        deep = number % 2
        name = f"{number:02d}{('.png', '.tif', '.jpg')[number % 3]}"
        write_photo(tmp_path / "사진" / name, gray.astype(np.uint16) * 257 if deep else gray)
    (tmp_path / "사진" / "broken.png").write_bytes(b"no picture")
    return tmp_path


def contents(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.glob("*.*"))}


def test_the_same_files_as_one_after_the_other(place):
    model = Colorizer.open(place / "m.h5", threads=1)
    folders = {}
    for workers in (1, 2, 5):
        here = place / str(workers)
        options = FolderOptions(workers=workers, mask_dir=here / "masks", confidence_dir=here / "sure")
        results = predict_files(model, [place / "사진"], here / "out", options)
        assert [result.input.name for result in results] == sorted(path.name for path in (place / "사진").iterdir())
        assert [result.status for result in results] == ["ok"] * 12 + ["failed"]
        folders[workers] = [contents(here / name) for name in ("out", "masks", "sure")]
        assert [len(folder) for folder in folders[workers]] == [12, 12, 12]
    assert folders[2] == folders[1]
    assert folders[5] == folders[1]


def test_torch_does_one_at_a_time(new_artifact, monkeypatch):
    """Its dropout comes from one source of random numbers: two threads would take each other's."""
    from dancheong.prediction import colorizer

    monkeypatch.setattr(colorizer, "open_network", lambda *_: None)
    artifact = new_artifact()
    assert Colorizer(artifact, "auto", 1).threads == 1
    assert Colorizer(artifact, "torch", 1).threads is None
    dropout = replace(artifact, params=artifact.params.model_copy(update={"predict_dropout": True}))
    assert Colorizer(dropout, "auto", 1).threads is None


def test_no_more_files_wait_than_threads_can_take(place, monkeypatch):
    """A list of a million files stays a list: nothing is read ahead of need."""
    begun, let_go, seen = [], threading.Event(), []

    def slow(processor, job, budget, threads):
        begun.append(job)
        let_go.wait()
        return run.FileResult(job.photo, job.output)

    monkeypatch.setattr(run, "process_file", slow)

    class Jobs(list):
        def __iter__(self):
            for job in list.__iter__(self):
                seen.append(job)
                yield job

    from dancheong.prediction.plan import plan_folder

    jobs = Jobs(plan_folder([place / "사진"], place / "out", FolderOptions()).jobs)
    results = run.run_jobs(coloring(Colorizer.open(place / "m.h5", threads=1), FolderOptions()), jobs, 3)
    first = threading.Thread(target=lambda: next(results))
    first.start()
    # The last to be taken waits in line: it is taken after the first ones have begun.
    while len(begun) < 3 or len(seen) < 6:
        time.sleep(0.01)
    time.sleep(0.2)  # in which more would be seen, if more were taken
    taken = len(seen)
    let_go.set()
    first.join()
    assert taken == 6
    assert len(list(results)) == len(jobs) - 1


# -- contact sheets ----------------------------------------------------------------------------------------------------


def test_a_sheet_shows_gray_beside_color_of_this_run_and_of_those_before(place):
    model, path = Colorizer.open(place / "m.h5", threads=1), place / "sheet.png"
    options = FolderOptions(manifest=place / "out" / "manifest.csv", sheet_path=path)
    predict_files(model, [place / "사진"], place / "out", options)
    page = read_photo(path).pixels
    again = predict_files(model, [place / "사진"], place / "out", options)
    assert {result.status for result in again} == {"skipped", "failed"}
    np.testing.assert_array_equal(read_photo(path).pixels, page)
    # Six cells a row; the first is gray, the one beside it is not.
    width = page.shape[1] // 6
    row = page[30:150].astype(int)
    spread = (row.max(axis=2) - row.min(axis=2)).max(axis=0)
    assert spread[:width].max() <= 1
    assert spread[width : 2 * width].max() > 10


@pytest.mark.parametrize(
    ("name", "words"), [("사진/00.png", "original photograph"), ("notes.png", "--overwrite"), ("s.pdf", ".png")]
)
def test_a_sheet_replaces_nothing_that_is_not_its_own(place, name, words):
    (place / "notes.png").write_bytes(b"mine")
    with pytest.raises(ParamError) as error:
        predict_files(Colorizer.open(place / "m.h5"), [place / "사진"], place / "out", FolderOptions(sheet_path=place / name))
    assert words in str(error.value)
    assert not (place / "out").exists()
    assert (place / "notes.png").read_bytes() == b"mine"
