"""Initial weights and the normalization that needs no statistics."""

import pytest
import torch
from torch import nn

from dancheong.models.blocks import ChannelNorm, activate, initialize, norm_layer
from dancheong.models.discriminator import Discriminator, discriminator_rows
from dancheong.models.network import Network
from dancheong.models.table import unet_table
from dancheong.params import Params


def test_initial_weights_are_the_paper_s() -> None:
    discriminator = Discriminator(discriminator_rows(Params(d_spectral=False, ndf=64), 6))
    initialize(discriminator, seed=3)
    for part in discriminator.modules():
        if isinstance(part, nn.Conv2d) and part.weight.numel() > 5000:
            assert part.weight.mean().item() == pytest.approx(0, abs=2e-3)
            assert part.weight.std().item() == pytest.approx(0.02, rel=0.05)
        if isinstance(part, nn.BatchNorm2d):
            assert part.weight.mean().item() == pytest.approx(1, abs=0.01)
            assert part.weight.std().item() == pytest.approx(0.02, rel=0.3)
    biases = [tensor for name, tensor in discriminator.named_parameters() if name.endswith("bias")]
    assert len(biases) == 5
    assert not any(bias.any() for bias in biases)


@pytest.mark.parametrize("norm", ["batch", "instance", "channel", "none"])
def test_initial_weights_depend_on_the_seed_alone(norm: str) -> None:
    def weights(seed: int, global_seed: int) -> torch.Tensor:
        torch.manual_seed(global_seed)
        generator = Network(unet_table(Params(ngf=2, depth=3, norm=norm), 1, 2))
        before = torch.get_rng_state()
        initialize(generator, seed)
        assert torch.equal(before, torch.get_rng_state())
        return nn.utils.parameters_to_vector(generator.parameters())

    assert torch.equal(weights(1, 10), weights(1, 20))
    assert not torch.equal(weights(1, 10), weights(2, 10))


def test_channel_norm_makes_each_pixel_standard() -> None:
    pixels = torch.randn(2, 32, 3, 5) * torch.rand(2, 1, 3, 5) * 10 + 4
    out = ChannelNorm(32)(pixels)
    assert out.shape == pixels.shape
    torch.testing.assert_close(out.mean(1), torch.zeros(2, 3, 5), rtol=0, atol=1e-5)
    torch.testing.assert_close(out.var(1, correction=0), torch.ones(2, 3, 5), rtol=0, atol=1e-2)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(KeyError, match="'layer'"):
        norm_layer("layer", 4)  # type: ignore[arg-type]
    with pytest.raises(KeyError, match="'gelu'"):
        activate(torch.zeros(1), "gelu")  # type: ignore[arg-type]
