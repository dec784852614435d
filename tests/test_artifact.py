"""The model file: what goes in comes out, and nothing else is ever read."""

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from dancheong.artifact import (
    FORMAT_VERSION,
    SHIPPED_COLORIZER,
    Artifact,
    ArtifactError,
    as_stored,
    index,
    model_file,
    read_artifact,
    write_artifact,
)
from dancheong.artifact.index import write_index
from dancheong.models import table
from dancheong.models.table import compact_table, unet_table
from dancheong.params import Params
from dancheong.runtime.network import open_network

VERSION_1 = Path(__file__).with_name("version_1")


def an_artifact() -> Artifact:
    rng = np.random.default_rng(7)
    params = Params(resol=64, ngf=4, depth=2, hf_cutoff=1 / 3)
    network = unet_table(params, 1, 2)
    weights = {name: rng.normal(size=shape).astype(np.float32) for name, shape in network.weight_shapes().items()}
    weights["dec2.norm.running_var"][:2] = [1e-3, 7e4]
    return Artifact(
        kind="colorizer",
        params=params,
        origins={"resol": "params.csv row 2 (GOGUNG)", "ngf": "--set", "hf_cutoff": "궁궐.csv row 9"},
        category="GOGUNG",
        architecture=network,
        weights=weights,
        history=[{"images": 8, "g_l1": 0.123456789012345678}],
        data={"photographs": 12, "fingerprint": "ab" * 32},
        scores={"val_delta_e_2000": 10.5},
        selftest_input=rng.uniform(-1, 1, (1, 1, 8, 8)).astype(np.float32),
        selftest_output=rng.uniform(-1, 1, (1, 2, 8, 8)).astype(np.float32),
    )


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "모델 하나.h5"
    write_artifact(path, an_artifact())
    return path


def rows_of(path: Path) -> dict[str, Any]:
    """What the index says of each member."""
    _, second, rest = path.read_bytes().split(b"\n", 2)
    rows: dict[str, Any] = json.loads(rest[: int(second.split()[1])])["members"]
    return rows


def forge(path: Path, name: str, content: bytes) -> None:
    """Put another content in the place of a member, and make all digests fit again; what a hostile author would do."""
    rows, data = rows_of(path), bytearray(path.read_bytes())
    row = rows[name]
    row["offset"], row["sha256"] = len(data), hashlib.sha256(content).hexdigest()
    if row["dtype"] == "uint8":
        row["shape"] = [len(content)]
    path.write_bytes(bytes(data) + content)
    write_index(path, rows)


def edit_json(path: Path, name: str, edit: Callable[[Any], None]) -> None:
    with h5py.File(path, "r") as file:
        value = json.loads(file[name][()].tobytes())
    edit(value)
    forge(path, name, json.dumps(value).encode())


# -- what goes in comes out --------------------------------------------------------------------------------------------


def test_round_trip_keeps_everything(model: Path) -> None:
    wrote, read = an_artifact(), read_artifact(model)
    for name in ("kind", "params", "category", "architecture", "history", "data", "scores"):
        assert getattr(read, name) == getattr(wrote, name)
    np.testing.assert_array_equal(read.selftest_input, wrote.selftest_input)
    np.testing.assert_array_equal(read.selftest_output, wrote.selftest_output)
    assert set(read.weights) == set(wrote.weights)
    for name, weight in wrote.weights.items():
        np.testing.assert_array_equal(read.weights[name], as_stored(weight))
        assert read.weights[name].shape == weight.shape
    assert read.format_version == FORMAT_VERSION


def test_weights_are_float16_and_float32_only_where_a_value_would_overflow(model: Path) -> None:
    wide = {name for name, weight in read_artifact(model).weights.items() if weight.dtype != np.float16}
    assert wide == {"dec2.norm.running_var"}
    assert read_artifact(model).weights["dec2.norm.running_var"].dtype == np.float32
    with h5py.File(model, "r") as file:
        assert file["weights/enc1.conv.weight"].compression is None
        assert file["weights/enc1.conv.weight"].chunks is None
        assert len(file.attrs) == 0


