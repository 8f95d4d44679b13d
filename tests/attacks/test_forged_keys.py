"""Rotations and revocations left out, moved or forged: on the way, and by the node itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from tests.support import forge
from tests.support.forgery import refused
from tests.support.world import World, make_world
from traceability import media
from traceability.errors import (
    ChainMismatchError,
    KeyNotInForceError,
    ProofMismatchError,
    SignatureMismatchError,
    SubjectMismatchError,
    TraceabilityError,
    UnknownSignerError,
)
from traceability.operations.enrol import signing_key
from traceability.operations.keyring import renew_party_key, revoke_key, rotate_party_key
from traceability.signing.keys import PrivateKey
from traceability.signing.keystatement import party_rotation
from traceability.signing.revocation import party_revocation
from traceability.verification.bundle import Bundle, Link, encode_bundle, parse_bundle
from traceability.verification.verdict import Verdict, check

KEYS = 1
"""The farm's key stream: the second stream of the bundle."""
ENROLLED, ROTATED, REVOKED, RENEWED = range(4)
BY_FIRST, BY_SECOND, BY_SECOND_SUSPECTED, BY_THIRD = range(4)


@dataclass(frozen=True)
class Told:
    """A batch of a farm that rotated its key, lost the next one, and got a third."""

    world: World
    farm: str
    other: str
    keys: tuple[PrivateKey, PrivateKey, PrivateKey]
    bundle: Bundle

    def check(self, bundle: Bundle) -> Verdict:
        """What a verifier says when the node signs this."""
        return check(forge.sign(bundle, self.world.node), self.world.node.policy)

    def key(self, party: str) -> PrivateKey:
        with self.world.store.reading() as connection:
            return signing_key(connection, self.world.node, party)

    @property
    def acts(self) -> list[Link]:
        return list(self.bundle.streams[KEYS].links)

    def with_acts(self, *links: Link) -> Bundle:
        """The bundle with another key stream; times go on from record to record."""
        batch, keys = self.bundle.streams
        return replace(self.bundle, streams=(batch, replace(keys, links=links)))

    def recorded_at(self, number: int, time_ms: int) -> Bundle:
        """The bundle with one event recorded at another time, and none behind it earlier."""
        batch, keys = self.bundle.streams
        links = list(batch.links)
        links[number] = replace(links[number], time_ms=time_ms)
        links[number:] = [replace(link, time_ms=max(link.time_ms, time_ms)) for link in links[number:]]
        return replace(self.bundle, streams=(replace(batch, links=tuple(links)), keys))


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    folder = tmp_path_factory.mktemp("keys")
    world = make_world(folder / "node", f"sqlite:///{folder}/store.sqlite")
    farm, other = world.party("Farm"), world.party("Other")

    def key() -> PrivateKey:
        world.wait(minutes=1)
        with world.store.reading() as connection:
            return signing_key(connection, world.node, farm)

    first = key()
    batch = world.harvest(farm, "L1")
    rotate_party_key(world.store, world.node, farm)
    second = key()
    world.event("pack", farm, batch)
    world.wait(minutes=1)
    suspected_s = world.now_ms // 1000
    world.event("ship", farm, batch)
    world.wait(minutes=1)
    revoke_key(world.store, world.node, second.public.kid, suspected_s, "laptop stolen")
    renew_party_key(world.store, world.node, farm)
    third = key()
    world.event("receive", farm, batch)
    world.publish()
    yield Told(world, farm, other, (first, second, third), parse_bundle(world.bundle(batch)))
    world.store.close()


def test_the_untouched_bundle_is_accepted_and_what_is_suspected_is_flagged(told: Told):
    verdict = check(encode_bundle(told.bundle), told.world.node.policy)
    assert verdict.exit_code == 0, verdict.lines()
    assert verdict.journey is not None
    assert [h.suspected for h in verdict.journey.happenings] == [False, False, True, False]
    assert "entered by Farm, signed by the node for them; events under suspicion" in verdict.lines()[0]
    assert told.check(told.bundle).exit_code == 0


@pytest.mark.parametrize("left_out", [ROTATED, REVOKED, RENEWED])
def test_an_act_left_out_on_the_way(told: Told, left_out: int):
    acts = told.acts
    del acts[left_out]
    refused(check(encode_bundle(told.with_acts(*acts)), told.world.node.policy), ProofMismatchError)


