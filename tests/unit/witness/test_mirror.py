"""A full witness's copy of a log: it grows only where it ends, and shows no more than it has."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.leaves import LeafLog
from tests.support.witness import NAME
from traceability.errors import LogConflictError, SettingsError
from traceability.ledger import merkle
from traceability.ledger.leaves import START, check_leaves
from traceability.ledger.tiles import TilePath
from traceability.witness.memory import Memory, create

LOG = LeafLog().records("a", "b").end()


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    create(tmp_path / "w.sqlite", NAME, full=True)
    with closing(Memory(tmp_path / "w.sqlite")) as made:
        made.trust(LOG.verifier, "http://127.0.0.1:1/log")
        yield made


def keep(memory: Memory) -> None:
    found = check_leaves(START, lambda level, numbers: {}, LOG.entries)
    with memory.deciding(LOG.origin) as deciding:
        hashes = [merkle.leaf_hash(entry) for entry in LOG.entries]
        tiles, _ = deciding.mirror.tiles().append(0, hashes)
        deciding.mirror.keep(START, found, LOG.entries, tiles, LOG.note(LOG.size))


def test_what_is_kept_is_there_whole(memory: Memory) -> None:
    keep(memory)
    with memory.mirror(LOG.origin) as mirror:
        assert (mirror.reach().size, mirror.note()) == (LOG.size, LOG.note(LOG.size))
        assert mirror.entries(0, 99) == LOG.entries
        assert mirror.tiles().root(LOG.size) == LOG.root(LOG.size)
        assert mirror.served(TilePath(0, 0, 2)) == LOG.served("tile/0/000.p/2")
        assert mirror.served(TilePath(None, 0, 4)) is None


def test_it_grows_only_where_it_ends(memory: Memory) -> None:
    keep(memory)
    with pytest.raises(LogConflictError, match="not where the leaves begin"):
        keep(memory)


def test_one_log_says_nothing_about_another(memory: Memory) -> None:
    keep(memory)
    with memory.mirror("other.example/log") as mirror:
        assert (mirror.reach(), mirror.note(), mirror.entries(0, 9), mirror.url()) == (START, b"", [], "")


def test_a_log_that_moved_is_read_where_it_is_now(memory: Memory) -> None:
    assert not memory.trust(LOG.verifier)
    assert memory.trust(LOG.verifier, "https://node.example/log")
    assert not memory.trust(LOG.verifier, "https://node.example/log")
    with pytest.raises(SettingsError):
        memory.trust(LOG.verifier, "node.example/log")
    with memory.mirror(LOG.origin) as mirror:
        assert mirror.url() == "https://node.example/log"
