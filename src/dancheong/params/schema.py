"""The one table of everything a user may change: a row is a name, a type, a range, a default, a unit, a meaning and a source.

A name in the table is the attribute's name in upper case: ``RESOL`` is ``params.resol``. A new parameter is one more row of
a section below; forms, workbooks and checks follow from it, its translations do not (docs/architecture.md).
"""

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from dancheong.params.glare_rows import CorrectionRows, DetectorRows, GlareRows
from dancheong.params.row import Rows, row

PIX2PIX = "Isola et al. 2017"
SOURCE_PAPER = "source paper"
COMPACT = "Wang et al. 2021"


class NetworkRows(Rows):
    """The two networks."""

    resol: int = row(
        128, "working size: the shorter side of a photograph as the network sees it (256 in the paper)", unit="px",
        ge=16, le=4096, source=SOURCE_PAPER,
    )
    encoder: Literal["unet", "lite0", "lite2"] = row(
        "lite0", "what the generator sees with: unet learns everything from your photographs (the paper); lite0 and lite2 are "
        "EfficientNet-Lite networks that have learned from ImageNet what photographs show", source="Tan and Le 2019",
    )
    ksize: int = row(4, "ENCODER=unet: kernel size of the convolutions, odd or even", ge=3, le=8, source=SOURCE_PAPER)
    ngf: int = row(32, "width of the generator: channels of its first level (64 in the paper)", ge=1, le=256, source=PIX2PIX)
    ndf: int = row(32, "channels of the discriminator's first level (64 in the paper)", ge=1, le=256, source=PIX2PIX)
    depth: int = row(6, "ENCODER=unet: levels; 0: as many as RESOL can be halved (8 at 256)", ge=0, le=12, source=PIX2PIX)
    patch_size: Literal["1", "16", "34", "70", "142", "286"] = row(
        "70", "receptive field of the patch discriminator", unit="px", source=PIX2PIX
    )
    d_spectral: bool = row(
        True, "spectral normalization of the discriminator instead of NORM (the paper has none): it wins less easily",
        source="Miyato et al. 2018",
    )
    norm: Literal["batch", "instance", "channel", "none"] = row(
        "batch", "normalization; batch statistics are frozen at prediction, `instance` depends on the picture's extent",
    )
    dropout: float = row(0.0, "dropout of the inner decoder levels (.5 in the paper)", ge=0, le=0.9, source=PIX2PIX)
    upsample: Literal["transposed", "resize"] = row(
        "resize", "decoder: transposed convolution (the paper) or nearest neighbor and convolution (no checkerboard)",
        source="Odena et al. 2016",
    )
    color_space: Literal["LAB", "RGB"] = row(
        "LAB", "LAB predicts chroma and keeps the photograph's own luminance; RGB repaints everything (the paper)"
    )


