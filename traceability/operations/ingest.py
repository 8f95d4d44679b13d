"""Taking in what devices send: a handful of messages, decided one by one, committed once.

    malformed, oversize, foreign topic, unknown signer, bad signature   -> rejected
    genuine, but not believed here and now (clock, installation, fork)  -> quarantined
    the same bytes again                                                -> duplicate
    all others                                                          -> accepted, chained

Whatever comes, every message is counted once under one of these words, and what is refused
leaves a quarantine row with a reason code while the quota lasts. A genuine statement settles
its counter whether it is accepted or not, so that its device hears what became of it.
"""

from __future__ import annotations

import contextlib
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select

from traceability import identifiers, media
from traceability.errors import (
    ForeignTopicError,
    KeyRefusedError,
    StatementError,
    TraceabilityError,
    UnknownSignerError,
)
from traceability.ledger.state import stream_hash
from traceability.operations.admission import MAX_AHEAD_MS as MAX_AHEAD_MS
from traceability.operations.admission import Admission, Known, decide, load_known
from traceability.operations.chain import Entry, append
from traceability.operations.log import newest_beacon
from traceability.operations.node import Node
from traceability.operations.receipts import make_receipts, settle
from traceability.operations.returned import take_back
from traceability.operations.tally import ACCEPTED, REJECTED, UNKNOWN, Counted, count
from traceability.sensing import frame, receipt, topics
from traceability.signing.keys import PublicKey, receipt_key
from traceability.store import models
from traceability.store.engine import Store, Transaction
from traceability.store.rows import insert_all, insert_new

WORTH_SHARING: Final = 16
"""Handfuls smaller than this are opened by one thread."""
MAX_COUNTER: Final = 2**62
"""The largest counter that is taken: databases hold 63 bits, and reckon a little beyond it."""


@dataclass(frozen=True, slots=True)
class Message:
    """What came from the broker."""

    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one message: one of the four words, and for a refusal its reason code."""

    word: str
    source: str
    code: str | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """A receipt on its way to a device."""

    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Ingested:
    """Outcomes in the order of the messages, and the receipts to send now that it is committed.

    ``newest_ms`` is the time of the newest accepted reading; None without one.
    """

    outcomes: tuple[Outcome, ...]
    answers: tuple[Answer, ...]
    newest_ms: int | None = None


@dataclass(slots=True)
class _Work:
    """One message under way; exactly one of ``admission`` and ``rejection`` is there in the end.

    ``device`` is what the topic names, ``source`` the same if it is enrolled.
    """

    message: Message
    site: str = ""
    device: str = ""
    source: str = UNKNOWN
    statement: frame.DeviceStatement | None = None
    rejection: TraceabilityError | None = None
    admission: Admission | None = None

    @property
    def refusal(self) -> TraceabilityError | None:
        return self.admission.refusal if self.admission else self.rejection

    @property
    def word(self) -> str:
        return self.admission.word if self.admission else REJECTED


class Ingest:
    """Takes handfuls into one store; keeps the public keys of devices it has met.

    Signatures are checked outside Python's lock, so one thread a core is used for that.
    """

    def __init__(self, store: Store, node: Node, threads: int | None = None) -> None:
        self.store, self.node = store, node
        self._threads = threads or os.cpu_count() or 1
        self._pool = ThreadPoolExecutor(self._threads, "verify")
        self._keys: dict[str, PublicKey | KeyRefusedError] = {}
        self._secrets: dict[str, bytes] = {}

    def ingest(self, messages: Sequence[Message]) -> Ingested:
        """Decide, chain and count a handful in one transaction.

        Raises:
            StoreUnavailableError: nothing was written and nothing may be acknowledged.
        """
        works = [_address(m) for m in messages]
        self._meet({w.device for w in works if w.device})
        self._open_all(works)
        with self.store.transaction() as tx:
            known = load_known(tx, [w.statement for w in works if w.statement])
            for work in works:
                if work.statement:
                    work.admission = decide(work.statement, known[work.source], tx.now_ms)
            _store(tx, self.node, works)
            answers = self._settle(tx, known, works)
        ends = [w.admission.span[1] for w in works if w.admission and w.admission.span and w.word == ACCEPTED]
        return Ingested(tuple(map(_outcome, works)), tuple(answers), max(ends, default=None))

    def set_aside(self, message: Message, error: Exception) -> Ingested:
        """Count and keep one message whose handling failed in a way that nobody foresaw.

        Raises:
            StoreUnavailableError: as for ``ingest``.
        """
        work = _address(message)
        work.source = work.device if work.device in self._keys else UNKNOWN
        work.rejection = TraceabilityError(f"its handling failed: {type(error).__name__}")
        with self.store.transaction() as tx:
            _store(tx, self.node, [work])
        return Ingested((_outcome(work),), ())

    def _meet(self, devices: Iterable[str]) -> None:
        """Read the keys of devices that were not met before."""
        strangers = [d for d in devices if d not in self._keys]
        if not strangers:
            return
        with self.store.reading() as connection:
            query = select(models.Device.id, models.Key.public).join(models.Key)
            for row in connection.execute(query.where(models.Device.id.in_(strangers))):
                self._keys[row.id] = _device_key(row.id, row.public)

    def _open_all(self, works: Sequence[_Work]) -> None:
        if len(works) < WORTH_SHARING:
            return self._open_some(works)
        shares = [works[begin :: self._threads] for begin in range(self._threads)]
        for done in [self._pool.submit(self._open_some, share) for share in shares]:
            done.result()
        return None

    def _open_some(self, works: Sequence[_Work]) -> None:
        for work in works:
            self._open(work)

    def _open(self, work: _Work) -> None:
        """Everything that can be said of a message without the store."""
        if work.rejection is not None:
            return
        try:
            key = self._keys.get(work.device)
            work.source = work.device if key else UNKNOWN
            statement = frame.parse_statement(work.message.payload)
            if statement.device != work.device:
                raise ForeignTopicError(f"device {statement.device} speaks on the topic of {work.device}")
            if key is None or statement.issuer != identifiers.device_uri(self.node.name, work.device):
                raise UnknownSignerError(f"{statement.issuer} is not enrolled on this node")
            if isinstance(key, KeyRefusedError):
                raise key
            statement.verify(key)
            if statement.counter > MAX_COUNTER:
                raise StatementError(f"counters end at {MAX_COUNTER}, this one is {statement.counter}")
            if statement.media_type == media.FRAME:
                with contextlib.suppress(TraceabilityError):  # `decide` says what is wrong with it
                    statement.columns()
            work.statement = statement
        except TraceabilityError as refusal:
            work.rejection = refusal

    def _settle(self, tx: Transaction, known: Mapping[str, Known], works: Sequence[_Work]) -> list[Answer]:
        """Move every device's settled counter on, and make the receipts that say so.

        A receipt goes wherever a statement of the device came from: a stranger who repeats one
        on another site's topic must not draw the answer away.
        """
        sites: dict[str, set[str]] = defaultdict(set)
        for work in works:
            if work.admission:
                sites[work.source].add(work.site)
        settled = settle(tx.connection, {device: state.settled for device, state in known.items()})
        answers: list[Answer] = []
        spans = {device: (settled[device], state.since) for device, state in known.items()}
        for answer in make_receipts(tx.connection, spans, newest_beacon(tx.connection) if spans else None):
            if answer.device not in self._secrets:
                self._secrets[answer.device] = receipt_key(self.node.secret, answer.device)
            payload = receipt.encode_receipt(self._secrets[answer.device], answer)
            topic_of = topics.receipt_topic
            answers += [
                Answer(topic_of(site, answer.device), payload) for site in sorted(sites[answer.device])
            ]
        return answers


def _address(message: Message) -> _Work:
    """A message with the site and the device that its topic names, or its refusal."""
    work = _Work(message)
    try:
        work.site, work.device = topics.parse_frame_topic(message.topic)
    except ForeignTopicError as refusal:
        work.rejection = refusal
    return work


def _device_key(device: str, raw: bytes) -> PublicKey | KeyRefusedError:
    """A device's key as registered, or why it cannot be its key: its id is made from it."""
    try:
        key = PublicKey(raw)
    except KeyRefusedError as refusal:
        return refusal
    if key.device_id != device:
        return KeyRefusedError("the registered key", expected=device, got=key.device_id)
    return key


