"""Keys in the wrong hands: what a thief can say with each, and what it is worth once the theft is known.

Parties' keys, which are revoked by record time, are in ``test_forged_keys.py``; what a witness makes of a
log whose key was stolen is in ``test_witness.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from tests.support import forge
from tests.support.cosigned import Cosigner, cosigned, policy_text
from tests.support.forgery import refused, signed
from tests.support.world import START_MS, Probe, Story, World, make_world
from traceability.errors import NotInstalledError, SignatureMismatchError
from traceability.ledger import note
from traceability.operations.audit import audit
from traceability.operations.tally import ACCEPTED, QUARANTINED
from traceability.sensing.senml import Reading
from traceability.signing.keys import PrivateKey
from traceability.store import models
from traceability.verification.bundle import Bundle
from traceability.verification.freshness import FreshnessCode
from traceability.verification.policy import Policy, parse_policy
from traceability.verification.verdict import check

EAST, WEST, NORTH, STRANGER = map(Cosigner, ("east", "west", "north", "stranger"))
NOW_S = START_MS // 1000 + 86_400
ALL = (EAST, WEST, NORTH)


def pinned(story: Story, quorum: str, *by: Cosigner) -> Policy:
    names = " ".join(each.name for each in by)
    items = (f"group g {quorum} {names}", "quorum g")
    return parse_policy(policy_text(story.world.node.policy_text, *items, by=by))


def judged(data: bytes, policy: Policy, now_s: int = NOW_S) -> FreshnessCode:
    found = check(data, policy, now_s * 1000).freshness
    assert found is not None
    return found.code


@pytest.fixture(scope="module")
def rewritten(story: Story, bundle: Bundle) -> bytes:
    """Another history, by whoever has the log's key: every record of the lot is another one."""
    first, *rest = bundle.streams[0].links
    return signed(story, forge.with_batch(bundle, [replace(first, salt=bytes([7]) * 16), *rest]))


def test_one_stolen_witness_key_makes_no_quorum_of_two(story: Story, data: bytes, rewritten: bytes):
    thief = cosigned(rewritten, (EAST, NOW_S), (STRANGER, NOW_S))
    assert judged(thief, pinned(story, "2", *ALL)) is FreshnessCode.NOT_MET
    assert judged(thief, pinned(story, "any", *ALL)) is FreshnessCode.FRESH, (
        "the control: where one is enough"
    )
    honest = cosigned(data, *((each, NOW_S) for each in ALL))
    assert judged(honest, pinned(story, "2", *ALL)) is FreshnessCode.FRESH


@pytest.mark.parametrize("signed_s", [NOW_S - 3_000, NOW_S, NOW_S + 200])
def test_a_new_policy_without_the_stolen_key_counts_nothing_that_it_ever_signs(
    story: Story, data: bytes, rewritten: bytes, signed_s: int
):
    """The time in a cosignature is the thief's own, so no time tells its signatures from the witness's."""
    before, after = pinned(story, "2", *ALL), pinned(story, "2", WEST, NORTH)
    thief = cosigned(rewritten, (EAST, signed_s), (WEST, NOW_S))
    assert judged(thief, before) is FreshnessCode.FRESH, "the control: with a second one that errs"
    assert judged(thief, after) is FreshnessCode.NOT_MET
    assert judged(cosigned(data, *((each, NOW_S) for each in ALL)), after) is FreshnessCode.FRESH


def test_under_a_new_policy_a_stolen_log_key_signs_nothing(story: Story, rewritten: bytes, data: bytes):
    old = story.world.node.policy
    new = replace(old, log=note.VerifierKey(old.log.name, note.ED25519, PrivateKey.generate().public))
    for stolen in (rewritten, data):
        assert check(stolen, old).exit_code == 0, "the control: who still pins the key believes it"
        refused(check(stolen, new), SignatureMismatchError)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = make_world(tmp_path / "node", f"sqlite:///{tmp_path / 'store.sqlite'}")
    yield made
    made.store.close()


def installed(world: World) -> tuple[str, Probe]:
    """An owner, and its sensor that has been measuring for a while."""
    owner = world.party("Carrier")
    probe = world.device(owner)
    world.install(owner, probe, world.asset("TRUCK1"))
    for _ in range(3):
        world.wait(minutes=5)
        assert world.measure(probe, 4.0).outcomes[0].word == ACCEPTED
    world.wait(minutes=5)
    return owner, probe


def recorded(world: World) -> list[tuple[bytes, int]]:
    record = models.Record
    with world.store.reading() as connection:
        rows = connection.execute(select(record.hash, record.time_ms).order_by(record.time_ms))
        return [(row.hash, row.time_ms) for row in rows]


def test_a_sensor_that_its_owner_took_off_is_not_believed_about_later(world: World):
    """Its key still signs; what it says of later is kept aside, and nothing of before is deleted."""
    owner, probe = installed(world)
    world.remove(owner, probe)
    before = recorded(world)
    world.wait(minutes=5)
    (outcome,) = world.measure(probe, 2.0).outcomes
    assert (outcome.word, outcome.code) == (QUARANTINED, NotInstalledError.code)
    assert recorded(world) == before
    world.publish()
    assert audit(world.store, world.node).ok


def test_without_being_taken_off_it_is_believed(world: World):
    """The control, and the limit: a key alone tells nobody who holds it."""
    _, probe = installed(world)
    assert world.measure(probe, 2.0).outcomes[0].word == ACCEPTED


def test_what_a_thief_back_dates_is_recorded_with_the_time_of_its_coming(world: World):
    """A limit: of a time when it was installed it can still speak. Both times are in the record."""
    owner, probe = installed(world)
    installed_ms = world.now_ms
    world.wait(minutes=1)
    world.remove(owner, probe)
    world.wait(minutes=600)
    body = probe.frame([Reading("air", "Cel", installed_ms, 2.0)])
    assert world.take(probe, body).outcomes[0].word == ACCEPTED
    assert recorded(world)[-1][1] >= installed_ms + 600 * 60_000
