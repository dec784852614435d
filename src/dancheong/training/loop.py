"""The training loop: flat, counted in images. The same command with ``resume`` goes on bit for bit."""

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from dancheong.artifact import Artifact, write_artifact
from dancheong.data.cache import Cache, build_cache
from dancheong.data.photographs import UnusablePhoto, find_masks, find_pairs, mask_of
from dancheong.data.prepare import Stage, channels, check_together
from dancheong.params import COMMON, DancheongError, ParamError, Params
from dancheong.training.engine import as_launched, launch, require_extra

if TYPE_CHECKING:
    from dancheong.training.run_log import Journal
    from dancheong.training.trainer import Run

AGREE_STEPS = 8
# A discriminator loss this low for this many images means that it has won and teaches nothing more.
WON_LOSS, WON_IMAGES = 0.05, 2000
WON_ADVICE = (
    "the discriminator has won: its losses have been near 0 for {images} images, so it no longer teaches the generator; "
    "lower LAMBDA_GAN (SR_LAMBDA_GAN) or NDF, use a smaller PATCH_SIZE, add photographs, or stop here: L1 still counts"
)


class TrainingDiverged(DancheongError):
    """A loss is no longer a number."""


@dataclass(frozen=True)
class Progress:
    """One look at a running training."""

    images_seen: int
    images_total: int
    seconds: float
    images_per_second: float
    losses: dict[str, float]
    message: str = ""


@dataclass(frozen=True)
class TrainResult:
    """What a training did. `stopped`: it was asked to stop before the end. Of several processes the first one speaks.

    `fingerprint` identifies the photographs, `digest` the content of the model file.
    """

    model: Path
    images_seen: int
    seconds: float
    images_per_second: float
    losses: dict[str, float]
    val: dict[str, float]
    refusals: list[UnusablePhoto] = field(default_factory=list)
    stopped: bool = False
    is_first_process: bool = True
    fingerprint: str = ""
    digest: str = ""


def train(
    photos: str | Path,
    model: str | Path,
    params: Params | None = None,
    *,
    val: str | Path | None = None,
    drawn_masks: str | Path | None = None,
    log_dir: str | Path | None = None,
    resume: bool = False,
    category: str = COMMON,
    origins: dict[str, str] | None = None,
    watch: Callable[[Progress], bool] | None = None,
) -> TrainResult:
    """Train on PHOTOS and write one model file, whole or not at all.

    Args:
        photos: one of the three layouts of docs/data.md.
        val: photographs that are never trained on; the weights that do best on them are kept.
        drawn_masks: folder of masks drawn by hand for PHOTOS, PNG of the same subfolder and stem, white on light
            reflection; photographs without one are left to the detector.
        log_dir: losses.jsonl (begun anew unless resumed) and previews (gray | predicted | truth) go here; beside the
            model by default.
        resume: go on from the state beside the model; where there is neither state nor model, begin.
        category, origins: what the model is for, and where each parameter came from, as `resolve` of
            `dancheong.params` gives them; the model file tells them.
        watch: called at each log interval; True stops the run after the current step, resumable.

    Raises:
        NoPhotographs: when nothing usable is left; ResumeError; TrainingDiverged; ExtraMissing.
        ParamError: rows that do not go together, a device that is not there, or a folder of masks without any that fits.
    """
    require_extra()
    params = as_launched(params or Params())
    model = Path(model)
    check_training(params)
    fabric = launch(params)
    from dancheong.training.trainer import Run  # torch is there: it was required

    cache, refusals = prepare_photographs(Path(photos), params, drawn_masks=drawn_masks)
    val_cache = prepare_photographs(Path(val), params, "predict")[0] if val is not None else None
    log = Path(log_dir) if log_dir is not None else model.with_name(model.stem + "_log")
    # Whole batches only: batch statistics of a short last batch would differ from all others.
    total = math.ceil(params.epochs * len(cache) / params.batch_size) * params.batch_size
    with Run(fabric, params, cache, val_cache, model, log) as run:
        return drive(
            run, total, model, lambda: _artifact(run, params, cache, refusals, category, origins or {}), refusals, resume, watch
        )


def drive(
    run: "Journal",
    total: int,
    model: Path,
    artifact: Callable[[], Artifact],
    refusals: list[UnusablePhoto],
    resume: bool,
    watch: Callable[[Progress], bool] | None,
) -> TrainResult:
    """Take a run to `total` images, or to where it is asked to stop, and write its model file; see `train`."""
    if resume and (run.state_file.exists() or model.exists()):
        run.restore()
    run.open_log()
    with _stop_signals() as asked:
        stopped = _loop(run, total, watch or (lambda progress: False), asked)
    if stopped:
        run.save_state()
    digest = ""
    if run.fabric.is_global_zero:
        digest = write_artifact(model, artifact())
        if not stopped:
            run.state_file.unlink(missing_ok=True)
    run.fabric.barrier()
    rate = run.images_seen / run.seconds if run.seconds else 0.0
    return TrainResult(
        model, run.images_seen, run.seconds, rate, run.last_losses, run.val, refusals, stopped, run.fabric.is_global_zero,
        run.cache.fingerprint, digest,
    )


