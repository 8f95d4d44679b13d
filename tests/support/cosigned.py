"""Witnesses under a test's hand: real keys that cosign what they are given, and policies that ask for them.

east = Cosigner("east")                          its vkey is named east.example
text = policy_text(node.policy_text, "group g 2 east west", "quorum g", by=[east, west])
data = cosigned(bundle, (east, 1767225600), (west, 1767225601))
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from traceability.ledger import note
from traceability.signing.keys import PrivateKey
from traceability.verification.bundle import encode_bundle, parse_bundle
from traceability.witness import protocol


@dataclass(frozen=True)
class Cosigner:
    """A witness that checks nothing; one name has one key."""

    name: str

    @property
    def key(self) -> PrivateKey:
        return PrivateKey.from_seed(hashlib.sha256(f"witness {self.name}".encode()).digest())

    @property
    def verifier(self) -> note.VerifierKey:
        return note.VerifierKey(f"{self.name}.example", note.COSIGNATURE_V1, self.key.public)

    @property
    def line(self) -> str:
        """Its line in a policy."""
        return f"witness {self.name} {self.verifier.vkey()}\n"

    def cosign(self, text: bytes, time_s: int) -> note.Signature:
        return note.sign_note(text, self.verifier.name, self.key, note.COSIGNATURE_V1, time_s)

    def answer(self, _address: str, body: bytes) -> tuple[int, bytes]:
        """What it says when a node asks it over the network."""
        return 200, self.cosign(protocol.parse_request(body).note.text, 1).line()


def policy_text(node_policy: str, *items: str, by: Sequence[Cosigner]) -> str:
    """A node's own policy with witnesses, and other last lines than ``quorum none``."""
    pinned = node_policy.removesuffix("quorum none\n")
    return pinned + "".join(w.line for w in by) + "".join(f"{item}\n" for item in items)


def cosigned(bundle: bytes, *made: tuple[Cosigner, int]) -> bytes:
    """The bundle, its checkpoint cosigned by these witnesses at these times (seconds since 1970)."""
    parsed = parse_bundle(bundle)
    signed = note.parse_note(parsed.checkpoint)
    added = tuple(by.cosign(signed.text, time_s) for by, time_s in made)
    whole = replace(signed, signatures=signed.signatures + added)
    return encode_bundle(replace(parsed, checkpoint=whole.encode()))
