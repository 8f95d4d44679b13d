"""The log: no hole in its indexes, tiles and state as hashed, every checkpoint true and signed."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from operator import attrgetter

from sqlalchemy import func, select

from traceability.ledger import merkle, note
from traceability.ledger.history import beacon_of
from traceability.ledger.lines import MAX_INTEGER
from traceability.ledger.state import StateTree, parse_state_leaf
from traceability.ledger.tiles import WIDTH
from traceability.operations.audit.report import Run
from traceability.operations.audit.tasks import Task
from traceability.store import models
from traceability.store.engine import AnyRow

MAX_HOLE = 1_000
"""Missing leaves that are named one by one; behind more than these the log is not read any further."""


@dataclass(slots=True)
class _Tree:
    """The tree as it grows: the open tile of each level, of which the last one's root is still to come."""

    run: Run
    size: int = 0
    open: list[list[bytes]] = field(default_factory=list)
    closed: list[int] = field(default_factory=list)

    def add(self, *leaves: bytes) -> None:
        """More leaf hashes; tiles that are full now are compared."""
        self.size += len(leaves)
        self._add_to_tile(0, leaves)

    def root(self) -> bytes:
        """Root over all leaves so far."""
        below: list[bytes] = []
        for hashes in self.open:
            own = hashes + below
            below = [merkle.root(own)] if own else []
        return below[0] if below else merkle.EMPTY_ROOT

    def finish(self) -> None:
        """Compare the tiles that are not full, and look for those that should not be there."""
        expected = sum(self.closed)
        for level, hashes in enumerate(self.open):
            if hashes:
                self._compare(level, self.closed[level], hashes)
                expected += 1
        stored = self.run.connection.execute(select(func.count()).select_from(models.Tile)).scalar_one()
        self.run.same("tile", "tiles", "number of tiles", expected, stored)

    def _add_to_tile(self, level: int, values: Sequence[bytes]) -> None:
        if level == len(self.open):
            self.open.append([])
            self.closed.append(0)
        self.open[level] += values
        while len(self.open[level]) >= WIDTH:
            hashes, self.open[level] = self.open[level][:WIDTH], self.open[level][WIDTH:]
            self._compare(level, self.closed[level], hashes)
            self.closed[level] += 1
            self._add_to_tile(level + 1, [merkle.root(hashes)])

    def _compare(self, level: int, number: int, hashes: list[bytes]) -> None:
        where = f"tile {number} of level {level}"
        table = models.Tile
        query = select(table.hashes).where(table.level == level, table.number == number)
        stored = self.run.connection.execute(query).scalar_one_or_none()
        if stored is None:
            self.run.found("tile", where, "it is missing")
            return
        if stored == b"".join(hashes):
            return
        size = merkle.HASH_SIZE
        self.run.same("tile", where, "length", len(hashes) * size, len(stored))
        for i, value in enumerate(hashes):
            if stored[i * size : (i + 1) * size] != value:
                self.run.found("tile", where, f"hash {i} is not that of what the store holds")
                return


def log_task(run: Run) -> Task:
    """The whole log: what stands above its leaves is little beside what stands below them."""
    total = run.connection.execute(select(func.max(models.Checkpoint.size))).scalar_one() or 0
    return Task("log", total, audit_log)


def audit_log(run: Run) -> set[bytes | None]:
    """Read the log leaf by leaf.

    Returns:
        The notes that the lock may hold: of the newest published checkpoint and of a staged one;
        None where there is no published one.
    """
    tree, state = _Tree(run), StateTree({})
    kept = state
    record, table = models.Record, models.Checkpoint
    query = select(record.stream, record.seq, record.time_ms, record.hash, record.log_index)
    query = query.where(record.log_index.is_not(None)).order_by(record.log_index)
    leaves = _Leaves(run, run.chunks(query))
    published: bytes | None = None
    staged: list[AnyRow] = []
    for checkpoint in run.rows(select(table).order_by(table.size)):
        where = f"checkpoint {checkpoint.size}"
        if staged and checkpoint.published:
            run.found("checkpoint", f"checkpoint {staged.pop().size}", "it is staged, a later one published")
        heads = leaves.read(tree, checkpoint.size - 1)
        with run.noting("checkpoint", where):
            state = state.updated(heads)
        _audit_checkpoint(run, tree, state, checkpoint, where)
        if checkpoint.time_ms <= leaves.signed_ms or checkpoint.time_ms < leaves.time_ms:
            run.found("checkpoint", where, "its time does not move on from what is before it")
        leaves.signed_ms = leaves.time_ms = checkpoint.time_ms
        if checkpoint.published:
            published, kept = checkpoint.note.encode(), state
        else:
            staged.append(checkpoint)
        run.counts["checkpoints"] += 1
    leaves.end()
    tree.finish()
    _audit_pages(run, kept)
    run.counts["leaves"] = tree.size
    if len(staged) > 1:
        run.found("checkpoint", f"checkpoint {staged[-1].size}", "more than one is staged")
    return {published, *(row.note.encode() for row in staged)}


