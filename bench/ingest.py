"""Taking in signed frames: CPU against one signature check, and through a real broker and gateway.

limit   one Ed25519 verification of the same bytes, by the same library (libsodium)
peers   one transaction a message; a bare executemany of the same bytes; and through the
        broker a paho subscriber that does nothing
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import cbor2
from sqlalchemy import insert

from bench import parts, through
from bench.measure import Table, Took, median, ratio, run, timed
from bench.through import DEVICES, READINGS
from bench.world import HANDFUL, Fleet, handfuls
from tests.support.world import World, make_world
from traceability.operations.ingest import Ingested, Message
from traceability.store import models

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
    yield _by_stored(world, fleets[READINGS[0]], rounds, (100_000, 1_000_000) if full else (20_000, 100_000))
    world.store.close()
    yield from through.measure(full, folder / "through")


def _in_process(world: World, fleets: dict[int, Fleet], folder: Path, rounds: int, frames: int) -> Table:
    columns = []
    for fleet in fleets.values():
        took: Rounds = defaultdict(list)
        for _ in range(rounds):
            _one_round(world, fleet, folder, frames, took)
        columns.append([str(fleet.frame_bytes), *_column(took, frames)])
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
    took["bare"].append(parts.one_row(folder / "bare.sqlite", batch))
    took["verify"].append(parts.verify(batch, {p.topic: p.key.public for p in fleet.probes}))
    took["decode"].append(parts.decode(batch))
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


if __name__ == "__main__":
    run(("ingest", measure))
