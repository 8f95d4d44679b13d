"""A device's flash: what must outlive a restart, a crash and a pulled battery.

    key             32 bytes, mode 0600: the device's private key
    key.next        the next one, while it is being rotated in; of no use once it is not
    flash.sqlite    which key signs, counter, boot, hash of the previous statement, the newest beacon,
                    the configuration, and the statements themselves

A statement is here, its counter used up and the disk flushed, before anyone can see it: so a
counter is never used for two statements, whenever the power goes, and none is left out: the counter and
what uses it are one block. It stays until a receipt settles it. When the flash is full the oldest
statements are dropped, and at a start what does not read as it was written; their counters are
remembered until a gap statement that declares them is settled in turn. So are those that a receipt
settled once, if the node says later that it does not have them.

A rotation is one transaction: the statement is kept, its counter used up and the next key the one that
signs, or nothing of it. Whenever the power goes, exactly one of the two files is the key.

One process has the flash at a time; a second one is refused, since it would be a clone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from firmware_sim.nvm import FORGET_OLDEST_ASIDE, LONGER, MOVE_ASIDE, NEXT_KEY, load_key, open_tables
from firmware_sim.nvm import Kept as Kept
from firmware_sim.nvm import Memory as Memory
from firmware_sim.nvm import write_file as write_file
from traceability.sensing.frame import Gap
from traceability.signing.keys import PrivateKey

CAPACITY: Final = 4096
"""Statements without receipt; at about 400 bytes each they fit a flash chip of 2 MB (an assumption)."""
FLASH_FULL: Final = "flash-full"
RECEIPTED: Final = "receipted"
CORRUPT: Final = "corrupt"


class Flash:
    """The flash in one folder; made, with a new key, if there is none yet.

    Args:
        capacity: how many statements without receipt it holds, at least 2.
        key: the key of a new flash; a random one if not given.
        block: so many counters are reserved at a time, and at a start the rest of them is skipped and
            declared: as in a memory that cannot write a statement and its counter at once. 0: it can.

    Raises:
        ConflictError: another process uses it.
        SettingsError: its key is missing or others can read it.
    """

    def __init__(
        self, folder: Path, *, capacity: int = CAPACITY, key: PrivateKey | None = None, block: int = 0
    ) -> None:
        if capacity < 2:
            raise ValueError("a flash holds at least a statement and a gap")
        self.folder, self.capacity, self.block = folder, capacity, block
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._db = open_tables(folder / "flash.sqlite")
        try:
            self.memory = self._read_memory()
            self.key = load_key(folder / "key", key, self._signing_kid(), fresh=self.memory == Memory())
        except BaseException:
            self._db.close()
            raise

    def close(self) -> None:
        """Let another process have it."""
        self._db.close()

    @property
    def device(self) -> str:
        """The device's id, which is made from its first key and stays."""
        row = self._db.execute("SELECT device FROM signing").fetchone()
        return self.key.public.device_id if row is None else str(row[0])

    def start(self, booted_ms: int) -> None:
        """Count a boot, and drop what does not read as it was written.

        Args:
            booted_ms: when, on the device's own clock.
        """
        with self._transaction():
            self._drop_spoiled()
            self._skip_block()
            self._set(boot=self.memory.boot + 1, booted_ms=booted_ms)

    def append(self, statements: Sequence[bytes], *, measured_ms: int) -> None:
        """Keep frames that use the next counters, in order; drops the oldest if there is no room."""
        with self._transaction():
            for body in statements:
                self._append(body, urgent=False)
            self._set(measured_ms=measured_ms)
            self._make_room(0)

    def rotate(self, following: PrivateKey, statement: bytes) -> None:
        """Keep the rotation that goes on to the key ``following``, which signs from here on.

        Args:
            statement: signed by the key that signs now, with the next counter.
        """
        write_file(self.folder / NEXT_KEY, following.seed, mode=0o600)
        with self._transaction():
            self._append(statement, urgent=False)
            row = (following.public.kid, self.device)
            self._db.execute("INSERT OR REPLACE INTO signing VALUES (1, ?, ?)", row)
            self._make_room(0)
        self.key = following
        (self.folder / NEXT_KEY).replace(self.folder / "key")

    def append_gap(self, statement: bytes) -> None:
        """Keep a gap statement that declares all of ``undeclared``; it is sent before the backlog."""
        with self._transaction():
            counter = self.memory.counter
            self._append(statement, urgent=True)
            self._db.execute("UPDATE dropped SET declared_by = ? WHERE declared_by IS NULL", (counter,))

    def make_room(self) -> None:
        """Drop the oldest statement if there is no room for one more."""
        with self._transaction():
            self._make_room(1)

    def settle(
        self,
        counter: int,
        sha256: bytes,
        refused: Sequence[tuple[int, str]],
        beacon: bytes | None = None,
        heard_ms: int = 0,
    ) -> None:
        """Forget what a receipt covers; what it names as refused is moved aside instead.

        Once a clone was seen, everything is moved aside: it may be evidence. A beacon that came
        with it takes the place of the one before.
        """
        with self._transaction():
            for number, code in refused:
                self._move_aside(number, number, code)
            if self.memory.cloned:
                self._move_aside(0, counter, "cloned")
            self._db.execute("DELETE FROM waiting WHERE counter <= ?", (counter,))
            self._db.execute("DELETE FROM dropped WHERE last <= ?", (counter,))
            self._db.execute("DELETE FROM spoiled WHERE counter <= ?", (counter,))
            self._db.execute(FORGET_OLDEST_ASIDE, (self.capacity,))
            self._set(settled=counter, settled_sha256=sha256)
            if beacon is not None:
                self.memory = replace(self.memory, beacon=beacon, heard_ms=heard_ms)
                self._db.execute("INSERT OR REPLACE INTO beacon VALUES (1, ?, ?)", (beacon, heard_ms))

    def configure(self, version: int, body: bytes) -> None:
        """Keep a configuration in the place of the one before."""
        with self._transaction():
            self._db.execute("INSERT OR REPLACE INTO config VALUES (1, ?, ?)", (version, body))
            self.memory = replace(self.memory, config=version)

    def config(self) -> bytes | None:
        """The configuration, as it came; None before the first."""
        row = self._db.execute("SELECT body FROM config").fetchone()
        return None if row is None else bytes(row[0])

    def report_forgotten(self, covered: int) -> None:
        """Remember that the node has nothing behind a counter, and what was settled is not here either."""
        settled = self.memory.settled
        known = "SELECT 1 FROM dropped WHERE last = ?"
        with self._transaction():
            if self._db.execute(known, (settled,)).fetchone() is None:
                self._db.execute("INSERT INTO dropped VALUES (?, ?, NULL)", (covered + 1, settled))

    def report_clone(self) -> None:
        """Remember, for ever, that somebody else speaks with this key."""
        with self._transaction():
            self._set(cloned=True)

    def next_to_send(self, window: int) -> list[Kept]:
        """At most ``window`` statements without receipt: gaps first, then the oldest."""
        query = "SELECT counter, body FROM waiting ORDER BY urgent DESC, counter LIMIT ?"
        return [Kept(*row) for row in self._db.execute(query, (window,))]

    def waiting(self) -> int:
        """How many statements have no receipt."""
        return int(self._db.execute("SELECT count(*) FROM waiting").fetchone()[0])

    def aside(self) -> list[tuple[int, str, bytes]]:
        """What was moved aside: counter, reason code, statement."""
        return list(self._db.execute("SELECT counter, code, body FROM aside ORDER BY counter"))

    def sha256_at(self, counter: int) -> bytes | None:
        """The hash of the statement at a counter, if it is known still."""
        if counter == self.memory.settled:
            return self.memory.settled_sha256
        row = self._db.execute("SELECT sha256 FROM waiting WHERE counter = ?", (counter,)).fetchone()
        return None if row is None else bytes(row[0])

    def undeclared(self) -> tuple[Gap, ...]:
        """Dropped counters that no gap statement in the flash declares, as few ranges as possible."""
        gaps: list[Gap] = []
        query = "SELECT first, last FROM dropped WHERE declared_by IS NULL ORDER BY first"
        for first, last in self._db.execute(query):
            reason = RECEIPTED if last <= self.memory.settled else FLASH_FULL
            if self._db.execute("SELECT 1 FROM spoiled WHERE counter = ?", (first,)).fetchone():
                reason = CORRUPT
            joins = gaps and (gaps[-1].last + 1, gaps[-1].reason) == (first, reason)
            gaps.append(Gap(gaps.pop().first if joins else first, last, reason))
        return tuple(gaps)

    def _append(self, body: bytes, *, urgent: bool) -> None:
        sha256 = hashlib.sha256(body).digest()
        counter = self.memory.counter
        self._db.execute("INSERT INTO waiting VALUES (?, ?, ?, ?)", (counter, sha256, urgent, body))
        self._set(counter=counter + 1, prev=sha256)
        if self.block and counter % self.block == 0:
            self._db.execute("INSERT OR REPLACE INTO block VALUES (1, ?)", (counter + self.block,))

    def _drop_spoiled(self) -> None:
        """Cells of a flash wear out: a statement with another hash than it was kept under is lost."""
        for counter, sha256, body in self._db.execute("SELECT counter, sha256, body FROM waiting").fetchall():
            if hashlib.sha256(body).digest() != sha256:
                self._db.execute("DELETE FROM waiting WHERE counter = ?", (counter,))
                self._db.execute("UPDATE dropped SET declared_by = NULL WHERE declared_by = ?", (counter,))
                self._lose(counter, counter)

    def _skip_block(self) -> None:
        """Which counters of a block were used nobody knows after a start: none of the rest is used."""
        (ends,) = self._db.execute("SELECT ends FROM block").fetchone() or (0,)
        if self.block and ends > self.memory.counter:
            self._lose(self.memory.counter, ends - 1)
            self._set(counter=ends)

    def _lose(self, first: int, last: int) -> None:
        self._db.execute("INSERT INTO dropped VALUES (?, ?, NULL)", (first, last))
        self._db.execute("INSERT INTO spoiled VALUES (?)", (first,))

    def _make_room(self, needed: int) -> None:
        excess = self.waiting() + needed - self.capacity
        query = "SELECT counter FROM waiting ORDER BY counter LIMIT ?"
        for (counter,) in self._db.execute(query, (max(excess, 0),)).fetchall():
            self._db.execute("DELETE FROM waiting WHERE counter = ?", (counter,))
            self._db.execute("UPDATE dropped SET declared_by = NULL WHERE declared_by = ?", (counter,))
            if not self._db.execute(LONGER, (counter, counter - 1)).rowcount:
                self._db.execute("INSERT INTO dropped VALUES (?, ?, NULL)", (counter, counter))

    def _move_aside(self, first: int, last: int, code: str) -> None:
        self._db.execute(MOVE_ASIDE, (code, first, last))
        self._db.execute("DELETE FROM waiting WHERE counter BETWEEN ? AND ?", (first, last))

    def _signing_kid(self) -> bytes | None:
        """The key that signs, where a rotation has brought it in."""
        row = self._db.execute("SELECT kid FROM signing").fetchone()
        return None if row is None else bytes(row[0])

    def _read_memory(self) -> Memory:
        row = self._db.execute("SELECT * FROM memory").fetchone()
        if row is None:
            return Memory()
        beacon, heard_ms = self._db.execute("SELECT sha256, heard_ms FROM beacon").fetchone() or (None, 0)
        (config,) = self._db.execute("SELECT version FROM config").fetchone() or (0,)
        known = replace(Memory(*row[1:]), cloned=bool(row[8]), config=config)
        return replace(known, beacon=beacon, heard_ms=heard_ms)

    def _set(self, **changes: object) -> None:
        """Change numbers of the memory, in the transaction that is open."""
        new = {name: getattr(self.memory, name) for name in Memory.__dataclass_fields__} | changes
        self.memory = Memory(**new)
        row = "INSERT OR REPLACE INTO memory VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?)"
        self._db.execute(row, tuple(new.values())[:8])

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All of it, or, in memory as on the disk, none of it."""
        before = self.memory
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            self.memory = before
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
