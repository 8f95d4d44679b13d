"""The audit trail: who did what, written in the same transaction as the change itself."""

from __future__ import annotations

import ipaddress
import json
from dataclasses import dataclass
from typing import Final

from sqlalchemy import insert

from traceability.store.accounts import TrailEntry
from traceability.store.engine import Transaction

MAX_SUBJECT: Final = 512
"""Characters of a subject that are kept."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something.

    Attributes:
        user: id of a person; None if no person is signed in.
        party: URI of the party in whose name; None for the node's own people.
        via: ``web``, ``command line``, or ``token NAME``.
        network: from where, as ``network_of`` has it.
    """

    user: str | None
    party: str | None
    via: str
    network: str | None = None


COMMAND_LINE: Final = Actor(None, None, "command line")


def note(tx: Transaction, actor: Actor, action: str, subject: str, **detail: object) -> None:
    """Write one row.

    Args:
        action: what was done, in the past tense with hyphens: ``person-invited``.
        subject: to what: a URI, an id or a name.
        detail: what else there is to say, as JSON; never a secret.
    """
    tx.connection.execute(
        insert(TrailEntry).values(
            at_ms=tx.now_ms,
            user=actor.user,
            party=actor.party,
            via=actor.via,
            network=actor.network,
            action=action,
            subject=subject[:MAX_SUBJECT],
            detail=json.dumps(detail, ensure_ascii=False, sort_keys=True, default=str),
        )
    )


def network_of(address: str | None) -> str:
    """What stands for a network address: an IPv4 address itself, of an IPv6 one its network of 64 bits."""
    try:
        found = ipaddress.ip_address((address or "").partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.IPv6Network((found, 64), strict=False))
    return str(found)
