"""NATS' names for Ed25519 keys, and the claims that are signed with them.

Source: github.com/nats-io/nkeys (base32 of a prefix, the key, and CRC-16/XMODEM, low byte first);
github.com/nats-io/jwt, version 2 (algorithm ``ed25519-nkey``).
"""

from __future__ import annotations

import base64
import binascii
import secrets
import time
from collections.abc import Mapping
from enum import IntEnum
from typing import Any, Final

from traceability.errors import MalformedError
from traceability.signing.keys import PrivateKey, PublicKey
from traceability.signing.strictjson import b64url, b64url_decode, json_decode, json_encode

_HEADER: Final = b64url(json_encode({"alg": "ed25519-nkey", "typ": "JWT"}))


class Role(IntEnum):
    """What a key is for: the first byte of its name."""

    ACCOUNT = 0
    OPERATOR = 14 << 3
    USER = 20 << 3


def name_of(key: PublicKey, role: Role) -> str:
    """A public key as NATS writes it: 56 characters, of which the first tells the role."""
    data = bytes([role]) + key.raw
    return base64.b32encode(data + binascii.crc_hqx(data, 0).to_bytes(2, "little")).decode("ascii")


def sign_claims(key: PrivateKey, role: Role, claims: Mapping[str, object]) -> str:
    """A NATS JWT of JSON values; ``iss``, ``iat`` and ``jti`` are added."""
    own = {"iss": name_of(key.public, role), "iat": int(time.time()), "jti": secrets.token_hex(16)}
    signed = f"{_HEADER}.{b64url(json_encode({**claims, **own}))}"
    return f"{signed}.{b64url(key.sign(signed.encode('ascii')))}"


def read_claims(text: str) -> Mapping[str, Any]:
    """The claims of a NATS JWT, whoever signed it.

    Raises:
        MalformedError: no such text.
    """
    parts = text.split(".")
    claims = json_decode(b64url_decode(parts[1])) if len(parts) == 3 else None
    if not isinstance(claims, dict):
        raise MalformedError("not a NATS JWT")
    return claims
