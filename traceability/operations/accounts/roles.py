"""What parties are, what people are within them, and the one table of what each may do.

docs/accounts.md shows the same table to people; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class PartyKind(StrEnum):
    """What an enrolled party is; a closed set."""

    PRODUCER = "producer"
    CARRIER = "carrier"
    PROCESSOR = "processor"
    RETAILER = "retailer"
    AUTHORITY = "authority"
    LABORATORY = "laboratory"
    BANK = "bank"


class Role(StrEnum):
    """What a person is: an administrator of the node, who belongs to no party, or one of a party."""

    ADMINISTRATOR = "administrator"
    MANAGER = "manager"
    WORKER = "worker"
    VIEWER = "viewer"


class Right(StrEnum):
    """What somebody may do, for their own party; the last five are about anybody's. A closed set."""

    READ = "read"
    """See what the party recorded, and its alarms."""
    RECORD = "record"
    """Sign events and documents in the party's name."""
    LABEL = "label"
    """Print labels of its lots."""
    PRODUCTS = "products"
    """Describe its products, with their limits."""
    DEVICES = "devices"
    """Enrol, install, configure and revoke its devices."""
    ALARMS = "alarms"
    """Acknowledge its alarms."""
    DISCLOSE = "disclose"
    """Choose to whom parts of its events are shown."""
    PEOPLE = "people"
    """Invite its people, change their roles and disable them."""
    TOKENS = "tokens"
    """Make and revoke its tokens for the API."""
    TRACE = "trace"
    """Follow any lot to where it came from and went."""
    INSPECT = "inspect"
    """Open inspections and their documents; a laboratory those that it is asked for."""
    RECALL = "recall"
    """Hold and recall lots: a firm its own, an authority any."""
    APPROVE = "approve"
    """Confirm what a colleague prepared."""
    ADMINISTER = "administer"
    """Make parties, say what they are, and let in their first people."""


_R: Final = Right
_CARRIES: Final = frozenset((_R.READ, _R.RECORD, _R.DEVICES, _R.ALARMS, _R.DISCLOSE, _R.PEOPLE, _R.TOKENS))
_MAKES: Final = _CARRIES | {_R.LABEL, _R.PRODUCTS, _R.RECALL}
_LOOKS: Final = frozenset((_R.READ,))
_MAKER: Final = {
    Role.MANAGER: _MAKES,
    Role.WORKER: frozenset((_R.READ, _R.RECORD, _R.LABEL, _R.ALARMS)),
    Role.VIEWER: _LOOKS,
}

RIGHTS: Final[Mapping[PartyKind | None, Mapping[Role, frozenset[Right]]]] = {
    None: {Role.ADMINISTRATOR: frozenset((_R.PEOPLE, _R.ADMINISTER))},
    PartyKind.PRODUCER: _MAKER,
    PartyKind.PROCESSOR: _MAKER,
    PartyKind.RETAILER: _MAKER,
    PartyKind.CARRIER: {
        Role.MANAGER: _CARRIES,
        Role.WORKER: frozenset((_R.READ, _R.RECORD, _R.ALARMS)),
        Role.VIEWER: _LOOKS,
    },
    PartyKind.AUTHORITY: {
        Role.MANAGER: frozenset((_R.READ, _R.TRACE, _R.INSPECT, _R.RECALL, _R.APPROVE, _R.PEOPLE, _R.TOKENS)),
        Role.WORKER: frozenset((_R.READ, _R.TRACE, _R.INSPECT, _R.RECALL)),
        Role.VIEWER: frozenset((_R.READ, _R.TRACE)),
    },
    PartyKind.LABORATORY: {
        Role.MANAGER: frozenset((_R.READ, _R.INSPECT, _R.PEOPLE, _R.TOKENS)),
        Role.WORKER: frozenset((_R.READ, _R.INSPECT)),
        Role.VIEWER: _LOOKS,
    },
    PartyKind.BANK: {
        Role.MANAGER: frozenset((_R.READ, _R.PEOPLE, _R.TOKENS)),
        Role.WORKER: _LOOKS,
        Role.VIEWER: _LOOKS,
    },
}
"""By what the party is (None: the person belongs to none) and the role; what is not here has no right."""


def rights_of(kind: PartyKind | None, role: Role) -> frozenset[Right]:
    """What somebody in this role may do, for a party of this kind."""
    return RIGHTS[kind].get(role, frozenset())


def needs_second_factor(kind: PartyKind | None, role: Role) -> bool:
    """Whether no right counts until the person has set up an app for codes."""
    return kind is PartyKind.AUTHORITY or role is Role.ADMINISTRATOR
