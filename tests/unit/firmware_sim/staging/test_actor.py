"""What devices say, and what was true: faults and attacks do what their names promise."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from itertools import pairwise

import pytest

from firmware_sim.staging.library import load_scenario
from firmware_sim.staging.offline import Pen, key_of, said, write_folder
from firmware_sim.staging.truth import TruthFile
from tests.support.scenarios import loaded
from traceability.sensing.frame import parse_statement
from traceability.sensing.senml import ABSOLUTE_FROM_S

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS


class Played:
    """Everything that came of a scenario offline."""

    def __init__(self, scenario, folder):
        self.scenario = scenario
        truth = TruthFile(folder / "truth.jsonl")
        self.said = list(said(scenario, truth))
        truth.close()
        self.truth = [json.loads(line) for line in (folder / "truth.jsonl").read_text().splitlines()]
        self.parsed = [parse_statement(s.body) for s in self.said]

    def by(self, who, device="logger"):
        rows = zip(self.said, self.parsed, strict=True)
        return [parsed for s, parsed in rows if (s.by, s.device) == (who, device)]

    def after(self, row):
        return (row["at_ms"] - self.scenario.start_ms) / HOUR_MS


@pytest.fixture
def play(tmp_path):
    return lambda **changes: Played(loaded(tmp_path, **changes), tmp_path)


def fault(kind, begins, until=None, **more):
    until_ = {} if until is None else {"until": until}
    return {"fault": kind, "from": begins, **until_, **more}


def test_frames_are_signed_chained_and_hold_what_the_truth_file_says(play):
    played = play()
    frames = played.by("device")
    assert [f.counter for f in frames] == list(range(24))
    for one, other in pairwise(frames):
        assert other.prev == one.sha256
    told = {(row["counter"], row["at_ms"]): row["measured"] for row in played.truth}
    assert len(told) == 240
    for f in frames:
        f.verify(key_of(played.scenario, "logger").public)
        for reading in f.readings():
            assert told[f.counter, reading.at_ms][reading.name] == pytest.approx(reading.value)


def test_measured_is_near_what_is_true_and_the_truth_has_air_and_goods(play):
    rows = play().truth
    for row in rows[10:]:
        assert row["measured"]["air"] == pytest.approx(row["true"]["air"], abs=0.8), "lag and noise"
        assert row["true"]["air"] == row["air_c"]
    assert "product_c" not in rows[0], "the goods come after ten minutes"
    assert rows[20]["product_c"] == pytest.approx(3.0, abs=0.1)


def test_same_scenario_gives_the_same_bytes_and_another_seed_others(tmp_path):
    one, same, other = (loaded(tmp_path, seed=n) for n in (7, 7, 8))
    bodies = [[s.body for s in said(scenario, TruthFile(None))] for scenario in (one, same, other)]
    assert bodies[0] == bodies[1]
    assert not set(bodies[0]) & set(bodies[2])


def test_dead_device_measures_nothing_and_says_nothing(play):
    played = play(faults=[fault("dead", "1h", "2h", device="logger")])
    assert not [row for row in played.truth if 1 <= played.after(row) < 2]
    assert [f.counter for f in played.by("device")] == list(range(18))


def test_lost_link_delays_frames_and_loses_none(play):
    played = play(faults=[fault("link-loss", "1h", "3h", device="logger")])
    delays = [s.sends_ms - p.issued_at * 1000 for s, p in zip(played.said, played.parsed, strict=True)]
    assert len(delays) == 24
    assert delays[:5] == [0] * 5
    assert max(delays) == 2 * HOUR_MS
    assert {s.sends_ms for s in played.said[5:17]} == {played.scenario.start_ms + 3 * HOUR_MS}


def test_stuck_channel_repeats_while_the_truth_moves(play):
    played = play(faults=[fault("stuck", "1h", "2h", device="logger", channel="air")])
    rows = [row for row in played.truth if 1 <= played.after(row) < 2]
    assert len({row["measured"]["air"] for row in rows}) == 1
    assert len({row["air_c"] for row in rows}) > 30
    assert len({row["measured"]["humidity"] for row in rows}) > 1


def test_spike_is_one_channels_and_as_large_as_told(play):
    played = play(faults=[fault("spike", "1h", "1h2m", device="logger", channel="air", by=30)])
    high = [played.after(row) for row in played.truth if row["measured"]["air"] > row["air_c"] + 20]
    assert high == [1.0, pytest.approx(1 + 1 / 60)]


def test_stepped_clock_shows_in_the_frame_and_not_in_the_truth(play):
    played = play(faults=[fault("clock-step", "1h", "2h", device="logger", by=900)])
    ahead = Counter((row["said_ms"] - row["at_ms"]) // 1000 for row in played.truth)
    assert ahead == {0: 180, 900: 60}
    assert played.parsed[6].issued_at - played.parsed[5].issued_at == 600 + 900
    said_ms = [row["said_ms"] for row in played.truth if row["counter"] == 6]
    assert {r.at_ms for r in played.parsed[6].readings()} == set(said_ms)


def test_reboot_counts_and_loses_the_frame_that_was_under_way(play):
    played = play(faults=[fault("reboot", "1h5m", device="logger")])
    frames = played.by("device")
    assert [f.boot for f in frames] == [1] * 6 + [2] * 18
    assert frames[6].uptime_s == 300
    assert len({r.at_ms for r in frames[6].readings()}) == 5
    assert [f.counter for f in frames] == list(range(24))


def test_battery_that_ends_ends_the_device(play, tmp_path):
    device = {
        "old": {
            "model": "old",
            "reading_s": 60,
            "frame_s": 600,
            "channels": {"air": {"measures": "air"}, "battery": {"measures": "battery"}},
            "battery": {"full_v": 3.6, "empty_v": 3.0, "lasts": "10h", "used_share": 0.7},
            "source": "assumed",
        }
    }
    played = play(device_profiles=device, devices={"logger": {"profile": "old", "asset": "room"}})
    volts = [row["measured"]["battery"] for row in played.truth]
    assert volts == sorted(volts, reverse=True)
    assert volts[-1] == pytest.approx(3.0, abs=0.01)
    assert played.after(played.truth[-1]) < 3


def test_open_door_and_unit_that_is_off_warm_the_air(play):
    quiet, opened, off = (
        max(row["air_c"] for row in play(faults=faults).truth)
        for faults in (
            [],
            [fault("door-open", "1h", "1h20m", asset="room")],
            [fault("unit-off", "1h", "3h", asset="room")],
        )
    )
    assert quiet < 3.2
    assert opened > quiet + 2
    assert off > quiet + 1


def attack(kind, begins, until, **more):
    return {"attack": kind, "device": "logger", "from": begins, "until": until, "says_c": 2.5, **more}


def test_clone_says_other_things_with_the_devices_own_counters_and_key(play):
    played = play(attacks=[attack("cloned-logger", "1h", "2h")])
    own, cloned = played.by("device"), played.by("clone")
    assert [f.counter for f in cloned] == [6, 7, 8, 9, 10, 11]
    assert [f.counter for f in own] == list(range(24))
    assert cloned[0].prev == own[6].prev, "it is a copy: both go on from one statement"
    for f in cloned:
        f.verify(key_of(played.scenario, "logger").public)
        assert f.sha256 != own[f.counter].sha256
        assert {r.value for r in f.readings()} == {2.5}
    assert len(played.truth) == 240, "what a clone claims was never measured"


def test_thief_goes_on_with_the_chain_after_the_key_was_ended(play):
    played = play(attacks=[attack("stolen-key", "1h", "3h", revoked="2h")])
    own, stolen = played.by("device"), played.by("thief")
    assert [f.counter for f in own + stolen] == list(range(18))
    assert stolen[0].prev == own[-1].sha256
    ended_s = played.scenario.start_ms // 1000 + 2 * 3600
    late = [f for f in stolen if (f.issued_at or 0) > ended_s]
    assert len(late) == 6
    for f in late:
        f.verify(key_of(played.scenario, "logger").public)
    assert max(played.after(row) for row in played.truth) < 1


def test_every_time_is_one_that_a_node_reads():
    scenario = load_scenario("strawberries")
    assert scenario.start_ms > ABSOLUTE_FROM_S * 1000


def test_folder_has_frames_in_the_order_of_sending_and_a_plan(tmp_path):
    devices = {name: {"profile": "logger", "asset": "room"} for name in ("logger", "other")}
    faults = [fault("link-loss", "1h", "3h", device="logger")]
    scenario = loaded(tmp_path, faults=faults, devices=devices)
    done = write_folder(scenario, tmp_path / "out", TruthFile(None))
    rows = [json.loads(line) for line in (tmp_path / "out/frames.jsonl").read_text().splitlines()]
    assert done.frames == len(rows) == 48
    assert [row["sends_ms"] for row in rows] == sorted(row["sends_ms"] for row in rows)
    assert rows[0]["topic"] == f"ft/v1/demo/{rows[0]['device']}/frame"
    assert json.loads((tmp_path / "out/plan.json").read_text())["batches"][0]["key"] == "pork"


def test_first_frames_of_a_shipped_scenario_are_the_same_on_every_platform(tmp_path):
    """A truck, a room, a clone and a thief; change the digest only with the physics or the scenario."""
    digest, frames = hashlib.sha256(), 0
    for statement in said(load_scenario("clone-and-thief"), TruthFile(None)):
        digest.update(statement.body)
        frames += 1
    assert frames == 237
    assert digest.hexdigest() == "93e1b455111b9737c423d3a5003a038ef74972364ddcb37d46b899b970b27a45"


def test_pen_of_another_node_speaks_in_that_nodes_name(tmp_path):
    scenario = loaded(tmp_path)
    pen = Pen(scenario, "logger", "other.example")
    assert pen.issuer.startswith("https://other.example/device/")
