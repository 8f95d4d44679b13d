"""Rotations: a device goes on with another key, by a statement of its own chain under the old one.

The statement speaks about the device's key stream. Its payload is the deterministic CBOR array
[the next public key (32 bytes), its proof of possession (``signing.possession``)], the proof about
[iss, counter, prev] of this statement. Its counter is the last one of the old key.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Unpack

from traceability import media
from traceability.errors import StatementError
from traceability.identifiers import Kind, device_uri, parse_stream
from traceability.sensing.frame import DeviceStatement, Head, read_digest, sign_statement
from traceability.signing import cbor
from traceability.signing.keys import PrivateKey, PublicKey
from traceability.signing.possession import check_possession, prove_possession


@dataclass(frozen=True, slots=True)
class Rotation:
    """A rotation as read; the possession of ``key`` is proven, the old key's signature is not yet checked."""

    statement: DeviceStatement
    key: PublicKey

    @property
    def stream(self) -> str:
        """URI of the device's key stream."""
        return self.statement.stream

    @property
    def subject(self) -> str:
        """URI of the device."""
        return self.statement.issuer


def encode_rotation(key: PrivateKey, following: PrivateKey, **head: Unpack[Head]) -> bytes:
    """The statement by which a device goes on from ``key`` to ``following``.

    Raises:
        StatementError: a header outside its form.
    """
    proof = prove_possession(following, _about(head["issuer"], head["counter"], head["prev"]))
    payload = cbor.encode([following.public.raw, proof])
    return sign_statement(key, media.ROTATION, media.CBOR, head, payload)


def read_rotation(statement: DeviceStatement) -> Rotation:
    """What a device's statement says of its next key.

    Raises:
        StatementError: not a rotation, not on its own key stream, or a payload outside the form.
        EncodingError: not deterministic CBOR.
        IdentifierError: no stream.
        KeyRefusedError: a key that the strict check refuses.
        SignatureMismatchError: nobody shows that they have the next key.
    """
    if statement.media_type != media.ROTATION:
        raise StatementError(f"{statement.media_type} brings no key in")
    stream = parse_stream(statement.stream)
    if stream.kind is not Kind.DEVICE_KEYS or device_uri(stream.host, stream.values[0]) != statement.issuer:
        raise StatementError("a rotation speaks about the key stream of its own device")
    match cbor.decode(statement.payload):
        case [raw, bytes(proof)]:
            key = PublicKey(read_digest(raw, "the next key"))
        case _:
            raise StatementError("a rotation is [next key, proof of possession]")
    check_possession(proof, key, _about(statement.issuer, statement.counter, statement.prev))
    return Rotation(statement, key)


def _about(issuer: str, counter: int, prev: bytes) -> bytes:
    return cbor.encode([issuer, counter, prev])
