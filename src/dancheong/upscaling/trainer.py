"""The state of one training of the upscaler: networks, optimizers, average, position."""

import copy
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch.optim.swa_utils import AveragedModel

from dancheong.artifact import as_stored
from dancheong.data.batches import Samples, drawn
from dancheong.data.cache import Cache
from dancheong.imaging.color import to_pixels
from dancheong.imaging.files import write_photo
from dancheong.imaging.metrics import psnr
from dancheong.imaging.sheet import sheet
from dancheong.models.blocks import to_channels_last
from dancheong.models.discriminator import Discriminator
from dancheong.models.losses import l1
from dancheong.models.network import to_weights
from dancheong.params import Params
from dancheong.training.checkpoint import load_state, save_state
from dancheong.training.run_log import Journal
from dancheong.training.step import Trainee, adversarial_losses
from dancheong.training.trainer import new_discriminator, update_ema
from dancheong.upscaling.degrade import BICUBIC, resampled
from dancheong.upscaling.network import Compact, from_weights, initialize_compact
from dancheong.upscaling.patches import patch_pair, validation_pairs

# Adam's own first moment, as ESRGAN and Real-ESRGAN have it in their adversarial training, too.
BETAS = (0.9, 0.999)
VALIDATIONS = 10
PREVIEWS = 6


