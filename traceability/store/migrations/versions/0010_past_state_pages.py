"""Pages of the state as they were before the newest checkpoints."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "past_state_pages",
        sa.Column("size", _BIG, autoincrement=False, nullable=False),
        sa.Column("level", _BIG, nullable=False),
        sa.Column("number", _BIG, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("size", "level", "number"),
    )


def downgrade() -> None:
    op.drop_table("past_state_pages")
