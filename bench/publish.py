"""Publishing: records into log, kept state and a signed checkpoint.

    limit   SHA-256 of the same bytes: the texts of the records, each hashed once
    peer    bare SQLite giving as many rows of a table of its own a number each, synchronous=FULL;
            for the state, the tree built whole from all streams, as it would be without being kept

Also shown: the first publish of a publisher that has just opened the store.
"""

from __future__ import annotations

import hashlib
import sqlite3
import statistics
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import select

from bench.measure import Table, Took, median, ratio, run, timed
from bench.world import fill
from tests.support.world import World, make_world
from traceability.ledger.state import StateTree
from traceability.operations.log import latest_checkpoint, log_entries
from traceability.operations.publish import publish
from traceability.store import models
from traceability.store.engine import Store

STREAMS: Final = 100
HASHED: Final = 20
"""How often everything is hashed: once is too short to be timed."""
PORTION: Final = 100_000
"""Records that are published at a time while a log is made long."""
MOVED: Final = 1_000
"""Streams that move on at a time."""


@dataclass(frozen=True, slots=True)
class _Round:
    """One publish, hashing what was new, and bare SQLite numbering as many rows, in seconds."""

    published: Took
    hashed_s: float
    bare: Took


def measure(full: bool, folder: Path) -> Iterator[Table]:
    """By how much is new, by how long the log is, by how many streams there are."""
    rounds = 5 if full else 3
    with _world(folder / "new") as world:
        yield _by_new(world, folder, (1_000, 10_000), rounds)
        yield _by_log(world, (100_000, 1_000_000, 10_000_000) if full else (50_000,), rounds)
    counts = (10_000, 100_000, 1_000_000) if full else (1_000, 5_000, 20_000)
    with _world(folder / "streams") as world:
        yield _by_streams(world, counts, rounds)


@contextmanager
def _world(folder: Path) -> Iterator[World]:
    world = make_world(folder, f"sqlite:///{folder}.sqlite")
    try:
        yield world
    finally:
        world.store.close()


def _publish(world: World, records: int, streams: int, first: int = 0) -> Took:
    """Publish so many new records."""
    fill(world, records, streams, first)
    return timed(world.publish)


def _round(world: World, folder: Path, records: int) -> _Round:
    before = _size(world)
    published = _publish(world, records, STREAMS)
    with world.store.reading() as connection:
        texts = log_entries(connection, before, _size(world))
    hashed = timed(lambda: [hashlib.sha256(text).digest() for _ in range(HASHED) for text in texts])
    return _Round(published, hashed.wall_s / HASHED, _number_rows(folder / "bare.sqlite", records))


def _number_rows(path: Path, count: int) -> Took:
    """Bare SQLite: as many rows of 300 bytes in a transaction of their own, then a number for each."""
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, body BLOB, place INTEGER UNIQUE)")
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO t VALUES (?, ?, NULL)", [(i, bytes(300)) for i in range(count)])
        connection.execute("COMMIT")

        def number() -> None:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("UPDATE t SET place = ? WHERE id = ?", [(i, i) for i in range(count)])
            connection.execute("COMMIT")

        return timed(number)


def _size(world: World) -> int:
    with world.store.reading() as connection:
        latest = latest_checkpoint(connection)
    return int(latest.size) if latest is not None else 0


def _by_new(world: World, folder: Path, counts: tuple[int, ...], rounds: int) -> Table:
    rows = []
    for count in counts:
        took = [_round(world, folder, count) for _ in range(rounds)]
        published = [r.published.wall_s for r in took]
        rows.append(
            [
                f"{count:,}",
                median([count / s for s in published]),
                median([count / r.published.cpu_s for r in took]),
                median([count / r.bare.wall_s for r in took]),
                ratio(published, [r.bare.wall_s for r in took]),
                ratio(published, [r.hashed_s for r in took]),
            ]
        )
    head = ["new records", "published/s", "published/s of CPU", "numbered/s by bare SQLite (peer)"]
    head += ["time / peer", "time / hashing once (limit)"]
    note = f"{rounds} rounds, {STREAMS} streams, SQLite; from committed records to a published checkpoint."
    return Table("Publish, by how much is new", head, rows, note)


def _by_log(world: World, sizes: tuple[int, ...], rounds: int) -> Table:
    rows = []
    for size in (_size(world), *sizes):
        while (missing := size - _size(world)) > 0:
            _publish(world, min(missing, PORTION), STREAMS)
        reached = _size(world)
        took = [_publish(world, 1_000, STREAMS) for _ in range(rounds)]
        rows.append([f"{reached:,}", _wall_ms(took), _cpu_ms(took)])
    head = ["leaves in the log", "publishing 1,000 records, ms", "CPU, ms"]
    note = f"{rounds} rounds, {STREAMS} streams; what is new is the same, so the lines should not differ."
    return Table("Publish, by the length of the log", head, rows, note)


def _by_streams(world: World, counts: tuple[int, ...], rounds: int) -> Table:
    one: list[list[Took]] = []
    rows: list[list[str]] = []
    reached = 0
    for count in counts:
        while reached < count:
            portion = min(count - reached, PORTION)
            _publish(world, portion, portion, reached)
            reached += portion
        one.append([_publish(world, 1, 1) for _ in range(rounds)])
        moved = [_publish(world, MOVED, MOVED) for _ in range(rounds)]
        rebuilt = [_rebuild(world) for _ in range(rounds)]
        restarted = [_restart(world) for _ in range(rounds)]
        cells = [_wall_ms(one[-1]), _wall_ms(moved), _wall_ms(restarted), _wall_ms(rebuilt)]
        rows.append([f"{count:,}", *cells])
    cpu_s = [statistics.median(t.cpu_s for t in took) for took in one]
    slope_s = (cpu_s[-1] - cpu_s[0]) / (counts[-1] - counts[0])
    head = ["streams", "publishing 1 record, ms", f"{MOVED:,} records of as many streams, ms"]
    head += ["1 record by a publisher just started, ms", "the state built whole, ms (peer)"]
    note = (
        f"{rounds} rounds. For one record the CPU time grows by {slope_s * 1e6:.2f} us a stream that did"
        " not move on."
    )
    return Table("Publish, by the number of streams", head, rows, note)


def _restart(world: World) -> Took:
    """Open the store anew and publish a record."""
    fill(world, 1, 1)
    world.wait(ms=1000)

    def start() -> None:
        store = Store(world.store.url, clock=world.store.clock, checkpoints=True)
        publish(store, world.node)
        store.close()

    return timed(start)


def _rebuild(world: World) -> Took:
    """Read the heads of all streams and build the tree over them."""
    table = models.Stream

    def build() -> None:
        with world.store.reading() as connection:
            rows = connection.execute(select(table.hash, table.length, table.head).where(table.length > 0))
            StateTree({row.hash: (row.length, row.head) for row in rows})

    return timed(build)


def _wall_ms(took: list[Took]) -> str:
    return median([t.wall_s for t in took], 1, scale=1e3)


def _cpu_ms(took: list[Took]) -> str:
    return median([t.cpu_s for t in took], 1, scale=1e3)


if __name__ == "__main__":
    run(("publish", measure))
