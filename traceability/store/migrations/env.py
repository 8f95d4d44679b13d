"""Alembic's entry: runs on the connection that ``Store.migrate`` hands over."""

from __future__ import annotations

from alembic import context

from traceability.store.models import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
