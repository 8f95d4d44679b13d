"""The beginning of a world's own log, for a forger who goes on from there."""

from __future__ import annotations

from sqlalchemy import select

from tests.support.world import World
from traceability.ledger.tiles import ReadTile
from traceability.store import models


def tiles_of(world: World) -> ReadTile:
    """The tiles of the published log, read once; a tree of an earlier size uses the same."""
    with world.store.reading() as connection:
        rows = connection.execute(select(models.Tile.level, models.Tile.number, models.Tile.hashes)).all()
    tiles = {(row.level, row.number): bytes(row.hashes) for row in rows}
    return lambda level, number: tiles.get((level, number), b"")


def sizes(world: World) -> list[int]:
    """Of the published checkpoints, ascending."""
    table = models.Checkpoint
    with world.store.reading() as connection:
        return list(
            connection.execute(select(table.size).where(table.published).order_by(table.size)).scalars()
        )
