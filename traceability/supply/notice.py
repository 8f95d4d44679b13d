"""Document notices: a party says which file it deposited about a stream. The file itself stays outside.

A notice is an SD-JWT whose claim ``notice`` has six members, each a disclosure of its own:

    subject      the stream it speaks about: a batch, an asset, or the deposits of the party itself
    purpose      one of ``Purpose``
    sha256       of the file, 64 hexadecimal digits
    size         of the file, in bytes
    mediaType    of the file (RFC 6838), in lower case
    name         of the file, as people read it

Who deposited it is ``iss``, and ``iat`` says when it was signed. Only the name may be withheld or
erased: it is the one member that somebody types, so the one that may name a person.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from traceability import media
from traceability.errors import StatementError
from traceability.identifiers import Kind, parse_stream
from traceability.signing import sdjwt
from traceability.signing.digests import Path, random_salt
from traceability.signing.keys import PrivateKey
from traceability.signing.strictjson import MAX_INTEGER

CLAIM: Final = "notice"
"""Where the members stand among the claims; ``iss`` and ``iat`` stand beside it, and nothing else."""
NAME: Final = "name"
KEPT: Final = frozenset({"mediaType", "purpose", "sha256", "size", "subject"})
"""The members that are never withheld and never erased."""
MAX_NAME: Final = 128
"""Characters of a file's name."""
SUBJECTS: Final = frozenset({Kind.BATCH, Kind.ASSET, Kind.DEPOSITS})
"""Of what there can be a document."""

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_MEDIA_TYPE: Final = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,63}/[a-z0-9][a-z0-9!#$&^_.+-]{0,63}")
_UNWANTED: Final = re.compile(
    r"[\x00-\x1f\x7f-\x9f/\\\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff0-\uffff"
    r"\U000e0000-\U000e0fff]|\A[ .]|[ .]\Z"
)
"""Separators of paths, hidden files, control characters, and what turns or hides the text around it."""


class Purpose(StrEnum):
    """What a document is for."""

    ANALYSIS = "analysis"
    CERTIFICATE = "certificate"
    INSPECTION = "inspection"
    TRANSPORT = "transport"
    PICTURE = "picture"
    VERIFIER = "verifier"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Notice:
    """What a notice says of a file; ``name`` is None where it is withheld or was erased.

    Raises:
        StatementError: a member that no notice can have.
        IdentifierError: a subject that is no stream.
    """

    subject: str
    purpose: Purpose
    sha256: str
    size: int
    media_type: str
    name: str | None

    def __post_init__(self) -> None:
        if parse_stream(self.subject).kind not in SUBJECTS:
            raise StatementError(
                f"a document is about a batch, an asset or a party, not {self.subject[:128]}"
            )
        if not _SHA256.fullmatch(self.sha256):
            raise StatementError("sha256 is 64 lower-case hexadecimal digits")
        if not 0 <= self.size <= MAX_INTEGER:
            raise StatementError(f"no file has {self.size} bytes")
        if not _MEDIA_TYPE.fullmatch(self.media_type):
            raise StatementError(f"{self.media_type[:128]!r} is no media type in lower case")
        if self.name is not None:
            require_name(self.name)

    def members(self) -> dict[str, Any]:
        """The members by their names in the statement; the name has to be there."""
        return {
            "mediaType": self.media_type,
            NAME: self.name,
            "purpose": self.purpose.value,
            "sha256": self.sha256,
            "size": self.size,
            "subject": self.subject,
        }


def require_name(name: str) -> None:
    """Checks the name of a file: one that every system can store, and that reads as it is written.

    Raises:
        StatementError: empty or too long; a separator, a control character, a mark that turns or hides
            text; a dot or a space at its beginning or end.
    """
    if not 1 <= len(name) <= MAX_NAME:
        raise StatementError(f"the name of a file has 1 to {MAX_NAME} characters, this has {len(name)}")
    if found := _UNWANTED.search(name):
        raise StatementError(f"the name of a file cannot have {found[0]!r} there")


def issue_notice(
    key: PrivateKey, party: str, notice: Notice, iat: int, salt: Callable[[], bytes] = random_salt
) -> sdjwt.Issued:
    """Sign a notice; every member is a disclosure.

    Args:
        party: URI of whose key it is, who deposits the file.
        iat: Unix seconds.

    Raises:
        StatementError: it has no name.
    """
    if notice.name is None:
        raise StatementError("a notice is signed with the name of its file")
    claims = {"iss": party, "iat": iat, CLAIM: notice.members()}
    return sdjwt.issue(key, claims, _hide, typ=media.NOTICE, salt=salt)


def read_notice(statement: sdjwt.SdJwt, disclosures: Sequence[str]) -> Notice:
    """What a notice says, as far as it is disclosed.

    Raises:
        StatementError: another shape, a member in plain, or one withheld that never may be.
        IdentifierError: a subject that is no stream.
    """
    revealed = sdjwt.reveal(statement.payload, disclosures)
    members = revealed.claims.get(CLAIM)
    if revealed.claims.keys() != {"iss", "iat", CLAIM} or not isinstance(members, dict):
        raise StatementError(f"a notice has the claims iss, iat and {CLAIM}")
    if members.keys() - {NAME} != KEPT:
        raise StatementError(f"a notice shows {', '.join(sorted(KEPT))}, and at most its name beside them")
    if set(revealed.paths.values()) != {(CLAIM, name) for name in members}:
        raise StatementError("every member of a notice is a disclosure of its own")
    if revealed.hidden != (NAME not in members):
        raise StatementError("a notice withholds its name or nothing")
    return _notice(members)


def _hide(path: Path) -> bool:
    return len(path) == 2 and path[0] == CLAIM


def _notice(members: dict[str, Any]) -> Notice:
    size, purpose = members["size"], members["purpose"]
    texts = [members[name] for name in ("subject", "sha256", "mediaType")] + [members.get(NAME, "")]
    if (
        not all(isinstance(text, str) for text in texts)
        or isinstance(size, bool)
        or not isinstance(size, int)
    ):
        raise StatementError("the size of a notice is a whole number, its other members are texts")
    if purpose not in list(Purpose):
        raise StatementError(f"{purpose!r:.100} is no purpose of a document")
    return Notice(
        members["subject"],
        Purpose(purpose),
        members["sha256"],
        size,
        members["mediaType"],
        members.get(NAME),
    )
