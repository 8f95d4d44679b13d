"""Whose a GS1 company prefix is, and for whom else it is open."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "company_prefixes",
        sa.Column("prefix", sa.String(length=12), nullable=False),
        sa.Column("party", sa.String(length=512), nullable=False),
        sa.Column("since_ms", _BIG, nullable=False),
        sa.PrimaryKeyConstraint("prefix"),
    )
    op.create_index(op.f("ix_company_prefixes_party"), "company_prefixes", ["party"], unique=False)
    op.create_table(
        "prefix_permissions",
        sa.Column("prefix", sa.String(length=12), nullable=False),
        sa.Column("party", sa.String(length=512), nullable=False),
        sa.Column("since_ms", _BIG, nullable=False),
        sa.ForeignKeyConstraint(["prefix"], ["company_prefixes.prefix"]),
        sa.PrimaryKeyConstraint("prefix", "party"),
    )


def downgrade() -> None:
    op.drop_table("prefix_permissions")
    op.drop_table("company_prefixes")
