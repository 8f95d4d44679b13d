"""What templates of the console ask for: the options of lists, and amounts in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from flask import Flask

from traceability.operations.masterdata import Place, Product
from traceability.operations.steps import plain
from webapp.i18n import named, translate
from webapp.producer.entry import Offer
from webapp.units import UNITS, profile_text, unit_text

Options = list[tuple[str, str]]


def amount_text(quantity: Decimal, uom: str | None) -> str:
    """How much, with its unit."""
    return f"{plain(quantity)} {unit_text(uom)}"


def unit_options(units: Iterable[str], given: object) -> Options:
    """The units that are offered, and the one that is there already."""
    codes = [*units, *([str(given)] if given and given not in UNITS else [])]
    return [(code, unit_text(code)) for code in codes]


def product_options(products: Mapping[str, Product]) -> Options:
    """Products by their GTIN."""
    return product_options_of(products.values())


def product_options_of(products: Iterable[Product]) -> Options:
    """The same from a list."""
    return [(product.gtin, f"{named(product.names)} ({product.gtin})") for product in products]


def place_options(places: Mapping[str, Place]) -> Options:
    """Places by their GLN."""
    return [(gln, named(place.names)) for gln, place in places.items()]


def asset_options(made: Offer) -> Options:
    """Rooms and vehicles by their URI, and the one that the batch is in."""
    found = [(uri, named(asset.names)) for uri, asset in made.choices.assets.items()]
    inside = made.stock.inside
    if inside is not None and inside not in made.choices.assets:
        found.append((inside, inside.rpartition("/")[2]))
    return found


def profile_options(profiles: Mapping[str, Any]) -> Options:
    """The kinds of products, by their names."""
    return [(name, profile_text(name)) for name in profiles]


def states_in(texts: Mapping[str, str]) -> Options:
    """The keys of a table of texts, in words."""
    return [(name, translate(text)) for name, text in texts.items()]


def install(app: Flask) -> None:
    """Give templates all of them."""
    tools = (
        amount_text,
        unit_options,
        product_options,
        product_options_of,
        place_options,
        asset_options,
        profile_options,
        states_in,
    )
    app.jinja_env.globals.update({tool.__name__: tool for tool in tools})
