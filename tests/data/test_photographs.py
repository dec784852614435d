"""Layouts of PHOTOS, and every reason for which a file is left out."""

import re
import unicodedata
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from dancheong.data.photographs import (
    NoPhotographs,
    PhotographRefused,
    find_masks,
    find_pairs,
    mask_of,
    read_mask,
    read_pair,
)
from dancheong.data.same_view import has_color, looks_like_pair, mismatch
from dancheong.imaging.color import gray_of
from dancheong.imaging.files import read_photo, write_photo
from dancheong.params import ParamError, Params
from dancheong.scenes import scene, write_scenes

SMALL = Params(resol=32, glare_mode="off")
HALVES = Params(resol=32, pairing="side_by_side", color_space="RGB")


def view(seed, height=48, width=64):
    """A picture with color and detail."""
    coarse = np.random.default_rng(seed).integers(0, 256, (height // 4, width // 4, 3), dtype=np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def save(path: Path, pixels) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def refused(photos, params=SMALL):
    """(kind by file name) of everything left out, by names and headers or by decoding."""
    pairs, refusals = find_pairs(photos, params)
    for pair in pairs:
        try:
            read_pair(pair, params)
        except PhotographRefused as error:
            refusals.append(error.refusal)
    assert all(refusal.reason for refusal in refusals)
    return {refusal.file.name: refusal.kind for refusal in refusals}


def test_a_folder_of_color_photographs_is_searched_recursively_in_the_order_of_names(tmp_path):
    korean = unicodedata.normalize("NFD", "경복궁 근정전.png")
    save(tmp_path / "b.png", view(1))
    save(tmp_path / "궁 안" / korean, view(2))
    save(tmp_path / "a b" / "c.png", view(3))
    (tmp_path / "notes.txt").write_text("not a photograph")
    pairs, refusals = find_pairs(tmp_path, SMALL)
    assert [pair.name for pair in pairs] == ["a b/c.png", "b.png", "궁 안/경복궁 근정전.png"]
    assert refusals == []
    source, target = read_pair(pairs[2], SMALL)
    assert source is None
    assert np.array_equal(target, view(2))


def test_a_single_file_is_a_set_of_one(tmp_path):
    file = save(tmp_path / "one.png", view(1))
    assert [pair.name for pair in find_pairs(file, SMALL)[0]] == ["one.png"]


@pytest.mark.parametrize("names", [("gray", "color"), ("Grey", "Colour")])
def test_gray_and_color_folders_are_joined_by_stem(tmp_path, names):
    gray, color = names
    for seed, stem in enumerate(["경회루", "sub/a 1"]):
        save(tmp_path / color / f"{unicodedata.normalize('NFC', stem)}.png", view(seed))
        save(tmp_path / gray / f"{unicodedata.normalize('NFD', stem)}.webp", view(seed)[..., 1])
    pairs, refusals = find_pairs(tmp_path, SMALL)
    assert refusals == []
    assert len(pairs) == 2
    for pair in pairs:
        source, target = read_pair(pair, SMALL)
        assert np.abs(gray_of(source).astype(int) - target[..., 1]).mean() < 8  # WebP is lossy


def test_derive_ignores_the_folders_and_finds_the_gray_ones_gray(tmp_path):
    save(tmp_path / "color" / "a.png", view(1))
    save(tmp_path / "gray" / "a.png", gray_of(view(1)))
    assert refused(tmp_path, SMALL.model_copy(update={"pairing": "derive"})) == {"a.png": "gray"}


@pytest.mark.parametrize("direction", ["AtoB", "BtoA"])
def test_halves_are_cut_and_ordered_by_direction(tmp_path, direction):
    left, right = view(1), view(2)
    save(tmp_path / "pair.png", np.hstack([left, right]))
    params = HALVES.model_copy(update={"direction": direction})
    pairs, _ = find_pairs(tmp_path, params)
    source, target = read_pair(pairs[0], params)
    assert np.array_equal(source, left if direction == "AtoB" else right)
    assert np.array_equal(target, right if direction == "AtoB" else left)


def test_halves_of_any_kind_pass_gray_ones_too_but_not_an_odd_width(tmp_path):
    save(tmp_path / "gray.png", np.hstack([view(1), view(2)])[..., 0])
    save(tmp_path / "odd.png", np.hstack([view(3), view(4)])[:, 1:])
    assert refused(tmp_path, HALVES) == {"odd.png": "misaligned"}
    source, target = read_pair(find_pairs(tmp_path, HALVES)[0][0], HALVES)
    assert source.shape == target.shape == (48, 64, 3)


def test_what_cannot_be_used_is_named_and_the_rest_is_kept(tmp_path):
    save(tmp_path / "good.jpg", view(1))
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "text.png").write_text("not a picture")
    whole = save(tmp_path / "truncated.jpg", view(2)).read_bytes()
    (tmp_path / "truncated.jpg").write_bytes(whole[: len(whole) // 2])
    save(tmp_path / "tiny.png", view(3, 12, 64))
    save(tmp_path / "plain gray.png", view(4)[..., 0])
    save(tmp_path / "gray as color.jpg", np.repeat(view(5)[..., :1], 3, axis=2))
    (tmp_path / "zcopy.jpg").write_bytes((tmp_path / "good.jpg").read_bytes())
    assert refused(tmp_path) == {
        "empty.jpg": "corrupt", "text.png": "corrupt", "truncated.jpg": "corrupt", "tiny.png": "tiny",
        "plain gray.png": "gray", "gray as color.jpg": "gray", "zcopy.jpg": "duplicate",
    }  # fmt: skip


def test_pairs_that_do_not_match_are_named(tmp_path):
    for seed, stem in enumerate(["good", "size", "shifted", "other"]):
        save(tmp_path / "color" / f"{stem}.png", view(seed, 96, 128))
        save(tmp_path / "gray" / f"{stem}.png", gray_of(view(seed, 96, 128)))
    save(tmp_path / "gray" / "size.png", gray_of(view(1, 96, 120)))
    save(tmp_path / "gray" / "shifted.png", np.roll(gray_of(view(2, 96, 128)), 4, axis=1))
    save(tmp_path / "gray" / "other.png", gray_of(view(9, 96, 128)))
    save(tmp_path / "gray" / "only gray.png", gray_of(view(5)))
    save(tmp_path / "color" / "only color.png", view(6))
    save(tmp_path / "color" / "good.webp", view(7))
    assert refused(tmp_path) == {
        "size.png": "misaligned", "shifted.png": "misaligned", "other.png": "misaligned",
        "only gray.png": "unpaired", "only color.png": "unpaired", "good.webp": "unpaired",
    }  # fmt: skip


@pytest.mark.parametrize(("degrees", "scale"), [(1, 1), (0, 1.02), (0, 0.98), (0.6, 1.01), (-3, 1.05)])
def test_a_turned_or_scaled_pair_is_named_with_its_amount(degrees, scale):
    color = scene(5, 320, 240)
    turn = cv2.getRotationMatrix2D((160, 120), degrees, scale)
    turned = cv2.warpAffine(gray_of(color), turn, (320, 240), borderMode=cv2.BORDER_REFLECT, flags=cv2.INTER_CUBIC)
    assert not mismatch(gray_of(color), color)
    found = re.search(r"turned by ([\d.]+) degrees and scaled by ([\d.]+)", mismatch(turned, color))
    assert float(found[1]) == pytest.approx(abs(degrees), abs=0.15)
    assert float(found[2]) == pytest.approx(1 / scale, abs=0.008)


def test_another_emulsion_noise_and_a_tone_curve_are_not_taken_for_misalignment():
    color = view(3, 120, 160)
    ortho = color[..., 2] * 0.7 + color[..., 1] * 0.3
    gray = 255 * (ortho / 255) ** 1.4 + np.random.default_rng(0).normal(0, 8, ortho.shape)
    assert mismatch(np.clip(gray, 0, 255).astype(np.uint8), color) == ""
    assert mismatch(np.full((120, 160), 90, np.uint8), color) == ""  # nothing to compare


def test_faint_color_is_color_and_colored_grain_is_not():
    gray = np.repeat(view(1, 200, 300)[..., :1], 3, axis=2).astype(float)
    assert has_color(np.clip(gray * (1, 0.95, 0.85), 0, 255).astype(np.uint8))
    grain = np.random.default_rng(1).normal(0, 5, gray.shape)
    assert not has_color(np.clip(gray + grain, 0, 255).astype(np.uint8))
    assert has_color(view(2).astype(np.uint16) * 257)


def test_nothing_left_says_what_was_found_and_what_to_do(tmp_path):
    with pytest.raises(NoPhotographs, match=r"no usable photograph.*no file ending in.*gray/ and color/"):
        find_pairs(tmp_path, SMALL)
    save(tmp_path / "tiny.png", view(3, 12, 64))
    with pytest.raises(NoPhotographs, match=r"1 tiny.*tiny\.png: its shorter side is 12 px"):
        find_pairs(tmp_path, SMALL)
    with pytest.raises(NoPhotographs, match="there is no"):
        find_pairs(tmp_path / "missing", SMALL)
    with pytest.raises(NoPhotographs, match=r"PAIRING=folders needs the folders gray/ and color/"):
        find_pairs(tmp_path, SMALL.model_copy(update={"pairing": "folders"}))


def test_a_drawn_mask_is_found_by_stem_in_any_case_and_form(tmp_path):
    black = np.zeros((4, 4), np.uint8)
    korean = "궁 안/Geunjeongjeon 근정전"
    save(tmp_path / unicodedata.normalize("NFD", f"{korean}.PNG"), black)
    save(tmp_path / "x" / "a.png", black)
    save(tmp_path / "a.png", black)
    save(tmp_path / "b.jpg", black)
    masks = find_masks(tmp_path)
    assert mask_of(masks, f"{korean.upper()}.jpg").suffix == ".PNG"
    assert mask_of(masks, "x/A.tif") == tmp_path / "x" / "a.png"
    assert mask_of(masks, "y/a.jpg") == tmp_path / "a.png"
    assert mask_of(masks, "color/x/a.jpg") == tmp_path / "x" / "a.png"
    assert mask_of(masks, "b.jpg") is None
    with pytest.raises(PhotographRefused, match="4 x 4 px, its photograph 64 x 48 px"):
        read_mask(masks["a"], view(1))
    (tmp_path / "broken.png").write_bytes(b"no picture")
    with pytest.raises(PhotographRefused, match="broken"):
        read_mask(tmp_path / "broken.png", view(1))


def test_a_folder_of_masks_must_be_there_and_hold_some(tmp_path):
    with pytest.raises(ParamError, match=r"no folder .*none"):
        find_masks(tmp_path / "none")
    with pytest.raises(ParamError, match="no PNG"):
        find_masks(tmp_path)


@pytest.mark.parametrize("names", [
    ("A", "B"), ("trainA", "trainB"), ("train/a", "train/b"), ("A/train", "B/train"), ("train_A", "train_B"),
    ("train_img", "train_label"), ("LR", "HR"),
])
def test_the_pairs_of_other_programs_are_not_taken_for_single_photographs(tmp_path, names):
    for seed, name in enumerate(names):
        write_scenes(tmp_path / "p" / name, 2, 1 + 10 * seed, 48, 36)
        for number, file in enumerate(sorted((tmp_path / "p" / name).iterdir())):
            file.rename(file.with_name(f"{number}.png"))
    with pytest.raises(NoPhotographs, match="rename the input's folder to gray/"):
        find_pairs(tmp_path / "p", Params(resol=16))
    assert len(find_pairs(tmp_path / "p", Params(resol=16, pairing="derive"))[0]) == 4
    # Categories may be called A and B as long as they are not pairs.
    for file in (tmp_path / "p" / names[1]).iterdir():
        file.rename(file.with_name(f"other {file.name}"))
    if names[0].startswith("train") and names[1][-1] in "bB":
        with pytest.raises(NoPhotographs, match="two sets without pairs"):
            find_pairs(tmp_path / "p", Params(resol=16))
    else:
        assert len(find_pairs(tmp_path / "p", Params(resol=16))[0]) == 4


@pytest.mark.parametrize(("gray", "color"), [("input", "Target"), ("gray", "gt"), ("input", "output"), ("BW", "rgb")])
def test_folders_that_say_which_is_the_input_are_pairs_where_they_hold_the_same_stems(tmp_path, gray, color):
    write_scenes(tmp_path / "p" / color, 2, 1, 48, 36)
    (tmp_path / "p" / gray).mkdir()
    for file in (tmp_path / "p" / color).iterdir():
        write_photo(tmp_path / "p" / gray / file.name, gray_of(read_photo(file).pixels))
    pairs, _ = find_pairs(tmp_path / "p", Params(resol=16))
    assert [(one.color.parent.name, one.gray and one.gray.parent.name) for one in pairs] == [(color, gray)] * 2
    (tmp_path / "p").rename(tmp_path / "train")
    with pytest.raises(NoPhotographs, match=r"pairs lie in .*train"):
        find_pairs(tmp_path, Params(resol=16))
    for file in (tmp_path / "train" / gray).iterdir():
        file.unlink()
    write_scenes(tmp_path / "train" / gray, 2, 50, 48, 36)
    assert all(one.gray is None for one in find_pairs(tmp_path / "train", Params(resol=16))[0])


def test_the_parts_of_a_set_are_not_trained_on_together(tmp_path):
    for part, seed in (("train", 1), ("test", 9)):
        write_scenes(tmp_path / part, 2, seed, 48, 36)
    with pytest.raises(NoPhotographs, match=r"give .*train, and .*test"):
        find_pairs(tmp_path, Params(resol=16))
    assert len(find_pairs(tmp_path, Params(resol=16, pairing="derive"))[0]) == 4
    assert len(find_pairs(tmp_path / "train", Params(resol=16))[0]) == 2


def drawing(seed, size=64):
    """Shapes on white paper."""
    paper = np.full((size, size, 3), 255, np.uint8)
    rng = np.random.default_rng(seed)
    for _ in range(5):
        corner = rng.integers(8, size - 24, 2)
        cv2.rectangle(paper, corner.tolist(), (corner + rng.integers(8, 16, 2)).tolist(), (0, 0, 0), 1)
    return paper


def test_a_pair_is_told_from_a_picture_that_is_as_wide():
    for seed in range(6):
        wide = scene(seed, 256, 128)
        assert not looks_like_pair(wide)
        assert not looks_like_pair(gray_of(wide))
        square = scene(seed, 128, 128)
        gray = np.dstack([gray_of(square)] * 3)
        assert looks_like_pair(np.hstack([gray, square]))
        assert looks_like_pair(np.hstack([square, scene(seed + 50, 128, 128)]).astype(np.uint16) * 257)
        # On white paper there is no seam.
        lines = drawing(seed)
        filled = np.where(lines == 0, np.uint8(90), lines)
        assert looks_like_pair(np.hstack([lines, filled]))
        assert not looks_like_pair(np.hstack([lines, drawing(seed + 9)]))
    assert not looks_like_pair(np.full((64, 128, 3), 200, np.uint8))
    assert not looks_like_pair(np.zeros((4, 5), np.uint8))
