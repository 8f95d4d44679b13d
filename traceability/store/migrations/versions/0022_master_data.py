"""What firms keep by heart: products, places and assets."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "products",
        sa.Column("party", sa.String(512), primary_key=True),
        sa.Column("gtin", sa.String(14), primary_key=True),
        *_names(),
        sa.Column("low_milli_c", sa.BigInteger(), nullable=True),
        sa.Column("high_milli_c", sa.BigInteger(), nullable=True),
        sa.Column("max_gap_s", sa.BigInteger(), nullable=False),
        sa.Column("profile", sa.String(32), nullable=True),
        sa.Column("shelf_life_days", sa.BigInteger(), nullable=True),
        sa.Column("uom", sa.String(3), nullable=True),
        sa.Column("picture", sa.String(32), nullable=True),
        sa.Column("changed_ms", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "places",
        sa.Column("party", sa.String(512), primary_key=True),
        sa.Column("gln", sa.String(13), primary_key=True),
        *_names(),
        sa.Column("latitude_udeg", sa.BigInteger(), nullable=True),
        sa.Column("longitude_udeg", sa.BigInteger(), nullable=True),
        sa.Column("region_en", sa.String(200), nullable=True),
        sa.Column("region_zh", sa.String(200), nullable=True),
        sa.Column("changed_ms", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "assets",
        sa.Column("party", sa.String(512), primary_key=True),
        sa.Column("uri", sa.String(512), primary_key=True),
        *_names(),
        sa.Column("changed_ms", sa.BigInteger(), nullable=False),
    )


def _names() -> tuple[sa.Column[str], ...]:
    names = ("name_en", "name_zh")
    return tuple(sa.Column(name, sa.String(200), nullable=False) for name in names)


def downgrade() -> None:
    for table in ("assets", "places", "products"):
        op.drop_table(table)
