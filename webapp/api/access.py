"""Who asks: bearer tokens of the API (RFC 6750), and the store that programs write to.

Pages and anonymous readers see what is public. A token that is there and not valid is refused:
nobody is treated as a stranger by a slip.
"""

from __future__ import annotations

from typing import cast

from flask import current_app, request
from sqlalchemy import Connection

from traceability.errors import ForbiddenError, TokenError
from traceability.operations.accounts.trail import Actor, network_of
from traceability.operations.events import Reader
from traceability.operations.node import Node
from traceability.operations.tokens import Access, Scope, find_token
from traceability.store.engine import Store


def store() -> Store:
    """The store for operations that write; the site's own connection only reads."""
    return cast("Store", current_app.extensions["store"])


def node() -> Node:
    """This node."""
    return cast("Node", current_app.extensions["node"])


def bearer_of(connection: Connection, needs: Scope) -> Access:
    """Who sent this request, by the token in its Authorization header.

    Raises:
        TokenError: there is no token, or it is not valid.
        ForbiddenError: it is for something else.
    """
    given = request.authorization
    if given is None or given.type != "bearer" or not given.token:
        raise TokenError("a bearer token is needed: Authorization: Bearer ft_...")
    return find_token(connection, node(), given.token, store().clock(), needs)


def sender(needs: Scope) -> Access:
    """The same for a request that writes: no transaction stays open behind it."""
    with store().reading() as connection:
        return bearer_of(connection, needs)


def actor_of(access: Access) -> Actor:
    """The bearer of a token as the trail names them."""
    return Actor(None, access.party, f"token {access.name}", network_of(request.remote_addr))


def reader(connection: Connection) -> Reader:
    """Who wants to see events: the bearer of a token for queries; without a token, anybody."""
    if "Authorization" not in request.headers:
        return Reader()
    return bearer_of(connection, Scope.QUERY).reader


def visitor(connection: Connection) -> Access | None:
    """Who reads what is public, and sees more of it with a token for recalls or queries."""
    if "Authorization" not in request.headers:
        return None
    try:
        return bearer_of(connection, Scope.RECALL)
    except ForbiddenError:
        return bearer_of(connection, Scope.QUERY)


def regulator(connection: Connection) -> Access:
    """Who reads what only regulators see.

    Raises:
        TokenError: there is no token, or it is not valid.
        ForbiddenError: it is a firm's.
    """
    return require_regulator(visitor(connection))


def require_regulator(access: Access | None) -> Access:
    """The bearer of a regulator's token; raises as ``regulator``."""
    if access is None:
        raise TokenError("a regulator's token is needed: Authorization: Bearer ft_...")
    if not access.regulator:
        raise ForbiddenError(
            f"the token {access.name} is a firm's, not a regulator's",
            remedy="A token of an authority is made with --regulator: traceability token new --help.",
        )
    return access
