"""The losses: canonical values, and the invariants of a weight for damaged pixels."""

import math

import numpy as np
import pytest
import torch
from skimage import color
from torch.nn import functional as F

from dancheong.models.blocks import initialize
from dancheong.models.discriminator import Discriminator, ReceptiveField, discriminator_rows, receptive_field
from dancheong.models.losses import COLOR_UNIT, adversarial, ciede2000, color_distance, compose, l1, pool_weight
from dancheong.params import Params

FIELD_70 = ReceptiveField(70, 8, 23)


@pytest.fixture
def pictures() -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(5)
    fake = torch.rand(2, 3, 64, 48, generator=random) * 2 - 1
    target = torch.rand(2, 3, 64, 48, generator=random) * 2 - 1
    return fake, target


def mask(share: float) -> torch.Tensor:
    """Weights of 0 on the left `share` of the width, of 1 elsewhere."""
    weight = torch.ones(2, 1, 64, 48)
    weight[..., : round(48 * share)] = 0
    return weight


def test_plain_losses_are_torch_s_own(pictures: tuple[torch.Tensor, torch.Tensor]) -> None:
    fake, target = pictures
    torch.testing.assert_close(l1(fake, target), F.l1_loss(fake, target))
    for is_real in (True, False):
        expected = F.binary_cross_entropy_with_logits(fake[:, :1], torch.full_like(fake[:, :1], float(is_real)))
        torch.testing.assert_close(adversarial(fake[:, :1], is_real), expected)


def test_logits_of_zero_cost_ln_2() -> None:
    zeros = torch.zeros(2, 1, 30, 30)
    for loss in (adversarial(zeros, True), adversarial(zeros, False)):
        assert loss.item() == pytest.approx(math.log(2))


def test_right_verdicts_cost_nothing_and_halves_are_summed_in_single_precision() -> None:
    right = torch.full((2, 1, 6, 6), 9.0)
    assert adversarial(right, True) + adversarial(-right, False) < 1e-3
    verdicts = torch.randn(2, 1, 6, 6).bfloat16()
    assert torch.equal(adversarial(verdicts, True), adversarial(verdicts.float(), True))


def test_the_color_distance_does_not_depend_on_the_axes(pictures: tuple[torch.Tensor, torch.Tensor]) -> None:
    fake, target = (picture[:, :2] for picture in pictures)
    expected = (fake - target).norm(dim=1).mean()
    torch.testing.assert_close(color_distance(fake, target), expected, atol=COLOR_UNIT / 10, rtol=0)
    turned = torch.tensor([[math.cos(1), -math.sin(1)], [math.sin(1), math.cos(1)]])
    both = [torch.einsum("ij,bjhw->bihw", turned, picture) for picture in (fake, target)]
    torch.testing.assert_close(color_distance(*both), color_distance(fake, target))
    # L1 depends on the axes.
    assert abs(l1(*both) - l1(fake, target)) > 1e-3


def test_the_color_distance_has_a_gradient_at_equality() -> None:
    same = torch.zeros(1, 2, 4, 4, requires_grad=True)
    (gradient,) = torch.autograd.grad(color_distance(same, torch.zeros(1, 2, 4, 4)), same)
    assert torch.equal(gradient, torch.zeros_like(gradient))


def start_values(norm: str, frozen: bool) -> list[float]:
    """D_real, D_fake and G_GAN of the canonical discriminator before the first step, by three seeds."""
    picture, real, fake = torch.rand(3, 1, 3, 128, 128, generator=torch.Generator().manual_seed(1)) * 2 - 1
    losses = []
    for seed in range(3):
        discriminator = Discriminator(discriminator_rows(Params(d_spectral=False, ndf=64, norm=norm), 6))
        initialize(discriminator, seed)
        with torch.no_grad():
            of_real = discriminator.train(not frozen)(torch.cat([picture, real], 1))
            of_fake = discriminator(torch.cat([picture, 0.1 * fake], 1))
        losses += [adversarial(of_real, True), adversarial(of_fake, False), adversarial(of_fake, True)]
    return [loss.item() for loss in losses]


