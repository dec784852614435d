"""Every photograph prepared once, kept in memory or in a file that goes away."""

import gc
import pickle
import weakref
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from dancheong.data import cache as cache_module
from dancheong.data import prepare as prepare_module
from dancheong.data.cache import build_cache, cached_shape, free_memory_bytes
from dancheong.data.photographs import NoPhotographs, find_masks, find_pairs
from dancheong.data.prepare import prepare
from dancheong.glare.control import GlareResult
from dancheong.imaging.color import gray_of
from dancheong.params import Params

FIXED = Params(resol=32, crop_scale_min=1, glare_mode="off")


def view(seed, height=48, width=64):
    coarse = np.random.default_rng(seed).integers(0, 256, (height // 4, width // 4, 3), dtype=np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


class FakeMask:
    def __init__(self, alpha_hw):
        self.alpha_hw, self.share, self.abstained = alpha_hw.astype(np.float32), float(alpha_hw.mean()), False


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """Three photographs; temporary files go to a folder that can be looked into."""
    (tmp_path / "photos").mkdir()
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(cache_module.tempfile, "tempdir", str(tmp_path / "tmp"))
    for seed, name in enumerate(["a.png", "b.png", "c.png"]):
        Image.fromarray(view(seed)).save(tmp_path / "photos" / name)
    return tmp_path / "photos"


def pairs_of(photos, params=FIXED):
    return find_pairs(photos, params)[0]


def with_(params, **settings):
    return params.model_copy(update=settings)


def test_the_mapped_file_is_removed_and_nobody_writes_to_it(photos, tmp_path):
    with build_cache(pairs_of(photos), FIXED)[0] as cache:
        assert list((tmp_path / "tmp").iterdir()) == [cache.file]
        assert cache.names == ("a.png", "b.png", "c.png")
        assert cache.file.read_bytes() == b"".join(record.tobytes() for record in cache)
        assert not any(record.flags.writeable for record in cache)
    assert list((tmp_path / "tmp").iterdir()) == []
    cache.close()
    with pytest.raises(IndexError):
        cache[0]


def test_a_forgotten_cache_removes_its_file(photos, tmp_path):
    cache, _ = build_cache(pairs_of(photos), FIXED)
    assert cache.file.exists()
    del cache
    gc.collect()
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.parametrize(("limit", "expected"), [("300", 100), ("100", 0), ("max", None)])
def test_a_container_s_limit_counts_where_there_is_one(tmp_path, monkeypatch, limit, expected):
    for name, text in (("max", limit), ("current", "200")):
        (tmp_path / name).write_text(text + "\n", "ascii")
    monkeypatch.setattr(cache_module, "_CONTAINER_MEMORY", [(tmp_path / "max", tmp_path / "current"), ("none", "none")])
    found = free_memory_bytes()
    assert found > 2**20 if expected is None else found == expected


def test_a_worker_maps_the_same_file_and_leaves_it(photos):
    with build_cache(pairs_of(photos), FIXED)[0] as cache:
        pickled = pickle.dumps(cache)
        assert len(pickled) < 2000
        other = pickle.loads(pickled)
        assert np.array_equal(other[2], cache[2])
        other.close()
        assert cache.file.exists()


def test_each_photograph_is_decoded_and_prepared_once(photos, monkeypatch):
    decoded = []
    read = cache_module.read_pair
    monkeypatch.setattr(cache_module, "read_pair", lambda pair, params: decoded.append(pair.name) or read(pair, params))
    cache, refusals = build_cache(pairs_of(photos), FIXED)
    assert sorted(decoded) == ["a.png", "b.png", "c.png"]
    assert refusals == []
    for index in range(3):
        prepared = prepare(view(index), FIXED, "train")
        assert cache[index].shape[2] == 4
        assert abs(int(cache[index][..., 0].mean()) - int(prepared.input_hwc.mean())) <= 1


def test_at_the_size_of_the_crop_nothing_is_resampled(photos):
    cache, _ = build_cache(pairs_of(photos), with_(FIXED, resol=48))
    assert np.array_equal(cache[1][..., 1:], view(1))
    assert np.array_equal(cache[1][..., 0], gray_of(view(1)))


def test_what_decoding_finds_is_left_out(photos):
    good = (photos / "a.png").read_bytes()
    (photos / "broken.png").write_bytes(good[: len(good) // 2])
    Image.fromarray(view(1)).save(photos / "same pixels.png", compress_level=1)
    Image.fromarray(np.repeat(view(3)[..., :1], 3, axis=2)).save(photos / "gray.png")
    cache, refusals = build_cache(pairs_of(photos), FIXED)
    assert cache.names == ("a.png", "b.png", "c.png")
    assert {refusal.file.name: refusal.kind for refusal in refusals} == {
        "broken.png": "corrupt", "same pixels.png": "duplicate", "gray.png": "gray",
    }  # fmt: skip


def test_too_little_undamaged_area_is_left_out_and_the_rest_keeps_its_alpha(photos, tmp_path, monkeypatch):
    brightest = max(view(seed).mean() for seed in range(3))

    def control_glare(pixels, params, stage, drawn=None):
        alpha = np.zeros(pixels.shape[:2])
        alpha[:, : 40 if pixels.mean() == brightest else 16] = 1
        return GlareResult(pixels, FakeMask(alpha))

    monkeypatch.setattr(prepare_module, "control_glare", control_glare)
    params = Params(resol=48, crop_scale_min=1)
    cache, refusals = build_cache(pairs_of(photos), params)
    assert [refusal.kind for refusal in refusals] == ["glare"]
    assert len(cache) == 2
    assert np.array_equal(np.unique(cache[0][..., 4]), [0, 255])
    assert cache[0][..., 4].mean() == pytest.approx(255 / 4)
    cache.close()
    with build_cache(pairs_of(photos), with_(params, loss_mask="off"))[0] as without:
        assert [record.shape[2] for record in without] == [4, 4, 4]
    with pytest.raises(NoPhotographs, match="3 glare"):
        build_cache(pairs_of(photos), with_(params, loss_min_kept=0.9))
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_photograph_of_which_most_is_glare_is_left_out_though_the_detector_abstains(photos, monkeypatch):
    brightest = max(view(seed).mean() for seed in range(3))

    def control_glare(pixels, params, stage, drawn=None):
        mask = FakeMask(np.zeros(pixels.shape[:2]))
        if pixels.mean() == brightest:
            mask.share, mask.abstained = 0.8, True
        return GlareResult(pixels, mask)

    monkeypatch.setattr(prepare_module, "control_glare", control_glare)
    params = Params(resol=48, crop_scale_min=1)
    cache, refusals = build_cache(pairs_of(photos), params)
    assert [refusal.kind for refusal in refusals] == ["glare"]
    assert "only 20%" in refusals[0].reason
    assert len(cache) == 2
    assert len(build_cache(pairs_of(photos), with_(params, loss_min_kept=0.1))[0]) == 3
    assert len(build_cache(pairs_of(photos), with_(params, glare_mode="region"))[0]) == 3


def test_drawn_masks_are_used_and_told_by_the_fingerprint(photos, tmp_path):
    drawn = np.zeros((48, 64), np.uint8)
    drawn[8:20, 16:40] = 255
    (tmp_path / "masks").mkdir()
    Image.fromarray(drawn).save(tmp_path / "masks" / "B.PNG")
    Image.fromarray(drawn[1:]).save(tmp_path / "masks" / "c.png")
    params = Params(resol=48, crop_scale_min=1, glare_mode="lossmask")
    pairs = pairs_of(photos)
    cache, refusals = build_cache(pairs, params, masks=find_masks(tmp_path / "masks"))
    assert [(refusal.file.name, refusal.kind) for refusal in refusals] == [("c.png", "misaligned")]
    assert cache.names == ("a.png", "b.png")
    assert np.array_equal(cache[1][..., 4], drawn)
    without = build_cache(pairs[:2], params)[0]
    assert without.fingerprint != cache.fingerprint
    assert without[1].shape[2] == 4 or not np.array_equal(without[1][..., 4], drawn)


def test_a_file_that_somebody_still_looks_at_does_not_stop_the_program(photos, monkeypatch):
    """Windows refuses to remove a file while it is mapped."""
    unlink, maps = Path.unlink, []

    def as_on_windows(path, missing_ok=False):
        if any(alive() is not None for alive in maps):
            raise PermissionError(13, "being used by another process")
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", as_on_windows)
    later = []
    monkeypatch.setattr(cache_module.atexit, "register", lambda function, *args: later.append((function, args)))
    for looked_at in (False, True):
        cache, _ = build_cache(pairs_of(photos), FIXED)
        file, base = cache.file, cache[0]
        while isinstance(base.base, np.ndarray):
            base = base.base
        maps.append(weakref.ref(base))
        view_of_it = base[:3] if looked_at else None
        del base, cache
        gc.collect()
        assert file.exists() is looked_at
    assert view_of_it is not None
    del view_of_it
    ((again, args),) = later
    again(*args)
    assert not file.exists()


def test_the_fingerprint_knows_names_and_pixels_and_nothing_else(photos):
    before = build_cache(pairs_of(photos), FIXED)[0].fingerprint
    assert len(before) == 64
    Image.fromarray(view(0)).save(photos / "a.png", compress_level=1)
    assert build_cache(pairs_of(photos), with_(FIXED, resol=24, color_space="RGB"))[0].fingerprint == before
    (photos / "a.png").rename(photos / "a2.png")
    renamed = build_cache(pairs_of(photos), FIXED)[0].fingerprint
    changed_pixels = view(0)
    changed_pixels[5, 5, 1] ^= 1
    Image.fromarray(changed_pixels).save(photos / "a2.png")
    assert len({before, renamed, build_cache(pairs_of(photos), FIXED)[0].fingerprint}) == 3


def test_sixteen_bit_photographs_are_rounded_to_the_nearest_code(photos, tmp_path):
    folder = tmp_path / "deep"
    folder.mkdir()
    codes = (view(4) // 2).astype(np.uint16) * 257 + 120
    cv2.imencode(".png", codes[..., ::-1])[1].tofile(folder / "deep.png")
    cache, _ = build_cache(find_pairs(folder, FIXED)[0], with_(FIXED, resol=48))
    assert np.array_equal(cache[0][..., 1:], view(4) // 2)


def test_halves_are_kept_as_three_and_three_planes(tmp_path):
    Image.fromarray(np.hstack([view(1, 48, 48), view(2, 48, 48)])).save(tmp_path / "pair.png")
    params = Params(resol=40, jitter=8, crop_scale_min=1, pairing="side_by_side", color_space="RGB")
    cache, _ = build_cache(find_pairs(tmp_path, params)[0], params)
    assert np.array_equal(cache[0], np.dstack([view(1, 48, 48), view(2, 48, 48)]))


def test_for_validation_the_gray_is_treated_as_prediction_does_and_the_truth_stays(photos):
    params = Params(resol=48, predict_resol=48, glare_mode="global")
    cache, _ = build_cache(pairs_of(photos), params, stage="predict")
    assert np.array_equal(cache[0][..., 1:], view(0))
    assert np.array_equal(cache[0][..., :1], prepare(gray_of(view(0)), params, "predict").input_hwc)


@pytest.mark.parametrize("scale", [0.08, 0.35, 1.0])
def test_kept_as_large_as_crops_need_and_not_larger(scale):
    params = Params(resol=64, crop_scale_min=scale, jitter=6)
    for height, width in [(1000, 1500), (1500, 1000), (70, 90), (30, 40)]:
        shape = cached_shape(height, width, params, "train")
        assert shape[0] / shape[1] == pytest.approx(height / width, rel=0.05)
        if scale == 1:
            assert min(shape) == 70
        else:
            assert min(shape) == min(min(height, width), int(np.ceil(64 * np.sqrt(4 / 3 / scale))))
    assert min(cached_shape(1000, 1500, params, "predict")) == (96 if scale <= 0.25 else 64)  # a network that knows scales
