"""Trying again: later each time, each device at another time, and never all at once."""

from __future__ import annotations

import socket
from queue import SimpleQueue

from firmware_sim.backoff import Backoff
from firmware_sim.link import Link
from tests.support.fakenode import FakeNode
from traceability.signing.keys import PrivateKey


def waits(seed: str, count: int = 6) -> list[float]:
    backoff = Backoff(seed, 1.0, 8.0)
    return [backoff.next_s() for _ in range(count)]


def test_waits_lie_below_a_bound_that_doubles_and_are_short_again_after_a_success():
    for number in range(50):
        for wait_s, bound_s in zip(waits(f"{number}"), (1, 2, 4, 8, 8, 8), strict=True):
            assert 0 <= wait_s <= bound_s
    assert max(max(waits(f"{number}")) for number in range(50)) > 4
    backoff = Backoff("one", 1.0, 8.0)
    for _ in range(6):
        backoff.next_s()
    backoff.reset()
    assert backoff.next_s() <= 1.0


def test_a_crowd_that_lost_its_broker_at_one_instant_comes_back_evenly():
    firsts = sorted(waits(f"device-{number}", 1)[0] for number in range(1000))
    assert max(sum(at <= w < at + 0.1 for w in firsts) for at in firsts) < 150
    assert waits("one") == waits("one")


class Counted(Backoff):
    """Waits a hundredth of a second, and says that it was asked."""

    def __init__(self) -> None:
        super().__init__("counted")
        self.asked: SimpleQueue[None] = SimpleQueue()

    def next_s(self) -> float:
        self.asked.put(None)
        return 0.01


def test_a_link_waits_by_it_whether_the_connection_breaks_or_nobody_answers():
    backoff = Counted()
    with socket.create_server(("127.0.0.1", 0)) as server:
        enrolment = FakeNode().enrol(PrivateKey.generate().public)
        url = f"mqtt://127.0.0.1:{server.getsockname()[1]}"
        link = Link("one", enrolment, url, SimpleQueue(), backoff=backoff)
        server.settimeout(10)
        link.open()
        for _ in range(2):
            server.accept()[0].close()
            backoff.asked.get(timeout=10)
    for _ in range(3):
        backoff.asked.get(timeout=10)
    link.close()
