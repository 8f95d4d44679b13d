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
import string
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from traceability.errors import IdentifierError

GS1_HOST: Final = "id.gs1.org"
MAX_STREAM_BYTES: Final = 512
CSET82: Final = frozenset(string.ascii_letters + string.digits + "!\"%&'()*+,-./_:;<=>?")
"""GS1 General Specifications figure 7.11-1: characters of lots, serials and asset numbers."""

_NODE = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*"
)
_DEVICE = re.compile(r"[0-9a-f]{32}")
_PSEUDONYM = re.compile(r"[0-9a-f]{16}")
_DIGITS = frozenset(string.digits)


def check_digit(digits: str) -> str:
    """The GS1 check digit that belongs behind ``digits``.

    Source: GS1 General Specifications 7.9 (weights 3 and 1, from the right).
    """
    total = sum(int(d) * (3 if i % 2 == 0 else 1) for i, d in enumerate(reversed(digits)))
    return str(-total % 10)


def parse_gtin(text: str) -> str:
    """A GTIN-8, -12, -13 or -14 as its 14 digits."""
    return _key(text, "GTIN", (8, 12, 13, 14)).zfill(14)


def parse_gln(text: str) -> str:
    """A GLN of 13 digits."""
    return _key(text, "GLN", (13,))


def parse_lot(text: str) -> str:
    """A batch or lot number (AI 10): 1 to 20 characters of GS1 character set 82."""
    return _alphanumeric(text, "lot", 20)


def parse_giai(text: str) -> str:
    """An individual asset number (AI 8004): 1 to 30 characters of GS1 character set 82."""
    return _alphanumeric(text, "asset number", 30)


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


def is_restricted(key: str) -> bool:
    """Whether a GTIN-14 or GLN is a restricted circulation number.

    Source: GS1 General Specifications 1.4.2 and 1.4.3 (GS1 prefixes 02, 04 and 20 to 29; in a
    GTIN-8, which six zeros fill up to 14 digits, GS1-8 prefixes 000 to 099 and 200 to 299).
    """
    if len(key) == 14 and key.startswith("000000"):
        return key[6] in {"0", "2"}
    prefix = key[-13:-11]
    return prefix in {"02", "04"} or prefix[0] == "2"


def encode_value(value: str) -> str:
    """One Digital Link path value in its only accepted spelling."""
    return quote(value, safe="-._~")


def decode_value(text: str) -> str:
    """The value of one Digital Link path segment; other spellings of it are refused."""
    try:
        value = unquote_to_bytes(text).decode("ascii")
    except UnicodeDecodeError as error:
        raise IdentifierError(f"{text[:64]!r} holds characters outside ASCII") from error
    if encode_value(value) != text:
        raise IdentifierError(f"{text[:64]!r} should be written {encode_value(value)!r}")
    return value


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
    ASSET = "asset"
    DEVICE_KEYS = "device-keys"
    PARTY_KEYS = "party-keys"
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


_STREAMS: Final[tuple[tuple[Kind, re.Pattern[str]], ...]] = (
    (Kind.BATCH, re.compile(r"/01/([0-9]{14})/10/([^/?#]+)")),
    (Kind.ASSET, re.compile(r"/8004/([^/?#]+)")),
    (Kind.DEVICE_KEYS, re.compile(r"/stream/keys/device/([0-9a-f]{32})")),
    (Kind.PARTY_KEYS, re.compile(r"/stream/keys/party/([0-9]{13}|[0-9a-f]{16})")),
    (Kind.DEPOSITS, re.compile(r"/stream/deposits/([0-9]{13}|[0-9a-f]{16})")),
)
"""The one table of stream kinds: a new kind is a new row."""


def parse_stream(uri: str) -> Stream:
    """Take a stream's URI apart; anything but its canonical form is refused."""
    host, path = _split(uri)
    for kind, pattern in _STREAMS:
        found = pattern.fullmatch(path)
        if found is None:
            continue
        values = tuple(decode_value(v) for v in found.groups())
        _check_stream(kind, host, values)
        return Stream(uri, kind, host, values)
    raise IdentifierError(f"{uri[:128]!r} is not the URI of a stream of a known kind")


def _check_stream(kind: Kind, host: str, values: tuple[str, ...]) -> None:
    if kind is Kind.BATCH:
        if is_restricted(Batch(*values).gtin) == (host == GS1_HOST):
            raise IdentifierError(f"GTIN {values[0]} does not belong under host {host}")
    elif kind is Kind.ASSET:
        parse_giai(values[0])
        if host == GS1_HOST and not (len(values[0]) > 4 and set(values[0][:4]) <= _DIGITS):
            raise IdentifierError(f"asset {values[0]!r} has no GS1 company prefix: use the node's own name")
    elif host == GS1_HOST:
        raise IdentifierError("key and deposit streams stand under their node's name")
    elif kind is not Kind.DEVICE_KEYS and len(values[0]) == 13:
        parse_gln(values[0])


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


def _key(text: str, name: str, lengths: tuple[int, ...]) -> str:
    if len(text) not in lengths or not set(text) <= _DIGITS:
        wanted = " or ".join(map(str, lengths))
        raise IdentifierError(f"{text[:64]!r} is not a {name}: {wanted} digits")
    if check_digit(text[:-1]) != text[-1]:
        raise IdentifierError(
            f"{name} {text} has check digit {text[-1]}, it should be {check_digit(text[:-1])}"
        )
    return text


def _alphanumeric(text: str, name: str, longest: int) -> str:
    if not 1 <= len(text) <= longest or not set(text) <= CSET82:
        raise IdentifierError(
            f"{text[:64]!r} is not a {name}: 1 to {longest} characters of GS1 character set 82"
        )
    if text in {".", ".."}:
        raise IdentifierError(f"{text!r} cannot be a {name}: browsers take it for a step in a path")
    return text
