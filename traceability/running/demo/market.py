"""What the firms of the market recorded in the last three weeks: lots, what was made of them, who has them.

It follows from the day on which the demonstration began, so starting again records nothing twice.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from itertools import groupby
from operator import attrgetter
from typing import Final

from sqlalchemy import select

from traceability.identifiers import Batch, party_uri, place_uri
from traceability.operations.enrol import enrol_party
from traceability.operations.lotdata import best_before, lot_data, temperature_data
from traceability.operations.node import Node
from traceability.operations.record import check_made, record_all
from traceability.operations.steps import Entered, Where, event_of
from traceability.running.demo.firms import FIRMS, GOODS, Firm, Goods
from traceability.store import models
from traceability.store.engine import Store
from traceability.supply.lineage import Amount

DAYS: Final = 21
DAY_MS: Final = 86_400_000
HOUR_MS: Final = 3_600_000
OFFSET: Final = "+08:00"
MAX_GAP_S: Final = 1800
_BEGINS, _SHIPS, _ARRIVES, _SOLD = 6 * HOUR_MS, 10 * HOUR_MS, 15 * HOUR_MS, 26 * HOUR_MS
"""After local midnight of the day on which a lot begins."""
_THIRD: Final = Decimal(1) / 3
_FIRMS: Final = {firm.key: firm for firm in FIRMS}


@dataclass(frozen=True, slots=True)
class Step:
    """What a firm recorded; ``phase`` orders the steps of one day, whoever they are of."""

    day: int
    phase: int
    firm: str
    entered: Entered


@dataclass(slots=True)
class Market:
    """The market on one node; ``today_ms`` is local midnight of the day on which the demonstration began."""

    node: str
    today_ms: int
    _newest: dict[str, tuple[Batch, int]] = field(default_factory=dict)

    def steps(self) -> Iterator[Step]:
        """All that was recorded until yesterday, day by day."""
        for day in range(-DAYS, 0):
            for place, goods in enumerate(GOODS):
                if (day + place) % goods.every == 0:
                    yield from self._lot(day, place, goods)

    def batch(self, goods: Goods, day: int) -> Batch:
        """The lot of a product that began on a day."""
        return Batch(gtin_of(goods), f"{goods.key[:3].upper()}-{self._date(day):%m%d}")

    def begun(self, goods: Goods, day: int) -> int:
        """The newest day, until that one, on which a lot of a product began."""
        return day - (day + GOODS.index(goods)) % goods.every

    def _lot(self, day: int, place: int, goods: Goods) -> Iterator[Step]:
        firm, batch = _FIRMS[goods.firm], self.batch(goods, day)
        inputs = tuple(
            Amount(lot.uri(self.node), (Decimal(amount) * _THIRD).quantize(Decimal(1)), goods_of(key).uom)
            for key in goods.made_of
            for lot, amount in [self._newest.get(key, (None, 0))]
            if lot is not None
        )
        if goods.made_of and not inputs:
            return
        made = self._entered("make" if inputs else "harvest", batch, day, _BEGINS, goods.quantity, goods)
        yield Step(day, place, firm.key, _with(made, firm, inputs, self._master_data(goods, day)))
        self._newest[goods.key] = batch, goods.quantity
        share = goods.quantity // len(goods.to)
        for buyer in goods.to:
            yield from self._sold(day, batch, share, goods, _FIRMS[buyer])

    def _sold(self, day: int, batch: Batch, share: int, goods: Goods, buyer: Firm) -> Iterator[Step]:
        seller = _FIRMS[goods.firm]
        ship = self._entered("ship", batch, day, _SHIPS, share, goods)
        yield Step(day, 100, seller.key, _to(ship, seller, party_uri(self.node, buyer.gln)))
        receive = self._entered("receive", batch, day, _ARRIVES, share, goods)
        yield Step(day, 101, buyer.key, _to(receive, buyer, party_uri(self.node, seller.gln)))
        if buyer.kind == "retailer" and day < -1:
            sell = self._entered("sell", batch, day, _SOLD, share // 2, goods)
            yield Step(day + 1, 102, buyer.key, _to(sell, buyer, None))

    def _entered(
        self, step: str, batch: Batch, day: int, after_ms: int, amount: int, goods: Goods
    ) -> Entered:
        of = Amount(batch.uri(self.node), Decimal(amount), goods.uom)
        return Entered(step, of, self.today_ms + day * DAY_MS + after_ms, OFFSET)

    def _date(self, day: int) -> datetime:
        began = datetime.fromtimestamp((self.today_ms + day * DAY_MS) // 1000, UTC)
        return began.astimezone(timezone(timedelta(hours=8)))

    def _master_data(self, goods: Goods, day: int) -> Mapping[str, object]:
        date = self._date(day).date()
        limits = temperature_data(None, None, MAX_GAP_S, goods.profile or None)
        made = {"produced": date.isoformat()} if goods.made_of else {"harvested": date.isoformat()}
        return lot_data(
            names_of(goods.names), temperature=limits, best_before=best_before(date, goods.days), **made
        )


def open_market(store: Store, node: Node, start_ms: int) -> int:
    """Enrol the firms, and record what they say; says how many steps were not there yet.

    Args:
        start_ms: when the demonstration began.
    """
    with store.reading() as connection:
        known = set(connection.execute(select(models.Key.subject)).scalars())
    for firm in FIRMS:
        if party_uri(node.name, firm.gln) not in known:
            enrol_party(store, node, names_of(firm.names), firm.gln, [firm.prefix])
    market = Market(node.name, midnight(start_ms))
    recorded = 0
    for key, steps in _rounds(market.steps()):
        began = time.monotonic()
        recorded += _record(store, node, key, steps)
        time.sleep(time.monotonic() - began)  # the same time for the gateway and the publisher
    return recorded


def gtin_of(goods: Goods) -> str:
    """Of a product: the number of its place among its firm's."""
    item = [each.key for each in GOODS if each.firm == goods.firm].index(goods.key) + 1
    return _FIRMS[goods.firm].gtin(item)


