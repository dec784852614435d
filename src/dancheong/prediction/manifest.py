"""The manifest of a folder run: a CSV with a line for each photograph, written as it is done, read to go on after a stop.

A line is one write, and on the disk before the next photograph is reported. A line cut off by a loss of power is
recognized by its missing end (MODEL stands last and has a fixed length) and passed over.
"""

import csv
import io
import os
import re
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, BinaryIO, Self

from dancheong.imaging.files import PHOTO_SUFFIXES
from dancheong.params import DancheongError, ParamError
from dancheong.prediction.result import FileResult
from dancheong.system.whole_file import whole_file

MODEL_LETTERS = 12
# What `dancheong.imaging.files.whole_file` leaves behind when its process is killed.
LEFTOVER = re.compile(rf"\.[0-9a-f]{{16}}({'|'.join(map(re.escape, sorted(PHOTO_SUFFIXES)))})", re.IGNORECASE)
_MARK = "\ufeff".encode()  # lets spreadsheets recognize UTF-8
_LOCK_AT = 1 << 40  # a byte that no manifest reaches


@dataclass(frozen=True)
class Row:
    """A line of a manifest.

    `file`: the photograph as it was named; `output`: its result, below the folder of results; `glare_share` and
    `confidence` in [0, 1], None where not computed; `seconds` of the treatment; `model`: six letters of the
    model's digest and six of its settings'.
    """

    file: str
    output: str
    width_px: int
    height_px: int
    glare_share: float | None
    confidence: float | None
    seconds: float
    status: str
    error: str
    model: str


COLUMNS = tuple(field.name for field in fields(Row))


def manifest_name(shard: tuple[int, int] | None) -> str:
    """The name of a run's manifest; each shard has its own."""
    return "manifest.csv" if shard is None else f"manifest-{shard[0]}-of-{shard[1]}.csv"


class Manifest:
    """An open manifest, held by one run at a time; use it with ``with``.

    Attributes:
        rows: the last line of each output that earlier runs wrote, by output.
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
            if not _held_by_us(self._file):
                raise ParamError(f"{path}: another run is writing this manifest; wait for it, or choose another folder")
            self.rows = {row.output: row for row in self._recover()}
        except BaseException:
            self._file.close()
            raise

    def _recover(self) -> list[Row]:
        self._file.seek(0)
        data = self._file.read()
        head = _MARK + _line(COLUMNS)
        if head.startswith(data):  # new, or cut off in its first line
            self._file.truncate(0)
            self._write(head)
            return []
        if not data.startswith(head):
            raise ParamError(f"{self.path}: this is no manifest of dancheong; move it away, or choose another folder")
        if not data.endswith(b"\n"):
            self._write(b"\n")
        return _rows(data)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, result: FileResult) -> None:
        """Append a result; it is on the disk when this returns. What was there already gets a line only if it has none.

        Raises:
            OSError: the disk.
        """
        row = _row(result, self._name(result.output), self.model)
        if row.status == "skipped" and row.output in self.rows:
            return
        self.rows[row.output] = row
        self._write(_line(_cells(row)))

    def of_another(self, photograph: Path, output: Path) -> str:
        """The photograph whose result stands at `output`, where that is not `photograph`; else empty."""
        row = self.rows.get(self._name(output))
        if row is None or row.status == "failed" or Path(row.file).name == photograph.name:
            return ""
        return row.file

    def other_models(self) -> int:
        """How many results that stand there were made with another model or other settings."""
        return sum(row.status == "ok" and row.model != self.model for row in self.rows.values())

    def sweep(self, folders: Iterable[Path]) -> int:
        """Remove half-written files that killed runs left in `folders`; returns how many.

        Nothing is removed while another run holds a manifest beside this one: what it is writing looks the same. A run
        holds its manifest before it writes anything, so what is listed first and held by nobody then is left over.
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

    def _name(self, output: Path) -> str:
        return _flat((output.relative_to(self._out_dir) if output.is_relative_to(self._out_dir) else output).as_posix())

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self._file.flush()
        os.fsync(self._file.fileno())


