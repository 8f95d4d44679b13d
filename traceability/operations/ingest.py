"""Taking in what devices send: a handful of messages, decided one by one, committed once.

    malformed, oversize, foreign topic, unknown signer, bad signature   -> rejected
    genuine, but not believed here and now (clock, installation, fork)  -> quarantined
    the same bytes again                                                -> duplicate
    all others                                                          -> accepted, chained
    more than its device may send, so that nobody looked at it          -> flooded

Whatever comes, every message is counted once under one of these words, and what is rejected or
quarantined leaves a quarantine row with a reason code while the quota lasts. A genuine statement settles
its counter whether it is accepted or not, so that its device hears what became of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from traceability import media
from traceability.errors import (
    ClockError,
    TraceabilityError,
    UnknownSignerError,
)
from traceability.ledger.record import format_time
from traceability.ledger.state import stream_hash
from traceability.operations.admission import MAX_AHEAD_MS as MAX_AHEAD_MS
from traceability.operations.admission import Admission, Known, decide, load_known
from traceability.operations.chain import Entry, append
from traceability.operations.configs import due_configs
from traceability.operations.log import latest_checkpoint, newest_beacon
from traceability.operations.node import Node
from traceability.operations.opening import MAX_COUNTER as MAX_COUNTER
from traceability.operations.opening import Claim, Opener, Work, address
from traceability.operations.opening import Message as Message
from traceability.operations.receipts import make_receipts, settle
from traceability.operations.returned import take_back
from traceability.operations.rollups import Folder
from traceability.operations.rotation import record_rotations
from traceability.operations.tally import ACCEPTED, NOTHING, UNKNOWN, Counted, count
from traceability.sensing import frame, receipt, topics
from traceability.signing.keys import receipt_key
from traceability.store import models
from traceability.store.engine import Store, Transaction
from traceability.store.rows import insert_all, insert_new

ROWS_A_KEY: Final = 8
"""Behind a rotation all keys of the device are verified again, each for as long as so many rows take."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one message: one of the four words, and for a refusal its reason code.

    ``rows``: how much there was to write of it, or to read again because of it.
    """

    word: str
    source: str
    code: str | None = None
    detail: str = ""
    rows: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """A receipt or a configuration on its way to a device."""

    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Ingested:
    """Outcomes in the order of the messages, and the answers to send now that it is committed.

    ``newest_ms`` is the time of the newest accepted reading; None without one.
    """

    outcomes: tuple[Outcome, ...]
    answers: tuple[Answer, ...]
    newest_ms: int | None = None


class Ingest:
    """Takes handfuls into one store; keeps what it knows of the devices it has met."""

    def __init__(self, store: Store, node: Node, threads: int | None = None) -> None:
        self.store, self.node = store, node
        self._opener = Opener(store, node, threads)
        self._secrets: dict[str, bytes] = {}
        self._folder = Folder()

    def claims(self, messages: Sequence[Message]) -> list[Claim]:
        """Whom each message claims to come from, before anything is verified.

        Raises:
            StoreUnavailableError: as for ``ingest``.
        """
        return self._opener.claims(messages)

    def ingest(self, messages: Sequence[Message], flooded: Mapping[str, int] = NOTHING) -> Ingested:
        """Decide, chain and count a handful in one transaction.

        Args:
            flooded: by source, how many more came that nobody will look at: they are counted.

        Raises:
            StoreUnavailableError: nothing was written and nothing may be acknowledged.
            ClockError: the same, because this machine's clock is behind what the log has signed:
                devices whose clocks are right would be told that theirs are ahead.
        """
        works = [address(m) for m in messages]
        self._opener.open(works)
        with self.store.transaction() as tx:
            _check_clock(tx)
            known = load_known(tx, [w.statement for w in works if w.statement])
            for work in works:
                if work.statement:
                    self._decide(work, known[work.source], tx.now_ms)
            _store(tx, self.node, works, flooded)
            self._fold(tx, works)
            answers = self._settle(tx, known, works)
        self._folder.committed()
        ends = [w.admission.span[1] for w in works if w.admission and w.admission.span and w.word == ACCEPTED]
        return Ingested(tuple(map(_outcome, works)), tuple(answers), max(ends, default=None))

    def set_aside(self, message: Message, error: Exception) -> Ingested:
        """Count and keep one message whose handling failed in a way that nobody foresaw.

        Raises:
            StoreUnavailableError: as for ``ingest``.
        """
        work = address(message)
        work.source = work.device if self._opener.knows(work.device) else UNKNOWN
        work.rejection = TraceabilityError(f"its handling failed: {type(error).__name__}")
        with self.store.transaction() as tx:
            _store(tx, self.node, [work])
        return Ingested((_outcome(work),), ())

    def _decide(self, work: Work, known: Known, now_ms: int) -> None:
        """By a key that a rotation of this handful offers it is genuine only if that rotation is taken."""
        if work.statement is None:
            return
        if work.statement.kid in known.keys:
            work.admission = decide(work.statement, known, now_ms)
            if work.statement.media_type == media.ROTATION:
                work.rows = ROWS_A_KEY * len(known.keys)
        else:
            work.rejection = UnknownSignerError(f"key {work.statement.kid.hex()} is not this device's")
            work.statement = None

    def _fold(self, tx: Transaction, works: Sequence[Work]) -> None:
        """Add what was accepted to the cells."""
        taken = [(w, w.statement, w.admission) for w in works if w.statement and w.admission]
        taken = [each for each in taken if each[0].word == ACCEPTED]
        sizes = self._folder.fold(tx, (statement for _, statement, _ in taken))
        for (work, _, admission), cells in zip(taken, sizes, strict=True):
            work.rows += cells + len(admission.gaps)

    def _settle(self, tx: Transaction, known: Mapping[str, Known], works: Sequence[Work]) -> list[Answer]:
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
        accepted = [w.statement for w in works if w.statement and w.word == ACCEPTED]
        for device, body in due_configs(tx, sites, accepted).items() if sites else ():
            answers += [Answer(topics.config_topic(site, device), body) for site in sorted(sites[device])]
        return answers


def _check_clock(tx: Transaction) -> None:
    latest = latest_checkpoint(tx.connection)
    if latest is not None and tx.now_ms < latest.time_ms - MAX_AHEAD_MS:
        raise ClockError(f"it is {format_time(tx.now_ms)} here, but {format_time(latest.time_ms)} is signed")


def _store(tx: Transaction, node: Node, works: Sequence[Work], flooded: Mapping[str, int] = NOTHING) -> None:
    decided = [(w.statement, w.admission) for w in works if w.statement and w.admission]
    accepted = [(s, a) for s, a in decided if a.word == ACCEPTED]
    rotations = [s for s, _ in accepted if s.media_type == media.ROTATION]
    measured = [(s, a) for s, a in accepted if s.media_type != media.ROTATION]
    sent = [(Entry(s.stream, s.media_type, s.message), a.span[0] if a.span else 0) for s, a in measured]
    back = take_back(tx, node, sent)
    new = [entry for entry, _ in sent if entry.sha256 not in back]
    rotated = zip(rotations, record_rotations(tx, node, rotations), strict=True)
    seqs = back | {s.sha256: record.seq for s, record in rotated}
    seqs |= {entry.sha256: record.seq for entry, record in zip(new, append(tx, node, new), strict=True)}
    rows = [_device_row(s, a, seqs.get(s.sha256)) for s, a in decided if a.settles]
    insert_all(tx, models.DeviceStatement, rows)
    gaps: list[dict[str, object]] = [
        {"device": s.device, "first": g.first, "last": g.last, "statement": s.sha256}
        for s, a in accepted
        for g in a.gaps
    ]
    insert_new(tx, models.Gap, gaps)
    counted = [Counted(w.source, w.word, w.message.topic, w.message.payload, w.refusal) for w in works]
    count(tx, counted, flooded)


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


def _outcome(work: Work) -> Outcome:
    if work.refusal is not None:
        return Outcome(work.word, work.source, work.refusal.code, str(work.refusal))
    told = work.admission.outcome if work.admission else ACCEPTED
    return Outcome(work.word, work.source, None if told == ACCEPTED else told, rows=work.rows)
