"""An index of the statements of devices that were refused: each receipt asks for them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_NAME = "device_statements_refused"


def upgrade() -> None:
    refused = sa.text("outcome != 'accepted'")
    op.create_index(
        _NAME, "device_statements", ["device", "counter"], sqlite_where=refused, postgresql_where=refused
    )


def downgrade() -> None:
    op.drop_index(_NAME, "device_statements")
