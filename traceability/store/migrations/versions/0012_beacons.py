"""The hash by which a device's frame names a checkpoint."""

from __future__ import annotations

import hashlib

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_AT_A_TIME = 10_000


def upgrade() -> None:
    op.add_column("checkpoints", sa.Column("beacon", sa.LargeBinary(32), nullable=False, server_default=""))
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("checkpoints", "beacon", server_default=None)
    _fill()
    op.create_index(op.f("ix_checkpoints_beacon"), "checkpoints", ["beacon"], unique=False)


def _fill() -> None:
    """The text of a signed note is what stands before its empty line, with its own newline."""
    table = sa.table("checkpoints", sa.column("size"), sa.column("note"), sa.column("beacon"))
    connection, done = op.get_bind(), -1
    page = sa.select(table.c.size, table.c.note).order_by(table.c.size).limit(_AT_A_TIME)
    put = sa.update(table).where(table.c.size == sa.bindparam("of")).values(beacon=sa.bindparam("named"))
    while rows := connection.execute(page.where(table.c.size > done)).all():
        texts = ((row.size, row.note.partition("\n\n")[0] + "\n") for row in rows)
        hashes = ((size, hashlib.sha256(text.encode()).digest()) for size, text in texts)
        connection.execute(put, [{"of": size, "named": named} for size, named in hashes])
        done = rows[-1].size


def downgrade() -> None:
    op.drop_index(op.f("ix_checkpoints_beacon"), "checkpoints")
    op.drop_column("checkpoints", "beacon")
