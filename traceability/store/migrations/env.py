"""Alembic's entry: runs on the connection that ``Store.migrate`` hands over."""

from __future__ import annotations

from alembic import context

from traceability.store import access, accounts, alarms, configs, inspecting, models, projections, readings

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=[
        module.Base.metadata
        for module in (models, projections, access, accounts, readings, alarms, configs, inspecting)
    ],
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
