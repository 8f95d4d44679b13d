"""COSE_Sign1, in which devices speak, and COSE_Mac0, in which a node answers them (RFC 9052).

    18([protected, {}, payload, signature])    protected = {1: -19, 3: content type, 4: kid, 16: typ, ...}
    17([protected, {}, payload, tag])          protected = {1: 5, 16: typ}

Everything a receiver relies on is signed: the unprotected header is empty, the
payload is never detached, and a message has exactly one encoding (see `cbor`).
Ed25519 is -19 (RFC 9864); its older name EdDSA, -8, can be asked for when reading.
What is verified is the protected header and payload as received.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from traceability.errors import OversizeError, SignatureMismatchError, StatementError
from traceability.signing import cbor
from traceability.signing.keys import PrivateKey, PublicKey

MAX_BYTES: Final = 16384
"""Length of a whole message, unless the caller says otherwise."""

SIGN1_TAG: Final = 18
MAC0_TAG: Final = 17

ED25519: Final = -19
EDDSA: Final = -8
HMAC_256_256: Final = 5

ALG: Final = 1
CRIT: Final = 2
CONTENT_TYPE: Final = 3
KID: Final = 4
CLAIMS: Final = 15
TYP: Final = 16

_KID_BYTES: Final = 16
_BEGINNINGS: Final = {name: cbor.head(4, 4) + cbor.encode(name) for name in ("Signature1", "MAC0")}
"""How a Sig_structure and a MAC_structure begin."""
_OWN_LABELS: Final = frozenset({ALG, CRIT, CONTENT_TYPE, KID, TYP})


@dataclass(frozen=True, slots=True)
class Envelope:
    """The four parts of a COSE_Sign1 or COSE_Mac0, with nothing decided about them yet.

    ``proof`` is the signature or the authentication tag.
    """

    protected: bytes
    unprotected: Mapping[object, object]
    payload: bytes
    proof: bytes


@dataclass(frozen=True, slots=True)
class Sign1:
    """A signed statement in this project's profile; genuine only after `verify`.

    ``protected`` holds all protected headers by label, ``raw_protected`` their bytes.
    """

    typ: str
    content_type: str
    kid: bytes
    protected: Mapping[int, object]
    raw_protected: bytes
    payload: bytes
    signature: bytes

    def verify(self, key: PublicKey) -> None:
        """Check that ``key`` signed this statement and is the key that it names.

        Raises:
            SignatureMismatchError: another kid, or a signature that does not match.
        """
        if self.kid != key.kid:
            raise SignatureMismatchError("key id of the statement", expected=key.kid, got=self.kid)
        verify_sign1(key, protected=self.raw_protected, payload=self.payload, signature=self.signature)


def sign1(
    key: PrivateKey, *, typ: str, content_type: str, headers: Mapping[int, object], payload: bytes
) -> bytes:
    """Make a tagged COSE_Sign1.

    Args:
        key: signs, and gives the kid.
        typ: media type of the statement (RFC 9596).
        content_type: media type of the payload.
        headers: further protected headers, e.g. CWT claims (15, RFC 9597) and labels of our own.
        payload: as it is.

    Raises:
        StatementError: ``headers`` sets a label that this function sets, or crit.
        EncodingError: a header that deterministic CBOR cannot hold.
    """
    if not _OWN_LABELS.isdisjoint(headers):
        raise StatementError("alg, crit, content type, kid and typ are not free headers")
    own = {ALG: ED25519, CONTENT_TYPE: content_type, KID: key.public.kid, TYP: typ}
    protected = cbor.encode({**headers, **own})
    signature = key.sign(_to_be_authenticated("Signature1", protected, b"", payload))
    return _message(SIGN1_TAG, protected, payload, signature)


def parse_sign1(
    data: bytes, *, max_bytes: int = MAX_BYTES, algorithms: frozenset[int] = frozenset({ED25519})
) -> Sign1:
    """Read a tagged COSE_Sign1 in this project's profile; the signature is not checked here.

    Args:
        data: exactly one message.
        max_bytes: its greatest length.
        algorithms: accepted values of alg, all of them names of Ed25519.

    Raises:
        OversizeError: longer than ``max_bytes``.
        EncodingError: not deterministic CBOR.
        StatementError: another tag or shape, an algorithm that is not supported, a header
            missing or of another type, unprotected headers, or crit.
    """
    envelope = parse_envelope(data, tag=SIGN1_TAG, max_bytes=max_bytes)
    protected = _profile_headers(envelope)
    alg = protected.get(ALG)
    if not isinstance(alg, int) or alg not in algorithms:
        raise StatementError(f"COSE algorithm {alg!r} is not supported here")
    if CRIT in protected:
        raise StatementError("critical headers are not supported here")
    typ, content_type, kid = (protected.get(label) for label in (TYP, CONTENT_TYPE, KID))
    if not isinstance(typ, str) or not isinstance(content_type, str):
        raise StatementError("typ and content type are media types, as text")
    if not isinstance(kid, bytes) or len(kid) != _KID_BYTES:
        raise StatementError(f"kid has {_KID_BYTES} bytes")
    return Sign1(typ, content_type, kid, protected, envelope.protected, envelope.payload, envelope.proof)


def verify_sign1(
    key: PublicKey, *, protected: bytes, payload: bytes, signature: bytes, external_aad: bytes = b""
) -> None:
    """Check an Ed25519 signature over the Sig_structure of RFC 9052 4.4.

    Raises:
        SignatureMismatchError: it does not match.
    """
    key.verify(_to_be_authenticated("Signature1", protected, external_aad, payload), signature)


def mac0(secret: bytes, *, typ: str, payload: bytes) -> bytes:
    """Make a tagged COSE_Mac0 (HMAC 256/256) under a device's receipt key."""
    protected = _mac_header(typ)
    return _message(MAC0_TAG, protected, payload, _mac(secret, protected, payload))


