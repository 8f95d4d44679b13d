"""Cells of readings: each is what the frames of its series give, none is missing, none is too many."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, Final

from sqlalchemy import Select, func, select

from traceability import media
from traceability.errors import TraceabilityError
from traceability.ledger.state import stream_hash
from traceability.operations.audit.report import Run
from traceability.operations.audit.tasks import Task
from traceability.operations.rollups import Folder
from traceability.sensing.frame import DeviceStatement, parse_statement
from traceability.sensing.rollup import Cell
from traceability.store import models
from traceability.store.readings import Rollup, Series

CODE: Final = "rollup"
RANGE: Final = 4_000
"""Frames that one part of the audit folds again, about: more, where one stream has more."""


def rollup_tasks(run: Run) -> list[Task]:
    """The cells of all streams with frames, those of some streams at a time."""
    query = _frames(select(models.Record.stream, func.count().label("number")))
    tasks, some, weight = [], list[bytes](), 0
    for row in run.rows(query.group_by(models.Record.stream).order_by(models.Record.stream)):
        some.append(row.stream)
        weight += row.number
        if weight >= RANGE:
            tasks.append(Task("readings", weight, audit_streams, (some,)))
            some, weight = [], 0
    return [*tasks, Task("readings", weight, audit_streams, (some,))]


def audit_streams(run: Run, streams: Iterable[bytes]) -> set[int]:
    """Fold the frames of some streams again, and compare their cells; returns the numbers of their series."""
    return set(chain.from_iterable(_audit_stream(run, stream) for stream in streams))


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


def _audit_stream(run: Run, stream: bytes) -> Iterable[int]:
    folded = Folder().collect(_read(run, stream))
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


def _frames(query: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    """Only of frames whose statements are not lost."""
    return query.where(models.Record.media_type == media.FRAME, models.Record.statement.is_not(None))


def _read(run: Run, stream: bytes) -> Iterator[DeviceStatement]:
    """The frames in a stream's chain; those that are not what they should be were named before."""
    record = models.Record
    query = select(models.Statement.body).join(record, record.statement == models.Statement.sha256)
    for row in run.rows(_frames(query.where(record.stream == stream)).order_by(record.seq)):
        try:
            statement = parse_statement(row.body)
            statement.columns()
        except TraceabilityError:
            continue
        if stream_hash(statement.stream) == stream:
            yield statement
