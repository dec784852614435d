"""What the page bears and costs: `tools/page_trials.py [first memory cuts killed visitors]`, a line of JSON for each.

- first: presses and seconds from the address to the first colored photograph, weight of the page
- memory: of the server idle, after 60 photographs of a quarter of a megapixel, after one of 61
- cuts: the network is cut for 1, 10 and 100 s while photographs go up, are colored, and while nothing happens
- killed: the server is ended by SIGKILL in a batch of 30 and started again
- visitors: 50 at once (`benchmarks/bench_web.py`)

The server colors with the model that comes along. Cuts and the killing are those of the page's tests. Linux, with Chromium.
"""

import importlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import sync_playwright

from dancheong.app.web.client import Page
from dancheong.imaging.files import write_photo
from dancheong.prediction.shipped import shipped_model_path
from dancheong.scenes import scene

ROOT = Path(__file__).resolve().parent.parent
PHOTOGRAPHS, KILLED = 60, 30


def of_the_tests(module: str) -> Any:
    """A module of the page's tests: `page_in_chromium` has a server, a line that can be cut, and what a person does."""
    sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests/app/web")]
    return importlib.import_module(module)


class Trials:
    """All of it, in one browser, with a folder of scratch for each."""

    def __init__(self, browser: Any, scratch: Path) -> None:
        self.tests, self.browser, self.scratch = of_the_tests("page_in_chromium"), browser, scratch
        shutil.copyfile(shipped_model_path(), scratch / "model.h5")

    @contextmanager
    def served(self, name: str) -> Iterator[Any]:
        """A server with the model that comes along."""
        folder = self.scratch / name
        folder.mkdir()
        server = self.tests.Server(folder, self.scratch)
        try:
            yield server
        finally:
            with suppress(ProcessLookupError):
                server.process.kill()
            server.process.communicate()

    def visit(self, address: str = "", **_: Any) -> Any:
        """A browser that knows nothing of the page yet."""
        page = self.browser.new_context(locale="en-US", viewport={"width": 1280, "height": 800}).new_page()
        page.set_default_timeout(self.tests.WAIT_MS)
        page.goto(address)
        self.tests.ready(page)
        return page

    def first(self) -> dict[str, Any]:
        with self.served("first") as server:
            sizes: list[int] = []
            page = self.browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
            page.set_default_timeout(self.tests.WAIT_MS)
            parts = ("responseBodySize", "responseHeadersSize")
            page.on("requestfinished", lambda one: sizes.append(sum(one.sizes()[part] for part in parts)))
            began = time.monotonic()
            page.goto(server.address)
            self.tests.ready(page)
            opened, weight = time.monotonic() - began, list(sizes)
            page.click("#sample")
            page.wait_for_selector("#status.good")
            self.tests.until(page, "document.querySelector('.rightframe img')?.naturalWidth === 1200")
            seconds = {"seconds_to_first_use": round(opened, 1), "seconds_to_color": round(time.monotonic() - began, 1)}
            return {"presses": 1, **seconds, "page_kb": round(sum(weight) / 1000), "requests": len(weight)}

    def memory(self) -> dict[str, Any]:
        with self.served("memory") as server:
            found = {"idle_mb": resident_mb(server.process.pid)}
            client, path = Page(server.address), self.scratch / "photograph.jpg"
            small, numbers = scene(0, 600, 400)[..., 1], []
            for number in range(PHOTOGRAPHS):
                write_photo(path, np.roll(small, number, axis=1))
                numbers.append(client.upload(path))
            client.color(numbers)
            found[f"after_{PHOTOGRAPHS}_mb"] = resident_mb(server.process.pid)
            large = np.kron(small, np.ones((16, 16), np.uint8))
            write_photo(path, large)
            done = client.color([client.upload(path)])
            assert [one["state"] for one in done.values()] == ["done"]
            return found | {f"after_{large.size / 1e6:.0f}_megapixels_mb": resident_mb(server.process.pid)}

    def cuts(self) -> dict[str, Any]:
        noise, files = np.random.default_rng(1), []
        for number in range(6):
            files.append(self.scratch / f"{number}.png")
            write_photo(files[-1], noise.integers(0, 255, (700, 900), np.uint8))
        with self.served("cuts") as server:
            for seconds in (1, 10, 100):
                with self.tests.Line(server.port) as line:
                    page = self.visit(f"http://127.0.0.1:{line.port}/")
                    self.tests.outage(page, line, files, seconds)  # raises where anything is lost
                    page.context.close()
        return {"cut_s": [1, 10, 100], "while": ["upload", "coloring", "idle"], "lost": 0}

    def killed(self) -> dict[str, Any]:
        folder = self.scratch / "killed"
        folder.mkdir()
        kept = of_the_tests("test_web_page_kept")
        kept.test_a_server_that_is_killed_in_a_batch_of_30_goes_on_where_it_was(self.visit, self.scratch, folder)
        return {"batch": KILLED, "lost": 0, "done_twice": 0}

    def visitors(self) -> dict[str, Any]:
        command = [sys.executable, ROOT / "benchmarks/bench_web.py", "--model", self.scratch / "model.h5"]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        return dict(json.loads(done.stdout.splitlines()[-1]))


def resident_mb(process: int) -> int:
    """Resident memory in MB of 10^6 bytes (Linux)."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text(encoding="utf-8"))
    return round(int(found[1]) * 1024 / 1e6) if found else 0


def processor() -> str:
    """What the system calls it."""
    found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    return f"{len(os.sched_getaffinity(0))} cores of {found[1] if found else 'a processor'}"


def main() -> None:
    """Run the trials that are named, or all."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        tests = of_the_tests("page_in_chromium")
        trials = Trials(driver.chromium.launch(executable_path=tests.CHROMIUM, args=tests.FLAGS), Path(folder))
        print(json.dumps({"processor": processor()}), flush=True)
        for name in sys.argv[1:] or ("first", "memory", "cuts", "killed", "visitors"):
            act: Callable[[], dict[str, Any]] = getattr(trials, name)
            began = os.getloadavg()[0]
            found = act()
            print(json.dumps({"trial": name, **found, "load": [round(began), round(os.getloadavg()[0])]}), flush=True)
        trials.browser.close()


if __name__ == "__main__":
    main()
