"""Whether one condition of a query holds for an event, as somebody may see it.

A condition looks at some values of the event, brings each into the forms in which it can be
compared (an identifier as its canonical URI, a word as its full URI, a time as an instant, a
measurement in its base unit), and compares. What is hidden from the reader is simply not there:
no condition can tell a value that is withheld from one that does not exist.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from operator import ge, gt, le, lt
from typing import Any, Final, TypeAlias

from traceability.identifiers import canonical
from traceability.signing.strictjson import Json
from traceability.supply.epcis.context import Context
from traceability.supply.epcis.units import in_base_unit
from traceability.supply.queries.patterns import Pattern

Form: TypeAlias = "tuple[str, str | Fraction | datetime]"
"""A value as it is compared, and what it is: forms are compared with forms of the same kind."""

_ORDERS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {"GT": gt, "GE": ge, "LT": lt, "LE": le}
_PIECES: Final = {"quantity": "C62"}
"""What is counted where no unit stands beside it (EPCIS 2.0 7.3.3.3)."""
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,2})?")
_INSTANT: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,9}))?(Z|[+-][0-9]{2}:[0-9]{2})"
)


@dataclass(frozen=True, slots=True)
class Scope:
    """What names mean around a value: the prefixes in force, and the node's own name."""

    context: Context
    node: str


@dataclass(frozen=True, slots=True)
class Seen:
    """An event as somebody may see it, with what the node adds to it (``recordTime``)."""

    event: Mapping[str, Json]
    scope: Scope


Path: TypeAlias = tuple[str, ...]
Finder: TypeAlias = Callable[[Seen], Iterator[Json]]
Reading: TypeAlias = Callable[[Json, Scope], tuple[Form, ...]]
"""The forms of a value; none if it is nothing that could be meant."""


@dataclass(frozen=True, slots=True)
class Index:
    """Where the store finds a value faster: ``table`` is ``column``, ``term`` or ``mention``.

    ``names`` are columns, names of terms, or roles of mentions; ``part`` is the member of the
    event that must be visible to whoever may profit from it, empty for what the node says itself.
    """

    table: str
    names: tuple[str, ...]
    part: str


@dataclass(frozen=True, slots=True)
class Condition:
    """One parameter of a query: where to look, how to read what is there, what to compare it with."""

    parameter: str
    find: Finder
    read: Reading
    operator: str
    values: frozenset[Form] = frozenset()
    patterns: tuple[Pattern, ...] = ()
    index: Index | None = None

    def holds(self, seen: Seen) -> bool:
        """Whether any of the event's values is as it was asked for."""
        return any(self._meets(value, seen.scope) for value in self.find(seen))

    def _meets(self, value: Json, scope: Scope) -> bool:
        if self.operator == "EXISTS":
            return value not in ("", None, [], {})
        forms = self.read(value, scope)
        order = _ORDERS.get(self.operator)
        if order is not None:
            return any(kind == asked and order(v, w) for kind, v in forms for asked, w in self.values)
        return not self.values.isdisjoint(forms) or any(
            pattern.matches(str(text)) for pattern in self.patterns for _, text in forms
        )


def at(*paths: Path) -> Finder:
    """The values at any of these paths; lists on the way are gone through."""

    def find(seen: Seen) -> Iterator[Json]:
        for path in paths:
            yield from _walk(dict(seen.event), path)

    return find


def entries(holder: str, member: str, type_uri: str) -> Finder:
    """A member of those entries of a list whose ``type`` is the one asked for."""

    def find(seen: Seen) -> Iterator[Json]:
        for entry in _walk(dict(seen.event), (holder,)):
            if isinstance(entry, dict) and word(holder)(entry.get("type"), seen.scope) == (
                ("text", type_uri),
            ):
                yield from _walk(entry, (member,))

    return find


def extensions(area: Path, names: frozenset[str], *, inner: bool) -> Finder:
    """The values of members by their full names, in one area of an event.

    Args:
        area: path of what holds them, such as ``("ilmd",)``; empty for the event itself.
        names: the full names that are meant.
        inner: those nested in a member with a prefix, at any depth, rather than the area's own.
    """

    def find(seen: Seen) -> Iterator[Json]:
        for holder in _walk(dict(seen.event), area):
            if not isinstance(holder, dict):
                continue
            for name, value in holder.items():
                if inner and ":" in name:
                    yield from _nested(value, names, seen.scope)
                elif not inner and seen.scope.context.expand_name(name) in names:
                    yield from _walk(value, ())

    return find


