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
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from sqlalchemy import Connection, and_, func, select
from sqlalchemy.orm import aliased

from traceability.errors import ClockAheadError, FloodedError, TraceabilityError
from traceability.operations.measured import Channel, cells_in
from traceability.operations.stays import batch_limits
from traceability.sensing import channels
from traceability.sensing.coldchain import Limits, Sample
from traceability.sensing.episodes import Rule, Span, episodes, is_back, joined, switched_on
from traceability.store import models
from traceability.store.configs import DeviceConfig
from traceability.store.engine import AnyRow
from traceability.store.readings import Rollup, Series
from traceability.verification.stays import NO_LIMITS

MINUTE_MS: Final = 60_000
LOOK_BACK_MS: Final = 6 * 60 * MINUTE_MS
SILENT_MS: Final = 30 * MINUTE_MS
HOLE_MS: Final = 30 * MINUTE_MS
FLOODED_MS: Final = MINUTE_MS
AIR: Final = Rule(500, 10 * MINUTE_MS)
PRODUCT: Final = Rule(300, 0)
"""Air may be outside for ten minutes, goods not at all; by so much both must come back (assumed)."""
EMPTY_MILLI: Final = 20_000
CHARGED_MILLI: Final = 25_000
"""A battery is low at 20 % and well again from 25 % (assumed)."""

