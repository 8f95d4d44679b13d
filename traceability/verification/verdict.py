"""The verdict on a bundle: five questions, answered one by one, and the journey that was proven.

    signed       who said it, and whose word that is
    unchanged    every byte is what the chains and the log commit to
    complete     nothing is left out or held back, as of a time, for a named log
    fresh        as of when, and whether that is recent enough
    not proven   what no signature can prove

An answer ``holds``, is ``unknown`` (it needs a policy that the verifier did not bring, or a
statement that is withheld), or ``fails``. After the first failure nothing else is claimed.
Beside them stands whether the batch is recalled: that changes what to eat, not what was proven,
so it changes the last line and not the exit code. Who has the trace code of a label asks one
question more, ``label``: whether this is still the chain that it was printed with. Who has a file
asks another, ``file``: whether it is one of the documents that the records name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from traceability import media
from traceability.errors import BundleError, ProofMismatchError, TamperError, TraceabilityError
from traceability.identifiers import Kind, parse_stream
from traceability.ledger import merkle, note
from traceability.ledger.record import GENESIS, Record, check_chain, format_time
from traceability.ledger.state import StateLeaf, parse_state_leaf, stream_hash, verify_presence
from traceability.ledger.tracecode import TraceCode
from traceability.verification.answers import NOT_PROVEN, PARTS, Part, Status, failed
from traceability.verification.beginning import beginning, limits_before
from traceability.verification.brackets import check_times
from traceability.verification.bundle import Bundle, Stretch, parse_bundle
from traceability.verification.documents import Named, document_json, document_words, find_file
from traceability.verification.freshness import Freshness, FreshnessCode, check_checkpoint
from traceability.verification.journey import Document, Happening, Journey, RecordView
from traceability.verification.label import Label, LabelCode, compare
from traceability.verification.monitored import check_loggers, check_stays
from traceability.verification.policy import Policy
from traceability.verification.saying import who_signed
from traceability.verification.signers import Signers, display_names, read_signers
from traceability.verification.standing import Standing, standing_of
from traceability.verification.statements import Checked, check_statements
from traceability.verification.times import Times, sum_up


@dataclass(frozen=True, slots=True)
class Verdict:
    """The five answers; ``journey`` is there when none failed.

    ``freshness`` is there if there is a quorum, ``label`` if a label's code was given; a label that
    fails is the ``failure``, of a chain that is consistent in itself. ``file`` is there if a file was given.
    """

    parts: tuple[Part, ...]
    journey: Journey | None
    failure: TraceabilityError | None = None
    freshness: Freshness | None = None
    label: Label | None = None
    file: Named | None = None

    @property
    def exit_code(self) -> int:
        """0: all holds. 1: something does not match. 2: something is unknown."""
        asked = (*self.parts, self.label, self.file)
        statuses = {answer.status for answer in asked if answer is not None}
        return 1 if Status.FAILS in statuses else 2 if Status.UNKNOWN in statuses else 0

    @property
    def times(self) -> Times | None:
        """When the frames were signed; None without frames, or if nobody vouches for the log."""
        if self.journey is None or self.parts[0].status is not Status.HOLDS:
            return None
        return sum_up([r.bracket for r in self.journey.records if r.media_type == media.FRAME])

    @property
    def standing(self) -> Standing:
        """Whether the batch is recalled; a chain that is not the label's says nothing good of its goods."""
        signed = next(part for part in self.parts if part.name == PARTS[0])
        vouched = signed.status is Status.HOLDS and (self.label is None or self.label.code is LabelCode.SAME)
        return standing_of(self.journey, vouched=vouched)

    def lines(self) -> list[str]:
        """The verdict for people: a line an answer, and what they come to."""
        answers = [(p.name, "" if p.name == PARTS[-1] else p.status.value, p.text) for p in self.parts]
        if self.times is not None:
            answers.insert(-1, ("times", self.times.known, self.times.text))
        names = self.journey.names if self.journey else {}
        if self.label is not None:
            answers.append(("label", self.label.status.value, self.label.text))
        documents = self.journey.documents if self.journey else ()
        answers += [("document", "named", document_words(document, names)) for document in documents]
        if self.file is not None:
            answers.append(("file", self.file.status.value, self.file.text))
        answers.append(("recall", *self.standing.words(names)))
        return [
            *(f"{name:<11} {status:<8} {text}" for name, status, text in answers),
            self.standing.last_line(self.exit_code),
        ]

    def to_json(self) -> dict[str, Any]:
        """The verdict for programs, record by record."""
        records = self.journey.records if self.journey else ()
        documents = self.journey.documents if self.journey else ()
        asked = {
            "freshness": self.freshness,
            "label": self.label,
            "file": self.file,
            "times": self.times,
        }
        return {
            "parts": {p.name: {"status": p.status.value, "text": p.text} for p in self.parts},
            "recall": self.standing.to_json(),
            "text": self.standing.last_line(self.exit_code),
            "failure": self.failure and {"code": self.failure.code, "text": str(self.failure)},
            "records": [
                {
                    "stream": r.stream,
                    "seq": r.seq,
                    "recorded": format_time(r.recorded_ms),
                    "type": r.media_type,
                    "hash": r.hash.hex(),
                    "statement": "shown" if r.shown else "withheld",
                    "signed": r.bracket.to_json(),
                    "suspected": r.suspected,
                }
                for r in records
            ],
            "documents": [document_json(document) for document in documents],
            "exit_code": self.exit_code,
        } | {name: answer.to_json() for name, answer in asked.items() if answer is not None}


