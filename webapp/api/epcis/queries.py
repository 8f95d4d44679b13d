"""``/queries``: queries under names of their own (EPCIS 2.0 12.7); each party has its own."""

from __future__ import annotations

from typing import Any

from flask import Response, request

from traceability.errors import OversizeError, QueryError, QueryTooLargeError
from traceability.operations.namedqueries import (
    Named,
    delete_query,
    find_query,
    list_queries,
    read_definition,
    save_query,
)
from traceability.operations.query import run
from traceability.operations.tokens import Scope
from webapp.api.access import actor_of, bearer_of, node, sender, store
from webapp.api.epcis.capture import per_page
from webapp.api.epcis.describing import Answer, describe
from webapp.api.epcis.documents import query_document
from webapp.api.epcis.exchange import MAX_BODY, answer, list_paging, nothing, paging, read_body, written
from webapp.api.epcis.resource import PREFIX, Resource, epcis
from webapp.api.epcis.schemas import paging_parameters
from webapp.database import snapshot
from webapp.signedin import bearer

PAGES = ("Link", "GS1-Next-Page-Token-Expires")


@epcis.route("/queries", tags=["Queries"])
@bearer
class Queries(Resource):
    """The party's own queries."""

    @describe(
        {201: Answer("Kept under its name.", "QueryDefinition", ("Location",))},
        refuses=(409, 413, 415),
        body="QueryDefinition",
    )
    def post(self) -> Response:
        """Keep a query under a name, its prefixes in its @context."""
        access = sender(Scope.QUERY)
        try:
            named = read_definition(read_body(MAX_BODY))
        except OversizeError as error:
            raise QueryTooLargeError(f"{error}") from error
        save_query(store(), node(), access.party, named, actor_of(access))
        return answer(definition(named), 201, {"Location": f"{PREFIX}/queries/{named.name}"})

    @describe({200: Answer("Queries.", "QueryDefinitions", PAGES)}, asks=paging_parameters())
    def get(self) -> Response:
        """The party's queries, in the order of their names."""
        access = bearer_of(snapshot(), Scope.QUERY)
        wanted = per_page()
        named = list_queries(snapshot(), access.party, wanted + 1, request.args.get("nextPageToken"))
        headers = list_paging([each.name for each in named], wanted, store().clock())
        return answer([definition(each) for each in named[:wanted]], headers=headers)


@epcis.route("/queries/<query_name>", tags=["Queries"])
@bearer
class Query(Resource):
    """One query."""

    @describe({200: Answer("The query.", "QueryDefinition")}, refuses=(404,))
    def get(self, query_name: str) -> Response:
        """What a query asks for, as it was given."""
        access = bearer_of(snapshot(), Scope.QUERY)
        return answer(definition(find_query(snapshot(), access.party, query_name)))

    @describe({204: Answer("It is gone.")}, refuses=(404,))
    def delete(self, query_name: str) -> Response:
        """Forget a query."""
        access = sender(Scope.QUERY)
        delete_query(store(), access.party, query_name, actor_of(access))
        return nothing()


@epcis.route("/queries/<query_name>/events", tags=["Queries"])
@bearer
class QueryEvents(Resource):
    """What a query finds."""

    @describe(
        {200: Answer("Events.", "EPCISQueryDocument", PAGES)},
        refuses=(404, 413),
        asks=paging_parameters(),
    )
    def get(self, query_name: str) -> Response:
        """The events that a query finds now, a page at a time."""
        access = bearer_of(snapshot(), Scope.QUERY)
        named = find_query(snapshot(), access.party, query_name)
        if unknown := sorted(request.args.keys() - {"perPage", "nextPageToken"}):
            raise QueryError(f"{unknown[0][:128]!r}: a named query takes perPage and nextPageToken")
        now_ms = store().clock()
        query = named.query(node(), request.args.to_dict())
        page = run(snapshot(), node(), query, access.reader, now_ms=now_ms)
        body = query_document(page.events, now_ms, named.name)
        return written(body, headers=paging(page.next_token, page.expires_ms))


def definition(named: Named) -> dict[str, Any]:
    """A query as it was given."""
    context = {} if named.context is None else {"@context": named.context}
    return {"name": named.name, "query": dict(named.parameters), **context}