Key = tuple[bytes, str, str]
"""A stream's hash, a device and a kind of alarm."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that is wrong since ``began_ms``; ``lasting`` keeps an alarm open and raises none."""

    began_ms: int
    detail: Mapping[str, Any]
    lasting: bool = False


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

    def look(self, connection: Connection, now_ms: int) -> dict[Key, Trouble]:
        """All that is wrong; of several troubles under one key the first in time."""
        since_ms = self.since_ms = now_ms if self.since_ms is None else self.since_ms
        places = list(_installed(connection))
        limits = self._limits_in(connection, {place.stream for place in places})
        installed = [(place.stream, place.device) for place in places]
        found: dict[Key, Trouble] = {}
        for key, trouble in (
            *_excursions(connection, places, limits, now_ms),
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


@dataclass(frozen=True, slots=True)
class _Place:
    """A device that is installed now, since when, and the newest cell of each of its channels."""

    stream: bytes
    device: str
    since_ms: int
    channels: tuple[tuple[Channel, AnyRow], ...]

    @property
    def newest_ms(self) -> int:
        return max([self.since_ms, *(int(cell.last_ms) for _, cell in self.channels)])


def _installed(connection: Connection) -> Iterator[_Place]:
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
        yield _Place(stream, device, since_ms, tuple(own))


def _excursions(
    connection: Connection, places: Sequence[_Place], limits: Mapping[bytes, list[Limits]], now_ms: int
) -> Iterator[tuple[Key, Trouble]]:
    """Curves whose newest reading is not well inside all limits; of the others nothing more is read."""
    masks: dict[bytes, tuple[Span, ...]] = {}
    for place in places:
        for channel, newest in place.channels:
            air = channels.channel_of(channel.name) is not channels.Channel.PRODUCT
            rule, last = AIR if air else PRODUCT, Sample(newest.last_ms, newest.last_milli)
            doubted = [each for each in limits.get(place.stream, ()) if not is_back(last, each, rule)]
            if channel.unit != "Cel" or not doubted:
                continue
            if air and place.stream not in masks:
                masks[place.stream] = _masks(connection, places, place.stream, now_ms)
            samples = _samples(cells_in(connection, channel, now_ms - LOOK_BACK_MS, now_ms)) or [last]
            for each in doubted:
                trouble = _outside(channel, samples, each, rule, masks[place.stream] if air else ())
                if newest.last_ms < now_ms - SILENT_MS:
                    trouble = replace(trouble, lasting=True)  # what is past wakes nobody
                yield (place.stream, place.device, "excursion"), trouble


def _outside(
    channel: Channel, samples: Sequence[Sample], limits: Limits, rule: Rule, masks: Sequence[Span]
) -> Trouble:
    """What to say of a curve that is not back: that it is outside, or only that it is not back."""
    said = {"channel": channel.name, "low_milli_c": limits.low_milli_c, "high_milli_c": limits.high_milli_c}
    for episode in episodes(samples, limits, rule, masks):
        if episode.ongoing:
            return Trouble(episode.from_ms, said | {"extreme_milli_c": episode.extreme_milli_c})
    return Trouble(samples[-1].at_ms, said, lasting=True)


def _samples(cells: Iterable[AnyRow]) -> list[Sample]:
    """The ends of each cell, and between them the value that is farthest from both, if there is one."""
    found: dict[int, int] = {}
    for cell in cells:
        found[cell.first_ms] = cell.first_milli
        between_ms = (cell.first_ms + cell.last_ms) // 2
        ends = sorted((cell.first_milli, cell.last_milli))
        beyond = max((ends[0] - cell.low_milli, cell.low_milli), (cell.high_milli - ends[1], cell.high_milli))
        if beyond[0] > 0 and cell.first_ms < between_ms < cell.last_ms:
            found[between_ms] = beyond[1]
        found[cell.last_ms] = cell.last_milli
    return [Sample(at_ms, found[at_ms]) for at_ms in sorted(found)]


def _masks(connection: Connection, places: Sequence[_Place], stream: bytes, now_ms: int) -> tuple[Span, ...]:
    spans: list[Span] = []
    for channel, _ in (pair for place in places if place.stream == stream for pair in place.channels):
        if channel.unit == "/" and channels.channel_of(channel.name) in channels.SWITCHES:
            cells = cells_in(connection, channel, now_ms - LOOK_BACK_MS, now_ms)
            spans += switched_on(_samples(cells), SILENT_MS)
    return joined(spans)


def _silences(
    connection: Connection, places: Sequence[_Place], now_ms: int, since_ms: int
) -> Iterator[tuple[Key, Trouble]]:
    """Who was told to send seldom may be silent for as long as two of its frames take."""
    told = DeviceConfig
    in_force = select(told.device, told.frame_s).where(told.in_force_ms.is_not(None)).order_by(told.version)
    frames_ms = {row.device: 1000 * row.frame_s for row in connection.execute(in_force)}
    for place in places:
        may_ms = max(SILENT_MS, 2 * frames_ms.get(place.device, 0))
        if now_ms - max(place.newest_ms, since_ms) > may_ms:
            yield (place.stream, place.device, "silence"), Trouble(place.newest_ms, {})


def _clocks(connection: Connection, places: Sequence[_Place], now_ms: int) -> Iterator[tuple[Key, Trouble]]:
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


def _batteries(places: Sequence[_Place]) -> Iterator[tuple[Key, Trouble]]:
    for place in places:
        for channel, newest in place.channels:
            if channel.unit == "%EL" and newest.last_milli < CHARGED_MILLI:
                detail = {"percent": newest.last_milli // 1000}
                lasting = newest.last_milli > EMPTY_MILLI
                yield (place.stream, place.device, "battery"), Trouble(newest.last_ms, detail, lasting)


def _holes(
    connection: Connection, places: Sequence[_Place], now_ms: int, since_ms: int
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


def _floods(connection: Connection, places: Sequence[_Place], now_ms: int) -> Iterator[tuple[Key, Trouble]]:
    """Devices of whose messages some went unread a moment ago."""
    tally = models.Tally
    query = select(tally.source, tally.flooded, tally.flooded_ms)
    by_device = {place.device: place for place in places}
    for row in connection.execute(query.where(tally.flooded_ms > now_ms - FLOODED_MS)):
        place = by_device.get(row.source)
        if place is not None:
            detail = {"code": FloodedError.code, "unread": row.flooded}
            yield (place.stream, place.device, "flood"), Trouble(row.flooded_ms, detail)
