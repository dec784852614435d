"""The state of one training run: networks, optimizers, average, position. Everything here is saved and restored."""

import copy
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from dancheong.artifact import as_stored
from dancheong.data.batches import Batch, batches, validation_samples
from dancheong.data.cache import Cache
from dancheong.data.gpu_batches import GpuBatches, belongs_on_device
from dancheong.data.prepare import channels
from dancheong.models.batchnorm_recalibration import recalibrate
from dancheong.models.blocks import initialize, sync_batch_norm, to_channels_last
from dancheong.models.discriminator import Discriminator, add_spectral_norm, discriminator_rows
from dancheong.models.network import Network, load_network, to_weights
from dancheong.models.table import unet_table
from dancheong.params import Params
from dancheong.training.checkpoint import load_state, save_state
from dancheong.training.preview import score, write_previews
from dancheong.training.provenance import start_of
from dancheong.training.run_log import Journal
from dancheong.training.step import Trainee, lr_factor, train_step

# Enough for means and variances over many pixels each; more only costs time before every validation.
RECALIBRATION_IMAGES = 128


class Run(Journal):
    """One training run. Holds open files and weights, so it is a class; `loop.train` drives it."""

    def __init__(
        self, fabric: Any, params: Params, cache: Cache, val_cache: Cache | None, model_path: Path, log_dir: Path
    ) -> None:
        super().__init__(fabric, params, cache, val_cache, model_path, log_dir)
        c_in, c_out = channels(params)
        # Weights come from generators of their own; this seeds what is left: dropout.
        torch.manual_seed(params.seed)
        self.generator = Network(unet_table(params, c_in, c_out))
        initialize(self.generator, params.seed)
        to_channels_last(self.generator, params.batch_size)
        sync_batch_norm(self.generator, fabric.world_size > 1)
        self.average = AveragedModel(self.generator, multi_avg_fn=update_ema(params.ema, self._steps)) if params.ema else None
        self.discriminator: Discriminator | None = None
        adam = partial(torch.optim.Adam, lr=params.lr, betas=(params.beta1, 0.999), fused=True)
        g_module, g_optimizer = fabric.setup(compiled(self.generator, params), adam(self.generator.parameters()))
        d_module, d_optimizer = None, None
        if params.lambda_gan > 0:
            self.discriminator = new_discriminator(params, c_in + c_out, fabric.world_size > 1)
            d_module, d_optimizer = fabric.setup(compiled(self.discriminator, params), adam(self.discriminator.parameters()))
        if self.average is not None:
            self.average.to(fabric.device)
            # Its count is read each step: on the device that would make the host wait.
            self.average.n_averaged = self.average.n_averaged.cpu()
        self.trainee = Trainee(g_module, g_optimizer, d_module, d_optimizer, self.discriminator, fabric.autocast)
        self.resident = (
            GpuBatches(cache, params, fabric.device) if belongs_on_device(cache, params, fabric.device) else None
        )
        self.start = start_of(self.generator, self.discriminator, cache.names, params)

    # -- stepping -------------------------------------------------------------------------------------------------------

    def batches(self, total: int) -> Iterator[Batch]:
        """Batches from the current position to `total` images."""
        where = self.fabric.global_rank, self.fabric.world_size
        if self.resident is not None:
            return self.resident.batches(self.images_seen, total, *where)
        return batches(self.cache, self.params, self.images_seen, total, *where)

    def _steps(self) -> int:
        return self.images_seen // self.params.batch_size

    def step(self, batch: Batch, total: int) -> None:
        """One optimizer step of each network, then the average."""
        epoch = self.images_seen // len(self.cache) + 1
        for optimizer in (self.trainee.generator_optimizer, self.trainee.discriminator_optimizer):
            for group in optimizer.param_groups if optimizer else ():
                group["lr"] = self.params.lr * lr_factor(epoch, self.params)
        adversarial = self.images_seen >= self.params.gan_start * total
        moved = Batch(*(self.fabric.to_device(tensor) for tensor in batch))
        losses = train_step(self.trainee, moved, self.params, self.fabric.backward, adversarial)
        if self.average is not None:
            self.average.update_parameters(self.generator)
        self.count(losses)

    # -- looking --------------------------------------------------------------------------------------------------------

    def validate(self) -> None:
        """Score the averaged generator on the validation photographs, draw previews, remember the best weights."""
        self._validated_at = self.images_seen
        if not self.fabric.is_global_zero:
            return
        generator = self._calibrated()
        samples = validation_samples(self.val_cache or self.cache, self.params, None if self.val_cache else 4)
        scores, pictures = score(generator, samples, self.params)
        write_previews(self.log_dir / f"preview_{self.images_seen:08d}.png", pictures)
        if self.val_cache is None:
            return
        self.record({"images": self.images_seen, **scores})
        if self.best is None or scores["val_delta_e_2000"] < self.best["scores"]["val_delta_e_2000"]:
            weights = {name: tensor.detach().clone() for name, tensor in generator.state_dict().items()}
            self.best = {"weights": weights, "scores": scores, "images": self.images_seen}
        self.val = scores

    # -- the generator that is stored -----------------------------------------------------------------------------------

    def _calibrated(self) -> Network:
        """A copy of the averaged generator with frozen statistics measured for exactly its weights."""
        generator = copy.deepcopy(self.generator if self.average is None else cast(Network, self.average.module)).eval()
        # The first process does this alone.
        sync_batch_norm(generator, False)
        # In batches of the training's size: the weights have learned under statistics of such batches (docs/decisions/0002).
        params = self.params.model_copy(update={"workers": 0})
        stop = max(min(RECALIBRATION_IMAGES, 4 * len(self.cache)) // params.batch_size, 1) * params.batch_size
        recalibrate(generator, (self.fabric.to_device(one.input_bchw) for one in batches(self.cache, params, 0, stop)))
        return generator

    def finished_generator(self) -> tuple[Network, dict[str, Any], Any, Any]:
        """The generator to store (the best on validation, else the current), its weights as stored, a self-test pair."""
        generator = self._calibrated()
        if self.best is not None:
            generator.load_state_dict(self.best["weights"])
            self.val = {**self.best["scores"], "val_images": float(self.best["images"])}
        # The self-test must hold for the weights as they are stored.
        weights = {name: as_stored(array) for name, array in to_weights(generator).items()}
        generator = load_network(generator.table, weights).eval()
        side, c_in = 2**self.params.levels, channels(self.params)[0]
        ramp = torch.linspace(-1, 1, side)
        example = (0.5 * ramp[:, None] + 0.5 * ramp[None, :] ** 3).expand(1, c_in, side, side).contiguous()
        with torch.no_grad():
            answer = generator(example)
        return generator, weights, example.numpy(), answer.numpy()

    # -- stop and resume ------------------------------------------------------------------------------------------------

    def save_state(self) -> None:
        """Everything that the next step depends on, beside the model file."""
        if not self.fabric.is_global_zero:
            return
        trainee = self.trainee
        state = {
            "generator": self.generator.state_dict(),
            "generator_optimizer": trainee.generator_optimizer.state_dict(),
            "discriminator": self.discriminator.state_dict() if self.discriminator else None,
            "discriminator_optimizer":
                trainee.discriminator_optimizer.state_dict() if trainee.discriminator_optimizer else None,
            "average": self.average.state_dict() if self.average else None,
            **self.engine_state(),
        }
        save_state(self.state_file, state, self.params, *self.fingerprints)

    def restore(self) -> None:
        """Go back to the saved state. Raises ResumeError where it does not fit."""
        state = load_state(self.state_file, self.params, *self.fingerprints)
        self.generator.load_state_dict(state["generator"])
        self.trainee.generator_optimizer.load_state_dict(state["generator_optimizer"])
        if self.discriminator and self.trainee.discriminator_optimizer:
            self.discriminator.load_state_dict(state["discriminator"])
            self.trainee.discriminator_optimizer.load_state_dict(state["discriminator_optimizer"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        self.restore_engine(state)


def new_discriminator(params: Params, c_pair: int, across_processes: bool) -> Discriminator:
    """The discriminator of PATCH_SIZE and RESOL as a training begins with it; its weights depend on SEED alone."""
    discriminator = Discriminator(discriminator_rows(params, c_pair))
    initialize(discriminator, params.seed + 1)
    to_channels_last(discriminator, params.batch_size)
    if params.d_spectral:
        add_spectral_norm(discriminator)
    sync_batch_norm(discriminator, across_processes)
    return discriminator


def compiled(network: nn.Module, params: Params) -> Any:
    """The network, its passes to be compiled at their first use where COMPILE asks for it; its weights stay the same ones."""
    return torch.compile(network) if params.compile else network


def update_ema(decay: float, steps_done: Callable[[], int]) -> Any:
    """Exponential average whose memory grows from the first step on, so that short runs do not keep the initial noise.

    `steps_done` counts on the host; the count that torch hands over lies on the device.
    """

    @torch.no_grad()
    def update(averaged: list[torch.Tensor], current: list[torch.Tensor], count: torch.Tensor | int) -> None:
        steps = steps_done()
        torch._foreach_lerp_(averaged, current, 1.0 - min(decay, (1 + steps) / (10 + steps)))

    return update
