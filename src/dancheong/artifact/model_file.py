"""model.h5 <-> Artifact. The file is specified in docs/artifact.md.

Reading trusts nothing: first a seal over all bytes is checked, then structure, types and sizes before anything is
allocated, then a digest for every member. The HDF5 library only writes. No code is ever stored or run.
"""

import hashlib
import json
import math
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from dancheong.artifact.hdf5 import Stored, Structure
from dancheong.artifact.seal import (
    AGAIN,
    BLOCK_BYTES,
    FORMAT_VERSION,
    MAX_FILE_BYTES,
    NEWER,
    ArtifactError,
    check_seal,
    seal,
)
from dancheong.params import Params
from dancheong.params.schema import REMOVED
from dancheong.system.whole_file import whole_file

MAX_JSON_BYTES = 64 << 20
MAX_GRAPH_BYTES = 16 << 20
MAX_SELFTEST_BYTES = 64 << 20
MAX_MEMBERS = 4096

_JSON_TYPES: dict[str, type] = {"params": dict, "architecture": dict, "history": list, "data": dict, "scores": dict}
_PLAIN = {**dict.fromkeys(_JSON_TYPES, "uint8"), "graph": "uint8"}
_GROUPS = ("selftest", "weights")
_SELFTEST = ("selftest/input", "selftest/output")
_WEIGHT_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,199}")
_KINDS = ("colorizer", "upscaler")


@dataclass(frozen=True, eq=False)
class Artifact:
    """Everything a prediction needs, and everything the file says of itself.

    Attributes:
        params: the whole effective parameter table; `origins` says where each value came from, by lower-case name.
        architecture: a JSON object that describes the network for the torch runtime.
        graph: an ONNX model whose initializers are external and named as `weights`.
        weights: float arrays by name; stored as float16, or float32 where a value does not fit.
        selftest_input, selftest_output: float32 bchw; what the network gives with the weights as stored.
        digest: sha256 of the manifest and with it of all content; set by reading, ignored by writing.
        format_version: of the file that was read; writing always writes the newest.
    """

    kind: Literal["colorizer", "upscaler"]
    params: Params
    origins: dict[str, str]
    category: str
    architecture: dict[str, Any]
    graph: bytes
    weights: dict[str, NDArray[np.floating[Any]]]
    history: list[dict[str, Any]]
    data: dict[str, Any]
    scores: dict[str, Any]
    selftest_input: NDArray[np.float32]
    selftest_output: NDArray[np.float32]
    digest: str = ""
    format_version: int = FORMAT_VERSION


def as_stored(weight: NDArray[Any]) -> NDArray[np.floating[Any]]:
    """A weight as the file keeps it: float16, or float32 where float16 would overflow. A self-test needs these values.

    Raises:
        ArtifactError: for whole numbers, and for values that are not finite.
    """
    if weight.dtype.kind != "f" or not np.isfinite(weight).all():
        came = f"{weight.dtype} values" if weight.dtype.kind != "f" else "values that are not finite"
        raise ArtifactError(f"a weight holds {came}; finite floating-point numbers were expected: leave others out")
    with np.errstate(over="ignore"):
        half = weight.astype("<f2")
    return half if np.isfinite(half).all() else weight.astype("<f4")


def write_artifact(path: str | Path, artifact: Artifact) -> str:
    """Write a model file, whole or not at all. The same content gives the same bytes.

    Returns:
        The digest of the content.

    Raises:
        ArtifactError: when the content cannot be stored (a weight that is not finite, JSON that is none).
        OSError: when the disk refuses; a file that was there before is then untouched.
    """
    import h5py  # a prediction does not need it

    path = Path(path)
    try:
        members = _members(artifact)
        manifest = _manifest(artifact, members)
    except ArtifactError as error:
        raise ArtifactError(f"{path}: {error}") from None
    with whole_file(path) as temporary:
        # `earliest` keeps times out of the file; the seal comes last, over what the library wrote.
        with h5py.File(temporary, "w", userblock_size=BLOCK_BYTES, libver="earliest") as file:
            for name, array in {"manifest": _bytes(manifest), **members}.items():
                file.create_dataset(name, data=array)
        seal(temporary, hashlib.sha256(manifest).hexdigest())
        with temporary.open("rb") as stream:  # what this reader cannot read must not take the name
            Structure(stream, BLOCK_BYTES, temporary.stat().st_size, MAX_MEMBERS).datasets(_GROUPS)
    return hashlib.sha256(manifest).hexdigest()


