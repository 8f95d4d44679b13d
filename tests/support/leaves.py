"""A log of real records and state leaves, served as tiles; it can lie in any one of them.

log = LeafLog().records("a", "b", "a").end()      three records and a state leaf: a checkpoint
log.end(streams=9)                                 one that lies about its state
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tests.support.witness import ORIGIN, START_S, Log
from traceability import media
from traceability.ledger import merkle
from traceability.ledger.record import GENESIS, Record
from traceability.ledger.state import StateLeaf, StateTree, stream_hash
from traceability.ledger.tiles import encode_bundle, parse_tile_path
from traceability.signing.keys import PrivateKey

COMMITMENT = b"\x0c" * 32


class LeafLog(Log):
    """A log, its leaves' data, and the state that they give; it starts half a minute before the witness."""

    def __init__(self, origin: str = ORIGIN, key: PrivateKey | None = None) -> None:
        super().__init__(origin, key)
        self.entries: list[bytes] = []
        self.state = StateTree({})
        self.now_ms = (START_S - 30) * 1000

    def records(self, *streams: str, **lies: Any) -> LeafLog:
        """A record on each of these streams; lies are told in all of them."""
        for name in streams:
            self.now_ms += 1
            uri = f"https://node.example/8004/{name}"
            count, head = self.state.heads([stream_hash(uri)]).get(stream_hash(uri), (0, GENESIS))
            honest = Record(uri, count, head, self.now_ms, media.FRAME, COMMITMENT)
            record = replace(honest, **lies)
            self.state = self.state.updated({stream_hash(uri): (count + 1, record.hash)})
            self.add(record.text())
        return self

    def end(self, **lies: Any) -> LeafLog:
        """The state leaf of a checkpoint."""
        self.now_ms += 1
        honest = StateLeaf(self.size, self.state.streams, self.state.root, self.now_ms)
        return self.add(replace(honest, **lies).text())

    def add(self, *entries: bytes) -> LeafLog:
        """Leaves as they are."""
        changed, _ = self._tree.append(self.size, [merkle.leaf_hash(entry) for entry in entries])
        self._tiles |= changed
        self.entries += entries
        self.size = len(self.entries)
        return self

    def served(self, path: str) -> bytes:
        """A tile or an entry bundle, by its path below the log's prefix."""
        place = parse_tile_path(path)
        if place.level is None:
            first = place.index * 256
            return encode_bundle(self.entries[first : first + place.width])
        return self._tiles[place.level, place.index][: 32 * place.width]


def grown(size: int, streams: Sequence[str] = ("a", "b", "c"), every: int = 4) -> LeafLog:
    """A log of at least ``size`` leaves with a checkpoint after every few records, and one at its end."""
    log, number = LeafLog(), 0
    while log.size < size - 1:
        log.records(streams[number % len(streams)])
        number += 1
        if number % every == 0 and log.size < size - 1:
            log.end()
    return log.end()