class TrainingRows(Rows):
    """Optimization."""

    batch_size: int = row(8, "photographs a step", unit="images", ge=1, le=1024)
    epochs: int = row(6, "passes over the photographs", ge=1, le=100000)
    lr: float = row(3e-4, "learning rate of Adam (.0002 in the paper)", gt=0, le=1, source=PIX2PIX)
    begin: Literal["colorizer", "encoder"] = row(
        "colorizer", "what a training knows at its start, without --init; colorizer: the weights of the colorizer that comes "
        "along, where the rows describe its network; encoder: those of ENCODER alone"
    )
    lr_encoder: float = row(6e-5, "learning rate of a pretrained encoder; 0: it stays as it is", ge=0, le=1)
    encoder_frozen: float = row(
        0.0, "share of the training in which a pretrained encoder stands still, until the rest can use it", ge=0, le=1,
    )
    init_share: float = row(
        0.4, "where a training begins with another model: share of that model's weights in the average that is stored, which "
        "keeps what they know of other photographs", ge=0, le=1, source="Wortsman et al. 2022",
    )
    lr_decay_start: float = row(
        0.6, "share of the training after which the learning rate falls linearly to 0 (.5 in the paper)", ge=0, le=1,
        source=PIX2PIX,
    )
    beta1: float = row(0.9, "first moment of Adam (.5 in the paper)", ge=0, le=0.999, source=PIX2PIX)
    loss: Literal["l1", "color", "ciede2000"] = row(
        "ciede2000", "distance to the truth: l1 takes each channel by itself (the paper), color the channels of a pixel "
        "together, ciede2000 as an eye sees the difference (RGB: as color)"
    )
    lambda_l1: float = row(100.0, "weight of the distance to the truth", ge=0, le=10000, source=PIX2PIX)
    lambda_gan: float = row(
        0.0, "weight of the adversarial loss (1 in the paper); 0 trains no discriminator; .2 gives a little more color for a "
        "little more error (docs/decisions/0006)", ge=0, le=100,
    )
    gan_start: float = row(0.3, "share of the training before the adversarial part begins (0 in the paper)", ge=0, le=1)
    ema: float = row(0.99, "decay a step of the averaged generator that is stored; 0: the last weights", ge=0, le=0.99999)
    seed: int = row(1, "seed of weights, order, augmentation and dropout", ge=0, le=2**31 - 1)
    precision: Literal["auto", "32-true", "bf16-mixed", "16-mixed"] = row(
        "auto", "arithmetic of the training step; auto: bf16-mixed where that is quicker on the device, else 32-true"
    )
    compile: bool = row(
        False, "compile both networks (torch.compile), which takes half a minute first: meant for CUDA with Triton; on a "
        "processor it needs a C++ compiler and brought nothing; rounds differently"
    )
    device: Literal["auto", "cpu", "cuda", "mps", "coreml", "directml", "openvino-gpu"] = row(
        "auto", "where to train (auto, cpu, cuda, mps), or to predict (auto, cpu, cuda, coreml, directml, openvino-gpu); a "
        "model does not remember it"
    )
    devices: int = row(1, "processes or accelerators on this machine", ge=1, le=1024)
    val_images: int = row(2000, "validate and draw previews each this many training images", unit="images", ge=1)
    stop_after: int = row(
        0, "a training ends after so many validations without a better one; 0: at EPOCHS; needs photographs to validate with",
        unit="validations", ge=0,
    )
    keep_best: int = row(
        0, "models of so many of the best validations are kept in the log folder, best_IMAGES.h5; needs photographs to "
        "validate with", ge=0,
    )
    keep_each: int = row(0, "a model is kept in the log folder each this many images, model_IMAGES.h5; 0: none", unit="images",
                         ge=0)
    workers: int = row(0, "processes that prepare batches; the result does not depend on it", ge=0, le=64)


class DataRows(Rows):
    """Photographs and their variation."""

    pairing: Literal["auto", "derive", "folders", "side_by_side"] = row(
        "auto", "derive: gray from color; folders: gray/ and color/; side_by_side: halves; auto: folders if they are there"
    )
    direction: Literal["AtoB", "BtoA"] = row("AtoB", "side_by_side: from left to right, or from right to left")
    flip: float = row(0.5, "chance of a horizontal flip", ge=0, le=1, source=PIX2PIX)
    jitter: int = row(0, "enlarge the shorter side to RESOL + JITTER before the crop (30 in the paper); only with "
                      "CROP_SCALE_MIN=1", unit="px", ge=0, le=1024, source=PIX2PIX)
    crop_scale_min: float = row(0.15, "smallest share of the picture a random crop is taken from; 1: fixed scale", gt=0, le=1)
    jitter_angle: float = row(10.0, "a crop is turned by up to this much to either side", unit="degrees", ge=0, le=180)
    jitter_light: float = row(0.3, "random exposure and contrast of the gray input, in stops", unit="stops", ge=0, le=3)
    old_plates: float = row(
        0.0, "share of the gray inputs that are made to look like old plates, which see red as black and blue as white, with "
        "blur, grain, scratches and fading", ge=0, le=1
    )
    cache: Literal["auto", "memory", "disk", "device"] = row(
        "auto", "where prepared photographs are kept between epochs; device: with the networks, which also vary them there, "
        "rounding differently; memory and disk: in a temporary file, which the system holds in memory while there is room; "
        "auto: device on a CUDA device with room and WORKERS=0, else in the file"
    )


