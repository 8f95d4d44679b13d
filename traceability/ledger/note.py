"""Signed notes and checkpoints: a text, a blank line, and one line for each signature.

    example.org/log                      a checkpoint's text: origin,
    1234                                 leaves in the tree,
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB...   and root

    — example.org/log Az3grlgtzPICa5...  key name, and base64 of key id || signature

Source: C2SP signed-note, tlog-checkpoint, tlog-cosignature.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from traceability.errors import MalformedError, OversizeError, SignatureMismatchError
from traceability.ledger.lines import (
    decode_base64,
    decode_integer,
    encode_base64,
    require_range,
    require_size,
)
from traceability.ledger.merkle import HASH_SIZE
from traceability.signing.keys import PrivateKey, PublicKey

MAX_NOTE: Final = 65_536  # bytes
MAX_SIGNATURES: Final = 64
"""Signatures of a note, at most; signed-note asks for 16 at least."""

KEY_ID_SIZE: Final = 4
TIME_SIZE: Final = 8
ED25519: Final = 0x01
COSIGNATURE_V1: Final = 0x04
_DASH: Final = "\N{EM DASH} "


@dataclass(frozen=True, slots=True)
class SignatureType:
    """A row of the table of signature types.

    Attributes:
        timed: whether the signature begins with the time it was made, 8 bytes big-endian.
        message: (text, seconds since 1970) to the bytes that the key signs.
        key: raw bytes to a public key that can ``verify``; refuses unsafe ones.
    """

    timed: bool
    message: Callable[[bytes, int], bytes]
    key: Callable[[bytes], PublicKey]


SIGNATURE_TYPES: Final = {
    ED25519: SignatureType(False, lambda text, _: text, PublicKey),
    COSIGNATURE_V1: SignatureType(
        True, lambda text, s: b"cosignature/v1\ntime %d\n%b" % (s, text), PublicKey
    ),
}
"""By the type's byte; another algorithm is one more row."""


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature line: whose it claims to be, and ``value`` after the 4-byte key id."""

    name: str
    key_id: bytes
    value: bytes

    def __post_init__(self) -> None:
        _require_name(self.name)
        require_size("a key id", self.key_id, KEY_ID_SIZE)
        if not self.value:
            raise MalformedError("a signature line without a signature")

    def line(self) -> bytes:
        """The line in a note, with its newline."""
        return f"{_DASH}{self.name} {encode_base64(self.key_id + self.value)}\n".encode()


@dataclass(frozen=True, slots=True)
class Note:
    """A text and its signatures, none of them checked yet.

    The text, which is what is signed, is UTF-8 without control characters and ends with
    a newline; there are 1 to 64 signatures.
    """

    text: bytes
    signatures: tuple[Signature, ...]

    def __post_init__(self) -> None:
        _require_text(self.text)
        require_range("the number of signatures", len(self.signatures), low=1, high=MAX_SIGNATURES)

    def encode(self) -> bytes:
        """The note's bytes.

        Raises:
            OversizeError: more than 64 KiB.
        """
        return _sized(self.text + b"\n" + b"".join(signature.line() for signature in self.signatures))


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key under a name, for one type (byte) of signature; its text form is the vkey."""

    name: str
    kind: int
    key: PublicKey

    def __post_init__(self) -> None:
        _require_name(self.name)
        _signature_type(self.kind)

    @property
    def key_id(self) -> bytes:
        """SHA-256(name || 0x0A || type || public key), the first 4 bytes."""
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.key.raw).digest()[
            :KEY_ID_SIZE
        ]

    def vkey(self) -> str:
        """``name+key id in hex+base64(type || public key)``."""
        return f"{self.name}+{self.key_id.hex()}+{encode_base64(bytes([self.kind]) + self.key.raw)}"


