"""EPCIS events for tests, as a document brings them, and a small trade in which every table has rows."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert

from traceability.ledger.state import stream_hash
from traceability.operations.capture import Captured, capture
from traceability.operations.draft import Given
from traceability.operations.erase import erase
from traceability.operations.policies import set_exception
from traceability.operations.prefixes import add_prefixes, allow
from traceability.operations.tokens import Scope, new_token
from traceability.signing.disclosure import Audience
from traceability.store import access
from traceability.store.engine import Store
from traceability.supply.epcis.context import read_context
from traceability.supply.epcis.events import CONTEXT, format_event_time
from traceability.supply.recall import Recall, State, recall_events

if TYPE_CHECKING:
    from tests.support.world import World

LOT = "https://id.gs1.org/01/09520000000011/10/A"
OTHER = "https://id.gs1.org/01/09520000000011/10/B"
BLEND = "https://id.gs1.org/01/09520000000028/10/C"
PALLET = "https://id.gs1.org/00/095200000000000011"


def given(kind: str, at_ms: int, **members: Any) -> Given:
    """An event of a document; an OBSERVE unless it says otherwise."""
    event = {
        "type": kind,
        "eventTime": format_event_time(at_ms),
        "eventTimeZoneOffset": "+00:00",
        **({} if kind == "TransformationEvent" else {"action": "OBSERVE"}),
        **members,
    }
    return Given(event, read_context(CONTEXT), CONTEXT)


def quantities(*uris: str) -> list[dict[str, Any]]:
    """One and a half kilograms of each."""
    return [{"epcClass": uri, "quantity": Decimal("1.50"), "uom": "KGM"} for uri in uris]


def send(world: World, party: str, *events: Given, **how: Any) -> tuple[Captured, ...]:
    """Capture events for a party."""
    return capture(world.store, world.node, party, events, **how)


def trade(world: World, farm: str, carrier: str) -> None:
    """Two lots are blended, packed and shipped; one event was an error, a part of another is erased."""
    now = world.now_ms
    ship: dict[str, Any] = {
        "epcList": [PALLET],
        "readPoint": {"id": "https://id.gs1.org/414/9520000000004"},
        "bizTransactionList": [{"type": "desadv", "bizTransaction": "urn:epcglobal:cbv:bt:9520000000004:1"}],
        "sourceList": [{"type": "possessing_party", "source": farm}],
        "destinationList": [{"type": "possessing_party", "destination": carrier}],
    }
    wrong = given("ObjectEvent", now, quantityList=quantities(OTHER), bizStep="inspecting")
    *_, shipped, mistaken = send(
        world,
        farm,
        given("ObjectEvent", now, action="ADD", quantityList=quantities(LOT, OTHER), ilmd={}),
        given(
            "TransformationEvent",
            now,
            inputQuantityList=quantities(LOT, OTHER),
            outputQuantityList=quantities(BLEND),
        ),
        given("AggregationEvent", now, action="ADD", parentID=PALLET, childQuantityList=quantities(BLEND)),
        given("ObjectEvent", now, bizStep="shipping", disposition="in_transit", **ship),
        wrong,
    )
    declared = {"declarationTime": format_event_time(now), "reason": "incorrect_data"}
    error = {**wrong.event, "eventID": mistaken.event_id, "errorDeclaration": declared}
    send(world, farm, Given(error, wrong.context, CONTEXT))
    text = {"en": "Glass was found in it", "zh": "其中发现玻璃"}
    recall = Recall("R-20260101-TEST00", State.ISSUED, 2, (LOT,), text, text)
    send(world, farm, *(Given(e, wrong.context) for e in recall_events(recall, [LOT, BLEND], now)))
    add_prefixes(world.store, farm, ["9520099"])
    allow(world.store, "9520099", carrier)
    set_exception(world.store, farm, "readPoint", Audience.PUBLIC)
    erase(world.store, world.node, farm, shipped.event_id, "bizTransactionList", "a person asked for it")
    new_token(world.store, world.node, party=farm, scopes=[Scope.CAPTURE], days=30, name="erp")
    _ask(world.store, farm, now)


def _ask(store: Store, party: str, now_ms: int) -> None:
    """A capture job, a kept query, and what was spent of a quota."""
    with store.transaction() as tx:
        job = {"id": "0" * 32, "party": party, "created_ms": now_ms, "behaviour": "rollback"}
        tx.connection.execute(insert(access.Capture).values(job | {"recorded": 0, "problems": "[]"}))
        query = {"party": party, "name": "all", "query": "{}", "created_ms": now_ms}
        tx.connection.execute(insert(access.NamedQuery).values(query))
        spent = {"stream": stream_hash(LOT), "party": party, "period": 0, "size": 1}
        tx.connection.execute(insert(access.Spent).values(spent))
