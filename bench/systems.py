"""What takes messages from a broker: our gateway, what others use, and a subscriber that does nothing.

Each has a broker of its own, whose session for it outlives its process.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import Final, Protocol

from sqlalchemy import func, select

from bench.peers import Package, Peer, numbers_in, text_of
from bench.world import HANDFUL, Fleet, measurements
from tests.support.broker import Broker
from tests.support.gateway import GatewayProcess, publishing
from tests.support.sensor import World as GatewayWorld
from tests.support.world import World
from traceability.operations.ingest import Message
from traceability.store import models

POLL_S: Final = 0.02
DEADLINE_S: Final = 600.0
QUIET_S: Final = 10.0
"""Who stores nothing for so long has nothing more to store."""


class System(Protocol):
    """One program beside its broker.

    Attributes:
        name: as printed.
        broker: running.
        backlog: whether it stores messages as it takes them out of the broker, not long after.
    """

    name: str
    broker: Broker
    backlog: bool

    def messages(self, number: int) -> list[Message]:
        """The next messages for it."""

    def start(self) -> None:
        """Start its process."""

    def wait_ready(self) -> None:
        """Return when it takes messages."""

    def kill(self) -> None:
        """SIGKILL."""

    def stored(self) -> int:
        """How many messages it ever stored."""

    def cpu_s(self) -> float:
        """CPU seconds of its process so far."""

    def copies(self, messages: Sequence[Message]) -> list[int]:
        """How often it holds each of these."""


class Gateway:
    """Our gateway; the world is its own as long as it runs."""

    backlog = True

    def __init__(self, name: str, world: World, fleet: Fleet, broker: Broker, folder: Path) -> None:
        self.name, self.fleet, self.broker = name, fleet, broker
        self.seen, self._folder = GatewayWorld(world.node, world.store, "", ""), folder
        self.start()
        try:
            self.process.wait_connected()
        finally:
            self.kill()

    def _new(self) -> GatewayProcess:
        return GatewayProcess(self.seen, self.broker.url, self._folder)

    def messages(self, number: int) -> list[Message]:
        return self.fleet.messages(number)

    def start(self) -> None:
        self.scrub()
        self.process = self._new()
        self.process.go()

    def wait_ready(self) -> None:
        self.process.wait_connected()

    def scrub(self) -> None:
        """Empty the WAL, as a node's publisher does every few seconds."""
        self.seen.store.scrub()

    def kill(self) -> None:
        self.process.kill()

    def stored(self) -> int:
        with self.seen.store.reading() as connection:
            return int(connection.execute(select(func.sum(models.Tally.accepted))).scalar_one() or 0)

    def cpu_s(self) -> float:
        return process_cpu_s(self.process.process.pid)

    def copies(self, messages: Sequence[Message]) -> list[int]:
        record, statement = models.Record, models.Statement
        held = select(record.statement).join(statement, statement.sha256 == record.statement)
        with self.seen.store.reading() as connection:
            names = Counter(connection.execute(held).scalars())
        return [names[hashlib.sha256(m.payload).digest()] for m in messages]


class Other:
    """What others use, with JSON of the same readings in as many bytes."""

    backlog = False

    def __init__(self, package: Package, broker: Broker, folder: Path, readings: int, size: int) -> None:
        self.name, self.broker = package.name, broker
        self._peer = Peer(package, self.broker.port, folder)
        self._numbers, self._source, self._size = count(1), measurements(0, readings), size
        self.start()
        try:
            while not self.stored():  # what comes before it has subscribed goes nowhere
                send(self.broker, self.messages(1))
        finally:
            self.kill()

    def messages(self, number: int) -> list[Message]:
        some = zip(islice(self._source, number), self._numbers, strict=False)
        return [Message(self._peer.topic, text_of(n, readings, self._size)) for readings, n in some]

    def start(self) -> None:
        self._peer.start()

    def wait_ready(self) -> None:
        """It is, when it was started."""

    def kill(self) -> None:
        self._peer.kill()

    def stored(self) -> int:
        return self._peer.stored()

    def cpu_s(self) -> float:
        return process_cpu_s(self._peer.pid)

    def copies(self, messages: Sequence[Message]) -> list[int]:
        held = Counter(self._peer.numbers())
        return [held[number] for m in messages for number in numbers_in(m.payload.decode())]