def open_mac0(secret: bytes, data: bytes, *, typ: str) -> bytes:
    """The payload of a tagged COSE_Mac0, after its authentication.

    Raises:
        OversizeError: longer than `MAX_BYTES`.
        EncodingError: not deterministic CBOR.
        StatementError: another tag or shape, or headers other than alg and this ``typ``.
        SignatureMismatchError: made under another secret, or changed (compared in constant time).
    """
    envelope = parse_envelope(data, tag=MAC0_TAG, max_bytes=MAX_BYTES)
    if envelope.unprotected or envelope.protected != _mac_header(typ):
        raise StatementError(f"not a COSE_Mac0 with HMAC 256/256 and typ {typ}")
    if not hmac.compare_digest(envelope.proof, _mac(secret, envelope.protected, envelope.payload)):
        raise SignatureMismatchError(
            "COSE_Mac0 tag", expected="one made under this device's key", got=envelope.proof
        )
    return envelope.payload


def parse_envelope(data: bytes, *, tag: int, max_bytes: int) -> Envelope:
    """Split a tagged message into its parts, without this project's rules on headers.

    Raises:
        OversizeError: longer than ``max_bytes``.
        EncodingError: not deterministic CBOR.
        StatementError: another tag, no tag, another shape, or a detached payload.
    """
    if len(data) > max_bytes:
        raise OversizeError(f"a COSE message has {len(data)} bytes, more than {max_bytes}")
    prefix = cbor.head(6, tag)
    if not data.startswith(prefix):
        raise StatementError(f"a COSE message here begins with tag {tag}")
    match cbor.decode(data[len(prefix) :]):
        case [bytes(protected), dict(unprotected), bytes(payload), bytes(proof)]:
            return Envelope(protected, unprotected, payload, proof)
    raise StatementError("a COSE message is [protected, unprotected, payload, signature or tag]")


def _profile_headers(envelope: Envelope) -> dict[int, object]:
    if envelope.unprotected:
        raise StatementError("the unprotected header is not empty")
    headers = cbor.decode(envelope.protected)
    if not isinstance(headers, dict) or not all(isinstance(label, int) for label in headers):
        raise StatementError("the protected header is not a map with integer labels")
    return headers


def _message(tag: int, protected: bytes, payload: bytes, proof: bytes) -> bytes:
    return cbor.head(6, tag) + cbor.encode([protected, {}, payload, proof])


def _to_be_authenticated(context: str, protected: bytes, external_aad: bytes, payload: bytes) -> bytes:
    """Sig_structure or MAC_structure (RFC 9052 4.4 and 6.3)."""
    parts = [_BEGINNINGS[context]]
    for part in (protected, external_aad, payload):
        parts += cbor.head(2, len(part)), part
    return b"".join(parts)


def _mac_header(typ: str) -> bytes:
    return cbor.encode({ALG: HMAC_256_256, TYP: typ})


def _mac(secret: bytes, protected: bytes, payload: bytes) -> bytes:
    return hmac.digest(secret, _to_be_authenticated("MAC0", protected, b"", payload), hashlib.sha256)
