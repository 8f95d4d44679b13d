"""Papers of inspections, and links for reading that were given out."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "papers",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("party", sa.String(512), nullable=False),
        sa.Column("by", sa.String(200), nullable=False),
        sa.Column("about", sa.String(512), nullable=False),
        sa.Column("inspection", sa.String(32), sa.ForeignKey("papers.id"), nullable=True),
        sa.Column("sample", sa.String(32), sa.ForeignKey("papers.id"), nullable=True),
        sa.Column("laboratory", sa.String(512), nullable=True),
        sa.Column("asked_ms", sa.BigInteger(), nullable=True),
        sa.Column("says", sa.Text(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("document", sa.LargeBinary(32), nullable=True),
        sa.Column("statement", sa.LargeBinary(32), nullable=True),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("signed_ms", sa.BigInteger(), nullable=True),
    )
    asked = sa.text("laboratory IS NOT NULL")
    op.create_index("papers_by_party", "papers", ["party", "kind", "created_ms"])
    op.create_index(
        "papers_asked", "papers", ["laboratory", "asked_ms"], sqlite_where=asked, postgresql_where=asked
    )
    op.create_index("papers_by_subject", "papers", ["about", "created_ms"])
    op.create_index("ix_papers_inspection", "papers", ["inspection"])
    op.create_index("ix_papers_sample", "papers", ["sample"])
    op.create_table(
        "shared_links",
        sa.Column("id", sa.LargeBinary(32), primary_key=True),
        sa.Column("party", sa.String(512), nullable=False),
        sa.Column("by", sa.String(200), nullable=False),
        sa.Column("regulator", sa.Boolean(), nullable=False),
        sa.Column("view", sa.String(16), nullable=False),
        sa.Column("subject", sa.String(512), nullable=False),
        sa.Column("options", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.Column("revoked_ms", sa.BigInteger(), nullable=True),
        sa.Column("used_ms", sa.BigInteger(), nullable=True),
        sa.Column("mac", sa.LargeBinary(32), nullable=False),
    )
    op.create_index("ix_shared_links_party", "shared_links", ["party"])


def downgrade() -> None:
    op.drop_table("shared_links")
    op.drop_table("papers")
