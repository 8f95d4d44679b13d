"""Taking in signed frames: CPU against one signature check, and through a real broker and gateway.

limit   one Ed25519 verification of the same bytes, by the same library (libsodium)
peers   one transaction a message; a bare executemany of the same bytes; and through the
        broker a paho subscriber that does nothing
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import cbor2
from sqlalchemy import func, insert, select

from bench.measure import Table, Took, median, ratio, run, timed
from bench.world import HANDFUL, Fleet, handfuls
from tests.support.broker import Broker
from tests.support.gateway import GatewayProcess, publishing
from tests.support.sensor import World as GatewayWorld
from tests.support.world import World, make_world
from traceability.operations.ingest import Ingested, Message
from traceability.sensing.frame import parse_statement
from traceability.signing import cbor
from traceability.signing.keys import PublicKey
from traceability.store import models

DEVICES: Final = 10
READINGS: Final = (10, 60)
POLL_S: Final = 0.02
DEADLINE_S: Final = 120.0
WAIT_DAYS: Final = 365
"""The world's clock is moved on by so much, so that no frame is from the future."""

Rounds = dict[str, list[Took]]


def measure(full: bool, folder: Path) -> Iterator[Table]:
    """In process with 10 and 60 readings a frame, then through the broker."""
    rounds, frames = (7, 5000) if full else (3, 500)
    world = make_world(folder / "node", f"sqlite:///{folder / 'node.sqlite'}")
    fleets = {readings: Fleet(world, DEVICES, readings) for readings in READINGS}
    world.wait(minutes=WAIT_DAYS * 24 * 60)
    yield _in_process(world, fleets, folder, rounds, frames)
    broker = Broker()
    broker.start()
    try:
        yield _end_to_end(world, fleets, broker, folder, rounds // 2 + 1, 4 * frames)
    finally:
        broker.close()
    yield _by_stored(world, fleets[READINGS[0]], rounds, (100_000, 1_000_000) if full else (20_000, 100_000))
    world.store.close()


def _in_process(world: World, fleets: dict[int, Fleet], folder: Path, rounds: int, frames: int) -> Table:
    columns = []
    for fleet in fleets.values():
        took: Rounds = defaultdict(list)
        size = len(fleet.messages(DEVICES)[0].payload)
        for _ in range(rounds):
            _one_round(world, fleet, folder, frames, took)
        columns.append([str(size), *_column(took, frames)])
    names = (
        *("bytes a frame", "frames/s, handfuls of 100", "frames/s, one transaction a message (peer)"),
        *("frames/s, bare executemany (peer)", "handfuls / one a message", "handfuls / bare executemany"),
        *("CPU a frame, us", "CPU of one verification, us (limit)", "CPU a frame / verification"),
        *("CPU of decoding, us", "CPU of decoding by cbor2, unchecked, us (limit)"),
        *("CPU of the parts: verify, decode, one row, us", "CPU a frame / parts"),
    )
    rows = [[name, *cells] for name, *cells in zip(names, *columns, strict=True)]
    head = ["SQLite, synchronous=FULL", *(f"{readings} readings" for readings in fleets)]
    note = f"{rounds} rounds of {frames:,} frames from {DEVICES} devices; median (least to greatest)."
    return Table("Ingest, in process", head, rows, note)


def _one_round(world: World, fleet: Fleet, folder: Path, frames: int, took: Rounds) -> None:
    """Everything that is compared, one after the other, so that the machine's mood is the same."""
    batch, single = fleet.messages(frames), fleet.messages(frames // 5)
    took["handfuls"].append(_timed_ingest(world, batch))
    took["single"].append(_timed_ingest(world, single, 1))
    took["bare"].append(_bare(folder / "bare.sqlite", batch))
    took["verify"].append(_verify_alone(batch, {p.topic: p.key.public for p in fleet.probes}))
    took["decode"].append(timed(lambda: [parse_statement(m.payload).readings() for m in batch]))
    took["cbor2"].append(timed(lambda: [_decode_by_cbor2(m.payload) for m in batch]))


def _timed_ingest(world: World, messages: list[Message], size: int = HANDFUL) -> Took:
    """Take messages in handfuls of that size; every one must be accepted."""
    taken = handfuls(messages, size)
    done: list[Ingested] = []
    took = timed(lambda: done.extend(map(world.ingesting.ingest, taken)))
    words = {outcome.word for ingested in done for outcome in ingested.outcomes}
    if words != {"accepted"}:
        raise RuntimeError(f"some frames were not accepted: {words}")
    return took


def _bare(path: Path, messages: list[Message]) -> Took:
    """The same bytes into one table without anything else."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE IF NOT EXISTS frame (body BLOB)"
        )

        def insert() -> None:
            for handful in handfuls(messages):
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany("INSERT INTO frame VALUES (?)", [(m.payload,) for m in handful])
                connection.execute("COMMIT")

        return timed(insert)


def _verify_alone(messages: list[Message], keys: dict[str, PublicKey]) -> Took:
    """The signature checks and nothing else: what is signed was put together before."""
    checks: list[tuple[PublicKey, bytes, bytes]] = []
    for message in messages:
        sealed = parse_statement(message.payload).envelope
        signed = cbor.encode(["Signature1", sealed.raw_protected, b"", sealed.payload])
        checks.append((keys[message.topic], signed, sealed.signature))

    def verify() -> None:
        for key, signed, signature in checks:
            key.verify(signed, signature)

    return timed(verify)


def _decode_by_cbor2(frame: bytes) -> list[object]:
    """What a decoder in C needs for the same three items, without any check."""
    protected, _, payload, _ = cbor2.loads(frame).value
    return [cbor2.loads(protected), cbor2.loads(payload)]


def _column(took: Rounds, frames: int) -> list[str]:
    rate = {name: [frames / t.wall_s for t in rounds] for name, rounds in took.items()}
    rate["single"] = [r / 5 for r in rate["single"]]
    cpu = {name: [t.cpu_s / frames for t in rounds] for name, rounds in took.items()}
    parts = [sum(t) for t in zip(cpu["verify"], cpu["decode"], cpu["bare"], strict=True)]
    return [
        median(rate["handfuls"]),
        median(rate["single"]),
        median(rate["bare"]),
        ratio(rate["handfuls"], rate["single"]),
        ratio(rate["handfuls"], rate["bare"]),
        median(cpu["handfuls"], scale=1e6),
        median(cpu["verify"], scale=1e6),
        ratio(cpu["handfuls"], cpu["verify"]),
        median(cpu["decode"], scale=1e6),
        median(cpu["cbor2"], 1, 1e6),
        median(parts, scale=1e6),
        ratio(cpu["handfuls"], parts),
    ]


def _by_stored(world: World, fleet: Fleet, rounds: int, counts: tuple[int, ...]) -> Table:
    """The same handfuls while the store holds more and more statements of another device."""
    rows, silent, known = [], world.device(world.party("Silent")), 0
    for count in (0, *counts):
        _remember(world, silent.device, known, count)
        known = count
        took = [_timed_ingest(world, fleet.messages(HANDFUL)) for _ in range(rounds)]
        rows.append([f"{count:,}", median([t.cpu_s / HANDFUL for t in took], scale=1e6)])
    head = ["statements of another device in the store", "CPU a frame, us"]
    note = f"{rounds} handfuls of {HANDFUL} frames of {READINGS[0]} readings for each line."
    return Table("Ingest, by what is there already", head, rows, note)


def _remember(world: World, device: str, begin: int, end: int) -> None:
    """What the store keeps of a device that has sent so many statements, without their bytes."""
    columns = {"boot": 1, "outcome": "accepted", "stream": None, "seq": None, "from_ms": 0, "to_ms": 0}
    hashes = {"sha256": bytes(32), "prev": bytes(32)}
    rows = [{"device": device, "counter": number, **hashes, **columns} for number in range(begin, end)]
    if rows:
        with world.store.transaction() as tx:
            tx.connection.execute(insert(models.DeviceStatement), rows)


def _end_to_end(
    world: World, fleets: dict[int, Fleet], broker: Broker, folder: Path, rounds: int, frames: int
) -> Table:
    """A backlog in the broker, drained: by the gateway into the store, and by a subscriber into nothing."""
    rows = []
    seen = GatewayWorld(world.node, world.store, "", "")
    first = GatewayProcess(seen, broker.url, folder)
    first.go()
    first.wait_connected()
    first.stop()
    for readings, fleet in fleets.items():
        gateway, nothing = [], []
        for number in range(rounds):
            messages = fleet.messages(frames)
            gateway.append(_drain_by_gateway(seen, broker, folder, messages))
            nothing.append(_drain_by_subscriber(broker, f"bench-{readings}-{number}", messages))
        per_second = median([rate * readings for rate in gateway])
        rows.append([str(readings), median(gateway), median(nothing), ratio(gateway, nothing), per_second])
    head = [
        *("readings a frame", "gateway, frames/s", "subscriber that does nothing (peer)"),
        *("gateway / peer", "readings/s"),
    ]
    note = (
        f"{rounds} rounds of {frames:,} frames that wait in the broker (QoS 1, persistent session), from the"
        " first to the last: committed, chained and acknowledged there; received and acknowledged here."
    )
    return Table("Ingest, through the broker and a gateway process", head, rows, note)


def _drain_by_gateway(seen: GatewayWorld, broker: Broker, folder: Path, messages: list[Message]) -> float:
    """Frames a second that a gateway takes from the broker into the store."""
    before = _accepted(seen)
    _send(broker, messages, lambda message: message.topic)
    process = GatewayProcess(seen, broker.url, folder)
    try:
        process.go()
        began, had = _wait_for(seen, before + 1)
        ended, has = _wait_for(seen, before + len(messages))
    finally:
        process.stop()
        process.kill()
    return (has - had) / (ended - began)


def _wait_for(seen: GatewayWorld, count: int) -> tuple[float, int]:
    """When so many frames were seen to be accepted, and how many there were."""
    deadline, pause = time.monotonic() + DEADLINE_S, threading.Event()
    while (accepted := _accepted(seen)) < count:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{accepted} of {count} frames were accepted in {DEADLINE_S:.0f} s")
        pause.wait(POLL_S)
    return time.perf_counter(), accepted


def _accepted(seen: GatewayWorld) -> int:
    with seen.store.reading() as connection:
        return int(connection.execute(select(func.sum(models.Tally.accepted))).scalar_one() or 0)


def _send(broker: Broker, messages: list[Message], topic: Callable[[Message], str]) -> None:
    """Hand messages to the broker and wait until it has them all."""
    with publishing(broker.url) as publisher:
        sent = [publisher.send(topic(message), message.payload) for message in messages]
        for info in sent:
            info.wait_for_publish(DEADLINE_S)


def _drain_by_subscriber(broker: Broker, name: str, messages: list[Message]) -> float:
    """Messages a second that a subscriber takes from the broker."""
    command = [sys.executable, "-m", "bench.subscriber", broker.url, name]
    subprocess.run([*command, "0"], check=True, timeout=DEADLINE_S)
    _send(broker, messages, lambda message: f"{name}/{message.topic}")
    drained = subprocess.run(
        [*command, str(len(messages))], check=True, timeout=DEADLINE_S, stdout=subprocess.PIPE, text=True
    )
    return (len(messages) - HANDFUL) / float(drained.stdout)


if __name__ == "__main__":
    run(("ingest", measure))
