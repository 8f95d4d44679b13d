"""Applications: how a device asks to be enrolled by a one-time code that its firm was handed.

The deterministic CBOR array [request, proof]: the request is its key statement as it signed it
(``keystatement.device_request``), the proof (``possession``) is by the same key about
[SHA-256 of the request, the code, the attempt]. A code has 80 bits, written as sixteen letters and
digits of RFC 4648 base32 in groups of four; attempts count up, so that none is worth sending again.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from dataclasses import dataclass
from typing import Final

from traceability.errors import MalformedError, OversizeError, StatementError
from traceability.signing import cbor, cose
from traceability.signing.keys import PrivateKey
from traceability.signing.keystatement import KeyStatement, parse_key_statement
from traceability.signing.possession import check_possession, prove_possession

CODE_BYTES: Final = 10
MAX_BYTES: Final = 2 * cose.MAX_BYTES
MAX_ATTEMPT: Final = 2**53 - 1
_WRITTEN: Final = re.compile(r"[A-Z2-7]{16}")
_GROUP: Final = 4


@dataclass(frozen=True, slots=True)
class Application:
    """A device's application, genuine as far as its own key goes.

    ``request`` are the bytes of ``asked``, to which the owner's signature is still to be added.
    """

    request: bytes
    asked: KeyStatement
    code: bytes
    attempt: int


def make_code() -> bytes:
    """A new code."""
    return secrets.token_bytes(CODE_BYTES)


def write_code(code: bytes) -> str:
    """A code for people."""
    text = base64.b32encode(code).decode()
    return "-".join(text[i : i + _GROUP] for i in range(0, len(text), _GROUP))


def read_code(typed: str) -> bytes:
    """A code as somebody typed it: small letters are taken, dashes and spaces passed over.

    Raises:
        MalformedError: not sixteen letters and digits.
    """
    read = re.sub(r"[\s-]", "", typed[:64]).upper()
    if not _WRITTEN.fullmatch(read):
        raise MalformedError("an enrolment code has four groups of four: letters, and digits from 2 to 7")
    return base64.b32decode(read)


def encode_application(key: PrivateKey, request: bytes, code: bytes, attempt: int) -> bytes:
    """What a device sends; ``attempt`` is higher than in whatever it sent before."""
    return cbor.encode([request, prove_possession(key, _about(request, code, attempt))])


def open_application(data: bytes) -> Application:
    """Read an application, and check that the key that it is for made it.

    Raises:
        OversizeError, EncodingError, StatementError, KeyRefusedError, IdentifierError: not such a text.
        SignatureMismatchError: the request or the proof is not by that key, or about something else.
    """
    if len(data) > MAX_BYTES:
        raise OversizeError(f"an application has at most {MAX_BYTES} bytes, this one {len(data)}")
    match cbor.decode(data):
        case [bytes(request), bytes(proof)]:
            asked = parse_key_statement(request)
        case _:
            raise StatementError("an application is [request, proof of possession]")
    if asked.owner is None or asked.voucher is not None:
        raise StatementError("a device's own request is needed: one signature, and an owner")
    asked.message.verify(0, asked.key)
    match cbor.decode(cose.parse_sign1(proof).payload):
        case [bytes(), bytes(code), int(attempt)] if len(code) == CODE_BYTES and 0 <= attempt <= MAX_ATTEMPT:
            check_possession(proof, asked.key, _about(request, code, attempt))
            return Application(request, asked, code, attempt)
    raise StatementError("the proof of an application is about [SHA-256 of the request, code, attempt]")


def _about(request: bytes, code: bytes, attempt: int) -> bytes:
    return cbor.encode([hashlib.sha256(request).digest(), code, attempt])
