"""One parameter of SimpleEventQuery (EPCIS 2.0 8.2.7.1) read as the condition that it sets.

A name is an operator and what it is about: ``EQ_bizStep``, ``GE_eventTime``. Families have names
that go on: ``EQ_source_owning_party`` (a type), ``GE_value_CEL`` (a unit, UN/ECE Rec. 20),
``EQ_INNER_ILMD_ext:colour`` (an area, and the full name of an extension).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from traceability.errors import QueryError
from traceability.signing.strictjson import Json
from traceability.supply.queries import matching
from traceability.supply.queries.fields import (
    AREAS,
    FIELDS,
    MEASURES,
    QUANTITIES,
    REPORT,
    SENSOR_MEMBERS,
    TYPED,
    Field,
)
from traceability.supply.queries.matching import (
    Condition,
    Finder,
    Form,
    Index,
    Reading,
    Scope,
    at,
    entries,
    extensions,
    measure,
    measured,
)
from traceability.supply.queries.patterns import Pattern, below_place, is_pattern, parse_pattern

MAX_PATTERNS: Final = 50
"""Of one parameter: each is held against everything that an event names."""
MAX_VALUES: Final = 1000
"""Of one parameter."""
MAX_CHARACTERS: Final = 1024
"""Of a value, and of a parameter's name."""

_NAME: Final = re.compile(r"(EQ|GT|GE|LT|LE|EXISTS|MATCH|WD|HASATTR|EQATTR)_(.+)")
_TYPE: Final = re.compile(rf"({'|'.join(TYPED)})_(.+)")
_UNIT: Final = re.compile(rf"({'|'.join(MEASURES)})_([A-Z0-9]{{2,4}})")
_AREA: Final = re.compile(rf"(INNER_)?({'|'.join(AREAS)})(.+)")
_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:.|\*\Z")
_WORD: Final = re.compile(r"[A-Za-z0-9_]+")


def parse_condition(parameter: str, value: Json, scope: Scope) -> Condition | None:
    """What one parameter asks for; None if its value says that it asks for nothing.

    Raises:
        QueryError: there is no such parameter, or its value is not what it takes.
    """
    found = _NAME.fullmatch("EQ_eventType" if parameter == "eventType" else parameter)
    if found is None or parameter == "EQ_eventType" or len(parameter) > MAX_CHARACTERS:
        raise _unknown(parameter)
    operator, about = found.groups()
    if operator in {"HASATTR", "EQATTR"}:
        # This node keeps no master data of vocabulary elements: none has the attribute asked for.
        return Condition(parameter, matching.nothing, matching.text, "EQ", _texts_as_forms(parameter, value))
    if about in FIELDS:
        return _standard(parameter, operator, FIELDS[about], value, scope)
    if (typed := _TYPE.fullmatch(about)) and operator == "EQ":
        return _typed(parameter, typed[1], typed[2], value, scope)
    if about == "quantity":
        return _measured(parameter, operator, about, None, value, scope)
    if unit := _UNIT.fullmatch(about):
        return _measured(parameter, operator, unit[1], unit[2], value, scope)
    return _extension(parameter, operator, about, value, scope)


def extension_of(parameter: str, name: str, scope: Scope) -> Finder:
    """Where an extension of the event itself stands, by its full name or one with a known prefix."""
    return extensions((), _full_names(parameter, name, scope), inner=False)


def _standard(parameter: str, operator: str, field: Field, value: Json, scope: Scope) -> Condition | None:
    if operator not in field.operators:
        raise _unknown(parameter)
    if operator == "EXISTS":
        return _existing(parameter, at(*field.paths), value)
    if operator in {"MATCH", "WD"}:
        return _matching(parameter, operator, field, value, scope)
    values = _forms(parameter, operator, value, field.read, scope)
    for word in _given(value) if field.words is not None else ():
        _require_word(parameter, str(word), field.words or frozenset())
    return Condition(parameter, at(*field.paths), field.read, operator, values, index=field.index)


def _matching(parameter: str, operator: str, field: Field, value: Json, scope: Scope) -> Condition:
    """Things and places by identifiers, some of which may stand for many."""
    texts = tuple(dict.fromkeys(_texts(parameter, value)))
    if sum(map(is_pattern, texts)) > MAX_PATTERNS:
        raise QueryError(f"{parameter} has more than {MAX_PATTERNS} patterns")
    for text in texts:
        if not _URI.match(text):
            raise QueryError(
                f"{parameter[:128]}: {text[:80]!r} is neither a URI nor a pattern",
                remedy="Ask for a whole URI or URN, or for a pattern such as urn:epc:idpat:sgtin:9521141.*.* "
                "or https://id.gs1.org/01/09521141123454/10/*.",
            )
    exact = frozenset(form for text in texts for form in matching.identifier(text, scope))
    patterns: Sequence[Pattern] = [
        parse_pattern(text, scope.node) for text in texts if operator == "MATCH" and is_pattern(text)
    ]
    if operator == "WD":
        patterns = [below_place(str(uri)) for _, uri in exact]
    return Condition(parameter, at(*field.paths), field.read, "EQ", exact, tuple(patterns), field.index)


