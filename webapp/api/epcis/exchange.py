"""What is agreed before anything is done: versions, formats, limits; and how answers are written.

Only EPCIS 2.0 in JSON is spoken, and identifiers stay as they were captured: a client that insists
on something else is told so (406, 415) instead of being given what it did not ask for.

Source: EPCIS 2.0 12.3 and 12.4 (headers), RFC 9110 12 and 15.5 (negotiation), RFC 8288 (Link).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import metadata
from operator import eq, ge, le
from threading import BoundedSemaphore
from typing import Final
from urllib.parse import quote, urlencode

from flask import Flask, Response, request
from werkzeug.exceptions import (
    BadRequest,
    ClientDisconnected,
    NotAcceptable,
    RequestEntityTooLarge,
    RequestURITooLarge,
    ServiceUnavailable,
    UnsupportedMediaType,
)

from traceability.errors import OversizeError
from traceability.ledger.record import format_time
from traceability.operations.namedqueries import query_context
from traceability.operations.pagetoken import LIFE_MS
from traceability.signing.strictjson import json_encode
from traceability.supply.epcis.context import NAMESPACE, Context
from traceability.supply.epcis.document import MAX_BYTES, MAX_EVENTS

VERSION: Final = (2, 0)
JSON_TYPES: Final = ("application/json", "application/ld+json")
MAX_BODY: Final = 256 * 1024
"""Bytes of every request body but a document's."""
MAX_URL: Final = 4_000
"""Bytes of a path and query: the web server in front refuses much more than that without a word."""
EXTENSIONS: Final = f"ft={NAMESPACE}"

SPOKEN: Final = {
    "GS1-EPCIS-Version": "2.0",
    "GS1-CBV-Version": "2.0",
    "GS1-EPC-Format": "Never_Translates",
    "GS1-CBV-XML-Format": "Never_Translates",
    "GS1-Extensions": EXTENSIONS,
}
"""Headers of every answer."""
LIMITS: Final = {
    "GS1-EPCIS-Capture-Limit": str(MAX_EVENTS),
    "GS1-EPCIS-Capture-File-Size-Limit": str(MAX_BYTES),
}
OFFERED: Final = {
    "GS1-EPCIS-Min": "2.0",
    "GS1-EPCIS-Max": "2.0",
    "GS1-CBV-Min": "2.0",
    "GS1-CBV-Max": "2.0",
    "GS1-Vendor-Version": f"food-traceability/{metadata.version('food-traceability')}",
    "GS1-Capture-Error-Behaviour": "rollback",
    **LIMITS,
}
"""Headers of the answers to OPTIONS, beside those."""

_VERSION: Final = re.compile(r"([0-9]{1,3})(?:\.([0-9]{1,3}))?(?:\.[0-9]{1,3})?")
_BOUNDS: Final = {"Version": eq, "Min": ge, "Max": le}
_FORMATS: Final = ("No_Preference", "Never_Translates")
_EXTENSION: Final = re.compile(r"\s*([^=\s]+)\s*=\s*(\S+)\s*")


def agree(kinds: Sequence[str] = JSON_TYPES) -> None:
    """Refuse a request whose address, versions, formats or Accept cannot be met.

    Args:
        kinds: the media types of the answer.
    """
    if len(request.full_path.encode()) > MAX_URL:
        raise RequestURITooLarge(f"an address of at most {MAX_URL} bytes is read")
    for vocabulary in ("EPCIS", "CBV"):
        for bound in ("Version", "Min", "Max"):
            _agree_on_version(f"GS1-{vocabulary}-{bound}", bound)
    for name in ("GS1-EPC-Format", "GS1-CBV-XML-Format"):
        if request.headers.get(name, _FORMATS[0]) not in _FORMATS:
            raise NotAcceptable(f"{name}: nothing is translated here; expected {' or '.join(_FORMATS)}")
    if media_type(kinds) is None:
        raise NotAcceptable(f"Accept: answers are {' or '.join(kinds)}")


