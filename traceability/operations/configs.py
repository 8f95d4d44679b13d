"""How devices are to work: set by people, sent until the device itself says that it is in force.

A device may sleep for hours. So a configuration goes where the device's next statement came from,
with its receipt, and again with every statement until one says that it is in force.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import BindParameter, Connection, bindparam, func, select, update

from traceability import media
from traceability.errors import ConflictError, UnknownSubjectError
from traceability.operations.accounts.trail import COMMAND_LINE, Actor, note
from traceability.operations.node import Node
from traceability.sensing.config import CHANNEL, UNIT, Config, encode_config, open_config
from traceability.sensing.frame import U32, Clock, DeviceStatement
from traceability.signing.keys import receipt_key
from traceability.store import models
from traceability.store.configs import DeviceConfig
from traceability.store.engine import AnyRow, Store, Transaction
from traceability.store.readings import Rollup, Series
from traceability.store.rows import insert_all

AGAIN_MS: Final = 60_000
"""A configuration that was sent is not sent again for so long: its answer may be on the way."""

_own = DeviceConfig
_THESE: Final[BindParameter[list[str]]] = bindparam("devices", expanding=True)
_PENDING: Final = select(_own.device, _own.version, _own.body, _own.sent_ms).where(
    _own.device.in_(_THESE), _own.pending
)


@dataclass(frozen=True, slots=True)
class Configured:
    """A configuration, and what became of it; ``in_force_ms`` is by the device's own clock and word."""

    config: Config
    made_ms: int
    sent_ms: int | None = None
    in_force_ms: int | None = None


def configs_of(connection: Connection, node: Node, device: str) -> list[Configured]:
    """All configurations that a device was ever to have, the newest last.

    Raises:
        UnknownSubjectError: the device is not enrolled.
    """
    if connection.execute(select(models.Device.id).where(models.Device.id == device)).first() is None:
        raise UnknownSubjectError(f"device {device} is not enrolled: traceability enrol device --help")
    rows = connection.execute(select(_own).where(_own.device == device).order_by(_own.version))
    return [_configured(node, row) for row in rows]


def reported_version(connection: Connection, device: str) -> int:
    """The highest version that a device ever said to be in force; 0 if it never did."""
    query = select(func.max(Rollup.high_milli)).join(Series, Series.id == Rollup.series)
    own = (Series.device == device, Series.name == CHANNEL, Series.unit == UNIT)
    return int(connection.execute(query.where(*own)).scalar_one() or 0) // 1000


def next_version(connection: Connection, device: str) -> int:
    """The lowest version that a device takes, also from a node whose database was put back.

    Raises:
        ConflictError: there is none left.
    """
    newest = select(func.max(_own.version)).where(_own.device == device)
    stored = int(connection.execute(newest).scalar_one() or 0)
    version = 1 + max(stored, reported_version(connection, device))
    if version >= U32:
        raise ConflictError(f"device {device} has the highest version that there is: enrol it anew")
    return version


def set_config(store: Store, node: Node, wanted: Config, actor: Actor = COMMAND_LINE) -> Configured:
    """Make a configuration, to be sent when the device speaks; it replaces one that is on its way.

    Args:
        wanted: as it is to be; its version is the lowest that the device takes.

    Raises:
        UnknownSubjectError: the device is not enrolled.
        ConflictError: another one was made since, or there is no version left.
    """
    with store.transaction() as tx:
        configs_of(tx.connection, node, wanted.device)
        if next_version(tx.connection, wanted.device) != wanted.version:
            raise ConflictError(
                f"version {wanted.version} of device {wanted.device} is there already: look again"
            )
        replaced = update(_own).where(_own.device == wanted.device, _own.pending)
        tx.connection.execute(replaced.values(pending=False))
        body = encode_config(receipt_key(node.secret, wanted.device), wanted)
        row = {"device": wanted.device, "version": wanted.version, "body": body, "frame_s": wanted.frame_s}
        state = {"made_ms": tx.now_ms, "sent_ms": None, "in_force_ms": None, "pending": True}
        insert_all(tx, _own, [row | state])
        note(tx, actor, "device-configured", wanted.device, version=wanted.version, frame_s=wanted.frame_s)
    return Configured(wanted, tx.now_ms)


def due_configs(
    tx: Transaction, devices: Iterable[str], accepted: Iterable[DeviceStatement]
) -> dict[str, bytes]:
    """What is to be sent now to devices that just spoke, by device; those that are in force are noted.

    Args:
        accepted: the statements among theirs that were accepted.
    """
    pending = {r.device: r for r in tx.connection.execute(_PENDING, {"devices": sorted(devices)})}
    if not pending:
        return {}
    for device, (version, at_ms) in _said(accepted, pending).items():
        own = (_own.device == device, _own.version == version, _own.in_force_ms.is_(None))
        tx.connection.execute(update(_own).where(*own).values(in_force_ms=at_ms))
        if version >= pending[device].version:
            ended = update(_own).where(_own.device == device, _own.pending)
            tx.connection.execute(ended.values(pending=False))
            del pending[device]
    due = {d: r for d, r in pending.items() if r.sent_ms is None or tx.now_ms - r.sent_ms >= AGAIN_MS}
    for row in due.values():
        sent = update(_own).where(_own.device == row.device, _own.version == row.version)
        tx.connection.execute(sent.values(sent_ms=tx.now_ms))
    return {device: bytes(row.body) for device, row in due.items()}


def _said(accepted: Iterable[DeviceStatement], pending: Mapping[str, AnyRow]) -> dict[str, tuple[int, int]]:
    """The highest version that each device says to be in force, and when it said so first."""
    found: dict[str, tuple[int, int]] = {}
    for statement in accepted:
        if statement.device not in pending or statement.media_type != media.FRAME:
            continue
        if statement.clock is Clock.UNSYNCHRONISED:
            continue  # it says so again once it knows the time
        for reading in statement.readings():
            said = int(reading.value) if (reading.name, reading.unit) == (CHANNEL, UNIT) else 0
            if said > found.get(statement.device, (0, 0))[0]:
                found[statement.device] = said, reading.at_ms
    return found


def _configured(node: Node, row: AnyRow) -> Configured:
    config = open_config(receipt_key(node.secret, row.device), row.body)
    return Configured(config, row.made_ms, row.sent_ms, row.in_force_ms)
