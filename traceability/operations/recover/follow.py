"""What follows from statements that were given back: the rows that capture and ingest would have written.

They are taken from the audit's own reading of all statements, so that it finds nothing missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import and_, delete, select

from traceability import media
from traceability.operations.audit.chains import chain_tasks
from traceability.operations.audit.disclosures import digests_in
from traceability.operations.audit.keys import audit_keys
from traceability.operations.audit.report import Run
from traceability.operations.audit.tables import key_rows
from traceability.operations.audit.tasks import perform_here
from traceability.operations.audit.told import Rows, Tables, span_of
from traceability.operations.disclosures import LOST, SEPARATOR
from traceability.operations.node import Node
from traceability.operations.project import CHUNK
from traceability.operations.receipts import settle
from traceability.operations.reproject import project_some
from traceability.operations.rollups import Folder
from traceability.operations.tally import ACCEPTED, Counted, count
from traceability.sensing.frame import DeviceStatement, parse_statement
from traceability.signing import sdjwt
from traceability.signing.strictjson import b64url_decode, json_decode
from traceability.store import models
from traceability.store.access import Erasure
from traceability.store.engine import Transaction
from traceability.store.rows import insert_new, put_all


def follow(tx: Transaction, node: Node) -> None:
    """Write every row that the statements give and that is not there."""
    run = Run(tx.connection, node)
    audit_keys(run)
    told = Tables()
    for part in perform_here(run, chain_tasks(run), None):
        said, _ = part.value
        told.take(said)
    _follow_keys(tx, run)
    known = set(tx.connection.execute(select(models.Device.id)).scalars())
    _follow_devices(tx, known)
    insert_new(tx, models.Gap, _rows(models.Gap, told.gaps, known))
    put_all(tx, models.Installation, _rows(models.Installation, told.installations, known))
    put_all(tx, models.Batch, _rows(models.Batch, told.batches))
    put_all(tx, models.Stay, _rows(models.Stay, told.stays))
    while project_some(tx, node.name) == CHUNK:
        pass


def keep_texts(tx: Transaction, statement: bytes, body: bytes, texts: Sequence[str]) -> None:
    """Keep the disclosures that came with an event; those that did not are noted as lost."""
    parsed, given = sdjwt.parse(body), {sdjwt.digest_of(text): text for text in texts}
    named = {digest for digest, _ in digests_in(dict(parsed.payload))}
    for text in given.values():
        named |= {digest for digest, _ in digests_in(json_decode(b64url_decode(text)))}
    row = {"statement": statement, "texts": SEPARATOR.join(given[digest] for digest in sorted(given))}
    insert_new(tx, models.Disclosures, [row])
    gone = {"statement": statement, "part": LOST, "party": parsed.iss, "at_ms": tx.now_ms}
    gone["reason"] = "lost with a database; no bundle that was brought shows it"
    insert_new(tx, Erasure, [gone | {"digest": digest} for digest in sorted(named - given.keys())])


def _follow_keys(tx: Transaction, run: Run) -> None:
    keys, devices = key_rows(run.signers.by_kid)
    put_all(tx, models.Key, _rows(models.Key, keys))
    insert_new(tx, models.Device, (row | {"settled": -1} for row in _rows(models.Device, devices)))
    ended = select(models.Key.kid).where(models.Key.until_ms.is_not(None))
    tx.connection.execute(delete(models.Custody).where(models.Custody.kid.in_(ended)))


def _follow_devices(tx: Transaction, known: set[str]) -> None:
    """Device statements that nobody counted, their readings, and how far they settle their devices."""
    record, said = models.Record, models.DeviceStatement
    place = and_(said.stream == record.stream, said.seq == record.seq)
    query = (
        select(record.stream, record.seq, models.Statement.body)
        .join(models.Statement, models.Statement.sha256 == record.statement)
        .outerjoin(said, place)
        .where(record.media_type.in_(media.DEVICE_STATEMENTS), said.device.is_(None))
    )
    found = [(row, parse_statement(row.body)) for row in tx.connection.execute(query)]
    new = [(row, statement) for row, statement in found if statement.device in known]
    insert_new(tx, said, (_said(row.stream, row.seq, statement) for row, statement in new))
    Folder().fold(tx, (statement for _, statement in new))
    count(tx, [Counted(statement.device, ACCEPTED, "", statement.message, None) for _, statement in new])
    devices = {statement.device for _, statement in new}
    of = select(models.Device.id, models.Device.settled).where(models.Device.id.in_(devices))
    settle(tx.connection, {row.id: row.settled for row in tx.connection.execute(of)})


def _said(stream: bytes, seq: int, statement: DeviceStatement) -> dict[str, object]:
    span = span_of(statement) or (None, None)
    return {
        "device": statement.device,
        "counter": statement.counter,
        "sha256": statement.sha256,
        "prev": statement.prev,
        "boot": statement.boot,
        "outcome": ACCEPTED,
        "stream": stream,
        "seq": seq,
        "from_ms": span[0],
        "to_ms": span[1],
    }


def _rows(
    model: type[models.Base], told: Rows, devices: set[str] | None = None
) -> Iterator[dict[str, object]]:
    """Rows as they are told; of devices that are not known there are none."""
    names = [column.name for column in model.__table__.primary_key]
    for key, columns in told.items():
        if devices is None or key[0] in devices:
            yield dict(zip(names, key, strict=True)) | columns
