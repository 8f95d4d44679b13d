"""State: how many records every stream has and its head, in one tree under one root.

The last leaf of each published checkpoint is a state leaf, which carries that root. The
tree has two levels. Streams fall into 65,536 buckets by the first 16 bits of
SHA-256(stream); a bucket is an RFC 6962 tree sorted by that hash, and above stands an
RFC 6962 tree of 65,536 leaves whose data are the bucket roots. Because a bucket is
sorted, neighbours prove that nothing stands between them: that a stream is absent.

Source: docs/formats.md, State; RFC 6962 2.1 for both levels.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from traceability.errors import ProofMismatchError
from traceability.ledger import merkle, statepages
from traceability.ledger.lines import LineReader, encode_base64, encode_lines, require_range, require_size
from traceability.ledger.record import MAX_TIME_MS, format_time, parse_time
from traceability.ledger.statepages import BUCKETS, Heads, Page, ReadPages, bucket_number, stream_entry

TITLE: Final = "food-traceability/state/v1"
MAX_STATE_LEAF: Final = 256
"""Bytes of a state leaf's text, at most."""


@dataclass(frozen=True, slots=True)
class StateLeaf:
    """The last leaf of a published checkpoint; only well-formed ones can be made.

    Attributes:
        index: leaves before this one.
        streams: how many streams the state holds.
        root: of the state tree, 32 bytes.
        time_ms: when the node made it, milliseconds since 1970 UTC.
    """

    index: int
    streams: int
    root: bytes
    time_ms: int

    def __post_init__(self) -> None:
        require_range("a leaf's index", self.index)
        require_range("the number of streams", self.streams)
        require_size("a state root", self.root, merkle.HASH_SIZE)
        require_range("a time in ms", self.time_ms, high=MAX_TIME_MS)

    def text(self) -> bytes:
        """The five lines: the leaf data in the log."""
        root = encode_base64(self.root)
        return encode_lines(TITLE, str(self.index), str(self.streams), root, format_time(self.time_ms))

    @property
    def hash(self) -> bytes:
        """RFC 6962 leaf hash of the text."""
        return merkle.leaf_hash(self.text())


def parse_state_leaf(text: bytes) -> StateLeaf:
    """The state leaf in a leaf's data.

    Raises:
        MalformedError: not exactly the five lines of a state leaf.
    """
    lines = LineReader(text, TITLE, MAX_STATE_LEAF)
    leaf = StateLeaf(lines.integer(), lines.integer(), lines.data(), parse_time(lines.text()))
    lines.end(leaf.text())
    return leaf


