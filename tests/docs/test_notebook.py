"""The notebook runs from its first cell to its last, and lies in the repository without outputs."""

from pathlib import Path

import nbformat
import pytest

from dancheong.artifact import read_artifact
from dancheong.imaging.color import gray_of
from dancheong.imaging.files import list_photos, write_photo
from dancheong.prediction.shipped import COLORIZER
from dancheong.scenes import scene

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
NOTEBOOK = NOTEBOOKS / "dancheong.ipynb"


@pytest.fixture(scope="module")
def notebook():
    return nbformat.read(NOTEBOOK, as_version=4)


@pytest.mark.parametrize(("name", "least"), [("dancheong.ipynb", 9), ("color.ipynb", 5)])
def test_outputs_are_cleared(name, least):
    notebook = nbformat.read(NOTEBOOKS / name, as_version=4)
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert len(cells) >= least
    assert all(cell.outputs == [] and cell.execution_count is None for cell in cells)


@pytest.mark.slow
@pytest.mark.skipif(not COLORIZER.exists(), reason="the colorizer that comes along is not in this copy of the source")
@pytest.mark.filterwarnings("ignore:Proactor event loop:RuntimeWarning")
def test_the_notebook_that_colors_at_once_runs_twice(tmp_path):
    from nbclient import NotebookClient

    for status in ("ok", "skipped"):
        notebook = nbformat.read(NOTEBOOKS / "color.ipynb", as_version=4)
        NotebookClient(notebook, timeout=None, resources={"metadata": {"path": str(tmp_path)}}).execute()
        outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
        assert f"{status}: photos/scene.png" in "".join(output.get("text", "") for output in outputs).replace("\\", "/")
        assert sum("image/png" in output.get("data", {}) for output in outputs) == 1
    assert [path.name for path in list_photos(tmp_path / "photos")] == ["scene.png", "scene_colored.png"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Proactor event loop:RuntimeWarning")  # of Windows, by the kernel's messages
def test_the_notebook_runs_on_built_in_scenes(notebook, tmp_path):
    from nbclient import NotebookClient

    settings = next(cell for cell in notebook.cells if "TINY = False" in cell.source)
    settings.source = settings.source.replace("TINY = False", "TINY = True")
    folder = tmp_path / "노트북 folder"
    folder.mkdir()
    # Old photographs of one name in two formats: each has its own result.
    settings.source = settings.source.replace('OLD = ""', 'OLD = "old"')
    (folder / "old").mkdir()
    for name in ("gate.png", "gate.jpg"):
        write_photo(folder / "old" / name, gray_of(scene(5, 48, 32)))
    NotebookClient(notebook, timeout=None, resources={"metadata": {"path": str(folder)}}).execute()
    said = "".join(output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", []))
    assert "Delta E 2000" in said
    assert "2 photographs in colored/" in said
    assert read_artifact(folder / "palace.h5").params.resol == 32
    assert len(list_photos(folder / "colored")) == 2
    assert (folder / "log" / "training.html").exists()
    assert (folder / "colored.zip").stat().st_size > 0
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 2
