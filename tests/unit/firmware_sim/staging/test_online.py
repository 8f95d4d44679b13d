"""Devices of a scenario against a node: the same statements as offline, whenever and however fast."""

from __future__ import annotations

import json
from dataclasses import replace
from queue import SimpleQueue

import pytest

from firmware_sim.demo import Demo, load_or_make_plan
from firmware_sim.device import Device
from firmware_sim.flash import Flash
from firmware_sim.link import Arrival, Happened
from firmware_sim.player import Player
from firmware_sim.staging.library import load_scenario
from firmware_sim.staging.model import QUANTITIES
from firmware_sim.staging.online import AT_ONCE, Stage, Staged, clock, moved, speak
from firmware_sim.staging.planned import ROLES, asset_of, plan_of
from firmware_sim.staging.truth import TruthFile
from tests.support.fakenode import NODE, FakeNode
from tests.support.scenarios import loaded
from traceability import media
from traceability.errors import SettingsError
from traceability.sensing.channels import Role
from traceability.sensing.config import Config, encode_config
from traceability.settings import SimulatorSettings

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
NOW_MS = 1_900_000_000_000 // 60_000 * 60_000 + 12_345
WINDOW = 4

BROKER = "mqtt://127.0.0.1:1"


class Radio:
    """A link to a node in memory, which answers at once."""

    def __init__(self, node: FakeNode, arrivals: SimpleQueue[Arrival]) -> None:
        self.node, self.arrivals = node, arrivals
        self.sent: list[bytes] = []
        self.acts: list[str] = []

    def open(self) -> None:
        self.arrivals.put(Arrival("logger", Happened.CONNECTED))

    def send(self, statement: bytes) -> None:
        self.sent.append(statement)
        answer = self.node.take(statement)
        if answer is not None:
            self.arrivals.put(Arrival("logger", Happened.RECEIPT, answer))

    def rest(self) -> None:
        self.acts.append(f"rest with {len(self.sent)} sent")
        self.arrivals.put(Arrival("logger", Happened.DISCONNECTED))

    def wake(self, after_s: float) -> None:
        assert 0 <= after_s <= 10
        self.acts.append("wake")
        self.open()

    def report(self, message: bytes) -> None:
        """Nobody reads it."""

    def close(self) -> None:
        """There is nothing to close."""


class Scene:
    """The small scenario's device, played until it ends or the test stops it."""

    def __init__(self, scenario, folder, node=None):
        self.scenario, self.node = scenario, node or FakeNode()
        self.flash = Flash(folder / "flash")
        self.flash.start(self.flash.memory.measured_ms or scenario.start_ms)
        self.truth = TruthFile(folder / "truth.jsonl", goes_on=True)
        self.arrivals: SimpleQueue[Arrival] = SimpleQueue()
        self.radio = Radio(self.node, self.arrivals)
        enrolment = self.node.enrol(self.flash.key.public)
        device = Device(self.flash, enrolment, asset_of(scenario, "room").uri, window=WINDOW)
        self.stage = Stage(scenario)
        actor = self.stage.actors["logger"]
        self.staged = Staged(self.stage, actor, device, self.radio, self.truth, at_once=True)
        self.now_ms = scenario.end_ms

    def play(self, turns=None):
        player = Player(
            [self.staged], self.arrivals, clock_ms=lambda: self.now_ms, say=lambda _: None, ends=True
        )
        if turns is None:
            player.run()
        else:
            self.radio.open()
            for _ in range(turns):
                self.arrivals.put(Arrival("logger", Happened.RECEIPT, b"noise"))  # a turn waits for none
                player.turn()

    def close(self):
        self.flash.close()
        self.truth.close()

    def counters(self):
        return [s.counter for s in self.node.received if s.media_type == media.FRAME]


@pytest.fixture
def scene(tmp_path):
    made = []

    def make(node=None, **changes):
        made.append(Scene(loaded(tmp_path, **changes), tmp_path, node))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_all_of_it_is_delivered_at_once_and_the_player_ends_by_itself(scene, tmp_path):
    here = scene()
    here.play()
    assert here.counters() == list(range(24))
    here.close()
    rows = [json.loads(line) for line in (tmp_path / "truth.jsonl").read_text().splitlines()]
    told = {
        (s.counter, r.at_ms): r.value for s in here.node.received for r in s.readings() if r.name == "air"
    }
    assert told == {(row["counter"], row["at_ms"]): pytest.approx(row["measured"]["air"]) for row in rows}
    assert {row["device"] for row in rows} == {here.node.received[0].device}


