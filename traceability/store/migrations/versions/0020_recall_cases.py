"""The recall workspace: cases, proposals, notices to holders, what they answer."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_PERSON = sa.String(254)
_CASE = sa.String(64)
_PARTY = sa.String(512)
_TABLES = ("cases", "proposals", "notices", "items", "answers", "deliveries", "contacts")


def upgrade() -> None:
    op.create_table(
        "recall_cases",
        sa.Column("id", _CASE, primary_key=True),
        sa.Column("drill", sa.Boolean(), nullable=False),
        sa.Column("mailing", sa.Boolean(), nullable=False),
        sa.Column("party", _PARTY, nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("things", _BIG, nullable=False),
        sa.Column("opened_by", _PERSON, nullable=True),
        sa.Column("opened_ms", _BIG, nullable=False),
        sa.Column("found_ms", _BIG, nullable=False),
        sa.Column("event", _BIG, nullable=True),
        sa.Column("issued_ms", _BIG, nullable=True),
        sa.Column("closed_by", _PERSON, nullable=True),
        sa.Column("closed_ms", _BIG, nullable=True),
        sa.Column("outcome", sa.String(8), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
    )
    op.create_index(op.f("ix_recall_cases_party"), "recall_cases", ["party"])
    op.create_index(op.f("ix_recall_cases_opened_ms"), "recall_cases", ["opened_ms"])
    op.create_table(
        "recall_proposals",
        sa.Column("case", _CASE, sa.ForeignKey("recall_cases.id"), primary_key=True),
        sa.Column("number", _BIG, primary_key=True, autoincrement=False),
        sa.Column("notice", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("things", _BIG, nullable=False),
        sa.Column("party", _PARTY, nullable=False),
        sa.Column("proposed_by", _PERSON, nullable=False),
        sa.Column("proposed_ms", _BIG, nullable=False),
        sa.Column("withdrawn_by", _PERSON, nullable=True),
        sa.Column("withdrawn_ms", _BIG, nullable=True),
        sa.Column("approved_by", _PERSON, nullable=True),
        sa.Column("approved_ms", _BIG, nullable=True),
        sa.Column("approved_digest", sa.String(64), nullable=True),
    )
    _of_holders()
    _of_words()


def _of_holders() -> None:
    op.create_table(
        "recall_notices",
        sa.Column("case", _CASE, sa.ForeignKey("recall_cases.id"), primary_key=True),
        sa.Column("party", _PARTY, primary_key=True),
        sa.Column("made_ms", _BIG, nullable=False),
        sa.Column("due_ms", _BIG, nullable=False),
        sa.Column("acknowledged_by", _PERSON, nullable=True),
        sa.Column("acknowledged_ms", _BIG, nullable=True),
    )
    op.create_index("recall_notices_by_party", "recall_notices", ["party", "made_ms"])
    op.create_table(
        "recall_items",
        sa.Column("case", _CASE, primary_key=True),
        sa.Column("party", _PARTY, primary_key=True),
        sa.Column("thing", sa.String(512), primary_key=True),
        sa.Column("amount", sa.String(64), nullable=True),
        sa.Column("uom", sa.String(8), nullable=True),
        sa.Column("place", sa.String(512), nullable=True),
        sa.Column("last", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["case", "party"], ["recall_notices.case", "recall_notices.party"]),
        sqlite_with_rowid=False,
    )
    items = [f"recall_items.{name}" for name in ("case", "party", "thing")]
    op.create_table(
        "recall_answers",
        sa.Column("id", _BIG, primary_key=True, autoincrement=True),
        sa.Column("case", _CASE, nullable=False),
        sa.Column("party", _PARTY, nullable=False),
        sa.Column("thing", sa.String(512), nullable=False),
        sa.Column("fate", sa.String(16), nullable=False),
        sa.Column("amount", sa.String(64), nullable=False),
        sa.Column("uom", sa.String(8), nullable=True),
        sa.Column("beyond", sa.Boolean(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("by", _PERSON, nullable=False),
        sa.Column("at_ms", _BIG, nullable=False),
        sa.ForeignKeyConstraint(["case", "party", "thing"], items),
    )
    op.create_index("recall_answers_by_case", "recall_answers", ["case", "id"])


def _of_words() -> None:
    op.create_table(
        "recall_deliveries",
        sa.Column("case", _CASE, primary_key=True),
        sa.Column("party", _PARTY, primary_key=True),
        sa.Column("event", sa.String(8), primary_key=True),
        sa.Column("channel", sa.String(8), primary_key=True),
        sa.Column("address", sa.String(512), primary_key=True),
        sa.Column("due_ms", _BIG, nullable=False),
        sa.Column("tries", _BIG, nullable=False),
        sa.Column("done_ms", _BIG, nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["case", "party"], ["recall_notices.case", "recall_notices.party"]),
    )
    due = sa.text("done_ms IS NULL")
    op.create_index(
        "recall_deliveries_due", "recall_deliveries", ["due_ms"], sqlite_where=due, postgresql_where=due
    )
    op.create_table(
        "recall_contacts",
        sa.Column("party", _PARTY, primary_key=True),
        sa.Column("channel", sa.String(8), primary_key=True),
        sa.Column("address", sa.String(512), primary_key=True),
        sa.Column("since_ms", _BIG, nullable=False),
    )


def downgrade() -> None:
    for name in reversed(_TABLES):
        op.drop_table(f"recall_{name}")
