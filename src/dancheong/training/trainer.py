"""The state of one training, whatever it trains: networks, optimizers, average, counters. All of it is saved and restored."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import cmp_to_key
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from dancheong.artifact import Artifact, as_stored
from dancheong.data.cache import Cache
from dancheong.imaging.sheet import sheet
from dancheong.models.blocks import initialize, sync_batch_norm, to_channels_last
from dancheong.models.discriminator import Discriminator, add_spectral_norm, discriminator_rows
from dancheong.models.efficientnet import is_encoder_row
from dancheong.models.network import Network, load_network, to_weights
from dancheong.params import Params, Resolved
from dancheong.training.checkpoint import Fingerprints, Stateful
from dancheong.training.step import Networks

HISTORY_ENTRIES = 400
# What a training counts, as its checkpoint keeps it.
_COUNTERS = ("images_seen", "seconds", "history", "last_losses", "val", "best", "loss_sums", "loss_steps", "logged_at",
             "validated_at", "won_since", "warned")
Scores = dict[str, float]


class Trainer(ABC):
    """A training of a generator, against a discriminator or without. `loop.run_training` drives it.

    A recipe (the colorizer's, the upscaler's) derives from this and says what is built, what a step does, and how results
    are scored and drawn. It calls `__init__` with its networks, made after `torch.manual_seed`.

    Attributes:
        kind: of the model file.
        columns: of a preview, from left to right.
        images_seen: the position; all that a step draws at random depends on it and on SEED.
        images_total: where the training ends. It is validated each `validation_interval` images.
    """

    kind: ClassVar[Literal["colorizer", "upscaler"]]
    columns: ClassVar[tuple[str, ...]]

    def __init__(
        self, fabric: Any, params: Params, cache: Cache, val_cache: Cache | None, images_total: int, validation_interval: int,
        generator: Any, discriminator: Discriminator | None, learning_rate: float, betas: tuple[float, float],
    ) -> None:
        self.fabric, self.params, self.cache, self.val_cache = fabric, params, cache, val_cache
        self.images_total, self.validation_interval = images_total, validation_interval
        self.images_seen, self.seconds = 0, 0.0
        self.history: list[dict[str, float]] = []
        self.last_losses: dict[str, float] = {}
        self.val: Scores = {}
        self.best: dict[str, Any] | None = None
        self.loss_sums: dict[str, Tensor] = {}
        self.loss_steps: dict[str, int] = {}
        self.logged_at, self.validated_at = 0, 0
        self.won_since, self.warned = 0, False

        # The generator and its average.
        to_channels_last(generator, params.batch_size)
        sync_batch_norm(generator, fabric.world_size > 1)
        self.generator = generator
        self.average: Any = copy.deepcopy(generator).to(fabric.device) if params.ema else None

        # Placed and wrapped by the engine, with their optimizers.
        def placed(network: nn.Module) -> Any:
            adam = torch.optim.Adam(parameter_groups(network), learning_rate, betas, fused=True)
            return fabric.setup(torch.compile(network) if params.compile else network, adam)

        g_module, g_optimizer = placed(generator)
        d_module, d_optimizer = placed(discriminator) if discriminator is not None else (None, None)
        self.networks = Networks(g_module, g_optimizer, d_module, d_optimizer, discriminator, fabric.autocast)

    # -- what a recipe says ---------------------------------------------------------------------------------------------

    @abstractmethod
    def batches(self) -> Iterator[tuple[Tensor, ...]]:
        """Batches from the current position to the end."""

    @abstractmethod
    def learning_rate(self, group: str) -> float:
        """Of a group of parameters (see `parameter_groups`) at the current position."""

    @abstractmethod
    def train_step(self, batch: tuple[Tensor, ...], adversarial: bool) -> dict[str, Tensor]:
        """Update the networks on a batch that lies on the device; the losses."""

    @abstractmethod
    def score(self, network: Any) -> tuple[Scores, list[list[Any]]]:
        """Scores on the validation photographs, or where there are none on those of the training, and rows of a preview."""

    @abstractmethod
    def is_better(self, scores: Scores, best: Scores | None) -> bool:
        """Whether weights with `scores` are to be kept rather than those with `best` (None: of none yet)."""

    @abstractmethod
    def export(self, network: Any) -> dict[str, Any]:
        """The fields of the model file that describe a network: its table, its weights, a self-test."""

    def initial_digests(self) -> dict[str, Any]:
        """What else the model file keeps of where it comes from."""
        return {}

    # -- stepping -------------------------------------------------------------------------------------------------------

    def step(self, batch: tuple[Tensor, ...]) -> None:
        """One step of each optimizer, then the average."""
        for optimizer in (self.networks.generator_optimizer, self.networks.discriminator_optimizer):
            for group in optimizer.param_groups if optimizer else ():
                group["lr"] = self.learning_rate(group["name"])
        adversarial = self.images_seen >= self.params.gan_start * self.images_total
        losses = self.train_step(tuple(self.fabric.to_device(tensor) for tensor in batch), adversarial)
        if self.average is not None:
            self._update_average()
        # Sums stay on the device: reading them each step would make the host wait.
        for name, value in losses.items():
            self.loss_sums[name] = self.loss_sums[name] + value if name in self.loss_sums else value
            self.loss_steps[name] = self.loss_steps.get(name, 0) + 1
        self.images_seen += self.params.batch_size

    @torch.no_grad()
    def _update_average(self) -> None:
        """Exponential average whose memory grows from the first step on, so that short runs do not keep the initial noise."""
        steps = self.images_seen // self.params.batch_size
        share = 1.0 - min(self.params.ema, (1 + steps) / (10 + steps)) if steps else 1.0
        torch._foreach_lerp_(list(self.average.parameters()), list(self.generator.parameters()), share)
        for mine, current in zip(self.average.buffers(), self.generator.buffers(), strict=True):
            mine.copy_(current)

    def agreed(self, stop: bool) -> bool:
        """Whether any process wants to stop: one that went alone would leave the others waiting for its gradients."""
        if self.fabric.world_size == 1:
            return stop
        return bool(self.fabric.all_reduce(torch.tensor(float(stop), device=self.fabric.device), reduce_op="max"))

    # -- losses and scores ----------------------------------------------------------------------------------------------

    @property
    def finished(self) -> bool:
        """Whether the position is the end."""
        return self.images_seen >= self.images_total

    def time_to_log(self) -> bool:
        """Some HISTORY_ENTRIES times in a training, and at its end; the same points however often it was stopped."""
        interval = max(self.images_total // HISTORY_ENTRIES, self.params.batch_size)
        return self.images_seen - self.logged_at >= interval or self.finished

    def time_to_validate(self) -> bool:
        """Each `validation_interval`, and at the end."""
        return self.images_seen - self.validated_at >= self.validation_interval or self.finished

    def time_to_keep(self) -> bool:
        """At the step that sees the image of KEEP_EACH, of twice that, and so on, however often it was stopped."""
        each, before = self.params.keep_each, self.images_seen - self.params.batch_size
        return each > 0 and self.images_seen // each > before // each

    def mean_losses(self) -> dict[str, float]:
        """Mean losses since the last call, over all processes."""
        sums = self.fabric.all_reduce(torch.stack(list(self.loss_sums.values())), reduce_op="mean").tolist()
        # Each by its own steps: the adversarial losses may have begun within the interval.
        self.last_losses = {name: value / steps for (name, steps), value in zip(self.loss_steps.items(), sums, strict=True)}
        self.loss_sums, self.loss_steps, self.logged_at = {}, {}, self.images_seen
        return self.last_losses

    def add_to_history(self, values: dict[str, float]) -> dict[str, float]:
        """Add an entry to the history, with the position; returns it."""
        self.history.append({"images": self.images_seen, **values})
        return self.history[-1]

    def validate(self) -> tuple[Scores, Any, Any]:
        """Score the network that would be stored now, and remember the best weights.

        Returns:
            The scores ({} without validation photographs), a preview (h, w, 3) and the network.
        """
        network = self.averaged()
        scores, rows = self.score(network)
        preview_hwc = sheet(rows)  # whoever shows it names the columns, in the reader's language
        if self.val_cache is None:
            return {}, preview_hwc, network
        if self.is_better(scores, self.best and self.best["scores"]):
            weights = {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
            self.best = {"weights": weights, "scores": scores, "images": self.images_seen}
        self.val = scores
        return scores, preview_hwc, network

    def validations(self) -> list[dict[str, float]]:
        """The entries of the history that tell of validations, the best first."""
        found = [entry for entry in self.history if any(name.startswith("val_") for name in entry)]

        def order(one: Scores, other: Scores) -> int:
            return self.is_better(other, one) - self.is_better(one, other)

        return sorted(found, key=cmp_to_key(order))

    def has_stalled(self) -> bool:
        """Whether STOP_AFTER validations have passed since the best."""
        if not self.params.stop_after or self.best is None:
            return False
        later = sum(entry["images"] > self.best["images"] for entry in self.validations())
        return bool(later >= self.params.stop_after)

    # -- the network that is stored -------------------------------------------------------------------------------------

    def averaged(self) -> Any:
        """A copy of the averaged generator as it would be stored now."""
        return copy.deepcopy(self.generator if self.average is None else self.average).eval()

    def artifact(self, resolved: Resolved, left_out: int, network: Any = None) -> Artifact:
        """The content of a model file. How long it took stands in the log: the same training is to give the same bytes.

        Args:
            resolved: category and origins of the parameters.
            left_out: photographs that could not be used.
            network: of now; None: the best on validation, else the current one.
        """
        scores = self.val if self.validated_at == self.images_seen else {}
        if network is None:
            network = self.averaged()
            if self.best is not None:
                network.load_state_dict(self.best["weights"])
                scores = self.val = {**self.best["scores"], "val_images": float(self.best["images"])}
        history = [{name: value for name, value in entry.items() if name != "seconds"} for entry in self.history]
        return Artifact(
            kind=self.kind, params=self.params, origins=resolved.origins, category=resolved.category, history=history,
            data={"photographs": len(set(self.cache.names)), "left_out": left_out, "fingerprint": self.cache.fingerprint,
                  "images_seen": self.images_seen, "marks": sorted(self.cache.marks), **self.initial_digests()},
            scores=dict(scores), **self.export(network),
        )

    # -- stop and resume ------------------------------------------------------------------------------------------------

    @property
    def modules(self) -> dict[str, Stateful]:
        """All that has a state of its own, by its name in the checkpoint."""
        found = {
            "generator": self.generator, "generator_optimizer": self.networks.generator_optimizer,
            "discriminator": self.networks.bare_discriminator,
            "discriminator_optimizer": self.networks.discriminator_optimizer,
            "average": self.average, "precision": self.fabric.strategy.precision,
        }
        return {name: module for name, module in found.items() if module is not None}

    @property
    def counters(self) -> dict[str, Any]:
        """What the checkpoint keeps beside the modules."""
        return {name: getattr(self, name) for name in _COUNTERS}

    def restore_counters(self, counters: dict[str, Any]) -> None:
        """The inverse of `counters`."""
        for name in _COUNTERS:
            setattr(self, name, counters[name])

    @property
    def fingerprints(self) -> Fingerprints:
        """Of the photographs and how often an epoch shows them, of those for validation, of the model that it began with."""
        validated = self.val_cache.fingerprint if self.val_cache is not None else ""
        return self.cache.fingerprint + self.cache.shown, validated, self.initial_digests().get("init", "")


def parameter_groups(network: nn.Module) -> list[dict[str, Any]]:
    """A network's parameters in the groups of the optimizer: `encoder`, those that were pretrained, and `other`."""
    groups: dict[str, list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        groups.setdefault("encoder" if is_encoder_row(name) else "other", []).append(parameter)
    return [{"name": name, "params": parameters} for name, parameters in groups.items()]


def new_discriminator(params: Params, c_pair: int, across_processes: bool) -> Discriminator:
    """The discriminator of PATCH_SIZE and RESOL as a training begins with it; its weights depend on SEED alone."""
    discriminator = Discriminator(discriminator_rows(params, c_pair))
    initialize(discriminator, params.seed + 1)
    to_channels_last(discriminator, params.batch_size)
    if params.d_spectral:
        add_spectral_norm(discriminator)
    sync_batch_norm(discriminator, across_processes)
    return discriminator


def network_fields(network: Network, side_px: int, lowest: float) -> dict[str, Any]:
    """The fields of a model file that describe a network, with a self-test that holds for the weights as they are stored.

    Args:
        side_px: of the self-test's picture, whose values go from `lowest` to 1.
    """
    weights = {name: as_stored(array) for name, array in to_weights(network).items()}
    stored = load_network(network.table, weights).eval()
    ramp = torch.linspace(lowest, 1, side_px)
    picture = (0.5 * ramp[:, None] + 0.5 * ramp[None, :] ** 3).expand(1, stored.table.c_in, side_px, side_px).contiguous()
    with torch.no_grad():
        answer = stored(picture)
    return {
        "architecture": stored.table, "weights": weights, "selftest_input": picture.numpy(), "selftest_output": answer.numpy(),
    }
