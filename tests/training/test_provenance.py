"""What two comparable runs have in common, as hashes."""

import torch

from dancheong.params import Params
from dancheong.training.provenance import start_of

NAMES = [f"{index}.png" for index in range(9)]


def networks(seed):
    torch.manual_seed(seed)
    return torch.nn.Conv2d(1, 3, 3), torch.nn.Conv2d(4, 1, 3)


def test_the_same_start_has_the_same_hashes_and_each_part_shows_for_itself():
    first = start_of(*networks(1), NAMES, Params(seed=1))
    assert first == start_of(*networks(1), NAMES, Params(seed=1, glare_mode="off", ngf=8))
    other_order = start_of(*networks(1), NAMES, Params(seed=2))
    assert {name for name in first if first[name] != other_order[name]} == {"order"}
    assert start_of(*networks(1), NAMES[::-1], Params(seed=1))["order"] != first["order"]
    other_weights = start_of(*networks(2), NAMES, Params(seed=1))
    assert {name for name in first if first[name] != other_weights[name]} == {"initial_generator", "initial_discriminator"}
    assert start_of(networks(1)[0], None, NAMES, Params(seed=1))["initial_discriminator"] == ""


def test_the_place_in_memory_of_the_weights_does_not_count():
    generator, discriminator = networks(1)
    expected = start_of(generator, discriminator, NAMES, Params())
    assert start_of(generator.to(memory_format=torch.channels_last), discriminator, NAMES, Params()) == expected
