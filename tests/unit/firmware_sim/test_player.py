"""Playing the past and then the present, with a radio in memory and a clock of the test's own."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from queue import SimpleQueue
from typing import Any

import pytest

from firmware_sim.cast import HOUR_MS
from firmware_sim.device import Device
from firmware_sim.flash import Flash
from firmware_sim.journey import DAY_MS, plan, start_of
from firmware_sim.link import Arrival, Happened
from firmware_sim.player import LONGEST_BACKLOG_MS, Player, Playing
from firmware_sim.sampling import BACKLOG, LIVE
from tests.support.fakenode import NODE, FakeNode
from traceability import media
from traceability.sensing.config import Config, encode_config
from traceability.sensing.receipt import encode_receipt, open_receipt
from traceability.sensing.senml import Reading

NOW_MS = 1_764_000_000_000
PLAN = plan(start_of(NOW_MS), NOW_MS, 1, NODE)
LIVE_DEVICE, PAST_DEVICE = "sensor-truck-b", "sensor-shelf"
WINDOW = 16


class Radio:
    """Answers each handful with one receipt, as long as the node ``hears``."""

    def __init__(self, name: str, node: FakeNode, arrivals: SimpleQueue[Arrival]) -> None:
        self.name, self.node, self.arrivals = name, node, arrivals
        self.hears, self.is_open = True, False
        self.sent = 0
        self.answer: bytes | None = None
        self.reports: list[bytes] = []

    def open(self) -> None:
        self.is_open = True
        self.arrivals.put(Arrival(self.name, Happened.CONNECTED))

    def send(self, statement: bytes) -> None:
        self.sent += 1
        if self.hears:
            self.answer = self.node.take(statement)

    def report(self, message: bytes) -> None:
        self.reports.append(message)

    def rest(self) -> None:
        raise AssertionError("radios of the journey never sleep")

    def wake(self, after_s: float) -> None:
        raise AssertionError("radios of the journey never sleep")

    def close(self) -> None:
        self.is_open = False


class Stage:
    """A player whose clock stands still until the test moves it; turns never wait."""

    def __init__(self, folder, names=(LIVE_DEVICE, PAST_DEVICE)):
        self.node, self.now_ms, self.lines = FakeNode(), NOW_MS, []
        self.folder, self.names = folder, names
        self.flashes: list[Flash] = []
        self.start()

    def start(self) -> None:
        self.arrivals: SimpleQueue[Arrival] = SimpleQueue()
        self.playing, self.radios = [], []
        for name in self.names:
            flash = Flash(self.folder / name)
            self.flashes.append(flash)
            flash.start(flash.memory.measured_ms or PLAN.device(name).from_ms)
            stream = PLAN.asset(PLAN.device(name).asset).uri
            device = Device(flash, self.node.enrol(flash.key.public), stream, window=WINDOW)
            radio = Radio(name, self.node, self.arrivals)
            self.radios.append(radio)
            self.playing.append(Playing(PLAN, name, device, radio, self.now_ms))
        self.player = Player(self.playing, self.arrivals, clock_ms=lambda: self.now_ms, say=self.lines.append)

    def stop(self) -> None:
        for flash in self.flashes:
            flash.close()
        self.flashes.clear()

    def turn(self) -> bool:
        for radio in self.radios:
            if radio.answer is not None:
                self.arrivals.put(Arrival(radio.name, Happened.RECEIPT, radio.answer))
                radio.answer = None
        self.arrivals.put(Arrival(self.names[0], Happened.RECEIPT, b"noise"))
        return self.player.turn()

    def connect(self) -> None:
        for radio in self.radios:
            radio.open()
        self.turn()

    def turns(self, limit: int = 400) -> None:
        """Turn until two turns send nothing more: in every other one receipts are taken."""
        quiet = 0
        for _ in range(limit):
            before = sum(radio.sent for radio in self.radios)
            self.turn()
            quiet = 0 if sum(radio.sent for radio in self.radios) > before else quiet + 1
            if quiet == 2:
                return
        raise AssertionError("it never comes to rest")

    def readings(self, number: int = 0) -> list[int]:
        """Times of a device's accepted temperatures, in the order of its counters."""
        taken = self.node.taken[self.playing[number].device.enrolment.device]
        assert sorted(taken) == list(range(len(taken)))
        frames = [taken[c] for c in sorted(taken) if taken[c].media_type == media.FRAME]
        return [r.at_ms for f in frames for r in f.readings() if r.name in {"air", "product"}]


@pytest.fixture
def stage(tmp_path):
    made = Stage(tmp_path)
    yield made
    made.stop()


