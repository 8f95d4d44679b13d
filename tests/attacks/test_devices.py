"""What devices, strangers and bad lines can send: each refusal has its code, nothing is lost beside it."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import update

from tests.support.sensor import Sensor, World, make_world
from traceability import media
from traceability.errors import KeyRefusedError
from traceability.operations.enrol import enrol_device
from traceability.operations.ingest import MAX_COUNTER, Ingest, Message
from traceability.operations.tally import MAX_KEPT_BYTES
from traceability.sensing import topics
from traceability.sensing.frame import COUNTER, Gap
from traceability.sensing.receipt import open_receipt
from traceability.signing import cbor, cose
from traceability.signing.keys import PrivateKey
from traceability.signing.keystatement import device_request
from traceability.store import models

SMALL = (bytes(32), b"\x01" + bytes(31), b"\xec" + b"\xff" * 30 + b"\x7f")


@pytest.fixture
def world(tmp_path: Path, database_url: str) -> Iterator[World]:
    made = make_world(tmp_path / "node", database_url)
    yield made
    made.store.close()


@dataclass
class Scene:
    """A device that behaves, and another one that the attack begins from."""

    world: World
    good: Sensor
    bad: Sensor

    def resigned(self, body: bytes, typ: str, payload: bytes, content_type: str) -> bytes:
        """Another kind of statement with the headers of one of the bad device's own."""
        kept = {
            label: value
            for label, value in cose.parse_sign1(body).protected.items()
            if label == cose.CLAIMS or label <= COUNTER
        }
        return cose.sign1(self.bad.key, typ=typ, content_type=content_type, headers=kept, payload=payload)


def unknown_device(scene: Scene) -> Message:
    stranger = scene.world.stranger()
    return stranger.message(stranger.frame())


def bad_signature(scene: Scene) -> Message:
    body = bytearray(scene.bad.frame())
    body[-1] ^= 1
    return scene.bad.message(bytes(body))


def signed_by_another(scene: Scene) -> Message:
    forger = Sensor(scene.good.key, scene.bad.uri, scene.bad.stream, b"", scene.bad.began_ms)
    return Message(scene.bad.topic, forger.frame())


def foreign_topic(scene: Scene) -> Message:
    return Message(scene.good.topic, scene.bad.frame())


def no_topic_of_ours(scene: Scene) -> Message:
    return Message("ft/v1/\0/" + "\0" * 32 + "/frame", scene.bad.frame())


def oversize(scene: Scene) -> Message:
    return scene.bad.message(scene.bad.frame() + bytes(cose.MAX_BYTES))


def malformed(scene: Scene) -> Message:
    return scene.bad.message(b"\xd2\x84\x00")


def no_cose_at_all(scene: Scene) -> Message:
    return scene.bad.message(b"temperature=4.5")


def nul_in_a_text(scene: Scene) -> Message:
    return scene.bad.message(scene.resigned(scene.bad.frame(), "a\0b", b"", media.CBOR))


def counter_past_the_store(scene: Scene) -> Message:
    return scene.bad.message(scene.bad.frame(counter=MAX_COUNTER + 1))


def largest_counter_there_is(scene: Scene) -> Message:
    return scene.bad.message(scene.bad.frame(counter=2**64 - 1))


def another_nodes_device(scene: Scene) -> Message:
    return scene.bad.message(scene.bad.frame(issuer=f"https://elsewhere.example/device/{scene.bad.device}"))


def clock_ahead(scene: Scene) -> Message:
    return scene.bad.message(scene.bad.frame(at_ms=int(time.time() * 1000) + 5 * 60 * 1000 + 30_000))


def issued_ahead(scene: Scene) -> Message:
    return scene.bad.message(scene.bad.frame(issued_at=int(time.time()) + 5 * 60 + 30))


def not_installed(scene: Scene) -> Message:
    return scene.bad.message(scene.bad.frame(stream=f"https://{scene.world.node.name}/8004/OTHER"))


def before_installation(scene: Scene) -> Message:
    return scene.bad.message(scene.bad.frame(at_ms=scene.bad.began_ms - 3 * 24 * 3600 * 1000))


def another_first(scene: Scene) -> Message:
    return scene.bad.message(scene.bad.frame(prev=bytes([1] * 32)))


