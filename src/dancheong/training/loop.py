"""Training: photographs in, one model file out. The loop is flat and counted in images; `resume` goes on bit for bit."""

import math
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from dancheong.artifact import SHIPPED_COLORIZER, Artifact, read_artifact, write_artifact
from dancheong.data.cache import Cache, build_cache
from dancheong.data.hold_out import hold_out, named, named_to_validate, share_of
from dancheong.data.photographs import UnusablePhoto, find_masks, find_pairs, mask_of, photos_path
from dancheong.data.prepare import Stage, channels, check_together
from dancheong.data.weights import read_weights, times_shown
from dancheong.params import COMMON, DancheongError, ParamError, Params, Resolved
from dancheong.params.schema import DESCRIBES_NETWORK
from dancheong.system.arguments import checked
from dancheong.system.signals import stop_requests
from dancheong.training.checkpoint import load_checkpoint, save_checkpoint, stopped_model
from dancheong.training.engine import as_launched, launch, require_extra
from dancheong.training.session import Progress, Remark, TrainingSession, TrainResult

if TYPE_CHECKING:
    from dancheong.training.trainer import Trainer

AGREE_STEPS = 8
# Rows that count only where there is a pretrained encoder.
_OF_ENCODER = ("lr_encoder", "encoder_frozen")
# A discriminator loss this low for this many images means that it has won and teaches nothing more.
WON_LOSS, WON_IMAGES = 0.05, 2000
WON_ADVICE = (
    "the discriminator has won: its losses have been near 0 for {images} images, so it no longer teaches the generator; "
    "lower LAMBDA_GAN (SR_LAMBDA_GAN) or NDF, use a smaller PATCH_SIZE, add photographs, or stop here: L1 still counts"
)


class TrainingDiverged(DancheongError):
    """A loss is no longer a number."""


