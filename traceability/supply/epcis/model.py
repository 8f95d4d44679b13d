"""EPCIS 2.0 events: what each of the five types may hold, and what it must.

An event is checked and never changed: it is signed, hashed and given back as it was written.
Members of somebody's own are kept wherever the standard has a place for them: their names have a
prefix that the ``@context`` declares (``ext1:grade``) or are IRIs; what is in them is free. Words
stand bare if they are the Core Business Vocabulary's, and are URIs or CURIEs otherwise.

Source: EPCIS 2.0 7.4 and 10.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any, Final

from traceability.errors import Problem
from traceability.signing.strictjson import Json, json_encode
from traceability.supply.epcis.context import EPCIS_CONTEXTS, Context
from traceability.supply.epcis.members import MAX_ELEMENTS, MAX_PROBLEMS, Faults
from traceability.supply.epcis.shapes import EVENTS

__all__ = [
    "MAX_BYTES",
    "MAX_DEPTH",
    "MAX_PROBLEMS",
    "RESERVED",
    "Problem",
    "check_event",
    "pointer_step",
    "shown",
]

MAX_DEPTH: Final = 14
"""Nesting of objects and lists, the event itself being the first."""
MAX_BYTES: Final = 262_144
"""256 KiB, written without whitespace."""

RESERVED: Final = frozenset({"_sd", "..."})
"""Names by which a selectively disclosable statement marks what is hidden (RFC 9901 4.2.4)."""

_EXTENSION: Final = re.compile(r"(?:urn:|[A-Za-z][A-Za-z0-9+.-]*://).+", re.DOTALL)
_MISSING: Final = object()
_LISTS: Final = (
    *("epcList", "quantityList", "childEPCs", "childQuantityList"),
    *("inputEPCList", "inputQuantityList", "outputEPCList", "outputQuantityList"),
)


def check_event(event: Mapping[str, Json], context: Context) -> list[Problem]:
    """What is wrong with an event: at most ``MAX_PROBLEMS``, in the order in which it was written.

    Args:
        event: as ``json_decode`` gives it.
        context: what its own ``@context`` and its document's mean together.
    """
    size, named = _walk(event, _declared(context))
    too_much = named if size < 0 else list(_excess(event, size))
    if too_much:
        return too_much
    kind = event.get("type")
    shape = EVENTS.get(kind) if isinstance(kind, str) else None
    if shape is None:
        return [Problem("/type", "one of " + ", ".join(EVENTS), shown(event.get("type", _MISSING)))]
    faults = shape.faults(event)
    if not faults:
        return named
    found = list(islice(_problems("", faults, event), MAX_PROBLEMS))
    pointers = {problem.pointer for problem in found}
    return (found + [problem for problem in named if problem.pointer not in pointers])[:MAX_PROBLEMS]


def pointer_step(name: str | int) -> str:
    """One step of a JSON pointer (RFC 6901 3)."""
    return "/" + str(name).replace("~", "~0").replace("/", "~1")


def _declared(context: Context) -> Callable[[str], bool]:
    """Whether a name with a colon is one that the context lets stand."""
    if any(not EPCIS_CONTEXTS.fullmatch(url) for url in context.urls):
        # A context that is not fetched may declare any prefix.
        return lambda name: True
    prefixes = context.prefixes
    return lambda name: name.partition(":")[0] in prefixes or _EXTENSION.fullmatch(name) is not None


def _walk(event: Mapping[str, Json], declared: Callable[[str], bool]) -> tuple[int, list[Problem]]:
    """Every name in an event, however deep: what is wrong with them, and how long the event is.

    Returns:
        No less than its bytes as JSON, and the problems; below 0 if it is nested too deeply.
    """
    size = 0
    found: list[Problem] = []
    pending: deque[tuple[str, Any, int]] = deque([("", event, 1)])
    while pending:
        pointer, value, depth = pending.popleft()
        if depth > MAX_DEPTH:
            return -1, [Problem(pointer, f"at most {MAX_DEPTH} levels of nesting", "more")]
        # A scalar has at most 64 characters, a character of a text at most six bytes (\u0000).
        size += 72 * len(value)
        free = pointer.startswith("/@context")
        for name, inner in value.items() if isinstance(value, Mapping) else enumerate(value):
            if isinstance(name, str):
                size += 6 * len(name)
                if len(found) < MAX_PROBLEMS:
                    found += _named(pointer, name, inner, free or ":" not in name or declared(name))
            if isinstance(inner, str):
                size += 6 * len(inner)
            elif isinstance(inner, (dict, list)):
                pending.append((pointer + pointer_step(name), inner, depth + 1))
    return size, found


def _named(pointer: str, name: str, inner: Json, declared: bool) -> list[Problem]:
    if name in RESERVED:
        expected = f"another name: {name} marks what is hidden in a statement"
    elif name == "@context" and pointer:
        expected = "no context of its own: one may stand in the document and in the event"
    elif not declared:
        expected = f"a prefix that @context declares; {name.partition(':')[0]!r:.40} is not"
    else:
        return []
    return [Problem(pointer + pointer_step(name), expected, shown(inner))]


def _excess(event: Mapping[str, Json], size: int) -> Iterator[Problem]:
    """The limits that an event as a whole breaks; ``size`` is no less than its bytes."""
    if size > MAX_BYTES:
        size = len(json_encode(event))
        if size > MAX_BYTES:
            yield Problem("", f"at most {MAX_BYTES} bytes", f"{size} bytes")
    elements = sum(len(value) for name in _LISTS if isinstance(value := event.get(name), list))
    if elements > MAX_ELEMENTS:
        yield Problem("", f"at most {MAX_ELEMENTS} EPCs and quantities", f"{elements} of them")


def _problems(pointer: str, faults: Faults | list[str], got: Any) -> Iterator[Problem]:
    """Faults with pointers, and with what was found there."""
    if isinstance(faults, list):
        yield Problem(pointer, "; ".join(faults), shown(got))
        return
    for name, inner in faults.items():
        there = isinstance(got, list) or name in got
        yield from _problems(pointer + pointer_step(name), inner, got[name] if there else _MISSING)


def shown(value: object) -> str:
    """A value in a message: short, and an object or list by its size."""
    if isinstance(value, str):
        return f"{value[:80]!r}" + ("…" if len(value) > 80 else "")
    if isinstance(value, (dict, list)):
        return f"{'an object' if isinstance(value, dict) else 'a list'} of {len(value)}"
    names = {None: "null", True: "true", False: "false"}
    if value is _MISSING:
        return "nothing"
    return names[value] if value is None or isinstance(value, bool) else str(value)[:80]
