"""Whether anything was committed to the store since a moment ago, asked without a query.

A page that rests on one snapshot is still true while nothing was committed. SQLite counts commits of other
connections for each connection (``PRAGMA data_version``), which costs a hundredth of a query on a new one.
PostgreSQL has nothing of the kind, so there every request asks anew.

Source: sqlite.org/pragma.html, data_version.
"""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path
from typing import TypeAlias
from urllib.parse import quote

from sqlalchemy import make_url

Mark: TypeAlias = tuple[int, int, int]
"""Device and inode of the file, and the count of commits; equal marks of one process tell of no commit."""


class Changes:
    """One connection of this process that only counts; anybody may ask at any time."""

    def __init__(self, url: str) -> None:
        address = make_url(url)
        self._path = address.database if address.get_backend_name() == "sqlite" else None
        self._connection: sqlite3.Connection | None = None
        self._file, self._before = (0, 0), 0
        self._lock = threading.Lock()

    def mark(self) -> Mark | None:
        """What is different after each commit of anybody; None where that cannot be told."""
        if not self._path:
            return None
        with self._lock:
            try:
                found = Path(self._path).stat()
                if self._connection is None or self._file != (found.st_dev, found.st_ino):
                    self._open((found.st_dev, found.st_ino))
                if self._connection is None:
                    return None
                (count,) = self._connection.execute("PRAGMA data_version").fetchone()
            except (OSError, sqlite3.Error):
                self._drop()
                return None
            return (*self._file, self._before + int(count))

    def close(self) -> None:
        """Close the connection; it is opened again when somebody asks."""
        with self._lock:
            self._drop()

    def _open(self, file: tuple[int, int]) -> None:
        """Count on another connection, whose counts are told from those before."""
        self._drop()
        address = f"file:{quote(self._path or '')}?mode=rw"
        self._connection = sqlite3.connect(address, uri=True, timeout=0, check_same_thread=False)
        self._connection.execute("PRAGMA query_only=ON")
        self._file = file

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._before += 1 << 32