class PredictionRows(Rows):
    """Prediction."""

    vivid: float = row(
        1.0, "LAB: predicted chroma is multiplied by this; above 1 trades color error for color, 0 is gray", ge=0, le=4
    )
    predict_resol: int = row(
        0, "LAB: working size at prediction, the shorter side as the network sees it; 0: RESOL, or 1.5 times that where a "
        "pretrained encoder has learned from crops of many scales", unit="px", ge=0, le=4096,
    )
    hint_reach: float = row(
        1.0, "how far a color hint reaches, as a multiple of what is usual; below 1 it stays near its place and what is "
        "like it", ge=0.05, le=20,
    )
    predict_dropout: bool = row(False, "dropout and batch statistics at prediction, as in the paper's tests", source=PIX2PIX)
    input_half: Literal["auto", "yes", "no"] = row(
        "auto", "side_by_side models: a file is a pair, and its input half alone is predicted from; auto: where the "
        "file is exactly twice as wide as high and a seam parts its halves"
    )
    tile_px: int = row(0, "height of the strips a large photograph is finished in; 0: chosen by the program", unit="px",
                       ge=0, le=16384)
    memory_gb: float = row(
        2.0, "memory that the photographs in work may take together, beside the program; one that alone needs more is refused",
        unit="GB", ge=0.25, le=4096,
    )
    output_profile: Literal["srgb", "input"] = row(
        "srgb", "color space of the results: sRGB, or that of the photograph's own color profile"
    )
    sr_scale: Literal["1", "2", "4"] = row("1", "enlargement after prediction", source=SOURCE_PAPER)


class UpscalerRows(Rows):
    """The upscaler: what `train-upscaler` trains."""

    sr_planes: Literal["luma", "rgb"] = row(
        "luma", "luma: lightness through the network, chroma along its edges; rgb: color through the network"
    )
    sr_images: int = row(150000, "patches trained on; 0 stores the weights of --init as they are", unit="images", ge=0,
                         le=10**9)
    sr_lambda_gan: float = row(
        0.0, "weight of the adversarial loss beside L1, from GAN_START on; 0 trains no discriminator; above, the last weights "
        "are kept, not the best by PSNR", ge=0, le=100, source=COMPACT,
    )
    sr_degradation: Literal["clean", "realistic", "mixed"] = row(
        "mixed", "how patches are made smaller; clean: bicubic; realistic: blur, several kernels, noise, grain, JPEG; mixed: "
        "half of each", source="docs/upscaling.md",
    )


class AllRows(CorrectionRows, DetectorRows, GlareRows, UpscalerRows, PredictionRows, DataRows, TrainingRows, NetworkRows):
    """All sections; in a model fields of the last base come first."""


SECTIONS: tuple[type[Rows], ...] = (
    NetworkRows, TrainingRows, DataRows, PredictionRows, UpscalerRows, GlareRows, DetectorRows, CorrectionRows,
)

# What may still be changed once a model is trained.
AT_PREDICTION: tuple[str, ...] = tuple(
    name for section in (PredictionRows, GlareRows, DetectorRows, CorrectionRows) for name in section.model_fields
)

# What a training that begins with another model's network takes from that model.
DESCRIBES_NETWORK = ("encoder", "ksize", "ngf", "depth", "norm", "dropout", "upsample", "color_space")

Level = Literal["basic", "advanced", "expert"]
LEVELS: tuple[Level, ...] = get_args(Level)

# What the photographs, the machine or the wish at hand decide; everywhere these rows come first (docs/decisions/0010).
BASIC = (
    "resol", "encoder", "ngf", "color_space", "batch_size", "epochs", "lr", "lambda_gan", "seed", "device", "pairing",
    "direction", "vivid", "memory_gb", "sr_scale", "sr_images", "sr_degradation", "glare_mode", "det_confidence",
    "fix_strength",
)
# How something is computed: the defaults follow from a measurement or from mathematics, and the other values serve
# experiments, the paper's preset and tests. What is neither basic nor expert is advanced.
EXPERT = (
    "beta1", "lr_decay_start", "gan_start", "d_spectral", "compile", "workers", "cache", "predict_dropout", "tile_px",
    "hf_transfer", "hf_order", "hf_dog_ratio", "hf_dc_keep", "hf_channel", "hf_space",
    "hf_epsilon", "hf_border", "hf_backend", "hf_max_gain", "hf_renorm", "det_core_level", "det_core_prominence",
    "det_flank_floor", "det_flank_prominence", "det_max_area", "det_min_area_px", "det_clip_level", "det_levels",
    "det_work_size", "fix_detail_sigma", "fix_inpaint_radius", "fix_cores", "fix_illuminant", "veil_window", "veil_smooth",
    "veil_gate", "loss_mask_weight", "aug_glare_make",
)

