"""What a witness remembers, in one SQLite file: logs, their newest cosigned checkpoints, evidence.

What it has forgotten it would cosign a second time, differently: so the file is never
made anew by opening it, never restored from a copy, and each change is on disk (WAL,
synchronous=FULL) before anybody hears of it.
"""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import astuple, replace
from pathlib import Path
from typing import Final

from traceability.errors import ConflictError, LogConflictError, SettingsError, StoreUnavailableError
from traceability.ledger.note import VerifierKey, parse_vkey
from traceability.ledger.statepages import hashes_of
from traceability.peer import require_address
from traceability.witness.evidence import NOTHING, Evidence, Held, Kind
from traceability.witness.mirror import TABLES as MIRROR_TABLES
from traceability.witness.mirror import Mirror

LIGHT: Final = 1
FULL: Final = 2
"""Formats of the file: a full witness has a mirror in it."""
BUSY_S: Final = 5
MAX_EVIDENCE: Final = 256 * 1024
"""Bytes of notes that are kept for one log and one kind of evidence; more is only counted."""

_TABLES: Final = """
CREATE TABLE witness (id INTEGER PRIMARY KEY CHECK (id = 1), name TEXT NOT NULL);
CREATE TABLE log (vkey TEXT PRIMARY KEY, origin TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE held (
    origin TEXT PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL, note BLOB NOT NULL,
    time_s INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE evidence (
    id INTEGER PRIMARY KEY, origin TEXT NOT NULL, kind TEXT NOT NULL, digest BLOB NOT NULL,
    size INTEGER NOT NULL, root BLOB NOT NULL, note BLOB NOT NULL, held BLOB NOT NULL,
    time_s INTEGER NOT NULL, UNIQUE (origin, kind, digest)
);
CREATE TABLE refused (
    origin TEXT NOT NULL, kind TEXT NOT NULL, times INTEGER NOT NULL, PRIMARY KEY (origin, kind)
) WITHOUT ROWID;
"""
_FAULTS: Final = """
CREATE TABLE fault (evidence INTEGER PRIMARY KEY, leaf INTEGER NOT NULL, reason TEXT NOT NULL,
    data BLOB NOT NULL, proof BLOB NOT NULL);
"""
_EVIDENCE: Final = (
    "SELECT origin, kind, size, root, note, held, time_s, NULL, '', x'', x'' FROM evidence ORDER BY id"
)
_EVIDENCE_AND_FAULTS: Final = (
    "SELECT origin, kind, size, root, note, held, time_s, leaf, coalesce(reason, ''),"
    " coalesce(data, x''), coalesce(proof, x'') FROM evidence LEFT JOIN fault ON evidence = id ORDER BY id"
)


class Deciding:
    """One log's memory within one transaction."""

    def __init__(self, connection: sqlite3.Connection, origin: str) -> None:
        self._connection = connection
        self._origin = origin
        self.mirror = Mirror(connection, origin)

    def held(self) -> Held:
        """What was cosigned last."""
        return _held(self._connection, self._origin)

    def advance(self, expected: Held, new: Held) -> None:
        """Put ``new`` in the place of ``expected``; evidence that the same checkpoint was unproven goes.

        Raises:
            LogConflictError: a checkpoint of another size or root is held.
        """
        if expected.note:
            done = self._connection.execute(
                "UPDATE held SET size = ?, root = ?, note = ?, time_s = ?"
                " WHERE origin = ? AND size = ? AND root = ?",
                (new.size, new.root, new.note, new.time_s, self._origin, expected.size, expected.root),
            )
        else:
            done = self._connection.execute(
                "INSERT INTO held VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (self._origin, new.size, new.root, new.note, new.time_s),
            )
        if done.rowcount != 1:
            raise LogConflictError(
                "another checkpoint is held than was judged by", expected=expected, got=self.held()
            )
        self._connection.execute(
            "DELETE FROM evidence WHERE origin = ? AND kind = ? AND size = ? AND root = ?",
            (self._origin, Kind.UNPROVEN, new.size, new.root),
        )

    def keep(self, found: Evidence, text: bytes) -> int:
        """Keep a note as evidence, while there is room; count it in any case.

        One is kept for each text; of those that are invalid, the first for each leaf.

        Returns:
            How often this log was refused for this kind of reason, this time included.
        """
        (kept,) = self._connection.execute(
            "SELECT coalesce(sum(length(note) + length(held)), 0) FROM evidence"
            " WHERE origin = ? AND kind = ?",
            (found.origin, found.kind),
        ).fetchone()
        if kept + len(found.note) + len(found.held) <= MAX_EVIDENCE:
            self._insert(found, text if found.leaf is None else f"leaf {found.leaf}".encode())
        row = self._connection.execute(
            "INSERT INTO refused VALUES (?, ?, 1)"
            " ON CONFLICT DO UPDATE SET times = times + 1 RETURNING times",
            (found.origin, found.kind),
        ).fetchone()
        return int(row[0])

    def _insert(self, found: Evidence, what: bytes) -> None:
        done = self._connection.execute(
            "INSERT INTO evidence (origin, kind, size, root, note, held, time_s, digest)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (*astuple(found)[:7], hashlib.sha256(what).digest()),
        )
        if found.leaf is not None and done.rowcount == 1:
            fault = (done.lastrowid, found.leaf, found.reason, found.data, b"".join(found.proof))
            self._connection.execute("INSERT INTO fault VALUES (?, ?, ?, ?, ?)", fault)


