"""The model file: what goes in comes out, and nothing else is ever read."""

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from dancheong.artifact import (
    FORMAT_VERSION,
    Artifact,
    ArtifactError,
    as_stored,
    model_file,
    read_artifact,
    write_artifact,
)
from dancheong.artifact import seal as seal_module
from dancheong.artifact.seal import BLOCK_BYTES, seal
from dancheong.params import Params


def an_artifact() -> Artifact:
    rng = np.random.default_rng(7)
    return Artifact(
        kind="colorizer",
        params=Params(resol=64, ngf=4, hf_cutoff=1 / 3),
        origins={"resol": "params.csv row 2 (GOGUNG)", "ngf": "--set", "hf_cutoff": "궁궐.csv row 9"},
        category="GOGUNG",
        architecture={"levels": 6, "rows": [["enc1", 1, 4]]},
        graph=b"\x08\x0agraph bytes\x00\xff",
        weights={
            "enc1.conv.weight": rng.normal(size=(4, 1, 4, 4)).astype(np.float32),
            "enc1.norm.running_var": np.array([1e-3, 7e4], np.float32),
            "scale": np.array(0.5, np.float16),
        },
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


def reseal(path: Path) -> None:
    """What a hostile author would do: make the outer digest fit again."""
    manifest = path.read_bytes()[:BLOCK_BYTES].split(b"manifest: ")[1][:64].decode()
    seal(path, manifest)


def forge(path: Path, edit: Callable[[h5py.File], None], in_manifest: bool = True) -> None:
    """Edit a model file and make all its digests fit again."""
    with h5py.File(path, "r+", libver="earliest") as file:
        edit(file)
        manifest = json.loads(file["manifest"][()].tobytes())
        if in_manifest:
            names = [*(name for name in file if isinstance(file.get(name, getlink=True), h5py.HardLink)),
                     *(f"{group}/{name}" for group in ("weights", "selftest") for name in file[group]
                       if isinstance(file[group].get(name, getlink=True), h5py.HardLink))]
            rows = {}
            for name in names:
                if name != "manifest" and isinstance(file[name], h5py.Dataset) and file[name].size < 1e6:
                    data = np.ascontiguousarray(file[name][()])
                    rows[name] = {"dtype": file[name].dtype.name, "shape": list(file[name].shape),
                                  "sha256": hashlib.sha256(data.data).hexdigest()}
            manifest["members"] = {**manifest["members"], **rows}
        text = json.dumps(manifest).encode()
        del file["manifest"]
        file["manifest"] = np.frombuffer(text, np.uint8)
    seal(path, hashlib.sha256(text).hexdigest())


def put(file: h5py.File, name: str, **how: object) -> None:
    del file[name]
    file.create_dataset(name, **how)


# -- what goes in comes out --------------------------------------------------------------------------------------------


def test_round_trip_keeps_everything(model: Path) -> None:
    wrote, read = an_artifact(), read_artifact(model)
    for name in ("kind", "params", "category", "architecture", "graph", "history", "data", "scores"):
        assert getattr(read, name) == getattr(wrote, name)
    np.testing.assert_array_equal(read.selftest_input, wrote.selftest_input)
    np.testing.assert_array_equal(read.selftest_output, wrote.selftest_output)
    assert set(read.weights) == set(wrote.weights)
    for name, weight in wrote.weights.items():
        np.testing.assert_array_equal(read.weights[name], as_stored(weight))
        assert read.weights[name].shape == weight.shape
    assert read.format_version == FORMAT_VERSION


def test_weights_are_float16_and_float32_only_where_a_value_would_overflow(model: Path) -> None:
    kinds = {name: weight.dtype for name, weight in read_artifact(model).weights.items()}
    assert kinds == {"enc1.conv.weight": np.float16, "enc1.norm.running_var": np.float32, "scale": np.float16}
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
    def forget(file: h5py.File) -> None:
        table = json.loads(file["params"][()].tobytes())
        del table["VEIL_K"]
        put(file, "params", data=np.frombuffer(json.dumps(table).encode(), np.uint8))

    forge(model, forget)
    read = read_artifact(model)
    assert read.params.veil_k == Params().veil_k
    assert "newer" in read.origins["veil_k"]


# -- writing -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"weights": {"a": np.array([np.nan], np.float32)}}, "not finite"),
        ({"weights": {"a": np.array([1, 2])}}, "int64"),
        ({"weights": {"a/b": np.ones(1, np.float32)}}, "a/b"),
        ({"weights": {"..": np.ones(1, np.float32)}}, r"\.\."),
        ({"weights": {"a": np.ones(0, np.float32)}}, "0 bytes"),
        ({"weights": {}}, "weights"),
        ({"graph": b""}, "graph"),
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

    monkeypatch.setattr(model_file, "seal", disk_full)
    with pytest.raises(OSError, match="No space"):
        write_artifact(model, replace(an_artifact(), category="OTHER"))
    assert model.read_bytes() == before
    assert [path.name for path in model.parent.iterdir()] == [model.name]


# -- damage ------------------------------------------------------------------------------------------------------------


def test_every_flipped_byte_is_found(model: Path) -> None:
    good = model.read_bytes()
    rng = np.random.default_rng(3)
    for position in [0, 29, 30, 31, 100, 200, 511, 512, *rng.integers(0, len(good), 150)]:
        bad = bytearray(good)
        bad[position] ^= 1 << int(rng.integers(8))
        model.write_bytes(bad)
        with pytest.raises(ArtifactError):
            read_artifact(model)


@pytest.mark.parametrize("name", ["graph", "params", "weights/enc1.conv.weight", "selftest/output", "manifest"])
def test_a_flipped_byte_under_a_forged_seal_is_found_and_named(model: Path, name: str) -> None:
    with h5py.File(model, "r") as file:
        position = file[name].id.get_offset()
    bad = bytearray(model.read_bytes())
    bad[position + 3] ^= 1
    model.write_bytes(bad)
    reseal(model)
    with pytest.raises(ArtifactError, match=f"{name}.*digest"):
        read_artifact(model)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.999])
