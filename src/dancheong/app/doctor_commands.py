"""`dancheong doctor`."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dancheong.app import options
from dancheong.app.console import Console

if TYPE_CHECKING:
    from dancheong.data.doctor import Diagnosis

# A terminal is for an overview; --json lists everything.
_SHOWN_FILES = 5


def doctor(
    photos: Annotated[Path, typer.Argument(metavar="PHOTOS", help="Photographs to train on; see docs/data.md.")],
    test: Annotated[
        Path | None, typer.Option(metavar="PHOTOS", help="Photographs to test on: searched for what is in both.")
    ] = None,
    *, chosen: options.ParamOptions, console: Console,
) -> None:
    """Say what is wrong or risky in a set of photographs, and what to do. Exit code 1 only if something cannot be looked at."""
    params = chosen.resolve(console).params
    from dancheong.data.doctor import count_photographs, diagnose

    began = time.monotonic()
    with console.bar("looking", count_photographs(photos, test)) as bar:
        diagnosis = diagnose(photos, params, test, progress=bar)
    result = {
        "findings": [vars(finding) for finding in diagnosis.findings],
        "counts": diagnosis.counts(),
        "photographs": diagnosis.photographs,
        "test_photographs": diagnosis.test_photographs if test is not None else None,
        "shorter_px": diagnosis.shorter_px,
        "glare_share": None if diagnosis.glare_share is None else round(diagnosis.glare_share, 4),
        "unreadable": diagnosis.unreadable,
        "seconds": round(time.monotonic() - began, 2),
    }
    for reason in diagnosis.unreadable:
        console.warn(f"dancheong: {reason}")
    console.emit(result, _lines(diagnosis, test is not None))
    raise typer.Exit(1 if diagnosis.unreadable else 0)


def _lines(diagnosis: "Diagnosis", tested: bool) -> list[str]:
    lines = []
    for kind, count in diagnosis.counts().items():
        findings = [finding for finding in diagnosis.findings if finding.kind == kind]
        lines.append(f"{kind}: {count}")
        lines += [f"  {finding.file}: {finding.detail}" for finding in findings[:_SHOWN_FILES]]
        if count > _SHOWN_FILES:
            lines.append(f"  and {count - _SHOWN_FILES} more (--json lists all)")
        lines += [f"  -> {findings[0].advice}", ""]
    photographs = f"{diagnosis.photographs} photographs" + (f" and {diagnosis.test_photographs} to test" if tested else "")
    sides = "" if diagnosis.shorter_px is None else "; shorter sides {}, {}, {} px (least, median, greatest)".format(
        *diagnosis.shorter_px
    )
    glare = "" if diagnosis.glare_share is None else f"; light reflection {diagnosis.glare_share:.1%} on average"
    return [*lines, f"{photographs}{sides}{glare}; {len(diagnosis.findings) or 'no'} findings"]
