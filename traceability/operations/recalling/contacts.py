"""Where parties are told of recalls: by addresses that the operator keeps for them, and their managers."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, delete, select

from traceability.errors import MalformedError, SettingsError, UnknownSubjectError
from traceability.operations.accounts.people import list_people
from traceability.operations.accounts.roles import Role
from traceability.operations.accounts.trail import Actor, note
from traceability.operations.node import Node
from traceability.operations.outbox import EMAIL, WEBHOOK
from traceability.peer import require_address
from traceability.settingvalues import parse_mailbox
from traceability.signing.keys import table_key
from traceability.signing.strictjson import b64url
from traceability.store.engine import Store, Transaction
from traceability.store.recalling import Contact
from traceability.store.rows import insert_new

MAX_ADDRESS: Final = 512
MOST: Final = 20
"""Addresses of one party."""


@dataclass(frozen=True, slots=True)
class Address:
    """Of a party, by ``email`` or ``webhook``."""

    party: str
    channel: str
    address: str


def add_contact(store: Store, actor: Actor, party: str, address: str) -> Address:
    """Keep an address of a party; one that is there already stays.

    Raises:
        MalformedError: it is neither an e-mail address nor one of a webhook, or there are too many.
    """
    found = Address(party, *_read(address))
    with store.transaction() as tx:
        if len(addresses_of(tx.connection, [party])) >= MOST:
            raise MalformedError(f"a party has at most {MOST} addresses")
        _insert(tx, found)
        note(tx, actor, "recall-contact-added", party, address=address)
    return found


def remove_contact(store: Store, actor: Actor, party: str, address: str) -> None:
    """Forget an address of a party.

    Raises:
        UnknownSubjectError: it has no such address.
    """
    own = (Contact.party == party, Contact.address == address)
    with store.transaction() as tx:
        if not tx.connection.execute(delete(Contact).where(*own)).rowcount:
            raise UnknownSubjectError(f"{party} has no address {address[:128]!r}")
        note(tx, actor, "recall-contact-removed", party, address=address)


def addresses_of(connection: Connection, parties: Collection[str] | None = None) -> list[Address]:
    """The addresses of some parties, or of all."""
    query = select(Contact.party, Contact.channel, Contact.address)
    if parties is not None:
        query = query.where(Contact.party.in_(parties))
    rows = connection.execute(query.order_by(Contact.party, Contact.channel, Contact.address))
    return [Address(*row) for row in rows]


def managers_of(connection: Connection, node: Node, parties: Collection[str]) -> list[Address]:
    """The managers of some parties, as far as they sign in by an e-mail address."""
    return [
        Address(party, EMAIL, person.login)
        for party in parties
        for person in list_people(connection, node, party)
        if person.role is Role.MANAGER
        and person.joined
        and person.disabled_ms is None
        and "@" in person.login
    ]


def secret_of(node: Node, address: str) -> str:
    """What posts to a webhook are signed with; made of the node's own secret, so that it is kept nowhere."""
    return b64url(table_key(node.secret, f"recall-webhook/{address}"))


def _read(address: str) -> tuple[str, str]:
    if len(address) > MAX_ADDRESS:
        raise MalformedError(f"an address has at most {MAX_ADDRESS} characters")
    try:
        if "://" in address:
            return WEBHOOK, require_address(address)
        return EMAIL, parse_mailbox(address)
    except (ValueError, SettingsError) as error:
        raise MalformedError(f"{address[:128]!r} is no address of a holder: {error}") from error


def _insert(tx: Transaction, found: Address) -> None:
    row = {"party": found.party, "channel": found.channel, "address": found.address}
    insert_new(tx, Contact, [row | {"since_ms": tx.now_ms}])
