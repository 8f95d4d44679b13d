"""When records were signed, over small logs made by hand: what bounds them, and what is a contradiction."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from traceability import media
from traceability.errors import BundleError, ProofMismatchError, TimeMismatchError
from traceability.identifiers import asset_uri, device_uri
from traceability.ledger import merkle
from traceability.ledger.history import beacon_of
from traceability.ledger.note import Checkpoint
from traceability.ledger.record import GENESIS, Record, commit
from traceability.ledger.state import StateLeaf
from traceability.ledger.tiles import Tiles
from traceability.sensing.frame import NO_PREVIOUS, Clock, encode_frame, parse_statement
from traceability.sensing.senml import Reading
from traceability.signing.keys import PrivateKey
from traceability.verification.brackets import TOLERANCE_MS, check_times
from traceability.verification.bundle import Link, Stretch
from traceability.verification.journey import RecordView
from traceability.verification.statements import Checked
from traceability.verification.timeline import Anchor, Timeline
from traceability.verification.times import Beacon, duration, sum_up

ORIGIN, STREAM = "node.example/log", asset_uri("9520002TRUCKA")
T0 = 1_767_225_600_000
KEYS = [PrivateKey.from_seed(bytes([n]) * 32) for n in (1, 2)]


@dataclass
class Log:
    """A log of one asset's stream and of state leaves, in the order in which they are added."""

    leaves: list[bytes] = field(default_factory=list)
    states: list[StateLeaf] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    contents: list[Any] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    counter: int = 0

    def state(self, at_ms: int) -> bytes:
        """A checkpoint; the beacon that names it."""
        self.states.append(StateLeaf(len(self.leaves), 1, bytes(32), at_ms))
        self.leaves.append(self.states[-1].hash)
        return beacon_of(self.checkpoint())

    def frame(self, at_ms: int, beacon: bytes | None = None, *, key: int = 0, **head: Any) -> None:
        """A frame that is recorded at a time; its clock says the same if nothing else is said."""
        device = KEYS[key]
        usual: dict[str, Any] = {
            "issuer": device_uri("node.example", device.public.device_id),
            "stream": STREAM,
            "counter": self.counter,
            "boot": 1,
            "prev": NO_PREVIOUS,
            "uptime_s": 10**6,
            "clock": Clock.NETWORK,
            "issued_at": at_ms // 1000,
            "beacon": beacon,
        }
        readings = [Reading("air", "Cel", at_ms if head.get("clock", 1) else 0, 4)]
        body = encode_frame(device, readings=readings, **usual | head)
        self.counter += 1
        self.add(at_ms, media.FRAME, body, parse_statement(body))

    def add(self, at_ms: int, media_type: str, body: bytes, content: Any = None) -> None:
        digest, salt = hashlib.sha256(body).digest(), bytes(16)
        prev = self.records[-1].hash if self.records else GENESIS
        self.records.append(Record(STREAM, len(self.records), prev, at_ms, media_type, commit(digest, salt)))
        self.links.append(Link(at_ms, media_type, salt, digest, body if content else None))
        self.contents.append(content)
        self.places.append(len(self.leaves))
        self.leaves.append(self.records[-1].hash)

    def checkpoint(self) -> Checkpoint:
        return Checkpoint(ORIGIN, len(self.leaves), merkle.root(self.leaves))

    def timeline(self, *states: int, anchors: tuple[int, ...] = ()) -> Timeline:
        """The proof of some states, by number, and of the places of some records."""
        leaves = [self.states[n] for n in states]
        named = tuple(Anchor(0, seq, self.places[seq]) for seq in anchors)
        indexes = {leaf.index for leaf in leaves} | {a.index for a in named}
        changed, _ = Tiles(lambda level, number: b"").append(0, self.leaves)
        proof = Tiles(lambda level, number: changed[level, number]).history_proof(indexes, len(self.leaves))
        return Timeline(tuple(leaf.text() for leaf in leaves), named, tuple(proof))

    def check(self, times: Timeline | None = None) -> tuple[RecordView, ...]:
        stretch = Stretch(STREAM, 0, GENESIS, tuple(self.links), None)
        opened = Checked(stretch, tuple(self.records), tuple(self.contents))
        return check_times(times, self.checkpoint(), self.states[-1], [opened])


def spans(views: tuple[RecordView, ...]) -> list[tuple[int | None, int]]:
    """After and before, in ms since T0."""
    return [
        (None if v.bracket.after_ms is None else v.bracket.after_ms - T0, v.bracket.before_ms - T0)
        for v in views
    ]


def three() -> Log:
    """A frame between each two of four checkpoints; each frame names the newest one."""
    log = Log()
    beacon = log.state(T0)
    for minute in (1, 2, 3):
        log.frame(T0 + minute * 60_000 - 1000, beacon)
        beacon = log.state(T0 + minute * 60_000)
    return log


