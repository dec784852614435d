"""Results beside their photographs: found again, never over an input, never over a file of somebody else."""

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from dancheong.artifact import ArtifactError
from dancheong.imaging.color import gray_of
from dancheong.imaging.files import read_photo, read_provenance, write_photo
from dancheong.imaging.xmp import Provenance
from dancheong.params import ParamError
from dancheong.prediction import cluster, shipped
from dancheong.prediction.colorizer import Colorizer
from dancheong.prediction.folder import FolderOptions, predict_files
from dancheong.prediction.manifest import read_manifests
from dancheong.prediction.names import names_beside


@pytest.fixture
def colorizer(model):
    return Colorizer.open(model(), threads=1)


@pytest.fixture
def photos(tmp_path, photograph):
    """A folder with a subfolder, and two photographs whose names differ in their suffix alone."""
    folder = tmp_path / "경복궁 사진"
    (folder / "안").mkdir(parents=True)
    write_photo(folder / "문.jpg", photograph)
    write_photo(folder / "문.png", gray_of(photograph).astype(np.uint16) * 257)
    write_photo(folder / "안" / "둘.tif", gray_of(photograph)[:20, :31])
    write_photo(folder / "안" / "셋.webp", photograph[:10])
    return folder


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*")) if path.is_file()
    }


def statuses(results):
    return {result.input.name: result.status for result in results}


def test_each_result_lies_beside_its_photograph_in_its_format(colorizer, photos):
    before = contents(photos)
    results = predict_files(colorizer, [photos], None)
    assert {result.status for result in results} == {"ok"}
    new = {"문_colored.jpg", "문_colored.png", "안/둘_colored.tif", "안/셋_colored.webp"}
    after = contents(photos)
    assert set(after) == set(before) | new
    assert {name: after[name] for name in before} == before
    color = read_photo(photos / "문_colored.png").pixels
    assert (color.dtype, color.shape) == (np.uint16, (45, 67, 3))
    assert all(read_provenance(photos / name).model == colorizer.digest for name in new)


def test_a_second_run_colors_no_result_and_makes_nothing_again(colorizer, photos):
    predict_files(colorizer, [photos], None)
    after, left_out = contents(photos), []
    again = predict_files(colorizer, [photos], None, FolderOptions(left_out=lambda *one: left_out.append(one)))
    assert statuses(again) == dict.fromkeys(["문.jpg", "문.png", "둘.tif", "셋.webp"], "skipped")
    assert contents(photos) == after
    assert left_out == []
    (photos / "문.png").unlink()
    predict_files(colorizer, [photos], None, FolderOptions(left_out=lambda *one: left_out.append(one)))
    assert left_out == [(photos / "문_colored.png", "dancheong has colored it; -o DIR colors it all the same")]
    write_photo(photos / "문.png", gray_of(read_photo(photos / "문_colored.png").pixels))
    # As a shell does with `*`.
    named = predict_files(colorizer, sorted(photos.glob("*.jpg")), None)
    assert statuses(named) == {"문.jpg": "skipped"}
    with pytest.raises(ParamError, match=r"nothing to color.*-o DIR"):
        predict_files(colorizer, [photos / "문_colored.jpg"], None)
    assert {name: digest for name, digest in contents(photos).items() if name != "문.png"} == {
        name: digest for name, digest in after.items() if name != "문.png"
    }


def test_a_photograph_named_alone_has_the_result_of_its_folder(colorizer, photos):
    (one,) = predict_files(colorizer, [photos / "문.jpg"], None)
    assert one.output == photos / "문_colored.jpg"
    assert not (photos / "문_colored.png").exists()
    assert statuses(predict_files(colorizer, [photos], None))["문.jpg"] == "skipped"


