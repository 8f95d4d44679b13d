"""What devices are told: how far their counters are settled, and which of them were refused."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import Connection, bindparam, select, update

from traceability.operations.tally import ACCEPTED
from traceability.sensing.receipt import Receipt
from traceability.store import models

PAGE: Final = 1_000
MAX_REFUSED_NAMED: Final = 400
"""So many refusals fit into the 16 KiB of a receipt, whatever their counters and codes."""
REFUSED_AGAIN: Final = 1_000
"""Refusals this many counters back are named again: an earlier receipt may have been lost."""

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
_REFUSED: Final = (
    select(_said.counter, _said.outcome)
    .where(_said.device == bindparam("device"), _said.outcome != ACCEPTED)
    .where(_said.counter >= bindparam("first"), _said.counter <= bindparam("last"))
    .order_by(_said.counter)
    .limit(REFUSED_AGAIN + MAX_REFUSED_NAMED + 1)
)
_NEWEST: Final = (
    select(_said.counter, _said.boot, _said.sha256)
    .where(_said.device == bindparam("device"), _said.counter <= bindparam("last"))
    .order_by(_said.counter.desc())
    .limit(1)
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


def make_receipt(connection: Connection, device: str, settled: int, since: int) -> Receipt | None:
    """The receipt for everything up to ``settled``; None while nothing is.

    Args:
        since: the first counter that the device may not have been answered for. If more
            refusals follow than a receipt can name, it stops before the first unnamed one.
    """
    within = {"device": device, "first": since - REFUSED_AGAIN, "last": settled}
    refused = connection.execute(_REFUSED, within).all()
    unheard = [r.counter for r in refused if r.counter >= since]
    last = settled if len(unheard) <= MAX_REFUSED_NAMED else unheard[MAX_REFUSED_NAMED] - 1
    named = tuple((r.counter, r.outcome) for r in refused if r.counter <= last)
    newest = connection.execute(_NEWEST, {"device": device, "last": last}).one_or_none()
    if newest is None:
        return None
    return Receipt(device, newest.boot, newest.counter, newest.sha256, named[-MAX_REFUSED_NAMED:])


def _reach(spans: Sequence[tuple[int, int]], start: int) -> int:
    for first, last in spans:
        if first > start + 1:
            break
        start = max(start, last)
    return start
