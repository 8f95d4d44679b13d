"""The counters of each key of a device, codes by which devices enrol themselves, MACs of tokens."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("keys", sa.Column("first_counter", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("keys", sa.Column("last_counter", sa.BigInteger(), nullable=True))
    op.add_column("tokens", sa.Column("mac", sa.LargeBinary(32), nullable=True))
    op.create_table(
        "enrol_codes",
        sa.Column("mac", sa.LargeBinary(32), primary_key=True),
        sa.Column("party", sa.String(512), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False, index=True),
        sa.Column("device", sa.String(32), nullable=True),
        sa.Column("request", sa.LargeBinary(), nullable=True),
        sa.Column("attempt", sa.BigInteger(), nullable=False),
        sa.Column("approved", sa.Boolean(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("enrol_codes")
    op.drop_column("tokens", "mac")
    op.drop_column("keys", "last_counter")
    op.drop_column("keys", "first_counter")
