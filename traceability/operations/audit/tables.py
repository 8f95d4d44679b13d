"""Derived tables: each row is what the statements give, none is missing, none is too many."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select

from traceability.ledger.state import stream_hash
from traceability.operations.audit.report import Run, shown
from traceability.operations.audit.told import Rows, Tables
from traceability.signing.keys import unseal
from traceability.store import models
from traceability.verification.signer import Signer


def audit_tables(run: Run, told: Tables) -> None:
    """Compare all tables that follow from statements alone."""
    signers = run.signers.by_kid
    keys, devices = key_rows(signers)
    custody: Rows = {(kid,): {} for kid, s in signers.items() if s.custody == "node" and s.until_ms is None}
    _compare(run, "key", models.Key, keys)
    _compare(run, "device", models.Device, devices)
    _compare(run, "custody", models.Custody, custody)
    _compare(run, "gap", models.Gap, told.gaps)
    _compare(run, "installation", models.Installation, told.installations)
    _compare(run, "batch", models.Batch, told.batches)
    _compare(run, "stay", models.Stay, told.stays)
    _unseal(run)


def key_rows(signers: Mapping[bytes, Signer]) -> tuple[Rows, Rows]:
    """The rows of keys, and of the devices that were enrolled with them."""
    keys: Rows = {
        (kid,): {
            "subject": s.subject,
            "public": s.key.raw,
            "stream": stream_hash(s.stream),
            "from_ms": s.from_ms,
            "until_ms": s.until_ms,
            "first_counter": s.first,
            "last_counter": None if s.revoked_ms is not None else s.last,
        }
        for kid, s in signers.items()
    }
    enrolled = (kid for kid, s in signers.items() if s.owner is not None and s.rotated is None)
    return keys, {(kid.hex(),): {"kid": kid} for kid in enrolled}


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
