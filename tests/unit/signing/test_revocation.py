"""Revocations: one signature, one form, and no suspicion of what is still to come."""

from __future__ import annotations

from typing import Any

import pytest

from traceability import identifiers, media
from traceability.errors import MalformedError, SignatureMismatchError, StatementError
from traceability.signing import jose
from traceability.signing.keys import PrivateKey
from traceability.signing.keystatement import parse_key_statement
from traceability.signing.revocation import Revocation, parse_key_act, party_revocation

NODE = "node.example"
KEY, OTHER, REGISTRAR = (PrivateKey.from_seed(bytes([i]) * 32) for i in (1, 2, 3))
PARTY = identifiers.party_uri(NODE, "0123456789abcdef")


def revocation(suspected_s: int | None = 4, by: PrivateKey = REGISTRAR, reason: str = "lost") -> bytes:
    return party_revocation(
        by, node=NODE, party=PARTY, kid=KEY.public.kid, reason=reason, suspected_s=suspected_s, iat=5
    )


def resigned(*keys: PrivateKey, **changes: Any) -> bytes:
    claims = dict(jose.jws_parse_general(revocation(), typ=media.KEY).payload) | changes
    kept = {name: value for name, value in claims.items() if value is not ...}
    return jose.jws_sign_general(kept, keys or (REGISTRAR,), typ=media.KEY)


def test_a_revocation_is_read_and_verified():
    read = parse_key_act(revocation())
    assert isinstance(read, Revocation)
    assert (read.stream, read.subject, read.kid) == (
        identifiers.party_keys(NODE, PARTY),
        PARTY,
        KEY.public.kid,
    )
    assert (read.issued_at, read.suspected_s, read.reason) == (5, 4, "lost")
    assert read.revoker == REGISTRAR.public.kid
    read.verify(REGISTRAR.public)
    with pytest.raises(SignatureMismatchError):
        read.verify(KEY.public)


def test_suspicion_may_be_absent_but_not_lie_ahead():
    calm = parse_key_act(revocation(suspected_s=None))
    assert isinstance(calm, Revocation)
    assert calm.suspected_s is None
    just_now = parse_key_act(revocation(suspected_s=5))
    assert isinstance(just_now, Revocation)
    with pytest.raises(StatementError, match="later than iat"):
        revocation(suspected_s=6)


def test_it_has_one_signature():
    with pytest.raises(StatementError, match="one signature"):
        parse_key_act(resigned(REGISTRAR, KEY))


def test_it_brings_no_key_in():
    with pytest.raises(StatementError, match="revoke"):
        parse_key_statement(revocation())


@pytest.mark.parametrize("reason", ["", "x" * 201])
def test_a_reason_is_given_and_short(reason: str):
    with pytest.raises(StatementError, match="reason"):
        revocation(reason=reason)


@pytest.mark.parametrize(
    "changes",
    [
        {"kid": ...},
        {"kid": 5},
        {"kid": "AAAA"},
        {"kid": "*" * 22},
        {"reason": None},
        {"suspected": ...},
        {"suspected": -1},
        {"suspected": True},
        {"suspected": "4"},
        {"iat": None},
        {"party": identifiers.party_uri(NODE, "f" * 16)},
        {"sub": identifiers.device_keys(NODE, KEY.public.device_id)},
        {"jwk": {"crv": "Ed25519", "kty": "OKP", "x": jose.b64url(OTHER.public.raw)}},
        {"extra": 1},
    ],
)
def test_any_other_revocation_is_refused(changes: dict[str, Any]):
    with pytest.raises(MalformedError):
        parse_key_act(resigned(**changes))
