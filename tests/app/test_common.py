"""What holds for every command: common options, exit codes, JSON that any program can read, failures that are named."""

import json
from dataclasses import replace
from io import StringIO

import numpy as np
import pytest
from make_docs import all_commands

from dancheong.app import options
from dancheong.app.console import Console
from dancheong.imaging.files import PhotoError, read_photo, write_photo
from dancheong.params import ParamError, TableRow, complete_rows, write_table

COMMANDS = {name.removeprefix("dancheong "): command for name, command in all_commands().items()}
SETTINGS = [
    f"--set={setting}"
    for setting in ("RESOL=32", "NGF=4", "NDF=4",
                    "ENCODER=unet", "DEPTH=3", "PATCH_SIZE=16", "EPOCHS=1", "BATCH_SIZE=2", "DEVICE=cpu")
]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_the_common_options(name):
    there = {word for parameter in COMMANDS[name].params for word in parameter.opts}
    assert {"--json", "--quiet"} <= there
    if name in ("demo", "train", "predict", "evaluate", "filter", "doctor", "params show"):
        assert {"--params", "--category", "--set"} <= there


def test_json_is_ascii_and_knows_no_nan(capsys):
    result = {"psnr": float("inf"), "경복궁": [float("nan"), 1.5, (float("-inf"),)], "path": {"n": np.float64("nan")}}
    Console(as_json=True).emit(result, [])
    line = capsys.readouterr().out
    assert line.isascii()
    assert json.loads(line) == {"psnr": None, "경복궁": [None, 1.5, [None]], "path": {"n": None}}


def test_a_terminal_obeys_no_name_of_a_file(capsys):
    Console().say("failed: \x1b[2J\x9b1m가\r.png: 없음\nmore")
    Console().emit({}, ["ok: \x07a.png"])
    shown = capsys.readouterr()
    assert shown.err == "failed: \\x1b[2J\\x9b1m가\\r.png: 없음\\nmore\n"
    assert shown.out == "ok: \\x07a.png\n"


def test_a_name_that_looks_like_markup_does_not_stop_the_bar(monkeypatch):
    class Terminal(StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr("sys.stderr", Terminal())
    with Console().bar("coloring") as bar:
        bar(1.0, "a[/b] [red]\x1b[2J.png")


def test_an_error_is_json_too(command, tmp_path):
    said = command("train", tmp_path, "-o", tmp_path / "m.h5", "--json", "--quiet", code=1)
    assert said.stdout.keys() == {"error", "exit_code"}
    assert said.stdout["exit_code"] == 1
    assert str(tmp_path) in said.stdout["error"]
    assert said.stdout["error"] in said.stderr
    assert command("params", "show", "--set", "RESOLL=1", "--json", code=2).stdout["exit_code"] == 2
    assert command("params", "show", "--set", "RESOLL=1", code=2).stdout == ""


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (OSError(28, "No space left on device", "out.onnx"), "dancheong: out.onnx: No space left on device\n"),
        (PermissionError(13, "Permission denied"), "dancheong: Permission denied\n"),
        (PhotoError("a.jpg", "it is cut off"), "dancheong: a.jpg: it is cut off\n"),
        (MemoryError(), "dancheong: not enough memory"),
    ],
)
def test_the_disk_and_photographs_are_told_in_a_sentence(command, trained, tmp_path, monkeypatch, error, sentence):
    def fail(*_):
        raise error

    monkeypatch.setattr("dancheong.runtime.network.export_onnx", fail)
    said = command("export", trained / "model.h5", tmp_path / "m.onnx", "--json", code=1)
    assert said.stderr.startswith(sentence)
    assert said.stdout["exit_code"] == 1


