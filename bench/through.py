"""From a broker into what stays: our gateway beside what others use, and what a kill -9 loses.

limit   one signature check; the parts of the work, each alone
peers   mqttwarn and thingsboard-gateway into SQLite; a paho subscriber that does nothing
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench import live, parts
from bench.databases import databases
from bench.measure import Table, median, ratio
from bench.peers import MQTTWARN, THINGSBOARD
from bench.systems import Drained, Gateway, Other, System, drain, kill_among, receive, running_broker
from bench.world import Fleet
from tests.support.world import World, make_world

DEVICES: Final = 10
READINGS: Final = (10, 60)
KILLED_AT: Final = 0.4
OURS: Final = "gateway, SQLite"
NOTHING: Final = "subscriber that does nothing"
PARTS: Final = ("verify", "decode", "one row")

Rounds = dict[str, list[Drained]]


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured.

    Attributes:
        frames: a round of a gateway and of the subscriber.
        others: a round of each of the others, by their names.
        killed: messages to be killed among.
        live: frames over which memory is watched, and seconds at half load.
    """

    rounds: int
    frames: int
    others: dict[str, int]
    killed: int
    live: tuple[int, float]


SMALL: Final = Size(2, 4_000, {MQTTWARN.name: 300, THINGSBOARD.name: 4_000}, 5_000, (50_000, 6.0))
FULL: Final = Size(5, 20_000, {MQTTWARN.name: 2_000, THINGSBOARD.name: 20_000}, 20_000, (1_000_000, 60.0))


@dataclass(frozen=True, slots=True)
class Systems:
    """Our gateway on SQLite and on PostgreSQL, and what others use."""

    ours: list[Gateway]
    others: list[Other]

    @property
    def all(self) -> list[System]:
        return [*self.ours, *self.others]


def measure(full: bool, folder: Path) -> Iterator[Table]:
    """Rates, losses, costs, and one gateway at half load."""
    size, costs = FULL if full else SMALL, dict[int, Rounds]()
    folder.mkdir()
    with databases(folder) as urls, ExitStack() as stack:
        worlds = {name: make_world(folder / name, url) for name, url in urls.items()}
        for world in worlds.values():
            stack.callback(world.store.close)
        for readings in READINGS:
            with _systems(folder / str(readings), worlds, readings) as systems:
                costs[readings] = _rates(systems, folder / f"rows-{readings}.sqlite", size)
                yield _rates_table(systems, costs[readings], readings, size)
        yield _costs_table(costs, size)
        with _systems(folder / "killed", worlds, READINGS[0]) as systems:
            yield _losses(systems, size.killed)
        took = costs[READINGS[0]]
        halves = {
            name: statistics.median(drained.rate for drained in took[f"gateway, {name}"]) / 2
            for name in worlds
        }
        yield from live.measure(worlds, folder, halves, *size.live)


@contextmanager
def _systems(folder: Path, worlds: Mapping[str, World], readings: int) -> Iterator[Systems]:
    folder.mkdir()
    with ExitStack() as stack:
        systems = Systems([], [])
        for name, world in worlds.items():
            broker, fleet = stack.enter_context(running_broker()), Fleet(world, DEVICES, readings)
            systems.ours.append(Gateway(f"gateway, {name}", world, fleet, broker, folder))
        size = systems.ours[0].fleet.frame_bytes
        for package in (MQTTWARN, THINGSBOARD):
            broker = stack.enter_context(running_broker())
            systems.others.append(Other(package, broker, folder / package.name, readings, size))
        yield systems


def _rates(systems: Systems, path: Path, size: Size) -> Rounds:
    """Everything that is compared, one after the other, so that the machine's mood is the same."""
    took: Rounds = defaultdict(list)
    ours = systems.ours[0]
    keys = {probe.topic: probe.key.public for probe in ours.fleet.probes}
    for number in range(size.rounds):
        frames = ours.messages(size.frames)
        took[ours.name].append(drain(ours, frames))
        took[NOTHING].append(receive(ours.broker, f"bench-{number}", frames))
        alone = (parts.verify(frames, keys), parts.decode(frames), parts.one_row(path, frames))
        for name, part in zip(PARTS, alone, strict=True):
            took[name].append(Drained(len(frames) / part.wall_s, part.cpu_s / len(frames)))
        for gateway in systems.ours[1:]:
            took[gateway.name].append(drain(gateway, gateway.messages(size.frames)))
        for other in systems.others:
            took[other.name].append(drain(other, other.messages(size.others[other.name])))
    return took


def _rates_table(systems: Systems, took: Rounds, readings: int, size: Size) -> Table:
    rates = {name: [drained.rate for drained in rounds] for name, rounds in took.items()}
    rows = []
    for name in (*(system.name for system in systems.all), NOTHING):
        against = [ratio(rates[name], rates[peer]) for peer in (NOTHING, MQTTWARN.name)]
        cpu_us = median([drained.cpu_s for drained in took[name]], scale=1e6)
        rows.append([name, median(rates[name]), *against, cpu_us])
    head = [
        *(f"{readings} readings a message", "messages/s", "/ subscriber (peer)", "/ mqttwarn (peer)"),
        "CPU a message, us",
    ]
    counts = ", ".join(f"{count:,} for {name}" for name, count in size.others.items())
    note = (
        f"{size.rounds} rounds of {size.frames:,} messages ({counts}), from the first that is stored to the"
        " last. Those of the gateway and of the subscriber wait in the broker (QoS 1, persistent session);"
        " the others' come while they run, since they would take them out long before they store one. The"
        " others get JSON of the same readings in as many bytes, keep it as one value in SQLite, and check"
        f" nothing; {THINGSBOARD.name} does not wait for the disk (synchronous=NORMAL)."
    )
    return Table("Ingest, through the broker", head, rows, note)


def _costs_table(costs: Mapping[int, Rounds], size: Size) -> Table:
    columns = []
    for took in costs.values():
        cpu = {name: [drained.cpu_s for drained in rounds] for name, rounds in took.items()}
        every = [sum(some) for some in zip(*(cpu[name] for name in (NOTHING, *PARTS)), strict=True)]
        alone = [median(cpu[name], scale=1e6) for name in (NOTHING, *PARTS)]
        above = (ratio(cpu[OURS], cpu["verify"]), ratio(cpu[OURS], every))
        columns.append([median(cpu[OURS], scale=1e6), *alone, median(every, scale=1e6), *above])
    names = (
        "of the gateway",
        "of receiving",
        "of one verification",
        "of decoding",
        "of one row",
        "of these parts",
    )
    labels = [*(f"CPU {name}, us" for name in names), "gateway / verification", "gateway / parts"]
    rows = [[label, *cells] for label, *cells in zip(labels, *columns, strict=True)]
    head = ["a frame, through the broker into SQLite", *(f"{readings} readings" for readings in costs)]
    note = f"{size.rounds} rounds of {size.frames:,} frames; each part in a process that does nothing else."
    return Table("Ingest, CPU of the gateway process", head, rows, note)


def _losses(systems: Systems, number: int) -> Table:
    rows = []
    for system in systems.all:
        done = kill_among(system, number, KILLED_AT)
        counts = (done.sent, done.before, done.lost, done.twice)
        rows.append([system.name, *(f"{count:,}" for count in counts)])
    head = ["killed once", "acknowledged by the broker", "stored when killed", "lost", "stored twice"]
    note = (
        f"Sent as fast as the broker takes them; kill -9 when {KILLED_AT:.0%} are stored, then started again"
        " with the same session and files."
    )
    return Table("Ingest, messages lost with kill -9", head, rows, note)
