"""When a frame was signed: what a gateway, a device and a node can do about it, and what is seen of that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.support import forge
from tests.support.forgery import refused
from tests.support.reallog import sizes, tiles_of
from tests.support.world import Probe, World, make_world
from traceability.errors import TimeMismatchError
from traceability.ledger.history import beacon_of
from traceability.ledger.note import parse_checkpoint, parse_note
from traceability.ledger.record import format_time, parse_time
from traceability.operations import timeline
from traceability.operations.log import latest_checkpoint
from traceability.verification.bundle import encode_bundle, parse_bundle
from traceability.verification.verdict import Verdict, check

MINUTES = 60


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("times")
    made = make_world(folder / "node", f"sqlite:///{folder}/store.sqlite")
    yield made
    made.store.close()


@pytest.fixture
def packed(world: World) -> tuple[str, Probe]:
    """A new batch, and a logger in its box, both published just now."""
    farm = world.party("Farm")
    batch, logger = world.harvest(farm, f"L{world.now_ms}"), world.device(farm)
    world.install(farm, logger, batch)
    world.publish()
    return batch, logger


def signed(world: World, probe: Probe, **head: Any) -> bytes:
    """The next frame, after a minute, with what the newest receipt told."""
    world.wait(minutes=1)
    return world.frame(probe, 4.0, **{"beacon": world.beacon()} | head)


def send(world: World, probe: Probe, *bodies: bytes) -> None:
    assert {outcome.word for outcome in world.take(probe, *bodies).outcomes} == {"accepted"}
    world.publish()


def verdict_of(world: World, batch: str) -> Verdict:
    verdict = check(world.bundle(batch), world.node.policy)
    assert verdict.exit_code == 0
    return verdict


def frames(verdict: Verdict) -> list[dict[str, Any]]:
    return [r["signed"] for r in verdict.to_json()["records"] if "frame" in r["type"]]


def spans(verdict: Verdict, start_ms: int) -> list[tuple[int | None, int]]:
    """After and before, in seconds since a time."""
    return [
        (
            f["after"] and (parse_time(f["after"]) - start_ms) // 1000,
            (parse_time(f["before"]) - start_ms) // 1000,
        )
        for f in frames(verdict)
    ]


def line(verdict: Verdict) -> str:
    return next(line for line in verdict.lines() if line.startswith("times "))


def test_of_a_device_that_is_heard_every_minute_each_frame_is_bracketed_within_two(world, packed):
    (batch, logger), start_ms = packed, world.now_ms
    for _ in range(5):
        send(world, logger, signed(world, logger))
    verdict = verdict_of(world, batch)
    assert {(f["beacon"], f["clock"]) for f in frames(verdict)} == {("proven", "agrees")}
    assert spans(verdict, start_ms) == [(61 * n, 61 * n + 61) for n in range(5)]
    assert line(verdict) == (
        f"times       known    each of 5 frames was signed after {format_time(start_ms)} and before"
        f" {format_time(world.now_ms)}, within at most 1 min 1 s; by the log's clock"
    )
    assert verdict.to_json()["times"]["within_ms"] == 61_000


def test_a_frame_that_a_gateway_held_back_shows_for_how_long(world, packed):
    (batch, logger), start_ms = packed, world.now_ms
    send(world, logger, signed(world, logger))
    held = signed(world, logger)
    send(world, logger, signed(world, logger))
    world.wait(minutes=5 * MINUTES)
    send(world, logger, signed(world, logger))
    send(world, logger, held)
    verdict = verdict_of(world, batch)
    assert spans(verdict, start_ms) == [(0, 61), (61, 182), (182, 18_244), (61, 18_244)]
    assert {f["clock"] for f in frames(verdict)} == {"agrees"}
    assert "within at most 5 h 4 min" in line(verdict)


def test_frames_that_a_gateway_reorders_keep_their_lower_bounds(world, packed):
    (batch, logger), start_ms = packed, world.now_ms
    send(world, logger, signed(world, logger))
    early, late = signed(world, logger), signed(world, logger)
    send(world, logger, late, early)
    assert spans(verdict_of(world, batch), start_ms) == [(0, 61), (61, 182), (61, 182)]


@pytest.mark.parametrize("off_s", [-7200, -301, 0, 299])
def test_a_clock_that_was_set_back_disagrees_with_the_beacon_of_its_own_frame(world, packed, off_s):
    batch, logger = packed
    world.wait(minutes=3 * MINUTES)
    world.party("Other")
    world.publish()
    send(world, logger, signed(world, logger, issued_at=world.now_ms // 1000 + off_s))
    verdict = verdict_of(world, batch)
    (frame,) = frames(verdict)
    expected = "agrees" if off_s >= -300 else "disagrees"
    assert frame["clock"] == expected
    assert ("clock disagrees: 1" in line(verdict)) == (expected == "disagrees")


def test_a_beacon_of_another_log_bounds_nothing_and_is_told(world, packed):
    batch, logger = packed
    with world.store.reading() as connection:
        newest = latest_checkpoint(connection)
    assert newest is not None
    own = parse_checkpoint(parse_note(newest.note.encode()).text)
    assert beacon_of(own) == world.beacon()
    send(world, logger, signed(world, logger, beacon=beacon_of(replace(own, origin="other.example/log"))))
    verdict = verdict_of(world, batch)
    (frame,) = frames(verdict)
    assert (frame["after"], frame["beacon"]) == (None, "unknown")
    assert "after when is not known; beacons of a checkpoint that is not proven here: 1" in line(verdict)
    assert parse_bundle(world.bundle(batch)).times is None


def test_a_node_cannot_say_that_a_frame_was_there_before_the_checkpoint_it_names(world, packed):
    batch, logger = packed
    send(world, logger, signed(world, logger))
    send(world, logger, signed(world, logger))
    bundle = parse_bundle(world.bundle(batch))
    subject, *rest = bundle.streams
    last = subject.links[-1]
    for earlier_ms, contradicts in ((60_000, False), (60_001, True)):
        links = (*subject.links[:-1], replace(last, time_ms=last.time_ms - earlier_ms))
        lie = forge.with_streams(bundle, replace(subject, links=links), *rest)
        log = tiles_of(world), sizes(world)[-2]
        verdict = check(forge.sign(lie, world.node, log=log), world.node.policy)
        if contradicts:
            refused(verdict, TimeMismatchError)
            assert verdict.failure is not None
            assert verdict.failure.code == "bad-time"
        else:
            assert (verdict.exit_code, frames(verdict)[-1]["beacon"]) == (0, "proven")


def test_leaving_the_proof_out_takes_the_lower_bounds_away_and_says_so(world, packed):
    batch, logger = packed
    send(world, logger, signed(world, logger))
    shorter = encode_bundle(replace(parse_bundle(world.bundle(batch)), times=None))
    verdict = check(shorter, world.node.policy)
    assert (verdict.exit_code, frames(verdict)[0]["beacon"]) == (0, "unknown")
    assert "not proven here: 1" in line(verdict)


def test_what_is_not_older_than_the_bundle_s_own_checkpoint_is_left_out(world, packed):
    with world.store.reading() as connection:
        newest, beacon = latest_checkpoint(connection), world.beacon()
        assert newest is not None
        assert timeline.prove_times(connection, {beacon}, [], newest.size) is None
    world.party("Another")
    world.publish()
    with world.store.reading() as connection:
        assert timeline.prove_times(connection, {beacon}, [], newest.size + 1) is not None
        assert timeline.prove_times(connection, {beacon, world.beacon()}, [], newest.size) is None


def test_without_a_policy_nothing_is_said_of_times_in_words(world, packed):
    batch, logger = packed
    send(world, logger, signed(world, logger))
    verdict = check(world.bundle(batch), None)
    assert not any(said.startswith("times") for said in verdict.lines())
    assert "times" not in verdict.to_json()


def test_a_bundle_proves_only_so_many_checkpoints_and_the_frames_between_have_wider_brackets(
    world, packed, monkeypatch
):
    monkeypatch.setattr(timeline, "MAX_LEAVES", 3)
    batch, logger = packed
    for _ in range(9):
        send(world, logger, signed(world, logger))
    times = parse_bundle(world.bundle(batch)).times
    assert times is not None
    assert (len(times.leaves), len(times.anchors)) == (3, 3)
    verdict = verdict_of(world, batch)
    assert line(verdict).endswith("beacons of a checkpoint that is not proven here: 6; by the log's clock")
    assert "each of 9 frames was signed after" in line(verdict)
    assert verdict.to_json()["times"]["within_ms"] == 4 * 61_000
