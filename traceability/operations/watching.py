"""What is wrong right now with the goods that are watched and the devices that watch them.

    excursion  a curve that is outside a lot's limits, long enough, and not back yet
    silence    a device that is installed and has not measured for longer than it may
    clock      a device whose newest statement was refused because its clock is ahead
    battery    a device that says that its battery is nearly empty
    gap        a device's counters that are neither here nor declared lost
    flood      a device on whose topic so much comes that not all of it is looked at

Everything is read from cells and counters, none of it from frames: a look costs a few queries,
however much is stored. What is read here is a snapshot; `operations.alarms` remembers. A ``Watch``
may look for more: `operations.overdue` for calibration.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Connection, and_, func, select
from sqlalchemy.orm import aliased

from traceability.errors import ClockAheadError, FloodedError, TraceabilityError
from traceability.operations.outside import Outside
from traceability.operations.places import Key, Place, Trouble, installed_places
from traceability.operations.stays import batch_limits
from traceability.sensing.coldchain import Limits
from traceability.store import models
from traceability.store.configs import DeviceConfig
from traceability.store.engine import AnyRow
from traceability.verification.stays import NO_LIMITS

MINUTE_MS: Final = 60_000
SILENT_MS: Final = 30 * MINUTE_MS
HOLE_MS: Final = 30 * MINUTE_MS
FLOODED_MS: Final = MINUTE_MS
EMPTY_MILLI: Final = 20_000
CHARGED_MILLI: Final = 25_000
"""A battery is low at 20 % and well again from 25 % (assumed)."""

Look = Callable[[Connection, Collection[tuple[bytes, str]], int], Iterable[tuple[Key, Trouble]]]
"""Looks at installed devices, each with the hash of its stream, at a time in milliseconds."""


@dataclass(slots=True)
class Watch:
    """Looks at a store, ``also`` for what others look for; remembers limits by the statement of them.

    Nothing counts as silent or lost for as long after the first look, ``since_ms``: when a gateway
    was away, devices are sending what they kept.
    """

    since_ms: int | None = None
    also: tuple[Look, ...] = ()
    _limits: dict[tuple[bytes, bytes], Limits] = field(default_factory=dict)
    _outside: Outside = field(default_factory=Outside)

    def look(self, connection: Connection, now_ms: int) -> dict[Key, Trouble]:
        """All that is wrong; of several troubles under one key the first in time."""
        since_ms = self.since_ms = now_ms if self.since_ms is None else self.since_ms
        places = list(installed_places(connection))
        limits = self._limits_in(connection, {place.stream for place in places})
        installed = [(place.stream, place.device) for place in places]
        found: dict[Key, Trouble] = {}
        for key, trouble in (
            *self._outside.look(connection, places, limits, now_ms),
            *_silences(connection, places, now_ms, since_ms),
            *_clocks(connection, places, now_ms),
            *_batteries(places),
            *_holes(connection, places, now_ms, since_ms),
            *_floods(connection, places, now_ms),
            *(each for other in self.also for each in other(connection, installed, now_ms)),
        ):
            before = found.get(key)
            if before is None or (before.lasting, before.began_ms) > (trouble.lasting, trouble.began_ms):
                found[key] = trouble
        return found

    def _limits_in(self, connection: Connection, streams: set[bytes]) -> dict[bytes, list[Limits]]:
        """The limits of the lots that are in each place now, a lot with loggers of its own too."""
        batch, stay = models.Batch, models.Stay
        inside = select(stay.asset.label("place"), batch.stream, batch.statement).join(
            batch, batch.stream == stay.batch
        )
        packed = select(batch.stream.label("place"), batch.stream, batch.statement)
        packed = packed.where(batch.stream.in_(select(models.Installation.stream)))
        found: dict[bytes, list[Limits]] = defaultdict(list)
        for query in (inside.where(stay.left_ms.is_(None)), packed):
            for row in connection.execute(query):
                limits = self._limits_of(connection, row) if row.place in streams else NO_LIMITS
                if limits != NO_LIMITS and limits not in found[row.place]:
                    found[row.place].append(limits)
        return found

    def _limits_of(self, connection: Connection, row: AnyRow) -> Limits:
        key = row.stream, row.statement
        if key not in self._limits:
            try:
                self._limits[key] = batch_limits(connection, row.stream)
            except TraceabilityError:  # what is wrong with the event is the audit's matter
                self._limits[key] = NO_LIMITS
        return self._limits[key]


def _silences(
    connection: Connection, places: Sequence[Place], now_ms: int, since_ms: int
) -> Iterator[tuple[Key, Trouble]]:
    """Who was told to send seldom may be silent for as long as two of its frames take."""
    told = DeviceConfig
    in_force = select(told.device, told.frame_s).where(told.in_force_ms.is_not(None)).order_by(told.version)
    frames_ms = {row.device: 1000 * row.frame_s for row in connection.execute(in_force)}
    for place in places:
        may_ms = max(SILENT_MS, 2 * frames_ms.get(place.device, 0))
        if now_ms - max(place.newest_ms, since_ms) > may_ms:
            yield (place.stream, place.device, "silence"), Trouble(place.newest_ms, {})


def _clocks(connection: Connection, places: Sequence[Place], now_ms: int) -> Iterator[tuple[Key, Trouble]]:
    """Devices whose newest counter was refused for its time; the index of refused ones finds them."""
    said = models.DeviceStatement
    ahead = (said.outcome != "accepted", said.outcome == ClockAheadError.code)
    refused = select(said.device, func.max(said.counter).label("counter")).where(*ahead).group_by(said.device)
    by_device = {place.device: place for place in places}
    for row in connection.execute(refused).all():
        newest = select(func.max(said.counter)).where(said.device == row.device)
        place = by_device.get(row.device)
        if place is not None and connection.execute(newest).scalar_one() == row.counter:
            yield (place.stream, place.device, "clock"), Trouble(now_ms, {"counter": row.counter})


def _batteries(places: Sequence[Place]) -> Iterator[tuple[Key, Trouble]]:
    for place in places:
        for channel, newest in place.channels:
            if channel.unit == "%EL" and newest.last_milli < CHARGED_MILLI:
                detail = {"percent": newest.last_milli // 1000}
                lasting = newest.last_milli > EMPTY_MILLI
                yield (place.stream, place.device, "battery"), Trouble(newest.last_ms, detail, lasting)


def _holes(
    connection: Connection, places: Sequence[Place], now_ms: int, since_ms: int
) -> Iterator[tuple[Key, Trouble]]:
    """Devices of which a statement stands behind a hole for longer than a late one may take."""
    said, device, other = models.DeviceStatement, models.Device, aliased(models.DeviceStatement)
    behind = (
        select(func.min(other.counter))
        .where(other.device == device.id, other.counter > device.settled)
        .correlate(device)
        .scalar_subquery()
    )
    query = select(device.id, device.settled, said.counter, said.to_ms).join(
        said, and_(said.device == device.id, said.counter == behind)
    )
    by_device = {place.device: place for place in places}
    for row in connection.execute(query):
        place = by_device.get(row.id)
        if place is not None and row.to_ms is not None and now_ms - max(row.to_ms, since_ms) > HOLE_MS:
            lost = {"first": row.settled + 1, "last": row.counter - 1}
            yield (place.stream, place.device, "gap"), Trouble(row.to_ms, lost)


def _floods(connection: Connection, places: Sequence[Place], now_ms: int) -> Iterator[tuple[Key, Trouble]]:
    """Devices of whose messages some went unread a moment ago."""
    tally = models.Tally
    query = select(tally.source, tally.flooded, tally.flooded_ms)
    by_device = {place.device: place for place in places}
    for row in connection.execute(query.where(tally.flooded_ms > now_ms - FLOODED_MS)):
        place = by_device.get(row.source)
        if place is not None:
            detail = {"code": FloodedError.code, "unread": row.flooded}
            yield (place.stream, place.device, "flood"), Trouble(row.flooded_ms, detail)
