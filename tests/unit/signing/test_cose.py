"""COSE_Sign1 and COSE_Mac0 in one strict profile."""

from __future__ import annotations

import hashlib
import hmac

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceability import media
from traceability.errors import (
    EncodingError,
    OversizeError,
    SignatureMismatchError,
    StatementError,
    TraceabilityError,
)
from traceability.signing import cbor, cose
from traceability.signing.keys import PrivateKey, receipt_key

ALICE = PrivateKey.from_seed(bytes([1]) * 32)
BOB = PrivateKey.from_seed(bytes([2]) * 32)
CLAIMS = {1: "https://node.example/device/34750f98bd59fcfc946da45aaabe933b", 2: "https://id.gs1.org/8004/A1"}
PAYLOAD = cbor.encode([{-2: "urn:x:", 0: "t", 1: "Cel", 2: 4.5, 3: 1700000000}])
HEADERS = {cose.CLAIMS: CLAIMS, -65537: 1}
SECRET = receipt_key(bytes(32), ALICE.public.device_id)
RECEIPT = cose.mac0(SECRET, typ=media.RECEIPT, payload=b"\xa0")

SIGN1_VECTOR = (
    "d28458c0a6013203766170706c69636174696f6e2f73656e6d6c2b63626f72045034750f98bd59fcfc946da45aaabe93"
    "3b0fa201783c68747470733a2f2f6e6f64652e6578616d706c652f6465766963652f3334373530663938626435396663"
    "66633934366461343561616162653933336202781a68747470733a2f2f69642e6773312e6f72672f383030342f413110"
    "782c6170706c69636174696f6e2f766e642e666f6f642d74726163656162696c6974792e6672616d652b636f73653a00"
    "01000001a0581c81a5006174016343656c02f94480031a6553f100216675726e3a783a584092c53575207bd52fb4a1e1"
    "cb8097a612280e9a6945ac33d18bb81f5b0cbbddc3adf0c854f1b06d10f2933260b9b9dddfcc502a2642fe295d3af02f"
    "2b39f9b40a"
)
MAC0_VECTOR = (
    "d1845834a2010510782e6170706c69636174696f6e2f766e642e666f6f642d74726163656162696c6974792e72656365"
    "6970742b636f7365a041a05820d562b6422b59fb464860fe1b7f8daec726e7a208fbd1642e57ed28c7f75ff654"
)


def frame(payload: bytes = PAYLOAD) -> bytes:
    return cose.sign1(ALICE, typ=media.FRAME, content_type=media.SENML_CBOR, headers=HEADERS, payload=payload)


def signed_with(
    protected: dict[object, object] | bytes, unprotected: object = None, payload: object = b"p"
) -> bytes:
    """A message genuinely signed by Alice, with any headers."""
    raw = protected if isinstance(protected, bytes) else cbor.encode(protected)
    signed = payload if isinstance(payload, bytes) else b""
    signature = ALICE.sign(cbor.encode(["Signature1", raw, b"", signed]))
    return b"\xd2" + cbor.encode([raw, {} if unprotected is None else unprotected, payload, signature])


def headers(**changes: object) -> dict[object, object]:
    """The least protected header that is accepted, with changes by name; None leaves one out."""
    labels = {"alg": 1, "crit": 2, "content_type": 3, "kid": 4, "typ": 16}
    plain: dict[str, object] = {
        "alg": -19,
        "content_type": media.CBOR,
        "kid": ALICE.public.kid,
        "typ": media.FRAME,
    }
    return {labels[name]: value for name, value in {**plain, **changes}.items() if value is not None}


def test_a_statement_is_read_and_verified_as_it_was_signed() -> None:
    statement = cose.parse_sign1(frame())
    assert (statement.typ, statement.content_type, statement.kid, statement.payload) == (
        media.FRAME,
        media.SENML_CBOR,
        ALICE.public.kid,
        PAYLOAD,
    )
    assert statement.protected[cose.CLAIMS] == CLAIMS
    assert statement.protected[-65537] == 1
    assert statement.protected[cose.ALG] == cose.ED25519
    statement.verify(ALICE.public)


