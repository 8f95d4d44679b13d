"""Checking a log leaf by leaf, as somebody does who has nothing but the log.

A record has its stream's next number and names the record before it. Times never decrease along
the log. A state leaf says its own index, and the state that the records before it give.

Where checkpoints ended cannot be seen in the leaves alone. What can: a checkpoint ends with a state
leaf, its time moved on, and it adds a record (but for a log's very first).

Source: docs/formats.md, Records, Log, State.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from traceability.errors import LeafMismatchError, MalformedError
from traceability.ledger import state, statepages
from traceability.ledger.record import GENESIS, Record, format_time, parse_record
from traceability.ledger.state import StateLeaf, StateTree, parse_state_leaf, stream_hash
from traceability.ledger.statepages import Page, ReadPages

_STATE_LEAF: Final = f"{state.TITLE}\n".encode("ascii")


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a log was checked.

    Attributes:
        size: leaves so far.
        streams: how many the state of these leaves holds.
        root: of that state.
        time_ms: the newest time in a leaf, milliseconds since 1970; 0 before the first.
        state_size: leaves up to and with the newest state leaf; 0 before the first.
    """

    size: int = 0
    streams: int = 0
    root: bytes = statepages.EMPTY_STATE
    time_ms: int = 0
    state_size: int = 0


START: Final = Reach()
"""Nothing was checked yet."""


@dataclass(frozen=True, slots=True)
class Found:
    """What leaves came to: how far they reach, and the pages of the state that they change."""

    reach: Reach
    pages: dict[Page, bytes]


def check_leaves(before: Reach, read: ReadPages, entries: Sequence[bytes]) -> Found:
    """Check the leaves behind those that were checked.

    Args:
        read: the pages of the state at ``before``.
        entries: the leaves' data, as they stand in entry bundles.

    Raises:
        LeafMismatchError: a leaf breaks a rule; it is the first that does.
        LogConflictError: a page is not that of the state at ``before``.
    """
    leaves: list[Record | StateLeaf] = []
    broken: LeafMismatchError | None = None
    for index, data in enumerate(entries, before.size):
        try:
            leaves.append(_parse(data))
        except MalformedError as error:
            broken = LeafMismatchError(index, str(error))
            break
    walk = _Walk(before, StateTree.kept(read, before.streams, before.root))
    walk.heads = walk.state.heads(stream_hash(leaf.stream) for leaf in leaves if isinstance(leaf, Record))
    for leaf in leaves:
        walk.add(leaf)
    if broken is not None:
        raise broken
    walk.settle()
    return Found(
        Reach(walk.size, walk.state.streams, walk.state.root, walk.time_ms, walk.state_size), walk.changed
    )


def parse_last(data: bytes, size: int) -> StateLeaf:
    """The state leaf that ends a checkpoint of this size.

    Raises:
        LeafMismatchError: the last leaf's data are none.
    """
    try:
        return parse_state_leaf(data)
    except MalformedError as error:
        what = f"a checkpoint ends here, and not with a state leaf: {error}"
        raise LeafMismatchError(size - 1, what) from error


def is_state(data: bytes) -> bool:
    """Whether a leaf's data are those of a state, with which a checkpoint ends, or begin like them."""
    return data.startswith(_STATE_LEAF)


def _parse(data: bytes) -> Record | StateLeaf:
    return parse_state_leaf(data) if is_state(data) else parse_record(data)


class _Walk:
    """The check under way; ``waiting`` are the heads that are not in the state yet."""

    def __init__(self, before: Reach, kept: StateTree) -> None:
        self.size, self.time_ms, self.state_size = before.size, before.time_ms, before.state_size
        self.state = kept
        self.heads: dict[bytes, tuple[int, bytes]] = {}
        self.waiting: dict[bytes, tuple[int, bytes]] = {}
        self.changed: dict[Page, bytes] = {}

    def add(self, leaf: Record | StateLeaf) -> None:
        """Check one leaf; raises LeafMismatchError."""
        if leaf.time_ms < self.time_ms:
            earliest, found = format_time(self.time_ms), format_time(leaf.time_ms)
            raise LeafMismatchError(self.size, "time", expected=f"{earliest} or later", got=found)
        if isinstance(leaf, Record):
            self._add_record(leaf)
        else:
            self._add_state(leaf)
        self.time_ms = leaf.time_ms
        self.size += 1

    def settle(self) -> None:
        """Bring the state to where the leaves are."""
        self.state = self.state.updated(self.waiting)
        self.changed |= self.state.changed
        self.waiting = {}

    def _add_record(self, record: Record) -> None:
        name = stream_hash(record.stream)
        count, head = self.heads.get(name, (0, GENESIS))
        self._same(f"number in {record.stream}", count, record.seq)
        self._same(f"previous hash in {record.stream}", head, record.prev)
        self.heads[name] = self.waiting[name] = (count + 1, record.hash)

    def _add_state(self, leaf: StateLeaf) -> None:
        self._same("index in the state leaf", self.size, leaf.index)
        if self.size and self.size == self.state_size:
            raise LeafMismatchError(self.size, "a state leaf behind a state leaf: nothing was added")
        self.settle()
        self._same("number of streams", self.state.streams, leaf.streams)
        self._same("state root", self.state.root, leaf.root)
        self.state_size = self.size + 1

    def _same(self, what: str, expected: object, got: object) -> None:
        if expected != got:
            raise LeafMismatchError(self.size, what, expected=expected, got=got)
