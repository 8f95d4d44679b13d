"""Queries that parties keep under names (EPCIS 2.0 12.7); what they find is looked up anew each time."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, delete, func, insert, select

from traceability.errors import ConflictError, MalformedError, QueryError, UnknownSubjectError
from traceability.operations.accounts.trail import Actor, note
from traceability.operations.node import Node
from traceability.signing.strictjson import Json, json_decode, json_encode
from traceability.store.access import NamedQuery
from traceability.store.engine import AnyRow, Store
from traceability.supply.epcis.context import EPCIS_CONTEXT, Context, read_context
from traceability.supply.queries.query import Query, parse_query

MAX_QUERIES: Final = 100
"""Of one party."""
MAX_DEPTH: Final = 6
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,127}")
_RESERVED: Final = frozenset({"SimpleEventQuery", "SimpleMasterDataQuery"})
"""Queries that the standard defines; their results come from ``/events``."""
_PAGING: Final = frozenset({"nextPageToken"})


@dataclass(frozen=True, slots=True)
class Named:
    """A kept query: its parameters, as they were given, and the ``@context`` around them, if any."""

    name: str
    parameters: Mapping[str, Json]
    context: Json = None

    def query(self, node: Node, paging: Mapping[str, Json]) -> Query:
        """The query for one page; ``paging`` says which.

        Raises:
            QueryError: it is not a query.
        """
        parameters = {**self.parameters, **paging}
        return parse_query(parameters, query_context(self.context, parameters.get("@context")), node.name)


def query_context(*contexts: Json) -> Context:
    """What prefixes in a query mean: those of EPCIS, and those that these contexts define.

    Raises:
        QueryError: not a context.
    """
    try:
        return read_context([EPCIS_CONTEXT], *contexts)
    except MalformedError as error:
        raise QueryError(f"{error}") from error


def read_definition(data: bytes) -> Named:
    """The query that somebody wants to keep: ``{"name": ..., "query": {...}}``.

    Raises:
        EncodingError, OversizeError: not strict JSON, or too much of it.
        QueryError: another shape.
    """
    root = json_decode(data, max_depth=MAX_DEPTH)
    if not isinstance(root, dict) or not root.keys() <= {"name", "query", "@context"}:
        raise QueryError("expected an object with name and query, and @context if need be, and nothing else")
    name, parameters = root.get("name"), root.get("query")
    if not isinstance(name, str) or not _NAME.fullmatch(name) or name in _RESERVED:
        raise QueryError(
            "name: 1 to 128 letters, digits, '.', '_', '~' and '-', beginning with a letter or digit, "
            f"and none of {', '.join(sorted(_RESERVED))}"
        )
    if not isinstance(parameters, dict) or _PAGING & parameters.keys():
        raise QueryError("query: an object of parameters; nextPageToken comes with the address of a page")
    return Named(name, parameters, root.get("@context"))


def save_query(store: Store, node: Node, party: str, named: Named, actor: Actor) -> None:
    """Keep a query under its name.

    Raises:
        QueryError: it is not a query.
        ConflictError: the party has one of that name, or ``MAX_QUERIES`` of them.
    """
    named.query(node, {})
    kept = {"query": dict(named.parameters), "@context": named.context}
    with store.transaction() as tx:
        names = select(NamedQuery.name).where(NamedQuery.party == party)
        if tx.connection.execute(names.where(NamedQuery.name == named.name)).first():
            raise ConflictError(
                f"there is a query named {named.name} already", remedy="Delete it first, or choose a name."
            )
        count = tx.connection.execute(select(func.count()).select_from(names.subquery())).scalar_one()
        if count >= MAX_QUERIES:
            raise ConflictError(f"{MAX_QUERIES} queries are kept, no more", remedy="Delete one of them.")
        row = {"party": party, "name": named.name, "query": json_encode(kept).decode()}
        tx.connection.execute(insert(NamedQuery).values(row | {"created_ms": tx.now_ms}))
        note(tx, actor, "query-kept", named.name)


def find_query(connection: Connection, party: str, name: str) -> Named:
    """A party's query.

    Raises:
        UnknownSubjectError: it has none of that name.
    """
    query = select(NamedQuery).where(NamedQuery.party == party, NamedQuery.name == name)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise _unknown(name)
    return _named(row)


def list_queries(connection: Connection, party: str, limit: int, after: str | None) -> tuple[Named, ...]:
    """A party's queries in the order of their names; ``after`` is the last of the page before."""
    query = select(NamedQuery).where(NamedQuery.party == party)
    if after is not None:
        query = query.where(NamedQuery.name > after)
    return tuple(map(_named, connection.execute(query.order_by(NamedQuery.name).limit(limit))))


def delete_query(store: Store, party: str, name: str, actor: Actor) -> None:
    """Forget a query.

    Raises:
        UnknownSubjectError: the party has none of that name.
    """
    with store.transaction() as tx:
        gone = delete(NamedQuery).where(NamedQuery.party == party, NamedQuery.name == name)
        if not tx.connection.execute(gone).rowcount:
            raise _unknown(name)
        note(tx, actor, "query-forgotten", name)


def _named(row: AnyRow) -> Named:
    kept: Any = json_decode(row.query)
    return Named(row.name, kept["query"], kept["@context"])


def _unknown(name: str) -> UnknownSubjectError:
    return UnknownSubjectError(
        f"there is no query named {name[:128]!r}", remedy="GET /epcis/queries lists the names."
    )
