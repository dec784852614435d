"""Named arrays in a plain HDF5 file, read by an index of our own that stands before it.

HDF5 programs leave the first bytes of a file, its user block, to its writer. There stand a line of title and version, a line
with the length and digest of the index, and the index: a JSON object that says of each array its type, shape, place and
digest. So reading needs no HDF5 library, in whose C code damaged structures of a stranger's file could do harm: each place is
held against the length of the file, and nothing is allocated that the file does not hold.
"""

import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping
from io import BufferedReader
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dancheong.params import DancheongError, NotThere

FORMAT_VERSION = 2
MAX_FILE_BYTES = 4 << 30
MAX_INDEX_BYTES = 4 << 20
MAX_MEMBERS = 4096
DTYPES = {"uint8": 1, "float16": 2, "float32": 4}

AGAIN = "copy it again from where it came, or train again"
NEWER = "install a newer dancheong, or train again with this one"

_TITLE = b"dancheong model file, version "
_SECOND_LINE = re.compile(rb"index: ([0-9]{1,9}) bytes, sha256 ([0-9a-f]{64})\n")
_MIN_BLOCK_BYTES = 512


class ArtifactError(DancheongError, ValueError):
    """A model file that cannot be read, or content that cannot be written as one; the message says what to do."""


class ModelMissing(NotThere, ArtifactError):
    """There is no such model file."""


def write_members(path: Path, members: Mapping[str, NDArray[Any]]) -> str:
    """Write arrays of the types in `DTYPES`; the same content gives the same bytes with the same HDF5 library.

    Returns:
        The digest of the content.
    """
    import h5py  # a prediction does not need it

    # Offsets are known last; with the largest ones the index is as long as it can become.
    rows = {
        name: {"dtype": array.dtype.name, "shape": list(array.shape), "offset": MAX_FILE_BYTES, "sha256": _sha256(array)}
        for name, array in members.items()
    }
    block_bytes = max(_MIN_BLOCK_BYTES, 1 << (len(_head(rows, MAX_FILE_BYTES, "0" * 64)) - 1).bit_length())
    # `earliest` and `track_times` keep times out of the file.
    with h5py.File(path, "w", userblock_size=block_bytes, libver="earliest") as file:
        for name, array in members.items():
            file.create_dataset(name, data=array, track_times=False)
        for name in members:
            rows[name]["offset"] = file[name].id.get_offset()
    write_index(path, rows)
    return _digest(rows)


def write_index(path: Path, rows: Mapping[str, Mapping[str, Any]]) -> None:
    """Write title and index into the first block of an HDF5 file: last, as they hold digests of all that follows."""
    with path.open("r+b") as stream:
        length = stream.seek(0, 2)
        head_bytes = len(_head(rows, length, "0" * 64))
        structure = hashlib.sha256()
        for start, stop in _gaps(rows, head_bytes, length):
            stream.seek(start)
            structure.update(stream.read(stop - start))
        stream.seek(0)
        stream.write(_head(rows, length, structure.hexdigest()))


def read_version(stream: BufferedReader) -> int:
    """The version of a model file, whose first line `stream` is then behind.

    Raises:
        ArtifactError: not a model file, or of a newer version.
    """
    line = stream.readline(64)
    if not line.startswith(_TITLE):
        kind = "an HDF5 file of another program" if line.startswith(b"\x89HDF") else "not a model file"
        raise ArtifactError(f"this is {kind}; the .h5 file that `dancheong train` wrote was expected")
    digits = re.fullmatch(rb"([1-9][0-9]{0,8})\n", line[len(_TITLE) :])
    if not digits:
        raise ArtifactError(f"the first line of the file is damaged; {AGAIN}")
    version = int(digits[1])
    if version > FORMAT_VERSION:
        raise ArtifactError(f"the model file is of version {version} and this dancheong reads up to {FORMAT_VERSION}; {NEWER}")
    return version


def read_members(stream: BufferedReader) -> tuple[dict[str, NDArray[Any]], str]:
    """Every array by its name, and the digest of the content; `stream` is behind the first line.

    Raises:
        ArtifactError: damaged or cut short, or an index that leads elsewhere.
    """
    start = stream.tell()
    length = stream.seek(0, 2)
    stream.seek(start)
    second = _SECOND_LINE.fullmatch(stream.readline(128))
    if not second or int(second[1]) > MAX_INDEX_BYTES:
        raise ArtifactError(f"the second line of the file is damaged; {AGAIN}")
    text = stream.read(int(second[1]))
    if hashlib.sha256(text).hexdigest().encode() != second[2]:
        raise ArtifactError(f"the index of the file is damaged; {AGAIN}")
    index = parse_json("index", text, dict)
    rows, written, structure = (index.get(name) for name in ("members", "bytes", "structure_sha256"))
    if not isinstance(rows, dict) or type(written) is not int:
        raise ArtifactError(f"index: members and bytes were expected; {AGAIN}")
    if length != written or length > MAX_FILE_BYTES:
        word = "cut short" if length < written else "longer than it was written"
        raise ArtifactError(f"the file is {word}: {length} of {written} bytes, at most {MAX_FILE_BYTES} are read; {AGAIN}")
    head_bytes = stream.tell()
    _check_rows(rows, head_bytes, length)
    members: dict[str, NDArray[Any]] = {}
    between = hashlib.sha256()
    for (gap_start, gap_stop), name in zip(_gaps(rows, head_bytes, length), [*_in_order(rows), ""], strict=True):
        stream.seek(gap_start)
        between.update(stream.read(gap_stop - gap_start))
        if name:
            members[name] = _array(stream, name, rows[name])
    if between.hexdigest() != structure:
        raise ArtifactError(f"the HDF5 structures of the file are damaged; {AGAIN}")
    return {name: members[name] for name in rows}, _digest(rows)


