"""Content Credentials (C2PA) of results: what was done to which photograph, by which model, signed.

Nothing is fetched: neither a time stamp nor a remote manifest of the original.
"""

from dataclasses import dataclass
from functools import lru_cache, partial
from hashlib import sha256
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import IO, Any

from dancheong.imaging.xmp import SOFTWARE, SOURCE_TYPES, Provenance
from dancheong.params import DancheongError, ExtraMissing, ParamError, Params
from dancheong.system.whole_file import whole_file

_FORMATS = {name: f"image/{name.lower()}" for name in ("JPEG", "PNG", "TIFF", "WEBP", "HEIF", "AVIF", "GIF", "JXL")}
_UNKNOWN = "application/octet-stream"
_WITHOUT_CREDENTIALS = ("BMP", "PNM")  # which have no place for them
_SUFFIXES = {".png": "PNG", ".tif": "TIFF", ".tiff": "TIFF", ".webp": "WEBP"}
_SETTINGS = {
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
    # The files are pictures themselves, and a thumbnail would take the memory of a decoded photograph.
    "builder": {"thumbnail": {"enabled": False}},
}
_PARENT, _RECIPE_LABEL = "original", "org.dancheong.coloring"
# A PNG of one pixel.
_PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b550000000a49444154789c63600000000200"
    "0148afa4710000000049454e44ae426082"
)


@dataclass(frozen=True)
class Signing:
    """Files in PEM: `certificates`, that of the signer first, then those that it rests on; `key`: the private key."""

    certificates: Path
    key: Path

    def digest(self) -> str:
        """Tells signers apart."""
        return sha256(_pem(self)[1]).hexdigest()

    def check(self) -> None:
        """Sign one pixel, so that what cannot be done is told before any photograph is colored.

        Raises:
            ExtraMissing: c2pa-python is not installed.
            ParamError: files that are not there or do not fit together, or a certificate that may not sign.
        """
        c2pa, pixel = _library(), partial(BytesIO, _PIXEL)
        recipe = Recipe("", Params(), Provenance())
        try:
            _sign(c2pa, self, recipe.manifest("pixel.png"), "original.png", (pixel(), "PNG"), (pixel(), BytesIO(), "PNG"))
        except c2pa.C2paError as error:
            raise ParamError(f"{self.certificates}: this certificate cannot sign ({_words(error)})") from error


@dataclass(frozen=True)
class Recipe:
    """What Content Credentials say of the making: the model's name, its parameters, and the digests in `made`."""

    model_name: str
    params: Params
    made: Provenance

    def manifest(self, title: str) -> dict[str, Any]:
        """The manifest of a result of the name `title`, with the original as its parent (C2PA 2.1)."""
        source_type = SOURCE_TYPES + self.made.source_type
        edited = {"action": "c2pa.edited", "softwareAgent": SOFTWARE, "digitalSourceType": source_type}
        recipe = {
            "model": {"name": self.model_name, "digest": self.made.model}, "originalSha256": self.made.original,
            "settingsDigest": self.made.params,
            **({"colorSha256": self.made.color} if self.made.color else {}),
            **({"hintsSha256": self.made.hints} if self.made.hints else {}),
            "settings": {
                name.upper(): value for name, value in self.params.model_dump(mode="json", exclude_defaults=True).items()
            },
        }
        actions = [{"action": "c2pa.opened", "parameters": {"ingredientIds": [_PARENT]}}, edited]
        return {
            "claim_generator_info": [SOFTWARE], "title": title,
            "assertions": [
                {"label": "c2pa.actions.v2", "data": {"actions": actions}}, {"label": _RECIPE_LABEL, "data": recipe},
            ],
        }