def test_past_is_replayed_without_a_hole_and_without_the_future(stage):
    stage.connect()
    stage.turns()
    for number, name in enumerate(stage.names):
        times, device = stage.readings(number), PLAN.device(name)
        minutes = [t for t in times if t < times[0] + (len(times) - 60) * 60_000]
        assert minutes == list(range(device.from_ms, minutes[-1] + 1, BACKLOG.reading_ms))
        assert max(times) < NOW_MS
        if device.until_ms is not None:
            assert max(times) == device.until_ms - BACKLOG.reading_ms
        else:
            assert max(times) >= NOW_MS - BACKLOG.reading_ms
    told = [line for line in stage.lines if not line.startswith("catching up: ")]
    assert told[0].startswith("caught up: ")
    assert told[1:] == ["sensor-truck-b goes on live: a frame every 30 s"]


def test_past_waits_for_receipts_with_at_most_a_window_under_way(stage):
    for radio in stage.radios:
        radio.hears = False
    stage.connect()
    stage.turns()
    for playing in stage.playing:
        assert playing.device.flash.waiting() == WINDOW
        assert not playing.is_caught_up(NOW_MS)
    assert stage.lines == []


def test_nothing_is_sent_before_the_link_is_up_or_after_it_broke(stage):
    stage.turns()
    assert stage.node.received == []
    stage.connect()
    stage.turns()
    sent = len(stage.node.received)
    stage.arrivals.put(Arrival(LIVE_DEVICE, Happened.DISCONNECTED))
    stage.turn()
    stage.now_ms += 5 * 60_000
    stage.turns()
    assert len(stage.node.received) == sent
    assert stage.playing[0].device.flash.waiting() == 10


def test_only_the_truck_goes_on_live_and_by_the_clock(stage):
    stage.connect()
    stage.turns()
    before = {p.name: p.device.flash.memory.counter for p in stage.playing}
    for _ in range(20):
        stage.now_ms += 7_000
        stage.turns()
    after = {p.name: p.device.flash.memory.counter for p in stage.playing}
    measured_ms = stage.playing[0].device.flash.memory.measured_ms
    assert after[PAST_DEVICE] == before[PAST_DEVICE]
    assert 0 <= stage.now_ms - measured_ms < LIVE.frame_ms
    assert (measured_ms - PLAN.device(LIVE_DEVICE).from_ms) % LIVE.frame_ms == 0
    assert after[LIVE_DEVICE] - before[LIVE_DEVICE] in {4, 5}


def test_live_measuring_goes_on_while_nobody_listens_and_is_delivered_later(stage):
    stage.connect()
    stage.turns()
    stage.arrivals.put(Arrival(LIVE_DEVICE, Happened.DISCONNECTED))
    stage.turn()
    for _ in range(60):
        stage.now_ms += 60_000
        stage.turn()
    assert stage.playing[0].device.flash.waiting() == 120
    stage.arrivals.put(Arrival(LIVE_DEVICE, Happened.CONNECTED))
    stage.turns()
    assert stage.playing[0].device.flash.waiting() == 0
    times = stage.readings()
    assert max(b - a for a, b in pairwise(times)) == BACKLOG.reading_ms


def test_second_start_goes_on_where_the_first_ended(stage):
    stage.connect()
    stage.turns()
    stage.stop()
    stage.now_ms += 26 * HOUR_MS
    stage.start()
    stage.connect()
    stage.turns()
    times = stage.readings()
    assert times == sorted(set(times))
    assert max(b - a for a, b in pairwise(times)) == BACKLOG.reading_ms
    assert max(times) >= stage.now_ms - BACKLOG.reading_ms
    assert {s.boot for s in stage.node.received} == {1, 2}


def test_after_a_long_rest_only_seven_days_are_made_up_for(stage):
    stage.connect()
    stage.turns()
    ended_ms = stage.playing[0].device.flash.memory.measured_ms
    stage.stop()
    stage.now_ms += 8 * DAY_MS
    stage.start()
    stage.connect()
    stage.turns()
    resumed_ms = min(t for t in stage.readings() if t >= ended_ms)
    assert 0 <= resumed_ms - (stage.now_ms - LONGEST_BACKLOG_MS) < BACKLOG.frame_ms


def test_clone_is_reported_once_on_the_status_topic(stage):
    stage.connect()
    stage.turns()
    device = stage.playing[0].device
    key = device.enrolment.receipt_key
    genuine = open_receipt(key, stage.node.receipt(device.enrolment.device))
    foreign = encode_receipt(key, replace(genuine, counter=genuine.counter + 1))
    for _ in range(3):
        stage.arrivals.put(Arrival(LIVE_DEVICE, Happened.RECEIPT, foreign))
        stage.turn()
    assert stage.radios[0].reports == [b'{"state": "online", "boot": 1}', b'{"state": "clone", "boot": 1}']
    assert [line for line in stage.lines if "clone" in line] == [stage.lines[-1]]


