"""Calibration certificates of devices: deposited by their owner, and what of them holds on a day.

A certificate is a document like any other, named by a notice among the deposits of the device's owner,
with a media type of its own. It counts for a device only if it stands among the deposits of that device's
owner, still has the hash that was signed, and names the device itself.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import Connection, select

from traceability.errors import ConflictError, TraceabilityError
from traceability.identifiers import party_deposits
from traceability.ledger.state import stream_hash
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


@dataclass(frozen=True, slots=True)
class Kept:
    """A device's certificates that can be read.

    ``lost`` counts those whose notice names it and whose file cannot, ``unusable`` all such of its owner.
    """

    certificates: tuple[Certificate, ...]
    lost: int
    unusable: int

    @property
    def farthest(self) -> Certificate | None:
        """The one that reaches farthest."""
        return max(self.certificates, key=lambda each: (each.valid_until, each.calibrated), default=None)


@dataclass(slots=True)
class Certificates:
    """Reads the certificates of devices; asked again, it reads only what is new or could not be read."""

    node: Node
    _owners: dict[str, str] = field(default_factory=dict)
    _notices: dict[str, tuple[int, list[Notice]]] = field(default_factory=dict)
    _read: dict[str, Certificate] = field(default_factory=dict)

    def of(self, connection: Connection, devices: Collection[str]) -> dict[str, Kept]:
        """What is here for each of these devices.

        Raises:
            UnknownSubjectError: a device is not enrolled.
            MalformedError, TamperError: a notice is not what was signed.
        """
        for device in set(devices) - self._owners.keys():
            self._owners[device] = device_owner(connection, self.node, device)
        owners = {self._owners[device] for device in devices}
        self._find_notices(connection, owners)
        found: dict[str, Kept] = {}
        owned = {owner: self._owned(owner) for owner in owners}
        for device in devices:
            own, lost = owned[self._owners[device]]
            found[device] = Kept(tuple(own.get(device, ())), lost[_file_name(device)], lost.total())
        return found

    def _find_notices(self, connection: Connection, owners: Collection[str]) -> None:
        """Of each owner whose deposits have grown since they were looked at."""
        stream = models.Stream
        subjects = {party_deposits(self.node.name, owner): owner for owner in owners}
        hashes = [stream_hash(subject) for subject in subjects]
        rows = connection.execute(select(stream.uri, stream.length).where(stream.hash.in_(hashes)))
        for subject, length in rows.all():
            owner = subjects[subject]
            if owner in self._notices and self._notices[owner][0] == length:
                continue
            own = [each.notice for each in notices_on(connection, subject) if each.party == owner]
            self._notices[owner] = length, [each for each in own if each.media_type == MEDIA_TYPE]

    def _owned(self, owner: str) -> tuple[dict[str, list[Certificate]], Counter[str | None]]:
        """A party's certificates by device, and by the name in its notice whatever cannot be read."""
        found: dict[str, list[Certificate]] = defaultdict(list)
        lost: Counter[str | None] = Counter()
        for notice in self._notices.get(owner, (0, []))[1]:
            try:
                if notice.sha256 not in self._read:
                    data = read_document(self.node.folder, notice.sha256)
                    self._read[notice.sha256] = parse_certificate(data)
                found[self._read[notice.sha256].device].append(self._read[notice.sha256])
            except TraceabilityError:
                lost[notice.name] += 1
        return found, lost


def describe_certificate(node: Node, owner: str, certificate: Certificate) -> Notice:
    """The notice that the owner signs of a certificate: all of it becomes public."""
    name, subject = _file_name(certificate.device), party_deposits(node.name, owner)
    return replace(describe(certificate.encode(), name, subject, Purpose.CERTIFICATE), media_type=MEDIA_TYPE)


def _file_name(device: str) -> str:
    return f"calibration-{device}.json"


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
    kept = Certificates(node).of(connection, [row.id for row in rows])
    for row in rows:
        own = kept[row.id]
        stands = standing_of(own.farthest, day_of(now_ms))
        yield Calibrated(row.id, row.uri, stands, own.farthest, own.unusable)


def standing_of(certificate: Certificate | None, today: date) -> Standing:
    """How a device stands on a day whose farthest certificate this is."""
    if certificate is None:
        return Standing.NONE
    left = (certificate.valid_until - today).days
    if left < 0:
        return Standing.EXPIRED
    return Standing.DUE if left <= DUE_DAYS else Standing.VALID
