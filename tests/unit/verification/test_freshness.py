"""Fresh, stale, not met: what cosignatures on a checkpoint come to by the verifier's clock."""

from __future__ import annotations

import pytest

from tests.support.cosigned import Cosigner, policy_text
from traceability.errors import MalformedError, SignatureMismatchError
from traceability.ledger import note
from traceability.signing.keys import PrivateKey
from traceability.verification.freshness import (
    MAX_AGE_S,
    MAX_AHEAD_S,
    Freshness,
    FreshnessCode,
    check_checkpoint,
    judge,
)
from traceability.verification.policy import Policy, format_policy, parse_policy

KEY = PrivateKey.from_seed(bytes(32))
EAST, WEST, NORTH, STRANGER = map(Cosigner, ("east", "west", "north", "stranger"))
LOG = note.VerifierKey("node.example/log", note.ED25519, KEY.public)
REGISTRAR = note.VerifierKey("node.example/registrar", note.ED25519, PrivateKey.from_seed(b"1" * 32).public)
NODE_POLICY = format_policy(Policy(LOG, REGISTRAR))
TWO = parse_policy(policy_text(NODE_POLICY, "group g 2 east west north", "quorum g", by=(EAST, WEST, NORTH)))
NOW_S = 1_767_225_600
TEXT = note.Checkpoint("node.example/log", 9, bytes(32)).text()
BY_LOG = note.sign_note(TEXT, LOG.name, KEY)


def answer(*made: tuple[Cosigner, int], now_ms: int = NOW_S * 1000, policy: Policy = TWO) -> Freshness:
    signatures = (BY_LOG, *(by.cosign(TEXT, time_s) for by, time_s in made))
    found = check_checkpoint(note.Note(TEXT, signatures), policy, now_ms)
    assert found is not None
    return found


def test_the_kth_newest_cosignature_says_as_of_when():
    found = answer((NORTH, NOW_S - 50), (EAST, NOW_S - 20), (WEST, NOW_S - 30))
    assert (found.code, found.as_of_s, found.age_s) == (FreshnessCode.FRESH, NOW_S - 30, 30)
    assert found.witnesses == ("east", "west")
    assert found.text == "fresh: complete as of 2025-12-31T23:59:30.000Z by east, west"
    assert found.to_json() == {
        "code": "fresh",
        "as_of": "2025-12-31T23:59:30.000Z",
        "age_s": 30,
        "max_age_s": 3600,
        "witnesses": ["east", "west"],
        "missing": [],
        "ahead": [],
        "complete": [],
    }


def test_fresh_ends_with_the_last_millisecond_of_the_age_limit():
    made = ((EAST, NOW_S), (WEST, NOW_S))
    assert answer(*made, now_ms=(NOW_S + MAX_AGE_S) * 1000).code is FreshnessCode.FRESH
    stale = answer(*made, now_ms=(NOW_S + MAX_AGE_S) * 1000 + 1)
    assert stale.code is FreshnessCode.STALE
    vouched = "complete as of 2026-01-01T00:00:00.000Z by east, west"
    assert stale.text == f"stale: {vouched}, 1 h 0 min ago; what came later is unknown"
    later = answer(*made, now_ms=(NOW_S + 90_000) * 1000)
    assert later.text == f"stale: {vouched}, 25 h 0 min ago; what came later is unknown"


def test_a_quorum_that_is_not_met_names_who_is_missing():
    found = answer((EAST, NOW_S))
    assert (found.code, found.as_of_s, found.missing) == (FreshnessCode.NOT_MET, None, ("west", "north"))
    assert found.text == (
        "quorum-not-met: not cosigned by as many as the policy asks for; missing: west, north"
    )
    assert found.to_json()["as_of"] is None


def test_a_witness_counts_with_its_newest_cosignature():
    found = answer((EAST, NOW_S - 9), (WEST, NOW_S - 1), (EAST, NOW_S - 5), (EAST, NOW_S - 7))
    assert found.as_of_s == NOW_S - 5


def test_a_witness_counts_once_however_often_it_cosigned():
    found = answer((EAST, NOW_S), (EAST, NOW_S - 1), (EAST, NOW_S))
    assert found.missing == ("west", "north")


def test_five_minutes_ahead_of_the_clock_count_and_no_more():
    edge = NOW_S + MAX_AHEAD_S
    found = answer((EAST, edge), (WEST, edge))
    assert (found.code, found.as_of_s, found.age_s) == (FreshnessCode.FRESH, edge, -MAX_AHEAD_S)
    for late_s, now_ms in ((edge, NOW_S * 1000 - 1), (edge + 1, NOW_S * 1000)):
        found = answer((EAST, late_s), (WEST, NOW_S), now_ms=now_ms)
        assert found.code is FreshnessCode.NOT_MET
        assert (found.missing, found.ahead) == (("east", "north"), ("east",))
        assert found.text.endswith("; more than 5 min ahead of this clock and not counted: east")


def test_of_a_witness_whose_newest_is_ahead_an_older_one_counts():
    found = answer((EAST, NOW_S + MAX_AHEAD_S + 1), (EAST, NOW_S - 7), (WEST, NOW_S), (NORTH, 2**63 - 1))
    assert (found.code, found.as_of_s, found.ahead) == (FreshnessCode.FRESH, NOW_S - 7, ("north",))