def manifests_in(folder: Path) -> list[Path]:
    """The manifests of a folder of results: of a whole run, and of shards."""
    return sorted(path for path in folder.glob("manifest*.csv") if re.fullmatch(r"manifest(-\d+-of-\d+)?\.csv", path.name))


def read_manifests(paths: Sequence[Path]) -> list[Row]:
    """The lines of manifests, one for each output: of several the last of the newest file, but "skipped" hides no "ok".

    Raises:
        DancheongError: a file that is no manifest.
        OSError: a file that cannot be read.
    """
    rows: dict[str, Row] = {}
    for path in sorted(paths, key=lambda path: path.stat().st_mtime_ns):
        data = path.read_bytes()
        if not data.startswith(_MARK + _line(COLUMNS)):
            raise DancheongError(f"{path}: this is no manifest of dancheong; give a folder of results, or its manifests")
        for row in _rows(data):
            if row.status != "skipped" or rows.get(row.output, row).status != "ok":
                rows[row.output] = row
    return [rows[output] for output in sorted(rows)]


def write_manifest(path: Path, rows: Iterable[Row]) -> None:
    """Write a manifest of these lines, whole or not at all."""
    with whole_file(path) as temporary:
        temporary.write_bytes(_MARK + _line(COLUMNS) + b"".join(_line(_cells(row)) for row in rows))


def summary(rows: Sequence[Row] | Sequence[FileResult]) -> dict[str, Any]:
    """How many photographs came to what; seconds of all treatments; how many have light reflection."""
    counts = Counter(row.status for row in rows)
    return {
        "photographs": len(rows), **{status: counts[status] for status in ("ok", "skipped", "failed")},
        "with_glare": sum(bool(row.glare_share) for row in rows), "seconds": round(sum(row.seconds for row in rows), 2),
    }


def _row(result: FileResult, output: str, model: str) -> Row:
    return Row(
        str(result.input), output, result.width, result.height, result.glare_share, result.confidence, result.seconds,
        result.status, result.error or "", model,
    )


def _cells(row: Row) -> list[str]:
    shares = ["" if value is None else f"{value:.4f}" for value in (row.glare_share, row.confidence)]
    sizes = [str(side or "") for side in (row.width_px, row.height_px)]
    return [row.file, row.output, *sizes, *shares, f"{row.seconds:.3f}", row.status, row.error, row.model]


def _line(cells: Sequence[str]) -> bytes:
    """One line, whatever line breaks the cells hold, so that a line cut off harms no other."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(map(_flat, cells))
    # A name that is no text comes back as it was.
    return text.getvalue().encode("utf-8", "surrogateescape")


def _flat(text: str) -> str:
    return " ".join(text.splitlines())


def _rows(data: bytes) -> list[Row]:
    lines = data.decode("utf-8-sig", "surrogateescape").split("\n")[1:]
    return [row for row in map(_parsed, lines) if row is not None]


def _parsed(line: str) -> Row | None:
    """The row of a line; None where it was cut off."""
    try:
        (cells,) = csv.reader([line], strict=True)
        file, output, width, height, glare, confidence, seconds, status, error, model = cells
        if len(model) != MODEL_LETTERS:
            return None
        return Row(
            file, output, int(width or 0), int(height or 0), float(glare) if glare else None,
            float(confidence) if confidence else None, float(seconds), status, error, model,
        )
    except (ValueError, csv.Error):
        return None


def _held_by_us(file: BinaryIO) -> bool:
    """False where another process holds it; a file system without locks is taken at its word."""
    try:
        return _lock(file)
    except OSError:
        return True


def _is_held(path: Path) -> bool:
    try:
        with path.open("rb+") as file:
            return not _lock(file)
    except OSError:  # gone meanwhile, or closed to us: of what we do not know we touch nothing
        return path.exists()


if sys.platform == "win32":
    import msvcrt

    def _lock(file: BinaryIO) -> bool:
        """Hold the file until it is closed; False where another process does."""
        place = file.tell()
        file.seek(_LOCK_AT)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        finally:
            file.seek(place)
        return True
else:
    import fcntl

    def _lock(file: BinaryIO) -> bool:
        """Hold the file until it is closed; False where another process does."""
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
