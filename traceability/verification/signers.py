"""Whose key is whose: the key streams of a bundle, checked against the pinned registrar."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from traceability import media
from traceability.errors import BundleError, SubjectMismatchError, TamperError, UnknownSignerError
from traceability.identifiers import parse_stream
from traceability.signing.keystatement import KeyStatement, parse_key_statement
from traceability.verification.bundle import Stretch
from traceability.verification.policy import Policy


@dataclass(slots=True)
class Signers:
    """The signers of a bundle by key id, and which of them were needed."""

    by_kid: dict[bytes, KeyStatement] = field(default_factory=dict)
    used: set[bytes] = field(default_factory=set)

    def find(self, kid: bytes) -> KeyStatement:
        """The holder of a key.

        Raises:
            UnknownSignerError: the bundle holds no key stream for it.
        """
        found = self.by_kid.get(kid)
        if found is None:
            raise UnknownSignerError(f"the bundle holds no key statement for key {kid.hex()}")
        self.used.add(kid)
        return found

    def party(self, uri: str) -> KeyStatement:
        """The key statement of a party."""
        for statement in self.by_kid.values():
            if statement.subject == uri:
                return self.find(statement.key.kid)
        raise UnknownSignerError(f"the bundle holds no key statement of {uri}")


def read_signers(stretches: Iterable[Stretch]) -> Signers:
    """The key statements of whole key streams; signatures by their own keys are checked here.

    Raises:
        BundleError: a key stream that is not whole or withholds a statement.
        TamperError: a statement on a stream it does not speak about, or a bad signature.
    """
    signers = Signers()
    for stretch in stretches:
        if stretch.first or len(stretch.links) != 1 or stretch.place is None:
            raise BundleError(
                f"{stretch.uri} must be there whole: one enrolment, with its place in the state"
            )
        (link,) = stretch.links
        if link.statement is None or link.media_type != media.KEY:
            raise BundleError(f"{stretch.uri} must show its key statement")
        statement = parse_key_statement(link.statement)
        if statement.stream != stretch.uri:
            raise TamperError("a key statement on another stream", expected=statement.stream, got=stretch.uri)
        statement.message.verify(0, statement.key)
        if signers.by_kid.setdefault(statement.key.kid, statement) is not statement:
            raise BundleError(f"key {statement.key.kid.hex()} stands in two key streams")
    return signers


def check_vouchers(signers: Signers, policy: Policy) -> None:
    """Check that the pinned registrar vouches for every party, and its owner for every device.

    Raises:
        SignatureMismatchError, UnknownSignerError: somebody is not vouched for.
        SubjectMismatchError: a key stream of another node than the pinned log's.
    """
    for statement in signers.by_kid.values():
        owner = statement.owner
        statement.verify(policy.registrar.key if owner is None else signers.party(owner).key)
        host = parse_stream(statement.stream).host
        if host != policy.node:
            raise SubjectMismatchError("node of a key stream", expected=policy.node, got=host)


def display_names(signers: Signers) -> Mapping[str, Mapping[str, str]]:
    """The names that parties and devices carry in their key statements, by URI."""
    return {s.subject: s.names for s in signers.by_kid.values()}
