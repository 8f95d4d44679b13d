"""Alembic's entry: runs on the connection that ``Store.migrate`` hands over."""

from __future__ import annotations

import importlib
import pkgutil

from alembic import context

from traceability import store
from traceability.store.models import Base

# Every table of the node is in a module of this package; each is known once its module is imported.
for module in pkgutil.iter_modules(store.__path__, f"{store.__name__}."):
    importlib.import_module(module.name)

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
