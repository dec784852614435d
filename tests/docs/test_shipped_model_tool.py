"""The script that makes the colorizer that comes along: which photographs, their credits, the card; and what is packed."""

import csv
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import make_shipped_model
import pytest
from shipped_credits import LICENSES, choose, credits_page

from dancheong.artifact import read_artifact
from dancheong.models.efficientnet import ENCODERS
from dancheong.prediction.shipped import COLORIZER, ShippedModel, facts_of
from dancheong.scenes import write_scenes

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT.parent / "shared" / "data" / "open" / "manifest.csv"
ROW = {
    "file": "photos/a.jpg", "source": "someone/trip", "path": "img/a b.jpg", "author": "Jo_e &amp; Co", "licence": "CC BY 2.0",
    "licence_evidence": "someone/trip@0123456789ab:credits.json", "width": "512", "height": "384", "kind": "outdoor",
    "source_url": "https://commons.wikimedia.org/wiki/File:Old_gate.jpg", "original_size": "960x720",
}


@pytest.fixture
def table(tmp_path):
    """Writes a table of rows that differ from ROW, with a file for each, and gives its path."""

    def write(*changes):
        (tmp_path / "photos").mkdir(exist_ok=True)
        with (tmp_path / "manifest.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(ROW))
            writer.writeheader()
            for number, change in enumerate(changes):
                row = {**ROW, "file": f"photos/{number}.jpg", **change}
                (tmp_path / row["file"]).touch()
                writer.writerow(row)
        return tmp_path / "manifest.csv"

    return write


@pytest.mark.parametrize(
    "change",
    [
        *({"licence": name} for name in (
            "CC BY-SA 4.0", "CC BY-SA", "CC BY-NC 2.0", "CC BY-ND 4.0", "CC BY", "CC BY 1.0", "cc by 4.0", "GFDL", "?", "",
        )),
        {"licence_evidence": " "}, {"author": "not named"}, {"author": ""}, {"licence": "CC BY 4.0", "author": "Unknown"},
    ],
    ids=lambda change: ",".join(f"{name}={value}" for name, value in change.items()),
)
def test_whatever_is_not_known_to_be_free_is_left_out(table, change):
    chosen, left_out = choose(table(change, {}))
    assert [one.file for one in chosen] == ["photos/1.jpg"]
    assert sum(left_out.values()) == 1


@pytest.mark.parametrize("name", LICENSES)
def test_the_free_licenses_are_taken(table, name):
    chosen, left_out = choose(table({"licence": name}))
    assert ([one.license for one in chosen], dict(left_out)) == ([name], {})


def test_a_table_of_something_else_and_a_missing_photograph_are_named(table, tmp_path):
    path = table({}, {})
    (tmp_path / "photos" / "1.jpg").unlink()
    with pytest.raises(ValueError, match=r"line 3: photos/1.jpg is not there"):
        choose(path)
    path.write_text("file,author\na.jpg,b\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"columns source, path, licence, .* are missing"):
        choose(path)


def test_each_photograph_is_credited_with_author_license_and_address(table):
    chosen, _ = choose(table(
        {}, {"source_url": ""}, {"source_url": "File:Two words.JPG", "licence": "CC0", "author": "not named"},
        {"source_url": "", "licence_evidence": "a package"},
    ))
    page = credits_page(chosen)
    lines = [line for line in page.splitlines() if line.startswith("- ")]
    assert lines == [
        "- Two words.JPG, not named, <https://commons.wikimedia.org/wiki/File:Two_words.JPG>",
        "- Old gate.jpg, Jo\\_e & Co, <https://commons.wikimedia.org/wiki/File:Old_gate.jpg>",
        "- a b.jpg, Jo\\_e & Co, <https://github.com/someone/trip/blob/0123456789ab/img/a%20b.jpg>",
        "- a b.jpg, Jo\\_e & Co, someone/trip (img/a b.jpg)",
    ]
    assert page.index("## CC0") < page.index("Two words") < page.index("## CC BY 2.0") < page.index("Old gate")
    assert all(f"<{LICENSES[name]}>" in page for name in ("CC0", "CC BY 2.0"))


def test_the_credits_in_the_package_are_those_of_the_table():
    if not TABLE.exists():
        pytest.skip("the photographs are not here: ../shared/data/open")
    chosen, _ = choose(TABLE)
    assert COLORIZER.with_name("colorizer_credits.md").read_text("utf-8") == credits_page(chosen)


def test_the_notice_names_each_encoder_that_a_model_file_may_hold():
    notice = (ROOT / "NOTICE").read_text("utf-8")
    assert all(encoder.distribution in notice for encoder in ENCODERS.values())
    assert "Apache License, Version 2.0" in notice


def test_the_whole_script_trains_scores_and_writes_the_card(table, tmp_path, monkeypatch, capsys):
    path = table(*[{}] * 4, {"licence": "CC BY-SA 4.0"})
    write_scenes(tmp_path / "scenes", 4, 1, 60, 44)
    for number, scene in enumerate(sorted((tmp_path / "scenes").iterdir())):
        shutil.copy(scene, tmp_path / "photos" / f"{number}.jpg")
    (tmp_path / "photos" / "4.jpg").write_bytes(b"must not be read")
    write_scenes(tmp_path / "unseen, two", 2, 9, 60, 44)
    out = tmp_path / "package" / "colorizer.h5"
    out.parent.mkdir()
    settings = ("ENCODER=unet", "RESOL=32", "NGF=4", "DEPTH=3", "EPOCHS=1", "BATCH_SIZE=2", "DEVICE=cpu")
    monkeypatch.setattr(sys, "argv", [
        "make_shipped_model.py", str(path), "--out", str(out), "--scenes", "1",
        "--test", f"two scenes={tmp_path / 'unseen, two'}",
        *(word for setting in settings for word in ("--set", setting)),
    ])
    make_shipped_model.main()
    said, model, shipped = capsys.readouterr(), read_artifact(out), ShippedModel("colorizer", out)
    assert "left out: 1: license CC BY-SA 4.0" in said.err
    assert model.data["photographs"] == 5
    assert facts_of(shipped.card)["digest"] == model.digest
    assert facts_of(shipped.card)["learned from"].startswith("4 photographs")
    assert facts_of(shipped.card)["scores"] in said.out
    assert "NGF=4" in facts_of(shipped.card)["trained with"]
    assert "DEVICE" not in facts_of(shipped.card)["trained with"]
    (row,) = [line for line in shipped.card.splitlines() if line.startswith("| two scenes | 2 | ")]
    assert row.count("|") == 9
    # Nothing in the package tells of this machine.
    assert str(tmp_path) not in shipped.card
    assert str(tmp_path).encode() not in out.read_bytes()
    assert out.with_name("colorizer_credits.md").read_text("utf-8").count("\n- ") == 4


@pytest.mark.slow
def test_cards_credits_and_notices_are_in_the_wheel_and_in_the_source_package(tmp_path):
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if tracked.returncode:
        pytest.skip("not a repository: a copy of the tracked files cannot be made")
    for name in tracked.stdout.splitlines():
        if name.startswith(("src/", "pyproject", "README.md", "LICENSE", "NOTICE")) and (ROOT / name).exists():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tmp_path / name)
    code = "from setuptools import build_meta as b; b.build_wheel('dist'); b.build_sdist('dist')"
    (tmp_path / "dist").mkdir()
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], cwd=tmp_path, capture_output=True, check=True)
    wheel = zipfile.ZipFile(next((tmp_path / "dist").glob("*.whl"))).namelist()
    with tarfile.open(next((tmp_path / "dist").glob("*.tar.gz"))) as file:
        source = [name.split("/", 1)[-1].removeprefix("src/") for name in file.getnames()]
    package = ["prediction/colorizer.md", "prediction/colorizer_credits.md", "upscaling/upscaler.md", "upscaling/upscaler.h5",
               "glare/detector.md", "glare/detector.onnx", "glare/areas.onnx", "glare/rims.onnx",
               *(["prediction/colorizer.h5"] if COLORIZER.exists() else [])]
    for name in package:
        assert f"dancheong/{name}" in wheel
        assert f"dancheong/{name}" in source
    assert {"LICENSE", "NOTICE"} <= {name.rsplit("/", 1)[-1] for name in wheel if ".dist-info/" in name}
    assert {"LICENSE", "NOTICE"} <= set(source)
