"""One key: whose it is, and when it speaks for them; which keys there are, ``signers`` reads."""

from __future__ import annotations

from dataclasses import dataclass

from traceability.sensing.rotation import Rotation
from traceability.signing.keys import PublicKey
from traceability.signing.keystatement import KeyStatement
from traceability.signing.revocation import Revocation


@dataclass(frozen=True, slots=True)
class Signer:
    """A key: whose it is, and when it speaks for them.

    Attributes:
        statement: what brought it in; of a device the enrolment, also of its later keys.
        from_ms: record time of that statement.
        until_ms: record time of what ended it, no longer its own time; None while it is in force.
        revocation, revoked_ms: what revoked it, in force or later, and the record time of that; None if
            nothing did.
        first: of a device, the counter from which on it speaks.
        last: of a device's key that was rotated away, or to which a farewell was said: the last counter
            that still counts.
        following: the rotation by which a device goes on from this key.
        rotated: the key itself, if a rotation brought it in.
    """

    statement: KeyStatement
    from_ms: int
    until_ms: int | None = None
    revocation: Revocation | None = None
    revoked_ms: int | None = None
    first: int = 0
    last: int | None = None
    following: Rotation | None = None
    rotated: PublicKey | None = None

    @property
    def key(self) -> PublicKey:
        """The public key."""
        return self.rotated or self.statement.key

    @property
    def stream(self) -> str:
        """URI of its key stream."""
        return self.statement.stream

    @property
    def subject(self) -> str:
        """URI of the party or device that holds it."""
        return self.statement.subject

    @property
    def owner(self) -> str | None:
        """URI of the party that owns the device; None for a party's key."""
        return self.statement.owner

    @property
    def custody(self) -> str | None:
        """Who keeps a party's private key, ``node`` or ``self``; None for a device's."""
        return self.statement.custody

    def speaks_at(self, at_ms: int, counter: int | None = None) -> bool:
        """Whether it was in force for what was recorded then; a device's statement has a counter."""
        if at_ms < self.from_ms or (self.revoked_ms is not None and self.revoked_ms <= at_ms):
            return False
        if counter is not None and counter < self.first:
            return False
        if self.following is None and (self.until_ms is None or at_ms < self.until_ms):
            return True
        return counter is not None and self.last is not None and counter <= self.last

    def suspected_at(self, at_ms: int) -> bool:
        """Whether misuse is suspected of what was recorded then."""
        since = self.revocation.suspected_s if self.revocation else None
        return since is not None and at_ms >= since * 1000
