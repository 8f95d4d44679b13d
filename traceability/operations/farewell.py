"""The end of a device: its owner signs up to which counter something is still on the way."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select

from traceability import identifiers, media
from traceability.errors import ConflictError, UnknownSubjectError
from traceability.operations.accounts.trail import COMMAND_LINE, Actor, note
from traceability.operations.chain import Entry, append
from traceability.operations.enrol import signing_key
from traceability.operations.keyring import alone, end_key, read_stream
from traceability.operations.node import Node
from traceability.operations.tally import ACCEPTED
from traceability.signing.farewell import NOTHING, device_farewell
from traceability.store import models
from traceability.store.engine import Store, Transaction
from traceability.verification.signers import Signers


@dataclass(frozen=True, slots=True)
class Parting:
    """What a farewell to a device would say.

    Attributes:
        kid: the key in force that it ends.
        owner: URI of the party that says it.
        last: the last counter that is still taken; ``NOTHING`` for none.
        reached: the highest counter that was accepted so far; ``NOTHING`` for none.
        holes: how many counters below ``last`` did not come and were not declared lost.
    """

    device: str
    kid: bytes
    owner: str
    last: int
    reached: int
    holes: int


def device_signers(connection: Connection, node: Node, device: str) -> Signers:
    """Every key that a device ever had.

    Raises:
        UnknownSubjectError: no such device here.
    """
    signers = read_stream(connection, identifiers.device_keys(node.name, device))
    if not signers.by_kid:
        raise UnknownSubjectError(f"device {device} is not enrolled: traceability enrol device --help")
    return signers


def plan_farewell(connection: Connection, node: Node, device: str, last: int | None = None) -> Parting:
    """What a farewell to a device would say, if it may be said now.

    Args:
        last: the last counter that is still taken; if None, the highest that was accepted.

    Raises:
        UnknownSubjectError: no such device here.
        ConflictError: it is installed somewhere, no key of it is in force, or ``last`` was passed already.
    """
    signers = device_signers(connection, node, device)
    ((stream, kid),) = signers.in_force.items()
    if kid is None:
        raise ConflictError(f"no key of device {device} is in force: its end is recorded")
    installed = select(models.Stream.uri).join(models.Installation)
    installed = installed.where(models.Installation.device == device, models.Installation.to_ms.is_(None))
    where = connection.execute(installed).scalars().first()
    if where is not None:
        remedy = f"traceability remove --device {device} --on {where}"
        raise ConflictError(f"device {device} is installed on {where}", remedy=remedy)
    said = models.DeviceStatement
    accepted = select(said.counter).where(said.device == device, said.outcome == ACCEPTED)
    newest = connection.execute(accepted.order_by(said.counter.desc()).limit(1)).scalar_one_or_none()
    reached = NOTHING if newest is None else newest
    last = reached if last is None else last
    if last < reached:
        raise ConflictError(f"device {device} has reached counter {reached}: the last one is not below it")
    return Parting(device, kid, signers.owners[stream], last, reached, _holes(connection, device, last))


def say_farewell(
    store: Store, node: Node, device: str, last: int | None = None, actor: Actor = COMMAND_LINE
) -> Parting:
    """End a device: from now on nothing that it says is taken, but what is still on the way.

    Raises:
        UnknownSubjectError, ConflictError: as for ``plan_farewell``.
        UnknownSignerError: its owner has no key in force in this node's custody.
        StatementError: a last counter that no farewell can name.
    """
    with alone(store) as tx:
        note(tx, actor, "device-ended", device)
        return part(tx, node, device, last)


def part(tx: Transaction, node: Node, device: str, last: int | None = None) -> Parting:
    """``say_farewell`` in a transaction that is ``alone``."""
    planned = plan_farewell(tx.connection, node, device, last)
    owner = signing_key(tx.connection, node, planned.owner)
    body = device_farewell(owner, node=node.name, device=device, last=planned.last, iat=tx.now_ms // 1000)
    stream = identifiers.device_keys(node.name, device)
    (record,) = append(tx, node, [Entry(stream, media.KEY, body)])
    end_key(tx, planned.kid, record.time_ms, planned.last)
    return planned


def _holes(connection: Connection, device: str, last: int) -> int:
    """How many counters up to ``last`` have no answer; those beyond the settled one are counted."""
    said, gap = models.DeviceStatement, models.Gap
    row = select(models.Device.settled).where(models.Device.id == device)
    settled = connection.execute(row).scalar_one()
    known = select(said.counter, said.counter.label("end")).where(
        said.device == device, said.counter > settled
    )
    lost = select(gap.first, gap.last).where(gap.device == device, gap.last > settled)
    spans = sorted((first, end) for query in (known, lost) for first, end in connection.execute(query))
    covered, reached = 0, settled
    for first, end in spans:
        first, end = max(first, reached + 1), min(end, last)
        if first <= end:
            covered, reached = covered + end + 1 - first, end
    return max(last - settled - covered, 0)
