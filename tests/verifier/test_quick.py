"""The runtime's own Ed25519 says yes first where it keeps to the one strict rule; else it is not asked."""

from __future__ import annotations

import hashlib
import json

import pytest

from tests.support.node import REPOSITORY, JavaScript, outcome
from traceability.signing.keys import PrivateKey, PublicKey

SEED = bytes([3]) * 32
GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493


@pytest.mark.parametrize(
    ("kind", "is_used"),
    [("own", True), ("none", False), ("lenient", False), ("refusing", False), ("ignorant", False)],
)
def test_only_one_that_keeps_to_the_rule_is_used(javascript: JavaScript, kind: str, is_used: bool):
    assert javascript.ask("quickFrom", [[kind]]) == [is_used]


def test_with_our_rules_before_it_it_accepts_what_the_one_rule_accepts(javascript: JavaScript):
    read = json.loads((REPOSITORY / "tests" / "vectors" / "ed25519.json").read_bytes())
    cases = [[bytes.fromhex(case[name]) for name in ("public", "message", "signature")] for case in read]
    answers = javascript.ask("quick", cases)
    assert [answer is True for answer in answers] == [case["accept"] for case in read]


def test_a_key_that_signed_nothing_is_judged_too(javascript: JavaScript):
    genuine = PrivateKey.from_seed(SEED).public.raw
    keys = [
        genuine,
        bytes([1, *[0] * 31]),
        bytes([2, *[0] * 31]),
        b"\xff" * 32,
        bytes([genuine[0] ^ 1]) + genuine[1:],
    ]
    judged = [outcome(PublicKey, [key]) for key in keys]
    answers = javascript.ask("leftKey", [[key] for key in keys])
    assert answers == ["refused" not in judgement for judgement in judged]
    assert (answers[0], False in answers) == (True, True)


def test_an_s_that_is_too_great_is_refused_before_it_is_asked(javascript: JavaScript):
    key = PrivateKey.from_seed(SEED)
    signature = key.sign(b"message")
    s = int.from_bytes(signature[32:], "little") + GROUP_ORDER
    other = signature[:32] + s.to_bytes(32, "little")
    assert javascript.ask("quick", [[key.public.raw, b"message", other]]) == [{"refused": "bad-signature"}]


def test_what_a_lost_helper_was_asked_is_answered_without_it(javascript: JavaScript):
    key = PrivateKey.from_seed(SEED)
    signed = [[key.public.raw, message, key.sign(b"message")] for message in (b"message", b"another")]
    assert javascript.ask("lost", signed) == [True, False]


def test_a_signature_whose_r_is_of_small_order_is_refused_before_it_is_asked(javascript: JavaScript):
    key, message, r = PrivateKey.from_seed(SEED), b"message", bytes([1, *[0] * 31])
    digest = hashlib.sha512(SEED).digest()[:32]
    secret = int.from_bytes(digest, "little") & ((1 << 254) - 8) | 1 << 254
    k = int.from_bytes(hashlib.sha512(r + key.public.raw + message).digest(), "little")
    signature = r + (k * secret % GROUP_ORDER).to_bytes(32, "little")
    assert javascript.ask("quick", [[key.public.raw, message, signature]]) == [{"refused": "bad-signature"}]
