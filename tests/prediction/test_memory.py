"""MEMORY_GB: what a photograph will take, who waits for whom, and what happens where it was not enough all the same."""

import threading

import numpy as np
import pytest
from PIL import Image

from dancheong.artifact import write_artifact
from dancheong.imaging.color import gray_of
from dancheong.imaging.files import ImageSpec, image_spec, read_photo, write_photo
from dancheong.imaging.resize import resize
from dancheong.params import ParamError, Params
from dancheong.prediction import process_file, processors
from dancheong.prediction.colorizer import Colorizer
from dancheong.prediction.folder import FolderOptions, predict_files
from dancheong.prediction.memory import Budget, Needs, bytes_needed, how_to_fit, is_out_of_memory

MP12 = ImageSpec(4000, 3000, False, False)


def needed_gb(spec: ImageSpec = MP12, **settings: object) -> float:
    return bytes_needed(spec, Params(**settings)) / 1e9


def test_memory_grows_with_what_takes_it():
    small = needed_gb()
    assert 0.1 < small < 0.4
    assert needed_gb(ImageSpec(8000, 6000, False, False)) == pytest.approx(small + 3 * 36e6 / 1e9, rel=0.02)
    assert needed_gb(ImageSpec(8000, 6000, True, True)) > 2.5 * small
    assert needed_gb(ImageSpec(4000, 3000, False, True)) > small
    assert needed_gb(ImageSpec(4000, 3000, True, False)) > small
    assert needed_gb(resol=1024) > small + 0.3
    assert needed_gb(resol=1024, ngf=64) > needed_gb(resol=1024) + 0.1
    at_1024 = {"resol": 1024, "predict_resol": 1024, "ngf": 64}
    assert needed_gb(**at_1024, encoder="unet") > needed_gb(**at_1024) + 0.2
    assert needed_gb(tile_px=3000) > small + 1


def test_a_hundred_megapixels_of_16_bits_fit_into_two_gigabytes():
    for color in (False, True):
        assert not how_to_fit(ImageSpec(12250, 8165, color, True), Params(memory_gb=2)).is_by_rows


def test_strips_shrink_before_a_photograph_is_refused():
    plain = how_to_fit(MP12, Params(memory_gb=0.5, tile_px=3000)).rows
    assert 1 <= plain < 3000
    assert bytes_needed(MP12, Params(), plain) <= 0.5e9
    assert how_to_fit(MP12, Params(memory_gb=4, tile_px=3000)).rows == 3000
    with pytest.raises(ParamError, match=r"20000 x 10000 px: .* about \d\.\d GB, MEMORY_GB is 0\.25: raise MEMORY_GB"):
        how_to_fit(ImageSpec(20000, 10000, False, False, "it is"), Params(memory_gb=0.25))


@pytest.mark.parametrize(
    ("name", "mode", "color", "deep"),
    [("a.jpg", "L", False, False), ("b.jpg", "RGB", True, False), ("c.png", "I;16", False, True), ("d.png", "P", True, False),
     ("e.tif", "1", False, False), ("f.tif", "I;16", False, True), ("g.png", "RGBA", True, False)],
)
def test_the_header_tells_what_a_photograph_is(tmp_path, name, mode, color, deep):
    Image.new(mode, (30, 20)).save(tmp_path / name)
    assert image_spec(tmp_path / name) == ImageSpec(30, 20, color, deep)


def test_a_map_of_confidence_looks_closer_and_takes_more():
    params = Params(resol=1024)
    network = bytes_needed(MP12, params) - bytes_needed(MP12, params, network_scale=1e-9)
    more = bytes_needed(MP12, params, network_scale=1.33) - bytes_needed(MP12, params)
    assert more == pytest.approx(0.77 * network, rel=0.01)
    tight = Params(resol=1024, memory_gb=(bytes_needed(MP12, params, network_scale=1.1)) / 1e9)
    assert how_to_fit(MP12, tight).rows > 0
    with pytest.raises(ParamError, match="MEMORY_GB"):
        how_to_fit(MP12, tight, network_scale=1.5)