def test_the_parameter_table_is_complete_and_says_where_values_came_from(model: Path) -> None:
    read = read_artifact(model)
    assert set(read.origins) == set(Params.model_fields)
    assert read.origins["resol"] == "params.csv row 2 (GOGUNG)"
    assert read.origins["hf_cutoff"] == "궁궐.csv row 9"
    assert read.origins["lr"] == "default"
    assert read.params.hf_cutoff == 1 / 3
    with h5py.File(model, "r") as file:
        table = json.loads(file["params"][()].tobytes())
    assert set(table) == {name.upper() for name in Params.model_fields}


def test_same_content_gives_the_same_bytes_and_digest(tmp_path: Path, model: Path) -> None:
    time.sleep(1.1)  # HDF5 can store times, in whole seconds
    shuffled = replace(an_artifact(), weights=dict(reversed(an_artifact().weights.items())))
    digest = write_artifact(tmp_path / "other.h5", shuffled)
    assert (tmp_path / "other.h5").read_bytes() == model.read_bytes()
    assert digest == read_artifact(model).digest
    again = write_artifact(tmp_path / "again.h5", read_artifact(model))
    assert again == digest
    changed = replace(an_artifact(), scores={"val_delta_e_2000": 10.6})
    assert write_artifact(tmp_path / "changed.h5", changed) != digest


def test_a_file_of_an_older_schema_gets_the_defaults_of_new_parameters(model: Path) -> None:
    edit_json(model, "params", lambda table: table.pop("VEIL_K"))
    read = read_artifact(model)
    assert read.params.veil_k == Params().veil_k
    assert "newer" in read.origins["veil_k"]


def test_hdf5_programs_see_every_member_and_no_times(model: Path) -> None:
    with h5py.File(model, "r") as file:
        names = [name for name in file if isinstance(file[name], h5py.Dataset)]
        names += [f"{group}/{name}" for group in ("selftest", "weights") for name in file[group]]
        assert sorted(names) == sorted(rows_of(model))
        for name, row in rows_of(model).items():
            assert (file[name].dtype.name, list(file[name].shape)) == (row["dtype"], row["shape"])
            assert hashlib.sha256(file[name][()].tobytes()).hexdigest() == row["sha256"]
            assert getattr(h5py.h5o.get_info(file[name].id), "mtime", 0) == 0  # h5py before 3.11 does not tell it


# -- writing -----------------------------------------------------------------------------------------------------------


