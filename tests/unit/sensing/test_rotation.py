"""Rotations: read as written, on their own stream alone, and with the next key's own word."""

from __future__ import annotations

from typing import Any

import pytest

from traceability import media
from traceability.errors import MalformedError, SignatureMismatchError, StatementError, TamperError
from traceability.identifiers import device_keys, device_uri
from traceability.sensing.frame import Clock, Head, encode_frame, parse_statement, sign_statement
from traceability.sensing.rotation import encode_rotation, read_rotation
from traceability.sensing.senml import Reading
from traceability.signing import cbor, cose
from traceability.signing.keys import PrivateKey
from traceability.signing.possession import check_possession, prove_possession

NODE = "node.example"
OLD, NEXT, OTHER = (PrivateKey.from_seed(bytes([i]) * 32) for i in (1, 2, 3))
ID = OLD.public.device_id
ABOUT = cbor.encode([device_uri(NODE, ID), 7, bytes(32)])


def head(**changes: Any) -> Head:
    usual: Any = {
        "issuer": device_uri(NODE, ID),
        "stream": device_keys(NODE, ID),
        "counter": 7,
        "boot": 1,
        "prev": bytes(32),
        "uptime_s": 60,
        "clock": Clock.NETWORK,
        "issued_at": 1_767_225_600,
    }
    whole: Head = usual | changes
    return whole


def read(payload: bytes, **changes: Any) -> None:
    body = sign_statement(OLD, media.ROTATION, media.CBOR, head(**changes), payload)
    read_rotation(parse_statement(body))


def test_a_rotation_is_read_as_it_was_written():
    statement = parse_statement(encode_rotation(OLD, NEXT, **head()))
    statement.verify(OLD.public)
    rotation = read_rotation(statement)
    assert (rotation.key, rotation.statement.counter) == (NEXT.public, 7)
    assert (rotation.stream, rotation.subject) == (device_keys(NODE, ID), device_uri(NODE, ID))


def test_it_stands_on_the_key_stream_of_its_own_device():
    payload = cbor.encode([NEXT.public.raw, prove_possession(NEXT, ABOUT)])
    read(payload)
    for stream in (
        f"https://{NODE}/8004/TRUCK1",
        device_keys(NODE, "0" * 32),
        device_keys("other.example", ID),
    ):
        with pytest.raises(StatementError, match="key stream of its own device"):
            read(payload, stream=stream)


@pytest.mark.parametrize(
    ("payload", "error"),
    [
        (cbor.encode([NEXT.public.raw]), MalformedError),
        (cbor.encode([NEXT.public.raw, "x"]), MalformedError),
        (cbor.encode([NEXT.public.raw[1:], prove_possession(NEXT, ABOUT)]), MalformedError),
        (cbor.encode([bytes(32), prove_possession(NEXT, ABOUT)]), TamperError),
        (cbor.encode([NEXT.public.raw, prove_possession(OTHER, ABOUT)]), SignatureMismatchError),
        (cbor.encode([NEXT.public.raw, prove_possession(NEXT, b"\x00")]), SignatureMismatchError),
    ],
)
def test_another_payload_is_refused(payload: bytes, error: type[Exception]):
    with pytest.raises(error):
        read(payload)


def test_a_frame_brings_no_key_in():
    readings = [Reading("air", "Cel", 1_767_225_600_000, 4.0)]
    frame = encode_frame(OLD, readings=readings, **head(stream=f"https://{NODE}/8004/TRUCK1"))
    with pytest.raises(StatementError, match="brings no key in"):
        read_rotation(parse_statement(frame))


@pytest.mark.parametrize(
    ("typ", "content", "more"),
    [
        (media.FRAME, media.CBOR, {}),
        (media.POSSESSION, media.SENML_CBOR, {}),
        (media.POSSESSION, media.CBOR, {5: b""}),
    ],
)
def test_what_is_no_proof_of_possession_proves_none(typ: str, content: str, more: dict[int, object]):
    proof = cose.sign1(NEXT, typ=typ, content_type=content, headers=more, payload=ABOUT)
    with pytest.raises(StatementError):
        check_possession(proof, NEXT.public, ABOUT)
