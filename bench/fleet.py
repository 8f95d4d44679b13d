"""A fleet of simulated devices against a guarded broker and a gateway process, at a rate that is kept.

limit   the schedule: what is due a second
peers   none: the question is whether all arrive, how late, and whether the generator itself kept up
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.measure import Table, run, timed
from tests.support.broker import Broker
from tests.support.fleet import Compared, compare, make_fleet
from tests.support.gateway import GatewayProcess
from tests.support.sensor import World, make_world

PATIENCE_S: Final = 60


@dataclass(frozen=True, slots=True)
class Case:
    """One way to play a fleet."""

    name: str
    words: Sequence[str]


def measure(full: bool, folder: Path) -> Iterator[Table]:
    """One fleet for each case: at an even rate, in bursts, with a storm; at full size without bursts."""
    devices, frames, rate = (10_000, 2, 150) if full else (500, 6, 150)
    seconds = devices * frames // rate
    cases = [
        Case("even", ("--jitter", "1")),
        Case("in bursts of 5 s", ("--burst", "5")),
        Case("storm at half-time", ("--jitter", "1", "--back", "5", "--storm", str(seconds // 2))),
    ]
    if full:
        come = ("--connect", "200", "--jitter", "1")
        cases = [Case("even", come), Case("storm", (*come, "--back", "20", "--storm", "60"))]
    columns = [_play(case, folder / str(n), devices, frames, rate) for n, case in enumerate(cases)]
    names = (
        *("signed, enrolled and installed before, s", "due, frames/s", "sent, frames/s"),
        *("received, frames/s", "sent / due", "received / due"),
        *("from due to receipt, p50, ms", "p99, ms", "generator behind at most, s"),
        *("connections lost", "frames", "without receipt", "readings lost", "readings invented"),
    )
    rows = [[name, *cells] for name, *cells in zip(names, *columns, strict=True)]
    note = (
        f"{devices:,} devices, each with its connection, {frames} frames of ten readings each, {rate} a"
        f" second for {seconds} s, the first five rising to that; SQLite. Sent counts what was sent again."
        " Rates are of the whole time until the last receipt. Lost and invented: the devices' truth beside"
        " the store."
    )
    yield Table("Fleet", ["one process, pre-signed", *(case.name for case in cases)], rows, note)


def _play(case: Case, folder: Path, devices: int, frames: int, rate: int) -> list[str]:
    """The column of a case, with a node and a broker of its own."""
    folder.mkdir()
    world = make_world(folder / "node", f"sqlite:///{folder / 'node.sqlite'}")
    broker, fleet = Broker(world.node), folder / "fleet"
    try:
        broker.start()
        signing = timed(lambda: make_fleet(world.store, world.node, fleet, devices, frames))
        words = ("--rate", str(rate), "--ramp", "5", "--patience", str(PATIENCE_S), *case.words)
        report = _against_gateway(world, broker, folder, fleet, words)
        return _column(report, signing.wall_s, compare(world.store, fleet))
    finally:
        broker.kill()
        broker.close()
        world.store.close()


def _against_gateway(
    world: World, broker: Broker, folder: Path, fleet: Path, words: Sequence[str]
) -> dict[str, Any]:
    """What a generator process reports at its end."""
    report = folder / "report.json"
    command = [sys.executable, "-m", "firmware_sim", "fleet", "play", str(fleet), "--report", str(report)]
    with _doorkeeper(world, broker.nats_url), GatewayProcess(world, broker.url, folder) as gateway:
        gateway.wait_connected()
        environ = os.environ | {"FT_MQTT_URL": broker.url}
        subprocess.run([*command, *words], env=environ, check=False, stdout=subprocess.DEVNULL)
    found: dict[str, Any] = json.loads(report.read_text("utf-8"))
    return found


@contextmanager
def _doorkeeper(world: World, url: str) -> Iterator[None]:
    """A doorkeeper process at work."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("FT_")}
    environ |= {"FT_DATA": str(world.node.folder), "FT_DATABASE_URL": world.store.url}
    command = [sys.executable, "-m", "traceability", "broker", "admit", "--nats", url]
    with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE) as keeper:
        try:
            if keeper.stderr is not None:
                keeper.stderr.readline()  # it is at work
            yield
        finally:
            keeper.terminate()


def _column(report: dict[str, Any], signed_s: float, compared: Compared) -> list[str]:
    due, sent, received = (report[name] for name in ("due", "sent", "received"))
    return [
        f"{signed_s:.1f}",
        *(f"{count / report['seconds']:,.0f}" for count in (due, sent, received)),
        *(f"{count / due:.2f}" for count in (sent, received)),
        *(f"{report[name]:,.0f}" for name in ("p50_ms", "p99_ms")),
        f"{report['worst_behind_s']:.2f}",
        *(f"{report[name]:,}" for name in ("dropped", "frames", "waiting")),
        *(f"{count:,}" for count in (compared.lost, compared.invented)),
    ]


if __name__ == "__main__":
    run(("fleet", measure))
