"""A device that sends little, but what is dear: hundreds of channels in a frame, one key after another."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.flood import AT_ONCE_BYTES, Gate, Limits
from tests.support.databases import prepare
from tests.support.sensor import Sensor, World, make_world
from tests.support.wire import Gated
from tests.support.world import Probe
from tests.support.world import World as Whole
from traceability.operations import admission, opening, rollups
from traceability.operations.audit import audit
from traceability.operations.devicekeys import read_rings
from traceability.operations.ingest import Ingest, Message
from traceability.operations.opening import Claim
from traceability.sensing.frame import encode_frame
from traceability.sensing.senml import Reading
from traceability.signing.keys import PrivateKey

CHANNELS = 600
FEW = Limits(10, 20)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[World]:
    prepare(url := f"sqlite:///{tmp_path / 'node.sqlite'}")
    made = make_world(tmp_path / "node", url)
    yield made
    made.store.close()


def wide(sensor: Sensor, channels: int = CHANNELS) -> Message:
    """The next frame, of channels that no frame named before."""
    at_ms, head = sensor.at_ms(sensor.counter), sensor.head()
    readings = [Reading(f"{sensor.counter}-{number}", "/", at_ms, 0) for number in range(channels)]
    return sensor.message(sensor._go_on(encode_frame(sensor.key, readings=readings, **head), head["counter"]))


def accepted(node: World, sensor: Sensor) -> int:
    return node.tallies()[sensor.device]["accepted"]


def test_a_frame_of_hundreds_of_channels_costs_its_device_as_much_as_dozens_of_frames(node: World):
    """What it writes takes the gateway as long: fifty a second of them would leave no time for others."""
    sensor, honest = node.sensor(), node.sensor()
    gated = Gated(node, FEW)
    gated.wire.put(*[wide(sensor) for _ in range(15)], honest.message(honest.frame()))
    gated.turns()
    first = AT_ONCE_BYTES // len(sensor.made[0]) + 1
    assert (accepted(node, sensor), accepted(node, honest)) == (first, 1)
    owed_s = first * (1 + CHANNELS // 16) / FEW.rate - FEW.burst / FEW.rate
    gated.turns(int(owed_s), each_s=0.9)
    assert accepted(node, sensor) == first, "it owes the rest"
    gated.turns(2, each_s=owed_s)
    assert accepted(node, sensor) > first, "and is heard again once it has paid"


def test_of_one_device_a_handful_holds_so_many_bytes_and_at_least_one_message():
    gate, big = Gate(Limits(100, 100), lambda: 0.0), AT_ONCE_BYTES + 1
    parted = gate.part([Claim("a", True, big)] * 3 + [Claim("b", True, big // 2)] * 3, 500)
    assert parted.taken == (0, 3, 4)
    assert (parted.left, parted.refused, parted.soon) == ((1, 2, 5), (), True)


def test_channels_without_end_fill_no_memory(node: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rollups, "REMEMBERED", 100)
    sensor, ingest = node.sensor(), Ingest(node.store, node.node)
    for _ in range(5):
        ingest.ingest([wide(sensor, 70)])
        assert len(ingest._folder._numbers) <= 100
        assert len(ingest._folder._known) <= 2 * 100
    ingest.ingest([sensor.message(sensor.frame(at_ms=sensor.at_ms(number))) for number in range(5, 9)])
    assert audit(node.store, node.node).ok, "what was forgotten is found again"


@pytest.fixture
def probe(lone: Whole) -> Probe:
    farm, truck = lone.party("Farm"), lone.asset("TRUCK1")
    probe = lone.device(farm)
    lone.install(farm, probe, truck)
    return probe


def rotated(world: Whole, probe: Probe, times: int = 1) -> list[str]:
    words = []
    for _ in range(times):
        world.wait(minutes=1)
        words.append(world.take(probe, probe.rotation(world.now_ms)).outcomes[0])
    return [outcome.code or outcome.word for outcome in words]


def test_a_device_has_so_many_keys_and_no_more(lone: Whole, probe: Probe, monkeypatch: pytest.MonkeyPatch):
    """All of them are verified to know the newest: without an end that would take its whole time."""
    monkeypatch.setattr(admission, "MAX_KEYS", 4)
    assert rotated(lone, probe, 4) == ["accepted"] * 3 + ["quota-spent"]


def test_a_rotation_costs_its_device_more_the_more_keys_it_has(lone: Whole, probe: Probe):
    lone.wait(minutes=1)
    bodies = [probe.rotation(lone.now_ms) for _ in range(5)]
    rows = [lone.take(probe, body).outcomes[0].rows for body in bodies]
    assert rows == sorted(rows)
    assert rows[-1] - rows[0] == 4 * (rows[1] - rows[0]) > 0


def test_messages_that_name_unknown_keys_do_not_have_the_known_ones_verified_again(
    lone: Whole, probe: Probe, monkeypatch: pytest.MonkeyPatch
):
    assert rotated(lone, probe, 2) == ["accepted"] * 2
    asked: list[str] = []

    def counting(connection, node, devices):
        asked.extend(devices)
        return read_rings(connection, node, devices)

    monkeypatch.setattr(opening, "read_rings", counting)
    assert rotated(lone, probe) == ["accepted"]
    known = len(asked)
    honest, probe.key = probe.key, PrivateKey.generate()
    for _ in range(3):
        outcome = lone.take(probe, probe.rotation(lone.now_ms)).outcomes[0]
        assert outcome.word == "rejected"
    assert len(asked) == known + 1, "once, for the key that its own rotation has brought"
    probe.key = honest


def test_noise_is_compared_with_the_newest_keys_alone(lone: Whole, probe: Probe):
    kids = [probe.key.public.kid]
    for _ in range(opening.NEWEST):
        assert rotated(lone, probe) == ["accepted"]
        kids.append(probe.key.public.kid)
    fresh = Ingest(lone.store, lone.node)
    likely = [claim.likely for claim in fresh.claims([Message(probe.topic, kid) for kid in kids])]
    assert likely == [False] + [True] * opening.NEWEST
