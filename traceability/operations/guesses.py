"""What a text that somebody typed may be: every identifier that it can be read as, the likeliest first.

Nothing is looked up here. A label, a delivery note and an e-mail write the same number in different
ways, and some numbers can be two things: thirteen digits are a product, a place or a firm.

Sources: GS1 General Specifications 3 (application identifiers), 7.9 (check digits); docs/formats.md.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from traceability import gs1
from traceability.errors import MalformedError
from traceability.identifiers import (
    GS1_HOST,
    Batch,
    asset_uri,
    canonical,
    parse_gtin,
    parse_lot,
    party_uri,
    place_uri,
)
from traceability.ledger.tracecode import parse_trace_code
from traceability.operations.recallstatus import ID

MAX_TYPED: Final = 512
"""Characters that are looked at."""
_HEX: Final = re.compile(r"[0-9a-f]+", re.IGNORECASE)
_ELEMENT: Final = re.compile(r"\(([0-9]{2,4})\)([^()]+)")
_PAIR: Final = re.compile(r"([0-9]{8,14})(?:\s*/\s*|\s+)(\S+)")


class Meaning(StrEnum):
    """What a text may be; a closed set."""

    RECALL = "recall"
    TRACE_CODE = "trace code"
    DEVICE = "device"
    STATEMENT = "statement"
    THING = "thing"
    PRODUCT = "product"
    PLACE = "place"
    PARTY = "party"
    EVENT = "event"
    LOT = "lot"
    NAME = "name"


@dataclass(frozen=True, slots=True)
class Guess:
    """One reading of a text: what it may be, and the value in the form in which it is looked up.

    ``THING``, ``PLACE`` and ``PARTY`` have a canonical URI, ``PRODUCT`` a GTIN of 14 digits, the others
    the text as their kind writes it.
    """

    meaning: Meaning
    value: str


def guess(text: str, node: str) -> tuple[Guess, ...]:
    """Every reading of a text, each once.

    Args:
        text: as somebody typed or scanned it; full-width characters and spaces around it are taken.
        node: name of the node, whose own numbers are tried as well.
    """
    typed = unicodedata.normalize("NFKC", text[:MAX_TYPED]).strip()
    if not typed.isprintable() or not typed:
        return ()
    found = (each for reader in _READERS for each in _tried(reader, typed, node))
    return tuple(dict.fromkeys(found))


def _tried(reader: Callable[[str, str], Iterator[Guess]], typed: str, node: str) -> list[Guess]:
    """What a reader makes of it before it finds that the text is not of its kind."""
    found: list[Guess] = []
    with suppress(MalformedError):
        found.extend(reader(typed, node))
    return found


def _recall(typed: str, _: str) -> Iterator[Guess]:
    if ID.fullmatch(typed.upper()):
        yield Guess(Meaning.RECALL, typed.upper())


def _trace_code(typed: str, _: str) -> Iterator[Guess]:
    yield Guess(Meaning.TRACE_CODE, parse_trace_code(typed).text)


def _hexadecimal(typed: str, node: str) -> Iterator[Guess]:
    if not _HEX.fullmatch(typed):
        return
    if len(typed) == 32:
        yield Guess(Meaning.DEVICE, typed.lower())
    if len(typed) == 64:
        yield Guess(Meaning.STATEMENT, typed.lower())
    if len(typed) == 16:
        yield Guess(Meaning.PARTY, party_uri(node, typed.lower()))


def _address(typed: str, node: str) -> Iterator[Guess]:
    """A URI, a URN, or the path of a page here."""
    uri = f"https://{GS1_HOST}{typed}" if typed.startswith("/") else typed
    if not re.match(r"[a-z][a-z0-9+.-]*:", uri, re.IGNORECASE) or not uri.isascii():
        return
    device = re.fullmatch(r"https://[^/]+/device/([0-9a-f]{32})", uri)
    if device is not None:
        yield Guess(Meaning.DEVICE, device[1])
    else:
        yield from _named(canonical(re.sub(r"[?#].*", "", uri), node))
    yield Guess(Meaning.EVENT, typed)


def _named(uri: str) -> Iterator[Guess]:
    path = "/" + uri.partition("://")[2].partition("/")[2]
    product = re.fullmatch(r"/01/([0-9]{14})", path)
    if product is not None:
        yield Guess(Meaning.PRODUCT, parse_gtin(product[1]))
    elif path.startswith(("/417/", "/party/")):
        yield Guess(Meaning.PARTY, uri)
    else:
        yield Guess(Meaning.PLACE if path.startswith("/414/") else Meaning.THING, uri)


def _elements(typed: str, node: str) -> Iterator[Guess]:
    """An element string as it is printed under a barcode: ``(01)09520000000011(10)A1``."""
    parts = _ELEMENT.findall(typed)
    if parts and _ELEMENT.sub("", typed).strip() == "":
        known = [(ai, value.strip()) for ai, value in parts if ai in _NAMING]
        path = "".join(f"/{ai}/{gs1.encode_value(value)}" for ai, value in known)
        yield from _named(canonical(f"https://{GS1_HOST}{path}", node))


_NAMING: Final = frozenset({"00", "01", "10", "21", "414", "417", "8003", "8004", "8006"})
"""Application identifiers that say which; dates, weights and the like are passed over."""


def _pair(typed: str, node: str) -> Iterator[Guess]:
    if found := _PAIR.fullmatch(typed):
        yield Guess(Meaning.THING, Batch(parse_gtin(found[1]), found[2]).uri(node))


def _digits(typed: str, node: str) -> Iterator[Guess]:
    digits = re.sub(r"[\s-]", "", typed)
    if not (digits.isascii() and digits.isdecimal()):
        return
    if len(digits) in {8, 12, 13, 14}:
        with suppress(MalformedError):
            yield Guess(Meaning.PRODUCT, parse_gtin(digits))
    if len(digits) == 13:
        with suppress(MalformedError):
            yield Guess(Meaning.PLACE, place_uri(digits, node))
            yield Guess(Meaning.PARTY, party_uri(node, digits))
    if len(digits) == 18:
        yield Guess(
            Meaning.THING,
            f"https://{GS1_HOST}{gs1.parse_digital_link(f'https://x.example/00/{digits}').path}",
        )


def _asset(typed: str, node: str) -> Iterator[Guess]:
    for host in (None, node):
        with suppress(MalformedError):
            yield Guess(Meaning.THING, asset_uri(typed, host))
    link = f"https://{GS1_HOST}/8003/{gs1.encode_value(typed)}"
    yield Guess(Meaning.THING, f"https://{GS1_HOST}{gs1.parse_digital_link(link).path}")


def _lot(typed: str, _: str) -> Iterator[Guess]:
    yield Guess(Meaning.LOT, parse_lot(typed))


def _name(typed: str, _: str) -> Iterator[Guess]:
    """A letter alone is a lot; a character alone may be a name."""
    if any(char.isalpha() for char in typed) and (len(typed) > 1 or not typed.isascii()):
        yield Guess(Meaning.NAME, typed.casefold())


_READERS: Final = (
    *(_recall, _trace_code, _hexadecimal, _address, _elements, _pair, _digits, _lot, _asset, _name),
)
