"""What devices are told: how far their counters are settled, which were refused, and the newest beacon."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Final

from sqlalchemy import ColumnElement, Connection, Row, Select, bindparam, func, literal_column, select, update
from sqlalchemy.orm import aliased

from traceability.operations.tally import ACCEPTED
from traceability.sensing.receipt import Receipt
from traceability.store import models
from traceability.store.ranges import given, ranges

PAGE: Final = 1_000
MAX_REFUSED_NAMED: Final = 400
"""So many refusals fit into the 16 KiB of a receipt, whatever their counters and codes."""
REFUSED_AGAIN: Final = 1_000
"""Refusals this many counters back are named again: an earlier receipt may have been lost."""

_TAKEN: Final[ColumnElement[str]] = literal_column(f"'{ACCEPTED}'")
"""Written out, so that the index of what was refused serves."""
_said, _gap, _device = models.DeviceStatement, models.Gap, models.Device
_COUNTERS: Final = (
    select(_said.device, _said.counter, _said.counter)
    .join(_device)
    .where(_device.id.in_(bindparam("devices", expanding=True)))
    .where(_said.counter > _device.settled, _said.counter <= _device.settled + PAGE)
)
_GAPS: Final = (
    select(_gap.device, _gap.first, _gap.last)
    .join(_device)
    .where(_device.id.in_(bindparam("devices", expanding=True)))
    .where(_gap.last > _device.settled, _gap.first <= _device.settled + PAGE)
)
_MOVE: Final = update(_device).where(_device.id == bindparam("of")).values(settled=bindparam("to"))


def settle(connection: Connection, settled: Mapping[str, int]) -> dict[str, int]:
    """Move each device to the highest counter up to which every one has an answer or was declared lost.

    Args:
        settled: what is stored for each device, its row locked; -1 for none.

    Returns:
        The same, moved on.
    """
    now = dict(settled)
    moving = list(now)
    while moving:
        spans: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for query in (_COUNTERS, _GAPS):
            for device, first, last in connection.execute(query, {"devices": moving}):
                spans[device].append((first, last))
        reached = {d: _reach(sorted(spans[d]), now[d]) for d in moving}
        moved = [d for d in moving if reached[d] > now[d]]
        if moved:
            connection.execute(_MOVE, [{"of": d, "to": reached[d]} for d in moved])
        moving = [d for d in moved if reached[d] - now[d] >= PAGE]
        now |= reached
    return now


def make_receipts(
    connection: Connection, settled: Mapping[str, tuple[int, int]], beacon: bytes | None = None
) -> Iterator[Receipt]:
    """A receipt for each device that has a settled counter.

    Args:
        settled: the counter up to which everything has its answer, and the first that the device
            may not have been answered for. If more refusals follow than a receipt can name, the
            receipt stops before the first unnamed one.
        beacon: of the newest published checkpoint, if there is one.
    """
    named: dict[str, tuple[tuple[int, str], ...]] = {}
    ends = []
    refused = _refused(connection, ((d, since - REFUSED_AGAIN, last) for d, (last, since) in settled.items()))
    for device, (last, since) in settled.items():
        unheard = [counter for counter, _ in refused[device] if counter >= since]
        if len(unheard) > MAX_REFUSED_NAMED:
            last = unheard[MAX_REFUSED_NAMED] - 1
        named[device] = tuple(r for r in refused[device] if r[0] <= last)[-MAX_REFUSED_NAMED:]
        ends.append((device, 0, last))
    for newest in _newest(connection, ends):
        yield Receipt(newest.device, newest.boot, newest.counter, newest.sha256, named[newest.device], beacon)


def _refused(
    connection: Connection, spans: Iterable[tuple[str, int, int]]
) -> defaultdict[str, list[tuple[int, str]]]:
    """What was refused within each span of counters, ascending, as far as it can matter."""
    found: defaultdict[str, list[tuple[int, str]]] = defaultdict(list)
    query = _refused_in(connection.dialect.name)
    for device, counter, outcome in connection.execute(query, given(connection, spans)):
        found[device].append((counter, outcome))
    return found


@cache
def _refused_in(dialect: str) -> Select[str, int, str]:
    span, one = ranges(dialect), aliased(_said)
    first_ones = (
        select(one.counter)
        .where(
            one.device == span.c.key, one.counter.between(span.c.first, span.c.last), one.outcome != _TAKEN
        )
        .order_by(one.counter)
        .limit(REFUSED_AGAIN + MAX_REFUSED_NAMED + 1)
        .correlate(span)
    )
    beside = span.join(_said, (_said.device == span.c.key) & _said.counter.in_(first_ones))
    return select(_said.device, _said.counter, _said.outcome).select_from(beside).order_by(_said.counter)


def _newest(
    connection: Connection, spans: Iterable[tuple[str, int, int]]
) -> Sequence[Row[str, int, int, bytes]]:
    """The statement with the highest counter of each span."""
    query = _newest_in(connection.dialect.name)
    return connection.execute(query, given(connection, spans)).all()


@cache
def _newest_in(dialect: str) -> Select[str, int, int, bytes]:
    span, one = ranges(dialect), aliased(_said)
    highest = select(func.max(one.counter)).where(one.device == span.c.key, one.counter <= span.c.last)
    beside = span.join(
        _said, (_said.device == span.c.key) & (_said.counter == highest.correlate(span).scalar_subquery())
    )
    return select(_said.device, _said.counter, _said.boot, _said.sha256).select_from(beside)


def _reach(spans: Sequence[tuple[int, int]], start: int) -> int:
    for first, last in spans:
        if first > start + 1:
            break
        start = max(start, last)
    return start