def test_every_act_behind_the_rotation_left_out_on_the_way(told: Told):
    shorter = told.with_acts(*told.acts[: ROTATED + 1])
    refused(check(encode_bundle(shorter), told.world.node.policy), ProofMismatchError)


@pytest.mark.parametrize(
    ("left_out", "error"),
    [
        (ENROLLED, ChainMismatchError),
        (ROTATED, SubjectMismatchError),
        (REVOKED, ChainMismatchError),
        (RENEWED, UnknownSignerError),
    ],
)
def test_an_act_left_out_by_the_node(told: Told, left_out: int, error: type[TraceabilityError]):
    acts = told.acts
    del acts[left_out]
    refused(told.check(told.with_acts(*acts)), error)


def test_acts_in_another_order(told: Told):
    times = [link.time_ms for link in told.acts]
    for one in range(len(times) - 1):
        acts = told.acts
        acts[one], acts[one + 1] = acts[one + 1], acts[one]
        moved = [replace(link, time_ms=time_ms) for link, time_ms in zip(acts, times, strict=True)]
        refused(told.check(told.with_acts(*moved)))


def test_an_act_that_stands_twice(told: Told):
    for number in range(len(told.acts)):
        acts = told.acts
        acts.insert(number, acts[number])
        refused(told.check(told.with_acts(*acts)))


def test_a_statement_recorded_after_the_revocation_of_its_key(told: Told):
    revoked_ms = told.acts[REVOKED].time_ms
    before = told.check(told.recorded_at(BY_SECOND_SUSPECTED, revoked_ms - 1))
    assert before.exit_code == 0
    for time_ms in (revoked_ms, revoked_ms + 1):
        refused(
            told.check(told.recorded_at(BY_SECOND_SUSPECTED, time_ms)), KeyNotInForceError, " is in force"
        )


def test_a_statement_by_a_key_that_was_rotated_away(told: Told):
    rotated_ms = told.acts[ROTATED].time_ms
    assert told.check(told.recorded_at(BY_FIRST, rotated_ms - 1)).exit_code == 0
    refused(told.check(told.recorded_at(BY_FIRST, rotated_ms)), KeyNotInForceError)


def test_a_statement_recorded_before_its_key_was(told: Told):
    renewed_ms = told.acts[RENEWED].time_ms
    assert told.check(told.recorded_at(BY_THIRD, renewed_ms)).exit_code == 0
    refused(told.check(told.recorded_at(BY_THIRD, renewed_ms - 1)), KeyNotInForceError)


def test_a_rotation_signed_by_a_stranger(told: Told):
    acts = told.acts
    for stranger in (
        PrivateKey.generate(),
        told.world.node.registrar_key,
        told.key(told.other),
        told.keys[0],
    ):
        body = party_rotation(
            PrivateKey.generate(),
            stranger,
            node=told.world.node.name,
            party=told.farm,
            custody="node",
            iat=1,
        )
        forged = told.with_acts(*acts, forge.link(media.KEY, body, acts[-1].time_ms))
        refused(told.check(forged), ChainMismatchError, "signed by the key in force")


def revocation(told: Told, by: PrivateKey, kid: bytes) -> Bundle:
    """The farm's key stream with one more revocation at its end, long after all else."""
    node = told.world.node.name
    body = party_revocation(by, node=node, party=told.farm, kid=kid, reason="x", suspected_s=None, iat=1)
    return told.with_acts(*told.acts, forge.link(media.KEY, body, told.world.now_ms))


def test_a_revocation_signed_by_somebody_else(told: Told):
    kid = told.keys[2].public.kid
    assert told.check(revocation(told, told.world.node.registrar_key, kid)).exit_code == 0
    for stranger in (PrivateKey.generate(), told.key(told.other), told.keys[0], told.keys[1]):
        refused(told.check(revocation(told, stranger, kid)), SignatureMismatchError)


def test_a_revocation_of_a_key_of_another_stream(told: Told):
    registrar = told.world.node.registrar_key
    for kid in (told.key(told.other).public.kid, bytes(16)):
        refused(told.check(revocation(told, registrar, kid)), SubjectMismatchError, "never stood")


def test_a_key_that_was_ended_does_not_revoke_itself(told: Told):
    for key in told.keys[:2]:
        refused(told.check(revocation(told, key, key.public.kid)), ChainMismatchError)
