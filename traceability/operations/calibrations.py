"""Calibration certificates of devices: deposited by their owner, and what of them holds on a day.

A certificate is a document like any other, named by a notice among the deposits of the device's owner,
with a media type of its own. It counts for a device only if it stands among the deposits of that device's
owner, still has the hash that was signed, and names the device itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import Connection, select

from traceability.errors import ConflictError, TraceabilityError
from traceability.identifiers import party_deposits
from traceability.operations.deposit import Deposited, deposit, describe, notices_on
from traceability.operations.documents import read_document
from traceability.operations.enrol import device_owner
from traceability.operations.node import Node
from traceability.sensing.calibration import Certificate, parse_certificate
from traceability.store import models
from traceability.store.engine import Store
from traceability.supply.notice import Notice, Purpose

MEDIA_TYPE: Final = "application/vnd.food-traceability.calibration+json"
DUE_DAYS: Final = 30
"""So long before its end a certificate is said to be due (assumed)."""


class Standing(StrEnum):
    """How a device stands on a day."""

    VALID = "valid"
    DUE = "due"
    EXPIRED = "expired"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Calibrated:
    """A device, where it is installed (stream URI), and the certificate that reaches farthest.

    ``unusable`` counts certificates of its owner whose file is gone or is not the one that was signed.
    """

    device: str
    place: str | None
    standing: Standing
    certificate: Certificate | None
    unusable: int


def describe_certificate(node: Node, owner: str, certificate: Certificate) -> Notice:
    """The notice that the owner signs of a certificate: all of it becomes public."""
    name = f"calibration-{certificate.device}.json"
    subject = party_deposits(node.name, owner)
    return replace(describe(certificate.encode(), name, subject, Purpose.CERTIFICATE), media_type=MEDIA_TYPE)


def check_certificate(
    connection: Connection, node: Node, device: str, certificate: Certificate, today: date
) -> str:
    """The owner of a device, if this may be a certificate of it.

    Raises:
        UnknownSubjectError: the device is not enrolled.
        ConflictError: it is another device's, or of a day that has not come.
    """
    owner = device_owner(connection, node, device)
    if certificate.device != device:
        raise ConflictError(f"the certificate is for device {certificate.device}, not for {device}")
    if certificate.calibrated > today:
        raise ConflictError(f"{certificate.calibrated} has not come: nothing was calibrated on it")
    return owner


def add_certificate(
    store: Store, node: Node, device: str, certificate: Certificate, file: tuple[str, bytes] | None = None
) -> Deposited:
    """Deposit a certificate for the owner of the device, its laboratory's document (name, bytes) before it.

    Raises:
        UnknownSubjectError, ConflictError: as for ``check_certificate``.
        UnknownSignerError, QuotaError, OversizeError, FileError: as for ``deposit``.
    """
    with store.reading() as connection:
        owner = check_certificate(connection, node, device, certificate, day_of(store.clock()))
    if file is not None:
        name, data = file
        paper = describe(data, name, party_deposits(node.name, owner), Purpose.CERTIFICATE)
        if paper.sha256 != certificate.file:
            raise ConflictError("the certificate names another file")
        deposit(store, node, owner, data, paper)
    notice = describe_certificate(node, owner, certificate)
    return deposit(store, node, owner, certificate.encode(), notice)


def day_of(at_ms: int) -> date:
    """The day by UTC."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).date()


def list_devices(connection: Connection, node: Node, now_ms: int) -> Iterator[Calibrated]:
    """Every device, with its place and how its calibration stands today."""
    device, there, stream = models.Device, models.Installation, models.Stream
    query = select(device.id, stream.uri).order_by(device.id)
    query = query.outerjoin(there, (there.device == device.id) & there.to_ms.is_(None))
    rows = connection.execute(query.outerjoin(stream, stream.hash == there.stream)).all()
    known: dict[str, tuple[list[Certificate], int]] = {}
    for row in rows:
        owner = device_owner(connection, node, row.id)
        if owner not in known:
            known[owner] = _certificates(connection, node, owner)
        found, unusable = known[owner]
        newest = _farthest(found, row.id)
        yield Calibrated(row.id, row.uri, _standing(newest, day_of(now_ms)), newest, unusable)


def _certificates(connection: Connection, node: Node, owner: str) -> tuple[list[Certificate], int]:
    """The certificates that a party deposited, and how many of its notices name none that can be read."""
    found, unusable = [], 0
    for each in notices_on(connection, party_deposits(node.name, owner)):
        if each.party != owner or each.notice.media_type != MEDIA_TYPE:
            continue
        try:
            found.append(parse_certificate(read_document(node.folder, each.notice.sha256)))
        except TraceabilityError:
            unusable += 1
    return found, unusable


def _farthest(found: list[Certificate], device: str) -> Certificate | None:
    own = [each for each in found if each.device == device]
    return max(own, key=lambda each: (each.valid_until, each.calibrated), default=None)


def _standing(certificate: Certificate | None, today: date) -> Standing:
    if certificate is None:
        return Standing.NONE
    left = (certificate.valid_until - today).days
    if left < 0:
        return Standing.EXPIRED
    return Standing.DUE if left <= DUE_DAYS else Standing.VALID
