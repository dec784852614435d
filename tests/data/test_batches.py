"""What a sample is, and that it depends on the seed and its number alone."""

import math

import numpy as np
import pytest
import torch

from dancheong.data import batches as batches_module
from dancheong.data.batches import augmented, batches, crop_window, photograph_at, validation_samples
from dancheong.data.cache import Cache
from dancheong.data.prepare import to_network
from dancheong.imaging.color import gray_of, rgb_to_lab
from dancheong.params import ParamError, Params

RESOL = 16
PLAIN = {"resol": RESOL, "batch_size": 4, "jitter_light": 0.0}
HALVES = Params(pairing="side_by_side", color_space="RGB", **PLAIN)
FIXED = Params(flip=0, crop_scale_min=1, jitter_angle=0, **PLAIN)


def record(seed, height=22, width=30, alpha=None):
    """A cached photograph: gray, RGB, and perhaps alpha."""
    rng = np.random.default_rng(seed)
    color = np.clip(rng.integers(0, 200, (1, 1, 3)) + rng.integers(0, 56, (height, width, 3)), 0, 255).astype(np.uint8)
    planes = [gray_of(color), color] if alpha is None else [gray_of(color), color, alpha]
    return np.dstack(planes)


def cache_of(*records):
    return Cache(list(records), [f"{index}.png" for index in range(len(records))], "0" * 64, None)


FIVE = cache_of(*(record(seed) for seed in range(5)))


def whole(cache, params, start, stop, **where):
    return [torch.cat(parts) for parts in zip(*batches(cache, params, start, stop, **where), strict=True)]


def same(first, second):
    return len(first) == len(second) and all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("scale", [0.3, 1.0])
