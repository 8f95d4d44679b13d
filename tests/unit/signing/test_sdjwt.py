"""Signed statements: the compact form, who signed, and what may stand in it."""

from __future__ import annotations

import json

import pytest

from traceability import media
from traceability.errors import (
    EncodingError,
    MalformedError,
    OversizeError,
    SignatureMismatchError,
    StatementError,
)
from traceability.signing import sdjwt
from traceability.signing.keys import PrivateKey
from traceability.signing.strictjson import b64url, b64url_decode, json_encode

KEY = PrivateKey.from_seed(bytes([2]) * 32)
OTHER = PrivateKey.from_seed(bytes([3]) * 32)
CLAIMS = {"iss": "https://id.gs1.org/417/9506000134352", "iat": 1_700_000_000, "event": {"a": 1, "b": [1, 2]}}


def salts(*, first: int = 0):
    """Salts 0, 1, 2, ... as 16 bytes."""
    numbers = iter(range(first, 1000))
    return lambda: next(numbers).to_bytes(16, "big")


def everything(path: sdjwt.Path) -> bool:
    return True


def issued(claims=None, hide=everything) -> sdjwt.Issued:
    return sdjwt.issue(KEY, claims or CLAIMS, hide, typ=media.EVENT, salt=salts())


def signed(header: object, payload: object) -> bytes:
    """A statement whose signature is right, whatever its header and payload say."""
    parts = [part if isinstance(part, str) else b64url(json_encode(part)) for part in (header, payload)]
    signing_input = ".".join(parts).encode()
    return signing_input + b"." + b64url(KEY.sign(signing_input)).encode() + b"~"


HEADER = {"alg": "Ed25519", "kid": b64url(KEY.public.kid), "typ": "vnd.food-traceability.event+sd-jwt"}
PAYLOAD = {"_sd_alg": "sha-256", "iat": 0, "iss": "x"}
GOOD = signed(HEADER, PAYLOAD)


def test_a_statement_is_parsed_verified_and_revealed():
    made = issued()
    statement = sdjwt.parse(made.statement, typ=media.EVENT)
    statement.verify(KEY.public)
    assert (statement.kid, statement.typ) == (KEY.public.kid, media.EVENT)
    assert (statement.iss, statement.iat) == (CLAIMS["iss"], CLAIMS["iat"])
    assert sdjwt.reveal(statement.payload, [d.text for d in made.disclosures]).claims == CLAIMS


def test_issuer_and_time_stay_plain_whatever_is_to_be_hidden():
    made = issued()
    payload = sdjwt.parse(made.statement).payload
    assert payload.keys() == {"iss", "iat", "_sd", "_sd_alg"}
    assert sdjwt.reveal(payload, []).claims == {name: CLAIMS[name] for name in ("iss", "iat")}
    assert [d.path for d in made.disclosures][-1] == ("event",)


def test_only_the_issuer_and_time_of_the_top_are_exempt():
    made = issued(CLAIMS | {"event": {"iss": 1, "iat": 2}})
    assert {("event", "iss"), ("event", "iat")} <= {d.path for d in made.disclosures}


def test_salts_are_fresh_unless_given():
    one, two = (sdjwt.issue(KEY, CLAIMS, everything, typ=media.EVENT) for _ in range(2))
    assert {d.digest for d in one.disclosures}.isdisjoint({d.digest for d in two.disclosures})


def test_any_type_is_read_if_none_is_asked_for():
    assert sdjwt.parse(GOOD).typ == media.EVENT
    with pytest.raises(StatementError, match="typ"):
        sdjwt.parse(GOOD, typ=media.NOTICE)


def test_another_key_does_not_verify():
    with pytest.raises(SignatureMismatchError):
        sdjwt.parse(GOOD).verify(OTHER.public)
    posing = signed(HEADER | {"kid": b64url(OTHER.public.kid)}, PAYLOAD)
    with pytest.raises(SignatureMismatchError):
        sdjwt.parse(posing).verify(OTHER.public)


def test_every_changed_byte_is_noticed():
    data = issued().statement
    for position in range(len(data)):
        tampered = bytearray(data)
        tampered[position] ^= 1
        with pytest.raises((MalformedError, SignatureMismatchError)):
            sdjwt.parse(bytes(tampered), typ=media.EVENT).verify(KEY.public)


def test_headers_and_payloads_of_other_writers_are_read_as_they_are():
    spaced = signed(b64url(json.dumps(HEADER).encode()), b64url(json.dumps(PAYLOAD).encode()))
    sdjwt.parse(spaced, typ=media.EVENT).verify(KEY.public)


