"""Colored versions of photographs, made by another program or by a person: which belongs to which, and their color."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dancheong.data.photographs import mask_of, name_key
from dancheong.data.same_view import has_color
from dancheong.imaging.files import PhotoError, list_photos, read_alpha, read_photo
from dancheong.params import DancheongError, ParamError
from dancheong.prediction.names import COLORED
from dancheong.prediction.registration import Fit, chroma_at, fit_of_layer, register
from dancheong.system.arrays import Pixels

# Measured (docs/log.md): versions that are blurred, noisy, cut, framed or of other tones have .22 at most, others .68 at least.
TOLD_MISFIT, REFUSED_MISFIT = 0.3, 0.5
_NAMES_SHOWN = 5
_TOLD_SHARE = 0.99
_ENOUGH = 10_000_000  # samples of a layer in which color is looked for


class Misfit(DancheongError):
    """A colored version shows something else than its photograph; `misfit` as `Fit.misfit`."""

    def __init__(self, message: str, misfit: float) -> None:
        super().__init__(message)
        self.misfit = misfit


def match_versions(
    colors: Path, photos: Mapping[Path, Path], tell: Callable[[str], None]
) -> tuple[dict[Path, Path], dict[Path, str]]:
    """The colored version of each photograph, and why another photograph has none.

    Args:
        colors: the version of the only photograph, or a folder of versions of the same (subfolder and) stem, which may end
            in ``_colored``.
        photos: the photographs, and each one's path below the folder that was named.
        tell: called with a sentence where versions belong to no photograph.

    Raises:
        ParamError: no such file or folder, one file for several photographs, or the folder of the photographs themselves.
    """
    if not colors.exists():
        raise ParamError(f"{colors}: no such file or folder; a colored version, or a folder of them, was expected")
    if colors.is_file():
        if len(photos) != 1:
            raise ParamError(f"{colors}: one colored version came for {len(photos)} photographs; give a folder of versions")
        return dict.fromkeys(photos, colors), {}
    if any(photo.parent.resolve() == colors.resolve() for photo in photos):
        raise ParamError(f"{colors}: photographs and colored versions lie in one folder; give each a folder of its own")
    versions = defaultdict(list)
    for file in list_photos(colors):
        versions[name_key(file.relative_to(colors).as_posix())].append(file)
    for key in list(versions):
        if (plain := key.removesuffix(COLORED)) not in versions:
            versions[plain] = versions[key]
    found: dict[Path, Path] = {}
    refusals: dict[Path, str] = {}
    for photo, relative in photos.items():
        several = mask_of(versions, relative.as_posix()) or []
        if len(several) == 1:
            found[photo] = several[0]
        else:
            names = " and ".join(file.name for file in several)
            refusals[photo] = f"{names} have its name: leave one of them" if names else (
                f"no colored version is in {colors}: {photo.stem} or {photo.stem}{COLORED} was expected"
            )
    unused = sorted({file for files in versions.values() for file in files} - set(found.values()))
    if unused:
        names = ", ".join(file.name for file in unused[:_NAMES_SHOWN]) + (", ..." if unused[_NAMES_SHOWN:] else "")
        tell(f"colored versions without a photograph of the same stem: {len(unused)} ({names})")
    return found, refusals


def fitted_chroma(gray_hw: Pixels, path: Path) -> tuple[NDArray[np.float32], Fit, tuple[str, ...]]:
    """The color of a version, where it belongs on its photograph.

    A layer that is clear where nothing is painted, in the proportions of the photograph, lies as it is: paint has no detail
    by which its place could be found.

    Args:
        gray_hw: the photograph, uint8 or uint16.
        path: of the version, of any size.

    Returns:
        a* and b* (h, w, 2), no finer than the photograph; where the version lies; and what is to be told.

    Raises:
        PhotoError: the version holds no color, or cannot be read. Misfit: it shows something else.
    """
    colored, alpha_hw = read_photo(path).pixels, read_alpha(path)
    painted_hw = None if alpha_hw is None or alpha_hw.all() else alpha_hw > 0
    if painted_hw is not None and not painted_hw.any():
        raise PhotoError(path, "nothing is painted on this layer; color was expected on it")
    # Of a layer its paint alone, and of that enough.
    seen = colored if painted_hw is None else colored[painted_hw][None, :: 1 + colored.size // _ENOUGH]
    if colored.ndim == 2 or not has_color(seen):
        raise PhotoError(path, "it is gray, a colored version of the photograph was expected")
    layer = None if painted_hw is None else fit_of_layer(gray_hw, colored, painted_hw)
    if painted_hw is not None and layer is not None and not layer.misfit > TOLD_MISFIT:
        # What is clear was laid over white, which has no chroma: soft edges are right, too.
        chroma_hwc = chroma_at(layer, colored, gray_hw.shape)[0]
        return chroma_hwc, layer, (f"{path.name} is a layer, painted on {painted_hw.mean():.0%} of it; the rest stays gray",)
    fit = register(gray_hw, colored)
    if fit.misfit > REFUSED_MISFIT:
        raise Misfit(
            f"{path}: this seems to be another photograph (misfit {fit.misfit:.2f}, at most {REFUSED_MISFIT} is taken); give a "
            "version of this one, neither mirrored nor on its side", fit.misfit,
        )
    chroma_hwc, shown_hw = chroma_at(fit, colored, gray_hw.shape)
    notes = []
    if fit.misfit > TOLD_MISFIT:
        notes.append(f"{path.name} fits it moderately (misfit {fit.misfit:.2f}): look at the edges of colors")
    if (share := float(shown_hw.mean())) < _TOLD_SHARE:
        notes.append(f"{path.name} shows {share:.0%} of it; the rest stays gray")
    return chroma_hwc, fit, tuple(notes)
