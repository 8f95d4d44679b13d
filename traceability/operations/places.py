"""The devices that are installed now, with the newest cell of each of their channels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, select
from sqlalchemy.orm import aliased

from traceability.operations.measured import Channel
from traceability.store import models
from traceability.store.engine import AnyRow
from traceability.store.readings import Rollup, Series

Key = tuple[bytes, str, str]
"""A stream's hash, a device and a kind of alarm."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that is wrong since ``began_ms``; ``lasting`` keeps an alarm open and raises none."""

    began_ms: int
    detail: Mapping[str, Any]
    lasting: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """A device that is installed now, since when, and the newest cell of each of its channels."""

    stream: bytes
    device: str
    since_ms: int
    channels: tuple[tuple[Channel, AnyRow], ...]

    @property
    def newest_ms(self) -> int:
        return max([self.since_ms, *(int(cell.last_ms) for _, cell in self.channels)])


def installed_places(connection: Connection) -> Iterator[Place]:
    """Every installed device with its channels; one query for all, which seeks each newest cell."""
    there, cell = models.Installation, aliased(Rollup)
    newest = (
        select(cell.from_ms)
        .where(cell.series == Series.id)
        .order_by(cell.from_ms.desc())
        .limit(1)
        .correlate(Series)
        .scalar_subquery()
    )
    query = (
        select(there.device, there.stream, there.from_ms.label("since_ms"), Series.id, Series.name)
        .add_columns(Series.unit, Rollup.last_ms, Rollup.last_milli)
        .outerjoin(Series, and_(Series.device == there.device, Series.stream == there.stream))
        .outerjoin(Rollup, and_(Rollup.series == Series.id, Rollup.from_ms == newest))
        .where(there.to_ms.is_(None))
        .order_by(there.stream, there.device, Series.name, Series.unit)
    )
    found: dict[tuple[bytes, str, int], list[tuple[Channel, AnyRow]]] = defaultdict(list)
    for row in connection.execute(query):
        own = found[row.stream, row.device, row.since_ms]
        if row.last_ms is not None:
            own.append((Channel(row.id, row.stream, row.device, row.name, row.unit), row))
    for (stream, device, since_ms), own in found.items():
        yield Place(stream, device, since_ms, tuple(own))
