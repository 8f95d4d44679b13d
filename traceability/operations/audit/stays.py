"""Stays: the rules that every verifier of a bundle goes by, asked of the store itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import func, select

from traceability import media
from traceability.errors import LostStatementError, TamperError, TraceabilityError
from traceability.ledger.record import GENESIS, Record, commit
from traceability.ledger.state import stream_hash
from traceability.ledger.stay import StayClose, StayOpen
from traceability.operations.audit.report import Run
from traceability.operations.audit.tasks import Task
from traceability.operations.disclosures import disclosures_of
from traceability.operations.log import require_statement
from traceability.operations.roles import channels_since, installations
from traceability.sensing.frame import parse_statement
from traceability.store import models
from traceability.store.engine import AnyRow
from traceability.verification.bundle import Link, Place, Stretch
from traceability.verification.monitored import check_stays
from traceability.verification.statements import Checked, Content, open_statement

BATCHES: Final = 10
"""How many one part of the audit looks at."""
_WHOLE: Final = Place(0, 1, (), ())
"""Stands for the proof that a stream ends here: the audit reads the stream itself."""


def stay_tasks(run: Run) -> list[Task]:
    """The stays of every batch that has any."""
    record = models.Record
    newest = run.connection.execute(select(func.max(record.time_ms))).scalar_one() or 0
    signed = run.connection.execute(select(func.max(models.Checkpoint.time_ms))).scalar_one() or 0
    query = select(models.Stream.uri, models.Stream.hash).join(record, record.stream == models.Stream.hash)
    query = query.where(record.media_type.in_(media.STAY_TEXTS)).distinct().order_by(models.Stream.hash)
    found = [(row.uri, row.hash) for row in run.rows(query)]
    parts = [found[first : first + BATCHES] for first in range(0, len(found), BATCHES)]
    return [Task("batches with stays", len(part), audit_stays, (part, max(newest, signed))) for part in parts]


def audit_stays(run: Run, batches: Sequence[tuple[str, bytes]], as_of_ms: int) -> None:
    """Check the stays of some batches; the first wrong one of each is named."""
    for uri, name in batches:
        with run.noting("stay", f"stays of {uri}"):
            try:
                _audit_batch(run, uri, name, as_of_ms)
            except LostStatementError:  # which is named already
                run.counts["batches with lost records"] += 1


def _audit_batch(run: Run, uri: str, name: bytes, as_of_ms: int) -> None:
    batch = _read(run, uri, name, 0, None)
    ends: dict[int, int] = {c.open_seq: c.asset_count for c in batch.contents if isinstance(c, StayClose)}
    assets = [
        _read(run, c.asset, None, c.asset_count, ends.get(seq))
        for seq, c in enumerate(batch.contents)
        if isinstance(c, StayOpen)
    ]
    check_stays(batch, assets, as_of_ms)
    for content in batch.contents:
        if isinstance(content, StayOpen):
            _check_roles(run, content)
    run.counts["stays"] += len(assets)


def _check_roles(run: Run, opened: StayOpen) -> None:
    """A stay-open says of channels what an installing event says: no verifier of a bundle sees those.

    Which event that is is not asked where there are several: a later one may have come after the stay-open.
    """
    asset = stream_hash(opened.asset)
    for device in opened.devices:
        begun = installations(run.connection, asset, device.device, opened.entered_ms)
        found = [channels_since(run.connection, asset, device.device, ms) for ms in begun]
        if device.channels not in found:
            what = f"roles of the channels of {device.device} in {opened.asset}"
            raise TamperError(what, expected=found, got=device.channels)


def _read(run: Run, uri: str, name: bytes | None, first: int, end: int | None) -> Checked:
    """A stretch of a stream, parsed; that its records chain was checked before."""
    record, stream = models.Record, models.Stream
    key = select(stream.hash).where(stream.uri == uri).scalar_subquery() if name is None else name
    query = select(record, models.Statement.body).outerjoin(models.Statement)
    query = query.where(record.stream == key, record.seq >= first).order_by(record.seq)
    if end is not None:
        query = query.where(record.seq < end)
    before = select(record.hash).where(record.stream == key, record.seq == first - 1)
    head = prev = run.connection.execute(before).scalar_one_or_none() or GENESIS
    records, links, contents = [], [], []
    for row in run.rows(query):
        require_statement(row, uri)
        made = Record(uri, row.seq, head, row.time_ms, row.media_type, commit(row.statement, row.salt))
        records.append(made)
        links.append(Link(row.time_ms, row.media_type, row.salt, row.statement, None))
        contents.append(_content(run, row, made))
        head = row.hash
    stretch = Stretch(uri, first, prev, tuple(links), _WHOLE if end is None else None)
    return Checked(stretch, tuple(records), tuple(contents))


def _content(run: Run, row: AnyRow, record: Record) -> Content:
    """What a record says; one that is missing or not genuine was named before, and says nothing here."""
    if row.body is None:
        return None
    try:
        if row.media_type in media.DEVICE_STATEMENTS:
            return parse_statement(row.body)
        texts = tuple(disclosures_of(run.connection, row.statement))
        return open_statement(row.body, row.statement, record, {row.statement: texts}, run.signers)
    except TraceabilityError:
        return None
