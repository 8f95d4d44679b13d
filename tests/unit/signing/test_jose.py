"""Headers and the general JWS: one text, strict, each signature checked by its own key."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceability.errors import (
    EncodingError,
    MalformedError,
    OversizeError,
    SignatureMismatchError,
    StatementError,
    TamperError,
)
from traceability.signing import jose
from traceability.signing.jose import b64url, b64url_decode, json_encode
from traceability.signing.keys import PrivateKey

TYP = "application/vnd.food-traceability.key+jws"
FIRST = PrivateKey.from_seed(bytes([2]) * 32)
SECOND = PrivateKey.from_seed(bytes([3]) * 32)
CLAIMS = {"act": "enrol", "iat": 1_700_000_000, "sub": "https://node.example/stream/keys/party/1"}


def signed(*keys: PrivateKey) -> bytes:
    return jose.jws_sign_general(CLAIMS, keys or (FIRST, SECOND), typ=TYP)


def changed(**parts: object) -> bytes:
    """A genuine statement with members of its outer object replaced."""
    return json_encode(json.loads(signed()) | parts)


def resigned(header: object, payload: bytes = json_encode(CLAIMS)) -> bytes:
    """A statement whose signature is right, whatever its header and payload say."""
    protected = header if isinstance(header, str) else b64url(json_encode(header))
    signature = FIRST.sign(f"{protected}.{b64url(payload)}".encode())
    part = {"protected": protected, "signature": b64url(signature)}
    return json_encode({"payload": b64url(payload), "signatures": [part]})


HEADER = {"alg": "Ed25519", "kid": b64url(FIRST.public.kid), "typ": "vnd.food-traceability.key+jws"}


def test_both_signatures_verify_with_their_keys():
    statement = jose.jws_parse_general(signed(), typ=TYP)
    assert statement.payload == CLAIMS
    assert statement.kids == (FIRST.public.kid, SECOND.public.kid)
    statement.verify(0, FIRST.public)
    statement.verify(1, SECOND.public)


def test_the_published_vector():
    assert jose.jws_sign_general({"sub": "x", "iat": 0}, [FIRST], typ=TYP) == (
        b'{"payload":"eyJpYXQiOjAsInN1YiI6IngifQ","signatures":[{"protected":'
        b'"eyJhbGciOiJFZDI1NTE5Iiwia2lkIjoiYWpnRDFmQlprQ29jYmEtOG02UnlrZyIsInR5cCI6InZuZC5mb29kLXRyYWNlYWJpbGl0eS5rZXkrandzIn0","signature":'
        b'"zePFsrtJjXANMj3jVCUHR7wQDV-hjn7rNYG2xzlxDAY7wQzLwaZlkNNEGXucXLUtzkvQZjeamhUomEtU-aj0Dg"}]}'
    )


def test_adding_a_signature_gives_the_text_of_signing_together():
    assert jose.jws_add_signature(signed(FIRST), SECOND, typ=TYP) == signed(FIRST, SECOND)


def test_the_protected_header_has_exactly_three_members():
    part = json.loads(signed())["signatures"][0]
    assert json.loads(b64url_decode(part["protected"])) == HEADER
    assert jose.jws_parse_general(signed(), typ=TYP).signatures[0].header.typ == TYP


def test_a_key_that_is_not_named_does_not_verify():
    statement = jose.jws_parse_general(signed(), typ=TYP)
    with pytest.raises(SignatureMismatchError, match=SECOND.public.kid.hex()):
        statement.verify(0, SECOND.public)


def test_a_signature_under_another_keys_name_does_not_verify():
    forged = resigned(HEADER | {"kid": b64url(SECOND.public.kid)})
    for key in (FIRST, SECOND):
        with pytest.raises(SignatureMismatchError):
            jose.jws_parse_general(forged, typ=TYP).verify(0, key.public)


@pytest.mark.parametrize("index", [1, -1])
def test_a_missing_signature_is_a_mismatch(index):
    with pytest.raises(SignatureMismatchError, match="missing"):
        jose.jws_parse_general(signed(FIRST), typ=TYP).verify(index, FIRST.public)


def test_every_changed_byte_is_noticed():
    data = signed(FIRST)
    for position in range(len(data)):
        tampered = bytearray(data)
        tampered[position] ^= 1
        with pytest.raises((MalformedError, TamperError)):
            jose.jws_parse_general(bytes(tampered), typ=TYP).verify(0, FIRST.public)


@given(
    st.dictionaries(
        st.sampled_from("abcd"), st.integers(-9, 9) | st.text(st.sampled_from('é{"x'), max_size=3)
    )
)
def test_any_claims_round_trip(claims):
    data = jose.jws_sign_general(claims, [FIRST], typ=TYP)
    statement = jose.jws_parse_general(data, typ=TYP)
    statement.verify(0, FIRST.public)
    assert statement.payload == claims


@pytest.mark.parametrize(
    "data",
    [
        b" " + signed(),
        signed() + b"\n",
        json.dumps(json.loads(signed())).encode(),
        resigned(HEADER, b'{"iat": 0}'),
        resigned(HEADER, b'{"b":0,"a":0}'),
        resigned(b64url(json.dumps(HEADER).encode())),
        resigned(b64url(json_encode(HEADER)) + "="),
        changed(payload=json.loads(signed())["payload"] + "="),
        b"{",
    ],
    ids=[
        "space",
        "newline",
        "spaced",
        "spaced payload",
        "unsorted",
        "spaced header",
        "padded",
        "padded too",
        "cut",
    ],
)
def test_a_second_text_of_a_statement_is_refused(data):
    with pytest.raises(EncodingError):
        jose.jws_parse_general(data, typ=TYP)


@pytest.mark.parametrize(
    "data",
    [
        b"[]",
        changed(header={}),
        json_encode({"payload": "e30"}),
        changed(payload=1),
        changed(signatures={}),
        changed(signatures=[]),
        changed(signatures=["x"]),
        changed(signatures=[{"protected": "e30"}]),
        changed(signatures=[{"protected": 1, "signature": "e30"}]),
        changed(signatures=[{"protected": "e30", "signature": 1}]),
        changed(signatures=[json.loads(signed())["signatures"][0] | {"header": {}}]),
        changed(signatures=[json.loads(signed())["signatures"][0] | {"signature": b64url(bytes(63))}]),
        changed(signatures=json.loads(signed())["signatures"][:1] * 2),
        resigned(HEADER, b"[]"),
        resigned(HEADER | {"alg": "EdDSA"}),
        resigned(HEADER | {"alg": "none"}),
        resigned(HEADER | {"typ": "vnd.food-traceability.notice+sd-jwt"}),
        resigned(HEADER | {"typ": TYP}),
        resigned(HEADER | {"typ": 1}),
        resigned(HEADER | {"kid": 1}),
        resigned(HEADER | {"kid": b64url(FIRST.public.raw)}),
        resigned(HEADER | {"crit": ["b64"], "b64": False}),
        resigned({"alg": "Ed25519", "kid": HEADER["kid"]}),
        resigned([]),
    ],
)
def test_another_shape_type_or_algorithm_is_refused(data):
    with pytest.raises(StatementError):
        jose.jws_parse_general(data, typ=TYP)


def test_a_key_signs_once_and_somebody_signs():
    for keys in ([], [FIRST, FIRST], [PrivateKey.from_seed(bytes([n]) * 32) for n in range(9)]):
        with pytest.raises(StatementError):
            jose.jws_sign_general(CLAIMS, keys, typ=TYP)
    with pytest.raises(StatementError):
        jose.jws_add_signature(signed(FIRST), FIRST, typ=TYP)


def test_a_long_statement_is_refused():
    assert jose.jws_parse_general(signed(), typ=TYP, max_bytes=len(signed())).payload == CLAIMS
    with pytest.raises(OversizeError):
        jose.jws_parse_general(signed(), typ=TYP, max_bytes=len(signed()) - 1)
    with pytest.raises(OversizeError):
        jose.jws_add_signature(signed(FIRST), SECOND, typ=TYP, max_bytes=10)