@dataclass(frozen=True, slots=True)
class Drained:
    """Messages a second, and CPU seconds a message of the process that took them."""

    rate: float
    cpu_s: float


def drain(system: System, messages: Sequence[Message]) -> Drained:
    """Let a system take messages, from the first that is stored to the last.

    They wait in its broker when it starts, unless it would take them long before it stores one.
    """
    number, before = len(messages), system.stored()
    sending = threading.Thread(target=send, args=(system.broker, messages))
    first, then = (sending.run, system.start) if system.backlog else (system.start, sending.start)
    try:
        first()
        then()
        had = wait_for(system, before + 1)
        began_s, spent_s = time.perf_counter(), system.cpu_s()
        has = wait_for(system, before + number)
        took_s, cpu_s = time.perf_counter() - began_s, system.cpu_s() - spent_s
    finally:
        system.kill()
    if has == had:
        raise RuntimeError(f"{number} messages are too few to measure {system.name}")
    return Drained((has - had) / took_s, cpu_s / (has - had))


def receive(broker: Broker, name: str, messages: Sequence[Message]) -> Drained:
    """The same by a subscriber that acknowledges them and does nothing."""
    command = [sys.executable, "-m", "bench.subscriber", broker.url, name]
    subprocess.run([*command, "0"], check=True, timeout=DEADLINE_S)
    send(broker, [Message(f"{name}/{m.topic}", m.payload) for m in messages])
    done = subprocess.run(
        [*command, str(len(messages))], check=True, timeout=DEADLINE_S, stdout=subprocess.PIPE, text=True
    )
    took_s, cpu_s = map(float, done.stdout.split())
    number = len(messages) - HANDFUL
    return Drained(number / took_s, cpu_s / number)


@dataclass(frozen=True, slots=True)
class Lost:
    """What became of messages that a broker acknowledged, with one kill -9 among them."""

    sent: int
    before: int
    """Stored when it was killed."""
    lost: int
    twice: int


def kill_among(system: System, number: int, share: float) -> Lost:
    """Send messages as fast as the broker takes them, and kill the system when a share of them is stored."""
    messages, before = system.messages(number), system.stored()
    sending = threading.Thread(target=send, args=(system.broker, messages))
    system.start()
    try:
        sending.start()
        at_kill = wait_for(system, before + int(share * number)) - before
        system.kill()
        sending.join()
        system.start()
        system.wait_ready()
        _wait_until_quiet(system, before + number)
    finally:
        system.kill()
    copies = system.copies(messages)
    return Lost(number, at_kill, copies.count(0), sum(held > 1 for held in copies))


def send(broker: Broker, messages: Sequence[Message]) -> None:
    """Hand messages to a broker and wait until it has them all."""
    with publishing(broker.url) as publisher:
        for info in [publisher.send(message.topic, message.payload) for message in messages]:
            info.wait_for_publish(DEADLINE_S)
            if not info.is_published():
                raise RuntimeError("the broker does not take the messages")


def wait_for(system: System, number: int) -> int:
    """Return once so many are stored: how many there are then."""
    until_s, pause = time.monotonic() + DEADLINE_S, threading.Event()
    while (stored := system.stored()) < number:
        if time.monotonic() > until_s:
            raise RuntimeError(f"{system.name} stored {stored} of {number} in {DEADLINE_S:.0f} s")
        pause.wait(POLL_S)
    return stored


def _wait_until_quiet(system: System, enough: int) -> None:
    """Return when so many are stored, or when no more come."""
    stored, since_s, pause = system.stored(), time.monotonic(), threading.Event()
    while stored < enough and time.monotonic() < since_s + QUIET_S:
        pause.wait(POLL_S)
        if (now := system.stored()) != stored:
            stored, since_s = now, time.monotonic()


def process_cpu_s(pid: int) -> float:
    """User and system time of a running process (proc_pid_stat(5), fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def running_broker() -> Iterator[Broker]:
    """A broker for one system, gone at the end of the block."""
    broker = Broker()
    try:
        broker.start()
        yield broker
    finally:
        broker.close()
