"""What parties added to others' proofs, for their quotas."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "spent",
        sa.Column("stream", sa.LargeBinary(), nullable=False),
        sa.Column("party", sa.String(length=512), nullable=False),
        sa.Column("period", _BIG, autoincrement=False, nullable=False),
        sa.Column("size", _BIG, nullable=False),
        sa.ForeignKeyConstraint(["stream"], ["streams.hash"]),
        sa.PrimaryKeyConstraint("stream", "party", "period"),
    )


def downgrade() -> None:
    op.drop_table("spent")
