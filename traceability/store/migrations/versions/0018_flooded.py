"""What a device sent beyond its rate, counted and not looked at."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("tallies", sa.Column("flooded", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("tallies", sa.Column("flooded_ms", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("tallies", "flooded_ms")
    op.drop_column("tallies", "flooded")
