"""The devices of one party as its people look after them: where each is, and how it does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from sqlalchemy import Connection, func, select

from traceability.errors import ClockAheadError, UnknownSubjectError
from traceability.identifiers import device_uri
from traceability.operations.accounts.trail import Actor, note
from traceability.operations.calibrations import Certificates, Standing, day_of, standing_of
from traceability.operations.enrol import device_owner
from traceability.operations.farewell import device_signers
from traceability.operations.node import Node
from traceability.operations.ownalarms import own_devices
from traceability.operations.record import acting, make_event, record_made
from traceability.store import models
from traceability.store.engine import Store
from traceability.store.readings import Rollup, Series

Newest: TypeAlias = dict[tuple[str, str], tuple[int, int]]
"""By channel and unit: when, and thousandths."""


@dataclass(frozen=True, slots=True)
class Health:
    """A device; times in milliseconds.

    Attributes:
        place: URI of what it is installed on; None if nowhere.
        ended: no key of it is in force.
        heard_ms: when it measured last; None if it never did.
        battery_percent: as it said last.
        signal_db: of a channel in decibels, its name and thousandths, as it said last.
        clock_ahead: its newest statement was refused because its clock is ahead.
        channels: its temperature channels.
        accepted, refused, flooded: messages.
    """

    device: str
    place: str | None
    ended: bool
    heard_ms: int | None
    battery_percent: int | None
    signal_db: tuple[str, int] | None
    clock_ahead: bool
    standing: Standing
    channels: tuple[str, ...]
    accepted: int
    refused: int
    flooded: int


def list_health(connection: Connection, node: Node, party: str, now_ms: int) -> Sequence[Health]:
    """All devices of a party, in the order of their ids."""
    devices = own_devices(connection, party)
    kept = Certificates(node).of(connection, devices)
    today = day_of(now_ms)
    return [_health(connection, node, each, standing_of(kept[each].farthest, today)) for each in devices]


def find_health(connection: Connection, node: Node, party: str, device: str, now_ms: int) -> Health:
    """One device of a party.

    Raises:
        UnknownSubjectError: it has no such device.
    """
    if device not in own_devices(connection, party):
        raise UnknownSubjectError(f"there is no device {device[:64]!r} among those of {party}")
    stands = standing_of(Certificates(node).of(connection, [device])[device].farthest, day_of(now_ms))
    return _health(connection, node, device, stands)


def remove_device(
    store: Store, node: Node, actor: Actor, device: str, target: str, at_ms: int, *, preview: bool = False
) -> None:
    """Take a device off what it is installed on, for its owner; a preview is the act, taken back.

    Raises:
        ConflictError: it is not installed there, or the times cross.
        UnknownSubjectError, UnknownSignerError: as ``install.install_device``.
    """
    with acting(store, preview=preview) as tx:
        party = device_owner(tx.connection, node, device)
        uris = [device_uri(node.name, device)]
        record_made(tx, node, party, [make_event("remove", at_ms, parentID=target, childEPCs=uris)])
        note(tx, actor, "device-removed", device, target=target)


def _health(connection: Connection, node: Node, device: str, standing: Standing) -> Health:
    there, stream, tally = models.Installation, models.Stream, models.Tally
    place = select(stream.uri).join(there, there.stream == stream.hash)
    place = place.where(there.device == device, there.to_ms.is_(None))
    counted = connection.execute(select(tally).where(tally.source == device)).one_or_none()
    newest = newest_readings(connection, device)
    battery = next((milli // 1000 for (_, unit), (_, milli) in newest.items() if unit == "%EL"), None)
    signal = next(((name, m) for (name, unit), (_, m) in newest.items() if unit.startswith("dB")), None)
    return Health(
        device=device,
        place=connection.execute(place).scalars().first(),
        ended=None in device_signers(connection, node, device).in_force.values(),
        heard_ms=max((at_ms for at_ms, _ in newest.values()), default=None),
        battery_percent=battery,
        signal_db=signal,
        clock_ahead=_clock_ahead(connection, device),
        standing=standing,
        channels=tuple(sorted({name for name, unit in newest if unit == "Cel"})),
        accepted=counted.accepted if counted else 0,
        refused=counted.rejected + counted.quarantined if counted else 0,
        flooded=counted.flooded if counted else 0,
    )


def newest_readings(connection: Connection, device: str) -> Newest:
    """The newest reading of each channel by name and unit: when, and thousandths."""
    found: Newest = {}
    rows = connection.execute(select(Series.id, Series.name, Series.unit).where(Series.device == device))
    for row in rows.all():
        cell = select(Rollup.last_ms, Rollup.last_milli).where(Rollup.series == row.id)
        last = connection.execute(cell.order_by(Rollup.from_ms.desc()).limit(1)).one_or_none()
        if last is not None:
            key = (row.name, row.unit)
            found[key] = max(found.get(key, (0, 0)), (last.last_ms, last.last_milli))
    return found


def _clock_ahead(connection: Connection, device: str) -> bool:
    said = models.DeviceStatement
    newest = select(func.max(said.counter)).where(said.device == device).scalar_subquery()
    query = select(said.outcome).where(said.device == device, said.counter == newest)
    return ClockAheadError.code in connection.execute(query).scalars().all()
