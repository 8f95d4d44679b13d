"""A node with a long log for the audit's benchmark: everything in it is as a node leaves it behind.

Devices sign frames of 60 readings, firms sign events, some batches stay in a cold store; all of it is
chained, published in many checkpoints, and stands in every derived table. Only taking the frames in is
spared: their rows are written in bulk, as the gateway would have written them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

from sqlalchemy import func, insert, select, update

from bench.capture import capture_all
from bench.chains.documents import documents
from bench.chains.region import happenings
from bench.world import FRAME_MS, measurements, stay
from tests.support.world import START_MS, Probe, World, make_world
from traceability import media
from traceability.ledger.state import stream_hash
from traceability.operations.chain import Entry, append
from traceability.operations.rollups import Folder
from traceability.operations.tally import ACCEPTED, Counted, count
from traceability.sensing.frame import parse_statement
from traceability.sensing.senml import Reading
from traceability.store import models

READINGS: Final = 60
DEVICES: Final = 50
SHAPES: Final = 20
"""Frames of one device before what it measures begins again, later."""
EVENT_SHARE: Final = 0.05
"""Of the records, those that hold events."""
SIZE: Final = 100
"""Events in a document."""
PORTION: Final = 5_000
"""Frames between two checkpoints."""


def build(folder: Path, url: str, records: int) -> World:
    """A node with about that many records, published."""
    world = make_world(folder, url)
    for days in (1, 2):
        stay(world, days)
    _events(world, int(records * EVENT_SHARE))
    _frames(world, records - _records(world))
    return world


def _records(world: World) -> int:
    with world.store.reading() as connection:
        return connection.execute(select(func.count()).select_from(models.Record)).scalar_one()


def _events(world: World, records: int) -> None:
    party, end = world.party("Platform"), _records(world) + records
    for document in documents(happenings(1), SIZE):
        if _records(world) >= end:
            break
        capture_all(world.store, world.node, party, [json.dumps(document, ensure_ascii=False).encode()])
    world.publish()


def _frames(world: World, number: int) -> None:
    owner = world.party("Fleet")
    probes = [world.device(owner) for _ in range(DEVICES)]
    for place, probe in enumerate(probes):
        world.install(owner, probe, world.asset(f"AUDIT{place}"), START_MS)
    sources = [_readings(seed, world.now_ms) for seed in range(DEVICES)]
    for first in range(0, number, PORTION):
        turns = range(first, min(first + PORTION, number))
        some = [(probes[turn % DEVICES], next(sources[turn % DEVICES])) for turn in turns]
        world.wait(ms=FRAME_MS * -(-len(some) // DEVICES))
        _take(world, some)
        world.publish()
    with world.store.transaction() as tx:
        for probe in probes:
            own = update(models.Device).where(models.Device.id == probe.device)
            tx.connection.execute(own.values(settled=probe.counter - 1))


def _readings(seed: int, from_ms: int) -> Iterator[list[Reading]]:
    """What a device measures, without end: some frames again and again, each time later."""
    shapes = list(islice(measurements(seed, READINGS), SHAPES))
    at_ms = from_ms
    while True:
        for shape in shapes:
            later = at_ms - shape[0].at_ms
            yield [Reading(r.name, r.unit, r.at_ms + later, r.value) for r in shape]
            at_ms += FRAME_MS


def _take(world: World, some: Sequence[tuple[Probe, list[Reading]]]) -> None:
    """Sign frames, chain them, and write what the gateway writes beside them."""
    rows, entries, counted = [], [], []
    with world.store.transaction() as tx:
        for probe, readings in some:
            before, prev = probe.counter, probe.prev
            body = probe.frame(readings)
            entries.append(Entry(probe.stream, media.FRAME, body))
            counted.append(Counted(probe.device, ACCEPTED, probe.topic, body, None))
            said = {"device": probe.device, "counter": before, "sha256": probe.prev, "prev": prev}
            said |= {"boot": probe.boot, "outcome": ACCEPTED, "stream": stream_hash(probe.stream)}
            rows.append(said | {"from_ms": readings[0].at_ms, "to_ms": readings[-1].at_ms})
        records = append(tx, world.node, entries)
        seqs = [row | {"seq": record.seq} for row, record in zip(rows, records, strict=True)]
        tx.connection.execute(insert(models.DeviceStatement), seqs)
        count(tx, counted)
        Folder().fold(tx, (parse_statement(entry.body) for entry in entries))
