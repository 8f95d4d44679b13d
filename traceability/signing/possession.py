"""A word under a key that shows that who signed it has the key: a COSE_Sign1 of a type of its own.

What it is about is its payload, and whoever asks says what that must be: so it proves nothing elsewhere.
"""

from __future__ import annotations

from typing import Final

from traceability import media
from traceability.errors import SignatureMismatchError, StatementError
from traceability.signing import cose
from traceability.signing.keys import PrivateKey, PublicKey

_LABELS: Final = frozenset({cose.ALG, cose.CONTENT_TYPE, cose.KID, cose.TYP})


def prove_possession(key: PrivateKey, about: bytes) -> bytes:
    """The proof that somebody has ``key``, made about ``about`` (deterministic CBOR) alone."""
    return cose.sign1(key, typ=media.POSSESSION, content_type=media.CBOR, headers={}, payload=about)


def check_possession(proof: bytes, key: PublicKey, about: bytes) -> None:
    """Check that who has ``key`` said so about ``about``.

    Raises:
        EncodingError, OversizeError, StatementError: not such a proof.
        SignatureMismatchError: about something else, by another key, or not signed by it.
    """
    message = cose.parse_sign1(proof)
    if message.typ != media.POSSESSION or message.content_type != media.CBOR:
        raise StatementError(f"{message.typ} proves no possession of a key")
    if set(message.protected) != _LABELS:
        raise StatementError("the protected header is not the closed set of a proof of possession")
    if message.payload != about:
        raise SignatureMismatchError("what a key was proven for", expected=about, got=message.payload)
    message.verify(key)
