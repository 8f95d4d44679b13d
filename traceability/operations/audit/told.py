"""What the statements say, gathered while the chains are read: the rows that must stand in the tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from sqlalchemy import select

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


@dataclass(slots=True)
class Told:
    """Rows that follow from the statements read so far; ``accepted`` counts them by device."""

    run: Run
    gaps: Rows = field(default_factory=dict)
    installations: Rows = field(default_factory=dict)
    batches: Rows = field(default_factory=dict)
    stays: Rows = field(default_factory=dict)
    accepted: Counter[str] = field(default_factory=Counter)
    _said: dict[tuple[bytes, int], AnyRow] | None = None

    def take(self, row: AnyRow, record: Record, where: str, content: Content) -> None:
        """Add what one statement says."""
        if isinstance(content, DeviceStatement):
            self._take_device(row, where, content)
        elif isinstance(content, Happening):
            self._take_event(row, content)
        elif isinstance(content, Document):
            self._take_document(where, content)
        elif isinstance(content, StayClose):
            self._take_close(row, content)
        elif isinstance(content, StayOpen):
            columns = {"asset": stream_hash(content.asset), "asset_from": content.asset_count}
            empty = dict.fromkeys(("left_ms", "leave_seq", "close_seq", "asset_to"))
            self.stays[row.stream, record.seq] = columns | {"entered_ms": content.entered_ms} | empty

    def _take_document(self, where: str, document: Document) -> None:
        """The file of a notice, if it is kept here, is the one that was deposited; it may be gone."""
        with self.run.noting("document", f"the file of {where}"), suppress(UnknownSubjectError):
            read_document(self.run.node.folder, document.notice.sha256)

    def end_stream(self, name: bytes) -> None:
        """What the table says of a stream's device statements and no record does."""
        for (_, seq), row in (self._load(name) if self._said is None else self._said).items():
            where = f"counter {row.counter} of device {row.device}"
            self.run.found("device-statement", where, f"no genuine record {seq} of its stream says so")
        self._said = None

    def _load(self, name: bytes) -> dict[tuple[bytes, int], AnyRow]:
        table = models.DeviceStatement
        rows = self.run.connection.execute(select(table).where(table.stream == name))
        return {(name, row.seq): row for row in rows}

    def _take_device(self, row: AnyRow, where: str, statement: DeviceStatement) -> None:
        if self._said is None:
            self._said = self._load(row.stream)
        self.accepted[statement.device] += 1
        if statement.media_type == media.GAP:
            for gap in statement.gaps():
                key = (statement.device, gap.first, gap.last)
                self.gaps.setdefault(key, {"statement": statement.sha256})
        said = self._said.pop((row.stream, row.seq), None)
        if said is None or (said.device, said.counter) != (statement.device, statement.counter):
            place = f"counter {statement.counter} of device {statement.device}"
            self.run.found("device-statement", place, f"its row is missing or points elsewhere than {where}")
            return
        span = span_of(statement) or (None, None)
        expected = (statement.sha256, statement.prev, statement.boot, ACCEPTED, *span)
        compare_said(self.run, said, expected)

    def _take_event(self, row: AnyRow, happening: Happening) -> None:
        event, at_ms = happening.event, happening.happened_ms
        if parse_stream(row.uri).kind is Kind.BATCH:
            begun = begins(event, row.uri, happening.node)
            known = self.batches.setdefault((row.stream,), {"statement": row.statement, "begun": begun})
            if begun and not known["begun"]:
                known |= {"statement": row.statement, "begun": True}
        if event.get("action") not in {"ADD", "DELETE"}:
            return
        self._take_installation(row.stream, event, event["action"] == "ADD", at_ms)
        if event["action"] == "DELETE" and entered_asset(event, happening.node) is not None:
            inside = [s for key, s in self.stays.items() if key[0] == row.stream and s["left_ms"] is None]
            for stay in inside:
                stay |= {"left_ms": at_ms, "leave_seq": row.seq}

    def _take_installation(self, stream: bytes, event: Mapping[str, Any], adds: bool, at_ms: int) -> None:
        for device in devices_of(event):
            if adds:
                self.installations[device, at_ms] = {"to_ms": None, "stream": stream}
                continue
            for key, columns in self.installations.items():
                if key[0] == device and columns == {"to_ms": None, "stream": stream}:
                    columns["to_ms"] = at_ms

    def _take_close(self, row: AnyRow, close: StayClose) -> None:
        stay = self.stays.get((row.stream, close.open_seq))
        if stay is not None:
            stay |= {"close_seq": row.seq, "asset_to": close.asset_count}


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
