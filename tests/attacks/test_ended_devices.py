"""Sensors whose key was revoked, or that were taken out of use: what a thief still gets in, and what not."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace

import pytest

from tests.support import forge
from tests.support.forgery import refused
from tests.support.world import MINUTE_MS, Probe, World
from traceability import media
from traceability.errors import (
    ConflictError,
    KeyNotInForceError,
    NotInstalledError,
    SubjectMismatchError,
    UnknownSignerError,
)
from traceability.identifiers import device_keys
from traceability.operations.audit import audit
from traceability.operations.enrol import signing_key
from traceability.operations.farewell import say_farewell
from traceability.operations.ingest import Ingested
from traceability.operations.tally import ACCEPTED, QUARANTINED
from traceability.sensing.frame import Clock
from traceability.sensing.receipt import open_receipt
from traceability.sensing.senml import Reading
from traceability.signing.farewell import device_farewell
from traceability.signing.keys import PrivateKey, receipt_key
from traceability.signing.revocation import Told, device_revocation
from traceability.verification.bundle import Bundle, parse_bundle
from traceability.verification.journey import Journey
from traceability.verification.verdict import check

FAR = 1_000_000
"""How many messages a thief would have us believe to be lost."""
NEW = KeyNotInForceError.code


@dataclass
class Scene:
    """A logger that is packed with a batch, and has been measuring for a while."""

    world: World
    owner: str
    probe: Probe
    batch: str
    began_ms: int

    def back_dated(self, counter: int, **head: object) -> bytes:
        """What a thief signs about the time when the sensor was installed."""
        readings = [Reading("air", "Cel", self.began_ms + MINUTE_MS, 2.0)]
        return replace(self.probe).frame(readings, counter=counter, prev=bytes([7] * 32), **head)

    def timeless(self, counter: int, prev: bytes = bytes([7] * 32)) -> bytes:
        """What bears no time at all."""
        head = {"clock": Clock.UNSYNCHRONISED, "issued_at": None, "uptime_s": 300}
        return replace(self.probe).frame(
            [Reading("air", "Cel", 200_000, 2.0)], counter=counter, prev=prev, **head
        )

    def journey(self) -> Journey:
        """What everybody is shown; the store is in order too."""
        self.world.publish()
        assert audit(self.world.store, self.world.node).lines()[:-1] == []
        verdict = check(self.world.bundle(self.batch), self.world.node.policy)
        assert verdict.exit_code == 0, verdict.lines()
        assert verdict.journey is not None
        return verdict.journey

    def missing(self) -> int:
        (stay,) = self.journey().stays
        return sum(stay.missing.values())


def told(ingested: Ingested) -> list[tuple[str, str | None]]:
    return [(outcome.word, outcome.code) for outcome in ingested.outcomes]


def make_scene(world: World) -> Scene:
    owner = world.party("Carrier")
    probe, batch, began_ms = world.device(owner), world.harvest(owner, "L1"), world.now_ms
    world.install(owner, probe, batch)
    for _ in range(3):
        world.wait(minutes=5)
        assert told(world.measure(probe, 4.0)) == [(ACCEPTED, None)]
    return Scene(world, owner, probe, batch, began_ms)


@pytest.fixture
def scene(lone: World) -> Scene:
    return make_scene(lone)


@pytest.fixture
def either(world: World) -> Scene:
    return make_scene(world)


def test_behind_the_revocation_of_its_key_a_sensor_gets_nothing_in(either: Scene):
    scene, world, probe = either, either.world, either.probe
    since_s = world.now_ms // 1000
    world.measure(probe, 5.0)
    world.wait(minutes=1)
    world.revoke(probe, since_s)
    own, kept = world.frame(probe, 4.5), scene.missing()
    bodies = (own, scene.back_dated(FAR), scene.timeless(FAR + 1))
    answered = world.take(probe, *bodies)
    assert told(answered) == [(QUARANTINED, NEW)] * 3
    receipt = open_receipt(receipt_key(world.node.secret, probe.device), answered.answers[0].payload)
    assert (receipt.counter, receipt.refused) == (4, ((4, NEW),)), "it is named, and no more"
    assert [word for word, _ in told(world.take(probe, *bodies))] == ["duplicate"] * 3
    journey = scene.journey()
    assert sum(journey.stays[0].missing.values()) == kept == 0
    assert (journey.stays[0].frames, journey.stays[0].suspected) == (4, 2), "from the time on, none deleted"
    assert [r.suspected for r in journey.records if r.media_type == media.FRAME] == [False, False, True, True]
    lines = check(world.bundle(scene.batch), world.node.policy).lines()
    assert "messages of sensors under suspicion that their key was misused: 2" in lines[0]


def test_without_a_revocation_a_stolen_key_makes_messages_look_lost(scene: Scene):
    """The control, and the limit: what came before anybody knew of the theft is in the record."""
    assert told(scene.world.take(scene.probe, scene.back_dated(FAR))) == [(ACCEPTED, None)]
    assert scene.missing() == FAR - 3


def test_revoking_races_with_no_message(either: Scene):
    """Whatever comes at the same time is recorded before it or refused; nobody who checks has to guess."""
    world, probe = either.world, either.probe
    bodies = [world.frame(probe, 4.0) for _ in range(12)]
    outcomes: list[tuple[str, str | None]] = []

    def send() -> None:
        for body in bodies:
            outcomes.extend(told(world.take(probe, body)))

    sender = threading.Thread(target=send)
    sender.start()
    world.revoke(probe)
    sender.join()
    taken = [outcome for outcome in outcomes if outcome == (ACCEPTED, None)]
    assert outcomes == [*taken, *[(QUARANTINED, NEW)] * (12 - len(taken))]
    assert either.journey().stays[0].frames == 3 + len(taken)


def test_what_bears_no_time_is_not_taken_once_its_sensor_was_taken_off(scene: Scene):
    """But for a hole among its own messages: what stands behind a hole says what fits into it."""
    world, probe = scene.world, scene.probe
    head = {"clock": Clock.UNSYNCHRONISED, "issued_at": None, "uptime_s": 300}
    hole = probe.frame([Reading("air", "Cel", 200_000, 4.0)], **head)
    assert told(world.measure(probe, 4.0)) == [(ACCEPTED, None)]
    world.wait(minutes=1)
    world.remove(scene.owner, probe)
    world.wait(minutes=60 * 24 * 60)
    thief = scene.timeless(FAR)
    assert told(world.take(probe, thief)) == [(QUARANTINED, NotInstalledError.code)]
    assert scene.missing() == 1
    assert told(world.take(probe, hole)) == [(ACCEPTED, None)]
    assert scene.missing() == 0


def test_what_bears_no_time_is_taken_while_its_sensor_is_installed(scene: Scene):
    """The control: a sensor without a clock is a sensor."""
    assert told(scene.world.take(scene.probe, scene.timeless(3, scene.probe.prev))) == [(ACCEPTED, None)]


def test_behind_a_farewell_only_what_was_on_the_way_gets_in(either: Scene):
    scene, world, probe = either, either.world, either.probe
    world.wait(minutes=5)
    late = [world.frame(probe, 4.0), world.frame(probe, 4.5)]
    with pytest.raises(ConflictError, match="is installed on"):
        say_farewell(world.store, world.node, probe.device)
    world.wait(minutes=1)
    world.remove(scene.owner, probe)
    with pytest.raises(ConflictError, match="has reached counter 2"):
        say_farewell(world.store, world.node, probe.device, 1)
    assert say_farewell(world.store, world.node, probe.device, 4).holes == 2
    world.wait(minutes=60 * 24 * 60)
    thief = (scene.back_dated(FAR), scene.timeless(FAR + 1), scene.back_dated(5))
    assert told(world.take(probe, *thief)) == [(QUARANTINED, NEW)] * 3
    assert told(world.take(probe, *late)) == [(ACCEPTED, None)] * 2
    (stay,) = scene.journey().stays
    assert (stay.frames, sum(stay.missing.values()), stay.suspected) == (5, 0, 0)
    with pytest.raises(ConflictError, match="its end is recorded"):
        say_farewell(world.store, world.node, probe.device)
    world.revoke(probe)
    assert told(world.take(probe, scene.back_dated(3))) == [(QUARANTINED, "equivocation")]
    assert scene.journey().stays[0].frames == 5


def test_without_a_farewell_a_removed_sensor_still_speaks_of_its_time(scene: Scene):
    """The control."""
    scene.world.wait(minutes=1)
    scene.world.remove(scene.owner, scene.probe)
    scene.world.wait(minutes=60 * 24 * 60)
    assert told(scene.world.take(scene.probe, scene.back_dated(FAR))) == [(ACCEPTED, None)]


def ending(scene: Scene, act: bytes, frame: bytes, *, after_ms: int) -> Bundle:
    """A bundle by a node that lies: the act on the sensor's stream, and a frame recorded so much later."""
    scene.world.publish()
    bundle = parse_bundle(scene.world.bundle(scene.batch))
    ends_ms = scene.world.now_ms
    batch, *rest = bundle.streams
    name = device_keys(scene.world.node.name, scene.probe.device)
    act_link = forge.link(media.KEY, act, ends_ms)
    keys = [replace(s, links=(*s.links, act_link)) if s.uri == name else s for s in rest]
    late = forge.link(media.FRAME, frame, ends_ms + after_ms)
    return replace(bundle, streams=(replace(batch, links=(*batch.links, late)), *keys))


