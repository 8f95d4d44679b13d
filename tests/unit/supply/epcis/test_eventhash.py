"""Event hash IDs: one event has one, however it is written, and another event has another."""

from __future__ import annotations

import copy
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from traceability.errors import MalformedError, OversizeError, StatementError
from traceability.gs1 import MAX_URI_CHARS
from traceability.supply.epcis import eventhash
from traceability.supply.epcis.context import EPCIS_CONTEXT, read_context
from traceability.supply.epcis.eventhash import MAX_DEPTH, VERSIONS, event_hash, prehash

CONTEXT = read_context([EPCIS_CONTEXT, {"ex": "https://example.com/ns/"}])
NS = "{https://example.com/ns/}"
HEAD = "eventType=ObjectEvent"
EVENT: dict[str, Any] = {
    "type": "ObjectEvent",
    "eventTime": "2026-01-02T03:04:05.678+01:00",
    "eventTimeZoneOffset": "+01:00",
    "certificationInfo": ["https://example.com/c/2", "https://example.com/c/1"],
    "epcList": ["urn:epc:id:sgtin:9521141.012345.2", "urn:epc:id:sgtin:9521141.012345.1"],
    "quantityList": [
        {"epcClass": "urn:epc:class:lgtin:9521141.012345.B", "quantity": Decimal("12.5"), "uom": "KGM"},
        {"epcClass": "urn:epc:class:lgtin:9521141.012345.A", "quantity": 7},
    ],
    "action": "OBSERVE",
    "bizStep": "shipping",
    "disposition": "in_transit",
    "persistentDisposition": {"set": ["recalled", "damaged"], "unset": ["available"]},
    "readPoint": {"id": "urn:epc:id:sgln:9521141.11111.0", "ex:door": "3b"},
    "bizLocation": {"id": "urn:epc:id:sgln:9521141.11111.7"},
    "bizTransactionList": [
        {"type": "po", "bizTransaction": "urn:epcglobal:cbv:bt:9521141111116:1"},
        {"type": "inv", "bizTransaction": "urn:epcglobal:cbv:bt:9521141111116:2"},
    ],
    "sourceList": [{"type": "location", "source": "urn:epc:id:sgln:9521141.11111.0"}],
    "destinationList": [{"type": "owning_party", "destination": "urn:epc:id:pgln:9521141.11111"}],
    "sensorElementList": [
        {
            "sensorMetadata": {
                "time": "2026-01-02T03:00:00+01:00",
                "deviceID": "urn:epc:id:giai:9521141.DEV1",
            },
            "sensorReport": [
                {"type": "Temperature", "value": Decimal("4.0"), "uom": "CEL", "booleanValue": True},
                {"type": "gs1:Angle", "value": Decimal("-0.50"), "component": "latitude", "uom": "DD"},
            ],
        }
    ],
    "ilmd": {"cbvmda:lotNumber": "B7", "ex:grade": {"ex:size": 3, "ex:colours": ["red", "green"]}},
    "ex:note": "hand over",
}
EXPECTED = "".join(
    [
        HEAD,
        "eventTime=2026-01-02T02:04:05.678Z",
        "eventTimeZoneOffset=+01:00",
        "certificationInfo=https://example.com/c/1certificationInfo=https://example.com/c/2",
        "epcList",
        "epc=https://id.gs1.org/01/09521141123454/21/1epc=https://id.gs1.org/01/09521141123454/21/2",
        "quantityList",
        "quantityElementepcClass=https://id.gs1.org/01/09521141123454/10/Aquantity=7",
        "quantityElementepcClass=https://id.gs1.org/01/09521141123454/10/Bquantity=12.5uom=KGM",
        "action=OBSERVE",
        "bizStep=https://ref.gs1.org/cbv/BizStep-shipping",
        "disposition=https://ref.gs1.org/cbv/Disp-in_transit",
        "persistentDisposition",
        "set=https://ref.gs1.org/cbv/Disp-damagedset=https://ref.gs1.org/cbv/Disp-recalled",
        "unset=https://ref.gs1.org/cbv/Disp-available",
        f"readPointid=https://id.gs1.org/414/9521141111116{NS}door=3b",
        "bizLocationid=https://id.gs1.org/414/9521141111116/254/7",
        "sensorElementList",
        "sensorElement",
        "sensorMetadatatime=2026-01-02T02:00:00.000ZdeviceID=https://id.gs1.org/8004/9521141DEV1",
        "sensorReporttype=https://gs1.org/voc/Anglevalue=-0.5",
        "component=https://ref.gs1.org/cbv/Comp-latitudeuom=DD",
        "sensorReporttype=https://gs1.org/voc/Temperaturevalue=4booleanValue=trueuom=CEL",
        "bizTransactionList",
        "type=https://ref.gs1.org/cbv/BTT-invbizTransaction=urn:epcglobal:cbv:bt:9521141111116:2",
        "type=https://ref.gs1.org/cbv/BTT-pobizTransaction=urn:epcglobal:cbv:bt:9521141111116:1",
        "destinationList",
        "type=https://ref.gs1.org/cbv/SDT-owning_partydestination=https://id.gs1.org/417/9521141111116",
        "ilmd",
        f"{NS}grade{NS}colours=green{NS}colours=red{NS}size=3",
        "{urn:epcglobal:cbv:mda:}lotNumber=B7",
        "sourceList",
        "type=https://ref.gs1.org/cbv/SDT-locationsource=https://id.gs1.org/414/9521141111116",
        f"{NS}note=hand over",
    ]
)


