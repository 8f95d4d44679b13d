"""Cosignatures forged, replayed, moved in time or counted twice; a policy of the attacker's own."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import pytest

from tests.support import forge
from tests.support.cosigned import Cosigner, cosigned, policy_text
from tests.support.forgery import refused
from tests.support.world import START_MS, Story
from traceability.errors import BundleError, SignatureMismatchError
from traceability.ledger import note
from traceability.signing.keys import PrivateKey
from traceability.verification.answers import Status
from traceability.verification.bundle import Bundle, encode_bundle, parse_bundle
from traceability.verification.freshness import FreshnessCode
from traceability.verification.policy import Policy, parse_policy
from traceability.verification.verdict import Verdict, check

EAST, WEST, NORTH, STRANGER = map(Cosigner, ("east", "west", "north", "stranger"))
NOW_S = START_MS // 1000 + 86_400
NOW_MS = NOW_S * 1000


@pytest.fixture(scope="module")
def quorum(story: Story) -> Policy:
    """The verifier's policy: two of three neighbours."""
    lines = policy_text(
        story.world.node.policy_text, "group g 2 east west north", "quorum g", by=(EAST, WEST, NORTH)
    )
    return parse_policy(lines)


def with_note(bundle: Bundle, signed: note.Note) -> bytes:
    return encode_bundle(replace(bundle, checkpoint=signed.encode()))


def fresh(verdict: Verdict) -> Status:
    return next(part.status for part in verdict.parts if part.name == "fresh")


def unmet(verdict: Verdict, *missing: str) -> None:
    """Nothing contradicts it, but it is never taken for confirmed."""
    assert verdict.exit_code == 2, verdict.lines()
    assert verdict.freshness is not None
    assert verdict.freshness.code is FreshnessCode.NOT_MET
    assert verdict.freshness.missing == missing
    assert fresh(verdict) is Status.UNKNOWN


def test_enough_genuine_cosignatures_are_believed(data: bytes, quorum: Policy):
    verdict = check(cosigned(data, (EAST, NOW_S - 5), (NORTH, NOW_S - 9)), quorum, NOW_MS)
    assert verdict.exit_code == 0, verdict.lines()
    assert verdict.freshness is not None
    assert (verdict.freshness.code, verdict.freshness.as_of_s) == (FreshnessCode.FRESH, NOW_S - 9)


def test_a_checkpoint_that_nobody_witnessed_is_not_taken_for_one_that_was(data: bytes, quorum: Policy):
    unmet(check(data, quorum, NOW_MS), "east", "west", "north")


