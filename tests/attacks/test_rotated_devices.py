"""Sensors that went on with another key: what the old one is still worth, and whose keys get in that way."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import insert, select

from tests.attacks.test_ended_devices import FAR, NEW, Scene, make_scene, told
from tests.support import forge
from tests.support.forgery import refused
from tests.support.world import Probe, World
from traceability import media
from traceability.errors import (
    ChainMismatchError,
    KeyNotInForceError,
    SignatureMismatchError,
    StatementError,
    UnknownSignerError,
)
from traceability.identifiers import device_keys
from traceability.operations.audit import audit
from traceability.operations.farewell import say_farewell
from traceability.operations.ingest import Ingest, Message
from traceability.operations.tally import ACCEPTED, QUARANTINED, REJECTED
from traceability.sensing.frame import sign_statement
from traceability.sensing.senml import Reading
from traceability.signing import cbor
from traceability.signing.keys import PrivateKey
from traceability.signing.possession import prove_possession
from traceability.store import models
from traceability.verification.bundle import Bundle, Link, parse_bundle
from traceability.verification.verdict import check

TAKEN = (ACCEPTED, None)
LATE = (QUARANTINED, NEW)


@pytest.fixture
def scene(lone: World) -> Scene:
    return make_scene(lone)


@pytest.fixture
def either(world: World) -> Scene:
    return make_scene(world)


def copied(probe: Probe) -> Probe:
    """What a thief has who copied the sensor's memory just now."""
    return replace(probe)


def rotate(scene: Scene, probe: Probe | None = None, **more: Any) -> tuple[str, str | None]:
    probe = probe or scene.probe
    (outcome,) = told(scene.world.take(probe, probe.rotation(scene.world.now_ms, **more)))
    return outcome


def test_behind_a_rotation_the_old_key_signs_nothing_that_counts(either: Scene):
    scene, world, probe = either, either.world, either.probe
    thief = copied(probe)
    hole = world.frame(probe, 4.0)
    assert rotate(scene) == TAKEN
    thief.counter += 2
    stolen = [thief.frame([Reading("air", "Cel", world.now_ms, 9.0)], prev=probe.prev) for _ in range(3)]
    assert told(world.take(probe, *stolen)) == [LATE] * 3
    world.wait(minutes=5)
    own = [world.frame(probe, 4.0) for _ in range(3)]
    assert told(world.take(probe, *own)) == [TAKEN] * 3, "the thief spent none of the sensor's numbers"
    assert told(world.take(probe, *stolen)) == [(QUARANTINED, "equivocation")] * 3
    assert told(world.take(probe, hole)) == [TAKEN], "what the old key signed before stays valid"
    assert scene.missing() == 0


def test_without_a_rotation_the_copied_key_is_believed(scene: Scene):
    """The control: a copied key and the sensor's are one and the same."""
    thief = copied(scene.probe)
    body = thief.frame([Reading("air", "Cel", scene.world.now_ms, 9.0)])
    assert told(scene.world.take(scene.probe, body)) == [TAKEN]


def test_the_old_key_brings_no_second_successor_in(scene: Scene):
    """Neither behind the rotation nor into a hole before it; and the hole is not spent by that."""
    world, probe, thief = scene.world, scene.probe, copied(scene.probe)
    hole = world.frame(probe, 4.0)
    assert rotate(scene) == TAKEN
    assert rotate(scene, copied(thief)) == LATE
    assert rotate(scene, copied(thief), counter=FAR) == LATE
    assert told(world.take(probe, hole, world.frame(probe, 4.0))) == [TAKEN] * 2


def test_who_spent_numbers_ahead_with_the_old_key_keeps_it_from_being_rotated_away(scene: Scene):
    """A limit: two speak with one key, and the node cannot tell which; the owner revokes it."""
    assert told(scene.world.take(scene.probe, scene.back_dated(FAR))) == [TAKEN]
    assert rotate(scene) == (QUARANTINED, "broken-device-chain")