def _typed(parameter: str, member: str, kind: str, value: Json, scope: Scope) -> Condition:
    holder = f"{member}List"
    _require_word(parameter, kind, TYPED[member].words)
    type_uri = scope.context.expand_word(holder, kind)
    values = _forms(parameter, "EQ", value, matching.identifier, scope)
    index = Index("term", (f"{member}/{type_uri}",), holder)
    return Condition(
        parameter, entries(holder, member, type_uri), matching.identifier, "EQ", values, index=index
    )


def _measured(
    parameter: str, operator: str, member: str, unit: str | None, value: Json, scope: Scope
) -> Condition:
    if operator not in MEASURES[member]:
        raise _unknown(parameter)
    values = _forms(parameter, operator, value, matching.number, scope)
    if unit is not None:
        values = frozenset(measured(tuple(values), member, unit, unit))
    find = at(*(QUANTITIES if member == "quantity" else (REPORT,)))
    return Condition(parameter, find, measure(member, unit), operator, values)


def _extension(parameter: str, operator: str, about: str, value: Json, scope: Scope) -> Condition | None:
    found = _AREA.fullmatch(about)
    if found is None or operator in {"MATCH", "WD"}:
        raise _unknown(parameter)
    inner, area, name = found[1] is not None, AREAS[found[2]], found[3]
    find, read = at((*area, name)), SENSOR_MEMBERS.get(name, matching.anything)
    if inner or not found[2].startswith(("SENSORMETADATA", "SENSORREPORT")) or name not in SENSOR_MEMBERS:
        find, read = extensions(area, _full_names(parameter, name, scope), inner=inner), matching.anything
    if operator == "EXISTS":
        return _existing(parameter, find, value)
    return Condition(parameter, find, read, operator, _forms(parameter, operator, value, read, scope))


def _existing(parameter: str, find: Finder, value: Json) -> Condition | None:
    """The value is not looked at, unless it says no."""
    return (
        None if value in (False, "false", ["false"]) else Condition(parameter, find, matching.text, "EXISTS")
    )


def _full_names(parameter: str, name: str, scope: Scope) -> frozenset[str]:
    """The full names that may be meant by ``prefix:name``, a full IRI, or ``namespace#name``."""
    namespace, hash_sign, local = name.rpartition("#")
    if hash_sign:
        return frozenset({name, namespace + local})
    expanded = scope.context.expand_name(name)
    if ":" not in name:
        raise _unknown(parameter)
    if expanded == name and "://" not in name and not name.startswith("urn:"):
        raise QueryError(
            f"{parameter[:128]}: the prefix of {name[:64]!r} is not defined",
            remedy="Define it in the query's @context or in GS1-Extensions, or write the whole name.",
        )
    return frozenset({expanded})


def _forms(parameter: str, operator: str, value: Json, read: Reading, scope: Scope) -> frozenset[Form]:
    """The values asked for, as they are compared; only EQ takes more than one, and takes texts."""
    given = _given(value)
    single = operator != "EQ" or read is matching.truth
    if not given or len(given) > (1 if single else MAX_VALUES):
        needed = "one value is" if single else f"1 to {MAX_VALUES} values are"
        raise QueryError(f"{parameter[:128]}: {needed} needed")
    forms: set[Form] = set()
    for each in given:
        if read is matching.truth and isinstance(each, str):
            each = {"true": True, "false": False}.get(each)
        found = [form for form in read(each, scope) if operator == "EQ" or form[0] != "text"]
        if not found or (isinstance(each, str) and not _is_askable(each)):
            raise QueryError(f"{parameter[:128]}: {each!r:.80} is not {_wanted(operator, read)}")
        forms.update(found)
    return frozenset(forms)


def _wanted(operator: str, read: Reading) -> str:
    known: Mapping[Reading, str] = {
        matching.instant: "a time with its offset, such as 2026-05-01T08:00:00Z (in a URL, + is written %2B)",
        matching.number: "a number",
        matching.truth: "true or false",
    }
    other = f"a text of 1 to {MAX_CHARACTERS} characters" if operator == "EQ" else "a number or a time"
    return known.get(read, other)


def _given(value: Json) -> list[Json]:
    return value if isinstance(value, list) else [value]


def _texts(parameter: str, value: Json) -> list[str]:
    given = _given(value)
    texts = [each for each in given if isinstance(each, str) and _is_askable(each)]
    if len(texts) != len(given) or not 1 <= len(texts) <= MAX_VALUES:
        raise QueryError(
            f"{parameter[:128]}: 1 to {MAX_VALUES} texts of 1 to {MAX_CHARACTERS} characters are needed"
        )
    return texts


def _texts_as_forms(parameter: str, value: Json) -> frozenset[Form]:
    return frozenset(("text", text) for text in _texts(parameter, value))


def _require_word(parameter: str, text: str, words: frozenset[str]) -> None:
    """Refuse a bare word that its list does not have; a word of somebody's own is a URI or a CURIE."""
    if _WORD.fullmatch(text) and text not in words:
        raise QueryError(f"{parameter[:128]}: {text[:64]!r} is none of {', '.join(sorted(words))}")


def _unknown(parameter: str) -> QueryError:
    return QueryError(f"{parameter[:128]!r} is not a parameter of SimpleEventQuery")


def _is_askable(text: str) -> bool:
    """Neither too short nor too long; a NUL stands in no URI, and not every database takes it."""
    return 0 < len(text) <= MAX_CHARACTERS and "\0" not in text