@checked
def train(
    photos: str | Path,
    model: str | Path,
    params: Params | Mapping[str, Any] | None = None,
    *,
    val: str | Path | float | Collection[str] | None = None,
    init: str | Path | None = None,
    drawn_masks: str | Path | None = None,
    weights: str | Path | Mapping[str, int] | None = None,
    log_dir: str | Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
    category: str = COMMON,
    origins: dict[str, str] | None = None,
    watch: Callable[[Progress], bool] | None = None,
    tensorboard: bool = False,
    remarks: Sequence[Remark] | Callable[[], Sequence[Remark]] = (),
) -> TrainResult:
    """Train a colorizer on PHOTOS and write one model file, whole or not at all.

    Args:
        photos: one of the three layouts of docs/data.md.
        params: rows of the table; a mapping, such as ``{"RESOL": 64}``, will do.
        val: photographs that are never trained on, also where they lie in PHOTOS; the weights that do best on them are kept.
            A share, such as .1: so many of PHOTOS, chosen by SEED, near duplicates and if it can be subfolders on one side.
            A list: the paths below PHOTOS of those that are kept out.
        init: a model file whose network and weights this training begins with. Rows that describe the network are then those
            of that model; one that is set and says otherwise is refused. None: see BEGIN.
        drawn_masks: folder of masks drawn by hand for PHOTOS, PNG of the same subfolder and stem, white on light
            reflection; photographs without one are left to the detector.
        weights: how often an epoch shows a photograph: paths below PHOTOS, or subfolders, and whole numbers, or a CSV of them;
            all others are shown once.
        log_dir: training.html, losses.jsonl (begun anew unless resumed) and previews (gray | predicted | truth) go here;
            beside the model by default.
        resume: go on from the checkpoint beside the model; where there is neither checkpoint nor model, begin.
        overwrite: replace a model, state and log that are there and not this training's; a model stands until the new one is
            finished, and one that is stopped before lies beside it as NAME.unfinished.h5.
        category, origins: what the model is for, and where each parameter came from, as `resolve` of
            `dancheong.params` gives them; the model file tells them.
        watch: called at each log interval; True stops the training after the current step, resumable.
        tensorboard: also write TensorBoard events into `log_dir`.
        remarks: lines on the photographs for the page: (kind, count, advice), or a function that gives them, which is called
            when nothing that is quickly seen stands in the way.

    Raises:
        NoPhotographs: when nothing usable is left; OutputTaken; ResumeError; TrainingDiverged; ExtraMissing.
        ParamError: rows that do not go together, a device that is not there, or a folder of masks without any that fits.
    """
    require_extra()
    photos = photos_path(photos)
    names = frozenset(val) if isinstance(val, Collection) and not isinstance(val, str) else None
    share = 0.0 if names is not None else share_of(val)
    val_photos = None if val is None or share or names is not None else photos_path(str(val))
    asked = params if isinstance(params, Params) else Params(params)
    start, params, notice = _start(init, asked)
    if init is not None:  # the model file says where each row came from
        brought = [row for row in DESCRIBES_NETWORK if getattr(params, row) != getattr(asked, row)]
        origins = {**(origins or {}), **dict.fromkeys(brought, "--init")}
    check_training(params, val is not None)
    params = as_launched(params)
    shown = read_weights(weights)
    masks = {} if drawn_masks is None else find_masks(Path(drawn_masks))
    fabric = launch(params)
    from dancheong.training.colorizer_trainer import ColorizerTrainer  # torch is there: it was required

    session = TrainingSession(
        Path(model), log_dir, Resolved(params, category, origins or {}), resume=resume,
        writes=fabric.is_global_zero, overwrite=overwrite, watch=watch, tensorboard=tensorboard, notice=notice,
    )
    with ExitStack() as stack:
        stack.enter_context(session.claim())
        if fabric.is_global_zero:
            session.remark(remarks() if callable(remarks) else remarks)
        split = hold_out(photos, params, share) if share else None
        if names is not None:
            split = named(photos, names, params)
        if val_photos is not None:
            split = named_to_validate(photos, val_photos, params)
        held_out = split.names if split else frozenset()
        cache, refusals = prepare_photographs(photos, params, "train", masks, lambda name: name not in held_out)
        stack.enter_context(cache)
        if shown:
            cache.show(times_shown(cache.names, shown, [*held_out, *_names(photos, refusals)]))
        val_cache = None
        if split:
            session.held_out(len(split.names), split.note)
        if val_photos is not None:
            val_cache, _ = prepare_photographs(val_photos, params, "predict")
        elif split:
            val_cache, more = prepare_photographs(photos, params, "predict", wanted=held_out.__contains__)
            refusals += [one for one in more if one not in refusals]
        if val_cache is not None:
            stack.enter_context(val_cache)
        return run_training(ColorizerTrainer(fabric, params, cache, val_cache, start), session, refusals)


def _names(photos: Path, refusals: Sequence[UnusablePhoto]) -> list[str]:
    """Paths below PHOTOS of what was left out."""
    return [one.file.relative_to(photos).as_posix() for one in refusals if one.file.is_relative_to(photos)]


def _start(init: str | Path | None, params: Params) -> tuple[Artifact | None, Params, str]:
    """The model that a training begins with, if any, the rows that then hold, and what to tell about it."""
    if init is not None:
        start = read_artifact(init)
        rows = network_rows_of(start, params, str(init))
        other = [row for row in DESCRIBES_NETWORK if getattr(rows, row) != getattr(params, row)]
        theirs = ", ".join(f"{row.upper()}={getattr(rows, row)}" for row in other)
        told = [f"--init {init} brings its own network: {theirs}"] if theirs else []
        idle = [*(["begin"] if params.begin != "colorizer" else []), *(_OF_ENCODER if rows.encoder == "unet" else ())]
        return start, rows, "; ".join([*told, *_idle(idle, params, f"--init {init} is where it begins")])
    if params.encoder == "unet":
        return None, params, "".join(_idle(["begin", "init_share", *_OF_ENCODER], params, "ENCODER=unet begins from scratch"))
    if params.begin == "encoder" or not SHIPPED_COLORIZER.exists():
        return None, params, "".join(_idle(["init_share"], params, "BEGIN=encoder begins with no model"))
    start = read_artifact(SHIPPED_COLORIZER)
    other = [row for row in DESCRIBES_NETWORK if getattr(start.params, row) != getattr(params, row)]
    if not other:
        return start, params, ""
    differences = ", ".join(f"{row.upper()} = {getattr(params, row)} (there {getattr(start.params, row)})" for row in other)
    return None, params, (
        f"BEGIN=colorizer: the colorizer that comes along is another network ({differences}), so this training begins with "
        f"what {params.encoder} knows alone"
    )