def check(
    data: bytes,
    policy: Policy | None,
    now_ms: int | None = None,
    code: TraceCode | None = None,
    file: bytes | None = None,
) -> Verdict:
    """Check a bundle against the verifier's own policy; never raises for a bad bundle.

    Args:
        data: the bundle's bytes.
        policy: pinned keys; without them signers and completeness stay unknown.
        now_ms: the verifier's clock, milliseconds since 1970; without it a quorum stays unknown.
        code: of a label, if the chain is to be compared with it.
        file: a document's bytes, if the notices are to be searched for it.
    """
    run = _Run(policy, now_ms)
    try:
        journey = run.check(parse_bundle(data))
    except TraceabilityError as failure:
        unasked = None if code is None else Label(LabelCode.UNASKED, code)
        unfound = None if file is None else find_file(file, None)
        return Verdict(failed(run.part, failure), None, failure, label=unasked, file=unfound)
    label = None if code is None else compare(code, journey)
    other = None if label is None else label.failure
    found = None if file is None else find_file(file, journey)
    return Verdict(run.answers(journey), journey, other, run.freshness, label, found)


class _Run:
    """One check; ``part`` says which question is being asked."""

    def __init__(self, policy: Policy | None, now_ms: int | None) -> None:
        self.policy, self.now_ms = policy, now_ms
        self.part = "unchanged"
        self.signers = Signers()
        self.freshness: Freshness | None = None

    def check(self, bundle: Bundle) -> Journey:
        """All questions in order; raises at the first that fails."""
        checkpoint = note.parse_checkpoint(note.parse_note(bundle.checkpoint).text)
        leaf = self._state(bundle, checkpoint)
        batch, keys, assets = _sort(bundle)
        records = {id(s): _chain(s, leaf) for s in bundle.streams}
        self.part = "signed"
        if self.policy is not None:
            signed = note.parse_note(bundle.checkpoint)
            self.freshness = check_checkpoint(signed, self.policy, self.now_ms)
            if checkpoint.origin != self.policy.log.name:
                raise TamperError(
                    "another log than the pinned one", expected=self.policy.log.name, got=checkpoint.origin
                )
        self.signers = read_signers(keys, self.policy)
        self.part = "unchanged"
        opened = [
            check_statements(s, records[id(s)], bundle.disclosures, self.signers) for s in (batch, *assets)
        ]
        self.part = "fresh"
        views = check_times(bundle.times, checkpoint, leaf, opened)
        self.part = "complete"
        journey = _journey(opened[0], opened[1:], bundle, leaf, self.signers, views)
        self._nothing_superfluous(bundle)
        return journey

    def answers(self, journey: Journey) -> tuple[Part, ...]:
        """The five answers of a bundle in which nothing failed."""
        at = format_time(journey.as_of_ms)
        withheld = sum(not r.shown for r in journey.records)
        unchanged = Part(
            "unchanged", Status.HOLDS, f"{len(journey.records)} records, every byte as chained and logged"
        )
        fresh = Part("fresh", Status.HOLDS, f"as of {at} by the operator's clock")
        if self.freshness is not None:
            recent = self.freshness.code is FreshnessCode.FRESH
            fresh = Part("fresh", Status.HOLDS if recent else Status.UNKNOWN, self.freshness.text)
        last = Part("not proven", Status.HOLDS, NOT_PROVEN)
        if self.policy is None:
            text = "bring a policy: no key here is vouched for by anyone you know"
            pinless = [Part(name, Status.UNKNOWN, text) for name in ("signed", "complete", "fresh")]
            return (pinless[0], unchanged, pinless[1], pinless[2], last)
        signed = Part("signed", Status.HOLDS, who_signed(journey, self.signers))
        checked_by = "" if self.freshness is None else self.freshness.checked_by
        whose = f"as witnessed by {checked_by} for" if checked_by else "according to the operator of"
        text = f"{whose} {self.policy.log.name}, {journey.size} leaves, as of {at}"
        complete = Part("complete", Status.HOLDS, text)
        if withheld:
            complete = Part("complete", Status.UNKNOWN, f"{withheld} statements are withheld; {text}")
        return (signed, unchanged, complete, fresh, last)

    def _state(self, bundle: Bundle, checkpoint: note.Checkpoint) -> StateLeaf:
        leaf = parse_state_leaf(bundle.state_leaf)
        if leaf.index != checkpoint.size - 1:
            raise ProofMismatchError("index of the state leaf", expected=checkpoint.size - 1, got=leaf.index)
        merkle.verify_inclusion(leaf.index, checkpoint.size, leaf.hash, bundle.state_proof, checkpoint.root)
        return leaf

    def _nothing_superfluous(self, bundle: Bundle) -> None:
        unused = self.signers.holders.keys() - self.signers.used
        if unused:
            raise BundleError(f"the bundle holds {len(unused)} key streams that nothing in it needs")
        shown = {
            link.sha256
            for stretch in bundle.streams
            for link in stretch.links
            if link.media_type in media.PARTY_STATEMENTS and link.statement is not None
        }
        if not bundle.disclosures.keys() <= shown:
            raise BundleError("the bundle holds disclosures of a statement that it does not hold")


