"""Of which party it was that somebody closed a case, and withdrew a proposal with it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

_TOLD = """UPDATE recall_cases SET closed_party = (SELECT party FROM trail WHERE action = 'recall-closed'
AND subject = recall_cases.id ORDER BY trail.id DESC LIMIT 1) WHERE closed_by IS NOT NULL"""
"""The trail says so of cases that were closed before."""
_WITH = """UPDATE recall_proposals SET withdrawn_party = COALESCE((SELECT closed_party FROM recall_cases
WHERE recall_cases.id = recall_proposals."case" AND closed_ms = withdrawn_ms), party)
WHERE withdrawn_by IS NOT NULL"""


def upgrade() -> None:
    for table, name in (("recall_cases", "closed_party"), ("recall_proposals", "withdrawn_party")):
        op.add_column(table, sa.Column(name, sa.String(512), nullable=True))
    op.execute(_TOLD)
    op.execute(_WITH)


def downgrade() -> None:
    op.drop_column("recall_proposals", "withdrawn_party")
    op.drop_column("recall_cases", "closed_party")
