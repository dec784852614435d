"""Photographs held out to validate with: a share of them, one view and if it can be one subfolder on one side."""

import cv2
import numpy as np
import pytest

from dancheong.data.hold_out import hold_out, share_of
from dancheong.data.photographs import NoPhotographs
from dancheong.imaging.files import write_photo
from dancheong.params import ParamError, Params
from dancheong.scenes import scene

SMALL = Params(resol=32)


def write(folder, names):
    for name, pixels in names.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_photo(folder / name, pixels)
    return folder


def test_a_share_is_held_out_and_a_view_stays_together(tmp_path):
    photos = {f"{seed}.png": scene(seed, 96, 64) for seed in range(8)}
    smaller = cv2.resize(photos["3.png"], (72, 48), interpolation=cv2.INTER_AREA)
    photos |= {"3 again.jpg": photos["3.png"], "3 mirrored.png": np.ascontiguousarray(smaller[:, ::-1])}
    write(tmp_path, photos)
    held_out = {seed: hold_out(tmp_path, SMALL.model_copy(update={"seed": seed}), 0.4).names for seed in range(12)}
    copies = {"3.png", "3 again.jpg", "3 mirrored.png"}
    assert all(len(names) in (3, 4) and copies & names in (set(), copies) for names in held_out.values())
    assert len(set(held_out.values())) > 3
    assert any(copies <= names for names in held_out.values())
    assert hold_out(tmp_path, SMALL, 0.4) == hold_out(tmp_path, SMALL, 0.4)


def test_subfolders_stay_together_where_whole_ones_come_near_the_share(tmp_path):
    write(tmp_path, {f"source {seed % 5}/{seed}.png": scene(seed, 72, 48) for seed in range(10)})
    split = hold_out(tmp_path, SMALL, 0.2)
    assert len({name.split("/")[0] for name in split.names}) == 1
    assert len(split.names) == 2
    assert split.note.endswith("those of one view together, and those of one subfolder")
    split = hold_out(tmp_path, SMALL, 0.05)
    assert len(split.names) == 1
    assert "subfolders are split" in split.note


def test_of_gray_and_color_the_folders_themselves_are_no_sources(tmp_path):
    for seed in range(6):
        pixels = scene(seed, 72, 48)
        write(tmp_path, {f"color/{seed}.png": pixels, f"gray/{seed}.png": cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)})
    split = hold_out(tmp_path, SMALL, 0.34)
    assert len(split.names) == 2
    assert "subfolder" not in split.note


def test_one_view_cannot_be_split(tmp_path):
    pixels = scene(1, 96, 64)
    write(tmp_path, {"a.png": pixels, "b.jpg": pixels})
    with pytest.raises(NoPhotographs, match="show one view"):
        hold_out(tmp_path, SMALL, 0.5)


def test_a_share_is_told_from_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert [share_of(val) for val in (None, "0.1", 0.25, ".5", "10%", "0,1", tmp_path, "val")] == [
        0, 0.1, 0.25, 0.5, 0.1, 0.1, 0, 0]
    (tmp_path / "0.1").mkdir()
    assert share_of("0.1") == 0
    for wrong in ("0", "1", "10", "-0.2", "nan", "100%"):
        with pytest.raises(ParamError, match=f"--val {wrong}: a share above 0 and below 1"):
            share_of(wrong)
