"""Events that change more than their own chains: devices installed, batches put into monitored assets.

Here a contradiction is refused, as one event decides how the readings of others are read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, insert, select, update

from traceability import identifiers
from traceability.errors import ConflictError, RefusedError
from traceability.identifiers import Kind, parse_stream
from traceability.ledger.record import format_time
from traceability.ledger.state import stream_hash
from traceability.operations.enrol import device_owner
from traceability.operations.node import Node
from traceability.operations.stays import open_stay
from traceability.operations.tally import ACCEPTED
from traceability.store import models
from traceability.store.engine import Transaction
from traceability.supply.epcis.events import devices_of, entered_asset


@dataclass(frozen=True, slots=True)
class Move:
    """What an event does beside being recorded.

    ``asset`` is the stream of the asset that ``batches`` enter (``adds``) or leave, ``target`` the
    stream that ``devices`` are installed on or removed from.
    """

    adds: bool
    at_ms: int
    batches: tuple[str, ...] = ()
    asset: str | None = None
    devices: tuple[str, ...] = ()
    target: str | None = None


def move_of(event: Mapping[str, Any], node: str, streams: Sequence[str], at_ms: int) -> Move | None:
    """The move in an event; None for one that moves nothing. An OBSERVE moves nothing."""
    if event.get("action") == "OBSERVE":
        return None
    adds = event.get("action") == "ADD"
    if devices := devices_of(event):
        target = identifiers.stream_of(str(event.get("parentID")), node)
        return Move(adds, at_ms, devices=devices, target=target)
    asset = entered_asset(event, node)
    batches = tuple(uri for uri in streams if parse_stream(uri).kind is Kind.BATCH)
    if asset is None or not batches:
        return None
    return Move(adds, at_ms, batches=batches, asset=asset)


def lock_devices(tx: Transaction, devices: Sequence[str]) -> None:
    """Lock devices, before any stream is locked, as ingest does."""
    rows = select(models.Device.id).where(models.Device.id.in_(devices)).order_by(models.Device.id)
    tx.connection.execute(rows.with_for_update()).all()


def check_move(tx: Transaction, node: Node, party: str, move: Move) -> None:
    """Refuse a move that contradicts what is recorded.

    Raises:
        UnknownSubjectError, RefusedError, ConflictError: as their messages say.
    """
    for device in move.devices:
        _check_installation(tx, node, party, move, device)
    for batch in move.batches:
        _check_stay(tx, move, batch)


def follow_move(tx: Transaction, node: Node, move: Move, seqs: Mapping[str, int]) -> None:
    """Bring installations and stays along, once the event stands at ``seqs`` in its streams."""
    for device in move.devices:
        _install(tx, move, device)
    for batch in move.batches:
        if move.adds:
            open_stay(tx, node, batch, str(move.asset), seqs[batch], move.at_ms)
        else:
            stay = models.Stay
            leaving = update(stay).where(stay.batch == stream_hash(batch), stay.left_ms.is_(None))
            tx.connection.execute(leaving.values(left_ms=move.at_ms, leave_seq=seqs[batch]))


def _check_stay(tx: Transaction, move: Move, batch: str) -> None:
    inside = _open_stay(tx, batch)
    if move.adds:
        if inside is not None:
            raise ConflictError(f"{batch} is still in {inside.uri}: record that it left, first")
    elif inside is None or inside.uri != move.asset:
        raise ConflictError(f"{batch} is not in {move.asset}")
    elif move.at_ms < inside.entered_ms:
        raise ConflictError(f"{batch} cannot leave {move.asset} before it entered it")


def _check_installation(tx: Transaction, node: Node, party: str, move: Move, device: str) -> None:
    if device_owner(tx.connection, node, device) != party:
        raise RefusedError(f"device {device} belongs to another party")
    if move.target is None or parse_stream(move.target).kind not in {Kind.ASSET, Kind.BATCH}:
        raise ConflictError(f"{move.target or 'the parent'} is neither an asset nor a batch")
    table = models.Installation
    rows = tx.connection.execute(select(table).where(table.device == device)).all()
    current = next((r for r in rows if r.to_ms is None), None)
    if move.adds:
        if current is not None:
            raise ConflictError(f"device {device} is installed elsewhere: record its removal first")
        if any(move.at_ms < r.to_ms for r in rows if r.to_ms is not None):
            raise ConflictError(f"device {device} was still installed elsewhere at that time")
    elif current is None or current.stream != stream_hash(move.target) or move.at_ms < current.from_ms:
        raise ConflictError(f"device {device} was not installed on {move.target} at that time")
    else:
        said = models.DeviceStatement
        newest = select(func.max(said.to_ms)).where(said.device == device, said.outcome == ACCEPTED)
        last_ms = tx.connection.execute(newest).scalar_one()
        if last_ms is not None and move.at_ms < last_ms:
            raise ConflictError(f"device {device} delivered readings until {format_time(last_ms)}")


def _install(tx: Transaction, move: Move, device: str) -> None:
    table = models.Installation
    if move.adds:
        row = {"device": device, "from_ms": move.at_ms, "stream": stream_hash(str(move.target))}
        tx.connection.execute(insert(table).values(row))
    else:
        current = update(table).where(table.device == device, table.to_ms.is_(None))
        tx.connection.execute(current.values(to_ms=move.at_ms))


@dataclass(frozen=True, slots=True)
class _Inside:
    uri: str
    entered_ms: int


def _open_stay(tx: Transaction, batch: str) -> _Inside | None:
    query = (
        select(models.Stream.uri, models.Stay.entered_ms)
        .join(models.Stay, models.Stay.asset == models.Stream.hash)
        .where(models.Stay.batch == stream_hash(batch), models.Stay.left_ms.is_(None))
    )
    found = tx.connection.execute(query).first()
    return _Inside(found.uri, found.entered_ms) if found else None
