"""The experiment's photographs: fair, repeatable, and never half made."""

import numpy as np
import pytest

from dancheong.experiment.arms import ARMS, arm_params
from dancheong.experiment.pictures import dosed, make_pictures, match_histograms, placebo, toned
from dancheong.glare.detect import detect
from dancheong.imaging.files import read_photo, write_photo
from dancheong.params import Params
from dancheong.scenes import write_scenes

BY_NAME = {arm.name: arm for arm in ARMS}
PARAMS = Params(resol=32)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("사진")
    write_scenes(folder / "train" / "deep", 4, 1, 96, 64)
    write_scenes(folder / "test", 2, 900, 96, 64)
    (folder / "train" / "broken.jpg").write_bytes(b"no picture")
    write_photo(folder / "train" / "gray.png", np.random.default_rng(0).integers(0, 256, (64, 96), np.uint8))
    return folder, make_pictures(folder / "train", folder / "test", folder / "work", PARAMS)


def pixels(folder):
    return {file.name: read_photo(file).pixels for file in sorted(folder.iterdir())}


def test_glare_is_added_and_the_truth_stays_what_it_was_but_darker(made):
    _, pictures = made
    clean, damaged, masks = (pixels(pictures.test / kind) for kind in ("clean", "damaged", "mask"))
    assert list(clean) == list(damaged) == list(masks) == ["00000.png", "00001.png"]
    for name in clean:
        # Light is only ever added.
        assert (damaged[name].astype(int) - clean[name]).min() >= -1
        assert set(np.unique(masks[name])) <= {0, 255}
        inside = masks[name] > 0
        assert damaged[name][inside].mean() > clean[name][inside].mean() + 20
    share = np.mean([(mask > 0).mean() for mask in masks.values()])
    assert pictures.damaged_share == pytest.approx(share)


def test_what_cannot_be_used_is_left_out_of_all_arms_and_named(made):
    _, pictures = made
    assert len(pictures.train_names) == 4
    assert all(name.startswith("deep/scene_") for name in pictures.train_names)
    assert sorted((refusal.file.name, refusal.kind) for refusal in pictures.left_out) == [
        ("broken.jpg", "corrupt"), ("gray.png", "gray"),
    ]


def test_the_same_photographs_are_not_made_twice_and_others_are(made, monkeypatch):
    folder, pictures = made
    with monkeypatch.context() as patch:
        patch.setattr("dancheong.experiment.pictures.add_glare", lambda *_: pytest.fail("made again"))
        again = make_pictures(folder / "train", folder / "test", folder / "work", PARAMS)
    assert again == pictures
    elsewhere = make_pictures(folder / "train", folder / "test", folder / "other", PARAMS)
    assert all(np.array_equal(a, b) for a, b in zip(
        pixels(pictures.folder / "damaged").values(), pixels(elsewhere.folder / "damaged").values(), strict=True
    ))
    assert make_pictures(folder / "test", folder / "train", folder / "other", PARAMS).digest != pictures.digest


def test_half_made_pictures_are_made_anew(made, tmp_path):
    folder, pictures = made
    first = make_pictures(folder / "train", folder / "test", tmp_path, PARAMS)
    (first.folder / "made.json").unlink()
    (first.folder / "clean" / "00003.png").unlink()
    again = make_pictures(folder / "train", folder / "test", tmp_path, PARAMS)
    assert len(list((again.folder / "clean").iterdir())) == 4
    assert again.digest == pictures.digest


def test_a_smaller_dose_is_part_of_a_greater_one(made):
    _, pictures = made
    clean = pixels(pictures.folder / "clean")
    damaged = {
        dose: {name for name, photo in pixels(dosed(pictures, dose)).items() if not np.array_equal(photo, clean[name])}
        for dose in (0, 25, 50, 100)
    }
    assert [len(names) for names in damaged.values()] == [0, 1, 2, 4]
    assert damaged[25] < damaged[50] < damaged[100]


def test_placebo_masks_cover_as_much_in_other_places(made):
    _, pictures = made
    params = arm_params(PARAMS, BY_NAME["E"], 0)
    photos, masks = pixels(dosed(pictures, 100)), pixels(placebo(pictures, 100, params))
    assert list(photos) == list(masks)
    found = {name: detect(photo, params).alpha_hw for name, photo in photos.items()}
    assert any(alpha.any() for alpha in found.values())
    for name, alpha in found.items():
        assert masks[name].mean() / 255 == pytest.approx(alpha.mean(), abs=0.002)
        if alpha.any():
            assert not np.allclose(masks[name] / 255, alpha, atol=0.01)


def test_a_tone_curve_gives_the_filters_contrast_and_no_more(made):
    _, pictures = made
    before, after = pixels(dosed(pictures, 50)), pixels(toned(pictures, 50, arm_params(PARAMS, BY_NAME["C"], 0)))
    for name in before:
        for channel in range(3):
            curve = {}
            for code, new in zip(before[name][..., channel].ravel(), after[name][..., channel].ravel(), strict=True):
                assert curve.setdefault(code, new) == new
            codes = [curve[code] for code in sorted(curve)]
            assert codes == sorted(codes)


def test_histograms_are_matched():
    rng = np.random.default_rng(2)
    photo = rng.integers(0, 256, (40, 50, 3), np.uint8)
    assert np.array_equal(match_histograms(photo, photo), photo)
    brighter = (photo // 2 + 100).astype(np.uint8)
    assert np.abs(match_histograms(photo, brighter).astype(int) - brighter).max() <= 1
    shuffled = rng.permuted(brighter.reshape(-1, 3), axis=0).reshape(photo.shape)
    matched = match_histograms(photo, shuffled)
    for q in (5, 50, 95):
        assert abs(np.percentile(matched[..., 1], q) - np.percentile(brighter[..., 1], q)) <= 1
