"""model.h5 <-> Artifact. The file is specified in docs/artifact.md.

Reading trusts nothing: types, sizes and digests are checked, and the network's table is held to the rules of
`dancheong.models.table`. No code is ever stored or run.
"""

import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from dancheong.artifact import index
from dancheong.artifact.index import AGAIN, FORMAT_VERSION, MAX_FILE_BYTES, NEWER, ArtifactError, ModelMissing
from dancheong.artifact.version_1 import read_members_1
from dancheong.models.table import Table
from dancheong.params import Params
from dancheong.params.schema import REMOVED
from dancheong.system.whole_file import whole_file

# The colorizer that comes along, whose card is `dancheong models card colorizer`.
SHIPPED_COLORIZER = Path(__file__).parent.parent / "prediction" / "colorizer.h5"
MAX_JSON_BYTES = 64 << 20
MAX_SELFTEST_BYTES = 64 << 20

Kind = Literal["colorizer", "upscaler"]
_JSON_TYPES: dict[str, type] = {
    "manifest": dict, "params": dict, "architecture": dict, "history": list, "data": dict, "scores": dict,
}
# What files were made with that know nothing of a row, where that is not the row's default.
_BEFORE_ROWS = {"encoder": "unet", "begin": "encoder"}
_SELFTEST = ("selftest/input", "selftest/output")
_WEIGHT_NAME = re.compile(r"weights/[A-Za-z0-9_][A-Za-z0-9_.\-]{0,199}")


@dataclass(frozen=True, eq=False)
class Artifact:
    """Everything a prediction needs, and everything the file says of itself.

    Attributes:
        params: the whole effective parameter table; `origins` says where each value came from, by lower-case name.
        architecture: the network as a table of rows, from which every runtime builds it.
        weights: exactly the float arrays of the table, by name; stored as float16, or float32 where a value does not fit.
        selftest_input, selftest_output: float32 bchw; what the network gives with the weights as stored.
        digest: sha256 of all content; set by reading, ignored by writing.
        format_version: of the file that was read; writing always writes the newest.
    """

    kind: Kind
    params: Params
    origins: dict[str, str]
    category: str
    architecture: Table
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


def write_artifact(path: str | Path, artifact: Artifact, exact: bool = False) -> str:
    """Write a model file, whole or not at all. The same content gives the same bytes.

    Args:
        exact: keep float32 weights as they are, because the network is to answer as another program's does.

    Returns:
        The digest of the content.

    Raises:
        ArtifactError: when the content cannot be stored (a weight that is not finite, JSON that is none).
        OSError: when the disk refuses; a file that was there before is then untouched.
    """
    path = Path(path)
    try:
        members = _members(artifact, exact)
    except ArtifactError as error:
        raise ArtifactError(f"{path}: {error}") from None
    with whole_file(path) as temporary:
        return index.write_members(temporary, members)


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
            version = index.read_version(stream)
            members, digest = read_members_1(stream) if version == 1 else index.read_members(stream)
        _check_layout(members)
        return replace(_artifact(members), digest=digest, format_version=version)
    except ArtifactError as error:
        raise ArtifactError(f"{path}: {error}") from None
    except FileNotFoundError as error:
        raise ModelMissing(f"{path}: there is no such file; give the .h5 file that `dancheong train` wrote") from error
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, MemoryError, RecursionError) as error:
        raise ArtifactError(f"{path}: the model file cannot be read ({error}); {AGAIN}") from error


def _members(artifact: Artifact, exact: bool) -> dict[str, NDArray[Any]]:
    """Every dataset of the file, by its path."""
    _check_kind(artifact.kind)
    _check_weights(artifact.architecture, artifact.weights)
    texts = {
        "manifest": {"kind": artifact.kind, "category": artifact.category}, "params": _table(artifact),
        "architecture": artifact.architecture.to_json(), "history": artifact.history, "data": artifact.data,
        "scores": artifact.scores,
    }
    members: dict[str, NDArray[Any]] = {
        name: np.frombuffer(index.write_json(name, value, _JSON_TYPES[name]), np.uint8) for name, value in texts.items()
    }
    for name, array in zip(_SELFTEST, (artifact.selftest_input, artifact.selftest_output), strict=True):
        if array.ndim != 4 or not np.isfinite(array).all():
            raise ArtifactError(f"{name}: finite numbers, batch x channels x height x width, were expected")
        members[name] = np.ascontiguousarray(array, "<f4")
    for name, weight in sorted(artifact.weights.items()):
        try:
            stored = as_stored(weight)
            members[f"weights/{name}"] = weight.astype("<f4") if exact else stored
        except ArtifactError as error:
            raise ArtifactError(f"{name}: {error}") from None
    _check_layout(members)
    return members


