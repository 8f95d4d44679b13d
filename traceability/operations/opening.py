"""Opening what devices send: whose it is and whether it is genuine, before anything is decided."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from traceability import identifiers, media
from traceability.errors import (
    ForeignTopicError,
    KeyRefusedError,
    StatementError,
    TraceabilityError,
    UnknownSignerError,
)
from traceability.operations.admission import Admission
from traceability.operations.devicekeys import Ring, count_keys, read_rings
from traceability.operations.node import Node
from traceability.operations.tally import REJECTED, UNKNOWN
from traceability.sensing import frame, topics
from traceability.sensing.rotation import read_rotation
from traceability.signing.keys import PublicKey
from traceability.store.engine import Store

WORTH_SHARING: Final = 16
"""Handfuls smaller than this are opened by one thread."""
NEWEST: Final = 4
"""By so many of its keys a device's own messages are told from noise: what comes bears one of them."""
MAX_COUNTER: Final = 2**62
"""The largest counter that is taken: databases hold 63 bits, and reckon a little beyond it."""


class Message(NamedTuple):
    """What came from the broker."""

    topic: str
    payload: bytes


class Claim(NamedTuple):
    """Whom a message claims to come from: the enrolled device that its topic names, or ``unknown``.

    ``likely``: it bears the id of one of that device's newest keys. Cheap to see, easy to forge.
    ``size`` is in bytes.
    """

    source: str
    likely: bool
    size: int = 0


@dataclass(slots=True)
class Work:
    """One message under way; exactly one of ``admission`` and ``rejection`` is there in the end.

    ``device`` is what the topic names, ``source`` the same if it is enrolled. ``strange``: it names a
    key of which nothing is known; ``offered`` are keys that rotations of its own handful bring. ``rows``:
    how much there was to write of it, or to read again because of it.
    """

    message: Message
    site: str = ""
    device: str = ""
    source: str = UNKNOWN
    statement: frame.DeviceStatement | None = None
    rejection: TraceabilityError | None = None
    admission: Admission | None = None
    kid: bytes = b""
    strange: bool = False
    offered: dict[bytes, PublicKey] = field(default_factory=dict)
    rows: int = 0

    @property
    def refusal(self) -> TraceabilityError | None:
        """Why it is not taken, if it is not."""
        return self.admission.refusal if self.admission else self.rejection

    @property
    def word(self) -> str:
        """Which of the four words it is counted under."""
        return self.admission.word if self.admission else REJECTED


Signed = tuple[Work, frame.DeviceStatement, PublicKey]
"""A message, what it says, and the key that must have signed it."""


