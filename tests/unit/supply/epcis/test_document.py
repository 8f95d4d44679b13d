"""EPCIS documents: what is taken, what is refused and where it is wrong, and the limits."""

from __future__ import annotations

import json
import tracemalloc
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceability.errors import EncodingError, EventError, MalformedError, OversizeError
from traceability.supply.epcis import document
from traceability.supply.epcis.context import EPCIS_CONTEXT
from traceability.supply.epcis.document import read_document

EVENT = {
    "type": "ObjectEvent",
    "eventTime": "2026-04-17T09:26:42+02:00",
    "eventTimeZoneOffset": "+02:00",
    "action": "OBSERVE",
    "epcList": ["urn:epc:id:sgtin:9521141.012345.4711"],
}
HEADER = {
    "@context": [EPCIS_CONTEXT, {"ex": "https://example.com/ns/"}],
    "type": "EPCISDocument",
    "schemaVersion": "2.0",
    "creationDate": "2026-04-17T10:00:00Z",
}


def written(*events, **changes):
    """A document's bytes; a member whose change is ``None`` is left out."""
    members = {**HEADER, "epcisBody": {"eventList": list(events)}, **changes}
    return json.dumps({name: value for name, value in members.items() if value is not None}).encode()


def refused(data):
    """The pointers of a document that is refused as a whole."""
    with pytest.raises(EventError) as caught:
        read_document(data)
    assert caught.value.code == "bad-event"
    assert str(caught.value)
    return [problem.pointer for problem in caught.value.problems]


def pointers(data):
    """The pointers of all events of a document that is read."""
    return [problem.pointer for event in read_document(data).events for problem in event.problems]


def test_events_come_out_as_they_were_written_with_the_documents_context():
    data = written(EVENT, {**EVENT, "ex:own": [1, {"bare": None}]}).replace(b"[1,", b"[1.50,")
    read = read_document(data)
    assert read.context == HEADER["@context"]
    assert [(event.index, event.problems) for event in read.events] == [(0, ()), (1, ())]
    assert read.events[0].event == EVENT
    own: Any = read.events[1].event["ex:own"]
    assert own == [Decimal("1.50"), {"bare": None}]
    assert str(own[0]) == "1.50"
    assert read.events[0].context.expand_name("ex:own") == "https://example.com/ns/own"


def test_a_single_event_brings_its_own_context():
    event = {"@context": EPCIS_CONTEXT, **EVENT}
    read = read_document(json.dumps(event).encode())
    assert read.context == []
    assert [(each.index, each.event, each.problems) for each in read.events] == [(0, event, ())]


def test_a_single_event_is_named_from_its_own_root():
    event = {"@context": EPCIS_CONTEXT, **EVENT, "bizStep": "transforming"}
    assert pointers(json.dumps(event).encode()) == ["/bizStep"]


def test_a_single_event_without_a_context_is_refused():
    assert refused(json.dumps(EVENT).encode()) == ["/@context"]


def test_a_context_may_be_written_alone():
    read = read_document(written(EVENT, **{"@context": EPCIS_CONTEXT}))
    assert read.context == [EPCIS_CONTEXT]


def test_an_event_may_declare_more_prefixes_for_itself_alone():
    own = {**EVENT, "@context": [{"own": "https://own.example/"}], "own:a": 1, "ex:b": 2}
    assert pointers(written(own, {**EVENT, "own:a": 1})) == ["/epcisBody/eventList/1/own:a"]


def test_a_bad_event_does_not_hide_the_good_ones():
    read = read_document(written(EVENT, {**EVENT, "action": "CREATE"}, 5, EVENT))
    assert [len(event.problems) for event in read.events] == [0, 1, 1, 0]
    assert [str(problem) for event in read.events for problem in event.problems] == [
        "/epcisBody/eventList/1/action: expected ADD, OBSERVE or DELETE, got 'CREATE'",
        "/epcisBody/eventList/2: expected an event, which is an object, got 5",
    ]


def test_a_bad_context_of_an_event_is_named():
    assert pointers(written({**EVENT, "@context": {"ex": 5}})) == ["/epcisBody/eventList/0/@context"]


def test_what_stands_beside_the_events_is_accepted():
    header = {"epcisMasterData": {"vocabularyList": [{"type": "urn:x:y", "vocabularyElementList": []}]}}
    data = written(EVENT, epcisHeader=header, sender="urn:x:y", _comment=["any"], id="urn:x:z")
    assert pointers(data) == []