def _idle(rows: Sequence[str], params: Params, why: str) -> list[str]:
    """What to tell of those of `rows` that were set, if any, although they count for nothing."""
    found = ", ".join(row.upper() for row in rows if row in params.model_fields_set)
    return [f"{why}; rows that count for nothing there: {found}"] if found else []


def network_rows_of(start: Artifact, params: Params, name: str) -> Params:
    """The rows of a training that begins with the network of another model, named `name`.

    Raises:
        ParamError: the model is no colorizer, or a row that describes the network is set and is not the model's.
    """
    if start.kind != "colorizer":
        raise ParamError(f"--init {name}: a colorizer was expected, not an {start.kind}: that is for train-upscaler --init")
    theirs = {row: getattr(start.params, row) for row in DESCRIBES_NETWORK}
    other = [row for row, value in theirs.items() if row in params.model_fields_set and getattr(params, row) != value]
    if other:
        rows = ", ".join(f"{row.upper()} = {getattr(params, row)} (the model: {theirs[row]})" for row in other)
        raise ParamError(f"--init {name} brings a network of its own, but {rows} was set: leave it out, or leave --init out")
    params = params.model_copy(update=theirs)
    if channels(params) != (start.architecture.c_in, start.architecture.c_out):
        of_pairs, of_gray = "is of side-by-side pairs", "colors gray photographs"
        said, asked = (of_gray, of_pairs) if params.pairing == "side_by_side" else (of_pairs, of_gray)
        raise ParamError(f"--init {name} {said}, and this training {asked}: train without --init, or set PAIRING as there")
    return params


def run_training(trainer: "Trainer", session: TrainingSession, refusals: list[UnusablePhoto]) -> TrainResult:
    """Take a training to its end, or to where it is asked to stop, and write its model file; see `train`."""
    from torch import OutOfMemoryError  # as above

    session.left_out = len(refusals)
    # Go on from the checkpoint, or begin.
    calmer: dict[str, Any] = {}
    if session.goes_on:
        counters, calmer = load_checkpoint(
            session.checkpoint, trainer.modules, trainer.params, trainer.fingerprints, trainer.kind
        )
        trainer.restore_counters(counters)
        session.notice = _calmer_notice(trainer, session, calmer)
    with session:
        session.begin(trainer.history, trainer.columns)
        if rates := {name: getattr(trainer.params, name) for name in calmer if name != "precision"}:
            session.record(trainer.add_to_history(rates))
        try:
            stopped = _loop(trainer, session)
        except OutOfMemoryError as error:
            raise DancheongError(device_is_full(trainer.params, session.checkpoint.exists())) from error

        # Write the model file; the checkpoint is needed only for a training that goes on.
        if stopped:
            _save(trainer, session)
        digest, model = "", session.model
        if trainer.fabric.is_global_zero:
            model, artifact = session.target(stopped), trainer.artifact(session.resolved, session.left_out)
            data = artifact.data | session.split | ({"unfinished": True} if stopped else {})
            artifact = replace(artifact, data=data)
            digest = write_artifact(model, artifact)
            session.write_card(model, replace(artifact, digest=digest))
            if not stopped:
                session.clean()
        trainer.fabric.barrier()
        page = session.finish(trainer.images_seen, stopped, refusals)
    rate = trainer.images_seen / trainer.seconds if trainer.seconds else 0.0
    return TrainResult(
        model, trainer.images_seen, trainer.seconds, rate, trainer.last_losses, trainer.val, refusals, stopped,
        trainer.fabric.is_global_zero, trainer.cache.fingerprint, digest, page, str(session.split.get("split", "")),
    )


