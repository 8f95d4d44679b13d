"""What stands in each of the five event types, and what must.

Source: EPCIS 2.0 7.4 and 10; its JSON schema 2.0.1 (GS1, 2022). Where the schema lets an event
pass that says nothing (empty lists, no parent), the text of the standard is followed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from marshmallow import fields

from traceability.supply.epcis.cbv import (
    BIZ_STEPS,
    DISPOSITIONS,
    ERROR_REASONS,
    PARTY_TYPES,
    TRANSACTION_TYPES,
)
from traceability.supply.epcis.members import (
    Amount,
    Each,
    Identifier,
    OneOrMore,
    Part,
    Pattern,
    Shape,
    Time,
    Unit,
    Uri,
    Word,
)
from traceability.supply.epcis.sensors import SensorElement


class Place(Shape):
    """A read point or business location."""

    id = Identifier(required=True)


class Quantity(Shape):
    """How much of a class or lot."""

    extensible = False
    epcClass = Identifier(required=True)
    quantity = Amount()
    uom = Unit()

    def rules(self, value: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        if "uom" in value and "quantity" not in value:
            yield "quantity", "a number, because a unit is given"


class BizTransaction(Shape):
    """A document of the trade."""

    extensible = False
    type = Word(TRANSACTION_TYPES)
    bizTransaction = Identifier(required=True)


class Source(Shape):
    extensible = False
    type = Word(PARTY_TYPES, required=True)
    source = Identifier(required=True)


class Destination(Shape):
    extensible = False
    type = Word(PARTY_TYPES, required=True)
    destination = Identifier(required=True)


class PersistentDisposition(Shape):
    extensible = False
    set = Each(Word(DISPOSITIONS), least=1, unique=True)
    unset = Each(Word(DISPOSITIONS), least=1, unique=True)

    def rules(self, value: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        if not value:
            yield "set", "set or unset, or both"


class ErrorDeclaration(Shape):
    """That an earlier event, equal in all else, was wrong."""

    declarationTime = Time(required=True)
    reason = Word(ERROR_REASONS)
    correctiveEventIDs = Each(Uri())


class Ilmd(Shape):
    """Master data of an instance or lot: extensions only, CBV's own being ``cbvmda:...``."""


class Event(Shape):
    """What all five types have."""

    context = fields.Raw(data_key="@context")
    type = Pattern("[A-Za-z]+", "an event type", required=True)
    eventID = Uri()
    eventTime = Time(required=True)
    eventTimeZoneOffset = Pattern(
        "[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00)", "an offset from +00:00 to ±14:00", required=True
    )
    recordTime = Time()
    certificationInfo = OneOrMore(Uri())
    errorDeclaration = Part(ErrorDeclaration)
    bizStep = Word(BIZ_STEPS)
    disposition = Word(DISPOSITIONS)
    persistentDisposition = Part(PersistentDisposition)
    readPoint = Part(Place)
    bizLocation = Part(Place)
    bizTransactionList = Each(Part(BizTransaction))
    sourceList = Each(Part(Source))
    destinationList = Each(Part(Destination))
    sensorElementList = Each(Part(SensorElement))


def _action() -> Pattern:
    return Pattern("ADD|OBSERVE|DELETE", "ADD, OBSERVE or DELETE", required=True)


def _things() -> Each:
    return Each(Identifier(), unique=True)


def _amounts() -> Each:
    return Each(Part(Quantity))


class ObjectEvent(Event):
    """What happened to objects."""

    action = _action()
    epcList = _things()
    quantityList = _amounts()
    ilmd = Part(Ilmd)

    def rules(self, value: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        sensed = value.get("sensorElementList") and "readPoint" in value
        if not (value.get("epcList") or value.get("quantityList") or sensed):
            yield "epcList", "an object here or in quantityList, or else sensorElementList with readPoint"
        if "ilmd" in value and value["action"] != "ADD":
            yield "ilmd", "no master data unless action is ADD"


class AggregationEvent(Event):
    """What was put together physically, or taken apart."""

    action = _action()
    parentID = Identifier()
    childEPCs = _things()
    childQuantityList = _amounts()

    def rules(self, value: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        if "parentID" not in value and value["action"] != "OBSERVE":
            yield "parentID", "the URI of the parent, because action is not OBSERVE"
        yield from _children(value)


class AssociationEvent(Event):
    """What was joined to an asset or place, or parted from it."""

    action = _action()
    parentID = Identifier(required=True)
    childEPCs = _things()
    childQuantityList = _amounts()

    def rules(self, value: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        yield from _children(value)


def _children(value: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if not (value.get("childEPCs") or value.get("childQuantityList") or value["action"] == "DELETE"):
        yield "childEPCs", "a child here or in childQuantityList, because action is not DELETE"


class TransactionEvent(Event):
    """Which objects a document of the trade is about."""

    action = _action()
    bizTransactionList = Each(Part(BizTransaction), least=1, required=True)
    parentID = Identifier()
    epcList = _things()
    quantityList = _amounts()

    def rules(self, value: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        about = value.get("epcList") or value.get("quantityList") or "parentID" in value
        if not about and value["action"] != "DELETE":
            yield "epcList", "an object here, in quantityList or as parentID, because action is not DELETE"


class TransformationEvent(Event):
    """What was made of what."""

    transformationID = Identifier()
    inputEPCList = _things()
    inputQuantityList = _amounts()
    outputEPCList = _things()
    outputQuantityList = _amounts()
    ilmd = Part(Ilmd)

    def rules(self, value: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        sides = [
            (name, value.get(f"{name}EPCList") or value.get(f"{name}QuantityList"))
            for name in ("input", "output")
        ]
        empty = [name for name, there in sides if not there]
        if "transformationID" in value and len(empty) < len(sides):
            return
        for name in empty:
            yield f"{name}EPCList", f"an {name} here or in {name}QuantityList, or else a transformationID"


EVENTS: Final[Mapping[str, Event]] = {
    type(shape).__name__: shape
    for shape in (
        ObjectEvent(),
        AggregationEvent(),
        TransactionEvent(),
        TransformationEvent(),
        AssociationEvent(),
    )
}
"""The shape of each event type, by its name."""
