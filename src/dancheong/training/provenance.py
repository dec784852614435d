"""What two runs must have in common to be compared: the weights they begin with, and the order of their photographs."""

import hashlib
from collections.abc import Sequence

from torch import nn

from dancheong.data.batches import photograph_at
from dancheong.params import Params


def start_of(generator: nn.Module, discriminator: nn.Module | None, names: Sequence[str], params: Params) -> dict[str, str]:
    """sha256 of both networks' weights ("" without a discriminator) and of the photographs' names in the first epoch's order.

    Later epochs follow from the same seed and count.
    """
    order = hashlib.sha256()
    for image in range(len(names)):
        order.update(names[photograph_at(image, len(names), params.seed)].encode() + b"\0")
    return {
        "initial_generator": _of_weights(generator),
        "initial_discriminator": "" if discriminator is None else _of_weights(discriminator),
        "order": order.hexdigest(),
    }


def _of_weights(network: nn.Module) -> str:
    whole = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        # As values, whatever memory format and device the engine has chosen.
        array = tensor.detach().cpu().contiguous().numpy()
        whole.update(f"{name} {array.shape} {array.dtype}\0".encode())
        whole.update(array.tobytes())
    return whole.hexdigest()
