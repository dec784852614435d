"""Content Credentials: what the library's own reader finds in a signed result, and what happens when signing fails."""

import datetime
import json
import subprocess
import sys
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import cv2
import numpy as np
import pytest
from PIL import ExifTags, Image

from dancheong.artifact import write_artifact
from dancheong.imaging.color import gray_of
from dancheong.imaging.files import CREDENTIALS, read_photo, write_photo
from dancheong.imaging.xmp import SOFTWARE, Provenance
from dancheong.params import ParamError, Params
from dancheong.prediction.colorizer import Colorizer
from dancheong.prediction.credentials import Recipe, Signing, sign
from dancheong.prediction.folder import FolderOptions, filter_files, predict_files
from dancheong.prediction.manifest import read_manifests
from dancheong.prediction.plan import Job

c2pa = pytest.importorskip("c2pa", reason="the extra `c2pa` is not installed")
from cryptography import x509  # noqa: E402
from cryptography.hazmat.primitives import hashes  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa  # noqa: E402
from cryptography.hazmat.primitives.serialization import (  # noqa: E402
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID  # noqa: E402

SUFFIXES = (".jpg", ".png", ".tif", ".webp")


def named(name):
    return x509.Name([x509.NameAttribute(kind, name) for kind in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME)])


def certificate(subject, issuer, key, issuer_key, authority, days=30):
    now = datetime.datetime.now(datetime.UTC)
    usage = x509.KeyUsage(not authority, False, False, False, False, authority, authority, False, False)
    builder = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=60))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.BasicConstraints(authority, None), True).add_extension(usage, True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), False)
    )
    if not authority:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), False)
    return builder.sign(issuer_key, hashes.SHA256()).public_bytes(Encoding.PEM)


