"""Whose key is whose and when: key streams, read act by act, by one rule for all who check them.

A party's stream begins with an enrolment. Behind it each rotation is signed by the key in force,
which it replaces; a revocation ends one key for ever, and when that was the key in force, the
registrar may enrol a new one. A device's stream begins with an enrolment too; the device goes on
with another key by a rotation of its own, its owner may revoke a key or say farewell to the device.
A key stands in one stream, once.

Record time decides: a key speaks for its holder from the time of the record that brings it in up
to, not including, that of the record that rotates it away or revokes it. What was recorded
before a revocation but after misuse is suspected stays valid and is flagged. A device counts what it
says, so a backlog is not in doubt: each of its keys speaks for the counters behind the rotation that
brings it in, up to that of the next one. Behind a farewell only what bears a counter up to the last
one still counts: it was on the way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from traceability import media
from traceability.errors import (
    BundleError,
    ChainMismatchError,
    KeyNotInForceError,
    SignatureMismatchError,
    SubjectMismatchError,
    UnknownSignerError,
)
from traceability.identifiers import parse_stream
from traceability.ledger.record import format_time
from traceability.sensing.frame import DeviceStatement, parse_statement
from traceability.sensing.rotation import Rotation, read_rotation
from traceability.signing.farewell import Farewell
from traceability.signing.keys import PublicKey
from traceability.signing.keystatement import ENROL, ROTATE, KeyStatement
from traceability.signing.revocation import KeyAct, Revocation, parse_key_act
from traceability.verification.bundle import Stretch
from traceability.verification.policy import Policy
from traceability.verification.signer import Signer

Act: TypeAlias = KeyAct | Rotation


@dataclass(slots=True)
class Signers:
    """The keys of some key streams, read so far.

    Attributes:
        by_kid: every key that was ever brought in.
        in_force: by key stream the key in force; None once it is revoked.
        holders: by key stream the party or device whose it is.
        owners: by key stream of a device the party whose it is.
        acts: every act with its record time, in the order read.
        used: the key streams of which a key was asked for.
    """

    by_kid: dict[bytes, Signer] = field(default_factory=dict)
    in_force: dict[str, bytes | None] = field(default_factory=dict)
    holders: dict[str, str] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    acts: list[tuple[Act, int]] = field(default_factory=list)
    used: set[str] = field(default_factory=set)

    @property
    def rotations(self) -> tuple[DeviceStatement, ...]:
        """The statements by which devices went on with other keys."""
        return tuple(act.statement for act, _ in self.acts if isinstance(act, Rotation))

    def take(self, uri: str, body: bytes, at_ms: int, media_type: str = media.KEY) -> Act:
        """Read the next act of a key stream; what it cannot check alone, ``check_voucher`` does.

        Args:
            uri: the key stream.
            body: the statement.
            at_ms: when it was recorded; never less than that of the act before.
            media_type: one of ``media.KEY_ACTS``.

        Raises:
            MalformedError, KeyRefusedError: not a statement of a key stream.
            SubjectMismatchError: it speaks about another stream, party or key.
            SignatureMismatchError: not signed by its own key, or not by the key that it replaces.
            ChainMismatchError: this act may not stand here.
        """
        act: Act = parse_key_act(body) if media_type == media.KEY else read_rotation(parse_statement(body))
        if act.stream != uri:
            raise SubjectMismatchError("a key statement on another stream", expected=act.stream, got=uri)
        holder = self.holders.get(uri, act.subject)
        if act.subject != holder:
            raise SubjectMismatchError(f"holder of {uri}", expected=holder, got=act.subject)
        if isinstance(act, Revocation):
            self._revoke(act, at_ms)
        elif isinstance(act, Farewell):
            self._part(act, at_ms)
        elif isinstance(act, Rotation):
            self._go_on(act, at_ms)
        else:
            self._bring_in(act, at_ms)
        self.holders[uri] = holder
        self.acts.append((act, at_ms))
        return act

    def find(self, kid: bytes, at_ms: int, counter: int | None = None) -> Signer:
        """The holder of a key, for what was recorded at ``at_ms``; a device's statement has a counter.

        Raises:
            UnknownSignerError: no key stream that was read holds it.
            KeyNotInForceError: it was not in force then.
        """
        found = self.by_kid.get(kid)
        if found is None:
            raise UnknownSignerError(f"there is no key statement for key {kid.hex()}")
        self.used.add(found.stream)
        if not found.speaks_at(at_ms, counter):
            until = "" if found.until_ms is None else f" until {format_time(found.until_ms)}"
            raise KeyNotInForceError(
                f"key {kid.hex()} is in force from {format_time(found.from_ms)}{until},"
                f" this was recorded at {format_time(at_ms)}"
            )
        return found

    def check_voucher(self, act: Act, at_ms: int, registrar: PublicKey | None) -> None:
        """Check the signature of whoever vouches for an act: the registrar, or a device's owner.

        A device's rotation has no other voucher than the key before it, which ``take`` asks.

        Args:
            registrar: None if it is not known; its signatures are passed over then.

        Raises:
            SignatureMismatchError: the signature is not of that key, or does not match.
            UnknownSignerError, KeyNotInForceError: the owner had no such key then.
            SubjectMismatchError: another party vouches for a device.
        """
        if isinstance(act, Rotation):
            return
        if act.stream in self.owners:
            self._check_owner(act, at_ms)
        elif isinstance(act, Revocation):
            if registrar is not None and act.revoker != act.kid:
                act.verify(registrar)
        elif registrar is not None and isinstance(act, KeyStatement) and act.act == ENROL:
            act.message.verify(1, registrar)

    def _check_owner(self, act: KeyAct, at_ms: int) -> None:
        """The last signature under every key statement of a device's stream is its owner's."""
        *others, voucher = act.message.kids
        owner, expected = self.find(voucher, at_ms), self.owners[act.stream]
        if owner.subject != expected:
            raise SubjectMismatchError(f"who vouches for {act.subject}", expected=expected, got=owner.subject)
        act.message.verify(len(others), owner.key)

    def _bring_in(self, act: KeyStatement, at_ms: int) -> None:
        act.message.verify(0, act.key)
        if act.voucher is None:
            raise SignatureMismatchError("a signature is missing: nobody vouches for this key")
        if act.key.kid in self.by_kid:
            raise ChainMismatchError(f"key {act.key.kid.hex()} is brought in for a second time")
        current = self.in_force.get(act.stream)
        if act.act == ROTATE:
            self._rotate_away(act, current, at_ms)
        elif current is not None:
            raise ChainMismatchError(f"an enrolment while key {current.hex()} is in force")
        if act.owner is not None:
            self.owners[act.stream] = act.owner
        self.by_kid[act.key.kid] = Signer(act, at_ms)
        self.in_force[act.stream] = act.key.kid

    def _rotate_away(self, act: KeyStatement, current: bytes | None, at_ms: int) -> None:
        if current is None or act.voucher != current:
            raise ChainMismatchError(
                "a rotation is signed by the key in force", expected=current or "none", got=act.voucher
            )
        old = self.by_kid[current]
        act.message.verify(1, old.key)
        self.by_kid[current] = replace(old, until_ms=at_ms)

    def _go_on(self, act: Rotation, at_ms: int) -> None:
        said, current = act.statement, self.in_force.get(act.stream)
        if current is None or said.kid != current:
            raise ChainMismatchError(
                "a rotation is signed by the key in force", expected=current or "none", got=said.kid
            )
        if act.key.kid in self.by_kid:
            raise ChainMismatchError(f"key {act.key.kid.hex()} is brought in for a second time")
        old = self.by_kid[current]
        said.verify(old.key)
        if said.counter < old.first:
            raise ChainMismatchError(f"a rotation with counter {said.counter}, which is another key's")
        self.by_kid[current] = replace(old, until_ms=at_ms, last=said.counter, following=act)
        self.by_kid[act.key.kid] = Signer(old.statement, at_ms, first=said.counter + 1, rotated=act.key)
        self.in_force[act.stream] = act.key.kid

    def _revoke(self, act: Revocation, at_ms: int) -> None:
        held = self.by_kid.get(act.kid)
        if held is None or held.stream != act.stream:
            raise SubjectMismatchError(f"key {act.kid.hex()} is revoked, but it never stood in {act.stream}")
        if held.revocation is not None:
            raise ChainMismatchError(f"key {act.kid.hex()} is revoked for a second time")
        if act.revoker == act.kid:
            if held.until_ms is not None:
                raise ChainMismatchError("a key that was rotated away revokes itself")
            act.verify(held.key)
        ended_ms = at_ms if held.until_ms is None else held.until_ms
        self.by_kid[act.kid] = replace(held, until_ms=ended_ms, revocation=act, revoked_ms=at_ms)
        if self.in_force[act.stream] == act.kid:
            self.in_force[act.stream] = None

    def _part(self, act: Farewell, at_ms: int) -> None:
        current = self.in_force.get(act.stream)
        if current is None:
            raise ChainMismatchError("a farewell to a device of which no key is in force")
        held = self.by_kid[current]
        if act.last < held.first - 1:
            raise ChainMismatchError(f"a farewell with last counter {act.last}, which is another key's")
        self.by_kid[current] = replace(held, until_ms=at_ms, last=act.last)
        self.in_force[act.stream] = None


def read_signers(stretches: Iterable[Stretch], policy: Policy | None) -> Signers:
    """The signers of whole key streams, vouched for as far as there is a policy.

    Raises:
        BundleError: a key stream that is not whole or withholds a statement.
        SubjectMismatchError: a key stream of another node than the pinned log's.
        TamperError, RefusedError: as ``Signers.take`` and ``Signers.check_voucher``.
    """
    signers = Signers()
    for stretch in stretches:
        host = parse_stream(stretch.uri).host
        if policy is not None and host != policy.node:
            raise SubjectMismatchError("node of a key stream", expected=policy.node, got=host)
        if stretch.first or not stretch.links or stretch.place is None:
            raise BundleError(f"{stretch.uri} must be there whole, with its place in the state")
        for link in stretch.links:
            if link.statement is None or link.media_type not in media.KEY_ACTS:
                raise BundleError(f"{stretch.uri} must show its key statements")
            signers.take(stretch.uri, link.statement, link.time_ms, link.media_type)
    for act, at_ms in signers.acts:
        signers.check_voucher(act, at_ms, policy.registrar.key if policy else None)
    return signers


def display_names(signers: Signers) -> Mapping[str, Mapping[str, str]]:
    """The names that parties and devices carry in their newest enrolments, by URI."""
    enrolled = (act for act, _ in signers.acts if isinstance(act, KeyStatement) and act.act == ENROL)
    return {act.subject: act.names for act in enrolled}