def sign(
    signing: Signing, recipe: Recipe, result: Path, title: str, original: Path, original_format: str
) -> tuple[str, ...]:
    """Put signed Content Credentials into the file `result`, whole or not at all; what the original's say is kept in them.

    Args:
        title: the name that the result will have.
        original_format: as `Photo.format`.

    Returns:
        A note where the library cannot look into the original, which is then named by its name and sha256 alone.

    Raises:
        DancheongError: nothing was signed, and why.
    """
    c2pa = _library()
    kind = _SUFFIXES.get(result.suffix.lower(), "JPEG")
    try:
        # The files are closed before the name is given.
        with (
            whole_file(result) as signed, original.open("rb") as parent, result.open("rb") as source,
            signed.open("w+b") as target,
        ):
            given, written = (parent, original_format), (source, target, kind)
            return _sign(c2pa, signing, recipe.manifest(title), original.name, given, written)
    except c2pa.C2paError as error:
        raise DancheongError(f"{original}: the result could not be signed ({_words(error)})") from error


def _sign(
    c2pa: Any, signing: Signing, manifest: dict[str, Any], parent_name: str, parent: tuple[IO[bytes], str],
    result: tuple[IO[bytes], IO[bytes], str],
) -> tuple[str, ...]:
    """`parent`: file and format; `result`: file without and with Content Credentials, and format."""
    # A signer of this thread's own, which costs little.
    signer = c2pa.Signer.from_info(c2pa.C2paSignerInfo(*_pem(signing), None))
    with signer, c2pa.Builder(manifest, c2pa.Context(c2pa.Settings.from_dict(_SETTINGS))) as builder:
        ingredient = {"title": parent_name, "relationship": "parentOf", "label": _PARENT}
        notes: tuple[str, ...] = ()
        parent_format = _FORMATS.get(parent[1], _UNKNOWN)
        if parent_format == _UNKNOWN and parent[1] not in _WITHOUT_CREDENTIALS:
            notes = (f"what Content Credentials it had is not known, because the library does not look into {parent[1]}",)
        try:
            builder.add_ingredient(ingredient, parent_format, parent[0])
        except c2pa.C2paError as error:
            parent[0].seek(0)
            builder.add_ingredient(ingredient, _UNKNOWN, parent[0])
            notes = (f"what Content Credentials it had is not known, because it could not be looked into ({_words(error)})",)
        source, target, kind = result
        builder.sign(signer, _FORMATS[kind], source, target)
        return notes


def _library() -> Any:
    try:
        import_module("cryptography")
        return import_module("c2pa")
    except ModuleNotFoundError as error:
        raise ExtraMissing(f"--sign needs {error.name}, which is not installed: pip install 'dancheong[c2pa]'") from error


def _words(error: Exception) -> str:
    return " ".join(str(error).split())


@lru_cache(maxsize=1)
def _pem(signing: Signing) -> tuple[str, bytes, bytes]:
    """Algorithm, certificates and key.

    Raises:
        ParamError: a file that is not there or is something else, or a key of another certificate.
    """
    x509, serialization = (import_module(f"cryptography.{name}") for name in ("x509", "hazmat.primitives.serialization"))
    try:
        certificates, secret = signing.certificates.read_bytes(), signing.key.read_bytes()
    except OSError as error:
        raise ParamError(f"{error.filename}: {error.strerror}; --sign and --key name files in PEM") from error
    try:
        first = x509.load_pem_x509_certificates(certificates)[0]
    except ValueError as error:
        raise ParamError(f"{signing.certificates}: no certificate in PEM ({error})") from error
    try:
        key = serialization.load_pem_private_key(secret, None)
    except (ValueError, TypeError) as error:  # TypeError: it has a passphrase
        raise ParamError(f"{signing.key}: no private key in PEM without a passphrase ({error})") from error
    if key.public_key() != first.public_key():
        raise ParamError(f"{signing.key}: this is not the key of the first certificate in {signing.certificates}")
    name = type(key).__name__.removeprefix("_")  # as cryptography before 42 has it
    algorithm = {"Ed25519": "ed25519", "RSA": "ps256"}.get(name.removesuffix("PrivateKey"), "")
    if hasattr(key, "curve"):
        algorithm = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}.get(key.curve.name, "")
    if not algorithm:
        raise ParamError(f"{signing.key}: {name} came; a key of P-256, P-384, P-521, Ed25519 or RSA was expected")
    return algorithm, certificates, secret
