"""Farewells: one signature, one form, and a last counter that every reader reads alike."""

from __future__ import annotations

from typing import Any

import pytest

from traceability import identifiers, media
from traceability.errors import MalformedError, SignatureMismatchError, StatementError
from traceability.signing import jose
from traceability.signing.farewell import MAX_LAST, NOTHING, Farewell, device_farewell
from traceability.signing.keys import PrivateKey
from traceability.signing.revocation import Revocation, Told, device_revocation, parse_key_act

NODE = "node.example"
DEVICE, OWNER = (PrivateKey.from_seed(bytes([i]) * 32) for i in (1, 2))
ID = DEVICE.public.device_id


def farewell(last: int = 7) -> bytes:
    return device_farewell(OWNER, node=NODE, device=ID, last=last, iat=5)


def resigned(*keys: PrivateKey, **changes: Any) -> bytes:
    claims = dict(jose.jws_parse_general(farewell(), typ=media.KEY).payload) | changes
    kept = {name: value for name, value in claims.items() if value is not ...}
    return jose.jws_sign_general(kept, keys or (OWNER,), typ=media.KEY)


@pytest.mark.parametrize("last", [NOTHING, 0, 7, MAX_LAST])
def test_a_farewell_is_read_and_verified(last: int):
    read = parse_key_act(farewell(last))
    assert isinstance(read, Farewell)
    assert (read.stream, read.subject) == (
        identifiers.device_keys(NODE, ID),
        identifiers.device_uri(NODE, ID),
    )
    assert (read.last, read.issued_at) == (last, 5)
    read.verify(OWNER.public)
    with pytest.raises(SignatureMismatchError):
        read.verify(DEVICE.public)


@pytest.mark.parametrize("last", [NOTHING - 1, MAX_LAST + 1])
def test_what_is_no_counter_is_not_signed(last: int):
    with pytest.raises(MalformedError):
        farewell(last)


@pytest.mark.parametrize(
    "changes",
    [
        {"last": ...},
        {"last": None},
        {"last": True},
        {"last": "7"},
        {"iat": -1},
        {"more": 1},
        {"device": identifiers.device_uri(NODE, "0" * 32)},
        {"sub": identifiers.party_keys(NODE, identifiers.party_uri(NODE, "0" * 16))},
        {"sub": identifiers.device_keys("other.example", ID)},
    ],
)
def test_other_claims_are_refused(changes: dict[str, Any]):
    with pytest.raises(MalformedError):
        parse_key_act(resigned(**changes))


def test_it_has_one_signature():
    with pytest.raises(StatementError, match="one signature"):
        parse_key_act(resigned(OWNER, DEVICE))


def test_a_revocation_of_a_devices_key_names_the_device():
    told = Told(kid=DEVICE.public.kid, reason="stolen", suspected_s=4, iat=5)
    read = parse_key_act(device_revocation(OWNER, node=NODE, device=ID, **told))
    assert isinstance(read, Revocation)
    assert (read.subject, read.kid) == (identifiers.device_uri(NODE, ID), DEVICE.public.kid)
    read.verify(OWNER.public)