def test_a_frame_was_signed_after_its_beacon_and_before_the_first_leaf_behind_it():
    log = three()
    views = log.check(log.timeline(0, 1, 2, anchors=(0, 1)))
    assert spans(views) == [(0, 60_000), (60_000, 120_000), (120_000, 180_000)]
    assert {(v.bracket.beacon, v.bracket.agrees) for v in views} == {(Beacon.PROVEN, True)}


def test_without_a_proof_there_is_no_lower_bound_and_the_bundle_s_own_leaf_is_the_upper():
    views = three().check(None)
    assert spans(views) == [(None, 180_000)] * 3
    assert {v.bracket.beacon for v in views} == {Beacon.UNKNOWN}


def test_what_is_left_out_makes_brackets_wider_never_wrong():
    log = three()
    assert spans(log.check(log.timeline(0, 2, anchors=(1,)))) == [
        (0, 120_000),
        (0, 120_000),
        (120_000, 180_000),
    ]
    assert spans(log.check(log.timeline(1))) == [(None, 180_000), (60_000, 180_000), (60_000, 180_000)]


def test_a_beacon_of_another_log_is_accepted_and_bounds_nothing():
    log, other = Log(), three()
    log.state(T0)
    log.frame(T0 + 1000, beacon_of(other.checkpoint()))
    log.frame(T0 + 2000)
    log.state(T0 + 3000)
    views = log.check(None)
    assert spans(views) == [(None, 3000)] * 2
    assert [v.bracket.beacon for v in views] == [Beacon.UNKNOWN, None]


def test_a_device_s_later_statement_was_signed_after_the_beacons_of_its_earlier_ones_alone():
    log = Log()
    beacon = log.state(T0)
    log.frame(T0 + 1000, beacon)
    log.frame(T0 + 2000)
    log.frame(T0 + 3000, key=1)
    log.state(T0 + 4000)
    assert spans(log.check(log.timeline(0))) == [(0, 4000), (0, 4000), (None, 4000)]