@pytest.mark.parametrize(("norm", "frozen"), [("batch", True), ("none", False)])
def test_losses_at_the_start_are_about_ln_2(norm: str, frozen: bool) -> None:
    assert start_values(norm, frozen) == pytest.approx([0.69] * 9, abs=0.15)


def test_losses_at_the_start_under_batch_statistics_are_as_the_canonical_weights_make_them() -> None:
    # 4 x 4 x 512 inputs of mean square (1 + 0.2^2) / 2 and weights N(0, 0.02): logits of mean square 1.7, of which a part
    # is one shift of all. ln 2 + 1.7 / 8 = 0.91 on average, then; single values lie on both sides of it.
    losses = start_values("batch", frozen=False)
    assert sum(losses) / 9 == pytest.approx(0.91, abs=0.15)


def test_weights_of_one_are_the_plain_loss_bit_for_bit(pictures: tuple[torch.Tensor, torch.Tensor]) -> None:
    fake, target = pictures
    ones = torch.ones(2, 1, 64, 48)
    assert torch.equal(l1(fake, target, ones), l1(fake, target))
    assert torch.equal(color_distance(fake, target, ones), color_distance(fake, target))
    assert torch.equal(compose(fake, target, ones), fake)
    pooled = pool_weight(ones, FIELD_70)
    logits = torch.randn(pooled.shape)
    assert torch.equal(pooled, torch.ones_like(pooled))
    assert torch.equal(adversarial(logits, True, pooled), adversarial(logits, True))


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_constant_error_costs_the_same_however_much_is_damaged(share: float) -> None:
    weight, target = mask(share), torch.zeros(2, 3, 64, 48)
    assert l1(target + 0.25, target, weight).item() == pytest.approx(0.25, rel=1e-6)
    pooled = pool_weight(weight, FIELD_70)
    logits = torch.full(pooled.shape, 0.7)
    assert adversarial(logits, True, pooled).item() == pytest.approx(adversarial(logits, True).item(), rel=1e-6)


def test_damaged_pixels_do_not_count(pictures: tuple[torch.Tensor, torch.Tensor]) -> None:
    fake, target = pictures
    weight = mask(0.5)
    spoilt = torch.where(weight == 0, torch.full_like(fake, 1e6), fake)
    assert torch.equal(l1(spoilt, target, weight), l1(fake, target, weight))
    assert torch.equal(color_distance(spoilt, target, weight), color_distance(fake, target, weight))
    torch.testing.assert_close(l1(fake, target, weight), F.l1_loss(fake[..., 24:], target[..., 24:]))


def test_no_gradient_where_the_weight_is_zero(pictures: tuple[torch.Tensor, torch.Tensor]) -> None:
    fake, target = pictures
    weight = mask(0.5)
    rows = discriminator_rows(Params(d_spectral=False, ndf=2, resol=64, norm="batch", patch_size="16"), 3)
    discriminator = Discriminator(rows)
    initialize(discriminator, seed=2)
    fake.requires_grad_()
    logits = discriminator(compose(fake, target, weight))
    pooled = pool_weight(weight, receptive_field(rows))
    loss = adversarial(logits, True, pooled) + 100 * l1(fake, target, weight)
    (gradient,) = torch.autograd.grad(loss, fake)
    assert not gradient[..., :24].any()
    assert gradient[..., 24:].abs().min() > 0


def test_patches_that_see_only_damage_do_not_count() -> None:
    rows = discriminator_rows(Params(d_spectral=False, ndf=2, resol=64, patch_size="16"), 3)
    pooled = pool_weight(mask(0.5), receptive_field(rows))
    logits = torch.randn(pooled.shape)
    spoilt = torch.where(pooled == 0, torch.full_like(logits, 50.0), logits)
    assert (pooled == 0).any()
    assert torch.equal(adversarial(spoilt, False, pooled), adversarial(logits, False, pooled))


def test_a_batch_of_nothing_but_damage_costs_nothing(pictures: tuple[torch.Tensor, torch.Tensor]) -> None:
    fake, target = pictures
    fake.requires_grad_()
    nothing = torch.zeros(2, 1, 64, 48)
    loss = l1(fake, target, nothing) + adversarial(fake[:, :1], True, nothing)
    (gradient,) = torch.autograd.grad(loss, fake)
    assert loss.item() == 0
    assert not gradient.any()


