"""The first block of a model file: its version, and the length and digest of all that follows.

It stands in the user block of the HDF5 file, the part that HDF5 programs leave alone, and keeps its form in all versions.
"""

import hashlib
import re
from io import BufferedReader
from pathlib import Path

from dancheong.params import DancheongError

FORMAT_VERSION = 1
BLOCK_BYTES = 512
MAX_FILE_BYTES = 4 << 30

AGAIN = "copy it again from where it came, or train again"
NEWER = "install a newer dancheong, or train again with this one"

_TITLE = b"dancheong model file, version "
_SEALED = re.compile(
    _TITLE + rb"([0-9]{1,9})\nbytes after this block: ([0-9]{1,15})\nsha256 of them: ([0-9a-f]{64})\n"
    rb"sha256 of the manifest: ([0-9a-f]{64})\n\0*"
)


class ArtifactError(DancheongError, ValueError):
    """A model file that cannot be read, or content that cannot be written as one; the message says what to do."""


def seal(path: Path, manifest_sha256: str) -> None:
    """Write the first block: version, length and digest of everything after it."""
    with path.open("r+b") as file:
        file.seek(BLOCK_BYTES)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        length = file.tell() - BLOCK_BYTES
        file.seek(0)
        file.write(_block(FORMAT_VERSION, length, digest, manifest_sha256))


def _block(version: int, length: int, sha256: str, manifest_sha256: str) -> bytes:
    text = (
        f"{_TITLE.decode()}{version}\nbytes after this block: {length}\nsha256 of them: {sha256}\n"
        f"sha256 of the manifest: {manifest_sha256}\n"
    )
    return text.encode().ljust(BLOCK_BYTES, b"\0")


def check_seal(stream: BufferedReader) -> tuple[int, str, int]:
    """Check the first block against all that follows it; return version, digest of the manifest and the file's length."""
    block = stream.read(BLOCK_BYTES)
    if not block.startswith(_TITLE):
        kind = "an HDF5 file of another program" if block.startswith(b"\x89HDF") else "not a model file"
        raise ArtifactError(f"this is {kind}; the .h5 file that `dancheong train` wrote was expected")
    version = re.match(rb"[0-9]{1,9}\n", block[len(_TITLE):])
    if version and int(version[0]) > FORMAT_VERSION:
        raise ArtifactError(
            f"the model file is of version {int(version[0])} and this dancheong reads up to {FORMAT_VERSION}; {NEWER}"
        )
    sealed = _SEALED.fullmatch(block)
    if not sealed or int(sealed[1]) != FORMAT_VERSION:
        raise ArtifactError(f"the first block of the file is damaged; {AGAIN}")
    length = int(sealed[2])
    actual = stream.seek(0, 2) - BLOCK_BYTES
    if actual != length:
        word = "cut short" if actual < length else "longer than it was written"
        raise ArtifactError(f"the file is {word}: {actual} of {length} bytes after the first block; {AGAIN}")
    if length > MAX_FILE_BYTES:
        raise ArtifactError(f"the file has {length} bytes; at most {MAX_FILE_BYTES} are read")
    stream.seek(BLOCK_BYTES)
    if hashlib.file_digest(stream, "sha256").hexdigest().encode() != sealed[3]:
        raise ArtifactError(f"the file is damaged: its bytes are not those that were written; {AGAIN}")
    return int(sealed[1]), sealed[4].decode(), BLOCK_BYTES + length
