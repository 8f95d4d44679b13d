"""A scenario's devices against a gateway: in real time, faster, or all of it at once.

They meet the people of the node as those of the journey do, in the folder ``demo`` (see
``firmware_sim.demo``): ``traceability demo`` enrols and installs them and records the steps.
A scenario always ends by now, since no node takes what its own clock has not reached: in real time
it begins now, otherwise on the latest day that leaves it time enough, at its own time of day.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from queue import SimpleQueue
from typing import Final

from firmware_sim.demo import Demo, kept_plan, load_enrolment, node_name, open_flashes
from firmware_sim.device import Device
from firmware_sim.flash import Flash
from firmware_sim.link import Arrival, Link, wait_for
from firmware_sim.plan import Plan
from firmware_sim.player import Player, Radio
from firmware_sim.staging.actor import Actor, Forger, Interval, play
from firmware_sim.staging.model import Scenario
from firmware_sim.staging.planned import plan_of
from firmware_sim.staging.truth import Records
from traceability.errors import SettingsError
from traceability.settings import SimulatorSettings

DAY_MS: Final = 86_400_000
MINUTE_MS: Final = 60_000
AT_ONCE: Final = float("inf")
"""The speed at which nothing is waited for."""


class Stage:
    """A world that several devices take their intervals from; moved on as time passes."""

    def __init__(self, scenario: Scenario) -> None:
        self.actors = {name: Actor(scenario, name, ordered=False) for name in scenario.devices}
        self._intervals = play(scenario, list(self.actors.values()))
        self._next: Interval | None = next(self._intervals, None)
        self._waiting: dict[str, deque[Interval]] = {name: deque() for name in scenario.devices}

    def advance(self, now_ms: int) -> None:
        """Play on up to a time."""
        while self._next is not None and self._next.to_ms <= now_ms:
            self._waiting[self._next.device].append(self._next)
            self._next = next(self._intervals, None)

    def waiting(self, device: str) -> deque[Interval]:
        """A device's intervals that it has not taken yet."""
        return self._waiting[device]

    def next_ms(self) -> int | None:
        """When the next interval of any device ends; None after the last one."""
        return None if self._next is None else self._next.to_ms


class Staged:
    """One device of a scenario, for a player.

    Args:
        at_once: measure no more than a window ahead of the receipts.
    """

    def __init__(
        self, stage: Stage, actor: Actor, device: Device, radio: Radio, records: Records, *, at_once: bool
    ) -> None:
        self.name, self.device, self.radio = actor.name, device, radio
        self._stage, self._actor, self._records, self._at_once = stage, actor, records, at_once
        self._forger = Forger(device.flash.key, device.enrolment.uri, device.stream)
        self._forged: list[bytes] = []
        self._sends_ms: list[int] = []
        self._is_up, self._now_ms = False, 0
        self._known_ms = device.flash.memory.measured_ms

    @property
    def is_live(self) -> bool:
        """A scenario has an end."""
        return False

    @property
    def connected(self) -> bool:
        """Whether it reaches the broker: not while its scenario cuts the link, or its radio sleeps."""
        return self._is_up and self._actor.is_linked(self._now_ms) and self.is_awake

    @connected.setter
    def connected(self, is_up: bool) -> None:
        self._is_up = is_up

    @property
    def is_awake(self) -> bool:
        """Its radio is on from when it has something to send until all of that has its receipt."""
        is_over = self._stage.next_ms() is None
        return is_over or not self._actor.sleeps or any(at_ms <= self._now_ms for at_ms in self._sends_ms)

    def due_ms(self, now_ms: int) -> int | None:
        """When the next interval ends."""
        return self._stage.next_ms()

    def is_caught_up(self, now_ms: int) -> bool:
        """Whether all is measured, sent, and has its receipt."""
        waiting = self._stage.waiting(self.name) or self._forged or self.device.flash.waiting()
        return self._stage.next_ms() is None and not waiting

    def measure(self, now_ms: int) -> None:
        """Sign every interval that has ended."""
        self._now_ms = now_ms
        if self.device.config is not None:
            self._actor.tell(self.device.config)
        if not self.device.flash.waiting():
            self._sends_ms.clear()
        self._stage.advance(now_ms)
        waiting = self._stage.waiting(self.name)
        while waiting and not (self._at_once and self.device.flash.waiting() >= self.device.window):
            interval = waiting.popleft()
            if interval.to_ms > self._known_ms:
                self._sign(interval)

    def outgoing(self, now_s: float) -> list[bytes]:
        """What is to be sent now, forged statements last."""
        forged, self._forged = self._forged, []
        return self.device.due(now_s) + forged

    def _sign(self, interval: Interval) -> None:
        flash = self.device.flash
        copied = flash.memory
        if interval.boots_ms is not None:
            flash.start(interval.boots_ms)
        self._records.write(interval, self.device.enrolment.device, flash.memory.counter)
        self.device.measure([interval.pack])
        self._sends_ms.append(interval.sends_ms)
        if interval.forged is not None:
            self._forged.append(self._forger.forge(interval, copied).body)


