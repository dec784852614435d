"""The rows of light reflection, as docs/glare.md explains them: what to do, where it is, what is done about it."""

from typing import Literal

from dancheong.params.row import Rows, row

GLARE = "docs/glare.md"


class GlareRows(Rows):
    """Light reflection: what to do, where, and the homomorphic filter."""

    SOURCE = GLARE

    glare_mode: Literal["off", "global", "region", "lossmask", "region+lossmask"] = row(
        "region+lossmask", "global: filter the whole picture (the source paper); region: correct the damaged part; lossmask: "
        "keep it out of the loss"
    )
    glare_stage: Literal["train", "predict", "both"] = row("both", "where light reflection is treated")
    hf_transfer: Literal["gaussian", "butterworth", "dog"] = row("gaussian", "transfer function")
    hf_cutoff: float = row(1.0, "cutoff frequency", unit="cycles/longer side", ge=0.25, le=64)
    hf_order: float = row(1.0, "order of the butterworth filter", ge=0.5, le=4)
    hf_dog_ratio: float = row(8.0, "ratio of the two widths of the difference of Gaussians", ge=1.5, le=32)
    hf_gamma_low: float = row(0.5, "gain of the light (low frequencies)", ge=0, le=1)
    hf_gamma_high: float = row(1.0, "gain of detail (high frequencies)", ge=1, le=2)
    hf_dc_keep: bool = row(True, "keep the mean of the log light")
    hf_channel: Literal["luma", "value", "lstar", "rgb"] = row("luma", "plane that is filtered; rgb mimics the paper")
    hf_space: Literal["linear", "coded"] = row("linear", "light values filtered: linear, or sRGB-coded")
    hf_epsilon: float = row(1 / 1024, "added before the logarithm", ge=1e-6, le=0.05)
    hf_border: Literal["symmetric", "none"] = row("symmetric", "border handling; none wraps around")
    hf_backend: Literal["auto", "dct", "rfft", "pyramid"] = row("auto", "how the filter is computed")
    hf_max_gain: float = row(2.0, "largest brightening by the global filter, before HF_RENORM; the region's is 1", ge=1, le=8)
    hf_strength: float = row(1.0, "blend between the input (0) and the filtered picture (1)", ge=0, le=1)
    hf_renorm: Literal["geomean", "mean", "p50", "p99", "minmax"] = row("geomean", "what the global filter keeps equal")


class DetectorRows(Rows):
    """Light reflection: where it is."""

    SOURCE = GLARE

    det_method: Literal["learned", "threshold"] = row("learned", "how glare is found")
    det_confidence: float = row(
        0.95, "learned detector only: an area of glare is at least this certain", ge=0.05, le=0.99
    )
    det_source: Literal["auto", "min_rgb", "gray"] = row(
        "auto", "threshold detector only: plane that is searched; but `gray` has the learned one look at the gray, too"
    )
    det_core_level: float = row(0.88, "threshold detector only: a glint's core is at least this bright", ge=0.5, le=1)
    det_core_prominence: float = row(0.15, "threshold detector only: and it stands out by this much", ge=0.05, le=0.5)
    det_flank_floor: float = row(0.35, "threshold detector only: a glint's flank is at least this bright", ge=0, le=0.8)
    det_flank_prominence: float = row(0.10, "threshold detector only: and it stands out by this much", ge=0.03, le=0.3)
    det_max_area: float = row(
        0.03, "threshold detector only: larger bright areas are no glints", unit="share of the picture", ge=0.001, le=0.2
    )
    det_min_area_px: int = row(4, "smaller areas are noise", unit="px", ge=0, le=400)
    det_max_total: float = row(
        0.15, "with more than this the detector abstains and says so", unit="share of the picture", ge=0.01, le=0.5
    )
    det_clip_level: int = row(250, "a channel at or above holds no information", unit="code", ge=230, le=255)
    det_levels: int = row(24, "threshold detector only: thresholds tried", ge=8, le=64)
    det_work_size: int = row(512, "longer side at which glare is searched", unit="px", ge=128, le=1024)


class CorrectionRows(Rows):
    """Light reflection: what is done about it."""

    SOURCE = GLARE

    fix_method: Literal["hybrid", "masked_homo", "attenuate", "inpaint_ns", "inpaint_telea", "none"] = row(
        "hybrid", "correction inside the mask (hybrid is masked_homo on gray)"
    )
    fix_detail_sigma: float = row(1.25, "texture finer than this survives", unit="px at 512", ge=0.5, le=8)
    fix_grow: float = row(1.0, "the mask grows by", unit="px at 512", ge=0, le=16)
    fix_feather: float = row(1.0, "and fades over", unit="px at 512", ge=0, le=32)
    fix_inpaint_radius: float = row(3.0, "neighborhood of the inpainting", unit="px at 512", ge=1, le=15)
    fix_cores: Literal["no", "yes"] = row("no", "clipped cores filled from patches around: invented, and marked so")
    fix_strength: float = row(1.0, "share of the correction that is applied", ge=0, le=1)
    fix_illuminant: str = row("1 1 1", "color of the reflected light: three numbers above 0")
    veil_k: float = row(0.0, "share of the veil that is subtracted; 0: none", ge=0, le=1)
    veil_window: float = row(0.05, "window of the local minimum", unit="share of longer side", ge=0.01, le=0.2)
    veil_smooth: float = row(0.08, "smoothing of the veil", unit="share of longer side", ge=0.01, le=0.2)
    veil_gate: float = row(0.03, "a veil below this is left alone", unit="linear light", ge=0, le=0.3)
    loss_mask: Literal["off", "l1", "l1+gan"] = row("l1+gan", "losses that leave damaged pixels out")
    loss_mask_weight: float = row(0.0, "weight of a fully damaged pixel in the loss", ge=0, le=1)
    loss_min_kept: float = row(
        0.5, "photographs with less undamaged area are left out", unit="share of the picture", ge=0, le=1
    )
    aug_glare_p: float = row(0.0, "share of training inputs given synthetic glare (the target stays clean)", ge=0, le=1)
    aug_glare_make: Literal["lobes", "optics", "both"] = row("both", "how it is drawn, there and in the experiment")
