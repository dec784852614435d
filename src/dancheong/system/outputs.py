"""Nothing that a run did not make is replaced unless that is asked for, and no two runs write into one output."""

import errno
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dancheong.system.errors import DancheongError

# Outputs of this process: the locks of a system hold between processes only.
_CLAIMED: set[Path] = set()
# What a file system answers that knows no locks, such as that of a cloud's drive.
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EINVAL}


class OutputTaken(DancheongError):
    """What a run would write is there already, has a wrong name, or is being written by another run."""

    exit_code = 2


def check_name(path: Path, suffix: str, what: str) -> None:
    """Refuse an output that has not the name of one, because a slip of the hand may name a photograph or a text.

    Raises:
        OutputTaken: the name does not end in `suffix`.
    """
    if path.suffix.lower() != suffix:
        raise OutputTaken(f"{path}: {what} has a name that ends in {suffix}: {path.parent / (path.stem + suffix)} would be one")


def check_free(paths: Iterable[Path], overwrite: bool, mend: str = "--overwrite replaces it, or choose another name") -> None:
    """The one rule of all commands: what is there stays, unless `overwrite`. A folder is never replaced by a file.

    Args:
        paths: files that would be written.
        mend: what to do about one that is there.

    Raises:
        OutputTaken: naming the first file that is there, and how many there are.
    """
    there = [path for path in paths if os.path.lexists(path)]
    for path in there:
        if path.is_dir():
            raise OutputTaken(f"{path}: this is a folder and a file was to be written: choose another name")
    if there and not overwrite:
        more = f" (and {len(there) - 1} more)" if there[1:] else ""
        raise OutputTaken(f"{there[0]}{more}: a file is there already, which this run did not make; {mend}")


def check_folder(folder: Path) -> None:
    """Refuse a place for several files that is a file, or lies in one. Raises OutputTaken."""
    for place in (folder, *folder.parents):
        if place.exists():
            if not place.is_dir():
                raise OutputTaken(f"{place}: this is a file, and a folder was expected: choose another name")
            return


@contextmanager
def claimed(output: Path) -> Iterator[None]:
    """Keep every other run away from an output while the block runs.

    The lock lies beside the output and is hidden. The system frees it with the process, so that none stays after a crash.

    Raises:
        OutputTaken: another run writes there.
    """
    output = output.resolve()
    if output in _CLAIMED:
        raise OutputTaken(_taken(output, ""))
    lock = output.with_name(f".{output.name}.lock")
    lock.parent.mkdir(parents=True, exist_ok=True)
    handle = _locked(lock, output)
    _CLAIMED.add(output)
    try:
        yield
    finally:
        _CLAIMED.discard(output)
        # On Windows an open file cannot be removed; elsewhere one that is closed first could be another's by then.
        if sys.platform == "win32":
            os.close(handle)
        with suppress(OSError):
            lock.unlink()
        if sys.platform != "win32":
            os.close(handle)


def _locked(lock: Path, output: Path) -> int:
    """An open handle on the lock file, which holds the lock until it is closed."""
    while True:
        handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            _take(handle)
        except OSError as error:
            holder = os.pread(handle, 100, 0).decode("ascii", "replace").strip() if hasattr(os, "pread") else ""
            os.close(handle)
            if error.errno not in (errno.EACCES, errno.EAGAIN, errno.EDEADLK):
                raise
            raise OutputTaken(_taken(output, holder)) from None
        # Whoever held it may have removed the file between the opening and the locking.
        with suppress(OSError):
            if sys.platform == "win32" or os.fstat(handle).st_ino == lock.stat().st_ino:
                os.ftruncate(handle, 0)
                os.write(handle, f"process {os.getpid()}".encode("ascii"))
                return handle
        os.close(handle)


def _take(handle: int) -> None:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            # Of the process, not of the file: the workers that a training starts must not keep it when it dies.
            fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise


def _taken(output: Path, holder: str) -> str:
    by = f"another run ({holder})" if holder else "another run"
    return f"{output}: {by} writes there now: wait for its end or stop it, or choose another name"
