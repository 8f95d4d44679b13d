"""What the parameters of SimpleEventQuery are about (EPCIS 2.0 8.2.7.1): one table, by name.

Names stand here without their operators: ``bizStep`` for ``EQ_bizStep``. They are those of the REST
binding, which spells one of them in two ways (``errorDeclaration_Time``, ``errorDeclarationTime``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from traceability.supply.epcis import cbv
from traceability.supply.queries import matching
from traceability.supply.queries.matching import Index, Path, Reading

ORDER: Final = frozenset({"GT", "GE", "LT", "LE"})
_NUMBERS: Final = ORDER | {"EQ"}
_SINCE: Final = frozenset({"GE", "LT"})
_EQ: Final = frozenset({"EQ"})
_EXISTS: Final = frozenset({"EXISTS"})
_PLACES: Final = frozenset({"EQ", "WD"})

ACTIONS: Final = frozenset({"ADD", "OBSERVE", "DELETE"})
EVENT_TYPES: Final = frozenset(
    {"ObjectEvent", "AggregationEvent", "AssociationEvent", "TransformationEvent", "TransactionEvent"}
)

METADATA: Final = ("sensorElementList", "sensorMetadata")
REPORT: Final = ("sensorElementList", "sensorReport")
QUANTITIES: Final = (
    ("quantityList",),
    ("childQuantityList",),
    ("inputQuantityList",),
    ("outputQuantityList",),
)


@dataclass(frozen=True, slots=True)
class Field:
    """What a parameter is about.

    Attributes:
        paths: where it stands in an event.
        read: how a value there is read, and one that is asked for.
        operators: those that it can be asked for with.
        index: where the store finds it.
        words: of the values without a colon, those that there are.
    """

    paths: tuple[Path, ...]
    read: Reading
    operators: frozenset[str] = _EQ
    index: Index | None = None
    words: frozenset[str] | None = None


def _member(name: str, read: Reading, column: str, operators: frozenset[str] = _EQ) -> Field:
    return Field((tuple(name.split(".")),), read, operators, Index("column", (column,), name.split(".")[0]))


def _word(path: Path, words: cbv.WordList, vocabulary: str, column: str = "") -> Field:
    index = Index("column", (column,), path[0]) if column else None
    return Field((path,), matching.word(vocabulary), _EQ, index, words.words)


def _things(roles: str, *paths: Path) -> Field:
    """Things that an event names, in one of the roles under which the store finds them."""
    index = Index("mention", tuple(roles.split()), paths[0][0])
    return Field(paths, matching.identifier, frozenset({"MATCH"}), index)


def _classes(*lists: Path) -> tuple[Path, ...]:
    return tuple((*path, "epcClass") for path in lists)


def _reported(member: str, read: Reading, operators: frozenset[str] = _EQ) -> Field:
    return Field(((*REPORT, member),), read, operators)


def _sensed(member: str, read: Reading, operators: frozenset[str] = _EQ) -> Field:
    """What stands in a sensor's report, or for all reports of an element in its metadata."""
    return Field(((*REPORT, member), (*METADATA, member)), read, operators)


_DECLARED: Final = Field((("errorDeclaration", "declarationTime"),), matching.instant, _SINCE)

