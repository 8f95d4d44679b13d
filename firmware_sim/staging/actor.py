"""What a device takes of the truth, frame by frame, faults included; and what is forged in its name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from firmware_sim.device import Pack, following, sign_frame
from firmware_sim.flash import Memory
from firmware_sim.physics.sensor import Sensor, Spike, Stuck
from firmware_sim.staging.model import QUANTITIES, Attack, Scenario, Trouble
from firmware_sim.staging.world import Place, World
from traceability.sensing.senml import Reading
from traceability.signing.keys import PrivateKey


@dataclass(frozen=True, slots=True)
class Taken:
    """What a device truly took at one instant: measured and true by channel, and the true temperatures.

    ``said_ms`` is the time by its own clock; ``product_c`` None where there are no goods.
    """

    at_ms: int
    said_ms: int
    measured: Mapping[str, float]
    true: Mapping[str, float]
    air_c: float
    product_c: float | None


@dataclass(frozen=True, slots=True)
class Interval:
    """One frame's time of one device.

    ``pack`` is by the device's clock and may be empty. ``forged`` is what an attacker says of the same
    time, and ``by`` who. ``sends_ms`` is when the device reaches somebody; ``boots_ms`` when it started
    again, if it did.
    """

    device: str
    to_ms: int
    sends_ms: int
    pack: Pack
    taken: tuple[Taken, ...] = ()
    boots_ms: int | None = None
    forged: Pack | None = None
    by: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """A statement as it leaves: by the ``device`` itself, a ``clone`` or a ``thief``."""

    device: str
    by: str
    counter: int
    sends_ms: int
    body: bytes


class Actor:
    """One device of a scenario; ``live`` once for every step, in order."""

    def __init__(self, scenario: Scenario, name: str) -> None:
        self.name, self._scenario = name, scenario
        self._fitted, self._profile = scenario.devices[name], scenario.profile(name)
        self.asset = self._fitted.asset
        self.from_ms, self.until_ms = (
            scenario.at_ms(self._fitted.from_s),
            scenario.at_ms(scenario.until_s(name)),
        )
        self._sensors = {c: self._sensor(c) for c in self._profile.channels}
        channels = self._profile.channels.items()
        self._lagging = [(self._sensors[c], told.measures) for c, told in channels if told.probe.lag_s]
        self._reboots = scenario.during("reboot", device=name)
        self._attacks = [a for a in scenario.attacks if a.device == name]
        self._taken: list[Taken] = []
        self._boots_ms: int | None = None
        self._done_ms = self.from_ms
        self.ends_ms = max([self.until_ms, *(scenario.at_ms(a.until_s) for a in self._attacks)])

    def live(self, at_ms: int, place: Place) -> Interval | None:
        """Measure what is due now; returns the frame's time that has just ended, if one has."""
        since_ms, ended = at_ms - self.from_ms, None
        if since_ms > 0 and at_ms <= self.ends_ms and since_ms % self._profile.frame_ms == 0:
            ended = self._interval(at_ms)
        if self._reboots and any(self._scenario.at_ms(t.from_s) == at_ms for t in self._reboots):
            self._taken, self._boots_ms = [], at_ms
        if not self.from_ms <= at_ms < self.until_ms:
            return ended
        is_due = since_ms % self._profile.reading_ms == 0
        if is_due or self._lagging:
            for sensor, measures in self._lagging:
                sensor.feel(place.sense(measures, at_ms), at_ms)
            if is_due and self._works(at_ms, place):
                self._taken.append(self._take(at_ms, place))
        return ended

    def _take(self, at_ms: int, place: Place) -> Taken:
        measured, true = {}, {}
        for name, channel in self._profile.channels.items():
            true[name] = self._true(channel.measures, at_ms, place)
            measured[name] = self._sensors[name].read(true[name], at_ms)
        said_ms = at_ms + self._clock_ms()
        return Taken(at_ms, said_ms, measured, true, place.sense("air", at_ms), place.product_c)

    def _true(self, measures: str, at_ms: int, place: Place) -> float:
        battery = self._profile.battery
        if measures == "battery" and battery is not None:
            return battery.voltage(at_ms - self.from_ms, place.sense("air", at_ms))
        return place.sense(measures, at_ms)

    def _works(self, at_ms: int, place: Place) -> bool:
        battery = self._profile.battery
        if battery is not None and self._true("battery", at_ms, place) < battery.empty_v:
            return False
        return not any(self._during("dead", at_ms))

    def _interval(self, to_ms: int) -> Interval:
        step_ms, from_ms = self._clock_ms(), self._done_ms
        readings = tuple(
            Reading(name, QUANTITIES[channel.measures], taken.said_ms, taken.measured[name])
            for taken in self._taken
            for name, channel in self._profile.channels.items()
        )
        attack = next((a for a in self._attacks if self._scenario.at_ms(a.from_s) <= from_ms), None)
        if attack is not None and to_ms > self._scenario.at_ms(attack.until_s):
            attack = None
        found = Interval(
            device=self.name,
            to_ms=to_ms,
            sends_ms=self._reached_ms(to_ms),
            pack=Pack(to_ms + step_ms, readings),
            taken=tuple(self._taken),
            boots_ms=self._boots_ms,
            forged=self._forge(attack, from_ms, to_ms) if attack else None,
            by={"cloned-logger": "clone", "stolen-key": "thief"}[attack.kind] if attack else "",
        )
        self._taken, self._boots_ms, self._done_ms = [], None, to_ms
        return found

    def _forge(self, attack: Attack, from_ms: int, to_ms: int) -> Pack:
        """A frame that looks like the device's own, but claims what the attacker likes."""
        warm = [name for name, c in self._profile.channels.items() if QUANTITIES[c.measures] == "Cel"]
        times = range(from_ms, to_ms, self._profile.reading_ms)
        return Pack(to_ms, tuple(Reading(name, "Cel", t, attack.says_c) for t in times for name in warm))

    def _reached_ms(self, to_ms: int) -> int:
        """When a frame that is complete at a time gets out."""
        ends = [self._scenario.at_ms(t.until_s) for t in self._during("link-loss", to_ms)]
        return max([to_ms, *ends])

    def is_linked(self, at_ms: int) -> bool:
        """Whether the device reaches anybody."""
        return not any(self._during("link-loss", at_ms))

    def _clock_ms(self) -> int:
        """By how much the device's clock is ahead in this frame."""
        return sum(int(t.by) * 1000 for t in self._during("clock-step", self._done_ms))

    def _during(self, kind: str, at_ms: int) -> Iterator[Trouble]:
        after_s = (at_ms - self._scenario.start_ms) // 1000
        return (t for t in self._scenario.during(kind, device=self.name) if t.from_s <= after_s < t.until_s)

    def _sensor(self, channel: str) -> Sensor:
        scenario, told = self._scenario, self._profile.channels[channel]
        faults: list[Stuck | Spike] = []
        for kind in ("stuck", "spike"):
            for t in scenario.during(kind, device=self.name, channel=channel):
                when = scenario.at_ms(t.from_s), scenario.at_ms(t.until_s)
                faults.append(Stuck(*when) if kind == "stuck" else Spike(*when, t.by))
        begun_ms = scenario.at_ms(self._fitted.from_s)
        return Sensor(told.probe, scenario.seed, f"{self.name}/{channel}", begun_ms, tuple(faults))


class Forger:
    """Whoever has a copy of a device's memory, made when it speaks for the first time."""

    def __init__(self, key: PrivateKey, issuer: str, stream: str) -> None:
        self._key, self._issuer, self._stream = key, issuer, stream
        self._memory: Memory | None = None

    def forge(self, interval: Interval, copied: Memory) -> Said:
        """The forged frame of an interval, signed with the device's own key."""
        memory = self._memory or copied
        assert interval.forged is not None
        body = sign_frame(self._key, self._issuer, self._stream, memory, interval.forged)
        self._memory = following(memory, body)
        return Said(interval.device, interval.by, memory.counter, interval.to_ms, body)


def play(scenario: Scenario) -> Iterator[Interval]:
    """All intervals of all devices, in order of time."""
    world = World(scenario)
    actors = [Actor(scenario, name) for name in scenario.devices]
    while world.at_ms <= scenario.end_ms:
        for actor in actors:
            ended = actor.live(world.at_ms, world.places[actor.asset])
            if ended is not None:
                yield ended
        world.step()
