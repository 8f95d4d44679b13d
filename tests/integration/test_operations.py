"""What the programs do, on both databases: from an empty folder to a bundle that a stranger accepts."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from tests.support.world import MINUTE_MS, World, tell_story
from traceability.errors import (
    ChainMismatchError,
    ClockAheadError,
    ClockError,
    ConflictError,
    EventError,
    LogConflictError,
    NotPublishedError,
    ProofMismatchError,
    RefusedError,
    SettingsError,
    StoreUnavailableError,
    UnknownSignerError,
    UnknownSubjectError,
)
from traceability.ledger.record import GENESIS, Record, commit
from traceability.ledger.state import stream_hash
from traceability.operations import publish as publishing
from traceability.operations.audit import audit
from traceability.operations.enrol import enrol_device, find_party
from traceability.operations.lock import Lock
from traceability.operations.node import init_node, load_node
from traceability.operations.publish import publish
from traceability.sensing.senml import Reading
from traceability.signing.keys import PrivateKey
from traceability.signing.keystatement import device_request, vouch
from traceability.store import models
from traceability.verification.journey import Journey
from traceability.verification.verdict import check


def texts_of(world: World, batch: str) -> list[str]:
    """The kinds of a batch's records, in order."""
    record, stream = models.Record, models.Stream
    query = select(record.media_type).join(stream, stream.hash == record.stream).where(stream.uri == batch)
    with world.store.reading() as connection:
        types = connection.execute(query.order_by(record.seq)).scalars()
        return [t.removeprefix("application/vnd.food-traceability.") for t in types]


def accepted(world: World, batch: str) -> Journey:
    verdict = check(world.bundle(batch), world.node.policy)
    assert verdict.exit_code == 0, verdict.lines()
    assert verdict.journey is not None
    return verdict.journey


def test_a_whole_story_is_audited_exported_and_accepted(world: World):
    story = tell_story(world)
    assert audit(world.store, world.node).lines()[:-1] == []
    accepted(world, story.closed)
    accepted(world, story.opened)
    kinds = texts_of(world, story.closed)
    assert [k for k in kinds if k.startswith("stay")] == [
        "stay-open",
        "stay-close",
        "stay-amend",
        "stay-open",
    ]


def test_init_makes_a_node_once_with_secrets_for_its_user_only(tmp_path: Path):
    node = init_node(tmp_path / "node", "a.example")
    assert load_node(tmp_path / "node") == node
    assert node.policy.log.key == node.log_key.public
    assert node.policy.registrar.key == node.registrar_key.public
    with pytest.raises(ConflictError):
        init_node(tmp_path / "node")
    (tmp_path / "node" / "keys" / "log.pem").chmod(0o640)
    with pytest.raises(SettingsError, match="chmod 600"):
        load_node(tmp_path / "node").log_key.sign(b"")
    with pytest.raises(SettingsError, match="traceability init"):
        load_node(tmp_path / "nowhere")
    (tmp_path / "node" / "node.json").write_text('{"format": 2, "name": "a.example"}')
    with pytest.raises(SettingsError, match="another version"):
        load_node(tmp_path / "node")


def test_a_party_and_a_device_are_enrolled_once(world: World):
    farm = world.party("Farm", "9520000000028")
    with pytest.raises(ConflictError):
        world.party("Farm again", "9520000000028")
    key = PrivateKey.generate()
    request = device_request(key, node=world.node.name, owner=farm, model="m", iat=1)
    enrolled = enrol_device(world.store, world.node, request)
    assert enrolled.owner == farm
    with pytest.raises(ConflictError):
        enrol_device(world.store, world.node, request)
    with world.store.reading() as connection:
        assert find_party(connection, world.node, "9520000000028") == farm
        with pytest.raises(UnknownSubjectError):
            find_party(connection, world.node, "0" * 16)


def test_a_request_for_another_node_or_owner_is_refused(lone: World):
    farm, key = lone.party("Farm"), PrivateKey.generate()

    def request(node: str = lone.node.name, owner: str = farm) -> bytes:
        return device_request(key, node=node, owner=owner, model="m", iat=1)

    with pytest.raises(ConflictError, match="another node"):
        enrol_device(lone.store, lone.node, request("other.example"))
    with pytest.raises(UnknownSignerError):
        enrol_device(lone.store, lone.node, request(owner=f"https://{lone.node.name}/party/{'0' * 16}"))
    with pytest.raises(ConflictError, match="own request"):
        enrol_device(lone.store, lone.node, vouch(request(), PrivateKey.generate()))


