"""`dancheong demo` with a few tiny scenes: the main job end to end, and nothing of the user's is touched."""

import pytest

from dancheong.app.demo import DEMO_SETTINGS, run_demo
from dancheong.params import ParamError, TableRow, resolve

TINY = {
    "RESOL": "32", "NGF": "4", "NDF": "4",
    "ENCODER": "unet", "DEPTH": "3", "PATCH_SIZE": "16", "EPOCHS": "1", "BATCH_SIZE": "2",
    "DEVICE": "cpu",
}


@pytest.fixture
def run():
    def call(folder, **settings):
        resolved = resolve(None, "DEMO", {**TINY, **settings}, own=DEMO_SETTINGS, command="demo")
        return run_demo(folder, resolved, lambda text: None, lambda done, text="": None, scenes=(4, 2))

    return call


def test_the_demo_leaves_a_model_scores_and_a_page_and_no_file_of_the_users_is_lost(run, tmp_path):
    mine = [tmp_path / name for name in ("train/mine.jpg", "test/scene_1.png", "scenes_train/mine.png", "results/mine.txt")]
    for file in mine:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"mine")
    (tmp_path / "scenes_test").mkdir()
    (tmp_path / "scenes_test" / "scene_00007.png").write_bytes(b"of an earlier demo")
    result = run(tmp_path)
    assert {"model", "report", "seconds", "delta_e_2000", "delta_e_2000_gray"} <= result.keys()
    assert result["delta_e_2000_gray"] > 0
    assert (tmp_path / "demo.h5").stat().st_size > 0
    assert "<h1>" in (tmp_path / "report.html").read_text("utf-8")
    assert all(file.read_bytes() == b"mine" for file in mine)
    assert len(list((tmp_path / "scenes_test").glob("scene_*.png"))) == 2


def test_a_table_counts_more_than_the_demos_own_settings():
    rows = [TableRow("COMMON", "RESOL", "64"), TableRow("GOGUNG", "NGF", "8")]
    resolved = resolve(rows, "gogung", {"EPOCHS": "3"}, own=DEMO_SETTINGS, command="demo")
    assert (resolved.params.resol, resolved.params.ngf, resolved.params.epochs) == (64, 8, 3)
    assert resolved.params.lr == DEMO_SETTINGS["LR"]
    assert resolved.origins["lr"] == "demo"
    with pytest.raises(ParamError, match="GOGONG"):
        resolve(rows, "GOGONG", own=DEMO_SETTINGS, command="demo")