def test_the_least_message_is_accepted() -> None:
    cose.parse_sign1(signed_with(headers())).verify(ALICE.public)


def test_the_statement_of_the_documentation() -> None:
    assert frame().hex() == SIGN1_VECTOR


def test_another_library_finds_the_structure_of_rfc_9052() -> None:
    tagged = cbor2.loads(frame())
    protected, unprotected, payload, signature = tagged.value
    assert (tagged.tag, unprotected, payload) == (18, {}, PAYLOAD)
    ALICE.public.verify(cbor2.dumps(["Signature1", protected, b"", payload]), signature)
    assert list(cbor2.loads(protected)) == [1, 3, 4, 15, 16, -65537]


@given(st.binary(max_size=300), st.dictionaries(st.integers(-70000, -65537), st.integers(0, 2**64 - 1)))
def test_any_payload_and_private_headers_come_back(payload: bytes, extra: dict[int, object]) -> None:
    data = cose.sign1(ALICE, typ="t", content_type="c", headers=extra, payload=payload)
    statement = cose.parse_sign1(data)
    statement.verify(ALICE.public)
    assert statement.payload == payload
    assert {label: statement.protected[label] for label in extra} == extra


def test_each_changed_byte_of_a_statement_is_found() -> None:
    whole = frame()
    for at in range(len(whole)):
        changed = bytearray(whole)
        changed[at] ^= 1
        with pytest.raises(TraceabilityError):
            cose.parse_sign1(bytes(changed)).verify(ALICE.public)


def test_a_statement_is_not_anothers() -> None:
    statement = cose.parse_sign1(frame())
    with pytest.raises(SignatureMismatchError, match="key id"):
        statement.verify(BOB.public)


def test_a_kid_is_not_believed_without_its_signature() -> None:
    claimed = signed_with(headers(kid=BOB.public.kid))
    with pytest.raises(SignatureMismatchError, match="Ed25519 signature"):
        cose.parse_sign1(claimed).verify(BOB.public)


def test_a_signature_by_the_right_key_under_a_foreign_kid_is_refused() -> None:
    claimed = cose.parse_sign1(signed_with(headers(kid=BOB.public.kid)))
    with pytest.raises(SignatureMismatchError, match="key id"):
        claimed.verify(ALICE.public)


def test_a_signature_covers_external_data_where_there_is_some() -> None:
    statement = cose.parse_sign1(frame())
    with pytest.raises(SignatureMismatchError):
        cose.verify_sign1(
            ALICE.public,
            protected=statement.raw_protected,
            payload=statement.payload,
            signature=statement.signature,
            external_aad=b"x",
        )


@pytest.mark.parametrize("alg", [-8, -7, -999, 5, "EdDSA", None, True, -19.0, b"\x32", [-19]])
def test_other_algorithms_are_refused(alg: object) -> None:
    with pytest.raises(StatementError, match="algorithm"):
        cose.parse_sign1(signed_with(headers(alg=alg)))


def test_the_older_name_of_ed25519_is_read_only_where_asked_for() -> None:
    data = signed_with(headers(alg=cose.EDDSA))
    cose.parse_sign1(data, algorithms=frozenset({cose.EDDSA})).verify(ALICE.public)
    with pytest.raises(StatementError, match="algorithm"):
        cose.parse_sign1(frame(), algorithms=frozenset({cose.EDDSA}))


@pytest.mark.parametrize("change", [{"typ": None}, {"typ": 16}, {"content_type": None}, {"content_type": 60}])
def test_typ_and_content_type_are_text_and_always_there(change: dict[str, object]) -> None:
    with pytest.raises(StatementError, match="typ and content type"):
        cose.parse_sign1(signed_with(headers(**change)))


