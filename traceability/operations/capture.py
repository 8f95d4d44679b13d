"""Capturing: events signed for their party, one record on the stream of everything each of them names.

    given      an event as it came, and the context that its words stand in
    drafted    named (``eventID``), hashed and signed: pure, outside any transaction
    recorded   checked against what is there, chained, projected: one transaction

The same event may come twice and is recorded once; another event under its name is refused.
An error declaration repeats the event that it is about, name included.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from sqlalchemy import bindparam, delete, select, update

from traceability import media
from traceability.errors import (
    ClockAheadError,
    ConflictError,
    Problem,
    TraceabilityError,
)
from traceability.identifiers import Kind, parse_stream
from traceability.ledger.state import stream_hash
from traceability.operations.accounts.trail import COMMAND_LINE, Actor, note
from traceability.operations.chain import Entry, Head, append, lock_heads
from traceability.operations.disclosures import keep_disclosures
from traceability.operations.draft import Draft, Given, Name, draft_event
from traceability.operations.enrol import signing_key
from traceability.operations.ingest import MAX_AHEAD_MS
from traceability.operations.moves import check_move, follow_move, lock_devices
from traceability.operations.node import Node
from traceability.operations.prefixes import rights
from traceability.operations.project import insert_projections
from traceability.operations.quota import Quota
from traceability.operations.typed import Typed
from traceability.store import models, projections
from traceability.store.engine import Store, Transaction
from traceability.store.rows import insert_new
from traceability.supply.epcis.events import begins

CHUNK: Final = 500
"""Rows that are asked for at a time."""


@dataclass(frozen=True, slots=True)
class Captured:
    """What became of an event: recorded now, there before (``known``), or refused.

    ``records`` are the streams it stands in, and its number in each.
    """

    event_id: str
    sha256: bytes = b""
    records: tuple[tuple[str, int], ...] = ()
    known: bool = False
    refused: TraceabilityError | None = None


class _RolledBackError(Exception):
    """Leaves a transaction in which something was refused, so that nothing of it stays."""


def capture(
    store: Store,
    node: Node,
    party: str,
    given: Sequence[Given],
    *,
    proceed: bool = False,
    typed: bool = False,
    actor: Actor = COMMAND_LINE,
) -> tuple[Captured, ...]:
    """Record events for a party.

    Args:
        given: in the order in which they are to stand in their streams.
        proceed: record what can be; otherwise one refusal refuses all.
        typed: a person entered it: a batch must be known here, or new if it is made here.

    Returns:
        One answer an event; without ``proceed``, if any is refused, none was recorded.

    Raises:
        UnknownSignerError: the party has no key in this node's custody.
        StatementError, OversizeError: an event cannot be signed as it is.
    """
    with store.reading() as connection:
        key = signing_key(connection, node, party)
    drafts = [draft_event(node.name, party, key, each, store.clock()) for each in given]
    answers: list[Captured] = []
    try:
        with store.transaction() as tx:
            answers += record_drafts(tx, node, party, drafts, typed=typed)
            if not proceed and any(answer.refused for answer in answers):
                raise _RolledBackError
            note_recorded(actor, party, tx, answers)
    except _RolledBackError:
        return tuple(c if c.refused else Captured(c.event_id) for c in answers)
    return tuple(answers)


def note_recorded(actor: Actor, party: str, tx: Transaction, answers: Sequence[Captured]) -> None:
    """Say in the trail who recorded events, if any is new: by a statement, never by a name that may go."""
    new = [answer.sha256.hex() for answer in answers if not answer.known and answer.refused is None]
    if new:
        note(tx, actor.in_name_of(party), "events-recorded", new[0], number=len(new))


def record_drafts(
    tx: Transaction,
    node: Node,
    party: str,
    drafts: Sequence[Draft],
    *,
    typed: bool = False,
    arrives: bool = False,
) -> list[Captured]:
    """Record drafts in an open transaction, in their order; those refused are not in it.

    Args:
        typed: as of ``capture``.
        arrives: the person said that what is received is new here.

    Returns:
        One answer a draft.
    """
    return _Run(tx, node, party, typed, arrives).record(drafts)


@dataclass(slots=True)
class _Run:
    """Events on their way into one transaction; ``waiting`` are not yet written."""

    tx: Transaction
    node: Node
    party: str
    by_hand: bool
    arrives: bool
    waiting: list[Draft] = field(default_factory=list)
    seqs: dict[bytes, dict[str, int]] = field(default_factory=dict)
    heads: dict[bytes, Head] | None = None
    unused: list[bytes] = field(default_factory=list)
    quota: Quota = field(init=False)
    typed: Typed | None = None

    def record(self, drafts: Sequence[Draft]) -> list[Captured]:
        """Check and record events in their order; an answer for each."""
        self._lock(drafts)
        self.typed = Typed(self.tx, self.node, drafts) if self.by_hand else None
        known = self._known(drafts)
        may = rights(self.tx.connection, self.node.name, self.party, (draft.event for draft in drafts))
        answers = []
        for draft in drafts:
            content, sha256 = known.get(draft.name, (None, draft.sha256))
            answer = Captured(draft.name[0], sha256, known=content is not None)
            try:
                if content is None:
                    may.check(self.tx.connection, draft.event)
                    self._take(draft)
                    known[draft.name] = draft.content, draft.sha256
                elif content != draft.content:
                    raise ConflictError(
                        f"{draft.name[0]} names another event of this party already",
                        remedy="Give the event an eventID of its own, or declare the first one an error.",
                    )
            except TraceabilityError as error:
                answer = Captured(draft.name[0], refused=error)
            answers.append(answer)
        self._flush()
        self.quota.keep()
        self._forget_unused()
        return self._with_records(answers)

    def _lock(self, drafts: Sequence[Draft]) -> None:
        """Lock all that is changed, devices first as ingest does: then check, then change."""
        moves = [draft.move for draft in drafts if draft.move]
        lock_devices(self.tx, sorted({device for move in moves for device in move.devices}))
        self.heads = lock_heads(self.tx, _touched(drafts))
        self.quota = Quota(self.tx, self.node, self.party, self.heads)
        self.unused = [key for key, head in self.heads.items() if not head.count]
        key = signing_key(self.tx.connection, self.node, self.party)
        if any(draft.kid != key.public.kid for draft in drafts):
            raise ConflictError("the party's key was changed at this very moment: send it again")

    def _known(self, drafts: Sequence[Draft]) -> dict[Name, tuple[bytes | None, bytes]]:
        """Content and statement of the party's events that bear one of these names."""
        table = projections.Event
        query = select(table.event_id, table.corrects, table.content, table.statement)
        found: dict[Name, tuple[bytes | None, bytes]] = {}
        names = list(dict.fromkeys(draft.name[0] for draft in drafts))
        for first in range(0, len(names), CHUNK):
            some = table.event_id.in_(names[first : first + CHUNK])
            rows = self.tx.connection.execute(query.where(table.party == self.party, some))
            found |= {(r.event_id, r.corrects): (r.content, r.statement) for r in rows}
        return found

    def _take(self, draft: Draft) -> None:
        """Check an event; one that moves something is written at once, for the next to be checked against."""
        if draft.at_ms - self.tx.now_ms > MAX_AHEAD_MS:
            ahead_s = (draft.at_ms - self.tx.now_ms) // 1000
            raise ClockAheadError(
                f"the event lies {ahead_s} s in the future",
                remedy="Give the time with its zone, and check the clocks; what is to come is not recorded.",
                problems=[Problem("/eventTime", "a time that has come", str(draft.event["eventTime"]))],
            )
        if self.typed is not None:
            if draft.move is not None:
                self._flush()  # what is asked of its asset may hang on it
            self.typed.check(draft, arrives=self.arrives)
        if draft.move is not None:
            self._flush()
            check_move(self.tx, self.node, self.party, draft.move)
        self.quota.spend(draft)
        self.waiting.append(draft)
        if self.typed is not None:
            self.typed.take(draft)
        if draft.move is None:
            return
        self._flush()
        follow_move(self.tx, self.node, draft.move, self.seqs[draft.sha256])
        self.heads = None  # which may have grown the same streams

    def _flush(self) -> None:
        """Write what was checked."""
        taken, self.waiting = self.waiting, []
        pairs = [(draft, uri) for draft in taken for uri in self._streams(draft)]
        entries = [Entry(uri, media.EVENT, draft.issued.statement) for draft, uri in pairs]
        records = append(self.tx, self.node, entries, self.heads)
        times: dict[bytes, int] = {}
        for (draft, uri), record in zip(pairs, records, strict=True):
            self.seqs.setdefault(draft.sha256, {})[uri] = record.seq
            times[draft.sha256] = min(times.get(draft.sha256, record.time_ms), record.time_ms)
        keep_disclosures(self.tx, {draft.sha256: draft.issued.disclosures for draft in taken})
        self._begin_batches(taken)
        new = [draft.projection.recorded(times[draft.sha256]) for draft in taken]
        insert_projections(self.tx, self.node.name, new)

    def _streams(self, draft: Draft) -> tuple[str, ...]:
        """Where an event goes. An asset that nothing was ever recorded of begins with what enters it."""
        move = draft.move
        if move is None or move.asset is None or not move.adds:
            return draft.streams
        length = select(models.Stream.length).where(models.Stream.hash == stream_hash(move.asset))
        known = self.tx.connection.execute(length).scalar_one()
        return draft.streams if known else (*draft.streams, move.asset)

    def _begin_batches(self, taken: Sequence[Draft]) -> None:
        """Make batches known by the first event that names them, and by the one by which they begin."""
        first: dict[bytes, tuple[bytes, bool]] = {}
        for draft in taken:
            for uri in draft.streams:
                if parse_stream(uri).kind is not Kind.BATCH:
                    continue
                key, makes = stream_hash(uri), begins(draft.event, uri, self.node.name)
                if key not in first or (makes and not first[key][1]):
                    first[key] = draft.sha256, makes
        rows = ({"stream": k, "statement": sha256, "begun": makes} for k, (sha256, makes) in first.items())
        insert_new(self.tx, models.Batch, rows)
        begun = [{"key": key, "by": sha256} for key, (sha256, makes) in first.items() if makes]
        if begun:
            table = models.Batch
            later = update(table).where(table.stream == bindparam("key"), table.begun.is_(False))
            self.tx.connection.execute(later.values(statement=bindparam("by"), begun=True), begun)

    def _forget_unused(self) -> None:
        """Take away the rows of streams that were locked for events that were refused."""
        grown = {stream_hash(uri) for seqs in self.seqs.values() for uri in seqs}
        unused = [key for key in self.unused if key not in grown]
        for first in range(0, len(unused), CHUNK):
            some = models.Stream.hash.in_(unused[first : first + CHUNK])
            self.tx.connection.execute(delete(models.Stream).where(some, models.Stream.length == 0))

    def _with_records(self, answers: Sequence[Captured]) -> list[Captured]:
        """The answers, with the places of the events; those that were there before are looked up."""
        old = [a.sha256 for a in answers if a.known and a.sha256 not in self.seqs]
        record = models.Record
        query = select(record.statement, record.seq, models.Stream.uri).join(models.Stream)
        for first in range(0, len(old), CHUNK):
            some = query.where(record.statement.in_(old[first : first + CHUNK])).order_by(models.Stream.uri)
            for row in self.tx.connection.execute(some):
                self.seqs.setdefault(row.statement, {})[row.uri] = row.seq
        return [replace(a, records=tuple(self.seqs.get(a.sha256, {}).items())) for a in answers]


def _touched(drafts: Sequence[Draft]) -> list[str]:
    """The streams that these events may grow, and the assets and targets of their moves."""
    named = [uri for draft in drafts for uri in draft.streams]
    moves = [draft.move for draft in drafts if draft.move]
    named += [uri for move in moves for uri in (move.asset, move.target) if uri is not None]
    return list(dict.fromkeys(named))
