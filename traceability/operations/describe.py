"""Describing a trace: where its things were seen, in whose hands, how much of them, and what is missing."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from operator import itemgetter
from typing import Final, TypeAlias

from sqlalchemy import Connection, func, select

from traceability.operations.graph import StoredLinks, fetch, standing
from traceability.operations.trace import uris_of
from traceability.store.projections import Event, Mention
from traceability.supply.epcis.cbv import BIZ_STEPS
from traceability.supply.lineage import LinkKind
from traceability.supply.tracing.balance import balance
from traceability.supply.tracing.labels import ThingKind, kind_of
from traceability.supply.tracing.packing import WeighedRow
from traceability.supply.tracing.trace import Detail, Flag, Trace, chunks

HELD: Final = BIZ_STEPS.web + "holding"
"""What is said of a recall, by whoever said it: that moves nothing."""
SHIPPED: Final = BIZ_STEPS.web + "shipping"
RECEIVED: Final = frozenset(
    BIZ_STEPS.web + word for word in ("receiving", "arriving", "accepting", "void_shipping")
)
_NEED_ORIGIN: Final = frozenset({ThingKind.BATCH, ThingKind.ITEM})


_PLACE: Final = func.coalesce(Event.biz_location, Event.read_point)
_SEEN: Final = (
    select(
        *(Mention.thing, Mention.at_ms, Mention.event, Mention.role),
        *(Event.type, Event.action, Event.biz_step, _PLACE, Event.party),
    )
    .join(Event, Event.id == Mention.event)
    .where(standing())
)


def describe(connection: Connection, trace: Trace) -> Trace:
    """A trace with everything that people look for in it; takes a few times as long as the trace itself."""
    processes = [process.id for process in trace.walked.processes]
    links = StoredLinks(connection)
    rows = [row for part in chunks(processes) for row in links.of_processes(part)]
    made = _made(row for row in rows if row[1] == LinkKind.OUTPUT)
    times = Counter(row[:4] for row in rows)
    by_process: dict[int, list[WeighedRow]] = defaultdict(list)
    for row in rows:
        by_process[row[3] if row[1] == LinkKind.INPUT else row[0]].append(row)
    return replace(
        trace,
        uris={**trace.uris, **uris_of(connection, processes)},
        details=dict(_details(connection, trace, made)),
        balances={process: balance(found) for process, found in by_process.items()},
        quantities={row[:4]: (row[4], row[5]) for row in rows if row[4] is not None and times[row[:4]] == 1},
    )


def _made(outputs: Iterable[WeighedRow]) -> dict[int, tuple[str, str | None] | None]:
    """How much of each thing was made; None where that is not one quantity."""
    found: dict[int, tuple[str, str | None] | None] = {}
    for _, _, _, thing, quantity, uom in outputs:
        found[thing] = None if quantity is None or thing in found else (quantity, uom)
    return found


_Seen: TypeAlias = tuple[int, int, int, str, str, str | None, str | None, str | None, str]
"""Thing, time, event, role, type, action, business step, place, party."""


def _details(
    connection: Connection, trace: Trace, made: Mapping[int, tuple[str, str | None] | None]
) -> Iterator[tuple[int, Detail]]:
    """A detail for each thing; what names an asset through the years is not read."""
    kinds = {thing.id: kind_of(trace.name(thing.id)) for thing in trace.walked.things}
    for part in chunks([thing for thing, kind in kinds.items() if kind is not ThingKind.ASSET]):
        rows: list[_Seen] = fetch(connection, _SEEN, Mention.thing, part)
        rows.sort(key=itemgetter(0, 1, 2, 3))
        by_thing = {thing: list(seen) for thing, seen in groupby(rows, itemgetter(0))}
        for thing in part:
            seen, stopped = by_thing.get(thing, []), thing in trace.walked.stopped
            flags = tuple(_flags(kinds[thing], seen, made=thing in made, stopped=stopped))
            yield thing, _detail(seen, made.get(thing), flags)


def _detail(seen: Sequence[_Seen], made: tuple[str, str | None] | None, flags: tuple[Flag, ...]) -> Detail:
    quantity, uom = made or (None, None)
    seen = [each for each in seen if each[6] != HELD]
    if not seen:
        return Detail(quantity=quantity, uom=uom, flags=flags)
    places = [each[7] for each in seen if each[7] is not None]
    return Detail(
        first_ms=seen[0][1],
        first_place=places[0] if places else None,
        first_party=seen[0][8],
        last_ms=seen[-1][1],
        last_place=places[-1] if places else None,
        last_party=seen[-1][8],
        quantity=quantity,
        uom=uom,
        flags=flags,
        parties=tuple(sorted({each[8] for each in seen})),
    )


def _flags(kind: ThingKind, seen: Sequence[_Seen], *, made: bool, stopped: bool) -> Iterator[Flag]:
    if kind is ThingKind.PRODUCT:
        yield Flag.NO_LOT
    begun = made or any(
        role == "output" or (role, event, action) == ("epc", "ObjectEvent", "ADD")
        for _, _, _, role, event, action, *_ in seen
    )
    if kind in _NEED_ORIGIN and not begun:
        yield Flag.NO_ORIGIN
    steps = [(at_ms, step) for _, at_ms, _, _, _, _, step, *_ in seen]
    sent = max((at_ms for at_ms, step in steps if step == SHIPPED), default=None)
    if sent is not None and not any(at_ms >= sent and step in RECEIVED for at_ms, step in steps):
        yield Flag.NOT_RECEIVED
    if stopped:
        yield Flag.STOPPED
