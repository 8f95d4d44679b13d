"""A genuine frame sent again: on another device's topic, in another boot, in other bytes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from tests.support.sensor import SITE, Sensor, World, make_world
from traceability.operations.ingest import Ingest, Message
from traceability.sensing import topics
from traceability.signing import cbor
from traceability.store import models

ORDER = 2**252 + 27742317777372353535851937790883648493
"""Of the group: S + ORDER stands for S where nobody looks (RFC 8032 5.1.7)."""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = make_world(tmp_path / "node", f"sqlite:///{tmp_path / 'store.sqlite'}")
    yield made
    made.store.close()


def outcomes(world: World, *messages: Message) -> list[tuple[str, str | None]]:
    return [(o.word, o.code) for o in Ingest(world.store, world.node).ingest(messages).outcomes]


def records(world: World) -> int:
    with world.store.reading() as connection:
        return connection.execute(select(func.count()).select_from(models.Record)).scalar_one()


def test_a_frame_of_an_earlier_boot_is_the_frame_of_that_boot(world: World):
    """The counter goes on over every boot, so an old frame is never the next one."""
    sensor = world.sensor()
    old, later = sensor.frame(4.0), sensor.frame(4.5, boot=2)
    assert outcomes(world, sensor.message(old), sensor.message(later)) == [("accepted", None)] * 2
    before = records(world)
    assert outcomes(world, sensor.message(old)) == [("duplicate", None)]
    assert records(world) == before
    fresh = sensor.frame(5.0, boot=3)
    assert outcomes(world, sensor.message(fresh)) == [("accepted", None)], (
        "the control: a new frame of a new boot"
    )
    assert records(world) == before + 1


def test_a_frame_counts_under_its_own_devices_name_alone(world: World):
    one, other = world.sensor(), world.sensor()
    frame = one.frame(4.0)
    assert outcomes(world, Message(other.topic, frame)) == [("rejected", "foreign-topic")]
    assert outcomes(world, one.message(frame)) == [("accepted", None)], "the control: on its own topic"
    assert outcomes(world, Message(other.topic, frame)) == [("rejected", "foreign-topic")]
    assert world.accepted(other) == []


def test_on_another_sites_topic_it_is_a_duplicate(world: World):
    sensor = world.sensor()
    frame = sensor.frame(4.0)
    elsewhere = Message(topics.frame_topic("elsewhere", sensor.device), frame)
    assert SITE != "elsewhere"
    assert outcomes(world, sensor.message(frame), elsewhere) == [("accepted", None), ("duplicate", None)]


def other_bytes(frame: bytes) -> dict[str, bytes]:
    """The same words in another dress, which anybody can put on it."""
    protected, unprotected, payload, signature = parts(frame)
    s = int.from_bytes(signature[32:], "little") + ORDER
    beyond = signature[:32] + s.to_bytes(32, "little")
    return {
        "S beyond the order": whole(protected, unprotected, payload, beyond),
        "an unprotected header": whole(protected, {4: b"other"}, payload, signature),
        "a byte behind it": frame + b"\x00",
        "a longer head": b"\xd8\x12" + frame[1:],
        "no tag": frame[1:],
    }


def parts(frame: bytes) -> list[Any]:
    found = cbor.decode(frame[1:])
    assert isinstance(found, list)
    return found


def whole(*elements: object) -> bytes:
    return b"\xd2" + cbor.encode(list(elements))


def test_no_other_bytes_of_a_frame_are_another_statement(world: World):
    sensor = world.sensor()
    frame = sensor.frame(4.0)
    assert whole(*parts(frame)) == frame
    for what, dressed in other_bytes(frame).items():
        ((word, _),) = outcomes(world, sensor.message(dressed))
        assert word == "rejected", what
    assert outcomes(world, sensor.message(frame)) == [("accepted", None)], "the control: its own bytes"
    for what, dressed in other_bytes(frame).items():
        ((word, _),) = outcomes(world, sensor.message(dressed))
        assert word == "rejected", what
    assert world.accepted(sensor) == [frame]


def test_a_recorded_device_plays_its_whole_past_again_in_vain(world: World):
    """Every frame again, in order and backwards: counted, answered, and recorded once."""
    sensor: Sensor = world.sensor()
    frames = [sensor.message(frame) for frame in sensor.frames(6)]
    assert {word for word, _ in outcomes(world, *frames)} == {"accepted"}
    before = records(world)
    assert {word for word, _ in outcomes(world, *frames, *reversed(frames))} == {"duplicate"}
    assert records(world) == before
