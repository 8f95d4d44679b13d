"""Units and kinds of products as people write them, where they are kept by codes and names."""

from __future__ import annotations

from typing import Final

from flask import Flask

from webapp.i18n import noted, translate

UNITS: Final = {"KGM": "kg", "GRM": "g", "TNE": "t", "LTR": "l", "": noted("pieces")}
"""The units that are offered, by their codes of UN/ECE Rec. 20."""
PROFILES: Final = {
    "strawberry": noted("strawberries"),
    "cut-leafy-greens": noted("cut leafy greens"),
    "fresh-fish": noted("fresh fish"),
    "poultry": noted("poultry"),
    "red-meat": noted("red meat"),
    "minced-meat": noted("minced meat"),
    "pasteurised-milk": noted("pasteurised milk"),
    "raw-milk": noted("raw milk"),
    "yoghurt": noted("yoghurt"),
    "quick-frozen": noted("quick-frozen food"),
}
"""What the node's kinds of products are called."""


def unit_text(uom: str | None) -> str:
    """A unit as people write it; its code if it is none of those that are offered."""
    code = uom or ""
    known = UNITS.get(code)
    return code if known is None else translate(known)


def profile_text(name: str) -> str:
    """A kind of product in words."""
    return translate(PROFILES.get(name, name))


def install(app: Flask) -> None:
    """Give them to the templates."""
    app.jinja_env.globals.update(unit_text=unit_text)
