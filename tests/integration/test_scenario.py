"""A scenario against a real node: its people, its devices over a broker, and a gateway in between."""

from __future__ import annotations

import threading
from pathlib import Path
from queue import SimpleQueue

from firmware_sim.link import Arrival
from firmware_sim.staging.online import speak
from firmware_sim.staging.truth import TruthFile
from tests.support.broker import Broker
from tests.support.gateway import GatewayProcess
from tests.support.scenarios import loaded
from tests.support.sensor import make_world
from traceability import media
from traceability.operations.configs import configs_of
from traceability.running.demo import world as demo
from traceability.sensing.frame import parse_statement
from traceability.settings import SimulatorSettings, load

SPEED = 4000
"""A little more than an hour in a second."""
ORDER = {"device": "logger", "from": "8m", "reading_s": 30, "frame_s": 120, "limits": {"air": [0, 8]}}


def test_a_configuration_of_a_scenario_reaches_its_device_through_the_node(broker: Broker, tmp_path: Path):
    world = make_world(tmp_path / "node", f"sqlite:///{tmp_path / 'node.sqlite'}")
    goods = {"product": "chilled-pork", "mass_kg": 3000, "begins": "0h", "begins_c": 3}
    stays = {"stays": [{"asset": "room", "from": "5m", "until": "5h"}]}
    scenario = loaded(tmp_path, lasts="6h", configs=[ORDER], goods={"pork": goods | stays})
    told = {"FT_DATA": str(world.node.folder), "FT_MQTT_URL": broker.url}
    settings, arrivals = load(SimulatorSettings, told), SimpleQueue[Arrival]()
    people = threading.Thread(target=demo.play, args=(world.store, world.node))
    with GatewayProcess(world, broker.url, tmp_path) as gateway:
        gateway.wait_connected()
        people.start()
        played = speak(scenario, settings, SPEED, TruthFile(None), arrivals)
        people.join()
    assert played is not None
    with world.store.reading() as connection:
        device = connection.exec_driver_sql("select id from devices").scalar_one()
        (made,) = configs_of(connection, world.node, device)
        bodies = connection.exec_driver_sql(
            "select s.body from device_statements d join statements s on s.sha256 = d.sha256 order by counter"
        )
        frames = [s for s in (parse_statement(row.body) for row in bodies) if s.media_type == media.FRAME]
    assert made.in_force_ms is not None
    assert made.in_force_ms >= played.start_ms + 8 * 60_000
    versions = [[r.value for r in s.readings() if r.name == "config"] for s in frames]
    assert (versions[0], versions[-1]) == ([], [1])
    spans = [max(s.columns().at_ms) - min(s.columns().at_ms) for s in frames]
    assert spans[0] == 9 * 60_000, "ten readings, one a minute"
    assert spans[-2] == 90_000, "four readings, one every half minute"
    world.store.close()
