"""The rules of a log's leaves, each broken by a log that signs whatever it likes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.leaves import LeafLog, grown
from traceability.errors import LeafMismatchError, LogConflictError
from traceability.ledger.leaves import START, Found, Reach, check_leaves, parse_last
from traceability.ledger.statepages import Page

LOG = grown(300, streams=[str(i) for i in range(40)])


class Keeper:
    """Checks a log's leaves in the portions that it is given, and keeps the pages as a store would."""

    def __init__(self) -> None:
        self.reach = START
        self.pages: dict[Page, bytes] = {}

    def read(self, level: int, numbers: Collection[int]) -> Mapping[int, bytes]:
        return {n: self.pages[level, n] for n in numbers if (level, n) in self.pages}

    def check(self, log: LeafLog, end: int | None = None) -> Found:
        found = check_leaves(self.reach, self.read, log.entries[self.reach.size : end])
        self.reach = found.reach
        self.pages |= found.pages
        return found


@settings(max_examples=10)
@given(st.sets(st.integers(0, LOG.size), max_size=6))
def test_leaves_in_any_portions_reach_the_same(cuts: set[int]) -> None:
    keeper = Keeper()
    for _, end in pairwise([0, *sorted(cuts), LOG.size]):
        keeper.check(LOG, end)
    assert keeper.reach == Reach(LOG.size, LOG.state.streams, LOG.state.root, LOG.now_ms, state_size=LOG.size)
    assert keeper.pages == LOG.state.pages


LIES: dict[str, tuple[Callable[[LeafLog], object], str]] = {
    "a number left out": (lambda log: log.records("a", seq=9), "number in .*expected 2, got 9"),
    "a number again": (lambda log: log.records("a", seq=1), "number in .*expected 2, got 1"),
    "a new stream from the middle": (lambda log: log.records("new", seq=1), "expected 0, got 1"),
    "another record before it": (lambda log: log.records("a", prev=b"\1" * 32), "previous hash in"),
    "a new stream with a past": (lambda log: log.records("new", prev=b"\1" * 32), "previous hash in"),
    "a record of yesterday": (lambda log: log.records("a", time_ms=5), "time: expected .* or later"),
    "another state root": (lambda log: log.records("a").end(root=b"\1" * 32), "state root: expected"),
    "a stream more": (lambda log: log.records("a").end(streams=4), "streams: expected 3, got 4"),
    "another index": (lambda log: log.records("a").end(index=3), "index in the state leaf"),
    "a state of yesterday": (lambda log: log.records("a").end(time_ms=5), "time: expected .* or later"),
    "a state that adds nothing": (lambda log: log.end(), "nothing was added"),
    "no leaf of ours": (lambda log: log.add(b"hello\n"), "the first line must be"),
    "a leaf without its end": (lambda log: log.add(LOG.entries[0][:-1]), "end with a newline"),
    "a leaf of nothing": (lambda log: log.add(b""), "newline"),
    "a leaf of 64 KiB": (lambda log: log.add(LOG.entries[0] + b"x" * 64_000), "at most"),
}


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("at_once", [True, False])
def test_each_broken_rule_is_seen_and_its_leaf_named(lie: str, at_once: bool) -> None:
    tell, words = LIES[lie]
    log, keeper = LeafLog().records("a", "b", "c", "a").end(), Keeper()
    honest = log.size
    tell(log)
    log.records("b").end()
    if not at_once:
        keeper.check(log, honest)
    with pytest.raises(LeafMismatchError, match=words) as caught:
        keeper.check(log)
    assert caught.value.leaf in {honest, honest + 1}
    assert str(caught.value).startswith(f"leaf {caught.value.leaf}: ")


def test_the_first_leaf_that_is_wrong_is_the_one_that_is_named() -> None:
    log = LeafLog().records("a").records("a", seq=5).add(b"hello\n")
    with pytest.raises(LeafMismatchError) as caught:
        Keeper().check(log)
    assert caught.value.leaf == 1


def test_a_log_may_begin_with_a_state_of_nothing() -> None:
    keeper = Keeper()
    keeper.check(LeafLog().end())
    assert (keeper.reach.size, keeper.reach.streams) == (1, 0)


def test_a_record_and_a_state_of_the_same_moment_are_in_order() -> None:
    log = LeafLog().records("a")
    Keeper().check(log.end(time_ms=log.now_ms).records("a", time_ms=log.now_ms - 1))


def test_a_checkpoint_that_does_not_end_with_a_state_leaf_is_refused() -> None:
    assert parse_last(LOG.entries[-1], LOG.size).index == LOG.size - 1
    with pytest.raises(LeafMismatchError, match="leaf 0: a checkpoint ends here"):
        parse_last(LOG.entries[0], 1)


def test_pages_that_were_changed_are_not_believed() -> None:
    keeper = Keeper()
    keeper.check(LOG, 200)
    keeper.pages = {page: body[:-1] + b"\1" for page, body in keeper.pages.items()}
    with pytest.raises(LogConflictError):
        keeper.check(LOG)
