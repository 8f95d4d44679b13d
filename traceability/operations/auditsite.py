"""Auditing a log from outside, by what its site serves: checkpoint, entry bundles, hash tiles.

Nothing is trusted but the policy. Every leaf is fetched, proven to be in the signed checkpoint, and
checked by the rules that a full witness has; then the hash tiles are compared with those that the
leaves give. With a folder it is a monitor: it keeps what it has checked, goes on from there the next
time, and tells when the log shrank or shows another history.

What it cannot see is what only the node has: statements, and the tables that follow from them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from traceability.errors import (
    ClockError,
    ForeignTilesError,
    LeafMismatchError,
    MalformedError,
    SettingsError,
    TamperError,
    UnreachableError,
)
from traceability.ledger import merkle, note
from traceability.ledger.leaves import Found
from traceability.ledger.tiles import WIDTH, Tiles
from traceability.operations.audit.report import Finding, Progress, Report
from traceability.peer import Peer
from traceability.verification.freshness import Freshness, check_checkpoint
from traceability.verification.policy import Policy
from traceability.witness import memory as memories
from traceability.witness.evidence import Held, Kind
from traceability.witness.follower import (
    MAX_BUNDLE,
    PORTION,
    Follower,
    LogSite,
    judge_leaves,
)
from traceability.witness.service import accusation

FETCH_S: Final = 30.0
"""For one tile or bundle."""
FILE: Final = "audit.sqlite"
OK: Final = 200


class SiteAudit:
    """One audit of a log from outside."""

    def __init__(
        self, url: str, policy: Policy, memory: memories.Memory, now_ms: int, progress: Progress | None = None
    ) -> None:
        """
        Args:
            url: the node's site, or its log; with or without ``/log``.
            memory: what was checked before.
        """
        self._policy, self._memory, self._now_ms, self._progress = policy, memory, now_ms, progress
        self.url = url.rstrip("/").removesuffix("/log") + "/log"
        self._findings: list[Finding] = []
        self._tiles = 0
        self.freshness: Freshness | None = None

    def run(self) -> Report:
        """Read and check everything that is new since the last time.

        Raises:
            UnreachableError: the site does not answer.
            SettingsError: the address is none.
        """
        self._memory.trust(self._policy.log, self.url)
        origin = self._policy.log.name
        held = self._memory.held(origin)
        with Peer(self.url, seconds=FETCH_S, max_bytes=MAX_BUNDLE) as peer:
            new = self._checkpoint(peer)
            shown = self._shown(held)
            if new is not None and self._agrees(shown, *new):
                self._read(LogSite(peer, new[0].size), held, shown, *new)
        with self._memory.mirror(origin) as mirror:
            reach = mirror.reach()
        counts = {"leaves": reach.size, "streams": reach.streams, "tiles": self._tiles}
        return Report(tuple(self._findings), counts)

    def _checkpoint(self, peer: Peer) -> tuple[note.Checkpoint, bytes] | None:
        """What the site shows as the newest, if the log signed it."""
        status, body = peer.get("/checkpoint")
        if status != OK:
            raise UnreachableError(f"{peer.address}/checkpoint answers with {status}")
        try:
            signed = note.parse_note(body)
            checkpoint = note.parse_checkpoint(signed.text)
            self.freshness = check_checkpoint(signed, self._policy, self._now_ms)
            if checkpoint.origin != self._policy.log.name:
                raise TamperError("origin", expected=self._policy.log.name, got=checkpoint.origin)
        except (TamperError, MalformedError) as error:
            self._found(error.code, "checkpoint", str(error))
            return None
        return checkpoint, body

    def _shown(self, held: Held) -> Held:
        """The newest checkpoint that was shown before, though it may not have been read, or not match."""
        with self._memory.mirror(self._policy.log.name) as mirror:
            body = mirror.note()
        if not body:
            return held
        read = note.parse_checkpoint(note.parse_note(body).text)
        return Held(read.size, read.root, body) if read.size > held.size else held

    def _agrees(self, shown: Held, new: note.Checkpoint, body: bytes) -> bool:
        """Whether it can have grown from what was shown before, as far as sizes tell."""
        with self._memory.mirror(new.origin) as mirror:
            size = mirror.reach().size
            root = mirror.tiles().root(new.size) if new.size <= size else new.root
        if new.root != (shown.root if new.size == shown.size else root):
            self._found(Kind.FORK, "checkpoint", f"another root of {new.size} leaves than was shown before")
            self._keep(Kind.FORK, shown, new, body)
            return False
        if new.size < shown.size:
            self._found("log", "checkpoint", f"the log shows {new.size} leaves, and has shown {shown.size}")
            return False
        return True

    def _read(self, site: LogSite, held: Held, shown: Held, new: note.Checkpoint, body: bytes) -> None:
        follower = Follower(self._memory, seconds=math.inf, fetch_s=FETCH_S)
        try:
            self._remember(site, shown, new, body)
            follower.follow(new, body, self._told)
            with self._memory.mirror(new.origin) as mirror:
                wrong = judge_leaves(mirror, new, self._now_ms // 1000)
            if wrong is not None:
                raise wrong
        except LeafMismatchError as error:
            self._found(error.code, f"leaf {error.leaf}", str(error))
            self._keep(Kind.INVALID, shown, new, body, error)
            return
        except ClockError as error:
            self._found(error.code, f"leaf {new.size - 1}", str(error))
        except ForeignTilesError as error:
            if self._is_forked(site, shown, new):
                self._found("fork", "checkpoint", f"its first {shown.size} leaves are not those shown before")
                self._keep(Kind.UNPROVEN, shown, new, body)
            else:
                self._explain(site, new, str(error))
            return
        self._compare_tiles(site, held.size, new)
        if not self._findings:
            with self._memory.deciding(new.origin) as deciding:
                deciding.advance(held, Held(new.size, new.root, body, self._now_ms // 1000))

    def _remember(self, site: LogSite, shown: Held, new: note.Checkpoint, body: bytes) -> None:
        """Keep what is shown before it is read: whatever comes of that, the next time is judged by it.

        Raises:
            ForeignTilesError: the tiles do not show that it grew from what was shown before.
        """
        if shown.size:
            site.prove(shown.size, shown.root, new)
        with self._memory.deciding(new.origin) as deciding:
            reach = deciding.mirror.reach()
            deciding.mirror.keep(reach, Found(reach, {}), (), {}, body)

    def _compare_tiles(self, site: LogSite, first: int, new: note.Checkpoint) -> None:
        """The hash tiles over leaves that are new, with those that the leaves give."""
        level = 0
        while new.size >> (8 * level):
            count = new.size >> (8 * level)
            for number in range((first >> (8 * level)) // WIDTH, -(-count // WIDTH)):
                self._compare_tile(site, new.origin, level, number, min(WIDTH, count - number * WIDTH))
                if self._progress is not None:
                    self._progress(f"tiles of level {level}", min((number + 1) * WIDTH, count), count)
            level += 1

    def _compare_tile(self, site: LogSite, origin: str, level: int, number: int, width: int) -> None:
        self._tiles += 1
        with self._memory.mirror(origin) as mirror:
            own = mirror.tile(level, number)[: width * merkle.HASH_SIZE]
        served = site.tile(level, number)
        wrong = _first_difference(_hashes(own), _hashes(served))
        if wrong is not None:
            where = f"tile {number} of level {level}"
            self._found("tile", where, f"hash {wrong} is not that of what the log's entries give")

    def _is_forked(self, site: LogSite, shown: Held, new: note.Checkpoint) -> bool:
        """Whether the tiles prove that the signed tree does not begin with the one that was shown before."""
        if not shown.size:
            return False
        tiles = Tiles(site.tile)
        try:
            root = tiles.root(shown.size)
            proof = tiles.consistency_proof(shown.size, new.size)
            merkle.verify_consistency(shown.size, new.size, root, new.root, proof)
        except TamperError:
            return False
        return root != shown.root

    def _explain(self, site: LogSite, new: note.Checkpoint, text: str) -> None:
        """Name what does not lead to the signed root: an entry, a tile of leaf hashes, or what is above.

        Only the portion that failed is looked at: a log may announce more leaves than anyone can fetch.
        """
        with self._memory.mirror(new.origin) as mirror:
            size = mirror.reach().size
        first = size // WIDTH
        with suppress(UnreachableError):  # it fails already; this would only have named the place
            for number in range(first, min(first + PORTION, -(-new.size // WIDTH))):
                entries, hashes = site.bundle(number), _hashes(site.tile(0, number))
                wrong = _first_difference([merkle.leaf_hash(entry) for entry in entries], hashes)
                if wrong is not None:
                    where = f"leaf {number * WIDTH + wrong}"
                    self._found("leaf", where, "its entry does not give its hash in the tile")
                    break
        self._found("log", f"leaves from {size} on", text)

    def _keep(
        self, kind: Kind, shown: Held, new: note.Checkpoint, body: bytes, wrong: TamperError | None = None
    ) -> None:
        found = accusation(kind, new, body, shown.note, self._now_ms // 1000, wrong)
        with self._memory.deciding(new.origin) as deciding:
            deciding.keep(found, note.parse_note(body).text)

    def _found(self, code: str, where: str, text: str) -> None:
        self._findings.append(Finding(str(code), where, text))

    def _told(self, done: int, whole: int) -> None:
        if self._progress is not None:
            self._progress("leaves", done, whole)


@contextmanager
def audit_memory(folder: Path | None, policy: Policy) -> Iterator[memories.Memory]:
    """What an audit remembers: in a folder, or for this time only.

    Raises:
        SettingsError: the folder is that of another log.
    """
    if folder is None:
        with TemporaryDirectory() as passing, audit_memory(Path(passing), policy) as memory:
            yield memory
        return
    path = folder / FILE
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        memories.create(path, policy.log.name, full=True)
    with closing(memories.Memory(path)) as memory:
        if memory.name != policy.log.name:
            raise SettingsError(
                f"{folder} is about {memory.name}", remedy="Choose a folder of its own for each log."
            )
        yield memory


def _hashes(tile: bytes) -> list[bytes]:
    return [tile[i : i + merkle.HASH_SIZE] for i in range(0, len(tile), merkle.HASH_SIZE)]


def _first_difference(own: list[bytes], served: list[bytes]) -> int | None:
    """Index of the first hash that differs, or that one side has and the other not; None if all agree."""
    for i, (one, other) in enumerate(zip(own, served, strict=False)):
        if one != other:
            return i
    return None if len(own) == len(served) else min(len(own), len(served))
