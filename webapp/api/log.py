"""The log as C2SP tlog-tiles serves it: checkpoint, hash tiles, entry bundles; and proofs, ready made."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from flask import Blueprint, Response, abort, g, request
from sqlalchemy import select

from traceability.errors import MalformedError, QueryError
from traceability.ledger.lines import encode_base64
from traceability.ledger.state import Absence, Neighbour, Presence
from traceability.ledger.tiles import TilePath, encode_bundle, parse_tile_path
from traceability.operations.cosign import checkpoint_note
from traceability.operations.log import latest_checkpoint, log_entries
from traceability.operations.logproof import StreamProof, prove_growth, prove_leaf, prove_stream
from traceability.signing.strictjson import json_encode
from traceability.store import models
from webapp.database import snapshot
from webapp.signedin import public

log = Blueprint("log", __name__, url_prefix="/log")
IMMUTABLE = 365 * 86_400
PROOFS: Final = (("index", "size"), ("first", "second"), ("stream",))
"""What a proof is asked for by: the first parameter of each is needed, the other not."""
_REMEDY: Final = (
    "Ask by index (and size), by first (and second), or by stream, each once: docs/formats.md, Log."
)
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,18}")


@log.get("/checkpoint")
@public
def checkpoint() -> Response:
    """The newest published checkpoint, a signed note, with the cosignatures of witnesses so far."""
    latest = latest_checkpoint(snapshot())
    if latest is None:
        abort(404)
    response = Response(checkpoint_note(snapshot(), latest), mimetype="text/plain")
    response.cache_control.no_cache = True
    return response


@log.get("/proof")
@public
def proof() -> Response:
    """A proof against a published checkpoint, from one snapshot."""
    asked = _asked()
    if "stream" in asked:
        found = _stream_json(asked["stream"], prove_stream(snapshot(), asked["stream"]))
        response = Response(json_encode(found), mimetype="application/json")
    elif (index := _number(asked, "index")) is not None:
        text = prove_leaf(snapshot(), index, _number(asked, "size")).encode()
        response = Response(text, mimetype="text/plain")
    else:
        first, given = _number(asked, "first") or 0, _number(asked, "second")
        second, hashes = prove_growth(snapshot(), first, given)
        grown = {"first": first, "second": second, "consistency": _encode(hashes)}
        response = Response(json_encode(grown), mimetype="application/json")
        if given is not None:
            return _kept_for_ever(response)
    response.cache_control.no_cache = True
    return response


@log.get("/<path:path>")
@public
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
    g.compressible = place.level is None  # texts, of which tlog-tiles says so; hashes cannot be compressed
    return _kept_for_ever(Response(data, mimetype="application/octet-stream"))


def _kept_for_ever(response: Response) -> Response:
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


def _asked() -> dict[str, str]:
    """The parameters of the request, which are those of one kind of proof."""
    asked = request.args.to_dict()
    if any(len(values) > 1 for values in request.args.listvalues()):
        raise QueryError("a parameter is given twice", remedy=_REMEDY)
    if not any(kind[0] in asked and asked.keys() <= set(kind) for kind in PROOFS):
        names = ", ".join(sorted(asked))[:100] or "nothing"
        raise QueryError(f"no proof is asked for by {names!r}", remedy=_REMEDY)
    return asked


def _number(asked: dict[str, str], name: str) -> int | None:
    """A parameter's number; None if it is not given."""
    text = asked.get(name)
    if text is not None and not _NUMBER.fullmatch(text):
        raise QueryError(f"{name} is a whole number, not {text[:100]!r}", remedy=_REMEDY)
    return None if text is None else int(text)


def _stream_json(uri: str, found: StreamProof) -> dict[str, Any]:
    place = found.place
    members: dict[str, Any] = {
        "stream": uri,
        "present": isinstance(place, Presence),
        "state_leaf": found.leaf,
        "state_proof": found.proof.encode().decode("utf-8"),
        "bucket_size": place.bucket_size,
        "top_proof": _encode(place.top_proof),
    }
    if isinstance(place, Absence):
        beside = [{"stream_hash": encode_base64(n.stream_hash)} | _place_json(n) for n in place.neighbours]
        return members | {"neighbours": beside}
    return members | _place_json(place)


def _place_json(place: Presence | Neighbour) -> dict[str, Any]:
    return {
        "count": place.count,
        "head": encode_base64(place.head),
        "index": place.index,
        "bucket_proof": _encode(place.bucket_proof),
    }


def _encode(hashes: Iterable[bytes]) -> list[str]:
    return [encode_base64(value) for value in hashes]
