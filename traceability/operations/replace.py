"""A device takes the place of another one that is dead: one removal, one installation, in one transaction.

The two events are those of ``remove`` and ``install``; what the channels of the old one were said to
measure is said of the new one. A preview is the act itself, taken back before it
is committed: so it refuses whatever the act would refuse.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, func, select

from traceability.errors import ConflictError, KeyNotInForceError
from traceability.identifiers import Kind, device_uri, parse_stream
from traceability.ledger.state import stream_hash
from traceability.operations.accounts.trail import COMMAND_LINE, Actor, note
from traceability.operations.enrol import device_owner
from traceability.operations.farewell import Parting, device_signers, part
from traceability.operations.node import Node
from traceability.operations.record import acting, make_event, record_made
from traceability.operations.roles import channels_since
from traceability.operations.stays import batch_limits
from traceability.operations.tally import ACCEPTED
from traceability.store import models
from traceability.store.engine import Store, Transaction
from traceability.supply.epcis.channels import MEMBER


@dataclass(frozen=True, slots=True)
class Uncovered:
    """A batch that is in the place, and how long nothing measures it there.

    ``allowed_ms`` is the longest time between readings that its producer states.
    """

    batch: str
    entered_ms: int
    gap_ms: int
    allowed_ms: int


@dataclass(frozen=True, slots=True)
class Replacement:
    """What a replacement says; times in milliseconds since 1970 UTC.

    Attributes:
        target: the stream that ``old`` is removed from and ``new`` installed on, at ``at_ms``.
        since_ms: when ``old`` was installed there.
        last_ms: when it measured last, there or elsewhere; None if it never did.
        batches: what is in the place now.
        parting: what the farewell to ``old`` said, if there was one.
    """

    old: str
    new: str
    target: str
    party: str
    at_ms: int
    since_ms: int
    last_ms: int | None
    batches: tuple[Uncovered, ...]
    parting: Parting | None = None

    @property
    def silent_from_ms(self) -> int:
        """Since when nothing of ``old`` is there."""
        return max(self.since_ms, self.last_ms or 0)

    @property
    def gap_ms(self) -> int:
        """How long nothing measures the place, until ``new`` may begin."""
        return self.at_ms - self.silent_from_ms


def replace_device(
    store: Store,
    node: Node,
    old: str,
    new: str,
    at_ms: int,
    *,
    offset: str = "+00:00",
    farewell: bool = False,
    preview: bool = False,
    actor: Actor = COMMAND_LINE,
) -> Replacement:
    """Remove a device and install another one in its place, both or neither.

    Args:
        at_ms, offset: when, and the local time that this was.
        farewell: end the old device's key too; that cannot be undone.
        preview: only say what it would be.

    Raises:
        UnknownSubjectError: one of them is not enrolled.
        RefusedError: they belong to different parties.
        KeyNotInForceError: the key of the new one was ended.
        ConflictError: the old one is installed nowhere, the new one somewhere, or the times cross.
        ClockAheadError: it lies in the future.
        UnknownSignerError: their owner has no key in force in this node's custody.
    """
    with acting(store, preview=preview) as tx:
        made = _plan(tx.connection, node, old, new, at_ms)
        _record(tx, node, made, offset)
        note(tx, actor, "device-replaced", old, by=new)
        if farewell:
            made = replace(made, parting=part(tx, node, old))
    return made


def _plan(connection: Connection, node: Node, old: str, new: str, at_ms: int) -> Replacement:
    if old == new:
        raise ConflictError(f"device {old} cannot take its own place")
    party = device_owner(connection, node, old)
    if None in device_signers(connection, node, new).in_force.values():
        raise KeyNotInForceError(
            f"the key of device {new} is ended: nothing that it says would be taken",
            remedy="Enrol another device: traceability enrol device --help",
        )
    there, stream = models.Installation, models.Stream
    query = select(there.from_ms, there.stream, stream.uri).join(stream)
    place = connection.execute(query.where(there.device == old, there.to_ms.is_(None))).one_or_none()
    if place is None:
        raise ConflictError(
            f"device {old} is installed nowhere, so it has no place to take",
            remedy=f"traceability install --device {new} --on ASSET",
        )
    said = models.DeviceStatement
    newest = select(func.max(said.to_ms)).where(said.device == old, said.outcome == ACCEPTED)
    last_ms = connection.execute(newest).scalar_one()
    made = Replacement(old, new, place.uri, party, at_ms, place.from_ms, last_ms, ())
    return replace(made, batches=tuple(_uncovered(connection, place.stream, made)))


def _uncovered(connection: Connection, key: bytes, made: Replacement) -> Iterator[Uncovered]:
    """What is in the place now; a batch that the device is packed with is in it from the installation on."""
    stay, stream = models.Stay, models.Stream
    inside = select(stream.hash, stream.uri, stay.entered_ms).join(stay, stay.batch == stream.hash)
    inside = inside.where(stay.asset == key, stay.left_ms.is_(None)).order_by(stream.uri)
    found = [(row.hash, row.uri, row.entered_ms) for row in connection.execute(inside)]
    if parse_stream(made.target).kind is Kind.BATCH:
        found.append((key, made.target, made.since_ms))
    for batch, uri, entered_ms in found:
        gap_ms = max(0, made.at_ms - max(made.silent_from_ms, entered_ms))
        yield Uncovered(uri, entered_ms, gap_ms, batch_limits(connection, batch).max_gap_ms)


def _record(tx: Transaction, node: Node, made: Replacement, offset: str) -> None:
    """Record the removal and the installation.

    Raises:
        ConflictError: among others, if exactly this was recorded before and taken back since.
    """
    roles = dict(channels_since(tx.connection, stream_hash(made.target), made.old, made.since_ms)) or None
    place: dict[str, Any] = {"offset": offset, "parentID": made.target}
    old, new = ([device_uri(node.name, device)] for device in (made.old, made.new))
    changes = (
        ("remove", place | {"childEPCs": old}),
        ("install", place | {"childEPCs": new, MEMBER: roles}),
    )
    record_made(tx, node, made.party, (make_event(step, made.at_ms, **members) for step, members in changes))