def test_a_radio_that_sleeps_disconnects_and_frames_are_kept_until_it_wakes(scene):
    here = scene(**SLEEPER)
    here.staged._at_once = False
    player = Player([here.staged], here.arrivals, clock_ms=lambda: here.now_ms, say=lambda _: None)
    for minute in range(0, 231, 10):
        here.now_ms = here.scenario.start_ms + minute * 60_000
        for _ in range(10):  # measure and wake; connect; send a window and take receipts, twice; sleep
            here.arrivals.put(Arrival("logger", Happened.RECEIPT, b"noise"))
            player.turn()
        kept = here.flash.waiting()
        assert kept == minute // 10 % 6, "all that was measured since it was awake last"
    assert here.radio.acts == [
        *("wake", "rest with 6 sent"),
        *("wake", "rest with 12 sent"),
        *("wake", "rest with 18 sent"),
    ]
    assert here.counters() == list(range(18))


def test_at_once_means_a_window_ahead_of_the_receipts(scene):
    here = scene()
    here.play(turns=1)
    assert here.flash.memory.counter == WINDOW


def test_process_that_was_killed_goes_on_where_it_was(scene, tmp_path):
    first = scene()
    first.play(turns=4)
    first.close()
    assert 0 < first.flash.memory.counter < 24
    second = scene(first.node)
    second.play()
    assert sorted(set(second.counters())) == list(range(24))
    assert second.node.equivocations == []
    assert [s.boot for s in second.node.received][-1] == 2


def test_time_that_has_not_come_is_not_measured(scene):
    here = scene()
    here.now_ms = here.scenario.start_ms + HOUR_MS + 1
    here.play(turns=20)
    assert here.counters() == list(range(6))
    assert here.staged.due_ms(here.now_ms) == here.scenario.start_ms + HOUR_MS + 600_000


def test_lost_link_holds_back_what_was_measured(scene):
    fault = {"fault": "link-loss", "device": "logger", "from": "1h", "until": "2h"}
    here = scene(faults=[fault])
    here.now_ms = here.scenario.start_ms + HOUR_MS + 1_200_000
    here.play(turns=20)
    assert here.radio.sent == []
    assert not here.staged.connected
    here.now_ms = here.scenario.end_ms
    here.play()
    assert here.counters() == list(range(24))


def test_clone_is_sent_beside_the_devices_own_and_noticed(scene):
    attack = {"attack": "cloned-logger", "device": "logger", "from": "1h", "until": "2h", "says_c": 2.5}
    here = scene(attacks=[attack])
    here.play()
    assert len(here.node.received) == 24 + 6
    assert [s.counter for s in here.node.equivocations] == list(range(6, 12))


@pytest.mark.parametrize("speed", [60.0, 600.0, AT_ONCE])
def test_scenario_is_moved_so_that_it_ends_by_now_at_its_own_time_of_day(tmp_path, speed):
    scenario = loaded(tmp_path)
    there = moved(scenario, NOW_MS, speed)
    takes_ms = 0 if speed == AT_ONCE else scenario.lasts_s * 1000 / speed
    assert NOW_MS - DAY_MS < there.end_ms - takes_ms <= NOW_MS
    assert (there.start_ms - scenario.start_ms) % DAY_MS == 0


def test_in_real_time_it_begins_now(tmp_path):
    there = moved(loaded(tmp_path), NOW_MS, 1.0)
    assert there.start_ms == NOW_MS // 60_000 * 60_000


def test_clock_at_once_stands_at_the_end_and_a_fast_one_stops_there(tmp_path):
    scenario = loaded(tmp_path)
    assert clock(scenario, scenario.start_ms, AT_ONCE)() == scenario.end_ms
    assert scenario.start_ms <= clock(scenario, scenario.start_ms, 60.0)() <= scenario.start_ms + HOUR_MS
    assert clock(scenario, scenario.end_ms + 1, 60.0)() == scenario.end_ms


