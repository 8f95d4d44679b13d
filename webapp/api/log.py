"""The log as C2SP tlog-tiles serves it: checkpoint, hash tiles, entry bundles."""

from __future__ import annotations

from flask import Blueprint, Response, abort
from sqlalchemy import select

from traceability.errors import MalformedError
from traceability.ledger.tiles import TilePath, encode_bundle, parse_tile_path
from traceability.operations.cosign import checkpoint_note
from traceability.operations.log import latest_checkpoint, log_entries
from traceability.store import models
from webapp.database import snapshot

log = Blueprint("log", __name__, url_prefix="/log")
IMMUTABLE = 365 * 86_400


@log.get("/checkpoint")
def checkpoint() -> Response:
    """The newest published checkpoint, a signed note, with the cosignatures of witnesses so far."""
    latest = latest_checkpoint(snapshot())
    if latest is None:
        abort(404)
    response = Response(checkpoint_note(snapshot(), latest), mimetype="text/plain")
    response.cache_control.no_cache = True
    return response


@log.get("/<path:path>")
def tile(path: str) -> Response:
    """A hash tile or an entry bundle; a partial one of any published width is a slice of the longest."""
    try:
        place = parse_tile_path(path)
    except MalformedError:
        abort(404)
    latest = latest_checkpoint(snapshot())
    leaves = 256 ** (place.level or 0)
    if latest is None or (place.index * 256 + place.width) * leaves > latest.size:
        abort(404)
    data = _entries(place) if place.level is None else _hashes(place)
    response = Response(data, mimetype="application/octet-stream")
    response.cache_control.max_age = IMMUTABLE
    response.cache_control.public = True
    response.cache_control.immutable = True
    return response


def _entries(place: TilePath) -> bytes:
    first = place.index * 256
    return encode_bundle(log_entries(snapshot(), first, first + place.width))


def _hashes(place: TilePath) -> bytes:
    table = models.Tile
    query = select(table.hashes).where(table.level == place.level, table.number == place.index)
    hashes = snapshot().execute(query).scalar_one_or_none()
    if hashes is None or len(hashes) < 32 * place.width:
        abort(404)
    return bytes(hashes[: 32 * place.width])