def test_evaluate_names_failures_and_still_gives_json(command, trained, tmp_path):
    whole = next((trained / "test").iterdir()).read_bytes()
    (tmp_path / "경복궁.png").write_bytes(whole[: len(whole) // 2])
    said = command("evaluate", trained / "model.h5", tmp_path, "--json", "--quiet", code=1)
    assert said.stdout["images"] == 0
    assert said.stdout["psnr"] is None
    assert said.stdout["gray"]["ssim"] is None
    assert [one["file"] for one in said.stdout["failures"]] == [str(tmp_path / "경복궁.png")]
    assert "failed: " in said.stderr
    assert "경복궁.png" in said.stderr


def test_predict_names_failures_when_quiet_too(command, trained, tmp_path):
    (tmp_path / "a.png").write_bytes(b"no")
    said = command("predict", trained / "model.h5", tmp_path, "-o", tmp_path / "o", "--quiet", code=1)
    assert said.stdout == ""
    assert said.stderr.count("a.png") == 1


def test_where_nothing_was_scored_there_is_no_table(command, trained, tmp_path):
    whole = next((trained / "test").iterdir()).read_bytes()
    (tmp_path / "a.png").write_bytes(whole[: len(whole) // 2])
    said = command("evaluate", trained / "model.h5", tmp_path, code=1)
    assert said.stdout == "0 photographs\n"


def test_what_is_named_and_not_there_is_bad_usage(command, trained, tmp_path):
    gone, model = tmp_path / "gone", trained / "model.h5"
    for words in (
        ("train", gone, "-o", tmp_path / "m.h5"), ("evaluate", model, gone), ("inspect", gone.with_suffix(".h5")),
        ("predict", gone.with_suffix(".h5"), trained / "test", "-o", tmp_path / "o"),
        ("params", "check", gone.with_suffix(".csv")),
        ("import-model", gone, "-o", tmp_path / "m.h5"), ("manifest", gone),
    ):
        assert "gone" in command(*words, code=2).stderr
    assert not any(tmp_path.iterdir())


def test_training_leaves_out_what_is_corrupt_and_goes_on(command, trained, tmp_path):
    for file in (trained / "photos").glob("*.png"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "bad.png").write_bytes(b"no")
    said = command("train", tmp_path, "-o", tmp_path / "m.h5", "--json", *SETTINGS)
    assert [(one["file"].rsplit("/")[-1], one["kind"]) for one in said.stdout["left_out"]] == [("bad.png", "corrupt")]
    assert "left out: " in said.stderr


@pytest.mark.parametrize(
    "settings", [["PAIRING=side_by_side"], ["RESOL=32", "PATCH_SIZE=286", "LAMBDA_GAN=1"]], ids=["lab pairs", "patch"]
)
def test_rows_that_contradict_each_other_are_code_2(command, trained, tmp_path, settings):
    words = [f"--set={setting}" for setting in ("NGF=4", "NDF=4", "ENCODER=unet", "DEPTH=3", "DEVICE=cpu", *settings)]
    said = command("train", trained / "photos", "-o", tmp_path / "m.h5", *words, code=2)
    assert said.stderr.startswith("dancheong: ")


def test_inspect_shows_the_version_of_the_file(command, trained, monkeypatch):
    from dancheong import artifact

    read = artifact.read_artifact
    assert read(trained / "model.h5").format_version == artifact.FORMAT_VERSION
    monkeypatch.setattr(artifact, "read_artifact", lambda path: replace(read(path), format_version=41))
    assert command("inspect", trained / "model.h5", "--json").stdout["format_version"] == 41
    assert "format 41" in command("inspect", trained / "model.h5", "--quiet").stdout


# -- tables ------------------------------------------------------------------------------------------------------------


def test_of_a_table_only_what_prediction_may_change_is_taken(command, trained, tmp_path):
    table = tmp_path / "t.csv"
    write_table(table, [
        TableRow("COMMON", "RESOL", "512"), TableRow("COMMON", "GLARE_MODE", "region"),
        TableRow("GOGUNG", "GLARE_MODE", "OFF"), TableRow("GOGUNG", "MEMORY_GB", "3"),
    ])
    assert options.PredictionOptions(str(table), None, None).at_prediction(Console()) == {"glare_mode": "region"}
    given = options.PredictionOptions(str(table), "gogung", ["memory_gb=4"]).at_prediction(Console())
    assert given == {"glare_mode": "off", "memory_gb": "4"}
    words = (trained / "model.h5", trained / "test", "--params", table, "--category", "GOGUNG")
    said = command("predict", *words, "-o", tmp_path / "out", "--json").stdout
    assert [one["glare_share"] for one in said["files"]] == [None, None]
    assert command("evaluate", *words, "--json").stdout["images"] == 2
    assert "NGF" in command("predict", *words, "--set", "NGF=64", "-o", tmp_path / "out", code=2).stderr
    with pytest.raises(ParamError, match="--params"):
        options.PredictionOptions(None, "GOGUNG", None).at_prediction(Console())


def test_a_preset_under_a_complete_table_is_not_ignored_in_silence(command, tmp_path):
    table = tmp_path / "t.csv"
    write_table(table, complete_rows())
    words = ("params", "show", "--all", "--params", table, "--preset", "paper")
    said = command(*words)
    assert "values of --preset paper are overridden by rows of" in said.stderr
    assert said.stderr.count("\n") == 1
    assert command(*words, "--quiet").stderr == ""
    write_table(table, complete_rows("paper"))
    assert command(*words).stderr == ""
    write_table(table, [TableRow("COMMON", "EPOCHS", "3"), TableRow("COMMON", "SEED", "64")])
    assert "dancheong: 1 of the" in command(*words).stderr
    assert "(EPOCHS)" in command(*words).stderr


def test_check_passes_over_rows_that_are_not_used(command, tmp_path):
    write_table(tmp_path / "t.csv", [TableRow("COMMON", "NGF", "8"), TableRow("OLD", "NGF", "9", use=False)])
    assert command("params", "check", tmp_path / "t.csv", "--json").stdout["categories"] == ["COMMON"]


# -- drawn masks -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["predict", "filter"])
def test_drawn_masks(command, trained, tmp_path, name):
    photo = sorted((trained / "test").iterdir())[0]
    drawing = np.zeros((44, 60), np.uint8)
    drawing[10:20, 10:20] = 255
    (tmp_path / "drawn").mkdir()
    write_photo(tmp_path / "drawn" / f"{photo.stem}.PNG", drawing)
    write_photo(tmp_path / "drawn" / "nobody.png", drawing)
    model = [trained / "model.h5"] if name == "predict" else []
    words = (name, *model, photo, "-o", tmp_path / "out", "--set", "GLARE_MODE=region", "--set", "FIX_FEATHER=0", "--json")
    said = command(*words, "--mask-dir", tmp_path / "masks", "--drawn-masks", tmp_path / "drawn")
    mask = read_photo(tmp_path / "masks" / f"{photo.stem}.png").pixels
    assert (mask[drawing > 0] > 0).all()
    assert (mask[40:, 50:] == 0).all()
    assert said.stdout["files"][0]["glare_share"] > 0
    assert "nobody.png" in said.stderr
    assert "no folder" in command(*words, "--drawn-masks", tmp_path / "none", code=2).stdout["error"]


def test_train_takes_drawn_masks(command, trained, tmp_path):
    names = sorted(path.stem for path in (trained / "photos").iterdir())
    (tmp_path / "drawn").mkdir()
    drawing = np.full((44, 60), 255, np.uint8)
    write_photo(tmp_path / "drawn" / f"{names[0]}.png", drawing)
    words = ("train", trained / "photos", "-o", tmp_path / "m.h5", "--json", *SETTINGS)
    said = command(*words, "--drawn-masks", tmp_path / "drawn")
    # A photograph that is damaged all over teaches nothing (LOSS_MIN_KEPT).
    assert [(one["file"].rsplit("/")[-1], one["kind"]) for one in said.stdout["left_out"]] == [(f"{names[0]}.png", "glare")]
    assert command(*words, "--drawn-masks", tmp_path / "none", code=2).stdout["exit_code"] == 2
