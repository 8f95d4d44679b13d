"""Both databases for one benchmark: SQLite in a folder, PostgreSQL from a wheel, as durable as a node's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.support.postgres import Postgres

SETTINGS: Final = {"shared_buffers": "512MB", "max_wal_size": "4GB"}


@contextmanager
def databases(folder: Path) -> Iterator[dict[str, str]]:
    """URLs of two empty databases, by the names of their systems; gone at the end of the block."""
    server = Postgres(SETTINGS)
    try:
        server.start()
        with server.fresh_database() as url:
            yield {"SQLite": f"sqlite:///{folder / 'node.sqlite'}", "PostgreSQL": url}
    finally:
        server.close()
