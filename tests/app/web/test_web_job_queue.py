import threading

import pytest

from dancheong.app.web.job_queue import Busy, JobQueue


def test_one_at_a_time_in_order_and_the_line_is_bounded():
    together, most, order = [], [], []
    go = threading.Event()

    def work(number):
        def run(ticket):
            together.append(number)
            most.append(len(together))
            go.wait(20)
            order.append(number)
            together.remove(number)
            return number

        return run

    with JobQueue(places=2) as desk:
        first = desk.submit(work(0))
        while not first.began:
            assert not first.wait(0.01)
        waiting = [desk.submit(work(number)) for number in (1, 2)]
        with pytest.raises(Busy):
            desk.submit(work(3))
        assert [desk.ahead(ticket) for ticket in (first, *waiting)] == [0, 1, 2]
        go.set()
        assert [ticket.future.result(20) for ticket in (first, *waiting)] == [0, 1, 2]
        assert desk.submit(work(4)).future.result(20) == 4
    assert order == [0, 1, 2, 4]
    assert max(most) == 1


def test_an_error_is_the_ticket_s_and_the_next_is_served():
    def fails(ticket):
        raise ValueError("no")

    with JobQueue(places=5) as desk:
        bad, good = desk.submit(fails), desk.submit(lambda ticket: "fine")
        assert good.future.result(20) == "fine"
        assert isinstance(bad.future.exception(20), ValueError)


def test_a_cancelled_ticket_is_not_worked_on():
    go, done = threading.Event(), []
    with JobQueue(places=5) as desk:
        desk.submit(lambda ticket: go.wait(20))
        second = desk.submit(lambda ticket: done.append("worked"))
        second.cancel()
        go.set()
        assert second.future.result(20) is None
    assert done == []


def test_at_the_end_what_waits_is_dropped():
    go, began, done = threading.Event(), threading.Event(), []

    def slow(ticket):
        began.set()
        go.wait(20)

    with JobQueue(places=5) as desk:
        desk.submit(slow)
        began.wait(20)
        desk.submit(lambda ticket: done.append(1))
        threading.Timer(0.1, go.set).start()
    assert done == []
