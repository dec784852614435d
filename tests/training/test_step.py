"""The step conforms to the canonical Pix2Pix: who is frozen when, what is minimized, how the rate falls."""

import copy
import re
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from dancheong.data.batches import Batch
from dancheong.experiment.table_4 import LOSSES
from dancheong.models.blocks import initialize
from dancheong.models.discriminator import Discriminator, discriminator_rows
from dancheong.models.network import Network
from dancheong.models.table import unet_table
from dancheong.params import Params, resolve
from dancheong.params.schema import ROWS
from dancheong.report import training_page
from dancheong.report.training_page import LOSS_CHARTS
from dancheong.training.step import Networks, lr_factor, train_step

TINY = {"resol": 32, "ngf": 4, "ndf": 4, "patch_size": "16", "dropout": 0.0}


def networks_of(params, seed=0, eps=1e-8):
    generator = Network(unet_table(params, 1, 3))
    discriminator = Discriminator(discriminator_rows(params, 4))
    initialize(generator, seed)
    initialize(discriminator, seed + 1)
    optimizers = [
        torch.optim.Adam(network.parameters(), lr=params.lr, betas=(params.beta1, 0.999), eps=eps)
        for network in (generator, discriminator)
    ]
    return Networks(generator, optimizers[0], discriminator, optimizers[1], discriminator)


def batch_of(size=32, count=2, weight=None):
    random = torch.Generator().manual_seed(5)
    condition, target = (torch.rand(count, channels, size, size, generator=random) * 2 - 1 for channels in (1, 3))
    return Batch(condition, target, torch.ones(count, 1, size, size) if weight is None else weight)


def backward(loss):
    loss.backward()


def paper(**changes):
    return resolve(preset="paper", settings={**TINY, **changes}).params


@pytest.mark.parametrize(("epoch", "factor"), [(1, 1), (100, 1), (101, 0.990), (150, 0.505), (200, 0.0099)])
def test_learning_rate_of_the_paper(epoch, factor):
    assert lr_factor(epoch, resolve(preset="paper").params) == pytest.approx(factor, abs=6e-4)


def test_learning_rate_never_reaches_zero_or_rises():
    for epochs in (1, 2, 7, 40):
        factors = [lr_factor(epoch, Params(epochs=epochs)) for epoch in range(1, epochs + 1)]
        assert all(0 < after <= before for before, after in pairwise(factors))


def test_losses_at_the_start():
    losses = train_step(networks_of(paper()), batch_of(), paper(), backward, True)
    for name in ("d_real", "d_fake", "g_gan"):
        assert float(losses[name]) == pytest.approx(0.69, abs=0.15), name


def test_each_network_is_frozen_while_the_other_learns(monkeypatch):
    params = paper()
    networks = networks_of(params)
    order = []

    def watch(name, optimizer, other):
        step = optimizer.step

        def watched():
            before = copy.deepcopy(other.state_dict())
            own = [parameter.detach().clone() for group in optimizer.param_groups for parameter in group["params"]]
            step()
            order.append(name)
            assert all(torch.equal(before[key], value) for key, value in other.state_dict().items())
            moved = [parameter for group in optimizer.param_groups for parameter in group["params"]]
            assert any(not torch.equal(a, b) for a, b in zip(own, moved, strict=True))

        monkeypatch.setattr(optimizer, "step", watched)

    watch("discriminator", networks.discriminator_optimizer, networks.generator)
    watch("generator", networks.generator_optimizer, networks.discriminator)
    train_step(networks, batch_of(), params, backward, True)
    assert order == ["discriminator", "generator"]
    # The generator's step must leave no gradient in the discriminator: it was frozen.
    assert all(not parameter.requires_grad for parameter in networks.discriminator.parameters())