def nothing(_: Seen) -> Iterator[Json]:
    """No value: what this node never has."""
    return iter(())


def text(value: Json, _: Scope) -> tuple[Form, ...]:
    """A text as it is."""
    return (("text", value),) if isinstance(value, str) else ()


def hexadecimal(value: Json, _: Scope) -> tuple[Form, ...]:
    """Hexadecimal digits, in whatever case."""
    return (("text", value.lower()),) if isinstance(value, str) else ()


def identifier(value: Json, scope: Scope) -> tuple[Form, ...]:
    """An identifier as its canonical URI."""
    return (("text", canonical(value, scope.node)),) if isinstance(value, str) else ()


def word(vocabulary: str) -> Reading:
    """A word of a vocabulary (a key of ``context.VOCABULARIES``) as its full URI."""

    def read(value: Json, scope: Scope) -> tuple[Form, ...]:
        return (("text", scope.context.expand_word(vocabulary, value)),) if isinstance(value, str) else ()

    return read


def instant(value: Json, _: Scope) -> tuple[Form, ...]:
    """A time with its offset, as an instant to the microsecond."""
    found = _INSTANT.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return ()
    moment, fraction, zone = found.groups()
    try:
        read = datetime.fromisoformat(f"{moment}.{(fraction or '0')[:6]:0<6}{zone}")
        return (("time", read.astimezone(UTC)),)
    except (ValueError, OverflowError):
        return ()


def number(value: Json, _: Scope) -> tuple[Form, ...]:
    """A number, exactly; written as a text it is the same number."""
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = Decimal(value)
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        return ()
    return (("number", Fraction(value)),)


def truth(value: Json, _: Scope) -> tuple[Form, ...]:
    """True or false."""
    known = {True: "true", False: "false"}
    return (("truth", known[value]),) if isinstance(value, bool) else ()


def anything(value: Json, scope: Scope) -> tuple[Form, ...]:
    """A value of which no schema says what it is: as a text, and as the number or time that it may be."""
    if isinstance(value, bool):
        value = "true" if value else "false"
    return (*text(value, scope), *number(value, scope), *instant(value, scope))


def measure(member: str, unit: str | None) -> Reading:
    """A number in an element that has a unit beside it, in the base unit of what ``unit`` measures.

    Args:
        member: such as ``value`` or ``quantity``.
        unit: UN/ECE Rec. 20 code of the values asked for; None where units do not matter.
    """

    def read(value: Json, scope: Scope) -> tuple[Form, ...]:
        if not isinstance(value, dict):
            return ()
        found = () if isinstance(value.get(member), str) else number(value.get(member), scope)
        return found if unit is None else measured(found, member, value.get("uom", _PIECES.get(member)), unit)

    return read


def measured(forms: Sequence[Form], member: str, unit: Json, asked: str) -> tuple[Form, ...]:
    """Numbers in ``unit`` in the base unit that it shares with ``asked``; none if it shares none."""
    if not isinstance(unit, str):
        return ()
    found = [
        in_base_unit(value, unit, asked, difference=member == "sDev")
        for _, value in forms
        if isinstance(value, Fraction)
    ]
    return tuple(("number", value) for value in found if value is not None)


def _walk(value: Json, path: Sequence[str]) -> Iterator[Json]:
    if isinstance(value, list):
        for item in value:
            yield from _walk(item, path)
    elif not path:
        yield value
    elif isinstance(value, dict) and path[0] in value:
        yield from _walk(value[path[0]], path[1:])


def _nested(value: Json, names: frozenset[str], scope: Scope) -> Iterator[Json]:
    """Members by name at any depth inside a value; what the store holds nests at most 16 deep."""
    if isinstance(value, list):
        for item in value:
            yield from _nested(item, names, scope)
    elif isinstance(value, dict):
        for name, item in value.items():
            if scope.context.expand_name(name) in names:
                yield from _walk(item, ())
            yield from _nested(item, names, scope)
