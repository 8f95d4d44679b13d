"""A logger packed with a batch: its frames stand in the batch's own chain, and only if it was installed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.support import forge
from tests.support.world import MINUTE_MS, World, make_world
from traceability.errors import TamperError
from traceability.verification.bundle import encode_bundle, parse_bundle
from traceability.verification.journey import Happening
from traceability.verification.verdict import check


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make_world(tmp_path / "node", f"sqlite:///{tmp_path}/node.sqlite")


def logged(world: World, *, removed: bool) -> str:
    """A batch with a logger in its box: three frames, one of them lost on the way."""
    farm = world.party("Farm")
    logger, batch = world.device(farm), world.harvest(farm, "L1")
    world.install(farm, logger, batch)
    for value in (3.0, 6.0, 4.0):
        world.wait(minutes=10)
        body = world.frame(logger, value)
        if value != 6.0:
            world.take(logger, body)
    if removed:
        world.remove(farm, logger)
    world.publish()
    return batch


def test_its_time_is_told_like_a_stay_with_what_is_missing(world: World):
    data = world.bundle(logged(world, removed=True))
    verdict = check(data, world.node.policy)
    assert verdict.exit_code == 0, verdict.lines()
    assert verdict.journey is not None
    (time,) = verdict.journey.stays
    assert (time.opened, time.left, time.frames) == (None, True, 2)
    assert time.to_ms - time.from_ms == 30 * MINUTE_MS
    assert list(time.missing.values()) == [1], "the frame that never arrived"
    (curve,) = time.curves
    assert [s.milli_c for s in curve.samples] == [3000, 4000]
    assert curve.exposure.unknown_ms == 10 * MINUTE_MS


def test_while_it_is_packed_its_time_goes_on_to_the_state(world: World):
    verdict = check(world.bundle(logged(world, removed=False)), world.node.policy)
    assert verdict.journey is not None
    (time,) = verdict.journey.stays
    assert not time.left
    assert time.to_ms == verdict.journey.as_of_ms


def test_a_device_that_no_event_installed_is_refused(world: World):
    bundle = parse_bundle(world.bundle(logged(world, removed=True)))
    batch = bundle.streams[0]
    journey = check(encode_bundle(bundle), world.node.policy).journey
    assert journey is not None
    without = [link for n, link in enumerate(batch.links) if not installs(journey.happenings, n)]
    shown = {link.sha256 for link in without}
    kept = {sha256: texts for sha256, texts in bundle.disclosures.items() if sha256 in shown}
    forged = forge.sign(replace(forge.with_batch(bundle, without), disclosures=kept), world.node)
    verdict = check(forged, world.node.policy)
    assert verdict.exit_code == 1
    assert isinstance(verdict.failure, TamperError)
    assert "not installed" in str(verdict.failure)


def installs(happenings: tuple[Happening, ...], seq: int) -> bool:
    return any(h.seq == seq and h.event["type"] == "AssociationEvent" for h in happenings)