def hashed(**members: Any) -> str:
    return event_hash(EVENT | members, CONTEXT)


def extension(value: Any) -> str:
    """How a value is written that stands in a member the standard does not know."""
    return prehash({"type": "ObjectEvent", "ex:a": value}, CONTEXT).removeprefix(f"{HEAD}{NS}a")


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every single value in an event."""
    if isinstance(value, dict):
        return [place for name, inner in value.items() for place in places(inner, (*path, name))]
    if isinstance(value, list):
        return [place for i, inner in enumerate(value) for place in places(inner, (*path, i))]
    return [path]


def put(path: tuple[Any, ...], change: Any) -> dict[str, Any]:
    """The event with one value changed, or taken away where ``change`` is None."""
    event = copy.deepcopy(EVENT)
    target: Any = event
    for step in path[:-1]:
        target = target[step]
    if change is None:
        del target[path[-1]]
    else:
        target[path[-1]] = change(target[path[-1]])
    return event


def another(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, Decimal)):
        return value + 1
    if value[:4].isdigit() or value[0] == "+":
        return value.replace("0", "1", 1)
    return value + "x"


def test_the_whole_string_of_an_event_with_everything():
    assert prehash(EVENT, CONTEXT) == EXPECTED


def test_an_id_is_the_hash_in_a_named_information_uri():
    empty = event_hash({"type": "ObjectEvent"}, CONTEXT)
    assert empty == (
        "ni:///sha-256;7aa6d15415d4b429d7c4f7b3f1aaebcdbd9a12ad5c6ff4951247b61e621b9659?ver=CBV2.0"
    )


@pytest.mark.parametrize("path", places(EVENT), ids=lambda path: "/".join(map(str, path)))
def test_any_change_of_a_value_and_any_loss_of_one_changes_the_hash(path):
    assert event_hash(put(path, another), CONTEXT) != hashed()
    if path != ("type",):
        assert event_hash(put(path, None), CONTEXT) != hashed()


@settings(max_examples=20)
@given(random=st.randoms(use_true_random=False))
def test_the_order_of_members_and_of_lists_does_not_matter(random):
    def shuffled(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: shuffled(value[name]) for name in random.sample(sorted(value), len(value))}
        if isinstance(value, list):
            return [shuffled(inner) for inner in random.sample(value, len(value))]
        return value

    assert prehash(shuffled(EVENT), CONTEXT) == EXPECTED


@pytest.mark.parametrize(
    "members",
    [
        {"bizStep": "cbv:BizStep-shipping"},
        {"bizStep": "urn:epcglobal:cbv:bizstep:shipping"},
        {"bizStep": " https://ref.gs1.org/cbv/BizStep-shipping "},
        {"eventTime": "2026-01-02T02:04:05.678Z"},
        {"eventTime": "2026-01-01T21:04:05.6776-05:00"},
        {
            "epcList": [
                "https://example.com/01/09521141123454/10/x/21/2?q=1",
                "https://id.gs1.org/gtin/09521141123454/ser/1",
            ]
        },
        {
            "epcList": [
                "http://EXAMPLE.com/a/01/09521141123454/21/2",
                "https://id.gs1.org/01/09521141123454/21/%31",
            ]
        },
        {"bizLocation": {"id": "https://example.com/414/9521141111116/254/7"}},
        {"certificationInfo": ["https://example.com/c/1", "https://example.com/c/2"]},
        {"eventID": "urn:uuid:1", "recordTime": "2026-01-02T03:04:06Z"},
        {"errorDeclaration": {"declarationTime": "2026-01-03T00:00:00Z", "reason": "did_not_occur"}},
        {"@context": {"more": "https://example.com/more/"}, "rdfs:comment": "for people"},
        {"parentID": None, "childEPCs": [], "inputQuantityList": [{}], "ex:nothing": None, "ex:none": []},
    ],
)
def test_another_spelling_and_what_takes_no_part_leave_the_hash_as_it_is(members):
    assert prehash(EVENT | members, CONTEXT) == EXPECTED


def test_a_prefix_is_only_a_name_for_its_namespace():
    event = {name.replace("ex:", "other:"): value for name, value in EVENT.items()}
    event["ilmd"] = {
        "cbvmda:lotNumber": "B7",
        "other:grade": {"other:size": 3, "other:colours": ["red", "green"]},
    }
    event["readPoint"] = {"id": "urn:epc:id:sgln:9521141.11111.0", "other:door": "3b"}
    other = read_context([EPCIS_CONTEXT, {"other": "https://example.com/ns/"}])
    assert prehash(event, other) == EXPECTED
    assert event_hash(event, read_context(EPCIS_CONTEXT)) != hashed()


@pytest.mark.parametrize("name", ["ex:hash", "https://example.com/ns/hash"])
def test_members_can_be_left_out_by_name_at_any_depth(name):
    marked = EVENT | {"ex:hash": "1", "ilmd": EVENT["ilmd"] | {"ex:hash": {"ex:a": 1}}}
    assert event_hash(marked, CONTEXT) != hashed()
    assert event_hash(marked, CONTEXT, ignore=frozenset({name})) == hashed()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (7, "=7"),
        (0, "=0"),
        (Decimal("-0.0"), "=0"),
        (Decimal("7.50"), "=7.5"),
        (Decimal("1E+3"), "=1000"),
        (Decimal("0.0000100"), "=0.00001"),
        (Decimal("12345678901234567890.123456789"), "=12345678901234567890.123456789"),
        ("007", "=7"),
        ("+1.", "=1"),
        ("1e3", "=1000"),
        ("111100001111000011110000", "=111100001111000011110000"),
        ("1_000", "=1_000"),
        ("nan", "=nan"),
        ("٣", "=٣"),
        ("1e999", "=1e999"),
        ("", ""),
        ("  ", ""),
        (" a b ", "=a b"),
        (True, "=true"),
        (False, "=false"),
        ("ex:b", "=https://example.com/ns/b"),
        ("ex: b", "=ex: b"),
        ("urn:epcglobal:cbv:bizstep:shipping", "=https://ref.gs1.org/cbv/BizStep-shipping"),
        ("urn:epc:id:giai:9521141.A%2FB", "=https://id.gs1.org/8004/9521141A%2FB"),
        ("urn:epc:id:sgtin:9521141.012345.a'b;c=d", "=https://id.gs1.org/01/09521141123454/21/a'b;c=d"),
        (
            "urn:epc:id:sgtin:9521141.012345.!()*+,:",
            "=https://id.gs1.org/01/09521141123454/21/%21%28%29%2A%2B%2C%3A",
        ),
        ("https://example.com/01/09521141123454/10/ser/21/5", "=https://id.gs1.org/01/09521141123454/21/5"),
        ("https://example.com/01/04912345123459/10/A", "=https://id.gs1.org/01/04912345123459/10/A"),
        ("https://example.com/01/09521141123455/10/A", "=https://example.com/01/09521141123455/10/A"),
        ("https://example.com/" + "a" * 3000, "=https://example.com/" + "a" * 3000),
        ([["b", "a"], ["c"]], f"=a=b{NS}a=c"),
        ({}, ""),
    ],
)
def test_values_have_one_form(value, text):
    assert extension(value) == text


def test_only_short_identifiers_are_remembered():
    before = eventhash._link.cache_info().currsize
    extension("https://example.com/" + "a" * MAX_URI_CHARS)
    extension("urn:uuid:1")
    assert eventhash._link.cache_info().currsize == before


def test_restricted_numbers_are_treated_like_any_other():
    urn, link = "urn:epc:class:lgtin:0220000.000001.A", "https://node.example/01/00220000000019/10/A"
    assert extension(urn) == extension(link) == "=https://id.gs1.org/01/00220000000019/10/A"


@pytest.mark.parametrize(
    ("written", "utc"),
    [
        ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05.000Z"),
        ("2026-01-02T03:04:05.1Z", "2026-01-02T03:04:05.100Z"),
        ("2026-01-02T03:04:05.1414999Z", "2026-01-02T03:04:05.141Z"),
        ("2026-01-02T03:04:05.1415Z", "2026-01-02T03:04:05.142Z"),
        ("2026-01-02T03:04:05.1425Z", "2026-01-02T03:04:05.143Z"),
        ("2025-12-31T23:59:59.9995Z", "2026-01-01T00:00:00.000Z"),
        ("2026-01-01T00:30:00+01:00", "2025-12-31T23:30:00.000Z"),
    ],
)
def test_times_are_rounded_to_the_millisecond_in_utc(written, utc):
    assert prehash({"type": "ObjectEvent", "eventTime": written}, CONTEXT) == f"{HEAD}eventTime={utc}"


@pytest.mark.parametrize(
    "time",
    [
        "2026-01-02T03:04:05",
        "2026-02-30T03:04:05Z",
        "2026-01-02",
        "2026-W01-1T00:00:00Z",
        "2026-01-02T03:04:05+25:00",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59.9999Z",
        "2026-01-02T03:04:05." + "1" * 19 + "Z",
    ],
)
def test_what_is_no_time_is_refused(time):
    with pytest.raises(StatementError, match="time"):
        hashed(eventTime=time)


@pytest.mark.parametrize(
    "value", [Decimal("NaN"), Decimal("Infinity"), Decimal("1E+1000000"), Decimal("1E-1000000")]
)
def test_numbers_are_bounded(value):
    with pytest.raises(OversizeError):
        hashed(**{"ex:a": value})


@pytest.mark.parametrize("value", [0.5, b"", [[]], {"quantity": [[1]]}])
def test_what_is_no_single_value_is_refused(value):
    with pytest.raises(MalformedError):
        hashed(quantityList=[value if isinstance(value, dict) else {"quantity": value}])


@pytest.mark.parametrize(
    "wrap", [lambda inner: {"ex:a": inner}, lambda inner: [inner], lambda inner: [[inner], {}]]
)
def test_nesting_is_bounded(wrap):
    value: Any = "deep"
    for _ in range(MAX_DEPTH * 40):
        value = wrap(value)
    with pytest.raises(OversizeError):
        hashed(**{"ex:a": value})
    with pytest.raises(MalformedError):
        hashed(readPoint=value)


def test_versions_are_rows_and_an_unknown_one_is_refused():
    assert list(VERSIONS) == ["CBV2.0"]
    with pytest.raises(StatementError, match=r"CBV2\.0"):
        event_hash(EVENT, CONTEXT, version="CBV9.9")


@pytest.mark.parametrize("kind", [None, 7])
def test_an_event_without_a_type_is_refused(kind):
    with pytest.raises(StatementError, match="type"):
        hashed(type=kind)
