"""Where something happened, as far as an event says it to whoever reads it.

Two kinds of members can hold a position as a ``geo`` URI: ``ft:regionCentre`` the middle of the region, as
coarse as everybody may know it; ``readPoint`` or ``bizLocation`` the place itself, which the public is
shown only if the party opened that part.

Source: RFC 5870 (``geo`` URIs, WGS 84); CBV 2.0 8.3 (``geo`` URIs as read points and business locations).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

MEMBER: Final = "ft:regionCentre"
PLACES: Final = ("readPoint", "bizLocation")
COARSE_DECIMALS: Final = 1
"""Of a degree in ``ft:regionCentre``: a tenth is about 11 km, so no farm is found by it."""
EARTH_KM: Final = 6371.0
_GEO: Final = re.compile(
    r"geo:(-?[0-9]{1,2}(?:\.([0-9]{1,12}))?),(-?[0-9]{1,3}(?:\.([0-9]{1,12}))?)"
    r"(?:,-?[0-9]{1,6}(?:\.[0-9]{1,12})?)?(?:;crs=wgs84)?(?:;u=[0-9.]{1,12})?",
    re.ASCII | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Position:
    """A point on the Earth in degrees, WGS 84; ``decimals`` as it was written, the more of the two."""

    latitude: float
    longitude: float
    decimals: int


def parse_position(text: object) -> Position | None:
    """The position in a ``geo`` URI; None for anything else."""
    found = _GEO.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return None
    latitude, longitude = float(found[1]), float(found[3])
    if abs(latitude) > 90 or abs(longitude) > 180:
        return None
    return Position(latitude, longitude, max(len(found[2] or ""), len(found[4] or "")))


def position_of(event: Mapping[str, Any]) -> tuple[Position, bool] | None:
    """Where an event happened, and whether that is the place itself; None where that is not told."""
    for member in PLACES:
        place = event.get(member)
        exact = parse_position(place.get("id")) if isinstance(place, Mapping) else None
        if exact is not None:
            return exact, True
    coarse = parse_position(event.get(MEMBER))
    return None if coarse is None else (coarse, False)


def distance_km(one: Position, other: Position) -> float:
    """Along the shortest line over a sphere (haversine), which no road undercuts."""
    south, north = math.radians(one.latitude), math.radians(other.latitude)
    across = math.radians(other.longitude - one.longitude)
    chord = math.sin((north - south) / 2) ** 2 + math.cos(south) * math.cos(north) * math.sin(across / 2) ** 2
    return 2 * EARTH_KM * math.asin(min(1.0, math.sqrt(chord)))