def test_what_contradicts_the_record_is_refused_and_leaves_nothing(world: World):
    farm, other = world.party("Farm"), world.party("Other")
    truck, probe = world.asset("TRUCK1"), world.device(farm)
    batch = world.harvest(farm, "L1")

    def refused(error: type[Exception], text: str, call: Any, *args: Any, **options: Any) -> None:
        with pytest.raises(error, match=text):
            call(*args, **options)

    world.wait(ms=1)
    refused(ConflictError, "created before", world.harvest, farm, "L1")
    refused(UnknownSubjectError, "not recorded here", world.event, "pack", farm, world.batch("L9"))
    refused(UnknownSubjectError, "install", world.event, "load", farm, batch, asset=truck)
    refused(RefusedError, "another party", world.install, other, probe, truck)
    refused(ConflictError, "not installed", world.remove, farm, probe)
    world.install(farm, probe, truck)
    refused(ConflictError, "removal first", world.install, farm, probe, world.asset("TRUCK2"))
    refused(ConflictError, "is not in", world.event, "unload", farm, batch, asset=truck)
    world.event("load", farm, batch, asset=truck)
    world.wait(ms=1)
    refused(ConflictError, "still in", world.event, "load", farm, batch, asset=truck)
    early = world.now_ms - MINUTE_MS
    refused(ConflictError, "before it entered", world.event, "unload", farm, batch, asset=truck, at_ms=early)
    ahead = world.now_ms + 6 * MINUTE_MS
    refused(ClockAheadError, "future", world.event, "unload", farm, batch, asset=truck, at_ms=ahead)
    refused(EventError, "quantityList", world.event, "pack", farm)
    refused(
        UnknownSignerError,
        "custody",
        world.event,
        "pack",
        f"https://{world.node.name}/party/{'0' * 16}",
        batch,
    )
    world.publish()
    assert audit(world.store, world.node).ok
    assert texts_of(world, batch) == ["event+sd-jwt", "event+sd-jwt", "stay-open"]


def test_a_device_cannot_be_removed_before_its_last_reading(world: World):
    """Else its readings would stand in an asset on which nobody had installed it."""
    farm, truck = world.party("Farm"), world.asset("TRUCK1")
    probe = world.device(farm)
    world.install(farm, probe, truck)
    world.wait(minutes=10)
    world.measure(probe, 4.0)
    with pytest.raises(ConflictError, match="delivered readings until"):
        world.remove(farm, probe, world.now_ms - MINUTE_MS)
    world.remove(farm, probe)


def test_entering_that_is_recorded_late_reaches_back_to_its_readings(world: World):
    """Recorded an hour late, with a second device installed in between: the bundle is accepted."""
    farm, truck = world.party("Farm"), world.asset("TRUCK1")
    probe, later = world.device(farm), world.device(farm)
    world.install(farm, probe, truck)
    batch = world.harvest(farm, "L1")
    world.measure(probe, 3.0)
    world.wait(minutes=5)
    entered = world.now_ms
    for value in (4.0, 9.0, 4.0):
        world.wait(minutes=10)
        world.measure(probe, value)
    world.install(farm, later, truck)
    world.wait(minutes=5)
    world.measure(later, 5.0)
    world.event("load", farm, batch, asset=truck, at_ms=entered)
    world.publish()
    accepted(world, batch)
    journey = check(world.bundle(batch), world.node.policy).journey
    assert journey is not None
    by_device = {c.device: c.exposure.max_milli_c for c in journey.stays[0].curves}
    assert by_device == {probe.device: 9000, later.device: 5000}
    world.event("unload", farm, batch, asset=truck)
    world.wait(minutes=40)
    world.publish()
    accepted(world, batch)
    assert audit(world.store, world.node).ok


def test_a_device_without_readings_before_the_stay_is_shown_from_its_installation(world: World):
    farm, truck = world.party("Farm"), world.asset("TRUCK1")
    old, new = world.device(farm), world.device(farm)
    world.install(farm, old, truck)
    world.measure(old, 3.0)
    world.install(farm, new, truck)
    batch = world.harvest(farm, "L1")
    world.measure(old, 3.0)
    world.event("load", farm, batch, asset=truck)
    world.wait(minutes=5)
    world.measure(new, 4.0)
    world.publish()
    (stay,) = accepted(world, batch).stays
    assert {curve.device for curve in stay.curves} == {old.device, new.device}


