"""What a firm keeps by heart, as forms and lists show it: a table of the kinds, each with how it is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from traceability.errors import IdentifierError
from traceability.gs1 import GLN, GTIN
from traceability.identifiers import parse_gln, parse_gtin
from traceability.operations.masterdata import Asset, Place, Product
from traceability.sensing.profiles import PROFILES
from traceability.supply.scanned import read_asset
from webapp.api.access import node
from webapp.i18n import noted, show_degrees, translate
from webapp.producer.fields import Fields
from webapp.units import UNITS, profile_text

_UDEG: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of thing.

    Attributes:
        title, one, empty: texts; of the list, of one, and of what to do while there is none.
        read: from a form to the thing; the number is given for one that exists.
        fill: from the thing to what stands in the form.
        head, row: the columns of its list.
    """

    cls: type[Any]
    title: str
    one: str
    empty: str
    read: Callable[[Fields, str], Any]
    fill: Callable[[Any], Mapping[str, Any]]
    head: Sequence[str]
    row: Callable[[Any], Sequence[str]]


def number_of(item: Product | Place | Asset) -> str:
    """The number by which its page is found."""
    return item.number if isinstance(item, Asset) else str(getattr(item, item.KEY))


def key_of(kind: Kind, number: str) -> str:
    """The key that a number in an address stands for. Raises IdentifierError."""
    if kind.cls is Product:
        return parse_gtin(number)
    return parse_gln(number) if kind.cls is Place else read_asset(number, node().name)


def _names(fields: Fields) -> dict[str, str]:
    return {tongue: fields.text(f"name_{tongue}", required=True) for tongue in ("en", "zh")}


def _number(fields: Fields, name: str, kept: str, read: Callable[[str], str]) -> str:
    if kept:
        return kept
    text = "".join(fields.text(name).split())
    try:
        return read(text) if text else ""
    except IdentifierError as error:
        fields.refuse(name, error)
        return ""


def _read_product(fields: Fields, kept: str) -> Product:
    gtin = _number(fields, "number", kept, parse_gtin)
    profile = fields.text("profile")
    gap = fields.number("gap_min", least=Decimal(1))
    uom = fields.text("uom")
    if profile and profile not in PROFILES:
        fields.refuse("profile", translate("Choose one of the list."))
    if uom not in UNITS:
        fields.refuse("uom", translate("Choose one of the list."))
    low, high = (fields.whole(name, scale=1000, decimals=3) for name in ("low_c", "high_c"))
    if (low is None) != (high is None) and not fields.wrong:
        fields.refuse("high_c", translate("The coldest and the warmest allowed go together."))
    if low is not None and high is not None and low > high:
        fields.refuse("high_c", translate("The warmest allowed is colder than the coldest."))
    return Product(
        gtin=gtin,
        names=_names(fields),
        low_milli_c=low,
        high_milli_c=high,
        max_gap_s=int((gap or 30) * 60),
        profile=profile or None,
        shelf_life_days=fields.whole("days"),
        uom=uom or None,
    )


def _fill_product(product: Product) -> dict[str, Any]:
    return {
        "number": product.gtin,
        **_filled(product.names),
        "low_c": _scaled(product.low_milli_c, 1000),
        "high_c": _scaled(product.high_milli_c, 1000),
        "gap_min": product.max_gap_s // 60,
        "profile": product.profile or "",
        "days": "" if product.shelf_life_days is None else product.shelf_life_days,
        "uom": product.uom or "",
        "picture": product.picture,
    }


def _read_place(fields: Fields, kept: str) -> Place:
    gln = _number(fields, "number", kept, parse_gln)
    region = {tongue: fields.text(f"region_{tongue}") for tongue in ("en", "zh")}
    if any(region.values()) and not all(region.values()):
        fields.refuse("region_zh", translate("The region is needed in both languages, or in none."))
    where = (fields.whole(name, scale=_UDEG, decimals=6) for name in ("latitude", "longitude"))
    latitude, longitude = where
    if (latitude is None) != (longitude is None) and not fields.wrong:
        fields.refuse("longitude", translate("Latitude and longitude go together."))
    return Place(gln, _names(fields), latitude, longitude, region if all(region.values()) else None)


def _fill_place(place: Place) -> dict[str, Any]:
    region = place.region or {}
    return {
        "number": place.gln,
        **_filled(place.names),
        "latitude": _scaled(place.latitude_udeg, _UDEG),
        "longitude": _scaled(place.longitude_udeg, _UDEG),
        **{f"region_{tongue}": region.get(tongue, "") for tongue in ("en", "zh")},
    }


def _read_asset(fields: Fields, kept: str) -> Asset:
    if not kept and not fields.text("number", required=True):
        return Asset("", _names(fields))
    uri = _number(fields, "number", kept, lambda text: read_asset(text, node().name))
    return Asset(uri, _names(fields))


def _filled(names: Mapping[str, str]) -> dict[str, str]:
    return {f"name_{tongue}": names[tongue] for tongue in ("en", "zh")}


def _scaled(number: int | None, scale: int) -> str:
    return "" if number is None else f"{(Decimal(number) / scale).normalize():f}"


def _limits(product: Product) -> str:
    if product.low_milli_c is None:
        return profile_text(product.profile or "")
    return f"{show_degrees(product.low_milli_c)} … {show_degrees(product.high_milli_c)}"


KINDS: Final[Mapping[str, Kind]] = {
    "products": Kind(
        Product,
        noted("Products"),
        noted("Product"),
        noted("Name the first thing that you grow or make: its batches begin with what you write here."),
        _read_product,
        _fill_product,
        (GTIN.name, noted("Called"), noted("Limits"), noted("Shelf life in days")),
        lambda p: (p.gtin, "", _limits(p), "" if p.shelf_life_days is None else str(p.shelf_life_days)),
    ),
    "places": Kind(
        Place,
        noted("Places"),
        noted("Place"),
        noted("Name the field, shed or shop where you record: it is offered with every step."),
        _read_place,
        _fill_place,
        (GLN.name, noted("Called"), noted("Region that the public is told"), noted("Coordinates")),
        lambda p: (p.gln, "", p.region or "", _coordinates(p)),
    ),
    "assets": Kind(
        Asset,
        noted("Rooms and vehicles"),
        noted("Room or vehicle"),
        noted("Name a cold room or a truck that holds a sensor: what goes in there has its temperature."),
        _read_asset,
        lambda asset: {"number": asset.number, **_filled(asset.names)},
        (noted("Number"), noted("Called")),
        lambda asset: (asset.number, ""),
    ),
}
"""By what stands in the address; the second column is the name, in the reader's language."""


def _coordinates(place: Place) -> str:
    if place.latitude_udeg is None:
        return ""
    return f"{_scaled(place.latitude_udeg, _UDEG)}, {_scaled(place.longitude_udeg, _UDEG)}"