def test_a_file_of_somebody_else_stays_even_with_overwrite(colorizer, photos, photograph):
    write_photo(photos / "문_colored.jpg", photograph)
    (photos / "안" / "둘_colored.tif").write_bytes(b"no picture at all")
    before = contents(photos)
    for options in (FolderOptions(), FolderOptions(overwrite=True)):
        asked = [photos / "문.jpg", photos / "안" / "둘.tif", photos / "안" / "셋.webp"]
        results = {result.input.name: result for result in predict_files(colorizer, asked, None, options)}
        assert (results["문.jpg"].status, results["둘.tif"].status) == ("failed", "failed")
        assert "dancheong did not color the file that is there" in results["문.jpg"].error
        assert "-o" in results["둘.tif"].error
    after = contents(photos)
    assert {name: after[name] for name in before} == before
    assert set(after) - set(before) == {"안/셋_colored.webp"}


def test_an_input_is_never_replaced(colorizer, photos, photograph):
    write_photo(photos / "문_colored.jpg", photograph)
    before = contents(photos)
    results = predict_files(colorizer, [photos], None, FolderOptions(overwrite=True))
    assert statuses(results)["문.jpg"] == "failed"
    assert statuses(results)["문_colored.jpg"] == "ok"
    after = contents(photos)
    assert {name: after[name] for name in before} == before
    assert "문_colored_colored.jpg" in after


def test_overwrite_makes_a_result_again(colorizer, photos):
    predict_files(colorizer, [photos / "문.jpg"], None)
    result = photos / "문_colored.jpg"
    before = result.stat().st_mtime_ns
    (one,) = predict_files(colorizer, [photos / "문.jpg"], None, FolderOptions(overwrite=True))
    assert one.status == "ok"
    assert result.stat().st_mtime_ns > before


def test_a_result_of_other_settings_stays_and_is_told(colorizer, model, photos):
    predict_files(colorizer, [photos / "문.jpg"], None)
    before = contents(photos)
    paler = Colorizer.open(model(), threads=1, vivid=0.5)
    (one,) = predict_files(paler, [photos / "문.jpg"], None)
    assert one.status == "failed"
    assert "another model or other settings" in one.error
    assert contents(photos) == before
    (one,) = predict_files(paler, [photos / "문.jpg"], None, FolderOptions(overwrite=True))
    assert one.status == "ok"
    assert contents(photos) != before


def test_a_result_of_another_photograph_of_this_name_is_not_taken_for_this_one_s(colorizer, photos, photograph):
    predict_files(colorizer, [photos / "문.jpg"], None)
    write_photo(photos / "문.jpg", photograph[::-1])
    (one,) = predict_files(colorizer, [photos / "문.jpg"], None)
    assert one.status == "failed"
    assert "another photograph" in one.error


def test_what_only_corrects_light_is_a_photograph_still(colorizer, tmp_path, photograph):
    corrected = Provenance(None, "0" * 64, "algorithmicallyEnhanced")
    write_photo(tmp_path / "a.png", photograph, provenance=corrected)
    (one,) = predict_files(colorizer, [tmp_path], None)
    assert (one.status, one.output.name) == ("ok", "a_colored.png")


def test_names_depend_on_the_folder_and_not_on_what_was_asked_for(tmp_path):
    for name in ("a.heic", "a.png", "b.heic", "c.jpg", "C.JPG"):
        (tmp_path / name).touch()
    photos = sorted(tmp_path.iterdir())
    together = dict(zip(photos, names_beside(photos), strict=True))
    assert {photo.name: result.name for photo, result in together.items()} | {"C.JPG": "", "c.jpg": ""} == {
        "a.heic": "a_heic_colored.png", "a.png": "a_png_colored.png", "b.heic": "b_colored.png", "C.JPG": "", "c.jpg": "",
    }
    assert len({str(result).casefold() for result in together.values()}) == len(photos)
    assert [names_beside([photo])[0] for photo in photos] == list(together.values())


