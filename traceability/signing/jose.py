"""JOSE as this project uses it: one protected header, and JWS in general JSON serialization.

A statement that needs several signatures (a key's: its own, as proof of possession, and its
registrar's) is a general JWS in one text form, the one that :func:`jws_sign_general` writes.
A compact JWS with selective disclosure is in :mod:`traceability.signing.sdjwt`.
What is verified is always the received bytes; strict JSON and base64url stand in
:mod:`traceability.signing.strictjson` and are named here too.

Source: RFC 7515, RFC 9864 (Ed25519 as ``alg``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from traceability.errors import EncodingError, SignatureMismatchError, StatementError
from traceability.media import jose_typ
from traceability.signing.keys import PrivateKey, PublicKey
from traceability.signing.strictjson import Json, b64url, b64url_decode, json_decode, json_encode

__all__ = [
    "Header",
    "Json",
    "JwsGeneral",
    "Signature",
    "b64url",
    "b64url_decode",
    "json_decode",
    "json_encode",
    "jws_add_signature",
    "jws_parse_general",
    "jws_sign_general",
    "make_signature",
    "parse_signature",
]

ALGORITHM: Final = "Ed25519"
MAX_JWS_BYTES: Final = 16_384
MAX_SIGNATURES: Final = 8

_SIGNATURE_BYTES: Final = 64
_KID_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Header:
    """A protected header of this project: ``alg``, ``kid``, ``typ``, and no other member.

    ``kid`` is the signer's 16 bytes, ``typ`` the whole media type; on the wire its
    ``application/`` is left out (RFC 7515 4.1.9).
    """

    kid: bytes
    typ: str

    def encode(self) -> str:
        """The base64url text that is signed."""
        members = {"alg": ALGORITHM, "kid": b64url(self.kid), "typ": jose_typ(self.typ)}
        return b64url(json_encode(members))

    @classmethod
    def parse(cls, text: str, *, typ: str | None = None) -> Header:
        """Reads a header; with ``typ`` (a media type) any other type is refused.

        Raises:
            EncodingError: not canonical base64url or not strict JSON.
            StatementError: other members, another algorithm, a ``kid`` that is not 16 bytes.
        """
        members = json_decode(b64url_decode(text))
        if not isinstance(members, dict) or members.keys() != {"alg", "kid", "typ"}:
            raise StatementError("a protected header has exactly alg, kid and typ")
        kid, name = members["kid"], members["typ"]
        if members["alg"] != ALGORITHM:
            raise StatementError(f"alg is {members['alg']!r}, only {ALGORITHM} is read")
        if not isinstance(kid, str) or not isinstance(name, str) or "/" in name:
            raise StatementError("kid is a text, and typ a media type without its application/")
        if typ is not None and name != jose_typ(typ):
            raise StatementError(f"typ is {name!r}, expected {jose_typ(typ)!r}")
        if len(raw := b64url_decode(kid)) != _KID_BYTES:
            raise StatementError(f"kid has {len(raw)} bytes, expected {_KID_BYTES}")
        return cls(raw, f"application/{name}")


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature: who claims to have made it, over which bytes."""

    header: Header
    signing_input: bytes
    signature: bytes

    def verify(self, key: PublicKey) -> None:
        """Raises SignatureMismatchError unless ``key`` is the one named and signed these bytes."""
        if key.kid != self.header.kid:
            raise SignatureMismatchError("another key is named", expected=self.header.kid, got=key.kid)
        key.verify(self.signing_input, self.signature)


def make_signature(key: PrivateKey, payload: str, *, typ: str) -> Signature:
    """Signs a base64url payload (RFC 7515 5.1)."""
    header = Header(key.public.kid, typ)
    signing_input = f"{header.encode()}.{payload}".encode("ascii")
    return Signature(header, signing_input, key.sign(signing_input))


def parse_signature(protected: str, payload: str, signature: str, *, typ: str | None) -> Signature:
    """Puts together what is to be verified; errors as :meth:`Header.parse`, and a wrong length."""
    header = Header.parse(protected, typ=typ)
    raw = b64url_decode(signature)
    if len(raw) != _SIGNATURE_BYTES:
        raise StatementError(f"a signature of {len(raw)} bytes, expected {_SIGNATURE_BYTES}")
    return Signature(header, f"{protected}.{payload}".encode("ascii"), raw)


