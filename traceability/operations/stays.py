"""Stays: a batch enters a monitored asset, leaves it, and its own chain says what was measured.

Opening and leaving come with the events that say so. Closing waits until every device that
was installed has delivered past the leaving time, was taken away, or has been silent for
``SILENT_MS``; data that come later are added by an amendment.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, and_, bindparam, false, func, insert, or_, select, true, update

from traceability import media
from traceability.ledger.record import GENESIS
from traceability.ledger.state import stream_hash
from traceability.ledger.stay import StayAmend, StayClose, StayOpen
from traceability.ledger.staydevice import DELIVERED, SILENT, UNINSTALLED, StayDevice
from traceability.operations.chain import Entry, append
from traceability.operations.events import batch_event, load_event
from traceability.operations.node import Node
from traceability.operations.roles import channels_at
from traceability.sensing.coldchain import Limits
from traceability.sensing.frame import DeviceStatement, parse_statement
from traceability.store import models
from traceability.store.engine import AnyRow, Transaction
from traceability.supply.epcis.events import devices_of
from traceability.verification.stays import NO_LIMITS, curves, limits_of, series_of

SILENT_MS: Final = 30 * 60 * 1000
"""How long after the leaving time a missing device is waited for."""


def open_stay(tx: Transaction, node: Node, batch: str, asset: str, entered_seq: int, entered_ms: int) -> None:
    """Chain a stay-open onto a batch, behind the event that entered it."""
    connection, key = tx.connection, stream_hash(asset)
    devices = installed_devices(connection, key, entered_ms, entered_ms)
    first = _first_record(connection, key, installed_devices(connection, key, entered_ms, None), entered_ms)
    text = StayOpen(
        batch=batch,
        asset=asset,
        entered_seq=entered_seq,
        entered_ms=entered_ms,
        asset_count=first,
        asset_head=_head_at(connection, key, first),
        devices=tuple(_entered(connection, key, d, first, entered_ms) for d in devices),
    )
    (record,) = append(tx, node, [Entry(batch, media.STAY_OPEN, text.encode())])
    row = {
        "batch": stream_hash(batch),
        "open_seq": record.seq,
        "asset": key,
        "asset_from": first,
        "entered_ms": entered_ms,
    }
    connection.execute(insert(models.Stay).values(row))


def settle_stays(tx: Transaction, node: Node) -> int:
    """Close and amend what can be; returns how many texts were chained.

    What was closed is looked at again only when new records of its asset reach back into it.
    Where statements were lost with a database nothing is summed up: they may be given back.
    """
    _unsettle(tx)
    stay, written = models.Stay, 0
    late = (
        select(models.DeviceStatement.seq)
        .where(
            models.DeviceStatement.stream == stay.asset,
            models.DeviceStatement.seq >= stay.asset_to,
            models.DeviceStatement.from_ms <= stay.left_ms,
            models.DeviceStatement.to_ms >= stay.entered_ms,
        )
        .exists()
    )
    record = models.Record
    lost = select(record.seq).where(record.statement.is_(None))
    in_asset = lost.where(record.stream == stay.asset, record.seq >= stay.asset_from).exists()
    in_batch = lost.where(record.stream == stay.batch, record.seq > stay.open_seq).exists()
    query = select(stay.__table__, or_(stay.close_seq.is_(None), late).label("due"))
    query = query.where(stay.settled == false(), stay.left_ms.is_not(None), ~in_asset, ~in_batch)
    for row in tx.connection.execute(query.order_by(stay.batch, stay.open_seq)).all():
        if row.due:
            written += _close(tx, node, row)
        else:
            _set(tx, row, settled=True)
    return written


def _unsettle(tx: Transaction) -> None:
    """Find the closed stays that records reach back into which are not in the log yet."""
    said, record, stay = models.DeviceStatement, models.Record, models.Stay
    new = select(said.stream, func.min(said.from_ms).label("from_ms"))
    new = new.join(record, and_(record.stream == said.stream, record.seq == said.seq))
    new = new.where(record.log_index.is_(None), said.from_ms.is_not(None)).group_by(said.stream)
    late = update(stay).where(
        stay.asset == bindparam("of"), stay.left_ms >= bindparam("since"), stay.settled == true()
    )
    found = [{"of": row.stream, "since": row.from_ms} for row in tx.connection.execute(new)]
    if found:
        tx.connection.execute(late.values(settled=False), found)


def _set(tx: Transaction, stay: AnyRow, **columns: object) -> None:
    this = (models.Stay.batch == stay.batch, models.Stay.open_seq == stay.open_seq)
    tx.connection.execute(update(models.Stay).where(*this).values(columns))


def _close(tx: Transaction, node: Node, stay: AnyRow) -> bool:
    connection = tx.connection
    left_ms = stay.left_ms or 0
    devices = installed_devices(connection, stay.asset, stay.entered_ms, left_ms)
    ends = {d: _end(tx, stay, d) for d in devices}
    if None in ends.values():
        return False
    asset_to = max([stay.asset_from] + [_last_record(connection, stay, d) + 1 for d in devices])
    batch, asset = (_uri(connection, key) for key in (stay.batch, stay.asset))
    limits = batch_limits(connection, stay.batch)
    statements = asset_statements(connection, stay.asset, stay.asset_from, asset_to)
    found = curves(statements, devices, limits, stay.entered_ms, left_ms)
    kind = StayClose if stay.close_seq is None else StayAmend
    text = kind(
        batch=batch,
        asset=asset,
        open_seq=stay.open_seq,
        left_seq=stay.leave_seq or 0,
        left_ms=left_ms,
        asset_count=asset_to,
        asset_head=_head_at(connection, stay.asset, asset_to),
        low_milli_c=limits.low_milli_c,
        high_milli_c=limits.high_milli_c,
        max_gap_ms=limits.max_gap_ms,
        devices=tuple(
            StayDevice(d, _next_counter(connection, stay.asset, d, asset_to), end)
            for d, end in ends.items()
            if end
        ),
        series=tuple(series_of(c) for c in found),
    )
    (record,) = append(tx, node, [Entry(batch, kind.MEDIA_TYPE, text.encode())])
    _set(tx, stay, close_seq=record.seq, asset_to=asset_to, settled=True)
    return True


def installed_devices(connection: Connection, asset: bytes, from_ms: int, to_ms: int | None) -> list[str]:
    """Ids of the devices that were installed on an asset at any time between two times, ascending.

    ``to_ms`` None: until now.
    """
    table = models.Installation
    query = select(table.device).where(
        table.stream == asset, or_(table.to_ms.is_(None), table.to_ms >= from_ms)
    )
    if to_ms is not None:
        query = query.where(table.from_ms <= to_ms)
    return sorted(set(connection.execute(query).scalars()))


def batch_limits(connection: Connection, batch: bytes) -> Limits:
    """The temperature limits that the event states by which a batch began; none while there is none."""
    begun = select(models.Batch.begun).where(models.Batch.stream == batch)
    if not connection.execute(begun).scalar_one_or_none():
        return NO_LIMITS
    return limits_of(batch_event(connection, batch))


def asset_statements(connection: Connection, asset: bytes, first: int, end: int) -> list[DeviceStatement]:
    """The device statements in a stretch of an asset's chain, ``first`` included, ``end`` not."""
    query = (
        select(models.Statement.body)
        .join(models.Record, models.Record.statement == models.Statement.sha256)
        .where(models.Record.stream == asset, models.Record.seq >= first, models.Record.seq < end)
        .where(models.Record.media_type.in_(media.DEVICE_STATEMENTS))
        .order_by(models.Record.seq)
    )
    return [parse_statement(body) for body in connection.execute(query).scalars()]


