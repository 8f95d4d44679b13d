"""What a device takes of the truth, frame by frame, faults included; and what is forged in its name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from firmware_sim.batching import Guard
from firmware_sim.device import Pack, following, sign_frame
from firmware_sim.flash import Memory
from firmware_sim.physics.clock import DeviceClock
from firmware_sim.physics.sensor import Sensor, Spike, Stuck
from firmware_sim.staging.model import QUANTITIES, Attack, Scenario, Trouble
from firmware_sim.staging.power import Power
from firmware_sim.staging.world import Place, World
from traceability.sensing.config import Config
from traceability.sensing.frame import Clock
from traceability.sensing.senml import Reading
from traceability.signing.keys import PrivateKey

NOBODY: Final = "0" * 32
"""In the place of a device's id where nothing is signed."""
SIGNING_MS: Final = 1000
"""From a reading that alarms to its frame."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What a device truly took at one instant: measured and true by channel, and the true temperatures.

    ``said_ms`` is the time by its own clock, or the uptime while nothing has set it; ``product_c`` None
    where there are no goods.
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
    again, if it did; ``version`` that of the configuration by which it works, 0 before one.
    """

    device: str
    to_ms: int
    sends_ms: int
    pack: Pack
    taken: tuple[Taken, ...] = ()
    boots_ms: int | None = None
    forged: Pack | None = None
    by: str = ""
    version: int = 0


@dataclass(frozen=True, slots=True)
class Said:
    """A statement as it leaves: by the ``device`` itself, a ``clone`` or a ``thief``."""

    device: str
    by: str
    counter: int
    sends_ms: int
    body: bytes


