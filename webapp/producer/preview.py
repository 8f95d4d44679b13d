"""Who will see what of an event, before it is signed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final
from urllib.parse import unquote

from sqlalchemy import Connection

from traceability.operations.policies import policy_for, preview_event, products_of
from traceability.signing.disclosure import Audience, Policy
from traceability.signing.strictjson import Json
from webapp.called import party_called
from webapp.i18n import named, show_degrees, translate
from webapp.producer.words import (
    AUDIENCE_TEXTS,
    AUDIENCE_TITLES,
    FIELD_PATHS,
    PART_TEXTS,
    TECHNICAL,
    happened,
)
from webapp.units import unit_text

_KEY: Final = re.compile(r"\Ahttps://[^/]+/(?:01/(\d{14})/10/(.+)|414/(\d{13})|8004/(.+))\Z")
LONGEST: Final = 120
"""Characters of a value that are shown."""


@dataclass(frozen=True, slots=True)
class Row:
    """A part of the event: what it is called, what stands in it; ``coded`` if either is for machines."""

    part: str
    value: str
    coded: bool


@dataclass(frozen=True, slots=True)
class Group:
    """What an audience sees that wider ones do not; ``technical`` counts the parts that people skip."""

    title: str
    rows: Sequence[Row]
    technical: int


def groups_of(connection: Connection, party: str, event: Mapping[str, Any]) -> list[Group]:
    """The parts of an event by who sees them, the widest audience first."""
    policy = policy_for(connection, party, products_of(event))
    seen = preview_event(event, policy)
    found = []
    for audience in sorted(Audience):
        own = [each for each in seen if each.audience == audience]
        rows = [row for each in own if (row := _row(each.part, each.value, event))]
        unique = list(dict.fromkeys(rows))
        technical = sum(_plain(each.part) in TECHNICAL for each in own)
        found.append(Group(translate(AUDIENCE_TITLES[audience]), unique, technical))
    return found


@dataclass(frozen=True, slots=True)
class Change:
    """A part of an event, and who sees it before and after a change."""

    row: Row
    before: str
    after: str


def changes_of(event: Mapping[str, Any], before: Policy, after: Policy) -> list[Change]:
    """Every part of an event that people look at, by who sees it under two policies."""
    audiences = {seen.part: seen.audience for seen in preview_event(event, after)}
    found = []
    for seen in preview_event(event, before):
        if row := _row(seen.part, seen.value, event):
            texts = (translate(AUDIENCE_TEXTS[each]) for each in (seen.audience, audiences[seen.part]))
            found.append(Change(row, *texts))
    return list(dict.fromkeys(found))


def badges_of(connection: Connection, party: str, gtin: str | None) -> dict[str, str]:
    """Beside each field of a form, who will see it."""
    policy = policy_for(connection, party, [gtin] if gtin else [])
    return {name: translate(AUDIENCE_TEXTS[policy.audience_of(path)]) for name, path in FIELD_PATHS.items()}


def _row(part: str, value: Json, event: Mapping[str, Any]) -> Row | None:
    plain = _plain(part)
    if plain in TECHNICAL or value in ({}, [], None):
        return None
    text = PART_TEXTS.get(plain)
    shown, coded = _shown(plain, value, event)
    return Row(translate(text) if text else plain, shown[:LONGEST], coded or text is None)


def _plain(part: str) -> str:
    return "/".join(step for step in part.split("/") if not step.isdecimal())


def _shown(part: str, value: Json, event: Mapping[str, Any]) -> tuple[str, bool]:
    """A value in words, and whether it is one for machines."""
    if part == "bizStep":
        return happened(str(value), event.get("action")), False
    if part == "eventTime":
        return str(value)[:19].replace("T", " ") + f" UTC{event.get('eventTimeZoneOffset', '')}", False
    if part.endswith("/uom"):
        return unit_text(str(value)), False
    if isinstance(value, list):
        return "; ".join(_shown(part, each, event)[0] for each in value), False
    if isinstance(value, Mapping):
        return _of_members(value), False
    return (f"{value:f}" if isinstance(value, Decimal) else _called(str(value))), False


def _of_members(value: Mapping[str, Any]) -> str:
    if "en" in value:
        return named(value)
    if "lowMilliCelsius" in value:
        return f"{show_degrees(value['lowMilliCelsius'])} … {show_degrees(value['highMilliCelsius'])}"
    return ", ".join(_called(str(each)) for name, each in value.items() if name != "type")


def _called(text: str) -> str:
    """A batch, place or party as people call it; any other text as it is."""
    if "/417/" in text or "/party/" in text:
        return party_called(text)
    found = _KEY.search(text)
    if found is None:
        return text
    gtin, lot, gln, asset = found.groups()
    return f"{unquote(lot)} ({gtin})" if lot else f"GLN {gln}" if gln else unquote(asset)