def signing_in(folder: Path, key=None, days=30) -> Signing:
    """A key and its certificate, made by an authority that nobody trusts."""
    folder.mkdir(exist_ok=True)
    root_key, key = ec.generate_private_key(ec.SECP256R1()), key or ec.generate_private_key(ec.SECP256R1())
    root, leaf = named("Test authority"), named("Test archive")
    certificates = certificate(leaf, root, key, root_key, False, days) + certificate(root, root, root_key, root_key, True)
    (folder / "cert.pem").write_bytes(certificates)
    (folder / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return Signing(folder / "cert.pem", folder / "key.pem")


@pytest.fixture
def signing(tmp_path):
    return signing_in(tmp_path / "keys")


@pytest.fixture
def colorizer(tmp_path, new_artifact):
    write_artifact(tmp_path / "palace.h5", new_artifact())
    return Colorizer.open(tmp_path / "palace.h5", threads=1, VIVID=1.25)


@pytest.fixture
def scans(tmp_path, photograph):
    (tmp_path / "scans").mkdir()
    for suffix in SUFFIXES:
        write_photo(tmp_path / "scans" / f"궁{suffix}", np.roll(gray_of(photograph), len(suffix)))
    return tmp_path / "scans"


def store_of(path):
    with path.open("rb") as file:
        mime = {".jpg": "image/jpeg", ".png": "image/png", ".tif": "image/tiff", ".webp": "image/webp"}[path.suffix]
        return json.loads(c2pa.Reader(mime, file).json())


def failures_of(store):
    found = store["validation_results"]["activeManifest"]["failure"]
    return {one["code"] for one in found} - {"signingCredential.untrusted"}  # nobody trusts the authority of a test


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_signed_result_says_what_was_done_to_which_photograph(colorizer, scans, signing, tmp_path, suffix):
    scan = scans / f"궁{suffix}"
    result, = predict_files(colorizer, [scan], tmp_path / "out", FolderOptions(sign=signing))
    assert (result.status, result.error) == ("ok", None)
    store = store_of(result.output)
    assert store["validation_state"] == "Valid"
    assert not failures_of(store)
    manifest = store["manifests"][store["active_manifest"]]
    assert manifest["title"] == scan.name
    assert manifest["claim_generator_info"][0]["name"] == "dancheong"
    parent, = manifest["ingredients"]
    assert (parent["title"], parent["relationship"]) == (scan.name, "parentOf")
    assertions = {one["label"]: one["data"] for one in manifest["assertions"]}
    opened, edited = assertions["c2pa.actions.v2"]["actions"]
    assert (opened["action"], edited["action"]) == ("c2pa.opened", "c2pa.edited")
    assert edited["digitalSourceType"].endswith("/compositeWithTrainedAlgorithmicMedia")
    assert edited["softwareAgent"]["name"] == "dancheong"
    recipe = assertions["org.dancheong.coloring"]
    assert recipe["model"] == {"name": "palace.h5", "digest": colorizer.digest}
    assert recipe["settings"]["VIVID"] == 1.25
    assert recipe["originalSha256"] == result.sha256
    # The picture is that of a run without a signature, and the next run takes it for done.
    plain, = predict_files(colorizer, [scan], tmp_path / "plain")
    np.testing.assert_array_equal(read_photo(result.output).pixels, read_photo(plain.output).pixels)
    again, = predict_files(colorizer, [scan], tmp_path / "out", FolderOptions(sign=signing))
    assert again.status == "skipped"
    unsigned, = predict_files(colorizer, [scan], tmp_path / "plain", FolderOptions(sign=signing))
    assert "other settings" in unsigned.error


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_tampering_is_found(colorizer, scans, signing, tmp_path, suffix):
    result, = predict_files(colorizer, [scans / f"궁{suffix}"], tmp_path / "out", FolderOptions(sign=signing))
    data = bytearray(result.output.read_bytes())
    # A byte of the compressed pixels: of JPEG and PNG they are behind the manifest, of the others in front of it.
    at = {".tif": 60, ".webp": data.find(b"VP8 ") + 40}.get(suffix, len(data) - 60)
    data[at] ^= 1
    result.output.write_bytes(data)
    store = store_of(result.output)
    assert store["validation_state"] == "Invalid"
    assert "assertion.dataHash.mismatch" in failures_of(store)


def test_the_manifest_of_the_original_is_kept_or_its_loss_is_told(colorizer, scans, signing, tmp_path):
    first, = predict_files(colorizer, [scans / "궁.jpg"], tmp_path / "first", FolderOptions(sign=signing))
    own = store_of(first.output)["active_manifest"]
    second, = predict_files(colorizer, [first.output], tmp_path / "second", FolderOptions(sign=signing))
    assert not second.notes
    store = store_of(second.output)
    assert store["validation_state"] == "Valid"
    assert {own, store["active_manifest"]} == store["manifests"].keys()
    parent, = store["manifests"][store["active_manifest"]]["ingredients"]
    assert parent["active_manifest"] == own
    book = tmp_path / "unsigned" / "manifest.csv"
    for suffix in SUFFIXES:
        signed, = predict_files(colorizer, [scans / f"궁{suffix}"], tmp_path / "first", FolderOptions(sign=signing))
        lost, = predict_files(colorizer, [signed.output], tmp_path / "unsigned", FolderOptions(manifest=book))
        assert CREDENTIALS in lost.notes, suffix
    assert [CREDENTIALS in row.notes for row in read_manifests([book])] == [True] * 4


def test_an_original_whose_manifest_was_tampered_with_is_signed_as_such(colorizer, scans, signing, tmp_path):
    first, = predict_files(colorizer, [scans / "궁.jpg"], tmp_path / "first", FolderOptions(sign=signing))
    write_photo(tmp_path / "other.jpg", 255 - read_photo(first.output).pixels, None)
    data = bytearray(first.output.read_bytes())
    data[-60] ^= 1
    first.output.write_bytes(data)
    second, = predict_files(colorizer, [first.output], tmp_path / "second", FolderOptions(sign=signing))
    assert second.status == "ok"
    store = store_of(second.output)
    assert "assertion.dataHash.mismatch" in json.dumps(store["manifests"][store["active_manifest"]]["ingredients"])


def test_an_original_that_cannot_be_looked_into_is_told(scans, signing, tmp_path):
    """As where its file is of a kind that the library does not know, or is read here and not there."""
    result = tmp_path / "result.png"
    for original_format, notes in (("PNG", 0), ("TIFF", 1), ("BMP", 0), ("JP2", 1)):
        write_photo(result, np.zeros((20, 30, 3), np.uint8))
        recipe = Recipe("palace.h5", Params(), Provenance("0" * 64, "1" * 64, original="2" * 64))
        told = sign(signing, recipe, result, "title.png", scans / "궁.png", original_format)
        assert len(told) == notes
        store = store_of(result)
        assert not failures_of(store)
        manifest = store["manifests"][store["active_manifest"]]
        assert manifest["title"] == "title.png"
        assert manifest["ingredients"][0]["title"] == "궁.png"


def test_a_correction_without_color_is_signed_as_what_it_is(scans, signing, tmp_path):
    result, = filter_files(Params(), [scans / "궁.png"], tmp_path / "out", FolderOptions(sign=signing))
    store = store_of(result.output)
    assert not failures_of(store)
    said = json.dumps(store["manifests"][store["active_manifest"]])
    assert "/algorithmicallyEnhanced" in said
    assert "TrainedAlgorithmicMedia" not in said


def test_results_are_whole_or_absent_when_signing_fails(colorizer, scans, signing, tmp_path, monkeypatch):
    def failing(self, *_):
        raise c2pa.C2paError("the key is gone")

    with monkeypatch.context() as patch:
        signing.check()
        patch.setattr(c2pa.Builder, "sign", failing)
        patch.setattr(Signing, "check", lambda self: None)
        results = predict_files(colorizer, [scans], tmp_path / "out", FolderOptions(sign=signing))
    assert [result.status for result in results] == ["failed"] * 4
    assert all("could not be signed (the key is gone)" in result.error for result in results)
    assert not list((tmp_path / "out").iterdir())
    results = predict_files(colorizer, [scans], tmp_path / "out", FolderOptions(sign=signing))
    assert [result.status for result in results] == ["ok"] * 4


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("depth", [8, 16])
def test_signing_takes_nothing_from_the_file(scans, signing, tmp_path, photograph, suffix, depth):
    """Pixels at their depth, EXIF with its places, XMP, resolution and profile; Pillow and OpenCV read it, too."""
    exif = Image.Exif()
    exif[ExifTags.Base.Artist] = "An archive"
    exif[ExifTags.Base.GPSInfo] = {1: "N", 2: (37.0, 34.0, 46.5)}
    exif[ExifTags.IFD.Exif] = {ExifTags.Base.DateTimeOriginal: "1926:05:01 09:00:00"}
    Image.fromarray(photograph).save(tmp_path / "like.jpg", exif=exif.tobytes(), dpi=(600, 600))
    path, like = tmp_path / f"a{suffix}", read_photo(tmp_path / "like.jpg")
    made = Provenance("0" * 64, "1" * 64, original="2" * 64)
    write_photo(path, photograph if depth == 8 else photograph.astype(np.uint16) * 257, like, made)
    before, seen = read_photo(path), cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    sign(signing, Recipe("m.h5", Params(), made), path, path.name, scans / "궁.jpg", "JPEG")
    assert not failures_of(store_of(path))
    after = read_photo(path)
    np.testing.assert_array_equal(after.pixels, before.pixels)
    np.testing.assert_array_equal(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), seen)
    assert (after.exif, after.xmp, after.iptc, after.dpi, after.icc) == (
        before.exif, before.xmp, before.iptc, before.dpi, before.icc
    )
    assert after.exif is not None
    assert after.xmp is not None
    with Image.open(path) as image:
        assert image.getexif()[ExifTags.Base.Artist] == "An archive"
        assert image.getexif().get_ifd(ExifTags.IFD.GPSInfo)[2] == (37.0, 34.0, 46.5)


