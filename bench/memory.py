"""How much memory taking frames in needs, over a million of them: the gateway's own hands, without a broker.

The frames are made and signed in another process, so that what they need is not counted.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from sqlalchemy import func, select

from bench.live import CROWD, KINDS
from bench.measure import Table, resident_mb, run, timed
from bench.world import FRAME_MS
from gateway.__main__ import spare_the_collector
from gateway.flood import Limits
from gateway.service import Gateway
from tests.support.heap import Heap
from tests.support.world import Probe, make_world
from traceability.operations.ingest import Message
from traceability.sensing.senml import Reading
from traceability.store import models

TENTHS: Final = 10
READINGS: Final = 10
CHUNK: Final = 10_000
UNLIMITED: Final = Limits(10_000_000, 10_000_000)


def measure(full: bool, folder: Path) -> Iterator[Table]:
    """A million frames of ten readings at full size."""
    frames = 1_000_000 if full else 20_000
    world = make_world(folder / "node", f"sqlite:///{folder / 'node.sqlite'}")
    party = world.party("Fleet")
    probes = [world.device(party) for _ in range(CROWD)]
    for number, probe in enumerate(probes):
        world.install(party, probe, world.asset(f"FLEET{number}"))
    began_ms = world.now_ms
    world.wait(ms=(frames // CROWD + 1) * FRAME_MS)
    heap, columns, cpu_s = Heap(), list[list[str]](), 0.0
    gateway = Gateway(world.ingesting, heap, UNLIMITED)
    spare_the_collector()
    with ProcessPoolExecutor(1, get_context("spawn"), _remember, (probes, began_ms)) as maker:
        made = [maker.submit(_make, CHUNK // CROWD) for _ in range(2)]
        for done in range(CHUNK, frames + 1, CHUNK):
            for message in made.pop(0).result():
                heap.put(message)
            made.append(maker.submit(_make, CHUNK // CROWD))
            cpu_s += timed(partial(_take, gateway, heap, done)).cpu_s
            if done % (frames // TENTHS) == 0:
                columns.append([f"{done:,}", *(f"{resident_mb('self', kind):,.1f}" for kind in KINDS)])
                print("frames, resident MB:", *columns[-1], file=sys.stderr, flush=True)
    with world.store.reading() as connection:
        accepted = connection.execute(select(func.sum(models.Tally.accepted))).scalar_one()
    world.store.close()
    if accepted != frames:
        raise RuntimeError(f"{accepted:,} of {frames:,} frames were accepted")
    cost = f"{cpu_s / frames * 1e6:,.0f} us of CPU a frame"
    note = f"{CROWD} devices, {READINGS} readings a frame, SQLite; {cost}."
    yield Table("Ingest, memory over many frames", ["frames taken in", *KINDS.values()], columns, note)


def _take(gateway: Gateway, heap: Heap, sent: int) -> None:
    while heap.acknowledged < sent:
        gateway.turn()


_PROBES: Final[list[tuple[Probe, int]]] = []
"""In the process that makes frames: the devices, whose counters go on, and when they begin."""


def _remember(probes: list[Probe], began_ms: int) -> None:
    _PROBES.extend((probe, began_ms) for probe in probes)


def _make(each: int) -> list[Message]:
    """The next so many frames of each device, in turn."""
    return [Message(started[0].topic, _frame(*started)) for _ in range(each) for started in _PROBES]


def _frame(probe: Probe, began_ms: int) -> bytes:
    begin_ms, step_ms = began_ms + probe.counter * FRAME_MS, FRAME_MS // READINGS
    values = ((probe.counter * 7 + number) % 50 / 10 for number in range(READINGS))
    return probe.frame(
        [Reading("air", "Cel", begin_ms + n * step_ms, value) for n, value in enumerate(values)]
    )


if __name__ == "__main__":
    run(("memory", measure))
