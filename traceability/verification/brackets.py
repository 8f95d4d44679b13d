"""Between which times each record's statement was signed, by the log's own clock.

    after    a device's statement names a checkpoint by its beacon: it was signed when that was there,
             so after the time in the state leaf that ends it. What a device signed later, by its
             counters, was signed after that too
    before   the first proven state leaf behind the record in the log: it was in the log by then

A beacon of a checkpoint that holds the record itself cannot be made: it would be a hash over itself.
What can be made is a record with a time before that of its beacon, or behind that of the leaf that
covers it: such a log contradicts itself and is refused. A device's clock that lies outside only
disagrees.

Source: docs/formats.md, Times; docs/adr/0027.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from traceability.errors import BundleError, TimeMismatchError
from traceability.ledger.history import beacon_of, past_roots
from traceability.ledger.note import Checkpoint
from traceability.ledger.record import Record, format_time
from traceability.ledger.state import StateLeaf, parse_state_leaf
from traceability.sensing.frame import DeviceStatement
from traceability.verification.freshness import MAX_AHEAD_S
from traceability.verification.journey import RecordView
from traceability.verification.statements import Checked
from traceability.verification.timeline import Anchor, Timeline
from traceability.verification.times import Beacon, Bracket

TOLERANCE_MS: Final = MAX_AHEAD_S * 1000
"""How far a device's clock may be off the log's before it disagrees."""

_NEVER: Final = -1


@dataclass(frozen=True, slots=True)
class _Proven:
    """What the bundle proves: state leaves ascending, the bundle's own last; and what stands where."""

    leaves: tuple[StateLeaf, ...]
    beacons: Mapping[bytes, StateLeaf]
    indexes: Mapping[bytes, int]


def check_times(
    times: Timeline | None, checkpoint: Checkpoint, leaf: StateLeaf, opened: Sequence[Checked]
) -> tuple[RecordView, ...]:
    """Every record of these stretches, which are the bundle's first, with its bracket.

    Args:
        leaf: the state leaf that ends the checkpoint's tree, verified.

    Raises:
        MalformedError: a leaf that is no state leaf.
        BundleError: a leaf or an anchor that nothing needs, or out of order.
        ProofMismatchError: the proof does not lead to the checkpoint.
        TimeMismatchError: the times of the log contradict one another.
    """
    named = {s.beacon for _, s in _statements(opened) if s.beacon is not None}
    proven = _Proven((leaf,), {}, {}) if times is None else _prove(times, checkpoint, leaf, opened)
    if not proven.beacons.keys() <= named:
        raise BundleError("the bundle proves a checkpoint that no beacon in it names")
    lower = _afters(list(_statements(opened)), proven.beacons)
    return tuple(view for stretch in opened for view in _views(stretch, lower, proven))


def _views(checked: Checked, lower: Mapping[bytes, int], proven: _Proven) -> Iterator[RecordView]:
    befores = _befores(checked.records, proven)
    told = zip(checked.records, checked.stretch.links, checked.contents, befores, strict=True)
    for r, link, content, before_ms in told:
        bracket = _bracket(lower.get(r.hash), before_ms, content, proven)
        shown = link.statement is not None
        suspected = r.seq in checked.suspected
        yield RecordView(r.stream, r.seq, r.time_ms, r.media_type, r.hash, shown, bracket, suspected)


def _statements(opened: Sequence[Checked]) -> Iterator[tuple[Record, DeviceStatement]]:
    for stretch in opened:
        for record, content in zip(stretch.records, stretch.contents, strict=True):
            if isinstance(content, DeviceStatement):
                yield record, content


