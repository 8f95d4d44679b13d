"""What is odd about the rows of a sheet, each by what is recorded and by the rows before it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final

from sqlalchemy import Connection, select

from traceability.ledger.state import stream_hash
from traceability.operations.recallstatus import answers_of
from traceability.operations.steps import Caution, Entered, odd_about
from traceability.operations.stock import Stock, stock_of
from traceability.store import models
from traceability.supply.lineage import Amount

CHUNK: Final = 500
_LOSSES: Final = frozenset({"ship", "destroy", "sell"})
_INTO: Final = frozenset({"store", "load"})


class Forecast:
    """What will be left of each batch, row by row, if all rows are recorded in their order."""

    def __init__(self, connection: Connection, node: str, party: str, rows: Sequence[Entered]) -> None:
        uris = list(dict.fromkeys(amount.uri for row in rows for amount in (row.of, *row.inputs)))
        known = set(_known(connection, uris))
        self._stocks = {
            uri: stock_of(connection, node, party, uri) if uri in known else Stock() for uri in uris
        }
        self._answers = answers_of(connection, [uri for uri in uris if uri in known])

    def cautions(self, row: Entered) -> tuple[Caution, ...]:
        """What is odd about the next row."""
        found = odd_about(row, self._stocks, self._answers)
        for amount in row.inputs:
            self._lose(amount)
        stock = self._stocks[row.of.uri]
        began_ms = row.at_ms if stock.began_ms is None else min(stock.began_ms, row.at_ms)
        self._stocks[row.of.uri] = replace(stock, began_ms=began_ms)
        if row.moves:
            inside = row.asset.uri if row.asset is not None and row.step in _INTO else None
            self._stocks[row.of.uri] = replace(self._stocks[row.of.uri], inside=inside)
        elif row.begins or row.step == "receive":
            self._gain(row.of)
        elif row.step in _LOSSES:
            self._lose(row.of)
        return found

    def _gain(self, amount: Amount) -> None:
        stock = self._stocks[amount.uri]
        if stock.left is None:
            self._stocks[amount.uri] = replace(stock, left=amount.quantity, uom=amount.uom)
        else:
            more = stock.in_its_unit(amount)
            self._stocks[amount.uri] = replace(stock, left=None if more is None else stock.left + more)

    def _lose(self, amount: Amount) -> None:
        stock = self._stocks[amount.uri]
        if stock.left is None:
            return
        if amount.quantity is None:
            self._stocks[amount.uri] = replace(stock, left=Decimal(0))
            return
        less = stock.in_its_unit(amount)
        left = None if less is None else max(stock.left - less, Decimal(0))
        self._stocks[amount.uri] = replace(stock, left=left)


def _known(connection: Connection, uris: Sequence[str]) -> Iterable[str]:
    """Those of these batches of which anything is recorded."""
    hashes = {stream_hash(uri): uri for uri in uris}
    keys = list(hashes)
    for first in range(0, len(keys), CHUNK):
        query = select(models.Batch.stream).where(models.Batch.stream.in_(keys[first : first + CHUNK]))
        yield from (hashes[key] for key in connection.execute(query).scalars())
