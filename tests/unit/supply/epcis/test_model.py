"""What an EPCIS event may hold and must: the members of all five types, and the limits."""

from __future__ import annotations

from copy import deepcopy
from decimal import Decimal
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from traceability.supply.epcis.context import EPCIS_CONTEXT, read_context
from traceability.supply.epcis.model import MAX_BYTES, MAX_DEPTH, MAX_PROBLEMS, check_event

CONTEXT = read_context([EPCIS_CONTEXT, {"ex": "https://example.com/ns/"}])
OPAQUE = read_context([EPCIS_CONTEXT, "https://example.com/context.jsonld"])

ITEM = "https://id.gs1.org/01/09521141123454/21/4711"
LOT = "https://id.gs1.org/01/09521141123454/10/A1"
PALLET = "urn:epc:id:sscc:9521141.0123456789"
PLACE = {"id": "urn:epc:id:sgln:9521141.00000.0"}
WHEN = {"eventTime": "2026-04-17T09:26:42.123+02:00", "eventTimeZoneOffset": "+02:00"}
SENSED = [{"sensorReport": [{"type": "Temperature", "value": Decimal("4.5"), "uom": "CEL"}]}]

OBJECT: Final[dict[str, Any]] = {"type": "ObjectEvent", **WHEN, "action": "OBSERVE", "epcList": [ITEM]}
AGGREGATION: Final[dict[str, Any]] = {
    "type": "AggregationEvent",
    **WHEN,
    "action": "ADD",
    "parentID": PALLET,
    "childEPCs": [ITEM],
}
ASSOCIATION: Final[dict[str, Any]] = {**AGGREGATION, "type": "AssociationEvent"}
TRANSACTION: Final[dict[str, Any]] = {
    "type": "TransactionEvent",
    **WHEN,
    "action": "ADD",
    "bizTransactionList": [{"type": "po", "bizTransaction": "urn:example:po:1"}],
    "epcList": [ITEM],
}
TRANSFORMATION: Final[dict[str, Any]] = {
    "type": "TransformationEvent",
    **WHEN,
    "inputQuantityList": [{"epcClass": LOT, "quantity": 100, "uom": "KGM"}],
    "outputEPCList": [ITEM],
}
EVENTS: Final = [OBJECT, AGGREGATION, ASSOCIATION, TRANSACTION, TRANSFORMATION]


def problems(event, **changes):
    """What is wrong with an event after the changes; ``None`` takes a member away."""
    changed = {name: value for name, value in {**event, **changes}.items() if value is not None}
    return check_event(changed, CONTEXT)


def pointers(event, **changes):
    return [problem.pointer for problem in problems(event, **changes)]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event["type"])
def test_the_smallest_event_of_each_type_is_taken_and_left_as_it_was(event):
    before = deepcopy(event)
    assert check_event(event, CONTEXT) == []
    assert event == before


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event["type"])
def test_members_that_all_types_have_are_taken(event):
    common = {
        "@context": {"own": "https://own.example/"},
        "eventID": "urn:uuid:374d95fc-9457-4a51-bd6a-0bba133845a8",
        "recordTime": "2026-04-17T10:00:00Z",
        "certificationInfo": ["https://example.com/certificate/1"],
        "errorDeclaration": {
            "declarationTime": "2026-04-18T00:00:00Z",
            "reason": "incorrect_data",
            "correctiveEventIDs": ["ni:///sha-256;00?ver=CBV2.0"],
            "ex:by": "somebody",
        },
        "bizStep": "receiving",
        "disposition": "urn:epcglobal:cbv:disp:in_progress",
        "persistentDisposition": {"set": ["recalled"], "unset": ["https://example.com/state"]},
        "readPoint": {**PLACE, "ex:gate": 4},
        "bizLocation": PLACE,
        "bizTransactionList": [{"bizTransaction": "urn:epcglobal:cbv:bt:9521141000000:1"}],
        "sourceList": [{"type": "owning_party", "source": "urn:epc:id:pgln:9521141.00000"}],
        "destinationList": [{"type": "cbv:my_own", "destination": "https://id.gs1.de/417/9521141000007"}],
        "sensorElementList": SENSED,
        "ex:own": {"anything": [1, None, {"deep": True}]},
        "https://example.com/ns/other": "an IRI is a name as well",
    }
    assert problems(event, **common) == []