def _prove(times: Timeline, checkpoint: Checkpoint, leaf: StateLeaf, opened: Sequence[Checked]) -> _Proven:
    leaves = [parse_state_leaf(text) for text in times.leaves]
    for before, after in pairwise([*leaves, leaf]):
        if before.index >= after.index:
            raise BundleError("the state leaves of a bundle's times ascend by their places in the log")
        if before.time_ms >= after.time_ms:
            raise TimeMismatchError(
                "a state leaf is not later than the one before it",
                expected=f"after {format_time(before.time_ms)}",
                got=format_time(after.time_ms),
            )
    ends = [found.index for found in leaves]
    _check_anchors(times.anchors, ends)
    anchored = {a.index: _record_at(opened, a).hash for a in times.anchors}
    hashes = {found.index: found.hash for found in leaves} | anchored
    past = past_roots(hashes, checkpoint.size, times.proof, checkpoint.root)
    named = {beacon_of(Checkpoint(checkpoint.origin, f.index + 1, past[f.index])): f for f in leaves}
    return _Proven((*leaves, leaf), named, {digest: index for index, digest in anchored.items()})


def _check_anchors(anchors: Sequence[Anchor], ends: Sequence[int]) -> None:
    """Each stands before one of the leaves, and is the only one of its stream that this leaf needs."""
    needed = {(a.stream, bisect_right(ends, a.index)) for a in anchors}
    places = [a.index for a in anchors]
    if places != sorted(set(places)) or set(places) & set(ends):
        raise BundleError("the anchors of a bundle's times ascend by their places in the log")
    if len(needed) != len(anchors) or any(behind == len(ends) for _, behind in needed):
        raise BundleError("the bundle holds an anchor that no time in it needs")


def _record_at(opened: Sequence[Checked], anchor: Anchor) -> Record:
    stretch = opened[anchor.stream] if anchor.stream < len(opened) else None
    if stretch is None or not stretch.stretch.first <= anchor.seq < stretch.end:
        raise BundleError(f"an anchor names record {anchor.seq} of stream {anchor.stream}, which is not here")
    return stretch.records[anchor.seq - stretch.stretch.first]


def _befores(records: Sequence[Record], proven: _Proven) -> list[int]:
    """For each record the time of the first proven leaf behind it; a chain's records are in order."""
    ends, index, times = [found.index for found in proven.leaves], proven.leaves[-1].index, list[int]()
    for record in reversed(records):
        index = min(index, proven.indexes.get(record.hash, index))
        covering = proven.leaves[min(bisect_right(ends, index), len(ends) - 1)]
        if record.time_ms > covering.time_ms:
            raise TimeMismatchError(
                f"record {record.seq} of {record.stream} is later than the state that holds it",
                expected=f"at most {format_time(covering.time_ms)}",
                got=format_time(record.time_ms),
            )
        times.append(covering.time_ms)
    return times[::-1]


def _afters(
    statements: Sequence[tuple[Record, DeviceStatement]], beacons: Mapping[bytes, StateLeaf]
) -> dict[bytes, int]:
    """By record hash, after when it was signed: by its own beacon, or by an earlier one of its device.

    A device that gives its counters in another order than it signs can name an earlier beacon later,
    but not one that was not there: what would be later than the record is not inherited.
    """
    found: dict[bytes, int] = {}
    newest: dict[str, int] = {}
    for record, said in sorted(statements, key=lambda pair: pair[1].counter):
        own = beacons.get(said.beacon or b"")
        own_ms = _NEVER if own is None else own.time_ms
        if own_ms > record.time_ms:
            raise TimeMismatchError(
                f"record {record.seq} of {record.stream} names a checkpoint that is newer than itself",
                expected=f"at most {format_time(record.time_ms)}",
                got=format_time(own_ms),
            )
        newest[said.device] = known_ms = max(own_ms, newest.get(said.device, _NEVER))
        after_ms = known_ms if known_ms <= record.time_ms else own_ms
        if after_ms != _NEVER:
            found[record.hash] = after_ms
    return found


def _bracket(after_ms: int | None, before_ms: int, content: object, proven: _Proven) -> Bracket:
    if not isinstance(content, DeviceStatement):
        return Bracket(after_ms, before_ms)
    beacon = None
    if content.beacon is not None:
        beacon = Beacon.PROVEN if content.beacon in proven.beacons else Beacon.UNKNOWN
    agrees = None
    if content.issued_at is not None:
        at_ms = content.issued_at * 1000
        early = after_ms is not None and at_ms + 999 + TOLERANCE_MS < after_ms
        agrees = not early and at_ms - TOLERANCE_MS <= before_ms
    return Bracket(after_ms, before_ms, beacon, agrees)
