"""A bounded queue of jobs with one worker: one prediction at a time, and a full queue refuses the next one."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Self

from dancheong.params import DancheongError


class Busy(DancheongError):
    """The job is not taken. The message is the key of the page's text."""


class QueuedJob:
    """Work in the queue: how far it is (`done` of `total`), and its result in `future`."""

    def __init__(self) -> None:
        self.done, self.total = 0, 0
        self.began = False
        self.future: Future[Any] = Future()
        self._cancelled = threading.Event()

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
    """The queue and its worker. Used as a context; at its end the jobs that wait are dropped."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._jobs: list[QueuedJob] = []
        self._lock = threading.Lock()
        self._worker = ThreadPoolExecutor(1, "predictions")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        with self._lock:
            for job in self._jobs:
                job.cancel()
        self._worker.shutdown(wait=True, cancel_futures=True)

    def submit(self, work: Callable[[QueuedJob], Any]) -> QueuedJob:
        """Queue `work`, which is called with its job. Raises Busy when `places` others wait already."""
        job = QueuedJob()
        with self._lock:
            if sum(not other.began for other in self._jobs) >= self._places:
                raise Busy("busy")
            self._jobs.append(job)
        self._worker.submit(self._run, job, work)
        return job

    def ahead(self, job: QueuedJob) -> int:
        """How many jobs are done before this one."""
        with self._lock:
            return self._jobs.index(job) if job in self._jobs else 0

    def _run(self, job: QueuedJob, work: Callable[[QueuedJob], Any]) -> None:
        job.began = True
        try:
            job.future.set_result(None if job.cancelled else work(job))
        except BaseException as error:  # the worker must live; whoever waits for the job gets the error
            job.future.set_exception(error)
        finally:
            with self._lock:
                self._jobs.remove(job)