FIELDS: Final[Mapping[str, Field]] = {
    "eventType": Field((("type",),), matching.text, _EQ, Index("column", ("type",), "type"), EVENT_TYPES),
    "eventTime": _member("eventTime", matching.instant, "at_ms", _SINCE),
    "recordTime": Field((("recordTime",),), matching.instant, _SINCE, Index("column", ("recorded_ms",), "")),
    "action": Field((("action",),), matching.text, _EQ, Index("column", ("action",), "action"), ACTIONS),
    "bizStep": _word(("bizStep",), cbv.BIZ_STEPS, "bizStep", "biz_step"),
    "disposition": _word(("disposition",), cbv.DISPOSITIONS, "disposition", "disposition"),
    "persistentDisposition_set": _word(
        ("persistentDisposition", "set"), cbv.DISPOSITIONS, "persistentDisposition"
    ),
    "persistentDisposition_unset": _word(
        ("persistentDisposition", "unset"), cbv.DISPOSITIONS, "persistentDisposition"
    ),
    "readPoint": _member("readPoint.id", matching.identifier, "read_point", _PLACES),
    "bizLocation": _member("bizLocation.id", matching.identifier, "biz_location", _PLACES),
    "transformationID": _member("transformationID", matching.text, "transformation"),
    "eventID": _member("eventID", matching.text, "event_id"),
    "epc": _things("epc child", ("epcList",), ("childEPCs",)),
    "parentID": _things("parent", ("parentID",)),
    "inputEPC": _things("input", ("inputEPCList",)),
    "outputEPC": _things("output", ("outputEPCList",)),
    "anyEPC": _things(
        "epc child parent input output",
        ("epcList",),
        ("childEPCs",),
        ("parentID",),
        ("inputEPCList",),
        ("outputEPCList",),
    ),
    "epcClass": _things("epc child", *_classes(*QUANTITIES[:2])),
    "inputEPCClass": _things("input", *_classes(QUANTITIES[2])),
    "outputEPCClass": _things("output", *_classes(QUANTITIES[3])),
    "anyEPCClass": _things("epc child input output", *_classes(*QUANTITIES)),
    "errorDeclaration": Field((("errorDeclaration",),), matching.text, _EXISTS),
    "errorDeclaration_Time": _DECLARED,
    "errorDeclarationTime": _DECLARED,
    "errorReason": _word(("errorDeclaration", "reason"), cbv.ERROR_REASONS, "errorDeclaration"),
    "correctiveEventID": Field((("errorDeclaration", "correctiveEventIDs"),), matching.text),
    "sensorElementList": Field((("sensorElementList",),), matching.text, _EXISTS),
    "time": _sensed("time", matching.instant, _SINCE),
    "startTime": Field(((*METADATA, "startTime"),), matching.instant, _SINCE),
    "endTime": Field(((*METADATA, "endTime"),), matching.instant, _SINCE),
    "type": _word((*REPORT, "type"), cbv.MEASUREMENT_TYPES, "sensorReport"),
    "deviceID": _sensed("deviceID", matching.identifier),
    "dataProcessingMethod": _sensed("dataProcessingMethod", matching.identifier),
    "bizRules": _sensed("bizRules", matching.identifier),
    "microorganism": _reported("microorganism", matching.identifier),
    "chemicalSubstance": _reported("chemicalSubstance", matching.identifier),
    "stringValue": _reported("stringValue", matching.text),
    "booleanValue": _reported("booleanValue", matching.truth),
    "hexBinaryValue": _reported("hexBinaryValue", matching.hexadecimal),
    "uriValue": _reported("uriValue", matching.identifier),
    "percRank": _reported("percRank", matching.number, ORDER),
}
"""The parameters whose names are fixed."""

SENSOR_MEMBERS: Final[Mapping[str, Reading]] = {
    **dict.fromkeys(("time", "startTime", "endTime"), matching.instant),
    **dict.fromkeys(
        ("deviceID", "deviceMetadata", "rawData", "dataProcessingMethod", "bizRules"), matching.identifier
    ),
}
"""Standard members that can be asked for in one place alone, as ``EQ_SENSORREPORT_deviceID``."""

MEASURES: Final[Mapping[str, frozenset[str]]] = {
    "quantity": _NUMBERS,
    "value": _NUMBERS,
    **dict.fromkeys(("minValue", "maxValue", "meanValue", "sDev", "percValue"), ORDER),
}
"""Numbers with a unit in the parameter's name (``GE_value_CEL``), and their operators."""

TYPED: Final[Mapping[str, cbv.WordList]] = {
    "bizTransaction": cbv.TRANSACTION_TYPES,
    "source": cbv.PARTY_TYPES,
    "destination": cbv.PARTY_TYPES,
}
"""Entries of lists with a type in the parameter's name (``EQ_source_owning_party``)."""

AREAS: Final[Mapping[str, Path]] = {
    "ILMD_": ("ilmd",),
    "ERROR_DECLARATION_": ("errorDeclaration",),
    "SENSORELEMENT_": ("sensorElementList",),
    "SENSORMETADATA_": METADATA,
    "SENSORREPORT_": REPORT,
    "readPoint_": ("readPoint",),
    "bizLocation_": ("bizLocation",),
    "": (),
}
"""Where extensions stand (``EQ_ILMD_ext:colour``); the last is the event itself."""