def _first_record(connection: Connection, asset: bytes, devices: Sequence[str], entered_ms: int) -> int:
    """The record of an asset from which on a stay's readings stand.

    For each device that is its last statement that begins before the stay, or its installation
    if there is none: so the line across the edge of the stay can be drawn, and nobody can begin
    a stay after its hot hours.
    """
    table = models.DeviceStatement
    last_before = (
        select(table.device, func.max(table.seq).label("seq"))
        .where(table.stream == asset, table.device.in_(devices), table.from_ms <= entered_ms)
        .group_by(table.device)
    )
    begins = {r.device: r.seq for r in connection.execute(last_before)}
    first_inside = select(func.min(table.seq)).where(table.stream == asset, table.to_ms >= entered_ms)
    inside = connection.execute(first_inside).scalar_one()
    known: list[int] = [*begins.values(), *_installed_by(connection, asset, set(devices) - begins.keys())]
    known += [] if inside is None else [inside]
    if known:
        return min(known)
    newest = select(models.Record.seq).where(models.Record.stream == asset).order_by(models.Record.seq.desc())
    last = connection.execute(newest.limit(1)).scalar_one_or_none()
    return 0 if last is None else last + 1


def _installed_by(connection: Connection, asset: bytes, devices: set[str]) -> list[int]:
    """For each device, the number of the asset's record that last installed it."""
    if not devices:
        return []
    table, found, missing = models.Record, [], set(devices)
    query = select(table.seq, models.Statement.sha256).join(models.Statement)
    query = query.where(table.stream == asset, table.media_type == media.EVENT)
    for seq, statement in connection.execute(query.order_by(table.seq.desc())).all():
        event = load_event(connection, statement)
        named = set(devices_of(event))
        if event.get("action") == "ADD" and named & missing:
            found.append(seq)
            missing -= named
    return found