def stated(scene: Scene, payload: bytes, **head: Any) -> bytes:
    """A rotation with another payload, signed by the sensor's own key."""
    probe = copied(scene.probe)
    own = {"stream": device_keys(scene.world.node.name, probe.device)} | head
    whole: Any = probe._head(scene.world.now_ms // 1000, own)
    return sign_statement(probe.key, media.ROTATION, media.CBOR, whole, payload)


def proven(scene: Scene, key: PrivateKey, by: PrivateKey, *about: object) -> bytes:
    probe = scene.probe
    said = about or (probe.uri, probe.counter, probe.prev)
    return cbor.encode([key.public.raw, prove_possession(by, cbor.encode(list(said)))])


def lies(scene: Scene) -> list[tuple[bytes, str]]:
    key, other, probe = PrivateKey.generate(), PrivateKey.generate(), scene.probe
    elsewhere = (probe.uri, probe.counter + 1, probe.prev)
    stranger = device_keys(scene.world.node.name, "0" * 32)
    return [
        (stated(scene, proven(scene, key, other)), "bad-signature"),
        (stated(scene, proven(scene, key, key, *elsewhere)), "bad-signature"),
        (stated(scene, proven(scene, probe.key, probe.key)), "key-refused"),
        (stated(scene, cbor.encode([bytes(32), b""])), "key-refused"),
        (stated(scene, cbor.encode([key.public.raw, b""])), "bad-statement"),
        (stated(scene, cbor.encode([key.public.raw])), "bad-statement"),
        (stated(scene, b"\xff"), "bad-encoding"),
        (stated(scene, proven(scene, key, key), stream=probe.stream), "bad-statement"),
        (stated(scene, proven(scene, key, key), stream=stranger), "bad-statement"),
    ]


@pytest.mark.parametrize("number", range(9))
def test_a_key_that_nobody_shows_to_have_or_that_is_taken_gets_not_in(scene: Scene, number: int):
    body, code = lies(scene)[number]
    assert told(scene.world.take(scene.probe, body)) == [(QUARANTINED, code)]
    scene.world.publish()
    assert audit(scene.world.store, scene.world.node).ok


def test_two_sensors_do_not_go_on_with_one_key(scene: Scene):
    world, key = scene.world, PrivateKey.generate()
    twin = world.device(scene.owner)
    bodies = [Message(p.topic, p.rotation(world.now_ms, key)) for p in (scene.probe, twin)]
    outcomes = world.ingesting.ingest(bodies).outcomes
    assert [(o.word, o.code) for o in outcomes] == [TAKEN, (QUARANTINED, "key-refused")]


def test_a_key_that_a_refused_rotation_offers_signs_nothing(scene: Scene):
    """Offered in the handful in which it is refused, it is no key of the sensor."""
    world, probe = scene.world, scene.probe
    assert told(world.take(probe, scene.back_dated(FAR))) == [TAKEN]
    handful = [probe.rotation(world.now_ms), world.frame(probe, 2.0)]
    assert told(world.take(probe, *handful)) == [
        (QUARANTINED, "broken-device-chain"),
        (REJECTED, UnknownSignerError.code),
    ]


def test_a_second_key_slipped_into_the_registry_signs_nothing(scene: Scene):
    world, key = scene.world, PrivateKey.generate()
    with world.store.transaction() as tx:
        first = models.Key.kid == scene.probe.key.public.kid
        row = tx.connection.execute(select(models.Key.__table__).where(first)).one()._asdict()
        row |= {"kid": key.public.kid, "public": key.public.raw}
        tx.connection.execute(insert(models.Key).values(row))
    thief = replace(scene.probe, key=key)
    body = thief.frame([Reading("air", "Cel", world.now_ms, 9.0)])
    (outcome,) = Ingest(world.store, world.node).ingest([Message(thief.topic, body)]).outcomes
    assert (outcome.word, outcome.code) == (REJECTED, SignatureMismatchError.code)


def test_a_revocation_ends_what_is_left_of_the_old_key_and_not_its_successor(scene: Scene):
    world, probe, old = scene.world, scene.probe, replace(scene.probe)
    hole = world.frame(probe, 4.0)
    assert rotate(scene) == TAKEN
    world.wait(minutes=5)
    world.revoke(old)
    assert told(world.take(probe, hole, world.frame(probe, 4.0))) == [LATE, TAKEN]
    world.wait(minutes=1)
    world.remove(scene.owner, probe)
    say_farewell(world.store, world.node, probe.device, FAR)
    assert rotate(scene) == LATE, "nor does a device go on that was taken leave of"
    assert scene.journey().stays[0].frames == 4


def rewritten(scene: Scene, *acts: Link, frames: tuple[bytes, ...] = (), left_out: int = 0) -> Bundle:
    """What a lying node makes of the sensor's key stream and of the batch's."""
    scene.world.publish()
    bundle = parse_bundle(scene.world.bundle(scene.batch))
    batch, *rest = bundle.streams
    name, end = device_keys(scene.world.node.name, scene.probe.device), scene.world.now_ms
    late = [forge.link(media.FRAME, frame, end) for frame in frames]
    keys = [
        replace(s, links=(*s.links[: len(s.links) - left_out], *acts)) if s.uri == name else s for s in rest
    ]
    return replace(bundle, streams=(replace(batch, links=(*batch.links, *late)), *keys))


def verdict_of(scene: Scene, bundle: Bundle) -> Any:
    return check(forge.sign(bundle, scene.world.node), scene.world.node.policy)


def test_a_node_that_lets_the_old_key_go_on_is_found_out(scene: Scene):
    world, probe, thief = scene.world, scene.probe, copied(scene.probe)
    assert rotate(scene) == TAKEN
    assert told(world.measure(probe, 4.0)) == [TAKEN]
    following = world.frame(probe, 4.0)
    assert verdict_of(scene, rewritten(scene, frames=(following,))).exit_code == 0, "the control"
    readings = [Reading("air", "Cel", world.now_ms, 9.0)]
    beyond = thief.frame(readings, counter=FAR)
    refused(verdict_of(scene, rewritten(scene, frames=(beyond,))), KeyNotInForceError)
    early = replace(probe).frame(readings, counter=1)
    refused(verdict_of(scene, rewritten(scene, frames=(early,))), KeyNotInForceError)
    refused(verdict_of(scene, rewritten(scene, left_out=1)), UnknownSignerError)
    spent = thief.frame(readings, counter=3)
    refused(verdict_of(scene, rewritten(scene, frames=(spent,))), ChainMismatchError)
    forked = replace(probe).frame(readings, counter=probe.counter + 5, prev=hashlib.sha256(b"x").digest())
    assert verdict_of(scene, rewritten(scene, frames=(forked,))).exit_code == 0, "a hole is no lie"


def test_the_chain_of_a_sensor_goes_on_through_its_rotation(scene: Scene):
    world, probe, thief = scene.world, scene.probe, copied(scene.probe)
    readings = [Reading("air", "Cel", world.now_ms, 9.0)]
    assert rotate(scene) == TAKEN
    following = copied(probe).frame(readings)
    assert verdict_of(scene, rewritten(scene, frames=(following,))).exit_code == 0, "the control"
    forked = copied(probe).frame(readings, prev=hashlib.sha256(b"x").digest())
    for other in (forked, thief.frame(readings)):
        refused(verdict_of(scene, rewritten(scene, frames=(other,))), ChainMismatchError)


def test_a_node_that_brings_a_key_in_itself_is_found_out(scene: Scene):
    end = scene.world.now_ms
    stranger = replace(scene.probe, key=PrivateKey.generate())
    by_stranger = stranger.rotation(end)
    refused(
        verdict_of(scene, rewritten(scene, forge.link(media.ROTATION, by_stranger, end))), ChainMismatchError
    )
    for body, _ in lies(scene):
        assert verdict_of(scene, rewritten(scene, forge.link(media.ROTATION, body, end))).exit_code == 1
    old = copied(scene.probe)
    genuine, again = copied(scene.probe).rotation(end), old.rotation(end)
    whole = rewritten(scene, forge.link(media.ROTATION, genuine, end))
    assert verdict_of(scene, whole).exit_code == 0, "the control"
    acts = [forge.link(media.ROTATION, body, end) for body in (genuine, again)]
    refused(verdict_of(scene, rewritten(scene, *acts)), ChainMismatchError)
    refused(verdict_of(scene, rewritten(scene, forge.link(media.KEY, genuine, end))))
    frame = scene.world.frame(scene.probe, 4.0)
    refused(verdict_of(scene, rewritten(scene, forge.link(media.ROTATION, frame, end))), StatementError)