def test_a_manifest_of_a_folder_lies_in_it_and_leaves_other_files_alone(colorizer, photos):
    (photos / "manifest.csv").write_text("mine")
    path = photos / "dancheong-manifest.csv"
    predict_files(colorizer, [photos], None, FolderOptions(manifest=path))
    lines = path.read_text("utf-8-sig").splitlines()
    assert len(lines) == 6
    made = {row.output: row for row in read_manifests([path])}["안/둘_colored.tif"]
    assert (made.file, made.width_px, made.height_px, made.status) == (str(photos / "안" / "둘.tif"), 31, 20, "ok")
    assert (photos / "manifest.csv").read_text() == "mine"
    predict_files(colorizer, [photos], None, FolderOptions(manifest=path))
    assert path.read_text("utf-8-sig").splitlines() == lines


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps who may write in other ways")
@pytest.mark.parametrize("asked", ["문.jpg", "."])
def test_a_folder_that_is_closed_is_said_in_words(model, photos, tmp_path, asked):
    # Root may write everywhere, so another user colors; the libraries are loaded before, as that user may not see them.
    code = (
        "import os, sys\n"
        "from dancheong.app.main import main\n"
        "from dancheong.prediction.colorizer import Colorizer\n"
        "from dancheong.prediction.folder import predict_files\n"
        "Colorizer.open(sys.argv[2])\n"
        "os.geteuid() or os.setuid(65534)\n"
        "main()"
    )
    for folder in (*tmp_path.parents, tmp_path):
        if os.geteuid() == folder.stat().st_uid:
            folder.chmod(folder.stat().st_mode | 0o055)
    before = contents(photos)
    for folder in (photos / "안", photos):
        folder.chmod(0o555)
    done = subprocess.run(
        [sys.executable, "-c", code, "predict", model(), photos / asked], capture_output=True, text=True, encoding="utf-8",
        env={**os.environ, "PYTHONIOENCODING": "utf-8"}, check=False,
    )
    for folder in (photos, photos / "안"):
        folder.chmod(0o755)
    assert done.returncode == 1, done.stderr
    assert done.stderr.count("nothing can be written into this folder; name another one with -o") == (1 if asked != "." else 4)
    assert contents(photos) == before


def test_a_photograph_that_is_not_there_fails_alone(colorizer, photos):
    results = predict_files(colorizer, [photos / "nicht.jpg", photos / "문.jpg"], None)
    assert statuses(results) == {"nicht.jpg": "failed", "문.jpg": "ok"}


def test_provenance_is_read_from_every_format_and_from_no_other_program(tmp_path, photograph):
    made = Provenance("a" * 64, "b" * 64)
    for suffix in (".jpg", ".png", ".tif", ".webp"):
        write_photo(tmp_path / f"ours{suffix}", photograph, provenance=made)
        assert read_provenance(tmp_path / f"ours{suffix}") == made
        Image.fromarray(photograph).save(tmp_path / f"others{suffix}")
        assert read_provenance(tmp_path / f"others{suffix}") is None
    again = replace(made, source_type="algorithmicallyEnhanced")
    write_photo(tmp_path / "again.png", photograph, read_photo(tmp_path / "ours.png"), again)
    assert read_provenance(tmp_path / "again.png") == again


def test_without_a_path_the_colorizer_that_comes_along_is_opened(model, monkeypatch, photograph, tmp_path):
    given = Colorizer.open(model())
    monkeypatch.setattr(shipped, "COLORIZER", model())
    assert np.array_equal(Colorizer.open()(photograph), given(photograph))
    monkeypatch.setattr(shipped, "COLORIZER", tmp_path / "nothing.h5")
    with pytest.raises(ArtifactError, match=r"comes along is not in this installation.*dancheong train"):
        Colorizer.open()


def test_workers_open_the_colorizer_of_their_own_installation(model, monkeypatch, tmp_path):
    monkeypatch.setattr(shipped, "COLORIZER", model())
    monkeypatch.setattr(cluster, "COLORIZER", model())
    task = cluster.task_of(Colorizer.open(), FolderOptions())
    assert task.model == ""
    own = shutil.copy(model(), tmp_path / "own.h5")
    assert cluster.task_of(Colorizer.open(own), FolderOptions()).model == str(own)
