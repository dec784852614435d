"""What other work on the machine costs: processor seconds of a folder and of the demo, quiet and beside busy processes.

    python benchmarks/bench_busy.py [--beside 8] [--count 155] [--rounds 3] [--demo]

The busy processes add numbers and do nothing else. Processor seconds grow where threads spin while they wait for one that
has no core, and where cores and caches are shared: so one thread that only counts is run as well.
Whole processes, quiet and busy in turns. The last line is JSON: medians.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dancheong.artifact import SHIPPED_COLORIZER
from material import Measured, gray_scenes, machine, predict_words, run_measured

_BUSY = "x = 0\nwhile True: x += 1"
# One thread that never waits: what it takes more, the processor gives less beside other work.
_CONTROL = "for x in range(60_000_000): pass"


@contextmanager
def busy(count: int) -> Iterator[None]:
    """`count` processes that take what processor time they are given, for the time of the block."""
    others = [subprocess.Popen([sys.executable, "-c", _BUSY]) for _ in range(count)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def figures(quiet: list[Measured], beside: list[Measured]) -> dict[str, float]:
    """Medians of processor and wall seconds, and how much more processor time the busy machine took."""
    cpu, cpu_busy = (statistics.median(one.cpu_seconds for one in runs) for runs in (quiet, beside))
    wall, wall_busy = (statistics.median(one.seconds for one in runs) for runs in (quiet, beside))
    return {
        "cpu_s": round(cpu, 2), "cpu_busy_s": round(cpu_busy, 2), "ratio": round(cpu_busy / cpu, 2),
        "wall_s": round(wall, 2), "wall_busy_s": round(wall_busy, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--beside", type=int, default=8)
    parser.add_argument("--count", type=int, default=155)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--demo", action="store_true")
    given = parser.parse_args()

    found: dict[str, object] = {"machine": machine(), "beside": given.beside}
    with tempfile.TemporaryDirectory() as folder:
        photographs = Path(folder, "photographs")
        gray_scenes(photographs, given.count)
        tasks = {"control": lambda out: [sys.executable, "-c", _CONTROL]}
        tasks["predict"] = lambda out: predict_words(SHIPPED_COLORIZER, photographs, out)
        if given.demo:
            tasks["demo"] = lambda out: [sys.executable, "-m", "dancheong", "demo", "-o", str(out)]
        quiet, beside = ({name: [] for name in tasks} for _ in range(2))
        for number in range(given.rounds):
            for name, words in tasks.items():
                quiet[name].append(run_measured(words(Path(folder, f"{name}_quiet_{number}"))))
            with busy(given.beside):
                for name, words in tasks.items():
                    beside[name].append(run_measured(words(Path(folder, f"{name}_busy_{number}"))))
            print({name: (quiet[name][-1].cpu_seconds, beside[name][-1].cpu_seconds) for name in tasks}, flush=True)
        for name in tasks:
            found[name] = figures(quiet[name], beside[name])
    print(json.dumps(found))


if __name__ == "__main__":
    main()