def test_a_truncated_file_is_refused(model: Path, share: float) -> None:
    good = model.read_bytes()
    model.write_bytes(good[: int(len(good) * share)])
    with pytest.raises(ArtifactError, match=r"not a model file|damaged|cut short"):
        read_artifact(model)


def test_a_longer_file_is_refused(model: Path) -> None:
    model.write_bytes(model.read_bytes() + b"more")
    with pytest.raises(ArtifactError, match="longer"):
        read_artifact(model)


def test_mutations_under_a_forged_seal_never_read_as_something_else(model: Path) -> None:
    """Damaged HDF5 structures, as a hostile author could write them: refused, or harmless."""
    good, digest = model.read_bytes(), read_artifact(model).digest
    rng = np.random.default_rng(11)
    for _ in range(150):
        bad = bytearray(good)
        for position in rng.integers(BLOCK_BYTES, len(good), 3):
            bad[position] = int(rng.integers(256))
        model.write_bytes(bad)
        reseal(model)
        with contextlib.suppress(ArtifactError):
            assert read_artifact(model).digest == digest


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
    with pytest.raises(ArtifactError, match=r"version 7.*reads up to 1.*install a newer dancheong"):
        read_artifact(model)


def test_parameters_of_a_newer_version_are_refused_by_name(model: Path) -> None:
    def add(file: h5py.File) -> None:
        table = json.loads(file["params"][()].tobytes())
        table["NOT_YET_KNOWN"] = {"value": 1.5, "origin": "default"}
        put(file, "params", data=np.frombuffer(json.dumps(table).encode(), np.uint8))

    forge(model, add)
    with pytest.raises(ArtifactError, match=r"does not know \(NOT_YET_KNOWN\).*newer"):
        read_artifact(model)


def test_a_file_with_parameters_of_an_earlier_version_is_read(model: Path) -> None:
    def add(file: h5py.File) -> None:
        table = json.loads(file["params"][()].tobytes())
        table["SR_PATCH"] = {"value": 12, "origin": "--set"}
        put(file, "params", data=np.frombuffer(json.dumps(table).encode(), np.uint8))

    before = read_artifact(model).params
    forge(model, add)
    assert read_artifact(model).params == before