def _store(tx: Transaction, node: Node, works: Sequence[_Work]) -> None:
    decided = [(w.statement, w.admission) for w in works if w.statement and w.admission]
    accepted = [(s, a) for s, a in decided if a.word == ACCEPTED]
    sent = [(Entry(s.stream, s.media_type, s.message), a.span[0] if a.span else 0) for s, a in accepted]
    back = take_back(tx, node, sent)
    new = [entry for entry, _ in sent if entry.sha256 not in back]
    records = append(tx, node, new)
    seqs = back | {entry.sha256: record.seq for entry, record in zip(new, records, strict=True)}
    rows = [_device_row(s, a, seqs.get(s.sha256)) for s, a in decided if a.settles]
    insert_all(tx, models.DeviceStatement, rows)
    gaps: list[dict[str, object]] = [
        {"device": s.device, "first": g.first, "last": g.last, "statement": s.sha256}
        for s, a in accepted
        for g in a.gaps
    ]
    insert_new(tx, models.Gap, gaps)
    count(tx, [Counted(w.source, w.word, w.message.topic, w.message.payload, w.refusal) for w in works])


def _device_row(statement: frame.DeviceStatement, admission: Admission, seq: int | None) -> dict[str, object]:
    return {
        "device": statement.device,
        "counter": statement.counter,
        "sha256": statement.sha256,
        "prev": statement.prev,
        "boot": statement.boot,
        "outcome": admission.outcome,
        "stream": stream_hash(statement.stream) if seq is not None else None,
        "seq": seq,
        "from_ms": admission.span[0] if admission.span else None,
        "to_ms": admission.span[1] if admission.span else None,
    }


def _outcome(work: _Work) -> Outcome:
    if work.refusal is not None:
        return Outcome(work.word, work.source, work.refusal.code, str(work.refusal))
    told = work.admission.outcome if work.admission else ACCEPTED
    return Outcome(work.word, work.source, None if told == ACCEPTED else told)
