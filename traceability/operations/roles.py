"""What the channels of installed devices measure, by the events that installed them."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select

from traceability.ledger.staydevice import Channels
from traceability.operations.events import load_event
from traceability.store import models, projections
from traceability.supply.epcis.channels import channels_of
from traceability.supply.epcis.events import devices_of
from traceability.supply.lineage import thing_id


def installations(connection: Connection, target: bytes, device: str, at_ms: int) -> Sequence[int]:
    """When a device was installed on a stream, until a time; the newest first."""
    there = models.Installation
    query = select(there.from_ms).where(there.stream == target, there.device == device)
    query = query.where(there.from_ms <= at_ms).order_by(there.from_ms.desc())
    return connection.execute(query).scalars().all()


def channels_at(connection: Connection, target: bytes, device: str, at_ms: int) -> Channels:
    """The roles of a device's channels where it was on a stream at a time; none where it was not."""
    begun = installations(connection, target, device, at_ms)
    return channels_since(connection, target, device, begun[0]) if begun else ()


def channels_since(connection: Connection, target: bytes, device: str, from_ms: int) -> Channels:
    """The roles of a device's channels by the event that installed it on a stream at ``from_ms``.

    Args:
        target: the stream's hash.
    """
    uri = connection.execute(select(models.Stream.uri).where(models.Stream.hash == target)).scalar_one()
    event, mention = projections.Event, projections.Mention
    query = (
        select(event.statement)
        .join(mention, mention.event == event.id)
        .where(mention.thing == thing_id(uri), mention.at_ms == from_ms, mention.role == "parent")
        .where(event.type == "AssociationEvent", event.action == "ADD", event.corrects.is_(False))
        .order_by(event.recorded_ms.desc(), event.id)
    )
    for statement in connection.execute(query).scalars().all():
        installing = load_event(connection, statement)
        if device in devices_of(installing):
            return tuple(channels_of(installing).items())
    return ()
