"""SimpleEventQuery: every parameter finds what it should and nothing else, and bad ones are refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from traceability.errors import QueryError
from traceability.identifiers import canonical
from traceability.supply.epcis.context import read_context
from traceability.supply.epcis.events import CONTEXT
from traceability.supply.queries.matching import Scope, anything, instant
from traceability.supply.queries.parameters import MAX_VALUES
from traceability.supply.queries.patterns import parse_pattern
from traceability.supply.queries.query import (
    MAX_PARAMETERS,
    Order,
    Query,
    matches,
    narrow,
    parse_query,
    sort_key,
    url_parameters,
)

NODE = "node.example"
EXT = "https://ext.example/ns/"
CONTEXTS = [*CONTEXT, {"ext": EXT}]
LOT = "https://id.gs1.org/01/09521141123454/10/L1"
RECORDED = {"recordTime": "2026-05-02T00:00:00.000Z"}

EVENT: dict[str, Any] = {
    "type": "ObjectEvent",
    "eventID": "urn:uuid:374d95fc-9457-4a51-bd6a-0bba133845a8",
    "eventTime": "2026-05-01T08:30:00.500+08:00",
    "eventTimeZoneOffset": "+08:00",
    "action": "OBSERVE",
    "bizStep": "shipping",
    "disposition": "in_transit",
    "persistentDisposition": {"set": ["completeness_verified"], "unset": ["completeness_inferred"]},
    "epcList": ["urn:epc:id:sgtin:9521141.012345.4711", "https://id.gs1.org/00/095211410000000014"],
    "quantityList": [
        {"epcClass": "urn:epc:class:lgtin:9521141.012345.L1", "quantity": Decimal("1.5"), "uom": "KGM"},
        {"epcClass": "urn:epc:idpat:sgtin:9521141.054321.*", "quantity": 12},
    ],
    "readPoint": {"id": "urn:epc:id:sgln:9521141.00005.DOCK3", "ext:gate": "G3"},
    "bizLocation": {"id": "urn:epc:id:sgln:9521141.00005.0"},
    "bizTransactionList": [{"type": "po", "bizTransaction": "urn:epc:id:gdti:9521141.00001.1618034"}],
    "sourceList": [{"type": "owning_party", "source": "urn:epc:id:pgln:9521141.00000"}],
    "destinationList": [
        {"type": "ext:cold_store", "destination": "https://id.gs1.org/417/9521141000021"},
        {"type": "possessing_party", "destination": "urn:epc:id:pgln:9521141.00001"},
    ],
    "errorDeclaration": {
        "declarationTime": "2026-05-03T00:00:00Z",
        "reason": "incorrect_data",
        "correctiveEventIDs": ["urn:uuid:1"],
        "ext:clerk": "7",
    },
    "sensorElementList": [
        {
            "sensorMetadata": {
                "time": "2026-05-01T00:00:00Z",
                "startTime": "2026-04-30T00:00:00Z",
                "endTime": "2026-05-01T00:00:00Z",
                "deviceID": "urn:epc:id:giai:9521141.111",
                "bizRules": "https://rules.example/1",
                "rawData": "https://raw.example/1",
                "ext:shelf": 3,
            },
            "sensorReport": [
                {
                    "type": "Temperature",
                    "value": Decimal("4.5"),
                    "minValue": 2,
                    "maxValue": Decimal("6.5"),
                    "meanValue": 4,
                    "sDev": Decimal("0.5"),
                    "percRank": 50,
                    "percValue": Decimal("4.4"),
                    "uom": "CEL",
                    "time": "2026-05-01T01:00:00Z",
                    "deviceID": "urn:epc:id:giai:9521141.222",
                    "ext:probe": "core",
                },
                {
                    "type": "ext:colour",
                    "stringValue": "red, deep",
                    "booleanValue": True,
                    "hexBinaryValue": "F0f0",
                    "uriValue": "https://colour.example/red",
                    "microorganism": "https://taxonomy.example/1",
                    "chemicalSubstance": "https://chemistry.example/1",
                    "dataProcessingMethod": "https://methods.example/1",
                },
            ],
            "ext:rack": {"ext:row": [{"ext:slot": "12"}]},
        }
    ],
    "ilmd": {
        "cbvmda:lotNumber": "L1",
        "ext:grade": "20",
        "ext:tests": [{"ext:brix": Decimal("8.1")}],
    },
    "ext:note": ["a", "b"],
    "ext:picked": "2026-04-30T06:00:00+08:00",
    "ext:crate": {"ext:size": "20", "other": {"ext:depth": 3}},
    "ext:blank": "",
    "ext:fragile": True,
}

TRANSFORMATION: dict[str, Any] = {
    "type": "TransformationEvent",
    "eventTime": "2026-05-01T00:00:00Z",
    "eventTimeZoneOffset": "+00:00",
    "transformationID": "urn:epc:id:gdti:9521141.00001.T1",
    "inputEPCList": ["urn:epc:id:sgtin:9521141.012345.1"],
    "inputQuantityList": [{"epcClass": LOT}],
    "outputEPCList": ["urn:epc:id:sgtin:9521141.054321.1"],
    "outputQuantityList": [{"epcClass": "urn:epc:class:lgtin:9521141.054321.M1", "quantity": 3, "uom": "CS"}],
}
AGGREGATION: dict[str, Any] = {
    "type": "AggregationEvent",
    "action": "ADD",
    "eventTime": "2026-05-01T00:00:00Z",
    "eventTimeZoneOffset": "+00:00",
    "parentID": "urn:epc:id:sscc:9521141.0000000001",
    "childEPCs": ["urn:epc:id:sgtin:9521141.012345.4711"],
    "childQuantityList": [{"epcClass": LOT, "quantity": 7, "uom": "KGM"}],
}


def asked(**parameters: Any) -> Query:
    return parse_query(parameters, read_context(CONTEXTS), NODE)


def finds(parameters: dict[str, Any], event: dict[str, Any] = EVENT) -> bool:
    return matches(asked(**parameters), event, read_context(CONTEXTS), RECORDED)


FOUND: list[tuple[str, Any, Any]] = [
    # parameter, a value that finds EVENT, one that does not
    ("eventType", ["AggregationEvent", "ObjectEvent"], ["AggregationEvent"]),
    ("GE_eventTime", "2026-05-01T00:30:00.500Z", "2026-05-01T00:30:00.501Z"),
    ("LT_eventTime", "2026-05-01T00:30:00.501Z", "2026-05-01T00:30:00.500Z"),
    ("GE_recordTime", "2026-05-02T00:00:00Z", "2026-05-02T00:00:01Z"),
    ("LT_recordTime", "2026-05-02T00:00:01Z", "2026-05-02T00:00:00Z"),
    ("EQ_action", ["OBSERVE", "ADD"], ["ADD"]),
    ("EQ_bizStep", ["shipping"], ["receiving"]),
    ("EQ_bizStep", ["urn:epcglobal:cbv:bizstep:shipping"], ["urn:epcglobal:cbv:bizstep:receiving"]),
    ("EQ_bizStep", ["https://ref.gs1.org/cbv/BizStep-shipping"], ["https://ref.gs1.org/cbv/BizStep-x"]),
    ("EQ_disposition", "cbv:Disp-in_transit", "active"),
    ("EQ_persistentDisposition_set", ["completeness_verified"], ["completeness_inferred"]),
    ("EQ_persistentDisposition_unset", ["completeness_inferred"], ["completeness_verified"]),
    ("EQ_readPoint", ["https://id.gs1.org/414/9521141000052/254/DOCK3"], ["urn:epc:id:sgln:9521141.00005.0"]),
    ("WD_readPoint", ["urn:epc:id:sgln:9521141.00005.0"], ["urn:epc:id:sgln:9521141.00005.DOCK"]),
    ("EQ_bizLocation", ["https://example.com/414/9521141000052"], ["urn:epc:id:sgln:9521141.00006.0"]),
    ("WD_bizLocation", ["urn:epc:id:sgln:9521141.00005.0"], ["urn:epc:id:sgln:9521141.00005.DOCK3"]),
    ("EQ_bizTransaction_po", ["https://id.gs1.org/253/95211410000141618034"], ["urn:x:1"]),
    ("EQ_bizTransaction_urn:epcglobal:cbv:btt:po", ["urn:epc:id:gdti:9521141.00001.1618034"], ["urn:x:1"]),
    ("EQ_source_owning_party", ["https://id.gs1.org/417/9521141000007"], ["urn:epc:id:pgln:9521141.00001"]),
    ("EQ_destination_possessing_party", ["urn:epc:id:pgln:9521141.00001"], ["urn:epc:id:pgln:9521141.00002"]),
    ("EQ_destination_ext:cold_store", ["https://id.gs1.org/417/9521141000021"], ["urn:x:1"]),
    ("MATCH_epc", ["urn:epc:id:sgtin:9521141.012345.4711"], ["urn:epc:id:sgtin:9521141.012345.4712"]),
    ("MATCH_epc", ["https://example.com/01/09521141123454/21/4711"], [LOT]),
    ("MATCH_epc", ["urn:epc:idpat:sgtin:9521141.012345.*"], ["urn:epc:idpat:sgtin:9521141.012346.*"]),
    ("MATCH_epc", ["urn:epc:idpat:sgtin:9521141.*.*"], ["urn:epc:idpat:sgtin:9521142.*.*"]),
    (
        "MATCH_epc",
        ["https://id.gs1.org/01/09521141123454/21/*"],
        ["https://id.gs1.org/01/09521141123454/10/*"],
    ),
    ("MATCH_anyEPC", ["urn:epc:idpat:sscc:9521141.*"], ["urn:epc:idpat:sscc:9521142.*"]),
    ("MATCH_epcClass", [LOT], ["urn:epc:class:lgtin:9521141.012345.l1"]),
    ("MATCH_epcClass", ["urn:epc:idpat:sgtin:9521141.054321.*"], ["urn:epc:idpat:sgtin:9521141.012345.*"]),
    (
        "MATCH_anyEPCClass",
        ["https://id.gs1.org/01/09521141123454/10/*"],
        ["https://id.gs1.org/01/0952114112345X/*"],
    ),
    ("EQ_quantity", [12, 3], [13]),
    ("GT_quantity", 11, 12),
    ("GE_quantity", 12, Decimal("12.1")),
    ("LT_quantity", 2, Decimal("1.5")),
    ("LE_quantity", Decimal("1.5"), Decimal("1.4")),
    ("EQ_quantity_KGM", [Decimal("1.50")], [12]),
    ("EQ_quantity_GRM", [1500], [Decimal("1.5")]),
    ("GE_quantity_H87", 12, 13),
    ("EQ_eventID", [EVENT["eventID"]], ["urn:uuid:2"]),
    ("GE_errorDeclaration_Time", "2026-05-03T00:00:00Z", "2026-05-03T00:00:01Z"),
    ("LT_errorDeclarationTime", "2026-05-03T00:00:01Z", "2026-05-03T00:00:00Z"),
    ("EQ_errorReason", ["incorrect_data"], ["did_not_occur"]),
    ("EQ_correctiveEventID", ["urn:uuid:1"], ["urn:uuid:2"]),
    ("GE_time", "2026-05-01T01:00:00Z", "2026-05-01T01:00:01Z"),
    ("LT_time", "2026-05-01T00:00:01Z", "2026-05-01T00:00:00Z"),
    ("GE_startTime", "2026-04-30T00:00:00Z", "2026-04-30T00:00:01Z"),
    ("LT_endTime", "2026-05-01T00:00:01Z", "2026-05-01T00:00:00Z"),
    ("GE_SENSORMETADATA_time", "2026-05-01T00:00:00Z", "2026-05-01T00:00:01Z"),
    ("LT_SENSORREPORT_time", "2026-05-01T01:00:01Z", "2026-05-01T01:00:00Z"),
    ("EQ_type", ["Temperature"], ["RelativeHumidity"]),
    ("EQ_type", ["ext:colour"], ["ext:smell"]),
    ("EQ_deviceID", ["https://id.gs1.org/8004/9521141222"], ["https://id.gs1.org/8004/9521141333"]),
    ("EQ_SENSORMETADATA_deviceID", ["urn:epc:id:giai:9521141.111"], ["urn:epc:id:giai:9521141.222"]),
    ("EQ_SENSORREPORT_deviceID", ["urn:epc:id:giai:9521141.222"], ["urn:epc:id:giai:9521141.111"]),
    ("EQ_SENSORMETADATA_rawData", ["https://raw.example/1"], ["https://raw.example/2"]),
    ("EQ_bizRules", ["https://rules.example/1"], ["https://rules.example/2"]),
    ("EQ_dataProcessingMethod", ["https://methods.example/1"], ["https://methods.example/2"]),
    ("EQ_microorganism", ["https://taxonomy.example/1"], ["https://taxonomy.example/2"]),
    ("EQ_chemicalSubstance", ["https://chemistry.example/1"], ["https://chemistry.example/2"]),
    ("EQ_stringValue", ["red, deep"], ["red"]),
    ("EQ_booleanValue", True, False),
    ("EQ_hexBinaryValue", ["f0F0"], ["f0f1"]),
    ("EQ_uriValue", ["https://colour.example/red"], ["https://colour.example/blue"]),
    ("GT_percRank", 49, 50),
    ("LE_percRank", 50, 49),
    ("EQ_value_CEL", [Decimal("4.50")], [5]),
    ("EQ_value_KEL", [Decimal("277.65")], [Decimal("4.5")]),
    ("GE_value_FAH", 40, 41),
    ("LT_minValue_CEL", 3, 2),
    ("GT_maxValue_CEL", 6, 7),
    ("LE_meanValue_CEL", 4, 3),
    ("LT_sDev_FAH", 1, Decimal("0.8")),
    ("GE_percValue_KEL", 277, 278),
    ("EQ_ext:note", ["b"], ["c"]),
    (f"EQ_{EXT}note", ["b"], ["c"]),
    (f"EQ_{EXT.removesuffix('/')}#/note", ["b"], ["c"]),
    ("GE_ext:picked", "2026-04-29T22:00:00Z", "2026-04-29T22:00:01Z"),
    ("EQ_ext:fragile", ["true"], ["false"]),
    ("EQ_INNER_ext:size", ["20"], ["3"]),
    ("GT_INNER_ext:depth", 2, 3),
    ("EQ_ILMD_cbvmda:lotNumber", ["L1"], ["L2"]),
    ("GT_ILMD_ext:grade", 19, 20),
    ("LE_ILMD_ext:grade", "20.0", "19.9"),
    ("EQ_INNER_ILMD_ext:brix", [Decimal("8.10")], [8]),
    ("EQ_readPoint_ext:gate", ["G3"], ["G4"]),
    ("EQ_ERROR_DECLARATION_ext:clerk", ["7"], ["8"]),
    ("LT_ERROR_DECLARATION_ext:clerk", 8, 7),
    ("EQ_SENSORMETADATA_ext:shelf", ["3"], ["4"]),
    ("EQ_SENSORREPORT_ext:probe", ["core"], ["skin"]),
    ("EQ_INNER_SENSORELEMENT_ext:slot", ["12"], ["13"]),
]


@pytest.mark.parametrize(("parameter", "right", "wrong"), FOUND)
def test_a_parameter_finds_its_value_and_no_other(parameter, right, wrong):
    assert finds({parameter: right})
    assert not finds({parameter: wrong})
    empty = {"type": "ObjectEvent", "eventTime": "2000-01-01T00:00:00Z"}
    if parameter not in {"eventType", "LT_eventTime", "GE_recordTime", "LT_recordTime"}:
        assert not finds({parameter: right}, empty)


@pytest.mark.parametrize(
    "parameter",
    [
        "EXISTS_errorDeclaration",
        "EXISTS_sensorElementList",
        "EXISTS_ext:note",
        "EXISTS_ext:crate",
        "EXISTS_INNER_ext:depth",
        "EXISTS_ILMD_ext:tests",
        "EXISTS_INNER_ILMD_ext:brix",
        "EXISTS_SENSORELEMENT_ext:rack",
        "EXISTS_SENSORREPORT_ext:probe",
        "EXISTS_ERROR_DECLARATION_ext:clerk",
    ],
)
def test_what_exists_is_found_whatever_the_value_unless_it_says_no(parameter):
    for value in (None, True, "", "true", 1):
        assert finds({parameter: value})
        assert not finds({parameter: value}, TRANSFORMATION)
    assert finds({parameter: False}, TRANSFORMATION)
    assert finds(url_parameters({parameter: ["false"]}), TRANSFORMATION)


def test_an_empty_member_does_not_exist_and_an_inner_one_is_not_at_the_top():
    assert not finds({"EXISTS_ext:blank": None})
    assert not finds({"EXISTS_ext:size": None})
    assert not finds({"EXISTS_INNER_ext:note": None})
    assert not finds({"EXISTS_ILMD_ext:brix": None})


@pytest.mark.parametrize(
    ("parameter", "value", "event"),
    [
        ("MATCH_parentID", "https://id.gs1.org/00/095211410000000014", AGGREGATION),
        ("MATCH_anyEPC", "urn:epc:id:sscc:9521141.0000000001", AGGREGATION),
        ("MATCH_epc", "urn:epc:id:sgtin:9521141.012345.4711", AGGREGATION),
        ("MATCH_epcClass", LOT, AGGREGATION),
        ("MATCH_inputEPC", "urn:epc:id:sgtin:9521141.012345.1", TRANSFORMATION),
        ("MATCH_outputEPC", "urn:epc:id:sgtin:9521141.054321.1", TRANSFORMATION),
        ("MATCH_inputEPCClass", LOT, TRANSFORMATION),
        ("MATCH_outputEPCClass", "urn:epc:class:lgtin:9521141.054321.M1", TRANSFORMATION),
        ("MATCH_anyEPCClass", LOT, TRANSFORMATION),
        ("EQ_transformationID", "urn:epc:id:gdti:9521141.00001.T1", TRANSFORMATION),
        ("GE_quantity_XCS", 3, TRANSFORMATION),
    ],
)
def test_other_events_are_found_by_what_they_name(parameter, value, event):
    value = canonical(value, NODE) if isinstance(value, str) and parameter.startswith("MATCH") else value
    assert finds({parameter: value}, event)
    assert not finds({parameter: value}, {**EVENT, "epcList": [], "quantityList": []})


def test_conditions_are_all_met_or_the_event_is_not_found():
    assert finds({"EQ_bizStep": ["shipping"], "EQ_action": ["OBSERVE"]})
    assert not finds({"EQ_bizStep": ["shipping"], "EQ_action": ["ADD"]})
    assert finds({})


def test_master_data_of_words_are_not_kept_here_so_that_no_event_has_them():
    assert not finds({"HASATTR_bizLocation": ["urn:epcglobal:cbv:mda:site"]})
    assert not finds({"EQATTR_bizLocation_urn:epcglobal:cbv:mda:site": ["x"]})


def test_names_are_compared_in_full_whatever_prefix_the_event_uses():
    query = parse_query({"EQ_mine:note": ["a"]}, read_context([*CONTEXT, {"mine": EXT}]), NODE)
    assert matches(query, EVENT, read_context(CONTEXTS), {})
    assert not matches(query, EVENT, read_context([*CONTEXT, {"ext": "https://other.example/"}]), {})


def test_values_in_a_url_are_lists_with_commas_between_and_in_json_are_as_they_stand():
    url = url_parameters(
        {"EQ_bizStep": ["receiving,shipping"], "EQ_quantity": ["11", "12"], "perPage": ["5"]}
    )
    query = parse_query(url, read_context(CONTEXTS), NODE)
    assert matches(query, EVENT, read_context(CONTEXTS), {})
    assert query.per_page == 5
    assert not finds(url_parameters({"EQ_stringValue": ["red, deep"]}))


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"EQ_colour": ["red"]}, "'EQ_colour' is not a parameter"),
        ({"bizStep": ["shipping"]}, "'bizStep' is not a parameter"),
        ({"EQ_eventType": ["ObjectEvent"]}, "'EQ_eventType' is not a parameter"),
        ({"GT_eventTime": "2026-01-01T00:00:00Z"}, "'GT_eventTime' is not a parameter"),
        ({"EQ_minValue_CEL": 1}, "'EQ_minValue_CEL' is not a parameter"),
        ({"MATCH_bizStep": ["x"]}, "'MATCH_bizStep' is not a parameter"),
        ({"GE_value": 1}, "'GE_value' is not a parameter"),
        ({"EQ_" + "x" * 2000: "x"}, "is not a parameter"),
        ({"eventType": ["ObjectEvnt"]}, "'ObjectEvnt' is none of AggregationEvent, "),
        ({"EQ_action": ["CHANGE"]}, "'CHANGE' is none of ADD, DELETE, OBSERVE"),
        ({"EQ_bizStep": ["shippping"]}, "'shippping' is none of accepting"),
        ({"EQ_source_owner": ["urn:x:1"]}, "'owner' is none of location, owning_party"),
        ({"EQ_bizStep": []}, "1 to 1000 values are needed"),
        ({"EQ_bizStep": [1]}, "1 is not a text"),
        ({"EQ_bizStep": [""]}, "'' is not a text"),
        ({"EQ_bizStep": ["x:" + "y" * 2000]}, "is not a text of 1 to 1024"),
        ({"EQ_bizStep": {"a": 1}}, "is not a text"),
        ({"EQ_eventID": [str(i) for i in range(MAX_VALUES + 1)]}, "1 to 1000 values"),
        ({"MATCH_epc": [f"urn:x:{i}" for i in range(MAX_VALUES + 1)]}, "1 to 1000 texts"),
        ({"MATCH_epc": [7]}, "1 to 1000 texts"),
        ({"MATCH_epc": [LOT, "banana"]}, "'banana' is neither a URI nor a pattern"),
        ({"MATCH_anyEPCClass": ["09521141123454/L1"]}, "is neither a URI nor a pattern"),
        ({"MATCH_epc": ["ban*"]}, "is neither a URI nor a pattern"),
        ({"WD_readPoint": ["banana"]}, "is neither a URI nor a pattern"),
        ({"MATCH_epc": ["a\0b"]}, "1 to 1000 texts"),
        ({"EQ_bizStep": ["a\0b"]}, "is not a text"),
        (
            {"MATCH_anyEPC": [f"urn:epc:id:sgtin:9521141.{n:06}.*" for n in range(51)]},
            "more than 50 patterns",
        ),
        ({"GE_eventTime": ["2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"]}, "one value is needed"),
        ({"GE_eventTime": "2026-01-01T00:00:00"}, "a time with its offset"),
        ({"GE_eventTime": "2026-01-01T00:00:00 08:00"}, "written %2B"),
        ({"GE_eventTime": "2026-13-01T00:00:00Z"}, "a time with its offset"),
        ({"GE_quantity": "many"}, "'many' is not a number"),
        ({"GE_quantity": "1" * 50}, "is not a number"),
        ({"GE_quantity": True}, "True is not a number"),
        ({"EQ_booleanValue": "yes"}, "is not true or false"),
        ({"EQ_booleanValue": [True, False]}, "one value is needed"),
        ({"GT_ext:note": "b"}, "'b' is not a number or a time"),
        ({"GT_SENSORREPORT_deviceID": "urn:x:1"}, "is not a number or a time"),
        ({"EQ_unknown:note": ["a"]}, "the prefix of 'unknown:note' is not defined"),
        ({"MATCH_epc": ["urn:epc:idpat:sgtin:9521141.*.4711"]}, "from the first \\* on"),
        ({"MATCH_epc": ["urn:epc:idpat:sgtin:9521141.*"]}, "3 parts between dots"),
        ({"MATCH_epc": ["urn:epc:idpat:sgtin:95.*.*"]}, "company prefix: 6 to 12 digits"),
        ({"MATCH_epc": ["urn:epc:idpat:sgtin:9521141.0123.*"]}, "should be 6 digits"),
        ({"MATCH_epc": ["https://id.gs1.org/01/*/21/*"]}, "has one \\*, as its last character"),
        ({"orderBy": "bizStep"}, "'orderBy' is not a parameter"),
        ({"orderBy": "eventTime", "orderDirection": "UP"}, "orderDirection is ASC or DESC"),
        ({"eventCountLimit": 1}, "needs orderBy"),
        ({"orderBy": "eventTime", "eventCountLimit": 1, "maxEventCount": 1}, "exclude each other"),
        ({"perPage": 0}, "a whole number from 1 to 1000"),
        ({"perPage": "1001"}, "a whole number from 1 to 1000"),
        ({"perPage": Decimal("1.5")}, "a whole number"),
        ({"maxEventCount": True}, "a whole number"),
        ({"maxEventCount": "１"}, "a whole number"),
        ({"nextPageToken": ["a", "b"]}, "nextPageToken is one text"),
        ({f"EQ_ext:n{i}": "x" for i in range(MAX_PARAMETERS + 1)}, "at most 64 are read"),
    ],
)
def test_a_bad_query_is_refused_with_what_was_expected(parameters, says):
    with pytest.raises(QueryError, match=says):
        asked(**parameters)


def test_order_and_limits_have_defaults_and_are_read_from_texts_and_numbers():
    plain = asked()
    assert (plain.order.by, plain.order.descending, plain.per_page) == ("recordTime", False, 30)
    assert asked(GE_eventTime="2026-01-01T00:00:00Z").order == Order("eventTime", descending=False)
    assert (
        asked(GE_eventTime="2026-01-01T00:00:00Z", LT_recordTime="2026-01-01T00:00:00Z").order == plain.order
    )
    assert asked(orderBy="eventTime").order.descending
    assert not asked(orderBy="eventTime", orderDirection=["ASC"]).order.descending
    assert asked(orderBy=["recordTime"], eventCountLimit=["7"]).limit == 7
    assert asked(maxEventCount=9).most == 9


def test_a_fingerprint_tells_what_is_asked_and_not_which_page():
    first = asked(EQ_bizStep=["shipping"], orderBy="eventTime")
    same = asked(
        orderBy="eventTime", EQ_bizStep=["urn:epcglobal:cbv:bizstep:shipping"], perPage=7, nextPageToken="x"
    )
    others = [
        asked(EQ_bizStep=["receiving"], orderBy="eventTime"),
        asked(EQ_bizStep=["shipping"]),
        asked(EQ_bizStep=["shipping"], orderBy="eventTime", orderDirection="ASC"),
        asked(EQ_bizStep=["shipping"], orderBy="eventTime", eventCountLimit=5),
        asked(EQ_bizStep=["shipping"], orderBy="eventTime", maxEventCount=5),
        asked(MATCH_epc=["urn:epc:idpat:sgtin:9521141.012345.*"]),
        asked(MATCH_epc=["urn:epc:idpat:sgtin:9521141.012346.*"]),
    ]
    assert first.fingerprint == same.fingerprint
    assert len({first.fingerprint, *(query.fingerprint for query in others)}) == 1 + len(others)


def test_an_order_by_an_extension_puts_numbers_before_times_before_texts():
    query = asked(orderBy="ext:rank")
    context = read_context(CONTEXTS)
    ranks: list[Any] = ["b", "a", "2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z", "10", 9, [5, 4]]
    keys = [sort_key(query, {"ext:rank": rank}, context) for rank in ranks]
    assert sorted(keys, key=lambda key: key or (9, "")) == keys[::-1]
    assert sort_key(query, {}, context) is None


def test_what_the_store_may_look_up_says_which_members_must_be_seen():
    found = {
        n.index.names: n
        for n in narrow(
            asked(
                EQ_bizStep=["shipping"],
                EQ_disposition=["ext:mine"],
                EQ_readPoint=["urn:x:1"],
                MATCH_epc=[LOT],
                GE_recordTime="2026-01-01T00:00:00Z",
                EQ_source_location=["urn:x:1"],
                EQ_stringValue=["x"],
            )
        )
    }
    assert found["biz_step",].parts == ("bizStep",)
    assert found["disposition",].parts == ("disposition", "@context")
    assert found["read_point",].parts == ("readPoint",)
    assert found["epc", "child"].parts == ("epcList",)
    assert found["recorded_ms",].parts == ()
    assert found["source/https://ref.gs1.org/cbv/SDT-location",].parts == ("sourceList",)
    assert len(found) == 6


def test_a_pattern_that_begins_with_anything_is_not_looked_up():
    for wide in ("urn:epc:idpat:sgtin:9521141.*.*", "https://id.gs1.org/01/09*", "https://*", "*"):
        assert narrow(asked(MATCH_epc=[wide])) == ()
    (found,) = narrow(asked(MATCH_epc=["urn:epc:idpat:sgtin:9521141.012345.*"]))
    assert found.prefixes == tuple(f"https://{h}/01/09521141123454" for h in ("id.gs1.org", NODE))


@pytest.mark.parametrize(
    ("pattern", "named", "not_named"),
    [
        (
            "urn:epc:idpat:sgtin:*.*.*",
            "urn:epc:id:sgtin:9521141.012345.1",
            "urn:epc:class:lgtin:9521141.012345.1",
        ),
        (
            "urn:epc:idpat:sgln:9521141.00005.*",
            "urn:epc:id:sgln:9521141.00005.0",
            "urn:epc:id:sgln:9521141.00006.0",
        ),
        (
            "urn:epc:idpat:sgln:9521141.00005.0",
            "urn:epc:id:sgln:9521141.00005.0",
            "urn:epc:id:sgln:9521141.00005.A",
        ),
        (
            "urn:epc:idpat:grai:9521141.12345.*",
            "urn:epc:id:grai:9521141.12345.4",
            "urn:epc:id:grai:9521141.12346.4",
        ),
        ("urn:epc:idpat:giai:9521141.*", "urn:epc:id:giai:9521141.12345", "urn:epc:id:giai:9521142.12345"),
        ("urn:epc:idpat:cpi:9521141.*.*", "urn:epc:id:cpi:9521141.5PQ7.1", "urn:epc:id:cpi:9521142.5PQ7.1"),
        ("urn:epc:idpat:gid:1.2.*", "urn:epc:id:gid:1.2.3", "urn:epc:id:gid:1.3.3"),
        ("https://shop.example/01/09521141123454/10/A*", "urn:epc:class:lgtin:9521141.012345.A9", LOT),
        (f"https://{NODE}/01/02000000000015/10/*", f"https://{NODE}/01/02000000000015/10/A", LOT),
        ("urn:uuid:374d*", "urn:uuid:374d95fc", "urn:uuid:474d95fc"),
    ],
)
def test_a_pattern_means_all_that_are_spelt_like_it_and_their_prefixes(pattern, named, not_named):
    read = parse_pattern(pattern, NODE)
    assert read.matches(canonical(named, NODE))
    assert not read.matches(canonical(not_named, NODE))
    assert not read.prefixes or canonical(named, NODE).startswith(read.prefixes)


@given(st.integers(0, 4 * 10**15), st.integers(-13, 13))
def test_a_time_is_the_same_instant_in_every_offset(microseconds, hours):
    scope = Scope(read_context(None), NODE)
    here = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
    local = here.astimezone(timezone(timedelta(hours=hours)))
    for written in (here, local):
        assert instant(written.isoformat(timespec="microseconds"), scope) == (("time", here),)


@settings(max_examples=50)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda c: st.lists(c) | st.dictionaries(st.text(), c),
        max_leaves=20,
    )
)
def test_whatever_stands_in_an_event_no_query_breaks_on_it(value):
    scope = Scope(read_context(CONTEXTS), NODE)
    anything(value, scope)
    event = dict.fromkeys(EVENT, value)
    for parameter, right, _ in FOUND[::7]:
        matches(asked(**{parameter: right}), event, scope.context, RECORDED)
