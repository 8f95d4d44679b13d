"""What anybody outside could have seen of a node, and what became of what devices sent it."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import func, select

from tests.support.sensor import Sensor, World
from traceability import media
from traceability.ledger import note
from traceability.operations.lock import Lock
from traceability.operations.log import read_tiles
from traceability.operations.node import Node
from traceability.store import models
from traceability.store.engine import Store


class Witnessed:
    """Every checkpoint that anybody could have seen, by its size.

    Attributes:
        forks: how often another one of the same size was seen.
    """

    def __init__(self, store: Store, node: Node) -> None:
        self.store, self.node, self.notes = store, node, dict[int, bytes]()
        self.forks = 0

    def look(self) -> None:
        """See what stands in the lock and what is published."""
        table = models.Checkpoint
        with self.store.reading() as connection:
            published = connection.execute(select(table.note).where(table.published)).scalars().all()
        for signed in {Lock(self.node.lock_path).newest(), *map(str.encode, published)}:
            if signed is not None:
                self.see(signed)

    def see(self, signed: bytes) -> None:
        """See one that somebody was shown."""
        size = note.parse_checkpoint(note.parse_note(signed).text).size
        self.forks += self.notes.setdefault(size, signed) != signed

    def strays(self) -> int:
        """How many of them are not published, or not the beginning of the one tree; or were forks."""
        table = models.Checkpoint
        with self.store.reading() as connection:
            query = select(table.size, table.note).where(table.published)
            published = {row.size: row.note.encode() for row in connection.execute(query)}
            tiles = read_tiles(connection)
            kept = [s for s, n in self.notes.items() if published.get(s) == n and root_of(n) == tiles.root(s)]
        return self.forks + len(self.notes) - len(kept)


def root_of(signed: bytes) -> bytes:
    """The root that a signed checkpoint names."""
    return note.parse_checkpoint(note.parse_note(signed).text).root


def lost(world: World, sensors: Collection[Sensor]) -> int:
    """How many of the statements that devices made are not among the accepted ones."""
    return sum(len(set(sensor.made) - set(world.accepted(sensor))) for sensor in sensors)


def doubled(world: World) -> int:
    """How many records, or counts of accepted messages, there are too many for what is accepted."""
    record = models.Record
    query = select(func.count(record.statement), func.count(record.statement.distinct()))
    with world.store.reading() as connection:
        records, distinct = connection.execute(query.where(record.media_type == media.FRAME)).one()
    counted = sum(tally["accepted"] for tally in world.tallies().values())
    return int(records - distinct) + counted - world.accepted_count()
