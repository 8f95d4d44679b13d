"""Key statements: who holds which key, signed by that key and by whoever vouches for it.

A general JWS (RFC 7515 7.2.1) with two signatures over one payload: first by the key itself,
which proves that its holder has it; then by whoever vouches for it. Its claims by ``act``:

    enrol    act, custody, iat, jwk, names {en, zh}, party, sub    the registrar vouches
    enrol    act, device, iat, jwk, model, owner, sub              the owner's key vouches
    rotate   act, custody, iat, jwk, party, sub                    the key that it replaces vouches

``sub`` is the URI of the key stream; ``jwk`` an Ed25519 key (RFC 8037). What ends a key is in
``revocation`` and ``farewell``; in which order all of these may stand, in ``verification.signers``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from traceability import identifiers, media
from traceability.errors import EncodingError, KeyRefusedError, StatementError
from traceability.identifiers import Kind
from traceability.signing import jose
from traceability.signing.keys import PrivateKey, PublicKey

ENROL: Final = "enrol"
ROTATE: Final = "rotate"
CUSTODIES: Final = frozenset({"node", "self"})
MAX_TEXT: Final = 200


@dataclass(frozen=True, slots=True)
class KeyStatement:
    """A parsed statement that brings a key in; not genuine before ``verify`` returned.

    Attributes:
        act: ``enrol`` or ``rotate``.
        stream: the key stream it belongs to.
        subject: URI of the party or device that holds the key.
        key: the public key, strictly checked.
        issued_at: Unix seconds.
        owner: URI of the party that owns a device; None for a party.
        names: of a party, by language (``en``, ``zh``); of a device, its model under ``en``;
            empty in a rotation.
        custody: of a party, ``node`` if the node keeps its key; None for a device.
        voucher: kid of the second signature; None while it is missing.
    """

    act: str
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
    """A party's key statement, with both signatures; also what brings it back after a revocation."""
    claims = {
        "act": ENROL,
        "custody": custody,
        "iat": iat,
        "jwk": _jwk(key.public),
        "names": dict(names),
        "party": party,
        "sub": identifiers.party_keys(node, party),
    }
    return _issued(claims, key, registrar)


def party_rotation(
    key: PrivateKey, old: PrivateKey, *, node: str, party: str, custody: str, iat: int
) -> bytes:
    """The statement by which a party goes on from its key ``old`` to ``key``, signed by both."""
    claims = {
        "act": ROTATE,
        "custody": custody,
        "iat": iat,
        "jwk": _jwk(key.public),
        "party": party,
        "sub": identifiers.party_keys(node, party),
    }
    return _issued(claims, key, old)


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
    """Read a statement that brings a key in.

    Raises:
        EncodingError, OversizeError, StatementError: not in one of the forms described above.
        KeyRefusedError: a key that the strict check refuses.
        IdentifierError: a URI outside its canonical form.
    """
    return read_key_statement(jose.jws_parse_general(data, typ=media.KEY))


def read_key_statement(message: jose.JwsGeneral) -> KeyStatement:
    """As ``parse_key_statement``, once the JWS is read."""
    act = message.payload.get("act")
    if act == ROTATE:
        return _rotate(message)
    if act != ENROL:
        raise StatementError(f"act is {act!r}; a statement that brings a key in is {ENROL} or {ROTATE}")
    return _device(message) if "device" in message.payload else _party(message)


def _issued(claims: Mapping[str, object], *signers: PrivateKey) -> bytes:
    """A statement that is read once before anybody gets it: what would be refused is not made."""
    statement = jose.jws_sign_general(claims, signers, typ=media.KEY)
    parse_key_statement(statement)
    return statement


def _device(message: jose.JwsGeneral) -> KeyStatement:
    claims = require_claims(message, {"act", "device", "iat", "jwk", "model", "owner", "sub"})
    key, voucher = _signers(message)
    stream = identifiers.parse_stream(str(claims["sub"]))
    if stream.uri != identifiers.device_keys(stream.host, key.device_id):
        raise StatementError("sub is not the key stream of this device's own key")
    subject, owner = str(claims["device"]), str(claims["owner"])
    if subject != identifiers.device_uri(stream.host, key.device_id):
        raise StatementError("device is not the URI of this device's own key")
    identifiers.parse_party(owner)
    names = {"en": read_text(claims["model"], "model")}
    iat = read_seconds(claims["iat"], "iat")
    return KeyStatement(ENROL, stream.uri, subject, key, iat, owner, names, None, voucher, message)


def _party(message: jose.JwsGeneral) -> KeyStatement:
    claims = require_claims(message, {"act", "custody", "iat", "jwk", "names", "party", "sub"})
    names = claims["names"]
    if not isinstance(names, dict) or names.keys() != {"en", "zh"}:
        raise StatementError("names has en and zh")
    return _of_party(message, {language: read_text(name, "a name") for language, name in names.items()})


def _rotate(message: jose.JwsGeneral) -> KeyStatement:
    require_claims(message, {"act", "custody", "iat", "jwk", "party", "sub"})
    return _of_party(message, {})


def _of_party(message: jose.JwsGeneral, names: Mapping[str, str]) -> KeyStatement:
    claims = message.payload
    key, voucher = _signers(message)
    stream, party = party_stream(claims)
    custody = claims["custody"]
    if not isinstance(custody, str) or custody not in CUSTODIES:
        raise StatementError(f"custody is {custody!r}; it is node or self")
    iat, act = read_seconds(claims["iat"], "iat"), str(claims["act"])
    return KeyStatement(act, stream, party, key, iat, None, names, custody, voucher, message)


def _signers(message: jose.JwsGeneral) -> tuple[PublicKey, bytes | None]:
    """The key that is brought in, and the kid of who vouches for it if that is there already."""
    key = _key(message.payload["jwk"])
    if len(message.signatures) > 2:
        raise StatementError("a key statement has two signatures")
    if message.kids[0] != key.kid:
        raise StatementError("the first signature is by the key itself")
    return key, message.kids[1] if len(message.signatures) == 2 else None


def party_stream(claims: Mapping[str, jose.Json]) -> tuple[str, str]:
    """URI of the key stream, and of the party whose stream it is."""
    stream, party = identifiers.parse_stream(str(claims["sub"])), str(claims["party"])
    if stream.uri != identifiers.party_keys(stream.host, party):
        raise StatementError("sub is not the key stream of this party")
    return stream.uri, party


def device_stream(claims: Mapping[str, jose.Json]) -> tuple[str, str]:
    """URI of the key stream, and of the device whose stream it is."""
    stream, device = identifiers.parse_stream(str(claims["sub"])), str(claims["device"])
    if stream.kind is not Kind.DEVICE_KEYS or device != identifiers.device_uri(stream.host, stream.values[0]):
        raise StatementError("sub is not the key stream of this device")
    return stream.uri, device


def require_claims(message: jose.JwsGeneral, wanted: set[str]) -> Mapping[str, jose.Json]:
    """The claims, if they are exactly those that are wanted."""
    if message.payload.keys() != wanted:
        raise StatementError(f"a key statement of this kind has exactly {', '.join(sorted(wanted))}")
    return message.payload


def read_seconds(value: jose.Json, what: str) -> int:
    """Unix seconds, 0 or more."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise StatementError(f"{what} is a whole number of seconds since 1970")
    return value


def read_text(value: jose.Json, what: str) -> str:
    """A text for people, not empty and not long."""
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_TEXT:
        raise StatementError(f"{what} is a text of 1 to {MAX_TEXT} characters")
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
