"""The sessions of visitors, their files, and the removal of both.

One temporary folder holds everything and is removed when the server ends. In it each session has a folder, which is removed
soon after the page was closed, and gradio has a folder of uploads, from which files that belong to no session are removed.
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

from dancheong.app.web.job_queue import QueuedJob
from dancheong.params import DancheongError

LEFT_SECONDS = 60.0  # a closed session is kept so long, for a page that is loaded again or a laptop that wakes up
IDLE_SECONDS = 12 * 3600.0  # an open session without a request is kept so long
UPLOAD_SECONDS = 900.0  # an upload that belongs to no session is kept so long
SWEEP_SECONDS = 20.0


class Full(DancheongError):
    """There is no room for another upload."""


@dataclass(eq=False)
class Session:
    """One open page. `key` is a part of the addresses of its pictures and cannot be guessed. Times are monotonic."""

    key: str
    folder: Path
    photographs: dict[int, Any] = field(default_factory=dict)
    models: dict[str, Path] = field(default_factory=dict)
    uploads: set[Path] = field(default_factory=set)
    compared: list[Any] = field(default_factory=list)
    job: QueuedJob | None = None
    count: int = 0
    seen_at: float = field(default_factory=time.monotonic)
    left_at: float | None = None

    def next_number(self) -> int:
        """A number that no other photograph of this session has had."""
        self.count += 1
        return self.count


class Sessions:
    """All sessions and their folder. Used as a context; at its end the folder is removed."""

    def __init__(self, max_bytes: int, left_seconds: float = LEFT_SECONDS) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="dancheong-web-"))
        self.uploads = self.root / "uploads"
        self._folder = self.root / "sessions"
        self.training = self.root / "training"
        for folder in (self.uploads, self._folder, self.training):
            folder.mkdir()
        self._max_bytes, self._left_seconds = max_bytes, left_seconds
        self._promised, self._incoming = 0, 0
        self._released: set[Path] = set()  # uploads of sessions that have ended
        self._sessions: dict[str, Session] = {}
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._sweeper = threading.Thread(target=self._sweep_on, name="sweeper", daemon=True)

    def __enter__(self) -> "Sessions":
        self._sweeper.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        shutil.rmtree(self.root, ignore_errors=True)

    # -- sessions ---------------------------------------------------------------------------------------------------------

    def session(self, page: str) -> Session:
        """The session of an open page (gradio's session hash), begun at the first call."""
        with self._lock:
            session = self._sessions.get(page)
            if session is None:
                key = secrets.token_urlsafe(18)
                session = self._sessions[page] = Session(key, self._folder / key)
                session.folder.mkdir()
            session.seen_at, session.left_at = time.monotonic(), None
            return session

    def find(self, page: str) -> Session | None:
        """The session of an open page where it has one; this does not keep it alive."""
        with self._lock:
            return self._sessions.get(page)

    def by_key(self, key: str) -> Session | None:
        """The session with this key."""
        with self._lock:
            for session in self._sessions.values():
                if secrets.compare_digest(session.key.encode(), key.encode()):
                    session.seen_at = time.monotonic()
                    return session
        return None

    def leave(self, page: str) -> None:
        """The page was closed: its session ends soon."""
        with self._lock:
            if session := self._sessions.get(page):
                session.left_at = time.monotonic()

    def take(self, session: Session, upload: str | Path, folder: Path) -> Path:
        """Put an uploaded file under its own name into `folder`, which is made.

        Raises:
            DancheongError: the file is no upload of this page, or was removed.
        """
        source = Path(upload)
        if not source.resolve().is_relative_to(self.uploads.resolve()) or not source.is_file():
            raise DancheongError(f"{source.name}: the upload is not there any more; drop the file again")
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / source.name
        try:
            # A link takes no room. The upload itself stays, because another session may have uploaded the same file.
            target.hardlink_to(source)
        except OSError:
            shutil.copyfile(source, target)
        session.uploads.add(source)
        return target

    # -- room -------------------------------------------------------------------------------------------------------------

    @contextmanager
    def room_for(self, size_bytes: int) -> Iterator[None]:
        """Reserve room for an upload while it comes in. Raises Full where the disk or the limit of uploads has none."""
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
        """The size of all files; a file that is linked twice counts once."""
        sizes: dict[tuple[int, int], int] = {}
        # os.walk accepts that a folder is removed meanwhile.
        for folder, _, names in os.walk(self.root):
            for name in names:
                with suppress(OSError):
                    status = Path(folder, name).lstat()
                    sizes[status.st_dev, status.st_ino] = status.st_size
        return sum(sizes.values())

    # -- removal ----------------------------------------------------------------------------------------------------------

    def sweep(self) -> None:
        """End sessions that were closed or are idle, and remove uploads that belong to no session."""
        now = time.monotonic()
        with self._lock:
            ended = [
                page for page, session in self._sessions.items()
                if (session.left_at is not None and now - session.left_at >= self._left_seconds)
                or now - session.seen_at >= IDLE_SECONDS
            ]
            for session in map(self._sessions.pop, ended):
                self._released |= session.uploads
                if session.job is not None:
                    session.job.cancel()
            # While an upload comes in, gradio makes folders and moves files here.
            if self._incoming == 0:
                self._sweep_uploads({upload for session in self._sessions.values() for upload in session.uploads})
        # All folders without a session, because a prediction may have gone on writing after its session ended.
        for folder in self._folder.iterdir():
            with self._lock:
                is_open = any(session.folder == folder for session in self._sessions.values())
            if not is_open:
                shutil.rmtree(folder, ignore_errors=True)

    def _sweep_uploads(self, taken: set[Path]) -> None:
        for folder, _, names in os.walk(self.uploads, topdown=False):
            for path in (Path(folder, name) for name in names):
                with suppress(OSError):
                    age = time.time() - path.lstat().st_mtime
                    # Files outside a folder are parts of uploads that were broken off. A released file is kept for a
                    # moment, because another visitor may just have uploaded the same one.
                    is_unused = path.parent == self.uploads or age > UPLOAD_SECONDS
                    if path not in taken and (is_unused or (path in self._released and age >= min(30, self._left_seconds))):
                        path.unlink()
            if Path(folder) != self.uploads:
                with suppress(OSError):  # not empty
                    Path(folder).rmdir()
        self._released = {path for path in self._released if path.exists()}

    def _sweep_on(self) -> None:
        while not self._ended.wait(min(SWEEP_SECONDS, self._left_seconds / 2 + 0.05)):
            with suppress(OSError):
                self.sweep()