def with_bias(bias: np.ndarray) -> dict[str, np.ndarray]:
    return {**an_artifact().weights, "dec1.conv.bias": bias}


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"weights": with_bias(np.array([0, np.nan], np.float32))}, "not finite"),
        ({"weights": with_bias(np.array([1, 2]))}, "int64"),
        ({"weights": with_bias(np.ones(3, np.float32))}, r"dec1\.conv\.bias has shape \(3,\)"),
        ({"weights": {**an_artifact().weights, "../more": np.ones(1, np.float32)}}, r"1 weights are missing or unknown.*\.\."),
        ({"weights": {}}, "weights are missing"),
        ({"architecture": compact_table(1, 4, 1, 2)}, "weights are missing"),
        ({"kind": "painter"}, "painter"),
        ({"scores": {"psnr": float("nan")}}, "scores"),
        ({"history": {"not": "a list"}}, "history"),
        ({"data": {"path": Path("x")}}, "data"),
        ({"selftest_output": np.ones((2, 8, 8), np.float32)}, "selftest"),
    ],
)
def test_what_cannot_be_stored_is_refused_and_nothing_is_written(
    tmp_path: Path, change: dict[str, object], word: str
) -> None:
    with pytest.raises(ArtifactError, match=word):
        write_artifact(tmp_path / "m.h5", replace(an_artifact(), **change))
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_the_old_file_and_nothing_else(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = model.read_bytes()

    def disk_full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(index, "write_index", disk_full)
    with pytest.raises(OSError, match="No space"):
        write_artifact(model, replace(an_artifact(), category="OTHER"))
    assert model.read_bytes() == before
    assert [path.name for path in model.parent.iterdir()] == [model.name]


# -- damage ------------------------------------------------------------------------------------------------------------


def test_every_flipped_byte_is_found(model: Path) -> None:
    good = model.read_bytes()
    rng = np.random.default_rng(3)
    for position in [0, 29, 30, 31, 100, 200, 511, 512, *rng.integers(0, len(good), 300)]:
        bad = bytearray(good)
        bad[position] ^= 1 << int(rng.integers(8))
        model.write_bytes(bad)
        with pytest.raises(ArtifactError):
            read_artifact(model)


@pytest.mark.parametrize("name", ["architecture", "params", "weights/enc1.conv.weight", "selftest/output", "manifest"])
def test_a_flipped_byte_under_a_right_index_is_found_and_named(model: Path, name: str) -> None:
    bad = bytearray(model.read_bytes())
    bad[rows_of(model)[name]["offset"] + 3] ^= 1
    model.write_bytes(bad)
    write_index(model, rows_of(model))
    with pytest.raises(ArtifactError, match=f"{name}.*digest"):
        read_artifact(model)


def test_a_flipped_byte_of_the_hdf5_structures_is_found(model: Path) -> None:
    """It would not change what is read here, but what other programs see."""
    bad = bytearray(model.read_bytes())
    bad[bad.index(b"\x89HDF\r\n") + 40] ^= 1
    model.write_bytes(bad)
    with pytest.raises(ArtifactError, match="HDF5 structures of the file are damaged"):
        read_artifact(model)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.999])
def test_a_truncated_file_is_refused(model: Path, share: float) -> None:
    good = model.read_bytes()
    model.write_bytes(good[: int(len(good) * share)])
    with pytest.raises(ArtifactError, match=r"not a model file|damaged|cut short|does not fit"):
        read_artifact(model)


def test_a_longer_file_is_refused(model: Path) -> None:
    model.write_bytes(model.read_bytes() + b"more")
    with pytest.raises(ArtifactError, match="longer"):
        read_artifact(model)


# -- strangers ---------------------------------------------------------------------------------------------------------


def test_other_files_are_named_for_what_they_are(tmp_path: Path) -> None:
    text = tmp_path / "notes.h5"
    text.write_text("PARAM_NAME,PARAM_VALUE")
    with pytest.raises(ArtifactError, match=r"notes\.h5: this is not a model file.*dancheong train"):
        read_artifact(text)
    other = tmp_path / "other.h5"
    with h5py.File(other, "w") as file:
        file["weights"] = np.ones(3)
    with pytest.raises(ArtifactError, match="HDF5 file of another program"):
        read_artifact(other)
    with pytest.raises(ArtifactError, match="no such file"):
        read_artifact(tmp_path / "gone.h5")
    with pytest.raises(ArtifactError, match="not a file"):
        read_artifact(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.h5")
    with pytest.raises(ArtifactError, match="not a file"):
        read_artifact(tmp_path / "pipe.h5")


def test_a_newer_version_is_refused_in_words(model: Path) -> None:
    good = model.read_bytes()
    model.write_bytes(good.replace(b"version %d\n" % FORMAT_VERSION, b"version %d\n" % (FORMAT_VERSION + 6), 1))
    with pytest.raises(ArtifactError, match=r"version 8.*reads up to 2.*install a newer dancheong"):
        read_artifact(model)


def test_parameters_of_a_newer_version_are_refused_by_name(model: Path) -> None:
    edit_json(model, "params", lambda table: table.update(NOT_YET_KNOWN={"value": 1.5, "origin": "default"}))
    with pytest.raises(ArtifactError, match=r"does not know \(NOT_YET_KNOWN\).*newer"):
        read_artifact(model)


def test_a_file_with_parameters_of_an_earlier_version_is_read(model: Path) -> None:
    before = read_artifact(model).params
    edit_json(model, "params", lambda table: table.update(SR_PATCH={"value": 12, "origin": "--set"}))
    assert read_artifact(model).params == before


def test_a_parameter_out_of_range_is_refused_by_name(model: Path) -> None:
    edit_json(model, "params", lambda table: table["RESOL"].update(value=3))
    with pytest.raises(ArtifactError, match="RESOL = 3"):
        read_artifact(model)


def test_a_table_that_is_no_network_is_refused(model: Path) -> None:
    edit_json(model, "architecture", lambda table: table["rows"][1].update(c_in=5))
    with pytest.raises(ArtifactError, match="architecture: row enc2 takes 5 channels, but 4 reach it; train it again"):
        read_artifact(model)


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("scores", b"{1}", "scores: not JSON"),
        ("scores", b"[" * 200000, "scores: not JSON"),
        ("scores", b'{"a":NaN}', "NaN is no JSON number"),
        ("scores", b"[]", "scores: a JSON dict"),
        ("history", b"\x80\x04N.", "history: not JSON"),  # a pickle
        ("manifest", b'{"kind":"painter","category":"x"}', "kind 'painter'"),
        ("manifest", b'{"kind":"colorizer"}', "kind and category were expected"),
        ("manifest", b'{"kind":[],"category":"x"}', r"kind \[\]"),
        ("params", b"[]", "params: a JSON dict"),
        ("params", b'{"RESOL":5}', "cannot be read"),
        ("architecture", b"{}", "architecture: c_in = .*required"),
    ],
)
def test_hostile_content_is_refused_in_words(model: Path, name: str, content: bytes, word: str) -> None:
    forge(model, name, content)
    with pytest.raises(ArtifactError, match=word):
        read_artifact(model)