@dataclass(frozen=True, slots=True)
class Verified:
    """A signature that was checked: by which key, and for timed types when (seconds since 1970)."""

    by: VerifierKey
    time_s: int | None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A log's promise: the root of its tree at one size.

    Attributes:
        origin: the log's name; a signing key's name may differ.
        size, root: leaves in the tree, and its root hash of 32 bytes.
        extensions: further lines, opaque, not recommended.
    """

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        require_range("a tree's size", self.size)
        require_size("a root", self.root, HASH_SIZE)
        for line in (self.origin, *self.extensions):
            if not line or any(char < " " for char in line):
                raise MalformedError(f"not a line of a checkpoint: {line[:100]!r}")

    def text(self) -> bytes:
        """The lines that are signed."""
        lines = (self.origin, str(self.size), encode_base64(self.root), *self.extensions)
        return "".join(f"{line}\n" for line in lines).encode()


def parse_checkpoint(text: bytes) -> Checkpoint:
    """The checkpoint in a note's text.

    Raises:
        MalformedError: not UTF-8 lines of a checkpoint.
    """
    origin, *rest = _require_text(text)[:-1].split("\n")
    if len(rest) < 2:
        raise MalformedError("a checkpoint has at least three lines")
    return Checkpoint(origin, decode_integer(rest[0]), decode_base64(rest[1]), tuple(rest[2:]))


def parse_note(data: bytes) -> Note:
    """The text and signatures of a note.

    Raises:
        OversizeError: more than 64 KiB.
        MalformedError: not of the form at the top of this module.
    """
    text, blank, lines = _sized(data).rpartition(b"\n\n")
    if not blank or not lines.endswith(b"\n"):
        raise MalformedError("a note is a text, a blank line, and signature lines")
    return Note(text + b"\n", tuple(parse_signature(line + b"\n") for line in lines[:-1].split(b"\n")))


def parse_signature(line: bytes) -> Signature:
    """The signature in one line of a note, newline included.

    Raises:
        MalformedError: not ``— name base64``.
    """
    fields = _require_text(line)[:-1].removeprefix(_DASH).split(" ")
    if len(fields) != 2 or not line.startswith(_DASH.encode()):
        raise MalformedError(f"not a signature line: {line[:100]!r}")
    data = decode_base64(fields[1])
    return Signature(fields[0], data[:KEY_ID_SIZE], data[KEY_ID_SIZE:])


def parse_vkey(text: str) -> VerifierKey:
    """The key in a vkey.

    Raises:
        MalformedError: not of the form, an unknown type, or a key id of another key.
        KeyRefusedError: a public key that the strict check refuses.
    """
    name, *rest = text.split("+", 2)
    if len(rest) != 2:
        raise MalformedError(f"a vkey is name+id+key, not {text[:100]!r}")
    data = decode_base64(rest[1])
    kind = int.from_bytes(data[:1], "big")
    verifier = VerifierKey(name, kind, _signature_type(kind).key(data[1:]))
    if rest[0] != verifier.key_id.hex():
        raise MalformedError(f"the vkey's id must be {verifier.key_id.hex()}, not {rest[0][:100]!r}")
    return verifier


def sign_note(text: bytes, name: str, key: PrivateKey, kind: int = ED25519, time_s: int = 0) -> Signature:
    """Sign a note's text with the key of this name.

    Args:
        kind: byte of the signature type.
        time_s: seconds since 1970, for types that carry a time.

    Raises:
        MalformedError: the text or name cannot stand in a note, or the time is out of range.
    """
    row = _signature_type(kind)
    _require_text(text)
    require_range("a time in seconds", time_s)
    stamp = time_s.to_bytes(TIME_SIZE, "big") if row.timed else b""
    signature = key.sign(row.message(text, time_s))
    return Signature(name, VerifierKey(name, kind, key.public).key_id, stamp + signature)


def verify(note: Note, verifiers: Iterable[VerifierKey]) -> list[Verified]:
    """Check every signature that a known key made; those of unknown keys are ignored.

    Returns:
        The checked signatures in the note's order, at least one.

    Raises:
        SignatureMismatchError: a known key's signature does not fit, or no known key signed.
        MalformedError: the time in a known key's signature is not below 2**63.
    """
    known = {(verifier.name, verifier.key_id): verifier for verifier in verifiers}
    verified = []
    for signature in note.signatures:
        verifier = known.get((signature.name, signature.key_id))
        if verifier is not None:
            verified.append(Verified(verifier, _check(note.text, verifier, signature.value)))
    if not verified:
        names, signers = sorted(name for name, _ in known), [item.name for item in note.signatures]
        raise SignatureMismatchError("no signature by a known key", expected=names, got=signers)
    return verified


def _check(text: bytes, verifier: VerifierKey, value: bytes) -> int | None:
    """Check one signature; the time it carries, if its type has one."""
    row = _signature_type(verifier.kind)
    stamp = TIME_SIZE if row.timed else 0
    time_s = int.from_bytes(value[:stamp], "big")
    require_range("the time of a cosignature", time_s)
    verifier.key.verify(row.message(text, time_s), value[stamp:])
    return time_s if row.timed else None


def _signature_type(byte: int) -> SignatureType:
    if byte not in SIGNATURE_TYPES:
        raise MalformedError(f"unknown type of signature: {byte}")
    return SIGNATURE_TYPES[byte]


def _require_name(name: str) -> None:
    if not name or any(char < " " or char == "+" or char.isspace() for char in name):
        raise MalformedError(f"not the name of a key: {name[:100]!r}")


def _require_text(text: bytes) -> str:
    """Refuse what cannot stand in a note; the text as characters."""
    try:
        chars = text.decode()
    except UnicodeDecodeError as error:
        raise MalformedError("the note is not UTF-8") from error
    if not chars.endswith("\n") or any(char < " " and char != "\n" for char in chars):
        raise MalformedError("a note's text ends with a newline and has no other control characters")
    return chars


def _sized(data: bytes) -> bytes:
    if len(data) > MAX_NOTE:
        raise OversizeError(f"a note has at most {MAX_NOTE} bytes, not {len(data)}")
    return data
