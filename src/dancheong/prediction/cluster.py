"""Photographs on many machines: this process hands files to Dask workers, which see the same disks.

Each worker process opens the model once. Two files a thread are under way, so that no worker waits for its next one. When a
worker dies, others do its files; a result that it finished stands on the disk and is not made again.
"""

import time
import uuid
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import import_module
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import Any

from dancheong.params import DancheongError, ExtraMissing
from dancheong.prediction.colorizer import Colorizer
from dancheong.prediction.credentials import Signing
from dancheong.prediction.memory import Budget
from dancheong.prediction.options import FolderOptions, Tell
from dancheong.prediction.plan import Job
from dancheong.prediction.process_file import Numbered, failure, process_file
from dancheong.prediction.processors import Processor, coloring
from dancheong.prediction.result import FileResult
from dancheong.prediction.shipped import COLORIZER

NO_WORKER_SECONDS = 60.0
_POLL_SECONDS = 2.0
_TOPIC = "dancheong"


@dataclass(frozen=True)
class Task:
    """What a worker needs beside the file: the model as this process opened it, and what is asked for.

    `model`: its file; empty: the one that comes along.
    """

    model: str
    digest: str
    runtime: str
    settings: tuple[tuple[str, Any], ...]
    options: FolderOptions


def task_of(model: Colorizer, options: FolderOptions) -> Task:
    """The task of a model that was opened from a file.

    Raises:
        DancheongError: the model was not opened from a file, so that no worker could open it.
    """
    if model.opened is None:
        raise DancheongError("workers open the model themselves: give a model file, or Colorizer.open of one")
    path, runtime, settings = model.opened
    # Each machine has the colorizer that comes along in its own installation.
    name = "" if path == COLORIZER else str(path.absolute())
    sign = options.sign and Signing(options.sign.certificates.absolute(), options.sign.key.absolute())
    theirs = FolderOptions(overwrite=options.overwrite, strip=options.strip, sign=sign, tell=_tell_client)
    return Task(name, model.digest, runtime, tuple(sorted(settings.items())), theirs)


def run_on_cluster(address: str, task: Task, jobs: Sequence[Job], tell: Tell) -> Generator[Numbered]:
    """Do the jobs on the workers of a Dask scheduler; yields number and result as each is done.

    Args:
        address: of the scheduler, such as ``tcp://10.0.0.5:8786``, or the path of its scheduler file.
        tell: called with a sentence where a worker ran out of memory.

    Raises:
        ExtraMissing: Dask is not installed.
        DancheongError: no scheduler answers there, or no worker is left for a minute.
    """
    try:
        dask: Any = import_module("distributed")
    except ModuleNotFoundError as error:
        raise ExtraMissing(f"--cluster needs {error.name}, which is not installed: pip install 'dancheong[cluster]'") from error
    where = {"scheduler_file": address} if Path(address).is_file() else {"address": address}
    try:
        client = dask.Client(**where, timeout=NO_WORKER_SECONDS / 4, set_as_default=False)
    except (OSError, ValueError) as error:
        raise DancheongError(f"--cluster {address}: no Dask scheduler answers there ({error}); start one first") from error
    with client:
        client.subscribe_topic(_TOPIC, lambda event: tell(str(event[1])))
        yield from _run(dask, client, task, jobs)


def _run(dask: Any, client: Any, task: Task, jobs: Sequence[Job]) -> Generator[Numbered]:
    run_key = uuid.uuid4().hex
    numbered = enumerate(jobs)
    pending: dict[Any, int] = {}
    worker_seen = time.monotonic()
    while True:
        threads = sum(client.nthreads().values())
        if threads:
            worker_seen = time.monotonic()
        elif time.monotonic() - worker_seen > NO_WORKER_SECONDS:
            raise DancheongError(
                f"the cluster has had no worker for {NO_WORKER_SECONDS:.0f} s: start workers (dask worker ADDRESS) and run the "
                "same command again; it goes on where it stopped"
            )
        for number, job in islice(numbered, max(0, 2 * threads - len(pending))):
            # The key is new in each run, because the scheduler answers a known key with the result it remembers.
            future = client.submit(on_worker, task, _absolute(job), key=f"dancheong-{run_key}-{number}", pure=False)
            pending[future] = number
        if not pending and threads:
            return
        for future in _finished(dask, client, pending):
            number = pending.pop(future)
            yield number, _outcome(future, jobs[number])


def _finished(dask: Any, client: Any, pending: dict[Any, int]) -> list[Any]:
    """Futures that are done, after at most _POLL_SECONDS."""
    if not pending:
        time.sleep(_POLL_SECONDS / 4)
        return []
    try:
        with client.as_current():
            return list(dask.wait(list(pending), timeout=_POLL_SECONDS, return_when="FIRST_COMPLETED").done)
    except (TimeoutError, dask.TimeoutError):
        return []


def _outcome(future: Any, job: Job) -> FileResult:
    """The worker's result, with the paths as the run was given them."""
    try:
        result: FileResult = future.result()
    except Exception as error:  # the worker was killed too often with this file in hand, or could not open the model
        return failure(job, error)
    return replace(result, input=job.photo, output=job.output, mask=job.mask if result.mask else None)


def _absolute(job: Job) -> Job:
    """With absolute paths, because a worker runs in another folder."""
    paths: dict[str, Any] = {name: path.absolute() for name, path in vars(job).items() if isinstance(path, Path)}
    return replace(job, **paths)


def on_worker(task: Task, job: Job) -> FileResult:
    """Process a file on a worker, which opens the model at its first file."""
    with _opening:
        processor, budget = _opened(task)
    return process_file(processor, job, budget)


_opening = Lock()


@lru_cache(maxsize=1)
def _opened(task: Task) -> tuple[Processor, Budget]:
    model = Colorizer.open(task.model or None, task.runtime, threads=1, **dict(task.settings))
    if model.digest != task.digest:
        file = task.model or COLORIZER
        raise DancheongError(f"{file}: a worker finds another model there; put the same file where all see it")
    return coloring(model, task.options), Budget(int(model.params.memory_gb * 1e9))


def _tell_client(text: str) -> None:
    import_module("distributed").get_worker().log_event(_TOPIC, text)
