"""Batches made on the device are those of the host, but for rounding; here the device is the processor."""

import numpy as np
import pytest
import torch

from dancheong.data.batches import batches
from dancheong.data.cache import Cache
from dancheong.data.gpu_batches import belongs_on_device, gpu_batches
from dancheong.imaging.color import gray_of
from dancheong.imaging.files import write_photo
from dancheong.params import ParamError, Params
from dancheong.scenes import scene
from dancheong.training.loop import train

CPU = torch.device("cpu")
ROWS = {"resol": 32, "batch_size": 4, "device": "cpu"}


def record(seed, damaged=False):
    color = scene(seed, 90, 60)
    planes = [gray_of(color), color]
    if damaged:
        planes.append(np.tile(np.arange(90, dtype=np.uint8) * 2, (60, 1)))
    return np.dstack(planes)


def cache_of(*records):
    return Cache(list(records), [f"{index}.png" for index in range(len(records))], "0" * 64, None)


FIVE = cache_of(*(record(seed, damaged=seed == 2) for seed in range(5)))
HALVES = cache_of(*(np.dstack([scene(seed, 50, 40), scene(seed + 9, 50, 40)]) for seed in range(3)))


def both(cache, params, start=0, stop=20, **where):
    """(input, target, weight) of the host and of the device."""
    resident = gpu_batches(cache, params, CPU, start, stop, **where)
    host = batches(cache, params, start, stop, **where)
    return [[torch.cat(parts) for parts in zip(*made, strict=True)] for made in (host, resident)]


@pytest.mark.parametrize("change", [{}, {"color_space": "RGB"}, {"loss_mask_weight": 0.5}, {"flip": 1.0, "jitter_light": 1.0}])
def test_crops_that_are_not_resampled_are_the_host_s_to_the_last_digits(change):
    params = Params(**{**ROWS, "crop_scale_min": 1, "jitter_angle": 0, **change})
    for host, device in zip(*both(FIVE, params), strict=True):
        assert host.shape == device.shape
        assert device.dtype == torch.float32
        assert torch.allclose(host, device, atol=2e-6)


def test_side_by_side_pairs_are_the_host_s_to_the_last_digits():
    params = Params(**{**ROWS, "pairing": "side_by_side", "color_space": "RGB", "crop_scale_min": 1, "jitter_angle": 0})
    for host, device in zip(*both(HALVES, params), strict=True):
        assert torch.allclose(host, device, atol=2e-6)


@pytest.mark.parametrize("angle", [0, 10, 90])
def test_resampled_crops_differ_by_rounding_only(angle):
    params = Params(**ROWS, jitter_angle=angle)
    spread = 0.05
    for host, device in zip(*both(FIVE, params, 0, 60), strict=True):
        assert (host - device).abs().mean() < spread * host.std() + 1e-3
    # Turned the other way, or not flipped, they would be others.
    host, _ = both(FIVE, params, 0, 60)
    assert (host[0] - host[0].flip(-1)).abs().mean() > 5 * spread * host[0].std()


def test_a_turned_crop_of_a_straight_slope_is_turned_the_same_way():
    slope = np.tile(np.linspace(0, 250, 120).astype(np.uint8), (120, 1))
    cache = cache_of(np.dstack([slope] * 4))
    params = Params(**ROWS, color_space="RGB", jitter_angle=60, flip=0.5, crop_scale_min=0.15, jitter_light=0)
    host, device = both(cache, params, 0, 40)
    assert (host[0] - device[0]).abs().mean() < 0.02


def test_small_photographs_are_enlarged_and_mirrored():
    cache = cache_of(record(1)[:20, :17], record(2)[:9, :40])
    host, device = both(cache, Params(**ROWS), 0, 16)
    assert device[0].shape == (16, 1, 32, 32)
    assert (host[0] - device[0]).abs().mean() < 0.05


@pytest.mark.parametrize("change", [{"aug_glare_p": 1.0}, {"old_plates": 0.5}])
def test_what_only_the_host_can_do_comes_from_it(change):
    for host, device in zip(*both(FIVE, Params(**ROWS, **change)), strict=True):
        assert torch.equal(host, device)


def test_sample_k_depends_on_seed_and_k_alone_and_ranks_share_a_step():
    params = Params(**ROWS, aug_glare_p=0.5)
    whole = both(FIVE, params, 0, 24)[1][0]
    assert torch.equal(both(FIVE, params, 8, 24)[1][0], whole[8:])
    parts = [both(FIVE, params, 0, 24, rank=rank, world=2)[1][0] for rank in (0, 1)]
    assert torch.equal(parts[0], whole[0::2])
    assert torch.equal(parts[1], whole[1::2])
    with pytest.raises(ParamError, match="BATCH_SIZE"):
        gpu_batches(FIVE, params, CPU, 0, 8, 0, 3)


def test_auto_stays_on_the_host_where_nothing_is_gained():
    assert not belongs_on_device(FIVE, Params(**ROWS), CPU)
    assert belongs_on_device(FIVE, Params(**ROWS, cache="device"), CPU)
    assert not belongs_on_device(FIVE, Params(**ROWS, cache="memory"), torch.device("cuda"))
    assert not belongs_on_device(FIVE, Params(**ROWS, workers=2), torch.device("cuda"))


def test_auto_goes_to_a_cuda_device_with_room(monkeypatch):
    size = sum(FIVE[index].nbytes for index in range(5))
    for free, expected in ((100 * size, True), (2 * size, False)):
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device, free=free: (free, 10 * free))
        assert belongs_on_device(FIVE, Params(**ROWS), torch.device("cuda")) is expected


def test_a_training_on_the_device_resumes_bit_for_bit_and_learns_what_the_host_does(tmp_path):
    photographs = tmp_path / "photos"
    photographs.mkdir()
    for seed in range(4):
        write_photo(photographs / f"{seed}.png", scene(seed, 60, 48))
    params = Params(**ROWS, ngf=4, ndf=4, encoder="unet", depth=3, epochs=4, cache="device", glare_mode="off")
    whole = train(photographs, tmp_path / "whole.h5", params)
    stopped = train(photographs, tmp_path / "parts.h5", params, watch=lambda progress: progress.images_seen >= 8)
    assert stopped.stopped
    again = train(photographs, tmp_path / "parts.h5", params, resume=True)
    assert again.losses == whole.losses
    host = train(photographs, tmp_path / "host.h5", params.model_copy(update={"cache": "auto"}))
    assert host.losses["l1"] == pytest.approx(whole.losses["l1"], rel=0.05)
    assert host.losses != whole.losses