def midnight(at_ms: int) -> int:
    """The beginning of a day in China, in milliseconds."""
    return (at_ms + 8 * HOUR_MS) // DAY_MS * DAY_MS - 8 * HOUR_MS


def _rounds(steps: Iterable[Step]) -> Iterator[tuple[str, list[Step]]]:
    """Steps in an order in which each can be recorded, those that one firm records at once together."""
    ordered = sorted(steps, key=attrgetter("day", "phase", "firm"))
    for (_, _, firm), found in groupby(ordered, key=attrgetter("day", "phase", "firm")):
        yield firm, list(found)


def _record(store: Store, node: Node, firm: str, steps: list[Step]) -> int:
    party = party_uri(node.name, _FIRMS[firm].gln)
    given = [check_made(event_of(step.entered, party)) for step in steps]
    return sum(not answer.known for answer in record_all(store, node, party, given, typed=True))


def _to(entered: Entered, firm: Firm, partner: str | None) -> Entered:
    return _with(entered, firm, (), {}, partner)


def _with(
    entered: Entered,
    firm: Firm,
    inputs: tuple[Amount, ...],
    ilmd: Mapping[str, object],
    partner: str | None = None,
) -> Entered:
    """The same, at a firm's place; the host of a node is that of the batch's page."""
    host = entered.of.uri.split("/")[2]
    region, (latitude, longitude) = firm.region
    where = Where(place_uri(firm.gln, host), names_of(region), f"geo:{latitude},{longitude}")
    return replace(entered, where=where, inputs=inputs, ilmd=ilmd, partner=partner)


def names_of(pair: tuple[str, str]) -> dict[str, str]:
    """English and Chinese, as events and tables have them."""
    return dict(zip(("en", "zh"), pair, strict=True))


def goods_of(key: str) -> Goods:
    """A product by its key."""
    return next(each for each in GOODS if each.key == key)
