"""GS1 keys, Digital Link URIs and the URIs of streams.

Canonical form (GS1 Digital Link URI syntax 1.2, chapter 4, and RFC 3986 2.3): host
``id.gs1.org``, application identifiers as path segments, and in a value only unreserved
characters stand as they are; every other one is ``%XX`` in capitals. Case is kept: the lots
``a1`` and ``A1`` are two lots. Numbers of restricted circulation are unique only inside one
node, so their URIs begin with that node's name instead.

A *node name* is a host name such as ``chongqing.example``: a name, not an address.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

from traceability import gs1
from traceability.errors import IdentifierError
from traceability.gs1 import CSET82 as CSET82
from traceability.gs1 import MAX_URI_CHARS
from traceability.gs1 import check_digit as check_digit
from traceability.gs1 import decode_value as decode_value
from traceability.gs1 import encode_value as encode_value
from traceability.gs1 import is_restricted as is_restricted

GS1_HOST: Final = "id.gs1.org"
MAX_STREAM_BYTES: Final = 512

_NODE = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*"
)
_DEVICE = re.compile(r"[0-9a-f]{32}")
_PSEUDONYM = re.compile(r"[0-9a-f]{16}")
_ASSET_NUMBER: Final = gs1.Part("asset number", 1, 30)


def parse_gtin(text: str) -> str:
    """A GTIN-8, -12, -13 or -14 as its 14 digits."""
    if len(text) not in {8, 12, 13, 14}:
        raise IdentifierError(f"{text[:64]!r} is no GTIN: 8, 12, 13 or 14 digits")
    return gs1.GTIN.check(text.rjust(14, "0"))


def parse_gln(text: str) -> str:
    """A GLN of 13 digits."""
    return gs1.GLN.check(text)


def parse_lot(text: str) -> str:
    """A batch or lot number (AI 10): 1 to 20 characters of GS1 character set 82."""
    return gs1.LOT.check(text)


def parse_giai(text: str) -> str:
    """An individual asset number (AI 8004): 1 to 30 characters of GS1 character set 82."""
    return _ASSET_NUMBER.check(text)


def parse_node_name(text: str) -> str:
    """A node's name: a lower-case host name without port, and not the one that all nodes share."""
    if _parse_host(text) == GS1_HOST:
        raise IdentifierError(
            f"{GS1_HOST} is the name of GS1's own numbers: choose a name that no one else has"
        )
    return text


def parse_device_id(text: str) -> str:
    """A device's id: 32 lower-case hexadecimal digits."""
    if not _DEVICE.fullmatch(text):
        raise IdentifierError(f"{text[:64]!r} is not a device id: 32 lower-case hexadecimal digits")
    return text


@dataclass(frozen=True, slots=True, order=True)
class Batch:
    """A batch: GTIN-14 and lot. Both are checked when it is made."""

    gtin: str
    lot: str

    def __post_init__(self) -> None:
        if len(self.gtin) != 14 or parse_gtin(self.gtin) != self.gtin:
            raise IdentifierError(f"{self.gtin!r} is not a GTIN of 14 digits")
        parse_lot(self.lot)

    @property
    def path(self) -> str:
        """The Digital Link path, from ``/01/``."""
        return f"/01/{self.gtin}/10/{encode_value(self.lot)}"

    def uri(self, node: str) -> str:
        """The batch's stream URI as seen from ``node``."""
        host = node if is_restricted(self.gtin) else GS1_HOST
        return f"https://{host}{self.path}"


class Kind(StrEnum):
    """What a stream is the history of."""

    BATCH = "batch"
    ITEM = "item"
    LOGISTIC_UNIT = "logistic-unit"
    OBJECT = "object"
    ASSET = "asset"
    DEVICE_KEYS = "device-keys"
    PARTY_KEYS = "party-keys"
    PARTY_EVENTS = "party-events"
    DEPOSITS = "deposits"


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream's URI, taken apart: kind, host, and the values of its path."""

    uri: str
    kind: Kind
    host: str
    values: tuple[str, ...]

    @property
    def batch(self) -> Batch:
        """The batch of a batch stream. Raises IdentifierError for a stream of another kind."""
        if self.kind is not Kind.BATCH:
            raise IdentifierError(f"{self.uri} is not a batch")
        return Batch(*self.values)