def parse_json(name: str, text: bytes, expected: type) -> Any:
    """JSON of a file, with finite numbers only. Raises ArtifactError."""
    try:
        value = json.loads(text.decode(), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ArtifactError(f"{name}: not JSON ({error}); {AGAIN}") from error
    if not isinstance(value, expected):
        raise ArtifactError(f"{name}: a JSON {expected.__name__} was expected, {type(value).__name__} came")
    return value


def write_json(name: str, value: Any, expected: type) -> bytes:
    """A value as JSON that is always the same for the same value. Raises ArtifactError."""
    if not isinstance(value, expected):
        raise ArtifactError(f"{name}: a {expected.__name__} was expected, {type(value).__name__} came")
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")).encode()
    except (TypeError, ValueError) as error:
        raise ArtifactError(f"{name}: not JSON ({error}); finite numbers, text, lists, objects are allowed") from error


def _no_constant(word: str) -> None:
    raise ValueError(f"{word} is no JSON number")


def _head(rows: Mapping[str, Any], length: int, structure: str) -> bytes:
    """The two lines and the index."""
    text = write_json("index", {"bytes": length, "members": rows, "structure_sha256": structure}, dict)
    return _TITLE + b"%d\nindex: %d bytes, sha256 %b\n" % (FORMAT_VERSION, len(text), _sha256(text).encode()) + text


def _check_rows(rows: Mapping[str, Any], start: int, length: int) -> None:
    """Each array lies in the file and shares no byte with another."""
    if len(rows) > MAX_MEMBERS:
        raise ArtifactError(f"{len(rows)} members came; at most {MAX_MEMBERS} are read")
    for name, row in rows.items():
        if not isinstance(row, dict) or set(row) != {"dtype", "shape", "offset", "sha256"}:
            raise ArtifactError(f"index: {name}: dtype, shape, offset and sha256 were expected; {AGAIN}")
        if row["dtype"] not in DTYPES:
            raise ArtifactError(f"{name}: {row['dtype']} came; {', '.join(DTYPES)} (little-endian) are read")
        shape = row["shape"]
        whole = isinstance(shape, list) and len(shape) <= 32 and all(type(side) is int and side >= 0 for side in shape)
        if not whole or type(row["offset"]) is not int or row["offset"] < 0:
            raise ArtifactError(f"{name}: its shape or its place is no whole number; {AGAIN}")
        if row["offset"] + _bytes(row) > length:
            raise ArtifactError(f"{name} declares {_bytes(row)} bytes, which the file does not hold; {AGAIN}")
    end, before = start, "the index"
    for name in _in_order(rows):
        if rows[name]["offset"] < end:
            raise ArtifactError(f"{before} and {name} share their bytes; {AGAIN}")
        end, before = rows[name]["offset"] + _bytes(rows[name]), name


def _array(stream: BufferedReader, name: str, row: Mapping[str, Any]) -> NDArray[Any]:
    data = bytearray(_bytes(row))
    stream.readinto(data)
    if _sha256(data) != row["sha256"]:
        raise ArtifactError(f"{name}: the digest does not fit; {AGAIN}")
    return np.frombuffer(data, np.dtype(row["dtype"]).newbyteorder("<")).reshape(row["shape"])


def _in_order(rows: Mapping[str, Any]) -> list[str]:
    """Names by their places in the file."""
    return sorted(rows, key=lambda name: (rows[name]["offset"], _bytes(rows[name])))


def _gaps(rows: Mapping[str, Any], start: int, stop: int) -> Iterator[tuple[int, int]]:
    """Where each piece that is no array begins and ends, from the end of the index to the end of the file."""
    for name in _in_order(rows):
        yield start, rows[name]["offset"]
        start = rows[name]["offset"] + _bytes(rows[name])
    yield start, stop


def _bytes(row: Mapping[str, Any]) -> int:
    size: int = math.prod(row["shape"]) * DTYPES[row["dtype"]]
    return size


def _digest(rows: Mapping[str, Any]) -> str:
    """Of the content alone: where an array lies depends on the HDF5 library that wrote it."""
    named = {name: [row["dtype"], row["shape"], row["sha256"]] for name, row in rows.items()}
    return _sha256(write_json("index", named, dict))


def _sha256(data: Any) -> str:
    if isinstance(data, np.ndarray):
        data = np.ascontiguousarray(data).data
    return hashlib.sha256(data).hexdigest()
