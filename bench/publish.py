"""Publishing: records into log, state tree and a signed checkpoint.

    limit   SHA-256 of the same bytes: the texts of the records, each hashed once

The state tree is rebuilt whole from all streams at each publish, so the time of a publish has a
part that grows with the number of streams, whether they changed or not: its slope is shown.
"""

from __future__ import annotations

import hashlib
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bench.measure import Table, median, ratio, run, timed
from bench.world import fill
from tests.support.world import World, make_world
from traceability.operations.log import latest_checkpoint, log_entries

STREAMS: Final = 100
HASHED: Final = 20
"""How often everything is hashed: once is too short to be timed."""


def measure(full: bool, folder: Path) -> Iterator[Table]:
    """By how much is new, by how long the log is, by how many streams there are."""
    rounds = 5 if full else 3
    with _world(folder / "new") as world:
        yield _by_new(world, (1_000, 10_000), rounds)
        yield _by_log(world, (100_000, 300_000) if full else (50_000,), rounds)
    counts = (1_000, 10_000, 100_000) if full else (1_000, 5_000, 20_000)
    with _world(folder / "streams") as world:
        yield _by_streams(world, counts, rounds)


@contextmanager
def _world(folder: Path) -> Iterator[World]:
    world = make_world(folder, f"sqlite:///{folder}.sqlite")
    try:
        yield world
    finally:
        world.store.close()


def _publish(world: World, records: int, streams: int) -> tuple[float, float]:
    """Seconds for publishing so many new records, and for hashing them once."""
    before = _size(world)
    fill(world, records, streams)
    took = timed(world.publish)
    with world.store.reading() as connection:
        texts = log_entries(connection, before, _size(world))
    hashed = timed(lambda: [hashlib.sha256(text).digest() for _ in range(HASHED) for text in texts])
    return took.wall_s, hashed.wall_s / HASHED


def _size(world: World) -> int:
    with world.store.reading() as connection:
        latest = latest_checkpoint(connection)
    return int(latest.size) if latest is not None else 0


def _by_new(world: World, counts: tuple[int, ...], rounds: int) -> Table:
    rows = []
    for count in counts:
        took = [_publish(world, count, STREAMS) for _ in range(rounds)]
        whole, hashed = [t for t, _ in took], [h for _, h in took]
        rate = median([count / s for s in whole])
        rows.append([f"{count:,}", rate, median([count / s for s in hashed]), ratio(whole, hashed)])
    head = ["new records", "published/s", "hashed/s (limit)", "time / time of hashing"]
    note = f"{rounds} rounds, {STREAMS} streams, SQLite; from committed records to a published checkpoint."
    return Table("Publish, by how much is new", head, rows, note)


def _by_log(world: World, sizes: tuple[int, ...], rounds: int) -> Table:
    rows = []
    for size in (_size(world), *sizes):
        if size > _size(world):
            _publish(world, size - _size(world), STREAMS)
        reached = _size(world)
        took = [_publish(world, 1_000, STREAMS)[0] for _ in range(rounds)]
        rows.append([f"{reached:,}", median(took, scale=1e3)])
    head = ["leaves in the log", "publishing 1,000 records, ms"]
    note = f"{rounds} rounds, {STREAMS} streams; what is new is the same, so the lines should not differ."
    return Table("Publish, by the length of the log", head, rows, note)


def _by_streams(world: World, counts: tuple[int, ...], rounds: int) -> Table:
    took: list[list[float]] = []
    for count in counts:
        _publish(world, count, count)
        took.append([_publish(world, 1, 1)[0] for _ in range(rounds)])
    rows = [[f"{count:,}", median(times, scale=1e3)] for count, times in zip(counts, took, strict=True)]
    slope_s = (statistics.median(took[-1]) - statistics.median(took[0])) / (counts[-1] - counts[0])
    head = ["streams", "publishing 1 record, ms"]
    note = (
        "The state tree is rebuilt whole, and every stream's head is compared with its last record:"
        f" the time grows with the number of streams, here by {slope_s * 1e6:.0f} us a stream."
    )
    return Table("Publish, by the number of streams", head, rows, note)


if __name__ == "__main__":
    run(("publish", measure))
