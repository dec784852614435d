"""The manifest of a folder run: a CSV with a line for each photograph, and for each other file that was there.

A line is one write, and on the disk before the next photograph is reported. A line that a loss of power cut off is
recognized by its missing end (MODEL stands last and has a fixed length) and passed over. Names are percent-encoded where they
hold what would break a line or run as a formula (`dancheong.system.csv_text`).
"""

import csv
import os
import re
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, BinaryIO, Self

from dancheong.imaging.files import LeftOut
from dancheong.imaging.formats import WRITABLE_SUFFIXES
from dancheong.params import DancheongError, ParamError
from dancheong.prediction.result import FileResult
from dancheong.prediction.search import identity, is_there
from dancheong.system.csv_text import csv_line, from_cell
from dancheong.system.whole_file import whole_file

MODEL_LETTERS = 12
_MADE = ("ok", "skipped")
# The temporary files of `dancheong.system.whole_file.whole_file`, which stay when their process is killed.
LEFTOVER = re.compile(rf"\.[0-9a-f]{{16}}({'|'.join(map(re.escape, sorted(WRITABLE_SUFFIXES)))})", re.IGNORECASE)


@dataclass(frozen=True)
class Row:
    """A line of a manifest.

    `file`: the photograph as it was named; `output`: its result, below the folder of results; `glare_share` and
    `confidence` in [0, 1], None where not computed; `seconds` of reading, processing and writing; `status`: "ok", "skipped",
    "failed", or "left out" of what is no photograph (`error` says why); `notes`: how many hints there were, and what was given
    up or assumed; `sha256`: of the photograph's file; `model`: six letters of the model's digest and six of its settings'.
    """

    file: str
    output: str = ""
    width_px: int = 0
    height_px: int = 0
    glare_share: float | None = None
    confidence: float | None = None
    seconds: float = 0.0
    status: str = "left out"
    error: str = ""
    notes: str = ""
    sha256: str = ""
    model: str = ""

    @property
    def is_photograph(self) -> bool:
        """Whether it can have a result; False also of an input that is not there."""
        return bool(self.output)

    @property
    def key(self) -> tuple[str, str]:
        """The same for a later line of the same photograph."""
        return self.file, self.output

    def line(self) -> bytes:
        """The row as it stands in the file."""
        shares = ["" if value is None else f"{value:.4f}" for value in (self.glare_share, self.confidence)]
        sizes = [str(side or "") for side in (self.width_px, self.height_px)]
        figures = [*sizes, *shares, f"{self.seconds:.3f}"]
        return csv_line([self.file, self.output, *figures, self.status, self.error, self.notes, self.sha256, self.model])


# The byte order mark lets spreadsheets recognize UTF-8.
_HEAD = "\ufeff".encode() + csv_line(field.name for field in fields(Row))


class Manifest:
    """An open manifest, held by one run at a time; use it with ``with``.

    Attributes:
        rows: the last line of each photograph that earlier runs wrote, by `Row.key`.
    """

    def __init__(self, path: Path, out_dir: Path, digest: str) -> None:
        """Open or begin a manifest.

        Args:
            out_dir: the folder that outputs are named below.
            digest: of the model and its settings.

        Raises:
            ParamError: another run is writing it, or the file is something else.
            OSError: the disk.
        """
        self.path, self._out_dir, self.model = path, out_dir, digest[:MODEL_LETTERS].ljust(MODEL_LETTERS, "0")
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab+")
        try:
            is_ours = True
            with suppress(OSError):  # a file system without locks
                is_ours = _lock(self._file)
            if not is_ours:
                raise ParamError(f"{path}: another run is writing this manifest; wait for it, or choose another folder")
            self._file.seek(0)
            data = self._file.read()
            if _HEAD.startswith(data):  # new, or cut off in its first line
                self._file.truncate(0)
                self._append(_HEAD)
            elif not data.startswith(_HEAD):
                raise ParamError(f"{path}: this is no manifest of dancheong; move it away, or choose another folder")
            elif not data.endswith(b"\n"):
                self._append(b"\n")
            rows = _rows(data)
            self.rows = {row.key: row for row in rows}
            self._made = {row.output: row for row in rows if row.status in _MADE}
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, result: FileResult) -> None:
        """Append a result; it is on the disk when this returns. What a line says already gets no second one.

        Raises:
            OSError: the disk.
        """
        output = self._name_of(result.output) if result.is_photograph else ""
        made = self._made.get(output)
        several = [(result.output, round(1 - sum(one for _, one in result.looks), 2)), *result.looks] if result.looks else []
        looks = [f"look {number}: {path.name} ({likelihood:.2f})" for number, (path, likelihood) in enumerate(several, 1)]
        now = identity(result.input), result.sha256
        if result.status == "skipped" and made is not None and (identity(Path(made.file)), made.sha256) == now:
            return
        notes = (*(() if result.hints is None else (f"{result.hints} color hints",)), *result.notes)
        self._add(Row(
            str(result.input), output, result.width, result.height, result.glare_share, result.confidence, result.seconds,
            result.status, _one_line(result.error or ""), _one_line("; ".join((*notes, *looks))), result.sha256,
            self.model,
        ))

    def leave_out(self, others: Iterable[LeftOut]) -> None:
        """Append what is no photograph, and why."""
        self._add(*(Row(str(one.path), error=_one_line(one.reason), model=self.model) for one in others))

    def result_of_another(self, photo: Path, output: Path) -> str:
        """A sentence where the result of another photograph that is still there stands at `output`; else empty.

        A photograph that was moved is the same one, if its content is: that is for others to see.
        """
        row = self._made.get(self._name_of(output))
        if row is None or not is_there(output) or not is_there(Path(row.file)) or identity(Path(row.file)) == identity(photo):
            return ""
        return f"{output}: is the result of {row.file}; choose another folder for the results"

    def remove_leftovers(self, folders: Iterable[Path]) -> int:
        """Remove half-written files that killed runs left in `folders`; returns how many.

        Nothing is removed while another run holds a manifest beside this one, because the files it is writing look the
        same. A run holds its manifest before it writes anything, so files that are listed first, when nobody holds another
        manifest afterwards, are left over.
        """
        found = [
            Path(entry.path) for folder in {*folders} if folder.is_dir() for entry in os.scandir(folder)
            if LEFTOVER.fullmatch(entry.name) and entry.is_file(follow_symlinks=False)
        ]
        if not found or any(_is_held(path) for path in manifests_in(self.path.parent) if path != self.path):
            return 0
        for path in found:
            path.unlink(missing_ok=True)
        return len(found)

    def _name_of(self, output: Path) -> str:
        path = output.relative_to(self._out_dir) if output.is_relative_to(self._out_dir) else output
        return path.as_posix()

    def _add(self, *rows: Row) -> None:
        news = [row for row in rows if row.status == "ok" or self.rows.get(row.key) != row]
        self.rows |= {row.key: row for row in news}
        self._made |= {row.output: row for row in news if row.status in _MADE}
        if news:
            self._append(b"".join(row.line() for row in news))

    def _append(self, data: bytes) -> None:
        self._file.write(data)
        self._file.flush()
        os.fsync(self._file.fileno())