REMOTE = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description
 rdf:about="" xmlns:dcterms="http://purl.org/dc/terms/" dcterms:provenance="http://127.0.0.1:%d/a.c2pa"/></rdf:RDF></x:xmpmeta>"""


def test_nothing_that_a_photograph_names_is_fetched(colorizer, signing, tmp_path, photograph):
    """Its XMP may name a manifest on another machine, which the library would fetch if it were let."""
    asked = []

    class Server(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Server) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        scan = tmp_path / "remote.jpg"
        Image.fromarray(photograph).save(scan, xmp=(REMOTE % server.server_port).encode())
        result, = predict_files(colorizer, [scan], tmp_path / "out", FolderOptions(sign=signing))
        assert result.status == "ok", result.error
        assert not asked
        with scan.open("rb") as file, c2pa.Builder({"claim_generator_info": [SOFTWARE]}) as builder, suppress(c2pa.C2paError):
            builder.add_ingredient({"title": "a", "relationship": "parentOf"}, "image/jpeg", file)
        server.shutdown()
    assert asked, "the library asks where it is let"


def test_workers_of_a_cluster_sign_and_strip_too(colorizer, scans, signing, tmp_path, monkeypatch):
    """What a worker does with the task it is sent, in another folder."""
    from dancheong.prediction.cluster import on_worker, task_of

    task = task_of(colorizer, FolderOptions(sign=signing, strip="all"))
    monkeypatch.chdir(tmp_path / "keys")
    result = on_worker(task, Job(scans / "궁.png", tmp_path / "out" / "궁.png"))
    assert result.status == "ok", result.error
    assert not failures_of(store_of(result.output))
    again, = predict_files(
        colorizer, [scans / "궁.png"], tmp_path / "out", FolderOptions(sign=signing, strip="all")
    )
    assert again.status == "skipped"


@pytest.mark.parametrize(
    "key",
    [ec.generate_private_key(ec.SECP384R1()), ed25519.Ed25519PrivateKey.generate(), rsa.generate_private_key(65537, 2048)],
    ids=["P-384", "Ed25519", "RSA"],
)
def test_keys_of_other_kinds_sign(colorizer, scans, tmp_path, key):
    result, = predict_files(
        colorizer, [scans / "궁.png"], tmp_path / "out", FolderOptions(sign=signing_in(tmp_path / "keys", key))
    )
    assert not failures_of(store_of(result.output))


def test_what_cannot_sign_is_refused_before_anything_is_written(colorizer, scans, signing, tmp_path):
    other = signing_in(tmp_path / "other")
    expired = signing_in(tmp_path / "expired", days=-1)
    key = ec.generate_private_key(ec.SECP256R1())
    locked, curve = tmp_path / "locked.pem", signing_in(tmp_path / "curve", ec.generate_private_key(ec.SECP256K1()))
    locked.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")))
    authority = tmp_path / "authority.pem"
    authority.write_bytes(certificate(named("self"), named("self"), key, key, True))
    (tmp_path / "self.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    wrong = {
        "no such file": (Signing(tmp_path / "gone.pem", signing.key), "No such file"),
        "words": (Signing(Path(__file__), signing.key), "no certificate in PEM"),
        "no key": (Signing(signing.certificates, Path(__file__)), "no private key in PEM"),
        "passphrase": (Signing(signing.certificates, locked), "without a passphrase"),
        "another's key": (Signing(signing.certificates, other.key), "not the key of the first certificate"),
        "expired": (expired, "cannot sign"),
        "another curve": (curve, "was expected"),
        "an authority": (Signing(authority, tmp_path / "self.pem"), "cannot sign"),
    }
    for name, (given, words) in wrong.items():
        with pytest.raises(ParamError, match=words):
            predict_files(colorizer, [scans], tmp_path / "out", FolderOptions(sign=given))
        assert not (tmp_path / "out").exists(), name


def test_the_command_signs_and_refuses_one_option_without_the_other(colorizer, scans, signing, tmp_path):
    def command(*words):
        given = ["predict", tmp_path / "palace.h5", scans / "궁.png", "-o", tmp_path / "out", *words]
        return subprocess.run(
            [sys.executable, "-m", "dancheong", *given], capture_output=True, text=True, encoding="utf-8", check=False
        )

    alone = command("--sign", signing.certificates)
    assert alone.returncode == 2
    assert "--sign and --key go together" in alone.stderr
    done = command("--sign", signing.certificates, "--key", signing.key)
    assert done.returncode == 0, done.stderr
    assert not failures_of(store_of(tmp_path / "out" / "궁.png"))
