"""Recording what a party says: one EPCIS event, signed, on the chain of everything it names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, insert, select, update

from traceability import identifiers, media
from traceability.errors import ClockAheadError, ConflictError, RefusedError, UnknownSubjectError
from traceability.identifiers import Kind, parse_stream
from traceability.ledger.record import format_time
from traceability.ledger.state import stream_hash
from traceability.operations.chain import Entry, append, insert_new, lock_heads
from traceability.operations.enrol import device_owner, signing_key
from traceability.operations.ingest import MAX_AHEAD_MS
from traceability.operations.node import Node
from traceability.operations.stays import open_stay
from traceability.operations.tally import ACCEPTED
from traceability.signing import sdjwt
from traceability.signing.disclosure import EVENT_CLAIM, hide_claims
from traceability.store import models
from traceability.store.engine import Store, Transaction
from traceability.supply.epcis import CONTEXT, STEPS, check_event, event_time_ms, format_event_time, subjects


@dataclass(frozen=True, slots=True)
class Recorded:
    """Where an event stands now: the stream it is about, and its number there."""

    streams: tuple[tuple[str, int], ...]
    sha256: bytes


def make_event(step: str, at_ms: int, *, offset: str = "+00:00", **members: Any) -> dict[str, Any]:
    """An event for one of the ``STEPS``, with the members given (``None`` is left out)."""
    kind = STEPS[step]
    fixed = {
        "@context": CONTEXT,
        "type": kind.type,
        "action": kind.action,
        "bizStep": kind.biz_step,
        "disposition": kind.disposition,
        "eventTime": format_event_time(at_ms, offset),
        "eventTimeZoneOffset": offset,
    }
    return fixed | {name: value for name, value in members.items() if value is not None}


def record_event(store: Store, node: Node, party: str, event: Mapping[str, Any]) -> Recorded:
    """Sign an event for a party and chain it; open, leave and install as it says.

    Raises:
        StatementError: not an event that this version takes.
        UnknownSignerError: the party has no key in this node's custody.
        UnknownSubjectError: a batch, asset or device that it names is not known here.
        ConflictError: it contradicts what is recorded; the message says how.
        ClockAheadError: it lies in the future.
    """
    check_event(event)
    at_ms = event_time_ms(event)
    with store.transaction() as tx:
        if at_ms - tx.now_ms > MAX_AHEAD_MS:
            raise ClockAheadError(f"the event lies {(at_ms - tx.now_ms) // 1000} s in the future")
        _lock(tx, event)
        streams = _streams(tx, node, party, event, at_ms)
        claims = {"iss": party, "iat": tx.now_ms // 1000, EVENT_CLAIM: dict(event)}
        issued = sdjwt.issue(signing_key(tx.connection, node, party), claims, hide_claims, typ=media.EVENT)
        entries = [Entry(uri, media.EVENT, issued.statement) for uri in streams]
        records = append(tx, entries)
        sha256 = entries[0].sha256
        rows = ({"statement": sha256, "digest": d.digest, "body": d.text} for d in issued.disclosures)
        insert_new(tx, models.Disclosure, rows)
        seqs = {r.stream: r.seq for r in records}
        _project(tx, event, seqs, sha256, at_ms)
    return Recorded(tuple(seqs.items()), sha256)


def _lock(tx: Transaction, event: Mapping[str, Any]) -> None:
    """Lock everything that an event changes, devices first as ingest does: then check, then change."""
    devices = sorted(uri.rpartition("/")[2] for uri in event.get("childEPCs", ()))
    rows = select(models.Device.id).where(models.Device.id.in_(devices)).order_by(models.Device.id)
    tx.connection.execute(rows.with_for_update()).all()
    lock_heads(tx, [uri for uri in subjects(event) if uri not in event.get("childEPCs", ())])


def _streams(tx: Transaction, node: Node, party: str, event: Mapping[str, Any], at_ms: int) -> list[str]:
    """The streams an event goes onto; refuses what contradicts what is already there."""
    if event["type"] == "AssociationEvent":
        for child in event["childEPCs"]:
            _check_installation(tx, node, party, event, child, at_ms)
        return [event["parentID"]]
    named = [parse_stream(uri) for uri in subjects(event) if uri != event.get("parentID")]
    for stream in named:
        if stream.kind is not Kind.BATCH or stream.batch.uri(node.name) != stream.uri:
            raise UnknownSubjectError(f"{stream.uri} is not a batch of this node")
        _check_batch(tx, event, stream.uri, at_ms)
    return [stream.uri for stream in named]


def _check_batch(tx: Transaction, event: Mapping[str, Any], batch: str, at_ms: int) -> None:
    key = stream_hash(batch)
    known = tx.connection.execute(select(models.Batch.stream).where(models.Batch.stream == key)).first()
    creates = event["type"] == "ObjectEvent" and event["action"] == "ADD"
    if creates and known:
        raise ConflictError(f"{batch} was created before; choose another lot")
    if not creates and not known:
        raise UnknownSubjectError(f"{batch} is not recorded here: create it with `traceability batch new`")
    if creates and "ilmd" not in event:
        raise ConflictError("the event that creates a batch names its product in ilmd")
    if event["type"] == "AggregationEvent":
        _check_move(tx, event, batch, at_ms)


def _check_move(tx: Transaction, event: Mapping[str, Any], batch: str, at_ms: int) -> None:
    asset = parse_stream(event["parentID"])
    if asset.kind is not Kind.ASSET:
        raise ConflictError(f"{asset.uri} is not an asset that a batch can be put into")
    length = select(models.Stream.length).where(models.Stream.hash == stream_hash(asset.uri))
    if not tx.connection.execute(length).scalar_one():
        raise UnknownSubjectError(
            f"no device was ever installed on {asset.uri}",
            remedy=f"Install one first: traceability install --device ID --on {asset.uri}",
        )
    inside = _open_stay(tx, batch)
    if event["action"] == "ADD" and inside is not None:
        raise ConflictError(f"{batch} is still in {inside.uri}: record that it left, first")
    if event["action"] == "DELETE" and (inside is None or inside.uri != asset.uri):
        raise ConflictError(f"{batch} is not in {asset.uri}")
    if event["action"] == "DELETE" and inside is not None and at_ms < inside.entered_ms:
        raise ConflictError(f"{batch} cannot leave {asset.uri} before it entered it")


def _check_installation(
    tx: Transaction, node: Node, party: str, event: Mapping[str, Any], uri: str, at_ms: int
) -> None:
    device = uri.rpartition("/")[2]
    if uri != identifiers.device_uri(node.name, device):
        raise UnknownSubjectError(f"{uri} is not a device of this node")
    if device_owner(tx.connection, node, device) != party:
        raise RefusedError(f"device {device} belongs to another party")
    target = parse_stream(event["parentID"])
    if target.kind not in {Kind.ASSET, Kind.BATCH}:
        raise ConflictError(f"{target.uri} is neither an asset nor a batch")
    table = models.Installation
    rows = tx.connection.execute(select(table).where(table.device == device)).all()
    current = next((r for r in rows if r.to_ms is None), None)
    if event["action"] == "ADD":
        if current is not None:
            raise ConflictError(f"device {device} is installed elsewhere: record its removal first")
        if any(at_ms < r.to_ms for r in rows if r.to_ms is not None):
            raise ConflictError(f"device {device} was still installed elsewhere at that time")
    elif current is None or current.stream != stream_hash(target.uri) or at_ms < current.from_ms:
        raise ConflictError(f"device {device} was not installed on {target.uri} at that time")
    else:
        said = models.DeviceStatement
        newest = select(func.max(said.to_ms)).where(said.device == device, said.outcome == ACCEPTED)
        last_ms = tx.connection.execute(newest).scalar_one()
        if last_ms is not None and at_ms < last_ms:
            raise ConflictError(f"device {device} delivered readings until {format_time(last_ms)}")


def _project(
    tx: Transaction, event: Mapping[str, Any], seqs: Mapping[str, int], sha256: bytes, at_ms: int
) -> None:
    """Bring the derived tables along."""
    adds = event["action"] == "ADD"
    if event["type"] == "AssociationEvent":
        _install(tx, event, adds, at_ms)
    elif event["type"] == "ObjectEvent" and adds:
        rows = [{"stream": stream_hash(uri), "statement": sha256} for uri in seqs]
        tx.connection.execute(insert(models.Batch), rows)
    elif event["type"] == "AggregationEvent":
        for batch, seq in seqs.items():
            if adds:
                open_stay(tx, batch, event["parentID"], seq, at_ms)
            else:
                stay = models.Stay
                leaving = update(stay).where(stay.batch == stream_hash(batch), stay.left_ms.is_(None))
                tx.connection.execute(leaving.values(left_ms=at_ms, leave_seq=seq))


def _install(tx: Transaction, event: Mapping[str, Any], adds: bool, at_ms: int) -> None:
    table = models.Installation
    for uri in event["childEPCs"]:
        device = uri.rpartition("/")[2]
        if adds:
            row = {"device": device, "from_ms": at_ms, "stream": stream_hash(event["parentID"])}
            tx.connection.execute(insert(table).values(row))
        else:
            current = update(table).where(table.device == device, table.to_ms.is_(None))
            tx.connection.execute(current.values(to_ms=at_ms))


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
