"""Policies: what a party opens or closes holds for its events, old and new, and for nobody else's."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from tests.support.world import World
from traceability.errors import ConflictError, IdentifierError, StatementError
from traceability.operations import policies
from traceability.operations.capture import capture
from traceability.operations.draft import Given
from traceability.operations.events import view_event
from traceability.operations.policies import (
    MAX_NAME,
    PolicyException,
    list_exceptions,
    policy_for,
    preview_event,
    products_of,
    released,
    reset_exceptions,
    set_exception,
)
from traceability.signing import sdjwt
from traceability.signing.disclosure import DEFAULT, Audience, Policy
from traceability.signing.parts import parse_part
from traceability.store import models
from traceability.supply.epcis.context import read_context
from traceability.supply.epcis.events import CONTEXT

PUBLIC, PARTNER, REGULATOR = Audience
APPLES, PEARS = "09520000000011", "09520000000028"
PLACE = {"id": "https://id.gs1.org/414/9520000000103"}


def lot(gtin: str) -> dict[str, Any]:
    return {"epcClass": f"https://id.gs1.org/01/{gtin}/10/L1", "quantity": Decimal("2.50"), "uom": "KGM"}


def shipped(world: World, party: str, *gtins: str) -> bytes:
    """An event about these products; SHA-256 of its statement."""
    event = {
        "type": "ObjectEvent",
        "action": "OBSERVE",
        "bizStep": "shipping",
        "eventTime": "2025-12-31T22:00:00.000Z",
        "eventTimeZoneOffset": "+00:00",
        "quantityList": [lot(gtin) for gtin in gtins],
        "readPoint": PLACE,
    }
    (made,) = capture(world.store, world.node, party, [Given(event, read_context(CONTEXT), CONTEXT)])
    return made.sha256


def sees(world: World, statement: bytes, audience: Audience, part: str = "readPoint") -> bool:
    with world.store.reading() as connection:
        return part in view_event(connection, statement, audience).event


def test_an_exception_holds_for_all_events_of_that_party_old_and_new(world: World):
    farm, other = world.party("Farm"), world.party("Other")
    before, foreign = shipped(world, farm, APPLES), shipped(world, other, APPLES)
    assert not sees(world, before, PUBLIC)
    set_exception(world.store, farm, "readPoint", PUBLIC)
    assert sees(world, before, PUBLIC)
    assert sees(world, shipped(world, farm, PEARS), PUBLIC)
    assert not sees(world, foreign, PUBLIC)
    set_exception(world.store, farm, "readPoint", REGULATOR)
    assert not sees(world, before, PARTNER)
    assert sees(world, before, REGULATOR)
    assert reset_exceptions(world.store, farm) == 1
    assert sees(world, before, PARTNER)


def test_product_stands_before_party_and_of_several_products_the_strictest_holds(lone: World):
    farm = lone.party("Farm")
    apples, pears = shipped(lone, farm, APPLES), shipped(lone, farm, PEARS)
    both = shipped(lone, farm, APPLES, PEARS)
    set_exception(lone.store, farm, "readPoint", PUBLIC, APPLES)
    assert [sees(lone, event, PUBLIC) for event in (apples, pears, both)] == [True, False, False]
    set_exception(lone.store, farm, "readPoint", PUBLIC)
    assert [sees(lone, event, PUBLIC) for event in (apples, pears, both)] == [True, True, True]
    set_exception(lone.store, farm, "readPoint", REGULATOR, PEARS)
    assert [sees(lone, event, PARTNER) for event in (apples, pears, both)] == [True, False, False]
    with lone.store.reading() as connection:
        assert policy_for(connection, farm).audience_of(("readPoint",)) is PUBLIC
        assert policy_for(connection, farm, [PEARS]).audience_of(("readPoint",)) is REGULATOR
        assert policy_for(connection, "https://x.example/nobody") is DEFAULT


def test_the_products_of_an_event_are_those_it_names_in_any_spelling():
    event = {
        "parentID": "urn:epc:id:sscc:9521141.1234567890",
        "epcList": ["https://shop.example/01/09520000000011/21/7", "urn:epc:id:sgtin:9521141.012345.4711"],
        "quantityList": [lot(PEARS), {"epcClass": "urn:epc:class:lgtin:9521141.012345.L"}, {"epcClass": 5}],
        "inputEPCList": ["https://x.example/own/number", "not a URI at all"],
    }
    assert products_of(event) == {APPLES, PEARS, "09521141123454"}
    assert products_of({}) == frozenset()


def test_exceptions_are_listed_replaced_and_taken_back_one_by_one(world: World):
    farm, other = world.party("Farm"), world.party("Other")
    made = [
        set_exception(world.store, farm, "readPoint", PARTNER),
        set_exception(world.store, farm, "quantityList/quantity", PUBLIC, APPLES[1:]),
        set_exception(world.store, farm, "readPoint", PUBLIC),
        set_exception(world.store, other, "x:note", PARTNER),
    ]
    assert made[1] == PolicyException(farm, APPLES, "quantityList/quantity", PUBLIC)
    with world.store.reading() as connection:
        assert set(list_exceptions(connection)) == {made[1], made[2], made[3]}
        assert list_exceptions(connection, farm) == (made[2], made[1])
    assert reset_exceptions(world.store, farm, part="x:note") == 0
    assert reset_exceptions(world.store, farm, product=APPLES) == 1
    assert reset_exceptions(world.store, farm, part="readPoint") == 1


def test_what_cannot_be_an_exception_is_refused(lone: World):
    for part, product, error, message in (
        ("eventTime", None, ConflictError, "eventTime is never withheld"),
        ("eventID", None, ConflictError, "every part of the event"),
        ("readPoint/id", None, StatementError, "readPoint is not divided"),
        ("readpoint", None, StatementError, "no event has a part 'readpoint'"),
        ("ilmd/bestBefore", None, StatementError, "no event has a part 'ilmd/bestBefore'"),
        ("quantityList/amount", None, StatementError, "no event has a part 'quantityList/amount'"),
        ("x" * (MAX_NAME + 1), None, StatementError, "at most 128"),
        ("readPoint", "12345", IdentifierError, "GTIN"),
    ):
        with pytest.raises(error, match=message) as refused:
            set_exception(lone.store, "https://x.example/party", part, PUBLIC, product)
        if "no event has" in message:
            wanted = {"ilmd": "ilmd/cbvmda:bestBeforeDate", "quantityList": "quantityList/uom"}
            assert wanted.get(part.partition("/")[0], "readPoint") in refused.value.remedy()
    with lone.store.reading() as connection:
        assert list_exceptions(connection) == ()


def test_a_party_has_a_bounded_number_of_exceptions(lone: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(policies, "MAX_EXCEPTIONS", 1)
    set_exception(lone.store, "https://x.example/a", "readPoint", PUBLIC)
    set_exception(lone.store, "https://x.example/a", "readPoint", PARTNER)
    with pytest.raises(ConflictError, match="exceptions"):
        set_exception(lone.store, "https://x.example/a", "bizLocation", PUBLIC)
    set_exception(lone.store, "https://x.example/b", "bizLocation", PUBLIC)


def test_what_is_released_is_what_a_page_shows_and_stands_in_the_order_of_digests(lone: World):
    farm = lone.party("Farm")
    sha256 = shipped(lone, farm, APPLES)
    set_exception(lone.store, farm, "quantityList/uom", PUBLIC)
    with lone.store.reading() as connection:
        body = connection.execute(
            select(models.Statement.body).where(models.Statement.sha256 == sha256)
        ).scalar_one()
        statement = sdjwt.parse(body)
        texts = released(connection, sha256, statement, PUBLIC)
        shown = view_event(connection, sha256, PUBLIC).event
    assert [sdjwt.digest_of(text) for text in texts] == sorted(map(sdjwt.digest_of, texts))
    assert sdjwt.reveal(statement.payload, texts).claims["event"] == shown
    assert shown["quantityList"] == [{"epcClass": lot(APPLES)["epcClass"], "uom": "KGM"}]


def test_a_preview_shows_each_audience_what_it_will_see():
    event = {"type": "ObjectEvent", "quantityList": [lot(APPLES)], "readPoint": PLACE, "x:note": "n"}
    found = {seen.part: (seen.audience, seen.value) for seen in preview_event(event)}
    assert found == {
        "type": (PUBLIC, "ObjectEvent"),
        "quantityList": (PUBLIC, []),
        "quantityList/0": (PUBLIC, {"epcClass": lot(APPLES)["epcClass"]}),
        "quantityList/0/quantity": (PARTNER, Decimal("2.50")),
        "quantityList/0/uom": (PARTNER, "KGM"),
        "readPoint": (PARTNER, PLACE),
        "x:note": (REGULATOR, "n"),
    }
    opened = Policy({parse_part("x:note"): PUBLIC})
    assert next(s for s in preview_event(event, opened) if s.part == "x:note").audience is PUBLIC
    json.dumps([seen.part for seen in preview_event(event)])
