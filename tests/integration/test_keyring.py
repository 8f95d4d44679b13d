"""A party's keys on a running node: rotated, revoked, renewed, and never in doubt at what time."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import select

from tests.support.world import MINUTE_MS, World
from traceability import media
from traceability.errors import (
    ConflictError,
    StatementError,
    UnknownSignerError,
    UnknownSubjectError,
)
from traceability.identifiers import party_keys as party_keys_uri
from traceability.operations import keyring
from traceability.operations.audit import audit
from traceability.operations.chain import Entry, append
from traceability.operations.enrol import signing_key
from traceability.operations.keyring import (
    find_key,
    party_keys,
    renew_party_key,
    revoke_key,
    rotate_party_key,
)
from traceability.signing.keys import PrivateKey
from traceability.signing.keystatement import party_rotation
from traceability.signing.revocation import party_revocation
from traceability.store import models
from traceability.verification.journey import Journey
from traceability.verification.signers import Signers
from traceability.verification.verdict import check


def current(world: World, party: str) -> bytes:
    with world.store.reading() as connection:
        return signing_key(connection, world.node, party).public.kid


def kept(world: World) -> set[bytes]:
    """The keys of which the node keeps the private half."""
    with world.store.reading() as connection:
        return set(connection.execute(select(models.Custody.kid)).scalars())


def keys_of(world: World, party: str) -> Signers:
    with world.store.reading() as connection:
        return party_keys(connection, world.node, party)


def rotate(world: World, party: str) -> bytes:
    return rotate_party_key(world.store, world.node, party).kid


def revoke(world: World, kid: bytes, suspected_s: int | None = None, reason: str = "lost") -> None:
    revoke_key(world.store, world.node, kid, suspected_s, reason)


def accepted(world: World, batch: str) -> Journey:
    assert audit(world.store, world.node).lines()[:-1] == []
    verdict = check(world.bundle(batch), world.node.policy)
    assert verdict.exit_code == 0, verdict.lines()
    assert verdict.journey is not None
    return verdict.journey


def test_a_party_goes_on_with_a_new_key_and_the_old_one_is_gone(world: World):
    farm, other = world.party("Farm"), world.party("Other")
    first, probe = current(world, farm), world.device(farm)
    world.install(farm, probe, world.asset("ROOM1"))
    batch = world.harvest(farm, "L1")
    second = rotate(world, farm)
    assert current(world, farm) == second != first
    assert kept(world) == {second, current(world, other)}
    world.event("store", farm, batch, asset=probe.stream)
    late = world.device(farm)
    world.install(farm, late, probe.stream)
    world.measure(probe, 3.0)
    world.measure(late, 3.0)
    third = rotate(world, farm)
    world.event("pack", farm, batch)
    world.publish()
    assert len(accepted(world, batch).happenings) == 3
    rows = keys_of(world, farm).by_kid
    assert list(rows) == [first, second, third]
    assert [r.until_ms for r in rows.values()] == [rows[second].from_ms, rows[third].from_ms, None]


def test_a_party_whose_key_is_revoked_signs_nothing_until_the_registrar_renews_it(world: World):
    farm = world.party("Farm")
    lost = current(world, farm)
    batch = world.harvest(farm, "L1")
    world.wait(minutes=1)
    suspected_s = world.now_ms // 1000
    world.event("pack", farm, batch)
    revoke(world, lost, suspected_s)
    assert kept(world) == set()
    with pytest.raises(UnknownSignerError, match="no key in force"):
        world.event("ship", farm, batch)
    with pytest.raises(UnknownSignerError):
        rotate(world, farm)
    world.publish()
    assert [h.suspected for h in accepted(world, batch).happenings] == [False, True]
    renewed = renew_party_key(world.store, world.node, farm).kid
    assert kept(world) == {renewed}
    world.event("ship", farm, batch)
    world.publish()
    journey = accepted(world, batch)
    assert [h.suspected for h in journey.happenings] == [False, True, False]
    assert journey.names[farm]["en"] == "Farm"


def test_a_key_that_was_rotated_away_is_revoked_and_the_one_in_force_stays(lone: World):
    farm = lone.party("Farm")
    first = current(lone, farm)
    batch = lone.harvest(farm, "L1")
    second = rotate(lone, farm)
    ended_ms = keys_of(lone, farm).by_kid[first].until_ms
    revoke(lone, first, lone.now_ms // 1000)
    assert keys_of(lone, farm).by_kid[first].until_ms == ended_ms
    assert (current(lone, farm), kept(lone)) == (second, {second})
    lone.publish()
    assert [h.suspected for h in accepted(lone, batch).happenings] == [True]


def test_what_cannot_be_done_is_refused_and_leaves_nothing(lone: World):
    farm = lone.party("Farm")
    kid = current(lone, farm)

    def records() -> int:
        with lone.store.reading() as connection:
            return len(connection.execute(select(models.Record.hash)).all())

    before = records()
    with pytest.raises(ConflictError, match="has a key in force"):
        renew_party_key(lone.store, lone.node, farm)
    with pytest.raises(UnknownSubjectError, match="key list"):
        revoke(lone, PrivateKey.generate().public.kid)
    with pytest.raises(UnknownSubjectError, match="key list"):
        revoke(lone, bytes(16))
    with pytest.raises(StatementError, match="reason"):
        revoke(lone, kid, reason="x" * 201)
    with pytest.raises(StatementError, match="suspected"):
        revoke(lone, kid, lone.now_ms // 1000 + 1)
    nobody = f"https://{lone.node.name}/party/{'0' * 16}"
    with pytest.raises(UnknownSignerError):
        rotate(lone, nobody)
    with pytest.raises(UnknownSubjectError):
        renew_party_key(lone.store, lone.node, nobody)
    assert (records(), kept(lone)) == (before, {kid})
    revoke(lone, kid)
    with pytest.raises(ConflictError, match=r"was revoked at 2026-01-01T00:00:.*: lost"):
        revoke(lone, kid)


def test_a_rotation_is_whole_or_not_at_all(lone: World, monkeypatch: pytest.MonkeyPatch):
    farm = lone.party("Farm")
    kid = current(lone, farm)

    def fail(*_: object) -> None:
        raise ConflictError("the machine stops here")

    monkeypatch.setattr(keyring, "end_key", fail)
    with pytest.raises(ConflictError, match="stops here"):
        rotate(lone, farm)
    assert (current(lone, farm), list(keys_of(lone, farm).by_kid)) == (kid, [kid])


def test_a_key_ends_after_everything_that_it_signed_though_the_clock_goes_back(lone: World):
    farm = lone.party("Farm")
    lone.wait(minutes=10)
    batch = lone.harvest(farm, "L1")
    recorded_ms = lone.now_ms
    lone.wait(minutes=-5)
    rotate(lone, farm)
    lone.wait(minutes=-5)
    second = lone.harvest(farm, "L2")
    rotated_ms = keys_of(lone, farm).by_kid[current(lone, farm)].from_ms
    assert rotated_ms > recorded_ms
    revoke(lone, current(lone, farm))
    lone.wait(ms=rotated_ms + MINUTE_MS - lone.now_ms)
    lone.publish()
    for made in (batch, second):
        accepted(lone, made)


def test_what_ends_a_key_waits_for_those_who_write(world: World):
    farm = world.party("Farm")
    rotating = threading.Thread(target=rotate, args=(world, farm))
    with world.store.transaction() as tx:
        kid = signing_key(tx.connection, world.node, farm).public.kid
        rotating.start()
        rotating.join(0.3)
        assert rotating.is_alive()
        assert signing_key(tx.connection, world.node, farm).public.kid == kid
    rotating.join(20)
    assert current(world, farm) != kid


def test_an_act_that_a_stranger_signed_is_named_by_the_audit(lone: World):
    farm, stranger = lone.party("Farm"), PrivateKey.generate()
    node, kid = lone.node.name, current(lone, farm)
    rotation = party_rotation(PrivateKey.generate(), stranger, node=node, party=farm, custody="self", iat=1)
    revoking = party_revocation(stranger, node=node, party=farm, kid=kid, reason="x", suspected_s=None, iat=1)
    with lone.store.transaction() as tx:
        append(
            tx,
            lone.node,
            [Entry(party_keys_uri(node, farm), media.KEY, body) for body in (rotation, revoking)],
        )
    found = [f for f in audit(lone.store, lone.node).findings if f.where.startswith("record")]
    assert [(f.code, f.where.split()[1]) for f in found] == [("key", "1"), ("key", "2")]
    assert "signed by the key in force" in found[0].text
    assert "another key is named" in found[1].text


def test_keys_are_found_by_their_ids(lone: World):
    farm = lone.party("Farm")
    kid = current(lone, farm)
    with lone.store.reading() as connection:
        assert find_key(connection, kid).subject == farm
        with pytest.raises(UnknownSubjectError, match="not enrolled"):
            party_keys(connection, lone.node, f"https://{lone.node.name}/party/{'0' * 16}")
