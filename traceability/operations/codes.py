"""Enrolment by one-time codes: a firm is handed a code, its device applies with it, a person approves.

A code is good for one device of one firm and one model, for a day. What is kept of it is a MAC under
the node's secret: who reads the database can use none, and who writes to it can make none.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, delete, insert, select, update

from traceability import identifiers
from traceability.errors import ConflictError, EnrolCodeError, UnknownSubjectError
from traceability.operations.accounts.trail import COMMAND_LINE, Actor, note
from traceability.operations.credentials import replace_credential
from traceability.operations.enrol import EnrolledDevice, countersign, find_party
from traceability.operations.node import Node
from traceability.sensing.topics import frame_topic
from traceability.signing.application import Application, make_code, write_code
from traceability.signing.keys import receipt_key, table_key
from traceability.signing.keystatement import parse_key_statement, read_text
from traceability.store import access
from traceability.store.engine import AnyRow, Store, Transaction

DAY_MS: Final = 86_400_000
_TABLE: Final = access.EnrolCode


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of an application; ``enrolled`` and ``site`` once a person has approved it."""

    device: str
    site: str
    enrolled: EnrolledDevice | None


@dataclass(frozen=True, slots=True)
class Applicant:
    """A device that waits for a person to compare its fingerprint: its id."""

    device: str
    owner: str
    model: str
    site: str
    until_ms: int


def new_code(
    store: Store, node: Node, *, party: str, model: str, site: str = "main", actor: Actor = COMMAND_LINE
) -> tuple[str, int]:
    """Make a code, which is shown now and never again; returns it, and until when it is good.

    Args:
        party: URI, GLN or pseudonym of the firm whose device it is for.
        model: what the device must say that it is.
        site: the site in its topic.

    Raises:
        UnknownSubjectError: no such party here.
        StatementError, ForeignTopicError: no model, or no site.
    """
    frame_topic(site, "0" * 32)
    code = make_code()
    with store.transaction() as tx:
        row = {
            "mac": _mac(node, code),
            "party": find_party(tx.connection, node, party),
            "model": read_text(model, "model"),
            "site": site,
            "expires_ms": tx.now_ms + DAY_MS,
            "attempt": -1,
            "approved": False,
        }
        tx.connection.execute(delete(_TABLE).where(_TABLE.expires_ms <= tx.now_ms))
        tx.connection.execute(insert(_TABLE).values(row))
        note(tx, actor, "enrol-code-made", str(row["party"]), model=model)
    return write_code(code), tx.now_ms + DAY_MS


def apply(store: Store, node: Node, application: Application) -> Applied:
    """Take a device's application; the same one again tells how it stands, with a higher attempt.

    Raises:
        EnrolCodeError: the code is unknown, expired or used, or for another firm or model.
        ConflictError: the attempt came before, or the request is for another node.
    """
    asked = application.asked
    if asked.stream != identifiers.device_keys(node.name, asked.key.device_id):
        raise ConflictError(f"the request is for another node than {node.name}")
    with store.transaction() as tx:
        row = _locked(tx, _mac(node, application.code))
        if row is None or (row.request is not None and row.request != application.request):
            raise EnrolCodeError("this code is not valid on this node: unknown, expired or used")
        if (row.party, row.model) != (asked.owner, asked.names["en"]):
            raise EnrolCodeError("this code is for another firm, or for another model")
        if application.attempt <= row.attempt:
            raise ConflictError(f"attempt {application.attempt} came before: the next one is higher")
        device = asked.key.device_id
        came = {"request": application.request, "device": device, "attempt": application.attempt}
        tx.connection.execute(update(_TABLE).where(_TABLE.mac == row.mac).values(came))
        if not row.approved:
            return Applied(device, row.site, None)
        # A password is shown once and then only its hash is kept: whoever asks again gets a new one.
        credential = replace_credential(tx, device, row.party, row.site)
    key = receipt_key(node.secret, device)
    return Applied(device, row.site, EnrolledDevice(device, asked.subject, row.party, key, credential))


def applicants(connection: Connection, now_ms: int) -> Sequence[Applicant]:
    """The devices that wait for approval."""
    waiting = select(_TABLE).where(_TABLE.request.is_not(None), _TABLE.approved.is_(False))
    rows = connection.execute(waiting.where(_TABLE.expires_ms > now_ms).order_by(_TABLE.device))
    return [Applicant(r.device, r.party, r.model, r.site, r.expires_ms) for r in rows]


def approve(store: Store, node: Node, device: str, actor: Actor = COMMAND_LINE) -> EnrolledDevice:
    """Enrol a device whose fingerprint a person has compared; it has a day to fetch its answer.

    Raises:
        UnknownSubjectError: no such device waits.
        UnknownSignerError, ConflictError: as ``countersign``.
    """
    with store.transaction() as tx:
        row = _waiting(tx, device)
        enrolled = countersign(tx, node, row.request, row.site)
        done = update(_TABLE).where(_TABLE.mac == row.mac)
        tx.connection.execute(done.values(approved=True, expires_ms=tx.now_ms + DAY_MS))
        note(tx, actor, "device-enrolled", device)
    return enrolled


def reject(store: Store, device: str, actor: Actor = COMMAND_LINE) -> None:
    """Turn a device away; its code is spent.

    Raises:
        UnknownSubjectError: no such device waits.
    """
    with store.transaction() as tx:
        tx.connection.execute(delete(_TABLE).where(_TABLE.mac == _waiting(tx, device).mac))
        note(tx, actor, "device-rejected", device)


def _waiting(tx: Transaction, device: str) -> AnyRow:
    waiting = select(_TABLE).where(_TABLE.device == device, _TABLE.approved.is_(False))
    row = tx.connection.execute(waiting.where(_TABLE.expires_ms > tx.now_ms).with_for_update()).first()
    if row is None or parse_key_statement(row.request).key.device_id != device:
        raise UnknownSubjectError(f"device {device} does not wait here: traceability enrol pending shows all")
    return row


def _locked(tx: Transaction, mac: bytes) -> AnyRow | None:
    found = select(_TABLE).where(_TABLE.mac == mac, _TABLE.expires_ms > tx.now_ms)
    return tx.connection.execute(found.with_for_update()).one_or_none()


def _mac(node: Node, code: bytes) -> bytes:
    return hmac.digest(table_key(node.secret, "enrol-codes"), code, hashlib.sha256)