@dataclass(frozen=True, slots=True)
class Presence:
    """Proof that a stream is in the state with this record count and head.

    Attributes:
        count: records in the stream, at least 1.
        head: record hash of the last of them, 32 bytes.
        index: of the stream in its bucket.
        bucket_size: streams in the bucket.
        bucket_proof: RFC 6962 inclusion proof in the bucket.
        top_proof: RFC 6962 inclusion proof of the bucket, 16 hashes.
    """

    count: int
    head: bytes
    index: int
    bucket_size: int
    bucket_proof: tuple[bytes, ...]
    top_proof: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A stream beside the place where an absent one would stand; fields as in ``Presence``."""

    stream_hash: bytes
    count: int
    head: bytes
    index: int
    bucket_proof: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Absence:
    """Proof that a stream is not in the state.

    Attributes:
        bucket_size: streams in the bucket where it would be.
        neighbours: none if the bucket is empty; its first or its last stream, if the
            absent one would stand before or behind all; otherwise the two around it.
        top_proof: RFC 6962 inclusion proof of the bucket, 16 hashes.
    """

    bucket_size: int
    neighbours: tuple[Neighbour, ...]
    top_proof: tuple[bytes, ...]


@lru_cache(maxsize=65_536)
def stream_hash(uri: str) -> bytes:
    """The name of a stream in the state tree: SHA-256 of its URI, 32 bytes."""
    return hashlib.sha256(uri.encode()).digest()


def stream_leaf(name: bytes, count: int, head: bytes) -> bytes:
    """Leaf hash of a stream in its bucket.

    Raises:
        MalformedError: name or head not of 32 bytes, or no records.
    """
    return statepages.entry_hash(stream_entry(name, count, head))


def verify_presence(root: bytes, name: bytes, presence: Presence) -> None:
    """Check that the state with this root holds the stream as ``presence`` says.

    Args:
        root: of the state tree, from a state leaf that was itself verified.
        name: ``stream_hash`` of the stream.

    Raises:
        MalformedError: a value is out of range.
        ProofMismatchError: the state does not hold it so.
    """
    leaf = stream_leaf(name, presence.count, presence.head)
    bucket_root = merkle.climb(presence.index, presence.bucket_size, leaf, presence.bucket_proof)
    _verify_bucket(root, name, bucket_root, presence.top_proof)


def verify_absence(root: bytes, name: bytes, absence: Absence) -> None:
    """Check that the state with this root does not hold the stream.

    The order of a bucket is its keeper's promise, which full witnesses check; given the
    order, the neighbours leave no room for the stream.

    Raises:
        MalformedError: a value is out of range.
        ProofMismatchError: the proof does not show that it is absent.
    """
    require_size("the hash of a stream's URI", name, merkle.HASH_SIZE)
    _check_gap(name, absence)
    roots = {_bucket_root(neighbour, absence.bucket_size) for neighbour in absence.neighbours}
    if len(roots) > 1:
        raise ProofMismatchError("the neighbours stand in different buckets")
    _verify_bucket(root, name, roots.pop() if roots else merkle.EMPTY_ROOT, absence.top_proof)


class StateTree:
    """The state of every stream; never changes, ``updated`` gives the next one.

    What it reads of pages that are kept somewhere is only what it is asked about, and is compared
    with the root: a page that was changed is refused (LogConflictError) by every method.
    """

    __slots__ = ("_pages", "_read", "changed", "root", "streams")

    def __init__(self, heads: Heads) -> None:
        """Build the tree over {stream hash: (record count, head)}, all of it in memory."""
        self._read: ReadPages = _read_nothing
        self._pages: dict[Page, bytes] = {}
        self.streams, self.root = 0, statepages.EMPTY_STATE
        self.changed: Mapping[Page, bytes] = {}
        if heads:
            self._grow(heads)

    @classmethod
    def kept(cls, read: ReadPages, streams: int, root: bytes) -> StateTree:
        """The tree whose pages are kept somewhere.

        Args:
            streams: how many streams the state holds.
            root: of the state tree, from a state leaf.
        """
        tree = cls({})
        tree._read, tree.streams, tree.root = read, streams, root
        return tree

    @property
    def pages(self) -> dict[Page, bytes]:
        """The pages that were read or changed so far and are not empty; of a tree in memory, all."""
        return {page: body for page, body in self._pages.items() if body != statepages.EMPTY_PAGES[page[0]]}

    def heads(self, names: Iterable[bytes]) -> dict[bytes, tuple[int, bytes]]:
        """Record count and head of those of the streams that the state holds."""
        wanted = set(names)
        buckets = {bucket_number(name) for name in wanted}
        self._load(buckets)
        entries = (statepages.entries_of(self._pages[0, bucket]).items() for bucket in buckets)
        return {name: statepages.head_of(e) for bucket in entries for name, e in bucket if name in wanted}

    def updated(self, heads: Heads) -> StateTree:
        """The state after these streams were added or moved on; this one stays as it is.

        Its ``changed`` are the pages that differ from this one's.
        """
        later = StateTree({})
        later._read, later._pages = self._read, dict(self._pages)
        later.streams, later.root = self.streams, self.root
        if heads:
            later._grow(heads)
        return later

    def prove(self, name: bytes) -> Presence | Absence:
        """Proof of what the state says about the stream with this hash."""
        number = bucket_number(name)
        self._load([number])
        bucket, top_proof = statepages.entries_of(self._pages[0, number]), self._top_proof(number)
        names = list(bucket)
        leaves = [statepages.entry_hash(entry) for entry in bucket.values()]
        place = bisect_left(names, name)
        if name in bucket:
            proof = tuple(merkle.inclusion_proof(place, leaves))
            return Presence(*statepages.head_of(bucket[name]), place, len(names), proof, top_proof)
        neighbours = []
        for i in range(max(place - 1, 0), min(place + 1, len(names))):
            proof = tuple(merkle.inclusion_proof(i, leaves))
            neighbours.append(Neighbour(names[i], *statepages.head_of(bucket[names[i]]), i, proof))
        return Absence(len(names), tuple(neighbours), top_proof)

    def _load(self, buckets: Iterable[int]) -> None:
        self._pages |= statepages.load(self._read, self._pages, buckets, self.root)

    def _grow(self, heads: Heads) -> None:
        self.streams += len(heads) - len(self.heads(heads))
        self.changed = statepages.grow(self._pages, heads)
        self._pages |= self.changed
        self.root = statepages.page_hash(statepages.TOP, self._pages[statepages.TOP, 0])

    def _top_proof(self, number: int) -> tuple[bytes, ...]:
        proof: list[bytes] = []
        for level in range(1, statepages.TOP + 1):
            number, slot = divmod(number, 1 << statepages.PAGE_BITS)
            proof += merkle.inclusion_proof(slot, statepages.hashes_of(self._pages[level, number]))
        return tuple(proof)


def _read_nothing(level: int, numbers: Collection[int]) -> Mapping[int, bytes]:
    return {}


def _bucket_root(neighbour: Neighbour, bucket_size: int) -> bytes:
    leaf = stream_leaf(neighbour.stream_hash, neighbour.count, neighbour.head)
    return merkle.climb(neighbour.index, bucket_size, leaf, neighbour.bucket_proof)


def _verify_bucket(root: bytes, name: bytes, bucket_root: bytes, top_proof: tuple[bytes, ...]) -> None:
    merkle.verify_inclusion(bucket_number(name), BUCKETS, merkle.leaf_hash(bucket_root), top_proof, root)


def _check_gap(name: bytes, absence: Absence) -> None:
    """Check that nothing can stand between the neighbours, and that the name would stand there."""
    match absence.neighbours:
        case ():
            fits = absence.bucket_size == 0
        case (only,) if only.index == 0 and name < only.stream_hash:
            fits = True
        case (only,):
            fits = only.index == absence.bucket_size - 1 and only.stream_hash < name
        case (left, right):
            fits = left.index + 1 == right.index and left.stream_hash < name < right.stream_hash
        case _:
            fits = False
    if not fits:
        raise ProofMismatchError("the neighbours leave room for the stream", got=name)