class Memory:
    """The open file; its methods may be called from several threads, and take turns."""

    def __init__(self, path: Path, *, checkpoints: bool = True) -> None:
        """Open what ``create`` made.

        Args:
            checkpoints: whether this program moves the WAL into the file; one at a time may.

        Raises:
            SettingsError: it is not there, or of another version.
        """
        self._turn = threading.Lock()
        if not path.exists():
            raise SettingsError(
                f"{path} is missing: what this witness has cosigned is forgotten",
                remedy="Never cosign with this key again: make a witness with a new key, and say so.",
            )
        with _guarded(path):
            self._path = path
            self._connection = _connect(path, "rw")
            self._connection.execute(f"PRAGMA wal_autocheckpoint={1000 if checkpoints else 0}")
            (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        self.full = version == FULL
        if version not in {LIGHT, FULL}:
            self._connection.close()
            raise SettingsError(f"{path} was written by another version (format {version})")

    def close(self) -> None:
        """Wait for the transaction that is under way, and close the file."""
        with self._turn:
            self._connection.close()

    @property
    def name(self) -> str:
        """The witness's name."""
        with self._reading() as connection:
            return str(connection.execute("SELECT name FROM witness").fetchone()[0])

    def trust(self, verifier: VerifierKey, url: str | None = None) -> bool:
        """Add a key of the log that has its name; whether that, or where the log is, is new.

        Raises:
            SettingsError: a full witness does not know the log's address; or a light one is given one.
        """
        row = (verifier.vkey(), verifier.name)
        with self._writing() as connection:
            mirror = Mirror(connection, verifier.name) if self.full else None
            if mirror is None and url is not None:
                raise SettingsError("a light witness reads no log", remedy="Leave --url out.")
            if mirror is not None and url is None and not mirror.url():
                raise SettingsError("a full witness reads the log", remedy="Say where it is: --url.")
            done = connection.execute("INSERT INTO log VALUES (?, ?) ON CONFLICT DO NOTHING", row)
            moved = mirror is not None and url is not None and mirror.settle_at(require_address(url))
        return done.rowcount == 1 or moved

    def logs(self) -> dict[str, list[VerifierKey]]:
        """All logs: their keys by origin."""
        with self._reading() as connection:
            rows = connection.execute("SELECT origin, vkey FROM log ORDER BY origin, vkey").fetchall()
        found: dict[str, list[VerifierKey]] = {}
        for origin, vkey in rows:
            found.setdefault(origin, []).append(parse_vkey(vkey))
        return found

    def keys(self, origin: str) -> list[VerifierKey]:
        """The keys of one log; none if it is not known."""
        with self._reading() as connection:
            rows = connection.execute("SELECT vkey FROM log WHERE origin = ?", (origin,)).fetchall()
        return [parse_vkey(vkey) for (vkey,) in rows]

    def held(self, origin: str) -> Held:
        """What was cosigned last."""
        with self._reading() as connection:
            return _held(connection, origin)

    def evidence(self) -> list[Evidence]:
        """What was kept, oldest first."""
        with self._reading() as connection:
            rows = connection.execute(_EVIDENCE_AND_FAULTS if self.full else _EVIDENCE).fetchall()
        bare = [(Evidence(origin, Kind(kind), *rest), proof) for origin, kind, *rest, proof in rows]
        return [replace(found, proof=tuple(hashes_of(proof))) for found, proof in bare]

    def refused(self) -> Mapping[tuple[str, Kind], int]:
        """How often each log was refused for each kind of reason, kept or not."""
        with self._reading() as connection:
            rows = connection.execute("SELECT origin, kind, times FROM refused").fetchall()
        return {(origin, Kind(kind)): times for origin, kind, times in rows}

    @contextmanager
    def mirror(self, origin: str) -> Iterator[Mirror]:
        """The copy of one log, to look at; only a full witness has one."""
        with self._reading() as connection:
            yield Mirror(connection, origin)

    @contextmanager
    def deciding(self, origin: str) -> Iterator[Deciding]:
        """One transaction on one log: what it reads stands until it ends; it is on disk when it ends.

        Raises:
            StoreUnavailableError: nothing was changed.
        """
        with self._writing() as connection:
            yield Deciding(connection, origin)

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._turn, _guarded(self._path):
            yield self._connection

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._turn, _guarded(self._path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")


def create(path: Path, name: str, *, full: bool = False) -> None:
    """Make the memory of a new witness, a light or a full one.

    Raises:
        ConflictError: there is one already.
    """
    if path.exists():
        raise ConflictError(f"{path} is there already")
    with _guarded(path), closing(_connect(path, "rwc")) as connection:
        connection.executescript(_TABLES + (_FAULTS + MIRROR_TABLES if full else ""))
        connection.execute("INSERT INTO witness VALUES (1, ?)", (name,))
        connection.execute(
            f"PRAGMA user_version={FULL if full else LIGHT}"
        )  # last: without it nothing opens the file


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=BUSY_S,
        isolation_level=None,
        check_same_thread=False,
    )
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    return connection


def _held(connection: sqlite3.Connection, origin: str) -> Held:
    row = connection.execute(
        "SELECT size, root, note, time_s FROM held WHERE origin = ?", (origin,)
    ).fetchone()
    return Held(*row) if row else NOTHING


@contextmanager
def _guarded(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StoreUnavailableError(
            f"{path}: {error}", remedy="Look at the disk; nothing was cosigned."
        ) from error
