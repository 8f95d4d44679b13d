"""EPCIS events as queries and traces find them, and those who use the API."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("batches", sa.Column("begun", sa.Boolean(), nullable=False, server_default=sa.true()))
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("batches", "begun", server_default=None)
    op.create_table(
        "captures",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("party", sa.String(length=512), nullable=False),
        sa.Column("created_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("finished_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("behaviour", sa.String(length=16), nullable=False),
        sa.Column("recorded", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("problems", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_captures_party"), "captures", ["party"], unique=False)
    op.create_table(
        "links",
        sa.Column(
            "src", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("kind", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column(
            "at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column(
            "dst", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column(
            "event", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("quantity", sa.String(length=64), nullable=True),
        sa.Column("uom", sa.String(length=8), nullable=True),
        sa.PrimaryKeyConstraint("src", "kind", "at_ms", "dst", "event"),
        sqlite_with_rowid=False,
    )
    op.create_index("links_backward", "links", ["dst", "kind", "at_ms", "src", "event"], unique=False)
    op.create_table(
        "policies",
        sa.Column("party", sa.String(length=512), nullable=False),
        sa.Column("product", sa.String(length=14), nullable=False),
        sa.Column("part", sa.String(length=128), nullable=False),
        sa.Column("audience", sa.String(length=16), nullable=False),
        sa.PrimaryKeyConstraint("party", "product", "part"),
    )
    op.create_table(
        "queries",
        sa.Column("party", sa.String(length=512), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("party", "name"),
    )
    op.create_table(
        "things",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column(
            "uri",
            sa.String(length=512).with_variant(sa.String(length=512, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("uri"),
    )
    op.create_table(
        "tokens",
        sa.Column("sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("party", sa.String(length=512), nullable=False),
        sa.Column("scopes", sa.String(length=64), nullable=False),
        sa.Column("regulator", sa.Boolean(), nullable=False),
        sa.Column("created_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("expires_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("revoked_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.PrimaryKeyConstraint("sha256"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "events",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("statement", sa.LargeBinary(length=32), nullable=False),
        sa.Column("event_id", sa.String(length=512), nullable=False),
        sa.Column("corrects", sa.Boolean(), nullable=False),
        sa.Column("content", sa.LargeBinary(length=32), nullable=False),
        sa.Column("party", sa.String(length=512), nullable=False),
        sa.Column("type", sa.String(length=32), nullable=False),
        sa.Column("action", sa.String(length=16), nullable=True),
        sa.Column("at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("recorded_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("biz_step", sa.String(length=512), nullable=True),
        sa.Column("disposition", sa.String(length=512), nullable=True),
        sa.Column("read_point", sa.String(length=512), nullable=True),
        sa.Column("biz_location", sa.String(length=512), nullable=True),
        sa.Column("transformation", sa.String(length=512), nullable=True),
        sa.ForeignKeyConstraint(
            ["statement"],
            ["statements.sha256"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("party", "event_id", "corrects"),
        sa.UniqueConstraint("statement"),
    )
    op.create_index("events_by_name", "events", ["event_id"], unique=False)
    op.create_index("events_by_record_time", "events", ["recorded_ms", "id"], unique=False)
    op.create_index("events_by_party", "events", ["party", "recorded_ms", "id"], unique=False)
    op.create_index("events_by_time", "events", ["at_ms", "id"], unique=False)
    op.create_table(
        "mentions",
        sa.Column(
            "thing", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column(
            "at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column(
            "event", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("role", sa.String(length=8), nullable=False),
        sa.ForeignKeyConstraint(
            ["event"],
            ["events.id"],
        ),
        sa.ForeignKeyConstraint(
            ["thing"],
            ["things.id"],
        ),
        sa.PrimaryKeyConstraint("thing", "at_ms", "event", "role"),
        sqlite_with_rowid=False,
    )
    op.create_index("mentions_by_event", "mentions", ["event"], unique=False)
    op.create_table(
        "recalls",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("party", sa.String(length=512), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("since_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "event", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("stale", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["event"],
            ["events.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "terms",
        sa.Column("name", sa.String(length=544), nullable=False),
        sa.Column("value", sa.String(length=512), nullable=False),
        sa.Column(
            "event", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["event"],
            ["events.id"],
        ),
        sa.PrimaryKeyConstraint("name", "value", "event"),
    )
    op.create_table(
        "recalled",
        sa.Column(
            "thing", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("recall", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["recall"],
            ["recalls.id"],
        ),
        sa.ForeignKeyConstraint(
            ["thing"],
            ["things.id"],
        ),
        sa.PrimaryKeyConstraint("thing", "recall"),
        sqlite_with_rowid=False,
    )
    op.create_index("recalled_by_recall", "recalled", ["recall", "thing"], unique=False)


def downgrade() -> None:
    for table in ("recalled", "recalls", "links", "mentions", "terms", "things", "events"):
        op.drop_table(table)
    for table in ("policies", "queries", "tokens", "captures"):
        op.drop_table(table)
    op.drop_column("batches", "begun")