def rotation(scene: Scene) -> Message:
    body = scene.resigned(scene.bad.frame(), media.ROTATION, cbor.encode({}), media.CBOR)
    return scene.bad.message(body)


def resume(scene: Scene) -> Message:
    body = scene.resigned(scene.bad.frame(), media.RESUME, cbor.encode({}), media.CBOR)
    return scene.bad.message(body)


def implausible_reading(scene: Scene) -> Message:
    payload = cbor.encode(
        [{-2: f"{scene.bad.uri}/", -3: scene.bad.began_ms // 1000, -4: "Cel", 0: "air", 2: 9000}]
    )
    return scene.bad.message(scene.resigned(scene.bad.frame(), media.FRAME, payload, media.SENML_CBOR))


Attack = Callable[[Scene], Message]
REJECTED: tuple[tuple[Attack, str], ...] = (
    (unknown_device, "unknown-signer"),
    (bad_signature, "bad-signature"),
    (signed_by_another, "bad-signature"),
    (foreign_topic, "foreign-topic"),
    (no_topic_of_ours, "foreign-topic"),
    (oversize, "oversize"),
    (malformed, "bad-encoding"),
    (no_cose_at_all, "bad-statement"),
    (nul_in_a_text, "bad-statement"),
    (counter_past_the_store, "bad-statement"),
    (largest_counter_there_is, "bad-statement"),
    (another_nodes_device, "unknown-signer"),
)
QUARANTINED: tuple[tuple[Attack, str], ...] = (
    (clock_ahead, "clock-ahead"),
    (issued_ahead, "clock-ahead"),
    (not_installed, "not-installed"),
    (before_installation, "not-installed"),
    (another_first, "broken-device-chain"),
    (rotation, "bad-statement"),
    (resume, "unsupported-statement"),
    (implausible_reading, "bad-readings"),
)


def test_every_refusal_has_its_code_and_harms_no_neighbour(world: World):
    """All attacks in one handful, a good device's frames before and after each of them."""
    scene = Scene(world, world.sensor(), world.sensor())
    messages, expected, bad = [], [], []
    for attack, code in REJECTED + QUARANTINED:
        scene.bad = world.sensor()
        bad.append(scene.bad)
        messages += [scene.good.message(scene.good.frame()), attack(scene)]
        word = "rejected" if (attack, code) in REJECTED else "quarantined"
        expected += [("accepted", None), (word, code)]
    messages.append(scene.good.message(scene.good.frame()))
    expected.append(("accepted", None))

    ingested = Ingest(world.store, world.node).ingest(messages)

    assert [(o.word, o.code) for o in ingested.outcomes] == expected
    assert world.accepted(scene.good) == scene.good.made
    kept = world.quarantined()
    assert [code for _, code, _ in kept] == [code for _, code in REJECTED + QUARANTINED]
    assert [body for _, _, body in kept] == [m.payload[:MAX_KEPT_BYTES] for m in messages[1::2]]
    tallies = world.tallies()
    assert sum(t["rejected"] for t in tallies.values()) == len(REJECTED)
    assert sum(t["quarantined"] for t in tallies.values()) == len(QUARANTINED)
    for sensor, (_, code) in zip(bad[len(REJECTED) :], QUARANTINED, strict=True):
        (answer,) = [a for a in ingested.answers if sensor.device in a.topic]
        assert open_receipt(sensor.receipt_key, answer.payload).refused == ((0, code),)


def test_the_same_bytes_again_are_a_duplicate_and_answered_again(world: World):
    sensor, ingest = world.sensor(), Ingest(world.store, world.node)
    message = sensor.message(sensor.frame())
    first, again = ingest.ingest([message]), ingest.ingest([message, message])
    assert [o.word for o in again.outcomes] == ["duplicate", "duplicate"]
    assert again.answers == first.answers
    assert world.tallies()[sensor.device]["duplicate"] == 2
    assert world.quarantined() == []


@pytest.mark.parametrize("together", [True, False])
def test_another_statement_with_a_used_counter_is_kept_as_evidence(world: World, together: bool):
    sensor, ingest = world.sensor(), Ingest(world.store, world.node)
    mine, clone = (
        sensor.message(sensor.frame(4.0)),
        sensor.message(sensor.frame(9.0, counter=0, prev=bytes(32))),
    )
    handfuls = [[mine, clone]] if together else [[mine], [clone]]
    outcomes = [o for handful in handfuls for o in ingest.ingest(handful).outcomes]
    assert [(o.word, o.code) for o in outcomes] == [("accepted", None), ("quarantined", "equivocation")]
    assert world.accepted(sensor) == [mine.payload]
    assert world.quarantined() == [(sensor.device, "equivocation", clone.payload)]
    assert [o.word for o in ingest.ingest([mine]).outcomes] == ["duplicate"]


def test_six_before_five_is_accepted_both_ways(world: World):
    sensor, ingest = world.sensor(), Ingest(world.store, world.node)
    frames = [sensor.message(f) for f in sensor.frames(7)]
    ingest.ingest(frames[:5])
    assert [o.word for o in ingest.ingest([frames[6]]).outcomes] == ["accepted"]
    assert [o.word for o in ingest.ingest([frames[5]]).outcomes] == ["accepted"]
    assert world.accepted(sensor) == sensor.made


def test_a_forked_chain_of_a_device_is_found_from_both_sides(world: World):
    sensor, ingest = world.sensor(), Ingest(world.store, world.node)
    frames = sensor.frames(3)
    fork = sensor.frame(9.0, counter=3, prev=bytes([7] * 32))
    outcomes = ingest.ingest([sensor.message(f) for f in [frames[0], frames[2], fork]]).outcomes
    assert [o.code for o in outcomes] == [None, None, "broken-device-chain"]
    other = sensor.frame(9.0, counter=1, prev=hashlib.sha256(frames[0]).digest())
    assert ingest.ingest([sensor.message(other)]).outcomes[0].code == "broken-device-chain"


def test_a_gap_over_all_counters_there_are_does_no_harm(world: World):
    sensor, ingest = world.sensor(), Ingest(world.store, world.node)
    gap = sensor.gap(Gap(0, MAX_COUNTER - 1, "corrupt"), counter=MAX_COUNTER)
    for _ in range(2):
        ingested = ingest.ingest([sensor.message(gap)])
        assert open_receipt(sensor.receipt_key, ingested.answers[0].payload).counter == MAX_COUNTER


def test_a_replay_on_another_sites_topic_does_not_draw_the_receipt_away(world: World):
    sensor, ingest = world.sensor(), Ingest(world.store, world.node)
    frames = sensor.frames(2)
    elsewhere = topics.frame_topic("aaa", sensor.device)
    ingest.ingest([sensor.message(frames[0])])
    answers = ingest.ingest([sensor.message(frames[1]), Message(elsewhere, frames[0])]).answers
    assert topics.receipt_topic("test", sensor.device) in {a.topic for a in answers}


@pytest.mark.parametrize("raw", [SMALL[0], PrivateKey.from_seed(bytes(32)).public.raw], ids=bytes.hex)
def test_a_key_that_was_slipped_into_the_registry_signs_nothing(world: World, raw: bytes):
    """Small order, or genuine but not the one that the device's id was made from."""
    sensor, good = world.sensor(), world.sensor()
    with world.store.transaction() as tx:
        slipped = update(models.Key).where(models.Key.subject == sensor.uri)
        tx.connection.execute(slipped.values(public=raw))
    outcomes = (
        Ingest(world.store, world.node)
        .ingest([sensor.message(sensor.frame()), good.message(good.frame())])
        .outcomes
    )
    assert [o.code for o in outcomes] == ["key-refused", None]


@pytest.mark.parametrize("raw", SMALL, ids=bytes.hex)
def test_a_key_of_small_order_cannot_be_enrolled(world: World, raw: bytes):
    key = PrivateKey.generate()
    request = json.loads(device_request(key, node=world.node.name, owner=world.party, model="m", iat=1))
    claims = _decoded(request["payload"])
    swapped = claims.replace(_encoded(key.public.raw).encode(), _encoded(raw).encode())
    assert swapped != claims
    request["payload"] = _encoded(swapped)
    with pytest.raises(KeyRefusedError):
        enrol_device(world.store, world.node, json.dumps(request, separators=(",", ":")).encode())


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
