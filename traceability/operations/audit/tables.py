"""Derived tables: each row is what the statements give, none is missing, none is too many."""

from __future__ import annotations

from sqlalchemy import select

from traceability.ledger.state import stream_hash
from traceability.operations.audit.report import Run, shown
from traceability.operations.audit.told import Rows, Tables
from traceability.signing.keys import unseal
from traceability.store import models


def audit_tables(run: Run, told: Tables) -> None:
    """Compare all tables that follow from statements alone."""
    signers = run.signers.by_kid
    keys: Rows = {
        (kid,): {
            "subject": s.subject,
            "public": s.key.raw,
            "stream": stream_hash(s.stream),
            "from_ms": s.from_ms,
            "until_ms": s.until_ms,
        }
        for kid, s in signers.items()
    }
    devices: Rows = {(kid.hex(),): {"kid": kid} for kid, s in signers.items() if s.owner is not None}
    custody: Rows = {(kid,): {} for kid, s in signers.items() if s.custody == "node" and s.until_ms is None}
    _compare(run, "key", models.Key, keys)
    _compare(run, "device", models.Device, devices)
    _compare(run, "custody", models.Custody, custody)
    _compare(run, "gap", models.Gap, told.gaps)
    _compare(run, "installation", models.Installation, told.installations)
    _compare(run, "batch", models.Batch, told.batches)
    _compare(run, "stay", models.Stay, told.stays)
    _unseal(run)


def _compare(run: Run, code: str, model: type[models.Base], expected: Rows) -> None:
    """Compare a table with the rows that it must have; columns that ``expected`` leaves out are not read."""
    table, title = model.__table__, model.__tablename__
    names = [column.name for column in table.primary_key]
    missing = dict(expected)
    for row in run.rows(select(table)):
        key = tuple(getattr(row, name) for name in names)
        where = _where(title, key)
        columns = missing.pop(key, None)
        if columns is None:
            run.found(code, where, "no statement says so")
            continue
        for name, value in columns.items():
            run.same(code, where, name, value, getattr(row, name))
    for key in missing:
        run.found(code, _where(title, key), "this row is missing")


def _where(table: str, key: tuple[object, ...]) -> str:
    return f"{table} {' '.join(shown(part) for part in key)}"


def _unseal(run: Run) -> None:
    """Every key in custody opens, and is the private half of its key."""
    table = models.Custody
    for row in run.rows(select(table.kid, table.sealed)):
        signer = run.signers.by_kid.get(row.kid)
        if signer is not None:
            with run.noting("custody", f"custody {row.kid.hex()}"):
                unseal(run.node.secret, row.sealed, signer.key)