def _table(artifact: Artifact) -> dict[str, dict[str, Any]]:
    """The parameter table, each value with its origin."""
    defaults = Params()
    table = {}
    for name, value in artifact.params.model_dump(mode="json").items():
        unsaid = "default" if value == getattr(defaults, name) else "given in Python"
        table[name.upper()] = {"value": value, "origin": artifact.origins.get(name) or unsaid}
    return table


def _check_layout(members: Mapping[str, NDArray[Any]]) -> None:
    """The members are exactly those of the format, of its types and within its limits."""
    missing = [name for name in (*_JSON_TYPES, *_SELFTEST) if name not in members]
    if missing or not any(name.startswith("weights/") for name in members):
        raise ArtifactError(f"{missing[0] if missing else 'weights'} is missing; {AGAIN}")
    total = 0
    for name, array in members.items():
        types, dimensions, limit = _expected(name)
        if array.dtype.name not in types or array.ndim != (dimensions or array.ndim):
            raise ArtifactError(f"{name}: {array.dtype} of shape {array.shape} came, {' or '.join(types)} was expected")
        total += array.nbytes
        if not 0 < array.nbytes <= limit or total > MAX_FILE_BYTES:
            raise ArtifactError(f"{name}: {array.nbytes} bytes came, 1 to {limit} were expected (all members {MAX_FILE_BYTES})")


def _expected(name: str) -> tuple[tuple[str, ...], int, int]:
    """Types, dimensions (0: any) and the most bytes that the format allows for a member."""
    if name in _JSON_TYPES:
        return ("uint8",), 1, MAX_JSON_BYTES
    if name in _SELFTEST:
        return ("float32",), 4, MAX_SELFTEST_BYTES
    if _WEIGHT_NAME.fullmatch(name):
        return ("float16", "float32"), 0, MAX_FILE_BYTES
    raise ArtifactError(f"unexpected member {name!r}; the format does not know it")


def _artifact(members: Mapping[str, NDArray[Any]]) -> Artifact:
    texts = {name: index.parse_json(name, members[name].tobytes(), expected) for name, expected in _JSON_TYPES.items()}
    manifest, _ = texts.pop("manifest"), texts.pop("architecture")
    if set(manifest) != {"kind", "category"} or not isinstance(manifest["category"], str):
        raise ArtifactError("manifest: kind and category were expected")
    _check_kind(manifest["kind"])
    params, origins = _read_table(texts.pop("params"))
    try:
        architecture = Table.from_json(members["architecture"].tobytes())
    except ValueError as error:
        raise ArtifactError(f"architecture: {error}; train it again") from error
    weights = {name.removeprefix("weights/"): array for name, array in members.items() if name.startswith("weights/")}
    _check_weights(architecture, weights)
    return Artifact(
        **manifest, params=params, origins=origins, architecture=architecture, weights=weights,
        selftest_input=members[_SELFTEST[0]], selftest_output=members[_SELFTEST[1]], **texts,
    )


def _check_weights(architecture: Table, weights: Mapping[str, NDArray[Any]]) -> None:
    try:
        architecture.check_weights(weights)
    except ValueError as error:
        raise ArtifactError(f"{error}; train it again") from error


def _check_kind(kind: Any) -> None:
    if kind not in get_args(Kind):
        raise ArtifactError(f"kind {kind!r} came; {' or '.join(get_args(Kind))} was expected: {NEWER}")


def _read_table(table: dict[str, Any]) -> tuple[Params, dict[str, str]]:
    """The effective table. A name it lacks is one that came later: its value is what the file was made with."""
    # Rows of earlier versions: none of them touches a prediction (docs/decisions/0010).
    table = {name: row for name, row in table.items() if name.lower() not in REMOVED}
    unknown = sorted(name for name in table if name.lower() not in Params.model_fields or name != name.upper())
    if unknown:
        raise ArtifactError(
            f"the file has parameters that this dancheong does not know ({', '.join(unknown[:5])}): a newer one wrote "
            f"it; {NEWER}"
        )
    try:
        params = Params(**(_BEFORE_ROWS | {name.lower(): row["value"] for name, row in table.items()}))
        origins = {name.lower(): str(row["origin"]) for name, row in table.items()}
    except ValidationError as error:
        first = error.errors()[0]
        word = str(first["loc"][0] if first["loc"] else "").upper()
        raise ArtifactError(f"params: {word} = {first['input']!r}: {first['msg']}; {AGAIN}") from None
    return params, {name: origins.get(name, "default (newer than the file)") for name in Params.model_fields}