def _loop(trainer: "Trainer", session: TrainingSession) -> bool:
    """Step to the end, or until a signal or whoever watches asks to stop (True)."""
    if trainer.images_total == 0:
        _validate(trainer, session)
    began, seconds_before, images_before = time.monotonic(), trainer.seconds, trainer.images_seen
    notice = session.notice
    with stop_requests() as stop_asked:
        for step, batch in enumerate(trainer.batches()):
            # Execute one step of the optimizers.
            trainer.step(batch)
            trainer.seconds = seconds_before + time.monotonic() - began

            # Ask whether to stop. Several processes ask each other now and then only: their hosts wait for their devices.
            to_ask = trainer.fabric.world_size == 1 or step % AGREE_STEPS == 0
            stop = to_ask and trainer.agreed(stop_asked())

            # Log, and validate and save where it is due; before a stop, too: a resumed training must log and validate
            # where the unbroken one does.
            logs, ends = trainer.time_to_log(), False
            if logs:
                losses = trainer.mean_losses()
                session.record(trainer.add_to_history({"seconds": round(trainer.seconds, 2), **losses}))
                _check_finite(losses, trainer, session)
                message, notice = _advice(trainer, losses) or notice, ""
            validates = logs and trainer.time_to_validate()
            if validates:
                _validate(trainer, session)
            if trainer.time_to_keep():
                _keep(trainer, session, "model")
            if logs:
                if validates:
                    _save(trainer, session)
                    if ends := trainer.agreed(trainer.has_stalled()) and not trainer.finished:
                        best = trainer.best["images"] if trainer.best else 0
                        message = f"ended after {trainer.images_seen} images: none of the last {trainer.params.stop_after} " \
                            f"validations was better than that at {best} (STOP_AFTER)"
                rate = (trainer.images_seen - images_before) / max(trainer.seconds - seconds_before, 1e-9)
                shown = {**losses, **trainer.val}
                validated = len(trainer.val_cache or ())
                progress = Progress(
                    trainer.images_seen, trainer.images_total, trainer.seconds, rate, shown, message, validated,
                )
                try:
                    stop = stop or trainer.agreed(session.progress(progress))
                except BaseException:
                    # Whoever watches failed, not the training: --resume goes on from here.
                    with suppress(Exception):
                        _save(trainer, session)
                    raise
                if ends:
                    return False

            # After the last step there is nothing to stop.
            if stop and not trainer.finished:
                return True
    return False


def _calmer_notice(trainer: "Trainer", session: TrainingSession, calmer: Mapping[str, Any]) -> str:
    """What a training that goes on does otherwise than before, and what else could be done."""
    if not calmer:
        return ""
    rows = ", ".join(f"{name.upper()}={getattr(trainer.params, name)} ({before} before)" for name, before in calmer.items())
    model = stopped_model(session.checkpoint)
    begin = f"; --init {model} -o NEW.h5 would begin with its best weights instead" if model.exists() else ""
    return f"from image {trainer.images_seen} on: {rows}{begin}"


def device_is_full(params: Params, has_state: bool) -> str:
    """What to do where a graphics card has no room for a training, the most harmless first."""
    lower = [f"BATCH_SIZE={max(1, params.batch_size // 2)}" if params.batch_size > 1 else "", "PRECISION=bf16-mixed",
             "CACHE=memory", f"RESOL={max(16, params.resol // 2)}", f"NGF={max(1, params.ngf // 2)}"]
    mended = ", ".join(f"--set {one}" for one in lower if one)
    goes_on = "; --resume goes on from the last state, where RESOL and NGF stay as they are" if has_state else ""
    return (
        f"the graphics card's memory is used up (RESOL={params.resol}, BATCH_SIZE={params.batch_size}, NGF={params.ngf}): "
        f"try, in this order, {mended}, or DEVICE=cpu; close other programs that use the card{goes_on}"
    )


def _validate(trainer: "Trainer", session: TrainingSession) -> None:
    """Score the network that would be stored now, draw a preview, remember the best weights; the first process does it."""
    trainer.validated_at = trainer.images_seen
    if trainer.fabric.is_global_zero:
        scores, preview_hwc, network = trainer.validate()
        session.write_preview(trainer.images_seen, preview_hwc)
        if scores:
            session.record(trainer.add_to_history(scores))
        validated = [int(entry["images"]) for entry in trainer.validations()]
        best, worse = validated[: trainer.params.keep_best], validated[trainer.params.keep_best :]
        if trainer.images_seen in best:
            _keep(trainer, session, "best", network)
        session.drop(worse)


