"""Files written whole or not at all, and their digests."""

import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """Write a file whole or not at all: yields a hidden temporary path beside it, which takes its name at the end.

    The bytes are on the disk before the name is. After an error nothing is left, and a file that was there stays.

    Raises:
        OSError: the folder is missing or closed, or the disk is full.
    """
    path = Path(path)
    # Not the file's own name: with a prefix a long one would no longer fit.
    temporary = path.with_name(f".{secrets.token_hex(8)}{path.suffix}")
    os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def write_text(path: str | Path, text: str, encoding: str = "utf-8") -> None:
    """Write a text whole or not at all; its line ends stay as they are. Raises OSError, as `whole_file`."""
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding=encoding, newline="")


def fingerprint(path: Path) -> str:
    """sha256 of a file. Raises OSError: it cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync_folder(folder: Path) -> None:
    """Make the new name durable, where the system lets a folder be opened."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
