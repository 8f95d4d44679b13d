"""Events: which are taken, what they speak about, and that no odd one breaks the reader."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from traceability.errors import StatementError
from traceability.operations.record import make_event
from traceability.supply.epcis import STEPS, check_event, event_time_ms, format_event_time, subjects

BATCH = "https://id.gs1.org/01/09520000000011/10/L1"
TRUCK = "https://node.example/8004/TRUCK1"
DEVICE = "https://node.example/device/" + "0" * 32
AT_MS = 1_767_225_600_123
NAMES = {"en": "Strawberries", "zh": "草莓"}
LIMITS = {"lowMilliCelsius": 0, "highMilliCelsius": 5000, "maxGapSeconds": 1800}


def event(step: str = "pack", **changes: Any) -> dict[str, Any]:
    members: dict[str, dict[str, Any]] = {
        "ObjectEvent": {"quantityList": [{"epcClass": BATCH, "quantity": Decimal("1.5"), "uom": "KGM"}]},
        "AggregationEvent": {"parentID": TRUCK, "childQuantityList": [{"epcClass": BATCH}]},
        "AssociationEvent": {"parentID": TRUCK, "childEPCs": [DEVICE]},
    }
    made = make_event(step, AT_MS, **members[STEPS[step].type]) | changes
    return {name: value for name, value in made.items() if value is not ...}


@pytest.mark.parametrize("step", STEPS)
def test_every_step_makes_an_event_that_is_taken(step: str):
    check_event(event(step))
    assert event_time_ms(event(step)) == AT_MS


def test_a_beginning_with_all_its_master_data_is_taken():
    ilmd = {"ft:product": NAMES, "ft:temperature": LIMITS, "cbvmda:bestBeforeDate": "2026-02-01"}
    place = {"id": "https://id.gs1.org/414/9520000000028"}
    check_event(event("harvest", ilmd=ilmd, readPoint=place, **{"ft:region": NAMES, "ft:asset": NAMES}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"extra": 1}, "extra"),
        ({"type": "TransformationEvent"}, "type"),
        ({"type": ["ObjectEvent"]}, "type"),
        ({"action": "CHANGE"}, "action"),
        ({"bizStep": "guessing"}, "bizStep"),
        ({"@context": []}, "@context"),
        ({"eventTime": "2026-01-01"}, "eventTime"),
        ({"eventTime": "2026-13-01T00:00:00Z"}, "eventTime"),
        ({"eventTime": "1969-12-31T23:59:59Z"}, "before 1970"),
        ({"eventTimeZoneOffset": "+25:00"}, "eventTimeZoneOffset"),
        ({"quantityList": ...}, "has quantityList"),
        ({"quantityList": []}, "quantityList"),
        ({"parentID": TRUCK}, "has quantityList"),
        ({"quantityList": [{"epcClass": "x"}]}, "quantityList"),
        ({"quantityList": [{"epcClass": BATCH, "quantity": -1}]}, "not negative"),
        ({"quantityList": [{"epcClass": BATCH, "quantity": True}]}, "whole number"),
        ({"quantityList": [{"epcClass": BATCH, "quantity": 1.5}]}, "whole number"),
        ({"quantityList": [{"epcClass": BATCH, "quantity": Decimal("NaN")}]}, "whole number"),
        ({"readPoint": {"id": "http://x"}}, "https URI"),
        ({"ilmd": {"ft:product": NAMES}}, "creates the batch"),
    ],
)
def test_anything_else_is_refused_by_the_name_of_its_member(changes: dict[str, Any], message: str):
    with pytest.raises(StatementError, match=message):
        check_event(event(**changes))


def test_limits_must_be_in_order():
    ilmd = {"ft:product": NAMES, "ft:temperature": LIMITS | {"lowMilliCelsius": 5000}}
    with pytest.raises(StatementError, match="below the high limit"):
        check_event(event("harvest", ilmd=ilmd))


def test_subjects_are_what_is_named_and_hidden_or_odd_parts_are_not_there():
    assert subjects(event("load")) == (BATCH, TRUCK)
    assert subjects(event("install")) == (DEVICE, TRUCK)
    odd: list[dict[str, Any]] = [
        {"quantityList": 5, "childEPCs": {"a": 1}, "parentID": 5},
        {"quantityList": [5, {"quantity": 1}], "epcList": [None]},
        {},
    ]
    for each in odd:
        assert subjects(each) == ()


@pytest.mark.parametrize("offset", ["+00:00", "+08:00", "-03:30", "+14:00"])
def test_local_times_are_the_same_instant(offset: str):
    text = format_event_time(AT_MS, offset)
    assert text.endswith(offset)
    assert event_time_ms({"eventTime": text}) == AT_MS


@pytest.mark.parametrize(
    "odd", [None, 5, ["x"], "", "yesterday", "2026-02-30T00:00:00Z", "1960-01-01T00:00:00Z"]
)
def test_a_time_that_is_none_is_refused(odd: Any):
    with pytest.raises(StatementError, match="not the time of an event"):
        event_time_ms({"eventTime": odd})
