"""A lot of jam that was on its way: what a page can show of places, ingredients and documents."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image

from tests.support.world import LIMITS, Story, World
from traceability.operations.deposit import deposit, describe
from traceability.operations.record import make_event, record_event
from traceability.supply.notice import Purpose


def map_jam(world: World, story: Story) -> str:
    """Make it of the story's first lot; its URI. Two of three places have a position; there is a picture."""
    uri, (farm, carrier) = world.batch("MAPPED"), (story.farm, story.carrier)
    ilmd = {"ft:product": {"en": "Strawberry jam", "zh": "草莓酱"}, "ft:temperature": dict(LIMITS)}
    made = {"inputQuantityList": [{"epcClass": story.closed}], "outputQuantityList": [{"epcClass": uri}]}
    for step, party, place, members in (
        ("make", farm, ("Dali, Yunnan", "云南大理", "geo:25.6,100.2"), made | {"ilmd": ilmd}),
        ("ship", farm, ("Roadside", "路边", None), {"quantityList": [{"epcClass": uri}]}),
        ("receive", carrier, ("Shanghai", "上海", "geo:31.2,121.5"), {"quantityList": [{"epcClass": uri}]}),
    ):
        en, zh, centre = place
        where: dict[str, Any] = {"ft:region": {"en": en, "zh": zh}} | (
            {"ft:regionCentre": centre} if centre else {}
        )
        record_event(world.store, world.node, party, make_event(step, world.now_ms, **members, **where))
        world.wait(minutes=60)
    picture = io.BytesIO()
    Image.effect_noise((900, 600), 80).convert("RGB").save(picture, "JPEG")
    notice = describe(picture.getvalue(), "jam.jpg", uri, Purpose.PICTURE)
    deposit(world.store, world.node, farm, picture.getvalue(), notice)
    return uri