def test_folder_of_another_scenario_or_of_the_journey_is_refused(tmp_path):
    scenario, data = loaded(tmp_path), tmp_path / "data"
    demo = Demo(data / "demo")
    demo.folder.mkdir(parents=True)
    (data / "node.json").write_text(json.dumps({"format": 1, "name": NODE}))
    demo.plan_path.write_text(plan_of(replace(scenario, seed=8), NODE).to_json())
    arrivals: SimpleQueue[Arrival] = SimpleQueue()
    arrivals.put(Arrival("", Happened.STOP))
    with pytest.raises(SettingsError, match="take another FT_DATA"):
        speak(scenario, SimulatorSettings(data, BROKER, None), AT_ONCE, TruthFile(None), arrivals)
    with pytest.raises(SettingsError, match="set FT_DEMO=0"):
        load_or_make_plan(demo, NODE, NOW_MS)
    assert not (demo.folder / "devices").exists(), "nothing is half made"


def test_stop_before_there_is_a_node_ends_it(tmp_path, capsys):
    arrivals: SimpleQueue[Arrival] = SimpleQueue()
    arrivals.put(Arrival("", Happened.STOP))
    path = tmp_path / "none"
    assert (
        speak(loaded(tmp_path), SimulatorSettings(path, BROKER, None), 1.0, TruthFile(None), arrivals) is None
    )
    assert "waiting for a node" in capsys.readouterr().out


def test_plan_tells_people_the_whole_way_in_order(tmp_path):
    scenario = loaded(tmp_path)
    plan = plan_of(scenario, NODE)
    steps = [(s.step, (s.at_ms - scenario.start_ms) // 60_000) for s in plan.steps]
    assert steps == [("install", 0), ("harvest", 0), ("store", 10), ("retrieve", 240)]
    assert plan_of(replace(scenario, seed=8), NODE) != plan


def test_plan_says_what_each_temperature_measures_and_of_every_quantity_in_degrees():
    devices = plan_of(load_scenario("chilled-pork"), NODE).devices
    assert {d.key: d.channels for d in devices} == {
        "trailer-logger": {"return": "air-return", "supply": "air-supply", "product": "product"},
        "tracker": {"air": "air-return"},
        "room-logger": {"air": "air-return"},
    }
    assert set(ROLES) == {what for what, unit in QUANTITIES.items() if unit == "Cel"}
    assert set(ROLES.values()) == {*Role}


SLEEPER = {
    "device_profiles": {
        "sleeper": {
            "model": "sleeper",
            "reading_s": 60,
            "frame_s": 600,
            "wakes": "1h",
            "channels": {"air": {"measures": "air"}},
            "source": "assumed",
        }
    },
    "devices": {"logger": {"profile": "sleeper", "asset": "room"}},
}


def test_a_radio_that_sleeps_sends_nothing_before_it_wakes_and_then_all(scene):
    here = scene(**SLEEPER)
    here.now_ms = here.scenario.start_ms + 59 * 60_000
    here.play(turns=6)
    assert (here.counters(), here.flash.waiting()) == ([], WINDOW)
    here.now_ms += 60_000
    here.play(turns=12)
    assert (here.counters(), here.flash.waiting()) == (list(range(6)), 0)
    here.now_ms = here.scenario.end_ms
    here.play()
    assert here.counters() == list(range(24))


def test_it_measures_as_the_node_tells_it_from_its_next_frame_on(scene):
    here = scene()
    here.now_ms = here.scenario.start_ms + HOUR_MS
    here.play(turns=12)
    device = here.staged.device
    config = Config(device.enrolment.device, 1, 300, 3600)
    here.arrivals.put(Arrival("logger", Happened.CONFIG, encode_config(device.enrolment.receipt_key, config)))
    here.play(turns=2)
    here.now_ms = here.scenario.end_ms
    here.play()
    frames = [s.readings() for s in here.node.received if s.media_type == media.FRAME]
    assert [len([r for r in f if r.name == "air"]) for f in frames[-3:]] == [10, 12, 12]
    assert {r.value for f in frames[-3:] for r in f if r.name == "config"} == {1}
