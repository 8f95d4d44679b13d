"""Clock, battery, sleep, flash and configuration of a scenario's device, as its frames show them."""

from __future__ import annotations

import copy
from itertools import pairwise
from typing import Any

import pytest

from firmware_sim.physics.clock import ClockKind, DeviceClock
from firmware_sim.physics.sensor import Battery, Drain
from firmware_sim.staging.offline import said
from firmware_sim.staging.power import RECOVERS_V, Power
from firmware_sim.staging.truth import TruthFile
from tests.support.scenarios import loaded
from traceability import media
from traceability.sensing.frame import Clock, DeviceStatement, Gap, parse_statement

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
LOGGER: dict[str, Any] = {
    "model": "tried",
    "reading_s": 60,
    "frame_s": 600,
    "channels": {"air": {"measures": "air"}},
    "source": "assumed",
}
NEW = {"set_by": "network", "keeps_time": False, "begins_set": False}


class Played:
    """What the small scenario's device says, if it is of another kind."""

    def __init__(self, folder, scenario: dict[str, Any], **profile: Any) -> None:
        kind = copy.deepcopy(LOGGER) | profile
        devices = {"logger": {"profile": "tried", "asset": "room"}}
        self.scenario = loaded(folder, device_profiles={"tried": kind}, devices=devices, **scenario)
        self.said = list(said(self.scenario, TruthFile(None)))
        self.parsed = [parse_statement(s.body) for s in self.said]

    @property
    def frames(self) -> list[DeviceStatement]:
        return [s for s in self.parsed if s.media_type == media.FRAME]

    def sent_min(self) -> list[int]:
        """When each statement leaves, in minutes after the start."""
        return [(s.sends_ms - self.scenario.start_ms) // MINUTE_MS for s in self.said]

    def ahead_ms(self, statement: DeviceStatement) -> int:
        """By how much a frame's first reading is later than a whole minute."""
        return (statement.readings()[0].at_ms - self.scenario.start_ms + MINUTE_MS // 2) % MINUTE_MS - 30_000


@pytest.fixture
def play(tmp_path):
    return lambda scenario=None, **profile: Played(tmp_path, scenario or {}, **profile)


def fault(kind: str, begins: str, until: str | None = None, **more: Any) -> dict[str, Any]:
    return {"fault": kind, "device": "logger", "from": begins} | ({"until": until} if until else {}) | more


def told(begins: str, **more: Any) -> dict[str, Any]:
    return {"device": "logger", "from": begins, "reading_s": 60, "frame_s": 600} | more


def states(played: Played) -> list[Clock]:
    return [frame.clock for frame in played.frames]


def test_until_something_sets_its_clock_a_device_counts_from_its_start(play):
    played = play({"faults": [fault("link-loss", "0h", "1h")]}, clock=NEW)
    assert states(played) == [Clock.UNSYNCHRONISED] * 6 + [Clock.NETWORK] * 18
    first, second = played.frames[:2]
    assert (first.issued_at, first.uptime_s, second.uptime_s) == (None, 600, 1200)
    assert [r.at_ms for r in second.readings()] == [n * MINUTE_MS for n in range(10, 20)]
    assert played.frames[6].readings()[0].at_ms == played.scenario.start_ms + HOUR_MS


@pytest.mark.parametrize(
    ("keeps", "between"), [(True, Clock.RTC), (False, Clock.UNSYNCHRONISED)], ids=["rtc", "no-rtc"]
)
def test_through_a_start_the_time_is_kept_by_a_clock_of_its_own_or_lost(play, keeps, between):
    faults = [fault("reboot", "1h5m"), fault("link-loss", "1h", "2h")]
    played = play({"faults": faults}, clock=NEW | {"keeps_time": keeps, "begins_set": True})
    assert states(played) == [Clock.RTC] + [Clock.NETWORK] * 5 + [between] * 6 + [Clock.NETWORK] * 12
    assert played.frames[6].uptime_s == 300
    for one, other in pairwise(played.frames):
        assert (other.prev, other.counter) == (one.sha256, one.counter + 1)


def test_a_clock_drifts_until_it_is_set_again(play):
    clock = {"set_by": "network", "every": "10m", "drift_ppm": 500}
    played = play({"faults": [fault("link-loss", "1h", "3h")]}, clock=clock)
    ahead = [played.ahead_ms(frame) for frame in played.frames]
    assert max(ahead[:6]) <= 300
    assert ahead[17] == 500 * 7200 // 1000 - 500 * 600 // 1000 + 300
    assert ahead[18] == 0


def test_satellites_set_it_without_a_network_and_not_where_none_are_seen(play):
    faults = [fault("link-loss", "0h", "4h"), fault("gnss-loss", "1h", "2h")]
    clock = {"set_by": "gnss", "every": "10m", "drift_ppm": 500, "begins_set": False}
    played = play({"faults": faults}, clock=clock)
    assert states(played) == [Clock.UNSYNCHRONISED] + [Clock.GNSS] * 23
    ahead = [played.ahead_ms(frame) for frame in played.frames]
    assert (ahead[5], ahead[12]) == (0, 0)
    assert ahead[11] > 1500


def test_nobody_sets_a_clock_that_nobody_sets():
    clock = DeviceClock(ClockKind("nobody", 0, 100.0, keeps=True, begins_set=True), 0)
    clock.meet(HOUR_MS, network=True, sky=True)
    assert (clock.state, clock.ahead_ms(HOUR_MS)) == (Clock.RTC, 360)


def test_a_device_that_sleeps_sends_when_it_wakes_and_somebody_is_there(play):
    played = play({"faults": [fault("link-loss", "1h30m", "2h10m")]}, wakes="1h")
    assert set(played.sent_min()) == {60, 180, 240}
    assert len(played.frames) == 24


def test_an_alarm_wakes_it_and_takes_along_what_waits(play):
    opened = {"fault": "door-open", "asset": "room", "from": "1h20m", "until": "1h35m"}
    limits = {"air": [0, 4]}
    played = play({"faults": [opened], "configs": [told("0h", limits=limits)]}, wakes="1h")
    sent = played.sent_min()
    alarmed = [at for at in sent if at % 60]
    assert 80 < min(alarmed) <= 95, "while the door is open"
    out = next(n for n, frame in enumerate(played.frames) if frame.readings()[-2].value > 4)
    ended = played.scenario.start_ms + min(alarmed) * MINUTE_MS
    assert played.frames[out].readings()[-2].at_ms == ended
    assert sent[out - 2 : out + 1] == [min(alarmed)] * 3, "two frames had waited since the hour"
    assert len(set(alarmed)) == 2, "it has left its limits once, and come back once"


def test_it_works_as_it_was_told_from_when_it_hears_of_it_and_says_so(play):
    orders = [told("30m", reading_s=300, frame_s=3600), told("2h", reading_s=120, frame_s=1200)]
    played = play({"configs": orders, "faults": [fault("link-loss", "20m", "1h")]})
    versions = [{r.name: r.value for r in frame.readings()}.get("config", 0) for frame in played.frames]
    assert versions == [0] * 6 + [1] + [2] * 6
    readings = [[r for r in frame.readings() if r.name == "air"] for frame in played.frames]
    assert [len(each) for each in readings] == [10] * 6 + [12] + [10] * 6
    assert [r.unit for r in played.frames[-1].readings()] == ["Cel"] * 10 + ["count"]


def test_a_flash_that_is_full_loses_its_oldest_frames_and_says_so_before_the_rest(play):
    played = play({"faults": [fault("link-loss", "1h", "3h")]}, flash=4)
    gaps = [s for s in played.parsed if s.media_type == media.GAP]
    assert [gap.gaps() for gap in gaps] == [(Gap(5, 13, "flash-full"),)]
    assert [s.counter for s in played.parsed] == [0, 1, 2, 3, 4, 18, *range(14, 18), *range(19, 25)]
    by_counter = {s.counter: s for s in played.parsed}
    assert by_counter[19].prev == by_counter[18].sha256, "its chain goes on behind the gap"
    assert by_counter[18].prev == by_counter[17].sha256
    at = played.said[5].sends_ms
    assert [s.sends_ms for s in played.said[5:10]] == [at] * 5


def test_counters_reserved_by_the_block_are_skipped_at_a_start_and_declared(play):
    faults = [fault("reboot", "1h35m"), fault("link-loss", "1h", "3h")]
    played = play({"faults": faults}, counter_block=16, flash=4)
    (declared,) = (s for s in played.parsed if s.media_type == media.GAP)
    assert [s.counter for s in played.parsed if s.boot == 1] == [0, 1, 2, 3, 4]
    assert declared.gaps() == (Gap(5, 8, "flash-full"), Gap(9, 15, "corrupt"), Gap(16, 20, "flash-full"))
    assert sorted(s.counter for s in played.parsed if s.boot == 2) == list(range(21, 32))


def test_what_it_does_empties_its_battery_and_sleep_spares_it():
    drain = Drain(1000, 50, 100, 3000)
    battery = Battery(3.6, 3.0, 0, drain=drain)
    asleep = battery.used(HOUR_MS)
    assert asleep == pytest.approx(0.05 / 1000)
    assert battery.used(HOUR_MS, 60, 6) - asleep == pytest.approx((60 * 100 + 6 * 3000) / 3_600_000)


def left(played: Played) -> float:
    return next(r.value for r in reversed(played.frames[-1].readings()) if r.name == "charge")


def test_charge_is_said_in_percent_and_falls_less_where_the_radio_sleeps(play):
    own = {
        "channels": {"air": {"measures": "air"}, "charge": {"measures": "charge"}},
        "battery": {
            "full_v": 3.6,
            "empty_v": 3.0,
            "drain": {"capacity_mah": 100, "sleep_ua": 10, "reading_mas": 10, "sending_mas": 3000},
        },
    }
    always, seldom = left(play(**own)), left(play(**own, wakes="1h"))
    assert 0 < always < seldom < 100
    assert {r.unit for r in play(**own).frames[0].readings() if r.name == "charge"} == {"%EL"}


def test_after_a_brown_out_it_starts_again_only_with_something_to_spare():
    power = Power(Battery(3.6, 3.0, 10 * HOUR_MS, begun=0.95), 0)
    warm_c, cold_c = 20.0, 8.0
    assert power.look(0, warm_c) is False
    assert (power.look(0, cold_c), power.is_on) == (False, False)
    volts = power.voltage(0, warm_c)
    assert 3.0 < volts < 3.0 + RECOVERS_V
    assert (power.look(0, warm_c), power.is_on) == (False, False), "it would be off again at once"
    assert (power.look(0, 45.0), power.is_on) == (False, False), "warmth adds nothing above 20 degrees"
    spare = Power(Battery(3.6, 3.0, 10 * HOUR_MS, begun=0.9), 0)
    assert (spare.look(0, -10.0), spare.is_on) == (False, False)
    assert (spare.look(0, warm_c), spare.is_on) == (True, True)
    assert spare.look(0, warm_c) is False


def test_a_brown_out_in_the_cold_is_a_start_that_counts(play):
    """A freezer whose unit fails: it grows warm, and the logger that the cold had stopped comes back."""
    freezer = {
        "room": {
            "names": {"en": "Room", "zh": "库"},
            "profile": "cold-room",
            "climate": "hall",
            "setpoint_c": -25,
            "begins_c": -25,
        }
    }
    off = {"fault": "unit-off", "asset": "room", "from": "1h", "until": "4h"}
    opened = {"fault": "door-open", "asset": "room", "from": "1h", "until": "4h"}
    battery = {"full_v": 3.6, "empty_v": 3.0, "lasts": "60d", "used_share": 0.8}
    played = play({"assets": freezer, "faults": [off, opened]}, battery=battery, clock=NEW)
    assert {frame.boot for frame in played.frames} == {2}
    assert played.frames[0].clock is Clock.UNSYNCHRONISED
    assert 60 < played.sent_min()[0] < 200
