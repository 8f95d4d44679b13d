"""The document that answers a query: every name in it means what it meant when it was captured."""

from __future__ import annotations

import json
from typing import Any

import pytest

from traceability.operations.query import Found
from traceability.supply.epcis.context import EPCIS_CONTEXT, read_context
from webapp.api.epcis.documents import MAX_PREFIXES, query_document

RED, BLUE, OTHER = ({"ext": f"https://{name}.example/"} for name in ("red", "blue", "other"))
OPAQUE = "https://terms.example/context.jsonld"


def answered(*found: tuple[dict[str, Any], Any]) -> tuple[Any, list[Any]]:
    """Context and events of the document that answers with these events and their contexts."""
    answer = json.loads(query_document([Found(e, c) for e, c in found], 0, "q"))
    return answer["@context"], answer["epcisBody"]["queryResults"]["resultsBody"]["eventList"]


def test_events_of_one_context_stand_in_it_as_it_was_written():
    context = [EPCIS_CONTEXT, RED, OPAQUE]
    assert answered(({"a": 1}, context), ({"b": 2}, context)) == (context, [{"a": 1}, {"b": 2}])


def test_contexts_that_agree_become_one():
    found = ({"a": 1}, [EPCIS_CONTEXT, RED]), ({"b": 2}, [EPCIS_CONTEXT, RED, {"y": "https://y.example/"}])
    assert answered(*found) == ([EPCIS_CONTEXT, RED | {"y": "https://y.example/"}], [{"a": 1}, {"b": 2}])


def test_an_event_whose_context_contradicts_carries_it():
    context, events = answered(({"a": 1}, [EPCIS_CONTEXT, RED]), ({"b": 2}, [EPCIS_CONTEXT, BLUE]))
    assert context == [EPCIS_CONTEXT, RED]
    assert events == [{"a": 1}, {"b": 2, "@context": [EPCIS_CONTEXT, BLUE]}]


def test_an_events_own_context_stays_as_it_was():
    found = ({"a": 1, "@context": OTHER}, [EPCIS_CONTEXT, RED]), ({"@context": [EPCIS_CONTEXT, BLUE]}, None)
    assert answered(*found)[1] == [{"a": 1, "@context": OTHER}, {"@context": [EPCIS_CONTEXT, BLUE]}]


@pytest.mark.parametrize("context", [None, [], [EPCIS_CONTEXT]])
def test_an_event_without_prefixes_needs_none(context):
    assert answered(({"a": 1}, context)) == ([EPCIS_CONTEXT], [{"a": 1}])
    assert answered() == ([EPCIS_CONTEXT], [])


def test_a_context_that_nobody_looks_up_is_not_mixed_with_others():
    opaque = [EPCIS_CONTEXT, OPAQUE]
    context, events = answered(({"a": 1}, opaque), ({"b": 2}, [EPCIS_CONTEXT, RED]))
    assert (context, events[0]) == ([EPCIS_CONTEXT, RED], {"a": 1, "@context": opaque})


def test_there_is_a_limit_to_what_is_put_together():
    many = [[EPCIS_CONTEXT, {f"p{n}x{i}": f"https://{n}.example/" for i in range(20)}] for n in range(4)]
    context, events = answered(*(({"n": n}, each) for n, each in enumerate(many)))
    assert len(context[1]) <= MAX_PREFIXES
    assert [event.get("@context") for event in events] == [None, None, many[2], many[3]]


def test_each_name_means_what_it_meant():
    contexts = [[EPCIS_CONTEXT, c] for c in (RED, BLUE, RED, OTHER)] + [[EPCIS_CONTEXT, RED, BLUE], None]
    owns = [None, None, OTHER, RED, None, [EPCIS_CONTEXT, OTHER]]
    given = [
        ({} if own is None else {"@context": own}, context)
        for context, own in zip(contexts, owns, strict=True)
    ]
    outer, events = answered(*given)
    for (event, context), shown in zip(given, events, strict=True):
        meant = read_context(context, event.get("@context")).prefixes
        now = read_context(outer, shown.get("@context")).prefixes
        assert now["ext"] == meant["ext"]
