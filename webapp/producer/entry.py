"""One entry: what is offered for a step, and what was typed, as operations want it."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from sqlalchemy import Connection

from traceability.errors import IdentifierError
from traceability.identifiers import Batch, parse_lot, parse_stream, place_uri
from traceability.operations.lotdata import best_before
from traceability.operations.lots import is_known, last_event
from traceability.operations.masterdata import Asset, Place, Product, list_items
from traceability.operations.numbers import known_batches, next_lot
from traceability.operations.partners import partners_of
from traceability.operations.steps import Asset as Into
from traceability.operations.steps import Entered, Where, plain
from traceability.operations.stock import Stock, stock_of
from traceability.supply.epcis.events import STEPS
from traceability.supply.lineage import Amount
from traceability.supply.scanned import read_batch
from webapp.api.access import node
from webapp.i18n import named, translate
from webapp.producer.fields import Fields, local_text, zone_of

MOST: Final = 500
"""Products, places and assets that a form offers."""
INPUTS: Final = 4
"""Batches that one thing is made of, in the form."""
WITH_PARTNER: Final = frozenset({"ship", "receive"})


@dataclass(frozen=True, slots=True)
class Choices:
    """What a party can choose from; partners by URI."""

    products: Mapping[str, Product]
    places: Mapping[str, Place]
    assets: Mapping[str, Asset]
    partners: Mapping[str, str]


@dataclass(slots=True)
class Offer:
    """What a form shows: its fields as text, and what it says beside them."""

    step: str
    fields: dict[str, Any] = field(default_factory=dict)
    batch: Batch | None = None
    stock: Stock = field(default_factory=Stock)
    choices: Choices = field(default_factory=lambda: Choices({}, {}, {}, {}))
    arrives: bool = False

    @property
    def begins(self) -> bool:
        """Whether a batch comes to be by it."""
        return STEPS[self.step].biz_step == "creating_class_instance"

    @property
    def moves(self) -> bool:
        """Whether it names a room or vehicle."""
        return STEPS[self.step].type == "AggregationEvent"

    @property
    def with_partner(self) -> bool:
        """Whether it names somebody else."""
        return self.step in WITH_PARTNER


def choices_of(connection: Connection, party: str) -> Choices:
    """What a party keeps by heart, and whom it can deal with."""
    products = list_items(connection, party, Product, limit=MOST)
    places = list_items(connection, party, Place, limit=MOST)
    assets = list_items(connection, party, Asset, limit=MOST)
    names = partners_of(connection, node(), party)
    return Choices(
        {p.gtin: p for p in products},
        {p.gln: p for p in places},
        {a.uri: a for a in assets},
        {uri: named(each, uri.rpartition("/")[2]) for uri, each in names.items()},
    )


def offer(connection: Connection, party: str, step: str, given: Mapping[str, Any], now_ms: int) -> Offer:
    """A form for a step: what was given, and for the rest what the party entered last.

    Raises:
        IdentifierError: what was given as a code is none.
    """
    made = Offer(step, choices=choices_of(connection, party))
    last = last_event(connection, party, STEPS[step].biz_step)
    offset = str(last.get("eventTimeZoneOffset") or "+00:00")
    made.fields = {
        "event_id": f"urn:uuid:{uuid.uuid4()}",
        "offset": offset,
        "at": local_text(now_ms, offset),
        "place": _place_of(last) or next(iter(made.choices.places), ""),
        "partner": _partner_of(last, party),
        "asset": last.get("parentID", "") if made.moves else "",
    }
    code = str(given.get("code", ""))
    if code and step != "harvest":
        made.batch = read_batch(code)
        made.stock = stock_of(connection, node().name, party, made.batch.uri(node().name))
        made.fields |= _of_stock(made)
        made.arrives = step == "receive" and not is_known(connection, made.batch.uri(node().name))
    if made.begins:
        made.fields |= _new_batch(connection, made, given, offset, now_ms)
    made.fields |= {name: value for name, value in given.items() if name != "csrf"}
    return made


def read_entry(made: Offer, fields: Fields, ilmd: Mapping[str, Any] | None = None) -> Entered | None:
    """What was typed; None if something of it is wrong, as ``fields.wrong`` says then.

    Args:
        ilmd: of a batch whose beginning is corrected; otherwise those of its product.
    """
    offset = fields.text("offset", required=True)
    try:
        zone_of(offset)
    except ValueError:
        offset = "+00:00"
    at_ms = fields.moment("at", offset)
    uri, used = _of(made, fields), tuple(_inputs(fields)) if made.step == "make" else ()
    if made.step == "make" and not used:
        fields.refuse("input0", translate("Name at least one batch that it is made of."))
    asset = _asset(made, fields) if made.moves else None
    quantity = fields.number("quantity")
    if quantity is not None and quantity <= 0:
        fields.refuse("quantity", translate("A number such as 12 or 12.5 is needed."))
    event_id = fields.text("event_id", required=True)
    if not _is_uuid(event_id):
        fields.refuse("quantity", translate("This form is damaged: open it again."))
    if made.arrives and not fields.text("arrives"):
        fields.refuse("arrives", translate("Say that it is new here, or correct the code."))
    if fields.wrong or at_ms is None:
        return None
    return Entered(
        made.step,
        Amount(uri, quantity, fields.text("uom") or None),
        at_ms,
        offset,
        _where(made, fields),
        asset,
        _partner(made, fields),
        used,
        (_ilmd(made, fields, at_ms, offset) if ilmd is None else ilmd) if made.begins else {},
        event_id,
        arrives=made.arrives,
    )


def _of_stock(made: Offer) -> dict[str, Any]:
    stock = made.stock
    if made.step == "make":
        batch = made.batch
        return {
            "input0": f"{batch.gtin}/{batch.lot}" if batch else "",
            "amount0": "" if stock.left is None else plain(stock.left),
            "unit0": stock.uom or "",
        }
    found: dict[str, Any] = {"uom": stock.uom or ""}
    if not made.moves and stock.left:
        found["quantity"] = plain(stock.left)
    if stock.inside and STEPS[made.step].action == "DELETE":
        found["asset"] = stock.inside
    return found


def _new_batch(
    connection: Connection, made: Offer, given: Mapping[str, Any], offset: str, now_ms: int
) -> dict[str, Any]:
    gtin = str(given.get("gtin") or next(iter(made.choices.products), ""))
    day = date.fromisoformat(local_text(now_ms, offset)[:10])
    lots = [batch.lot for batch in known_batches(connection) if batch.gtin == gtin]
    product = made.choices.products.get(gtin)
    until = None if product is None else best_before(day, product.shelf_life_days)
    uom = "" if product is None else product.uom or ""
    return {"gtin": gtin, "lot": next_lot(day, lots), "best_before": until or "", "uom": uom}


def _of(made: Offer, fields: Fields) -> str:
    """The URI of the batch that it is about."""
    if not made.begins:
        return made.batch.uri(node().name) if made.batch else ""
    gtin = fields.text("gtin")
    if gtin not in made.choices.products and "corrects" not in fields.given:
        fields.refuse("gtin", translate("Choose one of the list."))
        return ""
    try:
        return Batch(gtin, parse_lot(fields.text("lot"))).uri(node().name)
    except IdentifierError as error:
        fields.refuse("lot", error)
        return ""


def _inputs(fields: Fields) -> Iterable[Amount]:
    for number in range(INPUTS):
        code = fields.text(f"input{number}")
        if not code:
            continue
        try:
            uri = read_batch(code).uri(node().name)
        except IdentifierError as error:
            fields.refuse(f"input{number}", error)
            continue
        yield Amount(uri, fields.number(f"amount{number}"), fields.text(f"unit{number}") or None)


def _asset(made: Offer, fields: Fields) -> Into | None:
    uri = fields.text("asset")
    known = made.choices.assets.get(uri)
    if known is not None:
        return Into(uri, known.names)
    if uri and uri == made.stock.inside:
        return Into(uri)
    fields.refuse("asset", translate("Choose one of the list."))
    return None


def _where(made: Offer, fields: Fields) -> Where:
    place = made.choices.places.get(fields.text("place"))
    return Where() if place is None else Where(place_uri(place.gln, node().name), place.region)


def _partner(made: Offer, fields: Fields) -> str | None:
    uri = fields.text("partner")
    return uri if made.with_partner and uri in made.choices.partners else None


def _ilmd(made: Offer, fields: Fields, at_ms: int, offset: str) -> dict[str, Any]:
    product = made.choices.products[fields.text("gtin")]
    return product.lot_data(made.step, local_text(at_ms, offset)[:10], fields.day("best_before"))


def _place_of(event: Mapping[str, Any]) -> str:
    point = event.get("readPoint")
    uri = point.get("id", "") if isinstance(point, Mapping) else ""
    return str(uri).rpartition("/414/")[2]


def _partner_of(event: Mapping[str, Any], party: str) -> str:
    for role in ("destination", "source"):
        for each in event.get(f"{role}List", ()):
            if isinstance(each, Mapping) and each.get(role) not in {None, party}:
                return str(each[role])
    return ""


def fields_of(event: Mapping[str, Any], party: str) -> dict[str, Any]:
    """What a form would have held that an event was made from."""
    quantities: list[dict[str, Any]] = next((event[n] for n in _QUANTITIES if event.get(n)), [{}])
    offset = str(event.get("eventTimeZoneOffset") or "+00:00")
    found = {
        "at": str(event.get("eventTime", ""))[:19],
        "offset": offset,
        "quantity": plain(quantities[0].get("quantity")) or "",
        "uom": quantities[0].get("uom", ""),
        "place": _place_of(event),
        "partner": _partner_of(event, party),
        "asset": event.get("parentID", ""),
    }
    uri = str(quantities[0].get("epcClass", ""))
    batch = parse_stream(uri).batch
    found |= {"code": f"{batch.gtin}/{batch.lot}", "gtin": batch.gtin, "lot": batch.lot}
    found["best_before"] = event.get("ilmd", {}).get("cbvmda:bestBeforeDate", "")
    for number, used in enumerate(event.get("inputQuantityList", ())[:INPUTS]):
        found |= {
            f"input{number}": used.get("epcClass", ""),
            f"amount{number}": plain(used.get("quantity")) or "",
            f"unit{number}": used.get("uom", ""),
        }
    return found


_QUANTITIES: Final = ("outputQuantityList", "quantityList", "childQuantityList")


def _is_uuid(text: str) -> bool:
    try:
        return text == f"urn:uuid:{uuid.UUID(text.removeprefix('urn:uuid:'))}"
    except ValueError:
        return False
