"""The doctor names each fault with its file, says what to do, and leaves good photographs alone."""

import os

import cv2
import numpy as np
import pytest
from PIL import Image

from dancheong.data.doctor import ADVICE, color_cast, count_photographs, diagnose, read_small, toned_spread
from dancheong.data.photographs import KINDS, NoPhotographs
from dancheong.imaging.color import gray_of
from dancheong.imaging.files import write_photo
from dancheong.params import Params
from dancheong.scenes import scene

PARAMS = Params(resol=64)


def photo(seed, width=160, height=120):
    return scene(seed, width, height)


def write(folder, photos):
    folder.mkdir(parents=True, exist_ok=True)
    for name, pixels in photos.items():
        (folder / name).parent.mkdir(exist_ok=True)
        write_photo(folder / name, pixels)
    return folder


def kinds(diagnosis, name=None):
    """Kinds of findings by file name; what scenes have by nature (few of them, glare, casts) left out."""
    natural = {"few", "glare", "glare_abstained", "color_cast"}
    found = [one for one in diagnosis.findings if one.kind not in natural]
    return sorted((one.file.replace("\\", "/").rsplit("/", 1)[-1], one.kind) for one in found if name in (None, one.set))


def toned(gray, red=1.0, green=0.88, blue=0.7):
    return np.rint(gray[..., None] * np.array([red, green, blue])).astype(np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One photograph of each fault among good ones, below a Korean name with a space."""
    root = write(
        tmp_path_factory.mktemp("사진 묶음") / "궁궐 사진",
        {
            "a_good.png": photo(1), "b_good.jpg": photo(2), "c_small.png": photo(3, 70, 50), "d_tiny.png": photo(4, 20, 14),
            "e_gray.png": gray_of(photo(5)), "f_grayjpg.jpg": np.repeat(gray_of(photo(6))[..., None], 3, axis=2),
            "g_sepia.jpg": toned(gray_of(photo(7))), "h_wide.png": photo(8, 400, 90),
            "i_deep.png": photo(9).astype(np.uint16) * 257, "j_copy.jpg": np.ascontiguousarray(photo(1)[:, ::-1]),
            "sub/k_good.png": photo(10),
        },
    )
    (root / "l_broken.jpg").write_bytes((root / "b_good.jpg").read_bytes()[:2000])
    (root / "m_text.png").write_bytes(b"no picture")
    (root / "n_same.png").write_bytes((root / "a_good.png").read_bytes())
    return root


def test_each_fault_is_named_with_its_file(folder):
    diagnosis = diagnose(folder, PARAMS)
    assert kinds(diagnosis) == [
        ("c_small.png", "small"), ("d_tiny.png", "tiny"), ("e_gray.png", "gray"), ("f_grayjpg.jpg", "gray"),
        ("g_sepia.jpg", "sepia"), ("h_wide.png", "panorama"), ("i_deep.png", "sixteen_bit"), ("j_copy.jpg", "near_duplicate"),
        ("l_broken.jpg", "corrupt"), ("m_text.png", "corrupt"), ("n_same.png", "duplicate"),
    ]  # fmt: skip
    assert diagnosis.photographs == 10
    assert diagnosis.shorter_px == (50, 120, 120)
    (few,) = [one for one in diagnosis.findings if one.kind == "few"]
    assert few.file == str(folder)
    (copy,) = [one for one in diagnosis.findings if one.kind == "near_duplicate"]
    assert "mirrored" in copy.detail
    assert "a_good.png" in copy.detail
    assert all(one.advice and one.detail for one in diagnosis.findings)


def test_every_kind_has_advice_and_the_gravest_come_first(folder):
    assert set(KINDS) <= ADVICE.keys()
    diagnosis = diagnose(folder, PARAMS, folder)
    order = list(ADVICE)
    places = [order.index(one.kind) for one in diagnosis.findings]
    assert places == sorted(places)
    assert sum(diagnosis.counts().values()) == len(diagnosis.findings)


def test_what_is_in_both_sets_is_a_leak(tmp_path):
    train = write(tmp_path / "train", {f"{seed}.png": photo(seed) for seed in range(1, 5)})
    mirrored, smaller = photo(3)[:, ::-1], cv2.resize(photo(4), (80, 60), interpolation=cv2.INTER_AREA)
    test = write(tmp_path / "test", {"new.png": photo(20), "m.jpg": np.ascontiguousarray(mirrored), "s.jpg": smaller})
    diagnosis = diagnose(train, PARAMS, test)
    assert [name for name, kind in kinds(diagnosis, "test") if kind == "leakage"] == ["m.jpg", "s.jpg"]
    details = [one.detail for one in diagnosis.findings if one.kind == "leakage"]
    assert "mirrored" in details[0]
    assert str(train / "3.png") in details[0]
    assert str(train / "4.png") in details[1]
    assert (diagnosis.photographs, diagnosis.test_photographs) == (4, 3)
    assert [one.set for one in diagnosis.findings if one.kind == "few"] == ["train", "test"]


def test_very_different_sizes_are_named_once(tmp_path):
    sizes = [(70, 64)] * 3 + [(420, 300)] * 3
    photos = write(tmp_path / "p", {f"{seed}.png": photo(seed, *size) for seed, size in enumerate(sizes)})
    assert kinds(diagnose(photos, PARAMS)) == [("p", "mixed_sizes")]


def test_gray_and_color_folders(tmp_path):
    write(tmp_path / "color", {f"{name}.png": photo(seed) for seed, name in enumerate("abcde")})
    shifted, smaller = np.roll(gray_of(photo(1)), 9, axis=1), gray_of(photo(2, 100, 90))
    write(tmp_path / "gray", {"a.png": gray_of(photo(0)), "b.png": shifted, "c.png": smaller, "e.png": photo(4)})
    assert kinds(diagnose(tmp_path, PARAMS)) == [
        ("b.png", "misaligned"), ("c.png", "misaligned"), ("d.png", "unpaired"), ("e.png", "color_input"),
    ]


def test_side_by_side_pairs_may_have_any_color(tmp_path):
    halves = {f"{seed}.png": np.hstack([toned(gray_of(photo(seed))), toned(gray_of(photo(seed)), 0.4)]) for seed in (1, 2)}
    halves["small.png"] = np.hstack([photo(3, 50, 70), photo(3, 50, 70)])
    diagnosis = diagnose(write(tmp_path / "p", halves), Params(resol=64, pairing="side_by_side", color_space="RGB"))
    assert [(one.kind, one.detail) for one in diagnosis.findings if one.kind != "few"] == [("small", "50 x 70 px; RESOL=64")]
    assert diagnosis.glare_share is None


def test_pairs_and_single_pictures_that_are_trained_on_as_the_other_are_told(tmp_path):
    wide, pair = scene(3, 240, 120), np.hstack([scene(4, 120, 120), scene(5, 120, 120)])
    photos = write(tmp_path / "p", {"pair.png": pair, "wide.png": wide})
    assert ("pair.png", "pair") in kinds(diagnose(photos, PARAMS))
    assert ("wide.png", "pair") not in kinds(diagnose(photos, PARAMS))
    of_halves = kinds(diagnose(photos, Params(resol=64, pairing="side_by_side", color_space="RGB")))
    assert of_halves == [("wide.png", "one_picture")]


def test_what_training_refuses_as_a_whole_is_told_first(tmp_path):
    for folder in ("train_A", "train_B"):
        write(tmp_path / "p" / folder, {"a.png": photo(1), "b.png": photo(2)})
    first = diagnose(tmp_path / "p", PARAMS).findings[0]
    assert (first.file, first.kind) == (str(tmp_path / "p"), "layout")
    assert "hold the same names" in first.detail


def test_large_turned_jpegs_are_decoded_small_and_told_whole(tmp_path):
    large = cv2.resize(photo(1), (2400, 1200))
    for name, pixels in {"color.jpg": large, "gray.jpg": np.repeat(gray_of(large)[..., None], 3, axis=2)}.items():
        exif = Image.Exif()
        exif[274] = 6
        Image.fromarray(pixels).save(tmp_path / name, exif=exif, quality=90)
    pixels, size_px, _ = read_small(tmp_path / "color.jpg", 512)
    assert (pixels.shape, size_px) == ((600, 300, 3), (1200, 2400))
    diagnosis = diagnose(tmp_path, Params(resol=2048))
    small = [one.detail for one in diagnosis.findings if one.kind == "small"]
    assert small == ["1200 x 2400 px; RESOL=2048"] * 2
    assert ("gray.jpg", "gray") in kinds(diagnosis)


def test_glare_and_where_the_detector_abstains(tmp_path):
    glints = np.full((120, 160, 3), (90, 60, 50), np.uint8)
    for x in range(20, 160, 30):
        for y in (25, 60, 95):
            cv2.circle(glints, (x, y), 9, (255, 255, 255), -1)
    photos = write(tmp_path / "p", {"a.png": glints})

    def told(**settings):
        diagnosis = diagnose(photos, Params(resol=64, det_method="threshold", det_max_area=0.2, **settings))
        return diagnosis, [one.kind for one in diagnosis.findings if one.kind.startswith("glare")]

    diagnosis, found = told(det_max_total=0.5)
    assert found == ["glare"]
    assert 0.1 <= diagnosis.glare_share <= 0.5
    assert told(det_max_total=0.05)[1] == ["glare_abstained"]
    assert told(det_core_prominence=0.5, det_core_level=1.0, det_min_area_px=400)[1] == []


@pytest.mark.parametrize(
    ("tone", "seen"), [(lambda gray: toned(gray), True), (lambda gray: toned(gray, 0.7, 0.85, 1.0), True), (None, False)]
)
def test_toned_photographs_stray_little(tone, seen):
    spreads = [toned_spread(photo(seed) if tone is None else tone(gray_of(photo(seed)))) for seed in range(1, 6)]
    assert all((spread <= 7) == seen for spread in spreads), spreads


def test_a_cast_points_to_its_color():
    rng = np.random.default_rng(2)
    neutral = np.clip(rng.normal(128, 40, (60, 80, 1)) + rng.normal(0, 6, (60, 80, 3)), 0, 255)
    assert np.hypot(*color_cast(neutral.astype(np.uint8))) < 3
    casts = (((1, 1, 0.7), 1, 1), ((0.75, 0.88, 1.15), 1, -1), ((1.15, 0.85, 1), 0, 1), ((0.85, 1.1, 0.85), 0, -1))
    for gains, axis, sign in casts:
        cast = color_cast(np.clip(neutral * gains, 0, 255).astype(np.uint8))
        assert np.hypot(*cast) > 9
        assert sign * cast[axis] > 5
    # Colors on a neutral ground are no cast.
    roof = neutral.copy()
    roof[:20] = (200, 40, 30)
    assert np.hypot(*color_cast(roof.astype(np.uint8))) < 3
    assert color_cast(np.full((4, 4, 3), 255, np.uint8)) == (0, 0)


def test_a_cast_is_told(tmp_path):
    warm = np.clip(np.random.default_rng(4).normal(120, 30, (90, 90, 3)) * (1.2, 1, 0.6), 0, 255).astype(np.uint8)
    (finding,) = [one for one in diagnose(write(tmp_path / "p", {"a.png": warm}), PARAMS).findings if one.kind == "color_cast"]
    assert "yellow" in finding.detail or "orange" in finding.detail


def test_one_set_that_cannot_be_read_does_not_hide_the_other(tmp_path):
    photos = write(tmp_path / "p", {"a.png": photo(1), "b.png": photo(2)})
    diagnosis = diagnose(photos, PARAMS, tmp_path / "missing")
    assert diagnosis.photographs == 2
    (reason,) = diagnosis.unreadable
    assert "missing" in reason
    (tmp_path / "empty").mkdir()
    for place in ("missing", "empty"):
        with pytest.raises(NoPhotographs, match=place):
            diagnose(tmp_path / place, PARAMS)


def test_a_set_without_one_intact_photograph_is_told_file_by_file(tmp_path):
    for name in ("a.jpg", "b.png"):
        (tmp_path / name).write_bytes(b"no picture")
    diagnosis = diagnose(tmp_path, PARAMS)
    assert kinds(diagnosis) == [("a.jpg", "corrupt"), ("b.png", "corrupt")]
    assert diagnosis.photographs == 0
    assert diagnosis.shorter_px is None


def test_progress_counts_to_the_end(tmp_path):
    photos = write(tmp_path / "p", {"a.png": photo(1), "b.png": photo(2)})
    seen = []
    diagnose(photos, PARAMS, photos, progress=seen.append)
    assert seen == [1, 2, 3, 4]
    assert count_photographs(photos, photos) == 4
    assert count_photographs(photos / "a.png", None) == 1


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_what_cannot_be_followed_is_told(tmp_path):
    """Also where no photograph is usable, and each is examined by itself."""
    for name, side in (("small", 20), ("usable", 300)):
        folder = tmp_path / name
        folder.mkdir()
        write_photo(folder / "a.png", scene(1, side, side))
        (folder / "behind").symlink_to("nowhere")
        (reason,) = diagnose(folder, Params()).unreadable
        assert "a link to nowhere, which cannot be reached" in reason
