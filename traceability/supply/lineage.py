"""Lineage: what an event says about which thing became part of which, as links of a graph.

    batch --INPUT--> process --OUTPUT--> batch       transformed, split, merged, relabelled
    child --PACK--> parent, child --UNPACK--> parent   inside from one time until another
    child --TAKE--> parent                             some of it taken out: by its quantity
    child --SEEN--> parent                             inside at that time, since when is not said

A process is a node of its own. Its URI is the event's ``transformationID``, so that all events of
one transformation meet in it, and otherwise the name that the caller gives to the event.

* A TransformationEvent links its inputs and outputs to its process.
* An ObjectEvent ADD whose ``ilmd`` names ``ft:parents`` (URIs, or quantities as in ``quantityList``)
  links these as inputs and what it adds as outputs; an item added with a ``cbvmda:lotNumber`` has the
  lot of its GTIN as parent. CBV 2.0 has no other attribute that names what a lot was made from.
* An AggregationEvent packs (ADD), unpacks (DELETE) or shows (OBSERVE) children in their parent; so does
  an AssociationEvent between GS1 keys, which leaves out devices. A DELETE without children empties the
  parent: one UNPACK from the parent to itself.
* Everything else makes no link; every event mentions what it names.

A quantity of a product without its lot (a bare GTIN) is a thing of its own in each process or parent:
joining them by their product would make every batch of it the ancestor of every other.

An error declaration makes no links; what it annuls are ``links_of`` the event that it repeats, which
the caller takes out.

Source: EPCIS 2.0 7.4 (7.4.3.1: a DELETE without children means all of them); CBV 2.0 9 (ILMD).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import IntEnum
from typing import Any, Final

from traceability.errors import StatementError
from traceability.identifiers import canonical, encode_value
from traceability.supply.epcis.events import event_time_ms

SINGLE: Final = "event:"
"""Begins the name of a process that is one event."""
MAX_DIGITS: Final = 30
"""Of a quantity, and the largest power of ten in it: beyond that it is no amount of food."""
MAX_UOM_CHARS: Final = 8

_WITHOUT_LOT = re.compile(r"https://[^/]+/(?:01/\d{14}|8003/\d{14}|8006/\d{18}|8010/[^/]+|25[35]/\d{13})")
_ITEM = re.compile(r"(https://[^/]+/01/\d{14})/21/[^/]+")
_PHYSICAL = re.compile(r"https://[^/]+/(?:00|01|8003|8004|8006|8010)/[^/]+(?:/.*)?")
_LOT: Final = "cbvmda:lotNumber"
_PARENTS: Final = "ft:parents"

_LISTS: Final = {
    "epc": ("epcList", "quantityList"),
    "child": ("childEPCs", "childQuantityList"),
    "input": ("inputEPCList", "inputQuantityList"),
    "output": ("outputEPCList", "outputQuantityList"),
}
"""By role: where an event names single things, and where classes with quantities."""


class LinkKind(IntEnum):
    """What a link says; from ``PACK`` on it is about a child and its parent."""

    INPUT = 1
    OUTPUT = 2
    PACK = 3
    UNPACK = 4
    SEEN = 5
    TAKE = 6


@dataclass(frozen=True, slots=True)
class Link:
    """One edge of the graph; ``quantity`` is a decimal as text, ``uom`` a code of UN/ECE Rec 20."""

    src: str
    kind: LinkKind
    at_ms: int
    dst: str
    quantity: str | None = None
    uom: str | None = None


@dataclass(frozen=True, slots=True)
class Mention:
    """An event names a thing, as ``epc``, ``parent``, ``child``, ``input`` or ``output``."""

    uri: str
    role: str


@dataclass(frozen=True, slots=True)
class Amount:
    """A thing, and how much of it; no quantity is all of it."""

    uri: str
    quantity: Decimal | None = None
    uom: str | None = None


def thing_id(uri: str) -> int:
    """The number of a thing or process: the first eight bytes of SHA-256 of its URI, signed."""
    return int.from_bytes(hashlib.sha256(uri.encode("utf-8")).digest()[:8], "big", signed=True)


def mentions_of(event: Mapping[str, Any], node: str) -> tuple[Mention, ...]:
    """Everything an event names, each once a role; by these, shipments and holders are found."""
    found = [Mention(amount.uri, role) for role in _LISTS for amount in named(event, role, node)]
    if isinstance(event.get("parentID"), str):
        found.append(Mention(canonical(event["parentID"], node), "parent"))
    return tuple(dict.fromkeys(found))


def links_of(event: Mapping[str, Any], name: str, node: str) -> tuple[Link, ...]:
    """The links that an event makes; none for an error declaration.

    Works on what is left of an erased event, in which a member is missing; what names a thing and
    what happened to it are never erased.

    Args:
        event: as it was written, checked by the model.
        name: URI of the event's own process, should it be one.
        node: whose restricted circulation numbers these are.

    Returns:
        Each (source, kind, time, destination) once.

    Raises:
        StatementError: a parent or a quantity that is none; the message says what was expected.
    """
    if "errorDeclaration" in event:
        return ()
    kind, action, parent = event.get("type"), event.get("action"), event.get("parentID")
    if kind == "TransformationEvent":
        shared = event.get("transformationID")
        # What stands for a single event is never taken for a name that somebody gave.
        process = shared if shared and not shared.startswith(SINGLE) else name
        links = _process(process, event, named(event, "input", node), named(event, "output", node))
    elif kind == "ObjectEvent" and action == "ADD":
        links = _made(name, event, node)
    elif kind in {"AggregationEvent", "AssociationEvent"} and isinstance(parent, str):
        links = _packing(canonical(parent, node), event, node)
    else:
        return ()
    return _merged(links)


def _process(
    process: str, event: Mapping[str, Any], ins: Iterable[Amount], outs: Iterable[Amount]
) -> Iterator[Link]:
    at_ms = event_time_ms(event)
    for amount in ins:
        yield Link(_distinct(amount.uri, process), LinkKind.INPUT, at_ms, process, *_texts(amount))
    for amount in outs:
        yield Link(process, LinkKind.OUTPUT, at_ms, _distinct(amount.uri, process), *_texts(amount))


def _made(process: str, event: Mapping[str, Any], node: str) -> Iterator[Link]:
    """What an ObjectEvent adds, made from the parents that its master data name."""
    ilmd = event.get("ilmd")
    if not isinstance(ilmd, Mapping):
        return
    made = list(named(event, "epc", node))
    parents = [*_parents(ilmd, node), *_lots(ilmd, made)]
    own = {parent.uri for parent in parents}
    new = [amount for amount in made if amount.uri not in own]  # nothing is made from itself
    if parents and new:
        yield from _process(process, event, parents, new)


def _parents(ilmd: Mapping[str, Any], node: str) -> Iterator[Amount]:
    given = ilmd.get(_PARENTS, [])
    for parent in given if isinstance(given, list) else [given]:
        quantity = parent if isinstance(parent, Mapping) else {"epcClass": parent}
        if not isinstance(quantity.get("epcClass"), str):
            raise StatementError(
                f"ilmd/{_PARENTS} holds {parent!r:.60}: expected a URI, or epcClass, quantity and uom"
            )
        yield _quantity(quantity, node)


def _lots(ilmd: Mapping[str, Any], made: Iterable[Amount]) -> Iterator[Amount]:
    """The lots that new items say they are of."""
    lot = ilmd.get(_LOT)
    if isinstance(lot, str) and 1 <= len(lot) <= 20:
        items = (_ITEM.fullmatch(amount.uri) for amount in made)
        yield from (
            Amount(uri) for uri in dict.fromkeys(f"{i[1]}/10/{encode_value(lot)}" for i in items if i)
        )


def _packing(parent: str, event: Mapping[str, Any], node: str) -> Iterator[Link]:
    kind = {"ADD": LinkKind.PACK, "DELETE": LinkKind.UNPACK, "OBSERVE": LinkKind.SEEN}.get(
        str(event.get("action"))
    )
    if kind is None:
        return
    at_ms, children = event_time_ms(event), list(named(event, "child", node))
    if event["type"] == "AssociationEvent" and not all(
        _PHYSICAL.fullmatch(uri) for uri in (parent, *(child.uri for child in children))
    ):
        return
    if not children and kind is LinkKind.UNPACK:
        yield Link(parent, kind, at_ms, parent)
    for child in children:
        if child.uri != parent:  # nothing is inside itself
            some = kind is LinkKind.UNPACK and child.quantity is not None
            way = LinkKind.TAKE if some else kind
            yield Link(_distinct(child.uri, parent), way, at_ms, parent, *_texts(child))


def named(event: Mapping[str, Any], role: str, node: str) -> Iterator[Amount]:
    """What an event names in one role (``epc``, ``child``, ``input``, ``output``), and how much of it.

    Raises:
        StatementError: a quantity that is none.
    """
    epcs, classes = _LISTS[role]
    for uri in _list(event, epcs):
        if isinstance(uri, str):
            yield Amount(canonical(uri, node))
    for quantity in _list(event, classes):
        if isinstance(quantity, Mapping) and isinstance(quantity.get("epcClass"), str):
            yield _quantity(quantity, node)


def _list(event: Mapping[str, Any], name: str) -> list[Any]:
    value = event.get(name)
    return value if isinstance(value, list) else []


def _quantity(given: Mapping[str, Any], node: str) -> Amount:
    value, uom = given.get("quantity"), given.get("uom")
    if value is None:
        return Amount(canonical(given["epcClass"], node))
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or not _is_plain(Decimal(value)):
        raise StatementError(
            f"quantity {value!r:.60}: expected a number of at most {MAX_DIGITS} digits, 1e30 at most"
        )
    if uom is not None and not (isinstance(uom, str) and len(uom) <= MAX_UOM_CHARS):
        raise StatementError(f"uom {uom!r:.60}: expected a code of UN/ECE Recommendation 20, such as KGM")
    return Amount(canonical(given["epcClass"], node), Decimal(value) or Decimal(0), uom)


def _is_plain(value: Decimal) -> bool:
    return (
        value.is_finite()
        and (not value or abs(value.adjusted()) <= MAX_DIGITS)
        # The text has all its digits, and is had in a tenth of the time that they take.
        and (len(str(value)) <= MAX_DIGITS or len(value.as_tuple().digits) <= MAX_DIGITS)
    )


def _texts(amount: Amount) -> tuple[str | None, str | None]:
    return (None if amount.quantity is None else f"{amount.quantity:f}"), amount.uom


def _distinct(uri: str, place: str) -> str:
    """A product without its lot becomes a thing of its own in ``place``; everything else is itself."""
    if not _WITHOUT_LOT.fullmatch(uri):
        return uri
    return f"{uri}#{hashlib.sha256(place.encode('utf-8')).hexdigest()[:16]}"


def _merged(links: Iterable[Link]) -> tuple[Link, ...]:
    """Each edge once: what one event names twice is added up, or unknown where it cannot be."""
    found: dict[tuple[str, LinkKind, int, str], Link] = {}
    for link in links:
        key = (link.src, link.kind, link.at_ms, link.dst)
        before = found.setdefault(key, link)
        if before is not link:
            same = before.uom == link.uom and before.quantity is not None and link.quantity is not None
            total = f"{Decimal(before.quantity or 0) + Decimal(link.quantity or 0):f}" if same else None
            found[key] = replace(before, quantity=total, uom=before.uom if same else None)
    return tuple(found.values())