class Actor:
    """One device of a scenario; ``live`` once for every step, in order.

    Args:
        ordered: whether it is told how to work as the scenario says; else somebody calls ``tell``.
    """

    def __init__(self, scenario: Scenario, name: str, *, ordered: bool = True) -> None:
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
        self._reboots = {scenario.at_ms(t.from_s) for t in scenario.during("reboot", device=name)}
        self._attacks = [a for a in scenario.attacks if a.device == name]
        self._orders = orders_of(scenario, name) if ordered else []
        self._config: Config | None = None
        self._clock, self._guard = DeviceClock(self._profile.clock, self.from_ms), Guard()
        self._power = Power(self._profile.battery, self.from_ms)
        self._taken: list[Taken] = []
        self._boots_ms: int | None = None
        self._booted_ms = self._done_ms = self.from_ms
        self.ends_ms = max([self.until_ms, *(scenario.at_ms(a.until_s) for a in self._attacks)])

    @property
    def sleeps(self) -> bool:
        """Whether its radio is off between its times."""
        return self._profile.wakes_ms > 0

    def tell(self, config: Config) -> None:
        """Let it work by a configuration from its next frame on."""
        self._orders = [(0, config)]

    def live(self, at_ms: int, place: Place) -> Iterator[Interval]:
        """Measure what is due now; the frames' times that have just ended."""
        if self.from_ms < at_ms <= self.ends_ms and self._is_time(at_ms, self._frame_ms):
            yield self._interval(at_ms, self._reached_ms(at_ms))
            self._meet(at_ms)
        if at_ms in self._reboots:
            self._start(at_ms)
        if not self.from_ms <= at_ms < self.until_ms:
            return
        is_due = self._is_time(at_ms, self._reading_ms)
        if is_due or self._lagging:
            for sensor, measures in self._lagging:
                sensor.feel(place.sense(measures, at_ms), at_ms)
            if is_due and self._works(at_ms, place) and self._measure(at_ms, place):
                self._power.sendings += self.sleeps
                signed_ms = at_ms + SIGNING_MS
                yield self._interval(signed_ms, self._linked_ms(signed_ms))

    @property
    def _reading_ms(self) -> int:
        return self._profile.reading_ms if self._config is None else self._config.reading_s * 1000

    @property
    def _frame_ms(self) -> int:
        return self._profile.frame_ms if self._config is None else self._config.frame_s * 1000

    def _is_time(self, at_ms: int, every_ms: int) -> bool:
        return (at_ms - self.from_ms) % every_ms == 0

    def _is_awake(self, at_ms: int) -> bool:
        return not self.sleeps or self._is_time(at_ms, self._profile.wakes_ms)

    def _meet(self, at_ms: int) -> None:
        """What it hears between two frames: the time, and how it is to work from here on."""
        awake = self._is_awake(at_ms)
        self._power.sendings += awake and self._power.is_on
        network = awake and self.is_linked(at_ms) and self._power.is_on
        sky = self._power.is_on and not any(self._during("gnss-loss", at_ms))
        self._clock.meet(at_ms, network=network, sky=sky)
        while network and self._orders and self._orders[0][0] <= at_ms:
            self._config = self._orders.pop(0)[1]

    def _start(self, at_ms: int) -> None:
        """Begin again, without what was in no frame yet."""
        self._taken, self._boots_ms, self._booted_ms = [], at_ms, at_ms
        self._clock.start(at_ms)

    def _measure(self, at_ms: int, place: Place) -> bool:
        """Take one reading of each channel; whether something has left its limits, or come back."""
        self._power.readings += 1
        self._taken.append(self._take(at_ms, place))
        return self._guard.crosses(self._readings(self._taken[-1:]), self._config)

    def _take(self, at_ms: int, place: Place) -> Taken:
        measured, true = {}, {}
        for name, channel in self._profile.channels.items():
            true[name] = self._true(channel.measures, at_ms, place)
            measured[name] = self._sensors[name].read(true[name], at_ms)
        return Taken(at_ms, self._said_ms(at_ms), measured, true, place.sense("air", at_ms), place.product_c)

    def _true(self, measures: str, at_ms: int, place: Place) -> float:
        if measures == "battery":
            return self._power.voltage(at_ms, place.sense("air", at_ms))
        return self._power.charge(at_ms) if measures == "charge" else place.sense(measures, at_ms)

    def _works(self, at_ms: int, place: Place) -> bool:
        if self._power.look(at_ms, place.sense("air", at_ms)):
            self._start(at_ms)
        return self._power.is_on and not any(self._during("dead", at_ms))

    def _readings(self, taken: Sequence[Taken]) -> tuple[Reading, ...]:
        return tuple(
            Reading(name, QUANTITIES[channel.measures], one.said_ms, one.measured[name])
            for one in taken
            for name, channel in self._profile.channels.items()
        )

    def _interval(self, to_ms: int, sends_ms: int) -> Interval:
        state, from_ms = self._clock.state, self._done_ms
        knows = state is not Clock.UNSYNCHRONISED
        said_ms = self._said_ms(to_ms) if knows else to_ms
        readings, uptime_ms = self._readings(self._taken), 0 if knows else to_ms - self._booted_ms
        attack = next((a for a in self._attacks if self._scenario.at_ms(a.from_s) <= from_ms), None)
        if attack is not None and to_ms > self._scenario.at_ms(attack.until_s):
            attack = None
        found = Interval(
            device=self.name,
            to_ms=to_ms,
            sends_ms=sends_ms,
            pack=Pack(said_ms, readings, state, uptime_ms),
            taken=tuple(self._taken),
            boots_ms=self._boots_ms,
            forged=self._forge(attack, from_ms, to_ms) if attack else None,
            by={"cloned-logger": "clone", "stolen-key": "thief"}[attack.kind] if attack else "",
            version=self._config.version if self._config else 0,
        )
        self._taken, self._boots_ms, self._done_ms = [], None, to_ms
        return found

    def _forge(self, attack: Attack, from_ms: int, to_ms: int) -> Pack:
        """A frame that looks like the device's own, but claims what the attacker likes."""
        warm = [name for name, c in self._profile.channels.items() if QUANTITIES[c.measures] == "Cel"]
        times = range(from_ms, to_ms, self._reading_ms)
        return Pack(to_ms, tuple(Reading(name, "Cel", t, attack.says_c) for t in times for name in warm))

    def _reached_ms(self, to_ms: int) -> int:
        """When a frame that is complete at a time gets out: awake, and with a network."""
        while not (self._is_awake(to_ms) and self.is_linked(to_ms)):
            to_ms = self._linked_ms(to_ms)
            if self.sleeps:
                wakes_ms = self._profile.wakes_ms
                to_ms = self.from_ms - (self.from_ms - to_ms) // wakes_ms * wakes_ms
        return to_ms

    def _linked_ms(self, at_ms: int) -> int:
        """From when on it reaches somebody."""
        return max([at_ms, *(self._scenario.at_ms(t.until_s) for t in self._during("link-loss", at_ms))])

    def is_linked(self, at_ms: int) -> bool:
        """Whether the device reaches anybody."""
        return not any(self._during("link-loss", at_ms))

    def _said_ms(self, at_ms: int) -> int:
        """A time by the device's own clock; one that steps does so between two frames."""
        if self._clock.state is Clock.UNSYNCHRONISED:
            return at_ms - self._booted_ms
        steps_ms = sum(int(t.by) * 1000 for t in self._during("clock-step", self._done_ms))
        return at_ms + steps_ms + self._clock.ahead_ms(at_ms)

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


def orders_of(scenario: Scenario, name: str) -> list[tuple[int, Config]]:
    """What the owner of a device sends it over the air, with the times from which on."""
    own = [order for order in scenario.orders if order.device == name]
    return [
        (scenario.at_ms(o.from_s), Config(NOBODY, version, o.reading_s, o.frame_s, o.limits))
        for version, o in enumerate(sorted(own, key=lambda o: o.from_s), 1)
    ]


def play(scenario: Scenario, actors: Sequence[Actor] = ()) -> Iterator[Interval]:
    """All intervals of all devices, in order of time; of ``actors`` that somebody else talks to."""
    world = World(scenario)
    actors = actors or [Actor(scenario, name) for name in scenario.devices]
    while world.at_ms <= scenario.end_ms:
        for actor in actors:
            yield from actor.live(world.at_ms, world.places[actor.asset])
        world.step()