def _loop(run: "Journal", total: int, watch: Callable[[Progress], bool], asked: Callable[[], bool]) -> bool:
    """Step to the end, or until `watch` or a signal asks to stop (True)."""
    began, seconds_before = time.monotonic(), run.seconds
    for step, batch in enumerate(run.batches(total)):
        run.step(batch, total)
        run.seconds = seconds_before + time.monotonic() - began
        # Several processes look at each other now and then only: each time their hosts wait for their devices.
        to_ask = run.fabric.world_size == 1 or step % AGREE_STEPS == 0
        stop = to_ask and run.agreed(asked())
        # What is due at this step is done before a stop: a resumed run must log and validate where the whole one does.
        if run.time_to_log(total):
            progress = _look(run, total, time.monotonic() - began)
            stop = stop or run.agreed(watch(progress))
        # After the last step there is nothing to stop.
        if stop and run.images_seen < total:
            return True
    return False


def _look(run: "Journal", total: int, seconds_here: float) -> Progress:
    """Log, and validate and save where it is time to."""
    losses = run.log_losses()
    if not all(math.isfinite(value) for value in losses.values()):
        named = ", ".join(f"{name} = {value}" for name, value in losses.items())
        raise TrainingDiverged(
            f"a loss is no longer a number after {run.images_seen} images ({named}); "
            "lower LR, or use PRECISION=32-true. The last good state is kept; nothing was overwritten"
        )
    message = _advice(run, losses)
    if run.time_to_validate(total):
        run.validate()
        run.save_state()
    rate = run.images_here / seconds_here
    return Progress(run.images_seen, total, run.seconds, rate, {**losses, **run.val}, message)


def _advice(run: "Journal", losses: dict[str, float]) -> str:
    """What to do about a discriminator that has won, said once; else nothing."""
    if not ("d_real" in losses and losses["d_real"] < WON_LOSS and losses["d_fake"] < WON_LOSS):
        run.won_since = run.images_seen
    elif run.images_seen - run.won_since >= WON_IMAGES and not run.warned:
        run.warned = True
        return WON_ADVICE.format(images=run.images_seen - run.won_since)
    return ""


@contextmanager
def _stop_signals() -> Iterator[Callable[[], bool]]:
    """Ctrl-C and a polite kill finish the current step and save; a second Ctrl-C interrupts at once."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return

    def ask(number: int, frame: object) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def check_training(params: Params) -> None:
    """Refuse rows that cannot be trained with, before any process is started and any photograph read.

    Raises:
        ParamError: see `dancheong.data.prepare.check_together`; PATCH_SIZE does not fit RESOL; see `as_launched`.
    """
    check_together(params)
    as_launched(params)
    if params.lambda_gan > 0:
        from dancheong.models.discriminator import discriminator_rows

        discriminator_rows(params, sum(channels(params)))


def prepare_photographs(
    photos: Path, params: Params, stage: Stage = "train", drawn_masks: str | Path | None = None
) -> tuple[Cache, list[UnusablePhoto]]:
    masks = {} if drawn_masks is None else find_masks(Path(drawn_masks))
    pairs, refusals = find_pairs(photos, params)
    if masks and not any(mask_of(masks, pair.name) for pair in pairs):
        raise ParamError(
            f"none of the {len(masks)} masks in {drawn_masks} has the name of a photograph in {photos}: "
            f"the mask of {pairs[0].name} is {Path(pairs[0].name).with_suffix('.png').name}"
        )
    cache, more = build_cache(pairs, params, stage=stage, masks=masks)
    return cache, [*refusals, *more]


def _artifact(
    run: "Run", params: Params, cache: Cache, refusals: list[UnusablePhoto], category: str, origins: dict[str, str]
) -> Artifact:
    generator, weights, example, answer = run.finished_generator()
    from dancheong.models.export import to_graph
    from dancheong.models.generator import architecture

    return Artifact(
        kind="colorizer",
        params=params,
        origins=origins,
        category=category,
        architecture=architecture(generator),
        graph=to_graph(generator),
        weights=weights,
        history=run.history,
        data={"photographs": len(cache), "left_out": len(refusals), "fingerprint": cache.fingerprint,
              "images_seen": run.images_seen, "seconds": round(run.seconds, 1), **run.start},
        scores=dict(run.val),
        selftest_input=example,
        selftest_output=answer,
    )

