"""Databases with all tables in them, copied from one that was migrated once: ten times as fast."""

from __future__ import annotations

import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from traceability.store.engine import Store

BACKENDS: Final = ("sqlite", pytest.param("postgresql", marks=pytest.mark.sweep(part=30, of="PostgreSQL")))
"""What a test that is about the store runs on: parameters of a fixture."""
_SQLITE: Final = "sqlite:///"


def prepare(url: str) -> None:
    """Put the tables into a database that is not there yet; one that is there stays as it is."""
    file = Path(url.removeprefix(_SQLITE))
    if url.startswith(_SQLITE) and not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(_tables())


@cache
def _tables() -> bytes:
    """An SQLite file with all tables and no rows."""
    folder = Path(tempfile.mkdtemp(prefix="ft-tables-"))
    try:
        migrate(f"{_SQLITE}{folder / 'tables.sqlite'}")
        return (folder / "tables.sqlite").read_bytes()
    finally:
        shutil.rmtree(folder)


def migrate(url: str) -> None:
    """Make the tables, and leave all of it in the one file of the database."""
    store = Store(url, checkpoints=True)
    try:
        store.migrate()
        store.scrub()
    finally:
        store.close()
