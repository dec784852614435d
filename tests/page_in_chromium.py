"""What tests of the page do with it: a server in a process of its own, a line that can be cut, a person's hands in Chromium."""

import base64
import contextlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--force-color-profile=srgb"]
# Only a page that never shows what it should takes as long; a busy machine does not.
WAIT_MS = 300_000
NEEDED = [
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for another process"),
    pytest.mark.skipif(importlib.util.find_spec("fastapi") is None, reason="the page needs fastapi, which is not installed"),
]
HISTORY = "document.querySelector('#viewer photo-viewer').tools.hints.history"


class Server:
    """`dancheong serve` on a folder of visits that outlives it, at one port."""

    def __init__(self, scratch, trained, *options):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        shutil.copy(trained / "model.h5", scratch / "second.h5")
        self.scratch = scratch
        self.command = [sys.executable, "-m", "dancheong", "serve", "--port", str(self.port), "--keep", str(scratch / "keep"),
                        "--model", str(trained / "model.h5"), "--model", str(scratch / "second.h5"), *options]
        self.address = f"http://127.0.0.1:{self.port}/"
        self.start()

    def start(self):
        environment = os.environ | {"TMPDIR": str(self.scratch), "PYTHONUNBUFFERED": "1"}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        self.process = subprocess.Popen(self.command, env=environment, text=True, **pipes)
        said = self.process.stdout.readline().strip()
        assert said == self.address, self.process.stderr.read()

    def kill(self):
        """As a loss of power does."""
        self.process.kill()
        self.process.communicate()
        assert self.process.returncode == -signal.SIGKILL

    def end(self):
        self.process.send_signal(signal.SIGINT)
        _, told = self.process.communicate(timeout=120)
        assert "Traceback" not in told, told


class Line:
    """A line between browser and server that can be cut: every connection breaks, and new ones are refused. A context."""

    def __init__(self, port):
        self.target, self.is_cut, self.open, self.threads = port, False, [], []
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        self._start(self._accept)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.listening.shutdown(socket.SHUT_RDWR)
        self._break()
        for thread in self.threads:
            thread.join()
        for end in (self.listening, *self.open):
            end.close()

    def _start(self, work, *arguments):
        self.threads.append(threading.Thread(target=work, args=arguments, daemon=True))
        self.threads[-1].start()

    def _break(self):
        for end in list(self.open):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _accept(self):
        while True:
            try:
                client, _ = self.listening.accept()
            except OSError:
                return
            if self.is_cut:
                client.close()
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                client.close()
                continue
            self.open += [client, server]
            for source, sink in ((client, server), (server, client)):
                self._start(self._carry, source, sink)

    def _carry(self, source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    @contextlib.contextmanager
    def cut(self):
        self.is_cut = True
        self._break()
        yield
        self.is_cut = False


def until(page, expression, arg=None):
    """Wait until an expression is true. The page forbids the evaluation of strings, so Playwright's own way is closed."""
    ended = time.monotonic() + WAIT_MS / 1000
    while not page.evaluate(expression, arg):
        assert time.monotonic() < ended, expression
        page.wait_for_timeout(50)


def ready(page):
    page.wait_for_selector("html[data-ready]")


def drop(page, *files):
    """Drop files on the page, as a person's mouse does."""
    listed = [[file.name, base64.b64encode(file.read_bytes()).decode()] for file in map(Path, files)]
    page.evaluate("""files => {
      const carried = new DataTransfer();
      for (const [name, text] of files)
        carried.items.add(new File([Uint8Array.from(atob(text), sign => sign.charCodeAt(0))], name));
      const at = document.elementFromPoint(innerWidth / 2, innerHeight / 2);
      for (const kind of ['dragenter', 'dragover', 'drop'])
        at.dispatchEvent(new DragEvent(kind, {bubbles: true, cancelable: true, dataTransfer: carried}));
    }""", listed)


def count(page, number, state=""):
    until(page, "([n, s]) => document.querySelectorAll(`#photographs li${s}`).length >= n",
          [number, f"[data-state={state}]" if state else ""])


def colored(page, *files):
    drop(page, *files)
    count(page, len(files))
    page.click("#go")
    page.wait_for_selector("#status.good")


def download(page, selector):
    with page.expect_download() as started:
        page.click(selector)
    return started.value.suggested_filename, Path(started.value.path()).read_bytes()


def in_view(page, selector):
    """Whether the middle of an element is on the screen and nothing lies over it."""
    return page.eval_on_selector(selector, """one => {
      const box = one.getBoundingClientRect(), x = box.left + box.width / 2, y = box.top + box.height / 2;
      return y > 0 && y < innerHeight && x > 0 && x < innerWidth && one.contains(document.elementFromPoint(x, y)); }""")


def middle_of(page):
    """The color in the middle of the right picture."""
    return page.evaluate("""async () => {
      const image = document.querySelector('.rightframe img'); await image.decode();
      const sheet = document.createElement('canvas'); sheet.width = sheet.height = 1;
      const pen = sheet.getContext('2d'), {naturalWidth: w, naturalHeight: h} = image;
      pen.drawImage(image, w / 2 - 2, h / 2 - 2, 4, 4, 0, 0, 1, 1);
      return [...pen.getImageData(0, 0, 1, 1).data].slice(0, 3); }""")


def outage(page, line, files, seconds):
    """Three cuts, and all is as it was."""
    drop(page, *files)
    count(page, 1)
    with line.cut():  # while it uploads
        page.wait_for_timeout(1000 * seconds)
        assert page.locator("#connection").is_visible()
    count(page, 6)
    assert page.locator("#photographs li").count() == 6
    page.click("#go")
    count(page, 1, "done")
    with line.cut():  # while it colors
        page.wait_for_timeout(1000 * seconds)
    count(page, 6, "done")
    with line.cut():  # while nothing happens
        page.wait_for_timeout(1000 * seconds)
    page.wait_for_selector("#connection", state="hidden")
    page.context.set_offline(True)  # a telephone knows that it has no network before a connection breaks
    page.wait_for_selector("#connection", state="visible")
    page.context.set_offline(False)
    page.wait_for_selector("#connection", state="hidden")
    assert download(page, "#zip")[1][:2] == b"PK"
    assert page.evaluate("performance.getEntriesByType('navigation')[0].type") == "navigate"  # the page did not load again
