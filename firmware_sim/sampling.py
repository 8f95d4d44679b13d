"""What a device of the journey measures, interval by interval: the same for the same plan.

A backlog is measured once a minute and packed in frames of ten minutes; live, every ten
seconds in frames of thirty. Each frame holds the temperatures of its interval, ``air`` or those of the
channels that are planned, and one humidity. An interval in which the device was dead has no readings,
and so no frame.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Final

from firmware_sim.chamber import (
    COOLED_C,
    KINDS,
    PICKED_C,
    Chamber,
    Felt,
    Goods,
    humidity_reading,
    temperature_reading,
)
from firmware_sim.device import Pack, following, sign_frame
from firmware_sim.flash import Memory
from firmware_sim.plan import Plan
from traceability.identifiers import device_uri
from traceability.sensing.senml import Reading
from traceability.signing.keys import PrivateKey

AIR: Final = "air"
FOR_EVER_MS: Final = 2**62
HUMIDITY: Final = "humidity"
SENSES: Final[Mapping[str, Callable[[Felt], float]]] = {
    "air-return": attrgetter("air_c"),
    "air-supply": attrgetter("supply_c"),
    "product": attrgetter("pulp_c"),
}
"""What a channel shows, by its role."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often is measured, and how long one frame is."""

    reading_ms: int
    frame_ms: int


BACKLOG: Final = Pace(60_000, 600_000)
LIVE: Final = Pace(10_000, 30_000)


class Sensor:
    """The sensor of one device of a plan; asked for intervals that follow one another."""

    def __init__(self, plan: Plan, device: str) -> None:
        planned = plan.device(device)
        self._plan, self._device, self._kind = plan, device, KINDS[plan.asset(planned.asset).kind]
        self._channels = planned.channels or {AIR: "air-return"}
        doors = [(f.from_ms, f.to_ms) for f in plan.faults if f.kind == "door" and f.key == planned.asset]
        self._dead = [(f.from_ms, f.to_ms) for f in plan.faults if f.kind == "dead" and f.key == device]
        self._chamber = Chamber(
            self._kind, plan.seed, planned.from_ms, doors, list(_goods(plan, planned.asset))
        )

    def measure(self, from_ms: int, pace: Pace) -> Pack:
        """The interval that begins at ``from_ms``, never before one asked for earlier."""
        to_ms = from_ms + pace.frame_ms
        times = [t for t in range(from_ms, to_ms, pace.reading_ms) if not self._is_dead(t)]
        felt = [self._chamber.felt_at(t) for t in times]
        readings = [
            Reading(channel, "Cel", t, self._shown(channel, role, t, now))
            for channel, role in self._channels.items()
            for t, now in zip(times, felt, strict=True)
        ]
        if times:
            air_c, seed = felt[-1].air_c, self._plan.seed
            humidity = humidity_reading(self._kind, air_c, seed, self._device, times[-1])
            readings.append(Reading(HUMIDITY, "%RH", times[-1], humidity))
        return Pack(to_ms, tuple(readings))

    def _shown(self, channel: str, role: str, at_ms: int, felt: Felt) -> float:
        sensor = self._device if channel == AIR else f"{self._device} {channel}"
        return temperature_reading(SENSES[role](felt), self._plan.seed, sensor, at_ms)

    def _is_dead(self, at_ms: int) -> bool:
        return any(from_ms <= at_ms < to_ms for from_ms, to_ms in self._dead)


def _goods(plan: Plan, asset: str) -> Iterator[Goods]:
    """What comes into an asset and leaves it; to a packer's cold room fruit comes warm from the field."""
    fresh = plan.asset(asset).kind == "precooling"
    picked = {s.batch for s in plan.steps if s.step == "harvest"} if fresh else set()
    for batch in plan.batches:
        moves = [s.at_ms for s in plan.steps if s.batch == batch.key and s.asset == asset]
        for from_ms, to_ms in zip(moves[::2], [*moves[1::2], FOR_EVER_MS], strict=False):
            comes_c = PICKED_C if batch.key in picked else COOLED_C
            yield Goods(from_ms, to_ms, batch.quantity, comes_c)


def frames(plan: Plan, device: str, from_ms: int, to_ms: int) -> Iterator[Pack]:
    """The backlog's intervals of a device that lie between two times; empty ones are left out."""
    planned, sensor = plan.device(device), Sensor(plan, device)
    until_ms = to_ms if planned.until_ms is None else min(to_ms, planned.until_ms)
    steps = max(-(-(from_ms - planned.from_ms) // BACKLOG.frame_ms), 0)
    start_ms = planned.from_ms + steps * BACKLOG.frame_ms
    for begin_ms in range(start_ms, until_ms - BACKLOG.frame_ms + 1, BACKLOG.frame_ms):
        pack = sensor.measure(begin_ms, BACKLOG)
        if pack.readings:
            yield pack


def signed_frames(plan: Plan, device: str, key: PrivateKey, from_ms: int, to_ms: int) -> Iterator[bytes]:
    """The same as signed frames of a device's first boot, with counters from 0: for tests and bench."""
    planned = plan.device(device)
    issuer, stream = device_uri(plan.node, key.public.device_id), plan.asset(planned.asset).uri
    memory = replace(Memory(), boot=1, booted_ms=planned.from_ms)
    for pack in frames(plan, device, from_ms, to_ms):
        statement = sign_frame(key, issuer, stream, memory, pack)
        yield statement
        memory = following(memory, statement)
