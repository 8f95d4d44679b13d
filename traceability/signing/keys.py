"""Ed25519 keys with one strict rule for what is accepted; node secrets and their storage.

RFC 8032 leaves room: libraries differ on small-order keys, on points with a
torsion component, on non-canonical encodings, and on whether the equation is
multiplied by the cofactor.  Evidence must be judged alike by every verifier,
today and in ten years, so there is one rule here and nothing is left over:

1. key: 32 bytes, y < p, a point of the prime-order subgroup and not the identity;
2. signature: 64 bytes, S < L, R none of the points of small order;
3. the bytes of R equal the encoding of [S]B - [k]A, k = SHA-512(R || A || M) mod L
   (RFC 8032 5.1.7 without the cofactor; so R is canonical too).

Rule 1 is checked once, when a `PublicKey` is made.  With it, implementations that
do or do not reduce k modulo L agree: they differ only on torsion in A.  Rule 3 is
libsodium's own check, and about all that `verify` costs.  A libsodium that
answers otherwise (a cofactored one, or one of before 2026 that lets keys with a
component of order 2 through, CVE-2025-69277) is found at import and not used.

`tests/vectors/ed25519.json` holds the cases on which implementations differ.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from nacl import bindings as sodium
from nacl.exceptions import BadSignatureError

from traceability.errors import (
    EncodingError,
    KeyRefusedError,
    SettingsError,
    SignatureMismatchError,
    SurroundingsError,
)

KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64
SEALED_BYTES: Final = 12 + KEY_BYTES + 16  # nonce, seed, tag
GROUP_ORDER: Final = 2**252 + 27742317777372353535851937790883648493

_SIGN_BIT: Final = 1 << 255
_SMALL_ORDER_Y: Final = (
    1,
    2**255 - 20,
    0,
    0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7,
    0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826,
)
SMALL_ORDER: Final = frozenset(
    (y | sign).to_bytes(KEY_BYTES, "little") for y in _SMALL_ORDER_Y for sign in (0, _SIGN_BIT)
)
"""The canonical encodings of the eight points of small order, x = 0 with either sign bit."""

_CUSTODY_INFO: Final = b"food-traceability/custody/v1"
_RECEIPT_INFO: Final = b"food-traceability/receipt/v1/"
_SALT_INFO: Final = b"food-traceability/salt/v1"


@dataclass(frozen=True, slots=True)
class PublicKey:
    """An Ed25519 public key that passed the strict check of this module's rule 1.

    Args:
        raw: 32 bytes, RFC 8032 5.1.2.

    Raises:
        KeyRefusedError: wrong length, y >= p, not on the curve, or not of prime order.
    """

    raw: bytes
    kid: bytes = field(init=False, repr=False, compare=False)
    """The key id in COSE and JOSE headers: the first 16 bytes of SHA-256 of the key."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "kid", hashlib.sha256(self.raw).digest()[:16])
        if len(self.raw) != KEY_BYTES or not sodium.crypto_core_ed25519_is_valid_point(self.raw):
            raise KeyRefusedError(
                "Ed25519 public key", expected="the 32-byte encoding of a point of prime order", got=self.raw
            )

    @property
    def device_id(self) -> str:
        """The id of a device whose first key this is: 32 lower-case hex digits of the same hash."""
        return self.kid.hex()

    def verify(self, message: bytes, signature: bytes) -> None:
        """Check a signature by rules 2 and 3 of this module.

        Args:
            message: any length, as it was signed.
            signature: 64 bytes, R || S.

        Raises:
            SignatureMismatchError: wrong length, S >= L, R of small order, or no match.
        """
        if len(signature) != SIGNATURE_BYTES:
            raise _mismatch(f"{SIGNATURE_BYTES} bytes", signature)
        if int.from_bytes(signature[32:], "little") >= GROUP_ORDER:
            raise _mismatch("S < L", signature)
        if signature[:32] in SMALL_ORDER:
            raise _mismatch("R not of small order", signature)
        try:
            sodium.crypto_sign_open(signature + message, self.raw)
        except BadSignatureError:
            raise _mismatch(f"one made by key {self.kid.hex()} over this message", signature) from None


