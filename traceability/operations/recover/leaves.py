"""Where a node's log stands when its own database has lost the end of it: a witness's copy, or a site.

Nothing that is read there is believed: see ``walk``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, Protocol

from traceability.errors import SettingsError, UnreachableError
from traceability.ledger.note import parse_checkpoint, parse_note
from traceability.operations.auditsite import FETCH_S, FILE
from traceability.peer import Peer
from traceability.witness.folder import MEMORY
from traceability.witness.follower import MAX_BUNDLE, OK, LogSite
from traceability.witness.memory import Memory

_REMEDY: Final = (
    "Give the folder of a full witness that watches this node, or that of `traceability audit --data`."
)


class Leaves(Protocol):
    """The leaves of a log, as somebody else keeps them.

    ``notes`` are the signed checkpoints that are shown there; ``place`` is where, for people.
    """

    notes: Sequence[bytes]
    place: str

    def entries(self, first: int, end: int) -> list[bytes]:
        """The data of leaves ``first`` up to, not including, ``end``; as many as there are.

        Raises:
            UnreachableError: they are not served.
            StoreUnavailableError: the copy cannot be read.
        """


@contextmanager
def mirrored(folder: Path, origin: str) -> Iterator[Leaves]:
    """The copy of a log that a full witness keeps, or an audit of a site.

    Raises:
        SettingsError: the folder has none of this log.
    """
    file = next((folder / name for name in (MEMORY, FILE) if (folder / name).exists()), None)
    if file is None:
        raise SettingsError(f"{folder} holds neither {MEMORY} nor {FILE}", remedy=_REMEDY)
    with closing(Memory(file, checkpoints=False)) as memory:
        if not memory.full:
            raise SettingsError(f"{folder} is that of a light witness, which keeps no leaves", remedy=_REMEDY)
        leaves = _Mirror(memory, origin)
        if not leaves.notes:
            known = ", ".join(memory.logs()) or "no log"
            raise SettingsError(f"{folder} holds nothing of {origin}, but of {known}", remedy=_REMEDY)
        yield leaves


@contextmanager
def served(url: str) -> Iterator[Leaves]:
    """What a site serves of its log.

    Args:
        url: with or without ``/log``.

    Raises:
        UnreachableError: it does not answer.
        SettingsError: the address is none.
        MalformedError: what it shows is no checkpoint.
    """
    address = url.rstrip("/").removesuffix("/log") + "/log"
    with Peer(address, seconds=FETCH_S, max_bytes=MAX_BUNDLE) as peer:
        status, body = peer.get("/checkpoint")
        if status != OK:
            raise UnreachableError(f"{address}/checkpoint answers with {status}")
        yield _Site(peer, body)


class _Mirror:
    def __init__(self, memory: Memory, origin: str) -> None:
        self._memory, self._origin, self.place = memory, origin, f"the copy of {memory.name}"
        with memory.mirror(origin) as mirror:
            shown = mirror.note()
        self.notes: Sequence[bytes] = [note for note in (shown, memory.held(origin).note) if note]

    def entries(self, first: int, end: int) -> list[bytes]:
        with self._memory.mirror(self._origin) as mirror:
            return mirror.entries(first, end)


class _Site:
    def __init__(self, peer: Peer, note: bytes) -> None:
        self.notes: Sequence[bytes] = [note]
        self.place = peer.address
        self._size = parse_checkpoint(parse_note(note).text).size
        self._site = LogSite(peer, self._size)

    def entries(self, first: int, end: int) -> list[bytes]:
        last = min(end, self._size)
        return self._site.entries(first, last)[: last - first] if first < last else []
