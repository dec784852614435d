"""Masks drawn by hand: which belongs to which photograph, and whether they are looked at."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal

from dancheong.data.photographs import find_masks, mask_of
from dancheong.params import Params
from dancheong.prediction.plan import Source

_SHOWN = 5


def drawn_masks_of(folder: Path, sources: Iterable[Source], unused: str, tell: Callable[[str], None]) -> dict[Path, Path]:
    """The drawing of each photograph that has one, by the photograph's path.

    Args:
        unused: why no drawing is looked at, as `why_unused` says; empty where they are.
        tell: called with a sentence where drawings are not looked at, and on those that belong to no photograph.

    Raises:
        ParamError: no such folder, or no PNG in it.
    """
    masks = find_masks(folder)
    if unused:
        tell(f"drawn masks are not used: {unused}")
        return {}
    found = {source.path: mask for source in sources if (mask := mask_of(masks, source.relative.as_posix())) is not None}
    alone = sorted(set(masks.values()) - set(found.values()))
    if alone:
        names = ", ".join(path.relative_to(folder).as_posix() for path in alone[:_SHOWN])
        tell(f"drawn masks without a photograph of the same stem: {len(alone)} ({names}{', ...' if alone[_SHOWN:] else ''})")
    return found


def why_unused(params: Params, stage: Literal["train", "predict"]) -> str:
    """Why no mask is looked at with these parameters; empty where masks are used."""
    if params.glare_mode in ("off", "global"):
        return f"GLARE_MODE={params.glare_mode} looks at no mask; region, lossmask and region+lossmask do"
    return "" if params.glare_stage in (stage, "both") else f"GLARE_STAGE={params.glare_stage} leaves this stage out"
