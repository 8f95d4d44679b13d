"""What a witness remembers, and that it is on disk."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.witness import NAME, Log
from traceability.errors import ConflictError, LogConflictError, MalformedError, SettingsError
from traceability.witness.evidence import NOTHING, Held
from traceability.witness.memory import Deciding, Memory, create

ORIGIN = "node.example/log"
FIRST = Held(5, b"\5" * 32, b"note of 5", 100)
SECOND = Held(9, b"\x09" * 32, b"note of 9", 101)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    create(tmp_path / "w.sqlite", NAME)
    return tmp_path / "w.sqlite"


def test_each_change_is_synced_to_the_disk(path: Path) -> None:
    with closing(Memory(path)) as memory:
        asked = [
            memory._connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous")
        ]
    assert asked == ["wal", 2]


def test_only_the_checkpoint_that_was_judged_by_is_replaced(path: Path) -> None:
    with closing(Memory(path)) as memory:
        with memory.deciding(ORIGIN) as deciding:
            deciding.advance(NOTHING, FIRST)
        other_size = Held(6, FIRST.root, b"note", 0)
        other_root = Held(FIRST.size, SECOND.root, b"note", 0)
        for expected in (NOTHING, other_size, other_root, SECOND):
            with pytest.raises(LogConflictError), memory.deciding(ORIGIN) as deciding:
                deciding.advance(expected, SECOND)
            assert memory.held(ORIGIN) == FIRST
        with memory.deciding(ORIGIN) as deciding:
            deciding.advance(FIRST, SECOND)
        assert memory.held(ORIGIN) == SECOND


def decide_and_fail(deciding: Deciding) -> None:
    deciding.advance(NOTHING, FIRST)
    raise MalformedError("after the change, before the commit")


def test_a_decision_that_fails_changes_nothing(path: Path) -> None:
    with closing(Memory(path)) as memory:
        with pytest.raises(MalformedError), memory.deciding(ORIGIN) as deciding:
            decide_and_fail(deciding)
        assert memory.held(ORIGIN) == NOTHING
        with memory.deciding(ORIGIN) as deciding:
            assert deciding.held() == NOTHING


def test_while_one_decides_nobody_else_writes(path: Path) -> None:
    with closing(Memory(path)) as memory, memory.deciding(ORIGIN) as deciding:
        deciding.held()
        other = sqlite3.connect(path, timeout=0, isolation_level=None)
        with closing(other), pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")


def test_a_memory_is_never_made_by_opening_it(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="forgotten") as caught:
        Memory(tmp_path / "w.sqlite")
    assert "new key" in caught.value.remedy()
    assert list(tmp_path.iterdir()) == []


def test_a_memory_is_never_made_twice(path: Path) -> None:
    with pytest.raises(ConflictError):
        create(path, "another")
    with closing(Memory(path)) as memory:
        assert memory.name == NAME


def test_a_memory_of_another_version_is_refused(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version=3")
    with pytest.raises(SettingsError, match="another version"):
        Memory(path)


def test_logs_are_known_by_their_keys_name(path: Path) -> None:
    first, second = Log(), Log("other.example/log")
    with closing(Memory(path)) as memory:
        assert memory.trust(first.verifier)
        assert not memory.trust(first.verifier)
        assert memory.trust(second.verifier)
    with closing(Memory(path)) as memory:
        assert memory.logs() == {first.origin: [first.verifier], second.origin: [second.verifier]}
        assert memory.keys(first.origin) == [first.verifier]
        assert memory.keys("nobody.example/log") == []
