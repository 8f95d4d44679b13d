"""EPCIS 2.0 events, in the part of the standard that a journey needs.

Three of the five event types: an ``ObjectEvent`` says what happened to a batch; an
``AggregationEvent`` puts a batch into a monitored asset (ADD) or takes it out (DELETE); an
``AssociationEvent`` installs a device on an asset or a batch, or removes it.

Members with the prefix ``ft`` are this project's extension: ``ft:region`` (where, as coarse
as the party publishes it), ``ft:asset`` (what the asset is called), and in ``ilmd``
``ft:product`` (name) and ``ft:temperature`` (limits as integers). Texts for people are given
in English and Chinese.

Source: EPCIS 2.0 (GS1, 2022) 7.4; CBV 2.0 7.1 (business steps) and 7.2 (dispositions).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, Final

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from traceability.errors import IdentifierError, StatementError
from traceability.identifiers import parse_stream

NAMESPACE: Final = "https://food-traceability.example/ns/1#"
CONTEXT: Final[list[Any]] = [
    "https://ref.gs1.org/standards/epcis/epcis-context.jsonld",
    {"ft": NAMESPACE},
]
MAX_ELEMENTS: Final = 1000

_OFFSET = re.compile(r"[+-](?:0\d|1[0-3]):[0-5]\d|[+-]14:00")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,3})?(?:Z|[+-]\d\d:\d\d)")


@dataclass(frozen=True, slots=True)
class Step:
    """What a step of a journey is in EPCIS: event type, action and CBV words."""

    type: str
    action: str
    biz_step: str
    disposition: str


STEPS: Final[Mapping[str, Step]] = {
    "harvest": Step("ObjectEvent", "ADD", "creating_class_instance", "active"),
    "pack": Step("ObjectEvent", "OBSERVE", "packing", "in_progress"),
    "inspect": Step("ObjectEvent", "OBSERVE", "inspecting", "in_progress"),
    "ship": Step("ObjectEvent", "OBSERVE", "shipping", "in_transit"),
    "receive": Step("ObjectEvent", "OBSERVE", "receiving", "in_progress"),
    "sell": Step("ObjectEvent", "OBSERVE", "stocking", "sellable_accessible"),
    "store": Step("AggregationEvent", "ADD", "storing", "in_progress"),
    "retrieve": Step("AggregationEvent", "DELETE", "staging_outbound", "in_progress"),
    "load": Step("AggregationEvent", "ADD", "loading", "in_transit"),
    "unload": Step("AggregationEvent", "DELETE", "unloading", "in_progress"),
    "install": Step("AssociationEvent", "ADD", "installing", "active"),
    "remove": Step("AssociationEvent", "DELETE", "removing", "inactive"),
}
"""The steps that a party can record, by the word that the command line takes."""


def event_time_ms(event: Mapping[str, Any]) -> int:
    """When an event happened, in milliseconds since 1970 UTC.

    Raises:
        StatementError: no such time, or before 1970.
    """
    text = event.get("eventTime")
    if not isinstance(text, str) or not _TIME.fullmatch(text):
        raise StatementError(f"not the time of an event: {text!r:.100}")
    try:
        return _instant_ms(text)
    except ValueError as error:
        raise StatementError(f"not the time of an event: {error}") from error


def format_event_time(ms: int, offset: str = "+00:00") -> str:
    """``eventTime`` as written here: milliseconds, and the local offset it happened at."""
    sign = -1 if offset[0] == "-" else 1
    shift = sign * timedelta(hours=int(offset[1:3]), minutes=int(offset[4:6]))
    local = datetime.fromtimestamp(0, timezone(shift)) + timedelta(milliseconds=ms)
    return local.replace(tzinfo=None).isoformat(timespec="milliseconds") + offset


def subjects(event: Mapping[str, Any]) -> tuple[str, ...]:
    """Every URI that an event speaks about: what it names in its lists, and its parent.

    Works on partly disclosed events: what is hidden is simply not there.
    """
    named = [
        e.get("epcClass") for key in _QUANTITY_LISTS for e in _list(event, key) if isinstance(e, Mapping)
    ]
    named += [e for key in _EPC_LISTS for e in _list(event, key)]
    named.append(event.get("parentID"))
    return tuple(dict.fromkeys(n for n in named if isinstance(n, str)))


def _list(event: Mapping[str, Any], name: str) -> list[Any]:
    value = event.get(name)
    return value if isinstance(value, list) else []


_QUANTITY_LISTS: Final = ("quantityList", "childQuantityList", "inputQuantityList", "outputQuantityList")
_EPC_LISTS: Final = ("epcList", "childEPCs", "inputEPCList", "outputEPCList")


def _uri(value: str) -> None:
    if not value.startswith("https://") or not value.isascii() or len(value) > 512 or " " in value:
        raise ValidationError("an https URI of at most 512 ASCII characters is needed")


def _stream(value: str) -> None:
    try:
        parse_stream(value)
    except IdentifierError as error:
        raise ValidationError(str(error)) from error


class _Quantity(Schema):
    epcClass = fields.String(required=True, validate=_stream)
    quantity = fields.Raw()
    uom = fields.String(validate=validate.Regexp(r"[0-9A-Z]{2,3}\Z"))

    @validates_schema
    def number(self, data: dict[str, Any], **_: Any) -> None:
        quantity = data.get("quantity", 1)
        if (
            isinstance(quantity, bool)
            or not isinstance(quantity, (int, Decimal))
            or not Decimal(quantity).is_finite()
            or quantity < 0
        ):
            raise ValidationError("a whole number or a decimal, not negative, is needed", "quantity")


class _Place(Schema):
    id = fields.String(required=True, validate=_uri)


class _Names(Schema):
    en = fields.String(required=True, validate=validate.Length(1, 200))
    zh = fields.String(required=True, validate=validate.Length(1, 200))


class _Temperature(Schema):
    lowMilliCelsius = fields.Integer(required=True, strict=True, validate=validate.Range(-100_000, 100_000))
    highMilliCelsius = fields.Integer(required=True, strict=True, validate=validate.Range(-100_000, 100_000))
    maxGapSeconds = fields.Integer(required=True, strict=True, validate=validate.Range(1, 86_400))

    @validates_schema
    def ordered(self, data: dict[str, Any], **_: Any) -> None:
        if data["lowMilliCelsius"] >= data["highMilliCelsius"]:
            raise ValidationError("the low limit must be below the high limit", "lowMilliCelsius")


class _Ilmd(Schema):
    product = fields.Nested(_Names, required=True, data_key="ft:product")
    temperature = fields.Nested(_Temperature, data_key="ft:temperature")
    harvested = fields.String(
        validate=validate.Regexp(r"\d{4}-\d\d-\d\d\Z"), data_key="cbvmda:harvestStartDate"
    )
    best_before = fields.String(
        validate=validate.Regexp(r"\d{4}-\d\d-\d\d\Z"), data_key="cbvmda:bestBeforeDate"
    )


_BIZ_STEPS = sorted({step.biz_step for step in STEPS.values()})
_DISPOSITIONS = sorted({step.disposition for step in STEPS.values()})


class EventSchema(Schema):
    """One event; unknown members are refused."""

    context = fields.Raw(required=True, data_key="@context", validate=validate.Equal(CONTEXT))
    type = fields.String(
        required=True, validate=validate.OneOf(("ObjectEvent", "AggregationEvent", "AssociationEvent"))
    )
    action = fields.String(required=True, validate=validate.OneOf(("ADD", "OBSERVE", "DELETE")))
    eventTime = fields.String(required=True, validate=validate.Regexp(_TIME.pattern + r"\Z"))
    eventTimeZoneOffset = fields.String(required=True, validate=validate.Regexp(rf"(?:{_OFFSET.pattern})\Z"))
    bizStep = fields.String(required=True, validate=validate.OneOf(_BIZ_STEPS))
    disposition = fields.String(validate=validate.OneOf(_DISPOSITIONS))
    parentID = fields.String(validate=_stream)
    childEPCs = fields.List(fields.String(validate=_uri), validate=validate.Length(1, MAX_ELEMENTS))
    quantityList = fields.List(fields.Nested(_Quantity), validate=validate.Length(1, MAX_ELEMENTS))
    childQuantityList = fields.List(fields.Nested(_Quantity), validate=validate.Length(1, MAX_ELEMENTS))
    readPoint = fields.Nested(_Place)
    ilmd = fields.Nested(_Ilmd)
    region = fields.Nested(_Names, data_key="ft:region")
    asset = fields.Nested(_Names, data_key="ft:asset")

    @validates_schema
    def shape(self, data: dict[str, Any], **_: Any) -> None:
        wanted = {
            "ObjectEvent": {"quantityList"},
            "AggregationEvent": {"parentID", "childQuantityList"},
            "AssociationEvent": {"parentID", "childEPCs"},
        }[data["type"]]
        lists = {"quantityList", "parentID", "childQuantityList", "childEPCs"}
        if wanted != lists & set(data):
            raise ValidationError(f"an {data['type']} has {' and '.join(sorted(wanted))}", "type")
        if "ilmd" in data and data["action"] != "ADD":
            raise ValidationError("master data stand in the event that creates the batch", "ilmd")

    @validates_schema
    def real_time(self, data: dict[str, Any], **_: Any) -> None:
        try:
            _instant_ms(data["eventTime"])
        except ValueError as error:
            raise ValidationError(f"not a time: {error}", "eventTime") from error


def check_event(event: Mapping[str, Any]) -> None:
    """Refuse an event that is not one of those described above.

    Raises:
        StatementError: names each member that is wrong, and why.
    """
    problems = EventSchema().validate(dict(event))
    if problems:
        shown = "; ".join(_problems("", problems))
        raise StatementError(f"not an event that this version takes: {shown}")


def _problems(place: str, found: Any) -> Iterator[str]:
    """What marshmallow found, a sentence for each member."""
    if isinstance(found, Mapping):
        for name, inner in sorted(found.items(), key=lambda item: str(item[0])):
            yield from _problems(f"{place}/{name}" if place else str(name), inner)
    else:
        yield f"{place}: {', '.join(map(str, found))}"


def _instant_ms(text: str) -> int:
    since = datetime.fromisoformat(text) - datetime.fromisoformat("1970-01-01T00:00:00+00:00")
    if since < timedelta(0):
        raise ValueError(f"{text} is before 1970")
    return since // timedelta(milliseconds=1)