def test_a_parameter_out_of_range_is_refused_by_name(model: Path) -> None:
    def spoil(file: h5py.File) -> None:
        table = json.loads(file["params"][()].tobytes())
        table["RESOL"]["value"] = 3
        put(file, "params", data=np.frombuffer(json.dumps(table).encode(), np.uint8))

    forge(model, spoil)
    with pytest.raises(ArtifactError, match="RESOL = 3"):
        read_artifact(model)


def _soft(file: h5py.File) -> None:
    del file["graph"]
    file["graph"] = h5py.SoftLink("/params")


def _soft_group(file: h5py.File) -> None:
    file.move("weights", "elsewhere")
    file["weights"] = h5py.SoftLink("/elsewhere")
    file.create_dataset("weights2", data=np.ones(1, np.float16))


def _external_link(file: h5py.File) -> None:
    del file["weights/scale"]
    file["weights/scale"] = h5py.ExternalLink("other.h5", "/secret")


def _external_storage(file: h5py.File) -> None:
    put(file, "graph", shape=(64,), dtype="u1", external=[("other.h5", 0, 64)])


def _virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((4,), "u1")
    layout[:] = h5py.VirtualSource("other.h5", "secret", shape=(4,))
    del file["graph"]
    file.create_virtual_dataset("graph", layout)


def _unallocated(file: h5py.File) -> None:
    put(file, "weights/scale", shape=(1 << 30,), dtype="f2")


def _overflow(file: h5py.File) -> None:
    put(file, "weights/scale", shape=(1 << 31, 1 << 31), dtype="f2")


def _chunked(file: h5py.File) -> None:
    put(file, "weights/scale", data=np.zeros(1 << 16, np.float16), compression="gzip", chunks=(1 << 16,))


def _text(file: h5py.File) -> None:
    put(file, "params", data="{}")


def _loop(file: h5py.File) -> None:
    file["weights/again"] = file["/"]


REFUSED: dict[str, tuple[Callable[[h5py.File], None], str]] = {
    "soft link": (_soft, "graph is a soft link"),
    "soft link to a group": (_soft_group, "weights is a soft link|unexpected member"),
    "external link": (_external_link, "weights/ has links that may lead elsewhere"),
    "external storage": (_external_storage, "graph keeps its data in other files"),
    "virtual dataset": (_virtual, "graph keeps its data in other files"),
    "nothing allocated": (_unallocated, "weights/scale declares 2147483648 bytes, which the file does not hold"),
    "size beyond 64 bits": (_overflow, "weights/scale declares"),
    "compressed": (_chunked, "weights/scale is stored in pieces or compressed"),
    "variable-length text": (_text, "params: text or lists of variable length"),
    "a loop of groups": (_loop, "share one place in the file"),
    "unknown dataset": (lambda file: put_new(file, "extra"), "unexpected member 'extra'"),
    "unknown self-test": (lambda file: put_new(file, "selftest/third"), "unexpected member 'selftest/third'"),
    "unknown group": (lambda file: file.create_group("more"), "unexpected member 'more'"),
    "named type": (lambda file: file.__setitem__("kind", np.dtype("f8")), "unexpected member 'kind'"),
    "double weights": (lambda file: put(file, "weights/scale", data=np.ones(2)), "floating-point numbers of 8 bytes"),
    "big-endian weights": (lambda file: put(file, "weights/scale", data=np.ones(2, ">f2")), "of 2 bytes.*little-endian"),
    "bytes for weights": (lambda file: put(file, "weights/scale", data=np.ones(2, "u1")), "weights/scale: uint8"),
    "half self-test": (lambda file: put(file, "selftest/input", data=np.ones((1, 1, 8, 8), "f2")), "selftest/input"),
    "graph of two dimensions": (lambda file: put(file, "graph", data=np.ones((2, 2), "u1")), "graph: uint8"),
    "missing graph": (lambda file: file.__delitem__("graph"), "graph is missing"),
    "missing weights": (lambda file: put_group(file, "weights"), "weights is missing"),
    "no self-test": (lambda file: file.__delitem__("selftest"), "selftest/input is missing"),
    "null dataset": (lambda file: put(file, "graph", data=h5py.Empty("u1")), "graph"),
    "not JSON": (lambda file: put(file, "scores", data=np.frombuffer(b"{1}", "u1")), "scores: not JSON"),
    "deep JSON": (lambda file: put(file, "scores", data=np.frombuffer(b"[" * 200000, "u1")), "scores: not JSON"),
    "NaN in JSON": (lambda file: put(file, "scores", data=np.frombuffer(b'{"a":NaN}', "u1")), "NaN is no JSON number"),
    "a list for an object": (lambda file: put(file, "scores", data=np.frombuffer(b"[]", "u1")), "scores: a JSON dict"),
    "a pickle": (lambda file: put(file, "history", data=np.frombuffer(b"\x80\x04N.", "u1")), "history: not JSON"),
}


