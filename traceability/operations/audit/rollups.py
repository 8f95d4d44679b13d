"""Cells of readings: each is what the frames of its series give, none is missing, none is too many.

Where a range of records holds a stream whole, its frames are folded while its chain is read. The frames of
longer streams, which several ranges share, are read once more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Final

from sqlalchemy import func, select

from traceability import media
from traceability.errors import TraceabilityError
from traceability.ledger.state import stream_hash
from traceability.operations.audit import records
from traceability.operations.audit.records import Edge
from traceability.operations.audit.report import Run
from traceability.operations.audit.tasks import Done, Task
from traceability.operations.rollups import Folded, Folder
from traceability.sensing.frame import DeviceStatement, parse_statement
from traceability.sensing.rollup import Cell
from traceability.store import models
from traceability.store.engine import AnyRow
from traceability.store.readings import Rollup, Series

CODE: Final = "rollup"


class Cells:
    """The cells of streams that a range of records holds whole."""

    def __init__(self, run: Run, first: Edge | None, end: Edge | None) -> None:
        self._run, self._series = run.part(), set[int]()
        self._folder, self._folded = Folder(), Folded({}, {})
        self._shared = {edge[0] for edge in (first, end) if edge is not None and edge[1]}

    def take(self, stream: bytes, frame: DeviceStatement) -> None:
        """Fold a frame in a stream's chain that can be read."""
        if stream not in self._shared and stream_hash(frame.stream) == stream:
            self._folder.add(self._folded, frame)

    def take_row(self, row: AnyRow) -> None:
        """The same of a record with which something may be wrong."""
        if row.media_type == media.FRAME and row.body is not None:
            with suppress(TraceabilityError):
                frame = parse_statement(row.body)
                frame.columns()
                self.take(row.stream, frame)

    def end_stream(self, name: bytes) -> None:
        """Compare what was folded with the table."""
        self._series.update(_compare(self._run, name, self._folded))
        self._folded = Folded({}, {})

    def done(self) -> Done:
        """What came of it, as ``audit_stream`` says it of one stream."""
        return Done(self._run.findings, self._run.lost, self._run.counts, self._series)


def rollup_tasks(run: Run) -> list[Task]:
    """The cells of each stream that ranges of records share."""
    record = models.Record
    query = select(record.stream, func.count().label("number")).group_by(record.stream)
    long = run.rows(query.having(func.count() > records.RANGE).order_by(record.stream))
    return [Task("readings", row.number, audit_stream, (row.stream,)) for row in long]


def audit_stream(run: Run, stream: bytes) -> set[int]:
    """Fold the frames of a stream again, and compare its cells; returns the numbers of its series."""
    return set(_compare(run, stream, Folder().collect(_read(run, stream))))


def audit_rollups(run: Run, parts: Iterable[set[int]]) -> None:
    """Look for series and cells that no frame of any stream gives."""
    known = set[int]().union(*parts)
    for number in run.connection.execute(select(Series.id).order_by(Series.id)).scalars():
        if number not in known:
            run.found(CODE, f"series {number}", "no frame gives it")
    named = select(Rollup.series).distinct().order_by(Rollup.series)
    for number in run.connection.execute(named).scalars():
        if number not in known:
            run.found(CODE, f"rollups of series {number}", "no frame gives them")


def _compare(run: Run, stream: bytes, folded: Folded) -> Iterable[int]:
    if not folded.series:
        return ()
    stored = {row.id: row for row in run.connection.execute(select(Series).where(Series.stream == stream))}
    for number, expected in folded.series.items():
        where, row = f"series {number}", stored.get(number)
        if row is None:
            run.found(CODE, where, "this row is missing")
            continue
        for name, value in expected.items():
            run.same(CODE, where, name, value, getattr(row, name))
    missing = dict(folded.cells)
    for number in folded.series:
        for row in run.rows(select(Rollup).where(Rollup.series == number).order_by(Rollup.from_ms)):
            run.counts["rollups"] += 1
            where = f"rollup {row.series} {row.from_ms}"
            cell = missing.pop((row.series, row.from_ms), None)
            if cell is None:
                run.found(CODE, where, "no frame gives it")
                continue
            for name in Cell._fields:
                run.same(CODE, where, name, getattr(cell, name), getattr(row, name))
    for number, from_ms in missing:
        run.found(CODE, f"rollup {number} {from_ms}", "this row is missing")
    return folded.series


def _read(run: Run, stream: bytes) -> Iterator[DeviceStatement]:
    """The frames in a stream's chain; those that are not what they should be were named before."""
    record = models.Record
    query = select(models.Statement.body).join(record, record.statement == models.Statement.sha256)
    query = query.where(record.stream == stream, record.media_type == media.FRAME)
    for row in run.rows(query.order_by(record.seq)):
        try:
            statement = parse_statement(row.body)
            statement.columns()
        except TraceabilityError:
            continue
        if stream_hash(statement.stream) == stream:
            yield statement
