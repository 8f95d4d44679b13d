"""One log key, two histories: the database put back, rewritten, or shown in two versions to two people.

The node's own audit is content with each of them, and so is whoever looks once and alone. Who
notices is whoever remembers: the lock, a witness, a browser; and whoever has a label.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import select

from tests.support.cosigned import Cosigner, policy_text
from tests.support.cosigned import cosigned as cosigned_by
from tests.support.node import JavaScript
from tests.support.twins import put_back, snapshot, twin_of
from tests.support.witness import Log, Served, serving
from tests.support.world import World, make_world
from traceability.errors import LabelMismatchError, LogConflictError
from traceability.ledger.lines import encode_base64
from traceability.ledger.note import VerifierKey, parse_checkpoint, parse_note, verify
from traceability.ledger.tracecode import trace_code
from traceability.operations.audit import audit
from traceability.operations.cosign import Cosigned, cosign
from traceability.operations.log import read_tiles
from traceability.signing.strictjson import json_encode
from traceability.store import models
from traceability.verification.answers import Status
from traceability.verification.bundle import parse_bundle
from traceability.verification.freshness import FreshnessCode
from traceability.verification.policy import Policy, parse_policy
from traceability.verification.quorum import Witness
from traceability.verification.verdict import check
from traceability.witness.evidence import Kind


@dataclass
class Two:
    """A node, and the same node on another disk; both have the lot, with another ending each.

    ``before`` is the lot's bundle from before they parted.
    """

    one: World
    other: World
    lot: str
    before: bytes

    def bundles(self) -> tuple[bytes, bytes]:
        return self.one.bundle(self.lot), self.other.bundle(self.lot)

    @property
    def policy(self) -> Policy:
        return self.one.node.policy


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Two]:
    """The other history has one record of the lot less: its inspection never was."""
    world = make_world(tmp_path / "node", f"sqlite:///{tmp_path / 'store.sqlite'}")
    farm = world.party("Farm")
    lot = world.harvest(farm, "L1")
    world.publish()
    other, before = twin_of(world, tmp_path / "other"), world.bundle(lot)
    world.event("inspect", farm, lot)
    other.harvest(farm, "L2")
    for each in (world, other):
        each.publish()
    yield Two(world, other, lot, before)
    for each in (world, other):
        each.store.close()


class _Known(Log):
    """A node's log, of which a witness is told no more than the key."""

    def __init__(self, known: VerifierKey) -> None:
        super().__init__(known.name)
        self._known = known

    @property
    def verifier(self) -> VerifierKey:
        return self._known


@pytest.fixture
def served(two: Two, tmp_path: Path) -> Iterator[Served]:
    (tmp_path / "witness").mkdir()
    with serving(tmp_path / "witness", _Known(two.policy.log)) as made:
        yield made


def as_asked(served: Served) -> Witness:
    return Witness("east", served.service.verifier, served.address)


def checkpoint_of(data: bytes) -> str:
    return parse_bundle(data).checkpoint.decode()


def growth(world: World, first: int, second: int) -> bytes:
    """What the node answers at ``/log/proof``."""
    with world.store.reading() as connection:
        hashes = read_tiles(connection).consistency_proof(first, second)
    return json_encode({"first": first, "second": second, "consistency": [encode_base64(h) for h in hashes]})


def size_of(text: str) -> int:
    return parse_checkpoint(parse_note(text.encode()).text).size


def seen(
    javascript: JavaScript, log: VerifierKey, *asked: tuple[str, bytes | None]
) -> tuple[list[str], str | None]:
    """What one browser says of checkpoints that it is shown one after another, and what it can hand on."""
    shown = [[text, 1, proof, True] for text, proof in asked]
    ((codes, _, evidence),) = javascript.ask("remembered", [[log.vkey(), None, shown]])
    return [code for code, _ in codes], evidence


def freshness(data: bytes, policy: Policy, now_s: int) -> FreshnessCode:
    found = check(data, policy, now_s * 1000).freshness
    assert found is not None
    return found.code


def farm_of(two: Two) -> str:
    journey = check(two.before, two.policy).journey
    assert journey is not None
    return journey.happenings[0].party


def test_who_looks_once_and_alone_believes_either_history(two: Two):
    """Without lock, witness, memory and label nothing is there to tell: the control for all that follows."""
    for world, data in zip((two.one, two.other), two.bundles(), strict=True):
        assert audit(world.store, world.node).ok
        assert check(data, two.policy).exit_code == 0


def test_two_browsers_that_compare_prove_a_split_view(two: Two, javascript: JavaScript):
    """Each remembers what it was shown; the notes of both, side by side, are the proof."""
    texts = [checkpoint_of(data) for data in two.bundles()]
    alone = [seen(javascript, two.policy.log, (text, None)) for text in texts]
    assert alone == [(["first"], None), (["first"], None)]
    codes, evidence = seen(javascript, two.policy.log, *((text, None) for text in texts))
    assert codes == ["first", "forked"]
    assert evidence is not None
    handed_on = json.loads(evidence)
    roots = set()
    for text in handed_on["notes"]:
        signed = parse_note(text.encode())
        verify(signed, [two.policy.log])
        roots.add(parse_checkpoint(signed.text).root)
    assert len(roots) == len(handed_on["notes"]) == 2
    assert size_of(texts[0]) == size_of(texts[1])


