"""The log's tree as tiles: paths, entry bundles, and a tree that grows by whole tiles.

A tile holds up to 256 hashes that stand side by side: at level 0 leaf hashes, above it
the roots of whole tiles one level below. Nodes between the levels are hashed from the
tile when needed. A tree of an earlier size uses the first hashes of the same tiles.

Source: C2SP tlog-tiles.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

from traceability.errors import LogConflictError, MalformedError, OversizeError
from traceability.ledger import merkle
from traceability.ledger.history import history_nodes
from traceability.ledger.lines import require_range

WIDTH: Final = 256
TILE_BITS: Final = 8
MAX_LEVEL: Final = 63
MAX_ENTRY: Final = 65_535
"""Bytes of an entry, at most: its length stands in 16 bits."""

_PATH: Final = re.compile(
    r"tile/(?P<level>entries|[0-9]{1,2})/(?P<index>(?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/(?P<width>[0-9]{1,3}))?"
)
ReadTile = Callable[[int, int], bytes]
"""(level, index) to the longest stored version of a tile: up to 256 hashes of 32 bytes, b"" if none."""


@dataclass(frozen=True, slots=True)
class TilePath:
    """What a path names.

    Attributes:
        level: of the tile, 0 to 63; None for an entry bundle.
        index: of the tile in its level, or of the bundle.
        width: hashes or entries in it, 1 to 256; below 256 it is partial.
    """

    level: int | None
    index: int
    width: int


def tile_path(level: int, index: int, width: int = WIDTH) -> str:
    """Path of a tile below the log's prefix, such as ``tile/0/x001/067.p/5``.

    Raises:
        MalformedError: level not 0 to 63, width not 1 to 256, or a negative index.
    """
    require_range("a tile's level", level, high=MAX_LEVEL)
    return f"tile/{level}/{_place(index, width)}"


def entries_path(index: int, width: int = WIDTH) -> str:
    """Path of an entry bundle below the log's prefix; raises as ``tile_path`` does."""
    return f"tile/entries/{_place(index, width)}"


def parse_tile_path(path: str) -> TilePath:
    """The tile or entry bundle that a path names.

    Raises:
        MalformedError: not a path that ``tile_path`` or ``entries_path`` gives.
    """
    match = _PATH.fullmatch(path)
    if match is None:
        raise MalformedError(f"not the path of a tile: {path[:100]!r}")
    index = int(match["index"].replace("x", "").replace("/", ""))
    width = int(match["width"] or WIDTH)
    level = None if match["level"] == "entries" else int(match["level"])
    if path != (entries_path(index, width) if level is None else tile_path(level, index, width)):
        raise MalformedError(f"not the one path of its tile: {path[:100]!r}")
    return TilePath(level, index, width)


def encode_bundle(entries: Sequence[bytes]) -> bytes:
    """An entry bundle: each entry behind its length, 16 bits big-endian.

    Raises:
        MalformedError: not 1 to 256 entries.
        OversizeError: an entry is longer than 65,535 bytes.
    """
    require_range("the number of entries in a bundle", len(entries), low=1, high=WIDTH)
    if any(len(entry) > MAX_ENTRY for entry in entries):
        raise OversizeError(f"an entry has at most {MAX_ENTRY} bytes")
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def parse_bundle(data: bytes) -> list[bytes]:
    """The entries of a bundle.

    Raises:
        MalformedError: not 1 to 256 whole entries.
    """
    entries: list[bytes] = []
    position = 0
    while position < len(data) and len(entries) <= WIDTH:
        start = position + 2
        position = start + int.from_bytes(data[position:start], "big")
        entries.append(data[start:position])
    if position > len(data):
        raise MalformedError(f"the bundle ends inside entry {len(entries) - 1}")
    require_range("the number of entries in a bundle", len(entries), low=1, high=WIDTH)
    return entries


