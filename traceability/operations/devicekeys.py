"""The public keys of devices that a gateway has met, made sure of by the device's id or its key stream."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from sqlalchemy import Connection, func, select
from sqlalchemy.orm import aliased

from traceability import identifiers
from traceability.errors import KeyRefusedError, TraceabilityError
from traceability.operations.keyring import read_stream
from traceability.operations.node import Node
from traceability.signing.keys import PublicKey
from traceability.store import models

Ring: TypeAlias = Mapping[bytes, PublicKey] | KeyRefusedError
"""The keys of a device by their ids, or why what is registered cannot be its keys."""


def read_rings(connection: Connection, node: Node, devices: Iterable[str]) -> dict[str, Ring]:
    """The keys of those devices that are enrolled."""
    device, key, own = models.Device, models.Key, aliased(models.Key)
    query = select(device.id, key.public).select_from(device).join(own, own.kid == device.kid)
    query = query.join(key, key.stream == own.stream).where(device.id.in_(list(devices)))
    found: dict[str, list[bytes]] = defaultdict(list)
    for row in connection.execute(query):
        found[row.id].append(row.public)
    return {name: _ring(connection, node, name, public) for name, public in found.items()}


def count_keys(connection: Connection, devices: Iterable[str]) -> dict[str, int]:
    """How many keys those devices have that are enrolled."""
    device, key, own = models.Device, models.Key, aliased(models.Key)
    query = (
        select(device.id, func.count().label("number")).select_from(device).join(own, own.kid == device.kid)
    )
    query = query.join(key, key.stream == own.stream).where(device.id.in_(list(devices)))
    return {row.id: row.number for row in connection.execute(query.group_by(device.id))}


def _ring(connection: Connection, node: Node, device: str, public: list[bytes]) -> Ring:
    """A first key must be the one that the id is made from; later ones are each signed by the one before."""
    try:
        if len(public) == 1:
            key = PublicKey(public[0])
            if key.device_id != device:
                return KeyRefusedError("the registered key", expected=device, got=key.device_id)
            return {key.kid: key}
        signers = read_stream(connection, identifiers.device_keys(node.name, device))
    except TraceabilityError as error:
        return KeyRefusedError(f"the registered keys of device {device}: {error}")
    return {kid: signer.key for kid, signer in signers.by_kid.items()}
