"""The colorizer's recipe: Pix2Pix on gray and color, scored by Delta E 2000 at working size."""

import hashlib
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dancheong.artifact import Artifact
from dancheong.data.batches import Batch, batches, photograph_at, validation_samples
from dancheong.data.cache import Cache
from dancheong.data.gpu_batches import belongs_on_device, gpu_batches
from dancheong.data.prepare import channels, from_network
from dancheong.imaging.metrics import colorfulness, mean_delta_e_2000
from dancheong.imaging.resize import pad_to_multiple
from dancheong.models.blocks import initialize, recalibrate, sync_batch_norm
from dancheong.models.efficientnet import generator_table, pretrained_weights
from dancheong.models.network import Network, as_predictor, load_network
from dancheong.params import Params
from dancheong.system.arrays import Pixels
from dancheong.training.step import lr_factor, train_step
from dancheong.training.trainer import Scores, Trainer, network_fields, new_discriminator

# Enough for means and variances over many pixels each; more only costs time before every validation.
RECALIBRATION_IMAGES = 128
PREVIEW_ROWS = 6


class ColorizerTrainer(Trainer):
    """A training of the colorizer."""

    kind = "colorizer"
    columns = ("gray", "predicted", "truth")

    def __init__(
        self, fabric: Any, params: Params, cache: Cache, val_cache: Cache | None, init: Artifact | None = None
    ) -> None:
        # Whole batches only: batch statistics of a short last batch would differ from all others.
        images_total = math.ceil(params.epochs * len(cache) / params.batch_size) * params.batch_size
        c_in, c_out = channels(params)
        # Weights come from generators of their own; this seeds what is left: dropout.
        torch.manual_seed(params.seed)
        generator = new_generator(params) if init is None else load_network(init.architecture, init.weights)
        discriminator = new_discriminator(params, c_in + c_out, fabric.world_size > 1) if params.lambda_gan > 0 else None
        super().__init__(
            fabric, params, cache, val_cache, images_total, params.val_images, generator, discriminator, params.lr,
            (params.beta1, 0.999),
        )
        self._start: list[Tensor] = []
        if init is not None and params.init_share:
            self._start = [parameter.detach().clone() for parameter in generator.parameters()]
        self._initial: dict[str, Any] = {
            "initial_generator": weights_digest(generator),
            "initial_discriminator": "" if discriminator is None else weights_digest(discriminator),
            "order": order_digest(cache.names, params.seed),
            # What the model that it began with had learned from, it has learned from, too.
            **({} if init is None else {"init": init.digest, "marks": sorted(cache.marks.union(init.data.get("marks", ())))}),
        }

    def batches(self) -> Iterator[Batch]:
        where = self.images_seen, self.images_total, self.fabric.global_rank, self.fabric.world_size
        if belongs_on_device(self.cache, self.params, self.fabric.device):
            return gpu_batches(self.cache, self.params, self.fabric.device, *where)
        return batches(self.cache, self.params, *where)

    def learning_rate(self, group: str) -> float:
        if group == "other":
            rate = self.params.lr
        else:
            # A rate of 0, as several processes would wait for gradients that a group with none does not have.
            is_frozen = self.images_seen < self.params.encoder_frozen * self.images_total
            rate = 0.0 if is_frozen else self.params.lr_encoder
        return rate * lr_factor(self.images_seen // len(self.cache) + 1, self.params)

    def train_step(self, batch: tuple[Tensor, ...], adversarial: bool) -> dict[str, Tensor]:
        return train_step(self.networks, Batch(*batch), self.params, self.fabric.backward, adversarial)

    def score(self, network: Network) -> tuple[Scores, list[list[Pixels]]]:
        samples = validation_samples(self.val_cache or self.cache, self.params, None if self.val_cache else 4)
        return score(network, samples, self.params)

    def is_better(self, scores: Scores, best: Scores | None) -> bool:
        return best is None or scores["val_delta_e_2000"] < best["val_delta_e_2000"]

    def averaged(self) -> Network:
        """With INIT_SHARE of the weights that --init gave, and frozen statistics of batch norm, measured for exactly these."""
        generator: Network = super().averaged()
        if self._start:
            with torch.no_grad():
                torch._foreach_lerp_(list(generator.parameters()), self._start, self.params.init_share)
        # The first process does this alone.
        sync_batch_norm(generator, False)
        # In batches of the training's size: the weights have learned under statistics of such batches (docs/decisions/0002).
        params = self.params.model_copy(update={"workers": 0})
        stop = max(min(RECALIBRATION_IMAGES, 4 * len(self.cache)) // params.batch_size, 1) * params.batch_size
        recalibrate(generator, (self.fabric.to_device(one.input_bchw) for one in batches(self.cache, params, 0, stop)))
        return generator

    def export(self, network: Network) -> dict[str, Any]:
        return network_fields(network, network.multiple_px, -1)

    def initial_digests(self) -> dict[str, Any]:
        """What two trainings must have in common to be compared: the weights they begin with, the order of photographs."""
        return self._initial


def new_generator(params: Params) -> Network:
    """The generator as a training begins with it: its weights depend on SEED, and those of the encoder on ENCODER, alone."""
    c_in, c_out = channels(params)
    generator = Network(generator_table(params, c_in, c_out))
    initialize(generator, params.seed)
    if params.encoder != "unet":
        with torch.no_grad():
            for name, weight in pretrained_weights(params.encoder, c_in).items():
                generator.get_parameter(name).copy_(torch.from_numpy(weight))
    return generator


def score(
    generator: Network, samples: Iterable[tuple[str, Pixels, Pixels]], params: Params
) -> tuple[Scores, list[list[Pixels]]]:
    """Mean scores over (name, input_chw, target_chw) samples and rows gray | predicted | truth of the first few.

    The generator is put into the state in which it will predict: the scores are those of its predictions.
    """
    network = as_predictor(generator, predict_dropout=params.predict_dropout, seed=params.seed)
    rows: list[list[Pixels]] = []
    found: list[Scores] = []
    for _, input_chw, target_chw in samples:
        padded_hwc, (height, width) = pad_to_multiple(np.moveaxis(input_chw, 0, -1), generator.multiple_px)
        output_chw = network(np.moveaxis(padded_hwc, -1, 0)[None])[0, :, :height, :width]
        predicted = from_network(input_chw, output_chw, params)
        truth = from_network(input_chw, target_chw, params)
        given = np.rint((np.moveaxis(input_chw, 0, -1) + 1) * 127.5).astype(np.uint8)
        # The baseline: the input as it is.
        nothing = np.zeros_like(output_chw) if params.color_space == "LAB" else np.broadcast_to(input_chw, output_chw.shape)
        baseline = "val_gray_delta_e_2000" if len(input_chw) == 1 else "val_input_delta_e_2000"
        found.append({
            baseline: mean_delta_e_2000(from_network(input_chw, nothing, params), truth),
            "val_l1": float(np.abs(output_chw - target_chw).mean()),
            "val_delta_e_2000": mean_delta_e_2000(predicted, truth),
            "val_colorfulness": colorfulness(predicted),
            "val_colorfulness_truth": colorfulness(truth),
        })
        if len(rows) < PREVIEW_ROWS:
            rows.append([given, predicted, truth])
    return {name: float(np.mean([one[name] for one in found])) for name in found[0]}, rows


def weights_digest(network: nn.Module) -> str:
    """sha256 (hex) of a network's weights as values, whatever memory format and device the engine has chosen."""
    whole = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        array = tensor.detach().cpu().contiguous().numpy()
        whole.update(f"{name} {array.shape} {array.dtype}\0".encode())
        whole.update(array.tobytes())
    return whole.hexdigest()


def order_digest(names: Sequence[str], seed: int) -> str:
    """sha256 (hex) of the photographs' names in the order of the first epoch; later epochs follow from the same seed."""
    order = hashlib.sha256()
    for image in range(len(names)):
        order.update(names[photograph_at(image, len(names), seed)].encode() + b"\0")
    return order.hexdigest()
