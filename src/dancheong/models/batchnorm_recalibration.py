"""Batch normalization made right for prediction: frozen statistics that are exact, not a moving average's remains."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn


@torch.no_grad()
def recalibrate(generator: nn.Module, batches: Iterable[Tensor]) -> int:
    """Replace all running statistics of batch normalizations by their average over `batches`; return the images seen.

    The moving average that training leaves behind follows the last few batches (at a batch of one: some ten
    photographs), under weights that have changed since. Here the weights stand still, each image counts equally, and
    dropout is off. Weights, gradients and the modules' train/eval state are left as they were. A network without batch
    normalization needs nothing: no batch is taken.

    Args:
        generator: any module; its batch normalizations are recalibrated together.
        batches: inputs (b, c, h, w) on the module's device, of the batch size of training: inner layers learned to see
            activations that were normalized so (measured: batches of one for a network trained at 8 cost a tenth of
            the L1 error). A last, smaller batch counts by its images.

    Raises:
        ValueError: there is batch normalization and no batch.
    """
    norms = [part for part in generator.modules() if isinstance(part, nn.BatchNorm2d)]
    if not norms:
        return 0
    was_training = {part: part.training for part in generator.modules()}
    momenta = [norm.momentum for norm in norms]
    images = 0
    try:
        generator.eval()
        for norm in norms:
            norm.reset_running_stats()
            norm.train()
        for input_bchw in batches:
            images += len(input_bchw)
            for norm in norms:
                # Cumulative average: the first batch replaces everything, the n-th counts 1/n.
                norm.momentum = len(input_bchw) / images
            generator(input_bchw)
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        for part, training in was_training.items():
            part.training = training
    if not images:
        raise ValueError("recalibrating batch normalization takes at least one batch of inputs, but none came")
    return images
