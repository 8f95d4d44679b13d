"""The documents of a batch: a section of its page, and the files, handed out as they were deposited."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from flask import Blueprint, Response, current_app, send_file

from traceability.errors import TamperError, UnknownSubjectError
from traceability.operations.deposit import find_notice
from traceability.operations.documents import document_state, read_document
from traceability.operations.node import Node
from traceability.supply.notice import Purpose
from traceability.verification.journey import Document, Journey
from webapp import http
from webapp.database import snapshot
from webapp.i18n import named, noted, translate
from webapp.signedin import public

documents = Blueprint("documents", __name__)
SHOWN: Final = 20
"""Documents on a page, the newest; all are in the proof."""
PURPOSES: Final[Mapping[Purpose, str]] = {
    Purpose.ANALYSIS: noted("Laboratory report"),
    Purpose.CERTIFICATE: noted("Certificate"),
    Purpose.INSPECTION: noted("Inspection report"),
    Purpose.TRANSPORT: noted("Shipping document"),
    Purpose.PICTURE: noted("Picture"),
    Purpose.VERIFIER: noted("Program for checking"),
    Purpose.OTHER: noted("Document"),
}


@dataclass(frozen=True, slots=True)
class Paper:
    """A document as the page shows it.

    Attributes:
        notice: SHA-256 of the signed notice, in hexadecimal; the file is handed out by it.
        about: the stream that it is about, if that is not the batch itself.
        state: of the file here, as of ``operations.documents.State``.
    """

    notice: str
    name: str
    kind: str
    party: str
    by_node: bool
    recorded_ms: int
    size: str
    sha256: str
    about: str
    state: str
    suspected: bool


@documents.get("/document/<notice>")
@public
def file(notice: str) -> Response:
    """The file of a notice, as an attachment, if it is the one that was signed."""
    if len(notice) != 64 or set(notice) - set("0123456789abcdef"):
        raise UnknownSubjectError(f"{notice[:64]!r} is not the SHA-256 of a notice")
    found = find_notice(snapshot(), bytes.fromhex(notice))
    node: Node = current_app.extensions["node"]
    data = read_document(node.folder, found.sha256)
    if len(data) != found.size:
        raise TamperError("size of a document", expected=found.size, got=len(data))
    http.stand_alone()
    name = found.sha256 if found.name is None else found.name
    return send_file(io.BytesIO(data), found.media_type, as_attachment=True, download_name=name)


def papers(journey: Journey, node: Node) -> list[Paper]:
    """The documents of a checked journey, the newest first."""
    ordered = sorted(journey.documents, key=lambda document: document.recorded_ms, reverse=True)
    return [_paper(document, journey, node) for document in ordered[:SHOWN]]


def show_size(size: int) -> str:
    """Bytes as people read them."""
    if size < 1000:
        return f"{size} B"
    return f"{size / 1000:,.0f} kB" if size < 999_500 else f"{size / 1_000_000:,.1f} MB"


def _paper(document: Document, journey: Journey, node: Node) -> Paper:
    notice = document.notice
    return Paper(
        notice=document.statement.hex(),
        name=translate("Name withheld") if notice.name is None else notice.name,
        kind=translate(PURPOSES[notice.purpose]),
        party=named(journey.names.get(document.party), document.party),
        by_node=document.custody == "node",
        recorded_ms=document.recorded_ms,
        size=show_size(notice.size),
        sha256=notice.sha256,
        about="" if notice.subject == journey.batch else notice.subject,
        state=document_state(node.folder, notice.sha256),
        suspected=document.suspected,
    )
