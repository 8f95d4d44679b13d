"""The state tree as pages, so that what did not change need not be read: 65,536 buckets under four levels.

A page of level 0 is a bucket: its streams in order, an entry of 72 bytes each. A page of levels 1
to 4 holds 16 hashes that stand side by side: at level 1 those of the buckets, above it the roots
of the pages one level below. The root of the only page of level 4 is that of the state. A page
whose buckets are all empty stands nowhere.

Source: docs/formats.md, State.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final, TypeAlias

from traceability.errors import LogConflictError
from traceability.ledger import merkle
from traceability.ledger.lines import require_range, require_size

STREAM_TITLE: Final = b"food-traceability/stream/v1\n"
BUCKET_BITS: Final = 16
BUCKETS: Final = 1 << BUCKET_BITS
PAGE_BITS: Final = 4
TOP: Final = BUCKET_BITS // PAGE_BITS
"""Level of the page that stands above all others."""
COUNT_SIZE: Final = 8
ENTRY_SIZE: Final = 2 * merkle.HASH_SIZE + COUNT_SIZE

Page: TypeAlias = tuple[int, int]
"""(level, number): at level 0 the number of the bucket, above it that of its first child over 16."""
ReadPages: TypeAlias = Callable[[int, Collection[int]], Mapping[int, bytes]]
"""(level, numbers) to those of these pages that stand somewhere."""
Heads: TypeAlias = Mapping[bytes, tuple[int, bytes]]
"""{stream hash: (record count, head)}"""

_LEAF: Final = b"\x00" + STREAM_TITLE


def stream_entry(name: bytes, count: int, head: bytes) -> bytes:
    """A stream in its bucket: SHA-256 of its URI, record count (u64 big-endian), head.

    Raises:
        MalformedError: name or head not of 32 bytes, or no records.
    """
    require_size("the hash of a stream's URI", name, merkle.HASH_SIZE)
    require_range("a record count", count, low=1)
    require_size("the head of a stream", head, merkle.HASH_SIZE)
    return name + count.to_bytes(COUNT_SIZE, "big") + head


def entry_hash(entry: bytes) -> bytes:
    """Leaf hash of a stream in its bucket."""
    return hashlib.sha256(_LEAF + entry).digest()


def entries_of(bucket: bytes) -> dict[bytes, bytes]:
    """The entries of a bucket by the hashes of their streams, in order."""
    starts = range(0, len(bucket), ENTRY_SIZE)
    return {bucket[i : i + merkle.HASH_SIZE]: bucket[i : i + ENTRY_SIZE] for i in starts}


def head_of(entry: bytes) -> tuple[int, bytes]:
    """Record count and head that an entry says."""
    count, head = entry[merkle.HASH_SIZE : -merkle.HASH_SIZE], entry[-merkle.HASH_SIZE :]
    return int.from_bytes(count, "big"), head


def bucket_number(name: bytes) -> int:
    """The bucket of a stream: the first 16 bits of its hash, big-endian."""
    return int.from_bytes(name[:2], "big")


def hashes_of(body: bytes) -> list[bytes]:
    """The hashes in a page above the buckets."""
    return [body[i : i + merkle.HASH_SIZE] for i in range(0, len(body), merkle.HASH_SIZE)]


def page_hash(level: int, body: bytes) -> bytes:
    """The hash that stands for a page in the one above it: of a bucket a leaf hash, else a root."""
    if level:
        return merkle.root(hashes_of(body))
    starts = range(0, len(body), ENTRY_SIZE)
    return merkle.leaf_hash(merkle.root([entry_hash(body[i : i + ENTRY_SIZE]) for i in starts]))


def _empty_pages() -> list[bytes]:
    pages = [b""]
    for level in range(TOP):
        pages.append(page_hash(level, pages[-1]) * (1 << PAGE_BITS))
    return pages


EMPTY_PAGES: Final = _empty_pages()
"""What a page says that stands nowhere, by level."""
EMPTY_HASHES: Final = [page_hash(level, body) for level, body in enumerate(EMPTY_PAGES)]
EMPTY_STATE: Final = EMPTY_HASHES[TOP]
"""Root of the state without streams."""


def load(
    read: ReadPages, known: Mapping[Page, bytes], buckets: Iterable[int], root: bytes
) -> dict[Page, bytes]:
    """The pages from these buckets up to the root that are not known yet, each as its hash above says.

    Args:
        known: pages that were loaded before.
        root: of the state.

    Raises:
        LogConflictError: a page is not the one that the root stands for.
    """
    found: dict[Page, bytes] = {}
    numbers = set(buckets)
    for level in range(TOP + 1):
        missing = [number for number in numbers if (level, number) not in known]
        stored = read(level, missing) if missing else {}
        found |= {(level, number): stored.get(number) or EMPTY_PAGES[level] for number in missing}
        numbers = {number >> PAGE_BITS for number in numbers}
    for (level, number), body in found.items():
        size = ENTRY_SIZE if level == 0 else len(EMPTY_PAGES[level])
        above = (level + 1, number >> PAGE_BITS)
        expected = root if level == TOP else _slot(found.get(above) or known[above], number)
        # The length counts: with nodes in the place of some hashes, fewer would have the same root.
        hashed = EMPTY_HASHES[level] if body == EMPTY_PAGES[level] else page_hash(level, body)
        if len(body) % size or hashed != expected:
            raise LogConflictError(f"page {number} of level {level} is not that of the signed state")
    return found


def grow(pages: Mapping[Page, bytes], heads: Heads) -> dict[Page, bytes]:
    """The pages that change when streams are added or move on, up to the root.

    Args:
        pages: at least those from the buckets of these streams up to the root.

    Raises:
        MalformedError: a value of ``heads`` is out of range.
    """
    changed = _grow_buckets(pages, heads)
    below = dict(changed)
    for level in range(TOP):
        slots: dict[Page, dict[int, bytes]] = {}
        for (_, number), body in below.items():
            above = (level + 1, number >> PAGE_BITS)
            slots.setdefault(above, {})[number % (1 << PAGE_BITS)] = page_hash(level, body)
        below = {}
        for page, hashes in slots.items():
            old = hashes_of(pages[page])
            below[page] = b"".join(hashes.get(i, value) for i, value in enumerate(old))
        changed |= below
    return changed


def _grow_buckets(pages: Mapping[Page, bytes], heads: Heads) -> dict[Page, bytes]:
    touched: dict[Page, dict[bytes, bytes]] = {}
    for name, (count, head) in heads.items():
        entry = stream_entry(name, count, head)
        page = (0, bucket_number(name))
        if page not in touched:
            touched[page] = entries_of(pages[page])
        touched[page][name] = entry
    return {page: b"".join(bucket[name] for name in sorted(bucket)) for page, bucket in touched.items()}


def _slot(body: bytes, number: int) -> bytes:
    start = number % (1 << PAGE_BITS) * merkle.HASH_SIZE
    return body[start : start + merkle.HASH_SIZE]
