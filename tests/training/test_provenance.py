"""What comparable trainings have in common, as hashes."""

import torch

from dancheong.training.colorizer_trainer import order_digest, weights_digest

NAMES = [f"{index}.png" for index in range(9)]


def network(seed):
    torch.manual_seed(seed)
    return torch.nn.Conv2d(1, 3, 3)


def test_the_same_weights_have_the_same_hash_wherever_they_lie_in_memory():
    first = weights_digest(network(1))
    assert first == weights_digest(network(1)) == weights_digest(network(1).to(memory_format=torch.channels_last))
    assert first != weights_digest(network(2))


def test_the_order_of_photographs_shows_seed_and_names():
    first = order_digest(NAMES, 1)
    assert first == order_digest(NAMES, 1)
    assert len({first, order_digest(NAMES, 2), order_digest(NAMES[::-1], 1)}) == 3