UNREADABLE = {
    "nothing allocated", "size beyond 64 bits", "no self-test", "variable-length text", "null dataset",
    "soft link to a group", "a loop of groups", "external storage", "virtual dataset",
}


def put_new(file: h5py.File, name: str) -> None:
    file.create_dataset(name, data=np.ones(2, "u1"))


def put_group(file: h5py.File, name: str) -> None:
    del file[name]
    file.create_group(name)


@pytest.mark.parametrize("what", REFUSED)
def test_hostile_content_is_refused_in_words(model: Path, what: str) -> None:
    with h5py.File(model.parent / "other.h5", "w") as file:
        file["secret"] = np.arange(4, dtype="u1")
    edit, word = REFUSED[what]
    # Rows of the manifest are only forged for what can be read.
    forge(model, edit, in_manifest=what not in UNREADABLE)
    with pytest.raises(ArtifactError, match=word):
        read_artifact(model)


def test_sizes_are_checked_before_reading(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_file, "MAX_GRAPH_BYTES", 8)
    with pytest.raises(ArtifactError, match=r"graph: \d+ bytes came, 1 to 8"):
        read_artifact(model)
    monkeypatch.setattr(seal_module, "MAX_FILE_BYTES", 1000)
    with pytest.raises(ArtifactError, match="at most 1000"):
        read_artifact(model)


def test_members_that_share_their_bytes_are_refused(model: Path) -> None:
    """One block linked a thousand times would make a small file read as a large one."""

    def multiply(file: h5py.File) -> None:
        put(file, "weights/scale", data=np.zeros(1 << 16, np.float16))
        for number in range(9):
            file[f"weights/copy{number}"] = file["weights/scale"]

    forge(model, multiply)
    with pytest.raises(ArtifactError, match="share one place in the file"):
        read_artifact(model)


def test_a_missing_member_of_the_manifest_is_named(model: Path) -> None:
    forge(model, lambda file: file.__delitem__("weights/scale"))
    with pytest.raises(ArtifactError, match="differ in weights/scale"):
        read_artifact(model)


# -- the specification -------------------------------------------------------------------------------------------------


def test_the_specification_says_what_the_code_does(model: Path) -> None:
    text = (Path(__file__).parents[1] / "docs" / "artifact.md").read_text(encoding="utf-8")
    assert text.startswith(f"# The model file, version {FORMAT_VERSION}\n")
    block = model.read_bytes()[:BLOCK_BYTES].rstrip(b"\0").decode()
    for line in block.splitlines():
        assert line.split(":")[0] in text
    with h5py.File(model, "r") as file:
        for name in [*(name for name in file if name != "weights"), *(f"selftest/{name}" for name in file["selftest"])]:
            assert f"`{name}" in text
    for limit in (model_file.MAX_FILE_BYTES >> 30, model_file.MAX_JSON_BYTES >> 20, model_file.MAX_GRAPH_BYTES >> 20):
        assert f"{limit} GiB" in text or f"{limit} MiB" in text
    assert f"{model_file.MAX_MEMBERS} members" in text
    example = text.split("```python\n")[1].split("```")[0].replace("model.h5", model.as_posix())
    exec(example, {})
