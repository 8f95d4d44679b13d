"""A gateway at half of what it can: how long until a reading stays, and how much memory it takes.

What a receipt says is looked up at once, through a connection of its own: the row must be there.
``python -m bench.live`` measures how long that takes alone.
"""

from __future__ import annotations

import bisect
import sqlite3
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import psycopg
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from bench.databases import databases
from bench.measure import Table, resident_mb, run
from bench.systems import DEADLINE_S, Gateway, drain, running_broker, send, wait_for
from bench.world import Fleet
from tests.support.gateway import Publisher, publishing, wait_until
from tests.support.sensor import SITE
from tests.support.world import World, make_world
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


def measure(
    worlds: Mapping[str, World], folder: Path, rates: Mapping[str, float], frames: int, seconds: float
) -> Iterator[Table]:
    """Latency of each system at its rate, in frames a second; and memory over so many frames, on SQLite."""
    yield latency(worlds, folder, rates, seconds)
    with _gateway(worlds["SQLite"], folder, CROWD) as gateway:
        yield _memory(gateway, frames)


def latency(worlds: Mapping[str, World], folder: Path, rates: Mapping[str, float], seconds: float) -> Table:
    """How long frames take until a receipt, with a node on each database, at a rate of its own."""
    rows = []
    for name, world in worlds.items():
        with _gateway(world, folder, DEVICES) as gateway:
            rows.append([name, *_took(gateway, world, rates[name], seconds)])
    head = ["gateway", "frames/s", "frames", "p50, ms", "p99, ms (limit 250)", "longest, ms"]
    note = (
        "Half of what each took from a backlog just before: from handing a frame to the client until the"
        " first receipt that settles it. Every receipt is looked up through another connection."
    )
    return Table("Ingest, from publishing to a receipt", [*head, "receipts", "without their row"], rows, note)


def alone(full: bool, folder: Path) -> Iterator[Table]:
    """The same without all else that ``bench.ingest`` measures: a backlog first, then half its rate."""
    frames, seconds = (20_000, 60.0) if full else (4_000, 6.0)
    with databases(folder) as urls, ExitStack() as stack:
        worlds = {name: make_world(folder / name, url) for name, url in urls.items()}
        rates = {}
        for name, world in worlds.items():
            stack.callback(world.store.close)
            fleet, broker = Fleet(world, DEVICES, READINGS), stack.enter_context(running_broker())
            gateway = Gateway(name, world, fleet, broker, folder)
            rates[name] = drain(gateway, gateway.messages(frames)).rate / 2
        yield latency(worlds, folder, rates, seconds)


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

    It looks up by the databases' own modules: through SQLAlchemy it would fall behind the gateway.

    Attributes:
        heard: the time of each receipt, its device, and the counter that it settles.
        unfounded: receipts whose statement another connection did not find.
    """

    def __init__(self, gateway: Gateway, world: World) -> None:
        parts = urlsplit(gateway.broker.url)
        self.heard: list[tuple[float, str, int]] = []
        self.unfounded = 0
        self._told: dict[str, int] = {}
        self._database, self._statement = _open(world.store.url)
        self._ready = threading.Event()
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
        found = self._database.execute(self._statement, (device, receipt.sha256)).fetchone()
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


def _open(url: str) -> tuple[Any, str]:
    """A connection of its own to a store, and how it is asked for a device's statement."""
    if url.startswith("sqlite:///"):
        return sqlite3.connect(url.removeprefix("sqlite:///"), check_same_thread=False), _STATEMENT
    connection = psycopg.connect(url.replace("+psycopg", "", 1), autocommit=True)
    return connection, _STATEMENT.replace("?", "%s")


def _took(gateway: Gateway, world: World, rate: float, seconds: float) -> list[str]:
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
    return [rate_cell, f"{len(messages):,}", *cells, f"{heard:,}", str(unfounded)]


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


if __name__ == "__main__":
    run(("live", alone))
