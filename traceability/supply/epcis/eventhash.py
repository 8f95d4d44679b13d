"""Event hash IDs: a name for an event that follows from what it says (CBV 2.0 8.9).

An event is written as one *pre-hash string*: its members in a fixed order, lists sorted, times in
UTC, words and identifiers as full URIs. Its SHA-256 in an ``ni`` URI (RFC 6920) is the event hash
ID, the same for every spelling of the same event. Each version of the algorithm is one row of
:data:`VERSIONS`. The string has no separators and no types: ``"007"``, ``"7"`` and ``7.0`` are one
value in it. It finds an event; it does not prove that two events are the same bytes.

Source: CBV 2.0 8.9 and its published examples (docs/adr/0013-event-hash-ids.md).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

from traceability.errors import IdentifierError, OversizeError, StatementError
from traceability.gs1 import MAX_URI_CHARS, parse_key
from traceability.identifiers import GS1_HOST
from traceability.supply.epcis.context import RDFS, Context

MAX_DEPTH: Final = 32
"""Nesting of objects and lists in an extension."""

_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]{1,64}(?:\.[0-9]{0,64})?|\.[0-9]{1,64})(?:[eE][+-]?[0-9]{1,2})?")
_MAX_DIGITS: Final = 256
"""Before or behind the decimal point of a number."""
_TIME: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]{1,18})?(Z|[+-][0-9]{2}:[0-9]{2})"
)
_KEY_NAMES: Final = dict(
    re.findall(
        r"([a-z]+) (\d+)",
        "gtin 01, cpv 22, lot 10, ser 21, sscc 00, gln 414, party 417, gdti 253, gcn 255, ginc 401, "
        "gsin 402, grai 8003, giai 8004, itip 8006, cpid 8010, gsrnp 8017, gsrn 8018",
    )
)
"""What Digital Link 1.1 could write for an application identifier."""
_KEY_NAME: Final = re.compile(rf"(?<=/)(?:{'|'.join(_KEY_NAMES)})(?=/)")


@dataclass(frozen=True, slots=True)
class Member:
    """One member of an event in the pre-hash string."""

    name: str
    members: tuple[Member, ...] = ()
    """What stands inside, in its order."""
    element: str | None = None
    """Written before each element of a list whose own name is written once; None: that name is."""
    words: str = ""
    """A key of :data:`~traceability.supply.epcis.context.VOCABULARIES`."""
    is_time: bool = False


@dataclass(frozen=True, slots=True)
class Version:
    """One version of the algorithm: the order of members, and what takes no part."""

    name: str
    order: tuple[Member, ...]
    left_out: frozenset[str]
    """Members of the event."""
    left_out_everywhere: frozenset[str]
    """Full names of members at any depth."""


_ANY: Final = Member("")


def _plain(*names: str) -> tuple[Member, ...]:
    return tuple(map(Member, names))


def _times(*names: str) -> tuple[Member, ...]:
    return tuple(Member(name, is_time=True) for name in names)


def _epcs(name: str) -> Member:
    return Member(name, element="epc")


def _quantities(name: str) -> Member:
    return Member(name, _plain("epcClass", "quantity", "uom"), element="quantityElement")


def _typed(name: str, member: str) -> Member:
    return Member(name, (Member("type", words=name), Member(member)), element="")


_DEVICE: Final = _plain("deviceID", "deviceMetadata", "rawData", "dataProcessingMethod")
_SENSOR_METADATA: Final = (*_times("time", "startTime", "endTime"), *_DEVICE, Member("bizRules"))
_SENSOR_REPORT: Final = (
    Member("type", words="sensorReport"),
    Member("exception", words="exception"),
    *_DEVICE,
    *_times("time"),
    *_plain("microorganism", "chemicalSubstance", "value"),
    Member("component", words="component"),
    *_plain("stringValue", "booleanValue", "hexBinaryValue", "uriValue"),
    *_plain("minValue", "maxValue", "meanValue", "sDev", "percRank", "percValue"),
    *_plain("uom", "coordinateReferenceSystem"),
)
_CBV_2_0: Final = Version(
    name="CBV2.0",
    order=(
        *_times("eventTime"),
        *_plain("eventTimeZoneOffset", "certificationInfo"),
        _epcs("epcList"),
        Member("parentID"),
        _epcs("inputEPCList"),
        _epcs("childEPCs"),
        *map(_quantities, ("quantityList", "childQuantityList", "inputQuantityList")),
        _epcs("outputEPCList"),
        _quantities("outputQuantityList"),
        *_plain("action", "transformationID"),
        Member("bizStep", words="bizStep"),
        Member("disposition", words="disposition"),
        Member(
            "persistentDisposition",
            tuple(Member(name, words="persistentDisposition") for name in ("set", "unset")),
        ),
        Member("readPoint", _plain("id")),
        Member("bizLocation", _plain("id")),
        Member(
            "sensorElementList",
            (Member("sensorMetadata", _SENSOR_METADATA), Member("sensorReport", _SENSOR_REPORT)),
            element="sensorElement",
        ),
        _typed("bizTransactionList", "bizTransaction"),
        _typed("destinationList", "destination"),
        Member("ilmd"),
        _typed("sourceList", "source"),
    ),
    left_out=frozenset({"@context", "type", "eventID", "recordTime", "errorDeclaration"}),
    left_out_everywhere=frozenset({RDFS + "comment"}),
)

VERSIONS: Final[Mapping[str, Version]] = MappingProxyType({row.name: row for row in (_CBV_2_0,)})
"""The algorithms by the name that stands behind ``ver=``."""


def event_hash(
    event: Mapping[str, Any], context: Context, version: str = "CBV2.0", ignore: frozenset[str] = frozenset()
) -> str:
    """The event hash ID, ``ni:///sha-256;{64 hexadecimal digits}?ver={version}``.

    Arguments and errors are those of :func:`prehash`.
    """
    text = prehash(event, context, version, ignore)
    return f"ni:///sha-256;{hashlib.sha256(text.encode('utf-8')).hexdigest()}?ver={version}"


def prehash(
    event: Mapping[str, Any], context: Context, version: str = "CBV2.0", ignore: frozenset[str] = frozenset()
) -> str:
    """The string whose hash names the event, for people who look for a difference.

    Args:
        event: as it was read; numbers are int or Decimal.
        context: what its prefixes mean.
        version: a key of :data:`VERSIONS`.
        ignore: further extension members that take no part, at any depth, by name or full IRI.

    Raises:
        StatementError: no such version, no event type, or a time that is none.
        OversizeError: nested deeper than MAX_DEPTH.
    """
    if version not in VERSIONS:
        raise StatementError(f"no event hash {version!r:.40}: known are {', '.join(VERSIONS)}")
    if not isinstance(event.get("type"), str):
        raise StatementError("an event without type has no event hash")
    row = VERSIONS[version]
    left_out = row.left_out_everywhere | {context.expand_name(name) for name in ignore}
    taking_part = {name: value for name, value in event.items() if name not in row.left_out}
    return f"eventType={event['type']}" + _Writer(context, left_out).node(taking_part, row.order, MAX_DEPTH)


@dataclass(frozen=True, slots=True)
class _Writer:
    """Writes the parts of one event."""

    context: Context
    left_out: frozenset[str]

    def node(self, value: Mapping[str, Any], order: tuple[Member, ...], depth_left: int) -> str:
        """An object: the standard's members in their order, then all others sorted."""
        if depth_left == 0:
            raise OversizeError(f"an event nested deeper than {MAX_DEPTH} has no event hash")
        parts = [
            self.member(member, value[member.name], depth_left) for member in order if member.name in value
        ]
        known = {member.name for member in order}
        others = (item for item in value.items() if item[0] not in known)
        parts += sorted(part for name, inner in others for part in self.extension(name, inner, depth_left))
        return "".join(parts)

    def member(self, member: Member, value: Any, depth_left: int) -> str:
        """One member of the standard; nothing where it is empty."""
        name = member.name if member.element is None else member.element
        values = value if isinstance(value, list) else [value]
        text = "".join(sorted(self.element(name, member, one, depth_left) for one in values))
        return member.name + text if text and member.element is not None else text

    def element(self, name: str, member: Member, value: Any, depth_left: int) -> str:
        if isinstance(value, Mapping):
            inner = self.node(value, member.members, depth_left - 1)
            return name + inner if inner else ""
        text = self.text(value, member)
        return f"{name}={text}" if text else ""

    def extension(self, name: str, value: Any, depth_left: int) -> Iterator[str]:
        """A member that the standard does not know, under its full name: one part for each value."""
        if self.context.expand_name(name) in self.left_out:
            return
        namespace, local = self.context.split_name(name)
        label = f"{{{namespace}}}{local}" if namespace else name
        for one in value if isinstance(value, list) else [value]:
            if one is not None:
                yield label + self.content(one, depth_left - 1)

    def content(self, value: Any, depth_left: int) -> str:
        if isinstance(value, Mapping):
            return self.node(value, (), depth_left)
        if isinstance(value, list):
            if depth_left == 0:
                raise OversizeError(f"an event nested deeper than {MAX_DEPTH} has no event hash")
            return "".join(sorted(self.content(one, depth_left - 1) for one in value))
        text = self.text(value)
        return f"={text}" if text else ""

    def text(self, value: Any, member: Member = _ANY) -> str:
        """A single value in its one form; empty for null."""
        if value is None or isinstance(value, bool):
            return {None: "", True: "true", False: "false"}[value]
        if isinstance(value, (int, Decimal)):
            return _number(value)
        if not isinstance(value, str):
            raise StatementError(f"a {type(value).__name__} where an event has a single value")
        text = value.strip()
        if member.is_time:
            return _time(text)
        if member.words:
            return self.context.expand_word(member.words, text)
        if _NUMBER.fullmatch(text):
            return _number(Decimal(text))
        return _identifier(self.context.expand_value(text))


