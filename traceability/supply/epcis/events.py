"""EPCIS 2.0 events as the rest of the system reads them: steps, times, and what an event names.

What an event must look like is in :mod:`traceability.supply.epcis.model`; here is what follows from
one. All of it works on partly disclosed events: what is hidden is simply not there.

Source: EPCIS 2.0 (GS1, 2022) 7.4; CBV 2.0 7.1 (business steps) and 7.2 (dispositions).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Final

from traceability.errors import StatementError
from traceability.identifiers import Kind, canonical, parse_stream, party_events, stream_of
from traceability.supply.epcis.context import EPCIS_CONTEXT, NAMESPACE

CONTEXT: Final[list[Any]] = [EPCIS_CONTEXT, {"ft": NAMESPACE}]

_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)", re.ASCII)
_YEAR_10000: Final = timedelta(seconds=253_402_300_800)
"""From 1970 on; what is later than 9999 by UTC cannot be written as a time."""
_DEVICE = re.compile(r"https://[^/]+/device/([0-9a-f]{32})")
_GOODS = re.compile(r"https://[^/]+/(?:00|01|8006)/.+")
"""Trade items, their lots and pieces, and logistic units; no crates (GRAI) and no other assets."""
_QUANTITY_LISTS: Final = ("quantityList", "childQuantityList", "inputQuantityList", "outputQuantityList")
_EPC_LISTS: Final = ("epcList", "childEPCs", "inputEPCList", "outputEPCList")


@dataclass(frozen=True, slots=True)
class Step:
    """What a step of a journey is in EPCIS: event type, action (a transformation has none) and CBV words.

    ``cte`` is the critical tracking event that it is, where no word of the CBV says so (docs/fsma.md).
    """

    type: str
    action: str | None
    biz_step: str
    disposition: str
    cte: str | None = None


STEPS: Final[Mapping[str, Step]] = {
    "harvest": Step("ObjectEvent", "ADD", "creating_class_instance", "active"),
    "make": Step("TransformationEvent", None, "creating_class_instance", "active"),
    "cool": Step("ObjectEvent", "OBSERVE", "storing", "in_progress", "cooling"),
    "pack": Step("ObjectEvent", "OBSERVE", "packing", "in_progress"),
    "inspect": Step("ObjectEvent", "OBSERVE", "inspecting", "in_progress"),
    "ship": Step("ObjectEvent", "OBSERVE", "shipping", "in_transit"),
    "receive": Step("ObjectEvent", "OBSERVE", "receiving", "in_progress"),
    "sell": Step("ObjectEvent", "OBSERVE", "stocking", "sellable_accessible"),
    "destroy": Step("ObjectEvent", "DELETE", "destroying", "destroyed"),
    "store": Step("AggregationEvent", "ADD", "storing", "in_progress"),
    "retrieve": Step("AggregationEvent", "DELETE", "staging_outbound", "in_progress"),
    "load": Step("AggregationEvent", "ADD", "loading", "in_transit"),
    "unload": Step("AggregationEvent", "DELETE", "unloading", "in_progress"),
    "install": Step("AssociationEvent", "ADD", "installing", "active"),
    "remove": Step("AssociationEvent", "DELETE", "removing", "inactive"),
}
"""The steps that a party can record, by the word that the command line takes."""


def event_time_ms(event: Mapping[str, Any]) -> int:
    """When an event happened, in whole milliseconds since 1970 UTC; finer fractions are cut off.

    Raises:
        StatementError: no such time, or before 1970.
    """
    text = event.get("eventTime")
    found = _TIME.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise StatementError(f"not the time of an event: {text!r:.100}")
    moment, fraction, zone = found.groups()
    try:
        since = datetime.fromisoformat(moment + zone) - datetime.fromisoformat("1970-01-01T00:00:00+00:00")
    except ValueError as error:
        raise StatementError(f"not the time of an event: {error}") from error
    if not timedelta(0) <= since < _YEAR_10000:
        raise StatementError(f"not the time of an event: {text} is before 1970 or after 9999")
    return since // timedelta(milliseconds=1) + int((fraction or "").ljust(3, "0")[:3])


def format_event_time(ms: int, offset: str = "+00:00") -> str:
    """``eventTime`` as written here: milliseconds, and the local offset it happened at."""
    sign = -1 if offset[0] == "-" else 1
    shift = sign * timedelta(hours=int(offset[1:3]), minutes=int(offset[4:6]))
    local = datetime.fromtimestamp(0, timezone(shift)) + timedelta(milliseconds=ms)
    return local.replace(tzinfo=None).isoformat(timespec="milliseconds") + offset


def subjects(event: Mapping[str, Any]) -> tuple[str, ...]:
    """Every URI that an event speaks about, as written: what it names in its lists, and its parent."""
    named = [*_named(event, (*_QUANTITY_LISTS, *_EPC_LISTS)), event.get("parentID")]
    return tuple(dict.fromkeys(n for n in named if isinstance(n, str)))


def streams_of(event: Mapping[str, Any], node: str) -> tuple[str, ...]:
    """The streams of the things that an event names, in its order.

    An asset that things are put into is left out: it has a history of its own, of what it measures.
    """
    named = dict.fromkeys(stream_of(uri, node) for uri in subjects(event))
    asset = entered_asset(event, node)
    return tuple(uri for uri in named if uri is not None and uri != asset)


def streams_for(event: Mapping[str, Any], node: str, party: str) -> tuple[str, ...]:
    """``streams_of``, or where there are none the stream of the party's other events."""
    return streams_of(event, node) or (party_events(node, party),)


