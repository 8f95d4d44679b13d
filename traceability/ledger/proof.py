"""A proof that something is in the log, as one text that is checked offline.

    c2sp.org/tlog-proof@v1
    index 73894                          of the leaf, from 0
    gSKyXoYZUgZ6jduWYrkDOARinOMGJveX...  the inclusion proof, lowest hash first
    B95lDa8R83lS8n0eG+o0buTxRKQTYFi/...

    example.org/log                      the checkpoint, a signed note, as it was published
    ...

Source: C2SP tlog-proof. Its ``extra`` line, which nothing vouches for, is read over and never written.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from traceability.errors import MalformedError, OversizeError
from traceability.ledger import merkle, note
from traceability.ledger.lines import (
    decode_base64,
    decode_integer,
    encode_base64,
    encode_lines,
    require_range,
    require_size,
)

TITLE: Final = "c2sp.org/tlog-proof@v1"
MAX_BYTES: Final = note.MAX_NOTE + 16_384


@dataclass(frozen=True, slots=True)
class Proof:
    """That a leaf stands in the log, and where.

    Attributes:
        index: of the leaf, from 0.
        hashes: 32 bytes each, from the leaf's sibling upwards.
        checkpoint: the signed note that the proof leads to.
    """

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes

    def __post_init__(self) -> None:
        require_range("the index of a leaf", self.index)
        require_range("the number of hashes in a proof", len(self.hashes), high=merkle.MAX_PROOF)
        for item in self.hashes:
            require_size("a hash of a proof", item, merkle.HASH_SIZE)

    def encode(self) -> bytes:
        """The proof's text."""
        head = encode_lines(TITLE, f"index {self.index}", *map(encode_base64, self.hashes))
        return head + b"\n" + self.checkpoint


def parse_proof(data: bytes) -> Proof:
    """The proof in a text; nothing is verified yet.

    Raises:
        OversizeError: longer than any proof is.
        MalformedError: not of the form at the top of this module.
    """
    if len(data) > MAX_BYTES:
        raise OversizeError(f"a proof of {len(data)} bytes, at most {MAX_BYTES} are read")
    head, blank, checkpoint = data.partition(b"\n\n")
    title, *lines = head.decode("ascii", "replace").split("\n")
    if not blank or title != TITLE:
        raise MalformedError(f"a proof begins with {TITLE!r} and ends with a checkpoint, got {title[:100]!r}")
    if lines and lines[0].startswith("extra "):
        decode_base64(lines.pop(0).removeprefix("extra "))
    if not lines or not lines[0].startswith("index "):
        raise MalformedError("the line with the leaf's index is missing")
    index = decode_integer(lines[0].removeprefix("index "))
    return Proof(index, tuple(map(decode_base64, lines[1:])), checkpoint)


def verify_proof(proof: Proof, leaf: bytes, verifiers: Iterable[note.VerifierKey]) -> note.Checkpoint:
    """Check that a leaf stands where the proof says, in a log that one of these keys signed.

    Args:
        leaf: its leaf hash (a record's hash), 32 bytes.

    Returns:
        The checkpoint that covers it.

    Raises:
        MalformedError: the note or the proof is broken.
        SignatureMismatchError: no known key signed the checkpoint.
        ProofMismatchError: the proof leads to another root.
    """
    signed = note.parse_note(proof.checkpoint)
    note.verify(signed, verifiers)
    checkpoint = note.parse_checkpoint(signed.text)
    merkle.verify_inclusion(proof.index, checkpoint.size, leaf, proof.hashes, checkpoint.root)
    return checkpoint
