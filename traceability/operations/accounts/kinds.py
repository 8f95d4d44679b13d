"""What each party is: the node's word, sealed, because an authority's rights hang on it."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Connection, select

from traceability.operations.accounts.roles import PartyKind
from traceability.operations.accounts.trail import Actor, note
from traceability.operations.enrol import find_party
from traceability.operations.node import Node
from traceability.operations.sealing import is_sealed, row_mac
from traceability.operations.tokens import end_regulator_tokens
from traceability.store.accounts import PartyKindRow
from traceability.store.engine import AnyRow, Transaction
from traceability.store.rows import put_all

_PURPOSE: Final = "party-kinds"
_SEALED: Final = ("party", "kind", "since_ms")


def set_kind(tx: Transaction, node: Node, actor: Actor, party: str, kind: PartyKind) -> None:
    """Say what an enrolled party is; from now on its people have the rights of that kind.

    Of an authority that is none any more, the tokens that read as one end too; its links ask each time.

    Raises:
        UnknownSubjectError: no such party here.
    """
    uri = find_party(tx.connection, node, party)
    if kind is not PartyKind.AUTHORITY and kind_of(tx.connection, node, uri) is PartyKind.AUTHORITY:
        end_regulator_tokens(tx, node, actor, uri)
    row: dict[str, Any] = {"party": uri, "kind": kind.value, "since_ms": tx.now_ms}
    put_all(tx, PartyKindRow, [row | {"mac": row_mac(node, _PURPOSE, _SEALED, row)}])
    note(tx, actor, "party-kind-set", uri, kind=kind.value)


def kind_of(connection: Connection, node: Node, party: str | None) -> PartyKind | None:
    """What a party is; None if nobody said so, or the row is not this node's own."""
    row = connection.execute(select(PartyKindRow).where(PartyKindRow.party == party)).one_or_none()
    return None if row is None else _genuine(row, node)


def list_kinds(connection: Connection, node: Node) -> dict[str, PartyKind]:
    """What each party is, by URI; only what this node said."""
    rows = connection.execute(select(PartyKindRow).order_by(PartyKindRow.party))
    return {row.party: kind for row in rows if (kind := _genuine(row, node)) is not None}


def _genuine(row: AnyRow, node: Node) -> PartyKind | None:
    return PartyKind(row.kind) if is_sealed(node, _PURPOSE, _SEALED, row._asdict()) else None
