"""The documents that checked records name, in words, and whether a file is one of them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from traceability.ledger.record import format_time
from traceability.verification.answers import Status
from traceability.verification.journey import Document, Journey

UNNAMED: Final = "its name is withheld"
SUSPECTED: Final = ", recorded under suspicion that the key was misused"


@dataclass(frozen=True, slots=True)
class Named:
    """Whether a file is one that the notices name; ``documents`` are those that do."""

    sha256: str
    status: Status
    text: str
    documents: tuple[Document, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            "sha256": self.sha256,
            "status": self.status.value,
            "text": self.text,
            "documents": [document_json(document) for document in self.documents],
        }


def find_file(file: bytes, journey: Journey | None) -> Named:
    """Search the notices of a checked bundle for a file.

    That none names it fails only if every record of the batch is shown.

    Args:
        file: its bytes.
        journey: what was checked; None if something does not match.
    """
    sha256 = hashlib.sha256(file).hexdigest()
    if journey is None:
        return Named(sha256, Status.UNKNOWN, "not answered: something does not match")
    found = tuple(
        document
        for document in journey.documents
        if (document.notice.sha256, document.notice.size) == (sha256, len(file))
    )
    if found:
        said = "; ".join(document_words(document, journey.names) for document in found)
        return Named(sha256, Status.HOLDS, f"it is {said}", found)
    if all(record.shown for record in journey.records):
        return Named(sha256, Status.FAILS, f"no notice names a file with SHA-256 {sha256}")
    return Named(sha256, Status.UNKNOWN, f"no notice that is shown names it, but some are withheld: {sha256}")


def document_words(document: Document, names: Mapping[str, Mapping[str, str]]) -> str:
    """A document for people: what it is, who deposited it about what, and when."""
    notice = document.notice
    name = UNNAMED if notice.name is None else notice.name
    by = "deposited by" if document.custody == "self" else "deposited through the node by"
    return (
        f"{name} ({notice.purpose}, {notice.media_type}, {notice.size} bytes, SHA-256 {notice.sha256}), "
        f"{by} {names[document.party]['en']} about {notice.subject} at {format_time(document.recorded_ms)}"
        f"{SUSPECTED if document.suspected else ''}"
    )


def document_json(document: Document) -> dict[str, Any]:
    """The same for programs; ``by`` is a party's URI, ``statement`` the SHA-256 of the signed notice."""
    return document.notice.members() | {
        "by": document.party,
        "custody": document.custody,
        "recorded": format_time(document.recorded_ms),
        "seq": document.seq,
        "statement": document.statement.hex(),
        "suspected": document.suspected,
    }
