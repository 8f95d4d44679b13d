"""A small trade that is recalled: two lots of a farm, blended, made into yoghurt and packed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from flask import Flask

from tests.support.world import START_MS, World
from traceability.operations.capture import capture
from traceability.operations.draft import Given
from traceability.operations.recall import Order, new_id
from traceability.operations.recallscope import Notice, scope
from traceability.operations.recallstatus import named_things
from traceability.operations.tokens import Scope, new_token
from traceability.supply.epcis.context import read_context
from traceability.supply.epcis.events import CONTEXT, format_event_time
from traceability.supply.recall import State

LOT = "https://id.gs1.org/01/09520000000011/10/"
A, B, MIX, YOGHURT, LATE = (LOT + lot for lot in ("A", "B", "MIX", "Y", "LATE"))
PALLET = "https://id.gs1.org/00/095200000000000011"
ITEM = "https://id.gs1.org/01/09520000000011/21/7"
NOTICE = Notice(
    1,
    {"en": "Salmonella", "zh": "沙门氏菌"},
    {"en": "Do not eat it", "zh": "请勿食用"},
    "+86 873 000",
)
SAID = {
    "recallClass": NOTICE.recall_class,
    "hazard": dict(NOTICE.hazard),
    "advice": dict(NOTICE.advice),
    "contact": NOTICE.contact,
}
"""The same as a request says it."""
MINUTE = 60_000


def say(world: World, party: str, kind: str = "ObjectEvent", minutes: int = 0, **members: Any) -> None:
    event = {
        "type": kind,
        "eventTime": format_event_time(START_MS - 100 * MINUTE + minutes * MINUTE),
        "eventTimeZoneOffset": "+00:00",
        **({} if kind == "TransformationEvent" else {"action": "OBSERVE"}),
        **members,
    }
    (done,) = capture(world.store, world.node, party, [Given(event, read_context(CONTEXT), CONTEXT)])
    assert done.refused is None


def lots(*uris: str, **more: Any) -> list[Mapping[str, Any]]:
    return [{"epcClass": uri, "quantity": 10, "uom": "KGM", **more} for uri in uris]


def make(world: World, party: str, ins: list[str], out: str, minutes: int, **more: Any) -> None:
    say(
        world,
        party,
        "TransformationEvent",
        minutes,
        inputQuantityList=lots(*ins),
        outputQuantityList=lots(out),
        **more,
    )


def chain(world: World) -> tuple[str, str, str]:
    """Farm: A and B; packer: MIX of both; dairy: Y of MIX, on its way on a pallet."""
    farm, packer, dairy = (world.party(name) for name in ("Farm", "Packer", "Dairy"))
    for lot in (A, B):
        say(world, farm, action="ADD", bizStep="creating_class_instance", quantityList=lots(lot))
    make(world, packer, [A, B], MIX, 10)
    say(world, packer, minutes=20, bizStep="shipping", quantityList=lots(MIX))
    say(world, dairy, minutes=30, bizStep="receiving", quantityList=lots(MIX))
    make(world, dairy, [MIX], YOGHURT, 40)
    say(world, dairy, "AggregationEvent", 45, action="ADD", parentID=PALLET, childQuantityList=lots(YOGHURT))
    say(world, dairy, minutes=50, bizStep="shipping", quantityList=lots(YOGHURT), epcList=[PALLET])
    return farm, packer, dairy


def order(
    world: World,
    *origins: str,
    notice: Notice = NOTICE,
    recall_id: str | None = None,
    state: State = State.ISSUED,
) -> Order:
    """An order that confirms the scope as it is now."""
    recall_id = recall_id or new_id(world.now_ms)
    with world.store.reading() as connection:
        named = named_things(connection, recall_id)
        found = scope(connection, world.node, origins, named=named)
    return Order(recall_id, origins, notice, found.digest(notice, state))


class Site:
    """The site of a small trade, a token of an authority and of each firm."""

    def __init__(self, world: World, app: Flask) -> None:
        self.world, self.client = world, app.test_client()
        self.farm, self.packer, self.dairy = chain(world)
        self.authority = world.party("Food Authority")
        world.publish()
        self.office = self.token(self.authority, Scope, regulator=True)

    def token(self, party: str, scopes: Iterable[Scope], **more: Any) -> str:
        name = f"t{len(party)}-{self.world.now_ms}-{len(more)}"
        self.world.wait(ms=1)
        return new_token(
            self.world.store, self.world.node, party=party, scopes=scopes, days=1, name=name, **more
        )[0]

    def ask(self, method: str, path: str, token: str | None = None, **how: Any) -> Any:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return self.client.open(path, method=method, headers=headers | how.pop("headers", {}), **how)

    def post(self, path: str, said: object, token: str | None = None) -> Any:
        return self.ask("POST", path, token or self.office, json=said)
