"""What was erased, for whom, why and when."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "erasures",
        sa.Column("statement", sa.LargeBinary(length=32), nullable=False),
        sa.Column("digest", sa.String(length=43), nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("party", sa.String(length=512), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at_ms", _BIG, nullable=False),
        sa.ForeignKeyConstraint(["statement"], ["statements.sha256"]),
        sa.PrimaryKeyConstraint("statement", "digest"),
    )
    op.create_index(op.f("ix_erasures_at_ms"), "erasures", ["at_ms"], unique=False)


def downgrade() -> None:
    op.drop_table("erasures")
