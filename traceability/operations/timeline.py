"""What a bundle says of times: which checkpoints its beacons name, proven in the bundle's own."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterator, Sequence
from typing import Final

from sqlalchemy import Connection, select

from traceability.operations.log import read_tiles
from traceability.store import models
from traceability.store.engine import AnyRow
from traceability.verification.timeline import MAX_LEAVES, Anchor, Timeline

_AT_A_TIME: Final = 500

Places = Sequence[tuple[int, int]]
"""Of the records of one stream, in order: number and index in the log."""


def prove_times(
    connection: Connection, beacons: Collection[bytes], streams: Sequence[Places], size: int
) -> Timeline | None:
    """Prove the checkpoints that beacons name, and what stood in the log before each.

    Args:
        streams: the streams of the bundle that hold records of a batch or an asset, as they stand there.
        size: leaves in the tree of the bundle's checkpoint.

    Returns:
        None where no beacon names a published checkpoint before that one.
    """
    found = _thinned(sorted(_named(connection, beacons, size), key=lambda row: row.size))
    if not found:
        return None
    ends = [row.size - 1 for row in found]
    anchors = {a.index: a for n, places in enumerate(streams) for a in _anchors(n, places, ends)}
    proof = read_tiles(connection).history_proof({*ends, *anchors}, size)
    leaves = tuple(row.leaf.encode("ascii") for row in found)
    return Timeline(leaves, tuple(anchors[index] for index in sorted(anchors)), tuple(proof))


def _named(connection: Connection, beacons: Collection[bytes], size: int) -> Iterator[AnyRow]:
    table = models.Checkpoint
    query = select(table.size, table.leaf).where(table.published, table.size < size)
    wanted = sorted(beacons)
    for start in range(0, len(wanted), _AT_A_TIME):
        some = wanted[start : start + _AT_A_TIME]
        yield from connection.execute(query.where(table.beacon.in_(some)))


def _thinned(rows: Sequence[AnyRow]) -> Sequence[AnyRow]:
    """The first, the last, and as many between them as a bundle holds, evenly."""
    if len(rows) <= MAX_LEAVES:
        return rows
    return [rows[i * (len(rows) - 1) // (MAX_LEAVES - 1)] for i in range(MAX_LEAVES)]


def _anchors(stream: int, places: Places, ends: Sequence[int]) -> Iterator[Anchor]:
    """The last record before each of these leaves."""
    indexes = [index for _, index in places]
    for place in {bisect_left(indexes, end) - 1 for end in ends} - {-1}:
        yield Anchor(stream, *places[place])
