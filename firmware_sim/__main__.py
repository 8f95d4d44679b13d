"""``python -m firmware_sim``: the devices of the journey, of a scenario, or a fleet, as one process.

Settings: ``FT_DATA`` (the node's data folder), ``FT_MQTT_URL`` and ``FT_MQTT_TLS``. Ends on SIGTERM or
SIGINT, with 0; with 1 and a message if something is wrong that waiting would not cure. On SIGUSR1
every device goes on with a new key.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from queue import SimpleQueue

from firmware_sim.demo import Demo, load_enrolment, load_or_make_plan, node_name, open_flashes
from firmware_sim.device import Device
from firmware_sim.flash import Flash
from firmware_sim.link import Arrival, Happened, Link, wait_for
from firmware_sim.plan import Plan
from firmware_sim.player import Player, Playing
from firmware_sim.staging.program import parser, stage
from traceability.errors import TraceabilityError
from traceability.settings import SimulatorSettings, load


def main() -> int:
    """Run until a signal, or a scenario's end; the exit code."""
    loads = sys.argv[1:2] == ["fleet"]
    wanted = parser().parse_args([] if loads else None)
    arrivals: SimpleQueue[Arrival] = SimpleQueue()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: arrivals.put(Arrival("", Happened.STOP)))
    signal.signal(signal.SIGUSR1, lambda *_: arrivals.put(Arrival("", Happened.ROTATE)))
    try:
        if loads:
            return _load(arrivals)
        if wanted.scenario is not None:
            stage(wanted, arrivals)
            return 0
        settings = load(SimulatorSettings, os.environ)
        simulate(settings, arrivals)
    except TraceabilityError as error:
        print(f"firmware_sim: {error}\n{error.remedy()}", file=sys.stderr)
        return 1
    return 0


def _load(arrivals: SimpleQueue[Arrival]) -> int:
    from firmware_sim.fleet.program import main as fleet  # the others need no terminal

    return fleet(sys.argv[2:], lambda: not arrivals.empty())


def simulate(settings: SimulatorSettings, arrivals: SimpleQueue[Arrival]) -> None:
    """Plan, ask to be enrolled, wait, play; returns when a STOP arrives.

    Raises:
        SettingsError: the folder holds something that does not belong there.
        ConflictError: another process plays these devices.
    """
    data = settings.data
    demo = Demo(data / "demo")
    if not wait_for(lambda: node_name(data) is not None, "a node", arrivals):
        return
    planned = load_or_make_plan(demo, node_name(data) or "", _now_ms())
    with open_flashes(demo, planned, _now_ms()) as flashes:
        if wait_for(lambda: demo.is_answered(planned), "the parties", arrivals):
            _play(demo, planned, flashes, settings, arrivals)


def _play(
    demo: Demo,
    planned: Plan,
    flashes: dict[str, Flash],
    settings: SimulatorSettings,
    arrivals: SimpleQueue[Arrival],
) -> None:
    playing = []
    for name, flash in flashes.items():
        enrolment = load_enrolment(demo, name, flash)
        flash.start(flash.memory.measured_ms or planned.device(name).from_ms)
        device = Device(flash, enrolment, planned.asset(planned.device(name).asset).uri)
        radio = Link(name, enrolment, settings.mqtt_url, arrivals, settings.mqtt_tls)
        playing.append(Playing(planned, name, device, radio, _now_ms()))
    Player(playing, arrivals).run()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


if __name__ == "__main__":
    sys.exit(main())
