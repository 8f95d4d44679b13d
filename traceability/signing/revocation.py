"""Revocations, and the one table of what may stand on a key stream.

A general JWS as in ``keystatement``, with one signature: of a party's key by the registrar, or by the
key that it ends; of a device's by its owner's key. Its claims are ``act`` (``revoke``), ``iat``, ``kid``
(16 bytes in base64url), ``party`` or ``device``, ``reason``, ``sub``, and ``suspected``: Unix seconds
since when misuse is suspected, or null.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias, TypedDict, Unpack

from traceability import identifiers, media
from traceability.errors import StatementError
from traceability.signing import jose
from traceability.signing.farewell import FAREWELL, Farewell, read_farewell
from traceability.signing.keys import PrivateKey, PublicKey
from traceability.signing.keystatement import (
    ENROL,
    ROTATE,
    KeyStatement,
    device_stream,
    party_stream,
    read_key_statement,
    read_seconds,
    read_text,
    require_claims,
)

REVOKE: Final = "revoke"
KID_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Revocation:
    """A parsed revocation; not genuine before ``verify`` returned.

    Attributes:
        stream: the key stream it belongs to.
        subject: URI of the party or device that held the key.
        kid: the key that is revoked.
        issued_at: Unix seconds.
        suspected_s: Unix seconds since when misuse is suspected, not later than ``issued_at``;
            None without suspicion.
        reason: for people, and public.
        revoker: kid of the signature: the registrar's, or ``kid`` itself; of a device's the owner's.
    """

    stream: str
    subject: str
    kid: bytes
    issued_at: int
    suspected_s: int | None
    reason: str
    revoker: bytes
    message: jose.JwsGeneral

    def verify(self, revoker: PublicKey) -> None:
        """Check the one signature.

        Raises:
            SignatureMismatchError: another key is named, or it does not match.
        """
        self.message.verify(0, revoker)


KeyAct: TypeAlias = KeyStatement | Revocation | Farewell


class Told(TypedDict):
    """What a revocation says beside whose key it ends; keyword arguments of those who make one."""

    kid: bytes
    reason: str
    suspected_s: int | None
    iat: int


def party_revocation(revoker: PrivateKey, *, node: str, party: str, **told: Unpack[Told]) -> bytes:
    """The statement that ends a party's key; raises as ``parse_key_act`` for what it would refuse."""
    return _revocation(revoker, {"party": party, "sub": identifiers.party_keys(node, party)}, told)


def device_revocation(owner: PrivateKey, *, node: str, device: str, **told: Unpack[Told]) -> bytes:
    """The statement by which its owner ends the key of a device (an id); raises as ``party_revocation``."""
    stream = identifiers.device_keys(node, device)
    return _revocation(owner, {"device": identifiers.device_uri(node, device), "sub": stream}, told)


def _revocation(revoker: PrivateKey, whose: Mapping[str, str], told: Told) -> bytes:
    claims: dict[str, object] = {
        "act": REVOKE,
        "iat": told["iat"],
        "kid": jose.b64url(told["kid"]),
        "reason": told["reason"],
        "suspected": told["suspected_s"],
    }
    claims.update(whose)
    statement = jose.jws_sign_general(claims, [revoker], typ=media.KEY)
    parse_key_act(statement)
    return statement


def parse_key_act(data: bytes) -> KeyAct:
    """Read a statement of a key stream.

    Raises:
        EncodingError, OversizeError, StatementError: not in one of the documented forms.
        KeyRefusedError: a key that the strict check refuses.
        IdentifierError: a URI outside its canonical form.
    """
    message = jose.jws_parse_general(data, typ=media.KEY)
    act = message.payload.get("act")
    if not isinstance(act, str) or act not in _ACTS:
        raise StatementError(f"act is {act!r}; it is one of {', '.join(_ACTS)}")
    return _ACTS[act](message)


def _read_revocation(message: jose.JwsGeneral) -> Revocation:
    of_device = "device" in message.payload
    whose = "device" if of_device else "party"
    claims = require_claims(message, {"act", "iat", "kid", whose, "reason", "sub", "suspected"})
    if len(message.signatures) != 1:
        raise StatementError("a revocation has one signature")
    stream, subject = device_stream(claims) if of_device else party_stream(claims)
    iat, suspected = read_seconds(claims["iat"], "iat"), claims["suspected"]
    suspected_s = None if suspected is None else read_seconds(suspected, "suspected")
    if suspected_s is not None and suspected_s > iat:
        raise StatementError("suspected is later than iat: misuse is suspected since a time in the past")
    kid = jose.b64url_decode(str(claims["kid"]))
    if len(kid) != KID_BYTES:
        raise StatementError(f"kid has {len(kid)} bytes, expected {KID_BYTES}")
    reason = read_text(claims["reason"], "reason")
    return Revocation(stream, subject, kid, iat, suspected_s, reason, message.kids[0], message)


_ACTS: Final[Mapping[str, Callable[[jose.JwsGeneral], KeyAct]]] = {
    ENROL: read_key_statement,
    ROTATE: read_key_statement,
    REVOKE: _read_revocation,
    FAREWELL: read_farewell,
}
"""A new act is a new row."""
