"""Tries to sign in, which all processes of the web count together."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "attempts",
        sa.Column("id", sa.LargeBinary(32), primary_key=True),
        sa.Column("due_ms", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_attempts_due_ms", "attempts", ["due_ms"])


def downgrade() -> None:
    op.drop_table("attempts")
