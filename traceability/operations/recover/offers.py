"""What people bring to give lost statements back: bundles, and statements as they were sent.

A statement is taken for that of a lost record only if its commitment is the one in the log. A bundle
brings the salt along; for a statement alone the node makes it again, since salts come from its secret.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from traceability import media
from traceability.errors import UnrecoverableError
from traceability.ledger.record import commit, make_salt
from traceability.operations.node import Node
from traceability.signing import sdjwt
from traceability.verification.bundle import Bundle, Link, parse_bundle
from traceability.verification.verdict import check

FAILS = 1


@dataclass(frozen=True, slots=True)
class Wanted:
    """A lost record: what the log says of it."""

    stream: str
    seq: int
    time_ms: int
    media_type: str
    commitment: bytes
    hash: bytes
    log_index: int


@dataclass(frozen=True, slots=True)
class Given:
    """The statement of a lost record, its salt, and of an event the disclosures that came with it."""

    body: bytes
    salt: bytes
    texts: tuple[str, ...] = ()

    @property
    def sha256(self) -> bytes:
        """SHA-256 of the statement."""
        return hashlib.sha256(self.body).digest()


@dataclass(slots=True)
class Offers:
    """Everything that was brought for one node."""

    node: Node
    _places: dict[tuple[str, int], list[Link]] = field(default_factory=lambda: defaultdict(list))
    _alone: dict[bytes, bytes] = field(default_factory=dict)
    _texts: dict[bytes, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))

    def add_bundle(self, data: bytes, name: str) -> None:
        """Take a bundle of this node.

        Args:
            name: of its file, for people.

        Raises:
            UnrecoverableError: it does not hold what this node signed.
        """
        verdict = check(data, self.node.policy)
        if verdict.exit_code == FAILS:
            raise UnrecoverableError(f"{name} is not taken: {verdict.failure}")
        bundle = parse_bundle(data)
        for stretch in bundle.streams:
            for seq, link in enumerate(stretch.links, stretch.first):
                if link.statement is not None:
                    self._places[stretch.uri, seq].append(link)
        self._add_texts(bundle)

    def add_statement(self, body: bytes) -> None:
        """Take a statement alone: what a device sent, a key statement. An event needs a bundle."""
        self._alone[hashlib.sha256(body).digest()] = body

    def find(self, wanted: Wanted) -> Given | None:
        """The statement of a lost record, if it is among those that were brought."""
        for link in self._places.get((wanted.stream, wanted.seq), ()):
            if commit(link.sha256, link.salt) == wanted.commitment:
                return Given(link.statement or b"", link.salt, self._shown(link.sha256))
        if wanted.media_type == media.EVENT:
            return None
        salt = make_salt(self.node.salt_key, wanted.stream, wanted.seq)
        for sha256, body in self._alone.items():
            if commit(sha256, salt) == wanted.commitment:
                return Given(body, salt)
        return None

    def _add_texts(self, bundle: Bundle) -> None:
        for sha256, texts in bundle.disclosures.items():
            self._texts[sha256].update({sdjwt.digest_of(text): text for text in texts})

    def _shown(self, sha256: bytes) -> tuple[str, ...]:
        texts: Mapping[str, str] = self._texts.get(sha256, {})
        return tuple(texts[digest] for digest in sorted(texts))
