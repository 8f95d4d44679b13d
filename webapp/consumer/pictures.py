"""The product's picture: what its producer deposited as one, made anew and small."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Final

from flask import Blueprint, Response, current_app

from traceability.errors import UnknownSubjectError
from traceability.operations.deposit import find_notice
from traceability.operations.documents import State, document_state, read_document
from traceability.operations.node import Node
from traceability.operations.pictures import remake_picture
from traceability.supply.notice import Purpose
from traceability.verification.journey import Journey
from webapp.consumer.story import producer_of
from webapp.database import snapshot
from webapp.signedin import public

pictures = Blueprint("pictures", __name__)
LONGEST_PX: Final = 480
MOST_BYTES: Final = 16_000
"""A page and all that it needs has 50,000."""
MOST_OPENED: Final = 4 * 1024 * 1024


@pictures.get("/picture/<notice>.jpg")
@public
def picture(notice: str) -> Response:
    """The picture of a notice, if it was deposited as one."""
    if len(notice) != 64 or set(notice) - set("0123456789abcdef"):
        raise UnknownSubjectError(f"{notice[:64]!r} is not the SHA-256 of a notice")
    found = find_notice(snapshot(), bytes.fromhex(notice))
    if found.purpose is not Purpose.PICTURE or found.size > MOST_OPENED:
        raise UnknownSubjectError(f"{notice} is not about a picture")
    node: Node = current_app.extensions["node"]
    response = Response(_small(node.folder, found.sha256), mimetype="image/jpeg")
    response.cache_control.max_age = 3600
    return response


def picture_of(journey: Journey, node: Node) -> str | None:
    """The notice of the newest picture that the producer deposited about the lot, if its file is here."""
    maker = producer_of(journey)
    for document in sorted(journey.documents, key=lambda d: d.recorded_ms, reverse=True):
        notice = document.notice
        if (
            (notice.purpose, notice.subject, document.party) == (Purpose.PICTURE, journey.batch, maker)
            and notice.size <= MOST_OPENED
            and document_state(node.folder, notice.sha256) is State.KEPT
        ):
            return document.statement.hex()
    return None


@lru_cache(maxsize=128)
def _small(folder: Path, sha256: str) -> bytes:
    return remake_picture(read_document(folder, sha256), LONGEST_PX, MOST_BYTES)