def test_one_step_equals_a_plain_derivation():
    params = paper()
    # A first step of Adam is the gradient's sign, and a sign of nearly 0 is rounding noise: a larger eps shows the gradient.
    ours, plain = networks_of(params, eps=1e-2), networks_of(params, eps=1e-2)
    batch = batch_of()
    losses = train_step(ours, batch, params, backward, True)

    g, d = plain.generator, plain.discriminator
    fake = g(batch.input_bchw)
    ones = lambda logits: torch.ones_like(logits)  # noqa: E731
    d_fake = d(torch.cat([batch.input_bchw, fake.detach()], 1))
    d_real = d(torch.cat([batch.input_bchw, batch.target_bchw], 1))
    bce = F.binary_cross_entropy_with_logits
    loss_d = 0.5 * (bce(d_real, ones(d_real)) + bce(d_fake, torch.zeros_like(d_fake)))
    loss_d.backward()
    plain.discriminator_optimizer.step()
    judged = d(torch.cat([batch.input_bchw, fake], 1))
    loss_g = bce(judged, ones(judged)) + 100 * F.l1_loss(fake, batch.target_bchw)
    g.zero_grad()
    loss_g.backward()
    plain.generator_optimizer.step()

    assert float(losses["g"]) == pytest.approx(loss_g.item(), rel=1e-6)
    assert float(losses["d_real"] + losses["d_fake"]) / 2 == pytest.approx(loss_d.item(), rel=1e-6)
    for network in ("generator", "discriminator"):
        states = [getattr(one, network).state_dict() for one in (ours, plain)]
        for name, value in states[0].items():
            torch.testing.assert_close(value, states[1][name], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("loss", ROWS["loss"].choices)
def test_the_generator_learns_from_the_distance_that_loss_names(loss):
    params = paper(loss=loss)
    losses = train_step(networks_of(params), batch_of(), params, backward, False)
    name = "l1" if loss == "l1" else "color"
    assert losses.keys() == {"l1", name, "g"}
    assert losses["g"] == params.lambda_l1 * losses[name]


def test_each_loss_is_drawn_named_and_documented():
    """Whatever a step gives where each weight is above 0; `g` is their sum."""
    params = paper(loss="color", **{name: 1.0 for name in ROWS if name.startswith("lambda_")})
    names = train_step(networks_of(params), batch_of(), params, backward, True).keys() - {"g"}
    assert names == {name for _, drawn in LOSS_CHARTS.values() for name in drawn}
    assert names == LOSSES.keys() - {"g"}
    words = (Path(training_page.__file__).parent / "templates" / "losses.txt").read_text("utf-8")
    curves = (Path(__file__).resolve().parents[2] / "docs" / "results.md").read_text("utf-8")
    assert [name for name in names if not re.search(rf"\b{name}\b", words)] == []
    assert [name for name in names if f"`{name}`" not in curves] == []


def damage():
    weight = torch.ones(2, 1, 32, 32)
    weight[:, :, 8:20, 8:20] = 0
    return weight


@pytest.mark.parametrize("adversarial", [False, True])
def test_damaged_pixels_teach_nothing(adversarial):
    """No gradient reaches the generator's picture where it is damaged, with and without the adversary."""
    params, weight = paper(loss_mask="l1+gan", norm="channel"), damage()
    networks, pictures = networks_of(params), []
    networks.generator.register_forward_hook(lambda _module, _inputs, out: out.retain_grad() or pictures.append(out))
    losses = train_step(networks, batch_of(weight=weight), params, backward, adversarial)
    assert ("g_gan" in losses) is adversarial
    (picture,) = pictures
    lost = weight.expand_as(picture) == 0
    assert (picture.grad[lost] == 0).all()
    assert (picture.grad[~lost] != 0).all()


def test_the_adversary_does_see_damage_where_the_loss_mask_is_for_l1_only():
    params, pictures = paper(loss_mask="l1", norm="channel"), []
    networks = networks_of(params)
    networks.generator.register_forward_hook(lambda _module, _inputs, out: out.retain_grad() or pictures.append(out))
    train_step(networks, batch_of(weight=damage()), params, backward, True)
    assert (pictures[0].grad[damage().expand_as(pictures[0]) == 0] != 0).any()


def test_what_stands_in_damaged_pixels_of_the_target_does_not_matter_to_l1():
    params, weight = paper(loss_mask="l1+gan", norm="channel"), damage()
    clean, damaged = batch_of(weight=weight), batch_of(weight=weight)
    damaged.target_bchw[:, :, 8:20, 8:20] = 1.0
    gradients = []
    for batch in (clean, damaged):
        networks = networks_of(params)
        train_step(networks, batch, params, backward, False)
        gradients.append([parameter.grad.clone() for parameter in networks.generator.parameters()])
    for first, second in zip(*gradients, strict=True):
        assert torch.equal(first, second)


def test_warm_up_leaves_the_discriminator_alone():
    params = paper()
    networks = networks_of(params)
    before = copy.deepcopy(networks.discriminator.state_dict())
    losses = train_step(networks, batch_of(), params, backward, False)
    assert set(losses) == {"l1", "g"}
    assert all(torch.equal(value, before[name]) for name, value in networks.discriminator.state_dict().items())