@pytest.mark.parametrize("kid", [None, b"", ALICE.public.kid[:15], ALICE.public.kid + b"\0", "a" * 16])
def test_kid_is_16_bytes_and_always_there(kid: object) -> None:
    with pytest.raises(StatementError, match="kid"):
        cose.parse_sign1(signed_with(headers(kid=kid)))


def test_critical_headers_are_refused() -> None:
    with pytest.raises(StatementError, match="critical"):
        cose.parse_sign1(signed_with(headers(crit=[16])))


def test_an_unprotected_header_is_refused() -> None:
    with pytest.raises(StatementError, match="unprotected header"):
        cose.parse_sign1(signed_with(headers(), {4: ALICE.public.kid}))


@pytest.mark.parametrize("protected", [{**headers(), "x": 1}, b"\x80", b"\x01"])
def test_the_protected_header_is_a_map_with_integer_labels(protected: dict[object, object] | bytes) -> None:
    with pytest.raises(StatementError, match="integer labels"):
        cose.parse_sign1(signed_with(protected))


@pytest.mark.parametrize(
    "protected", [b"", b"\xa2\x01\x32\x01\x32", b"\xa1\x01\x38\x12\x00", cbor.encode(headers()) + b"\0"]
)
def test_the_protected_header_is_deterministic_cbor(protected: bytes) -> None:
    with pytest.raises(EncodingError):
        cose.parse_sign1(signed_with(protected))


@pytest.mark.parametrize("payload", [None, "p", 1, [], {}])
def test_a_payload_is_bytes_and_never_detached(payload: object) -> None:
    with pytest.raises(StatementError, match="is \\[protected"):
        cose.parse_sign1(signed_with(headers(), payload=payload))


@pytest.mark.parametrize(
    "message",
    [
        [],
        [b"", {}, b""],
        [b"", {}, b"", b"", b""],
        ["", {}, b"", b""],
        [b"", [], b"", b""],
        [b"", {}, b"", None],
        {0: b"", 1: {}, 2: b"", 3: b""},
        b"",
        0,
    ],
)
def test_another_shape_is_refused(message: object) -> None:
    with pytest.raises(StatementError, match="is \\[protected"):
        cose.parse_sign1(b"\xd2" + cbor.encode(message))


@pytest.mark.parametrize("tag", ["", "d1", "d3", "d862", "d812", "d90012", "d2d2", "d9d9f7d2"])
def test_another_tag_or_none_or_a_longer_one_is_refused(tag: str) -> None:
    with pytest.raises((StatementError, EncodingError), match="tag"):
        cose.parse_sign1(bytes.fromhex(tag) + frame()[1:])


def test_bytes_after_the_message_are_refused() -> None:
    with pytest.raises(EncodingError, match="follow"):
        cose.parse_sign1(frame() + b"\0")


@pytest.mark.parametrize("size", [0, 63, 65])
def test_a_signature_of_another_length_is_refused(size: int) -> None:
    parts = cbor.decode(frame()[1:])
    assert isinstance(parts, list)
    data = b"\xd2" + cbor.encode([*parts[:3], bytes(size)])
    with pytest.raises(SignatureMismatchError, match="64 bytes"):
        cose.parse_sign1(data).verify(ALICE.public)


def test_the_limit_is_the_greatest_length_that_is_read() -> None:
    data = frame()
    cose.parse_sign1(data, max_bytes=len(data))
    with pytest.raises(OversizeError, match=f"more than {len(data) - 1}"):
        cose.parse_sign1(data, max_bytes=len(data) - 1)
    with pytest.raises(OversizeError, match="more than 16384"):
        cose.parse_sign1(frame(bytes(16384)))


@pytest.mark.parametrize("label", [1, 2, 3, 4, 16])
def test_headers_cannot_replace_what_the_signer_sets(label: int) -> None:
    with pytest.raises(StatementError, match="not free"):
        cose.sign1(ALICE, typ="t", content_type="c", headers={label: 1}, payload=b"")


