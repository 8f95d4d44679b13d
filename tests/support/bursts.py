"""Devices that publish bursts of frames, each frame exactly once, and what is there of them in the end."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager

from bench.faults import Came
from tests.support.gateway import DEADLINE_S, Publisher, wait_until
from tests.support.sensor import Sensor, World
from tests.support.witnessed import Witnessed, doubled, lost
from traceability.operations.audit import audit
from traceability.operations.publish import publish as publish_log
from traceability.sensing.receipt import open_receipt

SLOWEST = 100
"""So many frames a second are taken at least, also in many small handfuls on a busy machine."""

Moment = tuple[Sensor, bytes]
"""A device, and the frame that it sends."""


def burst(sensors: Sequence[Sensor], count: int) -> list[Moment]:
    """The next frames of several devices, in turn."""
    return [(sensor, sensor.frame()) for sensor, _ in zip(_in_turn(sensors), range(count), strict=False)]


def _in_turn(sensors: Sequence[Sensor]) -> Iterator[Sensor]:
    while True:
        yield from sensors


def publish(publisher: Publisher, moments: Sequence[Moment]) -> None:
    """Each frame exactly once; returns when the broker has them all."""
    for sensor, body in moments:
        publisher.send(sensor.topic, body)
    wait_until(lambda: publisher.kept == publisher.sent, "the broker takes the frames")


@contextmanager
def publishing_meanwhile(publisher: Publisher, moments: Sequence[Moment]) -> Iterator[None]:
    """The same, while the block runs; it ends when the broker has them all."""
    thread = threading.Thread(target=publish, args=(publisher, moments))
    thread.start()
    try:
        yield
    finally:
        thread.join()


@contextmanager
def locked(world: World) -> Iterator[None]:
    """Nobody can commit meanwhile."""
    path = world.store.url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def wait_until_accepted(world: World, count: int) -> None:
    """Return once so many statements are accepted in all; who has many to catch up with gets longer."""
    missing = count - world.accepted_count()
    try:
        wait_until(
            lambda: world.accepted_count() >= count,
            f"{count} statements are accepted",
            DEADLINE_S + max(missing, 0) / SLOWEST,
        )
    except AssertionError as error:
        error.add_note(f"{world.accepted_count()} are")
        raise


def wait_until_receipted(publisher: Publisher, sensors: Collection[Sensor]) -> None:
    """Return once the devices hold a receipt for every frame that they made."""
    wait_until(lambda: receipted(publisher, sensors) == made(sensors), "every frame is receipted")


def receipted(publisher: Publisher, sensors: Collection[Sensor]) -> int:
    """How many frames the devices hold a receipt for."""
    return sum(
        max((open_receipt(s.receipt_key, r).counter + 1 for r in publisher.receipts[s.device]), default=0)
        for s in sensors
    )


def made(sensors: Collection[Sensor]) -> int:
    """How many statements devices have made."""
    return sum(len(sensor.made) for sensor in sensors)


class Watched:
    """A world whose log is published now and then, by somebody who remembers every checkpoint."""

    def __init__(self, world: World) -> None:
        self.world, self.seen = world, Witnessed(world.store, world.node)

    def publish(self) -> None:
        """Publish what is new, and see it."""
        publish_log(self.world.store, self.world.node)
        self.seen.look()

    def came(self, what: str, rounds: int, sensors: Collection[Sensor]) -> Came:
        """What is there in the end; the node's own audit must find nothing."""
        self.publish()
        world = self.world
        assert audit(world.store, world.node, workers=1).lines()[:-1] == []
        missing, twice = lost(world, sensors), doubled(world)
        return Came(what, rounds, made(sensors), missing, twice, self.seen.strays())
