"""Signed statements whose parts can be shown or withheld one by one: SD-JWT (RFC 9901).

This project's profile: a statement is the issuer-signed JWT followed by exactly one ``~``,
in ASCII. Disclosures travel and are stored apart, so that some can be withheld or erased
while the statement's bytes, and all that was chained over them, stay as they are.
The header is ``alg`` (Ed25519), ``kid``, ``typ``; ``iss`` and ``iat`` stand in plain;
``_sd_alg`` is always there and always ``sha-256``. Key binding, the JSON serialization
and decoy digests are not used. What stays hidden and how it is opened again is in
:mod:`traceability.signing.digests`, whose names a reader of statements needs stand here too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from traceability.errors import OversizeError, StatementError
from traceability.signing.digests import (
    Disclosure,
    Path,
    Revealed,
    conceal,
    digest_of,
    paths,
    random_salt,
    require_hash,
    reveal,
)
from traceability.signing.jose import Signature, make_signature, parse_signature
from traceability.signing.keys import PrivateKey, PublicKey
from traceability.signing.strictjson import MAX_BYTES, Json, b64url, b64url_decode, json_decode, json_encode

__all__ = [
    "Disclosure",
    "Issued",
    "Path",
    "Revealed",
    "SdJwt",
    "digest_of",
    "issue",
    "parse",
    "paths",
    "reveal",
]

_ALWAYS_PLAIN: Final = frozenset({("iss",), ("iat",)})
_JWT_PARTS: Final = 3


@dataclass(frozen=True, slots=True)
class Issued:
    """A new statement and all of its disclosures, children before their parents."""

    statement: bytes
    disclosures: tuple[Disclosure, ...]


@dataclass(frozen=True, slots=True)
class SdJwt:
    """A parsed statement; nothing is verified yet. ``iat`` is in seconds since 1970, UTC."""

    payload: Mapping[str, Json]
    iss: str
    iat: int
    signature: Signature

    @property
    def kid(self) -> bytes:
        return self.signature.header.kid

    @property
    def typ(self) -> str:
        """The whole media type."""
        return self.signature.header.typ

    def verify(self, key: PublicKey) -> None:
        """Raises SignatureMismatchError unless ``key`` is the one named and signed these bytes."""
        self.signature.verify(key)


def issue(
    key: PrivateKey,
    claims: Mapping[str, object],
    hide: Callable[[Path], bool],
    *,
    typ: str,
    salt: Callable[[], bytes] = random_salt,
) -> Issued:
    """Signs claims, each part for which ``hide`` says so replaced by a digest.

    Args:
        key: the issuer's.
        claims: with ``iss`` (text) and ``iat`` (integer); these two are never hidden.
        hide: asked for every member and every element at its path, inside hidden ones too.
        typ: media type of the statement.
        salt: called once a disclosure, children first, members in sorted order; 16 bytes or more.

    Raises:
        EncodingError: the claims have no strict JSON form or nest too deeply.
        StatementError: a reserved member name, ``iss`` or ``iat`` missing, a salt too short or
            repeated.
        OversizeError: larger than the limits above.

    Source: RFC 9901 4.2, 5.1.
    """

    def asked(path: Path) -> bool:
        return path not in _ALWAYS_PLAIN and hide(path)

    payload, disclosures = conceal(claims, asked, salt)
    _issuer_and_time(payload)
    text = b64url(json_encode(payload))
    signature = make_signature(key, text, typ=typ)
    statement = signature.signing_input + f".{b64url(signature.signature)}~".encode("ascii")
    if len(statement) > MAX_BYTES:
        raise OversizeError(f"a statement of {len(statement)} bytes, at most {MAX_BYTES} are allowed")
    return Issued(statement, disclosures)


def parse(statement: bytes, *, typ: str | None = None, max_bytes: int = MAX_BYTES) -> SdJwt:
    """Reads a statement; with ``typ`` (a media type) any other type is refused.

    Raises:
        OversizeError: longer than ``max_bytes``.
        EncodingError: not ASCII, not canonical base64url, not strict JSON.
        StatementError: another shape, type or algorithm; disclosures or a key binding attached.
    """
    if len(statement) > max_bytes:
        raise OversizeError(f"a statement of {len(statement)} bytes, at most {max_bytes} are read")
    if not statement.isascii() or not statement.endswith(b"~") or statement.count(b"~") != 1:
        raise StatementError("a statement is ASCII and ends with its only '~'")
    parts = statement[:-1].decode("ascii").split(".")
    if len(parts) != _JWT_PARTS:
        raise StatementError(f"a JWT has three parts, this has {len(parts)}")
    signature = parse_signature(*parts, typ=typ)
    payload = json_decode(b64url_decode(parts[1]), max_bytes=max_bytes)
    if not isinstance(payload, dict):
        raise StatementError("the payload is a JSON object")
    require_hash(payload)
    return SdJwt(payload, *_issuer_and_time(payload), signature)


def _issuer_and_time(payload: Mapping[str, Json]) -> tuple[str, int]:
    iss, iat = payload.get("iss"), payload.get("iat")
    if not isinstance(iss, str) or not isinstance(iat, int) or isinstance(iat, bool):
        raise StatementError("iss (a text) and iat (whole seconds) stand in plain in every statement")
    return iss, iat
