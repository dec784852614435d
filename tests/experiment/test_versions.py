"""A result is taken for one of this version only while nothing that it depends on has changed."""

import shutil

import pytest

from dancheong.experiment.versions import PACKAGE, glare_version, pictures_version, run_version


@pytest.fixture
def package(tmp_path):
    """A copy of the program."""
    return shutil.copytree(PACKAGE, tmp_path / "dancheong", ignore=shutil.ignore_patterns("__pycache__"))


def versions(package):
    return run_version(package), pictures_version(package), glare_version(package)


def changed(package, *parts):
    """Which versions are others once a byte is appended to a file: (run, pictures, glare)."""
    file = package.joinpath(*parts)
    copy = package.with_name(file.stem)
    shutil.copytree(package, copy)
    with copy.joinpath(*parts).open("ab") as stream:
        stream.write(b"\n")
    return tuple(ours != theirs for ours, theirs in zip(versions(package), versions(copy), strict=True))


def test_a_changed_file_changes_the_versions_that_depend_on_it(package):
    assert versions(package) == versions(PACKAGE)
    assert changed(package, "glare", "detector.onnx") == (True, False, True)
    assert changed(package, "imaging", "color.py") == (True, True, False)
    assert changed(package, "experiment", "judge.py") == (True, False, False)
    # What draws, words or serves is no reason to train again.
    assert changed(package, "app", "web", "page.css") == (False, False, False)
    assert changed(package, "experiment", "report.py") == (False, False, False)


def test_caches_of_python_do_not_count_and_what_is_missing_is_no_version(package):
    before = run_version(package)
    again = shutil.copytree(package, package.with_name("again"))
    (again / "glare" / "__pycache__").mkdir()
    (again / "glare" / "__pycache__" / "x.pyc").write_bytes(b"cached")
    assert run_version(again) == before
    (again / "experiment" / "judge.py").unlink()
    run_version.__globals__["_hash"].cache_clear()
    with pytest.raises(FileNotFoundError):
        run_version(again)
