"""A device is installed, and said what its channels measure; a preview is the act, taken back.

Without roles this is the event of ``traceability install``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, select

from traceability.identifiers import device_uri
from traceability.ledger.state import stream_hash
from traceability.operations.accounts.trail import COMMAND_LINE, Actor, note
from traceability.operations.enrol import device_owner
from traceability.operations.node import Node
from traceability.operations.record import acting, make_event, record_made
from traceability.sensing.channels import Role, judging
from traceability.store import models
from traceability.store.engine import Store, Transaction
from traceability.store.readings import Series
from traceability.supply.epcis.channels import MEMBER


@dataclass(frozen=True, slots=True)
class Stated:
    """A temperature channel: its role, None if none is said; whether this device ever measured it, and
    whether goods are judged by it as far as this device goes."""

    name: str
    role: Role | None
    measured: bool
    judges: bool


@dataclass(frozen=True, slots=True)
class Installation:
    """What an installation says; ``inside`` are the URIs of the lots that are in the place now."""

    device: str
    target: str
    party: str
    at_ms: int
    channels: tuple[Stated, ...]
    inside: tuple[str, ...]


def install_device(
    store: Store,
    node: Node,
    device: str,
    target: str,
    at_ms: int,
    roles: Mapping[str, Role],
    *,
    offset: str = "+00:00",
    preview: bool = False,
    actor: Actor = COMMAND_LINE,
) -> Installation:
    """Install a device on an asset or batch, for its owner.

    Args:
        roles: by the names of channels; those that are not named count as before.
        preview: only say what it would be; whatever the act would refuse is refused.

    Raises:
        UnknownSubjectError: it is not enrolled.
        EventError: a name that no channel has, or too many.
        ConflictError: it is installed somewhere, or the times cross.
        ClockAheadError: it lies in the future.
        UnknownSignerError: its owner has no key in force in this node's custody.
    """
    with acting(store, preview=preview) as tx:
        party = device_owner(tx.connection, node, device)
        made = Installation(
            device,
            target,
            party,
            at_ms,
            _channels(tx.connection, device, roles),
            _inside(tx.connection, target),
        )
        _record(tx, node, made, roles, offset)
        note(tx, actor, "device-installed", device, target=target)
    return made


def _channels(connection: Connection, device: str, roles: Mapping[str, Role]) -> tuple[Stated, ...]:
    query = select(Series.name).where(Series.device == device, Series.unit == "Cel")
    measured = set(connection.execute(query).scalars())
    named = {name: roles.get(name) for name in sorted(measured | roles.keys())}
    counted = judging(named)
    return tuple(Stated(name, role, name in measured, name in counted) for name, role in named.items())


def _inside(connection: Connection, target: str) -> tuple[str, ...]:
    stay, stream = models.Stay, models.Stream
    query = select(stream.uri).join(stay, stay.batch == stream.hash).order_by(stream.uri)
    here = query.where(stay.asset == stream_hash(target), stay.left_ms.is_(None))
    return tuple(connection.execute(here).scalars())


def _record(tx: Transaction, node: Node, made: Installation, roles: Mapping[str, Role], offset: str) -> None:
    said = {name: str(role) for name, role in sorted(roles.items())} or None
    uri = device_uri(node.name, made.device)
    members = {"parentID": made.target, "childEPCs": [uri], MEMBER: said}
    event = make_event("install", made.at_ms, offset=offset, **members)
    record_made(tx, node, made.party, [event])