def speak(
    scenario: Scenario,
    settings: SimulatorSettings,
    speed: float,
    records: Records,
    arrivals: SimpleQueue[Arrival],
) -> Scenario | None:
    """Play a scenario against a gateway; returns it as it was played, None if a STOP arrived before.

    Args:
        speed: seconds of the scenario in one; ``AT_ONCE`` for no waiting.

    Raises:
        SettingsError: the folder holds the devices of something else.
        ConflictError: another process plays these devices.
    """
    data = settings.data
    demo = Demo(data / "demo")
    if not wait_for(lambda: node_name(data) is not None, "a node", arrivals):
        return None
    node, now_ms = node_name(data) or "", _now_ms()
    planned = kept_plan(demo, node, lambda: plan_of(moved(scenario, now_ms, speed), node))
    scenario = replace(scenario, start_ms=planned.start_ms)
    if plan_of(scenario, node) != planned:
        raise SettingsError(
            f"{demo.plan_path} is not of {scenario.key} as it is now: take another FT_DATA for it"
        )
    with open_flashes(demo, planned, now_ms) as flashes:
        if not wait_for(lambda: demo.is_answered(planned), "the parties (traceability demo)", arrivals):
            return None
        _play(scenario, demo, planned, flashes, settings, speed, records, arrivals)
    return scenario


def moved(scenario: Scenario, now_ms: int, speed: float) -> Scenario:
    """A scenario that ends by the time at which it will have been played."""
    lasts_ms = scenario.lasts_s * 1000
    latest_ms = now_ms - lasts_ms + int(lasts_ms / speed)
    if speed == 1:
        return replace(scenario, start_ms=now_ms // MINUTE_MS * MINUTE_MS)
    return replace(scenario, start_ms=latest_ms - (latest_ms - scenario.start_ms) % DAY_MS)


def clock(scenario: Scenario, begun_ms: int, speed: float) -> Callable[[], int]:
    """The scenario's time as that of the wall passes, from a time of its own on; its end at most."""
    if speed == AT_ONCE:
        return lambda: scenario.end_ms
    wall_ms = _now_ms()
    if speed == 1:
        return _now_ms
    return lambda: min(begun_ms + int((_now_ms() - wall_ms) * speed), scenario.end_ms)


def _play(
    scenario: Scenario,
    demo: Demo,
    planned: Plan,
    flashes: dict[str, Flash],
    settings: SimulatorSettings,
    speed: float,
    records: Records,
    arrivals: SimpleQueue[Arrival],
) -> None:
    stage, staged = Stage(scenario), []
    begun_ms = _begun(scenario, flashes.values())
    for name, flash in flashes.items():
        flash.capacity, flash.block = scenario.profile(name).flash, scenario.profile(name).counter_block
        enrolment = load_enrolment(demo, name, flash)
        flash.start(flash.memory.measured_ms or planned.device(name).from_ms)
        device = Device(flash, enrolment, planned.asset(planned.device(name).asset).uri)
        radio = Link(name, enrolment, settings.mqtt_url, arrivals, settings.mqtt_tls)
        staged.append(Staged(stage, stage.actors[name], device, radio, records, at_once=speed == AT_ONCE))
    pace = 1.0 if speed == AT_ONCE else speed
    Player(staged, arrivals, clock_ms=clock(scenario, begun_ms, speed), speed=pace, ends=True).run()


def _begun(scenario: Scenario, flashes: Iterable[Flash]) -> int:
    """Where an earlier process stopped; the beginning if there was none."""
    return max([scenario.start_ms, *(flash.memory.measured_ms for flash in flashes)])


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
