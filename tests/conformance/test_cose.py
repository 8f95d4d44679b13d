"""The COSE working group's published examples (RFC 9052, RFC 9053).

Their Ed25519 examples hold: the signature over the published structure is accepted.
As whole messages this project's profile refuses them on purpose: kid stands in the
unprotected header, the content type is a number, typ is missing. That refusal is
asserted too, so nothing here passes only because it is not looked at.

Not supported, and refused by name: ES256 (all of sign1-tests), Ed448, COSE_Sign with
several signers, messages without their tag.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicNumbers
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from traceability.errors import KeyRefusedError, SignatureMismatchError, StatementError
from traceability.signing import cbor, cose
from traceability.signing.keys import PublicKey

EDDSA_ONLY = frozenset({cose.EDDSA})
SIGN1_TESTS = [
    "sign-fail-01",
    "sign-fail-02",
    "sign-fail-03",
    "sign-fail-04",
    "sign-fail-06",
    "sign-fail-07",
    "sign-pass-01",
    "sign-pass-02",
    "sign-pass-03",
]


def example(conformance: Path, name: str) -> tuple[dict[str, Any], bytes]:
    read: dict[str, Any] = json.loads((conformance / "cose" / f"{name}.json").read_text("utf-8"))
    return read, bytes.fromhex(read["output"]["cbor"])


def test_every_example_is_named_here(conformance: Path) -> None:
    found = {path.stem for path in (conformance / "cose").glob("*/*.json")}
    assert found == {*SIGN1_TESTS, "eddsa-01", "eddsa-02", "eddsa-sig-01", "eddsa-sig-02"}


def test_the_ed25519_sign1_example_verifies(conformance: Path) -> None:
    read, data = example(conformance, "eddsa-examples/eddsa-sig-01")
    key = PublicKey(bytes.fromhex(read["input"]["sign0"]["key"]["x_hex"]))
    parts = cose.parse_envelope(data, tag=cose.SIGN1_TAG, max_bytes=cose.MAX_BYTES)
    assert cbor.decode(parts.protected) == {cose.ALG: cose.EDDSA, cose.CONTENT_TYPE: 0}
    assert parts.unprotected == {cose.KID: b"11"}
    assert parts.payload == read["input"]["plaintext"].encode()
    cose.verify_sign1(key, protected=parts.protected, payload=parts.payload, signature=parts.proof)
    changes: list[dict[str, bytes]] = [
        {"payload": b"this is the content."},
        {"external_aad": b"x"},
        {"protected": b""},
    ]
    for change in changes:
        given = {"protected": parts.protected, "payload": parts.payload, "signature": parts.proof, **change}
        with pytest.raises(SignatureMismatchError):
            cose.verify_sign1(key, **given)


def test_the_ed25519_sign1_example_is_outside_the_profile_for_its_unprotected_kid(conformance: Path) -> None:
    _, data = example(conformance, "eddsa-examples/eddsa-sig-01")
    with pytest.raises(StatementError, match="unprotected header is not empty"):
        cose.parse_sign1(data, algorithms=EDDSA_ONLY)


def test_the_ed25519_example_with_one_of_several_signers(conformance: Path) -> None:
    read, data = example(conformance, "eddsa-examples/eddsa-01")
    signer = read["input"]["sign"]["signers"][0]
    key = PublicKey(bytes.fromhex(signer["key"]["x_hex"]))
    signed = bytes.fromhex(read["intermediates"]["signers"][0]["ToBeSign_hex"])
    match cbor.decode(data.removeprefix(cbor.head(6, 98))):
        case [_, _, _, [[_, _, bytes(signature)]]]:
            key.verify(signed, signature)
        case other:
            pytest.fail(f"not a COSE_Sign with one signer: {other}")
    with pytest.raises(StatementError, match="begins with tag 18"):
        cose.parse_sign1(data, algorithms=EDDSA_ONLY)


@pytest.mark.parametrize("name", ["eddsa-02", "eddsa-sig-02"])
def test_ed448_keys_are_refused(conformance: Path, name: str) -> None:
    read, data = example(conformance, f"eddsa-examples/{name}")
    signer = read["input"]["sign"]["signers"][0] if "sign" in read["input"] else read["input"]["sign0"]
    with pytest.raises(KeyRefusedError):
        PublicKey(bytes.fromhex(signer["key"]["x_hex"]))
    with pytest.raises(StatementError):
        cose.parse_sign1(data, algorithms=EDDSA_ONLY)


def test_an_ed448_signature_is_not_taken_for_ed25519(conformance: Path) -> None:
    _, data = example(conformance, "eddsa-examples/eddsa-sig-02")
    read, _ = example(conformance, "eddsa-examples/eddsa-sig-01")
    key = PublicKey(bytes.fromhex(read["input"]["sign0"]["key"]["x_hex"]))
    parts = cose.parse_envelope(data, tag=cose.SIGN1_TAG, max_bytes=cose.MAX_BYTES)
    with pytest.raises(SignatureMismatchError, match="64 bytes"):
        cose.verify_sign1(key, protected=parts.protected, payload=parts.payload, signature=parts.proof)


@pytest.mark.parametrize("name", SIGN1_TESTS)
def test_es256_examples_are_refused_whether_they_pass_or_fail(conformance: Path, name: str) -> None:
    _, data = example(conformance, f"sign1-tests/{name}")
    with pytest.raises(StatementError):
        cose.parse_sign1(data)


@pytest.mark.parametrize(
    "name", [n for n in SIGN1_TESTS if n not in {"sign-fail-01", "sign-pass-01", "sign-pass-03"}]
)
def test_their_algorithm_alone_is_reason_enough(conformance: Path, name: str) -> None:
    """The same message with an empty unprotected header: the algorithm is what is refused."""
    _, data = example(conformance, f"sign1-tests/{name}")
    parts = cose.parse_envelope(data, tag=cose.SIGN1_TAG, max_bytes=cose.MAX_BYTES)
    plain = b"\xd2" + cbor.encode([parts.protected, {}, parts.payload, parts.proof])
    with pytest.raises(StatementError, match=r"algorithm .* is not supported"):
        cose.parse_sign1(plain, algorithms=frozenset({cose.ED25519, cose.EDDSA}))


def test_an_algorithm_in_the_unprotected_header_does_not_count(conformance: Path) -> None:
    _, data = example(conformance, "sign1-tests/sign-pass-01")
    parts = cose.parse_envelope(data, tag=cose.SIGN1_TAG, max_bytes=cose.MAX_BYTES)
    assert (parts.protected, parts.unprotected[cose.ALG]) == (b"\xa0", -7)
    plain = b"\xd2" + cbor.encode([parts.protected, {}, parts.payload, parts.proof])
    with pytest.raises(StatementError, match="algorithm None"):
        cose.parse_sign1(plain)


@pytest.mark.parametrize("name", ["sign-fail-01", "sign-pass-03"])
def test_a_wrong_or_missing_tag_is_refused_before_anything_else(conformance: Path, name: str) -> None:
    _, data = example(conformance, f"sign1-tests/{name}")
    with pytest.raises(StatementError, match="begins with tag 18"):
        cose.parse_envelope(data, tag=cose.SIGN1_TAG, max_bytes=cose.MAX_BYTES)


def es256_accepts(conformance: Path, name: str, prefix: bytes = b"") -> bool:
    """Whether the example's ES256 signature holds over the structure that this project builds."""
    read, data = example(conformance, f"sign1-tests/{name}")
    given = read["input"]["sign0"]
    x, y = (int.from_bytes(urlsafe_b64decode(given["key"][part] + "="), "big") for part in "xy")
    parts = cose.parse_envelope(prefix + data, tag=cose.SIGN1_TAG, max_bytes=cose.MAX_BYTES)
    external = bytes.fromhex(given.get("external", ""))
    signed = cose._to_be_authenticated("Signature1", parts.protected, external, parts.payload)
    r, s = int.from_bytes(parts.proof[:32], "big"), int.from_bytes(parts.proof[32:], "big")
    public = EllipticCurvePublicNumbers(x, y, SECP256R1()).public_key()
    try:
        public.verify(encode_dss_signature(r, s), signed, ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True


def test_the_structure_that_is_authenticated_is_what_the_examples_signed(conformance: Path) -> None:
    assert es256_accepts(conformance, "sign-pass-02"), "with external data"
    assert es256_accepts(conformance, "sign-pass-03", prefix=b"\xd2"), "with the tag put back"
    for name in ("sign-fail-02", "sign-fail-03", "sign-fail-04", "sign-fail-06", "sign-fail-07"):
        assert not es256_accepts(conformance, name), name


def test_an_empty_protected_header_has_no_second_form(conformance: Path) -> None:
    """sign-pass-01 writes it as a map of length 0 (deprecated by RFC 9052 3) but signs it as no bytes."""
    assert not es256_accepts(conformance, "sign-pass-01"), "only bytes as received are verified"