@pytest.mark.parametrize(
    ("name", "change", "word"),
    [
        ("params", {"offset": 3}, "the index and params share their bytes"),
        ("params", {"offset": -4}, "no whole number"),
        ("params", {"offset": 1.0}, "no whole number"),
        ("params", {"offset": 1 << 62}, "which the file does not hold"),
        ("params", {"shape": [1 << 31, 1 << 31]}, "params declares 4611686018427387904 bytes, which the file does not hold"),
        ("params", {"shape": [-1]}, "no whole number"),
        ("params", {"shape": [1.5]}, "no whole number"),
        ("params", {"shape": 7}, "no whole number"),
        ("params", {"shape": [1] * 33}, "no whole number"),
        ("params", {"dtype": "float64"}, "float64 came; uint8, float16, float32"),
        ("params", {"dtype": []}, "cannot be read"),
        ("params", {"sha256": None}, "digest does not fit"),
        ("params", {"more": 1}, "dtype, shape, offset and sha256 were expected"),
        ("params", {"shape": [1, 2]}, "digest"),
    ],
)
def test_an_index_that_leads_elsewhere_is_refused(
    model: Path, name: str, change: dict[str, Any], word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = rows_of(model)
    rows[name].update(change)
    # Of such rows no gaps can be told.
    monkeypatch.setattr(index, "_gaps", lambda *_: [])
    write_index(model, rows)
    monkeypatch.undo()
    with pytest.raises(ArtifactError, match=word):
        read_artifact(model)


@pytest.mark.parametrize(
    ("edit", "word"),
    [
        (lambda rows: rows.update(extra=rows.pop("scores")), "scores is missing"),
        (lambda rows: rows.update({"weights/a": rows.pop("weights/dec1.conv.bias")}), "2 weights are missing or unknown"),
        (lambda rows: rows.update({"weights/../a": rows.pop("weights/dec1.conv.bias")}), r"unexpected member 'weights/\.\./a'"),
        (lambda rows: rows.pop("selftest/output"), "selftest/output is missing"),
        (lambda rows: [rows.pop(name) for name in list(rows) if name.startswith("weights/")], "weights is missing"),
        (lambda rows: rows["selftest/input"].update(shape=[64]), r"selftest/input: float32 of shape \(64,\)"),
        (lambda rows: rows["params"].update(shape=[0], sha256=hashlib.sha256().hexdigest()), "params: 0 bytes"),
    ],
)
def test_other_members_are_refused(model: Path, edit: Callable[[dict[str, Any]], object], word: str) -> None:
    rows = rows_of(model)
    edit(rows)
    write_index(model, rows)
    with pytest.raises(ArtifactError, match=word):
        read_artifact(model)


def test_members_that_share_their_bytes_are_refused(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One block named a thousand times would make a small file read as a large one."""
    rows = rows_of(model)
    rows["weights/dec1.conv.bias"]["offset"] = rows["weights/dec1.conv.weight"]["offset"] + 2
    monkeypatch.setattr(index, "_gaps", lambda *_: [])
    write_index(model, rows)
    monkeypatch.undo()
    with pytest.raises(ArtifactError, match=r"weights/dec1\.conv\.weight and weights/dec1\.conv\.bias share their bytes"):
        read_artifact(model)


@pytest.mark.parametrize(
    "text", [b"[]", b"{}", b'{"members":[],"bytes":1}', b'{"members":{},"bytes":"1"}', b"{", b"\xff", b"[" * 99999]
)
def test_an_index_of_another_kind_is_refused(model: Path, text: bytes) -> None:
    line = b"index: %d bytes, sha256 %b\n" % (len(text), hashlib.sha256(text).hexdigest().encode())
    model.write_bytes(b"dancheong model file, version 2\n" + line + text + bytes(1000))
    with pytest.raises(ArtifactError, match="index"):
        read_artifact(model)


def test_sizes_are_checked(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "MAX_FILE_BYTES", 1000)
    with pytest.raises(ArtifactError, match="at most 1000"):
        read_artifact(model)
    monkeypatch.undo()
    monkeypatch.setattr(model_file, "MAX_JSON_BYTES", 8)
    with pytest.raises(ArtifactError, match=r"architecture: \d+ bytes came, 1 to 8"):
        read_artifact(model)
    monkeypatch.setattr(index, "MAX_MEMBERS", 8)
    with pytest.raises(ArtifactError, match="at most 8 are read"):
        read_artifact(model)
    monkeypatch.setattr(index, "MAX_INDEX_BYTES", 100)
    with pytest.raises(ArtifactError, match="second line"):
        read_artifact(model)


# -- version 1 ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "runtimes"), [("colorizer", ("onnx", "torch")), ("upscaler", ("onnx",))])
def test_a_file_of_version_1_is_read_and_answers_as_it_did(tmp_path: Path, name: str, runtimes: tuple[str, ...]) -> None:
    artifact = read_artifact(VERSION_1 / f"{name}.h5")
    assert (artifact.kind, artifact.format_version) == (name, 1)
    assert artifact.digest == (VERSION_1 / f"{name}.h5").read_bytes().split(b"manifest: ")[1][:64].decode()
    for runtime in runtimes:  # with the self-test that was written with it
        if runtime == "onnx" or find_spec("torch"):
            open_network(artifact, runtime)
    write_artifact(tmp_path / "now.h5", artifact)
    now = read_artifact(tmp_path / "now.h5")
    assert (now.format_version, now.architecture, now.params, now.history) == (
        FORMAT_VERSION, artifact.architecture, artifact.params, artifact.history
    )


def test_a_damaged_file_of_version_1_is_refused(tmp_path: Path) -> None:
    good = (VERSION_1 / "colorizer.h5").read_bytes()
    rng = np.random.default_rng(5)
    for position in [*range(0, 300, 20), *rng.integers(0, len(good), 60)]:
        bad = bytearray(good)
        bad[position] ^= 1 << int(rng.integers(8))
        (tmp_path / "m.h5").write_bytes(bad)
        with pytest.raises(ArtifactError):
            read_artifact(tmp_path / "m.h5")
    for part in (good[:600], good[:-1], good + b"x"):
        (tmp_path / "m.h5").write_bytes(part)
        with pytest.raises(ArtifactError, match="damaged or cut short"):
            read_artifact(tmp_path / "m.h5")


def sealed_1(body: bytes, manifest: bytes) -> bytes:
    """A file of version 1 whose digests all fit."""
    lines = (b"dancheong model file, version 1", b"bytes after this block: %d" % len(body),
             b"sha256 of them: " + hashlib.sha256(body).hexdigest().encode(),
             b"sha256 of the manifest: " + hashlib.sha256(manifest).hexdigest().encode(), b"")
    return b"\n".join(lines).ljust(512, b"\0") + body


def test_mutations_under_right_digests_of_version_1_never_read_as_something_else(tmp_path: Path) -> None:
    good = (VERSION_1 / "colorizer.h5").read_bytes()
    digest = read_artifact(VERSION_1 / "colorizer.h5").digest
    begin = good.index(b'{"category":')
    manifest = good[begin : begin + json.JSONDecoder().raw_decode(good[begin:].decode("latin-1"))[1]]
    rng = np.random.default_rng(11)
    for _ in range(150):
        bad = bytearray(good[512:])
        for position in rng.integers(0, len(bad), 3):
            bad[position] = int(rng.integers(256))
        (tmp_path / "m.h5").write_bytes(sealed_1(bytes(bad), manifest))
        with contextlib.suppress(ArtifactError):
            assert read_artifact(tmp_path / "m.h5").digest == digest


@pytest.mark.parametrize(
    ("edit", "word"),
    [
        (lambda members: members.update(more={**members["params"], "shape": [1 << 40]}), "which the file does not hold"),
        (lambda members: members.update({f"weights/x{k}": members["params"] for k in range(9)}), "the file does not hold"),
        (lambda members: members["params"].update(shape=[-5]), "cannot be read|digest"),
        (lambda members: members["params"].update(sha256="0" * 64), "params: the digest does not fit"),
        (lambda members: members["params"].update(dtype="object"), "cannot be read"),
        (lambda members: members.clear(), "cannot be read"),
    ],
)
def test_a_hostile_manifest_of_version_1_is_refused(
    tmp_path: Path, edit: Callable[[dict[str, Any]], object], word: str
) -> None:
    good = (VERSION_1 / "colorizer.h5").read_bytes()[512:]
    begin = good.index(b'{"category":')
    manifest, length = json.JSONDecoder().raw_decode(good[begin:].decode("latin-1"))
    edit(manifest["members"])
    text = json.dumps(manifest, separators=(",", ":")).encode()
    body = good[:begin] + bytes(length) + good[begin + length :] + text
    (tmp_path / "m.h5").write_bytes(sealed_1(body, text))
    with pytest.raises(ArtifactError, match=word):
        read_artifact(tmp_path / "m.h5")


# -- the specification -------------------------------------------------------------------------------------------------


def test_the_specification_says_what_the_code_does(model: Path) -> None:
    text = (Path(__file__).parents[1] / "docs" / "artifact.md").read_text(encoding="utf-8")
    assert text.startswith(f"# The model file, version {FORMAT_VERSION}\n")
    for line in model.read_bytes().split(b"\n")[:2]:
        assert line.decode().split(":")[0] in text
    for field in ("bytes", "members", "structure_sha256", *rows_of(model)["params"]):
        assert f"`{field}`" in text
    with h5py.File(model, "r") as file:
        for name in [*(name for name in file if name != "weights"), *(f"selftest/{name}" for name in file["selftest"])]:
            assert f"`{name}" in text
    for limit in (index.MAX_FILE_BYTES >> 30, model_file.MAX_JSON_BYTES >> 20, index.MAX_INDEX_BYTES >> 20):
        assert f"{limit} GiB" in text or f"{limit} MiB" in text
    assert f"{index.MAX_MEMBERS} members" in text
    limits = " ".join(text.split())
    assert f"{table.MAX_ROWS} rows, {table.MAX_CHANNELS} channels" in limits
    assert f"{table.MAX_NUMBERS_A_PIXEL} numbers" in limits
    example = text.split("```python\n")[1].split("```")[0].replace("model.h5", SHIPPED_COLORIZER.as_posix())
    exec(example, {})