def read_artifact(path: str | Path) -> Artifact:
    """Read a model file strictly; nothing outside the file is opened and nothing in it is executed.

    Raises:
        ArtifactError: when it is not a model file, of a newer version, damaged, or holds anything the format does not.
    """
    path = Path(path)
    try:
        # A pipe or a device would block the reader.
        if not stat.S_ISREG(path.stat().st_mode):
            raise ArtifactError("this is not a file; the .h5 file that `dancheong train` wrote was expected")
        with path.open("rb") as stream:
            version, digest, file_bytes = check_seal(stream)
            return replace(_read(stream, file_bytes, digest), format_version=version)
    except ArtifactError as error:
        raise ArtifactError(f"{path}: {error}") from None
    except FileNotFoundError as error:
        raise ArtifactError(f"{path}: there is no such file; give the .h5 file that `dancheong train` wrote") from error
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, MemoryError, RecursionError) as error:
        raise ArtifactError(f"{path}: the model file cannot be read ({error}); {AGAIN}") from error



# -- content and manifest --------------------------------------------------------------------------------------------


def _members(artifact: Artifact) -> dict[str, NDArray[Any]]:
    """Every dataset but the manifest, by its path in the file."""
    texts = {"params": _table(artifact)} | {name: getattr(artifact, name) for name in _JSON_TYPES if name != "params"}
    members: dict[str, NDArray[Any]]
    members = {name: _bytes(_json(name, value, _JSON_TYPES[name])) for name, value in texts.items()}
    members["graph"] = _bytes(artifact.graph)
    for name, array in zip(_SELFTEST, (artifact.selftest_input, artifact.selftest_output), strict=True):
        members[name] = np.ascontiguousarray(array, "<f4")
        if array.ndim != 4 or not np.isfinite(array).all():
            raise ArtifactError(f"{name}: finite numbers, batch x channels x height x width, were expected")
    for name, weight in sorted(artifact.weights.items()):
        try:
            members[f"weights/{name}"] = as_stored(weight)
        except ArtifactError as error:
            raise ArtifactError(f"{name}: {error}") from None
    _check_layout({name: (array.dtype.name, array.shape) for name, array in members.items()})
    return members


def _table(artifact: Artifact) -> dict[str, dict[str, Any]]:
    defaults = Params()
    table = {}
    for name, value in artifact.params.model_dump(mode="json").items():
        unsaid = "default" if value == getattr(defaults, name) else "given in Python"
        table[name.upper()] = {"value": value, "origin": artifact.origins.get(name) or unsaid}
    return table


def _manifest(artifact: Artifact, members: Mapping[str, NDArray[Any]]) -> bytes:
    if artifact.kind not in _KINDS:
        raise ArtifactError(f"kind {artifact.kind!r} came; {' or '.join(_KINDS)} was expected")
    rows = {
        name: {"dtype": array.dtype.name, "shape": list(array.shape), "sha256": _sha256(array)}
        for name, array in members.items()
    }
    return _json("manifest", {"kind": artifact.kind, "category": artifact.category, "members": rows}, dict)


def _json(name: str, value: Any, expected: type) -> bytes:
    if not isinstance(value, expected):
        raise ArtifactError(f"{name}: a {expected.__name__} was expected, {type(value).__name__} came")
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")).encode()
    except (TypeError, ValueError) as error:
        raise ArtifactError(f"{name}: not JSON ({error}); finite numbers, text, lists, objects are allowed") from error