def _mismatch(expected: str, signature: bytes) -> SignatureMismatchError:
    return SignatureMismatchError("Ed25519 signature", expected=expected, got=signature)


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """An Ed25519 private key; its ``repr`` shows the public half only.

    Args:
        seed: 32 secret bytes, the private key of RFC 8032 5.1.5.

    Raises:
        KeyRefusedError: the seed does not have 32 bytes.
    """

    seed: bytes = field(repr=False)
    public: PublicKey = field(init=False)
    _expanded: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.seed) != KEY_BYTES:
            raise KeyRefusedError("Ed25519 seed length", expected=KEY_BYTES, got=len(self.seed))
        raw, expanded = sodium.crypto_sign_seed_keypair(self.seed)
        object.__setattr__(self, "public", PublicKey(raw))
        object.__setattr__(self, "_expanded", expanded)

    @classmethod
    def generate(cls) -> PrivateKey:
        """A new key from the operating system's randomness."""
        return cls(secrets.token_bytes(KEY_BYTES))

    @classmethod
    def from_seed(cls, seed: bytes) -> PrivateKey:
        """The key of a 32-byte seed; raises `KeyRefusedError` for any other length."""
        return cls(seed)

    @classmethod
    def from_pem(cls, pem: bytes, password: bytes | None) -> PrivateKey:
        """Read a node key file as `to_pem` writes it (RFC 7468, RFC 5958, RFC 8410).

        Raises:
            SettingsError: not such a file, another kind of key, or the wrong password.
        """
        try:
            key = load_pem_private_key(pem, password)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise SettingsError("the key file is not a PEM private key, or its password is wrong") from error
        if not isinstance(key, Ed25519PrivateKey):
            raise SettingsError("the key file does not hold an Ed25519 key")
        return cls(key.private_bytes_raw())

    def to_pem(self, password: bytes | None) -> bytes:
        """The key as PKCS #8 in PEM, encrypted if there is a password.

        Raises:
            SettingsError: the password is empty.
        """
        encryption: KeySerializationEncryption = NoEncryption()
        if password is not None:
            if not password:
                raise SettingsError("the password of a key file is empty")
            encryption = BestAvailableEncryption(password)
        key = Ed25519PrivateKey.from_private_bytes(self.seed)
        return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)

    def sign(self, message: bytes) -> bytes:
        """Sign a message of any length; 64 bytes, deterministic (RFC 8032 5.1.6)."""
        return sodium.crypto_sign(message, self._expanded)[:SIGNATURE_BYTES]


def seal(secret: bytes, private: PrivateKey) -> bytes:
    """Encrypt a party's private key for the node's store (``custody: node``).

    Args:
        secret: the node's secret, at least 32 bytes of entropy.
        private: the key; its public half is bound in as associated data.

    Returns:
        60 bytes: random nonce (12), then AES-256-GCM of the seed with its tag (48).
        The AES key is ``hkdf(secret, b"food-traceability/custody/v1")``.
    """
    nonce = secrets.token_bytes(12)
    return nonce + AESGCM(hkdf(secret, _CUSTODY_INFO)).encrypt(nonce, private.seed, private.public.raw)


def unseal(secret: bytes, sealed: bytes, public: PublicKey) -> PrivateKey:
    """Undo `seal` for the key whose public half is known from its key statement.

    Raises:
        EncodingError: not 60 bytes.
        SignatureMismatchError: another secret, another key, or changed bytes.
    """
    if len(sealed) != SEALED_BYTES:
        raise EncodingError(f"a sealed key has {SEALED_BYTES} bytes, not {len(sealed)}")
    try:
        seed = AESGCM(hkdf(secret, _CUSTODY_INFO)).decrypt(sealed[:12], sealed[12:], public.raw)
    except InvalidTag:
        raise SignatureMismatchError("sealed private key", expected=f"key {public.kid.hex()}") from None
    return PrivateKey(seed)


def hkdf(secret: bytes, info: bytes, length: int = 32) -> bytes:
    """HKDF-SHA256 without salt (RFC 5869): ``length`` bytes, at most 8,160, for one purpose ``info``."""
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=info).derive(secret)


def receipt_key(node_secret: bytes, device_id: str) -> bytes:
    """The 32-byte key under which a node authenticates receipts and configuration to one device."""
    return hkdf(node_secret, _RECEIPT_INFO + device_id.encode())


def salt_key(node_secret: bytes) -> bytes:
    """The 32-byte key from which a node makes the salts of its records."""
    return hkdf(node_secret, _SALT_INFO)


def table_key(node_secret: bytes, purpose: str) -> bytes:
    """The 32-byte key under which a node authenticates what it keeps in a table for itself."""
    return hkdf(node_secret, b"food-traceability/table/v1/" + purpose.encode())


def check_library() -> None:
    """Ask libsodium two questions on which versions differ; called at import.

    Raises:
        SurroundingsError: it accepts a key with a component of order 2, or a signature
            whose R has a component of order 8: it would not judge evidence as others do.
    """
    if sodium.crypto_core_ed25519_is_valid_point(_ORDER_2_IN_KEY):
        raise SurroundingsError("this libsodium accepts Ed25519 keys outside the prime-order group")
    try:
        PublicKey(_KNOWN_KEY).verify(b"torsion", _ORDER_8_IN_R)
    except SignatureMismatchError:
        return
    raise SurroundingsError("this libsodium verifies Ed25519 with the cofactor")


_KNOWN_KEY: Final = bytes.fromhex("8139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b394")
_ORDER_2_IN_KEY: Final = bytes.fromhex("6cc688f15782e8a0a95cab993cb381333472756e4b11c85da209f0a470364c6b")
_ORDER_8_IN_R: Final = bytes.fromhex(
    "1c0a342c86dd54ff8473d8c35dba52a7ae1fa98b60ae62c9285441b6e2ddb626"
    "637063cde94a19e9c8d7991740faf858aec88acd68802144019b77ace4ec4b02"
)
check_library()
