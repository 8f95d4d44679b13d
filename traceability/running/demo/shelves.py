"""What firms of the demonstration keep by heart: what each is, its products, places, rooms and vehicles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from traceability.identifiers import party_uri
from traceability.operations.accounts.kinds import list_kinds, set_kind
from traceability.operations.accounts.trail import COMMAND_LINE
from traceability.operations.masterdata import Asset, Place, Product, numbers_in_use, save
from traceability.operations.node import Node
from traceability.running.demo.firms import FIRMS, GOODS, KINDS
from traceability.running.demo.market import gtin_of, names_of
from traceability.store.engine import Store

Plan = Mapping[str, Any]
_BEGINS: Final = frozenset({"harvest", "make"})


def parties_of(node: Node, plan: Plan) -> dict[str, str]:
    """The URI of each party, of the journey and of the market, by its key."""
    market = {firm.key: party_uri(node.name, firm.gln) for firm in FIRMS}
    return market | {party["key"]: party["uri"] for party in plan["parties"]}


def say_kinds(store: Store, node: Node, plan: Plan) -> None:
    """Say what each party is, where nobody did."""
    kinds = {firm.key: firm.kind for firm in FIRMS} | KINDS
    parties = parties_of(node, plan)
    with store.transaction() as tx:
        known = list_kinds(tx.connection, node)
        for key, kind in kinds.items():
            if key in parties and parties[key] not in known:
                set_kind(tx, node, COMMAND_LINE, parties[key], kind)


def fill_shelves(store: Store, node: Node, plan: Plan) -> None:
    """Keep what each firm needs for recording a step, where it does not have it yet."""
    parties = parties_of(node, plan)
    with store.reading() as connection:
        known: dict[type, set[str]] = {
            Product: numbers_in_use(connection, Product),
            Place: numbers_in_use(connection, Place),
            Asset: numbers_in_use(connection, Asset),
        }
    for key, item in [*_of_the_market(), *_of_the_journey(plan)]:
        numbers, number = known[type(item)], getattr(item, item.KEY)
        if number not in numbers:
            save(store, COMMAND_LINE, parties[key], item)
            numbers.add(number)


def _of_the_market() -> Iterator[tuple[str, Product | Place | Asset]]:
    for firm in FIRMS:
        names, centre = firm.region
        yield firm.key, _place(firm.gln, names_of(firm.names), centre, names_of(names))
    for goods in GOODS:
        names_, profile = names_of(goods.names), goods.profile or None
        product = Product(gtin_of(goods), names_, profile=profile, shelf_life_days=goods.days, uom=goods.uom)
        yield goods.firm, product


def _of_the_journey(plan: Plan) -> Iterator[tuple[str, Product | Place | Asset]]:
    """Its products are those of the firms that begin them, and a firm is where it first did something."""
    parties = {each["key"]: each for each in plan["parties"]}
    batches = {each["key"]: each for each in plan["batches"]}
    for asset in plan["assets"]:
        yield asset["party"], Asset(asset["uri"], asset["names"])
    for step in plan["steps"]:
        party = parties[step["party"]]
        if "position" in step:
            latitude, longitude = map(float, step["position"].removeprefix("geo:").split(","))
            yield party["key"], _place(party["gln"], party["names"], (latitude, longitude), step["region"])
        if step["step"] in _BEGINS:
            batch = batches[step["batch"]]
            yield party["key"], Product(batch["gtin"], batch["product"], uom=batch["uom"], **_limits(batch))


def _limits(batch: Plan) -> dict[str, Any]:
    own = {"max_gap_s": batch["max_gap_s"], "profile": batch.get("profile") or None}
    return own | {"low_milli_c": batch["low_milli_c"], "high_milli_c": batch["high_milli_c"]}


def _place(
    gln: str, names: Mapping[str, str], centre: tuple[float, float], region: Mapping[str, str]
) -> Place:
    latitude, longitude = (round(degrees * 1e6) for degrees in centre)
    return Place(gln, names, latitude, longitude, region)
