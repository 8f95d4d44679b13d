"""SimpleEventQuery of EPCIS 2.0: parameters in, a query out that says of any event whether it matches.

All of it is decided here, over the event as somebody may see it; a store may leave out beforehand
what :func:`narrow` says cannot match. Values are compared in one form: identifiers as canonical
URIs, words as full URIs, times as instants, measurements in their base unit.

Source: EPCIS 2.0 (GS1, 2022) 8.2.7.1, and the REST binding's schema of queries, 12.7.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from traceability.errors import QueryError
from traceability.signing.strictjson import Json, json_encode
from traceability.supply.epcis.context import CBV, Context
from traceability.supply.queries.matching import Condition, Finder, Form, Index, Scope, Seen, anything
from traceability.supply.queries.parameters import MAX_CHARACTERS, extension_of, parse_condition

MAX_PARAMETERS: Final = 64
PER_PAGE: Final = 30
MAX_PER_PAGE: Final = 1000
MAX_COUNT: Final = 1_000_000
"""Of ``eventCountLimit`` and ``maxEventCount``."""

_DIGITS: Final = re.compile(r"[0-9]{1,7}")
_RANKS: Final = {"number": 0, "time": 1, "text": 2}
_WORDS: Final = frozenset({"biz_step", "disposition"})
_TIMES: Final = ("eventTime", "recordTime")
_CONTROLS: Final = frozenset(
    {
        "@context",
        "orderBy",
        "orderDirection",
        "eventCountLimit",
        "maxEventCount",
        "perPage",
        "nextPageToken",
    }
)


@dataclass(frozen=True, slots=True)
class Order:
    """``by`` is ``eventTime``, ``recordTime``, or the extension that ``find`` finds."""

    by: str
    descending: bool
    find: Finder | None = None


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed query. ``limit`` is its ``eventCountLimit``, ``most`` its ``maxEventCount``.

    ``fingerprint`` (32 bytes) is the same for queries that ask the same, whatever page they are at.
    """

    scope: Scope
    conditions: tuple[Condition, ...]
    order: Order
    limit: int | None
    most: int | None
    per_page: int
    next_page_token: str | None
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class Narrowing:
    """What the store can leave out: events without any of ``values`` where ``index`` says.

    ``prefixes`` are beginnings of further values. ``parts`` are the members of the event that
    must be visible to the reader for whom it is left out.
    """

    index: Index
    operator: str
    values: frozenset[Form]
    prefixes: tuple[str, ...]
    parts: tuple[str, ...]


def url_parameters(lists: Mapping[str, Sequence[str]]) -> dict[str, Json]:
    """The parameters of a URL as ``parse_query`` takes them: values with commas between are lists.

    Args:
        lists: every name with all of its values, decoded.
    """
    return {name: [part for text in texts for part in text.split(",")] for name, texts in lists.items()}


def parse_query(parameters: Mapping[str, Json], context: Context, node: str) -> Query:
    """Read the parameters of a query: those of a URL, or the members of a named query's JSON.

    Args:
        parameters: by name; lists of texts, or JSON values as the schema of queries has them.
        context: what prefixes in names and values mean.
        node: the node's name, under which restricted circulation numbers stand.

    Raises:
        QueryError: a parameter that there is not, one that its value does not fit, two that
            exclude each other, or more of anything than the limits above.
    """
    if len(parameters) > MAX_PARAMETERS:
        raise QueryError(f"a query of {len(parameters)} parameters, at most {MAX_PARAMETERS} are read")
    scope = Scope(context, node)
    asked = (parse_condition(n, v, scope) for n, v in sorted(parameters.items()) if n not in _CONTROLS)
    conditions = tuple(condition for condition in asked if condition is not None)
    order = _order(parameters, scope)
    limit = _count(parameters, "eventCountLimit", MAX_COUNT)
    most = _count(parameters, "maxEventCount", MAX_COUNT)
    if limit is not None and most is not None:
        raise QueryError("eventCountLimit and maxEventCount exclude each other")
    if limit is not None and "orderBy" not in parameters:
        raise QueryError("eventCountLimit needs orderBy, which says which events are the first")
    return Query(
        scope=scope,
        conditions=conditions,
        order=order,
        limit=limit,
        most=most,
        per_page=_count(parameters, "perPage", MAX_PER_PAGE) or PER_PAGE,
        next_page_token=_one(parameters, "nextPageToken"),
        fingerprint=_fingerprint(conditions, order, limit, most, context),
    )


