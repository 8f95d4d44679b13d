"""Alembic's entry: runs on the connection that ``Store.migrate`` hands over."""

from __future__ import annotations

from alembic import context

from traceability.store import access, models, projections

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=[module.Base.metadata for module in (models, projections, access)],
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