def test_a_policy_inside_the_bundle_does_not_matter(data: bytes, quorum: Policy):
    for member in ("policy", "quorum", "witnesses"):
        inside = json.loads(data) | {member: f"{STRANGER.line}quorum stranger\n"}
        text = json.dumps(inside, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        refused(check(text.encode(), quorum, NOW_MS), BundleError, "Unknown field")
    unmet(check(cosigned(data, (STRANGER, NOW_S)), quorum, NOW_MS), "east", "west", "north")


def test_a_stranger_under_the_name_of_a_witness(bundle: Bundle, quorum: Policy):
    signed = note.parse_note(bundle.checkpoint)
    own = PrivateKey.from_seed(b"attacker" * 4)
    made = note.sign_note(signed.text, EAST.verifier.name, own, note.COSIGNATURE_V1, NOW_S)
    genuine = WEST.cosign(signed.text, NOW_S)
    under_own_id = replace(signed, signatures=(*signed.signatures, made, genuine))
    unmet(check(with_note(bundle, under_own_id), quorum, NOW_MS), "east", "north")
    under_its_id = replace(made, key_id=EAST.verifier.key_id)
    forged = replace(signed, signatures=(*signed.signatures, under_its_id, genuine))
    refused(check(with_note(bundle, forged), quorum, NOW_MS), SignatureMismatchError)


def test_cosignatures_of_another_checkpoint(story: Story, bundle: Bundle, quorum: Policy):
    other = forge.sign(bundle, story.world.node)
    elsewhere = note.parse_note(parse_bundle(other).checkpoint)
    signed = note.parse_note(bundle.checkpoint)
    moved = tuple(by.cosign(elsewhere.text, NOW_S) for by in (EAST, WEST))
    forged = replace(signed, signatures=signed.signatures + moved)
    refused(check(with_note(bundle, forged), quorum, NOW_MS), SignatureMismatchError)
    assert check(cosigned(other, (EAST, NOW_S), (WEST, NOW_S)), quorum, NOW_MS).exit_code == 0


@pytest.mark.parametrize("changed_s", [NOW_S + 1, NOW_S - 1, 0])
def test_the_time_of_a_cosignature_is_signed(bundle: Bundle, quorum: Policy, changed_s: int):
    signed = note.parse_note(bundle.checkpoint)
    made = EAST.cosign(signed.text, NOW_S)
    moved = replace(made, value=changed_s.to_bytes(8, "big") + made.value[8:])
    forged = replace(signed, signatures=(*signed.signatures, moved, WEST.cosign(signed.text, NOW_S)))
    refused(check(with_note(bundle, forged), quorum, NOW_MS), SignatureMismatchError)


def test_an_old_checkpoint_is_not_fresh_and_says_as_of_when(data: bytes, quorum: Policy):
    verdict = check(cosigned(data, (EAST, NOW_S - 3_601), (WEST, NOW_S)), quorum, NOW_MS)
    assert (verdict.exit_code, fresh(verdict)) == (2, Status.UNKNOWN)
    assert verdict.freshness is not None
    assert (verdict.freshness.code, verdict.freshness.as_of_s) == (FreshnessCode.STALE, NOW_S - 3_601)


def test_a_witness_that_cosigns_for_the_future_keeps_nothing_fresh(data: bytes, quorum: Policy):
    ahead = cosigned(data, (EAST, NOW_S + 301), (WEST, NOW_S + 10**9))
    unmet(check(ahead, quorum, NOW_MS), "east", "west", "north")
    later = check(ahead, quorum, NOW_MS + 10**9)
    assert later.exit_code == 2


def test_one_witness_that_cosigns_often_counts_once(data: bytes, quorum: Policy):
    unmet(check(cosigned(data, *[(EAST, NOW_S - n) for n in range(63)]), quorum, NOW_MS), "west", "north")


def test_witnesses_cannot_stand_in_for_the_log(bundle: Bundle, quorum: Policy):
    signed = note.parse_note(bundle.checkpoint)
    made = tuple(by.cosign(signed.text, NOW_S) for by in (EAST, WEST, NORTH))
    verdict = check(with_note(bundle, replace(signed, signatures=made)), quorum, NOW_MS)
    refused(verdict, SignatureMismatchError, "no signature by the log")


def test_the_operator_cannot_witness_its_own_log(story: Story, bundle: Bundle, quorum: Policy):
    signed = note.parse_note(bundle.checkpoint)
    key = story.world.node.log_key
    own = note.sign_note(signed.text, quorum.log.name, key, note.COSIGNATURE_V1, NOW_S)
    added = replace(signed, signatures=(*signed.signatures, own, EAST.cosign(signed.text, NOW_S)))
    unmet(check(with_note(bundle, added), quorum, NOW_MS), "west", "north")
    vkey = note.VerifierKey("neighbour.example", note.COSIGNATURE_V1, key.public).vkey()
    with pytest.raises(BundleError, match="own key"):
        parse_policy(f"{story.world.node.policy_text}witness w {vkey}\n")


def test_one_machine_under_two_names_does_not_make_a_quorum(story: Story):
    twin = replace(EAST.verifier, name="twin.example").vkey()
    text = policy_text(story.world.node.policy_text, f"witness twin {twin}", "quorum none", by=(EAST,))
    with pytest.raises(BundleError, match="one machine must not count twice"):
        parse_policy(text)


def test_a_file_cut_off_inside_the_last_line_is_not_read(story: Story):
    text = policy_text(story.world.node.policy_text, "quorum east2", by=(EAST, Cosigner("east2")))
    assert parse_policy(text).quorum.wanted == "east2"
    with pytest.raises(BundleError, match="cut off"):
        parse_policy(text.removesuffix("2\n"))


def test_a_verifier_without_a_clock_believes_nothing_to_be_fresh(data: bytes, quorum: Policy):
    verdict = check(cosigned(data, (EAST, NOW_S), (WEST, NOW_S)), quorum)
    assert (verdict.exit_code, fresh(verdict)) == (2, Status.UNKNOWN)


def test_every_changed_octet_of_a_cosignature_is_noticed(bundle: Bundle, quorum: Policy):
    signed = note.parse_note(bundle.checkpoint)
    west, east = WEST.cosign(signed.text, NOW_S), EAST.cosign(signed.text, NOW_S)
    whole = bytes(east.key_id + east.value)
    for at in range(len(whole)):
        changed = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
        moved = replace(east, key_id=changed[:4], value=changed[4:])
        forged = replace(signed, signatures=(*signed.signatures, west, moved))
        verdict = check(with_note(bundle, forged), quorum, NOW_MS)
        assert verdict.exit_code == (2 if at < 4 else 1), base64.b64encode(changed)


def test_a_second_log_under_the_pinned_key_is_not_the_pinned_one(
    story: Story, bundle: Bundle, quorum: Policy
):
    """Witnesses vouch for each origin by itself: a key that signs for two could show two histories."""
    pinned = note.parse_checkpoint(note.parse_note(bundle.checkpoint).text)
    text = replace(pinned, origin="second.example/log").text()
    signed = note.sign_note(text, quorum.log.name, story.world.node.log_key)
    made = tuple(by.cosign(text, NOW_S) for by in (EAST, WEST))
    refused(
        check(with_note(bundle, note.Note(text, (signed, *made))), quorum, NOW_MS), text="another log than"
    )