def test_a_browser_remembers_the_history_that_was_rewritten(two: Two, javascript: JavaScript):
    """The rewritten log grew beyond the one remembered; its own proof of growth does not lead there."""
    farm = two.other.party("Another farm")
    two.other.harvest(farm, "L3")
    two.other.publish()
    honest, rewritten = (checkpoint_of(data) for data in two.bundles())
    before, sizes = checkpoint_of(two.before), (size_of(honest), size_of(rewritten))
    proof, from_before = growth(two.other, *sizes), growth(two.one, size_of(before), sizes[0])
    codes, _ = seen(javascript, two.policy.log, (before, None), (honest, from_before), (rewritten, proof))
    assert codes == ["first", "grown", "refused"]
    control = growth(two.other, size_of(before), sizes[1])
    codes, evidence = seen(javascript, two.policy.log, (before, None), (rewritten, control))
    assert (codes, evidence) == (["first", "grown"], None), "the control: who saw neither"


def test_a_witness_of_one_history_refuses_the_other_and_keeps_both(two: Two, served: Served):
    assert isinstance(cosign(two.one.store, as_asked(served)), Cosigned)
    with pytest.raises(LogConflictError):
        cosign(two.other.store, as_asked(served))
    (found,) = served.memory.evidence()
    assert found.kind is Kind.FORK
    for signed in (found.note, found.held):
        verify(parse_note(signed), [two.policy.log])
    assert isinstance(cosign(two.one.store, as_asked(served)), Cosigned)


def test_a_split_view_between_two_witnesses_satisfies_nobody_who_asks_for_both(two: Two):
    """East was shown the one history and west the other: each bundle has one cosignature, never two."""
    east, west, now_s = Cosigner("east"), Cosigner("west"), two.one.now_ms // 1000
    one, other = two.bundles()
    views = cosigned_by(one, (east, now_s)), cosigned_by(other, (west, now_s))

    def judged(data: bytes, wanted: str) -> FreshnessCode:
        items = f"group g {wanted} east west", "quorum g"
        policy = parse_policy(policy_text(two.one.node.policy_text, *items, by=(east, west)))
        return freshness(data, policy, now_s)

    assert [judged(data, "all") for data in views] == [FreshnessCode.NOT_MET] * 2
    assert [judged(data, "any") for data in views] == [FreshnessCode.FRESH] * 2, "the control: one is enough"
    honest = cosigned_by(one, (east, now_s), (west, now_s))
    assert judged(honest, "all") is FreshnessCode.FRESH


def test_a_label_tells_the_history_that_it_was_printed_with(two: Two):
    one, other = two.bundles()
    records = parse_bundle(one).streams[0].records()
    printed = trace_code(len(records), records[-1].hash)
    assert check(one, two.policy, code=printed).exit_code == 0
    verdict = check(other, two.policy, code=printed)
    assert verdict.exit_code == 2, "its chain does not reach the label's count"
    two.other.event("ship", farm_of(two), two.lot)
    two.other.publish()
    verdict = check(two.other.bundle(two.lot), two.policy, code=printed)
    assert isinstance(verdict.failure, LabelMismatchError)
    assert check(two.other.bundle(two.lot), two.policy).exit_code == 0


def test_a_database_put_back_is_not_signed_again_while_the_lock_remembers(two: Two, tmp_path: Path):
    world, farm = two.one, farm_of(two)
    yesterday = snapshot(world, tmp_path / "yesterday")
    world.event("ship", farm, two.lot)
    world.publish()
    newest = checkpoint_of(world.bundle(two.lot))
    put_back(world, yesterday)
    assert [finding.code for finding in audit(world.store, world.node).findings] == ["lock"]
    world.event("receive", farm, two.lot)
    with pytest.raises(LogConflictError):
        world.publish()
    with world.store.reading() as connection:
        signed = connection.execute(select(models.Checkpoint.note)).scalars().all()
    assert max(map(size_of, signed)) < size_of(newest), "nothing was signed, nor is it kept to be published"


def test_a_whole_machine_put_back_is_told_by_a_witness_and_by_browsers(
    two: Two, served: Served, javascript: JavaScript, tmp_path: Path
):
    """With the lock it is yesterday for the node itself; it signs, and its own audit is content."""
    world, farm, lock = two.one, farm_of(two), two.one.node.lock_path
    yesterday = snapshot(world, tmp_path / "yesterday")
    shutil.copy(lock, tmp_path / "lock.sqlite")
    world.event("ship", farm, two.lot)
    world.publish()
    cosign(world.store, as_asked(served))
    newest = checkpoint_of(world.bundle(two.lot))
    put_back(world, yesterday)
    shutil.copy(tmp_path / "lock.sqlite", lock)
    old = checkpoint_of(world.bundle(two.lot))
    assert seen(javascript, two.policy.log, (newest, None), (old, None))[0] == ["first", "older"]
    world.event("receive", farm, two.lot)
    world.publish()
    assert audit(world.store, world.node).ok
    assert check(world.bundle(two.lot), two.policy).exit_code == 0
    with pytest.raises(LogConflictError):
        cosign(world.store, as_asked(served))
    again = checkpoint_of(world.bundle(two.lot))
    assert seen(javascript, two.policy.log, (newest, None), (again, None))[0] == ["first", "forked"]


def test_an_old_state_is_shown_as_old_where_witnesses_are_asked_for(two: Two):
    """The site shows yesterday's bundle, from before this morning's recall: genuine, whole, and not fresh."""
    east, signed_s = Cosigner("east"), two.one.now_ms // 1000
    policy = parse_policy(policy_text(two.one.node.policy_text, "quorum east", by=(east,)))
    old = cosigned_by(two.before, (east, signed_s))
    assert freshness(old, policy, signed_s + 3_600) is FreshnessCode.FRESH
    assert freshness(old, policy, signed_s + 3_601) is FreshnessCode.STALE
    answers = {part.name: part.status for part in check(old, policy, (signed_s + 3_601) * 1000).parts}
    assert answers["fresh"] is Status.UNKNOWN
