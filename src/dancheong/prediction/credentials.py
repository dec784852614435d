"""Content Credentials (C2PA) of results: what was done to which photograph, by which model, signed.

Nothing is fetched: neither a time stamp nor a remote manifest of the original.
"""

from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any

from dancheong.imaging.xmp import SOFTWARE, SOURCE_TYPES, Provenance
from dancheong.params import DancheongError, ExtraMissing, ParamError, Params
from dancheong.system.whole_file import whole_file

_FORMATS = {"JPEG": "image/jpeg", "PNG": "image/png", "TIFF": "image/tiff", "WEBP": "image/webp", "HEIF": "image/heif"}
_SUFFIXES = {".png": "PNG", ".tif": "TIFF", ".tiff": "TIFF", ".webp": "WEBP"}
_SETTINGS = {
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
    # The files are pictures themselves, and a thumbnail would take the memory of a decoded photograph.
    "builder": {"thumbnail": {"enabled": False}},
}
_RECIPE_LABEL = "org.dancheong.coloring"


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
        return sha256(self.certificates.read_bytes()).hexdigest()

    def check(self) -> None:
        """Sign one pixel, so that what cannot be done is told before any photograph is colored.

        Raises:
            ExtraMissing: c2pa-python is not installed.
            ParamError: files that are not there or do not fit together, or a certificate that may not sign.
        """
        c2pa, signer = _signer(self)
        try:
            with c2pa.Builder({"claim_generator_info": [SOFTWARE]}, _context(c2pa)) as builder:
                builder.sign(signer, _FORMATS["PNG"], BytesIO(_PIXEL), BytesIO())
        except c2pa.C2paError as error:
            raise ParamError(f"{self.certificates}: this certificate cannot sign Content Credentials ({error})") from error


def sign(
    result: Path, title: str, original: Path, original_format: str, signing: Signing, made: Provenance, params: Params,
    model_name: str,
) -> None:
    """Put signed Content Credentials into the file `result`, whole or not at all.

    The manifest names the original as parent, with the original's own manifest where it has one. It asserts the action
    `c2pa.edited`, the model, the parameters that differ from their defaults, and the digests.

    Args:
        title: the name that the result will have.
        original_format: as `Photo.format`.

    Raises:
        DancheongError: nothing was signed, and why.
    """
    c2pa, signer = _signer(signing)
    parent = {"title": original.name, "relationship": "parentOf", "label": "original"}
    mime = _FORMATS[_SUFFIXES.get(result.suffix.lower(), "JPEG")]
    try:
        with c2pa.Builder(_manifest(title, made, params, model_name), _context(c2pa)) as builder:
            with original.open("rb") as file:
                builder.add_ingredient(parent, _FORMATS.get(original_format, "application/octet-stream"), file)
            with whole_file(result) as signed, result.open("rb") as source, signed.open("w+b") as target:
                builder.sign(signer, mime, source, target)
    except c2pa.C2paError as error:
        raise DancheongError(f"{original}: the result could not be signed ({error})") from error


def _manifest(title: str, made: Provenance, params: Params, model_name: str) -> dict[str, Any]:
    edited = {
        "action": "c2pa.edited", "softwareAgent": SOFTWARE, "digitalSourceType": SOURCE_TYPES + made.source_type,
        "description": "Color was predicted by a trained network. The lightness is that of the original.",
    }
    recipe = {
        "model": {"name": model_name, "digest": made.model}, "originalSha256": made.original, "settingsDigest": made.params,
        "settings": {name.upper(): value for name, value in params.model_dump(mode="json", exclude_defaults=True).items()},
    }
    actions = [{"action": "c2pa.opened", "parameters": {"ingredientIds": ["original"]}}, edited]
    return {
        "claim_generator_info": [SOFTWARE], "title": title,
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": actions}}, {"label": _RECIPE_LABEL, "data": recipe},
        ],
    }


def _signer(signing: Signing) -> tuple[Any, Any]:
    """The library, and a signer of this thread's own."""
    try:
        c2pa = import_module("c2pa")
        algorithm, certificates, key = _pem(signing)
    except ModuleNotFoundError as error:
        raise ExtraMissing(f"--sign needs {error.name}, which is not installed: pip install 'dancheong[c2pa]'") from error
    try:
        return c2pa, c2pa.Signer.from_info(c2pa.C2paSignerInfo(algorithm, certificates, key, None))
    except c2pa.C2paError as error:
        raise ParamError(f"{signing.certificates}: this certificate cannot sign ({error})") from error


def _context(c2pa: Any) -> Any:
    return c2pa.Context(c2pa.Settings.from_dict(_SETTINGS))


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
    name = type(key).__name__
    algorithm = {"Ed25519": "ed25519", "RSA": "ps256"}.get(name.removesuffix("PrivateKey"), "")
    if hasattr(key, "curve"):
        algorithm = {256: "es256", 384: "es384", 521: "es512"}.get(key.key_size, "")
    if not algorithm:
        raise ParamError(f"{signing.key}: {name} came; a key of P-256, P-384, P-521, Ed25519 or RSA was expected")
    return algorithm, certificates, secret
