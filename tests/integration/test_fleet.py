"""A fleet against a real broker, its doorkeeper and a real gateway: nothing is lost, nothing is invented."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from firmware_sim.fleet.connections import Coming
from firmware_sim.fleet.folder import FRAMES, TRUTH, Fleet, Frames, read_enrolments
from firmware_sim.fleet.play import Now, Play, Shape
from firmware_sim.fleet.program import main
from firmware_sim.fleet.schedule import Pace
from tests.support.broker import Broker
from tests.support.fleet import Compared, compare, make_fleet
from tests.support.gateway import DEADLINE_S, GatewayProcess
from tests.support.sensor import SITE, World, make_world
from tests.support.visitor import keeping
from traceability.errors import ConflictError
from traceability.operations.credentials import revoke_credential
from traceability.operations.ingest import Ingest, Message
from traceability.sensing.topics import frame_topic

DEVICES, FRAMES_OF_EACH, READINGS = 50, 4, 10
ALL = DEVICES * FRAMES_OF_EACH


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = make_world(tmp_path / "node", f"sqlite:///{tmp_path / 'node.sqlite'}")
    yield made
    made.store.close()


@pytest.fixture
def fleet(world: World, tmp_path: Path) -> Fleet:
    return make_fleet(world.store, world.node, tmp_path / "fleet", DEVICES, FRAMES_OF_EACH)


@pytest.fixture
def guarded(world: World) -> Iterator[Broker]:
    """The node's own broker, which lets in whom the doorkeeper knows."""
    broker = Broker(world.node)
    broker.start()
    try:
        with keeping(world, broker.nats_url):
            yield broker
    finally:
        broker.kill()
        broker.close()


@contextmanager
def gateway(world: World, broker: Broker, folder: Path) -> Iterator[GatewayProcess]:
    with GatewayProcess(world, broker.url, folder) as process:
        process.wait_connected()
        yield process


def quick(broker: Broker, *storms_s: float) -> Shape:
    coming = Coming(broker.url, rate=1000, back_s=0.1, seed=1)
    return Shape(coming, Pace(400, ramp_s=0.2, jitter_s=0.1), storms_s)


@contextmanager
def playing(fleet: Fleet, folder: Path, shape: Shape) -> Iterator[Play]:
    frames = Frames(folder / FRAMES, fleet)
    play = Play(fleet, frames, read_enrolments(folder, fleet), shape)
    try:
        yield play
    finally:
        play.close()
        frames.close()


def turn_until(play: Play, condition: Callable[[Now], bool]) -> Now:
    deadline = time.monotonic() + DEADLINE_S
    while not condition(play.now()):
        assert time.monotonic() < deadline, f"waited in vain: {play.now()}"
        play.turn()
    return play.now()


def test_a_storm_and_a_gateway_that_is_killed_lose_no_reading_and_invent_none(
    world: World, fleet: Fleet, guarded: Broker, tmp_path: Path
):
    folder = tmp_path / "fleet"
    with playing(fleet, folder, quick(guarded, 0.3)) as play:
        with gateway(world, guarded, tmp_path) as first:
            turn_until(play, lambda now: now.received > 20)
            first.kill()
            before = turn_until(play, lambda now: now.due == ALL and now.connected == DEVICES)
        assert compare(world.store, folder).lost > 0
        assert (before.dropped, before.received < ALL) == (DEVICES, True)
        with gateway(world, guarded, tmp_path):
            done = turn_until(play, lambda _: play.over)
    assert (done.received, done.refused, done.waiting, done.forged, done.clones) == (ALL, {}, 0, 0, 0)
    assert done.resends == 0  # who is connected again sends at once, and waits for no time limit
    assert compare(world.store, folder) == Compared(lost=0, invented=0)


def test_the_command_plays_a_fleet_once_and_counts_a_device_that_is_not_let_in(
    world: World, fleet: Fleet, guarded: Broker, tmp_path: Path, monkeypatch, capsys
):
    folder, report = tmp_path / "fleet", tmp_path / "report.json"
    revoke_credential(world.store, read_enrolments(folder, fleet)[7].device)
    monkeypatch.setenv("FT_MQTT_URL", guarded.url)
    words = ["play", str(folder), "--rate", "400", "--connect", "1000", "--back", "0.1", "--patience", "1"]
    with gateway(world, guarded, tmp_path):
        assert main([*words, "--report", str(report)], lambda: False) == 1
    done = json.loads(report.read_text("utf-8"))
    assert (done["received"], done["waiting"]) == (ALL - FRAMES_OF_EACH, FRAMES_OF_EACH)
    assert done["connected"] == DEVICES - 1
    assert "attempts to connect failed, the last of them: Not authorized" in capsys.readouterr().out
    assert compare(world.store, folder) == Compared(lost=FRAMES_OF_EACH * READINGS, invented=0)
    with pytest.raises(ConflictError, match="used up"):
        main(words, lambda: False)


def test_a_reading_that_is_not_there_or_another_one_is_noticed(world: World, fleet: Fleet, tmp_path: Path):
    folder = tmp_path / "fleet"
    frames, told = Frames(folder / FRAMES, fleet), read_enrolments(folder, fleet)
    topics = [frame_topic(SITE, each.device) for each in told]
    Ingest(world.store, world.node).ingest([Message(t, frames.body(p, 0)) for p, t in enumerate(topics)])
    frames.close()
    missing = (FRAMES_OF_EACH - 1) * DEVICES * READINGS
    assert compare(world.store, folder) == Compared(missing, 0)
    first, *others = (folder / TRUTH).read_text("utf-8").splitlines(keepends=True)
    row = json.loads(first)
    row["measured"]["air"][3] += 0.1
    (folder / TRUTH).write_text("".join([json.dumps(row) + "\n", *others]), "utf-8")
    assert compare(world.store, folder) == Compared(missing + 1, 1)
    (folder / TRUTH).write_text("".join(others), "utf-8")
    assert compare(world.store, folder) == Compared(missing, READINGS)


def test_who_plays_no_fleet_pays_nothing_for_its_view():
    program = "import sys, firmware_sim.__main__; sys.exit('rich' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)
