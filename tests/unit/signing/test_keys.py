"""Strict Ed25519, judged by vectors on which lenient implementations fail."""

from __future__ import annotations

import hashlib
import json
import runpy
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st
from nacl import bindings as sodium
from nacl.exceptions import BadSignatureError

from tests.vectors import make_ed25519 as textbook
from traceability.errors import (
    EncodingError,
    KeyRefusedError,
    SettingsError,
    SignatureMismatchError,
    SurroundingsError,
)
from traceability.signing import keys
from traceability.signing.keys import PrivateKey, PublicKey, hkdf, receipt_key, salt_key, seal, unseal

VECTORS = Path(textbook.__file__).with_name("ed25519.json")
CASES = [textbook.Case(**case) for case in json.loads(VECTORS.read_text("ascii"))]
REFUSALS = {"key": KeyRefusedError, "signature": SignatureMismatchError}
ALICE = PrivateKey.from_seed(bytes([1]) * 32)


def check(case: textbook.Case) -> None:
    public = PublicKey(bytes.fromhex(case.public))
    public.verify(bytes.fromhex(case.message), bytes.fromhex(case.signature))


def is_accepted(case: textbook.Case, by: Callable[[bytes, bytes, bytes], bool]) -> bool:
    return by(*(bytes.fromhex(part) for part in (case.public, case.message, case.signature)))


def cases_named(prefix: str) -> list[textbook.Case]:
    found = [case for case in CASES if case.name.startswith(prefix)]
    assert found, f"no vector begins with {prefix}"
    return found


def opening(accepts: Callable[[bytes, bytes, bytes], bool]) -> Callable[[bytes, bytes], bytes]:
    """A stand-in for libsodium's crypto_sign_open with another rule."""

    def crypto_sign_open(signed: bytes, public: bytes) -> bytes:
        if not accepts(public, signed[64:], signed[:64]):
            raise BadSignatureError
        return signed[64:]

    return crypto_sign_open


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_vector_is_judged_as_written(case: textbook.Case) -> None:
    if case.refused is None:
        check(case)
    else:
        with pytest.raises(REFUSALS[case.refused]):
            check(case)


def test_the_script_writes_the_vectors_again_byte_for_byte() -> None:
    assert textbook.render() == VECTORS.read_text("ascii")


def test_vectors_name_every_small_order_encoding() -> None:
    assert len(cases_named("small-order-key-")) == len(cases_named("small-order-r-")) == 14


@pytest.mark.parametrize(
    "prefix",
    ["small-order-key-01", "mixed-order-2-key-without", "mixed-order-4-key-without", "s-plus-", "rfc8032-"],
)
def test_a_lenient_verifier_without_cofactor_would_accept(prefix: str) -> None:
    for case in cases_named(prefix):
        assert is_accepted(case, textbook.lenient_accepts), case.name


@pytest.mark.parametrize("prefix", ["small-order-", "mixed-order-", "order-", "s-plus-", "rfc8032-"])
def test_a_lenient_verifier_with_cofactor_would_accept(prefix: str) -> None:
    for case in cases_named(prefix):
        assert is_accepted(case, textbook.cofactored_accepts), case.name


def test_rules_hold_even_over_a_library_that_checks_only_the_equation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sodium, "crypto_sign_open", opening(textbook.lenient_accepts))
    identity_r = cases_named("small-order-r-01000000")[0]
    assert is_accepted(identity_r, textbook.lenient_accepts)
    for case in [*cases_named("s-plus-"), identity_r]:
        with pytest.raises(SignatureMismatchError):
            check(case)
    keys.check_library()


def test_a_library_with_the_cofactor_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sodium, "crypto_sign_open", opening(textbook.cofactored_accepts))
    with pytest.raises(SurroundingsError, match="cofactor"):
        keys.check_library()
    with pytest.raises(SurroundingsError, match="cofactor"):
        runpy.run_path(str(keys.__file__))


def test_a_library_that_lets_keys_with_an_order_2_component_through_is_not_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def accepts_x_zero(raw: bytes) -> bool:
        point = textbook.decode(raw)
        return point is not None and textbook.times(textbook.L, point)[0] == 0

    monkeypatch.setattr(sodium, "crypto_core_ed25519_is_valid_point", accepts_x_zero)
    with pytest.raises(SurroundingsError, match="prime-order group"):
        keys.check_library()


def test_the_small_order_table_is_every_canonical_encoding() -> None:
    canonical = {
        raw
        for raw in textbook.small_order_encodings()
        if int.from_bytes(raw, "little") % textbook.SIGN_BIT < textbook.P
    }
    assert canonical == keys.SMALL_ORDER


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=200))
def test_what_is_signed_verifies(seed: bytes, message: bytes) -> None:
    private = PrivateKey.from_seed(seed)
    signature = private.sign(message)
    assert len(signature) == 64
    private.public.verify(message, signature)


@given(st.binary(min_size=1, max_size=100), st.data())
def test_one_changed_byte_anywhere_is_found(message: bytes, data: st.DataObject) -> None:
    whole = bytearray(message + ALICE.sign(message))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(SignatureMismatchError):
        ALICE.public.verify(bytes(whole[:-64]), bytes(whole[-64:]))