def test_input_target_and_weight_go_through_one_window_and_one_flip(scale):
    row, column = np.mgrid[0:40, 0:50].astype(np.uint8) * 5
    place = np.dstack([row, column, row // 2 + column // 2])
    both = np.dstack([place, place])
    params = HALVES.model_copy(update={"crop_scale_min": scale})
    for seed in range(30):
        source, target, _ = augmented(both, params, np.random.default_rng(seed))
        assert np.array_equal(source, target)
    gray_and_damage = np.dstack([row, place, row])
    params = Params(color_space="RGB", crop_scale_min=scale, **PLAIN)
    for seed in range(30):
        source, target, weight = augmented(gray_and_damage, params, np.random.default_rng(seed))
        assert np.allclose(source[0], target[0], atol=1e-6)
        assert np.allclose(weight[0], 1 - (source[0] + 1) / 2, atol=1e-6)


def test_sample_k_depends_on_seed_and_k_alone():
    params = Params(**{**PLAIN, "jitter_light": 0.5})
    run = whole(FIVE, params, 0, 24)
    assert run[0].shape == (24, 1, RESOL, RESOL)
    assert run[1].shape == (24, 2, RESOL, RESOL)
    assert run[2].shape == (24, 1, RESOL, RESOL)
    assert all(part.dtype == torch.float32 for part in run)
    for start in (1, 7, 20):
        assert same(whole(FIVE, params, start, 24), [part[start:] for part in run])
    other_steps = params.model_copy(update={"batch_size": 7})
    assert same(whole(FIVE, other_steps, 0, 24), run)
    assert not torch.equal(whole(FIVE, params.model_copy(update={"seed": 2}), 0, 24)[0], run[0])


def test_worker_processes_change_no_byte_and_leave_the_global_generator_alone():
    params = Params(**{**PLAIN, "jitter_light": 0.5})
    expected = list(batches(FIVE, params, 3, 14))
    torch.manual_seed(5)
    before = torch.get_rng_state()
    found = list(batches(FIVE, params.model_copy(update={"workers": 2}), 3, 14))
    assert torch.equal(torch.get_rng_state(), before)
    assert [len(batch.input_bchw) for batch in found] == [4, 4, 3]
    assert all(same(one, other) for one, other in zip(found, expected, strict=True))


def test_ranks_share_each_step_of_the_same_run():
    params = Params(**PLAIN)
    together = list(batches(FIVE, params, 2, 14))
    ranks = [list(batches(FIVE, params, 2, 14, rank=rank, world=2)) for rank in range(2)]
    for step, batch in enumerate(together):
        for rank in range(2):
            assert same(ranks[rank][step], [part[rank::2] for part in batch])
    uneven = [[len(batch.input_bchw) for batch in batches(FIVE, params, 0, 7, rank, 2)] for rank in range(2)]
    assert uneven == [[2, 1], [2, 1]]
    with pytest.raises(ParamError, match="BATCH_SIZE=4 cannot be shared by 3 processes"):
        batches(FIVE, params, 0, 8, 0, 3)


def test_each_epoch_shows_every_photograph_once_in_another_order():
    epochs = [tuple(photograph_at(image, 9, 1) for image in range(9 * epoch, 9 * epoch + 9)) for epoch in range(4)]
    assert all(sorted(epoch) == list(range(9)) for epoch in epochs)
    assert len(set(epochs)) == 4


def test_the_paper_s_crop_takes_every_offset_and_resamples_nothing():
    params = Params(flip=0.5, crop_scale_min=1, jitter=3, jitter_angle=0, color_space="RGB", **PLAIN)
    photo = record(1, RESOL + 3, RESOL + 3)
    network = to_network(photo[..., :1], params)[0]
    windows = {
        (top, left, flipped): np.flip(network[top : top + RESOL, left : left + RESOL], 1) if flipped else
        network[top : top + RESOL, left : left + RESOL]
        for top in range(4) for left in range(4) for flipped in (False, True)
    }  # fmt: skip
    seen = []
    for seed in range(400):
        sample = augmented(photo, params, np.random.default_rng(seed))[0][0]
        seen += [key for key, window in windows.items() if np.array_equal(window, sample)]
    assert len(seen) == 400
    assert len(set(seen)) == 32
    assert 0.43 < np.mean([flipped for _, _, flipped in seen]) < 0.57


@pytest.mark.parametrize("size", [(300, 400), (400, 300), (256, 256)])
def test_resized_crops_have_the_area_and_aspect_asked_for(size):
    params = Params(crop_scale_min=0.35)
    windows = np.array([crop_window(*size, params, np.random.default_rng(seed)) for seed in range(600)])
    top, left, height, width = windows.T
    area, aspect = height * width / (size[0] * size[1]), width / height
    assert (top >= 0).all()
    assert (left >= 0).all()
    assert (top + height <= size[0]).all()
    assert (left + width <= size[1]).all()
    assert 0.345 <= area.min() < 0.38
    assert 0.85 < area.max() <= 1
    assert aspect.min() >= 0.74
    assert aspect.max() <= 1.35
    assert abs(np.log(aspect).mean()) < 0.06


@pytest.mark.parametrize(("height", "width"), [(20, 400), (400, 20), (1, 1), (5, 7)])
@pytest.mark.parametrize("scale", [0.9, 1.0])
def test_any_shape_of_picture_gives_a_square_sample(height, width, scale):
    params = Params(crop_scale_min=scale, **PLAIN)
    parts = augmented(record(3, height, width), params, np.random.default_rng(0))
    assert [part.shape for part in parts] == [(1, RESOL, RESOL), (2, RESOL, RESOL), (1, RESOL, RESOL)]
    assert all(np.isfinite(part).all() for part in parts)


def test_shrinking_averages_and_does_not_alias():
    checkers = (np.indices((90, 90)).sum(axis=0) % 2 * 255).astype(np.uint8)
    params = Params(crop_scale_min=0.9, color_space="RGB", **PLAIN)
    for seed in range(5):
        source, _, _ = augmented(np.dstack([checkers] * 4), params, np.random.default_rng(seed))
        assert np.abs(source).max() < 0.2


def test_gray_input_matches_the_lightness_of_its_target():
    photo = record(4, RESOL, RESOL)
    source, target, _ = augmented(photo, FIXED, np.random.default_rng(0))
    lab_chw = np.moveaxis(rgb_to_lab(photo[..., 1:]), -1, 0)
    assert np.allclose((source[0] + 1) * 50, lab_chw[0], atol=0.3)
    assert np.allclose(target * 110, lab_chw[1:], atol=1e-3)


def test_a_crop_is_turned_about_its_middle_and_nothing_beyond_the_edge_is_invented():
    """A disc in the middle stays where it is; a bar across it leans, by at most the angle, to both sides."""
    row, column = np.mgrid[-20:21, -20:21]
    bar = ((abs(row) < 2) * 200).astype(np.uint8)
    disc = ((np.hypot(row, column) < 12) * 200).astype(np.uint8)
    photo = np.dstack([bar, disc, disc, disc])
    params = Params(resol=41, color_space="RGB", flip=0, crop_scale_min=1, jitter_light=0, jitter_angle=30)
    slopes = []
    for seed in range(12):
        source, target, _ = augmented(photo, params, np.random.default_rng(seed))
        assert np.abs(target[0] - target[0][::-1, ::-1]).mean() < 0.02
        assert np.allclose((target[0] > 0).sum(), (disc > 100).sum(), rtol=0.1)
        rows, columns = np.nonzero(source[0] > 0)
        slopes.append(np.degrees(np.arctan(np.polyfit(columns, rows, 1)[0])))
    assert max(np.abs(slopes)) < 32
    assert min(slopes) < -8
    assert max(slopes) > 8


def test_old_plates_change_their_share_of_the_gray_inputs_and_nothing_else():
    old = FIXED.model_copy(update={"old_plates": 0.5})
    changed = []
    for seed in range(40):
        plain, aged = (augmented(FIVE[0], params, np.random.default_rng(seed)) for params in (FIXED, old))
        assert np.array_equal(plain[1], aged[1])
        changed.append(not np.array_equal(plain[0], aged[0]))
    assert 8 < sum(changed) < 32


def test_light_varies_the_gray_input_only():
    varied = FIXED.model_copy(update={"jitter_light": 0.5})
    differences = []
    for seed in range(20):
        plain = augmented(FIVE[0], FIXED, np.random.default_rng(seed))
        lit = augmented(FIVE[0], varied, np.random.default_rng(seed))
        assert np.array_equal(plain[1], lit[1])
        assert np.array_equal(plain[2], lit[2])
        differences.append(float((lit[0] - plain[0]).mean()))
    assert min(differences) < -0.02
    assert max(differences) > 0.02
    halves = np.dstack([FIVE[0][..., 1:], FIVE[0][..., 1:]])
    source, target, _ = augmented(halves, HALVES.model_copy(update={"jitter_light": 2.0}), np.random.default_rng(1))
    assert np.array_equal(source, target)


def test_synthetic_glare_falls_on_its_share_of_inputs_and_never_on_targets():
    photo = record(5, 48, 48)
    glaring = FIXED.model_copy(update={"resol": 48, "aug_glare_p": 0.5})
    clean = FIXED.model_copy(update={"resol": 48})
    touched = 0
    for seed in range(24):
        before = augmented(photo, clean, np.random.default_rng(seed))
        after = augmented(photo, glaring, np.random.default_rng(seed))
        assert np.array_equal(before[1], after[1])
        assert np.array_equal(before[2], after[2])
        touched += not np.array_equal(before[0], after[0])
    assert 6 <= touched <= 18


def test_synthetic_glare_falls_after_the_light_has_changed(monkeypatch):
    def white_square(pixels, rng, make):
        damaged = pixels.copy()
        damaged[:4, :4] = np.iinfo(pixels.dtype).max
        return damaged, damaged != pixels

    monkeypatch.setattr("dancheong.glare.simulate.add_glare", white_square)
    lit = FIXED.model_copy(update={"jitter_light": 2.0})
    photo = record(5, RESOL, RESOL)
    for seed in range(12):
        plain = augmented(photo, lit, np.random.default_rng(seed))[0][0]
        glaring = augmented(photo, lit.model_copy(update={"aug_glare_p": 1.0}), np.random.default_rng(seed))[0][0]
        assert glaring[:4, :4].min() > 0.999, "the sun is burnt out whatever the exposure of the scene"
        assert np.allclose(glaring[4:], plain[4:], atol=1e-3)


def test_weights_are_what_the_loss_mask_leaves():
    alpha = np.zeros((RESOL, RESOL), np.uint8)
    alpha[:4], alpha[4:8] = 255, 51
    photo = record(6, RESOL, RESOL, alpha)
    for mask_weight in (0.0, 0.25):
        params = FIXED.model_copy(update={"loss_mask_weight": mask_weight})
        weight = augmented(photo, params, np.random.default_rng(0))[2][0]
        assert np.allclose(weight[:4], mask_weight, atol=1e-6)
        assert np.allclose(weight[4:8], 1 - 0.2 * (1 - mask_weight), atol=1e-6)
        assert (weight[8:] == 1).all()
    assert (augmented(photo[..., :4], FIXED, np.random.default_rng(0))[2] == 1).all()


def test_validation_shows_whole_photographs_without_variation():
    cache = cache_of(record(7, 32, 48), record(8, RESOL, 20))
    params = Params(**{**PLAIN, "jitter_light": 3.0, "flip": 1.0, "aug_glare_p": 1.0, "predict_resol": RESOL})
    samples = list(validation_samples(cache, params))
    assert [name for name, _, _ in samples] == ["0.png", "1.png"]
    assert [source.shape for _, source, _ in samples] == [(1, 16, 24), (1, 16, 20)]
    assert [target.shape for _, _, target in samples] == [(2, 16, 24), (2, 16, 20)]
    assert np.array_equal(samples[1][1], to_network(cache[1][..., :1], params))
    assert len(list(validation_samples(cache, params, limit=1))) == 1


def test_validation_photographs_come_one_by_one(monkeypatch):
    made = []
    monkeypatch.setattr(batches_module, "to_network", lambda *_: made.append(1) or np.zeros((1, RESOL, RESOL), np.float32))
    samples = iter(validation_samples(FIVE, FIXED))
    next(samples)
    assert len(made) == 1


def test_an_epoch_s_statistics_do_not_drift_with_many_images():
    shares = [photograph_at(image, 3, 7) for image in range(300)]
    assert all(shares.count(index) == 100 for index in range(3))
    assert math.isfinite(float(whole(FIVE, FIXED, 10**10, 10**10 + 2)[0].sum()))
