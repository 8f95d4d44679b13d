"""Several gateways on one store, each with sites of its own: nothing is lost, doubled or answered twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.broker import Broker
from tests.support.gateway import GatewayProcess, publishing, wait_until
from tests.support.sensor import World, make_world
from traceability.sensing.receipt import open_receipt
from traceability.sensing.topics import frame_topic

SITES = ("north", "south")
FRAMES = 30


@pytest.fixture
def world(tmp_path: Path, database_url: str) -> Iterator[World]:
    made = make_world(tmp_path / "node", database_url)
    yield made
    made.store.close()


@pytest.mark.slow
def test_two_gateways_share_a_store_by_sites(world: World, broker: Broker, tmp_path: Path):
    sensors = {site: [world.sensor() for _ in range(2)] for site in SITES}
    frames = {sensor.device: sensor.frames(FRAMES) for site in SITES for sensor in sensors[site]}
    north = GatewayProcess(world, broker.url, tmp_path, FT_SITES="north")
    south = GatewayProcess(world, broker.url, tmp_path, FT_SITES="south,west")
    with north, south, publishing(broker.url) as publisher:
        for gateway in (north, south):
            gateway.wait_connected()

        def send(first: int, last: int) -> None:
            for number in range(first, last):
                for site, some in sensors.items():
                    for sensor in some:
                        publisher.send(frame_topic(site, sensor.device), frames[sensor.device][number])

        send(0, FRAMES // 2)
        wait_until(lambda: world.accepted_count() > FRAMES, "some frames")
        north.kill()
        send(FRAMES // 2, FRAMES)
        south_ones = sensors["south"]
        wait_until(
            lambda: all(len(world.accepted(s)) == FRAMES for s in south_ones), "the south, without the north"
        )
        with GatewayProcess(world, broker.url, tmp_path, FT_SITES="north") as again:
            everyone = [sensor for some in sensors.values() for sensor in some]
            wait_until(
                lambda: all(
                    publisher.receipts[s.device]
                    and open_receipt(s.receipt_key, publisher.receipts[s.device][-1]).counter == FRAMES - 1
                    for s in everyone
                ),
                "the last receipts",
            )
            assert again.stop() == 0
    for sensor in everyone:
        assert world.accepted(sensor) == sensor.made
        tally = world.tallies()[sensor.device]
        assert tally["accepted"] == FRAMES
        assert tally["received"] == FRAMES + tally["duplicate"]
    assert set(publisher.answers) == {
        frame_topic(site, s.device).replace("/frame", "/receipt")
        for site, some in sensors.items()
        for s in some
    }
    assert all(world.tallies()[s.device]["duplicate"] == 0 for s in south_ones)
