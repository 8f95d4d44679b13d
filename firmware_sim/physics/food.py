"""How warm a product is by the heat in it: above freezing, and below, where ice forms bit by bit.

Heat is counted from the initial freezing point. Below it the share of ice is 1 - t_f / t of the water
(Chen 1985; ASHRAE Handbook Refrigeration, chapter Thermal Properties of Foods, ice fraction), with
temperatures in degrees Celsius; so heat and temperature follow from each other by a quadratic equation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Food:
    """A product.

    ``above_j_kg_k`` and ``below_j_kg_k``: specific heat of the unfrozen and of the wholly frozen food;
    ``latent_j_kg`` all that freezing gives off; ``freezes_c`` below 0. ``respires_w_kg`` at 0 degrees,
    and by how much more for each degree above.
    """

    above_j_kg_k: float
    below_j_kg_k: float
    latent_j_kg: float
    freezes_c: float
    respires_w_kg: float = 0.0
    respires_w_kg_k: float = 0.0

    def heat(self, temp_c: float) -> float:
        """Heat in J/kg; 0 at the initial freezing point."""
        above_c = temp_c - self.freezes_c
        if above_c >= 0:
            return self.above_j_kg_k * above_c
        return self.below_j_kg_k * above_c - self.latent_j_kg * (1 - self.freezes_c / temp_c)

    def temperature(self, heat_j_kg: float) -> float:
        """The temperature at which a kilogram holds so much heat, in degrees Celsius."""
        if heat_j_kg >= 0:
            return self.freezes_c + heat_j_kg / self.above_j_kg_k
        half = (self.below_j_kg_k * self.freezes_c + self.latent_j_kg + heat_j_kg) / 2
        root = math.sqrt(half * half - self.below_j_kg_k * self.latent_j_kg * self.freezes_c)
        return (half - root) / self.below_j_kg_k

    def respiration(self, temp_c: float) -> float:
        """What a kilogram gives off in W; nothing below 0 degrees."""
        return max(self.respires_w_kg + self.respires_w_kg_k * temp_c, 0.0) if temp_c > 0 else 0.0
