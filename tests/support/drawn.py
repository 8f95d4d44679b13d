"""A lot with something to draw: three channels in a cold room, a warm hour, a gap, and three places.

drawn = draw_lot(folder)      a world of its own; ``drawn.lot`` is shown by ``drawn.address``
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.world import GTIN, MINUTE_MS, Probe, World, make_world
from traceability.operations.record import make_event, record_event
from traceability.sensing.senml import Reading

ROLES = {"return": "air-return", "supply": "air-supply", "core": "product"}
ROOM = {"ft:asset": {"en": "Cold room", "zh": "冷库"}}
EXACT = "31.2304,121.4737"
"""Where it was received, which the public is not told."""
HOURS, SILENT, WARM = 8, 4, 2
"""How long the lot is there; the hour without data, and the warm one."""


@dataclass(frozen=True)
class Drawn:
    """The world, the firm whose lot it is, another firm, and an authority."""

    world: World
    farm: str
    shop: str
    bureau: str

    @property
    def console(self) -> str:
        return f"/console/batches/01/{GTIN}/10/L1"

    @property
    def regulator(self) -> str:
        return f"/regulator/batches/01/{GTIN}/10/L1"

    @property
    def numbers(self) -> str:
        return f"/temperature/01/{GTIN}/10/L1"


def draw_lot(folder: Path) -> Drawn:
    """Harvested in Dali, cooled there, carried to Kunming and Shanghai."""
    world = make_world(folder / "node", f"sqlite:///{folder / 'node.sqlite'}")
    farm, shop, bureau = (world.party(name) for name in ("Farm", "Shop", "Bureau"))
    room, probe = world.asset("ROOM1"), world.device(farm)
    world.install(farm, probe, room, roles=ROLES)
    batch = [{"epcClass": world.batch("L1"), "quantity": 10, "uom": "KGM"}]
    limits = {"lowMilliCelsius": 0, "highMilliCelsius": 5000, "maxGapSeconds": 1800}
    ilmd = {"ft:product": {"en": "Strawberries", "zh": "草莓"}, "ft:temperature": limits}
    dali = _place("Dali", "大理", "25.6,100.2")
    _record(world, farm, "harvest", quantityList=batch, ilmd=ilmd, **dali)
    _record(world, farm, "load", parentID=room, childQuantityList=batch, **ROOM, **dali)
    for hour in range(HOURS):
        world.wait(minutes=60)
        if hour != SILENT:
            world.take(probe, _hour(world, probe, 7.5 if hour == WARM else 3.0))
    _record(world, farm, "unload", parentID=room, childQuantityList=batch, **ROOM)
    _record(world, farm, "ship", quantityList=batch, **_place("Kunming", "昆明", "25.0,102.7"))
    world.harvest(shop, "L2")
    world.publish()
    shanghai = {**_place("Shanghai", "上海", "31.2,121.5"), "readPoint": {"id": f"geo:{EXACT}"}}
    _record(world, farm, "receive", quantityList=batch, **shanghai)
    world.publish()
    return Drawn(world, farm, shop, bureau)


def _hour(world: World, probe: Probe, core_c: float) -> bytes:
    """A frame of the hour that ends now, a reading of each channel every ten minutes."""
    values = {"return": core_c - 0.5, "supply": core_c - 2, "core": core_c}
    times = [world.now_ms - minutes * MINUTE_MS for minutes in range(50, -1, -10)]
    return probe.frame([Reading(name, "Cel", at, value) for at in times for name, value in values.items()])


def _place(name: str, chinese: str, at: str) -> Mapping[str, Any]:
    return {"ft:region": {"en": name, "zh": chinese}, "ft:regionCentre": f"geo:{at}"}


def _record(world: World, party: str, step: str, **members: Any) -> None:
    world.wait(minutes=1)
    record_event(world.store, world.node, party, make_event(step, world.now_ms, **members))
