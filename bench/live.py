"""A gateway at half of what it can: how long until a reading stays, and how much memory it takes.

What a receipt says is looked up at once, through a connection of its own: the row must be there.
"""

from __future__ import annotations

import bisect
import sqlite3
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from bench.measure import Table, resident_mb
from bench.systems import DEADLINE_S, Gateway, running_broker, send, wait_for
from bench.world import Fleet
from tests.support.gateway import Publisher, publishing, wait_until
from tests.support.sensor import SITE
from tests.support.world import World
from traceability.operations.ingest import Message
from traceability.sensing.receipt import open_receipt
from traceability.signing.keys import receipt_key
from traceability.store import models

DEVICES: Final = 10
CROWD: Final = 100
"""Devices whose frames memory is watched over: a million frames of one device would reach into the future."""
READINGS: Final = 10
PIECE_S: Final = 0.005
MARKS: Final = (0.2, 0.6, 1.0)
CHUNK: Final = 5_000
_STATEMENT: Final = (
    f"SELECT counter FROM {models.DeviceStatement.__tablename__} WHERE device = ? AND sha256 = ?"
)
KINDS: Final = {"VmRSS": "all", "RssAnon": "its own", "RssFile": "of files, also of the database"}


def measure(world: World, folder: Path, rate: float, frames: int, seconds: float) -> Iterator[Table]:
    """Latency at a rate, in frames a second; and memory over so many frames."""
    with _gateway(world, folder, DEVICES) as gateway:
        yield _latency(gateway, world, rate, seconds)
    with _gateway(world, folder, CROWD) as gateway:
        yield _memory(gateway, frames)


@contextmanager
def _gateway(world: World, folder: Path, devices: int) -> Iterator[Gateway]:
    """A gateway at work, for that many devices."""
    with running_broker() as broker:
        gateway = Gateway("gateway", world, Fleet(world, devices, READINGS), broker, folder)
        gateway.start()
        try:
            gateway.process.wait_connected()
            yield gateway
        finally:
            gateway.kill()


class Receipts:
    """A connection that hears all receipts, and looks up what each of them says.

    It looks up by SQLite's own module: through SQLAlchemy it would fall behind the gateway.

    Attributes:
        heard: the time of each receipt, its device, and the counter that it settles.
        unfounded: receipts whose statement another connection did not find.
    """

    def __init__(self, gateway: Gateway, world: World) -> None:
        parts = urlsplit(gateway.broker.url)
        self.heard: list[tuple[float, str, int]] = []
        self.unfounded = 0
        self._told: dict[str, int] = {}
        path = world.store.url.removeprefix("sqlite:///")
        self._database, self._ready = sqlite3.connect(path, check_same_thread=False), threading.Event()
        self._secrets = {p.device: receipt_key(world.node.secret, p.device) for p in gateway.fleet.probes}
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv311)
        self._client.on_connect = lambda client, *_: client.subscribe(f"ft/v1/{SITE}/+/receipt", qos=1)
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = self._hear
        self._client.connect(str(parts.hostname), parts.port or 1883)
        self._client.loop_start()
        self._ready.wait(DEADLINE_S)

    def _hear(self, client: mqtt.Client, _: Any, received: mqtt.MQTTMessage) -> None:
        now_s, device = time.perf_counter(), received.topic.split("/")[3]
        receipt = open_receipt(self._secrets[device], bytes(received.payload))
        found = self._database.execute(_STATEMENT, (device, receipt.sha256)).fetchone()
        self.unfounded += found != (receipt.counter,)
        self.heard.append((now_s, device, receipt.counter))
        self._told[device] = receipt.counter

    def settled(self) -> dict[str, int]:
        """The newest counter that each device was told."""
        return dict(self._told)

    def close(self) -> None:
        """Hear no more."""
        self._client.disconnect()
        self._client.loop_stop()
        self._database.close()


def _latency(gateway: Gateway, world: World, rate: float, seconds: float) -> Table:
    messages = gateway.messages(int(rate * seconds) // DEVICES * DEVICES)
    ends = {probe.device: probe.counter - 1 for probe in gateway.fleet.probes}
    with closing(Receipts(gateway, world)) as receipts, publishing(gateway.broker.url) as publisher:
        sent_s = _send_evenly(publisher, messages, rate)
        wait_until(lambda: receipts.settled() == ends, "all frames have their receipts", DEADLINE_S)
        took_s = _until_receipt(messages, sent_s, receipts.heard)
        heard, unfounded = len(receipts.heard), receipts.unfounded
    took_ms = sorted(1000 * s for s in took_s)
    places = (0.5, 0.99, 1.0)
    cells = [f"{took_ms[min(len(took_ms) - 1, int(p * len(took_ms)))]:,.0f}" for p in places]
    rate_cell = f"{len(messages) / (sent_s[-1] - sent_s[0]):,.0f}"
    head = [
        "frames/s",
        "frames",
        "p50, ms",
        "p99, ms (limit 250)",
        "longest, ms",
        "receipts",
        "without their row",
    ]
    note = (
        "Half of what the gateway took from a backlog just before, SQLite: from handing a frame to the client"
        " until the first receipt that settles it. Every receipt is looked up through another connection."
    )
    row = [rate_cell, f"{len(messages):,}", *cells, f"{heard:,}", str(unfounded)]
    return Table("Ingest, from publishing to a receipt", head, [row], note)


def _send_evenly(publisher: Publisher, messages: Sequence[Message], rate: float) -> list[float]:
    """Send messages at a rate; when each was sent."""
    sent_s: list[float] = []
    began_s, pause = time.perf_counter(), threading.Event()
    while len(sent_s) < len(messages):
        due = min(len(messages), int((time.perf_counter() - began_s) * rate))
        for message in messages[len(sent_s) : due]:
            sent_s.append(time.perf_counter())
            publisher.send(message.topic, message.payload)
        pause.wait(PIECE_S)
    return sent_s


def _until_receipt(
    messages: Sequence[Message], sent_s: Sequence[float], heard: Sequence[tuple[float, str, int]]
) -> Iterator[float]:
    """Seconds from sending each message to the first receipt that settles it; counters begin with 0."""
    settled: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for at_s, device, counter in heard:
        settled[device].append((counter, at_s))
    counters: dict[str, int] = defaultdict(int)
    for message, began_s in zip(messages, sent_s, strict=True):
        device = message.topic.split("/")[3]
        answers = settled[device]
        first = bisect.bisect_left(answers, counters[device], key=lambda answer: answer[0])
        counters[device] += 1
        yield answers[first][1] - began_s


def _memory(gateway: Gateway, frames: int) -> Table:
    marks, columns = [int(mark * frames) for mark in MARKS], list[list[str]]()
    before = gateway.stored()
    for done in range(CHUNK, frames + 1, CHUNK):
        send(gateway.broker, gateway.messages(CHUNK))
        wait_for(gateway, before + done)
        gateway.scrub()
        if done in marks:
            pid = gateway.process.process.pid
            columns.append([f"{resident_mb(pid, kind):,.1f}" for kind in KINDS])
    rows = [[label, *cells] for label, *cells in zip(KINDS.values(), *columns, strict=True)]
    head = ["resident memory of the gateway, MB", *(f"after {mark:,} frames" for mark in marks)]
    note = f"{CROWD} devices, SQLite, sent {CHUNK:,} at a time."
    return Table("Ingest, memory", head, rows, note)