def answer(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer; numbers keep the digits they have."""
    return written(json_encode(value), status, headers)


def written(body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """An answer whose JSON is written already."""
    return Response(body, status, headers, content_type=media_type() or JSON_TYPES[0])


def nothing(headers: Mapping[str, str] | None = None) -> Response:
    """An answer without a body."""
    response = Response(status=204, headers=headers)
    del response.headers["Content-Type"]
    return response


def read_body(limit: int) -> bytes:
    """The JSON text that came with this request.

    Raises:
        OversizeError: more than ``limit`` bytes: by what the client announces, or else while reading.
        UnsupportedMediaType: not JSON, or compressed.
        BadRequest: the client broke off.
    """
    if request.mimetype not in JSON_TYPES:
        raise UnsupportedMediaType(
            f"Content-Type: EPCIS is taken in JSON only ({' or '.join(JSON_TYPES)}), "
            f"not as {request.mimetype[:80] or 'nothing'}"
        )
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise UnsupportedMediaType("Content-Encoding: the body must not be compressed")
    # A stream in chunks is cut off at werkzeug's limit, not refused: one byte more tells them apart.
    request.max_content_length = limit + 1
    try:
        data = request.get_data(cache=False)
    except RequestEntityTooLarge:
        data = None
    except ClientDisconnected as error:
        raise BadRequest("the body ends before its Content-Length") from error
    if data is None or len(data) > limit:
        raise OversizeError(f"a body of more than {limit} bytes", remedy="Split it.")
    return data


def extensions() -> Context:
    """What the prefixes in this request's address mean, by its GS1-Extensions: ``ext=https://...,...``.

    Raises:
        QueryError: not of that form.
    """
    given = request.headers.get("GS1-Extensions", "")
    parts = [_EXTENSION.fullmatch(part) for part in given.split(",") if part.strip()]
    if not all(parts):
        raise BadRequest("GS1-Extensions: prefix=namespace, with commas between several")
    return query_context({part[1]: part[2] for part in parts if part})


def paging(next_token: str | None, expires_ms: int | None) -> dict[str, str]:
    """The headers that lead to the next page of this very request; none on the last page."""
    if next_token is None or expires_ms is None:
        return {}
    others = [(n, v) for n, v in request.args.items(multi=True) if n != "nextPageToken"]
    address = f"{quote(request.path)}?{urlencode([*others, ('nextPageToken', next_token)])}"
    return {"Link": f'<{address}>; rel="next"', "GS1-Next-Page-Token-Expires": format_time(expires_ms)}


def list_paging(ids: Sequence[str], per_page: int, now_ms: int) -> dict[str, str]:
    """The same for a list of which one more than ``per_page`` was looked up."""
    return paging(ids[per_page - 1], now_ms + LIFE_MS) if len(ids) > per_page else {}


@contextmanager
def taking(slots: BoundedSemaphore, what: str) -> Iterator[None]:
    """Hold one of a few places.

    Raises:
        ServiceUnavailable: all are taken.
    """
    if not slots.acquire(blocking=False):
        raise ServiceUnavailable(f"as many {what} are at work as this node does at once")
    try:
        yield
    finally:
        slots.release()


def announce(app: Flask, prefix: str) -> None:
    """Let every answer below a prefix, errors too, tell what is spoken here."""

    @app.after_request
    def finish(response: Response) -> Response:
        if request.path == prefix or request.path.startswith(f"{prefix}/"):
            response.headers.extend(SPOKEN)
            response.vary.update(("Accept", "Authorization"))
            if response.status_code == 413:
                response.headers.extend(LIMITS)
        return response


def _agree_on_version(header: str, bound: str) -> None:
    text = request.headers.get(header)
    if text is None:
        return
    found = _VERSION.fullmatch(text)
    asked = (int(found[1]), int(found[2] or 0)) if found else None
    if asked is None or not _BOUNDS[bound](VERSION, asked):
        raise NotAcceptable(f"{header}: 2.0 is spoken here, not {text[:20]!r}")


def media_type(kinds: Sequence[str] = JSON_TYPES) -> str | None:
    """Which of these the client likes best; None if it takes none of them."""
    if "Accept" not in request.headers:
        return kinds[0]
    return request.accept_mimetypes.best_match(kinds)
