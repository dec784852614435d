"""Model files of version 1 (before dancheong 0.1.0), read as what version 2 would hold. To be removed after one release.

Such a file has no index. Its manifest says size and digest of each array, but not where it lies; HDF5 writes that as a layout
message: the bytes 3 and 1, an address and a size. So no structure is walked: the file is searched for layout messages of a
size that the manifest names, and what lies there counts only where its digest is the manifest's. Each byte is looked at a
bounded number of times. The file's ONNX graph is left alone: the network is derived from the architecture.
"""

import hashlib
import json
import math
import re
import struct
from io import BufferedReader
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dancheong.artifact.index import AGAIN, DTYPES, MAX_FILE_BYTES, MAX_MEMBERS, ArtifactError, parse_json
from dancheong.models.table import MAX_ROWS, Table, compact_table

_BLOCK_BYTES = 512
_MANIFEST_BEGINS = b'{"category":'
_MAX_MANIFEST_BYTES = 4 << 20
_LAYOUT = b"\x03\x01"
_BLOCK = re.compile(
    rb"dancheong model file, version 1\nbytes after this block: ([0-9]{1,15})\nsha256 of them: ([0-9a-f]{64})\n"
    rb"sha256 of the manifest: ([0-9a-f]{64})\n\0*"
)


def read_members_1(stream: BufferedReader) -> tuple[dict[str, NDArray[Any]], str]:
    """The members of a version 1 file in the form of version 2, and the digest that the file has.

    Raises:
        ArtifactError: damaged, cut short, or of another content than version 1 has.
    """
    if stream.seek(0, 2) > MAX_FILE_BYTES:
        raise ArtifactError(f"the file has more than the {MAX_FILE_BYTES} bytes that are read")
    stream.seek(0)
    head, body = stream.read(_BLOCK_BYTES), stream.read()
    fields = _BLOCK.fullmatch(head)
    if not fields or hashlib.sha256(body).hexdigest().encode() != fields[2] or len(body) != int(fields[1]):
        raise ArtifactError(f"the file is damaged or cut short: its bytes are not those that were written; {AGAIN}")
    digest = fields[3].decode()
    manifest = _manifest(body, digest)
    arrays = _arrays(body, manifest.pop("members"))
    arrays.pop("graph", None)
    members = {name: array for name, array in arrays.items() if not name.startswith("weights/")}
    weights = {name.removeprefix("weights/"): array for name, array in arrays.items() if name.startswith("weights/")}
    architecture = parse_json("architecture", members["architecture"].tobytes(), dict)
    if architecture.get("network") == "compact":
        sizes = [architecture[name] for name in ("channels", "features", "layers", "scale")]
        if any(type(size) is not int or not 1 <= size <= MAX_ROWS for size in sizes):
            raise ArtifactError(f"architecture: sizes from 1 to {MAX_ROWS} were expected, {sizes} came; train it again")
        table = compact_table(*sizes)
        weights = {_compact_name(name): array.reshape(-1) if array.ndim == 3 else array for name, array in weights.items()}
    else:
        table = _unet(architecture)
    members["manifest"], members["architecture"] = _json(manifest), _json(table.to_json())
    return members | {f"weights/{name}": array for name, array in weights.items()}, digest


def _manifest(body: bytes, digest: str) -> dict[str, Any]:
    start = max(body.find(_MANIFEST_BEGINS), 0)
    # In Latin-1 a character is a byte.
    text = body[start : start + _MAX_MANIFEST_BYTES].decode("latin-1")
    try:
        stop = start + json.JSONDecoder().raw_decode(text)[1]
    except (ValueError, RecursionError) as error:
        raise ArtifactError(f"manifest is missing; {AGAIN}") from error
    if hashlib.sha256(body[start:stop]).hexdigest() != digest:
        raise ArtifactError(f"manifest: the digest does not fit; {AGAIN}")
    manifest: dict[str, Any] = parse_json("manifest", body[start:stop], dict)
    if len(manifest["members"]) > MAX_MEMBERS:
        raise ArtifactError(f"{len(manifest['members'])} members came; at most {MAX_MEMBERS} are read")
    return manifest


def _arrays(body: bytes, rows: dict[str, dict[str, Any]]) -> dict[str, NDArray[Any]]:
    """Every array of the manifest, found by its size and its digest."""
    sizes = {name: math.prod(row["shape"]) * DTYPES[row["dtype"]] for name, row in rows.items()}
    if sum(sizes.values()) > len(body):
        raise ArtifactError(f"the members declare {sum(sizes.values())} bytes, which the file does not hold; {AGAIN}")
    wanted, places, hashed = set(sizes.values()), dict[str, int](), 0
    for offset, size in _layouts(body):
        if size in wanted and offset + size <= len(body):
            hashed += size
            if hashed > 2 * len(body):
                raise ArtifactError(f"the file has more arrays than it has room for; {AGAIN}")
            places[hashlib.sha256(memoryview(body)[offset : offset + size]).hexdigest()] = offset
    arrays = {}
    for name, row in rows.items():
        offset = places.get(row["sha256"], len(body))
        data = bytearray(memoryview(body)[offset : offset + sizes[name]])
        if len(data) != sizes[name]:
            raise ArtifactError(f"{name}: the digest does not fit what is in the file; {AGAIN}")
        arrays[name] = np.frombuffer(data, np.dtype(row["dtype"]).newbyteorder("<")).reshape(row["shape"])
    return arrays


def _layouts(body: bytes) -> set[tuple[int, int]]:
    """Offset and size of all that looks like the layout message of an array in one block."""
    found, at = set(), body.find(_LAYOUT)
    while at >= 0:
        if at + 18 <= len(body):
            found.add(struct.unpack_from("<2Q", body, at + 2))
        at = body.find(_LAYOUT, at + 1)
    return found


def _unet(architecture: dict[str, Any]) -> Table:
    """The rows of a version 1 U-Net, in which names and kinds told what is joined and halved."""
    rows: list[dict[str, Any]] = []
    for row in architecture["rows"]:
        k, levels = int(row["block"][3:]), architecture["levels"]
        inputs = [rows[-1]["name"] if rows else "input"]
        if row["block"].startswith("dec") and k < levels:
            inputs.insert(0, f"enc{k}")
        same = {name: row[name] for name in ("c_in", "c_out", "ksize", "before", "norm", "bias", "dropout")}
        kind = "conv" if row["step"] == "down" else row["step"]
        rows.append({"name": row["block"], "kind": kind, "stride": 2, "inputs": inputs, **same})
    rows[-1]["after"] = "tanh"
    return Table.from_json(json.dumps({"c_in": architecture["c_in"], "rows": rows}))


def _compact_name(name: str) -> str:
    """body.2.weight -> conv1.conv.weight, body.3.weight -> conv1.slope: convolutions and PReLU took turns."""
    _, number, part = name.split(".")
    return f"conv{int(number) // 2}." + ("slope" if int(number) % 2 else f"conv.{part}")


def _json(value: Any) -> NDArray[np.uint8]:
    return np.frombuffer(json.dumps(value).encode(), np.uint8)
