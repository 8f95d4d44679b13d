"""Key statements: both signatures, one form, and nothing odd breaks the reader."""

from __future__ import annotations

from typing import Any

import pytest

from traceability import identifiers, media
from traceability.errors import (
    IdentifierError,
    KeyRefusedError,
    MalformedError,
    SignatureMismatchError,
    StatementError,
    TraceabilityError,
)
from traceability.signing import jose
from traceability.signing.keys import SMALL_ORDER, PrivateKey
from traceability.signing.keystatement import (
    ROTATE,
    device_request,
    parse_key_statement,
    party_rotation,
    party_statement,
    vouch,
)
from traceability.signing.revocation import parse_key_act

NODE = "node.example"
KEY, OTHER, REGISTRAR = (PrivateKey.from_seed(bytes([i]) * 32) for i in (1, 2, 3))
PARTY = identifiers.party_uri(NODE, "0123456789abcdef")
NAMES = {"en": "Farm", "zh": "农场"}


def party(**changes: Any) -> bytes:
    made = party_statement(KEY, REGISTRAR, node=NODE, party=PARTY, names=NAMES, custody="node", iat=5)
    return resigned(made, [KEY, REGISTRAR], changes) if changes else made


def request(**changes: Any) -> bytes:
    made = device_request(KEY, node=NODE, owner=PARTY, model="FT-1", iat=5)
    return resigned(made, [KEY], changes) if changes else made


def resigned(statement: bytes, keys: list[PrivateKey], changes: dict[str, Any]) -> bytes:
    claims = dict(jose.jws_parse_general(statement, typ=media.KEY).payload) | changes
    return jose.jws_sign_general({k: v for k, v in claims.items() if v is not ...}, keys, typ=media.KEY)


def test_a_party_is_read_and_verified():
    read = parse_key_statement(party())
    assert (read.subject, read.owner, read.custody, read.names, read.issued_at) == (
        PARTY,
        None,
        "node",
        NAMES,
        5,
    )
    assert read.stream == identifiers.party_keys(NODE, PARTY)
    assert read.voucher == REGISTRAR.public.kid
    read.verify(REGISTRAR.public)
    with pytest.raises(SignatureMismatchError):
        read.verify(OTHER.public)


def test_a_device_asks_and_its_owner_vouches():
    asked = parse_key_statement(request())
    assert (asked.owner, asked.voucher, asked.custody) == (PARTY, None, None)
    with pytest.raises(SignatureMismatchError, match="missing"):
        asked.verify(OTHER.public)
    read = parse_key_statement(vouch(request(), OTHER))
    read.verify(OTHER.public)
    assert read.subject == identifiers.device_uri(NODE, KEY.public.device_id)


def test_the_key_itself_must_have_signed():
    claims = jose.jws_parse_general(party(), typ=media.KEY).payload
    for keys in ([REGISTRAR, KEY], [OTHER, REGISTRAR]):
        with pytest.raises(StatementError, match="first signature"):
            parse_key_statement(jose.jws_sign_general(claims, keys, typ=media.KEY))
    with pytest.raises(StatementError, match="two signatures"):
        parse_key_statement(vouch(party(), OTHER))


