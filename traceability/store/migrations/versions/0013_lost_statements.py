"""Records whose statements were lost: what the log says of them is kept, their statement is not."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("records") as records:
        records.alter_column("statement", existing_type=sa.LargeBinary(length=32), nullable=True)
        records.alter_column("salt", existing_type=sa.LargeBinary(length=16), nullable=True)
        records.add_column(sa.Column("commitment", sa.LargeBinary(length=32), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("records") as records:
        records.drop_column("commitment")
        records.alter_column("salt", existing_type=sa.LargeBinary(length=16), nullable=False)
        records.alter_column("statement", existing_type=sa.LargeBinary(length=32), nullable=False)