def test_identifiers_come_from_the_hash_of_the_key() -> None:
    raw = ALICE.public.raw
    assert raw.hex() == "8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c"
    assert ALICE.public.kid == hashlib.sha256(raw).digest()[:16]
    assert ALICE.public.device_id == hashlib.sha256(raw).hexdigest()[:32]


def test_a_public_key_is_a_value() -> None:
    again: Any = PublicKey(ALICE.public.raw)
    assert again == ALICE.public
    assert len({again, ALICE.public}) == 1
    with pytest.raises(FrozenInstanceError):
        again.raw = b""


def test_generated_keys_differ() -> None:
    assert PrivateKey.generate() != PrivateKey.generate()


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_a_seed_of_another_length_is_refused(size: int) -> None:
    with pytest.raises(KeyRefusedError, match="expected 32"):
        PrivateKey.from_seed(bytes(size))


def test_a_private_key_is_not_shown() -> None:
    private = PrivateKey.from_seed(b"this seed must never be printed!")
    for text in (repr(private), str(private), f"{private}"):
        assert "never" not in text
        assert private.seed.hex() not in text


@pytest.mark.parametrize("password", [None, b"correct horse"])
def test_a_key_file_is_read_as_it_was_written(password: bytes | None) -> None:
    pem = ALICE.to_pem(password)
    assert (b"ENCRYPTED" in pem) == (password is not None)
    assert PrivateKey.from_pem(pem, password) == ALICE


def test_a_key_file_without_password_is_the_form_of_rfc_8410() -> None:
    assert ALICE.to_pem(None) == (
        b"-----BEGIN PRIVATE KEY-----\n"
        b"MC4CAQAwBQYDK2VwBCIEIAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB\n"
        b"-----END PRIVATE KEY-----\n"
    )


@pytest.mark.parametrize(
    ("written_with", "read_with"), [(b"right", b"wrong"), (b"right", None), (None, b"any"), (b"right", b"")]
)
def test_a_key_file_needs_its_own_password(written_with: bytes | None, read_with: bytes | None) -> None:
    with pytest.raises(SettingsError, match="password"):
        PrivateKey.from_pem(ALICE.to_pem(written_with), read_with)


def test_an_empty_password_is_refused_when_a_key_file_is_written() -> None:
    with pytest.raises(SettingsError, match="empty"):
        ALICE.to_pem(b"")


def test_a_key_file_with_another_kind_of_key_or_none_is_refused() -> None:
    other = generate_private_key(SECP256R1())
    pem = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(SettingsError, match="Ed25519"):
        PrivateKey.from_pem(pem, None)
    with pytest.raises(SettingsError):
        PrivateKey.from_pem(b"not a key file", None)


def test_a_sealed_key_opens_again_and_never_looks_the_same_twice() -> None:
    sealed = seal(b"s" * 32, ALICE)
    assert len(sealed) == keys.SEALED_BYTES == 60
    assert ALICE.seed not in sealed
    assert sealed != seal(b"s" * 32, ALICE)
    assert unseal(b"s" * 32, sealed, ALICE.public) == ALICE


def test_a_sealed_key_opens_only_with_its_secret_and_for_its_public_key() -> None:
    sealed = seal(b"s" * 32, ALICE)
    with pytest.raises(SignatureMismatchError):
        unseal(b"t" * 32, sealed, ALICE.public)
    with pytest.raises(SignatureMismatchError):
        unseal(b"s" * 32, sealed, PrivateKey.from_seed(bytes([2]) * 32).public)


@given(st.integers(0, 59), st.integers(1, 255))
def test_one_changed_byte_of_a_sealed_key_is_found(at: int, change: int) -> None:
    sealed = bytearray(seal(b"s" * 32, ALICE))
    sealed[at] ^= change
    with pytest.raises(SignatureMismatchError):
        unseal(b"s" * 32, bytes(sealed), ALICE.public)


@pytest.mark.parametrize("size", [0, 11, 59, 61])
def test_a_sealed_key_has_one_length(size: int) -> None:
    with pytest.raises(EncodingError, match="60 bytes"):
        unseal(b"s" * 32, bytes(size), ALICE.public)


def test_hkdf_is_rfc_5869_case_3() -> None:
    expected = "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"
    assert hkdf(b"\x0b" * 22, b"", 42).hex() == expected


def test_receipt_keys_differ_by_device_and_node_and_from_custody_keys() -> None:
    first = receipt_key(b"n" * 32, ALICE.public.device_id)
    assert first == hkdf(b"n" * 32, b"food-traceability/receipt/v1/" + ALICE.public.device_id.encode("ascii"))
    others = {
        receipt_key(b"n" * 32, "0" * 32),
        receipt_key(b"m" * 32, ALICE.public.device_id),
        hkdf(b"n" * 32, b"food-traceability/custody/v1"),
    }
    assert len({first, *others}) == 4


def test_the_key_of_salts_is_the_nodes_own_and_no_other_one() -> None:
    assert salt_key(bytes(32)) == hkdf(bytes(32), b"food-traceability/salt/v1")
    assert salt_key(bytes(32)) != salt_key(b"\1" * 32)
    assert salt_key(bytes(32)) != receipt_key(bytes(32), "")
