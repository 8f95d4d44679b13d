"""From the first leaf to the last that was signed: hashed and checked again, and compared with this store.

Nothing of what others keep is believed but what leads to a checkpoint that this node signed. Where
this store says something else than they do, one of both is a fork, and nothing goes on from it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Connection

from traceability.errors import BehindError, LeafMismatchError, TamperError, UnrecoverableError
from traceability.ledger import merkle
from traceability.ledger.leaves import START, Reach, check_leaves, is_state, parse_last
from traceability.ledger.note import Checkpoint, parse_checkpoint, parse_note, verify
from traceability.ledger.record import Record, parse_record
from traceability.ledger.state import StateLeaf
from traceability.ledger.statepages import Page
from traceability.ledger.tiles import Tiles
from traceability.operations.log import latest_checkpoint, log_entries
from traceability.operations.node import Node
from traceability.operations.recover.leaves import Leaves
from traceability.witness.follower import Progress

PORTION: Final = 1_024
"""Leaves that are read at a time."""


@dataclass(frozen=True, slots=True)
class Grown:
    """What one checkpoint added: records in the log's order, its state leaf, the pages that changed."""

    records: tuple[Record, ...]
    state: StateLeaf
    root: bytes
    pages: Mapping[Page, bytes]

    @property
    def size(self) -> int:
        """Leaves up to and with its state leaf."""
        return self.state.index + 1

    def places(self) -> Iterator[tuple[int, Record]]:
        """Its records with their indexes in the log."""
        return enumerate(self.records, self.state.index - len(self.records))


@dataclass(slots=True)
class Walked:
    """A log that was walked through.

    Attributes:
        target: the newest checkpoint that is known to be signed; ``locked`` is what the lock held.
        base: leaves that this store has published.
        grown: the checkpoints behind these.
        tiles: every tile of the tree; ``changed`` are those that the store has not, or not so long.
        pages: every page of the state at the end.
    """

    target: Checkpoint
    locked: bytes | None
    base: int
    grown: list[Grown] = field(default_factory=list)
    reach: Reach = START
    tiles: dict[tuple[int, int], bytes] = field(default_factory=dict)
    changed: dict[tuple[int, int], bytes] = field(default_factory=dict)
    pages: dict[Page, bytes] = field(default_factory=dict)

    @property
    def tree(self) -> Tiles:
        """The log's tree."""
        return Tiles(lambda level, number: self.tiles.get((level, number), b""))

    def add(self, entries: Sequence[bytes]) -> None:
        """Take the leaves of one more checkpoint.

        Raises:
            LeafMismatchError: one of them breaks a rule of the log.
        """
        found = check_leaves(self.reach, self._read, entries)
        changed, root = self.tree.append(self.reach.size, [merkle.leaf_hash(data) for data in entries])
        self.tiles |= changed
        self.pages |= found.pages
        self.reach = found.reach
        if self.reach.size > self.base:
            self.changed |= changed
            state = parse_last(entries[-1], self.reach.size)
            records = tuple(parse_record(data) for data in entries[:-1])
            self.grown.append(Grown(records, state, root, found.pages))

    def _read(self, level: int, numbers: Collection[int]) -> Mapping[int, bytes]:
        found = ((number, self.pages.get((level, number))) for number in numbers)
        return {number: body for number, body in found if body is not None}


def newest_signed(node: Node, notes: Sequence[bytes]) -> Checkpoint | None:
    """The largest of the checkpoints that this node signed; None if there is none.

    Raises:
        MalformedError: one is no checkpoint.
        SignatureMismatchError: one is not signed by this node.
        UnrecoverableError: one is of another log, or two contradict each other.
    """
    newest: Checkpoint | None = None
    for body in notes:
        signed = parse_note(body)
        verify(signed, [node.policy.log])
        checkpoint = parse_checkpoint(signed.text)
        if checkpoint.origin != node.origin:
            raise UnrecoverableError(
                "a checkpoint of another log", expected=node.origin, got=checkpoint.origin
            )
        if newest is None or checkpoint.size > newest.size:
            newest = checkpoint
        elif checkpoint.size == newest.size and checkpoint.root != newest.root:
            raise UnrecoverableError(
                f"two trees of {newest.size} leaves are signed", expected=newest.root, got=checkpoint.root
            )
    return newest


def walk(
    connection: Connection,
    node: Node,
    leaves: Leaves,
    locked: bytes | None,
    progress: Progress | None = None,
) -> Walked:
    """Walk through a log from its first leaf to the newest checkpoint that is known to be signed.

    Args:
        connection: a snapshot of the store, whose part of the log is compared.
        locked: the checkpoint in the lock; the log must lead to it, and to those that are shown with it.

    Raises:
        BehindError: the leaves do not reach as far.
        UnrecoverableError: they are not those that were signed, or not those that this store has.
        UnreachableError, StoreUnavailableError: they cannot be read.
    """
    notes = [*([] if locked is None else [locked]), *leaves.notes]
    target, latest = newest_signed(node, notes), latest_checkpoint(connection)
    if target is None:
        raise UnrecoverableError("nothing is known to be signed: there is nothing to recover towards")
    base = latest.size if latest else 0
    walked = Walked(target, locked, base)
    if base > target.size:
        raise UnrecoverableError(f"this store has {base} leaves, and {target.size} were signed")
    compared = _Compared(connection, leaves, base)
    try:
        for entries in _by_checkpoints(compared, target.size):
            walked.add(entries)
            if progress is not None:
                progress(walked.reach.size, target.size)
        _check_roots(walked, notes)
    except LeafMismatchError as error:
        raise UnrecoverableError(f"{leaves.place} is not what was signed: {error}") from error
    return walked


def _check_roots(walked: Walked, notes: Sequence[bytes]) -> None:
    """The tree has the root of every checkpoint; raises UnrecoverableError, or LeafMismatchError."""
    for body in notes:
        signed = parse_checkpoint(parse_note(body).text)
        root = walked.tree.root(signed.size)
        if root != signed.root:
            what = f"the first {signed.size} leaves do not give the root that was signed"
            raise LeafMismatchError(signed.size - 1, what, expected=signed.root, got=root)


@dataclass(frozen=True, slots=True)
class _Compared:
    """Leaves, of which those that this store has too must be the same."""

    connection: Connection
    leaves: Leaves
    base: int

    def entries(self, first: int, end: int) -> list[bytes]:
        found = self.leaves.entries(first, end)
        last = min(first + len(found), self.base)
        try:
            own = log_entries(self.connection, first, last) if first < last else []
        except TamperError as error:
            raise UnrecoverableError(f"this store is damaged: {error}") from error
        for index, (one, other) in enumerate(zip(own, found, strict=False), first):
            if one != other:
                what = f"leaf {index} is another one here than in {self.leaves.place}: one of both is a fork"
                raise UnrecoverableError(what, expected=merkle.leaf_hash(other), got=merkle.leaf_hash(one))
        return found


def _by_checkpoints(leaves: _Compared, size: int) -> Iterator[list[bytes]]:
    """The leaves that each checkpoint added, up to ``size``."""
    waiting: list[bytes] = []
    first = 0
    while first < size:
        portion = leaves.entries(first, min(first + PORTION, size))
        if not portion:
            raise BehindError(
                f"{leaves.leaves.place} has {first} of the {size} leaves that are signed",
                remedy="Find a copy that reaches there: other full witnesses, audits, caches of the log.",
            )
        first += len(portion)
        for data in portion:
            waiting.append(data)
            if is_state(data):
                yield waiting
                waiting = []
    if waiting:
        yield waiting
