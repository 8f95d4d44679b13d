"""Which stays the publisher need not look at; all are looked at once after the update."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("stays") as stays:
        stays.add_column(sa.Column("settled", sa.Boolean(), server_default=sa.false(), nullable=False))
        stays.drop_index("ix_stays_asset")
        stays.create_index("stays_by_leaving", ["asset", "left_ms"])
    op.create_index(
        "stays_unsettled",
        "stays",
        ["batch", "open_seq"],
        sqlite_where=sa.text("settled = 0"),
        postgresql_where=sa.text("settled = false"),
    )


def downgrade() -> None:
    op.drop_index("stays_unsettled", "stays")
    with op.batch_alter_table("stays") as stays:
        stays.drop_index("stays_by_leaving")
        stays.create_index("ix_stays_asset", ["asset"])
        stays.drop_column("settled")
