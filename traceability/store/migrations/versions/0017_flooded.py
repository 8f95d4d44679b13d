"""What a device sent beyond its rate, counted and not looked at; how much of it the quarantine holds."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("tallies", sa.Column("flooded", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("tallies", sa.Column("flooded_ms", sa.BigInteger(), nullable=True))
    op.add_column("tallies", sa.Column("kept_bytes", sa.BigInteger(), nullable=False, server_default="0"))
    op.execute(
        "UPDATE tallies SET kept_bytes = COALESCE("
        "(SELECT SUM(LENGTH(body)) FROM quarantine WHERE quarantine.source = tallies.source), 0)"
    )


def downgrade() -> None:
    op.drop_column("tallies", "kept_bytes")
    op.drop_column("tallies", "flooded_ms")
    op.drop_column("tallies", "flooded")