# Rows of earlier versions, each with what holds instead: tables and model files that name them can still be read.
REMOVED = {
    "jitter_blur": "OLD_PLATES makes inputs like old plates, blur among it",
    "jitter_grain": "OLD_PLATES makes inputs like old plates, grain among it",
    "sr_features": "a new upscaler always has 32 features; to train another size, begin with weights of that size (--init)",
    "sr_layers": "a new upscaler always has 10 layers; to train another size, begin with weights of that size (--init)",
    "sr_lr": "the upscaler's learning rate always begins at .001, and LR_DECAY_START says when it falls",
    "sr_patch": "a patch always has 48 px as the network sees it, twice what decides one of its pixels",
}


# Names that other programs give to what a row is, without signs between their words.
MEANT = {
    "learningrate": "lr", "lrpolicy": "lr_decay_start", "nepochs": "epochs", "niter": "epochs", "epoch": "epochs",
    "batch": "batch_size", "bs": "batch_size", "imagesize": "resol", "imgsize": "resol", "cropsize": "resol",
    "loadsize": "resol", "resolution": "resol", "inputsize": "resol", "size": "resol", "kernelsize": "ksize",
    "filtersize": "ksize", "gpu": "device", "gpuids": "device", "randomseed": "seed", "numworkers": "workers",
    "numthreads": "workers", "lambda": "lambda_l1", "lambdal": "lambda_l1", "netg": "encoder", "backbone": "encoder",
    "saturation": "vivid", "renderfactor": "resol", "upscale": "sr_scale", "memory": "memory_gb", "ganweight": "lambda_gan",
}


@dataclass(frozen=True)
class RowInfo:
    """A row of the table as documentation, forms and sources need it; `name` is lower case.

    `low` and `high` are the bounds of a number: `high` is allowed itself, `low` unless `above_low`; None is no bound.
    """

    name: str
    kind: type
    choices: tuple[str, ...]
    low: float | None
    above_low: bool
    high: float | None
    default: Any
    unit: str
    meaning: str
    source: str
    level: Level

    @property
    def range_text(self) -> str:
        """The type and range in words, such as ``a whole number from 16 to 4096``."""
        if self.choices:
            return ", ".join(self.choices)
        words = {int: "a whole number", float: "a number", bool: "Y or N"}.get(self.kind, "text")
        low = "" if self.low is None else f" {'above' if self.above_low else 'from'} {self.low:g}"
        return words + low + ("" if self.high is None else f" to {self.high:.10g}")


def _info(section: type[Rows], name: str, field: FieldInfo) -> RowInfo:
    choices = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
    kind: Any = str if choices else field.annotation
    bounds = {bound: getattr(item, bound) for item in field.metadata for bound in ("ge", "gt", "le") if hasattr(item, bound)}
    extra: Any = field.json_schema_extra
    return RowInfo(
        name, kind, choices, bounds.get("ge", bounds.get("gt")), "gt" in bounds, bounds.get("le"), field.default,
        extra["unit"], str(field.description), extra["source"] or section.SOURCE,
        "basic" if name in BASIC else "expert" if name in EXPERT else "advanced",
    )


ROWS: dict[str, RowInfo] = {
    name: _info(section, name, field) for section in SECTIONS for name, field in section.model_fields.items()
}


def section_title(section: type[BaseModel]) -> str:
    """The heading of a section."""
    return (section.__doc__ or "").strip().rstrip(".")


def by_level() -> list[str]:
    """The names of all rows, the basic ones first, the expert ones last."""
    return sorted(ROWS, key=lambda name: LEVELS.index(ROWS[name].level))


def nearest(name: str, valid: Iterable[str]) -> str:
    """`` (did you mean RESOL?)``, or nothing where no name is near."""
    valid = list(valid)
    meant = MEANT.get(re.sub(r"[^a-z]", "", name.lower()), "")
    if meant in valid:
        return f" (did you mean {meant.upper()}?)"
    close = difflib.get_close_matches(name.upper(), [word.upper() for word in valid], n=1, cutoff=0.5)
    return f" (did you mean {close[0]}?)" if close else ""


def format_value(value: Any) -> str:
    """A value as a table shows it; reading it back gives the same value."""
    return ("Y" if value else "N") if isinstance(value, bool) else repr(value) if isinstance(value, float) else str(value)
