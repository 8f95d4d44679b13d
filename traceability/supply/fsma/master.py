"""Locations and products as their masters describe them: what 21 CFR 1.1310 asks of a description.

Descriptions are attributes by the local names of the CBV and of the GS1 Web Vocabulary
(``streetAddressOne``, ``gs1:postalCode``, ...). Who signed an event is believed first about the
places and products in it, then whoever said it last.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from traceability.errors import IdentifierError
from traceability.gs1 import parse_key
from traceability.supply.tracing.labels import label_of, product_of

_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "name": ("name", "organizationName", "partyName", "physicalLocationName"),
    "phone": ("telephone", "telephoneNumber", "phone"),
    "street": ("streetAddressOne", "streetAddress"),
    "street2": ("streetAddressTwo",),
    "city": ("city", "addressLocality"),
    "state": ("state", "addressRegion"),
    "zip": ("postalCode",),
    "country": ("countryCode", "country", "addressCountry"),
    "latitude": ("latitude",),
    "longitude": ("longitude",),
    "product": ("productName", "descriptionShort", "functionalName", "regulatedProductName", "product"),
    "text": ("tradeItemDescription", "productDescription", "labelDescription"),
    "brand": ("brandName", "brand"),
    "commodity": ("commodity",),
    "variety": ("variety", "varietyName"),
    "size": ("netContent", "netContentDescription", "packagingSize"),
    "style": ("packagingType", "packagingTypeCode", "packagingStyle"),
    "species": ("fishType", "speciesForFisheryStatisticsPurposesName", "acceptableMarketName"),
}
_WORDS: Final = {
    "name": "business name",
    "phone": "phone number",
    "street": "street address or coordinates",
    "zip": "zip code",
    "product": "product name",
    "size": "packaging size",
    "style": "packaging style",
}
UNITED_STATES: Final = frozenset({"", "US", "USA", "840"})
"""Where a state and a zip code are asked for; a place without a country is not believed to be abroad."""


@dataclass(frozen=True, slots=True)
class Said:
    """One description of a place, party or product: who said it and when, and its attributes."""

    about: str
    party: str
    at_ms: int
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Described:
    """A description in one line, who gave it, and which of its parts are not known."""

    text: str
    source: str
    lacking: tuple[str, ...] = ()


def attributes_of(given: Mapping[str, Any]) -> dict[str, str]:
    """Attributes by local name, from ``ilmd`` or a description; only texts and numbers."""
    found: dict[str, str] = {}
    for name, value in given.items():
        local = name.replace("#", ":").replace("/", ":").rpartition(":")[2]
        if isinstance(value, Mapping):
            value = value.get("en", value.get("@value"))
        if value is not None and not isinstance(value, Mapping | list | bool):
            found.setdefault(local, str(value))
    return found


@dataclass(frozen=True)
class Masters:
    """What is known of places, parties and products; ``parties`` are names that the registrar enrolled."""

    said: Sequence[Said] = ()
    parties: Mapping[str, str] = field(default_factory=dict)

    def location(self, uri: str, by: str) -> Described:
        """A location description (21 CFR 1.1310).

        Args:
            uri: of a place or of a party.
            by: the party whose event names it.
        """
        twins = twins_of(uri)
        known, source = self._known(twins, by)
        name = next((self.parties[twin] for twin in twins if twin in self.parties), "")
        if name and "name" not in known:
            known, source = {**known, "name": name}, source or "register of parties"
        town = " ".join(part for part in (known.get("state"), known.get("zip")) if part)
        where = ", ".join(p for p in (known.get("latitude"), known.get("longitude")) if p)
        parts = [known.get(key, "") for key in ("name", "phone", "street", "street2")]
        parts += [
            where if "street" not in known else "",
            known.get("city", ""),
            town,
            known.get("country", ""),
        ]
        number = f"GLN {uri.rpartition('/')[2]}" if "/41" in uri else uri
        lacking = [
            key for key in ("name", "phone", "street", "city", "state", "zip", "country") if key not in known
        ]
        if {"latitude", "longitude"} <= known.keys():
            lacking = [key for key in lacking if key != "street"]
        if known.get("country", "") not in UNITED_STATES:
            lacking = [key for key in lacking if key not in {"state", "zip"}]
        return Described(_line([*parts, number]), source, _words(lacking))

    def contact(self, uri: str, by: str) -> Described:
        """A business name and its phone number."""
        place = self.location(uri, by)
        return Described(place.text, place.source, tuple(w for w in place.lacking if w in _CONTACT))

    def product(self, lot: str, by: str, own: Mapping[str, str]) -> Described:
        """A product description (21 CFR 1.1310); ``own`` are attributes of the lot itself."""
        known, source = self._product(lot, by, own)
        name = known.get("text") or known.get("product") or _commodity(known)
        parts = [known.get("brand", ""), name, known.get("size", ""), known.get("style", ""), _gtin(lot)]
        lacking = [key for key in ("size", "style") if key not in known]
        return Described(_line(parts), source, _words(lacking if name else ["product", *lacking]))

    def commodity(self, lot: str, by: str, own: Mapping[str, str]) -> Described:
        """The commodity and variety of what is not packed yet."""
        known, source = self._product(lot, by, own)
        name = _commodity(known) or known.get("product", "") or known.get("text", "")
        return Described(_line([name, _gtin(lot)]), source, () if name else ("commodity",))

    def species(self, lot: str, by: str, own: Mapping[str, str]) -> Described:
        """The species or acceptable market name of what a vessel landed; else its product description."""
        known, source = self._product(lot, by, own)
        name = known.get("species", "")
        return Described(_line([name, _gtin(lot)]), source) if name else self.product(lot, by, own)

    def _product(self, lot: str, by: str, own: Mapping[str, str]) -> tuple[dict[str, str], str]:
        gtin = product_of(lot) or ""
        known, source = self._known((lot.partition("/10/")[0],), by)
        mine = _read(own)
        return {**known, **mine}, source or ("master data of the lot" if mine and gtin else "")

    def _known(self, uris: Iterable[str], by: str) -> tuple[dict[str, str], str]:
        about = set(uris)
        some = sorted(
            (each for each in self.said if each.about in about),
            key=lambda each: (each.party == by, each.at_ms),
        )
        known: dict[str, str] = {}
        for each in some:
            known |= _read(each.attributes)
        return known, f"master data by {some[-1].party}" if some else ""


def _commodity(known: Mapping[str, str]) -> str:
    return " ".join(known[key] for key in ("commodity", "variety") if key in known)


def twins_of(uri: str) -> tuple[str, ...]:
    """A place, and the party of the same number, or the reverse."""
    for one, other in (("/414/", "/417/"), ("/417/", "/414/")):
        if one in uri:
            return uri, uri.replace(one, other)
    return (uri,)


def _read(given: Mapping[str, str]) -> dict[str, str]:
    named = ((key, next((given[n] for n in names if given.get(n)), "")) for key, names in _NAMES.items())
    return {key: value for key, value in named if value}


def _words(keys: Iterable[str]) -> tuple[str, ...]:
    return tuple(_WORDS.get(key, key) for key in keys)


def _line(parts: Iterable[str]) -> str:
    return "; ".join(part for part in parts if part)


def _gtin(lot: str) -> str:
    gtin = product_of(lot)
    return f"GTIN {gtin}" if gtin else " ".join(label_of(lot, 60))


def lot_code(uri: str) -> tuple[str, bool]:
    """A lot as GS1 element string, and whether it has a lot at all."""
    try:
        key = parse_key(uri)
    except IdentifierError:
        return uri, False
    ais = key.path.strip("/").split("/")[0::2]
    text = "".join(f"({ai}){value}" for ai, value in zip(ais, key.values, strict=False))
    return text, "10" in ais


_CONTACT: Final = frozenset({"business name", "phone number"})