@pytest.mark.parametrize(
    ("event", "changes", "pointer"),
    [
        (OBJECT, {"type": "QuantityEvent"}, "/type"),
        (OBJECT, {"type": ["ObjectEvent"]}, "/type"),
        (OBJECT, {"action": "CREATE"}, "/action"),
        (OBJECT, {"action": None}, "/action"),
        (TRANSFORMATION, {"action": "ADD"}, "/action"),
        (OBJECT, {"bizStep": "transforming"}, "/bizStep"),
        (OBJECT, {"bizStep": "urn:epcglobal:cbv:bizstep:transforming"}, "/bizStep"),
        (OBJECT, {"bizStep": 5}, "/bizStep"),
        (OBJECT, {"disposition": "in_transport"}, "/disposition"),
        (OBJECT, {"persistentDisposition": {}}, "/persistentDisposition/set"),
        (OBJECT, {"persistentDisposition": {"set": []}}, "/persistentDisposition/set"),
        (OBJECT, {"persistentDisposition": {"set": ["x"]}}, "/persistentDisposition/set/0"),
        (OBJECT, {"persistentDisposition": {"set": ["active", "active"]}}, "/persistentDisposition/set"),
        (OBJECT, {"epcList": "x"}, "/epcList"),
        (OBJECT, {"epcList": [ITEM, ITEM]}, "/epcList"),
        (OBJECT, {"epcList": [ITEM, "no URI"]}, "/epcList/1"),
        (OBJECT, {"epcList": [ITEM, None]}, "/epcList/1"),
        (OBJECT, {"epcList": ["urn:x:" + "a" * 507]}, "/epcList/0"),
        (OBJECT, {"epcList": ["urn:x:\u00e4"]}, "/epcList/0"),
        (OBJECT, {"epcList": ["https://id.gs1.org/01/09521141123455/21/4711"]}, "/epcList/0"),
        (OBJECT, {"epcList": ["https://shop.example/a/01/09521141123455/21/4711"]}, "/epcList/0"),
        (OBJECT, {"epcList": ["https://id.gs1.org/99/1"]}, "/epcList/0"),
        (OBJECT, {"epcList": ["urn:epc:id:sgtin:9521141.1.4711"]}, "/epcList/0"),
        (OBJECT, {"epcList": ["urn:epc:id:new:1.2"]}, "/epcList/0"),
        (OBJECT, {"epcList": []}, "/epcList"),
        (OBJECT, {"epcList": None}, "/epcList"),
        (OBJECT, {"epcList": None, "sensorElementList": SENSED}, "/epcList"),
        (OBJECT, {"quantityList": [{"epcClass": LOT, "quantity": "20"}]}, "/quantityList/0/quantity"),
        (OBJECT, {"quantityList": [{"epcClass": LOT, "quantity": -1}]}, "/quantityList/0/quantity"),
        (OBJECT, {"quantityList": [{"epcClass": LOT, "quantity": True}]}, "/quantityList/0/quantity"),
        (OBJECT, {"quantityList": [{"epcClass": LOT, "quantity": 1.5}]}, "/quantityList/0/quantity"),
        (
            OBJECT,
            {"quantityList": [{"epcClass": LOT, "quantity": Decimal("Infinity")}]},
            "/quantityList/0/quantity",
        ),
        (OBJECT, {"quantityList": [{"epcClass": LOT, "quantity": 1, "uom": "KG"}]}, "/quantityList/0/uom"),
        (OBJECT, {"quantityList": [{"epcClass": LOT, "quantity": 1, "uom": 7}]}, "/quantityList/0/uom"),
        (OBJECT, {"quantityList": [{"epcClass": LOT, "uom": "KGM"}]}, "/quantityList/0/quantity"),
        (OBJECT, {"quantityList": [{"quantity": 1}]}, "/quantityList/0/epcClass"),
        (OBJECT, {"quantityList": [{"epcClass": LOT, "ex:a": 1}]}, "/quantityList/0/ex:a"),
        (OBJECT, {"quantityList": [LOT]}, "/quantityList/0"),
        (OBJECT, {"ilmd": {"ex:grade": 1}}, "/ilmd"),
        (OBJECT, {"action": "ADD", "ilmd": {"materialType": "soil"}}, "/ilmd/materialType"),
        (AGGREGATION, {"ilmd": {"ex:grade": 1}}, "/ilmd"),
        (OBJECT, {"parentID": PALLET}, "/parentID"),
        (OBJECT, {"colour": "red"}, "/colour"),
        (OBJECT, {"isA": "ObjectEvent"}, "/isA"),
        (OBJECT, {"un:declared": 1}, "/un:declared"),
        (OBJECT, {"ex:own": {"un:declared": 1}}, "/ex:own/un:declared"),
        (OBJECT, {"ex:a/b~c": {"_sd": 1}}, "/ex:a~1b~0c/_sd"),
        (OBJECT, {"ex:own": [{"...": 1}]}, "/ex:own/0/..."),
        (OBJECT, {"_sd": []}, "/_sd"),
        (OBJECT, {"@context": {"_sd": "https://example.com/"}}, "/@context/_sd"),
        (OBJECT, {"readPoint": {**PLACE, "@context": {}}}, "/readPoint/@context"),
        (OBJECT, {"ex:own": [{"@context": {}}]}, "/ex:own/0/@context"),
        (OBJECT, {"readPoint": "urn:x:y"}, "/readPoint"),
        (OBJECT, {"readPoint": {}}, "/readPoint/id"),
        (OBJECT, {"readPoint": {"id": "here"}}, "/readPoint/id"),
        (OBJECT, {"sourceList": [{"type": "place", "source": "urn:x:y"}]}, "/sourceList/0/type"),
        (OBJECT, {"sourceList": [{"source": "urn:x:y"}]}, "/sourceList/0/type"),
        (
            OBJECT,
            {"destinationList": [{"type": "location", "source": "urn:x:y"}]},
            "/destinationList/0/source",
        ),
        (OBJECT, {"bizTransactionList": [{"type": "po"}]}, "/bizTransactionList/0/bizTransaction"),
        (OBJECT, {"errorDeclaration": {"reason": "typo"}}, "/errorDeclaration/reason"),
        (OBJECT, {"certificationInfo": 5}, "/certificationInfo"),
        (OBJECT, {"eventTimeZoneOffset": "+14:01"}, "/eventTimeZoneOffset"),
        (OBJECT, {"eventTimeZoneOffset": "02:00"}, "/eventTimeZoneOffset"),
        (AGGREGATION, {"parentID": None}, "/parentID"),
        (AGGREGATION, {"childEPCs": []}, "/childEPCs"),
        (AGGREGATION, {"epcList": [ITEM]}, "/epcList"),
        (ASSOCIATION, {"parentID": None, "action": "OBSERVE"}, "/parentID"),
        (ASSOCIATION, {"childEPCs": None}, "/childEPCs"),
        (TRANSACTION, {"bizTransactionList": []}, "/bizTransactionList"),
        (TRANSACTION, {"bizTransactionList": None}, "/bizTransactionList"),
        (TRANSACTION, {"epcList": None}, "/epcList"),
        (TRANSFORMATION, {"inputQuantityList": None}, "/inputEPCList"),
        (TRANSFORMATION, {"outputEPCList": None}, "/outputEPCList"),
        (OBJECT, {"sensorElementList": [{"sensorReport": []}]}, "/sensorElementList/0/sensorReport"),
        (OBJECT, {"sensorElementList": [{}]}, "/sensorElementList/0/sensorReport"),
        (
            OBJECT,
            {"sensorElementList": [{"sensorReport": [{"value": 4}]}]},
            "/sensorElementList/0/sensorReport/0/type",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_wrong_member_is_named_by_its_pointer(event, changes, pointer):
    found = problems(event, **changes)
    assert pointer in [problem.pointer for problem in found]
    assert all(problem.expected and problem.got for problem in found)


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("type", "Heat"),
        ("exception", "ALARM"),
        ("component", "left"),
        ("value", "4.5"),
        ("uom", "C"),
        ("time", "2026-04-17"),
        ("deviceID", "urn:epc:id:giai:1"),
        ("rawData", "not a URI"),
        ("stringValue", 4),
        ("booleanValue", 1),
        ("hexBinaryValue", "xyz"),
        ("accuracy", 1),
    ],
)
def test_a_wrong_member_of_a_sensor_report_is_named(member, value):
    report = {"type": "Temperature", member: value}
    assert pointers(OBJECT, sensorElementList=[{"sensorReport": [report]}]) == [
        f"/sensorElementList/0/sensorReport/0/{member}"
    ]


@pytest.mark.parametrize(
    ("event", "changes"),
    [
        (OBJECT, {"epcList": [], "quantityList": [{"epcClass": LOT}]}),
        (OBJECT, {"epcList": None, "sensorElementList": SENSED, "readPoint": PLACE}),
        (OBJECT, {"epcList": ["https://shop.example/01/shoes", "urn:epc:id:gid:1.2.3", "ni:///sha-256;ab"]}),
        (OBJECT, {"action": "ADD", "ilmd": {"cbvmda:lotNumber": "A1", "ex:grade": None}}),
        (OBJECT, {"bizStep": "https://example.com/steps/washing"}),
        (OBJECT, {"bizStep": "ex:washing"}),
        (AGGREGATION, {"parentID": None, "action": "OBSERVE"}),
        (AGGREGATION, {"childEPCs": None, "action": "DELETE"}),
        (TRANSACTION, {"epcList": None, "parentID": PALLET}),
        (TRANSACTION, {"epcList": None, "action": "DELETE"}),
        (TRANSFORMATION, {"inputQuantityList": None, "transformationID": "urn:example:run:1"}),
    ],
)
def test_what_the_standard_allows_is_taken(event, changes):
    assert problems(event, **changes) == []


@pytest.mark.parametrize(
    "time",
    [
        "2026-04-17T09:26:42Z",
        "2026-04-17T09:26:42.123456789-14:00",
        "1970-01-01T00:00:00Z",
        "9999-12-31T23:59:59-14:00",
        "2024-02-29T00:00:00+00:00",
    ],
)
def test_a_time_with_an_offset_is_taken(time):
    assert problems(OBJECT, eventTime=time) == []


@pytest.mark.parametrize(
    "time",
    [
        "2026-04-17T09:26:42",
        "2026-04-17",
        "2026-04-17 09:26:42Z",
        "2026-04-17T09:26Z",
        "2026-04-17T24:00:00Z",
        "2026-04-17T09:26:60Z",
        "2026-02-29T00:00:00Z",
        "2026-04-17T09:26:42.1234567891Z",
        "2026-04-17T09:26:42+15:00",
        "2026-04-17T09:26:42+0200",
        "1969-12-31T23:59:59Z",
        "1970-01-01T00:00:00+01:00",
        "２０２６-04-17T09:26:42Z",
        1776410802,
        None,
    ],
)
def test_any_other_time_is_refused(time):
    assert pointers(OBJECT, eventTime=time) == ["/eventTime"]


def test_a_context_that_is_not_fetched_may_declare_any_prefix():
    event = {**OBJECT, "un:declared": 1}
    assert check_event(event, OPAQUE) == []
    assert [problem.pointer for problem in check_event({**OBJECT, "bare": 1}, OPAQUE)] == ["/bare"]


def test_a_gs1_key_is_refused_with_its_reason():
    (problem,) = problems(OBJECT, epcList=["https://id.gs1.org/01/09521141123455/21/4711"])
    assert "check digit 5, it should be 4" in problem.expected


def test_problems_say_what_was_there_and_stand_in_the_order_of_the_event():
    found = problems({"type": "ObjectEvent", "bizStep": "x", "action": "Y", "epcList": [{}, [1], None, 5]})
    assert [(problem.pointer, problem.got) for problem in found] == [
        ("/bizStep", "'x'"),
        ("/action", "'Y'"),
        ("/epcList/0", "an object of 0"),
        ("/epcList/1", "a list of 1"),
        ("/epcList/2", "null"),
        ("/epcList/3", "5"),
        ("/eventTime", "nothing"),
        ("/eventTimeZoneOffset", "nothing"),
    ]


def test_a_thousand_elements_are_taken_in_all_lists_together_and_no_more():
    most = [f"urn:example:{i}" for i in range(600)]
    lots = [{"epcClass": LOT}] * 400
    assert problems(OBJECT, epcList=most, quantityList=lots) == []
    (problem,) = problems(OBJECT, epcList=most, quantityList=[*lots, {"epcClass": LOT}])
    assert (problem.pointer, problem.got) == ("", "1001 of them")


def test_other_lists_have_a_thousand_elements_at_most():
    info = ["urn:x:y"] * 1001
    assert pointers(OBJECT, certificationInfo=info) == ["/certificationInfo"]


def test_no_more_problems_are_named_than_a_person_reads():
    assert len(problems(OBJECT, epcList=["x"] * 1000)) == MAX_PROBLEMS
    undeclared = {f"un{i}:x": 1 for i in range(1000)}
    assert len(problems(OBJECT, **undeclared)) == MAX_PROBLEMS
    assert len(problems(OBJECT, epcList=["x"] * 1000, **undeclared)) == MAX_PROBLEMS


def nested(levels):
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


def test_an_event_is_nested_fourteen_levels_deep_at_most():
    assert problems(OBJECT, **{"ex:deep": nested(MAX_DEPTH - 1)}) == []
    (problem,) = problems(OBJECT, **{"ex:deep": nested(MAX_DEPTH)})
    assert problem.pointer == "/ex:deep" + "/0" * (MAX_DEPTH - 1)


def test_a_very_deep_event_is_refused_without_a_recursion_error():
    assert len(problems(OBJECT, **{"ex:deep": nested(5000)})) == 1


def test_an_event_has_256_kib_at_most():
    rest = {**OBJECT, "ex:note": "x" * 40_000}
    assert problems(rest, **{"ex:more": "x" * (MAX_BYTES - 41_000)}) == []
    (problem,) = problems(rest, **{"ex:more": "x" * (MAX_BYTES - 40_000)})
    assert (problem.pointer, problem.expected) == ("", "at most 262144 bytes")
    # In the text a control character takes six bytes, and is one character here.
    assert len(problems(OBJECT, **{"ex:note": "\x01" * (MAX_BYTES // 6)})) == 1


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.decimals(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
NAMES = sorted({name for event in EVENTS for name in event} | {"readPoint", "sensorElementList", "ilmd"})


@settings(max_examples=50)
@given(
    st.sampled_from(EVENTS),
    st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=5), ANY_JSON, max_size=4),
)
def test_whatever_stands_in_an_event_is_answered(event, changes):
    for problem in check_event({**event, **changes}, CONTEXT):
        assert problem.pointer.startswith("/")
