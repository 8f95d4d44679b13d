"""From when until when a key speaks for its holder."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("keys", sa.Column("from_ms", _BIG, nullable=False, server_default="0"))
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("keys", "from_ms", server_default=None)
    op.add_column("keys", sa.Column("until_ms", _BIG, nullable=True))
    # Until now a key stream was one enrolment, so its first record brought its only key in.
    op.execute(
        "UPDATE keys SET from_ms = (SELECT records.time_ms FROM records"
        " WHERE records.stream = keys.stream AND records.seq = 0)"
    )
    op.create_index(op.f("ix_keys_from_ms"), "keys", ["from_ms"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_keys_from_ms"), table_name="keys")
    op.drop_column("keys", "until_ms")
    op.drop_column("keys", "from_ms")
