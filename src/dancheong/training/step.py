"""One step of Pix2Pix (Isola et al. 2017, section 3), with damaged pixels kept out of the losses (docs/glare.md)."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from dancheong.models import losses
from dancheong.models.discriminator import Discriminator
from dancheong.params import Params


@dataclass
class Networks:
    """Both networks and their optimizers, as the engine has set them up. No discriminator where LAMBDA_GAN is 0.

    `bare_discriminator` is the discriminator without the engine's wrapper, whose gradient exchange would wait for
    gradients that a frozen network does not have: it judges while the generator learns. `autocast` gives it the precision
    that the wrapper gives the others.
    """

    generator: nn.Module
    generator_optimizer: torch.optim.Optimizer
    discriminator: nn.Module | None
    discriminator_optimizer: torch.optim.Optimizer | None
    bare_discriminator: Discriminator | None
    autocast: Callable[[], AbstractContextManager[Any]] = nullcontext


def train_step(
    networks: Networks, batch: Any, params: Params, backward: Any, adversarial: bool
) -> dict[str, Tensor]:
    """Update the discriminator on the detached fake, then the generator against the updated discriminator.

    `batch` has input_bchw, target_bchw in [-1, 1] and weight_b1hw in [0, 1] (0: damaged). `adversarial` is False during
    the warm-up, when only the distance to the truth counts. Returns the losses as detached scalars on the device.
    """
    condition, target, weight = batch.input_bchw, batch.target_bchw, batch.weight_b1hw
    gan_weight = weight if params.loss_mask == "l1+gan" else torch.ones_like(weight)
    fake = networks.generator(condition)
    out: dict[str, Tensor] = {}

    if adversarial and networks.bare_discriminator:
        judged = losses.compose(fake, target, gan_weight)
        pair_fake, pair_real = torch.cat([condition, judged], 1), torch.cat([condition, target], 1)
        patch_weight = losses.pool_weight(gan_weight, networks.bare_discriminator.field)
        out = adversarial_losses(networks, pair_fake, pair_real, patch_weight, backward)

    out["l1"] = losses.l1(fake, target, weight)
    distance = out["l1"]
    if params.loss != "l1":
        distance = out["color"] = losses.DISTANCES[params.loss](fake, target, weight)
    loss_g = params.lambda_l1 * distance
    if "g_gan" in out:
        loss_g = loss_g + params.lambda_gan * out["g_gan"]
    networks.generator_optimizer.zero_grad(set_to_none=True)
    backward(loss_g)
    networks.generator_optimizer.step()
    out["g"] = loss_g
    return {name: value.detach() for name, value in out.items()}


def adversarial_losses(
    networks: Networks, fake: Tensor, real: Tensor, patch_weight: Tensor | None, backward: Any
) -> dict[str, Tensor]:
    """Update the discriminator on the detached fake; then what the generator is to minimize, as the updated one sees it.

    Args:
        fake, real: (b, c_pair, h, w), all that the discriminator sees.
        patch_weight: of its logits.

    Returns:
        d_fake and d_real of before the update; g_gan, through which gradients reach what made the fake.
    """
    assert networks.discriminator
    assert networks.discriminator_optimizer
    assert networks.bare_discriminator
    # The discriminator learns while the generator is frozen: the fake is detached.
    set_frozen(networks.discriminator, False)
    logits_fake, logits_real = networks.discriminator(fake.detach()), networks.discriminator(real)
    d_fake = losses.adversarial(logits_fake, False, patch_weight)
    d_real = losses.adversarial(logits_real, True, patch_weight)
    networks.discriminator_optimizer.zero_grad(set_to_none=True)
    # Halved: Isola et al. 2017, section 3.3.
    backward(0.5 * (d_real + d_fake))
    networks.discriminator_optimizer.step()

    # The generator learns while the discriminator is frozen.
    set_frozen(networks.discriminator, True)
    with networks.autocast():
        logits = networks.bare_discriminator(fake)
    return {"d_fake": d_fake, "d_real": d_real, "g_gan": losses.adversarial(logits, True, patch_weight)}


def set_frozen(network: nn.Module, frozen: bool) -> None:
    """A frozen network passes gradients through but collects none of its own."""
    for parameter in network.parameters():
        parameter.requires_grad_(not frozen)


def lr_factor(epoch: int, params: Params) -> float:
    """Share of LR in `epoch` (from 1): 1 until LR_DECAY_START of the epochs, then linearly towards 0.

    With 200 epochs and a start of .5 this is the paper's 1 - max(0, e - 100) / 101.
    """
    constant = round(params.lr_decay_start * params.epochs)
    return 1.0 - max(0, epoch - constant) / (params.epochs - constant + 1)
