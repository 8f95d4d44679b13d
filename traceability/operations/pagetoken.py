"""Page tokens: where a query goes on, for the same query and the same reader alone.

A token carries its whole state, so that nothing is kept between pages, and a MAC under a key of
the node's own. It names the size of the log at the first page: later pages show nothing newer,
and so neither miss an event nor show one twice while others arrive.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from dataclasses import dataclass
from typing import Final

from traceability.errors import EncodingError, QueryError
from traceability.operations.events import Reader
from traceability.operations.node import Node
from traceability.signing.keys import hkdf
from traceability.signing.strictjson import b64url, b64url_decode
from traceability.supply.queries.query import Query

LIFE_MS: Final = 3_600_000
_LAYOUT: Final = struct.Struct(">32sQqqIQ")
_MAC_BYTES: Final = 32
_PURPOSE: Final = b"food-traceability/page-token/v1"


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page begins: behind the event at ``time_ms`` and ``id``, and behind ``served`` others.

    ``size`` is that of the log whose events the query is about.
    """

    size: int
    time_ms: int
    id: int
    served: int


def write_token(node: Node, query: Query, reader: Reader, position: Position, expires_ms: int) -> str:
    """The token with which a query goes on at a position."""
    body = _LAYOUT.pack(
        _binding(query, reader), position.size, position.time_ms, position.id, position.served, expires_ms
    )
    return b64url(body + _mac(node, body))


def read_token(node: Node, query: Query, reader: Reader, now_ms: int) -> Position | None:
    """Where a query goes on; None where it begins.

    Raises:
        QueryError: the token is not one of this node's, for this query and this reader, or expired.
    """
    if query.next_page_token is None:
        return None
    try:
        raw = b64url_decode(query.next_page_token)
    except EncodingError as error:
        raise QueryError(f"nextPageToken is not a page token: {error}") from error
    body, mac = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
    if len(body) != _LAYOUT.size or not hmac.compare_digest(mac, _mac(node, body)):
        raise QueryError("nextPageToken is not a page token of this node")
    binding, size, time_ms, number, served, expires_ms = _LAYOUT.unpack(body)
    if not hmac.compare_digest(binding, _binding(query, reader)):
        raise QueryError("nextPageToken belongs to another query, or to another reader")
    if now_ms >= expires_ms:
        raise QueryError("nextPageToken has expired: begin again without it")
    return Position(size, time_ms, number, served)


def _binding(query: Query, reader: Reader) -> bytes:
    whose = f"{reader.regulator}|{reader.party or ''}".encode()
    return hashlib.sha256(query.fingerprint + whose).digest()


def _mac(node: Node, body: bytes) -> bytes:
    return hmac.digest(hkdf(node.secret, _PURPOSE), body, "sha256")
