"""Following a log: its leaves are fetched from its public tiles, checked, and kept in the mirror.

In portions, so that whatever was done is done: each is proven to be in the signed checkpoint, then
checked, then kept in one transaction. Whoever stops in the middle goes on there the next time.

What comes over the network is believed only as far as it gives the signed root. A leaf that does and
breaks a rule is the log's own doing; a server that sends anything else proves nothing against the log.

Source: C2SP tlog-tiles; docs/adr/0024.
"""

from __future__ import annotations

import math
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Final

from traceability.errors import (
    BehindError,
    ClockError,
    ForeignTilesError,
    LeafMismatchError,
    MalformedError,
    TamperError,
    UnreachableError,
)
from traceability.ledger import merkle
from traceability.ledger.leaves import Reach, check_leaves, parse_last
from traceability.ledger.note import Checkpoint
from traceability.ledger.record import format_time
from traceability.ledger.tiles import WIDTH, Tiles, entries_path, parse_bundle, tile_path
from traceability.peer import Peer
from traceability.witness.memory import Memory
from traceability.witness.mirror import Mirror

PORTION: Final = 8
"""Entry bundles that are fetched, checked and kept at a time."""
FETCH_S: Final = 2.0
"""For one tile or bundle."""
FOLLOW_S: Final = 2.5
"""For what is done about one request: who asks waits five seconds for the answer."""
MAX_BUNDLE: Final = WIDTH * 1_026
"""Bytes of an entry bundle: 256 leaves of 1,024 bytes with their lengths."""

MAX_AHEAD_S: Final = 300
"""How far a log's clock may be ahead of the witness's."""
OK: Final = 200

Progress = Callable[[int, int], None]
"""Called with leaves that are checked, and leaves there are."""


