"""Where visitors' photographs lie while they are worked on, and how all of it goes away again.

One folder for the whole page, removed when the server ends; in it a folder for each visitor, removed soon after the visitor
has left, and gradio's folder of uploads, in which nothing stays that no visitor has taken.
"""

import os
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dancheong.params import DancheongError

LEFT_SECONDS = 60.0  # a page that is loaded again, or a laptop that nods off, loses nothing within this time
IDLE_SECONDS = 12 * 3600.0  # a page left open overnight does
UPLOAD_SECONDS = 900.0  # an upload that nobody took
SWEEP_SECONDS = 20.0


class Full(DancheongError):
    """There is no room for another upload now."""


@dataclass(eq=False)
class Session:
    """One open page. `key` is what its pictures are asked for with, and cannot be guessed."""

    key: str
    folder: Path
    photographs: dict[int, Any] = field(default_factory=dict)
    models: dict[str, Path] = field(default_factory=dict)
    uploads: set[Path] = field(default_factory=set)
    compared: list[Any] = field(default_factory=list)
    ticket: Any = None
    count: int = 0
    seen: float = field(default_factory=time.monotonic)
    left: float | None = None

    def next_number(self) -> int:
        """A number that no other photograph of this visit has had."""
        self.count += 1
        return self.count


class Sessions:
    """The folder and the visits in it. Used as a context: at its end nothing is left."""

    def __init__(self, max_bytes: int, left_seconds: float = LEFT_SECONDS) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="dancheong-web-"))
        self.uploads = self.root / "uploads"
        self._visits_folder = self.root / "visits"
        self.training = self.root / "training"
        for folder in (self.uploads, self._visits_folder, self.training):
            folder.mkdir()
        self._max_bytes, self._left_seconds = max_bytes, left_seconds
        self._promised, self._incoming = 0, 0
        self._released: set[Path] = set()
        self._visits: dict[str, Session] = {}
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._sweeper = threading.Thread(target=self._sweep_on, name="sweeper", daemon=True)

    def __enter__(self) -> "Sessions":
        self._sweeper.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        shutil.rmtree(self.root, ignore_errors=True)

    # -- visits -----------------------------------------------------------------------------------------------------------

    def visit(self, session: str) -> Session:
        """The visit of a browser's session, begun at its first call."""
        with self._lock:
            visit = self._visits.get(session)
            if visit is None:
                key = secrets.token_urlsafe(18)
                visit = self._visits[session] = Session(key, self._visits_folder / key)
                visit.folder.mkdir()
            visit.seen, visit.left = time.monotonic(), None
            return visit

    def seen(self, session: str) -> Session | None:
        """The visit of a session where it has one; looking does not keep it alive."""
        with self._lock:
            return self._visits.get(session)

    def by_key(self, key: str) -> Session | None:
        """The visit whose pictures are asked for."""
        with self._lock:
            for visit in self._visits.values():
                if secrets.compare_digest(visit.key.encode(), key.encode()):
                    visit.seen = time.monotonic()
                    return visit
        return None

    def leave(self, session: str) -> None:
        """The page was closed: its folder is removed soon."""
        with self._lock:
            if visit := self._visits.get(session):
                visit.left = time.monotonic()

    def take(self, visit: Session, upload: str | Path, folder: Path) -> Path:
        """An uploaded file under its own name in `folder`, which is made.

        Raises:
            DancheongError: it is not one of this page's uploads, or is gone.
        """
        source = Path(upload)
        if not source.resolve().is_relative_to(self.uploads.resolve()) or not source.is_file():
            raise DancheongError(f"{source.name}: the upload is not there any more; drop the file again")
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / source.name
        try:
            # A link costs nothing, and another visitor may have uploaded the very same file.
            target.hardlink_to(source)
        except OSError:
            shutil.copyfile(source, target)
        visit.uploads.add(source)
        return target

    # -- room -------------------------------------------------------------------------------------------------------------

    @contextmanager
    def room_for(self, size_bytes: int) -> Iterator[None]:
        """Keep room for an upload while it comes in. Raises Full where there is none, on the disk or by our own limit."""
        with self._lock:
            needed = self._promised + size_bytes
            if self.used_bytes() + needed > self._max_bytes or shutil.disk_usage(self.root).free < 2 * needed:
                raise Full("no room")
            self._promised += size_bytes
            self._incoming += 1
        try:
            yield
        finally:
            with self._lock:
                self._promised -= size_bytes
                self._incoming -= 1

    def used_bytes(self) -> int:
        """What lies here; a file that is linked twice counts once."""
        sizes: dict[tuple[int, int], int] = {}
        # os.walk does not mind a folder that is removed meanwhile.
        for folder, _, names in os.walk(self.root):
            for name in names:
                with suppress(OSError):
                    status = Path(folder, name).lstat()
                    sizes[status.st_dev, status.st_ino] = status.st_size
        return sum(sizes.values())

    # -- going away -------------------------------------------------------------------------------------------------------

    def sweep(self) -> None:
        """Remove visits that have left or sleep, and uploads that belong to nobody."""
        now = time.monotonic()
        with self._lock:
            gone = [
                session for session, visit in self._visits.items()
                if (visit.left is not None and now - visit.left >= self._left_seconds) or now - visit.seen >= IDLE_SECONDS
            ]
            ended = [self._visits.pop(session) for session in gone]
            self._released |= {upload for visit in ended for upload in visit.uploads}
            # While something comes in, gradio makes folders and moves files here.
            if self._incoming == 0:
                self._sweep_uploads({upload for visit in self._visits.values() for upload in visit.uploads})
        for visit in ended:
            if visit.ticket is not None:
                visit.ticket.cancel()
        # Not only those of `ended`: a prediction that was under way when its visit ended may have written since.
        for folder in self._visits_folder.iterdir():
            if not self._is_open(folder):
                shutil.rmtree(folder, ignore_errors=True)

    def _sweep_uploads(self, taken: set[Path]) -> None:
        for folder, _, names in os.walk(self.uploads, topdown=False):
            for path in (Path(folder, name) for name in names):
                with suppress(OSError):
                    age = time.time() - path.lstat().st_mtime
                    # Outside a folder: half of an upload that was broken off. Another visitor may just have brought the
                    # same file as one who has left.
                    unused = path.parent == self.uploads or age > UPLOAD_SECONDS
                    if path not in taken and (unused or (path in self._released and age >= min(30, self._left_seconds))):
                        path.unlink()
            if Path(folder) != self.uploads:
                with suppress(OSError):  # not empty
                    Path(folder).rmdir()
        self._released = {path for path in self._released if path.exists()}

    def _is_open(self, folder: Path) -> bool:
        with self._lock:
            return any(visit.folder == folder for visit in self._visits.values())

    def _sweep_on(self) -> None:
        while not self._ended.wait(min(SWEEP_SECONDS, self._left_seconds / 2 + 0.05)):
            with suppress(OSError):
                self.sweep()
