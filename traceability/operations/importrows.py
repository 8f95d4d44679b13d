"""A row of a sheet of steps as the entry that it stands for: what it names is the party's own.

Products, places, rooms and vehicles are those that the party keeps by heart (``operations.masterdata``): a
batch that begins gets the names, limits and shelf life of its product from there, as on the console.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection

from traceability.errors import IdentifierError, Problem, UnknownSubjectError
from traceability.identifiers import place_uri
from traceability.operations.enrol import find_party
from traceability.operations.lotdata import best_before
from traceability.operations.masterdata import Asset, Place, Product, list_items
from traceability.operations.node import Node
from traceability.operations.steps import Asset as Into
from traceability.operations.steps import Entered, Where
from traceability.supply.epcis.events import STEPS
from traceability.supply.lineage import Amount
from traceability.supply.scanned import read_asset
from traceability.supply.sheets.steps import StepRow, Steps

MOST: Final = 10_000
"""Products, places, rooms and vehicles of a party that are looked at."""
WITH_PARTNER: Final = frozenset({"ship", "receive"})


@dataclass(frozen=True, slots=True)
class Kept:
    """What a party keeps by heart: by GTIN, by GLN, by URI."""

    products: Mapping[str, Product]
    places: Mapping[str, Place]
    assets: Mapping[str, Asset]


def kept_by(connection: Connection, party: str) -> Kept:
    """All of it."""
    products = list_items(connection, party, Product, limit=MOST)
    places = list_items(connection, party, Place, limit=MOST)
    assets = list_items(connection, party, Asset, limit=MOST)
    return Kept({p.gtin: p for p in products}, {p.gln: p for p in places}, {a.uri: a for a in assets})


class RowReader:
    """Makes entries of the rows of one sheet; what is wrong with a row is collected."""

    def __init__(self, connection: Connection, node: Node, party: str, steps: Steps) -> None:
        self._connection, self._node, self._party, self._steps = connection, node, party, steps
        self._kept = kept_by(connection, party)
        self._wrong: list[Problem] = []
        self._row: StepRow

    def read(self, row: StepRow) -> Entered | list[Problem]:
        """The entry of a row, or a problem for each of its cells that has one."""
        self._row, self._wrong = row, []
        moves = STEPS[row.step].type == "AggregationEvent"
        self._check_amount()
        entered = Entered(
            row.step,
            Amount(row.batch.uri(self._node.name), row.quantity, row.uom),
            row.when.at_ms,
            row.when.offset,
            self._where(),
            self._asset(moves=moves),
            self._partner(),
            self._inputs(),
            self._lot_data(),
        )
        return self._wrong or entered

    def _refuse(self, column: str, expected: str, got: object) -> None:
        self._wrong.append(Problem(self._steps.cell(self._row.row, column), expected, str(got or "nothing")))

    def _only_for(self, column: str, steps: str, value: object) -> None:
        if value:
            self._refuse(column, f"nothing: it is for {steps}", value)

    def _check_amount(self) -> None:
        if self._row.quantity == 0:
            self._refuse("quantity", "more than nothing", 0)
        if self._row.uom and self._row.quantity is None:
            self._refuse("unit", "nothing where there is no quantity", self._row.uom)

    def _where(self) -> Where:
        gln = self._row.place
        if gln is None:
            return Where()
        place = self._kept.places.get(gln)
        if place is None:
            self._refuse("place", "GLN, 13 digits, of one of your places", gln)
            return Where()
        return Where(place_uri(gln, self._node.name), place.region)

    def _asset(self, *, moves: bool) -> Into | None:
        number = self._row.asset
        if not moves:
            self._only_for("asset", "store, retrieve, load and unload", number)
            return None
        try:
            uri = read_asset(number or "", self._node.name)
        except IdentifierError:
            self._refuse("asset", "own number of a cold room or truck", number)
            return None
        known = self._kept.assets.get(uri)
        return Into(uri, known.names if known else None)

    def _partner(self) -> str | None:
        number = self._row.partner
        if number is None or self._row.step not in WITH_PARTNER:
            self._only_for("partner", "ship and receive", number)
            return None
        try:
            uri = find_party(self._connection, self._node, number)
        except (IdentifierError, UnknownSubjectError):
            uri = ""
        if uri in {"", self._party}:
            self._refuse("partner", "the number of another party that is enrolled on this node", number)
        return uri or None

    def _inputs(self) -> tuple[Amount, ...]:
        parts = self._row.parts
        if self._row.step != "make":
            self._only_for("made_from", "make", "; ".join(f"{p.batch.gtin}/{p.batch.lot}" for p in parts))
            return ()
        if not parts:
            self._refuse("made_from", "for make: GTIN/LOT=12.5KGM; another after a semicolon", None)
        return tuple(Amount(part.batch.uri(self._node.name), part.quantity, part.uom) for part in parts)

    def _lot_data(self) -> dict[str, Any]:
        row = self._row
        if STEPS[row.step].biz_step != "creating_class_instance":
            self._only_for("best_before", "harvest and make", row.best_before)
            return {}
        product = self._kept.products.get(row.batch.gtin)
        if product is None:
            self._refuse("product", "the GTIN of one of your products: add it to your list", row.batch.gtin)
            return {}
        until = row.best_before or best_before(row.when.day, product.shelf_life_days)
        return product.lot_data(row.step, row.when.day.isoformat(), until)
