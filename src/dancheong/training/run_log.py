"""What every training run keeps of itself: how far it is, its losses and scores, and whether somebody wants it to stop."""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import torch

from dancheong.data.cache import Cache
from dancheong.params import Params
from dancheong.training.checkpoint import state_path

HISTORY_ENTRIES = 400
# What a run counts, as its state keeps it.
_COUNTERS = ("images_seen", "seconds", "history", "last_losses", "val", "best", "_sums", "_sum_steps", "_logged_at",
             "_validated_at", "won_since", "warned")


class Journal(ABC):
    """A run, whatever it trains, as `loop.drive` sees it: the counting is done here, the training in what is derived."""

    def __init__(
        self, fabric: Any, params: Params, cache: Cache, val_cache: Cache | None, model_path: Path, log_dir: Path
    ) -> None:
        self.fabric, self.params, self.cache, self.val_cache = fabric, params, cache, val_cache
        self.state_file, self.log_dir = state_path(model_path), log_dir
        self.images_seen, self.images_here, self.seconds = 0, 0, 0.0
        self.history: list[dict[str, float]] = []
        self.last_losses: dict[str, float] = {}
        self.val: dict[str, float] = {}
        self._sums: dict[str, torch.Tensor] = {}
        self._sum_steps: dict[str, int] = {}
        self._logged_at, self._validated_at = 0, 0
        self.won_since, self.warned = 0, False
        self.best: dict[str, Any] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.cache.close()
        if self.val_cache is not None:
            self.val_cache.close()

    @abstractmethod
    def batches(self, total: int) -> Iterator[Any]:
        """Batches from the current position to `total` images."""

    @abstractmethod
    def step(self, batch: Any, total: int) -> None:
        """One step of the optimizers, and `count`."""

    @abstractmethod
    def validate(self) -> None:
        """Score and draw, and remember the best weights."""

    @abstractmethod
    def save_state(self) -> None:
        """Everything that the next step depends on, beside the model file."""

    @abstractmethod
    def restore(self) -> None:
        """Go back to the saved state. Raises ResumeError where it does not fit."""

    def engine_state(self) -> dict[str, Any]:
        """What every state holds beside weights and optimizers: the position, random numbers, the scale of gradients."""
        return {
            "precision": self.fabric.strategy.precision.state_dict(),
            "rng": torch.get_rng_state(),
            "rng_cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
            **{name: getattr(self, name) for name in _COUNTERS},
        }

    def restore_engine(self, state: dict[str, Any]) -> None:
        """The inverse of `engine_state`."""
        self.fabric.strategy.precision.load_state_dict(state["precision"])
        torch.set_rng_state(state["rng"])
        if state["rng_cuda"] and torch.cuda.is_available():
            torch.cuda.set_rng_state_all(state["rng_cuda"])
        for name in _COUNTERS:
            setattr(self, name, state[name])

    @property
    def fingerprints(self) -> tuple[str, str]:
        """Of the photographs, and of those for validation ("" where there are none)."""
        return self.cache.fingerprint, self.val_cache.fingerprint if self.val_cache is not None else ""

    def agreed(self, stop: bool) -> bool:
        """Whether any process wants to stop: one that went alone would leave the others waiting for its gradients."""
        if self.fabric.world_size == 1:
            return stop
        return bool(self.fabric.all_reduce(torch.tensor(float(stop), device=self.fabric.device), reduce_op="max"))

    def count(self, losses: dict[str, torch.Tensor]) -> None:
        """Add the losses of a step. Sums stay on the device: reading them each step would make the host wait."""
        for name, value in losses.items():
            self._sums[name] = self._sums[name] + value if name in self._sums else value
            self._sum_steps[name] = self._sum_steps.get(name, 0) + 1
        self.images_seen += self.params.batch_size
        self.images_here += self.params.batch_size

    def open_log(self) -> None:
        """Begin losses.jsonl with what the run has behind it: nothing, or what it had when its state was saved."""
        if self.fabric.is_global_zero:
            self.log_dir.mkdir(parents=True, exist_ok=True)
            lines = "".join(json.dumps(entry) + "\n" for entry in self.history)
            (self.log_dir / "losses.jsonl").write_text(lines, encoding="utf-8", newline="\n")

    def time_to_log(self, total: int) -> bool:
        """Some HISTORY_ENTRIES times in a run, and at its end; the same points however often it was stopped."""
        interval = max(total // HISTORY_ENTRIES, self.params.batch_size)
        return self.images_seen - self._logged_at >= interval or self.images_seen >= total

    def time_to_validate(self, total: int) -> bool:
        """Each VAL_IMAGES, and at the end."""
        return self.images_seen - self._validated_at >= self.params.val_images or self.images_seen >= total

    def log_losses(self) -> dict[str, float]:
        """Mean losses since the last call, added to the history and to losses.jsonl."""
        sums = torch.stack(list(self._sums.values()))
        sums = self.fabric.all_reduce(sums, reduce_op="mean").tolist()
        # Each by its own steps: the adversarial losses may have begun within the interval.
        self.last_losses = {
            name: value / steps for (name, steps), value in zip(self._sum_steps.items(), sums, strict=True)
        }
        self._sums, self._sum_steps, self._logged_at = {}, {}, self.images_seen
        self.record({"images": self.images_seen, "seconds": round(self.seconds, 2), **self.last_losses})
        return self.last_losses

    def record(self, entry: dict[str, float]) -> None:
        """Add an entry to the history and to losses.jsonl."""
        self.history.append(entry)
        if self.fabric.is_global_zero:
            with (self.log_dir / "losses.jsonl").open("a", encoding="utf-8", newline="\n") as file:
                file.write(json.dumps(entry) + "\n")