def test_a_silent_device_is_named_and_its_late_data_amend_the_stay(world: World):
    farm, truck = world.party("Farm"), world.asset("TRUCK1")
    probe = world.device(farm)
    world.install(farm, probe, truck)
    batch = world.harvest(farm, "L1")
    world.measure(probe, 3.0)
    world.event("load", farm, batch, asset=truck)
    world.wait(minutes=10)
    late = world.frame(probe, 8.0)
    world.event("unload", farm, batch, asset=truck)
    world.publish()
    assert "stay-close" not in texts_of(world, batch)
    world.wait(minutes=31)
    world.publish()
    assert texts_of(world, batch)[-1] == "stay-close"
    accepted(world, batch)
    world.measure(probe, 4.0)
    world.publish()
    with world.store.reading() as connection:
        assert connection.execute(select(models.Stay.settled)).scalars().all() == [True]
    world.take(probe, late)
    world.publish()
    assert texts_of(world, batch)[-1] == "stay-amend"
    accepted(world, batch)
    assert audit(world.store, world.node).ok


def test_a_device_taken_away_during_a_stay_ends_as_uninstalled(lone: World):
    farm, truck = lone.party("Farm"), lone.asset("TRUCK1")
    probe = lone.device(farm)
    lone.install(farm, probe, truck)
    batch = lone.harvest(farm, "L1")
    lone.measure(probe, 3.0)
    lone.event("load", farm, batch, asset=truck)
    lone.wait(minutes=10)
    lone.remove(farm, probe)
    lone.wait(minutes=10)
    lone.event("unload", farm, batch, asset=truck)
    lone.wait(minutes=31)
    lone.publish()
    journey = check(lone.bundle(batch), lone.node.policy).journey
    assert journey is not None
    closed = journey.stays[0].closed
    assert closed is not None
    assert [d.end for d in closed.devices] == ["uninstalled"]


