"""Folding accepted readings into the cells of their series (``sensing.rollup``).

A cell is written in the transaction that accepts its frames. Since cells are merged by adding and
comparing, frames may come late, twice or in any order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, case, or_, select, tuple_

from traceability import media
from traceability.ledger.state import stream_hash
from traceability.sensing.frame import Clock, DeviceStatement, parse_statement
from traceability.sensing.rollup import Cell, cells_of, merged
from traceability.store import models
from traceability.store.engine import Store, Transaction
from traceability.store.readings import Rollup, Series
from traceability.store.rows import fold_all, insert_new

CHUNK: Final = 500
"""Frames that are read again at a time."""
REMEMBERED: Final = 65_536
"""So many series are known by heart; past it all are forgotten, and no device fills the memory."""

_COLUMNS: Final = ("series", "from_ms", *Cell._fields)

Place = tuple[int, int]
"""A series and the beginning of a cell."""


@dataclass(frozen=True, slots=True)
class Folded:
    """What frames add up to: their series as rows, by number, and their cells."""

    series: dict[int, dict[str, object]]
    cells: dict[Place, Cell]


class Folder:
    """Folds handfuls into the store; remembers which series are there, so that only new ones are written."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, str, str, str], int] = {}
        self._known: set[int] = set()
        self._new: set[int] = set()

    def fold(self, tx: Transaction, statements: Iterable[DeviceStatement]) -> list[int]:
        """Add accepted frames, each exactly once, in the transaction that accepts it.

        Returns:
            Of each statement, how many cells it has.
        """
        found = Folded({}, {})
        sizes = [self.add(found, statement) for statement in statements]
        insert_new(tx, Series, (found.series[i] for i in sorted(found.series) if i not in self._known))
        fold_all(tx, Rollup, _added, (_row(place, found.cells[place]) for place in sorted(found.cells)))
        self._new = found.series.keys() - self._known
        return sizes

    def committed(self) -> None:
        """The transaction of the newest ``fold`` is committed."""
        if len(self._known) > REMEMBERED:
            self._known.clear()  # the database says for each whether it is there
        self._known |= self._new
        self._new = set()

    def collect(self, statements: Iterable[DeviceStatement]) -> Folded:
        """The series and cells of frames; gaps and frames without a clock have none."""
        found = Folded({}, {})
        for statement in statements:
            self.add(found, statement)
        return found

    def add(self, found: Folded, statement: DeviceStatement) -> int:
        """Add one statement's cells to what was found in others; returns how many they are."""
        if statement.media_type != media.FRAME or statement.clock is Clock.UNSYNCHRONISED:
            return 0
        series, cells, size = found.series, found.cells, 0
        for name, unit, from_ms, cell in cells_of(statement.columns()):
            size += 1
            number = self._number(statement.stream, statement.device, name, unit)
            if number not in series:
                series[number] = _series_row(number, statement.stream, statement.device, name, unit)
            place = number, from_ms
            before = cells.get(place)
            cells[place] = cell if before is None else merged(before, cell)
        return size

    def _number(self, stream: str, device: str, name: str, unit: str) -> int:
        named = stream, device, name, unit
        found = self._numbers.get(named)
        if found is None:
            if len(self._numbers) >= REMEMBERED:
                self._numbers.clear()
            found = self._numbers[named] = series_number(*named)
        return found


def series_number(stream: str, device: str, name: str, unit: str) -> int:
    """The number of a series: the first eight bytes of SHA-256 of what it is, signed."""
    digest = hashlib.sha256(f"{stream}\n{device}\n{name}\n{unit}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def fold_missing(store: Store, say: Callable[[str], None] = lambda _: None) -> int:
    """Fold the frames of a store from before there were these tables; returns how many."""
    said, done, last = models.DeviceStatement, 0, ("", -1)
    query = (
        select(said.device, said.counter, models.Statement.body)
        .join(models.Statement, models.Statement.sha256 == said.sha256)
        .where(said.stream.is_not(None), said.from_ms.is_not(None))
        .order_by(said.device, said.counter)
        .limit(CHUNK)
    )
    with store.transaction() as tx:
        if tx.connection.execute(select(Series.id).limit(1)).first() is not None:
            return 0
        folder = Folder()
        while True:
            later = tuple_(said.device, said.counter) > last
            rows = tx.connection.execute(query.where(later)).all()
            folder.fold(tx, [parse_statement(row.body) for row in rows])
            folder.committed()
            done += len(rows)
            if len(rows) < CHUNK:
                return done
            last = rows[-1].device, rows[-1].counter
            say(f"adding up readings: {done} frames so far")


def _added(old: Any, new: Any) -> dict[str, ColumnElement[Any]]:
    """What a row becomes: ``merged`` in the words of a database."""
    earlier = _before(new.first_ms, new.first_milli, old.first_ms, old.first_milli)
    later = _before(old.last_ms, old.last_milli, new.last_ms, new.last_milli)
    return {
        "n": old.n + new.n,
        "low_milli": case((new.low_milli < old.low_milli, new.low_milli), else_=old.low_milli),
        "high_milli": case((new.high_milli > old.high_milli, new.high_milli), else_=old.high_milli),
        "total_milli": old.total_milli + new.total_milli,
        "first_ms": case((earlier, new.first_ms), else_=old.first_ms),
        "first_milli": case((earlier, new.first_milli), else_=old.first_milli),
        "last_ms": case((later, new.last_ms), else_=old.last_ms),
        "last_milli": case((later, new.last_milli), else_=old.last_milli),
    }


def _before(at: Any, value: Any, other_at: Any, other_value: Any) -> ColumnElement[bool]:
    return or_(at < other_at, and_(at == other_at, value < other_value))


def _row(place: Place, cell: Cell) -> dict[str, object]:
    return dict(zip(_COLUMNS, place + cell, strict=True))


def _series_row(number: int, stream: str, device: str, name: str, unit: str) -> dict[str, object]:
    return {"id": number, "stream": stream_hash(stream), "device": device, "name": name, "unit": unit}
