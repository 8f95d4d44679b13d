"""What a flash is made of: tables in a file that one process has at a time, and the files of its keys."""

from __future__ import annotations

import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from traceability.errors import ConflictError, SettingsError
from traceability.sensing.frame import NO_PREVIOUS
from traceability.signing.keys import PrivateKey

NEXT_KEY: Final = "key.next"

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS memory (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    counter INTEGER NOT NULL, boot INTEGER NOT NULL, prev BLOB NOT NULL,
    booted_ms INTEGER NOT NULL, measured_ms INTEGER NOT NULL,
    settled INTEGER NOT NULL, settled_sha256 BLOB NOT NULL, cloned INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS beacon (
    one INTEGER PRIMARY KEY CHECK (one = 1), sha256 BLOB NOT NULL, heard_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS waiting (
    counter INTEGER PRIMARY KEY, sha256 BLOB NOT NULL, urgent INTEGER NOT NULL, body BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS aside (
    counter INTEGER PRIMARY KEY, code TEXT NOT NULL, body BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS dropped (
    first INTEGER PRIMARY KEY, last INTEGER NOT NULL, declared_by INTEGER
) STRICT;
CREATE TABLE IF NOT EXISTS config (
    one INTEGER PRIMARY KEY CHECK (one = 1), version INTEGER NOT NULL, body BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS block (one INTEGER PRIMARY KEY CHECK (one = 1), ends INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS spoiled (counter INTEGER PRIMARY KEY) STRICT;
CREATE TABLE IF NOT EXISTS signing (
    one INTEGER PRIMARY KEY CHECK (one = 1), kid BLOB NOT NULL, device TEXT NOT NULL
) STRICT;
"""
MOVE_ASIDE: Final = """
INSERT OR IGNORE INTO aside SELECT counter, ?, body FROM waiting WHERE counter BETWEEN ? AND ?
"""
LONGER: Final = """
UPDATE dropped SET last = ? WHERE last = ? AND declared_by IS NULL
AND first NOT IN (SELECT counter FROM spoiled)
"""
FORGET_OLDEST_ASIDE: Final = """
DELETE FROM aside WHERE counter IN (SELECT counter FROM aside ORDER BY counter DESC LIMIT -1 OFFSET ?)
"""


@dataclass(frozen=True, slots=True)
class Memory:
    """The few numbers of a flash.

    ``counter`` is the next one to use, ``prev`` the hash of the statement before it.
    ``booted_ms`` and ``measured_ms`` (up to where everything was measured) are Unix times, 0
    before the first boot. ``settled`` is the counter of the newest receipt, -1 before one,
    and ``settled_sha256`` the statement's hash there. ``beacon`` came with a receipt at
    ``heard_ms``, by the device's clock. ``config`` is the version of what it was told to do, 0 before.
    """

    counter: int = 0
    boot: int = 0
    prev: bytes = NO_PREVIOUS
    booted_ms: int = 0
    measured_ms: int = 0
    settled: int = -1
    settled_sha256: bytes = NO_PREVIOUS
    cloned: bool = False
    beacon: bytes | None = None
    heard_ms: int = 0
    config: int = 0


@dataclass(frozen=True, slots=True)
class Kept:
    """A statement in the flash."""

    counter: int
    body: bytes


def open_tables(path: Path) -> sqlite3.Connection:
    """The tables in a file, locked for this process.

    Raises:
        ConflictError: another process uses them.
    """
    db = sqlite3.connect(path, isolation_level=None, timeout=1)
    try:
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.executescript(_TABLES)
        db.execute("BEGIN IMMEDIATE")  # takes the lock now, and keeps it
        db.execute("COMMIT")
    except sqlite3.OperationalError as error:
        db.close()
        raise ConflictError(f"another process uses the flash {path}: {error}") from error
    return db


def load_key(path: Path, key: PrivateKey | None, kid: bytes | None, *, fresh: bool) -> PrivateKey:
    """The key that signs, made if the flash is fresh; a rotation that was broken off is brought to its end.

    Args:
        key: the key of a fresh flash; a random one if not given.
        kid: of the key that the tables say signs, if they say so.

    Raises:
        SettingsError: it is missing, another one, or others can read it.
    """
    following = path.with_name(NEXT_KEY)
    if following.exists() and PrivateKey.from_seed(following.read_bytes()).public.kid == kid:
        following.replace(path)
    following.unlink(missing_ok=True)
    if not path.exists():
        if not fresh:
            raise SettingsError(f"{path} is missing, but the flash beside it has been used: restore the key")
        write_file(path, (key or PrivateKey.generate()).seed, mode=0o600)
    if path.stat().st_mode & 0o077:
        raise SettingsError(f"others can read {path}; run chmod 600 {path}")
    found = PrivateKey.from_seed(path.read_bytes())
    if kid is not None and found.public.kid != kid:
        raise SettingsError(f"{path} is not the key that the flash beside it signs with: restore the newest")
    return found


def write_file(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Write a file so that it is there whole or not at all, even after a power cut."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
