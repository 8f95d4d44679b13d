"""The script obeys its own rules at any hour of planning, and is the same for everybody."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterator
from datetime import datetime
from itertools import islice, pairwise

import pytest

from firmware_sim.cast import CHINA, HOUR_MS
from firmware_sim.chamber import KINDS
from firmware_sim.journey import DAY_MS, DOOR, DRIVE_MS, MINUTE_MS, plan, start_of
from firmware_sim.plan import Plan
from firmware_sim.sampling import BACKLOG, Sensor, frames, signed_frames
from traceability.identifiers import asset_uri, parse_gln, parse_gtin, parse_lot, parse_party, parse_stream
from traceability.sensing.coldchain import Limits, exposure, sample_of
from traceability.sensing.frame import parse_statement
from traceability.signing.keys import PrivateKey
from traceability.supply.epcis.events import STEPS

NODE = "node.example"
NOW_MS = 1_764_000_000_000 + 12_345
MOMENTS = [NOW_MS + i * 37 * MINUTE_MS + i * 11 * DAY_MS for i in range(39)]
"""Spread over the hours of a day and the days of a year."""


PARTS = (-MINUTE_MS, 2 * MINUTE_MS), (50 * MINUTE_MS, HOUR_MS)
"""While the demonstration starts, and an hour later; from and to, after the planned moment."""
UNDER_WAY = 2**62
"""Leaving time of a stay that has not ended."""


def planned(now_ms: int = NOW_MS, seed: int = 1) -> Plan:
    return plan(start_of(now_ms), now_ms, seed, NODE)


def key_of(device: str) -> PrivateKey:
    return PrivateKey.from_seed(hashlib.sha256(device.encode()).digest())


def first_days(journey: Plan, device: str) -> Iterator[bytes]:
    return signed_frames(journey, device, key_of(device), 0, journey.start_ms + 3 * DAY_MS)


def stays(journey: Plan, batch: str) -> list[tuple[str | None, int, int]]:
    """Asset, entering and leaving time; each entering must be followed by the leaving of that asset."""
    moves = [s for s in journey.steps if s.batch == batch and s.asset]
    found = []
    for entering, leaving in zip(moves[::2], [*moves[1::2], *[None] * (len(moves) % 2)], strict=True):
        assert STEPS[entering.step].action == "ADD"
        if leaving is not None:
            assert STEPS[leaving.step].action == "DELETE"
            assert leaving.asset == entering.asset
        found.append((entering.asset, entering.at_ms, leaving.at_ms if leaving else UNDER_WAY))
    return found


def test_first_frames_are_the_same_on_every_platform():
    """Cold rooms, trucks and shelf in order of time; change the digest only with the journey itself."""
    journey = planned(1_764_000_000_000)
    streams = [
        [(parse_statement(f).issued_at, d.key, f) for f in first_days(journey, d.key)]
        for d in journey.devices
    ]
    frames_in_order = [frame for _, _, frame in heapq.merge(*streams)]
    digest = hashlib.sha256()
    for frame in frames_in_order[:800]:
        digest.update(frame)
    assert len(frames_in_order) > 800
    assert digest.hexdigest() == "e4e00beb28c2e6ec3186806fc339aaa24e8c4d672b80dc2809a7c61889362080"


def test_same_seed_makes_the_same_journey_and_another_seed_another():
    first, again, other = planned(), planned(), planned(seed=2)
    assert first == again
    packs = [list(islice(frames(p, "sensor-shelf", 0, NOW_MS), 20)) for p in (first, again, other)]
    assert packs[0] == packs[1] != packs[2]


@pytest.mark.parametrize("now_ms", MOMENTS)
def test_steps_are_in_order_and_inside_the_five_days(now_ms):
    journey = planned(now_ms)
    times = [step.at_ms for step in journey.steps]
    assert times == sorted(times)
    assert journey.start_ms <= times[0]
    assert times[-1] <= now_ms
    for batch in journey.batches:
        own = [step.at_ms for step in journey.steps if step.batch == batch.key]
        assert all(earlier < later for earlier, later in pairwise(own))
        assert next(s.step for s in journey.steps if s.batch == batch.key) in {"harvest", "make"}


WAYS = {
    "yoghurt": ["creamery-room", "van", "shelf"],
    "packed-a": ["truck-a", "creamery-room"],
    "packed-b": ["cold-room", "truck-b"],
    "farm-lot-1": ["cold-room"],
    "farm-lot-2": ["cold-room"],
    "farm-lot-3": ["cold-room"],
    "milk-1": ["creamery-room"],
    "milk-2": ["creamery-room"],
}


@pytest.mark.parametrize("now_ms", MOMENTS)
def test_stays_of_a_batch_never_overlap_and_tell_the_whole_way(now_ms):
    journey = planned(now_ms)
    found = {batch.key: stays(journey, batch.key) for batch in journey.batches}
    assert {key: [asset for asset, _, _ in own] for key, own in found.items()} == WAYS
    for own in found.values():
        assert all(left < entered for (_, _, left), (_, entered, _) in pairwise(own))
    _, loaded, unloaded = found["packed-a"][0]
    assert unloaded - loaded == DRIVE_MS
    _, shelved, sold = found["yoghurt"][-1]
    assert sold == journey.start_ms + 5 * DAY_MS - 4 * HOUR_MS
    assert sold - shelved > 20 * HOUR_MS
    assert found["packed-b"][-1][2] == UNDER_WAY
    assert [s.step for s in journey.steps if s.batch == "yoghurt"][-2:] == ["sell", "retrieve"]


@pytest.mark.parametrize("now_ms", MOMENTS[::4])
def test_what_is_made_uses_what_was_there_and_loses_a_little(now_ms):
    journey = planned(now_ms)
    used: dict[str, int] = {}
    for step in (s for s in journey.steps if s.step == "make"):
        made = journey.batch(str(step.batch))
        given = sum(i.quantity for i in step.inputs)
        assert 0.96 * given < made.quantity < given
        for item in step.inputs:
            used[item.batch] = used.get(item.batch, 0) + item.quantity
            last = [s for s in journey.steps if s.batch == item.batch][-1]
            assert (last.step, last.party) == ("retrieve", step.party), "it is at hand, and nothing follows"
            assert last.at_ms < step.at_ms
    assert used == {key: journey.batch(key).quantity for key in WAYS if key not in {"yoghurt", "packed-b"}}


@pytest.mark.parametrize("now_ms", MOMENTS)
def test_lots_begin_in_the_morning_and_are_named_after_their_day(now_ms):
    journey = planned(now_ms)
    today = datetime.fromtimestamp(now_ms / 1000, CHINA).date()
    for batch in journey.batches:
        first = next(s for s in journey.steps if s.batch == batch.key)
        begun = datetime.fromtimestamp(first.at_ms / 1000, CHINA)
        assert f"-{begun:%m%d}-" in batch.lot
        assert batch.best_before > f"{today}"
        assert (batch.dated == "harvestStartDate") == batch.key.startswith("farm-lot")
    picked = next(s for s in journey.steps if s.batch == "farm-lot-1")
    assert f"{datetime.fromtimestamp(picked.at_ms / 1000, CHINA):%H:%M}" == "07:30"
    assert journey.batches[0].key == "yoghurt", "the first is the one to show"


def test_goods_go_from_hand_to_hand():
    """Whoever ships or hands over has the goods, and whoever receives or loads them has them next."""
    journey = planned()
    for batch in journey.batches:
        owner = next(s for s in journey.steps if s.batch == batch.key).party
        for step in (s for s in journey.steps if s.batch == batch.key and s.destination):
            assert step.source != step.destination
            journey.party(str(step.source)), journey.party(str(step.destination))
            if step.step == "ship":
                assert step.source == step.party == owner
            if step.step == "receive":
                assert (step.source, step.destination) == (owner, step.party)
                owner = step.party


@pytest.mark.parametrize("now_ms", MOMENTS)
def test_every_device_is_installed_before_it_measures_and_measures_past_every_leaving(now_ms):
    journey = planned(now_ms)
    installs = {s.device: s for s in journey.steps if s.step == "install"}
    for device in journey.devices:
        assert installs[device.key].at_ms == device.from_ms >= journey.start_ms
        assert installs[device.key].party == device.party == journey.asset(device.asset).party
        assert device.until_ms is None or device.until_ms <= journey.start_ms + 5 * DAY_MS
        for batch in journey.batches:
            for asset, entered, left in stays(journey, batch.key):
                if asset == device.asset:
                    assert device.from_ms < entered
                    assert device.until_ms is None or left + BACKLOG.frame_ms <= device.until_ms
    assert [d.key for d in journey.devices if d.until_ms is None] == ["sensor-truck-b"]
    assert len(journey.devices) == 6


@pytest.mark.parametrize("now_ms", MOMENTS[::4])
def test_door_and_dead_hour_make_one_excursion_and_one_gap_on_truck_a(now_ms):
    """In the air and, later and less, in the fruit, by which the goods are judged."""
    journey = planned(now_ms)
    batch = journey.batch("packed-a")
    limits = Limits(batch.low_milli_c, batch.high_milli_c, batch.max_gap_s * 1000)
    _, loaded_ms, unloaded_ms = stays(journey, batch.key)[0]
    packs = list(frames(journey, "sensor-truck-a", 0, now_ms))
    samples = samples_of(packs, "return")
    air = exposure(samples, limits, loaded_ms, unloaded_ms)
    found = exposure(samples_of(packs, "product"), limits, loaded_ms, unloaded_ms)
    (in_air,), (excursion,) = air.excursions, found.excursions
    assert in_air.side == excursion.side == "above"
    assert 25 * MINUTE_MS <= air.above_ms <= 40 * MINUTE_MS
    assert 10 * MINUTE_MS <= found.above_ms <= 40 * MINUTE_MS
    assert loaded_ms + DOOR[0] < in_air.from_ms < excursion.from_ms < loaded_ms + DOOR[1]
    assert in_air.to_ms < excursion.to_ms
    assert 9_000 < in_air.extreme_milli_c < 14_000
    assert 5_200 < excursion.extreme_milli_c < 8_000
    assert found.below_ms == 0
    (gap,) = found.gaps
    assert gap[1] - gap[0] == 61 * MINUTE_MS
    dead = next(f for f in journey.faults if f.kind == "dead")
    assert not [s for s in samples if dead.from_ms <= s.at_ms < dead.to_ms]
    assert dead.to_ms - dead.from_ms == HOUR_MS


def samples_of(packs, channel):
    return [sample_of(r) for p in packs for r in p.readings if r.name == channel]


@pytest.mark.parametrize("now_ms", MOMENTS[::4])
def test_the_goods_under_way_are_too_warm_now_and_will_not_be_for_long(now_ms):
    journey = planned(now_ms)
    sensor, from_ms = Sensor(journey, "sensor-truck-b"), journey.device("sensor-truck-b").from_ms
    steps = range(from_ms, now_ms + HOUR_MS, BACKLOG.frame_ms)
    fruit = samples_of([sensor.measure(at_ms, BACKLOG) for at_ms in steps], "product")
    high = journey.batch("packed-b").high_milli_c
    before, after = ([s.milli_c for s in fruit if lo <= s.at_ms - now_ms < hi] for lo, hi in PARTS)
    assert all(milli_c > high + 300 for milli_c in before), "also as an alarm goes on"
    assert max(after) < high - 300, "it is over"


@pytest.mark.parametrize("now_ms", MOMENTS[::20])
def test_everywhere_else_all_goods_stay_between_0_and_5_degrees(now_ms):
    journey = planned(now_ms)
    limits = Limits(0, 5000, 30 * MINUTE_MS)
    for batch in journey.batches:
        for asset, entered, left in stays(journey, batch.key):
            if asset == "truck-a" or left == UNDER_WAY:
                continue
            packs = frames(journey, f"sensor-{asset}", 0, now_ms)
            samples = samples_of(packs, "product" if journey.device(f"sensor-{asset}").channels else "air")
            found = exposure(samples, limits, entered, left)
            assert (found.excursions, found.gaps) == ((), ())


def test_numbers_carry_the_demonstration_prefix_and_right_check_digits():
    journey = planned()
    for batch in journey.batches:
        assert parse_gtin(batch.gtin) == batch.gtin
        assert batch.gtin.startswith("0952")
        parse_lot(batch.lot)
        assert parse_stream(batch.uri).batch.lot == batch.lot
    for party in journey.parties:
        assert parse_gln(party.gln).startswith("952")
        assert parse_party(party.uri) == party.gln
    for asset in journey.assets:
        assert asset.giai.startswith(journey.party(asset.party).gln[:7])
        assert asset.uri == asset_uri(asset.giai)
        parse_stream(asset.uri)
        assert asset.kind in KINDS
    assert len({a.uri for a in journey.assets}) == 6
    assert len({p.uri for p in journey.parties}) == 10
    assert len({b.uri for b in journey.batches}) == 8
    limits = {b.key: (b.low_milli_c, b.high_milli_c, b.max_gap_s) for b in journey.batches}
    assert limits["farm-lot-1"] == (0, 5000, 1800)
    assert limits["yoghurt"] == (0, 6000, 1800)


def test_journey_of_another_length_is_refused():
    with pytest.raises(ValueError, match="five days"):
        plan(NOW_MS - DAY_MS, NOW_MS, 1, NODE)
