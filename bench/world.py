"""What benchmarks work on: devices with the simulator's readings, and a batch that stayed somewhere."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Final

from firmware_sim.journey import LENGTH_MS, plan
from firmware_sim.sampling import Pace, Sensor
from tests.support.world import START_MS, World
from traceability import media
from traceability.operations.chain import Entry, append
from traceability.operations.ingest import Message
from traceability.operations.leap import confirm_clock
from traceability.sensing.senml import Reading

FRAME_MS: Final = 600_000
FRAMES_A_DAY: Final = 86_400_000 // FRAME_MS
HANDFUL: Final = 100
BODY_BYTES: Final = 500
"""About what a frame of ten readings has."""
_SENSOR: Final = "sensor-creamery-room"


def measurements(seed: int, readings: int, from_ms: int = START_MS) -> Iterator[list[Reading]]:
    """What a cold store's sensor measures, without end: frames of ten minutes, n readings each."""
    planned = plan(START_MS, START_MS + LENGTH_MS, seed, "bench.example")
    sensor, begin_ms = Sensor(planned, _SENSOR), max(planned.device(_SENSOR).from_ms, from_ms)
    while True:
        yield list(sensor.measure(begin_ms, Pace(FRAME_MS // readings, FRAME_MS)).readings[:readings])
        begin_ms += FRAME_MS


class Fleet:
    """Devices, each on an asset of its own, that send frames in turn.

    Attributes:
        frame_bytes: how long about each frame is.
    """

    def __init__(self, world: World, devices: int, readings: int) -> None:
        party = world.party(f"Fleet of {devices} with {readings} readings")
        self.probes = [world.device(party) for _ in range(devices)]
        for number, probe in enumerate(self.probes):
            world.install(party, probe, world.asset(f"FLEET{readings}N{number}"))
        self._sources = [measurements(number, readings) for number in range(devices)]
        self.frame_bytes = len(replace(self.probes[0]).frame(next(measurements(0, readings))))

    def messages(self, count: int) -> list[Message]:
        """The next frames, signed; ``count`` is a multiple of the number of devices."""
        return [
            Message(probe.topic, probe.frame(next(source)))
            for _ in range(count // len(self.probes))
            for probe, source in zip(self.probes, self._sources, strict=True)
        ]


def handfuls(messages: list[Message], size: int = HANDFUL) -> list[list[Message]]:
    """The messages as a gateway takes them."""
    return [messages[i : i + size] for i in range(0, len(messages), size)]


def stay(world: World, days: int) -> str:
    """A batch that was in a cold store for some days, with one device; published. Its URI."""
    farm, keeper = world.party(f"Farm {days}"), world.party(f"Keeper {days}")
    room, probe = world.asset(f"ROOM{days}"), world.device(keeper)
    world.install(keeper, probe, room)
    source = measurements(days, 10, world.now_ms)
    first = next(source)
    world.wait(ms=first[0].at_ms + FRAME_MS - world.now_ms)
    world.take(probe, probe.frame(first))
    batch = world.harvest(farm, f"STAY{days}")
    world.event("ship", farm, batch)
    world.event("receive", keeper, batch)
    world.event("store", keeper, batch, asset=room)
    bodies = [probe.frame(readings) for readings in islice(source, days * FRAMES_A_DAY)]
    world.wait(ms=days * FRAMES_A_DAY * FRAME_MS)
    for i in range(0, len(bodies), HANDFUL):
        world.take(probe, *bodies[i : i + HANDFUL])
    world.event("retrieve", keeper, batch, asset=room)
    world.wait(ms=FRAME_MS)
    world.take(probe, probe.frame(next(source)))
    world.event("sell", keeper, batch)
    world.publish()
    return batch


def fill(world: World, records: int, streams: int, first: int = 0) -> None:
    """Append records to that many streams in turn; the statements are noise, as long as a frame.

    ``first`` is the number of the first of these streams.
    """
    uris = [world.asset(f"FILL{number}") for number in range(first, first + streams)]
    for begin in range(0, records, 10_000):
        with world.store.transaction() as tx:
            append(
                tx,
                world.node,
                [
                    Entry(uris[number % streams], media.FRAME, secrets.token_bytes(BODY_BYTES))
                    for number in range(begin, min(begin + 10_000, records))
                ],
            )


def move_on(world: World, days: int) -> None:
    """Let so many days pass, and say as an operator would that the clock is right."""
    world.wait(minutes=days * 24 * 60)
    confirm_clock(world.node.folder, world.now_ms)
