"""Farewells: a device has come to its end, and its owner says what it may still have on the way.

A general JWS as in ``keystatement``, with one signature: by the owner's key. Its claims are ``act``
(``farewell``), ``device``, ``iat``, ``last`` and ``sub``: behind the record of it nothing counts that the
device says under a counter above ``last``, whatever times it claims.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from traceability import identifiers, media
from traceability.errors import StatementError
from traceability.signing import jose
from traceability.signing.keys import PrivateKey, PublicKey
from traceability.signing.keystatement import device_stream, read_seconds, require_claims

FAREWELL: Final = "farewell"
NOTHING: Final = -1
"""The last counter of a device of which nothing is on the way any more, and nothing came."""
MAX_LAST: Final = 2**53 - 1


@dataclass(frozen=True, slots=True)
class Farewell:
    """A parsed farewell; not genuine before the owner's signature is checked.

    Attributes:
        stream: the key stream it belongs to.
        subject: URI of the device.
        last: the highest counter that still counts; ``NOTHING`` if none does.
        issued_at: Unix seconds.
    """

    stream: str
    subject: str
    last: int
    issued_at: int
    message: jose.JwsGeneral

    def verify(self, owner: PublicKey) -> None:
        """Check the one signature. Raises SignatureMismatchError."""
        self.message.verify(0, owner)


def device_farewell(owner: PrivateKey, *, node: str, device: str, last: int, iat: int) -> bytes:
    """The statement that ends a device; ``last`` from ``NOTHING`` to ``MAX_LAST``.

    Raises:
        StatementError: another ``last``.
    """
    claims = {
        "act": FAREWELL,
        "device": identifiers.device_uri(node, device),
        "iat": iat,
        "last": last,
        "sub": identifiers.device_keys(node, device),
    }
    statement = jose.jws_sign_general(claims, [owner], typ=media.KEY)
    read_farewell(jose.jws_parse_general(statement, typ=media.KEY))
    return statement


def read_farewell(message: jose.JwsGeneral) -> Farewell:
    """A farewell, once the JWS is read. Raises StatementError, IdentifierError."""
    claims = require_claims(message, {"act", "device", "iat", "last", "sub"})
    if len(message.signatures) != 1:
        raise StatementError("a farewell has one signature")
    stream, device = device_stream(claims)
    iat, last = read_seconds(claims["iat"], "iat"), claims["last"]
    if not isinstance(last, int) or isinstance(last, bool) or not NOTHING <= last <= MAX_LAST:
        raise StatementError(f"last is a counter, or {NOTHING} for none")
    return Farewell(stream, device, last, iat, message)
