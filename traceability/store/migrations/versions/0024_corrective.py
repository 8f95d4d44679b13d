"""What was done about an alarm: reports, and their verification by somebody else."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "corrective_rows",
        sa.Column("alarm", sa.String(32), sa.ForeignKey("alarms.id"), primary_key=True),
        sa.Column("number", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("party", sa.String(512), nullable=False),
        sa.Column("kind", sa.String(12), nullable=False),
        sa.Column("of", sa.BigInteger(), nullable=True),
        sa.Column("by", sa.String(16), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("says", sa.Text(), nullable=False),
        sa.Column("made_ms", sa.BigInteger(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("corrective_rows")