def matches(query: Query, event: Mapping[str, Json], context: Context, extra: Mapping[str, Json]) -> bool:
    """Whether an event is one of those that a query asks for.

    Args:
        event: as its reader may see it.
        context: what prefixes in the event mean.
        extra: what the node adds to it: ``recordTime``.
    """
    seen = Seen({**event, **extra}, Scope(context, query.scope.node))
    return all(condition.holds(seen) for condition in query.conditions)


def sort_key(query: Query, event: Mapping[str, Json], context: Context) -> tuple[int, Any] | None:
    """Where an event stands when a query orders by an extension; None if it lacks it.

    Numbers stand before times and times before texts, which are ordered by code point; of several
    values the smallest counts.
    """
    seen = Seen(event, Scope(context, query.scope.node))
    found = query.order.find(seen) if query.order.find is not None else ()
    ranked = [(_RANKS[kind], form) for value in found for kind, form in anything(value, seen.scope)]
    return min(ranked, default=None)


def narrow(query: Query) -> tuple[Narrowing, ...]:
    """Those conditions that a store can look up, wider than they are if need be."""
    return tuple(_narrowings(query.conditions))


def _narrowings(conditions: Sequence[Condition]) -> Iterator[Narrowing]:
    for condition in conditions:
        index, patterns = condition.index, condition.patterns
        if index is None or not all(pattern.prefixes for pattern in patterns):
            continue
        prefixes = tuple(prefix for pattern in patterns for prefix in pattern.prefixes)
        own_word = index.names[0] in _WORDS and not all(
            str(text).startswith(CBV) for _, text in condition.values
        )
        # What somebody's own word means is said by a context that may be withheld.
        parts = tuple(part for part in (index.part, "@context" if own_word else "") if part)
        yield Narrowing(index, condition.operator, condition.values, prefixes, parts)


def _order(parameters: Mapping[str, Json], scope: Scope) -> Order:
    by, direction = _one(parameters, "orderBy"), _one(parameters, "orderDirection")
    if direction not in {None, "ASC", "DESC"}:
        raise QueryError(f"orderDirection is ASC or DESC, not {direction!r:.80}")
    if by is None:
        # Any order will do; by the time that is asked for, the events are found sooner.
        about = [time for time in _TIMES if {f"GE_{time}", f"LT_{time}"} & parameters.keys()]
        return Order("eventTime" if about == ["eventTime"] else "recordTime", descending=False)
    find = None if by in _TIMES else extension_of("orderBy", by, scope)
    return Order(by, direction != "ASC", find)


def _one(parameters: Mapping[str, Json], name: str) -> str | None:
    value = parameters.get(name)
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if value is not None and not (isinstance(value, str) and 0 < len(value) <= MAX_CHARACTERS):
        raise QueryError(f"{name} is one text of 1 to {MAX_CHARACTERS} characters")
    return value


def _count(parameters: Mapping[str, Json], name: str, most: int) -> int | None:
    value = parameters.get(name)
    if value is None:
        return None
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise QueryError(f"{name} is a whole number from 1 to {most}, not {value!r:.80}")
    return value


def _fingerprint(
    conditions: Sequence[Condition], order: Order, limit: int | None, most: int | None, context: Context
) -> bytes:
    asked = [
        [c.parameter, sorted(f"{kind} {form}" for kind, form in c.values), sorted(p.text for p in c.patterns)]
        for c in conditions
    ]
    what = [asked, order.by, order.descending, limit, most, dict(context.prefixes)]
    return hashlib.sha256(json_encode(what)).digest()