_STREAMS: Final[dict[str, Kind]] = {
    "class:lgtin": Kind.BATCH,
    "id:sgtin": Kind.ITEM,
    "id:sscc": Kind.LOGISTIC_UNIT,
    "id:giai": Kind.ASSET,
    **dict.fromkeys(("id:grai", "id:gsrn", "id:gsrnp", "id:gdti", "id:cpi", "id:sgcn"), Kind.OBJECT),
    **dict.fromkeys(("id:ginc", "id:gsin", "id:itip", "id:upui"), Kind.OBJECT),
}
"""GS1 keys that have a stream, by their scheme: a new one is a new row. Places and parties have none."""

_OWN_STREAMS: Final[tuple[tuple[Kind, re.Pattern[str]], ...]] = (
    (Kind.ASSET, re.compile(r"/8004/([^/?#]+)")),
    (Kind.DEVICE_KEYS, re.compile(r"/stream/keys/device/([0-9a-f]{32})")),
    (Kind.PARTY_KEYS, re.compile(r"/stream/keys/party/([0-9]{13}|[0-9a-f]{16})")),
    (Kind.PARTY_EVENTS, re.compile(r"/stream/events/([0-9]{13}|[0-9a-f]{16})")),
    (Kind.DEPOSITS, re.compile(r"/stream/deposits/([0-9]{13}|[0-9a-f]{16})")),
)
"""Streams that stand only under the name of a node: a new kind is a new row."""


@lru_cache(maxsize=8192)
def parse_stream(uri: str) -> Stream:
    """Take a stream's URI apart; anything but its canonical form is refused."""
    host, path = _split(uri)
    for kind, pattern in _OWN_STREAMS:
        found = pattern.fullmatch(path)
        if found is not None and host != GS1_HOST:
            return Stream(uri, kind, host, (_check_own(kind, decode_value(found[1])),))
    try:
        key = gs1.parse_digital_link(uri)
    except IdentifierError as error:
        raise IdentifierError(f"{uri[:128]!r} is not the URI of a stream: {error}") from error
    if key.path != path or key.scheme not in _STREAMS:
        raise IdentifierError(f"{uri[:128]!r} is not the URI of a stream of a known kind in its one form")
    if key.restricted == (host == GS1_HOST):
        raise IdentifierError(f"{key.path} does not belong under host {host}")
    return Stream(uri, _STREAMS[key.scheme], host, key.values)


def _check_own(kind: Kind, value: str) -> str:
    if kind is Kind.ASSET:
        return parse_giai(value)
    return parse_gln(value) if len(value) == 13 else value


def canonical(uri: str, node: str) -> str:
    """The one URI of what an EPC URN or a GS1 Digital Link names; any other text as it is.

    The host is ``id.gs1.org``; of a number of restricted circulation it is the one under which it
    was written, if that is a host and nothing more, else ``node``. What ``node`` itself calls an
    asset stays its own. Never raises: a key that would not be valid is text like any other.
    """
    return _read(uri, node)[0] if len(uri) <= MAX_URI_CHARS else uri


def stream_of(uri: str, node: str) -> str | None:
    """The stream of the batch, item, logistic unit, asset or other thing named by ``uri``.

    None for what has no stream of its own: a class, a place, a party, or no GS1 key. Never raises.
    """
    return _read(uri, node)[1] if len(uri) <= MAX_URI_CHARS else None


@lru_cache(maxsize=8192)
def _read(uri: str, node: str) -> tuple[str, str | None]:
    """A canonical URI, and the same again if it has a stream."""
    try:
        key = gs1.parse_key(uri)
    except IdentifierError:
        return uri, uri if _is_own_asset(uri) else None
    path = key.path
    home = f"https://{_host(uri, node, key, path)}{path}"
    return home, home if key.scheme in _STREAMS else None