def _audit_checkpoint(run: Run, tree: _Tree, state: StateTree, row: AnyRow, where: str) -> None:
    """One checkpoint against the leaves before it; its own state leaf joins the tree."""
    run.same("checkpoint", where, "number of leaves before it", tree.size, row.size - 1)
    with run.noting("checkpoint", where):
        leaf = parse_state_leaf(row.leaf.encode())
        tree.add(leaf.hash)
        run.same("checkpoint", where, "index in its state leaf", row.size - 1, leaf.index)
        run.same("checkpoint", where, "number of streams", state.streams, leaf.streams)
        run.same("checkpoint", where, "state root", state.root, leaf.root)
        run.same("checkpoint", where, "time", leaf.time_ms, row.time_ms)
    with run.noting("checkpoint", where):
        signed = note.parse_note(row.note.encode())
        note.verify(signed, [run.node.policy.log])
        checkpoint = note.parse_checkpoint(signed.text)
        run.same("checkpoint", where, "origin", run.node.origin, checkpoint.origin)
        run.same("checkpoint", where, "signed size", row.size, checkpoint.size)
        run.same("checkpoint", where, "signed root", tree.root(), checkpoint.root)
        run.same("checkpoint", where, "beacon", beacon_of(checkpoint), row.beacon)


def _audit_pages(run: Run, state: StateTree) -> None:
    """The pages that are kept are those of the state at the newest published checkpoint."""
    pages = state.pages
    for row in run.rows(select(models.StatePage)):
        where = f"page {row.number} of level {row.level}"
        body = pages.pop((row.level, row.number), None)
        if body is None:
            run.found("state", where, "there is no stream below it")
        else:
            run.same("state", where, "content", body, row.body)
    for level, number in sorted(pages):
        run.found("state", f"page {number} of level {level}", "it is missing")


@dataclass(slots=True)
class _Leaves:
    """Records in the order of the log."""

    run: Run
    chunks: Iterator[Sequence[AnyRow]]
    waiting: Sequence[AnyRow] = ()
    time_ms: int = 0
    signed_ms: int = -1
    missing: int = 0
    last: dict[bytes, int] = field(default_factory=dict)

    def read(self, tree: _Tree, end: int) -> dict[bytes, tuple[int, bytes]]:
        """Add the leaves before ``end`` to the tree; the heads of the streams that moved on."""
        heads: dict[bytes, tuple[int, bytes]] = {}
        while rows := self._next(end):
            if not self._take_all(tree, rows, heads):
                for row in rows:
                    self._take(tree, row, heads)
        self._fill(tree, end)
        return heads

    def end(self) -> None:
        """What stands behind the newest checkpoint."""
        while rows := self._next(MAX_INTEGER):
            for row in rows:
                where = f"record {row.seq} of stream {row.stream.hex()}"
                self.run.found("log", where, f"no checkpoint covers leaf {row.log_index}")

    def _next(self, end: int) -> Sequence[AnyRow]:
        """The next leaves, as far as they stand before ``end``; some at a time."""
        if not self.waiting:
            self.waiting = next(self.chunks, ())
        number = bisect_left(self.waiting, end, key=attrgetter("log_index"))
        some, self.waiting = self.waiting[:number], self.waiting[number:]
        return some

    def _take_all(self, tree: _Tree, rows: Sequence[AnyRow], heads: dict[bytes, tuple[int, bytes]]) -> bool:
        """Add leaves of which each is where it must be; else nothing is done."""
        streams, seqs, times, hashes, places = zip(*rows, strict=True)
        if places != tuple(range(tree.size, tree.size + len(rows))):
            return False
        if times[0] < self.time_ms or sorted(times) != list(times):
            return False
        ends: dict[bytes, int] = {}
        for stream, seq in zip(streams, seqs, strict=True):
            if ends.get(stream, self.last.get(stream, -1)) != seq - 1:
                return False
            ends[stream] = seq
        self.last |= ends
        self.time_ms = times[-1]
        heads.update(zip(streams, ((row.seq + 1, row.hash) for row in rows), strict=True))
        tree.add(*hashes)
        return True

    def _take(self, tree: _Tree, row: AnyRow, heads: dict[bytes, tuple[int, bytes]]) -> None:
        """Add one leaf, and name what is wrong with its place."""
        where = f"record {row.seq} of stream {row.stream.hex()}"
        self._fill(tree, row.log_index)
        if row.log_index != tree.size:
            self.run.found("log", where, f"leaf {row.log_index} cannot be its place in the log")
            return
        if row.time_ms < self.time_ms:
            self.run.found("log", where, "its time is earlier than that of the leaf before it")
        if row.seq != self.last.get(row.stream, -1) + 1:
            self.run.found("log", where, "its place in the log is not behind the record before it")
        self.last[row.stream] = row.seq
        self.time_ms = row.time_ms
        tree.add(row.hash)
        heads[row.stream] = (row.seq + 1, row.hash)

    def _fill(self, tree: _Tree, end: int) -> None:
        """Name the leaves that are missing; their place in the tree is kept."""
        while tree.size < end and self.missing < MAX_HOLE:
            self.missing += 1
            self.run.found("log", f"leaf {tree.size}", "it is missing")
            tree.add(bytes(merkle.HASH_SIZE))
