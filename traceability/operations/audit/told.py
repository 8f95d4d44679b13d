"""What the statements say, gathered while the chains are read: the rows that must stand in the tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from sqlalchemy import exists, or_, select

from traceability import media
from traceability.errors import UnknownSubjectError
from traceability.identifiers import Kind, parse_stream
from traceability.ledger.record import Record
from traceability.ledger.state import stream_hash
from traceability.ledger.stay import StayClose, StayOpen
from traceability.operations.audit.report import Run
from traceability.operations.documents import read_document
from traceability.operations.tally import ACCEPTED
from traceability.sensing.frame import Clock, DeviceStatement
from traceability.store import models
from traceability.store.engine import AnyRow
from traceability.supply.epcis.events import begins, devices_of, entered_asset
from traceability.verification.journey import Document, Happening
from traceability.verification.statements import Content

Rows: TypeAlias = dict[tuple[object, ...], dict[str, Any]]
"""By primary key, the other columns."""

_COMPARED: Final = ("sha256", "prev", "boot", "outcome", "from_ms", "to_ms")


@dataclass(frozen=True, slots=True)
class _Named:
    """An event that names a batch; ``begun`` if it is one by which that begins."""

    stream: bytes
    statement: bytes
    begun: bool


@dataclass(frozen=True, slots=True)
class _Installed:
    """A device was installed, or with ``adds`` False taken away."""

    device: str
    at_ms: int
    stream: bytes
    adds: bool


@dataclass(frozen=True, slots=True)
class _Entered:
    """A stay was opened."""

    stream: bytes
    seq: int
    asset: bytes
    asset_from: int
    entered_ms: int


@dataclass(frozen=True, slots=True)
class _Left:
    """A batch left where it was."""

    stream: bytes
    seq: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class _Closed:
    """A stay was closed, or its close amended."""

    stream: bytes
    open_seq: int
    seq: int
    asset_to: int


Act: TypeAlias = _Named | _Installed | _Entered | _Left | _Closed


@dataclass(slots=True)
class Said:
    """What the statements in a range say: gaps, how many of each device, and acts in their order."""

    gaps: Rows = field(default_factory=dict)
    accepted: Counter[str] = field(default_factory=Counter)
    acts: list[Act] = field(default_factory=list)


@dataclass(slots=True)
class Tables:
    """Rows that follow from the statements taken so far; ``accepted`` counts them by device."""

    gaps: Rows = field(default_factory=dict)
    installations: Rows = field(default_factory=dict)
    batches: Rows = field(default_factory=dict)
    stays: Rows = field(default_factory=dict)
    accepted: Counter[str] = field(default_factory=Counter)
    _inside: dict[bytes, list[dict[str, Any]]] = field(default_factory=dict)
    _there: dict[tuple[str, bytes], list[dict[str, Any]]] = field(default_factory=dict)

    def take(self, said: Said) -> None:
        """Add what a range says; ranges come in their order."""
        self.accepted += said.accepted
        for key, columns in said.gaps.items():
            self.gaps.setdefault(key, columns)
        for act in said.acts:
            match act:
                case _Named():
                    self._name(act)
                case _Installed():
                    self._install(act)
                case _Entered():
                    self._enter(act)
                case _Left():
                    for stay in self._inside.pop(act.stream, ()):
                        stay |= {"left_ms": act.at_ms, "leave_seq": act.seq}
                case _Closed():
                    closed = {"close_seq": act.seq, "asset_to": act.asset_to}
                    self.stays.get((act.stream, act.open_seq), {}).update(closed)

    def _name(self, act: _Named) -> None:
        known = self.batches.setdefault((act.stream,), {"statement": act.statement, "begun": act.begun})
        if act.begun and not known["begun"]:
            known |= {"statement": act.statement, "begun": True}

    def _install(self, act: _Installed) -> None:
        there = self._there.setdefault((act.device, act.stream), [])
        if act.adds:
            columns: dict[str, Any] = {"to_ms": None, "stream": act.stream}
            self.installations[act.device, act.at_ms] = columns
            there.append(columns)
            return
        for columns in there:
            columns["to_ms"] = act.at_ms
        there.clear()

    def _enter(self, act: _Entered) -> None:
        columns = {"asset": act.asset, "asset_from": act.asset_from, "entered_ms": act.entered_ms}
        empty = dict.fromkeys(("left_ms", "leave_seq", "close_seq", "asset_to"))
        stay = self.stays[act.stream, act.seq] = columns | empty
        self._inside.setdefault(act.stream, []).append(stay)


@dataclass(slots=True)
class Told:
    """What the statements of a range say, and whether the rows of devices' statements say the same.

    The range is from the number in a stream ``first`` on, up to but not including ``end``; None: from the
    first record on, up to the last.
    """

    run: Run
    first: tuple[bytes, int] | None
    end: tuple[bytes, int] | None
    said: Said = field(default_factory=Said)
    _with_rows: set[bytes] = field(default_factory=set)
    _rows: dict[int | None, AnyRow] | None = None

    def expect(self, rows: Collection[AnyRow]) -> None:
        """Say which records come next, so that nothing is asked for streams of which there is nothing."""
        streams = {row.stream for row in rows}
        stream, said = models.Stream, models.DeviceStatement
        query = select(stream.hash).where(stream.hash.in_(streams))
        query = query.where(exists().where(said.stream == stream.hash))
        lost = {row.stream for row in rows if row.uri is None}
        self._with_rows = lost.union(self.run.connection.execute(query).scalars())

    def take(self, row: AnyRow, record: Record, where: str, content: Content) -> None:
        """Add what one statement says."""
        if isinstance(content, DeviceStatement):
            self._take_device(row, where, content)
        elif isinstance(content, Happening):
            self._take_event(row, content)
        elif isinstance(content, Document):
            self._take_document(where, content)
        elif isinstance(content, StayClose):
            self.said.acts.append(_Closed(row.stream, content.open_seq, row.seq, content.asset_count))
        elif isinstance(content, StayOpen):
            asset = stream_hash(content.asset)
            entered = _Entered(row.stream, record.seq, asset, content.asset_count, content.entered_ms)
            self.said.acts.append(entered)

    def takes(self, device: str, stream: bytes, seq: int, expected: tuple[object, ...]) -> bool:
        """Add an accepted frame if its device's row has these columns; else nothing is done."""
        rows = self._of(stream)
        if tuple(rows.get(seq, ())) != expected:
            return False
        del rows[seq]
        self.said.accepted[device] += 1
        return True

    def _take_document(self, where: str, document: Document) -> None:
        """The file of a notice, if it is kept here, is the one that was deposited; it may be gone."""
        with self.run.noting("document", f"the file of {where}"), suppress(UnknownSubjectError):
            read_document(self.run.node.folder, document.notice.sha256)

    def end_stream(self, name: bytes) -> None:
        """What the table says of a stream's device statements and no record does."""
        for seq, row in self._of(name).items():
            where = f"counter {row.counter} of device {row.device}"
            self.run.found("device-statement", where, f"no genuine record {seq} of its stream says so")
        self._rows = None

    def _of(self, name: bytes) -> dict[int | None, AnyRow]:
        """The rows that name records of a stream, as far as they are in the range; read once."""
        if self._rows is None and name not in self._with_rows:
            return {}
        if self._rows is None:
            table = models.DeviceStatement
            query = select(table.__table__).where(table.stream == name)
            if self.first is not None and self.first[0] == name and self.first[1]:
                query = query.where(table.seq >= self.first[1])
            if self.end is not None and self.end[0] == name:
                query = query.where(or_(table.seq.is_(None), table.seq < self.end[1]))
            query = query.order_by(table.device, table.counter)
            self._rows = {row.seq: row for row in self.run.connection.execute(query)}
        return self._rows

    def _take_device(self, row: AnyRow, where: str, statement: DeviceStatement) -> None:
        self.said.accepted[statement.device] += 1
        if statement.media_type == media.GAP:
            for gap in statement.gaps():
                key = (statement.device, gap.first, gap.last)
                self.said.gaps.setdefault(key, {"statement": statement.sha256})
        said = self._of(row.stream).pop(row.seq, None)
        if said is None or (said.device, said.counter) != (statement.device, statement.counter):
            place = f"counter {statement.counter} of device {statement.device}"
            self.run.found("device-statement", place, f"its row is missing or points elsewhere than {where}")
            return
        span = span_of(statement) or (None, None)
        expected = (statement.sha256, statement.prev, statement.boot, ACCEPTED, *span)
        compare_said(self.run, said, expected)

    def _take_event(self, row: AnyRow, happening: Happening) -> None:
        event, at_ms, acts = happening.event, happening.happened_ms, self.said.acts
        if parse_stream(row.uri).kind is Kind.BATCH:
            acts.append(_Named(row.stream, row.statement, begins(event, row.uri, happening.node)))
        adds = event.get("action") == "ADD"
        if not adds and event.get("action") != "DELETE":
            return
        acts += [_Installed(device, at_ms, row.stream, adds) for device in devices_of(event)]
        if not adds and entered_asset(event, happening.node) is not None:
            acts.append(_Left(row.stream, row.seq, at_ms))


def compare_said(run: Run, row: AnyRow, expected: tuple[object, ...]) -> None:
    """Compare a row of ``device_statements`` with what its statement gives."""
    where = f"counter {row.counter} of device {row.device}"
    for name, value in zip(_COMPARED, expected, strict=True):
        run.same("device-statement", where, name, value, getattr(row, name))


def span_of(statement: DeviceStatement) -> tuple[int, int] | None:
    """From its first reading to its last, in milliseconds; None for a gap or without a clock."""
    if statement.media_type != media.FRAME or statement.clock is Clock.UNSYNCHRONISED:
        return None
    times = statement.columns().at_ms
    return min(times), max(times)