class UpscalerRun(Journal):
    """One training of the upscaler by L1, and from GAN_START on against a discriminator where SR_LAMBDA_GAN asks for one;
    `dancheong.training.loop.drive` drives it.

    `network`: where the training begins; None draws the initial weights from SEED.
    """

    def __init__(
        self, fabric: Any, params: Params, cache: Cache, val_cache: Cache | None, model_path: Path, log_dir: Path,
        network: Compact | None = None,
    ) -> None:
        super().__init__(fabric, params, cache, val_cache, model_path, log_dir)
        torch.manual_seed(params.seed)
        if network is None:
            channels = 1 if params.sr_planes == "luma" else 3
            network = Compact(channels, params.sr_features, params.sr_layers, int(params.sr_scale))
            initialize_compact(network, params.seed)
        to_channels_last(network, params.batch_size)
        self.network = network
        self.average = AveragedModel(network, multi_avg_fn=update_ema(params.ema, self._steps)) if params.ema else None
        adam = partial(torch.optim.Adam, lr=params.sr_lr, betas=BETAS, fused=True)
        module, optimizer = fabric.setup(network, adam(network.parameters()))
        self.discriminator: Discriminator | None = None
        d_module, d_optimizer = None, None
        if params.sr_lambda_gan > 0:
            judged = params.model_copy(update={"resol": params.sr_patch * network.scale})
            self.discriminator = new_discriminator(judged, network.channels, fabric.world_size > 1)
            d_module, d_optimizer = fabric.setup(self.discriminator, adam(self.discriminator.parameters()))
        self.trainee = Trainee(module, optimizer, d_module, d_optimizer, self.discriminator, fabric.autocast)
        if self.average is not None:
            self.average.to(fabric.device)
            self.average.n_averaged = self.average.n_averaged.cpu()

    # -- stepping -------------------------------------------------------------------------------------------------------

    def batches(self, total: int) -> Iterator[tuple[torch.Tensor, ...]]:
        """Batches from the current position to `total` patches."""
        samples = Samples(self.cache, self.params, patch_pair)
        return drawn(samples, self.images_seen, total, self.fabric.global_rank, self.fabric.world_size)

    def step(self, batch: tuple[torch.Tensor, ...], total: int) -> None:
        """One step of each optimizer, then the average. From LR_DECAY_START on the rate falls linearly to 0."""
        start = self.params.lr_decay_start
        left = 1 - self.images_seen / total
        for optimizer in (self.trainee.generator_optimizer, self.trainee.discriminator_optimizer):
            for group in optimizer.param_groups if optimizer else ():
                group["lr"] = self.params.sr_lr * (min(1.0, left / (1 - start)) if start < 1 else 1.0)
        small, truth = (self.fabric.to_device(tensor) for tensor in batch)
        adversarial = self.images_seen >= self.params.gan_start * total
        losses = upscale_step(self.trainee, small, truth, self.params.sr_lambda_gan, self.fabric.backward, adversarial)
        if self.average is not None:
            self.average.update_parameters(self.network)
        self.count(losses)

    def _steps(self) -> int:
        return self.images_seen // self.params.batch_size

    # -- looking --------------------------------------------------------------------------------------------------------

    def time_to_validate(self, total: int) -> bool:
        """Some VALIDATIONS times, and at the end: VAL_IMAGES counts photographs, and patches are smaller."""
        return self.images_seen - self._validated_at >= max(total // VALIDATIONS, 1) or self.images_seen >= total

    def validate(self) -> None:
        """PSNR beside bicubic on validation photographs; previews; remember the best weights, where L1 alone is learned.

        PSNR is best without an adversarial part: choosing by it would throw away what that part has made.
        """
        self._validated_at = self.images_seen
        if not self.fabric.is_global_zero:
            return
        network = self._averaged()
        scores, rows = score(network, validation_pairs(self.val_cache or self.cache, self.params))
        preview = sheet(rows, ["given", "bicubic", "network", "truth"])
        write_photo(self.log_dir / f"preview_{self.images_seen:08d}.png", preview)
        if self.val_cache is None:
            return
        self.record({"images": self.images_seen, **scores})
        if not self.params.sr_lambda_gan and (self.best is None or scores["val_psnr"] > self.best["scores"]["val_psnr"]):
            weights = {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
            self.best = {"weights": weights, "scores": scores, "images": self.images_seen}
        self.val = scores

    def _averaged(self) -> Compact:
        return copy.deepcopy(self.network if self.average is None else cast(Compact, self.average.module)).eval()

    def finished(self) -> tuple[Compact, dict[str, Any], Any, Any]:
        """The network to store (the best on validation, else the current), its weights as stored, a self-test pair."""
        network = self._averaged()
        if self.best is not None:
            network.load_state_dict(self.best["weights"])
            self.val = {**self.best["scores"], "val_images": float(self.best["images"])}
        return as_finished(network)

    # -- stop and resume ------------------------------------------------------------------------------------------------

    def save_state(self) -> None:
        """Everything that the next step depends on, beside the model file."""
        if not self.fabric.is_global_zero:
            return
        state = {
            "generator": self.network.state_dict(),
            "generator_optimizer": self.trainee.generator_optimizer.state_dict(),
            "discriminator": self.discriminator.state_dict() if self.discriminator else None,
            "discriminator_optimizer":
                self.trainee.discriminator_optimizer.state_dict() if self.trainee.discriminator_optimizer else None,
            "average": self.average.state_dict() if self.average else None,
            **self.engine_state(),
        }
        save_state(self.state_file, state, self.params, *self.fingerprints)

    def restore(self) -> None:
        """Go back to the saved state. Raises ResumeError where it does not fit."""
        state = load_state(self.state_file, self.params, *self.fingerprints)
        self.network.load_state_dict(state["generator"])
        self.trainee.generator_optimizer.load_state_dict(state["generator_optimizer"])
        if self.discriminator and self.trainee.discriminator_optimizer:
            self.discriminator.load_state_dict(state["discriminator"])
            self.trainee.discriminator_optimizer.load_state_dict(state["discriminator_optimizer"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        self.restore_engine(state)


def upscale_step(
    trainee: Trainee, small_bchw: torch.Tensor, truth_bchw: torch.Tensor, lambda_gan: float, backward: Any, adversarial: bool
) -> dict[str, torch.Tensor]:
    """Minimize ``l1 + lambda_gan g_gan``, or l1 alone where there is no discriminator or `adversarial` is not yet.

    The discriminator sees results alone, not what they were made of, and in [-1, 1] (Ledig et al. 2017; Wang et al. 2021):
    L1 holds them to the truth, it asks whether they look like photographs. Both pictures are sRGB-coded in [0, 1].
    """
    result = trainee.generator(small_bchw)
    out: dict[str, torch.Tensor] = {}
    if adversarial and trainee.bare_discriminator:
        out = adversarial_losses(trainee, result * 2 - 1, truth_bchw * 2 - 1, None, backward)
    out["l1"] = l1(result, truth_bchw)
    loss = out["l1"] + lambda_gan * out["g_gan"] if "g_gan" in out else out["l1"]
    trainee.generator_optimizer.zero_grad(set_to_none=True)
    backward(loss)
    trainee.generator_optimizer.step()
    return {name: value.detach() for name, value in out.items()}


def as_finished(network: Compact) -> tuple[Compact, dict[str, Any], Any, Any]:
    """The network with its weights as a file keeps them, these, and a self-test pair that holds for them."""
    weights = {name: as_stored(array) for name, array in to_weights(network).items()}
    network = from_weights(weights).eval()
    ramp = torch.linspace(0, 1, 24)
    example = (0.5 * ramp[:, None] + 0.5 * ramp[None, :] ** 3).expand(1, network.channels, 24, 24).contiguous()
    with torch.no_grad():
        answer = network(example)
    return network, weights, example.numpy(), answer.numpy()


@torch.no_grad()
def score(network: Compact, pairs: Any) -> tuple[dict[str, float], list[list[Any]]]:
    """Mean PSNR of network and bicubic over (small, truth) pairs, and rows given | bicubic | network | truth of the first."""
    device = next(network.parameters()).device
    rows: list[list[Any]] = []
    found: dict[str, list[float]] = {"val_psnr": [], "val_psnr_bicubic": []}
    for small, truth in pairs:
        ours = network(torch.from_numpy(small)[None].to(device))[0].float().cpu().numpy()
        bicubic = np.stack([resampled(plane, truth.shape[1:], BICUBIC) for plane in small])
        pictures = [_pixels(planes) for planes in (small, bicubic, ours, truth)]
        found["val_psnr"].append(psnr(pictures[2], pictures[3]))
        found["val_psnr_bicubic"].append(psnr(pictures[1], pictures[3]))
        if len(rows) < PREVIEWS:
            rows.append(pictures)
    # A flat picture can be met exactly; one infinite PSNR would be the mean of all.
    return {name: float(np.mean(np.minimum(values, 100))) for name, values in found.items()}, rows


def _pixels(planes: Any) -> Any:
    picture = np.moveaxis(planes, 0, -1)
    return to_pixels(picture[..., 0] if picture.shape[2] == 1 else picture, np.uint8)
