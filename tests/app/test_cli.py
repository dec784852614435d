"""The command line as a user meets it: one process a command, exit codes, JSON on the last line, nothing heavy at start."""

import json
import subprocess
import sys

import numpy as np
import pytest

from dancheong.imaging.color import as_rgb, gray_of
from dancheong.imaging.files import read_photo, write_photo
from dancheong.imaging.metrics import mean_delta_e_2000
from dancheong.imaging.resize import resize, working_shape
from dancheong.scenes import write_scenes

TINY = [
    f"--set={setting}"
    for setting in ("RESOL=32", "NGF=4", "NDF=4",
                    "ENCODER=unet", "DEPTH=3", "PATCH_SIZE=16", "EPOCHS=1", "BATCH_SIZE=2", "DEVICE=cpu")
]


def run(*words, code=0):
    command = [sys.executable, "-m", "dancheong", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == code, done.stderr + done.stdout
    return done


def run_json(*words, code=0):
    return json.loads(run(*words, "--json", code=code).stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with scenes and a model trained on them for a moment."""
    folder = tmp_path_factory.mktemp("자료 folder")
    write_scenes(folder / "photos", 5, 1, 60, 44)
    write_scenes(folder / "test", 3, 800, 60, 44)
    words = ("train", folder / "photos", "-o", folder / "model.h5", "--category", "GOGUNG", *TINY)
    (folder / "train.json").write_text(json.dumps(run_json(*words)), "utf-8")
    return folder


def test_help_is_light():
    code = (
        "import sys; sys.argv = ['dancheong', '--help']\n"
        "from dancheong.app.main import main\n"
        "try: main()\n"
        "except SystemExit as stop: code = stop.code\n"
        "heavy = {'torch', 'pydantic', 'numpy', 'cv2', 'h5py', 'onnxruntime', 'PIL', 'lightning_fabric'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy or code else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "predict" in done.stdout


def test_train_says_what_it_did(place):
    said = json.loads((place / "train.json").read_text("utf-8"))
    assert said["images_seen"] == 6
    assert said["images_per_second"] > 0
    assert {"model", "seconds", "losses", "val"} <= said.keys()
    assert said["losses"]["l1"] > 0


def test_predict_keeps_size_names_and_originals(place, tmp_path):
    gray = np.linspace(0, 65535, 70 * 33).reshape(33, 70).astype(np.uint16)
    (tmp_path / "in").mkdir()
    write_photo(tmp_path / "in" / "하나.png", gray)
    (tmp_path / "in" / "broken.jpg").write_bytes(b"\xff\xd8 no photograph")
    before = (tmp_path / "in" / "하나.png").read_bytes()
    said = run_json("predict", place / "model.h5", tmp_path / "in", place / "test", "-o", tmp_path / "out", code=1)
    by_status = {one["status"]: one for one in said["files"]}
    assert sorted(one["status"] for one in said["files"]) == ["failed"] + ["ok"] * 4
    assert "broken.jpg" in by_status["failed"]["input"]
    assert by_status["failed"]["error"]
    color = read_photo(tmp_path / "out" / "하나.png").pixels
    assert color.shape == (33, 70, 3)
    assert color.dtype == np.uint16
    assert (tmp_path / "in" / "하나.png").read_bytes() == before
    again = run_json("predict", place / "model.h5", tmp_path / "in", "-o", tmp_path / "out", code=1)
    assert sorted(one["status"] for one in again["files"]) == ["failed", "skipped"]


def test_evaluate_shows_the_trade_of_error_and_color(place, tmp_path):
    said = run_json("evaluate", place / "model.h5", place / "test", "-o", tmp_path, "--trade")
    points = said["trade"]
    assert [point["vivid"] for point in points] == sorted(point["vivid"] for point in points)
    colors = [point["colorfulness"] for point in points]
    assert colors == sorted(colors)
    assert all(point["delta_e_2000"] > 0 for point in points)
    assert "VIVID" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_evaluate_prints_the_baseline_beside_it(place, tmp_path):
    said = run_json("evaluate", place / "model.h5", place / "test", "-o", tmp_path)
    names = {"psnr", "ssim", "delta_e_2000", "colorfulness", "colorfulness_truth"}
    assert said["images"] == 3
    assert names <= said.keys()
    assert names <= said["gray"].keys()
    assert said["gray"]["colorfulness"] == pytest.approx(0, abs=0.01)
    assert len((tmp_path / "scores.csv").read_text("utf-8").splitlines()) == 4


def test_inspect_and_export(place, tmp_path):
    said = run_json("inspect", place / "model.h5")
    assert said["category"] == "GOGUNG"
    assert said["params"]["RESOL"] == {"value": 32, "origin": "--set"}
    assert {"format_version", "data", "history", "scores", "generator_parameters"} <= said.keys()
    assert "GOGUNG" in run("inspect", place / "model.h5").stdout
    exported = run_json("export", place / "model.h5", tmp_path / "m.onnx")
    assert exported["max_difference"] < 1e-4
    import onnxruntime

    session = onnxruntime.InferenceSession(str(tmp_path / "m.onnx"), providers=["CPUExecutionProvider"])
    answer = session.run(None, {"input": np.zeros((1, 1, 40, 64), np.float32)})[0]
    assert answer.shape == (1, 2, 40, 64)


def test_params_init_check_show_copy(tmp_path):
    table = tmp_path / "표.csv"
    assert run_json("params", "init", table)["rows"] > 60
    run("params", "init", table, code=2)
    assert run_json("params", "check", table)["valid"]
    run("params", "copy", table, tmp_path / "copy.csv")
    assert (tmp_path / "copy.csv").read_bytes() == table.read_bytes()
    shown = run_json("params", "show", "--params", table, "--set", "RESOL=512")
    assert shown["params"]["RESOL"] == {"value": 512, "origin": "--set"}
    assert "COMMON" in shown["params"]["NGF"]["origin"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train", "photos", "-o", "m.h5", "--set", "RESOLL=1"], "did you mean RESOL?"),
        (["train", "photos", "-o", "m.h5", "--set", "RESOL=1"], "16 to 4096"),
        (["train", "photos", "-o", "m.h5", "--preset", "papers"], "default, scratch, paper"),
        (["train", "photos", "-o", "m.h5", "--params", "no.csv"], "no.csv"),
        (["predict", "no.h5", ".", "-o", "out", "--shard", "3/2"], "--shard"),
        (["predikt"], "predikt"),
    ],
)
def test_bad_usage_is_code_2_and_says_how_to_mend_it(words, message):
    done = run(*words, code=2)
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_no_photographs_is_code_1(tmp_path):
    done = run("train", tmp_path, "-o", tmp_path / "m.h5", *TINY, code=1)
    assert "Traceback" not in done.stderr
    assert str(tmp_path) in done.stderr


def test_filter_writes_pictures_masks_and_a_sheet(place, tmp_path):
    words = ("--mask-dir", tmp_path / "masks", "--sheet", tmp_path / "s.png")
    said = run_json("filter", place / "test", "-o", tmp_path / "out", *words)
    assert len(said["files"]) == 3
    assert {"input", "output", "glare_share", "clip_share", "abstained"} <= said["files"][0].keys()
    mask = read_photo(next((tmp_path / "masks").glob("*.png"))).pixels
    assert mask.shape == (44, 60)
    assert read_photo(tmp_path / "s.png").pixels.ndim == 3


def test_a_training_that_is_worse_than_nothing_says_so(place, tmp_path):
    words = ("train", place / "photos", "-o", tmp_path / "bad.h5", "--val", place / "test", *TINY, "--set", "LR=0.1")
    done = run(*words, "--json")
    val = json.loads(done.stdout.splitlines()[-1])["val"]
    assert val["val_delta_e_2000"] > val["val_gray_delta_e_2000"]
    assert "WORSE THAN NOTHING" in done.stderr
    assert "\nLikely reasons" in done.stderr
    gray = [mean_delta_e_2000(as_rgb(gray_of(one)), one) for one in map(small, sorted((place / "test").iterdir()))]
    assert val["val_gray_delta_e_2000"] == pytest.approx(np.mean(gray), abs=0.3)


def small(path):
    photo = read_photo(path).pixels
    return resize(photo, working_shape(*photo.shape[:2], 32))