JWK = {"crv": "Ed25519", "kty": "OKP", "x": jose.b64url(KEY.public.raw)}


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"act": "revoke"}, StatementError),
        ({"act": "rotate"}, StatementError),
        ({"iat": -1}, StatementError),
        ({"iat": True}, StatementError),
        ({"iat": "5"}, StatementError),
        ({"custody": "bank"}, StatementError),
        ({"custody": ["node"]}, StatementError),
        ({"names": {"en": "Farm"}}, StatementError),
        ({"names": ["Farm"]}, StatementError),
        ({"names": {"en": "", "zh": "x"}}, StatementError),
        ({"names": {"en": "x" * 201, "zh": "x"}}, StatementError),
        ({"names": {"en": 5, "zh": "x"}}, StatementError),
        ({"extra": 1}, StatementError),
        ({"custody": ...}, StatementError),
        ({"sub": identifiers.device_keys(NODE, KEY.public.device_id)}, StatementError),
        ({"sub": 5}, IdentifierError),
        ({"party": "https://x.example/"}, IdentifierError),
        ({"party": identifiers.party_uri("other.example", "0123456789abcde0")}, StatementError),
        ({"jwk": ...}, StatementError),
        ({"jwk": JWK | {"d": "x"}}, StatementError),
        ({"jwk": JWK | {"crv": "X25519"}}, StatementError),
        ({"jwk": JWK | {"x": 5}}, StatementError),
        ({"jwk": JWK | {"x": "***"}}, KeyRefusedError),
        ({"jwk": JWK | {"x": "AAAA"}}, KeyRefusedError),
    ],
)
def test_any_other_party_statement_is_refused(changes: dict[str, Any], error: type[Exception]):
    with pytest.raises(error):
        parse_key_statement(party(**changes))


@pytest.mark.parametrize("point", sorted(SMALL_ORDER))
def test_keys_of_small_order_are_refused(point: bytes):
    with pytest.raises(KeyRefusedError):
        parse_key_statement(party(jwk=JWK | {"x": jose.b64url(point)}))


@pytest.mark.parametrize(
    "changes",
    [
        {"device": identifiers.device_uri(NODE, OTHER.public.device_id)},
        {"sub": identifiers.device_keys(NODE, OTHER.public.device_id)},
        {"owner": "https://x.example/"},
        {"model": ""},
        {"model": ...},
        {"extra": 1},
    ],
)
def test_any_other_device_statement_is_refused(changes: dict[str, Any]):
    with pytest.raises(MalformedError):
        parse_key_statement(request(**changes))


def test_a_statement_that_would_not_be_read_is_not_made():
    with pytest.raises(TraceabilityError):
        party_statement(KEY, REGISTRAR, node=NODE, party=PARTY, names={"en": "x"}, custody="node", iat=5)


def rotation(**changes: Any) -> bytes:
    made = party_rotation(OTHER, KEY, node=NODE, party=PARTY, custody="self", iat=5)
    return resigned(made, [OTHER, KEY], changes) if changes else made


def test_a_rotation_is_read_and_verified():
    read = parse_key_statement(rotation())
    assert (read.act, read.subject, read.custody, read.names, read.voucher) == (
        ROTATE,
        PARTY,
        "self",
        {},
        KEY.public.kid,
    )
    assert (read.key, read.stream) == (OTHER.public, identifiers.party_keys(NODE, PARTY))
    read.verify(KEY.public)
    with pytest.raises(SignatureMismatchError):
        read.verify(REGISTRAR.public)


@pytest.mark.parametrize(
    "changes",
    [
        {"names": NAMES},
        {"party": ...},
        {"party": identifiers.party_uri(NODE, "f" * 16)},
        {"custody": "bank"},
        {"iat": -1},
        {"jwk": JWK},
        {"kid": "x"},
        {"act": "Rotate"},
        {"act": ["rotate"]},
    ],
)
def test_any_other_rotation_is_refused(changes: dict[str, Any]):
    with pytest.raises(MalformedError):
        parse_key_act(rotation(**changes))


def test_a_statement_is_one_act():
    claims = dict(jose.jws_parse_general(rotation(), typ=media.KEY).payload)
    assert parse_key_act(party()) == parse_key_statement(party())
    assert parse_key_act(request()) == parse_key_statement(request())
    with pytest.raises(StatementError, match="exactly"):
        parse_key_act(jose.jws_sign_general(claims | {"act": "enrol"}, [OTHER, KEY], typ=media.KEY))
    with pytest.raises(StatementError, match="enrol, rotate, revoke"):
        parse_key_act(rotation(act="renew"))


def test_a_key_does_not_replace_itself():
    with pytest.raises(StatementError, match="signs a statement once"):
        party_rotation(KEY, KEY, node=NODE, party=PARTY, custody="self", iat=5)