def test_on_command_every_device_goes_on_with_a_new_key_and_with_its_measuring(stage):
    stage.connect()
    stage.turns()
    before = [flash.key.public for flash in stage.flashes]
    stage.arrivals.put(Arrival("", Happened.ROTATE))
    stage.turns()
    after = [flash.key.public for flash in stage.flashes]
    assert all(old != new for old, new in zip(before, after, strict=True))
    stage.now_ms += 2 * LIVE.frame_ms
    stage.turns()
    said = [s for s in stage.node.received if s.device == before[0].device_id]
    turned = [s.media_type for s in said].index(media.ROTATION)
    assert {s.kid for s in said[: turned + 1]} == {before[0].kid}
    assert {s.kid for s in said[turned + 1 :]} == {after[0].kid}
    assert stage.lines[-1] == "2 devices go on with new keys"


def test_stop_ends_it_and_closes_every_link(stage):
    stage.arrivals.put(Arrival("", Happened.STOP))
    stage.player.run()
    assert not any(radio.is_open for radio in stage.radios)


def test_links_are_closed_when_a_turn_fails(stage):
    stage.arrivals.put(Arrival("nobody", Happened.CONNECTED))
    with pytest.raises(KeyError):
        stage.player.run()
    assert not any(radio.is_open for radio in stage.radios)


def test_turn_waits_no_longer_than_until_the_next_live_frame(stage):
    stage.connect()
    stage.turns()
    measured_ms = stage.playing[0].device.flash.memory.measured_ms
    wait_s = stage.player._wait_s(stage.now_ms, 0.0)
    assert wait_s == pytest.approx((measured_ms + LIVE.frame_ms - stage.now_ms) / 1000)


def told(stage: Stage, **values: Any) -> None:
    """The node tells the live device how to work, with its next version."""
    device = stage.playing[0].device
    config = Config(device.enrolment.device, device.flash.memory.config + 1, **values)
    body = encode_config(device.enrolment.receipt_key, config)
    stage.arrivals.put(Arrival(LIVE_DEVICE, Happened.CONFIG, body))
    stage.turn()


def frames_since(stage: Stage, counter: int) -> list[list[Reading]]:
    """The live device's frames from a counter on, without what stands beside the temperatures."""
    taken = stage.node.taken[stage.playing[0].device.enrolment.device]
    frames = [taken[c].readings() for c in sorted(taken) if c >= counter]
    return [[r for r in readings if r.name in {"product", "config"}] for readings in frames]


def test_told_over_the_air_it_measures_and_sends_as_seldom_and_says_by_which_version(stage):
    stage.connect()
    stage.turns()
    told(stage, reading_s=60, frame_s=300)
    assert stage.lines[-1] == f"{LIVE_DEVICE} works by configuration 1"
    counter = stage.playing[0].device.flash.memory.counter
    for _ in range(10):
        stage.now_ms += 60_000
        stage.turns()
    (first, second) = frames_since(stage, counter)
    assert [r.name for r in first] == ["product"] * 5 + ["config"]
    assert (first[-1].unit, first[-1].value) == ("count", 1)
    assert {b.at_ms - a.at_ms for a, b in pairwise(first[:-1] + second[:-1])} == {60_000}


def test_what_leaves_its_limits_is_sent_at_once_and_so_is_its_coming_back(stage):
    stage.connect()
    stage.turns()
    told(stage, reading_s=60, frame_s=3600)
    counter = stage.playing[0].device.flash.memory.counter
    for _ in range(2):
        stage.now_ms += 60_000
        stage.turns()
    assert frames_since(stage, counter) == [], "it waits for its hour"
    told(stage, reading_s=60, frame_s=3600, limits={"product": (60_000, 70_000)})
    stage.now_ms += 60_000
    stage.turns()
    assert [len(readings) for readings in frames_since(stage, counter)] == [4]
    stage.now_ms += 5 * 60_000
    stage.turns()
    assert len(frames_since(stage, counter)) == 1, "an alarm that goes on is no news"
    told(stage, reading_s=60, frame_s=3600)
    stage.now_ms += 60_000
    stage.turns()
    assert [len(readings) for readings in frames_since(stage, counter)] == [4, 7]


def test_started_again_it_works_as_it_was_told_and_measures_what_was_in_no_frame_again(stage):
    stage.connect()
    stage.turns()
    told(stage, reading_s=60, frame_s=600)
    stage.now_ms += 5 * 60_000
    stage.turns()
    stage.stop()
    stage.start()
    stage.connect()
    stage.now_ms += 10 * 60_000
    stage.turns()
    times = stage.readings()
    assert times == sorted(set(times))
    assert max(b - a for a, b in pairwise(times)) == 60_000
    assert frames_since(stage, 0)[-1][-1].value == 1
