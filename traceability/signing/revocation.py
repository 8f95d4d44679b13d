"""Revocations, and the one table of what may stand on a key stream.

A general JWS as in ``keystatement``, with one signature: by the registrar, or by the key that
it ends. Its claims are ``act`` (``revoke``), ``iat``, ``kid`` (16 bytes in base64url), ``party``,
``reason``, ``sub``, and ``suspected``: Unix seconds since when misuse is suspected, or null.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from traceability import identifiers, media
from traceability.errors import StatementError
from traceability.signing import jose
from traceability.signing.keys import PrivateKey, PublicKey
from traceability.signing.keystatement import (
    ENROL,
    ROTATE,
    KeyStatement,
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
        subject: URI of the party that held the key.
        kid: the key that is revoked.
        issued_at: Unix seconds.
        suspected_s: Unix seconds since when misuse is suspected, not later than ``issued_at``;
            None without suspicion.
        reason: for people, and public.
        revoker: kid of the signature: the registrar's, or ``kid`` itself.
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


KeyAct: TypeAlias = KeyStatement | Revocation


def party_revocation(
    revoker: PrivateKey,
    *,
    node: str,
    party: str,
    kid: bytes,
    reason: str,
    suspected_s: int | None,
    iat: int,
) -> bytes:
    """The statement that ends a party's key; raises as ``parse_key_act`` for what it would refuse."""
    claims = {
        "act": REVOKE,
        "iat": iat,
        "kid": jose.b64url(kid),
        "party": party,
        "reason": reason,
        "sub": identifiers.party_keys(node, party),
        "suspected": suspected_s,
    }
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
    if act != ENROL and "device" in message.payload:
        raise StatementError(f"this version does not read {act} for the key of a device")
    return _ACTS[act](message)


def _read_revocation(message: jose.JwsGeneral) -> Revocation:
    claims = require_claims(message, {"act", "iat", "kid", "party", "reason", "sub", "suspected"})
    if len(message.signatures) != 1:
        raise StatementError("a revocation has one signature")
    stream, party = party_stream(claims)
    iat, suspected = read_seconds(claims["iat"], "iat"), claims["suspected"]
    suspected_s = None if suspected is None else read_seconds(suspected, "suspected")
    if suspected_s is not None and suspected_s > iat:
        raise StatementError("suspected is later than iat: misuse is suspected since a time in the past")
    kid = jose.b64url_decode(str(claims["kid"]))
    if len(kid) != KID_BYTES:
        raise StatementError(f"kid has {len(kid)} bytes, expected {KID_BYTES}")
    reason = read_text(claims["reason"], "reason")
    return Revocation(stream, party, kid, iat, suspected_s, reason, message.kids[0], message)


_ACTS: Final[Mapping[str, Callable[[jose.JwsGeneral], KeyAct]]] = {
    ENROL: read_key_statement,
    ROTATE: read_key_statement,
    REVOKE: _read_revocation,
}
"""A new act is a new row."""
