"""What is known of a place, a firm or a device: what a search for it leads to, for who may see everything."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, func, or_, select

from traceability.errors import UnknownSubjectError
from traceability.operations.accounts.kinds import kind_of
from traceability.operations.accounts.roles import PartyKind
from traceability.operations.enrol import device_owner
from traceability.operations.graph import standing
from traceability.operations.lookup import What, find_place
from traceability.operations.lots import Lot, Wanted, list_lots
from traceability.operations.names import party_names, product_names
from traceability.operations.node import Node
from traceability.operations.ownalarms import own_devices
from traceability.operations.owndevices import Health, Newest, find_health, newest_readings
from traceability.operations.prefixes import list_prefixes
from traceability.store import masterdata, models
from traceability.store.alarms import Alarm
from traceability.store.projections import Event, Mention, Thing
from traceability.supply.tracing.labels import ThingKind, product_of
from traceability.supply.tracing.labels import kind_of as thing_kind

LISTED: Final = 20
"""Batches, devices or alarms that are named of each."""
LOOKED_AT: Final = 100_000
"""The newest events, among which those of a place are sought: no index knows places."""
_GLN: Final = re.compile(r"/414/(\d{13})")


@dataclass(frozen=True, slots=True)
class Seen:
    """A thing, and the newest event that named it there: a bare step, or a whole URI, and who recorded it."""

    uri: str
    names: Mapping[str, Any]
    step: str
    action: str | None
    party: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Place:
    """A place as firms describe it, and what was there last; coordinates in millionths of a degree."""

    uri: str
    names: Mapping[str, str]
    region: Mapping[str, str]
    position_udeg: tuple[int, int] | None
    kept_by: Sequence[str]
    seen: Sequence[Seen]


@dataclass(frozen=True, slots=True)
class Firm:
    """A firm or authority; ``key_in_force`` says whether it can sign."""

    uri: str
    names: Mapping[str, str]
    kind: PartyKind | None
    since_ms: int
    key_in_force: bool
    prefixes: Sequence[str]
    devices: Sequence[str]
    lots: Sequence[Lot]


@dataclass(frozen=True, slots=True)
class Device:
    """A device, its newest readings by channel and unit, where it was since when, and its last alarms."""

    owner: str
    health: Health
    readings: Newest
    installed: Sequence[tuple[str, int, int | None]]
    alarms: Sequence[tuple[str, int, int | None]]


def known_place(connection: Connection, uri: str) -> Place:
    """A place by its URI.

    Raises:
        UnknownSubjectError: no event names it, and no firm describes it.
    """
    gln = found[1] if (found := _GLN.search(uri)) else ""
    table = masterdata.Place
    kept = connection.execute(select(table).where(table.gln == gln).order_by(table.changed_ms.desc())).all()
    if not kept and not find_place(connection, uri):
        raise _unknown(What.PLACE, uri)
    first = kept[0] if kept else None
    names = {} if first is None else {"en": first.name_en, "zh": first.name_zh}
    told = first is not None and first.region_en is not None
    region = {"en": first.region_en, "zh": first.region_zh} if first is not None and told else {}
    located = first is not None and first.latitude_udeg is not None
    position = (first.latitude_udeg, first.longitude_udeg) if first is not None and located else None
    seen = tuple(_seen_at(connection, uri))
    return Place(uri, names, region, position, [row.party for row in kept], seen)


def known_firm(connection: Connection, node: Node, uri: str) -> Firm:
    """A firm or authority by its URI.

    Raises:
        UnknownSubjectError: there is none.
    """
    key = models.Key
    query = select(func.min(key.from_ms).label("since_ms"), func.count(key.until_ms).label("ended"))
    row = connection.execute(query.add_columns(func.count().label("all")).where(key.subject == uri)).one()
    if not row.all:
        raise _unknown(What.PARTY, uri)
    return Firm(
        uri,
        party_names(connection, [uri]).get(uri, {}),
        kind_of(connection, node, uri),
        row.since_ms,
        row.ended < row.all,
        [held.prefix for held in list_prefixes(connection, uri)],
        own_devices(connection, uri)[:LISTED],
        list_lots(connection, uri, Wanted(), LISTED),
    )


def known_device(connection: Connection, node: Node, device: str, now_ms: int) -> Device:
    """A device by its id.

    Raises:
        UnknownSubjectError: there is none.
    """
    owner = device_owner(connection, node, device)
    health = find_health(connection, node, owner, device, now_ms)
    there, stream = models.Installation, models.Stream
    placed = select(stream.uri, there.from_ms, there.to_ms).join(there, there.stream == stream.hash)
    placed = placed.where(there.device == device).order_by(there.from_ms.desc()).limit(LISTED)
    alarms = select(Alarm).where(Alarm.device == device).order_by(Alarm.raised_ms.desc(), Alarm.id)
    return Device(
        owner,
        health,
        newest_readings(connection, device),
        [(row.uri, row.from_ms, row.to_ms) for row in connection.execute(placed)],
        [(row.kind, row.began_ms, row.ended_ms) for row in connection.execute(alarms.limit(LISTED))],
    )


def _seen_at(connection: Connection, uri: str) -> Iterator[Seen]:
    """The batches that events of a place name, those of the newest first, each once."""
    newest = select(Event.id).order_by(Event.recorded_ms.desc(), Event.id.desc()).limit(LOOKED_AT)
    query = select(Thing.uri, Event.biz_step, Event.action, Event.party, Event.at_ms)
    query = query.join(Mention, Mention.event == Event.id).join(Thing, Thing.id == Mention.thing)
    query = query.where(Event.id.in_(newest.scalar_subquery()), standing())
    query = query.where(or_(Event.read_point == uri, Event.biz_location == uri))
    found: dict[str, Any] = {}
    for row in connection.execute(query.order_by(Event.at_ms.desc(), Event.id.desc())):
        if thing_kind(row.uri) is ThingKind.BATCH:
            found.setdefault(row.uri, row)
        if len(found) == LISTED:
            break
    names = product_names(connection, found)
    for batch, row in found.items():
        step = (row.biz_step or "").rpartition("BizStep-")[2]
        yield Seen(batch, names.get(product_of(batch) or "", {}), step, row.action, row.party, row.at_ms)


def _unknown(what: str, key: str) -> UnknownSubjectError:
    return UnknownSubjectError(f"no {what} {key[:128]!r} is known here")