def test_what_cannot_be_read_takes_nothing(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no picture")
    assert image_spec(tmp_path / "a.png") is None
    assert image_spec(tmp_path / "gone.png") is None


def test_a_budget_is_shared_and_never_exceeded():
    budget, held, most, lock = Budget(100), [], [], threading.Lock()

    def take(wanted: int) -> None:
        for _ in range(20):
            with budget.share(wanted):
                with lock:
                    held.append(min(wanted, 100))
                    most.append(sum(held))
                with lock:
                    held.remove(min(wanted, 100))

    threads = [threading.Thread(target=take, args=(wanted,)) for wanted in (10, 30, 60, 100, 500)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(most) == 100
    assert max(most) <= 100


def test_shares_that_fit_are_held_at_the_same_time():
    budget, together = Budget(100), threading.Barrier(3)

    def take(wanted: int) -> None:
        with budget.share(wanted):
            together.wait()

    threads = [threading.Thread(target=take, args=(wanted,)) for wanted in (10, 30, 60)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not together.broken


def test_a_budget_is_given_back_after_an_error():
    budget = Budget(10)
    with pytest.raises(KeyError), budget.share(budget.total_bytes):
        raise KeyError
    with budget.share(10):
        pass


def test_out_of_memory_is_recognized_in_every_library():
    wrapped = ValueError("damaged")
    wrapped.__cause__ = MemoryError()
    for error in (MemoryError(), wrapped, RuntimeError("std::bad_alloc"), RuntimeError("Failed to allocate memory for 5 bytes"),
                  ValueError("OpenCV: error: (-4:Insufficient memory) Failed to allocate 4 bytes")):
        assert is_out_of_memory(error)
    assert not is_out_of_memory(ValueError("cut off"))


# -- injected ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def place(tmp_path, new_artifact, photograph):
    write_artifact(tmp_path / "m.h5", new_artifact())
    (tmp_path / "in").mkdir()
    gray = resize(gray_of(photograph), (120, 170))
    for number in range(4):
        write_photo(tmp_path / "in" / f"{number}.png", np.roll(gray, number))
    return tmp_path


def test_out_of_memory_means_a_smaller_retry_and_a_loud_line(place, monkeypatch):
    model = Colorizer.open(place / "m.h5", threads=1)
    predict_files(model, [place / "in"], place / "expected")
    plain, rows_asked = Colorizer.color_by_rows, []

    def short_of_memory(self, input_hwc, rows=0, threads=1, predicted=None):
        rows_asked.append(rows)
        if rows != 1 and len(rows_asked) == 2:
            raise MemoryError
        return plain(self, input_hwc, rows, threads, predicted)

    monkeypatch.setattr(Colorizer, "color_by_rows", short_of_memory)
    said = []
    results = predict_files(model, [place / "in"], place / "out", FolderOptions(tell=said.append, workers=2))
    assert [result.status for result in results] == ["ok"] * 4
    assert len(rows_asked) == 5
    assert rows_asked.count(1) == 1
    assert len(said) == 1
    assert "out of memory; tried again" in said[0]
    for result in results:
        expected = read_photo(place / "expected" / result.output.name).pixels
        np.testing.assert_array_equal(read_photo(result.output).pixels, expected)


def test_out_of_memory_twice_is_a_failure_and_no_file(place, monkeypatch):
    model = Colorizer.open(place / "m.h5", threads=1)

    def bad_alloc(*_, **__):
        raise RuntimeError("std::bad_alloc")

    monkeypatch.setattr(Colorizer, "color_by_rows", bad_alloc)
    said = []
    results = predict_files(model, [place / "in"], place / "out", FolderOptions(tell=said.append))
    assert {result.status for result in results} == {"failed"}
    assert all("not enough memory" in result.error for result in results)
    assert len(said) == 4
    assert not list((place / "out").glob("*"))


def test_out_of_memory_in_reading_is_not_called_damage(place, monkeypatch):
    from dancheong.imaging import files

    def too_large(*_):
        raise MemoryError

    monkeypatch.setattr(files, "decode", too_large)
    result, = predict_files(Colorizer.open(place / "m.h5"), [place / "in" / "0.png"], place / "out")
    assert "not enough memory" in result.error


def test_no_more_is_in_memory_than_allowed(place, monkeypatch):
    """Photographs that take most of MEMORY_GB are done one at a time, with the threads of all."""
    model, at_work, most, threads = Colorizer.open(place / "m.h5", threads=1), [], [], []
    plain = process_file._process

    def watched(processor, job, resources, made):
        at_work.append(job)
        most.append(len(at_work))
        threads.append(resources.threads)
        try:
            return plain(processor, job, resources, made)
        finally:
            at_work.remove(job)

    monkeypatch.setattr(process_file, "_process", watched)
    monkeypatch.setattr(processors, "how_to_fit", lambda *_: Needs(0, int(1.5e9)))
    results = predict_files(model, [place / "in"], place / "out", FolderOptions(workers=4))
    assert [result.status for result in results] == ["ok"] * 4
    assert max(most) == 1
    from dancheong.system.cores import cores

    assert set(threads) == {cores()}
