"""Tokens that a party's own manager makes: for that party and no other, an authority's for all events."""

from __future__ import annotations

from collections.abc import Iterable

from traceability.errors import ForbiddenError
from traceability.operations.accounts.kinds import kind_of
from traceability.operations.accounts.roles import PartyKind
from traceability.operations.accounts.trail import Actor
from traceability.operations.node import Node
from traceability.operations.tokens import Scope, TokenInfo, new_token
from traceability.store.engine import Store


def make_own_token(
    store: Store,
    node: Node,
    actor: Actor,
    *,
    scopes: Iterable[Scope],
    days: int,
    name: str,
    regulator: bool,
) -> tuple[str, TokenInfo]:
    """Make a token for the actor's party; its text is returned now and never again.

    Raises:
        ForbiddenError: the actor is of no party, or a regulator's token for who is no authority.
        MalformedError, ConflictError: as ``new_token``.
    """
    if actor.party is None:
        raise ForbiddenError(
            "a token is for a party", remedy="The command line makes it: traceability token new"
        )
    if regulator:
        with store.reading() as connection:
            if kind_of(connection, node, actor.party) is not PartyKind.AUTHORITY:
                raise ForbiddenError(
                    "a regulator's token is for authorities", remedy="Ask the node's administrator."
                )
    return new_token(
        store, node, party=actor.party, scopes=scopes, days=days, name=name, regulator=regulator, actor=actor
    )
