"""Handfuls into a real database: what is stored, what is answered, what two gateways do at once."""

from __future__ import annotations

import hashlib
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import bindparam, select, update

from tests.support.sensor import Sensor, World, make_world
from traceability.errors import KeyRefusedError, TraceabilityError
from traceability.ledger.note import parse_note
from traceability.operations import receipts, tally
from traceability.operations.ingest import Ingest, Ingested, Message
from traceability.operations.publish import publish
from traceability.sensing.frame import Gap
from traceability.sensing.receipt import Receipt, encode_receipt, open_receipt
from traceability.signing.keys import PrivateKey
from traceability.store import models


@pytest.fixture
def world(tmp_path: Path, database_url: str) -> Iterator[World]:
    made = make_world(tmp_path / "node", database_url)
    yield made
    made.store.close()


def told(sensor: Sensor, ingested: Ingested) -> Receipt:
    """The one receipt for a device."""
    (answer,) = [a for a in ingested.answers if sensor.device in a.topic]
    return open_receipt(sensor.receipt_key, answer.payload)


def take(world: World, *messages: Message) -> Ingested:
    return Ingest(world.store, world.node).ingest(messages)


def test_receipt_names_the_last_of_a_handful(world: World):
    sensor = world.sensor()
    frames = sensor.frames(3)
    receipt = told(sensor, take(world, *map(sensor.message, frames)))
    assert (receipt.counter, receipt.sha256) == (2, hashlib.sha256(frames[2]).digest())
    assert world.accepted(sensor) == frames


def test_receipt_names_the_newest_checkpoint_that_is_published(world: World):
    sensor = world.sensor()
    assert told(sensor, take(world, sensor.message(sensor.frame()))).beacon is None
    for _ in range(2):
        published = publish(world.store, world.node)
        assert published is not None
        answer = told(sensor, take(world, sensor.message(sensor.frame())))
        assert answer.beacon == hashlib.sha256(parse_note(published.note).text).digest()
    with world.store.transaction() as tx:
        tx.connection.execute(update(models.Checkpoint).values(published=False))
    assert told(sensor, take(world, sensor.message(sensor.frame()))).beacon is None


def test_receipt_stops_before_a_hole_and_goes_on_when_it_is_filled(world: World):
    sensor = world.sensor()
    frames = sensor.frames(7)
    late = frames[4]
    ingested = take(world, *(sensor.message(f) for f in frames if f is not late))
    assert {o.word for o in ingested.outcomes} == {"accepted"}
    assert told(sensor, ingested).counter == 3
    assert told(sensor, take(world, sensor.message(late))).counter == 6


def test_a_gap_statement_settles_the_counters_it_names(world: World):
    sensor = world.sensor()
    frames = sensor.frames(6)
    take(world, *map(sensor.message, frames[:2]))
    gap = sensor.gap(Gap(2, 3, "flash-full"))
    ingested = take(world, *map(sensor.message, [frames[4], frames[5], gap]))
    assert told(sensor, ingested).counter == 6


def test_no_receipt_before_the_first_counter(world: World):
    sensor = world.sensor()
    frames = sensor.frames(2)
    assert take(world, sensor.message(frames[1])).answers == ()


