"""EPCIS documents as they arrive: bytes in, events with what is wrong with each out.

Taken are an ``EPCISDocument`` and a single event with its own ``@context``. What stands in a
document outside its events and its ``@context`` (sender, ``epcisHeader`` with master data,
members of somebody's own) is accepted and not kept: the record is of events.

The whole document is parsed at once, so its bytes and the number of values in it are bounded
before that.

Source: EPCIS 2.0 10.2 and 12.6.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from traceability.errors import EncodingError, EventError, MalformedError, OversizeError, Problem
from traceability.signing.strictjson import Json, json_decode
from traceability.supply.epcis.context import EPCIS_CONTEXT, Context, read_context, require_epcis
from traceability.supply.epcis.members import is_time
from traceability.supply.epcis.model import RESERVED, check_event, shown
from traceability.supply.epcis.shapes import EVENTS

MAX_BYTES: Final = 32 * 1024 * 1024
MAX_EVENTS: Final = 20_000
MAX_VALUES: Final = 2_000_000
"""Commas and opening brackets of a document: a value takes many times its bytes in memory."""
MAX_DEPTH: Final = 32
"""An event may be nested less deeply; up to here it is named as the one that is too deep."""

_XML: Final = re.compile(rb"(?:\xef\xbb\xbf)?\s{0,64}<")
_VERSION: Final = re.compile(r"2\.0(?:\.[0-9]{1,3})?")
_LIST: Final = "/epcisBody/eventList"


@dataclass(frozen=True, slots=True)
class CapturedEvent:
    """One event of a document.

    Attributes:
        index: its place in the document, from 0.
        event: exactly as it was written; empty if it was no object.
        context: what the document's ``@context`` and its own mean together.
        problems: what is wrong with it, with pointers from the document's root; empty if nothing is.
    """

    index: int
    event: dict[str, Json]
    context: Context
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """The events of a document, and its ``@context`` as it was written, as a list.

    A single event has its context in itself, and the list is empty.
    """

    context: list[Json]
    events: tuple[CapturedEvent, ...]


def read_document(data: bytes) -> Document:
    """Read an EPCIS document or a single event in JSON.

    Raises:
        EncodingError: not strict JSON (a member named twice, nested too deeply, XML).
        OversizeError: more bytes, values or events than the limits above.
        EventError: the document itself is not one; its problems carry JSON pointers. What is wrong
            with an event is told by the event, and the others can be used.
    """
    if _XML.match(data):
        raise EncodingError("expected EPCIS 2.0 in JSON (application/ld+json or application/json), got XML")
    if sum(map(data.count, (b",", b"[", b"{"))) > MAX_VALUES:
        raise OversizeError(f"a document of more than {MAX_VALUES} values")
    root = json_decode(data, max_depth=MAX_DEPTH, max_bytes=MAX_BYTES)
    if not isinstance(root, dict):
        raise EventError([Problem("", "an object: an EPCISDocument or an event", shown(root))])
    kind = root.get("type")
    if isinstance(kind, str) and kind in EVENTS:
        context = _context(root)
        return Document([], (CapturedEvent(0, root, context, tuple(check_event(root, context))),))
    events = _events(root)
    context = _context(root)
    own = root["@context"]
    return Document(
        own if isinstance(own, list) else [own],
        tuple(_captured(index, event, own, context) for index, event in enumerate(events)),
    )


def _events(root: dict[str, Json]) -> list[Json]:
    """The list of events of an EPCISDocument whose other members are as they must be."""
    problems = list(_header_problems(root))
    if problems:
        raise EventError(problems)
    body = root["epcisBody"]
    events = body["eventList"] if isinstance(body, dict) else None
    if not isinstance(events, list):
        raise EventError([Problem(_LIST, "a list of events", shown(events))])
    if len(events) > MAX_EVENTS:
        raise OversizeError(f"{len(events)} events, at most {MAX_EVENTS} are taken in one document")
    return events


def _header_problems(root: dict[str, Json]) -> Iterator[Problem]:
    kind, version, body = root.get("type"), root.get("schemaVersion"), root.get("epcisBody")
    if kind == "EPCISQueryDocument":
        yield Problem("/type", "EPCISDocument (the result of a query is not captured)", shown(kind))
        return
    if kind != "EPCISDocument":
        yield Problem("/type", f"EPCISDocument, or of an event {', '.join(EVENTS)}", _got(root, "type"))
    if not isinstance(version, str) or not _VERSION.fullmatch(version):
        yield Problem("/schemaVersion", '"2.0", as a text', _got(root, "schemaVersion"))
    if not is_time(root.get("creationDate")):
        yield Problem("/creationDate", "a date and time with an offset", _got(root, "creationDate"))
    if not isinstance(body, dict):
        yield Problem("/epcisBody", "an object with an eventList", _got(root, "epcisBody"))
    elif not isinstance(body.get("eventList"), list):
        yield Problem(_LIST, "a list of events", _got(body, "eventList"))
    if "@context" not in root:
        yield Problem("/@context", f"the EPCIS context, such as {EPCIS_CONTEXT}", "nothing")


def _context(root: dict[str, Json]) -> Context:
    """What the ``@context`` of a document or single event means."""
    try:
        context = read_context(root.get("@context"))
        require_epcis(context)
    except MalformedError as error:
        raise EventError([Problem("/@context", str(error), _got(root, "@context"))]) from error
    for name in RESERVED.intersection(context.prefixes):
        raise EventError(
            [Problem("/@context", "another prefix: it marks what is hidden in a statement", name)]
        )
    return context


def _captured(index: int, event: Json, outer: Json, shared: Context) -> CapturedEvent:
    pointer = f"{_LIST}/{index}"
    if not isinstance(event, dict):
        return CapturedEvent(
            index, {}, shared, (Problem(pointer, "an event, which is an object", shown(event)),)
        )
    context, problems = shared, []
    if "@context" in event:
        try:
            context = read_context(outer, event["@context"])
        except MalformedError as error:
            problems = [Problem("/@context", str(error), shown(event["@context"]))]
    problems += check_event(event, context)
    return CapturedEvent(
        index, event, context, tuple(replace(each, pointer=pointer + each.pointer) for each in problems)
    )


def _got(members: dict[str, Json], name: str) -> str:
    return shown(members[name]) if name in members else "nothing"
