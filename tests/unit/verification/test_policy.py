"""What a verifier pins, and that nothing else is taken for it."""

from __future__ import annotations

import pytest

from traceability.errors import BundleError
from traceability.ledger import note
from traceability.signing.keys import PrivateKey
from traceability.verification.policy import MAX_BYTES, Policy, format_policy, parse_policy

LOG = note.VerifierKey("node.example/log", note.ED25519, PrivateKey.from_seed(bytes(32)).public)
REGISTRAR = note.VerifierKey("node.example/registrar", note.ED25519, PrivateKey.from_seed(b"1" * 32).public)
POLICY = Policy(LOG, REGISTRAR)
TEXT = format_policy(POLICY)


def test_a_policy_survives_its_text_with_comments_and_blank_lines():
    assert parse_policy(TEXT) == POLICY
    assert parse_policy(f"# pinned on paper\n\n  {TEXT}# end\n") == POLICY
    assert POLICY.node == "node.example"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "names one log"),
        (f"log {LOG.vkey()}\n", "names one log"),
        (f"registrar {REGISTRAR.vkey()}\n", "names one log"),
        (f"{TEXT}log {LOG.vkey()}\n", "line 4: 'log' is not read"),
        (f"{TEXT}witness w {LOG.vkey()}\n", "line 4: 'witness' is not read"),
        (f"{TEXT}quorum complete\n", "line 4: 'quorum' is not read"),
        (TEXT.replace("+", "-"), "line 1: "),
        (f"log {REGISTRAR.vkey()}\nregistrar {REGISTRAR.vkey()}\n", "ends in /log"),
        ("#" * (MAX_BYTES + 1), "at most"),
    ],
)
def test_anything_else_is_refused_with_its_line(text: str, message: str):
    with pytest.raises(BundleError, match=message):
        parse_policy(text)
