"""Signals that ask a program to stop."""

import os
import signal
import sys
import threading

import pytest

from dancheong.system.signals import signals_handled, stop_requests


@pytest.mark.skipif(sys.platform == "win32", reason="there is no signal to send to a process")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_request_is_noted_and_the_second_interrupts(number):
    before = signal.getsignal(number)
    with stop_requests() as asked:
        assert not asked()
        os.kill(os.getpid(), number)
        assert asked()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
    assert signal.getsignal(number) is before


def test_a_name_that_the_system_does_not_know_is_passed_over():
    with signals_handled(lambda number, frame: None, ("SIGINT", "SIGNOTHING")):
        assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_another_thread_than_the_main_one_changes_no_handler():
    found = []

    def work():
        with stop_requests() as asked:
            found.append((asked(), signal.getsignal(signal.SIGINT)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [(False, signal.default_int_handler)]