def test_settling_goes_on_over_more_than_a_page(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(receipts, "_COUNTERS", paged(receipts._said.counter, 3))
    monkeypatch.setattr(receipts, "PAGE", 3)
    sensor = world.sensor()
    frames = sensor.frames(11)
    take(world, *map(sensor.message, frames[1:]))
    assert told(sensor, take(world, sensor.message(frames[0]))).counter == 10


def paged(column, page: int):
    said, device = receipts._said, receipts._device
    return (
        select(said.device, column, column)
        .join(device)
        .where(device.id.in_(bindparam("devices", expanding=True)))
        .where(column > device.settled, column <= device.settled + page)
    )


def test_a_receipt_names_no_more_refusals_than_it_can(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(receipts, "MAX_REFUSED_NAMED", 2)
    sensor = world.sensor(installed=False)
    frames = sensor.frames(5)
    receipt = told(sensor, take(world, *map(sensor.message, frames)))
    assert receipt.counter == 1
    assert receipt.refused == ((0, "not-installed"), (1, "not-installed"))
    receipt = told(sensor, take(world, *map(sensor.message, frames[2:])))
    assert receipt.counter == 3
    assert receipt.refused == ((2, "not-installed"), (3, "not-installed"))


def test_four_hundred_refusals_of_the_largest_counters_fit_into_a_receipt():
    refused = tuple((2**62 - 400 + i, "unsupported-statement") for i in range(receipts.MAX_REFUSED_NAMED))
    receipt = Receipt("0" * 32, 2**32 - 1, 2**62, bytes(32), refused, bytes(32))
    assert open_receipt(bytes(32), encode_receipt(bytes(32), receipt)) == receipt


def test_refusals_are_named_again_after_a_lost_receipt(world: World):
    sensor = world.sensor(installed=False)
    frames = sensor.frames(2)
    take(world, sensor.message(frames[0]))
    receipt = told(sensor, take(world, sensor.message(frames[1])))
    assert [counter for counter, _ in receipt.refused] == [0, 1]


def test_the_quotas_keep_room_for_what_is_genuine(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tally, "QUOTA_ROWS_PER_SOURCE", 6)
    sensor = world.sensor(installed=False)
    noise = [Message(sensor.topic, b"noise %d" % i) for i in range(9)]
    take(world, *noise)
    take(world, sensor.message(sensor.frame()))
    counted = world.tallies()[sensor.device]
    assert (counted["received"], counted["rejected"], counted["unkept"]) == (10, 9, 6)
    assert [code for _, code, _ in world.quarantined()].count("not-installed") == 1


def test_the_quotas_are_of_bytes_too(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tally, "QUOTA_BYTES_PER_SOURCE", 2_000)
    take(world, *(Message("elsewhere", bytes(400)) for _ in range(4)))
    assert world.tallies()["unknown"]["unkept"] == 2
    monkeypatch.setattr(tally, "QUOTA_BYTES", 1_000)
    sensor = world.sensor()
    take(world, Message(sensor.topic, bytes(400)))
    assert world.tallies()[sensor.device]["unkept"] == 1


def test_a_message_that_is_set_aside_is_counted_and_kept(world: World):
    sensor = world.sensor()
    message = Message(sensor.topic, b"poison")
    Ingest(world.store, world.node).set_aside(message, ValueError("some secret"))
    assert world.quarantined() == [("unknown", TraceabilityError.code, b"poison")]
    assert world.tallies()["unknown"]["rejected"] == 1


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_order_and_any_repetition_ends_in_the_same_store(world: World, data: st.DataObject):
    sensor = world.sensor()
    frames = sensor.frames(data.draw(st.integers(1, 9), label="frames"))
    repeated = data.draw(st.lists(st.sampled_from(frames), max_size=6), label="repeated")
    waiting = data.draw(st.permutations(frames + repeated), label="order")
    ingest, last = Ingest(world.store, world.node), None
    while waiting:
        size = data.draw(st.integers(1, len(waiting)), label="handful")
        ingested = ingest.ingest([sensor.message(f) for f in waiting[:size]])
        assert {o.word for o in ingested.outcomes} <= {"accepted", "duplicate"}
        last, waiting = ingested, waiting[size:]
    assert world.accepted(sensor) == frames
    assert last is not None
    receipt = told(sensor, last)
    assert (receipt.counter, receipt.sha256) == (len(frames) - 1, hashlib.sha256(frames[-1]).digest())
    counted = world.tallies()[sensor.device]
    assert (counted["accepted"], counted["duplicate"]) == (len(frames), len(repeated))


def test_two_gateways_at_once_neither_fork_nor_lose(world: World):
    """Both take everything, in opposite orders of the devices, in small handfuls."""
    sensors = [world.sensor() for _ in range(4)]
    handfuls = []
    for _ in range(6):
        handfuls.append([s.message(f) for s in sensors for f in s.frames(3)])
    failures: list[BaseException] = []
    start = threading.Barrier(2)

    def gateway(backwards: bool) -> None:
        ingest = Ingest(world.store, world.node)
        start.wait()
        try:
            for handful in handfuls:
                ingest.ingest(handful[::-1] if backwards else handful)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=gateway, args=(backwards,)) for backwards in (False, True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    for sensor in sensors:
        assert world.accepted(sensor) == sensor.made
        counted = world.tallies()[sensor.device]
        assert (counted["accepted"], counted["duplicate"]) == (18, 18)
    with world.store.reading() as connection:
        record = models.Record
        seqs = list(
            connection.execute(
                select(record.seq)
                .join(models.Stream)
                .where(models.Stream.uri == world.asset)
                .order_by(record.seq)
            ).scalars()
        )
    assert seqs == list(range(len(sensors) + 4 * 18))


def test_each_device_of_a_handful_gets_its_own_receipt(world: World):
    sensors = [world.sensor() for _ in range(12)]
    frames = {sensor.device: sensor.frames(number + 1) for number, sensor in enumerate(sensors)}
    ingested = take(world, *(s.message(frame) for s in sensors for frame in frames[s.device]))
    assert [told(s, ingested).counter for s in sensors] == list(range(12))


def test_however_many_threads_open_a_handful_it_is_judged_alike(world: World):
    sensors = [world.sensor() for _ in range(3)]
    messages = []
    for sensor in sensors:
        for number, body in enumerate(sensor.frames(20)):
            forged, short = body[:-1] + bytes((body[-1] ^ 1,)), body[: -number % 7 or None]
            messages.append(sensor.message(short if number % 5 else forged))
    first, again = (Ingest(world.store, world.node, threads).ingest(messages).outcomes for threads in (1, 4))
    judged = [o.code if o.word == tally.REJECTED else "genuine" for o in first]
    assert set(judged) == {"bad-signature", "bad-encoding", "genuine"}
    assert [o.code if o.word == tally.REJECTED else "genuine" for o in again] == judged
    assert [o.word for o in again].count(tally.DUPLICATE) == judged.count("genuine")


def test_nothing_is_kept_of_what_a_device_sends_whose_registered_key_is_refused(world: World):
    sensor = world.sensor()
    with world.store.transaction() as tx:
        own = update(models.Key).where(models.Key.kid == sensor.key.public.kid)
        tx.connection.execute(own.values(public=PrivateKey.generate().public.raw))
    ingest, message = Ingest(world.store, world.node), sensor.message(sensor.frame())
    lengths = []
    for _ in range(3):
        (outcome,) = ingest.ingest([message]).outcomes
        assert outcome.code == KeyRefusedError.code
        refused = ingest._opener._keys[sensor.device]
        assert isinstance(refused, KeyRefusedError)
        lengths.append(len(list(traceback.walk_tb(refused.__traceback__))))
    assert lengths[0] == lengths[-1], "each message that it refuses is named in its traceback"
