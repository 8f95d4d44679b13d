"""How much room frames take in the database, published: what a year of a device needs on SQLite."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sqlalchemy import func, select

from bench.measure import Table, run
from bench.world import FRAME_MS, FRAMES_A_DAY, Fleet, handfuls
from firmware_sim.journey import LENGTH_MS
from tests.support.world import World, make_world
from traceability.store import models

DEVICES: Final = 10
READINGS: Final = (10, 60)
DAYS: Final = 365
MB: Final = 1_000_000


def measure(full: bool, folder: Path) -> Iterator[Table]:
    """Frames of ten minutes; at full size of a month, otherwise of three days."""
    frames = DEVICES * FRAMES_A_DAY * (30 if full else 3)
    columns = [_column(folder / str(readings), readings, frames) for readings in READINGS]
    yield Table(
        "Ingest, disk",
        [
            "readings a frame",
            "bytes a frame (limit)",
            "in the database",
            "of it by limit",
            "a device's year, MB",
        ],
        columns,
        f"{frames:,} frames of {DEVICES} devices, one in ten minutes each, behind as many others; published "
        "once a day. SQLite, without its write-ahead log.",
    )


def _column(folder: Path, readings: int, frames: int) -> list[str]:
    folder.mkdir()
    world = make_world(folder / "node", f"sqlite:///{folder / 'node.sqlite'}")
    fleet = Fleet(world, DEVICES, readings)
    world.wait(ms=LENGTH_MS)  # the sensor that they all have begins within the journey
    before = _grow(world, fleet, frames, folder / "node.sqlite")
    each = (_grow(world, fleet, frames, folder / "node.sqlite") - before) / frames
    with world.store.reading() as connection:
        accepted = connection.execute(select(func.sum(models.Tally.accepted))).scalar_one()
    world.store.close()
    if accepted != 2 * frames:
        raise RuntimeError(f"{accepted:,} of {2 * frames:,} frames were accepted")
    year = each * FRAMES_A_DAY * DAYS / MB
    cells = (f"{fleet.frame_bytes:,}", f"{each:,.0f}", f"{each / fleet.frame_bytes:.2f}", f"{year:,.0f}")
    return [str(readings), *cells]


def _grow(world: World, fleet: Fleet, frames: int, file: Path) -> int:
    """Take frames in, day by day; how large the database is then, in bytes."""
    day = DEVICES * FRAMES_A_DAY
    for _ in range(frames // day):
        world.wait(ms=FRAMES_A_DAY * FRAME_MS)
        for handful in handfuls(fleet.messages(day)):
            world.ingesting.ingest(handful)
        world.publish()
    world.store.scrub()
    return file.stat().st_size


if __name__ == "__main__":
    run(("disk", measure))
