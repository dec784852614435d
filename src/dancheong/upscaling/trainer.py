"""The upscaler's recipe: L1 on patches, against a discriminator where SR_LAMBDA_GAN asks for one, scored by PSNR."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dancheong.data.batches import Samples, sample_batches
from dancheong.data.cache import Cache
from dancheong.imaging.color import to_pixels
from dancheong.imaging.metrics import psnr
from dancheong.models.losses import l1
from dancheong.params import Params
from dancheong.training.step import Networks, adversarial_losses
from dancheong.training.trainer import Scores, Trainer, network_fields, new_discriminator
from dancheong.upscaling.network import Compact, initialize_compact
from dancheong.upscaling.patches import BICUBIC, PATCH_PX, patch_pair, resampled, validation_pairs

# Adam's own first moment, as ESRGAN and Real-ESRGAN have it in their adversarial training, too.
BETAS = (0.9, 0.999)
LEARNING_RATE = 1e-3  # at the beginning; LR_DECAY_START says when it falls
# The size of a new network, that of the upscaler that comes with the program.
FEATURES, LAYERS = 32, 10
VALIDATIONS = 10  # in a training: VAL_IMAGES counts photographs, and patches are smaller
PREVIEW_ROWS = 6


class UpscalerTrainer(Trainer):
    """A training of the upscaler. `network`: where it begins; None draws the initial weights from SEED."""

    kind = "upscaler"
    columns = ("given", "bicubic", "network", "truth")

    def __init__(
        self, fabric: Any, params: Params, cache: Cache, val_cache: Cache | None, network: Compact | None = None
    ) -> None:
        torch.manual_seed(params.seed)
        if network is None:
            channels = 1 if params.sr_planes == "luma" else 3
            network = Compact(channels, FEATURES, LAYERS, int(params.sr_scale))
            initialize_compact(network, params.seed)
        discriminator = None
        if params.sr_lambda_gan > 0:
            # It judges whole patches as the network enlarges them.
            judged = params.model_copy(update={"resol": PATCH_PX * network.scale})
            discriminator = new_discriminator(judged, network.channels, fabric.world_size > 1)
        # Whole batches only.
        images_total = -(-params.sr_images // params.batch_size) * params.batch_size
        interval = max(images_total // VALIDATIONS, 1)
        super().__init__(
            fabric, params, cache, val_cache, images_total, interval, network, discriminator, LEARNING_RATE, BETAS
        )

    def batches(self) -> Iterator[tuple[Tensor, ...]]:
        samples = Samples(self.cache, self.params, patch_pair)
        return sample_batches(samples, self.images_seen, self.images_total, self.fabric.global_rank, self.fabric.world_size)

    def learning_rate(self, group: str) -> float:
        """SR_LR; from LR_DECAY_START on it falls linearly to 0."""
        start, left = self.params.lr_decay_start, 1 - self.images_seen / self.images_total
        return LEARNING_RATE * (min(1.0, left / (1 - start)) if start < 1 else 1.0)

    def train_step(self, batch: tuple[Tensor, ...], adversarial: bool) -> dict[str, Tensor]:
        small, truth = batch
        return upscale_step(self.networks, small, truth, self.params.sr_lambda_gan, self.fabric.backward, adversarial)

    def score(self, network: Compact) -> tuple[Scores, list[list[Any]]]:
        return score(network, validation_pairs(self.val_cache or self.cache, self.params))

    def is_better(self, scores: Scores, best: Scores | None) -> bool:
        """PSNR is best without an adversarial part: choosing weights by it would throw away what that part has made."""
        return not self.params.sr_lambda_gan and (best is None or scores["val_psnr"] > best["val_psnr"])

    def export(self, network: Compact) -> dict[str, Any]:
        return network_fields(network, 24, 0)


def upscale_step(
    networks: Networks, small_bchw: Tensor, truth_bchw: Tensor, lambda_gan: float, backward: Any, adversarial: bool
) -> dict[str, Tensor]:
    """Minimize ``l1 + lambda_gan g_gan``, or l1 alone where there is no discriminator or `adversarial` is not yet.

    The discriminator sees results alone, not what they were made of, and in [-1, 1] (Ledig et al. 2017; Wang et al. 2021):
    L1 holds them to the truth, it asks whether they look like photographs. Both pictures are sRGB-coded in [0, 1].
    """
    result = networks.generator(small_bchw)
    out: dict[str, Tensor] = {}
    if adversarial and networks.bare_discriminator:
        out = adversarial_losses(networks, result * 2 - 1, truth_bchw * 2 - 1, None, backward)
    out["l1"] = l1(result, truth_bchw)
    loss = out["l1"] + lambda_gan * out["g_gan"] if "g_gan" in out else out["l1"]
    networks.generator_optimizer.zero_grad(set_to_none=True)
    backward(loss)
    networks.generator_optimizer.step()
    return {name: value.detach() for name, value in out.items()}


@torch.no_grad()
def score(network: Compact, pairs: Iterable[tuple[Any, Any]]) -> tuple[Scores, list[list[Any]]]:
    """Mean PSNR of network and bicubic over (small, truth) pairs, and rows given | bicubic | network | truth of the first."""
    device = next(network.parameters()).device
    rows: list[list[Any]] = []
    found: dict[str, list[float]] = {"val_psnr": [], "val_psnr_bicubic": []}
    for small, truth in pairs:
        enlarged = network(torch.from_numpy(small)[None].to(device))[0].float().cpu().numpy()
        bicubic = np.stack([resampled(plane, truth.shape[1:], BICUBIC) for plane in small])
        pictures = [_pixels(planes) for planes in (small, bicubic, enlarged, truth)]
        found["val_psnr"].append(psnr(pictures[2], pictures[3]))
        found["val_psnr_bicubic"].append(psnr(pictures[1], pictures[3]))
        if len(rows) < PREVIEW_ROWS:
            rows.append(pictures)
    # A flat picture can be met exactly; one infinite PSNR would be the mean of all.
    return {name: float(np.mean(np.minimum(values, 100))) for name, values in found.items()}, rows


def _pixels(planes: Any) -> Any:
    picture = np.moveaxis(planes, 0, -1)
    return to_pixels(picture[..., 0] if picture.shape[2] == 1 else picture, np.uint8)
