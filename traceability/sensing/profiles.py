"""Products, how cold they are to be kept, and how long they last: one table, each number with its source.

Limits are maxima for the goods in transport and storage; a producer's own limits, stated in the
event by which a batch begins, come first. ``ASSUMED`` marks what no source gives: replace it by
what is known of the product.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from traceability.sensing.kinetics import Q10, SquareRoot

DAY_MS: Final = 86_400_000
ASSUMED: Final = "assumed"

ATP: Final = "ATP (UNECE, 1970, as amended 2020), annex 3"
ATP_FROZEN: Final = "ATP (UNECE, 1970, as amended 2020), annex 2; Codex CXC 8-1976; GB 31605-2020"
GB_CHILLED: Final = "GB 31605-2020, chilled food in transport: 0 to 10 °C"
FOOD_CODE: Final = "FDA Food Code 2022, 3-501.16(A)(2), and cut leafy greens in 1-201.10(B)"
USDA_STRAWBERRY: Final = "USDA Agriculture Handbook 66 (Mitcham), strawberry: 7 days at 0 °C"
UC_DAVIS: Final = "UC Davis, Produce Facts, strawberry: respiration 10 times as fast at 20 °C as at 0 °C"
FISH: Final = "Dalgaard 2002: (1 + 0.1 t)², fresh fish from temperate waters; days in ice " + ASSUMED
PSEUDOMONADS: Final = (
    "Ratkowsky et al. 1982: least temperature near -10 °C for psychrotrophs; days " + ASSUMED
)


@dataclass(frozen=True, slots=True)
class Life:
    """A shelf life at the model's reference temperature, and how it depends on temperature."""

    at_reference_ms: int
    model: Q10 | SquareRoot
    source: str


@dataclass(frozen=True, slots=True)
class Profile:
    """A kind of product: limits in thousandths of a degree Celsius, and its life where a model is known."""

    low_milli_c: int
    high_milli_c: int
    source: str
    low_source: str = ASSUMED
    life: Life | None = None


PROFILES: Final[Mapping[str, Profile]] = {
    "strawberry": Profile(
        0,
        10_000,
        GB_CHILLED,
        GB_CHILLED,
        Life(7 * DAY_MS, Q10(3162, 0), f"{USDA_STRAWBERRY}; {UC_DAVIS}"),
    ),
    "cut-leafy-greens": Profile(0, 5000, FOOD_CODE),
    "fresh-fish": Profile(
        -2000,
        2000,
        f"{ATP}: melting ice; 2 °C around it {ASSUMED}",
        life=Life(10 * DAY_MS, SquareRoot(-10_000, 0), FISH),
    ),
    "poultry": Profile(
        -2000,
        4000,
        f"{ATP}: +4 °C",
        life=Life(9 * DAY_MS, SquareRoot(-10_000, 0), PSEUDOMONADS),
    ),
    "red-meat": Profile(-2000, 7000, f"{ATP}: +7 °C"),
    "minced-meat": Profile(-2000, 2000, f"{ATP}: +2 °C, or as the label says"),
    "pasteurised-milk": Profile(
        0,
        6000,
        f"{ATP}: +6 °C, or as the label says",
        life=Life(12 * DAY_MS, Q10(3000, 4000), f"days and Q10 {ASSUMED}"),
    ),
    "raw-milk": Profile(0, 6000, f"{ATP}: +6 °C"),
    "yoghurt": Profile(
        0,
        6000,
        f"{ATP}: +6 °C, or as the label says",
        life=Life(21 * DAY_MS, Q10(2000, 4000), f"days and Q10 {ASSUMED}"),
    ),
    "quick-frozen": Profile(-40_000, -18_000, f"{ATP_FROZEN}: -18 °C"),
}
"""By the name that an event states (``ilmd`` / ``ft:temperature`` / ``profile``)."""
