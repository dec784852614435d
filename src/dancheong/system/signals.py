"""Signals that ask a program to stop."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

STOP = ("SIGINT", "SIGTERM")


@contextmanager
def signals_handled(
    handler: Callable[[int, Any], Any] | signal.Handlers, names: tuple[str, ...] = STOP
) -> Iterator[None]:
    """Let `handler` (number, frame) answer signals in the block; afterwards they are answered as before.

    Changes nothing in a thread other than the main one, where Python sets no handlers. A name that the system does not
    know, such as SIGHUP on Windows, is passed over.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


@contextmanager
def stop_requests() -> Iterator[Callable[[], bool]]:
    """Yield a function that tells whether Ctrl-C or SIGTERM came in the block; a second one raises KeyboardInterrupt."""
    asked = threading.Event()

    def ask(number: int, frame: object) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    with signals_handled(ask):
        yield asked.is_set
