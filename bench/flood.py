"""One device that floods: how long the frames of fifty others wait for their receipts meanwhile.

limit   the same without a flood
peers   the same gateway without its buckets, as a gateway is that takes what comes in turn
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Final

from bench.flooder import write_messages
from bench.measure import Table, run
from bench.world import Fleet
from firmware_sim.enrolment import Enrolment
from firmware_sim.link import Arrival, Happened, Link
from gateway.service import USUAL
from tests.support.broker import Broker
from tests.support.gateway import REAL, GatewayProcess, wait_until
from tests.support.sensor import SITE
from tests.support.sensor import World as GatewayWorld
from tests.support.world import World, make_world
from traceability.operations.credentials import Credential, replace_credential
from traceability.operations.ingest import Message
from traceability.sensing.receipt import open_receipt
from traceability.signing.keys import receipt_key

HONEST: Final = 50
READINGS: Final = 10
RATE: Final = 50.0
"""Frames a second of all honest devices together."""
PACED: Final = 3_000.0
"""Messages a second of a flood that a gateway can receive beside everything else."""
PIECE_S: Final = 0.005
LAST_S: Final = 5.0
"""So long the last receipts are waited for."""
WITHOUT: Final = f"import gateway.flood as flood; flood.AT_ONCE = 10**9; {REAL}"
BUCKETS: Final = {"FT_DEVICE_RATE": str(USUAL.rate), "FT_DEVICE_BURST": str(USUAL.burst)}
NONE, NEW, AGAIN, OWN, OTHERS = (
    "none",
    "new frames",
    "one frame, again and again",
    "noise on its own topic",
    "noise on an honest device's topic",
)


@dataclass(frozen=True, slots=True)
class Flood:
    """What comes, how fast (0: as fast as the broker takes it), and what stands against it."""

    kind: str
    rate: float
    buckets: bool
    doorkeeper: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """Milliseconds from publishing to the receipt for each answered honest frame, in order; messages."""

    waits_ms: list[float]
    unanswered: int
    flood: int


class Scene:
    """Fifty honest devices and one that floods; broker and gateway are new for each flood."""

    def __init__(self, folder: Path, seconds: float) -> None:
        self.world = make_world(folder / "node", f"sqlite:///{folder / 'node.sqlite'}")
        self.folder, self.seconds = folder, seconds
        self.liar = Fleet(self.world, 1, READINGS)
        self.seen = GatewayWorld(self.world.node, self.world.store, "", "")

    def _renew(self) -> None:
        """Other honest devices: what a flood left unanswered is a hole that no later receipt names."""
        self.honest = Fleet(self.world, HONEST, READINGS)
        with self.world.store.transaction() as tx:
            probes = [*self.honest.probes, *self.liar.probes]
            self.shown = {p.device: replace_credential(tx, p.device, "", SITE) for p in probes}

    def play(self, flood: Flood, number: int) -> Seen:
        """One flood while the honest devices send."""
        self._renew()
        path = self.folder / "messages"
        messages = self._messages(flood.kind, number)
        write_messages(path, [(m.topic, m.payload) for m in messages])
        program, settings = (REAL, BUCKETS) if flood.buckets else (WITHOUT, {})
        with ExitStack() as stack:
            broker = stack.enter_context(closing(Broker(self.world.node if flood.doorkeeper else None)))
            broker.start()
            if flood.doorkeeper:
                stack.enter_context(self._doorkeeper(broker))
            made = GatewayProcess(self.seen, broker.url, self.folder, program, **settings)
            stack.enter_context(made).wait_connected()
            flooder = self._start(broker, path, flood) if messages else None
            waits_ms, unanswered = self._listen(broker, flood.doorkeeper)
            sent = int(flooder.communicate()[0]) if flooder else 0
        return Seen(waits_ms, unanswered, sent)

    @contextmanager
    def _doorkeeper(self, broker: Broker) -> Iterator[None]:
        """The doorkeeper at work, as a process."""
        environ = {name: value for name, value in os.environ.items() if name[:3] != "FT_"}
        environ |= {"FT_DATA": str(self.world.node.folder), "FT_DATABASE_URL": self.world.store.url}
        command = [sys.executable, "-m", "traceability", "broker", "admit", "--nats", broker.nats_url]
        with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE) as keeper:
            assert keeper.stderr is not None
            keeper.stderr.readline()  # it is at work
            yield
            keeper.terminate()

    def _messages(self, kind: str, number: int) -> list[Message]:
        if kind in {NEW, AGAIN}:
            return self.liar.messages(number if kind == NEW else 1)
        if kind == NONE:
            return []
        topic = (self.liar if kind == OWN else self.honest).probes[0].topic
        return [Message(topic, secrets.token_bytes(500)) for _ in range(1_000)]

    def _start(self, broker: Broker, path: Path, flood: Flood) -> subprocess.Popen[str]:
        liar = self.liar.probes[0].device
        shown = self.shown[liar]
        who = [liar, shown.username, shown.password] if flood.doorkeeper else []
        told = [broker.url, str(path), str(self.seconds + 1), str(flood.rate), *who]
        command = [sys.executable, "-m", "bench.flooder", *told]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def _listen(self, broker: Broker, doorkeeper: bool) -> tuple[list[float], int]:
        """Connect, send evenly, wait a little for the last receipts, and reckon."""
        with Devices(self.world, self.honest, broker, self.shown if doorkeeper else {}) as devices:
            frames = self.honest.messages(int(RATE * self.seconds) // HONEST * HONEST)
            began_s, pause, done = time.perf_counter(), threading.Event(), 0
            while done < len(frames):
                due = min(len(frames), int((time.perf_counter() - began_s) * RATE))
                for frame in frames[done:due]:
                    devices.send(frame)
                done = due
                pause.wait(PIECE_S)
            pause.wait(LAST_S)
            waits_ms = sorted(devices.waits_ms())
        return waits_ms, len(frames) - len(waits_ms)


class Devices:
    """The honest devices on connections of their own."""

    def __init__(self, world: World, fleet: Fleet, broker: Broker, shown: dict[str, Credential]) -> None:
        self._arrivals: SimpleQueue[Arrival] = SimpleQueue()
        self._heard: dict[str, list[tuple[float, bytes]]] = defaultdict(list)
        self._sent: dict[str, list[float]] = defaultdict(list)
        self._first = {probe.device: probe.counter for probe in fleet.probes}
        self._secrets = {p.device: receipt_key(world.node.secret, p.device) for p in fleet.probes}
        self._links: dict[str, Link] = {}
        self._connected = 0
        for probe in fleet.probes:
            word = shown.get(probe.device, Credential("", ""))
            told = (probe.device, probe.uri, world.node.name, SITE, bytes(32), word.username, word.password)
            self._links[probe.device] = Link(probe.device, Enrolment(*told), broker.url, self._arrivals)
        self._thread = threading.Thread(target=self._hear)

    def __enter__(self) -> Devices:
        self._thread.start()
        for link in self._links.values():
            link.open()
        wait_until(lambda: self._connected >= len(self._links), "all devices connect")
        return self

    def __exit__(self, *_: object) -> None:
        for link in self._links.values():
            link.close()
        self._arrivals.put(Arrival("", Happened.STOP))
        self._thread.join()

    def send(self, frame: Message) -> None:
        """Publish a frame and remember when."""
        device = frame.topic.split("/")[3]
        self._sent[device].append(time.perf_counter())
        self._links[device].send(frame.payload)

    def waits_ms(self) -> Iterator[float]:
        """For each frame that was answered, until the first receipt that settles it."""
        for device, times in self._sent.items():
            receipts = [
                (s, open_receipt(self._secrets[device], body).counter) for s, body in self._heard[device]
            ]
            for counter, at_s in enumerate(times, self._first[device]):
                settling = [s for s, settled in receipts if settled >= counter]
                if settling:
                    yield 1000 * (min(settling) - at_s)

    def _hear(self) -> None:
        while (arrival := self._arrivals.get()).happened is not Happened.STOP:
            if arrival.happened is Happened.RECEIPT:
                self._heard[arrival.name].append((time.perf_counter(), arrival.payload))
            self._connected += arrival.happened is Happened.CONNECTED


FLOODS: Final = (
    Flood(NONE, 0, buckets=True, doorkeeper=False),
    *(Flood(kind, PACED, on, doorkeeper=False) for kind in (NEW, AGAIN, OWN, OTHERS) for on in (True, False)),
    Flood(NONE, 0, buckets=True, doorkeeper=True),
    *(Flood(kind, 0, buckets=True, doorkeeper=True) for kind in (NEW, AGAIN, OWN)),
    *(Flood(kind, 0, buckets=True, doorkeeper=False) for kind in (NEW, OTHERS)),
)


def measure(full: bool, folder: Path) -> Iterator[Table]:
    """Every flood once; those at full speed at a broker with a doorkeeper, and without."""
    seconds, number = (60.0, 14_000) if full else (8.0, 5_000)
    scene = Scene(folder, seconds)
    rows = [_row(flood, scene.play(flood, number)) for flood in FLOODS]
    head = [
        "flood",
        "buckets",
        "doorkeeper",
        "its messages",
        "p50, ms",
        "p99, ms",
        "longest, ms",
        "unanswered",
    ]
    note = (
        f"{seconds:.0f} s each, SQLite; {HONEST} honest devices send {RATE:.0f} frames/s of {READINGS}"
        f" readings together, each once; the flood sends {PACED:,.0f} messages/s, or as fast as it can"
        " with 1,000 unacknowledged, and comes back when it is thrown out. All share two cores."
    )
    yield Table("A flood, and how long others wait for their receipts", head, rows, note)
    scene.world.store.close()


def _row(flood: Flood, seen: Seen) -> list[str]:
    waits, yes = seen.waits_ms or [float("inf")], {True: "yes", False: "no"}
    places = (waits[min(len(waits) - 1, int(p * len(waits)))] for p in (0.5, 0.99, 1.0))
    name = flood.kind if flood.kind == NONE or flood.rate else f"{flood.kind}, full speed"
    figures = (f"{seen.flood:,}", *(f"{place:,.0f}" for place in places), f"{seen.unanswered:,}")
    return [name, yes[flood.buckets], yes[flood.doorkeeper], *figures]


if __name__ == "__main__":
    run(("flood", measure))