@dataclass(frozen=True, slots=True)
class JwsGeneral:
    """A parsed statement with one or more signatures; nothing is verified yet."""

    payload: Mapping[str, Json]
    signatures: tuple[Signature, ...]

    @property
    def kids(self) -> tuple[bytes, ...]:
        return tuple(signature.header.kid for signature in self.signatures)

    def verify(self, index: int, key: PublicKey) -> None:
        """Checks the signature at ``index``, from 0; each wanted signature is checked by its own call.

        Raises:
            SignatureMismatchError: there is none, another key is named, or it does not match.
        """
        if not 0 <= index < len(self.signatures):
            raise SignatureMismatchError(
                "a signature is missing", expected=f"number {index}", got=f"{len(self.signatures)} in all"
            )
        self.signatures[index].verify(key)


def jws_sign_general(payload: Mapping[str, object], signers: Sequence[PrivateKey], *, typ: str) -> bytes:
    """A JWS in general JSON serialization, one signature a signer, in the order given.

    Raises:
        EncodingError: the payload has no strict JSON form.
        StatementError: no signer, too many, or one twice.

    Source: RFC 7515 7.2.1.
    """
    text = b64url(json_encode(payload))
    return _render_general(text, tuple(make_signature(key, text, typ=typ) for key in signers))


def jws_add_signature(data: bytes, key: PrivateKey, *, typ: str, max_bytes: int = MAX_JWS_BYTES) -> bytes:
    """The same statement with one more signature at the end; errors as for parsing and signing."""
    signatures = jws_parse_general(data, typ=typ, max_bytes=max_bytes).signatures
    payload = signatures[0].signing_input.decode("ascii").partition(".")[2]
    return _render_general(payload, (*signatures, make_signature(key, payload, typ=typ)))


def jws_parse_general(data: bytes, *, typ: str, max_bytes: int = MAX_JWS_BYTES) -> JwsGeneral:
    """Reads the one text form that :func:`jws_sign_general` writes.

    Raises:
        OversizeError: longer than ``max_bytes``.
        EncodingError: not strict, or not written as this module writes it.
        StatementError: another shape, type or algorithm, or a signer named twice.
    """
    outer = json_decode(data, max_bytes=max_bytes)
    if not isinstance(outer, dict) or outer.keys() != {"payload", "signatures"}:
        raise StatementError("a general JWS has exactly payload and signatures")
    text, parts = outer["payload"], outer["signatures"]
    if not isinstance(text, str) or not isinstance(parts, list):
        raise StatementError("payload is a text and signatures a list")
    payload = json_decode(b64url_decode(text), max_bytes=max_bytes)
    if not isinstance(payload, dict):
        raise StatementError("the payload is a JSON object")
    signatures = tuple(_parse_part(part, text, typ) for part in parts)
    if _render_general(b64url(json_encode(payload)), signatures) != data:
        raise EncodingError("not the canonical text of this statement")
    return JwsGeneral(payload, signatures)


def _parse_part(part: Json, payload: str, typ: str) -> Signature:
    if not isinstance(part, dict) or part.keys() != {"protected", "signature"}:
        raise StatementError("a signature has exactly protected and signature")
    protected, signature = part["protected"], part["signature"]
    if not isinstance(protected, str) or not isinstance(signature, str):
        raise StatementError("protected and signature are texts")
    return parse_signature(protected, payload, signature, typ=typ)


def _render_general(payload: str, signatures: Sequence[Signature]) -> bytes:
    if not 1 <= len(signatures) <= MAX_SIGNATURES:
        raise StatementError(f"{len(signatures)} signatures, from 1 to {MAX_SIGNATURES} are allowed")
    if len({signature.header.kid for signature in signatures}) != len(signatures):
        raise StatementError("a key signs a statement once")
    parts = [{"protected": s.header.encode(), "signature": b64url(s.signature)} for s in signatures]
    return json_encode({"payload": payload, "signatures": parts})