def test_a_receipt_opens_under_its_own_key_and_type() -> None:
    assert cose.open_mac0(SECRET, RECEIPT, typ=media.RECEIPT) == b"\xa0"


def test_the_receipt_of_the_documentation() -> None:
    assert RECEIPT.hex() == MAC0_VECTOR


def test_another_library_finds_the_mac_structure_of_rfc_9052() -> None:
    tagged = cbor2.loads(RECEIPT)
    protected, unprotected, payload, tag = tagged.value
    assert (tagged.tag, unprotected, payload) == (17, {}, b"\xa0")
    assert cbor2.loads(protected) == {1: 5, 16: media.RECEIPT}
    assert tag == hmac.digest(SECRET, cbor2.dumps(["MAC0", protected, b"", payload]), hashlib.sha256)


@given(st.binary(max_size=300), st.binary(min_size=32, max_size=32))
def test_any_payload_comes_back_from_a_mac0(payload: bytes, secret: bytes) -> None:
    assert cose.open_mac0(secret, cose.mac0(secret, typ="t", payload=payload), typ="t") == payload


def test_each_changed_byte_of_a_receipt_is_found() -> None:
    for at in range(len(RECEIPT)):
        changed = bytearray(RECEIPT)
        changed[at] ^= 1
        with pytest.raises(TraceabilityError):
            cose.open_mac0(SECRET, bytes(changed), typ=media.RECEIPT)


def test_a_receipt_of_another_device_is_refused() -> None:
    with pytest.raises(SignatureMismatchError, match="COSE_Mac0 tag"):
        cose.open_mac0(receipt_key(bytes(32), BOB.public.device_id), RECEIPT, typ=media.RECEIPT)


def test_a_receipt_is_not_a_configuration() -> None:
    with pytest.raises(StatementError, match="config"):
        cose.open_mac0(SECRET, RECEIPT, typ=media.CONFIG)


def mac_with(
    protected: dict[object, object], unprotected: dict[object, object], tag_bytes: int = 32
) -> bytes:
    """A message genuinely authenticated under the secret, with any headers."""
    raw = cbor.encode(protected)
    tag = hmac.digest(SECRET, cbor.encode(["MAC0", raw, b"", b"p"]), hashlib.sha256)
    return b"\xd1" + cbor.encode([raw, unprotected, b"p", tag[:tag_bytes]])


def test_a_mac0_made_by_hand_is_accepted() -> None:
    assert cose.open_mac0(SECRET, mac_with({1: 5, 16: "t"}, {}), typ="t") == b"p"


@pytest.mark.parametrize(
    ("protected", "unprotected"),
    [
        ({1: 4, 16: "t"}, {}),
        ({16: "t"}, {}),
        ({1: 5}, {}),
        ({1: 5, 3: "c", 16: "t"}, {}),
        ({1: 5, 16: "t"}, {4: b"k"}),
    ],
)
def test_a_mac0_has_exactly_two_headers(
    protected: dict[object, object], unprotected: dict[object, object]
) -> None:
    with pytest.raises(StatementError, match="not a COSE_Mac0 with"):
        cose.open_mac0(SECRET, mac_with(protected, unprotected), typ="t")


@pytest.mark.parametrize("size", [0, 8, 31])
def test_a_truncated_tag_is_refused(size: int) -> None:
    with pytest.raises(SignatureMismatchError):
        cose.open_mac0(SECRET, mac_with({1: 5, 16: "t"}, {}, size), typ="t")


def test_a_signed_statement_is_no_mac0_and_a_mac0_no_statement() -> None:
    with pytest.raises(StatementError, match="tag 17"):
        cose.open_mac0(SECRET, frame(), typ=media.FRAME)
    with pytest.raises(StatementError, match="tag 18"):
        cose.parse_sign1(RECEIPT)


def test_a_receipt_over_the_limit_is_refused() -> None:
    with pytest.raises(OversizeError):
        cose.open_mac0(SECRET, cose.mac0(SECRET, typ="t", payload=bytes(16384)), typ="t")
