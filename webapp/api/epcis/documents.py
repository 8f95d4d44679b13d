"""The document that answers a query: events as they were captured, under one context if it can be.

The names in an event mean what the ``@context`` around it said when it was captured. Where the
contexts of all events agree, the document's says it for all of them; an event whose context says
something else carries that itself. An event's own ``@context`` stays as it was, unless it stood in
a context that is not the document's: then that one is put before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from traceability.ledger.record import format_time
from traceability.operations.query import Found
from traceability.signing.strictjson import Json, json_encode
from traceability.supply.epcis.context import EPCIS_CONTEXT, EPCIS_CONTEXTS

MAX_PREFIXES: Final = 48
"""Of a document that is put together; a reader may stop at 64."""


def query_document(found: Sequence[Found], now_ms: int, name: str) -> bytes:
    """An EPCISQueryDocument with these events.

    Args:
        now_ms: when it is made.
        name: of the query that they answer.
    """
    contexts = [_listed(each.context) for each in found]
    shared = shared_context(contexts)
    events = (json_encode(_in(shared, each.event, own)) for each, own in zip(found, contexts, strict=True))
    head = {
        "@context": shared,
        "creationDate": format_time(now_ms),
        "schemaVersion": "2.0",
        "type": "EPCISQueryDocument",
    }
    # Joined as bytes: an event may be nested as deeply as JSON is written at all.
    return b'%b,"epcisBody":{"queryResults":{"queryName":%b,"resultsBody":{"eventList":[%b]}}}}' % (
        json_encode(head)[:-1],
        json_encode(name),
        b",".join(events),
    )


def shared_context(contexts: Iterable[list[Json]]) -> list[Json]:
    """One context that says what each of these says, as far as they agree; an earlier one prevails."""
    distinct = {json_encode(context): context for context in contexts if context}
    if len(distinct) == 1:
        return next(iter(distinct.values()))
    merged: dict[str, Json] = {}
    for context in distinct.values():
        prefixes = _prefixes(context)
        if prefixes is None or any(merged.get(name, iri) != iri for name, iri in prefixes.items()):
            continue
        if len(merged | prefixes) <= MAX_PREFIXES:
            merged |= prefixes
    return [EPCIS_CONTEXT, merged] if merged else [EPCIS_CONTEXT]


def _in(shared: list[Json], event: Any, context: list[Json]) -> Any:
    """An event as it stands in a document with the shared context."""
    if not context or context == shared or _covers(shared, context):
        return event
    return {**event, "@context": [*context, *_listed(event.get("@context"))]}


def _covers(shared: list[Json], context: list[Json]) -> bool:
    outer, inner = _prefixes(shared), _prefixes(context)
    return outer is not None and inner is not None and inner.items() <= outer.items()


def _prefixes(context: list[Json]) -> dict[str, Json] | None:
    """What a context defines beside EPCIS; None if that stands at an address that nobody looks up."""
    prefixes: dict[str, Json] = {}
    for entry in context:
        if isinstance(entry, dict):
            prefixes |= entry
        elif not isinstance(entry, str) or not EPCIS_CONTEXTS.fullmatch(entry):
            return None
    return prefixes


def _listed(context: Json) -> list[Json]:
    if context is None:
        return []
    return context if isinstance(context, list) else [context]
