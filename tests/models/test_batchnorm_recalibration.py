"""Frozen batch statistics: the exact average over what was given, and nothing else touched."""

import pytest
import torch
from torch import nn

from dancheong.models.blocks import initialize, recalibrate
from dancheong.models.network import Network
from dancheong.models.table import unet_table
from dancheong.params import Params


@pytest.fixture
def generator() -> Network:
    generator = Network(unet_table(Params(ngf=2, depth=6, norm="batch", dropout=0.5), 1, 2))
    initialize(generator, seed=1)
    return generator


@pytest.fixture
def images() -> torch.Tensor:
    return torch.randn(6, 1, 64, 64, generator=torch.Generator().manual_seed(2)) * 0.4


def statistics(generator: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in generator.named_buffers() if not name.endswith("tracked")}


def test_statistics_are_the_average_of_the_batches(generator: Network, images: torch.Tensor) -> None:
    means, variances = [], []
    norm = generator.get_submodule("enc2.norm")
    assert isinstance(norm, nn.BatchNorm2d)

    def note(_module: nn.Module, inputs: tuple[torch.Tensor]) -> None:
        means.append(inputs[0].mean((0, 2, 3)))
        variances.append(inputs[0].var((0, 2, 3)))

    hook = norm.register_forward_pre_hook(note)
    assert recalibrate(generator, images.split(2)) == 6
    hook.remove()
    torch.testing.assert_close(norm.running_mean, torch.stack(means).mean(0))
    torch.testing.assert_close(norm.running_var, torch.stack(variances).mean(0))


def test_the_last_smaller_batch_counts_by_its_images(generator: Network, images: torch.Tensor) -> None:
    recalibrate(generator, images[:4].split(4))
    four = statistics(generator)["enc2.norm.running_mean"]
    recalibrate(generator, images[4:].split(2))
    two = statistics(generator)["enc2.norm.running_mean"]
    recalibrate(generator, images.split(4))
    torch.testing.assert_close(statistics(generator)["enc2.norm.running_mean"], (4 * four + 2 * two) / 6)


def test_what_was_there_before_leaves_no_trace(generator: Network, images: torch.Tensor) -> None:
    recalibrate(generator, images.split(2))
    first = statistics(generator)
    for _ in range(3):
        generator.train()(images * 5 + 1)
    recalibrate(generator, images.split(2))
    assert all(torch.equal(first[name], tensor) for name, tensor in statistics(generator).items())


def test_one_batch_makes_prediction_equal_training() -> None:
    generator = Network(unet_table(Params(ngf=2, depth=3, norm="batch"), 1, 2))
    initialize(generator, seed=1)
    # So many pixels that the correction n / (n - 1) of the frozen variance is slight, down to the innermost norm.
    images = torch.randn(4, 1, 192, 192, generator=torch.Generator().manual_seed(3)) * 0.4
    recalibrate(generator, [images])
    with torch.no_grad():
        frozen = generator.eval()(images)
        for part in generator.modules():
            part.training = isinstance(part, nn.BatchNorm2d)
        torch.testing.assert_close(frozen, generator(images), rtol=0, atol=2e-3 * frozen.abs().max().item())


def test_weights_modes_and_momentum_stay(generator: Network, images: torch.Tensor) -> None:
    generator.train()
    generator.get_submodule("dec2").eval()
    weights = [parameter.clone() for parameter in generator.parameters()]
    modes = [part.training for part in generator.modules()]
    random_state = torch.get_rng_state()
    recalibrate(generator, images.split(3))
    assert all(torch.equal(old, new) for old, new in zip(weights, generator.parameters(), strict=True))
    assert modes == [part.training for part in generator.modules()]
    assert {part.momentum for part in generator.modules() if isinstance(part, nn.BatchNorm2d)} == {0.1}
    assert torch.equal(random_state, torch.get_rng_state()), "dropout was on"


def test_without_batch_norm_no_batch_is_taken() -> None:
    generator = Network(unet_table(Params(ngf=1, depth=2, norm="channel"), 1, 2))

    def batches():  # type: ignore[no-untyped-def]
        raise AssertionError("a batch was asked for")
        yield

    assert recalibrate(generator, batches()) == 0


def test_no_batch_is_an_error_and_says_so(generator: Network) -> None:
    with pytest.raises(ValueError, match="at least one batch"):
        recalibrate(generator, [])
    assert generator.training