def _sort(bundle: Bundle) -> tuple[Stretch, list[Stretch], list[Stretch]]:
    """The batch's stream, the key streams, and the assets' stretches, in the one order allowed."""
    if not bundle.streams or bundle.streams[0].uri != bundle.subject:
        raise BundleError("the first stream of a bundle is its subject")
    batch, *rest = bundle.streams
    if parse_stream(batch.uri).kind is not Kind.BATCH or batch.first or batch.place is None:
        raise BundleError("the subject's stream must be there whole, with its place in the state")
    kinds = [parse_stream(s.uri).kind for s in rest]
    assets = [s for s, k in zip(rest, kinds, strict=True) if k is Kind.ASSET]
    keys = [s for s, k in zip(rest, kinds, strict=True) if k in {Kind.DEVICE_KEYS, Kind.PARTY_KEYS}]
    if rest != assets + keys or [s.uri for s in keys] != sorted({s.uri for s in keys}):
        raise BundleError("behind the subject stand the assets by stay, then the key streams by name")
    return batch, keys, assets


def _chain(stretch: Stretch, leaf: StateLeaf) -> list[Record]:
    """Recompute a stretch's records and tie its end to the state where a place is given."""
    if not stretch.first and stretch.prev != GENESIS:
        raise TamperError(
            f"hash before the first record of {stretch.uri}", expected=GENESIS, got=stretch.prev
        )
    records = stretch.records()
    count, head = check_chain(records, start_seq=stretch.first, prev=stretch.prev, stream=stretch.uri)
    if records and records[-1].time_ms > leaf.time_ms:
        raise TamperError(f"a record of {stretch.uri} is later than the state that holds it")
    if stretch.place is not None:
        verify_presence(leaf.root, stream_hash(stretch.uri), stretch.place.presence(count, head))
    return records


def _journey(
    batch: Checked,
    assets: Sequence[Checked],
    bundle: Bundle,
    leaf: StateLeaf,
    signers: Signers,
    views: tuple[RecordView, ...],
) -> Journey:
    happenings = tuple(c for c in batch.contents if isinstance(c, Happening))
    created = beginning(batch, len(batch.records))
    limits = limits_before(batch, len(batch.contents))
    stays = check_stays(batch, assets, leaf.time_ms)
    packed = check_loggers(batch, limits, leaf.time_ms)
    return Journey(
        batch=bundle.subject,
        created=created.event,
        limits=limits,
        happenings=happenings,
        stays=stays + packed,
        records=views,
        names=display_names(signers),
        size=leaf.index + 1,
        as_of_ms=leaf.time_ms,
        documents=tuple(c for each in (batch, *assets) for c in each.contents if isinstance(c, Document)),
    )
