"""A simulated device goes on with another key: on a real node, with lost receipts, and through power cuts."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from firmware_sim.device import Device, Pack
from firmware_sim.enrolment import Enrolment
from firmware_sim.flash import Flash
from tests.support.world import World
from traceability import media
from traceability.operations.audit import audit
from traceability.operations.enrol import enrol_device
from traceability.operations.farewell import device_signers
from traceability.operations.ingest import Ingested, Message
from traceability.operations.tally import ACCEPTED, DUPLICATE
from traceability.sensing import topics
from traceability.sensing.frame import parse_statement
from traceability.sensing.senml import Reading
from traceability.signing.keystatement import device_request
from traceability.verification.journey import StayView
from traceability.verification.verdict import check


@dataclass
class Field:
    """A device that is packed with a batch of a node."""

    world: World
    device: Device
    batch: str
    owner: str

    @property
    def topic(self) -> str:
        return topics.frame_topic("test", self.device.enrolment.device)

    def measure(self, value: float = 4.0) -> None:
        self.world.wait(minutes=5)
        self.device.measure([Pack(self.world.now_ms, (Reading("air", "Cel", self.world.now_ms - 1, value),))])

    def send(self, now_s: float = 0.0, *, hears: bool = True) -> list[str]:
        """Send all that is due, in one handful; the receipts arrive if it ``hears``."""
        handful = [Message(self.topic, body) for body in self.device.due(now_s)]
        ingested: Ingested = self.world.ingesting.ingest(handful)
        for answer in ingested.answers if hears else ():
            self.device.receive(answer.payload, now_s)
        return [outcome.word for outcome in ingested.outcomes]

    def restart(self, folder: Path | None = None) -> None:
        """The power goes and comes, with the flash as it is, or as it is in ``folder``."""
        enrolment, stream = self.device.enrolment, self.device.stream
        self.device.flash.close()
        flash = Flash(folder or self.device.flash.folder)
        flash.start(self.world.now_ms)
        self.device = Device(flash, enrolment, stream)

    def kids(self) -> list[bytes]:
        """The keys that the node knows of the device."""
        with self.world.store.reading() as connection:
            return list(device_signers(connection, self.world.node, self.device.enrolment.device).by_kid)

    def stay(self) -> StayView:
        self.world.publish()
        assert audit(self.world.store, self.world.node).lines()[:-1] == []
        verdict = check(self.world.bundle(self.batch), self.world.node.policy)
        assert verdict.exit_code == 0, verdict.lines()
        assert " signed by 1 devices" in verdict.lines()[0]
        assert verdict.journey is not None
        (stay,) = verdict.journey.stays
        return stay


def make_field(world: World, folder: Path) -> Field:
    flash, owner = Flash(folder / "flash"), world.party("Owner")
    asked = device_request(
        flash.key, node=world.node.name, owner=owner, model="FT-1", iat=world.now_ms // 1000
    )
    told, batch = enrol_device(world.store, world.node, asked), world.harvest(owner, "L1")
    enrolment = Enrolment(told.device, told.uri, world.node.name, "test", told.receipt_key)
    flash.start(world.now_ms)
    world._record(owner, "install", None, parentID=batch, childEPCs=[told.uri])
    return Field(world, Device(flash, enrolment, batch), batch, owner)


@pytest.fixture
def field(world: World, tmp_path: Path) -> Iterator[Field]:
    made = make_field(world, tmp_path)
    yield made
    made.device.flash.close()


@pytest.fixture
def one(lone: World, tmp_path: Path) -> Iterator[Field]:
    made = make_field(lone, tmp_path)
    yield made
    made.device.flash.close()


def test_a_device_goes_on_with_another_key_twice_and_its_backlog_stays_valid(field: Field):
    first = field.device.flash.key
    field.measure()
    assert field.send() == [ACCEPTED]
    field.measure()
    field.device.rotate()
    field.measure()
    field.device.rotate()
    field.measure()
    assert field.send() == [ACCEPTED] * 5, "a backlog under three keys, in one handful"
    assert field.device.flash.waiting() == 0
    assert field.kids() == [first.public.kid, *field.kids()[1:]]
    assert (len(field.kids()), field.kids()[2]) == (3, field.device.flash.key.public.kid)
    stay = field.stay()
    assert (stay.frames, dict(stay.missing), dict(stay.declared)) == (4, {}, {})


def test_receipts_that_are_lost_change_nothing(field: Field):
    field.measure()
    field.device.rotate()
    field.measure()
    assert field.send(hears=False) == [ACCEPTED] * 3
    field.device.connected(1.0)
    assert field.send(1.0, hears=False) == [DUPLICATE] * 3
    field.restart()
    field.measure()
    assert field.send(2.0) == [*[DUPLICATE] * 3, ACCEPTED]
    assert (field.device.flash.waiting(), len(field.kids())) == (0, 2)
    assert field.stay().missing == {}


def test_what_comes_before_the_rotation_does_is_sent_again_and_taken(one: Field):
    one.measure()
    one.device.rotate()
    one.measure()
    frame, rotation, later = one.device.due(0.0)
    (outcome,) = one.world.ingesting.ingest([Message(one.topic, later)]).outcomes
    assert (outcome.word, outcome.code) == ("rejected", "bad-signature")
    again = [Message(one.topic, body) for body in (rotation, later, frame)]
    assert [o.word for o in one.world.ingesting.ingest(again).outcomes] == [ACCEPTED] * 3
    assert one.stay().missing == {}


def test_the_id_of_a_device_is_made_from_its_first_key_and_stays(one: Field):
    device = one.device.flash.device
    one.device.rotate()
    one.restart()
    assert (one.device.flash.device, one.device.flash.key.public.device_id != device) == (device, True)
    (body,) = one.device.due(0.0)
    statement = parse_statement(body)
    assert (statement.device, statement.media_type) == (device, media.ROTATION)


def test_whenever_the_power_goes_there_is_one_key_and_the_node_knows_it(one: Field, tmp_path: Path):
    """The flash is copied before every step on the disk; each copy goes on with the one key or the other."""
    one.measure()
    flash, copies = one.device.flash, list[Path]()

    def cut(_sql: str = "") -> None:
        copies.append(tmp_path / f"copy-{len(copies)}")
        shutil.copytree(flash.folder, copies[-1])

    flash._db.set_trace_callback(cut)
    old = flash.key
    one.device.rotate()
    flash._db.set_trace_callback(None)
    unrenamed = tmp_path / "unrenamed"
    shutil.copytree(flash.folder, unrenamed)
    (unrenamed / "key").rename(unrenamed / "key.next")
    (unrenamed / "key").write_bytes(old.seed)
    (unrenamed / "key").chmod(0o600)
    flash.close()
    kinds = set()
    for copy in (*copies, unrenamed):
        opened = Flash(copy)
        rotated = any(parse_statement(k.body).media_type == media.ROTATION for k in opened.next_to_send(9))
        assert (opened.key.public.kid != old.public.kid) == rotated
        assert not (copy / "key.next").exists()
        kinds.add(rotated)
        opened.close()
    assert kinds == {False, True}
    one.restart(unrenamed)
    one.measure()
    assert one.send() == [ACCEPTED] * 3
    assert one.stay().missing == {}
