"""The database, opened so that what was committed stays, and read so that one answer is one snapshot.

SQLite: WAL with ``synchronous=FULL``; every writer begins with BEGIN IMMEDIATE; only the
publisher checkpoints the WAL; deleted bytes are zeroed. PostgreSQL: writers share an advisory
lock that the publisher takes alone, so that nobody's record time can fall before a checkpoint
that is already signed.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from sqlalchemy import Connection, Engine, Row, create_engine, event, text
from sqlalchemy.exc import DataError, DBAPIError, OperationalError

from traceability.errors import MalformedError, SettingsError, StoreFullError, StoreUnavailableError
from traceability.store import schema

AnyRow: TypeAlias = Row[*tuple[Any, ...]]
"""A row of a query, whatever its columns."""

WRITERS_LOCK: Final = 0x66742D777269
"""Key of the PostgreSQL advisory lock: writers share it, the publisher holds it alone."""

BUSY_TIMEOUT_S: Final = 30
DISK_FULL: Final = "53100"
"""PostgreSQL's SQLSTATE of a full disk."""
MAPPED_BYTES: Final = 2047 * 1024**2
"""How much of an SQLite file is read as memory, the most it allows: walks through the lineage graph take
half the time."""


def system_clock() -> int:
    """Milliseconds since 1970 UTC by this machine's clock."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Transaction:
    """An open transaction and the one time that everything in it carries."""

    connection: Connection
    now_ms: int

    @property
    def locking(self) -> bool:
        """Whether rows can be locked one by one (PostgreSQL)."""
        return self.connection.dialect.name == "postgresql"


class Store:
    """One node's database.

    Args:
        url: an SQLAlchemy URL, ``sqlite:///...`` or ``postgresql+psycopg://...``.
        clock: where "now" comes from, in milliseconds.
        checkpoints: whether this process checkpoints SQLite's WAL (the publisher does).
    """

    def __init__(
        self, url: str, *, clock: Callable[[], int] = system_clock, checkpoints: bool = False
    ) -> None:
        self.url, self.clock = url, clock
        self.engine = open_engine(url, checkpoints=checkpoints)

    @contextmanager
    def transaction(self, *, alone: bool = False) -> Iterator[Transaction]:
        """A writing transaction; committed at the end of the block, rolled back on any exception.

        Args:
            alone: wait until no other writer is at work, and keep them waiting (the publisher).

        Raises:
            StoreUnavailableError: the database does not answer; nothing was written.
        """
        with _reachable(), self.engine.connect() as connection:
            writer = connection.execution_options(ft_write=True)
            with writer.begin():
                if writer.dialect.name == "postgresql":
                    kind = "pg_advisory_xact_lock" if alone else "pg_advisory_xact_lock_shared"
                    writer.execute(text(f"SELECT {kind}(:key)"), {"key": WRITERS_LOCK})
                yield Transaction(writer, self.clock())

    @contextmanager
    def reading(self, snapshot: str = "") -> Iterator[Connection]:
        """One consistent snapshot for reading.

        Args:
            snapshot: what ``sharing`` gives, in this process or in another, to see the same.

        Raises:
            StoreUnavailableError: the database does not answer.
        """
        with _reachable(), self.engine.connect() as connection:
            if connection.dialect.name == "postgresql":
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                if snapshot:
                    connection.execute(text(f"SET TRANSACTION SNAPSHOT '{snapshot}'"))
                yield connection

    @contextmanager
    def sharing(self, connection: Connection) -> Iterator[str]:
        """While the block runs, others who begin to read see what a connection of ``reading`` sees.

        Nothing may have been read through the connection before. On SQLite nobody can write meanwhile.

        Returns:
            The snapshot's name, for ``reading``.
        """
        if connection.dialect.name == "postgresql":
            yield connection.execute(text("SELECT pg_export_snapshot()")).scalar_one()
            return
        with self.transaction():
            begin_snapshot(connection)
            yield ""

    def migrate(self) -> None:
        """Bring the tables to this version."""
        with _reachable(), self.engine.connect() as connection:
            schema.upgrade(connection)

    def drop_tables(self) -> None:
        """Remove the node's tables and all that is in them; nothing else of the database."""
        with _reachable(), self.engine.begin() as connection:
            schema.drop(connection)

    def is_current(self) -> bool:
        """Whether the tables are at this version."""
        with self.reading() as connection:
            return schema.is_current(connection)

    def scrub(self) -> bool:
        """Empty SQLite's WAL, in which old versions of rows still stand; only the publisher calls this.

        Nobody waits for it: while others read or write it does nothing. On PostgreSQL old versions
        of rows are the matter of VACUUM.

        Returns:
            Whether nothing is left there to be scrubbed.

        Raises:
            StoreUnavailableError: the disk failed; what was committed is there.
        """
        if self.engine.dialect.name != "sqlite":
            return True
        with _reachable(), closing(self.engine.raw_connection()) as connection:
            cursor = connection.cursor()
            cursor.execute("PRAGMA busy_timeout=0")
            try:
                busy, _, _ = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            except sqlite3.OperationalError as error:
                raise unavailable(error, "the database's WAL cannot be emptied") from error
            finally:
                cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_S * 1000}")
        return not busy

    def close(self) -> None:
        """Give back all connections."""
        self.engine.dispose()


def begin_snapshot(connection: Connection) -> None:
    """Read something: the snapshot of an SQLite connection begins with what it reads first."""
    connection.execute(text("SELECT 1 FROM alembic_version"))


def open_engine(url: str, *, checkpoints: bool = False) -> Engine:
    """An engine with the durable settings; also what the web site reads through."""
    if url.startswith("postgresql"):
        return create_engine(url, pool_pre_ping=True)
    if not url.startswith("sqlite:///"):
        raise SettingsError(
            f"FT_DATABASE_URL must begin with sqlite:/// or postgresql+psycopg://, not {url[:24]!r}"
        )
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_S})
    prepare_sqlite(engine, checkpoints=checkpoints)
    return engine


def prepare_sqlite(engine: Engine, *, checkpoints: bool = False) -> None:
    """Give every SQLite connection of an engine the settings that lose nothing."""

    @event.listens_for(engine, "connect")
    def settings(connection: Any, _: Any) -> None:
        connection.isolation_level = None
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "secure_delete=ON",
            "foreign_keys=ON",
            f"busy_timeout={BUSY_TIMEOUT_S * 1000}",
            f"mmap_size={MAPPED_BYTES}",
            f"wal_autocheckpoint={1000 if checkpoints else 0}",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("ft_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def unavailable(error: object, what: str) -> StoreUnavailableError:
    """What a driver's error means to whoever wanted the database: ``what``, or that its disk is full."""
    full = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
    if full or getattr(error, "sqlstate", None) == DISK_FULL:
        return StoreFullError(f"the database's disk is full: {error}")
    return StoreUnavailableError(f"{what}: {error}")


@contextmanager
def _reachable() -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        raise unavailable(error.orig, "the database does not answer") from error
    except DataError as error:
        raise MalformedError(f"the database cannot keep a value that was sent: {error.orig}") from error
    except DBAPIError as error:
        if error.connection_invalidated:
            raise StoreUnavailableError(f"the database went away: {error.orig}") from error
        raise