@pytest.mark.parametrize(
    "data",
    [
        GOOD[:-1],
        GOOD + b"~",
        GOOD + b"\n",
        b"~" + GOOD,
        GOOD + b64url(b'["s",1]').encode() + b"~",
        GOOD + b"a.b.c",
        b"",
        b"~",
        GOOD.replace(b".", b"", 1),
        GOOD[:-1] + b".e30~",
        GOOD.replace(b".", "é".encode(), 1),
        signed(HEADER | {"alg": "EdDSA"}, PAYLOAD),
        signed(HEADER | {"alg": "none"}, PAYLOAD),
        signed(HEADER | {"crit": []}, PAYLOAD),
        signed(HEADER | {"typ": media.EVENT}, PAYLOAD),
        signed(HEADER | {"jwk": {}}, PAYLOAD),
        signed(HEADER, []),
        signed(HEADER, PAYLOAD | {"_sd_alg": "sha-512"}),
        signed(HEADER, {"iat": 0, "iss": "x"}),
        signed(HEADER, {"_sd_alg": "sha-256", "iat": 0}),
        signed(HEADER, {"_sd_alg": "sha-256", "iss": "x"}),
        signed(HEADER, PAYLOAD | {"iat": True}),
        signed(HEADER, PAYLOAD | {"iat": "0"}),
        signed(HEADER, PAYLOAD | {"iss": 0}),
        signed(HEADER, b64url(b'{"_sd_alg":"sha-256","iat":1.5,"iss":"x"}')),
        GOOD.rpartition(b".")[0] + b"." + b64url(bytes(65)).encode() + b"~",
    ],
)
def test_another_shape_type_or_algorithm_is_refused(data):
    with pytest.raises(StatementError):
        sdjwt.parse(data)


@pytest.mark.parametrize(
    "data",
    [
        GOOD[:-1] + b"=~",
        b".." + b"~",
        signed(HEADER, b64url(json_encode(PAYLOAD)) + "="),
        signed(b64url(json_encode(HEADER)) + "=", PAYLOAD),
        signed(HEADER, b64url(b'{"_sd_alg":"sha-256","iat":0,"iat":0,"iss":"x"}')),
        signed(HEADER, b64url(b'{"_sd_alg":"sha-256","iat":0,"iss":"x","y":NaN}')),
    ],
)
def test_a_lax_encoding_is_refused(data):
    with pytest.raises(EncodingError):
        sdjwt.parse(data)


def test_a_long_statement_is_refused_both_ways():
    assert sdjwt.parse(GOOD, max_bytes=len(GOOD)).iss == "x"
    with pytest.raises(OversizeError):
        sdjwt.parse(GOOD, max_bytes=len(GOOD) - 1)
    with pytest.raises(OversizeError):
        issued(CLAIMS | {"note": "x" * 200_000}, hide=lambda path: False)


@pytest.mark.parametrize("missing", ["iss", "iat"])
def test_claims_without_issuer_or_time_are_not_signed(missing):
    with pytest.raises(StatementError):
        issued({name: value for name, value in CLAIMS.items() if name != missing})


def test_the_published_vector():
    made = sdjwt.issue(
        KEY,
        {"iss": "x", "iat": 0, "event": {"type": "ObjectEvent", "epcList": ["e"]}},
        lambda path: path[:1] == ("event",) and len(path) > 1,
        typ=media.EVENT,
        salt=salts(),
    )
    assert [d.text for d in made.disclosures] == [
        "WyJBQUFBQUFBQUFBQUFBQUFBQUFBQUFBIiwiZSJd",
        "WyJBQUFBQUFBQUFBQUFBQUFBQUFBQUFRIiwiZXBjTGlzdCIsW3siLi4uIjoiRkxOTXZBaGd2SnFIaXJZTy1QZFVMM3ByNHZmR0VPUnlZd011RjhvQWhLbyJ9XV0",
        "WyJBQUFBQUFBQUFBQUFBQUFBQUFBQUFnIiwidHlwZSIsIk9iamVjdEV2ZW50Il0",
    ]
    assert [d.digest for d in made.disclosures] == [
        "FLNMvAhgvJqHirYO-PdUL3pr4vfGEORyYwMuF8oAhKo",
        "bjR43lN5OBG7IyLiPwCZ4tXKJZH4ZOLDXULYWT8kX9c",
        "zPlP0a6SBoruEaeYzezuctAkQN9XKiQtMyp2a4LcC8I",
    ]
    payload = b64url_decode(made.statement.split(b".")[1].decode())
    assert payload == (
        b'{"_sd_alg":"sha-256","event":{"_sd":["bjR43lN5OBG7IyLiPwCZ4tXKJZH4ZOLDXULYWT8kX9c","zPlP0a'
        b'6SBoruEaeYzezuctAkQN9XKiQtMyp2a4LcC8I"]},"iat":0,"iss":"x"}'
    )
    assert made.statement == (
        b"eyJhbGciOiJFZDI1NTE5Iiwia2lkIjoiYWpnRDFmQlprQ29jYmEtOG02UnlrZyIsInR5cCI6InZuZC5mb29kLXRyYW"
        b"NlYWJpbGl0eS5ldmVudCtzZC1qd3QifQ.eyJfc2RfYWxnIjoic2hhLTI1NiIsImV2ZW50Ijp7Il9zZCI6WyJialI0M"
        b"2xONU9CRzdJeUxpUHdDWjR0WEtKWkg0Wk9MRFhVTFlXVDhrWDljIiwielBsUDBhNlNCb3J1RWFlWXplenVjdEFrUU4"
        b"5WEtpUXRNeXAyYTRMY0M4SSJdfSwiaWF0IjowLCJpc3MiOiJ4In0._gOvCf8glJ8Pu6JuuHbtjvT7nVEt-vCVasN6G"
        b"zUTHRF1DFbzdK-I1woACIi_HuKUajCy-Eekq8ii0LV1CMMNDg~"
    )