def _number(value: int | Decimal) -> str:
    """A number without exponent, sign of zero, or zeros at its end."""
    number = Decimal(value)
    if not number.is_finite() or abs(number.adjusted()) > _MAX_DIGITS:
        raise OversizeError(f"a number that needs more than {_MAX_DIGITS} digits has no event hash")
    text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").removesuffix(".")
    return "0" if number == 0 else text


def _time(text: str) -> str:
    """A time in UTC to the millisecond; half a millisecond counts as one."""
    found = _TIME.fullmatch(text)
    if found is None:
        raise StatementError(f"{text!r:.64} is not a time with offset such as 2026-01-02T03:04:05.678+01:00")
    seconds, fraction, offset = found.groups()
    try:
        moment = datetime.fromisoformat(seconds + offset).astimezone(UTC)
        moment += timedelta(milliseconds=(int(f"{fraction or '.'}0000"[1:5]) + 5) // 10)
    except (ValueError, OverflowError) as error:
        raise StatementError(f"{text!r:.64} is not a time: {error}") from error
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _identifier(text: str) -> str:
    """A GS1 key as a Digital Link under GS1's own host, whatever it was written as; other text as it is."""
    if len(text) > MAX_URI_CHARS or not text.startswith(("urn:epc:", "http://", "https://")):
        return text
    return _link(text)


@lru_cache(maxsize=1024)
def _link(text: str) -> str:
    for spelling in dict.fromkeys((text, _KEY_NAME.sub(lambda found: _KEY_NAMES[found[0]], text))):
        try:
            path = parse_key(spelling).path
        except IdentifierError:
            continue  # not a key in this spelling, and perhaps in none: any URI may stand in an event
        # Digital Link does not ask for the escape of these three, and the published hashes have none.
        return f"https://{GS1_HOST}{path}".replace("%27", "'").replace("%3B", ";").replace("%3D", "=")
    return text
