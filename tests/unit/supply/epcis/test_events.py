"""Events: what each step is, what an event speaks about and when, and that no odd one breaks the reader."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from traceability.errors import StatementError
from traceability.operations.record import make_event
from traceability.supply.epcis.context import read_context
from traceability.supply.epcis.events import (
    CONTEXT,
    STEPS,
    begins,
    devices_of,
    entered_asset,
    event_time_ms,
    format_event_time,
    inputs_of,
    makes,
    streams_for,
    streams_of,
    subjects,
)
from traceability.supply.epcis.model import check_event
from traceability.supply.epcis.vocabulary import check_vocabulary

NODE = "node.example"
BATCH = "https://id.gs1.org/01/09520000000011/10/L1"
OTHER = "https://id.gs1.org/01/09520000000011/10/L2"
TRUCK = f"https://{NODE}/8004/TRUCK1"
PALLET = "https://id.gs1.org/00/095200000000000011"
DEVICE = f"https://{NODE}/device/" + "0" * 32
PARTY = "https://id.gs1.org/417/9520000000004"
AT_MS = 1_767_225_600_123
ODD: list[dict[str, Any]] = [
    {"quantityList": 5, "childEPCs": {"a": 1}, "parentID": 5},
    {"quantityList": [5, {"quantity": 1}, {"epcClass": ["x"]}], "epcList": [None, {}]},
    {"type": ["ObjectEvent"], "action": {}},
    {},
]


def event(step: str = "pack", **changes: Any) -> dict[str, Any]:
    some = [{"epcClass": BATCH, "quantity": Decimal("1.5"), "uom": "KGM"}]
    members: dict[str, dict[str, Any]] = {
        "ObjectEvent": {"quantityList": some},
        "TransformationEvent": {"inputQuantityList": some, "outputQuantityList": [{"epcClass": OTHER}]},
        "AggregationEvent": {"parentID": TRUCK, "childQuantityList": [{"epcClass": BATCH}]},
        "AssociationEvent": {"parentID": TRUCK, "childEPCs": [DEVICE]},
    }
    return make_event(step, AT_MS, **members[STEPS[step].type]) | changes


@pytest.mark.parametrize("step", STEPS)
def test_every_step_makes_an_event_that_is_taken(step: str):
    made = event(step)
    assert [*check_event(made, read_context(CONTEXT)), *check_vocabulary(made)] == []
    assert event_time_ms(made) == AT_MS


def test_subjects_are_what_is_named_and_hidden_or_odd_parts_are_not_there():
    assert subjects(event("load")) == (BATCH, TRUCK)
    assert subjects(event("install")) == (DEVICE, TRUCK)
    assert subjects(event("make")) == (BATCH, OTHER)
    for each in ODD:
        assert subjects(each) == ()


def test_an_event_goes_onto_the_streams_of_things_in_one_spelling():
    lot = "urn:epc:class:lgtin:9520000.000001.L1"
    named = event(quantityList=[{"epcClass": lot}, {"epcClass": BATCH}], epcList=["urn:uuid:1", PALLET])
    assert streams_of(named, NODE) == (BATCH, PALLET)
    assert streams_of(event("install"), NODE) == (TRUCK,)


def test_what_enters_an_asset_is_no_part_of_the_assets_own_history():
    assert streams_of(event("load"), NODE) == (BATCH,)
    assert entered_asset(event("load"), NODE) == TRUCK
    packed = event("load", parentID=PALLET)
    assert (streams_of(packed, NODE), entered_asset(packed, NODE)) == ((BATCH, PALLET), None)
    assert entered_asset(event("install"), NODE) is None


def test_an_event_about_nothing_that_has_a_stream_goes_onto_its_partys():
    unnamed = event(quantityList=[{"epcClass": "https://id.gs1.org/01/09520000000011"}])
    assert streams_for(unnamed, NODE, PARTY) == (f"https://{NODE}/stream/events/9520000000004",)
    assert streams_for(event(), NODE, PARTY) == (BATCH,)


def test_a_batch_begins_where_it_is_made_known_or_made():
    assert begins(event("harvest"), BATCH, NODE)
    assert begins(event("make"), OTHER, NODE)
    assert not begins(event("make"), BATCH, NODE)
    assert not begins(event("pack"), BATCH, NODE)
    assert inputs_of(event("make"), NODE) == (BATCH,)


def test_what_is_made_or_packed_is_goods_and_nothing_else():
    packed = {"parentID": PALLET, "childQuantityList": [{"epcClass": BATCH}]}
    assert makes(event("harvest"), NODE) == (BATCH,)
    assert makes(event("make"), NODE) == (OTHER,)
    assert makes(event("load", **packed), NODE) == (PALLET,)
    assert makes(event("install", **packed | {"childEPCs": [PALLET]}), NODE) == (PALLET,)
    assert makes(event("load", **packed, action="OBSERVE"), NODE) == ()
    assert makes(event("install", parentID=PALLET), NODE) == ()
    assert makes(event("load", parentID=PALLET, childEPCs=[TRUCK], childQuantityList=[]), NODE) == ()
    for step in ("pack", "load", "unload", "install"):
        assert makes(event(step), NODE) == ()


def test_devices_are_read_from_associations_alone():
    assert devices_of(event("install")) == ("0" * 32,)
    assert devices_of(event("install", childEPCs=[PALLET, DEVICE + "0"])) == ()
    assert devices_of(event("load", childEPCs=[DEVICE])) == ()


@pytest.mark.parametrize("odd", ODD)
def test_odd_events_break_no_reader(odd: dict[str, Any]):
    assert streams_of(odd, NODE) == ()
    assert (entered_asset(odd, NODE), devices_of(odd), inputs_of(odd, NODE)) == (None, (), ())
    assert (begins(odd, BATCH, NODE), makes(odd, NODE)) == (False, ())


@pytest.mark.parametrize("offset", ["+00:00", "+08:00", "-03:30", "+14:00"])
def test_local_times_are_the_same_instant(offset: str):
    text = format_event_time(AT_MS, offset)
    assert text.endswith(offset)
    assert event_time_ms({"eventTime": text}) == AT_MS


@pytest.mark.parametrize(
    ("fraction", "ms"), [("", 0), (".1", 100), (".1239", 123), (".116000", 116), (".999999999", 999)]
)
def test_fractions_finer_than_a_millisecond_are_cut(fraction: str, ms: int):
    assert event_time_ms({"eventTime": f"2026-01-01T00:00:00{fraction}Z"}) == 1_767_225_600_000 + ms


@pytest.mark.parametrize(
    "odd", [None, 5, ["x"], "", "yesterday", "2026-02-30T00:00:00Z", "1960-01-01T00:00:00Z", "２０２６"]
)
def test_a_time_that_is_none_is_refused(odd: Any):
    with pytest.raises(StatementError, match="not the time of an event"):
        event_time_ms({"eventTime": odd})
