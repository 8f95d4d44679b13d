"""Readings folded into cells of five minutes; alarms, and what is still to be told of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_NUMBERS = ("n", "low_milli", "high_milli", "total_milli", "first_ms", "first_milli", "last_ms", "last_milli")


def upgrade() -> None:
    op.create_table(
        "series",
        sa.Column("id", _BIG, autoincrement=False, nullable=False),
        sa.Column("stream", sa.LargeBinary(length=32), nullable=False),
        sa.Column("device", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("unit", sa.String(length=8), nullable=False),
        sa.ForeignKeyConstraint(["stream"], ["streams.hash"]),
        sa.ForeignKeyConstraint(["device"], ["devices.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("stream", "device", "name", "unit"),
    )
    op.create_table(
        "rollups",
        sa.Column("series", _BIG, autoincrement=False, nullable=False),
        sa.Column("from_ms", _BIG, autoincrement=False, nullable=False),
        *(sa.Column(name, _BIG, nullable=False) for name in _NUMBERS),
        sa.PrimaryKeyConstraint("series", "from_ms"),
        sqlite_with_rowid=False,
    )

    _create_alarms()


def _create_alarms() -> None:
    op.create_table(
        "alarms",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("stream", sa.LargeBinary(length=32), nullable=False),
        sa.Column("device", sa.String(length=32), nullable=False),
        sa.Column("began_ms", _BIG, nullable=False),
        sa.Column("raised_ms", _BIG, nullable=False),
        sa.Column("ended_ms", _BIG, nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("acknowledged_ms", _BIG, nullable=True),
        sa.Column("acknowledged_by", sa.String(length=200), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["stream"], ["streams.hash"]),
        sa.ForeignKeyConstraint(["device"], ["devices.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    still = sa.text("ended_ms IS NULL")
    names = ["stream", "device", "kind"]
    op.create_index("alarms_open", "alarms", names, unique=True, sqlite_where=still, postgresql_where=still)
    op.create_index("alarms_by_time", "alarms", ["raised_ms"])
    op.create_table(
        "deliveries",
        sa.Column("alarm", sa.String(length=32), nullable=False),
        sa.Column("event", sa.String(length=8), nullable=False),
        sa.Column("channel", sa.String(length=8), nullable=False),
        sa.Column("due_ms", _BIG, nullable=False),
        sa.Column("tries", _BIG, nullable=False),
        sa.Column("done_ms", _BIG, nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["alarm"], ["alarms.id"]),
        sa.PrimaryKeyConstraint("alarm", "event", "channel"),
    )
    due = sa.text("done_ms IS NULL")
    op.create_index("deliveries_due", "deliveries", ["due_ms"], sqlite_where=due, postgresql_where=due)


def downgrade() -> None:
    op.drop_table("deliveries")
    op.drop_table("alarms")
    op.drop_table("rollups")
    op.drop_table("series")
