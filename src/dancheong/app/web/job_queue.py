"""One prediction at a time: a desk with one worker, and a line before it that is refused in words when it is full."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from dancheong.params import DancheongError


class Busy(DancheongError):
    """The line is full."""


class QueuedJob:
    """A place in the line, and what has become of it."""

    def __init__(self, work: Callable[["QueuedJob"], Any]) -> None:
        self.work = work
        self.done, self.total = 0, 0
        self.text = ""
        self.began = False
        self._cancelled = threading.Event()
        self.future: Future[Any] = Future()

    @property
    def cancelled(self) -> bool:
        """Whether the work should stop at its next photograph."""
        return self._cancelled.is_set()

    def cancel(self) -> None:
        """Stop after the photograph that is being worked on; at once where none is."""
        self._cancelled.set()

    def wait(self, seconds: float) -> bool:
        """Wait up to `seconds`; True when the work has ended."""
        try:
            self.future.exception(timeout=seconds)
        except TimeoutError:
            return False
        return True


class JobQueue:
    """The worker and the line. Used as a context; at its end what waits is dropped."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._line: list[QueuedJob] = []
        self._lock = threading.Lock()
        self._worker = ThreadPoolExecutor(1, "desk")

    def __enter__(self) -> "JobQueue":
        return self

    def __exit__(self, *error: object) -> None:
        with self._lock:
            for ticket in self._line:
                ticket.cancel()
        self._worker.shutdown(wait=True, cancel_futures=True)

    def submit(self, work: Callable[[QueuedJob], Any]) -> QueuedJob:
        """Stand in line with `work`, which is given its ticket. Raises Busy when `places` others wait already."""
        ticket = QueuedJob(work)
        with self._lock:
            waiting = sum(not one.began for one in self._line)
            if waiting >= self._places:
                raise Busy(f"{waiting} wait already")
            self._line.append(ticket)
        self._worker.submit(self._serve, ticket)
        return ticket

    def ahead(self, ticket: QueuedJob) -> int:
        """How many are served before this one."""
        with self._lock:
            return self._line.index(ticket) if ticket in self._line else 0

    def _serve(self, ticket: QueuedJob) -> None:
        ticket.began = True
        try:
            ticket.future.set_result(None if ticket.cancelled else ticket.work(ticket))
        except BaseException as error:  # the worker must live; whoever waits for the ticket is told
            ticket.future.set_exception(error)
        finally:
            with self._lock:
                self._line.remove(ticket)
