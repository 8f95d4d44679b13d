"""People: what parties are, users, sessions, one-time links, recovery codes, the trail."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    _who()
    _what_they_hold()
    op.create_table(
        "trail",
        sa.Column("id", _BIG, primary_key=True, autoincrement=True),
        sa.Column("at_ms", sa.BigInteger(), nullable=False, index=True),
        sa.Column("user", sa.String(16), nullable=True, index=True),
        sa.Column("party", sa.String(512), nullable=True, index=True),
        sa.Column("via", sa.String(80), nullable=False),
        sa.Column("network", sa.String(64), nullable=True),
        sa.Column("action", sa.String(40), nullable=False),
        sa.Column("subject", sa.String(512), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
    )


def _who() -> None:
    op.create_table(
        "party_kinds",
        sa.Column("party", sa.String(512), primary_key=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("since_ms", sa.BigInteger(), nullable=False),
        sa.Column("mac", sa.LargeBinary(32), nullable=False),
    )
    op.create_table(
        "users",
        sa.Column("id", sa.String(16), primary_key=True),
        sa.Column("login", sa.String(254), nullable=False, unique=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("party", sa.String(512), nullable=True, index=True),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("password", sa.Text(), nullable=True),
        sa.Column("totp", sa.LargeBinary(), nullable=True),
        sa.Column("totp_step", sa.BigInteger(), nullable=False, server_default="-1"),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("disabled_ms", sa.BigInteger(), nullable=True),
        sa.Column("mac", sa.LargeBinary(32), nullable=False),
    )


def _what_they_hold() -> None:
    op.create_table(
        "recovery_codes",
        sa.Column("id", sa.LargeBinary(32), primary_key=True),
        sa.Column("user", sa.String(16), sa.ForeignKey("users.id"), nullable=False, index=True),
    )
    op.create_table(
        "sessions",
        sa.Column("id", sa.LargeBinary(32), primary_key=True),
        sa.Column("user", sa.String(16), sa.ForeignKey("users.id"), nullable=False, index=True),
        sa.Column("second", sa.Boolean(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("proved_ms", sa.BigInteger(), nullable=False),
        sa.Column("seen_ms", sa.BigInteger(), nullable=False, index=True),
        sa.Column("network", sa.String(64), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("said", sa.Text(), nullable=True),
        sa.Column("mac", sa.LargeBinary(32), nullable=False),
    )
    op.create_table(
        "one_time_links",
        sa.Column("id", sa.LargeBinary(32), primary_key=True),
        sa.Column("purpose", sa.String(16), nullable=False),
        sa.Column("user", sa.String(16), sa.ForeignKey("users.id"), nullable=False, index=True),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.Column("mac", sa.LargeBinary(32), nullable=False),
    )


def downgrade() -> None:
    for table in ("trail", "one_time_links", "sessions", "recovery_codes", "users", "party_kinds"):
        op.drop_table(table)
