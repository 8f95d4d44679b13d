"""What visitors leave behind: reports of problems, word of them, counts of scans."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _reports()
    op.create_table(
        "report_deliveries",
        sa.Column("report", sa.String(16), sa.ForeignKey("reports.id"), primary_key=True),
        sa.Column("channel", sa.String(8), primary_key=True),
        sa.Column("due_ms", sa.BigInteger(), nullable=False),
        sa.Column("tries", sa.BigInteger(), nullable=False),
        sa.Column("done_ms", sa.BigInteger(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
    )
    due = sa.text("done_ms IS NULL")
    op.create_index(
        "report_deliveries_due", "report_deliveries", ["due_ms"], sqlite_where=due, postgresql_where=due
    )
    op.create_table(
        "scans",
        sa.Column("item", sa.LargeBinary(16), primary_key=True),
        sa.Column("day", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("networks", sa.BigInteger(), nullable=False),
    )


def _reports() -> None:
    op.create_table(
        "reports",
        sa.Column("id", sa.String(16), primary_key=True),
        sa.Column("batch", sa.String(512), nullable=False, index=True),
        sa.Column("serial", sa.String(20), nullable=True),
        sa.Column("party", sa.String(512), nullable=True, index=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("words", sa.Text(), nullable=True),
        sa.Column("contact", sa.Text(), nullable=True),
        sa.Column("photo", sa.LargeBinary(), nullable=True),
        sa.Column("made_ms", sa.BigInteger(), nullable=False, index=True),
        sa.Column("network", sa.LargeBinary(16), nullable=True, index=True),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("answered_by", sa.String(512), nullable=True),
        sa.Column("answered_ms", sa.BigInteger(), nullable=True),
        sa.Column("erased_ms", sa.BigInteger(), nullable=True),
    )


def downgrade() -> None:
    for table in ("scans", "report_deliveries", "reports"):
        op.drop_table(table)
