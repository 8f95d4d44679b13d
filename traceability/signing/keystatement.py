"""Key statements: who holds which key, signed by that key and by whoever vouches for it.

A general JWS (RFC 7515 7.2.1) with two signatures over one payload: first by the key itself,
which proves that its holder has it; then by the registrar (for a party's key) or by the
owner's key (for a device's). Its claims:

    party   act, custody, iat, jwk, names {en, zh}, party, sub
    device  act, device, iat, jwk, model, owner, sub

``act`` is ``enrol``; ``sub`` is the URI of the key stream; ``jwk`` an Ed25519 key (RFC 8037).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from traceability import identifiers, media
from traceability.errors import EncodingError, KeyRefusedError, StatementError
from traceability.signing import jose
from traceability.signing.keys import PrivateKey, PublicKey

ENROL: Final = "enrol"
CUSTODIES: Final = frozenset({"node", "self"})
MAX_NAME: Final = 200


@dataclass(frozen=True, slots=True)
class KeyStatement:
    """A parsed key statement; not genuine before ``verify`` returned.

    Attributes:
        stream: the key stream it belongs to.
        subject: URI of the party or device that holds the key.
        key: the public key, strictly checked.
        issued_at: Unix seconds.
        owner: URI of the party that owns a device; None for a party.
        names: of a party, by language (``en``, ``zh``); of a device, its model under ``en``.
        custody: of a party, ``node`` if the node keeps its key; None for a device.
        voucher: kid of the second signature; None while it is missing.
    """

    stream: str
    subject: str
    key: PublicKey
    issued_at: int
    owner: str | None
    names: Mapping[str, str]
    custody: str | None
    voucher: bytes | None
    message: jose.JwsGeneral

    def verify(self, voucher: PublicKey) -> None:
        """Check both signatures: the key's own, and that of ``voucher``.

        Raises:
            SignatureMismatchError: one is missing or does not match.
        """
        self.message.verify(0, self.key)
        self.message.verify(1, voucher)


def party_statement(
    key: PrivateKey,
    registrar: PrivateKey,
    *,
    node: str,
    party: str,
    names: Mapping[str, str],
    custody: str,
    iat: int,
) -> bytes:
    """A party's key statement, with both signatures."""
    claims = {
        "act": ENROL,
        "custody": custody,
        "iat": iat,
        "jwk": _jwk(key.public),
        "names": dict(names),
        "party": party,
        "sub": identifiers.party_keys(node, party),
    }
    statement = jose.jws_sign_general(claims, [key, registrar], typ=media.KEY)
    parse_key_statement(statement)
    return statement


def device_request(key: PrivateKey, *, node: str, owner: str, model: str, iat: int) -> bytes:
    """A device's key statement as the device makes it: signed by itself, not yet by its owner."""
    device = key.public.device_id
    claims = {
        "act": ENROL,
        "device": identifiers.device_uri(node, device),
        "iat": iat,
        "jwk": _jwk(key.public),
        "model": model,
        "owner": owner,
        "sub": identifiers.device_keys(node, device),
    }
    return jose.jws_sign_general(claims, [key], typ=media.KEY)


def vouch(request: bytes, voucher: PrivateKey) -> bytes:
    """A device's request with its owner's signature added."""
    return jose.jws_add_signature(request, voucher, typ=media.KEY)


def parse_key_statement(data: bytes) -> KeyStatement:
    """Read a key statement.

    Raises:
        EncodingError, OversizeError, StatementError: not in the one form described above.
        KeyRefusedError: a key that the strict check refuses.
        IdentifierError: a URI outside its canonical form.
    """
    message = jose.jws_parse_general(data, typ=media.KEY)
    claims = message.payload
    if claims.get("act") != ENROL:
        raise StatementError(f"act is {claims.get('act')!r}; this version reads {ENROL}")
    if len(message.signatures) > 2:
        raise StatementError("a key statement has two signatures")
    key = _key(claims.get("jwk"))
    iat = claims.get("iat")
    if not isinstance(iat, int) or isinstance(iat, bool) or iat < 0:
        raise StatementError("iat is a whole number of seconds")
    voucher = message.kids[1] if len(message.signatures) == 2 else None
    if message.kids[0] != key.kid:
        raise StatementError("the first signature is by the key itself")
    if "device" in claims:
        return _device(claims, key, iat, voucher, message)
    return _party(claims, key, iat, voucher, message)


def _device(
    claims: Mapping[str, jose.Json], key: PublicKey, iat: int, voucher: bytes | None, message: jose.JwsGeneral
) -> KeyStatement:
    _require(claims, {"act", "device", "iat", "jwk", "model", "owner", "sub"})
    stream = identifiers.parse_stream(str(claims["sub"]))
    if stream.uri != identifiers.device_keys(stream.host, key.device_id):
        raise StatementError("sub is not the key stream of this device's own key")
    subject, owner = str(claims["device"]), str(claims["owner"])
    if subject != identifiers.device_uri(stream.host, key.device_id):
        raise StatementError("device is not the URI of this device's own key")
    identifiers.parse_party(owner)
    names = {"en": _text(claims["model"], "model")}
    return KeyStatement(stream.uri, subject, key, iat, owner, names, None, voucher, message)


def _party(
    claims: Mapping[str, jose.Json], key: PublicKey, iat: int, voucher: bytes | None, message: jose.JwsGeneral
) -> KeyStatement:
    _require(claims, {"act", "custody", "iat", "jwk", "names", "party", "sub"})
    stream = identifiers.parse_stream(str(claims["sub"]))
    party, custody, names = str(claims["party"]), claims["custody"], claims["names"]
    if stream.uri != identifiers.party_keys(stream.host, party):
        raise StatementError("sub is not the key stream of this party")
    if not isinstance(custody, str) or custody not in CUSTODIES:
        raise StatementError(f"custody is {custody!r}; it is node or self")
    if not isinstance(names, dict) or names.keys() != {"en", "zh"}:
        raise StatementError("names has en and zh")
    shown = {language: _text(name, "a name") for language, name in names.items()}
    return KeyStatement(stream.uri, party, key, iat, None, shown, custody, voucher, message)


def _require(claims: Mapping[str, jose.Json], wanted: set[str]) -> None:
    if claims.keys() != wanted:
        raise StatementError(f"a key statement of this kind has exactly {', '.join(sorted(wanted))}")


def _text(value: jose.Json, what: str) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_NAME:
        raise StatementError(f"{what} is a text of 1 to {MAX_NAME} characters")
    return value


def _jwk(key: PublicKey) -> dict[str, str]:
    return {"crv": "Ed25519", "kty": "OKP", "x": jose.b64url(key.raw)}


def _key(jwk: jose.Json) -> PublicKey:
    if not isinstance(jwk, dict) or jwk.keys() != {"crv", "kty", "x"}:
        raise StatementError("jwk has exactly crv, kty and x")
    if (jwk["kty"], jwk["crv"]) != ("OKP", "Ed25519") or not isinstance(jwk["x"], str):
        raise StatementError("jwk is an Ed25519 key (RFC 8037)")
    try:
        return PublicKey(jose.b64url_decode(jwk["x"]))
    except EncodingError as error:
        raise KeyRefusedError("Ed25519 public key", expected="canonical base64url", got=jwk["x"]) from error