def acts(scene: Scene, by: PrivateKey) -> tuple[bytes, bytes]:
    """A revocation, and a farewell that lets one more message through."""
    node, device = scene.world.node.name, scene.probe.device
    said = Told(kid=scene.probe.key.public.kid, reason="stolen", suspected_s=None, iat=1)
    revoked = device_revocation(by, node=node, device=device, **said)
    return revoked, device_farewell(by, node=node, device=device, last=3, iat=1)


def test_a_node_that_lets_a_message_in_behind_the_end_is_found_out(scene: Scene):
    node = scene.world.node
    with scene.world.store.reading() as connection:
        owner = signing_key(connection, node, scene.owner)
    revoked, parted = acts(scene, owner)
    next_one, beyond = scene.world.frame(scene.probe, 4.0), scene.world.frame(scene.probe, 4.0)
    for act, frame, after_ms in ((revoked, next_one, -1), (parted, next_one, 10**9), (parted, beyond, -1)):
        bundle = ending(scene, act, frame, after_ms=after_ms)
        assert check(forge.sign(bundle, node), node.policy).exit_code == 0, "the control"
    for act, frame, after_ms in ((revoked, next_one, 0), (revoked, next_one, 10**9), (parted, beyond, 0)):
        bundle = ending(scene, act, frame, after_ms=after_ms)
        refused(check(forge.sign(bundle, node), node.policy), KeyNotInForceError)


def test_nobody_but_its_owner_ends_a_sensor(scene: Scene):
    node, frame = scene.world.node, scene.world.frame(scene.probe, 4.0)
    strangers = (
        (PrivateKey.generate(), UnknownSignerError),
        (node.registrar_key, UnknownSignerError),
        (scene.probe.key, (KeyNotInForceError, SubjectMismatchError)),
    )
    for stranger, error in strangers:
        for act in acts(scene, stranger):
            verdict = check(forge.sign(ending(scene, act, frame, after_ms=-1), node), node.policy)
            assert isinstance(verdict.failure, error), verdict.failure
