"""What a folder run can be asked for."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dancheong.imaging.strip import Strip
from dancheong.prediction.credentials import Signing
from dancheong.prediction.result import FileResult
from dancheong.system.arguments import check_types

Progress = Callable[[FileResult, int, int], object]
Tell = Callable[[str], None]


def _ignore(*_: object) -> None:
    pass


@dataclass(frozen=True)
class FolderOptions:
    """What a folder run can be asked for beside its photographs and the folder of results.

    Attributes:
        overwrite: do again what is there already. An input is never overwritten.
        suffix: format of all results, such as ".png"; None: that of the input.
        mask_dir: each photograph's mask of light reflection is written here, 8-bit PNG of the same stem: 0 is untouched.
        drawn_masks: folder of masks drawn by hand, PNG of the same (subfolder and) stem. The detector looks for light
            reflection in all other photographs.
        hints: folder of color hints (`dancheong.prediction.hints`), CSV or PNG of the same (subfolder and) stem; or the file of
            the only photograph.
        sheet_path: a contact sheet of the first photographs is written here.
        shard: (i, n): only the i-th of n parts, 1 <= i <= n.
        progress: called with each result as it is done, how many are done and how many there are; True stops the run, after the
            photographs that are under way. The same call goes on where it was stopped.
        tell: called with a sentence where masks are not used or belong to no photograph, and where memory ran out.
            It may be called from any thread.
        left_out: called with each file of the folders that is no photograph, and why it is left out.
        confidence_dir: each photograph's map of confidence is written here, 8-bit gray PNG of the same stem: 255 is sure.
        manifest: a CSV of what became of each photograph, written as the run goes; a run that is started again goes on
            with it.
        workers: photographs at a time, within MEMORY_GB; None: one more than there are cores, where the model was opened
            with one thread, else one. The results do not depend on it.
        cluster: address of a Dask scheduler, whose workers do the work; they see the same files.
        strip: metadata that results are not to have: "gps", or "all" that the photograph brings.
        sign: for Content Credentials in each result.
        colors: a colored version of the photograph, or a folder of them, for `apply_color_files`.
        looks: colorings of each photograph; the second and the following as `NAME_look2` and so on.
        look: which of the looks the result itself is.
        steady: photographs of a folder are frames of one subject, whose color is averaged over the frames around.
        pages: "all": of a TIFF with several pages each becomes a result, `NAME_p2` and so on from the second.
        only: photographs of the folders that are done now; None: all. Names and checks are those of all.
        lasting_names: names of results do not depend on other photographs (`lasting_name`), because more may come.
        ours: (photograph, result) -> whether that result of an earlier state of the photograph may be replaced.

    `confidence_dir`, `hints`, `workers` and `cluster` are for coloring alone.
    """

    overwrite: bool = False
    suffix: str | None = None
    mask_dir: Path | None = None
    drawn_masks: Path | None = None
    sheet_path: Path | None = None
    shard: tuple[int, int] | None = None
    progress: Progress = _ignore
    tell: Tell = _ignore
    left_out: Callable[[Path, str], None] = _ignore
    confidence_dir: Path | None = None
    manifest: Path | None = None
    workers: int | None = None
    cluster: str | None = None
    strip: Strip | None = None
    sign: Signing | None = None
    colors: Path | None = None
    looks: int = 1
    look: int = 1
    steady: bool = False
    pages: Literal["first", "all"] = "first"
    only: Collection[Path] | None = None
    lasting_names: bool = False
    ours: Callable[[Path, Path], bool] | None = None
    hints: Path | None = None

    def __post_init__(self) -> None:
        """Paths may be text. Raises ParamError: a value of another type."""
        check_types(type(self), vars(self))
        for name in ("mask_dir", "drawn_masks", "sheet_path", "confidence_dir", "manifest", "colors", "hints"):
            if isinstance(value := getattr(self, name), str):
                object.__setattr__(self, name, Path(value))