def test_a_bundle_made_between_staging_and_applying_an_amendment_is_accepted(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    story = tell_story(world)
    probe = story.probes[1]
    world.event("retrieve", story.farm, story.closed, story.opened, asset=story.room)
    world.wait(minutes=5)
    late = world.frame(probe, 6.0)
    world.wait(minutes=31)
    world.publish()
    body = probe.frame([Reading("air", "Cel", world.now_ms - 37 * MINUTE_MS, 6.5)])
    world.take(probe, late, body)
    monkeypatch.setattr(publishing, "_apply", stop)
    with pytest.raises(Stopped):
        world.publish()
    accepted(world, story.closed)
    monkeypatch.undo()
    assert world.publish() is None
    accepted(world, story.closed)
    assert audit(world.store, world.node).ok


def test_nothing_is_exported_before_it_is_published(world: World):
    farm = world.party("Farm")
    batch = world.harvest(farm, "L1")
    with pytest.raises(NotPublishedError):
        world.bundle(batch)
    with pytest.raises(UnknownSubjectError):
        world.bundle(world.batch("L2"))
    world.publish()
    accepted(world, batch)


# Publishing: what stops it, and another publisher. Failures at every step: test_publish_faults.py.


class Stopped(Exception):
    """The publisher died here."""


def stop(*_: Any, **__: Any) -> None:
    raise Stopped


def test_two_publishers_at_once_sign_one_history(world: World):
    """Started by mistake, each in a thread: neither fails, and the log is whole."""
    farm = world.party("Farm")
    failures: list[BaseException] = []
    start = threading.Barrier(2)

    def publisher() -> None:
        try:
            for _ in range(6):
                start.wait()
                try:
                    publish(world.store, world.node)
                except ClockError:
                    continue
        except Exception as error:
            failures.append(error)
            start.abort()

    threads = [threading.Thread(target=publisher) for _ in range(2)]
    for number in range(6):
        world.harvest(farm, f"L{number}")
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    world.publish()
    assert failures == []
    assert audit(world.store, world.node).lines()[:-1] == []


def test_a_staged_checkpoint_of_another_publisher_is_left_to_it(lone: World, monkeypatch: pytest.MonkeyPatch):
    batch = lone.harvest(lone.party("Farm"), "L1")
    with monkeypatch.context() as patched:
        patched.setattr(Lock, "swap", stop)
        with pytest.raises(Stopped):
            lone.publish()
    with monkeypatch.context() as patched:
        patched.setattr(publishing, "_resume", lambda *_: None)
        assert lone.publish() is None
    lone.publish()
    accepted(lone, batch)


def test_the_same_checkpoint_can_be_put_into_the_lock_twice_and_another_cannot(tmp_path: Path):
    lock = Lock(tmp_path / "lock.sqlite")
    assert lock.newest() is None
    lock.swap(None, b"one")
    lock.swap(None, b"one")
    lock.swap(b"one", b"two")
    lock.swap(b"one", b"two")
    with pytest.raises(LogConflictError):
        lock.swap(b"one", b"three")
    with pytest.raises(LogConflictError):
        lock.swap(None, b"three")
    assert lock.newest() == b"two"
    with pytest.raises(StoreUnavailableError):
        Lock(tmp_path).newest()


def test_nothing_is_signed_over_a_changed_record_head_tile_or_page(world: World):
    farm = world.party("Farm")
    world.harvest(farm, "L1")
    world.publish()
    world.harvest(farm, "L2")
    cases: list[tuple[Any, type[Exception]]] = [
        (
            update(models.Record).where(models.Record.log_index.is_(None)).values(salt=b"?" * 16),
            ChainMismatchError,
        ),
        (update(models.Stream).where(models.Stream.length == 1).values(head=b"?" * 32), ChainMismatchError),
        (update(models.Stream).where(models.Stream.length == 1).values(length=5), ChainMismatchError),
        (update(models.Tile).values(hashes=b"?" * 32 * 64), LogConflictError),
        (
            update(models.StatePage).where(models.StatePage.level == 4).values(body=b"?" * 512),
            LogConflictError,
        ),
        (update(models.Checkpoint).values(leaf=models.Checkpoint.leaf + "?"), ProofMismatchError),
    ]
    before = Lock(world.node.lock_path).newest()
    for change, error in cases:
        with world.store.engine.connect() as connection, connection.begin() as attack:
            kept = {t: [dict(r) for r in connection.execute(select(t)).mappings()] for t in tables_of(change)}
            connection.execute(change)
            attack.commit()
        with pytest.raises(error):
            world.publish()
        assert Lock(world.node.lock_path).newest() == before
        with world.store.engine.connect() as connection, connection.begin():
            for table, rows in kept.items():
                for row in rows:
                    one = [c == row[c.name] for c in table.primary_key.columns]
                    connection.execute(update(table).where(*one).values(row))
    assert world.publish() is not None
    assert audit(world.store, world.node).ok


def test_nothing_is_signed_over_a_stream_under_another_streams_name(world: World):
    """The rows agree with one another, but the state would name what is nowhere."""
    batch = world.harvest(world.party("Farm"), "L1")
    other, name = world.batch("L2"), stream_hash(batch)
    with world.store.transaction() as tx:
        row = tx.connection.execute(select(models.Record).where(models.Record.stream == name)).one()
        made = Record(other, 0, GENESIS, row.time_ms, row.media_type, commit(row.statement, row.salt)).hash
        tx.connection.execute(update(models.Record).where(models.Record.stream == name).values(hash=made))
        changed = update(models.Stream).where(models.Stream.hash == name)
        tx.connection.execute(changed.values(uri=other, head=made))
    with pytest.raises(ChainMismatchError):
        world.publish()


def test_a_staged_checkpoint_over_records_that_changed_since_is_not_published(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    world.harvest(world.party("Farm"), "L1")
    before = Lock(world.node.lock_path).newest()
    with monkeypatch.context() as patched:
        patched.setattr(Lock, "swap", stop)
        with pytest.raises(Stopped):
            world.publish()
    with world.store.transaction() as tx:
        one = update(models.Record).where(models.Record.stream == stream_hash(world.batch("L1")))
        tx.connection.execute(one.values(hash=b"?" * 32))
    with pytest.raises(LogConflictError):
        world.publish()
    assert Lock(world.node.lock_path).newest() == before


def test_a_late_publisher_does_not_put_the_kept_state_back(world: World, monkeypatch: pytest.MonkeyPatch):
    """It was overtaken between staging and applying, by another one that published twice."""
    farm = world.party("Farm")
    world.harvest(farm, "L1")
    late: list[Any] = []

    def overtaken(*step: Any) -> None:
        late.extend(step)
        raise Stopped

    with monkeypatch.context() as patched:
        patched.setattr(publishing, "_apply", overtaken)
        with pytest.raises(Stopped):
            world.publish()
    world.event("pack", farm, world.batch("L1"))
    world.publish()
    publishing._apply(*late)
    assert audit(world.store, world.node).lines()[:-1] == []


def tables_of(change: Any) -> list[Any]:
    return [change.table]


def test_nothing_is_signed_while_the_clock_stands_still(lone: World):
    lone.harvest(lone.party("Farm"), "L1")
    lone.wait(ms=-1)
    with pytest.raises(ClockError):
        publish(lone.store, lone.node)
    lone.wait(ms=2)
    assert publish(lone.store, lone.node) is not None
    assert publish(lone.store, lone.node) is None


def test_times_never_go_back_though_the_clock_does(lone: World):
    farm = lone.party("Farm")
    lone.harvest(farm, "L1")
    lone.publish()
    lone.wait(minutes=-10)
    batch = lone.harvest(farm, "L2", at_ms=lone.now_ms - MINUTE_MS)
    lone.wait(minutes=20)
    lone.publish()
    assert audit(lone.store, lone.node).ok
    accepted(lone, batch)
