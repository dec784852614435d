"""Models to share: cards, folders, an https server, and what is refused."""

import datetime
import functools
import hashlib
import http.server
import ipaddress
import ssl
import threading

import numpy as np
import pytest

from dancheong.app.model_exchange import hub_place, pull
from dancheong.artifact import ArtifactError, read_artifact
from dancheong.params import DancheongError, ParamError
from dancheong.runtime.network import open_network


def test_a_shared_model_is_its_file_its_card_and_its_digest_and_comes_back(command, trained, tmp_path):
    told = command("models", "push", trained / "model.h5", tmp_path / "공유", "--json").stdout
    digest = hashlib.sha256((trained / "model.h5").read_bytes()).hexdigest()
    assert told["sha256"] == digest
    assert (tmp_path / "공유" / "model.h5.sha256").read_text() == f"{digest}  model.h5\n"
    card = (tmp_path / "공유" / "model.md").read_text(encoding="utf-8")
    assert "| learned from | 4 photographs, category COMMON |" in card
    assert "NGF=4" in card

    pulled = command("models", "pull", tmp_path / "공유", "-o", tmp_path / "mine.h5", "--json").stdout
    assert (pulled["sha256"], pulled["kind"]) == (digest, "colorizer")
    assert (tmp_path / "mine.h5").read_bytes() == (trained / "model.h5").read_bytes()
    assert "--overwrite" in command("models", "pull", tmp_path / "공유", "-o", tmp_path / "mine.h5", code=2).stderr
    assert "--overwrite" in command("models", "push", trained / "model.h5", tmp_path / "공유", code=2).stderr
    listed = command("models", "list", tmp_path / "공유", "--json").stdout["models"]
    assert listed[-1]["learned from"] == "4 photographs, category COMMON"
    assert command("models", "card", tmp_path / "mine.h5").stdout.startswith("# mine\n")


def test_a_training_leaves_the_card_of_its_model(trained):
    card = (trained / "model_log" / "card.md").read_text(encoding="utf-8")
    assert read_artifact(trained / "model.h5").digest in card
    assert "no photographs were kept out" in card


@pytest.fixture
def server(tmp_path, monkeypatch):
    """The address of an https server of the folder `web`, whose certificate this process trusts."""
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "here")])
    now = datetime.datetime.now(datetime.UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(7)
        .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(names, critical=False).add_extension(x509.BasicConstraints(True, None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, encoding = tmp_path / "here.pem", serialization.Encoding.PEM
    private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    pem.write_bytes(private + certificate.public_bytes(encoding))
    (tmp_path / "web").mkdir()

    class Silent(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    handler = functools.partial(Silent, directory=tmp_path / "web")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as serving:
        serving.socket = context.wrap_socket(serving.socket, server_side=True)
        thread = threading.Thread(target=serving.serve_forever)
        thread.start()
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
        yield f"https://127.0.0.1:{serving.server_address[1]}"
        serving.shutdown()
        thread.join()


def test_a_model_comes_from_a_web_server_if_its_digest_fits(server, model, tmp_path):
    data = model().read_bytes()
    (tmp_path / "web" / "m.h5").write_bytes(data)
    (tmp_path / "web" / "page.h5").write_bytes(b"<html>")
    digest = hashlib.sha256(data).hexdigest()
    came, artifact = pull(f"{server}/m.h5", tmp_path / "new" / "m.h5", digest.upper())
    assert (came, artifact.kind) == (digest, "colorizer")
    assert (tmp_path / "new" / "m.h5").read_bytes() == data
    with pytest.raises(DancheongError, match="nothing was written"):
        pull(f"{server}/m.h5", tmp_path / "other.h5", "0" * 64)
    with pytest.raises(ArtifactError, match=r"page\.h5"):
        pull(f"{server}/page.h5", tmp_path / "other.h5", hashlib.sha256(b"<html>").hexdigest())
    with pytest.raises(DancheongError, match="could not be fetched"):
        pull(f"{server}/none.h5", tmp_path / "other.h5", digest)
    with pytest.raises(ParamError, match="--sha256"):
        pull(f"{server}/m.h5", tmp_path / "other.h5", None)
    assert not list(tmp_path.glob("*other*"))


def test_a_certificate_that_nobody_vouches_for_is_refused(server, tmp_path, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(DancheongError, match="could not be fetched"):
        pull(f"{server}/m.h5", tmp_path / "m.h5", "0" * 64)


@pytest.mark.parametrize(("source", "said"), [
    ("http://127.0.0.1/m.h5", "https://"), ("ftp://x/m.h5", "https://"), ("hf://name", "OWNER/NAME"),
    ("none.h5", "no such file"),
])
def test_other_sources_are_refused_in_words(tmp_path, source, said):
    with pytest.raises((DancheongError, OSError), match=said):
        pull(source, tmp_path / "m.h5", "0" * 64)
    assert list(tmp_path.iterdir()) == []


def test_a_repository_is_named_by_owner_name_file_and_revision():
    assert hub_place("a/b") == ("a/b", "model.h5", None)
    assert hub_place("a/b/c/d.h5@v1") == ("a/b", "c/d.h5", "v1")


def test_a_hub_that_cannot_be_reached_is_told_in_words(command, tmp_path, monkeypatch):
    pytest.importorskip("huggingface_hub")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    said = command("models", "pull", "hf://a/b", "-o", tmp_path / "m.h5", code=1).stderr
    assert "hf://a/b: could not be fetched" in said


def test_safetensors_hold_the_weights_and_the_network(command, model, tmp_path):
    numpy_safetensors = pytest.importorskip("safetensors.numpy")
    told = command("export", model(), tmp_path / "net.safetensors", "--json").stdout
    assert told["max_difference"] < 1e-6
    weights, artifact = numpy_safetensors.load_file(tmp_path / "net.safetensors"), read_artifact(model())
    assert weights.keys() == artifact.weights.keys()
    for name, array in weights.items():
        np.testing.assert_array_equal(array, artifact.weights[name])
    assert open_network(artifact)(artifact.selftest_input).shape == artifact.selftest_output.shape
    assert "--overwrite" in command("export", model(), tmp_path / "net.safetensors", code=2).stderr
