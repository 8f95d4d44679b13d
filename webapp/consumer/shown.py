"""Everything that the template draws of a checked journey."""

from __future__ import annotations

from typing import Any, Final

from flask import current_app
from markupsafe import Markup

from traceability.identifiers import Batch, parse_stream
from traceability.operations.node import Node
from traceability.verification.journey import Journey
from traceability.verification.label import code_of
from webapp.consumer import chart, cold, recalls, story, times
from webapp.consumer.documents import papers
from webapp.consumer.ingredients import Made
from webapp.consumer.label import Answer
from webapp.consumer.map import draw_map
from webapp.consumer.pictures import picture_of
from webapp.consumer.places import distance_sentence, gather_places
from webapp.consumer.qr import draw_code
from webapp.consumer.timeline import timeline
from webapp.database import snapshot

ALONE: Final = Made((), 0, ())
"""For a page that tells nothing of what a batch was made from."""


def shown(journey: Journey, made: Made, label: Answer) -> dict[str, Any]:
    """The template's values: each computed from the journey, none taken from elsewhere."""
    node: Node = current_app.extensions["node"]
    found = Batch(*parse_stream(journey.batch).values)
    frames, sensors = story.frames_and_sensors(journey)
    pictures = drawings(journey, made)
    offset = pictures["offset"]
    origin, *others = story.summary(journey)
    address = current_app.config["BASE_URL"] + found.path
    return pictures | {
        "journey": journey,
        "policy": node.policy,
        "recalled": label.temper(recalls.first_point(journey, made)),
        "label": label,
        "trace_code": code_of(journey).text,
        "tell": story.tell,
        "alarm_of": recalls.alarm_of,
        "ilmd": story.created_of(journey),
        "demonstration": story.DEMONSTRATION,
        "summary": [origin, *filter(None, [distance_sentence(journey)]), *others],
        "steps": timeline(journey),
        "producer": story.producer(journey),
        "picture": picture_of(journey, node, snapshot()),
        "rivals": story.rivals(journey),
        "parties": {h.party: h.custody for h in journey.happenings}
        | {d.party: d.custody for d in journey.documents},
        "papers": papers(journey, node),
        "frames": frames,
        "sensors": sensors,
        "times": times.sentences(journey, offset),
        "log_name": node.origin,
        "file_name": file_name(found),
        "address": address,
        "qr": draw_code(address),
    }


def drawings(journey: Journey, made: Made = ALONE) -> dict[str, Any]:
    """What the chart and the map are drawn from, and the tables that say the same."""
    offset, places = story.offset_of(journey), gather_places(journey, made)
    return {
        "offset": offset,
        "zone": Markup('<span class="zone">UTC{}</span>').format(offset),
        "newest": cold.newest(journey),
        "stays": cold.stay_rows(journey),
        "chart": chart.draw(journey, offset),
        "chart_text": story.chart_description(journey),
        "stops": places,
        "drawn": draw_map(places),
    }


def file_name(found: Batch) -> str:
    """A bundle's name that is safe in every file system and shell."""
    plain = "".join(c if c.isalnum() or c in "-." else "_" for c in found.lot)
    return f"{found.gtin}-{plain}.bundle.json"