def test_what_came_late_has_the_lower_bound_of_its_own_time_and_a_wide_bracket():
    log = Log()
    first = log.state(T0)
    log.frame(T0 + 1000, first, counter=0)
    second = log.state(T0 + 2000)
    log.frame(T0 + 3000, second, counter=2)
    log.state(T0 + 4000)
    log.frame(T0 + 50_000, first, counter=1, issued_at=T0 // 1000 + 1)
    log.state(T0 + 60_000)
    views = log.check(log.timeline(0, 1, anchors=(0,)))
    assert spans(views) == [(0, 2000), (2000, 60_000), (0, 60_000)]


def test_a_device_that_counts_in_another_order_than_it_signs_cannot_make_a_log_contradict_itself():
    log = Log()
    log.state(T0)
    log.frame(T0 + 1000, counter=9)
    beacon = log.state(T0 + 2000)
    log.frame(T0 + 3000, beacon, counter=8)
    log.state(T0 + 4000)
    assert spans(log.check(log.timeline(1))) == [(None, 4000), (2000, 4000)]


def test_a_record_older_than_the_checkpoint_that_it_names_is_a_contradiction():
    log = Log()
    beacon = log.state(T0)
    log.frame(T0, beacon)
    log.state(T0 + 1000)
    assert spans(log.check(log.timeline(0))) == [(0, 1000)]
    future = Log()
    beacon = future.state(T0)
    future.frame(T0 - 1, beacon)
    future.state(T0 + 1000)
    with pytest.raises(TimeMismatchError, match="newer than itself"):
        future.check(future.timeline(0))


def test_a_record_later_than_the_leaf_behind_it_is_a_contradiction():
    log = Log()
    log.frame(T0 + 2000)
    beacon = log.state(T0 + 1000)
    log.frame(T0 + 2000, beacon)
    log.state(T0 + 3000)
    assert spans(log.check(log.timeline(0))) == [(None, 3000), (1000, 3000)]
    with pytest.raises(TimeMismatchError, match="later than the state"):
        log.check(log.timeline(0, anchors=(0,)))


def test_leaves_whose_times_do_not_move_on_are_a_contradiction():
    log = Log()
    beacons = [log.state(T0), log.state(T0)]
    for beacon in beacons:
        log.frame(T0 + 1000, beacon)
    log.state(T0 + 2000)
    assert log.check(log.timeline(0))
    with pytest.raises(TimeMismatchError, match="not later"):
        log.check(log.timeline(0, 1))


@pytest.mark.parametrize(
    ("off_ms", "agrees"),
    [(0, True), (-TOLERANCE_MS, True), (-TOLERANCE_MS - 2000, False), (TOLERANCE_MS + 3000, False)],
)
def test_a_device_s_clock_outside_the_bracket_disagrees_and_no_more(off_ms: int, agrees: bool):
    log = Log()
    beacon = log.state(T0)
    log.frame(T0 + 1000, beacon, issued_at=(T0 + off_ms) // 1000)
    log.state(T0 + 2000)
    (view,) = log.check(log.timeline(0))
    assert view.bracket.agrees is agrees
    assert view.bracket.to_json()["clock"] == ("agrees" if agrees else "disagrees")


def test_a_device_without_a_clock_cannot_disagree():
    log = Log()
    log.frame(T0 + 1000, clock=Clock.UNSYNCHRONISED, issued_at=None)
    log.state(T0 + 2000)
    (view,) = log.check()
    assert (view.bracket.agrees, view.bracket.to_json()["clock"]) == (None, None)


def test_other_records_and_withheld_ones_have_an_upper_bound_alone():
    log = Log()
    beacon = log.state(T0)
    log.add(T0 + 1, media.EVENT, b"withheld")
    log.frame(T0 + 1000, beacon)
    log.state(T0 + 2000)
    first, second = log.check(log.timeline(0))
    assert spans((first, second)) == [(None, 2000), (0, 2000)]
    assert first.bracket.beacon is None


@pytest.mark.parametrize(
    ("states", "anchors", "said"),
    [
        ((0, 1, 2, 3), (), "ascend"),
        ((1, 0), (), "ascend"),
        ((0, 0), (), "ascend"),
        ((0,), (0,), "needs"),
        ((0, 1), (0, 1), "needs"),
        ((2,), (0, 1), "needs"),
    ],
)
def test_nothing_superfluous_stands_in_it_and_all_in_order(states, anchors, said):
    log = three()
    with pytest.raises(BundleError, match=said):
        log.check(log.timeline(*states, anchors=anchors))


def test_a_checkpoint_that_no_beacon_names_is_refused():
    log = Log()
    log.state(T0)
    log.frame(T0 + 1000)
    log.state(T0 + 2000)
    with pytest.raises(BundleError, match="no beacon"):
        log.check(log.timeline(0))


@pytest.mark.parametrize(
    "anchors",
    [(Anchor(1, 0, 1),), (Anchor(0, 3, 1),), (Anchor(0, 1, 3), Anchor(0, 0, 1)), (Anchor(0, 0, 2),)],
)
def test_an_anchor_names_a_record_of_the_bundle_and_a_place_of_its_own(anchors):
    log = three()
    with pytest.raises(BundleError):
        log.check(replace(log.timeline(0, 1, 2, anchors=(0, 1)), anchors=anchors))


def test_no_part_of_the_proof_can_be_another_one():
    log = three()
    times = log.timeline(0, 1, 2, anchors=(0, 1))
    later = replace(log.states[0], time_ms=T0 + 1).text()
    for changed in (
        replace(times, leaves=(later, *times.leaves[1:])),
        replace(times, anchors=(replace(times.anchors[0], seq=1), times.anchors[1])),
        replace(times, proof=times.proof[:-1]),
        replace(times, proof=(*times.proof[:-1], bytes(32))),
    ):
        with pytest.raises(ProofMismatchError):
            log.check(changed)


def test_brackets_are_summed_up_in_words_and_numbers():
    log = three()
    times = sum_up([v.bracket for v in log.check(log.timeline(0, 1, 2, anchors=(0, 1)))])
    assert times is not None
    assert times.known == "known"
    assert times.text == (
        "each of 3 frames was signed after 2026-01-01T00:00:00.000Z and before 2026-01-01T00:03:00.000Z,"
        " within at most 1 min 0 s; by the log's clock"
    )
    partly = sum_up([v.bracket for v in log.check(log.timeline(2))])
    assert partly is not None
    assert partly.known == "partly"
    assert partly.text.startswith("1 of 3 frames were each signed after 2026-01-01T00:02:00.000Z and before")
    assert "beacons of a checkpoint that is not proven here: 2" in partly.text
    unknown = sum_up([v.bracket for v in log.check()])
    assert unknown is not None
    assert (unknown.known, unknown.to_json()["after"], unknown.to_json()["within_ms"]) == (
        "unknown",
        None,
        None,
    )
    assert unknown.text.startswith("3 frames were signed before 2026-01-01T00:03:00.000Z; after when is not")
    assert sum_up([]) is None


@pytest.mark.parametrize(
    ("ms", "said"),
    [
        (0, "0 min 0 s"),
        (1, "0 min 1 s"),
        (130_000, "2 min 10 s"),
        (3_600_000, "1 h 0 min"),
        (3_660_001, "1 h 2 min"),
        (48 * 3_600_000, "2 d 0 h"),
        (50 * 3_600_000 + 1, "2 d 3 h"),
    ],
)
def test_a_span_is_told_in_its_two_largest_units_and_never_too_short(ms: int, said: str):
    assert duration(ms) == said