class Tiles:
    """The log's tree over stored tiles, for the newest size and every earlier one.

    Reading a node takes one tile, so a root or a proof takes O(log n) of them.
    """

    __slots__ = ("_read",)

    def __init__(self, read: ReadTile) -> None:
        """Work over a store of tiles; nothing is kept between calls."""
        self._read = read

    def append(
        self, size: int, new_leaf_hashes: Sequence[bytes]
    ) -> tuple[dict[tuple[int, int], bytes], bytes]:
        """Let the tree grow; nothing is written.

        Args:
            size: leaves in the tree before.
            new_leaf_hashes: of the leaves behind them.

        Returns:
            The tiles that changed or are new, {(level, index): all their hashes}, and the new root.

        Raises:
            LogConflictError: a stored tile is shorter than ``size`` needs.
        """
        require_range("a tree's size", size)
        changed: dict[tuple[int, int], bytes] = {}
        level, used, hashes = 0, size, list(new_leaf_hashes)
        while hashes:
            index, width = divmod(used, WIDTH)
            hashes = _hashes(self._read, level, index, 0, width) + hashes
            chunks = [hashes[i : i + WIDTH] for i in range(0, len(hashes), WIDTH)]
            changed |= {(level, index + i): b"".join(chunk) for i, chunk in enumerate(chunks)}
            hashes = [merkle.root(chunk) for chunk in chunks if len(chunk) == WIDTH]
            level, used = level + 1, index
        later = Tiles(lambda level, index: changed.get((level, index)) or self._read(level, index))
        return changed, later.root(size + len(new_leaf_hashes))

    def root(self, size: int) -> bytes:
        """Root of the tree over the first ``size`` leaves.

        Raises:
            LogConflictError: a stored tile is shorter than ``size`` needs.
        """
        require_range("a tree's size", size)
        return self._nodes([(size.bit_length(), 0)], size)[0] if size else merkle.EMPTY_ROOT

    def inclusion_proof(self, index: int, size: int) -> list[bytes]:
        """RFC 6962 proof that leaf ``index`` is in the tree of ``size``, lowest hash first.

        Raises:
            MalformedError: not 0 <= index < size.
            LogConflictError: a stored tile is shorter than ``size`` needs.
        """
        merkle.require_leaf(index, size)
        return self._nodes(merkle.siblings(index, size), size)

    def consistency_proof(self, first: int, second: int) -> list[bytes]:
        """RFC 6962 proof that the tree of ``first`` leaves is a prefix of that of ``second``.

        Raises:
            MalformedError: not 0 < first <= second.
            LogConflictError: a stored tile is shorter than ``second`` needs.
        """
        return self._nodes(merkle.consistency_nodes(first, second), second)

    def history_proof(self, indexes: Collection[int], size: int) -> list[bytes]:
        """Proof of several leaves and of the trees that ended with them; see ``history.past_roots``.

        Raises:
            MalformedError: there is no such leaf, or none at all.
            LogConflictError: a stored tile is shorter than ``size`` needs.
        """
        return self._nodes(history_nodes(indexes, size), size)

    def _nodes(self, nodes: Sequence[merkle.Node], size: int) -> list[bytes]:
        read = functools.cache(self._read)
        return [_node(read, height, index, size) for height, index in nodes]


def _node(read: ReadTile, height: int, index: int, size: int) -> bytes:
    """Hash of a node in the tree of ``size``; at its right edge, of the whole subtrees that are there."""
    start = index << height
    leaves = min(1 << height, size - start)
    subtrees = []
    while leaves:
        low = (leaves & -leaves).bit_length() - 1
        leaves -= 1 << low
        subtrees.append(_whole(read, low, (start + leaves) >> low))
    return functools.reduce(lambda right, left: merkle.node_hash(left, right), subtrees)


def _whole(read: ReadTile, height: int, index: int) -> bytes:
    """Hash of a whole subtree: the root over neighbours in the tile at or below its height."""
    level, above = divmod(height, TILE_BITS)
    tile, offset = divmod(index << above, WIDTH)
    return merkle.root(_hashes(read, level, tile, offset, 1 << above))


def _hashes(read: ReadTile, level: int, index: int, offset: int, count: int) -> list[bytes]:
    """Hashes ``offset`` to ``offset + count`` of a stored tile."""
    needed = (offset + count) * merkle.HASH_SIZE
    data = read(level, index) if count else b""
    if len(data) < needed:
        where = f"tile {index} of level {level} is too short"
        raise LogConflictError(where, expected=f"{needed} bytes", got=f"{len(data)} bytes")
    starts = range(offset * merkle.HASH_SIZE, needed, merkle.HASH_SIZE)
    return [data[start : start + merkle.HASH_SIZE] for start in starts]


def _place(index: int, width: int) -> str:
    require_range("a tile's index", index)
    require_range("a tile's width", width, low=1, high=WIDTH)
    digits = f"{index:,}".split(",")
    groups = "/".join([f"x{group:0>3}" for group in digits[:-1]] + [f"{digits[-1]:0>3}"])
    return groups if width == WIDTH else f"{groups}.p/{width}"