def entered_asset(event: Mapping[str, Any], node: str) -> str | None:
    """The stream of the asset that an AggregationEvent puts things into or takes them out of."""
    parent = event.get("parentID")
    if event.get("type") != "AggregationEvent" or not isinstance(parent, str):
        return None
    uri = stream_of(parent, node)
    return uri if uri is not None and parse_stream(uri).kind is Kind.ASSET else None


def devices_of(event: Mapping[str, Any]) -> tuple[str, ...]:
    """The ids of the devices that an AssociationEvent installs or removes."""
    if event.get("type") != "AssociationEvent":
        return ()
    found = (_DEVICE.fullmatch(uri) for uri in _named(event, ("childEPCs",)))
    return tuple(device[1] for device in found if device is not None)


def begins(event: Mapping[str, Any], batch: str, node: str) -> bool:
    """Whether by an event a batch comes to be: it is made known, or made from something else."""
    if event.get("type") == "TransformationEvent":
        outputs = _named(event, ("outputEPCList", "outputQuantityList"))
        return any(canonical(uri, node) == batch for uri in outputs)
    return event.get("type") == "ObjectEvent" and event.get("action") == "ADD"


def makes(event: Mapping[str, Any], node: str) -> tuple[str, ...]:
    """The streams of the lots, items and logistic units that come to be by an event, or are packed by it.

    A crate or a logger that is put to a thing is not packed into it.
    """
    kind, adds = event.get("type"), event.get("action") == "ADD"
    if kind == "TransformationEvent":
        named = _named(event, ("outputEPCList", "outputQuantityList"))
    elif kind == "ObjectEvent" and adds:
        named = _named(event, ("epcList", "quantityList"))
    elif kind in ("AggregationEvent", "AssociationEvent") and adds and _packs_goods(event, node):
        named = [str(event.get("parentID"))]
    else:
        return ()
    streams = dict.fromkeys(stream_of(uri, node) for uri in named)
    return tuple(uri for uri in streams if uri is not None and _GOODS.fullmatch(uri))


def _packs_goods(event: Mapping[str, Any], node: str) -> bool:
    children = _named(event, ("childEPCs", "childQuantityList"))
    return any(_GOODS.fullmatch(canonical(uri, node)) for uri in children)


def inputs_of(event: Mapping[str, Any], node: str) -> tuple[str, ...]:
    """The canonical URIs of what a transformation used up."""
    named = _named(event, ("inputEPCList", "inputQuantityList"))
    return tuple(dict.fromkeys(canonical(uri, node) for uri in named))


def _named(event: Mapping[str, Any], lists: Iterable[str]) -> list[str]:
    """The URIs in some of an event's lists."""
    found = []
    for name in lists:
        value = event.get(name)
        for item in value if isinstance(value, list) else ():
            uri = item.get("epcClass") if isinstance(item, Mapping) else item
            if isinstance(uri, str):
                found.append(uri)
    return found