def _keep(trainer: "Trainer", session: TrainingSession, name: Literal["best", "model"], network: Any = None) -> None:
    """Keep the model of now in the log folder; `network`: that was validated just now."""
    if trainer.fabric.is_global_zero:
        artifact = trainer.artifact(session.resolved, session.left_out, network or trainer.averaged())
        session.keep(name, trainer.images_seen, artifact)


def _save(trainer: "Trainer", session: TrainingSession) -> None:
    if trainer.fabric.is_global_zero:
        save_checkpoint(session.checkpoint, trainer.modules, trainer.counters, trainer.params, trainer.fingerprints)


def _check_finite(losses: dict[str, float], trainer: "Trainer", session: TrainingSession) -> None:
    if all(math.isfinite(value) for value in losses.values()):
        return
    named = ", ".join(f"{name} = {value}" for name, value in losses.items())
    mend = "train anew with a lower LR, or with PRECISION=32-true; no state had been saved yet"
    if session.checkpoint.exists():
        mend = "the last good state is kept: --resume with a lower LR, or with PRECISION=32-true, goes on from it"
    raise TrainingDiverged(f"a loss is no longer a number after {trainer.images_seen} images ({named}); {mend}")


def _advice(trainer: "Trainer", losses: dict[str, float]) -> str:
    """What to do about a discriminator that has won, said once; else nothing."""
    if not ("d_real" in losses and losses["d_real"] < WON_LOSS and losses["d_fake"] < WON_LOSS):
        trainer.won_since = trainer.images_seen
    elif trainer.images_seen - trainer.won_since >= WON_IMAGES and not trainer.warned:
        trainer.warned = True
        return WON_ADVICE.format(images=trainer.images_seen - trainer.won_since)
    return ""


def check_training(params: Params, validated: bool = True) -> None:
    """Refuse rows that cannot be trained with, before any process is started and any photograph read.

    Raises:
        ParamError: see `dancheong.data.prepare.check_together`; OLD_PLATES for halves; PATCH_SIZE does not fit RESOL; see
            `as_launched` and `check_validated`.
    """
    check_together(params)
    if params.old_plates and params.pairing == "side_by_side":
        raise ParamError(
            f"OLD_PLATES = {params.old_plates}: with PAIRING=side_by_side the input is a picture of your own, which stays as "
            "it is; leave OLD_PLATES out, or train on color photographs or on folders gray and color"
        )
    as_launched(params)
    check_validated(params, validated)
    if params.lambda_gan > 0:
        from dancheong.models.discriminator import discriminator_rows

        discriminator_rows(params, sum(channels(params)))


def check_validated(params: Params, validated: bool, more: str = "") -> None:
    """Refuse STOP_AFTER and KEEP_BEST where nothing says which weights are better (ParamError); `more`: what else to do."""
    asked = [row.upper() for row in ("stop_after", "keep_best") if getattr(params, row)]
    if asked and not validated:
        mend = f"name photographs to validate with (--val){more}"
        raise ParamError(f"{', '.join(asked)}: nothing says which weights are better: {mend}")


def prepare_photographs(
    photos: Path, params: Params, stage: Stage = "train", masks: Mapping[str, Path] | None = None,
    wanted: Callable[[str], bool] | None = None,
) -> tuple[Cache, list[UnusablePhoto]]:
    """The photographs of a folder whose names are `wanted`, ready for batches, and those that cannot be used; see `train`."""
    masks = masks or {}
    pairs, refusals = find_pairs(photos, params)
    pairs = [pair for pair in pairs if wanted is None or wanted(pair.name)]
    if masks and not any(mask_of(masks, pair.name) for pair in pairs):
        raise ParamError(
            f"none of the {len(masks)} masks beside {next(iter(masks.values()))} has the name of a photograph in {photos}: "
            f"the mask of {pairs[0].name} is {Path(pairs[0].name).with_suffix('.png').name}"
        )
    cache, more = build_cache(pairs, params, stage=stage, masks=masks)
    return cache, [*refusals, *more]