def _host(uri: str, node: str, key: gs1.Key, path: str) -> str:
    """The host of a key that was written as ``uri``."""
    _, _, written, first = uri.split("/", 4)[:4] if "://" in uri else ("", "", "", "")
    host = written.lower() if path.startswith(f"/{first}/") else ""
    if key.restricted:
        return host if _NODE.fullmatch(host) and host != GS1_HOST else node
    return node if key.scheme == "id:giai" and host == node else GS1_HOST


def _is_own_asset(uri: str) -> bool:
    try:
        return parse_stream(uri).kind is Kind.ASSET
    except IdentifierError:
        return False


def asset_uri(number: str, node: str | None = None) -> str:
    """The stream URI of an asset: a GIAI, or with ``node`` a number of that node's own."""
    return f"https://{node or GS1_HOST}/8004/{encode_value(parse_giai(number))}"


def device_uri(node: str, device: str) -> str:
    """The URI by which a device names itself (CWT claim ``iss``)."""
    return f"https://{parse_node_name(node)}/device/{parse_device_id(device)}"


def device_keys(node: str, device: str) -> str:
    """The stream of a device's keys."""
    return f"https://{parse_node_name(node)}/stream/keys/device/{parse_device_id(device)}"


def party_uri(node: str, party: str) -> str:
    """A party's URI: from a GLN, or from a pseudonym of 16 hexadecimal digits."""
    if _PSEUDONYM.fullmatch(party):
        return f"https://{parse_node_name(node)}/party/{party}"
    gln = parse_gln(party)
    return f"https://{node if is_restricted(gln) else GS1_HOST}/417/{gln}"


def party_keys(node: str, party: str) -> str:
    """The stream of a party's keys; ``party`` is a party's URI."""
    return f"https://{parse_node_name(node)}/stream/keys/party/{parse_party(party)}"


def party_events(node: str, party: str) -> str:
    """The stream of a party's events that name nothing with a stream; ``party`` is a party's URI."""
    return f"https://{parse_node_name(node)}/stream/events/{parse_party(party)}"


def party_deposits(node: str, party: str) -> str:
    """The stream of what a party deposits about nothing but itself; ``party`` is a party's URI."""
    return f"https://{parse_node_name(node)}/stream/deposits/{parse_party(party)}"


def parse_party(uri: str) -> str:
    """The GLN or pseudonym inside a party's URI."""
    host, path = _split(uri)
    found = re.fullmatch(r"/party/([0-9a-f]{16})|/417/([0-9]{13})", path)
    if found is None or (found[1] is not None and host == GS1_HOST):
        raise IdentifierError(f"{uri[:128]!r} is not the URI of a party")
    if found[2] is not None and is_restricted(parse_gln(found[2])) == (host == GS1_HOST):
        raise IdentifierError(f"GLN {found[2]} does not belong under host {host}")
    return found[1] or found[2]


def place_uri(gln: str, node: str) -> str:
    """The URI of a place (AI 414)."""
    return f"https://{node if is_restricted(parse_gln(gln)) else GS1_HOST}/414/{gln}"


def log_origin(node: str) -> str:
    """The name of a node's log, first line of its checkpoints."""
    return f"{parse_node_name(node)}/log"


def _split(uri: str) -> tuple[str, str]:
    if len(uri) > MAX_STREAM_BYTES or not uri.isascii():
        raise IdentifierError(f"a URI has at most {MAX_STREAM_BYTES} ASCII bytes")
    scheme, _, rest = uri.partition("://")
    host, slash, path = rest.partition("/")
    if scheme != "https" or not slash:
        raise IdentifierError(f"{uri[:128]!r} is not an https URI with a path")
    return _parse_host(host), slash + path


def _parse_host(text: str) -> str:
    if not _NODE.fullmatch(text):
        raise IdentifierError(
            f"{text[:64]!r} is not a node name: a lower-case host name such as node.example"
        )
    return text
