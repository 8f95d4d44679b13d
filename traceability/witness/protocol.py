"""Requests and answers of a witness, as bytes; both ends of the line use them.

    old 20852014                         leaves in the tree that was cosigned last
    PlRNCrwHpqhGrupue0L7gxbjbMiKA9t...   0 to 63 hashes that prove consistency
                                         a blank line
    example.com/behind-the-sofa          and the checkpoint, a signed note
    ...

The answer is cosignature lines (200), a size (409), or a sentence for people.

Source: C2SP tlog-witness.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from traceability.errors import MalformedError, OversizeError
from traceability.ledger.lines import (
    decode_base64,
    decode_integer,
    encode_base64,
    encode_lines,
    require_range,
    require_size,
)
from traceability.ledger.merkle import HASH_SIZE, MAX_PROOF, MAX_SIZE
from traceability.ledger.note import (
    MAX_NOTE,
    Checkpoint,
    Note,
    Signature,
    parse_checkpoint,
    parse_note,
    parse_signature,
)

PATH: Final = "/add-checkpoint"
"""Behind the submission prefix."""
SIZE_TYPE: Final = "text/x.tlog.size"
TEXT_TYPE: Final = "text/plain; charset=utf-8"
MAX_COSIGNATURES: Final = 16

_OLD: Final = "old "
_MAX_OLD_LINE: Final = len(_OLD) + len(str(MAX_SIZE)) + 1
_PROOF_LINE: Final = 45
"""Bytes of a hash in base64, newline included."""
MAX_HEAD: Final = _MAX_OLD_LINE + MAX_PROOF * _PROOF_LINE + 1
MAX_BODY: Final = MAX_HEAD + MAX_NOTE
"""Bytes of a request, at most: old size, 63 hashes, blank line, a note of 64 KiB."""


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """A request to cosign.

    Attributes:
        old_size: leaves in the tree that the proof begins with.
        proof: 0 to 63 hashes of 32 bytes.
        note: the signed checkpoint, no signature checked yet.
        checkpoint: what its text says.
    """

    old_size: int
    proof: tuple[bytes, ...]
    note: Note
    checkpoint: Checkpoint


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: HTTP status, media type, body; and after how many seconds to ask again."""

    status: int
    media_type: str
    body: bytes
    retry_s: int | None = None


def parse_request(body: bytes) -> AddCheckpoint:
    """The request in a body.

    Raises:
        MalformedError: not of the form at the top of this module.
        OversizeError: more hashes or a longer note than there may be.
    """
    head, blank, rest = body.partition(b"\n\n")
    if not blank:
        raise MalformedError("a request is an old size, a proof, a blank line, and a checkpoint")
    if len(head) >= MAX_HEAD:
        raise OversizeError(f"an old size and {MAX_PROOF} hashes are at most before the checkpoint")
    if not head.isascii():
        raise MalformedError("the lines before the checkpoint are ASCII")
    first, *lines = head.decode("ascii").split("\n")
    if not first.startswith(_OLD):
        raise MalformedError(f"the first line is {_OLD}SIZE, not {first[:100]!r}")
    old_size = decode_integer(first.removeprefix(_OLD))
    require_range("an old size", old_size)
    note = parse_note(rest)
    return AddCheckpoint(old_size, tuple(map(_parse_hash, lines)), note, parse_checkpoint(note.text))


def encode_request(old_size: int, proof: Sequence[bytes], note: bytes) -> bytes:
    """The body that asks a witness to cosign a signed note."""
    return encode_lines(f"{_OLD}{old_size}", *map(encode_base64, proof), "") + note


def encode_cosignatures(signatures: Sequence[Signature]) -> bytes:
    """The body of a 200."""
    return b"".join(signature.line() for signature in signatures)


def parse_cosignatures(body: bytes) -> tuple[Signature, ...]:
    """The signature lines in the body of a 200, none of them checked yet.

    Raises:
        MalformedError: not 1 to 16 signature lines.
    """
    if not body.endswith(b"\n"):
        raise MalformedError("cosignature lines end with a newline")
    lines = body[:-1].split(b"\n", MAX_COSIGNATURES)
    require_range("the number of cosignatures", len(lines), low=1, high=MAX_COSIGNATURES)
    return tuple(parse_signature(line + b"\n") for line in lines)


def encode_size(size: int) -> bytes:
    """The body of a 409: leaves in the tree that was cosigned last."""
    return encode_lines(str(size))


def parse_size(body: bytes) -> int:
    """The size in the body of a 409.

    Raises:
        MalformedError: anything else.
    """
    if not body.isascii() or not body.endswith(b"\n"):
        raise MalformedError(f"not a size: {body[:100]!r}")
    size = decode_integer(body[:-1].decode("ascii"))
    require_range("a size", size)
    return size


def _parse_hash(line: str) -> bytes:
    data = decode_base64(line)
    require_size("a hash of a proof", data, HASH_SIZE)
    return data
