"""Many photographs at a time on one machine: while one is decoded, others pass the network, are finished, are written.

A photograph is the unit of work: OpenCV, numpy, Pillow, zlib and the networks' runtimes let go of Python's lock while they
compute, so a thread for each core, and one that waits for the disk meanwhile, keep all cores busy. What is in memory at a time
is bounded twice: by the number of threads, and by MEMORY_GB.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice

from dancheong.prediction.memory import Budget
from dancheong.prediction.plan import Job
from dancheong.prediction.process_file import Processor, process_file
from dancheong.prediction.result import FileResult

Numbered = tuple[int, FileResult]


def run_jobs(treatment: Processor, jobs: Sequence[Job], workers: int, threads: int = 1) -> Iterator[Numbered]:
    """Do the jobs on `workers` threads; yields number and result as each is done.

    Args:
        threads: of a single large photograph, while there is no memory for others.
    """
    budget = Budget(int(treatment.params.memory_gb * 1e9))
    numbered = enumerate(jobs)
    if workers == 1:
        for number, job in numbered:
            yield number, process_file(treatment, job, budget, threads)
        return
    pool = ThreadPoolExecutor(workers)
    try:
        def submit(some: Iterable[tuple[int, Job]]) -> dict[Future[FileResult], int]:
            return {pool.submit(process_file, treatment, job, budget, threads): number for number, job in some}

        # As many wait as are at work: enough that no thread is idle, and a list of a million files stays a list.
        pending = submit(islice(numbered, 2 * workers))
        while pending:
            for future in wait(pending, return_when=FIRST_COMPLETED).done:
                number = pending.pop(future)
                pending |= submit(islice(numbered, 1))
                yield number, future.result()
    finally:
        pool.shutdown(cancel_futures=True)
