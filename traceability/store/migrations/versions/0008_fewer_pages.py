"""Less to write for an event: its disclosures in one row, and of indexes only those that are needed."""

from __future__ import annotations

import base64
import hashlib
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_NAMES = {"uq": "uq_%(table_name)s_%(column_0_name)s"}
CHUNK = 500
"""Statements that are rewritten at a time."""


def upgrade() -> None:
    with op.batch_alter_table("records", naming_convention=_NAMES) as records:
        records.drop_constraint(_unique_name(), type_="unique")
        records.drop_index("ix_records_statement")
        records.drop_index("records_unpublished")  # log_index is unique, and so has an index
        records.create_index("records_by_statement", ["statement", "stream"], unique=True)
    _join_disclosures()


def downgrade() -> None:
    _part_disclosures()
    with op.batch_alter_table("records") as records:
        records.drop_index("records_by_statement")
        records.create_index("records_unpublished", ["log_index"])
        records.create_index("ix_records_statement", ["statement"])
        records.create_unique_constraint(_unique_name(), ["stream", "statement"])


def _unique_name() -> str:
    """What stood for at most one record of a statement in a stream; SQLite gave it no name."""
    postgresql = op.get_bind().dialect.name == "postgresql"
    return "records_stream_statement_key" if postgresql else "uq_records_stream"


def _join_disclosures() -> None:
    before = op.get_bind()
    new = _create("disclosures_new", sa.Column("texts", sa.Text(), nullable=False))
    old = _table("disclosures", "digest", "body")
    for some in _chunks(old):
        rows = before.execute(sa.select(old).where(old.c.statement.in_(some)).order_by(old.c.statement))
        of_each = {
            name: {r.digest: r.body for r in own} for name, own in groupby(rows, lambda r: r.statement)
        }
        # What was erased has no text, and is named by the erasures.
        texts = {name: "~".join(own[d] for d in sorted(own) if own[d]) for name, own in of_each.items()}
        before.execute(sa.insert(new), [{"statement": name, "texts": text} for name, text in texts.items()])
    _replace()


def _part_disclosures() -> None:
    before = op.get_bind()
    new = _create(
        "disclosures_new",
        sa.Column("digest", sa.String(length=43), nullable=False, primary_key=True),
        sa.Column("body", sa.Text(), nullable=True),
    )
    old, erased = _table("disclosures", "texts"), _table("erasures", "digest")
    for some in _chunks(old):
        rows = before.execute(sa.select(old).where(old.c.statement.in_(some)))
        made = [_row(r.statement, text) for r in rows for text in r.texts.split("~") if text]
        gone = before.execute(sa.select(erased).where(erased.c.statement.in_(some)))
        made += [{"statement": r.statement, "digest": r.digest, "body": None} for r in gone]
        before.execute(sa.insert(new), made)
    _replace()


def _row(statement: bytes, text: str) -> dict[str, Any]:
    digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode("ascii")).digest())
    return {"statement": statement, "digest": digest.decode("ascii").rstrip("="), "body": text}


def _create(name: str, *columns: sa.Column[Any]) -> sa.Table:
    return op.create_table(
        name,
        sa.Column("statement", sa.LargeBinary(length=32), nullable=False, primary_key=True),
        *columns,
        sa.ForeignKeyConstraint(["statement"], ["statements.sha256"]),
    )


def _table(name: str, *columns: str) -> sa.TableClause:
    return sa.table(name, sa.column("statement", sa.LargeBinary()), *map(sa.column, columns))


def _chunks(table: sa.TableClause) -> Any:
    """The statements that have rows in a table, some at a time."""
    last = b""
    query = sa.select(table.c.statement).distinct().order_by(table.c.statement).limit(CHUNK)
    while some := list(op.get_bind().execute(query.where(table.c.statement > last)).scalars()):
        yield some
        last = some[-1]


def _replace() -> None:
    op.drop_table("disclosures")
    op.rename_table("disclosures_new", "disclosures")
