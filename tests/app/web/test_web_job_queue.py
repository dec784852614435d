import threading

import pytest

from dancheong.app.web.job_queue import Busy, JobQueue


def test_one_at_a_time_in_order_and_the_queue_is_bounded():
    together, most, order = [], [], []
    go = threading.Event()

    def work(number):
        def run(job):
            together.append(number)
            most.append(len(together))
            go.wait(20)
            order.append(number)
            together.remove(number)
            return number

        return run

    with JobQueue(places=2) as queue:
        first = queue.submit(work(0))
        while not first.began:
            assert not first.wait(0.01)
        waiting = [queue.submit(work(number)) for number in (1, 2)]
        with pytest.raises(Busy):
            queue.submit(work(3))
        assert [queue.ahead(job) for job in (first, *waiting)] == [0, 1, 2]
        go.set()
        assert [job.future.result(20) for job in (first, *waiting)] == [0, 1, 2]
        assert queue.submit(work(4)).future.result(20) == 4
    assert order == [0, 1, 2, 4]
    assert max(most) == 1


def test_an_error_is_the_job_s_and_the_next_is_served():
    def fails(job):
        raise ValueError("no")

    with JobQueue(places=5) as queue:
        bad, good = queue.submit(fails), queue.submit(lambda job: "fine")
        assert good.future.result(20) == "fine"
        assert isinstance(bad.future.exception(20), ValueError)


def test_a_cancelled_job_is_not_worked_on():
    go, done = threading.Event(), []
    with JobQueue(places=5) as queue:
        queue.submit(lambda job: go.wait(20))
        second = queue.submit(lambda job: done.append("worked"))
        second.cancel()
        go.set()
        assert second.future.result(20) is None
    assert done == []


def test_at_the_end_what_waits_is_dropped():
    go, began, done = threading.Event(), threading.Event(), []

    def slow(job):
        began.set()
        go.wait(20)

    with JobQueue(places=5) as queue:
        queue.submit(slow)
        began.wait(20)
        queue.submit(lambda job: done.append(1))
        threading.Timer(0.1, go.set).start()
    assert done == []