@pytest.mark.parametrize("patch", ["1", "16", "34", "70", "142"])
@pytest.mark.parametrize(("height", "width"), [(96, 128), (65, 81)])
def test_pooled_weights_have_the_shape_of_the_logits(patch: str, height: int, width: int) -> None:
    rows = discriminator_rows(Params(d_spectral=False, ndf=1, norm="none", patch_size=patch), 3)
    logits = Discriminator(rows)(torch.zeros(2, 3, height, width))
    assert pool_weight(torch.ones(2, 1, height, width), receptive_field(rows)).shape == logits.shape


def test_a_pooled_weight_is_the_mean_over_what_its_logit_sees() -> None:
    weight = torch.rand(1, 1, 128, 128)
    pooled = pool_weight(weight, FIELD_70)[0, 0]
    first, last = 5 * 8 - 23, 0 * 8 - 23
    assert pooled[5, 5].item() == pytest.approx(weight[0, 0, first : first + 70, first : first + 70].mean().item(), rel=1e-5)
    assert pooled[0, 0].item() == pytest.approx(weight[0, 0, : last + 70, : last + 70].mean().item(), rel=1e-5)


def test_a_weight_of_another_shape_is_refused(pictures: tuple[torch.Tensor, torch.Tensor]) -> None:
    fake, target = pictures
    with pytest.raises(ValueError, match=r"\(2, 1, 64, 48\) was expected"):
        l1(fake, target, torch.ones(1, 1, 64, 48))


def test_half_precision_is_summed_in_single() -> None:
    fake, target = torch.full((1, 1, 512, 512), 0.5, dtype=torch.float16), torch.zeros(1, 1, 512, 512, dtype=torch.float16)
    assert l1(fake, target).item() == 0.5


def test_double_precision_stays_double() -> None:
    fake, target = torch.rand(1, 3, 64, 64, dtype=torch.float64), torch.rand(1, 3, 64, 64, dtype=torch.float64)
    pooled = pool_weight(torch.ones(1, 1, 64, 64, dtype=torch.float64), FIELD_70)
    assert pooled.dtype == l1(fake, target).dtype == adversarial(fake[:, :1], True).dtype == torch.float64
    torch.testing.assert_close(l1(fake, target), F.l1_loss(fake, target), rtol=1e-14, atol=0)


def test_ciede2000_is_that_of_an_independent_implementation() -> None:
    random = np.random.default_rng(3)
    pairs = random.uniform(-60, 60, (2, 500, 2)) * random.uniform(0, 1, (2, 500, 1))
    expected = color.deltaE_ciede2000(*np.concatenate([np.full((2, 500, 1), 50.0), pairs], 2))
    fake, target = (torch.from_numpy(part.T.reshape(1, 2, 500, 1)).float() * COLOR_UNIT for part in pairs)
    singles = [(fake[..., [number], :], target[..., [number], :]) for number in range(500)]
    found = np.array([ciede2000(*single).item() for single in singles]) / COLOR_UNIT
    error = np.abs(found - np.hypot(expected, 1))
    assert np.quantile(error, 0.9) < 0.01
    assert np.all(error < 0.01 + 0.03 * expected)  # of two opposite colors the mean hue is ill-defined


def test_ciede2000_has_a_gradient_everywhere_and_is_the_distance_of_colors_in_rgb(pictures) -> None:
    gray = torch.zeros(1, 2, 2, 2, requires_grad=True)
    for target in (torch.zeros(1, 2, 2, 2), torch.full((1, 2, 2, 2), 0.3)):
        (gradient,) = torch.autograd.grad(ciede2000(gray, target), gray)
        assert torch.isfinite(gradient).all()
    assert torch.equal(ciede2000(*pictures), color_distance(*pictures))
    weight = mask(0.5)
    spoilt = pictures[0][:, :2] * torch.where(weight == 0, 3.0, 1.0)
    assert torch.equal(ciede2000(spoilt, pictures[1][:, :2], weight), ciede2000(pictures[0][:, :2], pictures[1][:, :2], weight))