def _head_at(connection: Connection, stream: bytes, count: int) -> bytes:
    if count == 0:
        return GENESIS
    query = select(models.Record.hash).where(models.Record.stream == stream, models.Record.seq == count - 1)
    return connection.execute(query).scalar_one()


def _entered(connection: Connection, asset: bytes, device: str, count: int, at_ms: int) -> StayDevice:
    counter = _next_counter(connection, asset, device, count)
    return StayDevice(device, counter, channels=channels_at(connection, asset, device, at_ms))


def _next_counter(connection: Connection, asset: bytes, device: str, count: int) -> int:
    """The first counter of a device that is not recorded before an asset's ``count``."""
    table = models.DeviceStatement
    of_device = table.device == device
    counters = select(table.counter).where(of_device)
    later = counters.where(table.stream == asset, table.seq >= count).order_by(table.counter)
    first_later = connection.execute(later.limit(1)).scalar_one_or_none()
    if first_later is not None:
        return first_later
    newest = connection.execute(counters.order_by(table.counter.desc()).limit(1)).scalar_one_or_none()
    return 0 if newest is None else newest + 1


def _end(tx: Transaction, stay: AnyRow, device: str) -> str | None:
    """How a device ended its part in a stay; None while its data may still be on the way."""
    table, left_ms = models.DeviceStatement, stay.left_ms or 0
    past = select(table.seq).where(table.device == device, table.stream == stay.asset, table.to_ms >= left_ms)
    if tx.connection.execute(past.limit(1)).first() is not None:
        return DELIVERED
    if tx.now_ms - left_ms > SILENT_MS:
        there = installed_devices(tx.connection, stay.asset, left_ms + 1, None)
        return SILENT if device in there else UNINSTALLED
    return None


def _last_record(connection: Connection, stay: AnyRow, device: str) -> int:
    """The last record of the asset that a stay needs of a device."""
    table, left_ms = models.DeviceStatement, stay.left_ms or 0
    of_device = and_(table.device == device, table.stream == stay.asset, table.seq >= stay.asset_from)
    inside = select(func.max(table.seq)).where(of_device, table.from_ms <= left_ms)
    after = select(func.min(table.seq)).where(of_device, table.to_ms >= left_ms)
    found = [connection.execute(q).scalar_one() for q in (inside, after)]
    return max([seq for seq in found if seq is not None], default=stay.asset_from - 1)


def _uri(connection: Connection, key: bytes) -> str:
    return connection.execute(select(models.Stream.uri).where(models.Stream.hash == key)).scalar_one()
