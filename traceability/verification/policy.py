"""What a verifier pins beforehand: the log's key and the registrar's key.

The file is a C2SP tlog-policy (one item a line, ``#`` begins a comment) with one item more,
``registrar``, which names the key that vouches for parties' keys:

    log node.example/log+5c1f6d4a+AX8w...
    registrar node.example/registrar+9a1b...+AQ2c...
    quorum none

Trust comes from here alone: a policy that travels inside a bundle is information.
Witnesses and groups are not read yet and are refused, never ignored.

Source: C2SP tlog-policy; docs/adr/0004.
"""

from __future__ import annotations

from dataclasses import dataclass

from traceability.errors import BundleError, TraceabilityError
from traceability.ledger import note

MAX_BYTES = 16_384


@dataclass(frozen=True, slots=True)
class Policy:
    """The pinned keys; ``log.name`` is the log's origin."""

    log: note.VerifierKey
    registrar: note.VerifierKey

    @property
    def node(self) -> str:
        """The name of the node whose log this is."""
        return self.log.name.removesuffix("/log")


def format_policy(policy: Policy) -> str:
    """The text of a policy file."""
    return f"log {policy.log.vkey()}\nregistrar {policy.registrar.vkey()}\nquorum none\n"


def parse_policy(text: str) -> Policy:
    """Read a policy file.

    Raises:
        BundleError: an item is missing, stands twice, is not known or does not parse.
    """
    if len(text) > MAX_BYTES:
        raise BundleError(f"a policy has at most {MAX_BYTES} characters")
    found: dict[str, note.VerifierKey] = {}
    for number, line in enumerate(text.splitlines(), 1):
        item, _, value = line.partition("#")[0].strip().partition(" ")
        if not item or (item, value.strip()) == ("quorum", "none"):
            continue
        if item not in {"log", "registrar"} or item in found:
            raise BundleError(f"policy line {number}: {item!r} is not read by this version, or stands twice")
        try:
            found[item] = note.parse_vkey(value.strip())
        except TraceabilityError as error:
            raise BundleError(f"policy line {number}: {error}") from error
    if len(found) != 2 or not found["log"].name.endswith("/log"):
        raise BundleError("a policy names one log, whose name ends in /log, and one registrar")
    return Policy(found["log"], found["registrar"])
