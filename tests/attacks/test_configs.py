"""Who tells a device how to work: its own node, only forward, and only within bounds."""

from __future__ import annotations

import pytest

from firmware_sim.device import Device, Pack, Told
from firmware_sim.flash import Flash
from tests.support.fakenode import FakeNode
from traceability import media
from traceability.identifiers import asset_uri
from traceability.sensing.config import Config, encode_config
from traceability.sensing.frame import parse_statement
from traceability.sensing.senml import Reading
from traceability.signing import cbor, cose

START_MS = 1_764_000_000_000
ABSURD = (
    {3: 1},
    {3: 0},
    {3: 2**31, 4: 2**31},
    {4: 86_400 * 365},
    {4: 61},
    {5: {"air": [-270_000, 1_372_000]}},
    {5: {"air": [9000, 0]}},
    {2: 0},
    {2: 2**64 - 1},
)
"""A sensor that is kept busy until its battery ends, kept silent for a year, or never alarms."""


@pytest.fixture
def node():
    return FakeNode()


@pytest.fixture
def make(tmp_path, node):
    opened: list[Flash] = []

    def start(folder: str = "one") -> Device:
        flash = Flash(tmp_path / folder)
        opened.append(flash)
        flash.start(flash.memory.measured_ms or START_MS)
        return Device(flash, node.enrol(flash.key.public), asset_uri("9520002TRUCKA"))

    yield start
    for flash in opened:
        flash.close()


def sealed(node: FakeNode, device: Device, version: int, reading_s: int = 60) -> bytes:
    told = Config(device.enrolment.device, version, reading_s, 600, {"air": (0, 5000)})
    return encode_config(node.key_of(told.device), told)


def reported(device: Device) -> int | None:
    """The version that the next frame says to be in force."""
    to_ms = (device.flash.memory.measured_ms or START_MS) + 600_000
    device.measure([Pack(to_ms, (Reading("air", "Cel", to_ms - 1000, 4.5),))])
    newest = max(device.flash.next_to_send(1000), key=lambda kept: kept.counter)
    readings = parse_statement(newest.body).readings()
    return next((int(r.value) for r in readings if r.name == "config"), None)


def test_a_forged_configuration_changes_nothing(make, node):
    device = make()
    genuine = sealed(node, device, 1)
    for position in range(len(genuine)):
        forged = bytearray(genuine)
        forged[position] ^= 1
        assert device.configure(bytes(forged)) in {Told.FORGED, Told.REFUSED}
    stranger = Config(device.enrolment.device, 1, 60, 600)
    assert device.configure(encode_config(bytes(32), stranger)) is Told.FORGED
    assert device.configure(b"") is Told.REFUSED
    assert (device.config, reported(device)) == (None, None)
    assert device.configure(genuine) is Told.TAKEN
    assert reported(device) == 1


def test_an_older_configuration_that_is_played_again_is_not_taken_even_after_a_restart(make, node):
    device = make()
    first, second = sealed(node, device, 1, 30), sealed(node, device, 2, 60)
    assert [device.configure(data) for data in (first, second)] == [Told.TAKEN, Told.TAKEN]
    device.flash.close()
    device = make()
    assert [device.configure(data) for data in (first, second)] == [Told.STALE, Told.STALE]
    assert device.config is not None
    assert (device.config.reading_s, reported(device)) == (60, 2)


def test_the_configuration_of_another_device_is_not_taken(make, node):
    device, other = make(), make("other")
    assert device.configure(sealed(node, other, 1)) is Told.FORGED
    about_other = Config(other.enrolment.device, 1, 60, 600)
    assert device.configure(encode_config(device.enrolment.receipt_key, about_other)) is Told.FORGED
    assert device.config is None


@pytest.mark.parametrize("changes", ABSURD)
def test_absurd_values_are_refused_by_the_device_though_the_mac_is_right(make, changes):
    device = make()
    fields = {1: device.enrolment.device, 2: 9, 3: 60, 4: 600, 5: {}} | changes
    told = cose.mac0(device.enrolment.receipt_key, typ=media.CONFIG, payload=cbor.encode(fields))
    assert device.configure(told) is Told.REFUSED
    assert (device.config, device.flash.memory.config) == (None, 0)


def test_a_receipt_in_the_place_of_a_configuration_is_refused_and_the_other_way_round(make, node):
    device = make()
    reported(device)
    receipt = node.take(device.due(0)[0])
    assert device.configure(receipt) is Told.REFUSED
    device.receive(sealed(node, device, 1), 1)
    assert device.flash.waiting() == 1
