"""The product's picture, made anew and small: what its producer deposited, else what its console keeps.

/picture/8c1f....jpg    64 digits: the notice of a deposited one; 32: the name of one of the product list
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from flask import Blueprint, Response, current_app
from sqlalchemy import Connection

from traceability.errors import UnknownSubjectError
from traceability.identifiers import parse_stream
from traceability.operations.deposit import find_notice
from traceability.operations.documents import State, document_state, read_document
from traceability.operations.masterdata import Product, find
from traceability.operations.node import Node
from traceability.operations.pictures import MAX_BYTES, remake_picture
from traceability.operations.productpictures import read_picture
from traceability.supply.notice import Purpose
from traceability.verification.journey import Journey
from webapp import http
from webapp.consumer.story import producer_of
from webapp.database import snapshot
from webapp.signedin import public

pictures = Blueprint("pictures", __name__)
LONGEST_PX: Final = 480
MOST_BYTES: Final = 16_000
"""A page and all that it needs has 50,000."""
_NOTICE: Final = 64
_KEPT: Final = 32
"""Digits of a name."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture's name in its address, and whether a signed notice names its bytes."""

    name: str
    signed: bool


@pictures.get("/picture/<name>.jpg")
@public
def picture(name: str) -> Response:
    """A picture, by its notice or by its name in the product list."""
    if len(name) not in {_NOTICE, _KEPT} or set(name) - set("0123456789abcdef"):
        raise UnknownSubjectError(f"{name[:64]!r} is not the name of a picture")
    node: Node = current_app.extensions["node"]
    response = Response(_small(node.folder, _file(name), name), mimetype="image/jpeg")
    http.stand_alone()
    response.cache_control.max_age = 3600
    return response


def picture_of(journey: Journey, node: Node, connection: Connection) -> Picture | None:
    """The newest picture that the producer deposited about the lot, else the one of its product list."""
    maker = producer_of(journey)
    for document in sorted(journey.documents, key=lambda d: d.recorded_ms, reverse=True):
        notice = document.notice
        if (
            (notice.purpose, notice.subject, document.party) == (Purpose.PICTURE, journey.batch, maker)
            and notice.size <= MAX_BYTES
            and document_state(node.folder, notice.sha256) is State.KEPT
        ):
            return Picture(document.statement.hex(), signed=True)
    return _kept(connection, maker, parse_stream(journey.batch).batch.gtin)


def _kept(connection: Connection, maker: str | None, gtin: str) -> Picture | None:
    if maker is None:
        return None
    try:
        name = find(connection, maker, Product, gtin).picture
    except UnknownSubjectError:
        return None
    return None if name is None else Picture(name, signed=False)


def _file(name: str) -> str | None:
    """The SHA-256 of a notice's file; None for a picture of a product list."""
    if len(name) == _KEPT:
        read_picture(current_app.extensions["node"].folder, name)  # what was dropped is not shown from memory
        return None
    found = find_notice(snapshot(), bytes.fromhex(name))
    if found.purpose is not Purpose.PICTURE or found.size > MAX_BYTES:
        raise UnknownSubjectError(f"{name} is not about a picture")
    return found.sha256


@lru_cache(maxsize=128)
def _small(folder: Path, sha256: str | None, name: str) -> bytes:
    data = read_picture(folder, name) if sha256 is None else read_document(folder, sha256)
    return remake_picture(data, LONGEST_PX, MOST_BYTES)
