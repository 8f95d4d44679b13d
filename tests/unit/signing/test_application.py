"""Applications of devices: read as written, by the key that they are for, with a code that people type."""

from __future__ import annotations

import hashlib

import pytest

from traceability import identifiers
from traceability.errors import MalformedError, OversizeError, SignatureMismatchError, StatementError
from traceability.signing import cbor
from traceability.signing.application import (
    MAX_BYTES,
    encode_application,
    make_code,
    open_application,
    read_code,
    write_code,
)
from traceability.signing.keys import PrivateKey
from traceability.signing.keystatement import device_request, party_statement, vouch
from traceability.signing.possession import prove_possession

NODE = "node.example"
KEY, OTHER = (PrivateKey.from_seed(bytes([i]) * 32) for i in (1, 2))
OWNER = identifiers.party_uri(NODE, "0123456789abcdef")
REQUEST = device_request(KEY, node=NODE, owner=OWNER, model="FT-1", iat=1)
CODE = bytes(range(10))


def test_an_application_is_read_as_it_was_written():
    read = open_application(encode_application(KEY, REQUEST, CODE, 7))
    assert (read.request, read.code, read.attempt) == (REQUEST, CODE, 7)
    assert (read.asked.owner, read.asked.key) == (OWNER, KEY.public)


def test_a_code_is_typed_as_people_type():
    code = make_code()
    written = write_code(code)
    for typed in (written, written.lower(), written.replace("-", " "), f" {written}\n"):
        assert read_code(typed) == code
    for typed in ("", written[:-1], written + "A", written[:-1] + "1", written[:-1] + "é"):
        with pytest.raises(MalformedError, match="four groups of four"):
            read_code(typed)


def about(code: bytes, attempt: object, request: bytes = REQUEST) -> bytes:
    return cbor.encode([hashlib.sha256(request).digest(), code, attempt])


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (bytes(MAX_BYTES + 1), OversizeError),
        (cbor.encode([REQUEST]), StatementError),
        (cbor.encode([vouch(REQUEST, OTHER), prove_possession(KEY, about(CODE, 7))]), StatementError),
        (encode_application(OTHER, REQUEST, CODE, 7), SignatureMismatchError),
        (cbor.encode([REQUEST, prove_possession(KEY, about(CODE, 7, b"x"))]), SignatureMismatchError),
        (cbor.encode([REQUEST, prove_possession(KEY, about(CODE[1:], 7))]), StatementError),
        (cbor.encode([REQUEST, prove_possession(KEY, about(CODE, -1))]), StatementError),
        (cbor.encode([REQUEST, prove_possession(KEY, about(CODE, "7"))]), StatementError),
    ],
)
def test_what_is_no_application_of_that_key_is_refused(body: bytes, error: type[Exception]):
    with pytest.raises(error):
        open_application(body)


def test_a_party_does_not_apply():
    names = {"en": "Farm", "zh": "农场"}
    body = party_statement(KEY, OTHER, node=NODE, party=OWNER, names=names, custody="self", iat=1)
    with pytest.raises(StatementError, match="device's own request"):
        open_application(encode_application(KEY, body, CODE, 7))