class LogSite:
    """A log's public tiles, at one size of its tree."""

    def __init__(self, peer: Peer, size: int, deadline: float = math.inf, grace_s: float = 0) -> None:
        """
        Args:
            deadline: of ``time.monotonic``; behind it no further bundle is begun.
            grace_s: so much later nothing is.
        """
        self._peer, self._size, self._deadline, self._grace_s = peer, size, deadline, grace_s

    def entries(self, first: int, end: int) -> list[bytes]:
        """The data of leaves ``first`` up to, not including, ``end``; of a whole bundle at least.

        Raises:
            UnreachableError: they are not served, or not in time, or as no bundles.
        """
        found: list[bytes] = []
        for number in range(first // WIDTH, -(-end // WIDTH)):
            if found and time.monotonic() > self._deadline:
                break
            bundle = self.bundle(number)
            found += bundle[max(first - number * WIDTH, 0) :]
        return found

    def bundle(self, number: int) -> list[bytes]:
        """The entries of one bundle; raises as ``entries``."""
        width = min(WIDTH, self._size - number * WIDTH)
        path = entries_path(number, width)
        try:
            entries = parse_bundle(self._get(path))
        except MalformedError as error:
            raise UnreachableError(f"{self._peer.address}/{path} is no bundle: {error}") from error
        if len(entries) != width:
            raise UnreachableError(f"{self._peer.address}/{path} has {len(entries)} entries, not {width}")
        return entries

    def tile(self, level: int, number: int) -> bytes:
        """The hashes of a tile, of as many whole subtrees as there are; raises as ``entries``."""
        width = min(WIDTH, (self._size >> (8 * level)) - number * WIDTH)
        path = tile_path(level, number, width)
        hashes = self._get(path)
        if len(hashes) != width * merkle.HASH_SIZE:
            raise UnreachableError(f"{self._peer.address}/{path} has {len(hashes)} bytes, not {width} hashes")
        return hashes

    def prove(self, size: int, root: bytes, checkpoint: Checkpoint) -> None:
        """Check that a checkpoint's tree begins with the tree of these leaves; raises as ``entries``.

        Raises:
            ForeignTilesError: it does not, or the tiles do not show it.
        """
        try:
            proof = Tiles(self.tile).consistency_proof(size, checkpoint.size)
            merkle.verify_consistency(size, checkpoint.size, root, checkpoint.root, proof)
        except TamperError as error:
            where = f"{self._peer.address} does not serve what was signed, up to leaf {size}"
            raise ForeignTilesError(f"{where}: {error}") from error

    def inclusion(self, index: int, leaf: bytes, checkpoint: Checkpoint) -> tuple[bytes, ...]:
        """The proof that a leaf is in a checkpoint's tree; () if the site's tiles do not give it."""
        try:
            proof = Tiles(self.tile).inclusion_proof(index, checkpoint.size)
            merkle.verify_inclusion(index, checkpoint.size, leaf, proof, checkpoint.root)
        except (TamperError, UnreachableError):
            return ()
        return tuple(proof)

    def _get(self, path: str) -> bytes:
        if time.monotonic() > self._deadline + self._grace_s:
            raise UnreachableError(f"{self._peer.address} is too slow")
        status, body = self._peer.get(f"/{path}")
        if status != OK:
            raise UnreachableError(f"{self._peer.address}/{path} answers with {status}")
        return body


class Follower:
    """Brings the mirrors of a full witness to where checkpoints are; one thread a log at a time."""

    def __init__(
        self,
        memory: Memory,
        *,
        seconds: float = FOLLOW_S,
        fetch_s: float = FETCH_S,
        portion: int = PORTION,
    ) -> None:
        """
        Args:
            seconds: after which no further portion is begun.
            fetch_s: for one tile or bundle.
            portion: entry bundles at a time.
        """
        self._memory, self._seconds, self._fetch_s, self._portion = memory, seconds, fetch_s, portion
        self._turns: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def follow(self, checkpoint: Checkpoint, note: bytes, progress: Progress | None = None) -> None:
        """Check and keep the leaves up to those of a checkpoint.

        Args:
            note: the checkpoint as the log signed it; that it did was checked.

        Raises:
            BehindError: there was no time for all of them; what was done is kept.
            LeafMismatchError: the log signed a leaf that breaks a rule.
            UnreachableError: its tiles are not served.
            ForeignTilesError: they are not those of this checkpoint.
        """
        turn = self._turns[checkpoint.origin]
        if not turn.acquire(blocking=False):
            raise BehindError(f"the leaves of {checkpoint.origin} are being fetched")
        try:
            self._follow(checkpoint, note, progress)
        finally:
            turn.release()

    def _follow(self, checkpoint: Checkpoint, note: bytes, progress: Progress | None) -> None:
        deadline = time.monotonic() + self._seconds
        with self._memory.mirror(checkpoint.origin) as mirror:
            reach, url = mirror.reach(), mirror.url()
        if reach.size >= checkpoint.size:
            return
        with Peer(url, seconds=self._fetch_s, max_bytes=MAX_BUNDLE) as peer:
            site = LogSite(peer, checkpoint.size, deadline, self._fetch_s)
            while True:
                reach = self._go_on(site, reach, checkpoint, note)
                if progress is not None:
                    progress(reach.size, checkpoint.size)
                if reach.size == checkpoint.size:
                    return
                if time.monotonic() > deadline:
                    raise BehindError(f"{reach.size} of {checkpoint.size} leaves are checked")

    def _go_on(self, site: LogSite, reach: Reach, checkpoint: Checkpoint, note: bytes) -> Reach:
        """Fetch, prove, check and keep the next leaves."""
        origin = checkpoint.origin
        end = min((reach.size // WIDTH + self._portion) * WIDTH, checkpoint.size)
        entries = site.entries(reach.size, end)
        hashes = [merkle.leaf_hash(data) for data in entries]
        tiles, root = Tiles(partial(self._tile, origin)).append(reach.size, hashes)
        site.prove(reach.size + len(entries), root, checkpoint)
        try:
            found = check_leaves(reach, partial(self._pages, origin), entries)
        except LeafMismatchError as error:
            error.data = entries[error.leaf - reach.size]
            error.proof = site.inclusion(error.leaf, merkle.leaf_hash(error.data), checkpoint)
            raise
        with self._memory.deciding(origin) as deciding:
            deciding.mirror.keep(reach, found, entries, tiles, note)
        return found.reach

    def _tile(self, origin: str, level: int, number: int) -> bytes:
        with self._memory.mirror(origin) as mirror:
            return mirror.tile(level, number)

    def _pages(self, origin: str, level: int, numbers: Collection[int]) -> Mapping[int, bytes]:
        with self._memory.mirror(origin) as mirror:
            return mirror.pages(level, numbers)


def judge_leaves(mirror: Mirror, new: Checkpoint, now_s: int) -> LeafMismatchError | None:
    """Whether a full witness may cosign a checkpoint that fits what it cosigned last.

    The newest state's time is not ahead of the clock. It may be old: whoever has an older checkpoint
    can have that cosigned as of now, so when this witness last cosigned says nothing about the state.

    Raises:
        LogConflictError: the copy does not reach there.
        ClockError: the state's time is still to come, by this clock.
    """
    if not new.size:
        return None
    root = mirror.tiles().root(new.size)
    if root != new.root:
        what = "a checkpoint that ends here has another root than the leaves that the log signed before"
        return LeafMismatchError(new.size - 1, what, expected=root, got=new.root)
    (data,) = mirror.entries(new.size - 1, new.size)
    try:
        state = parse_last(data, new.size)
    except LeafMismatchError as error:
        error.data = data
        error.proof = tuple(mirror.tiles().inclusion_proof(new.size - 1, new.size))
        return error
    if state.time_ms > (now_s + MAX_AHEAD_S) * 1000:
        said, ours = format_time(state.time_ms), format_time(now_s * 1000)
        raise ClockError(f"the newest state is of {said}, and it is {ours} here")
    return None