def manifest_name(shard: tuple[int, int] | None, beside: bool = False) -> str:
    """The name of a run's manifest; each shard has its own. `beside`: it lies among a person's own files."""
    name = "dancheong-manifest" if beside else "manifest"
    return f"{name}.csv" if shard is None else f"{name}-{shard[0]}-of-{shard[1]}.csv"


def manifests_in(folder: Path) -> list[Path]:
    """The manifests of a folder of results: of a whole run, and of shards."""
    named = re.compile(r"(dancheong-)?manifest(-\d+-of-\d+)?\.csv")
    return sorted(path for path in folder.glob("*manifest*.csv") if named.fullmatch(path.name))


def read_manifests(paths: Sequence[Path]) -> list[Row]:
    """The lines of manifests, one for each file: of several the last of the newest file, but "skipped" hides no "ok".

    Raises:
        DancheongError: a file that is no manifest.
        OSError: a file that cannot be read.
    """
    rows: dict[tuple[str, str], Row] = {}
    for path in sorted(paths, key=lambda path: path.stat().st_mtime_ns):
        data = path.read_bytes()
        if not data.startswith(_HEAD):
            raise DancheongError(f"{path}: this is no manifest of dancheong; give a folder of results, or its manifests")
        for row in _rows(data):
            if row.status != "skipped" or rows.get(row.key, row).status != "ok":
                rows[row.key] = row
    return sorted(rows.values(), key=lambda row: (row.output, row.file))


def write_manifest(path: Path, rows: Iterable[Row]) -> None:
    """Write a manifest of these lines, whole or not at all."""
    with whole_file(path) as temporary:
        temporary.write_bytes(_HEAD + b"".join(row.line() for row in rows))


def summary(rows: Sequence[Row] | Sequence[FileResult]) -> dict[str, Any]:
    """Photographs counted by status and by light reflection, what was left out, and the seconds of all of them together."""
    counts = Counter(row.status for row in rows)
    return {
        "photographs": sum(row.is_photograph for row in rows),
        **{status: counts[status] for status in ("ok", "skipped", "failed")},
        "left_out": counts["left out"], "with_glare": sum(bool(row.glare_share) for row in rows),
        "seconds": round(sum(row.seconds for row in rows), 2),
    }


def _rows(data: bytes) -> list[Row]:
    """The rows of a file, without lines that were cut off."""
    rows = []
    for line in data.decode("utf-8-sig", "replace").split("\n")[1:]:
        with suppress(ValueError, csv.Error):
            (cells,) = csv.reader([line], strict=True)
            file, output, width, height, glare, confidence, seconds, status, error, notes, sha256, model = map(from_cell, cells)
            row = Row(
                file, output, int(width or 0), int(height or 0), float(glare) if glare else None,
                float(confidence) if confidence else None, float(seconds), status, error, notes, sha256, model,
            )
            if len(model) == MODEL_LETTERS:
                rows.append(row)
    return rows


def _one_line(text: str) -> str:
    return " ".join(text.splitlines())


def _is_held(path: Path) -> bool:
    try:
        with path.open("rb+") as file:
            return not _lock(file)
    except OSError:  # gone meanwhile, or closed to us: it may be held
        return path.exists()


def _lock(file: BinaryIO) -> bool:
    """Hold the file until it is closed; False where another process holds it. Raises OSError: the file system has no locks."""
    try:
        if sys.platform == "win32":
            import msvcrt

            file.seek(1 << 40)  # Windows locks bytes: one that no manifest reaches
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):  # PermissionError: Windows
        return False
    return True