def test_unknown_cosignatures_are_passed_over_up_to_as_many_as_a_note_holds():
    strangers = [(STRANGER, NOW_S)] * (note.MAX_SIGNATURES - 3)
    assert answer(*strangers, (EAST, NOW_S), (WEST, NOW_S)).witnesses == ("east", "west")
    assert answer(*strangers, (EAST, NOW_S)).code is FreshnessCode.NOT_MET


def test_the_log_must_sign_whoever_cosigns():
    made = tuple(by.cosign(TEXT, NOW_S) for by in (EAST, WEST, NORTH))
    with pytest.raises(SignatureMismatchError, match="no signature by the log"):
        check_checkpoint(note.Note(TEXT, made), TWO, NOW_S * 1000)


def test_the_logs_own_cosignature_is_nobodys_witness():
    own = note.sign_note(TEXT, LOG.name, KEY, note.COSIGNATURE_V1, NOW_S)
    found = check_checkpoint(note.Note(TEXT, (BY_LOG, own, EAST.cosign(TEXT, NOW_S))), TWO, NOW_S * 1000)
    assert found is not None
    assert found.missing == ("west", "north")


def test_a_witness_that_signs_as_a_log_does_not_count():
    plain = note.sign_note(TEXT, WEST.verifier.name, WEST.key)
    found = check_checkpoint(note.Note(TEXT, (BY_LOG, plain, EAST.cosign(TEXT, NOW_S))), TWO, NOW_S * 1000)
    assert found is not None
    assert found.missing == ("west", "north")


def test_a_known_cosignature_that_does_not_fit_is_refused():
    other = note.Checkpoint("node.example/log", 8, bytes(32)).text()
    for wrong in (EAST.cosign(other, NOW_S), out_of_range()):
        with pytest.raises((SignatureMismatchError, MalformedError)):
            check_checkpoint(note.Note(TEXT, (BY_LOG, wrong)), TWO, NOW_S * 1000)


def out_of_range() -> note.Signature:
    made = EAST.cosign(TEXT, NOW_S)
    return note.Signature(made.name, made.key_id, b"\xff" * 8 + made.value[8:])


def test_a_quorum_without_a_clock_is_not_answered():
    signed = note.Note(TEXT, (BY_LOG, EAST.cosign(TEXT, NOW_S), WEST.cosign(TEXT, NOW_S)))
    found = check_checkpoint(signed, TWO, None)
    assert found == Freshness(FreshnessCode.NO_CLOCK)
    assert found.text == "no-clock: nobody said what time it is, and the policy asks for witnesses"


def test_no_quorum_is_no_answer_with_or_without_witnesses():
    known = parse_policy(policy_text(NODE_POLICY, "quorum none", by=(EAST,)))
    signed = note.Note(TEXT, (BY_LOG, EAST.cosign(TEXT, NOW_S)))
    for policy in (parse_policy(NODE_POLICY), known):
        assert check_checkpoint(signed, policy, NOW_S * 1000) is None


def test_a_group_named_complete_is_a_group_like_any_other():
    text = policy_text(NODE_POLICY, "group complete all west", "quorum east", by=(EAST, WEST))
    assert answer((EAST, NOW_S), policy=parse_policy(text)).witnesses == ("east",)


def test_who_is_no_witness_of_the_policy_is_never_named():
    found = judge(TWO.quorum, {"else": [NOW_S * 2], "east": [NOW_S], "west": []}, NOW_S * 1000)
    assert (found.missing, found.ahead) == (("west", "north"), ())


def test_names_are_shown_as_octets_where_a_screen_could_not():
    text = policy_text(NODE_POLICY, "quorum \u202e", by=()).replace("quorum", f"{EAST.line}quorum")
    policy = parse_policy(text.replace("witness east", "witness \u202e"))
    assert answer(policy=policy).text.endswith("missing: \\xe2\\x80\\xae")
    assert answer((EAST, NOW_S + 999), policy=policy).to_json()["ahead"] == ["\\xe2\\x80\\xae"]


GROUPS = ("group light any east", "group complete all west north", "quorum light")
FULL = parse_policy(policy_text(NODE_POLICY, *GROUPS, by=(EAST, WEST, NORTH)))


def test_the_group_complete_counts_whatever_its_age_and_the_quorum():
    made = ((WEST, NOW_S - 9_000), (NORTH, NOW_S - 9_999))
    assert answer(*made, policy=FULL).complete == ("west", "north")
    assert answer(*made, policy=FULL).code is FreshnessCode.NOT_MET
    found = answer((EAST, NOW_S), *made, policy=FULL)
    assert (found.code, found.checked_by) == (FreshnessCode.FRESH, "west, north")
    assert found.to_json()["complete"] == ["west", "north"]


def test_the_group_complete_is_met_by_as_many_as_it_says_and_by_nobody_of_the_future():
    assert answer((EAST, NOW_S), (WEST, NOW_S), policy=FULL).complete == ()
    assert answer((WEST, NOW_S), (NORTH, NOW_S + 301), policy=FULL).complete == ()
    assert answer((EAST, NOW_S), (WEST, NOW_S), (NORTH, NOW_S)).complete == (), "no group of that name"


def test_a_witness_that_is_called_complete_is_no_group():
    lines = f"witness complete {EAST.verifier.vkey()}\nquorum complete\n"
    policy = parse_policy(NODE_POLICY.removesuffix("quorum none\n") + lines)
    found = answer((EAST, NOW_S), policy=policy)
    assert (found.code, found.complete) == (FreshnessCode.FRESH, ())