def test_a_document_may_have_no_events():
    assert read_document(written()).events == ()


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"type": None}, "/type"),
        ({"type": "EPCISQueryDocument", "epcisBody": {"queryResults": {}}}, "/type"),
        ({"type": "QuantityEvent"}, "/type"),
        ({"type": ["EPCISDocument"]}, "/type"),
        ({"schemaVersion": "1.2"}, "/schemaVersion"),
        ({"schemaVersion": 2}, "/schemaVersion"),
        ({"schemaVersion": None}, "/schemaVersion"),
        ({"creationDate": "yesterday"}, "/creationDate"),
        ({"creationDate": None}, "/creationDate"),
        ({"epcisBody": None}, "/epcisBody"),
        ({"epcisBody": []}, "/epcisBody"),
        ({"epcisBody": {}}, "/epcisBody/eventList"),
        ({"epcisBody": {"eventList": {}}}, "/epcisBody/eventList"),
        ({"@context": None}, "/@context"),
        ({"@context": 5}, "/@context"),
        ({"@context": []}, "/@context"),
        ({"@context": {"ex": "https://example.com/ns/"}}, "/@context"),
        ({"@context": [EPCIS_CONTEXT, {"_sd": "https://example.com/ns/"}]}, "/@context"),
    ],
)
def test_a_document_that_is_none_is_refused_where_it_is_wrong(changes, pointer):
    assert refused(written(EVENT, **changes)) == [pointer]


def test_all_that_is_wrong_with_a_document_is_said_at_once():
    assert refused(b'{"type": "EPCISDocument"}') == [
        "/schemaVersion",
        "/creationDate",
        "/epcisBody",
        "/@context",
    ]


@pytest.mark.parametrize("version", ["2.0", "2.0.0", "2.0.1"])
def test_each_version_of_epcis_2_0_is_read(version):
    assert pointers(written(EVENT, schemaVersion=version)) == []


@pytest.mark.parametrize(
    "data", [b"<?xml version='1.0'?><a/>", b"\n\t <epcis:EPCISDocument/>", b"\xef\xbb\xbf<a/>"]
)
def test_xml_is_refused_and_json_asked_for(data):
    with pytest.raises(EncodingError, match=r"expected EPCIS 2\.0 in JSON .*, got XML"):
        read_document(data)


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b"NaN", b"\xef\xbb\xbf{}", b'{"type": 1, "type": 1}'])
def test_what_is_not_strict_json_is_refused(data):
    with pytest.raises(EncodingError):
        read_document(data)


@pytest.mark.parametrize("data", [b"[]", b"5", b'"x"', b"null"])
def test_what_is_no_object_is_refused(data):
    assert refused(data) == [""]


def test_a_member_named_twice_in_an_event_is_refused():
    with pytest.raises(EncodingError, match="twice"):
        read_document(written(EVENT).replace(b'"action"', b'"action": "ADD", "action"', 1))


@pytest.mark.parametrize("levels", [40, 100_000])
def test_a_depth_bomb_is_refused(levels):
    bomb = b'{"type":' + b"[" * levels + b"]" * levels + b"}"
    with pytest.raises(EncodingError, match="deep"):
        read_document(bomb)


def test_an_event_that_is_too_deep_is_named():
    value: Any = 1
    for _ in range(14):
        value = {"ex:in": value}
    (pointer,) = pointers(written(EVENT, {**EVENT, "ex:in": value}))
    assert pointer.startswith("/epcisBody/eventList/1/ex:in/ex:in")


def test_a_document_of_too_many_bytes_is_refused():
    with pytest.raises(OversizeError, match="bytes"):
        read_document(b" " * (document.MAX_BYTES + 1))


def test_too_many_events_are_refused(monkeypatch):
    monkeypatch.setattr(document, "MAX_EVENTS", 2)
    assert pointers(written(EVENT, EVENT)) == []
    with pytest.raises(OversizeError, match="3 events"):
        read_document(written(EVENT, EVENT, EVENT))


def test_a_document_of_very_many_small_values_is_refused_before_it_is_parsed():
    data = b'{"type":[' + b"{}," * (document.MAX_VALUES // 2) + b"{}]}"
    tracemalloc.start()
    try:
        with pytest.raises(OversizeError, match="values"):
            read_document(data)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


@given(st.binary(max_size=60) | st.text(max_size=40).map(str.encode))
def test_whatever_arrives_is_answered(data):
    with pytest.raises(MalformedError):
        read_document(data)
