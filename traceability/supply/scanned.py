"""What somebody scanned, photographed or typed, and which goods it names.

A code on a pack is a GS1 Digital Link, an element string, or a bare GTIN; people type a GTIN and
a lot with something between them.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from traceability.errors import IdentifierError
from traceability.gs1.elements import FNC1, MAX_CHARS, parse_elements, without_symbology
from traceability.identifiers import Batch, asset_uri, parse_gtin, parse_lot, parse_stream

_LINK: Final = re.compile(
    r"(?:https?://[^/?#]+)?(?:/[^/?#]+)*?/01/([0-9]{8,14})(?:/22/[^/?#]+)?"
    r"(?:/10/([^/?#]+))?(?:/21/[^/?#]+)?/?(?:[?#].*)?",
    re.IGNORECASE | re.DOTALL,
)
_TYPED: Final = re.compile(r"([0-9]{8,14})(?:\s*[/,;]\s*|\s+)(.+)", re.DOTALL)
_SENT: Final = re.compile(r"01[0-9]{14}.*", re.DOTALL)
_GIAI: Final = re.compile(r"(?:\(8004\)|8004/)(.+)", re.DOTALL)
_ELEMENTS: Final = re.compile(r"\][A-Za-z][0-9A-Za-z]|\(|\x1d")


@dataclass(frozen=True, slots=True)
class Scanned:
    """A product (GTIN-14), and its lot where the code gives one."""

    gtin: str
    lot: str | None = None

    @property
    def batch(self) -> Batch:
        """The batch. Raises IdentifierError where the code names a product without its lot."""
        if self.lot is None:
            raise IdentifierError(
                f"{self.gtin} is a product without a lot",
                remedy="Scan the code that holds the lot, or type the lot from the label.",
            )
        return Batch(self.gtin, self.lot)


def read_scanned(text: str) -> Scanned:
    """The product, and the lot if there is one, in what was scanned or typed.

    Raises:
        IdentifierError: it names no product, or a digit or character is wrong.
    """
    given = unicodedata.normalize("NFKC", text).strip()
    if not given or len(given) > MAX_CHARS:
        raise IdentifierError(f"a code has 1 to {MAX_CHARS} characters, not {len(given)}")
    if found := _LINK.fullmatch(without_symbology(given)):
        return _scanned(found[1], None if found[2] is None else unquote(found[2]))
    if _ELEMENTS.match(given) or FNC1 in given or _SENT.fullmatch(given):
        return _from_elements(given)
    if found := _TYPED.fullmatch(given):
        return _scanned(found[1], found[2])
    return _scanned("".join(given.split()), None)


def read_batch(text: str) -> Batch:
    """The batch in what was scanned or typed; raises as ``read_scanned``, and where there is no lot."""
    try:
        return read_scanned(text).batch
    except IdentifierError as error:
        raise IdentifierError(
            f"{text[:128]!r} is not a batch: write GTIN/LOT, or the address of its page ({error})"
        ) from error


def read_asset(text: str, node: str) -> str:
    """The URI of an asset: a URI, ``8004/`` and a GIAI, or else a number of the node's own.

    Raises:
        IdentifierError: a character or the length is wrong, or the URI is no stream's.
    """
    if text.startswith("https://"):
        return parse_stream(text).uri
    giai = _GIAI.fullmatch(text)
    return parse_stream(asset_uri(giai[1]) if giai else asset_uri(text, node)).uri


def _from_elements(text: str) -> Scanned:
    bare = without_symbology(text)
    if bare.isascii() and bare.isdecimal() and len(bare) in {8, 12, 13}:
        return _scanned(bare, None)
    elements = parse_elements(text)
    gtin = elements.get("01") or elements.get("02")
    if gtin is None:
        given = ", ".join(f"({ai})" for ai in elements)
        raise IdentifierError(f"the code gives {given[:64]}, but no product (01)")
    return _scanned(gtin, elements.get("10"))


def _scanned(gtin: str, lot: str | None) -> Scanned:
    return Scanned(parse_gtin(gtin), None if lot is None else parse_lot(lot))
