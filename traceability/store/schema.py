"""The version of the tables, by Alembic; imported late, since it costs a program a third of its start."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, text

from traceability.store.models import Base

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS: Final = Path(__file__).parent / "migrations"


def upgrade(connection: Connection) -> None:
    """Bring the tables to this version."""
    from alembic import command

    command.upgrade(alembic_config(connection), "head")


def drop(connection: Connection) -> None:
    """Remove the tables of this version, and the note of which version they are."""
    for module in pkgutil.iter_modules([str(Path(__file__).parent)], f"{__package__}."):
        importlib.import_module(module.name)
    Base.metadata.drop_all(connection)
    connection.execute(text("DROP TABLE IF EXISTS alembic_version"))


def is_current(connection: Connection) -> bool:
    """Whether the tables are at this version."""
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    heads = MigrationContext.configure(connection).get_current_heads()
    return set(heads) == set(ScriptDirectory.from_config(alembic_config(None)).get_heads())


def alembic_config(connection: Connection | None) -> Config:
    """Alembic's settings, without a file of their own."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config