class Opener:
    """Opens handfuls; keeps the public keys of devices it has met.

    Signatures are checked outside Python's lock, so one thread a core is used for that, and for that
    alone: threads that also decode hand the lock to and fro, and cost more than they bring.
    """

    def __init__(self, store: Store, node: Node, threads: int | None = None) -> None:
        self._store, self._node = store, node
        self._threads = threads or os.cpu_count() or 1
        self._pool = ThreadPoolExecutor(self._threads, "verify")
        self._keys: dict[str, Ring] = {}

    def open(self, works: Sequence[Work]) -> None:
        """Fill in the statement of each work that is genuine, and of each other the rejection.

        Raises:
            StoreUnavailableError: the keys could not be read.
        """
        self._meet({w.device for w in works if w.device})
        self._open_all(works)
        self._open_strange(works)

    def claims(self, messages: Sequence[Message]) -> list[Claim]:
        """What each message claims by its topic and its bytes; nothing is checked.

        Raises:
            StoreUnavailableError: the keys could not be read.
        """
        devices = {topic: address(Message(topic, b"")).device for topic in {topic for topic, _ in messages}}
        self._meet({device for device in devices.values() if device})
        seen = {topic: self._newest(device) for topic, device in devices.items()}
        return [
            Claim(source, any(map(payload.__contains__, kids)), len(payload))
            for topic, payload in messages
            for source, kids in (seen[topic],)
        ]

    def knows(self, device: str) -> bool:
        """Whether it has met this device."""
        return device in self._keys

    def _newest(self, device: str) -> tuple[str, list[bytes]]:
        """Whom a topic with this device stands for, and the ids of its newest keys."""
        ring = self._keys.get(device)
        if ring is None or isinstance(ring, KeyRefusedError):
            return UNKNOWN if ring is None else device, []
        return device, list(ring)[-NEWEST:]

    def _meet(self, devices: Iterable[str]) -> None:
        """Read the keys of devices that were not met before."""
        strangers = [d for d in devices if d not in self._keys]
        if not strangers:
            return
        with self._store.reading() as connection:
            self._keys.update(read_rings(connection, self._node, strangers))

    def _meet_again(self, devices: Collection[str]) -> None:
        """Read the keys of devices that have more of them by now: each is verified again, so not in vain."""
        with self._store.reading() as connection:
            counts = count_keys(connection, devices)
        for device in devices:
            ring = self._keys[device]
            if isinstance(ring, KeyRefusedError) or len(ring) != counts.get(device):
                del self._keys[device]
        self._meet(devices)

    def _open_all(self, works: Sequence[Work]) -> None:
        """Everything that can be said of messages without the store."""
        read = [signed for work in works if (signed := self._read(work)) is not None]
        if len(read) < WORTH_SHARING:
            _verify(read)
        else:
            shares = [read[begin :: self._threads] for begin in range(self._threads)]
            for done in [self._pool.submit(_verify, share) for share in shares]:
                done.result()
        for work, statement, _ in read:
            if work.rejection is None:
                _finish(work, statement)

    def _open_strange(self, works: Sequence[Work]) -> None:
        """Once more those that name an unknown key: it was brought in elsewhere, or comes in this handful."""
        strange = {w.device for w in works if w.strange}
        if strange:
            self._meet_again(strange)
        while strange:
            offered = _offered(works, strange)
            again = [w for w in works if w.strange and w.kid in {*self._ring(w), *offered[w.device]}]
            if not again:
                return
            for work in again:
                work.rejection, work.strange, work.offered = None, False, offered[work.device]
            self._open_all(again)

    def _ring(self, work: Work) -> Mapping[bytes, PublicKey]:
        ring = self._keys.get(work.device, {})
        return {} if isinstance(ring, KeyRefusedError) else {**ring, **work.offered}

    def _read(self, work: Work) -> Signed | None:
        """Read a message, and find out who must have signed it."""
        if work.rejection is not None:
            return None
        try:
            known = self._keys.get(work.device)
            work.source = work.device if known is not None else UNKNOWN
            statement = frame.parse_statement(work.message.payload)
            if statement.device != work.device:
                raise ForeignTopicError(f"device {statement.device} speaks on the topic of {work.device}")
            if known is None or statement.issuer != identifiers.device_uri(self._node.name, work.device):
                raise UnknownSignerError(f"{statement.issuer} is not enrolled on this node")
            if isinstance(known, KeyRefusedError):
                raise known.with_traceback(None)  # else it would keep where each message was that it refused
            ring = self._ring(work)
            work.kid, work.strange = statement.kid, statement.kid not in ring
            return work, statement, ring.get(statement.kid) or next(iter(ring.values()))
        except TraceabilityError as refusal:
            work.rejection = refusal
            return None


def _verify(some: Sequence[Signed]) -> None:
    """Check signatures."""
    for work, statement, key in some:
        try:
            statement.verify(key)
        except TraceabilityError as refusal:
            work.rejection = refusal


def _finish(work: Work, statement: frame.DeviceStatement) -> None:
    """Look at what a genuine message holds."""
    if statement.counter > MAX_COUNTER:
        work.rejection = StatementError(f"counters end at {MAX_COUNTER}, this one is {statement.counter}")
        return
    if statement.media_type == media.FRAME:
        with contextlib.suppress(TraceabilityError):  # `decide` says what is wrong with it
            statement.columns()
    work.statement = statement


def address(message: Message) -> Work:
    """A message with the site and the device that its topic names, or its refusal."""
    work = Work(message)
    try:
        work.site, work.device = topics.parse_frame_topic(message.topic)
    except ForeignTopicError as refusal:
        work.rejection = refusal
    return work


def _offered(works: Sequence[Work], devices: Iterable[str]) -> dict[str, dict[bytes, PublicKey]]:
    """By device, the keys that genuine rotations of a handful bring."""
    found: dict[str, dict[bytes, PublicKey]] = {device: {} for device in devices}
    for work in works:
        if work.statement and work.device in found and work.statement.media_type == media.ROTATION:
            with contextlib.suppress(TraceabilityError):  # `decide` says what is wrong with it
                key = read_rotation(work.statement).key
                found[work.device][key.kid] = key
    return found
