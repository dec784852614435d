"""Mutate photographs, parameter tables and model files, and see what reading them does.

    python tools/fuzz.py --images 10000 --tables 5000 --models 5000 --state fuzz.json

Each case runs in a worker process under a limit on memory and on time, and ends as one of: "ok" (read, and what was read
holds), "refused" (an error in words), or what must not be: "crash" (the process died, or an error that is none of ours),
"hang" (10 s), "wrong" (read as something that it is not), "memory" (1 GB). Case n of a target depends on the seed and n
alone; with --state a stopped run goes on. Files that made trouble are kept under --keep. The last line is one JSON object;
the exit code is 1 where there was trouble.
"""

import argparse
import json
import os
import resource
import selectors
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fuzz_targets import TARGETS, Target

GOOD = ("ok", "refused")
BAD = ("crash", "hang", "wrong", "memory")
LIMIT_S, LIMIT_BYTES = 10.0, 1 << 30
# A busy machine may give a process a tenth of its time.
WALL_LIMIT_S = 100.0
# Cases that a process tries before a fresh one takes over, so that leaks cannot add up.
CASES_A_PROCESS = 1000
_NO_MEMORY = ("bad_alloc", "bad allocation", "failed to allocate", "out of memory", "insufficient memory")


def main() -> int:
    given = _arguments()
    keep = Path(given.keep)
    totals: dict[str, Any] = {}
    began = time.monotonic()
    state = _load(given.state, given.seed)
    # In memory where there is such a folder: a case writes several files.
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        for name, target_type in TARGETS.items():
            wanted = getattr(given, name)
            if not wanted:
                continue
            target = target_type(Path(folder), given.seed)
            counts = state["counts"].setdefault(name, {})
            done = state["done"].setdefault(name, [0] * given.workers)
            for lane, number, outcome, words in run(target, wanted, done):
                counts[outcome] = counts.get(outcome, 0) + 1
                done[lane] = number + given.workers
                if outcome in BAD:
                    keep.mkdir(parents=True, exist_ok=True)
                    path, data, _ = target.case(number)
                    (keep / f"{name}_{number}_{outcome}{path.suffix}").write_bytes(data)
                    print(f"{name} {number}: {outcome}: {words}", file=sys.stderr, flush=True)
                if sum(counts.values()) % 200 == 0:
                    _save(given.state, state)
                    print(f"{name}: {sum(counts.values())} of {wanted}", file=sys.stderr, flush=True)
            _save(given.state, state)
            totals[name] = {"cases": sum(counts.values()), **dict.fromkeys((*GOOD, *BAD), 0), **counts}
    trouble = sum(one[outcome] for one in totals.values() for outcome in BAD)
    print(json.dumps({**totals, "trouble": trouble, "seed": given.seed, "seconds": round(time.monotonic() - began, 1)}))
    return 1 if trouble else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in TARGETS:
        parser.add_argument(f"--{name}", type=int, default=0, help="cases")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--state", help="figures so far; a run with the same file goes on")
    parser.add_argument("--keep", default="fuzz_trouble", help="folder for the files that made trouble")
    return parser.parse_args()


def run(target: Target, cases: int, done: list[int]) -> Iterator[tuple[int, int, str, str]]:
    """(lane, case, outcome, words) of every case from `done` on; lane i of n does i, i + n, ..."""
    lanes = len(done)
    with selectors.DefaultSelector() as selector:
        for lane, first in enumerate(done):
            _start(target, lane, max(first, lane), lanes, cases, selector)
        while selector.get_map():
            for key, _ in selector.select():
                lane, next_case, process = key.data
                line = key.fileobj.readline()  # type: ignore[union-attr]
                if line:
                    number, outcome, words = json.loads(line)
                    selector.modify(key.fileobj, selectors.EVENT_READ, (lane, number + lanes, process))
                    yield lane, number, outcome, words
                    continue
                selector.unregister(key.fileobj)
                key.fileobj.close()  # type: ignore[union-attr]
                status = os.waitpid(process, 0)[1]
                if os.WIFSIGNALED(status):
                    signal_name = signal.Signals(os.WTERMSIG(status)).name
                    yield lane, next_case, "hang" if signal_name in ("SIGALRM", "SIGPROF") else "crash", signal_name
                    next_case += lanes
                elif os.WEXITSTATUS(status):
                    raise RuntimeError("a worker failed by itself; its message is above")
                _start(target, lane, next_case, lanes, cases, selector)


def _start(target: Target, lane: int, first: int, lanes: int, cases: int, selector: selectors.BaseSelector) -> None:
    """A process that tries the next cases of a lane and tells each outcome, one line of JSON."""
    numbers = range(first, cases, lanes)[:CASES_A_PROCESS]
    if not numbers:
        return
    reading, writing = os.pipe()
    process = os.fork()
    if process:
        os.close(writing)
        # Unbuffered: a line that waits in a buffer would not wake the selector.
        selector.register(os.fdopen(reading, "rb", buffering=0), selectors.EVENT_READ, (lane, first, process))
        return
    try:
        os.close(reading)
        for number in (signal.SIGALRM, signal.SIGPROF):
            signal.signal(number, signal.SIG_DFL)  # death, also inside a library
        target.prepare()
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + LIMIT_BYTES, used + LIMIT_BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        for number in numbers:
            os.write(writing, json.dumps([number, *_try(target, number)]).encode() + b"\n")
        os._exit(0)
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        os._exit(1)


def _try(target: Target, number: int) -> tuple[str, str]:
    path, data, case = target.case(number)
    path.write_bytes(data)
    signal.setitimer(signal.ITIMER_PROF, LIMIT_S)
    signal.setitimer(signal.ITIMER_REAL, WALL_LIMIT_S)
    try:
        wrong = target.attempt(path, case)
        return ("wrong", wrong) if wrong else ("ok", "")
    except Exception as error:
        chain = list(_chain(error))
        words = f"{type(error).__name__}: {error}"[:300]
        if any(isinstance(one, MemoryError) or any(word in str(one).lower() for word in _NO_MEMORY) for one in chain):
            return "memory", words
        return ("refused" if isinstance(error, target.expected) else "crash"), words
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        path.unlink(missing_ok=True)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _load(place: str | None, seed: int) -> dict[str, Any]:
    if place and Path(place).exists():
        state: dict[str, Any] = json.loads(Path(place).read_text())
        if state["seed"] != seed:
            raise SystemExit(f"{place} is of seed {state['seed']}: give --seed {state['seed']}, or another file")
        return state
    return {"seed": seed, "counts": {}, "done": {}}


def _save(place: str | None, state: dict[str, Any]) -> None:
    if place:
        Path(place).write_text(json.dumps(state))


if __name__ == "__main__":
    sys.exit(main())