def _bytes(data: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(data, np.uint8)


def _sha256(array: NDArray[Any]) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()


def _expected(name: str) -> tuple[tuple[str, ...], int]:
    """The types and the number of bytes that the format allows for a member."""
    group, _, weight = name.rpartition("/")
    if name in _PLAIN:
        return ("uint8",), MAX_GRAPH_BYTES if name == "graph" else MAX_JSON_BYTES
    if name in _SELFTEST:
        return ("float32",), MAX_SELFTEST_BYTES
    if group == "weights" and _WEIGHT_NAME.fullmatch(weight):
        return ("float16", "float32"), MAX_FILE_BYTES
    raise ArtifactError(f"unexpected member {name!r}; the format does not know it")


def _check_layout(layout: Mapping[str, tuple[str, tuple[int, ...]]]) -> None:
    """The members of a file are exactly those of the format, of its types and within its limits."""
    missing = [name for name in (*_PLAIN, *_SELFTEST) if name not in layout]
    if missing or not any(name.startswith("weights/") for name in layout):
        raise ArtifactError(f"{missing[0] if missing else 'weights'} is missing; {AGAIN}")
    total = 0
    for name, (dtype, shape) in layout.items():
        types, limit = _expected(name)
        dimensions = {"uint8": 1, "float32": 4} if "weights/" not in name else {}
        if dtype not in types or len(shape) != dimensions.get(dtype, len(shape)):
            raise ArtifactError(f"{name}: {dtype} of shape {shape} came, {' or '.join(types)} was expected")
        size = math.prod(shape) * np.dtype(dtype).itemsize
        total += size
        if not 0 < size <= limit or total > MAX_FILE_BYTES:
            raise ArtifactError(f"{name}: {size} bytes came, 1 to {limit} were expected (all members {MAX_FILE_BYTES})")


# -- reading ---------------------------------------------------------------------------------------------------------


def _read(stream: BinaryIO, file_bytes: int, digest: str) -> Artifact:
    stored = Structure(stream, BLOCK_BYTES, file_bytes, MAX_MEMBERS).datasets(_GROUPS)
    if "manifest" not in stored:
        raise ArtifactError(f"manifest is missing; {AGAIN}")
    manifest_at = stored.pop("manifest")
    if manifest_at.dtype != "uint8" or manifest_at.size_bytes > MAX_JSON_BYTES:
        came = f"{manifest_at.dtype} {manifest_at.shape}"
        raise ArtifactError(f"manifest: {came} came, uint8 of at most {MAX_JSON_BYTES} bytes was expected")
    layout = {name: (one.dtype, one.shape) for name, one in stored.items()}
    _check_layout(layout)
    text = _array(stream, manifest_at).tobytes()
    if hashlib.sha256(text).hexdigest() != digest:
        raise ArtifactError(f"manifest: the digest does not fit; {AGAIN}")
    manifest = _parse("manifest", text, dict)
    _check_manifest(manifest, layout)
    arrays = {}
    for name, one in stored.items():
        arrays[name] = _array(stream, one)
        if _sha256(arrays[name]) != manifest["members"][name]["sha256"]:
            raise ArtifactError(f"{name}: the digest does not fit; {AGAIN}")
    return replace(_artifact(manifest, arrays), digest=digest)


def _array(stream: BinaryIO, stored: Stored) -> NDArray[Any]:
    """A dataset's numbers. It lies within the file and shares no byte with another, so the file's length bounds them."""
    stream.seek(stored.offset)
    data = bytearray(stream.read(stored.size_bytes))
    return np.frombuffer(data, np.dtype(stored.dtype).newbyteorder("<")).reshape(stored.shape)


def _check_manifest(manifest: dict[str, Any], layout: Mapping[str, tuple[str, tuple[int, ...]]]) -> None:
    if set(manifest) != {"kind", "category", "members"} or not isinstance(manifest["category"], str):
        raise ArtifactError("manifest: kind, category and members were expected")
    if manifest["kind"] not in _KINDS:
        raise ArtifactError(f"kind {manifest['kind']!r} came; {' or '.join(_KINDS)} was expected: {NEWER}")
    declared = {name: (row["dtype"], tuple(row["shape"])) for name, row in manifest["members"].items()}
    if declared != layout:
        differing = sorted(name for name in {*declared, *layout} if declared.get(name) != layout.get(name))
        raise ArtifactError(f"manifest and content differ in {', '.join(differing[:5])}; {AGAIN}")


def _parse(name: str, text: bytes, expected: type) -> Any:
    try:
        value = json.loads(text.decode(), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ArtifactError(f"{name}: not JSON ({error}); {AGAIN}") from error
    if not isinstance(value, expected):
        raise ArtifactError(f"{name}: a JSON {expected.__name__} was expected, {type(value).__name__} came")
    return value


def _no_constant(word: str) -> None:
    raise ValueError(f"{word} is no JSON number")


def _artifact(manifest: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Artifact:
    texts = {name: _parse(name, arrays[name].tobytes(), expected) for name, expected in _JSON_TYPES.items()}
    params, origins = _read_table(texts.pop("params"))
    weights = {name.removeprefix("weights/"): array for name, array in arrays.items() if name.startswith("weights/")}
    return Artifact(
        kind=manifest["kind"], params=params, origins=origins, category=manifest["category"],
        graph=arrays["graph"].tobytes(), weights=weights,
        selftest_input=arrays[_SELFTEST[0]], selftest_output=arrays[_SELFTEST[1]], **texts,
    )


def _read_table(table: dict[str, Any]) -> tuple[Params, dict[str, str]]:
    """The effective table. A name it lacks is one that came later: its default is what the file was made with."""
    # Rows of earlier versions: none of them touches a prediction (docs/decisions/0010).
    table = {name: row for name, row in table.items() if name.lower() not in REMOVED}
    unknown = sorted(name for name in table if name.lower() not in Params.model_fields or name != name.upper())
    if unknown:
        raise ArtifactError(
            f"the file has parameters that this dancheong does not know ({', '.join(unknown[:5])}): a newer one wrote "
            f"it; {NEWER}"
        )
    try:
        params = Params(**{name.lower(): row["value"] for name, row in table.items()})
        origins = {name.lower(): str(row["origin"]) for name, row in table.items()}
    except ValidationError as error:
        first = error.errors()[0]
        word = str(first["loc"][0] if first["loc"] else "").upper()
        raise ArtifactError(f"params: {word} = {first['input']!r}: {first['msg']}; {AGAIN}") from None
    return params, {name: origins.get(name, "default (newer than the file)") for name in Params.model_fields}
